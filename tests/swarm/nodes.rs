//! Two Docker engines of a test, each in network, mount, process and host name namespaces of its own, joined by a
//! veth pair: two nodes of a Swarm. Whatever becomes of the test, the kernel ends all that runs in a process
//! namespace with its first process, and takes mounts and interfaces along with the namespaces.

#![allow(unreachable_pub)] // A module of one crate of tests.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::process::{Ended, Running, of_session, run};
use crate::support::{BINARY, Scratch, is_root, skip, until};

/// Longer than an engine takes to start or end.
const ENGINE_PATIENCE: Duration = Duration::from_secs(60);
pub const IMAGE: &str = "copycost:local";
pub const HOSTS: [&str; 2] = ["alpha", "beta"];

/// An engine.
pub struct Node {
    daemon: Running,
    /// Its first process, as the test sees it.
    init: i32,
    socket: String,
    cgroup: String,
}

impl Node {
    fn start(scratch: &Scratch, host: &str) -> Self {
        let place = |name: &str| scratch.text_path(&format!("{host}-{name}"));
        scratch.file(&format!("{host}-conf"), "{}");
        let socket = format!("unix://{}", place("s"));
        let cgroup = format!("copycost-test-{}-{host}", std::process::id());
        // A /run of its own hides the host's containerd, so that the engine starts one.
        let script =
            format!("hostname {host} && ip link set lo up && mount -t tmpfs none /run && exec \"$@\"");
        let mut command = Command::new("unshare");
        command.args([
            "--net",
            "--mount",
            "--uts",
            "--ipc",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
        ]);
        command.args(["sh", "-c", &script, "sh", "dockerd", "--host", &socket, "--cgroup-parent", &cgroup]);
        for (flag, name) in [
            ("--config-file", "conf"),
            ("--data-root", "data"),
            ("--exec-root", "exec"),
            ("--pidfile", "pid"),
        ] {
            command.args([flag, &place(name)]);
        }
        let daemon = Running::start(command);
        let init = || of_session(daemon.pid()).into_iter().find(|one| one.parent == daemon.pid());
        assert!(until(ENGINE_PATIENCE, || init().is_some()), "no engine: {}", daemon.stderr());
        let init = init().expect("seen just now").pid;
        Self { daemon, init, socket, cgroup }
    }

    fn answers(&self) -> bool {
        until(ENGINE_PATIENCE, || {
            self.docker(&["version"]).is_ok() || self.daemon.stderr().contains("failed to start daemon")
        }) && self.docker(&["version"]).is_ok()
    }

    /// A command in the node's network namespace, which speaks to its engine.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--net", "--target", &self.init.to_string()]).args(words);
        command.env("DOCKER_HOST", &self.socket).stdin(Stdio::null());
        command
    }

    /// Runs `docker` and returns what it printed.
    pub fn docker(&self, words: &[&str]) -> Result<String, String> {
        let output =
            self.command(&[&["docker"], words].concat()).output().map_err(|error| error.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// Runs a command in the node's network namespace that must succeed.
    pub fn must(&self, words: &[&str]) {
        let output = self.command(words).output().expect("nsenter");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Containers and networks of the lab that are left.
    pub fn left(&self) -> String {
        let containers = self.docker(&["ps", "-aq"]).expect("docker ps");
        let networks = ["network", "ls", "-q", "--filter", "label=com.docker.stack.namespace"];
        containers + &self.docker(&networks).expect("docker network ls")
    }

    /// Ends the engine, and sees that nothing is left of it.
    fn end(self) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.init), Signal::SIGTERM).expect("it runs");
        // Waits for every process of the namespaces, too.
        self.daemon.wait();
        let groups = std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
        for group in groups.map(|entry| entry.path()).chain([PathBuf::from("/sys/fs/cgroup")]) {
            // The engine leaves the group that its containers' groups were in.
            let own = group.join(&self.cgroup);
            let _ = std::fs::remove_dir(&own);
            assert!(!own.exists(), "{} is left", own.display());
        }
    }
}

/// The two engines, and a directory with what a user has of this repository.
pub struct Nodes {
    pub alpha: Node,
    pub beta: Node,
    pub home: Scratch,
    _data: Scratch,
}

impl Nodes {
    /// Starts both; the test is skipped where that cannot be.
    pub fn start(test: &str) -> Option<Self> {
        if let Some(missing) = missing() {
            skip(test, &missing);
            return None;
        }
        let data = Scratch::new();
        let [alpha, beta] = HOSTS.map(|host| Node::start(&data, host));
        for node in [&alpha, &beta] {
            if !node.answers() {
                let log = node.daemon.stderr();
                skip(
                    test,
                    &format!("a Docker engine in namespaces ({})", log.lines().last().unwrap_or_default()),
                );
                return None;
            }
        }
        let there = beta.init.to_string();
        alpha.must(&["ip", "link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", &there]);
        for (node, address) in [(&alpha, "192.168.77.1/24"), (&beta, "192.168.77.2/24")] {
            node.must(&["ip", "address", "add", address, "dev", "up0"]);
            node.must(&["ip", "link", "set", "up0", "up"]);
        }
        let home = Scratch::new();
        let mut copy = Command::new("cp");
        copy.args(["-a", "lab", "Dockerfile", "Cargo.toml"]).arg(home.path(""));
        let copied = copy.current_dir(env!("CARGO_MANIFEST_DIR")).status();
        assert!(copied.is_ok_and(|status| status.success()), "the lab's files cannot be copied");
        Some(Self { alpha, beta, home, _data: data })
    }

    /// Builds the image on the first node by the stage that packages a ready program: the one under test, or the
    /// optimised one, which is smaller.
    pub fn build_image(&self) {
        let program = std::env::var_os("COPYCOST_TEST_BINARY").unwrap_or_else(|| BINARY.into());
        let context = Scratch::new();
        std::fs::copy(program, context.path("program")).expect("a copy of the program");
        std::fs::copy(self.home.path("Dockerfile"), context.path("Dockerfile")).expect("a copy");
        let context = context.text_path("");
        let built =
            ["build", "--target", "prebuilt", "--build-arg", "BINARY=program", "--tag", IMAGE, &context];
        self.alpha.docker(&built).expect("an image");
    }

    /// Moves the image to the second node, as the lab's own message says.
    pub fn move_image(&self) {
        let mut save =
            self.alpha.command(&["docker", "save", IMAGE]).stdout(Stdio::piped()).spawn().expect("docker");
        let mut load = self.beta.command(&["docker", "load", "--quiet"]);
        load.stdin(save.stdout.take().expect("a pipe")).stdout(Stdio::null());
        assert!(load.status().expect("docker").success() && save.wait().expect("docker").success());
    }

    /// A command of the lab on the first node.
    pub fn swarm(&self, words: &[&str]) -> Command {
        self.swarm_with(words, &[])
    }

    /// The same with settings.
    pub fn swarm_with(&self, words: &[&str], settings: &[(&str, &str)]) -> Command {
        let script = self.home.text_path("lab/swarm/swarm.sh");
        let mut command = self.alpha.command(&[&[script.as_str()], words].concat());
        command.envs(settings.iter().copied());
        command
    }

    /// A command of the lab that is refused with a sentence, after which nothing is left.
    pub fn refused(&self, words: &[&str], settings: &[(&str, &str)], sentence: &str) {
        let ended: Ended = run(self.swarm_with(words, settings));
        assert_eq!((ended.code(), ended.stderr.lines().count()), (Some(1), 1), "{ended:?}");
        assert!(ended.stderr.contains(sentence), "`{sentence}` was not said, but {}", ended.stderr);
    }

    /// The same, of a lab that does not come up.
    pub fn fails_to_come_up(&self, settings: &[(&str, &str)], sentence: &str) {
        self.refused(&["up"], settings, sentence);
        self.assert_nothing_left();
    }

    pub fn assert_nothing_left(&self) {
        for node in [&self.alpha, &self.beta] {
            let gone = until(ENGINE_PATIENCE, || node.left().is_empty());
            assert!(gone, "left: {}", node.docker(&["ps", "-a"]).unwrap_or_default());
        }
        assert!(!self.home.path(".lab").exists(), "the token is left");
    }

    /// Ends both engines.
    pub fn end(self) {
        let Self { alpha, beta, .. } = self;
        beta.end();
        alpha.end();
    }
}

/// What this machine lacks for two engines.
fn missing() -> Option<String> {
    if !is_root() {
        return Some("root, for engines in namespaces".to_owned());
    }
    for program in ["docker", "dockerd", "containerd", "runc", "unshare", "nsenter", "ip"] {
        let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
        if !found.is_ok_and(|output| output.status.success()) {
            return Some(program.to_owned());
        }
    }
    let vxlan = ["--net", "ip", "link", "add", "v0", "type", "vxlan", "id", "1", "dstport", "4789"];
    let made = Command::new("unshare").args(vxlan).output().expect("unshare");
    (!made.status.success()).then(|| format!("VXLAN ({})", String::from_utf8_lossy(&made.stderr).trim()))
}
