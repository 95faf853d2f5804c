//! A program built from a revision of the repository in which the command runs.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;

use super::scratch::Scratch;
use crate::exit::Interrupted;
use crate::output::{last_line, say};

/// A program in a directory that is gone with it.
pub(super) struct Built {
    program: PathBuf,
    _scratch: Scratch,
}

impl Built {
    pub(super) fn path(&self) -> &Path {
        &self.program
    }
}

/// The commit that a name stands for in the repository here; absent where there is none, or no git.
pub(super) fn resolve(name: &str) -> Option<String> {
    let output = Command::new("git")
        .args(["rev-parse", "--verify", "--quiet", "--end-of-options"])
        .arg(format!("{name}^{{commit}}"))
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A work tree of a revision beside the repository's own, taken away again.
struct WorkTree(PathBuf);

impl WorkTree {
    fn add(path: PathBuf, revision: &str) -> anyhow::Result<Self> {
        // Of a build that was killed the directory may be gone and git still know it.
        let _ = Command::new("git").args(["worktree", "prune"]).stderr(Stdio::null()).status();
        let output = Command::new("git")
            .args(["worktree", "add", "--quiet", "--detach"])
            .arg(&path)
            .arg(revision)
            .output()
            .context("git")?;
        let tree = Self(path);
        ensure!(
            output.status.success(),
            "git worktree: {}",
            last_line(&output.stderr).unwrap_or_else(|| "it said nothing".to_owned())
        );
        Ok(tree)
    }
}

impl Drop for WorkTree {
    fn drop(&mut self) {
        let quiet = |arguments: &[&OsStr]| {
            let _ = Command::new("git").args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
        };
        quiet(&["worktree".as_ref(), "remove".as_ref(), "--force".as_ref(), self.0.as_ref()]);
        let _ = std::fs::remove_dir_all(&self.0);
        quiet(&["worktree".as_ref(), "prune".as_ref()]);
    }
}

/// Builds a revision's release binary, and leaves nothing of it but the binary.
///
/// # Errors
/// One sentence: no cargo, or what does not build; [`Interrupted`] when told to stop.
pub(super) fn build(revision: &str, stop: &AtomicBool) -> anyhow::Result<Built> {
    let scratch = Scratch::new()?;
    let tree = WorkTree::add(scratch.path().join("tree"), revision)?;
    ensure!(
        tree.0.join("Cargo.toml").is_file(),
        "revision {revision} has no Cargo.toml, so it is not copycost"
    );
    say(format_args!("copycost: building revision {revision} with cargo; this takes some minutes"));
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--release", "--locked", "--bin", "copycost"])
        .args(["--message-format", "json-render-diagnostics", "--target-dir"])
        .arg(scratch.path().join("target"))
        .current_dir(&tree.0)
        .env_remove("COPYCOST_GIT_REVISION")
        .stdin(Stdio::null())
        // Cargo shows how far it is.
        .stderr(Stdio::inherit());
    let (succeeded, messages) = run(&mut cargo, stop)?;
    ensure!(
        succeeded,
        "revision {revision} does not build; cargo's messages are above; give the path of a binary instead"
    );
    let Some(made) = executable(&messages) else {
        bail!("revision {revision} builds no program named copycost");
    };
    let program = scratch.path().join("copycost");
    std::fs::copy(&made, &program).with_context(|| format!("copying {}", made.display()))?;
    let _ = std::fs::remove_dir_all(scratch.path().join("target"));
    drop(tree);
    Ok(Built { program, _scratch: scratch })
}

/// Runs cargo until it ends or `stop` is set: whether it succeeded, and its messages.
fn run(cargo: &mut Command, stop: &AtomicBool) -> anyhow::Result<(bool, Vec<u8>)> {
    // A group of its own: a signal from the terminal is for this program, which passes it on to cargo and its compilers.
    let mut child =
        cargo.stdout(Stdio::piped()).process_group(0).spawn().context(
            "cargo is not installed here, so it cannot be built; give the path of a binary instead",
        )?;
    let mut output = child.stdout.take().context("cargo has no output")?;
    let messages = std::thread::spawn(move || {
        let mut messages = Vec::new();
        output.read_to_end(&mut messages).map(|_| messages)
    });
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if stop.load(Ordering::Relaxed) {
            let _ = killpg(Pid::from_raw(child.id() as i32), Signal::SIGTERM);
            child.wait()?;
            return Err(Interrupted.into());
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let messages = messages.join().map_err(|_| anyhow!("reading cargo's messages panicked"))??;
    Ok((status.success(), messages))
}

/// The program among cargo's messages, a JSON object a line.
fn executable(messages: &[u8]) -> Option<PathBuf> {
    let of_line = |line: &[u8]| -> Option<PathBuf> {
        let message: Value = serde_json::from_slice(line).ok()?;
        (message["target"]["name"] == "copycost").then_some(())?;
        message["executable"].as_str().map(PathBuf::from)
    };
    messages.split(|&byte| byte == b'\n').find_map(of_line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_among_cargo_s_messages() {
        let messages = br#"{"reason":"compiler-artifact","target":{"name":"serde"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"copycost"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"copycost"},"executable":"/t/release/copycost"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages), Some(PathBuf::from("/t/release/copycost")));
        assert_eq!(executable(b"no message"), None);
    }

    #[test]
    fn a_name_that_git_could_take_for_a_flag_is_none() {
        assert_eq!(resolve("--all"), None);
        assert_eq!(resolve("no-such-revision-at-all"), None);
    }
}
