use super::parse::parse;
use super::*;
use crate::grid::defaults::DEFAULT_REPETITIONS;
use crate::link::Offload;
use crate::options::Bound;
use std::time::Duration;

const SMALL: &str = "name: x\npaths: [A1, zero-copy]\nmessage_sizes: [64, 1KiB]\nthreads: [1, 4]\n";

fn with(line: &str) -> Result<Grid, GridError> {
    parse(&format!("{SMALL}{line}\n"))
}

#[test]
fn a_small_grid_gets_the_documented_defaults() {
    let grid = parse(SMALL).unwrap();
    assert_eq!(grid.paths, ["two-copy", "zero-copy"]);
    assert_eq!(grid.cells(Wire::Veth).len(), 8);
    assert_eq!(grid.cells(Wire::Veth)[0].key(), "veth/two-copy/recv/static/64B/t1");
    assert_eq!(grid.trial.bound, Bound::Duration(Duration::from_secs(1)));
    assert_eq!((grid.repetitions, grid.trial.pin), (DEFAULT_REPETITIONS, Pin::Auto));
    assert_eq!(grid.trial.socket.nodelay, None);
}

#[test]
fn the_design_example_reads() {
    let grid = parse(
        "name: example\npaths: [two-copy, one-copy, zero-copy]\nreceive_paths: [recv]\npayload: [static]\n\
         message_sizes: [64, 1KiB, 16KiB, 64KiB]\nthreads: [1, 2, 4]\nduration: 1s\nwarmup: 200ms\n\
         repetitions: {min: 5, max: 30, until: 2%}\nseed: 42\nwire: veth\n\
         pin: {sender: [0], receiver: [1]}\n\
         socket: {congestion: cubic, nodelay: true, send_buffer: 4MiB, receive_buffer: 4MiB}\n\
         link: {mtu: 1500, tso: true, gso: true, gro: true}\nread_size: auto\nverify: false\nxray: false\n",
    )
    .unwrap();
    assert_eq!(grid.repetitions, Repetitions { min: 5, max: 30, until: Some(0.02) });
    assert_eq!(grid.trial.pin, Pin::Explicit { sender: vec![0], receiver: vec![1] });
    assert_eq!(grid.trial.socket.send_buffer, Some(4 << 20));
    assert_eq!((grid.link.mtu, grid.link.offloads[&Offload::Tso]), (Some(1500), true));
    assert_eq!(grid.link.interfaces, None);
    let link = with("link: {interfaces: [ens1f0, ens1f1], mtu: 9000}").unwrap().link;
    assert_eq!(link.interfaces, Some(["ens1f0".to_owned(), "ens1f1".to_owned()]));
    assert_eq!(link.netem, None, "a link that is to have none gets none");
    let netem = |line| with(line).unwrap().link.netem.unwrap();
    let all = netem("link: {delay: 1ms, jitter: 200us, loss: 0.1%, rate: 10Gbit}");
    assert_eq!((all.delay_ns, all.jitter_ns, all.rate_bit_s), (1_000_000, 200_000, Some(10_000_000_000)));
    assert!((all.loss - 0.001).abs() < 1e-12);
    let alone = netem("link: {delay: 0s}");
    assert_eq!((alone.delay_ns, alone.loss, alone.rate_bit_s), (0, 0.0, None));
}

#[test]
fn what_is_said_of_sockets_is_spread_over_the_paths() {
    let received = |line| with(line).map(|grid| grid.receive_paths);
    assert_eq!(received("socket: {rcvlowat: 64KiB}").unwrap(), ["recv:rcvlowat=65536B"]);
    let all =
        received("receive_paths: [recv, {zc-mmap: {touch: read}}]\nsocket: {rcvlowat: [0, 64KiB]}").unwrap();
    let expected =
        ["recv", "recv:rcvlowat=65536B", "zc-mmap:touch=read", "zc-mmap:touch=read:rcvlowat=65536B"];
    assert_eq!(all, expected);
    for (line, part) in [
        ("receive_paths: [\"recv:rcvlowat=4KiB\"]\nsocket: {rcvlowat: 64KiB}", "twice"),
        ("socket: {rcvlowat: [64KiB, 65536B]}", "listed twice"),
        ("socket: {rcvlowat: []}", "empty"),
        ("socket: {rcvlowat: 1GiB}", "up to 64MiB"),
    ] {
        let refused = received(line).unwrap_err().to_string();
        assert!(refused.contains(part), "{line}: {refused}");
    }
}

#[test]
fn refusals_name_the_line_and_what_is_allowed() {
    for (text, line, part) in [
        ("colour: red", 5, "unknown field `colour`"),
        ("duratoin: 1s", 5, "did you mean `duration`?"),
        ("name: y", 5, "duplicate"),
        ("messages: 0", 5, "1 to 1000000000"),
        ("duration: 1", 5, "500ms"),
        ("duration: 2h", 5, "1h"),
        ("warmup: -1s", 5, "500ms"),
        ("repetitions: 0", 5, "1 to 10000"),
        ("repetitions: {min: 5, max: 2, until: 2%}", 5, "min at most max"),
        ("repetitions: {min: 5, mix: 2}", 5, "{min: 5, max: 30, until: 2%}"),
        ("seed: -4", 5, "seed"),
        ("lab: moon", 5, "netns, loopback"),
        ("wire: [veth, veth]", 5, "twice"),
        ("wire: air", 5, "bridge"),
        ("pin: some", 5, "auto, none"),
        ("pin: {sender: [], receiver: [1]}", 5, "at least one CPU"),
        ("pin: {sender: [0], receiver: [70000]}", 5, "0 to 1023"),
        ("read_size: 0", 5, "auto"),
        ("working_set: 10TiB", 5, "hot"),
        ("payload: [cold]", 5, "static, fresh"),
        ("receive_paths: []", 5, "empty"),
        ("receive_paths: [all, recv]", 5, "leave the others out"),
        ("control: one-copy", 5, "not among"),
        ("link: {mtu: 9, tso: true}", 5, "68 to 65535"),
        ("link: {delay: 1}", 5, "500ms"),
        ("link: {delay: 2s}", 5, "0s to 1s"),
        ("link: {delay: 1ms, jitter: 2ms}", 5, "at least as long"),
        ("link: {loss: 100%}", 5, "less than 100%"),
        ("link: {loss: 0.1}", 5, "not a percentage"),
        ("link: {rate: 10}", 5, "10Gbit"),
        ("link: {rate: 1kbit}", 5, "100kbit to 1000Gbit"),
        ("link: {interfaces: [ens1f0]}", 5, "two names"),
        ("link: {interfaces: [a, a]}", 5, "twice"),
        ("link: {interfaces: [a, b/c]}", 5, "two names"),
        ("link: {tsa: true}", 5, "unknown field `tsa`"),
        ("socket: {congestion: a_name_that_is_too_long}", 5, "congestion"),
        ("socket: {send_buffer: 1}", 5, "send_buffer"),
        ("socket: {nagle: true}", 5, "unknown field"),
    ] {
        let error = with(text).expect_err(text);
        assert!(error.what.contains(part), "{text}: {error}");
        assert_eq!(error.line, line, "{text}: {error}");
        assert_eq!(error.what.lines().count(), 1, "{text}: {error}");
    }
}

#[test]
fn working_sets_and_wires_are_one_word_or_a_list_of_words_and_numbers() {
    let sets = |text| with(text).unwrap().working_sets;
    assert_eq!(sets("working_set: 4096"), [Some(4096)]);
    assert_eq!(sets("working_set: [hot, 4KiB, 128]"), [None, Some(4096), Some(128)]);
    assert_eq!(with("wire: [veth, bridge]").unwrap().wires, [Wire::Veth, Wire::Bridge]);
    assert!(with("working_set: {a: 1}").unwrap_err().what.contains("a list of words"));
}

#[test]
fn a_cork_is_spread_over_the_paths() {
    let paths = |text: &str| with(text).map(|grid| grid.paths);
    let spread = paths("socket: {cork: [false, true]}").unwrap();
    assert_eq!(spread, ["two-copy", "two-copy:cork=on", "zero-copy", "zero-copy:cork=on"]);
    for text in ["socket: {cork: true}", "socket: {cork: on}", "socket: {cork: [on]}"] {
        assert_eq!(paths(text).unwrap(), ["two-copy:cork=on", "zero-copy:cork=on"], "{text}");
    }
    assert_eq!(paths("socket: {cork: off}").unwrap(), ["two-copy", "zero-copy"]);
    for (text, part) in [
        ("socket: {cork: [on, true]}", "listed twice"),
        ("socket: {cork: []}", "empty"),
        ("socket: {cork: half}", "not one of off, on"),
    ] {
        let error = with(text).expect_err(text);
        assert!(error.what.contains(part) && error.line == 5, "{text}: {error}");
    }
    let twice =
        parse(&format!("{}\nsocket: {{cork: true}}", SMALL.replace("zero-copy", "zero-copy:cork=on")));
    assert_eq!(twice.unwrap_err().what, "cork is given twice");
}

#[test]
fn impossible_sizes_threads_and_names_are_refused() {
    for (from, to, part) in [
        ("[64, 1KiB]", "[0]", "64B to 256MiB"),
        ("[64, 1KiB]", "[10TiB]", "64B to 256MiB"),
        ("[64, 1KiB]", "{a: 1KiB}", "list"),
        ("[64, 1KiB]", "[64, 64]", "twice"),
        ("[64, 1KiB]", "[]", "empty"),
        ("[1, 4]", "[1000000000]", "1 to 1024"),
        ("[1, 4]", "[0]", "1 to 1024"),
        ("[A1, zero-copy]", "[A1, two-copy]", "twice"),
        ("[A1, zero-copy]", "[magic]", "not a send path"),
        ("name: x", "name: ../x", "directory"),
        ("name: x", "name: [x]", "a single word"),
        ("name: x", "name: ''", "directory"),
    ] {
        let error = parse(&SMALL.replace(from, to)).expect_err(to);
        assert!(error.what.contains(part), "{to}: {error}");
        assert!(error.line >= 1, "{to}: {error}");
    }
    for text in ["", "[]", "name: [", "\u{0}", "name: x"] {
        assert!(parse(text).is_err(), "{text:?} was accepted");
    }
}

#[test]
fn an_alias_bomb_is_refused_at_once() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let list = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{list}]\n"));
    }
    let started = std::time::Instant::now();
    assert!(parse(&bomb).is_err());
    let inside = bomb.replace("a0: &a0", "name: &a0").replace("\na29: &a29", "\npaths: &a29");
    assert!(parse(&inside).is_err());
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_product_of_dimensions_is_bounded() {
    let sizes: Vec<_> = (64..1500).map(|size: u32| size.to_string()).collect();
    let threads: Vec<_> = (1..=200).map(|count: u32| count.to_string()).collect();
    let text = SMALL
        .replace("[64, 1KiB]", &format!("[{}]", sizes.join(", ")))
        .replace("[1, 4]", &format!("[{}]", threads.join(", ")));
    assert!(parse(&text).unwrap_err().what.contains("100000 cells"));
}

#[test]
fn a_control_path_runs_twice_in_a_block() {
    let grid = with("control: A1").unwrap();
    let times: u32 = grid.cells(Wire::Veth).iter().map(|cell| grid.times_per_block(cell)).sum();
    assert_eq!(times, 12);
}
