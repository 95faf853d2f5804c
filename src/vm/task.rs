//! What a guest is to do: written by the host into the initramfs, read by `/init`.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::initramfs::lexically;
use crate::lab::kind::INTERFACES;
use crate::record::manifest::VM_FACTS;

/// The environment that a command in the guest inherits; and all variables of copycost's own.
const INHERITED: [&str; 4] = ["TERM", "NO_COLOR", "TZ", "RUST_BACKTRACE"];
/// Variables of copycost that are about this host.
const HOSTS_OWN: [&str; 4] = [INTERFACES, "COPYCOST_QEMU", VM_FACTS, crate::witness::DEVICE];

/// Where the task is in the guest. A process with the number 1 that finds it there is a guest's `/init`.
pub(crate) const TASK: &str = "/copycost-task.json";
/// Where modules are, in the order of their names.
pub(crate) const MODULES: &str = "/modules";
/// Where carried programs are.
pub(crate) const CARRIED: &str = "/carried";
/// Standard input of the command, where it has any.
pub(crate) const INPUT: &str = "/copycost-input";

/// What a guest is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Task {
    /// The command's words: those of copycost, or a carried program and its own.
    pub(crate) command: Vec<String>,
    /// Whether the first word is a carried program.
    pub(crate) is_carried: bool,
    /// Variables of its environment.
    pub(crate) environment: Vec<(String, String)>,
    /// The directory that it runs in.
    pub(crate) directory: PathBuf,
    /// Directories whose changes go home.
    pub(crate) watched: Vec<PathBuf>,
    /// Whether threads take turns by rank alone, as they do under the instruction clock.
    pub(crate) in_order: bool,
    /// The terminal at the host's standard output and standard error, where there is one.
    pub(crate) terminals: [Option<Size>; 2],
}

/// Columns and rows of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Size {
    pub(crate) columns: u16,
    pub(crate) rows: u16,
}

/// What copycost in the machine writes down for itself.
const MACHINES_OWN: &str = "/run/copycost";

impl Task {
    /// The task of a command, and of the files that are carried along.
    pub(crate) fn of(command: &[OsString], carried: &[PathBuf], in_order: bool) -> Result<Self> {
        let directory = std::env::current_dir().context("the current directory is gone")?;
        let mut words = Vec::new();
        for word in command {
            let word = word.to_str().with_context(|| format!("{} is not UTF-8", word.display()))?;
            words.push(word.to_owned());
        }
        let mut names = carried.iter().filter_map(|path| path.file_name());
        let readable = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let own = readable.filter(|(name, _)| {
            INHERITED.contains(&name.as_str())
                || (name.starts_with("COPYCOST_") && !HOSTS_OWN.contains(&name.as_str()))
        });
        let mut task = Self {
            is_carried: names.any(|name| words.first().is_some_and(|word| *word == name.to_string_lossy())),
            command: words,
            environment: own.collect(),
            watched: vec![directory.clone()],
            directory,
            in_order,
            terminals: [terminal(&std::io::stdout().as_fd()), terminal(&std::io::stderr().as_fd())],
        };
        let named = task.named_paths().into_iter().filter(|path| path.is_dir());
        let watched: Vec<PathBuf> = named.chain(task.result_directories()).collect();
        task.watched.extend(watched);
        task.watched.dedup();
        // What the machine keeps for itself would come home too, and take the place of the host's own.
        if let Some(root) = task.watched.iter().find(|root| Path::new(MACHINES_OWN).starts_with(root)) {
            bail!(
                "{} holds what every Linux keeps for itself, so what the machine writes there cannot come home; change to \
                 another directory",
                root.display()
            );
        }
        Ok(task)
    }

    /// Paths of this host that the command's words name, alone or behind `=`.
    pub(crate) fn named_paths(&self) -> Vec<PathBuf> {
        let words = self.command.iter().skip(1).map(String::as_str);
        let parts = words
            .filter(|word| !word.starts_with('-') || word.contains('='))
            .map(|word| word.split_once('=').map_or(word, |(_, path)| path));
        let results = self.result_directories();
        let all = parts.map(|part| lexically(&self.directory.join(part)));
        all.filter(|path| path.exists() && !results.contains(path)).collect()
    }

    /// Where the command shall write its runs: it need not know what is there.
    fn result_directories(&self) -> Vec<PathBuf> {
        let words: Vec<&str> = self.command.iter().map(String::as_str).collect();
        let after = words.windows(2).filter(|pair| pair[0] == "--results").map(|pair| pair[1]);
        let joined = words.iter().filter_map(|word| word.strip_prefix("--results="));
        after.chain(joined).map(|path| lexically(&self.directory.join(path))).collect()
    }
}

/// The size of the terminal at a stream's end, where there is one.
fn terminal(stream: &(impl AsFd + IsTerminal)) -> Option<Size> {
    use std::os::fd::AsRawFd;
    nix::ioctl_read_bad!(window_size, nix::libc::TIOCGWINSZ, nix::libc::winsize);
    if !stream.is_terminal() {
        return None;
    }
    let mut size = nix::libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ fills in the structure that it is given, which lives until the call returns.
    let told = unsafe { window_size(stream.as_fd().as_raw_fd(), &raw mut size) };
    let known = told.is_ok() && size.ws_col > 0;
    Some(if known {
        Size { columns: size.ws_col, rows: size.ws_row }
    } else {
        Size { columns: 80, rows: 24 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_watches_where_its_command_writes_and_carries_what_it_names() {
        let there = tempfile::tempdir().unwrap();
        let there = there.path().canonicalize().unwrap();
        let (grid, results) = (there.join("grid.yaml"), there.join("results"));
        std::fs::write(&grid, "").unwrap();
        std::fs::create_dir(&results).unwrap();
        let text = |path: &Path| OsString::from(path);
        let words = ["sweep".into(), text(&grid), "--results".into(), text(&results), "nowhere".into()];
        let task = Task::of(&words, &["/bin/tool".into()], false).unwrap();
        assert_eq!(task.named_paths(), [grid]);
        assert_eq!(task.watched.last(), Some(&results));
        assert!(!task.is_carried);
        assert!(Task::of(&["tool".into()], &["/bin/tool".into()], false).unwrap().is_carried);
    }
}
