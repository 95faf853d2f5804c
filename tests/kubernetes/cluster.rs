//! The script against a kubectl that plays back what a test lays down: one file an answer, by what is asked.

#![allow(unreachable_pub)] // A module of one crate of tests.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::rendered::copy_of_the_lab;
use crate::support::{BINARY, Scratch, until};

const KUBECTL: &str = include_str!("kubectl.sh");
const RUN: &str = "20260101T000000Z-pods";

/// A cluster that is well unless something else is laid down, and a copy of the lab's scripts.
pub struct Cluster {
    scratch: Scratch,
    path: String,
}

/// How the script ended.
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Cluster {
    pub fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let scratch = Scratch::new();
        copy_of_the_lab(&scratch);
        std::fs::create_dir_all(scratch.path("bin")).expect("a directory");
        let kubectl = scratch.file("bin/kubectl", KUBECTL);
        std::fs::set_permissions(kubectl, std::fs::Permissions::from_mode(0o755)).expect("chmod");
        std::fs::create_dir(scratch.path("cluster")).expect("a directory");
        let path = format!("{}:{}", scratch.text_path("bin"), std::env::var("PATH").expect("a PATH"));
        let cluster = Self { scratch, path };
        cluster.says("deployments", "1|1|1|1|1\n1|1|1|1|1\n");
        cluster
    }

    /// A machine that has everything but kubectl.
    pub fn without_kubectl() -> Self {
        let mut cluster = Self::new();
        let bin = cluster.scratch.path("only");
        std::fs::create_dir(&bin).expect("a directory");
        for tool in ["bash", "dirname", "env"] {
            let found = ["/usr/bin", "/bin"].map(|place| PathBuf::from(place).join(tool));
            let found = found.into_iter().find(|path| path.exists()).expect("a usual tool");
            std::os::unix::fs::symlink(found, bin.join(tool)).expect("a link");
        }
        cluster.path = cluster.scratch.text_path("only");
        cluster
    }

    /// Lays down an answer. What is no answer but a complaint ends the call.
    pub fn says(&self, what: &str, text: &str) {
        self.scratch.file(&format!("cluster/{what}"), text);
        if ["pods", "failures"].contains(&what) {
            // Agents of which this is told are not ready.
            self.says("deployments", "1|1|1|1|0\n1|1|1|1|1\n");
        }
    }

    /// A sweep in this cluster ends so, with a run of two files.
    pub fn has_run(&self, code: i32) {
        let run = self.scratch.path("cluster/results").join(RUN);
        std::fs::create_dir_all(&run).expect("a directory");
        std::fs::write(run.join("manifest.json"), "{}\n").expect("a file");
        std::fs::write(run.join("trials.csv"), "row\n".repeat(100_000)).expect("a file");
        self.says("code", &code.to_string());
        self.says("log", "block 1 of 1");
    }

    pub fn assert_run_is_home(&self) {
        for name in ["manifest.json", "trials.csv"] {
            let read = |under: &str| {
                std::fs::read(self.scratch.path(under).join(RUN).join(name)).expect("a file of the run")
            };
            assert!(read("results") == read("cluster/results"), "{name} is not what the pod had");
        }
        let left = std::fs::read_dir(self.scratch.path("results")).expect("results").count();
        assert_eq!(left, 2, "the run and the link to it");
    }

    /// Every call of kubectl, a line each.
    pub fn calls(&self) -> String {
        std::fs::read_to_string(self.scratch.path("cluster/calls")).unwrap_or_default()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.scratch.path("lab/kubernetes/kubernetes.sh"));
        let cluster = self.scratch.text_path("cluster");
        command.args(words).env("PATH", &self.path).env("CLUSTER", cluster).env("COPYCOST", BINARY);
        command
            .env("COPYCOST_PATIENCE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a verb of the script to its end.
    pub fn lab(&self, words: &[&str]) -> Ended {
        let ran = self.command(words).output().expect("the script starts");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Ended {
            code: ran.status.code().expect("an exit code"),
            stdout: text(ran.stdout),
            stderr: text(ran.stderr),
        }
    }

    /// The same, with Ctrl-C once the coordinator has said this.
    pub fn interrupted(&self, words: &[&str], said: &str) -> Ended {
        let log = self.scratch.path("said");
        let file = std::fs::File::create(&log).expect("a file");
        let mut child = self.command(words).stderr(file).spawn().expect("the script starts");
        let read = || std::fs::read_to_string(&log).unwrap_or_default();
        assert!(until(Duration::from_secs(60), || read().contains(said)), "{}", read());
        kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).expect("a process");
        let status = child.wait().expect("its end");
        Ended { code: status.code().expect("an exit code"), stdout: String::new(), stderr: read() }
    }
}
