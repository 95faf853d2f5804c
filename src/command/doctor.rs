//! `copycost doctor`: what this host can do, and what to do about what it cannot.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Exit;
use crate::doctor::{diagnose, print};
use crate::output::Out;

/// Checks what this host can do.
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// How to print it
    #[arg(long, value_enum, default_value_t = DiagnosisFormat::Table)]
    pub format: DiagnosisFormat,
    /// Where results would go
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
}

/// How the diagnosis is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DiagnosisFormat {
    /// Lines for people.
    Table,
    /// One object.
    Json,
}

/// Runs every check and prints the diagnosis. Whether the default lab can run decides the exit code.
pub fn run(arguments: &DoctorArgs) -> anyhow::Result<Exit> {
    let diagnosis = diagnose(&arguments.results);
    match arguments.format {
        DiagnosisFormat::Table => print::table(&diagnosis, &mut Out)?,
        DiagnosisFormat::Json => print::json(&diagnosis, &mut Out)?,
    }
    Ok(if diagnosis.default_lab { Exit::Success } else { Exit::Unable })
}
