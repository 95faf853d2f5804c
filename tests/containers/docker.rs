//! The lab in containers of a test: image, network, agents, wires, coordinator.
//!
//! Everything carries a label with the test's process and number. What a test made is removed when it ends,
//! however it ends, and what an earlier process left is removed before the first one begins.

#![allow(unreachable_pub)] // A module of one crate of tests.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use copycost::record::{Manifest, Trial, csv_file};
use testcontainers::core::wait::ExitWaitStrategy;
use testcontainers::core::{BuildImageOptions, ExecCommand, Healthcheck, Mount, WaitFor};
use testcontainers::runners::{SyncBuilder, SyncRunner};
use testcontainers::{Container, ContainerRequest, GenericBuildableImage, GenericImage, ImageExt};

use crate::support::{BINARY, Scratch, skip};

/// What everything is labelled with.
const LABEL: &str = "copycost.test";
const IMAGE: &str = "copycost-test";
const DOCKERFILE: &str = include_str!("../../Dockerfile");
const COMPOSE: &str = include_str!("../../compose.yaml");
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Runs `docker` and returns what it printed.
pub fn docker(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("docker").args(arguments).output().map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Ids of what carries the label: containers, networks or volumes.
fn labelled(list: &[&str], label: &str) -> Vec<String> {
    let filter = format!("label={label}");
    let found = docker(&[list, &["-q", "--filter", &filter]].concat()).unwrap_or_default();
    found.lines().map(str::to_owned).collect()
}

const CONTAINERS: &[&str] = &["ps", "-a"];
const NETWORKS: &[&str] = &["network", "ls"];

fn remove(label: &str) {
    for (list, remove) in [(CONTAINERS, &["rm", "-fv"][..]), (NETWORKS, &["network", "rm"])] {
        for id in labelled(list, label) {
            // Removed by another hand meanwhile, it is gone as well.
            let _ = docker(&[remove, &[&id]].concat());
        }
    }
}

/// The image of this process: another one may build its own at the same time.
fn tag() -> String {
    std::process::id().to_string()
}

/// Removes what test processes left that are gone, images of older builds among it.
fn sweep_leftovers() {
    let is_gone = |process: &str| !std::path::Path::new("/proc").join(process).exists();
    let images = docker(&["image", "ls", IMAGE, "--format", "{{.Tag}}"]).unwrap_or_default();
    for process in images.lines().filter(|process| is_gone(process)) {
        let _ = docker(&["image", "rm", &format!("{IMAGE}:{process}")]);
    }
    for (list, format) in
        [(CONTAINERS, "{{.Label \"copycost.test\"}}"), (NETWORKS, "{{.Label \"copycost.test\"}}")]
    {
        let filter = format!("label={LABEL}");
        let labels = docker(&[list, &["--filter", &filter, "--format", format]].concat()).unwrap_or_default();
        for label in labels.lines() {
            let process = label.split('-').next().unwrap_or_default();
            if is_gone(process) {
                remove(&format!("{LABEL}={label}"));
            }
        }
    }
    let _ = docker(&["image", "prune", "--force", "--filter", &format!("label={LABEL}")]);
}

/// Whose turn it is, and whether the image is there.
static TURN: Mutex<bool> = Mutex::new(false);
/// Tests that have a lab or wait for one.
static USERS: AtomicU32 = AtomicU32::new(0);

/// A lab of one test; the others wait, for two at once would measure each other.
pub struct DockerLab {
    id: String,
    network: String,
    has_image: MutexGuard<'static, bool>,
}

impl DockerLab {
    /// A network of its own; the test is skipped where no Docker daemon answers.
    pub fn new(test: &str) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        if let Err(why) = docker(&["version", "--format", "{{.Server.Version}}"]) {
            skip(test, &format!("a Docker daemon ({})", why.lines().next_back().unwrap_or_default()));
            return None;
        }
        USERS.fetch_add(1, Ordering::Relaxed);
        let mut has_image = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        if !*has_image {
            sweep_leftovers();
            build();
            *has_image = true;
        }
        let id = format!("{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let network = format!("copycost-test-{id}");
        let label = format!("{LABEL}={id}");
        docker(&["network", "create", "--internal", "--label", &label, &network]).expect("a network");
        Some(Self { id, network, has_image })
    }

    /// How many containers and networks of this lab there are.
    pub fn leftovers(&self) -> usize {
        let label = format!("{LABEL}={}", self.id);
        labelled(CONTAINERS, &label).len() + labelled(NETWORKS, &label).len()
    }

    pub fn remove(&self) {
        remove(&format!("{LABEL}={}", self.id));
    }

    /// A container of the image with the lab's label, its token and its network.
    fn container(&self, arguments: &[&str], ready: WaitFor) -> ContainerRequest<GenericImage> {
        GenericImage::new(IMAGE, &tag())
            .with_wait_for(ready)
            .with_cmd(arguments.iter().copied())
            .with_label(LABEL, &self.id)
            .with_network(&self.network)
            .with_copy_to("/token", TOKEN.as_bytes().to_vec())
            .with_startup_timeout(Duration::from_secs(120))
    }

    /// An agent with the rights that `compose.yaml` gives it, well by its own health check.
    pub fn agent(&self, name: &str) -> Container<GenericImage> {
        let arguments = ["agent", "--listen", "0.0.0.0:7010", "--token-file", "/token", "--pair-netns"];
        self.agent_with(name, &arguments).start().expect("an agent that is well")
    }

    pub fn agent_with(&self, name: &str, arguments: &[&str]) -> ContainerRequest<GenericImage> {
        let check = Healthcheck::cmd(["/copycost", "health", "--linger", "10m"])
            .with_interval(Duration::from_millis(500))
            .with_timeout(Duration::from_secs(660))
            .with_retries(3);
        let alias = format!("{name}-{}", self.id);
        with_rights(self.container(arguments, WaitFor::healthcheck()))
            .with_container_name(alias)
            .with_env_var("COPYCOST_IMAGE_ID", "sha256:of-the-test")
            .with_health_check(check)
            .with_mount(Mount::tmpfs_mount("/tmp"))
    }

    /// The name by which containers of the lab reach an agent.
    pub fn address(&self, name: &str) -> String {
        format!("{name}-{}:7010", self.id)
    }

    /// Joins two containers past the bridge, as the service `link` of `compose.yaml` does.
    pub fn link(&self, sender: &Container<GenericImage>, receiver: &Container<GenericImage>) {
        let processes = format!("container:{}", receiver.id());
        let arguments =
            ["link", "create", "--keep", "--sender-ns", "/proc/self/ns/net", "--receiver-pid", "1"];
        with_rights(self.container(&arguments, exit(Some(0))))
            .with_network(format!("container:{}", sender.id()))
            .with_host_config_modifier(move |host| host.pid_mode = Some(processes.clone()))
            .start()
            .expect("a pair between the two containers");
    }

    /// A sweep by a coordinator in a container of its own, when it has ended.
    pub fn sweep(&self, grid: &str, token: &str) -> Swept {
        Swept::of(self.coordinator(grid, token, exit(None)).start().expect("a coordinator"))
    }

    /// A sweep that has just begun.
    pub fn begin_sweep(&self, grid: &str) -> Container<GenericImage> {
        self.coordinator(grid, TOKEN, WaitFor::seconds(0)).start().expect("a coordinator")
    }

    fn coordinator(&self, grid: &str, token: &str, ready: WaitFor) -> ContainerRequest<GenericImage> {
        let (sender, receiver) = (self.address("sender"), self.address("receiver"));
        let arguments = [
            "sweep",
            "/grid.yaml",
            "--no-report",
            "--results",
            "/results",
            "--sender",
            &sender,
            "--receiver",
            &receiver,
            "--token-file",
            "/own-token",
            "--wire",
            "veth=198.19.0.1",
            "--wire",
            "bridge",
        ];
        self.container(&arguments, ready)
            .with_copy_to("/grid.yaml", grid.as_bytes().to_vec())
            .with_copy_to("/own-token", token.as_bytes().to_vec())
    }
}

impl Drop for DockerLab {
    fn drop(&mut self) {
        self.remove();
        if USERS.fetch_sub(1, Ordering::Relaxed) == 1 {
            // The last one takes the image along; the next process builds its own.
            let _ = docker(&["image", "rm", &format!("{IMAGE}:{}", tag())]);
            *self.has_image = false;
        }
    }
}

/// A sweep that has ended: its exit code, what it said, and its files.
pub struct Swept {
    pub code: i64,
    pub said: String,
    pub rows: Vec<Trial>,
    pub manifest: Option<Manifest>,
}

impl Swept {
    /// Waits for the coordinator's end and copies its files out.
    pub fn of(coordinator: Container<GenericImage>) -> Self {
        let ended = crate::support::until(crate::support::PATIENCE, || !coordinator.is_running().unwrap());
        assert!(ended, "the sweep did not end");
        let scratch = Scratch::new();
        let file = |name: &str| {
            let path = scratch.path(name);
            let from = format!("/results/latest/{name}");
            coordinator.copy_file_from(from, path.as_path()).is_ok().then_some(path)
        };
        let rows = file("trials.csv").map(|_| csv_file::read(&scratch.path("")).expect("rows").rows);
        Self {
            code: coordinator.exit_code().expect("an exit code").expect("it has ended"),
            said: String::from_utf8(coordinator.stderr_to_vec().expect("its log")).expect("text"),
            rows: rows.unwrap_or_default(),
            manifest: file("manifest.json").map(|path| Manifest::read(&path).expect("a manifest")),
        }
    }
}

/// Runs the program in a container: exit code and what it said on standard error.
pub fn exec(container: &Container<GenericImage>, arguments: &[&str]) -> (i64, String) {
    let command = ["/copycost"].iter().chain(arguments).copied();
    let mut ran = container.exec(ExecCommand::new(command)).expect("exec");
    let said = String::from_utf8(ran.stderr_to_vec().expect("its output")).expect("text");
    (ran.exit_code().expect("an exit code").expect("it has ended"), said)
}

fn exit(code: Option<i64>) -> WaitFor {
    let wait = ExitWaitStrategy::new();
    WaitFor::exit(match code {
        Some(code) => wait.with_exit_code(code),
        None => wait,
    })
}

/// The capabilities and security options of `compose.yaml`.
fn with_rights(mut request: ContainerRequest<GenericImage>) -> ContainerRequest<GenericImage> {
    let compose: serde_json::Value = serde_yaml::from_str(COMPOSE).expect("compose.yaml");
    let words = |field: &str| -> Vec<String> {
        let list = compose["x-container"][field].as_array().expect("a list");
        list.iter().map(|word| word.as_str().expect("a word").to_owned()).collect()
    };
    for capability in words("cap_add") {
        request = request.with_cap_add(capability);
    }
    for capability in words("cap_drop") {
        request = request.with_cap_drop(capability);
    }
    for option in words("security_opt") {
        request = request.with_security_opt(option);
    }
    request
}

/// Builds the image from the program under test by the stages of the Dockerfile that package a ready program.
fn build() {
    let (prebuilt, _) = DOCKERFILE.split_once("\nFROM rust:").expect("the builder's stage follows");
    let _image = GenericBuildableImage::new(IMAGE, tag())
        .with_dockerfile_string(format!("{prebuilt}\nLABEL {LABEL}=image\n"))
        .with_file(BINARY, "./program")
        .build_image_with(BuildImageOptions::new().with_build_arg("BINARY", "program"))
        .expect("an image");
}
