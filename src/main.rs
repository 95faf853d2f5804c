//! copycost: parse, dispatch, exit code.

use std::process::ExitCode;

use clap::Parser;
use copycost::cli::Cli;
use copycost::exit::{Exit, Interrupted, UsageError};
use copycost::output::say;
use copycost::vm::guest;

fn main() -> ExitCode {
    if guest::is_init() {
        guest::run();
    }
    let cli = Cli::parse();
    let exit = cli.command.run().unwrap_or_else(|error| {
        say(format_args!("copycost: {error:#}"));
        match () {
            () if error.is::<UsageError>() => Exit::Usage,
            () if error.is::<Interrupted>() => Exit::Interrupted,
            () => Exit::Unable,
        }
    });
    ExitCode::from(exit.code())
}
