//! Processes of the binary: started in a session of their own, watched, and found again when their parent is
//! gone.

use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{PATIENCE, until};

/// How long a family may take to follow its first process: more than the two seconds that a coordinator
/// grants its agents.
const FAREWELL: Duration = Duration::from_secs(15);

/// A process as `/proc` shows it.
#[derive(Clone, Debug)]
pub struct Process {
    pub pid: i32,
    pub parent: i32,
    pub session: i32,
    pub started: u64,
    pub arguments: Vec<String>,
}

impl Process {
    fn read(pid: i32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name may hold anything; the fields after it do not. proc_pid_stat(5) counts from 1.
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        if matches!(fields.first(), Some(&"Z" | &"X")) {
            return None;
        }
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let arguments = arguments.split(|&byte| byte == 0).filter(|word| !word.is_empty());
        Some(Self {
            pid,
            parent: number(4)? as i32,
            session: number(6)? as i32,
            started: number(22)?,
            arguments: arguments.map(|word| String::from_utf8_lossy(word).into_owned()).collect(),
        })
    }

    /// Ends it at once.
    pub fn kill(&self, signal: Signal) {
        let _ = kill(Pid::from_raw(self.pid), signal);
    }
}

/// Every living process of a session, oldest first.
pub fn of_session(session: i32) -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let mut found: Vec<_> = pids.filter_map(Process::read).filter(|one| one.session == session).collect();
    found.sort_by_key(|one| (one.started, one.pid));
    found
}

/// A field of a process's status in KiB, such as `VmHWM`.
pub fn memory_kib(pid: i32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a living process");
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).expect("a figure in KiB")
}

/// A program that runs, in a session of its own: whatever becomes of it, its children can be found.
pub struct Running {
    child: Child,
    started: Instant,
    stdout: Option<JoinHandle<String>>,
    stderr: Arc<Mutex<String>>,
    stderr_reader: Option<JoinHandle<()>>,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Ended {
    /// Its exit code; none when a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The signal that ended it.
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// The last line on standard output.
    pub fn last_line(&self) -> &str {
        self.stdout.lines().last().unwrap_or_default()
    }
}

impl Running {
    /// Starts a program.
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // SAFETY: setsid is one system call; nothing is allocated between fork and exec.
        unsafe { command.pre_exec(|| nix::unistd::setsid().map(drop).map_err(Into::into)) };
        let mut child = command.spawn().expect("the program starts");
        let (mut out, mut err) = (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
        let stdout = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = out.read_to_string(&mut text);
            text
        });
        let stderr = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&stderr);
        let stderr_reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = err.read(&mut buffer) {
                sink.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        });
        Self {
            child,
            started: Instant::now(),
            stdout: Some(stdout),
            stderr,
            stderr_reader: Some(stderr_reader),
        }
    }

    /// Its process, which is its session too.
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// What it has said on standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Waits until it has said this on standard error.
    pub fn wait_for(&mut self, words: &str) {
        let found = until(PATIENCE, || {
            self.stderr().contains(words) || self.child.try_wait().is_ok_and(|status| status.is_some())
        });
        assert!(found && self.stderr().contains(words), "`{words}` was not said, but:\n{}", self.stderr());
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    /// Whether a trial is in hand: an agent has workers.
    pub fn has_streams(&self) -> bool {
        let is_worker = |task: &std::path::Path| {
            std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == "stream")
        };
        self.agents().iter().any(|agent| {
            let tasks =
                std::fs::read_dir(format!("/proc/{}/task", agent.pid)).into_iter().flatten().flatten();
            tasks.map(|task| task.path()).any(|task| is_worker(&task))
        })
    }

    /// Its agents, the sender's first: they are started in this order.
    pub fn agents(&self) -> Vec<Process> {
        let is_agent = |one: &Process| {
            one.parent == self.pid() && one.arguments.get(1).is_some_and(|word| word == "agent")
        };
        of_session(self.pid()).into_iter().filter(is_agent).collect()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let _ = kill(Pid::from_raw(self.pid()), signal);
    }

    /// Waits for its end, and for that of every process that it started: none may be left.
    pub fn wait(mut self) -> Ended {
        let in_time = until(PATIENCE, || !self.is_running());
        assert!(in_time, "still running after {PATIENCE:?}; it said:\n{}", self.stderr());
        let status = self.child.wait().expect("it has ended");
        let took = self.started.elapsed();
        let alone = until(FAREWELL, || of_session(self.pid()).is_empty());
        assert!(alone, "left behind {FAREWELL:?} after the end: {:?}", of_session(self.pid()));
        let stdout = self.stdout.take().expect("waited for once").join().expect("a reader");
        self.stderr_reader.take().expect("waited for once").join().expect("a reader");
        Ended { status, stdout, stderr: self.stderr(), took }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only after a failed test is anyone left.
        of_session(self.pid()).iter().for_each(|one| one.kill(Signal::SIGKILL));
        let _ = self.child.wait();
    }
}

/// Runs a program to its end.
pub fn run(command: Command) -> Ended {
    Running::start(command).wait()
}
