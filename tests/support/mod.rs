//! What the tests of the binary share: how it is started, what it leaves behind, and when a test is skipped.
//!
//! A test that needs what this machine lacks says so by [`skip`]: it prints `SKIP <test>: <what is missing>`
//! and appends that line to the file `skipped-tests` in cargo's directory for tests (`CARGO_TARGET_TMPDIR`,
//! which is `target/<triple>/tmp`). A run of all tests removes that file before, and counts its lines after.

// Each file of tests is a crate of its own, and uses a part of this.
#![allow(dead_code, unreachable_pub)]

pub mod agent;
pub mod disturbance;
pub mod lab;
pub mod machine;
pub mod past;
pub mod process;
pub mod seccomp;
pub mod simulate;
pub mod xray;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_copycost");

/// Longer than anything here takes, on a machine that is busy with something else: a test that waits this
/// long fails instead of hanging.
pub const PATIENCE: Duration = Duration::from_secs(900);

/// The binary with these arguments, apart from the terminal.
pub fn copycost<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(BINARY);
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Says that a test does not run here, and what it lacks.
pub fn skip(test: &str, missing: &str) {
    let line = format!("SKIP {test}: {missing}\n");
    print!("{line}");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("skipped-tests");
    let file = std::fs::File::options().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the file of skipped tests");
}

/// Whether the test runs as root.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// A directory of the test's own, which everyone may enter.
pub struct Scratch(tempfile::TempDir);

impl Scratch {
    /// An empty directory.
    pub fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a temporary directory");
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).expect("chmod");
        Self(dir)
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The same as text.
    pub fn text_path(&self, name: &str) -> String {
        self.path(name).to_str().expect("a path in UTF-8").to_owned()
    }

    /// Writes a file in it and returns its path.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), bytes).expect("a file in the temporary directory");
        self.text_path(name)
    }
}

/// Waits until this holds; says whether it did in time.
pub fn until(patience: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !holds() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}

/// Random moments that come again: the seed is fixed, or `COPYCOST_TEST_SEED`, and shown where a test fails.
pub fn random(test: &str) -> ChaCha8Rng {
    let seed = std::env::var("COPYCOST_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    println!("{test}: COPYCOST_TEST_SEED={seed}");
    ChaCha8Rng::seed_from_u64(seed)
}
