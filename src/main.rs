//! copycost: parse, dispatch, exit code.

use std::process::ExitCode;

use clap::Parser;
use copycost::cli::{Cli, Command};
use copycost::exit::{Exit, Interrupted, UsageError};
use copycost::failure::chain;
use copycost::output::{harmless, say};
use copycost::vm::guest;
use nix::sys::signal::{SigHandler, Signal, signal};

fn main() -> ExitCode {
    if guest::is_init() {
        guest::run();
    }
    outlive_file_limit();
    let exit = match command() {
        Ok(command) => command.run().unwrap_or_else(|error| {
            say(format_args!("copycost: {}", chain(&error)));
            match () {
                () if error.is::<UsageError>() => Exit::Usage,
                () if error.is::<Interrupted>() => Exit::Interrupted,
                () => Exit::Unable,
            }
        }),
        Err(exit) => exit,
    };
    ExitCode::from(exit.code())
}

/// A file that is as large as `ulimit -f` allows is an error to be told, and no reason to be killed.
fn outlive_file_limit() {
    // SAFETY: ignoring a signal runs no handler.
    let _ = unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) };
}

/// What the command line asks for; otherwise it is said why not, or what was asked of the command line itself.
fn command() -> Result<Command, Exit> {
    if let Some(word) = std::env::args_os().find(|word| word.to_str().is_none()) {
        say(format_args!("copycost: `{}` is not UTF-8; write arguments and paths in UTF-8", word.display()));
        return Err(Exit::Usage);
    }
    Cli::try_parse().map(|cli| cli.command).map_err(|error| {
        match error.use_stderr() {
            // In colours where it is for a terminal; what the caller wrote must not add any.
            true if std::env::args().all(|word| harmless(&word) == word) => drop(error.print()),
            true => error.to_string().lines().for_each(say),
            false => drop(error.print()),
        }
        if error.use_stderr() { Exit::Usage } else { Exit::Success }
    })
}
