//! What a program is compared with: another binary, the one that made a run, or one that is built from a revision.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::revision::{self, Built};
use crate::exit::{Interrupted, UsageError};
use crate::host;
use crate::output::{harmless, say};
use crate::record::Manifest;

/// The program that this one is compared with.
pub(crate) struct Other {
    program: Program,
    /// What to call it.
    pub what: String,
}

enum Program {
    There(PathBuf),
    Built(Built),
}

/// The manifest of what `--against` names, where that is a run's directory.
///
/// # Errors
/// When it is a directory and no run.
pub(crate) fn grid_of_run(what: &str) -> anyhow::Result<Option<Manifest>> {
    let path = Path::new(what);
    if !path.is_dir() {
        return Ok(None);
    }
    let manifest = path.join("manifest.json");
    if !manifest.is_file() {
        let what = format!("--against {what} is a directory but not a run: it has no manifest.json");
        return Err(UsageError(what).into());
    }
    Ok(Some(Manifest::read(&manifest).map_err(UsageError)?))
}

impl Other {
    /// Finds, or builds, the program that is meant.
    pub(crate) fn find(what: &str, stop: &AtomicBool) -> anyhow::Result<Self> {
        if let Some(manifest) = grid_of_run(what)? {
            return Self::of_run(what, &manifest, stop);
        }
        if Path::new(what).exists() {
            return Self::binary(Path::new(what));
        }
        let Some(revision) = revision::resolve(what) else {
            return Err(UsageError(format!(
                "--against {what}: no such file or run, and no revision of a git repository here; give the path of a \
                 copycost binary, a run's directory, or a revision"
            ))
            .into());
        };
        Self::build(what, &revision, stop)
    }

    fn binary(path: &Path) -> anyhow::Result<Self> {
        let version = version(path).map_err(|why| {
            UsageError(format!("--against {}: {why}; give the path of a copycost binary", path.display()))
        })?;
        let path = std::fs::canonicalize(path).with_context(|| path.display().to_string())?;
        let what = format!("{} ({version})", path.display());
        Ok(Self { program: Program::There(path), what })
    }

    /// The program that made a run, where it can be found; else one that is built from the same revision.
    fn of_run(run: &str, manifest: &Manifest, stop: &AtomicBool) -> anyhow::Result<Self> {
        let tool = &manifest.tool;
        if let Some(hash) = &tool.binary_sha256 {
            if host::binary_sha256().as_ref() == Some(hash) {
                let what = format!("this program itself, which made {run}");
                return Ok(Self { program: Program::There("/proc/self/exe".into()), what });
            }
            let found = candidates().into_iter().find(|path| sha256(path).as_ref() == Some(hash));
            if let Some(path) = found {
                return Self::binary(&path);
            }
        }
        let revision = tool.git_revision.as_deref();
        let clean = revision.filter(|_| !tool.is_changed());
        if let Some(revision) = clean.and_then(revision::resolve) {
            return Self::build(&format!("{run}, made by revision {revision}"), &revision, stop);
        }
        let made_by = match revision {
            Some(revision) => format!("revision {revision}"),
            None => format!("version {}", tool.version),
        };
        bail!(
            "{run} was made by copycost of {made_by}, which is not here, and a recorded run cannot be run again in the \
             same blocks without it; give --against the path of that binary, or a revision"
        )
    }

    fn build(what: &str, revision: &str, stop: &AtomicBool) -> anyhow::Result<Self> {
        if cfg!(debug_assertions) {
            say(
                "copycost: this is a debug build and will be compared with a release build: build it with --release",
            );
        }
        let built = revision::build(revision, stop).map_err(|error| match error.is::<Interrupted>() {
            true => error,
            false => error.context(format!("--against {what}")),
        })?;
        let version = version(built.path()).map_err(|why| anyhow::anyhow!("what {what} builds: {why}"))?;
        let short = revision.get(..12).unwrap_or(revision);
        Ok(Self { program: Program::Built(built), what: format!("revision {short} ({version})") })
    }

    pub(super) fn path(&self) -> &Path {
        match &self.program {
            Program::There(path) => path,
            Program::Built(built) => built.path(),
        }
    }
}

/// Where a binary that made a run may lie: where cargo puts it below this directory, and on the PATH.
fn candidates() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        ["release", "debug"].map(|profile| Path::new("target").join(profile).join("copycost")).into();
    for target in std::fs::read_dir("target").into_iter().flatten().flatten() {
        found.extend(["release", "debug"].map(|profile| target.path().join(profile).join("copycost")));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    found.extend(std::env::split_paths(&path).map(|directory| directory.join("copycost")));
    found.retain(|path| path.is_file());
    found
}

fn sha256(path: &Path) -> Option<String> {
    std::fs::read(path).ok().map(|bytes| hex::encode(Sha256::digest(bytes)))
}

/// How long a program may take to say its version.
const PATIENCE: Duration = Duration::from_secs(10);

/// The version that a copycost says it has; why it is none otherwise.
fn version(path: &Path) -> Result<String, String> {
    let mut child = Command::new(path)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("it cannot be run ({error})"))?;
    let output = child.stdout.take().ok_or("it has no standard output")?;
    let (said, text) = channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = output.take(100).read_to_string(&mut line);
        let _ = said.send(line);
    });
    let text = text.recv_timeout(PATIENCE);
    // What has not ended by now waits for something that will not come.
    let _ = child.kill();
    let _ = child.wait();
    let text = text.unwrap_or_default();
    let line = text.lines().next().unwrap_or_default().trim();
    let is_version = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    match line.strip_prefix("copycost ") {
        Some(version) if is_version(version) => Ok(harmless(line)),
        _ => Err("it is not copycost: it printed no version when asked for one".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(what: &str) -> String {
        let error = Other::find(what, &AtomicBool::new(false)).err().unwrap();
        assert!(error.is::<UsageError>(), "{error:#}");
        format!("{error:#}")
    }

    #[test]
    fn what_is_no_copycost_is_refused_in_a_sentence() {
        let scratch = tempfile::tempdir().unwrap();
        let text = scratch.path().join("text");
        std::fs::write(&text, "no program\n").unwrap();
        assert!(refused(text.to_str().unwrap()).contains("cannot be run"));
        assert!(refused("/bin/true").contains("not copycost"));
        assert!(refused("/no/such/binary").contains("no such file"));
        assert!(refused(scratch.path().to_str().unwrap()).contains("no manifest.json"));
    }

    #[test]
    fn a_run_whose_program_is_not_here_says_what_to_give() {
        let scratch = tempfile::tempdir().unwrap();
        let mut manifest = crate::simulate::Simulation::default().manifest();
        manifest.tool.binary_sha256 = Some("0".repeat(64));
        manifest.tool.git_revision = Some(format!("{}-dirty", "0".repeat(40)));
        manifest.write(&scratch.path().join("manifest.json")).unwrap();
        let error = Other::find(scratch.path().to_str().unwrap(), &AtomicBool::new(false)).err().unwrap();
        assert!(!error.is::<UsageError>());
        assert!(error.to_string().contains("give --against the path of that binary"), "{error:#}");
        manifest.tool.binary_sha256 = host::binary_sha256();
        manifest.write(&scratch.path().join("manifest.json")).unwrap();
        assert_eq!(
            Other::find(scratch.path().to_str().unwrap(), &AtomicBool::new(false)).unwrap().path(),
            Path::new("/proc/self/exe")
        );
    }
}
