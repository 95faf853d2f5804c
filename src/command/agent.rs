//! `copycost agent`: hold one end.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::{Exit, UsageError};
use crate::agent::handshake::Token;
use crate::agent::serve;
use crate::link;
use crate::output::say;

/// Flags of `copycost agent`.
#[derive(Debug, Args)]
pub struct AgentArgs {
    /// Address and port to listen on; beyond loopback a token is needed
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:7010")]
    pub listen: SocketAddr,
    /// File with the token that a coordinator must know
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Make a token, write it into this new file, and serve those who know it
    #[arg(long, value_name = "FILE", conflicts_with = "token_file")]
    pub new_token: Option<PathBuf>,
    /// Port that the payload comes in by where this agent sends, for a firewall to open [default: any that is free]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub data_port: Option<u16>,
    /// Keep a network namespace for direct pairs, free of the packet filters that a container engine puts into
    /// the agent's own; `copycost link` finds it there. Needs CAP_SYS_ADMIN
    #[arg(long)]
    pub pair_netns: bool,
    /// The coordinator is at the other end of standard input
    #[arg(long, hide = true, conflicts_with_all = ["listen", "token_file", "new_token", "data_port"])]
    pub inherited: bool,
    /// Enter a network namespace of its own first
    #[arg(long, hide = true, requires = "inherited")]
    pub netns: bool,
    /// Join this process's user namespace before that
    #[arg(long, hide = true, value_name = "PID", requires = "netns")]
    pub beside: Option<u32>,
}

/// Serves coordinators.
pub fn run(arguments: &AgentArgs) -> anyhow::Result<Exit> {
    // Namespaces first: the kernel lets only a process with one thread enter a user namespace.
    match (arguments.netns, arguments.beside) {
        (false, _) => {}
        (true, None) => drop(link::enter_new_netns()?),
        (true, Some(first)) => drop(link::join_user_ns_then_new_netns(first)?),
    }
    if arguments.inherited {
        serve::inherited()?;
    } else {
        let token = match (&arguments.new_token, &arguments.token_file) {
            (Some(path), _) => Token::make(path).map_err(UsageError)?,
            (None, Some(path)) => Token::read(path).map_err(UsageError)?,
            (None, None) => Token::default(),
        };
        serve::allowed(arguments.listen, &token).map_err(UsageError)?;
        if let Some(path) = &arguments.new_token {
            say(format_args!(
                "copycost agent: on the coordinator's host: scp THIS_HOST:{path} token && copycost sweep --sender \
                 THIS_HOST:{port} --token-file token",
                path = std::path::absolute(path).unwrap_or_else(|_| path.clone()).display(),
                port = arguments.listen.port()
            ));
        }
        serve::listen(
            arguments.listen,
            &token,
            arguments.pair_netns,
            arguments.data_port.unwrap_or_default(),
        )?;
    }
    Ok(Exit::Success)
}
