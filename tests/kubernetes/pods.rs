//! The pods of the manifests, run by podman on this machine.
//!
//! What podman runs is made from what a cluster would get, by a few changes that [`Pods::pod`] lists: podman 4 knows
//! pods alone, no Services, and the seccomp profile by its older annotation. Everything is named after the process, and
//! removed when the test ends.

#![allow(unreachable_pub)] // A module of one crate of tests.

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};
use serde_json::{Value, json};

use crate::rendered::{forget, render_with};
use crate::support::{BINARY, Scratch, skip, until};

/// Linked to the program, the infrastructure container of each pod does nothing: podman's own needs a further program.
const PAUSE: &str =
    "FROM scratch\nCOPY copycost /copycost\nENTRYPOINT [\"/copycost\", \"export\", \"--keep\"]\n";
const IMAGE: &str = "FROM scratch\nCOPY copycost /copycost\nENTRYPOINT [\"/copycost\"]\n";

/// Processes that a container may have. Podman would raise the limit, which not every guest allows.
const PROCESSES: u32 = 4096;

pub struct Pods {
    test: String,
    id: String,
    scratch: Scratch,
    /// What was played, to be taken down again.
    played: RefCell<Vec<String>>,
    /// Secrets and ConfigMaps of it, which podman keeps as volumes.
    kept: RefCell<Vec<String>>,
}

impl Pods {
    /// An image and a network; the test is skipped where there is no podman that can make them.
    pub fn new(test: &str) -> Option<Self> {
        let pods = Self {
            test: test.to_owned(),
            id: format!("copycost-test-{}", std::process::id()),
            scratch: Scratch::new(),
            played: RefCell::default(),
            kept: RefCell::default(),
        };
        let (_, open) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
        let open = open.min(1 << 20);
        pods.scratch.file(
            "containers.conf",
            format!(
                "[containers]\ndefault_ulimits = [\"nofile={open}:{open}\", \"nproc={PROCESSES}:{PROCESSES}\"]\n\
                 [engine]\ninfra_image = \"{}\"\n",
                pods.image("pause")
            ),
        );
        if let Err(why) = pods.podman(&["network", "create", &pods.id]) {
            let why = why.lines().next_back().unwrap_or_default().to_owned();
            skip(test, &format!("podman, and root to make its networks ({why})"));
            return None;
        }
        std::fs::copy(BINARY, pods.scratch.path("copycost")).expect("the program");
        for (name, text) in [("agent", IMAGE), ("pause", PAUSE)] {
            let file = pods.scratch.file(name, text);
            let arguments = [
                "build",
                "--quiet",
                "--file",
                &file,
                "--tag",
                &pods.image(name),
                &pods.scratch.text_path(""),
            ];
            pods.podman(&arguments).expect("an image");
        }
        Some(pods)
    }

    fn image(&self, name: &str) -> String {
        format!("localhost/{}-{name}:local", self.id)
    }

    fn podman(&self, arguments: &[&str]) -> Result<String, String> {
        let conf = self.scratch.path("containers.conf");
        let output = Command::new("podman").args(arguments).env("CONTAINERS_CONF", conf).output();
        let output = output.map_err(|error| error.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    fn render(&self, words: &[&str]) -> Vec<Value> {
        render_with(&self.test, words, &self.id, &self.image("agent")).expect("kubectl was there")
    }

    /// The pod that a Deployment or a Job makes, as podman takes it.
    fn pod(&self, of: &Value, hosts: &[Value]) -> Value {
        let mut pod = of["spec"]["template"].clone();
        (pod["apiVersion"], pod["kind"]) = ("v1".into(), "Pod".into());
        // Names are the machine's and not a namespace's.
        pod["metadata"]["name"] = self.name(of["metadata"]["name"].as_str().expect("a name")).into();
        // Podman 4 reads the annotation that the field has replaced.
        if pod["spec"]["securityContext"]["seccompProfile"]["type"] == "Unconfined" {
            pod["metadata"]["annotations"]["seccomp.security.alpha.kubernetes.io/pod"] = "unconfined".into();
        }
        // There is no Service that would tell the names.
        pod["spec"]["hostAliases"] = hosts.into();
        for container in pod["spec"]["containers"].as_array_mut().expect("containers") {
            // Podman publishes every port on the machine.
            container.as_object_mut().expect("a container").remove("ports");
        }
        pod
    }

    fn name(&self, of: &str) -> String {
        format!("{}-{of}", self.id)
    }

    fn play(&self, documents: &[Value]) {
        let text: Vec<String> = documents.iter().map(Value::to_string).collect();
        let kept = documents.iter().filter(|one| one["kind"] != "Pod");
        let names = kept.filter_map(|one| one["metadata"]["name"].as_str().map(str::to_owned));
        self.kept.borrow_mut().extend(names);
        let number = self.played.borrow().len();
        let file = self.scratch.file(&format!("play-{number}.yaml"), text.join("\n---\n"));
        self.played.borrow_mut().push(file.clone());
        self.podman(&["kube", "play", "--network", &self.id, &file]).expect("pods");
    }

    /// Both agents, when the check that their startup probe is finds them well.
    pub fn up(&self) {
        let documents = self.render(&[]);
        let of = |kind: &str| documents.iter().filter(|one| one["kind"] == kind).cloned().collect::<Vec<_>>();
        let agents = of("Deployment");
        let pods = agents.iter().map(|agent| self.pod(agent, &[]));
        self.play(&of("Secret").into_iter().chain(pods).collect::<Vec<_>>());
        for agent in &agents {
            let container =
                format!("{}-agent", self.name(agent["metadata"]["name"].as_str().expect("a name")));
            let probe =
                &agent["spec"]["template"]["spec"]["containers"][0]["startupProbe"]["exec"]["command"];
            let probe: Vec<&str> =
                probe.as_array().expect("a command").iter().filter_map(Value::as_str).collect();
            let check = [&["exec", &container], probe.as_slice()].concat();
            let well = until(Duration::from_secs(60), || self.podman(&check).is_ok());
            assert!(well, "{}", self.podman(&["logs", &container]).unwrap_or_else(|why| why));
        }
    }

    /// The address of an agent's pod.
    fn address(&self, role: &str) -> String {
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let infra = self.podman(&["pod", "inspect", "--format", "{{.InfraContainerID}}", &self.name(role)]);
        self.podman(&["inspect", "--format", format, &infra.expect("a pod")]).expect("an address")
    }

    /// Runs a sweep to its end: the coordinator's exit code, and what it said.
    pub fn sweep(&self, grid: &str) -> (i32, String) {
        self.begin_sweep(grid);
        self.end_of_sweep()
    }

    /// Begins a sweep and removes its pod as a cluster does: every container is asked to end, and has a grace period.
    pub fn end_sweep(&self, grid: &str) -> (i32, String) {
        self.begin_sweep(grid);
        let manifest = ["exec", &self.name("coordinator-results"), "/copycost", "export", "/results"];
        let began = until(Duration::from_secs(60), || self.podman(&manifest).is_ok());
        assert!(began, "the sweep never began");
        for container in ["coordinator-coordinator", "coordinator-results"] {
            self.podman(&["kill", "--signal", "TERM", &self.name(container)]).expect("a container");
        }
        self.end_of_sweep()
    }

    fn begin_sweep(&self, grid: &str) {
        let _ = self.podman(&["pod", "rm", "--force", "--time", "0", &self.name("coordinator")]);
        let documents = self.render(&[grid, "--no-report"]);
        let hosts: Vec<Value> = ["sender", "receiver"]
            .map(|role| json!({"ip": self.address(role), "hostnames": [format!("{role}.agents")]}))
            .into();
        let job = documents.iter().find(|one| one["kind"] == "Job").expect("a Job");
        let grids = documents.iter().filter(|one| one["kind"] == "ConfigMap").cloned();
        self.play(&grids.chain([self.pod(job, &hosts)]).collect::<Vec<_>>());
    }

    fn end_of_sweep(&self) -> (i32, String) {
        let container = self.name("coordinator-coordinator");
        let code = self.podman(&["wait", &container]).expect("its end");
        let said = self.podman(&["logs", &container]).unwrap_or_else(|why| why);
        (code.parse().expect("an exit code"), said)
    }

    /// Takes the run out of the coordinator's pod, as the script does, and returns its directory.
    pub fn take_home(&self, scratch: &Scratch) -> PathBuf {
        let home = scratch.path("home");
        let _ = std::fs::remove_dir_all(&home);
        std::fs::create_dir(&home).expect("a directory");
        let conf = self.scratch.path("containers.conf");
        let container = self.name("coordinator-results");
        let ran = Command::new("podman")
            .args(["exec", &container, "/copycost", "export", "/results"])
            .env("CONTAINERS_CONF", conf)
            .output()
            .expect("podman");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let tar = scratch.file("runs.tar", ran.stdout);
        let home_text = home.to_str().expect("a path in UTF-8");
        assert!(
            Command::new("tar").args(["-x", "-f", &tar, "-C", home_text]).status().expect("tar").success()
        );
        let check =
            Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(&home).status();
        assert!(check.expect("sha256sum").success());
        let entries =
            std::fs::read_dir(&home).expect("a directory").map(|entry| entry.expect("an entry").path());
        entries.into_iter().find(|path| path.is_dir()).expect("a run")
    }

    pub fn remove(&self) {
        for played in self.played.borrow_mut().drain(..) {
            let _ = self.podman(&["kube", "down", &played]);
        }
        let names = |list: &[&str]| {
            let found = self.podman(list).unwrap_or_default();
            found.lines().filter(|name| name.contains(&self.id)).map(str::to_owned).collect::<Vec<_>>()
        };
        for pod in names(&["pod", "ls", "--format", "{{.Name}}"]) {
            let _ = self.podman(&["pod", "rm", "--force", "--time", "0", &pod]);
        }
        for kept in self.kept.borrow().iter() {
            let _ = self.podman(&["secret", "rm", kept]);
            let _ = self.podman(&["volume", "rm", kept]);
        }
        let _ = self.podman(&["network", "rm", &self.id]);
        let _ = self.podman(&["image", "rm", "--force", &self.image("agent"), &self.image("pause")]);
        forget(&self.id);
    }

    /// Names of what is left on the machine.
    pub fn leftovers(&self) -> Vec<String> {
        let lists: [&[&str]; 6] = [
            &["pod", "ls", "--format", "{{.Name}}"],
            &["ps", "--all", "--format", "{{.Names}}"],
            &["network", "ls", "--format", "{{.Name}}"],
            &["images", "--format", "{{.Repository}}"],
            &["secret", "ls", "--format", "{{.Name}}"],
            &["volume", "ls", "--format", "{{.Name}}"],
        ];
        let said = lists.map(|list| self.podman(list).expect("a list")).join("\n");
        let is_ours =
            |name: &str| name.contains(&self.id) || self.kept.borrow().iter().any(|kept| kept == name);
        said.lines().filter(|name| is_ours(name)).map(str::to_owned).collect()
    }
}

impl Drop for Pods {
    fn drop(&mut self) {
        self.remove();
    }
}
