//! `copycost health`: is an agent there, and well?
//!
//! Made for the health check of a container. An engine knows one interval between checks: short, it starts a
//! process in the container every second of a sweep; long, a container is not known to be healthy for as long.
//! So the interval is short, and once a check went well the next ones take long.

use std::fs::File;
use std::io::ErrorKind;
use std::net::ToSocketAddrs;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;

use super::Exit;
use crate::agent::handshake;
use crate::lab::dial;

/// Flags of `copycost health`.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// The agent
    #[arg(value_name = "HOST:PORT", default_value = "127.0.0.1:7010")]
    pub agent: String,
    /// Stay this long after each good answer but the first: container engines start the next check only when
    /// this one has ended, and each start takes CPU time that a trial would count
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub linger: Option<Duration>,
}

/// In the directory for temporary files: says that a check went well before.
const WAS_WELL: &str = "copycost-was-well";

/// Asks the agent, and stays if that was asked for.
pub fn run(arguments: &HealthArgs) -> anyhow::Result<Exit> {
    let agent = &arguments.agent;
    let address = agent.to_socket_addrs().ok().and_then(|mut found| found.next());
    let address = address.with_context(|| format!("{agent}: no such address; write HOST:PORT"))?;
    let socket =
        dial(address).with_context(|| format!("no agent at {agent}; does `copycost agent` run there?"))?;
    handshake::greet(&socket).map_err(|why| anyhow!("the agent at {agent}: {why}"))?;
    drop(socket);
    if let Some(linger) = arguments.linger {
        match File::create_new(std::env::temp_dir().join(WAS_WELL)) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => std::thread::sleep(linger),
            // Where nothing can be noted, checks end at once and are many.
            _ => {}
        }
    }
    Ok(Exit::Success)
}
