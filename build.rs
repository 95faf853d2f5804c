//! Hands the git revision to the program, for the manifest of its runs; outside a repository there is none.
//!
//! It is that of the last build that anything compiled in has changed for: a commit that changes none of it makes the
//! same program, and is no reason to make it again.

use std::process::Command;

/// What is compiled in.
const SOURCES: [&str; 5] = ["src", "lab/grids", "Cargo.toml", "Cargo.lock", "build.rs"];

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The commit that the sources here are of, marked where they differ from it.
fn read() -> Option<String> {
    let revision = git(&["rev-parse", "HEAD"])?;
    let changes = ["status", "--porcelain", "--untracked-files=no", "--"];
    let dirty = git(&[changes.as_slice(), SOURCES.as_slice()].concat())?;
    Some(if dirty.is_empty() { revision } else { format!("{revision}-dirty") })
}

fn main() {
    println!("cargo::rerun-if-env-changed=COPYCOST_GIT_REVISION");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    // An image is built without the repository: its recipe passes the revision.
    let passed = std::env::var("COPYCOST_GIT_REVISION").ok().filter(|revision| !revision.is_empty());
    if let Some(revision) = passed.or_else(read) {
        println!("cargo::rustc-env=COPYCOST_GIT_REVISION={revision}");
    }
}
