//! `copycost man`: the man pages, in roff.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::{Exit, print};

/// Flags of `copycost man`.
#[derive(Clone, Debug, Args)]
pub struct ManArgs {
    /// The verb whose page is printed; the program's own where none is named
    #[arg(conflicts_with = "into")]
    pub verb: Option<String>,
    /// Write every page into this directory instead: copycost.1, copycost-sweep.1, …
    #[arg(long, value_name = "DIR")]
    pub into: Option<PathBuf>,
}

/// Prints a page of this command line, or writes all of them.
pub fn run(arguments: &ManArgs, mut all: clap::Command) -> anyhow::Result<Exit> {
    all.build();
    if let Some(directory) = &arguments.into {
        let place = || format!("writing man pages into {}", directory.display());
        std::fs::create_dir_all(directory).with_context(place)?;
        clap_mangen::generate_to(all, directory).with_context(place)?;
        return Ok(Exit::Success);
    }
    let page = match &arguments.verb {
        None => all,
        Some(verb) => {
            let known: Vec<String> = all.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
            let known = known.iter().map(String::as_str);
            let found = all.find_subcommand(verb).cloned();
            found.ok_or_else(|| super::UsageError(crate::spelling::unknown(verb, "a verb", known)))?
        }
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page).render(&mut text)?;
    print(&String::from_utf8(text)?).map(|()| Exit::Success)
}
