//! The manifests as the script hands them to a cluster.

#![allow(unreachable_pub)] // A module of one crate of tests.

use std::process::Command;

use serde_json::Value;

use crate::support::{Scratch, skip};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/lab/kubernetes/kubernetes.sh");

/// The documents of `kubernetes.sh render` with these settings and words; the test is skipped where there is no kubectl.
pub fn render(test: &str, words: &[&str]) -> Option<Vec<Value>> {
    let namespace = format!("copycost-test-manifests-{}", std::process::id());
    let documents = render_with(test, words, &namespace, "copycost:local");
    forget(&namespace);
    documents
}

pub fn render_with(test: &str, words: &[&str], namespace: &str, image: &str) -> Option<Vec<Value>> {
    let kubectl = Command::new("kubectl").args(["version", "--client"]).output();
    if !kubectl.is_ok_and(|ran| ran.status.success()) {
        skip(test, "kubectl, which builds the manifests");
        return None;
    }
    let mut command = Command::new(SCRIPT);
    command.arg("render").args(words).env("COPYCOST_NAMESPACE", namespace).env("COPYCOST_IMAGE", image);
    let ran = command.output().expect("the script starts");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    let text = String::from_utf8(ran.stdout).expect("text");
    Some(text.split("\n---\n").map(|one| serde_yaml::from_str(one).expect("YAML")).collect())
}

/// Removes what the script keeps of a lab.
pub fn forget(namespace: &str) {
    let state = format!("{}/.lab/{namespace}.kubernetes", env!("CARGO_MANIFEST_DIR"));
    let _ = std::fs::remove_dir_all(&state);
    // Others may have labs there.
    let _ = std::fs::remove_dir(std::path::Path::new(&state).parent().expect("its parent"));
}

/// The script's directory, copied with all that it sources, so that a test has results of its own.
pub fn copy_of_the_lab(scratch: &Scratch) {
    let from = env!("CARGO_MANIFEST_DIR");
    std::fs::create_dir(scratch.path("lab")).expect("a directory");
    let to = scratch.text_path("lab");
    let scripts = [format!("{from}/lab/kubernetes"), format!("{from}/lab/common.sh"), to];
    assert!(Command::new("cp").arg("-R").args(scripts).status().expect("cp").success());
}
