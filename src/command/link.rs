//! `copycost link`: joins two network namespaces, or takes the link away.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use ipnet::IpNet;

use super::Exit;
use crate::link::namespace::NsRef;
use crate::link::offload::Offload;
use crate::link::pair::{self, LinkSpec};
use crate::output::Out;
use crate::record::manifest::Netem;

/// Joins two network namespaces by one veth pair, or takes it away.
#[derive(Clone, Debug, Args)]
pub struct LinkArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: LinkCommand,
}

/// What `copycost link` does.
#[derive(Clone, Debug, Subcommand)]
pub enum LinkCommand {
    /// Make a veth pair between two namespaces; one left by a killed run is replaced. Prints it as JSON
    Create {
        /// Leave a pair alone that is already as asked for
        #[arg(long)]
        keep: bool,
        /// Use the two interfaces of these names, which are there already
        #[arg(long, hide = true, conflicts_with = "keep")]
        existing: bool,
        /// The two ends.
        #[command(flatten)]
        ends: EndsArgs,
        /// MTU of both ends [default: the kernel's, 1500]
        #[arg(long, value_name = "BYTES")]
        mtu: Option<u32>,
        /// Switch an offload of both ends: tso, gso, gro, tx-checksum, rx-checksum or scatter-gather; may be
        /// given again
        #[arg(long = "offload", value_name = "NAME=on|off", value_parser = parse_offload)]
        offloads: Vec<(Offload, bool)>,
        /// What each end does to the packets that leave by it, as the manifest has it
        #[arg(long, value_name = "JSON", hide = true, conflicts_with = "keep", value_parser = parse_netem)]
        netem: Option<Netem>,
        /// Address of the sender's end
        #[arg(long, value_name = "ADDR/LEN", default_value_t = pair::DEFAULT_SENDER)]
        sender_addr: IpNet,
        /// Address of the receiver's end
        #[arg(long, value_name = "ADDR/LEN", default_value_t = pair::DEFAULT_RECEIVER)]
        receiver_addr: IpNet,
    },
    /// Move two interfaces that a lab has borrowed back into this process's namespace
    #[command(hide = true)]
    GiveBack {
        /// The two ends.
        #[command(flatten)]
        ends: EndsArgs,
    },
    /// Delete the pair; it is no error when there is none
    Delete {
        /// The two ends.
        #[command(flatten)]
        ends: EndsArgs,
    },
}

/// Which namespaces, and the names in them.
#[derive(Clone, Debug, Args)]
pub struct EndsArgs {
    /// Process in the sender's network namespace (of a container: `docker inspect -f '{{.State.Pid}}'`)
    #[arg(long, value_name = "PID", required_unless_present = "sender_ns", conflicts_with = "sender_ns")]
    sender_pid: Option<u32>,
    /// The sender's network namespace, such as /run/netns/blue
    #[arg(long, value_name = "PATH")]
    sender_ns: Option<PathBuf>,
    /// Process in the receiver's network namespace
    #[arg(long, value_name = "PID", required_unless_present = "receiver_ns", conflicts_with = "receiver_ns")]
    receiver_pid: Option<u32>,
    /// The receiver's network namespace
    #[arg(long, value_name = "PATH")]
    receiver_ns: Option<PathBuf>,
    /// Name of the sender's interface; it begins with copycost
    #[arg(long, value_name = "NAME", default_value = pair::DEFAULT_NAME)]
    sender_name: String,
    /// Name of the receiver's interface; it begins with copycost
    #[arg(long, value_name = "NAME", default_value = pair::DEFAULT_NAME)]
    receiver_name: String,
    /// User namespace to join first; seldom needed
    #[arg(long, value_name = "PATH")]
    user_ns: Option<PathBuf>,
}

impl EndsArgs {
    fn spec(&self) -> LinkSpec {
        let reference = |pid: Option<u32>, path: &Option<PathBuf>| match path {
            Some(path) => NsRef::Path(path.clone()),
            None => NsRef::Pid(pid.expect("clap demands one of the two")),
        };
        LinkSpec {
            sender_name: self.sender_name.clone(),
            receiver_name: self.receiver_name.clone(),
            user_ns: self.user_ns.clone(),
            ..LinkSpec::between(
                reference(self.sender_pid, &self.sender_ns),
                reference(self.receiver_pid, &self.receiver_ns),
            )
        }
    }
}

impl LinkCommand {
    /// The link that the flags ask for.
    pub fn spec(&self) -> LinkSpec {
        match self {
            Self::Create { keep, existing, ends, mtu, offloads, netem, sender_addr, receiver_addr } => {
                LinkSpec {
                    keep: *keep,
                    existing: *existing,
                    mtu: *mtu,
                    offloads: BTreeMap::from_iter(offloads.iter().copied()),
                    netem: *netem,
                    sender_addr: *sender_addr,
                    receiver_addr: *receiver_addr,
                    ..ends.spec()
                }
            }
            Self::GiveBack { ends } | Self::Delete { ends } => ends.spec(),
        }
    }
}

/// Runs the command; the process is in other namespaces afterwards and should end.
pub fn run(arguments: &LinkArgs) -> Result<Exit> {
    let spec = arguments.command.spec();
    match &arguments.command {
        LinkCommand::Create { .. } => {
            let made = pair::create(&spec)?;
            serde_json::to_writer_pretty(&mut Out, &made)?;
            writeln!(Out)?;
        }
        LinkCommand::GiveBack { .. } => pair::give_back(&spec)?,
        LinkCommand::Delete { .. } => {
            let was_there = pair::delete(&spec)?;
            writeln!(Out, "{}", if was_there { "deleted" } else { "there was none" })?;
        }
    }
    Ok(Exit::Success)
}

fn parse_offload(text: &str) -> Result<(Offload, bool), String> {
    let (name, state) = text.split_once('=').ok_or("write NAME=on or NAME=off")?;
    let on = match state {
        "on" | "true" => true,
        "off" | "false" => false,
        _ => return Err(format!("`{state}` is neither on nor off")),
    };
    Ok((name.parse()?, on))
}

fn parse_netem(text: &str) -> Result<Netem, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        link: LinkArgs,
    }

    fn parse(line: &str) -> Result<LinkSpec, clap::Error> {
        Cli::try_parse_from(line.split(' ')).map(|cli| cli.link.command.spec())
    }

    #[test]
    fn flags_become_a_link() {
        let spec = parse(
            "link create --sender-pid 7 --receiver-ns /x --mtu 9000 --offload tso=off --offload gro=on",
        )
        .unwrap();
        assert_eq!((spec.sender_ns, spec.receiver_ns), (NsRef::Pid(7), NsRef::Path("/x".into())));
        assert_eq!(spec.mtu, Some(9000));
        assert_eq!(spec.offloads, BTreeMap::from([(Offload::Tso, false), (Offload::Gro, true)]));
        assert_eq!((spec.sender_addr, spec.receiver_addr), (pair::DEFAULT_SENDER, pair::DEFAULT_RECEIVER));
    }

    #[test]
    fn a_line_that_is_no_link_is_refused() {
        for line in [
            "link create --sender-pid 7",
            "link create --sender-pid 7 --sender-ns /x --receiver-pid 8",
            "link create --sender-pid 7 --receiver-pid 8 --offload tso",
            "link create --sender-pid 7 --receiver-pid 8 --offload warp=on",
            "link delete --sender-pid 7 --receiver-pid 8 --mtu 1500",
        ] {
            assert!(parse(line).is_err(), "`{line}` was accepted");
        }
    }
}
