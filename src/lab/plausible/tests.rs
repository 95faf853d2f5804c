use super::*;
use proptest::prelude::*;
use serde_json::Value;

use crate::cell::{Cell, Wire};
use crate::clock::Clocks;
use crate::lab::assemble::{TIMED, assemble};
use crate::lab::surroundings::Places;
use crate::options::Bound;
use crate::record::category::Category;
use crate::record::copies::Place;
use crate::record::roofline::Level;
use crate::record::stream::ZeroCopy;
use crate::record::{End, Received};
use crate::workload::{CommonWindow, EndReport, Pace, StreamReport};
use crate::xray::counted::{Copied, Count, Counted};
use crate::xray::roofline::Bandwidth;
use crate::xray::sampled::Sampled;
use crate::xray::watch::Seen;

/// A trial of two streams that took two seconds, of which one was the window.
fn most(side: Side) -> Most {
    let work = Work {
        rate: Some(1000.0),
        clocks: Clocks::Apart,
        ..Work::example(Cell { wire: Wire::Veth, threads: 2, ..Cell::example("zero-copy", 1000) })
    };
    let mut welcome = Welcome { cpus: vec![0, 1], ..Welcome::default() };
    welcome.host.cpus_online = Some(2);
    Most::new(side, &welcome, &work, Duration::from_secs(2))
}

/// What an honest agent says of it, on a busy machine.
fn honest(side: Side) -> EndReport {
    let end = End {
        window_s: Some(1.2),
        bytes: Some(9_000_000),
        messages: Some(9000),
        calls: Some(9000),
        user_s: Some(0.1),
        system_s: Some(1.1),
        task_clock_s: Some(1.2),
        run_delay_s: Some(1.1),
        context_switches: Some(9),
        voluntary_switches: Some(9),
        cycles: Some(6_000_000_000),
        counter_running: Some(0.4),
        ..End::default()
    };
    let usage = ZeroCopy {
        sends: Some(10_000),
        completions: Some(9_900),
        copied: Some(9_900),
        unreported: Some(100),
        enobufs: Some(3),
        drain_s: Some(1.5),
    };
    let stream = StreamReport {
        end,
        began_s: 0.4,
        usage,
        total_bytes: 10_000_000,
        retransmits: Some(5),
        pace: Some(Pace { intended: 1040, sent: 1040, late: 1040 }),
        ..StreamReport::default()
    };
    let mut common = CommonWindow { window_s: 1.0, ..CommonWindow::default() };
    common.load.elapsed_s = 1.0;
    common.load.busy_s = Some(2.01);
    common.load.others_s = Some(-0.03);
    if side == Side::Receiver {
        common.bytes = vec![8_000_000; 2];
        common.came = Some(Received { bytes: 17_000_000, packets: 9_000 });
    }
    EndReport { streams: vec![stream.clone(), stream], common: Some(common) }
}

#[test]
fn an_honest_report_is_believed() {
    for side in [Side::Sender, Side::Receiver] {
        assert_eq!(report::reported(&honest(side), &most(side)), Ok(()));
    }
}

type Lie = (Side, fn(&mut EndReport), &'static str);

const LIES: &[Lie] = {
    use Side::{Receiver, Sender};
    &[
        (Sender, |r| r.streams.truncate(1), "streams as 1 figures, where 2 is possible"),
        (Sender, |r| r.streams[1].end.window_s = None, "window_s of stream 1 as absent"),
        (Sender, |r| r.streams[0].end.window_s = Some(0.0), "window_s of stream 0 as 0.0, where 1e-9 to 5.0"),
        (Receiver, |r| r.streams[0].end.window_s = Some(5.5), "window_s of stream 0 as 5.5"),
        (Receiver, |r| r.streams[0].end.window_s = Some(f64::NAN), "window_s of stream 0 as NaN"),
        (
            Receiver,
            |r| r.common.as_mut().unwrap().load.elapsed_s = 5e-324,
            "elapsed_s of the host's load as 5e-324, where 1e-9 to 5.0",
        ),
        (
            Receiver,
            |r| r.streams[0].end.window_s = Some(1e-9),
            "bytes of stream 0 as 9000000, where at most 100000",
        ),
        (
            Sender,
            |r| r.streams[0].end.bytes = Some(10_000_001),
            "bytes of stream 0 as 10000001, where at most 10000000",
        ),
        (
            Sender,
            |r| r.streams.iter_mut().for_each(|s| (s.end.bytes, s.end.messages) = (Some(0), Some(0))),
            "bytes of all streams as 0",
        ),
        (
            Sender,
            |r| r.streams[0].end.messages = Some(9001),
            "messages of stream 0 as 9001, where at most 9000",
        ),
        (Sender, |r| r.streams[0].total_bytes = u64::MAX, "total_bytes of stream 0"),
        (
            Sender,
            |r| r.streams.iter_mut().for_each(|s| s.total_bytes = 300_000_000_000_000),
            "total_bytes of all streams",
        ),
        (Sender, |r| r.streams[1].end.user_s = Some(-1.0), "user_s of stream 1 as -1.0, where 0.0 to 20.0"),
        (Sender, |r| r.streams[1].end.system_s = Some(f64::INFINITY), "system_s of stream 1 as inf"),
        (
            Sender,
            |r| r.streams.iter_mut().for_each(|s| s.end.task_clock_s = Some(11.0)),
            "task_clock_s as 22.0",
        ),
        (Sender, |r| r.streams[0].end.run_delay_s = Some(1e300), "run_delay_s of stream 0 as 1e300"),
        (Sender, |r| r.streams[0].end.cycles = Some(u64::MAX), "cycles of stream 0"),
        (Sender, |r| r.streams[0].end.calls = Some(u64::MAX), "calls of stream 0"),
        (
            Sender,
            |r| r.streams[0].end.voluntary_switches = Some(10),
            "voluntary_switches of stream 0 as 10, where at most 9",
        ),
        (Sender, |r| r.streams[0].end.counter_running = Some(1.5), "counter_running of stream 0 as 1.5"),
        (
            Sender,
            |r| r.streams[0].usage.copied = Some(9_901),
            "zc_copied of stream 0 as 9901, where at most 9900",
        ),
        (Sender, |r| r.streams[0].usage.completions = Some(10_001), "zc_completions of stream 0"),
        (Sender, |r| r.streams[0].usage.unreported = Some(0), "zc_unreported of stream 0 as 0, where 100"),
        (Sender, |r| r.streams[0].usage.sends = None, "zc_sends of stream 0 as absent"),
        (Sender, |r| r.streams[0].usage.drain_s = Some(-0.5), "drain_s of stream 0 as -0.5"),
        (Sender, |r| r.streams[0].retransmits = Some(1 << 40), "retransmits of stream 0"),
        (Sender, |r| r.streams[0].began_s = -1e9, "began_s of stream 0"),
        (Sender, |r| r.streams[0].cpu = Some(usize::MAX), "cpu of stream 0"),
        (Sender, |r| r.streams[0].read_back.send_buffer = Some(u64::MAX), "send_buffer of stream 0"),
        (
            Sender,
            |r| r.streams[0].pace = Some(Pace { intended: 5, sent: 5, late: 6 }),
            "late of stream 0 as 6",
        ),
        (
            Sender,
            |r| r.streams[0].pace = Some(Pace { intended: 1 << 40, sent: 5, late: 0 }),
            "intended of stream 0",
        ),
        (Receiver, |r| r.streams[0].receive_usage.mapped_bytes = Some(u64::MAX), "mapped_bytes of stream 0"),
        (Receiver, |r| r.streams[0].receive_usage.acks_cpu_s = Some(1e9), "acks_cpu_s of stream 0"),
        (Receiver, |r| common(r).window_s = 1e308, "window_s of all streams as 1e308"),
        (Receiver, |r| common(r).bytes[1] = u64::MAX, "bytes of the common window of stream 1"),
        (Receiver, |r| common(r).bytes.truncate(1), "bytes of all streams as 1 figures"),
        (Sender, |r| common(r).bytes = vec![1], "bytes of all streams as 1 figures, where 0"),
        (Receiver, |r| common(r).came = Some(Received { bytes: 1, packets: u64::MAX }), "wire_packets"),
        (Sender, |r| common(r).load.elapsed_s = 1e9, "elapsed_s of the host's load"),
        (Sender, |r| common(r).load.steal_s = Some(21.0), "steal_s as 21.0"),
        (Sender, |r| common(r).load.others_s = Some(-21.0), "others_s as -21.0"),
        (Sender, |r| common(r).load.mhz = Some(1e12), "mhz as 1000000000000.0"),
    ]
};

fn common(report: &mut EndReport) -> &mut CommonWindow {
    report.common.as_mut().expect("an honest report has one")
}

#[test]
fn what_cannot_be_is_refused_by_its_name() {
    for (side, lie, named) in LIES {
        let mut report = honest(*side);
        lie(&mut report);
        let report = Report { end: report, seen: None };
        let refused = reported(&report, &most(*side)).expect_err(named);
        let why = refused.reason();
        assert!(why.starts_with(&format!("the {side} reports ")) && why.contains(named), "{named}: {why}");
    }
}

/// The places of the numbers in a report.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(all) => {
            all.iter().enumerate().for_each(|(n, value)| places(value, &format!("{at}/{n}"), found))
        }
        Value::Object(all) => {
            all.iter().for_each(|(key, value)| places(value, &format!("{at}/{key}"), found))
        }
        Value::Number(_) | Value::Null => found.push(at.to_owned()),
        _ => {}
    }
}

/// Numbers of which a report may have one anywhere.
const NUMBERS: [f64; 12] = [0.0, 1.0, -1.0, 1e-9, 1e-300, 5e-324, 4.9, 1e7, 1e15, 9.2e18, 1e308, f64::MAX];

proptest! {
    #[test]
    fn whatever_is_believed_makes_rows_that_can_be_read(
        changes in prop::collection::vec((0..2_usize, any::<prop::sample::Index>(), prop::sample::select(&NUMBERS)), 1..4)
    ) {
        let sides = [Side::Sender, Side::Receiver];
        let mut reports = sides.map(|side| serde_json::to_value(honest(side)).unwrap());
        for (side, place, number) in changes {
            let mut found = Vec::new();
            places(&reports[side], "", &mut found);
            let place = reports[side].pointer_mut(&found[place.index(found.len())]).unwrap();
            *place = if number >= 0.0 && number.fract() == 0.0 { (number as u64).into() } else { number.into() };
        }
        let [Ok(sent), Ok(received)] = reports.map(serde_json::from_value::<EndReport>) else { return Ok(()) };
        let most = sides.map(most);
        if report::reported(&sent, &most[0]).is_err() || report::reported(&received, &most[1]).is_err() {
            return Ok(());
        }
        let work = Work::example(Cell { threads: 2, ..Cell::example("zero-copy", 1000) });
        let at = Places { cpus: [vec![0], vec![1]], one_host: true };
        let bound = Bound::Duration(Duration::from_secs(1));
        if let Ok(measured) = assemble(&work, bound, &at, &TIMED, &sent, &received) {
            made(&measured, &most[0]).unwrap();
        }
    }
}

#[test]
fn no_sum_of_figures_that_are_believed_overflows() {
    let work = Work::example(Cell { threads: MOST_STREAMS, ..Cell::example("two-copy", 64) });
    let most = Most::new(Side::Sender, &Welcome::default(), &work, Duration::from_secs(1 << 40));
    let all = [most.bytes, most.events, most.hardware_events, most.intended];
    for largest in all {
        assert!(largest.checked_mul(u64::from(MOST_STREAMS)).is_some(), "{largest}");
    }
    assert!((most.cpu_s * f64::from(MOST_STREAMS)).is_finite());
}

#[test]
fn what_an_xray_saw_has_bounds_too() {
    let counted = |times, bytes| {
        let copied = Copied { place: Place::Kernel, counted: Ok(Count { times, bytes }) };
        Seen::Records(Counted { bytes: 9_000_000, calls: 9000, lost: 0, copies: vec![copied] })
    };
    let chain = |chain: &str, samples| {
        let mut sampled = Sampled::of(&[(Category::TcpIp, 10)]);
        sampled.stacks.add(chain.to_owned(), samples);
        Seen::Samples(sampled)
    };
    for honest in [counted(9000, Some(9_000_000)), chain("main;tcp_sendmsg_[k]", 10)] {
        assert_eq!(seen::seen(&honest, &most(Side::Sender)), Ok(()));
    }
    for (lie, named) in [
        (counted(u64::MAX, None), "copies of the place kernel"),
        (counted(9000, Some(u64::MAX)), "copied bytes of the place kernel"),
        (Seen::Pages(vec![(0, u64::MAX)].into()), "page frames"),
        (chain("main", u64::MAX), "samples of all call chains"),
        (chain("main;a b", 1), "a call chain as something else"),
        (chain("main\n0;0;main 7", 1), "a call chain as something else"),
        (chain("\u{1b}[2J", 1), "a call chain as something else"),
        (chain(";main", 1), "a call chain as something else"),
        (chain(&vec!["x"; 1 << 18].join(";"), 1), "a call chain as something else"),
        (chain(&"x".repeat(1 << 20), 1), "the bytes of the call chains"),
    ] {
        let report = Report { end: honest(Side::Receiver), seen: Some(lie) };
        let why = reported(&report, &most(Side::Receiver)).expect_err(named).reason().to_owned();
        assert!(why.contains("the receiver reports") && why.contains(named), "{why}");
    }
}

#[test]
fn an_agent_is_not_let_in_with_a_host_that_cannot_be() {
    let said = |change: fn(&mut Welcome)| {
        let mut one = Welcome::default();
        change(&mut one);
        welcome(&one, Side::Sender).map_err(|failure| failure.reason().to_owned())
    };
    assert_eq!(said(|_| ()), Ok(()));
    assert!(said(|one| one.clock_offset_ns = Some(i64::MIN)).unwrap_err().contains("clock_offset_ns"));
    assert!(said(|one| one.host.cpus_online = Some(u64::MAX)).unwrap_err().contains("cpus_online"));
    assert!(said(|one| one.host.tick_hz = Some(0)).unwrap_err().contains("tick_hz as 0, where 1 to"));
    assert!(said(|one| one.cpus = vec![usize::MAX]).unwrap_err().contains("a CPU"));
}

#[test]
fn a_host_copies_neither_nothing_nor_more_than_any_does() {
    let of = |bytes_per_s| {
        bandwidths(&[Bandwidth { level: Level::Llc, working_set_bytes: 1, bytes_per_s }], Side::Sender)
    };
    assert_eq!(of(2e10), Ok(()));
    for lie in [0.0, -1.0, 1e300, f64::NAN] {
        assert!(of(lie).unwrap_err().reason().contains("the bandwidth of llc"), "{lie}");
    }
}
