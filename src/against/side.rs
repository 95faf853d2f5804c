//! One side: a program that runs one trial at a time, each in a process of its own.

use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::grid;
use super::scratch::Scratch;
use crate::cell::Cell;
use crate::exit::Exit;
use crate::grid::Grid;
use crate::options::Bound;
use crate::output::last_line;
use crate::record::{Manifest, Trial, TrialRows, csv_file};

/// Time that a trial may take beyond its warm-up and window before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(120);
/// The same where its messages are counted, and nobody knows how long they take.
const UNBOUNDED: Duration = Duration::from_secs(3600);

/// A program, and what it is asked with.
pub(super) struct SideRunner {
    program: PathBuf,
    pub(super) what: String,
    lab: Vec<String>,
    scratch: Scratch,
}

/// What came of a trial.
pub(super) enum Produced {
    /// Its row and what it left beside, and what the manifest says of the lab.
    Row(Box<Trial>, TrialRows, Box<Manifest>),
    /// No row: why, and whether the program refused what it was asked for.
    Nothing { why: String, refused: bool },
}

impl SideRunner {
    pub(super) fn new(program: &Path, what: &str, lab: &[String]) -> anyhow::Result<Self> {
        Ok(Self {
            program: program.to_owned(),
            what: what.to_owned(),
            lab: lab.to_vec(),
            scratch: Scratch::new()?,
        })
    }

    /// Runs one trial of a cell.
    pub(super) fn run(&self, grid: &Grid, cell: &Cell) -> Produced {
        self.try_run(grid, cell)
            .unwrap_or_else(|error| Produced::Nothing { why: format!("{error:#}"), refused: false })
    }

    fn try_run(&self, grid: &Grid, cell: &Cell) -> anyhow::Result<Produced> {
        let results = self.scratch.path().join("results");
        let mut command = Command::new(&self.program);
        command
            .arg0("copycost")
            .args(["sweep", "-", "--quiet", "--no-report", "--results"])
            .arg(&results)
            .args(&self.lab)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C on the terminal is for the program above, which lets the trial in hand be finished.
            .process_group(0);
        // SAFETY: one system call; nothing is allocated between fork and exec.
        unsafe {
            command.pre_exec(|| {
                nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
                Ok(())
            });
        }
        let mut child = command.spawn().with_context(|| format!("starting {}", self.what))?;
        let mut input = child.stdin.take().context("its standard input")?;
        // A program that does not read says why on its standard error.
        let _ = input.write_all(grid::of_one(grid, cell)?.as_bytes());
        drop(input);
        let patience = match grid.trial.bound {
            Bound::Duration(window) => grid.trial.warmup + window + PATIENCE,
            Bound::Messages(_) => UNBOUNDED,
        };
        let output = wait(child, patience)?;
        let said = sentence(&output);
        let found = collect(&results);
        let _ = std::fs::remove_dir_all(&results);
        let ended = output.status;
        Ok(match found {
            Ok(Some(produced)) => produced,
            _ if ended.code() == Some(Exit::Usage.code().into()) => {
                Produced::Nothing { why: said, refused: true }
            }
            Ok(None) => {
                let how = match (ended.code(), ended.signal()) {
                    (Some(code), _) => format!("it ended with exit code {code}"),
                    (None, signal) => format!("it was killed by signal {}", signal.unwrap_or_default()),
                };
                let why = if said.is_empty() {
                    format!("{how} and said nothing")
                } else {
                    format!("{how}: {said}")
                };
                Produced::Nothing { why, refused: false }
            }
            Err(error) => return Err(error),
        })
    }
}

/// Waits for a child; one that takes too long is killed.
fn wait(child: Child, patience: Duration) -> anyhow::Result<Output> {
    let pid = Pid::from_raw(child.id().cast_signed());
    let (done, ended) = channel();
    let waiter = std::thread::spawn(move || done.send(child.wait_with_output()));
    let output = ended.recv_timeout(patience);
    if output.is_err() {
        // Nobody has waited for it yet, so the number is still its own.
        let _ = kill(pid, Signal::SIGKILL);
    }
    let _ = waiter.join();
    match output {
        Ok(output) => output.context("waiting for it"),
        Err(_) => anyhow::bail!("it did not end within {} s", patience.as_secs()),
    }
}

/// What it said last, without its own name before it.
fn sentence(output: &Output) -> String {
    let line = last_line(&output.stderr).unwrap_or_default();
    line.strip_prefix("copycost: ").unwrap_or(&line).to_owned()
}

/// The one row of the one run in a results directory; none where there is no row.
fn collect(results: &Path) -> anyhow::Result<Option<Produced>> {
    let Ok(entries) = std::fs::read_dir(results) else { return Ok(None) };
    let mut runs =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir() && !path.is_symlink());
    let Some(run) = runs.next() else { return Ok(None) };
    let manifest = Manifest::read(&run.join("manifest.json")).map_err(anyhow::Error::msg)?;
    let rows = csv_file::read::<Trial>(&run)?.rows;
    let beside = TrialRows::read(&run)?;
    Ok(rows.into_iter().next().map(|row| Produced::Row(Box::new(row), beside, Box::new(manifest))))
}
