//! `copycost man`: the man page, in roff.

use super::{Exit, print};

/// Prints that of this command line.
pub fn run(all: clap::Command) -> anyhow::Result<Exit> {
    let mut text = Vec::new();
    clap_mangen::Man::new(all).render(&mut text)?;
    print(&String::from_utf8(text)?).map(|()| Exit::Success)
}
