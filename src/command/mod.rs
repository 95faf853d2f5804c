//! The verbs, one file each: what `main` dispatches to.

pub mod health;
pub mod measure;
pub mod paths;
mod source;
pub mod sweep;
pub mod vm;
pub mod xray;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;

use crate::agent::handshake::Token;
use crate::cli::LabArgs;
pub use crate::exit::{Exit, UsageError};
use crate::grid::{LabKind, LinkOptions};
use crate::lab::{Addresses, Lab};
use crate::output::Out;

/// Makes the lab that the flags and the grid ask for.
fn lab(arguments: &LabArgs, grids: Option<LabKind>, link: &LinkOptions) -> anyhow::Result<Lab> {
    let Some(sender) = arguments.sender.clone() else {
        let kind = arguments.lab.or(grids).unwrap_or(LabKind::Netns);
        if kind == LabKind::Loopback && *link != LinkOptions::default() {
            let what = "the loopback lab makes no link: drop `link` from the grid, or use --lab netns";
            return Err(UsageError(what.to_owned()).into());
        }
        return Lab::local(kind, link);
    };
    if *link != LinkOptions::default() {
        let what = "`link` is for a lab that makes its own link; with --sender the link is there already";
        return Err(UsageError(what.to_owned()).into());
    }
    let token = match &arguments.token_file {
        Some(path) => Token::read(path).map_err(UsageError)?,
        None => Token::default(),
    };
    let addresses =
        Addresses { sender, receiver: arguments.receiver.clone(), wires: arguments.wires.clone() };
    Lab::remote(&addresses, &token)
}

/// A flag that Ctrl-C and SIGTERM set; the second signal ends the program at once.
fn stop_flag() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [libc::SIGINT, libc::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, Exit::Unable as i32, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

/// Writes to standard output.
///
/// # Errors
/// When it does not take the text, as on a full disk.
pub fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    Out.write_all(text.as_bytes()).and_then(|()| Out.flush()).context("writing to standard output")
}
