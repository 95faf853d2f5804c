//! Every key of a grid, for people: what it holds, what it is where it is not said, an example.

/// A key of a grid.
pub struct Key {
    /// Its name; that of a group before it, as in `socket.nodelay`.
    pub name: &'static str,
    /// What it holds, with its unit; it begins with `list` where several values may stand there.
    pub holds: &'static str,
    /// What it is where it is not said; none where it must be.
    pub default: Option<&'static str>,
    /// A value, as a grid has it.
    pub example: &'static str,
    /// What it sets.
    pub about: &'static str,
}

/// What stands for several values or for one.
const LIST: &str = "list, or one value";

macro_rules! keys {
    ($($name:literal: $holds:expr, $default:expr, $example:literal, $about:literal;)+) => {
        /// Every key, in the order in which grids are usually written.
        pub const KEYS: &[Key] = &[
            $(Key { name: $name, holds: $holds, default: $default, example: $example, about: $about },)+
        ];
    };
}

keys! {
    "name": "word of up to 64 letters, digits, `-`, `_` and `.`", None, "my-grid",
        "Name of the grid, a part of the run's directory.";
    "paths": "list of send paths, or one", None, "[two-copy, zero-copy, {uring-send: {depth: [1, 8], chain: link}}]",
        "Send paths, with their parameters; `all` for every one. A dimension. `copycost paths` lists them.";
    "receive_paths": "list of receive paths, or one", Some("recv"), "[recv, zc-mmap]",
        "Receive paths, in the same way; `all` for every one that the wire can have. A dimension.";
    "message_sizes": "list of sizes from 64 B to 256 MiB, or one", None, "[64, 1KiB, 64KiB]",
        "Sizes of the messages. A dimension.";
    "threads": "list of numbers from 1 to 1024, or one", None, "[1, 4]",
        "Numbers of streams; each is a thread at both ends. A dimension.";
    "payload": LIST, Some("static"), "[static, fresh]",
        "`static`: every message is written once, before it is sent. `fresh`: each is written anew. A dimension.";
    "working_set": LIST, Some("hot"), "[hot, 64MiB]",
        "Bytes that the messages of a stream cycle through: `hot` for one message over and over (as many as the path keeps \
         in flight), or a size up to 4 GiB. A dimension.";
    "workload": "list of workloads, or one", Some("stream"), "[stream, {open-loop: {rate: [1000, 50%]}}]",
        "What the streams do: `stream` sends as fast as it can, `request` waits for each answer, `open-loop` sends at a \
         rate. A dimension.";
    "latency": "true or false", Some("false"), "true",
        "Whether a request cell comes beside each stream cell, so that delays are measured.";
    "depth": LIST, Some("1"), "[1, 8]",
        "Requests of a connection that are not answered yet, for workloads that have this parameter.";
    "wait": LIST, Some("block"), "[block, spin]",
        "How an answer is waited for: `block`, `spin`, `busy-poll-50us`.";
    "background": LIST, Some("0"), "[0, 2]",
        "Streams that send as fast as they can beside those that are answered.";
    "wire": LIST, Some("the lab's first"), "[veth, sink]",
        "What joins the two ends: `veth`, `loopback`, `bridge`, `overlay`, `nic`, `sink`, `unix`. A dimension.";
    "duration": "duration from 1 ms to 1 h", Some("1s"), "10s",
        "Length of a trial's window.";
    "messages": "whole number from 1 to 10^9", Some("none: `duration` ends the window"), "100000",
        "Messages of a stream after which the window ends, instead of `duration`.";
    "warmup": "duration up to 10 min", Some("200ms"), "500ms",
        "How long is sent before the window begins.";
    "repetitions": "whole number from 1 to 10000, or {min, max, until}", Some("5"), "{min: 5, max: 30, until: 2%}",
        "How often each cell is run. With `until`, a cell stops before `max` once half the width of the 95 % interval of its \
         median throughput is below that share of it.";
    "control": "one of the paths", Some("none"), "two-copy",
        "A path whose cells run twice in each block: what differs between the two is noise.";
    "seed": "whole number", Some("drawn, and recorded"), "7",
        "Seed of the order in which trials are run.";
    "lab": "one of netns, loopback", Some("netns"), "loopback",
        "Where the two agents live, if no flag says otherwise.";
    "pin": "auto, none, or {sender: [CPU, …], receiver: [CPU, …]}", Some("auto"), "{sender: [0], receiver: [1]}",
        "CPUs that the workers are bound to, in the order in which streams take them.";
    "socket.congestion": "name of a congestion control, or default", Some("cubic where the kernel has it"), "bbr",
        "TCP_CONGESTION; `default` leaves what the host has.";
    "socket.nodelay": "true or false", Some("true where messages are answered, otherwise false"), "true",
        "TCP_NODELAY.";
    "socket.cork": LIST, Some("off"), "[off, on]",
        "MSG_MORE with every send. A dimension, as a parameter of the send path.";
    "socket.send_buffer": "size from 4 KiB to 1 GiB", Some("the kernel's"), "4MiB",
        "SO_SNDBUF.";
    "socket.receive_buffer": "size from 4 KiB to 1 GiB", Some("the kernel's"), "4MiB",
        "SO_RCVBUF.";
    "socket.rcvlowat": LIST, Some("0: the kernel's"), "[0, 64KiB]",
        "SO_RCVLOWAT, bytes. A dimension, as a parameter of the receive path.";
    "link.interfaces": "list of two interfaces", Some("none: a veth pair"), "[ens1f0, ens1f1]",
        "Interfaces of this host that the netns lab borrows: the sender's, then the receiver's.";
    "link.mtu": "whole number from 68 to 65535, bytes", Some("the interface's"), "4148",
        "MTU of both ends.";
    "link.tso": "true or false", Some("the interface's"), "false", "TCP segmentation offload of both ends.";
    "link.gso": "true or false", Some("the interface's"), "false", "Generic segmentation offload of both ends.";
    "link.gro": "true or false", Some("the interface's"), "true", "Generic receive offload of both ends.";
    "link.tx-checksum": "true or false", Some("the interface's"), "false", "Checksum offload when sending.";
    "link.rx-checksum": "true or false", Some("the interface's"), "false", "Checksum offload when receiving.";
    "link.scatter-gather": "true or false", Some("the interface's"), "false",
        "Scatter-gather of both ends; without it the kernel copies what would be sent from where it lies.";
    "link.delay": "duration up to 1 s", Some("none"), "10ms", "How long each packet is held back, each way (netem).";
    "link.jitter": "duration up to `delay`", Some("none"), "1ms", "How far that varies to either side (netem).";
    "link.loss": "percentage below 100 %", Some("none"), "0.1%", "Share of the packets that is lost, each way (netem).";
    "link.rate": "rate from 100kbit to 1000Gbit, bits a second", Some("none"), "10Gbit", "Rate of each way (netem).";
    "read_size": "auto, message, or a size up to 256 MiB", Some("auto"), "128KiB",
        "Bytes that a receive call asks for; `auto`: the message's, and 64 KiB at least.";
    "verify": "true or false", Some("false"), "true",
        "Whether every byte that arrives is compared with what was sent, which takes time of the receiver.";
    "xray": "true or false", Some("false"), "true",
        "Whether passes that show where bytes are copied accompany the timed trials.";
    "measurement": "true or false", Some("true"), "false",
        "Whether the figures are a measurement; `false` for a grid that only shows that everything runs.";
    "only": "{dimension: value or list, …}", Some("all of each"), "{path: zero-copy, threads: [1, 4]}",
        "What is run of a dimension: `path`, `receive_path`, `size`, `threads`, `payload`, `workload`, `wire`, `working_set`.";
}

/// The names of all keys.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    KEYS.iter().map(|key| key.name)
}

/// The key of this name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Whether several values may stand in a key, so that a flag may give them with commas.
pub fn is_list(name: &str) -> bool {
    find(name).is_some_and(|key| key.holds.starts_with("list"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Grid;
    use crate::grid::raw::RawGrid;
    use crate::message::{LARGEST, SMALLEST};
    use crate::units;
    use crate::workload::MOST_STREAMS;

    /// The keys that a part of a grid knows, as its parser tells them to somebody who wrote another.
    fn known(before: &str, indent: &str) -> Vec<String> {
        let text = format!("{before}{indent}no-such-key: 1\n");
        let error = serde_yaml::from_str::<RawGrid>(&text).err().expect("a key that is none").to_string();
        let (_, keys) = error.split_once("expected one of ").expect("the keys");
        let line = keys.lines().next().expect("a line");
        line.split(", ").map(str::to_owned).collect()
    }

    #[test]
    fn every_key_that_a_grid_can_have_is_here_and_no_other() {
        let groups = ["socket", "link"];
        let mut expected: Vec<String> =
            known("", "").into_iter().filter(|key| !groups.contains(&key.as_str())).collect();
        for group in groups {
            expected.extend(known(&format!("{group}:\n"), "  ").iter().map(|key| format!("{group}.{key}")));
        }
        let mut told: Vec<&str> = names().collect();
        told.sort_unstable();
        expected.sort_unstable();
        assert_eq!(told, expected);
    }

    #[test]
    fn limits_are_those_of_the_program() {
        let holds = |key: &str| find(key).unwrap().holds;
        let largest = units::size(LARGEST).replace("MiB", " MiB");
        assert!(holds("message_sizes").contains(&format!("{SMALLEST} B to {largest}")), "{largest}");
        assert!(holds("read_size").contains(&largest));
        assert!(holds("threads").contains(&format!("1 to {MOST_STREAMS},")));
    }

    #[test]
    fn every_example_is_one() {
        for key in KEYS {
            let base =
                "name: x\npaths: [two-copy, one-copy, zero-copy]\nmessage_sizes: 1KiB\nthreads: [1, 4]\n";
            let lines = base.lines().filter(|line| !line.starts_with(&format!("{}:", key.name)));
            let mut text: String = lines.map(|line| format!("{line}\n")).collect();
            match key.name {
                "depth" | "wait" | "background" => text += "workload: request\n",
                _ => {}
            }
            text += &match key.name.split_once('.') {
                None => format!("{}: {}\n", key.name, key.example),
                Some((group @ "link", "jitter")) => {
                    format!("{group}: {{delay: 10ms, jitter: {}}}\n", key.example)
                }
                Some((group, name)) => format!("{group}: {{{name}: {}}}\n", key.example),
            };
            Grid::parse(&text).unwrap_or_else(|error| panic!("{}: {error}\n{text}", key.name));
        }
    }

    #[test]
    fn defaults_are_what_a_grid_has_that_says_nothing() {
        let least = "name: x\npaths: two-copy\nmessage_sizes: 1KiB\nthreads: 1\n";
        let grid = Grid { text: String::new(), ..Grid::parse(least).unwrap() };
        for (key, default) in [
            ("receive_paths", "recv"),
            ("payload", "static"),
            ("working_set", "hot"),
            ("workload", "stream"),
            ("latency", "false"),
            ("duration", "1s"),
            ("warmup", "200ms"),
            ("repetitions", "5"),
            ("pin", "auto"),
            ("read_size", "auto"),
            ("verify", "false"),
            ("xray", "false"),
            ("measurement", "true"),
        ] {
            assert_eq!(find(key).unwrap().default, Some(default), "{key}");
            let said = Grid::parse(&format!("{least}{key}: {default}\n")).unwrap();
            assert_eq!(Grid { text: String::new(), ..said }, grid, "{key}");
        }
    }
}
