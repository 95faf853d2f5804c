//! Docker and Compose, which the container lab needs and nothing else does.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Finding;

/// A daemon that has not answered by then hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// What came of running a program.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ran {
    /// There is no such program.
    Absent,
    /// It ended well and printed this.
    Succeeded(String),
    /// It ended badly and complained so.
    Failed(String),
    /// It was still running when the patience ended.
    Hung,
}

/// What came of asking the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Daemon {
    /// It is of this version.
    Answers(String),
    /// This user may not ask it.
    Denied,
    /// It cannot be asked, or does not answer well.
    Unreachable,
    /// It does not answer.
    Silent,
}

impl From<Ran> for Daemon {
    /// The client ends with 1 whatever is wrong: only its complaint tells a missing right from a missing daemon.
    fn from(ran: Ran) -> Self {
        match ran {
            Ran::Succeeded(version) => Self::Answers(version),
            Ran::Failed(complaint) if complaint.contains("permission denied") => Self::Denied,
            Ran::Absent | Ran::Failed(_) => Self::Unreachable,
            Ran::Hung => Self::Silent,
        }
    }
}

/// What engines leave in every container of theirs.
const MARKS: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];

pub(super) fn check() -> Vec<Finding> {
    // Its engine is the host's, and nothing here can tell of it or install it.
    if MARKS.iter().any(|mark| Path::new(mark).exists()) {
        return vec![Finding::note(
            "container",
            "this is one; the engine is its host's, where `doctor` tells of it",
        )];
    }
    let client = run("docker", &["--version"]);
    let daemon = match client {
        Ran::Succeeded(_) => run("docker", &["version", "--format", "{{.Server.Version}}"]),
        _ => Ran::Absent,
    };
    let plugin = run("docker", &["compose", "version", "--short"]);
    let standalone = match plugin {
        Ran::Succeeded(_) => Ran::Absent,
        _ => run("docker-compose", &["version", "--short"]),
    };
    vec![judge_docker(&client, &daemon.into()), judge_compose(&plugin, &standalone)]
}

fn judge_docker(client: &Ran, daemon: &Daemon) -> Finding {
    let check = "Docker";
    let client = match client {
        Ran::Succeeded(version) => version,
        Ran::Absent => {
            return Finding::note(check, "not installed; only the container lab needs it")
                .with_remedy("install Docker Engine, on Debian and Ubuntu `apt-get install docker.io`");
        }
        Ran::Failed(complaint) => return Finding::note(check, format!("`docker --version`: {complaint}")),
        Ran::Hung => return Finding::note(check, "`docker --version` hangs"),
    };
    match daemon {
        Daemon::Answers(version) => Finding::ok(check, format!("{client}; daemon {version} answers")),
        Daemon::Denied => Finding::shortfall(
            check,
            "the daemon's socket may not be used by this user",
            "sudo usermod -aG docker $USER, then log in again (that group is as powerful as root)",
        ),
        Daemon::Silent => {
            Finding::shortfall(check, "the daemon does not answer", "systemctl restart docker, as root")
        }
        Daemon::Unreachable => {
            Finding::shortfall(check, "the daemon cannot be reached", "systemctl start docker, as root")
        }
    }
}

fn judge_compose(plugin: &Ran, standalone: &Ran) -> Finding {
    let check = "Compose";
    match (plugin, standalone) {
        (Ran::Succeeded(version), _) => Finding::ok(check, format!("docker compose {version}")),
        (_, Ran::Succeeded(version)) => Finding::ok(check, format!("docker-compose {version}")),
        (Ran::Hung, _) => Finding::note(check, "`docker compose version` hangs"),
        (_, Ran::Hung) => Finding::note(check, "`docker-compose version` hangs"),
        _ => Finding::note(check, "not installed; only the container lab needs it")
            .with_remedy("install the Compose plugin, on Debian and Ubuntu `apt-get install docker-compose`"),
    }
}

fn run(program: &str, arguments: &[&str]) -> Ran {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    match child {
        Ok(child) => wait(child),
        Err(_) => Ran::Absent,
    }
}

/// What the child printed is read after its end: a version and a complaint fit into a pipe.
fn wait(mut child: Child) -> Ran {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => {
                let mut text = String::new();
                // Where what was printed is not text, the version is simply not shown.
                let _ = if status.success() {
                    child.stdout.take().map(|mut out| out.read_to_string(&mut text))
                } else {
                    child.stderr.take().map(|mut out| out.read_to_string(&mut text))
                };
                let line =
                    text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned();
                return if status.success() { Ran::Succeeded(line) } else { Ran::Failed(line) };
            }
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            _ => {
                // It may have ended a moment ago; either way it is reaped.
                let _ = child.kill();
                let _ = child.wait();
                return Ran::Hung;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    fn version(text: &str) -> Ran {
        Ran::Succeeded(text.to_owned())
    }

    #[test]
    fn docker_is_judged_by_client_daemon_and_rights() {
        let client = version("Docker version 28.2.2");
        assert_eq!(judge_docker(&client, &version("28.2.2").into()).verdict, Severity::Ok);
        assert_eq!(judge_docker(&Ran::Absent, &Ran::Absent.into()).verdict, Severity::Note);
        let denied =
            Ran::Failed("permission denied while trying to connect to the Docker daemon socket".into());
        assert!(judge_docker(&client, &denied.into()).remedy.unwrap().contains("usermod -aG docker"));
        let down = Ran::Failed("Cannot connect to the Docker daemon".into());
        assert!(judge_docker(&client, &down.into()).remedy.unwrap().contains("systemctl start docker"));
        assert_eq!(judge_docker(&client, &Ran::Hung.into()).verdict, Severity::Shortfall);
    }

    #[test]
    fn either_compose_will_do() {
        let none = Ran::Failed("unknown command".into());
        assert_eq!(judge_compose(&version("2.30.1"), &Ran::Absent).found, "docker compose 2.30.1");
        assert_eq!(judge_compose(&none, &version("1.29.2")).found, "docker-compose 1.29.2");
        assert_eq!(judge_compose(&none, &Ran::Absent).verdict, Severity::Note);
        assert!(judge_compose(&none, &Ran::Hung).found.contains("hangs"));
    }

    #[test]
    fn programs_end_well_or_badly_or_are_not_there() {
        assert_eq!(run("sh", &["-c", "echo; echo 1.2"]), version("1.2"));
        assert_eq!(run("sh", &["-c", "echo no >&2; exit 3"]), Ran::Failed("no".into()));
        assert_eq!(run("copycost-no-such-program", &[]), Ran::Absent);
    }
}
