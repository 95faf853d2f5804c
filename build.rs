//! Hands the git revision to the program, for the manifest of its runs; outside a repository there is none.

use std::process::Command;

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn main() {
    println!("cargo::rerun-if-env-changed=COPYCOST_GIT_REVISION");
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=Cargo.lock");
    if let Some(head) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={head}");
    }
    // An image is built without the repository: its recipe passes the revision.
    let passed = std::env::var("COPYCOST_GIT_REVISION").ok().filter(|revision| !revision.is_empty());
    let read = || {
        let revision = git(&["rev-parse", "HEAD"])?;
        let dirty = git(&["status", "--porcelain", "--untracked-files=no"])?;
        Some(if dirty.is_empty() { revision } else { format!("{revision}-dirty") })
    };
    if let Some(revision) = passed.or_else(read) {
        println!("cargo::rustc-env=COPYCOST_GIT_REVISION={revision}");
    }
}
