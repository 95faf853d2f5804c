//! Why a trial did not end well: data that travels between the processes and ends as a row.

use std::io;

use nix::errno::Errno;
use nix::libc;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::output::harmless;

/// What the kernel said, and where it was a limit which one, and what raises it.
pub fn told(error: &io::Error) -> String {
    let limit = error.raw_os_error().and_then(limit);
    limit.map_or_else(|| error.to_string(), |limit| format!("{error}; {limit}"))
}

/// An error with its causes in one line, and what raises the limit that is behind it, where one is.
pub fn chain(error: &anyhow::Error) -> String {
    let cause = error.root_cause();
    let of_io = || cause.downcast_ref::<io::Error>()?.raw_os_error();
    let of_call = || cause.downcast_ref::<Errno>().map(|&errno| errno as i32);
    let limit = of_io().or_else(of_call).and_then(limit);
    limit.map_or_else(|| format!("{error:#}"), |limit| format!("{error:#}; {limit}"))
}

/// The limit that an error number means, and what raises it; absent where it means none.
fn limit(errno: i32) -> Option<String> {
    let of = |resource| match getrlimit(resource) {
        Ok((soft, _)) if soft != RLIM_INFINITY => soft.to_string(),
        _ => "no more".to_owned(),
    };
    match errno {
        libc::EMFILE => {
            let files = of(Resource::RLIMIT_NOFILE);
            Some(format!("this process may have {files} files open: raise the limit with `ulimit -n`"))
        }
        libc::ENFILE => Some("the host may have no more files open: raise the sysctl fs.file-max".to_owned()),
        libc::EFBIG => {
            let bytes = of(Resource::RLIMIT_FSIZE);
            Some(format!("this process may write files of {bytes} bytes: raise the limit with `ulimit -f`"))
        }
        _ => None,
    }
}

/// Why a trial did not end well.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(tag = "status", content = "reason", rename_all = "lowercase")]
pub enum Failure {
    /// This machine cannot run the cell.
    #[error("{0}")]
    Unsupported(String),
    /// The trial broke; the same trial may work another time.
    #[error("{0}")]
    Failed(String),
}

impl Failure {
    /// A failed trial, from what was being done and what the kernel said.
    pub fn io(doing: &str) -> impl FnOnce(io::Error) -> Self + '_ {
        move |error| Self::Failed(format!("{doing}: {}", told(&error)))
    }

    /// The same, when the reason is that of somebody else.
    #[must_use]
    pub fn of_another(self) -> Self {
        match self {
            Self::Unsupported(reason) => Self::Unsupported(harmless(&reason)),
            Self::Failed(reason) => Self::Failed(harmless(&reason)),
        }
    }

    /// The reason, without the word for its kind.
    pub fn reason(&self) -> &str {
        match self {
            Self::Unsupported(reason) | Self::Failed(reason) => reason,
        }
    }
}
