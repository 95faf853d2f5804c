//! `copycost validate`: whether a run's directory holds what its schema says.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::Exit;
use crate::output::{Out, harmless};
use crate::validate::validate;

/// The arguments of `copycost validate`.
#[derive(Args, Clone, Debug)]
pub struct ValidateArgs {
    /// Directory of the run
    pub run: PathBuf,
}

/// Checks the run and prints what is wrong with it.
pub fn run(arguments: &ValidateArgs) -> anyhow::Result<Exit> {
    Ok(if arguments.print(&mut Out)? { Exit::Success } else { Exit::Found })
}

/// Violations that are printed; a file that is wrong throughout would bury the first ones.
const PRINTED: usize = 50;

impl ValidateArgs {
    /// Checks the run and prints what is wrong with it. True when nothing is.
    pub fn print(&self, out: &mut impl Write) -> anyhow::Result<bool> {
        let found = validate(&self.run)?;
        for violation in found.violations.iter().take(PRINTED) {
            writeln!(out, "{}", harmless(&violation.to_string()))?;
        }
        if found.violations.len() > PRINTED {
            writeln!(out, "and {} more", found.violations.len() - PRINTED)?;
        }
        if found.violations.is_empty() {
            let files: Vec<String> =
                found.checked.iter().map(|(file, rows)| format!("{file} ({rows})")).collect();
            writeln!(out, "valid: {}", files.join(", "))?;
            if let Some(remark) = &found.remark {
                writeln!(out, "{remark}")?;
            }
        }
        Ok(found.violations.is_empty())
    }
}
