use super::presence::presence;
use super::*;
use crate::record::category::Category;
use crate::xray::counted::{Copied, Count, Counted};
use crate::xray::sampled::Sampled;
use crate::xray::verdict::headline;

pub(super) fn cell(path: &str) -> Cell {
    Cell::example(path, 65_536)
}

pub(super) fn samples(of: &[(Category, u64)]) -> Seen {
    Seen::Samples(Sampled::of(of))
}

pub(super) fn records(copies: &[(Place, Result<u64, &str>)]) -> Seen {
    let copied = |(place, bytes): &(Place, Result<u64, &str>)| Copied {
        place: *place,
        counted: bytes.map(|bytes| Count { times: bytes / 100, bytes: Some(bytes) }).map_err(str::to_owned),
    };
    Seen::Records(Counted { bytes: 1000, calls: 10, lost: 0, copies: copies.iter().map(copied).collect() })
}

/// One second of a saturated CPU at 16 Gb/s and a machine that copies 1 KiB in 100 ns: 4000 samples, of
/// which one copy takes about 800.
pub(super) fn observed<'a>(
    cell: &'a Cell,
    samples: [&'a Seen; 2],
    records: [&'a Seen; 2],
) -> Observations<'a> {
    Observations {
        cell,
        samples,
        records,
        zero_copy: ZeroCopy::default(),
        proof: None,
        receive_usage: ReceiveUsage::default(),
        bytes: [Some(2_000_000_000); 2],
        copy_ns_per_kib: Some(100.0),
        expected: &[],
        card: None,
    }
}

/// The same samples and records at both ends.
fn judge(path: &str, sampled: &Seen, recorded: &Seen, zero_copy: ZeroCopy) -> Vec<Copies> {
    copies(&Observations { zero_copy, ..observed(&cell(path), [sampled; 2], [recorded; 2]) })
}

pub(super) fn row(rows: &[Copies], place: Place) -> &Copies {
    rows.iter().find(|row| row.place == place).unwrap()
}

/// What a row says: copies per byte, by which evidence, and the verdict.
fn told(rows: &[Copies], place: Place) -> (Option<f64>, Evidence, Verdict) {
    let row = row(rows, place);
    (row.copied_per_byte, row.evidence, row.verdict)
}

pub(super) const NO_KPROBE: (Place, Result<u64, &str>) =
    (Place::Kernel, Err("the kernel was built without CONFIG_KPROBES"));

#[test]
fn two_copy_is_confirmed_by_counts_and_samples() {
    let sampled =
        samples(&[(Category::GatherCopy, 800), (Category::KernelCopy, 1600), (Category::TcpIp, 1600)]);
    let recorded = records(&[(Place::User, Ok(1000)), NO_KPROBE, (Place::Receive, Ok(1000))]);
    let rows = judge("two-copy", &sampled, &recorded, ZeroCopy::default());
    assert_eq!(told(&rows, Place::User), (Some(1.0), Evidence::Exact, Verdict::Confirmed));
    assert_eq!(told(&rows, Place::Kernel), (None, Evidence::Sampled, Verdict::Confirmed));
    assert_eq!(row(&rows, Place::Receive).copied_per_byte, Some(1.0));
    assert_eq!(row(&rows, Place::Deferred).evidence, Evidence::Construction);
    let said = "two-copy on veth: 1 copy in user space for each byte, and copies into the kernel were seen";
    assert_eq!(headline(&rows), (Verdict::Confirmed, said.into()));
}

#[test]
fn zero_copy_on_veth_is_refuted_by_its_completions() {
    let sampled =
        samples(&[(Category::DeferredCopy, 800), (Category::PagePinning, 800), (Category::TcpIp, 2400)]);
    let recorded = records(&[(Place::User, Ok(0)), NO_KPROBE, (Place::Receive, Ok(1000))]);
    let flags = ZeroCopy { sends: Some(9), completions: Some(9), copied: Some(9), ..ZeroCopy::default() };
    let rows = judge("zero-copy", &sampled, &recorded, flags);
    let deferred = row(&rows, Place::Deferred);
    assert_eq!((deferred.evidence, deferred.verdict), (Evidence::Flagged, Verdict::Refuted));
    assert_eq!(deferred.note, "9 of 9 completed calls flagged COPIED");
    let said = "zero-copy on veth: 1 deferred copy for each byte";
    assert_eq!(headline(&rows), (Verdict::Refuted, said.into()));
}

#[test]
fn a_path_without_copies_is_confirmed_by_their_absence() {
    let sampled = samples(&[(Category::KernelCopy, 3), (Category::Splice, 900), (Category::TcpIp, 3100)]);
    let recorded = records(&[(Place::User, Ok(0)), NO_KPROBE, (Place::Receive, Ok(1000))]);
    let rows = judge("splice", &sampled, &recorded, ZeroCopy::default());
    assert_eq!(told(&rows, Place::Kernel), (Some(0.0), Evidence::Sampled, Verdict::Confirmed));
    let said = "splice on veth: no copy on the sender's side";
    assert_eq!(headline(&rows), (Verdict::Confirmed, said.into()));
}

#[test]
fn a_copy_that_no_label_promises_is_found() {
    let sampled = samples(&[(Category::KernelCopy, 1200), (Category::Splice, 2800)]);
    let recorded = records(&[(Place::User, Ok(2000)), NO_KPROBE, (Place::Receive, Ok(500))]);
    let rows = judge("splice", &sampled, &recorded, ZeroCopy::default());
    for place in [Place::User, Place::Kernel, Place::Receive] {
        assert_eq!(row(&rows, place).verdict, Verdict::Refuted, "{place}");
    }
}

#[test]
fn without_rights_nothing_is_claimed_and_the_right_is_named() {
    let nothing = Seen::Nothing("EACCES: CAP_PERFMON is missing".into());
    let rows = judge("two-copy", &nothing, &nothing, ZeroCopy::default());
    for row in rows.iter().filter(|row| row.place != Place::Deferred) {
        assert_eq!((row.copied_per_byte, row.evidence), (None, Evidence::NotMeasurable), "{row:?}");
        assert!(row.note.contains("CAP_PERFMON"), "{row:?}");
    }
    assert_eq!(headline(&rows).0, Verdict::NotMeasurable);
}

#[test]
fn too_few_samples_say_nothing() {
    assert_eq!(presence(0, 5.0), Presence::TooFew);
    assert_eq!(presence(0, 7.0), Presence::Absent, "by chance once in a thousand");
    assert_eq!(presence(2, 7.0), Presence::TooFew);
    assert_eq!(presence(2, 100.0), Presence::Absent);
    assert_eq!(presence(60, 100.0), Presence::Present);
    assert_eq!(presence(30, 100.0), Presence::Unclear, "nor would more samples: some bytes are copied");
    let none = Seen::Nothing("none".into());
    // A slow machine moves few bytes; in more passes as many again.
    let found = |passes: u64, copy_ns_per_kib| {
        let mut sampled = Sampled::of(&[(Category::KernelCopy, 4), (Category::Syscall, 3996)]);
        (1..passes).for_each(|_| sampled.add(sampled.clone()));
        let sampled = Seen::Samples(sampled);
        let cell = cell("one-copy");
        let bytes = [Some(12_500_000 * passes); 2];
        let findings = Observations { bytes, copy_ns_per_kib, ..observed(&cell, [&sampled; 2], [&none; 2]) };
        let rows = copies(&findings);
        (row(&rows, Place::Kernel).evidence, wants_samples(&findings))
    };
    assert_eq!(found(1, Some(100.0)), (Evidence::NotMeasurable, true));
    assert_eq!(found(3, Some(100.0)), (Evidence::Sampled, false), "12 samples where one copy takes 15");
    assert_eq!(found(1, None), (Evidence::NotMeasurable, false), "no number of samples would tell");
}

#[test]
fn samples_of_passes_add_up() {
    let mut sum = Sampled::of(&[(Category::TcpIp, 10), (Category::KernelCopy, 1)]);
    sum.callers = vec![((Category::UnknownCopy, "a".into()), 2)];
    let mut other = Sampled::of(&[(Category::TcpIp, 5), (Category::Syscall, 7)]);
    other.callers = vec![((Category::UnknownCopy, "b".into()), 9), ((Category::UnknownCopy, "a".into()), 1)];
    (other.lost, other.missed) = (3, Some("CPU 2".into()));
    sum.add(other);
    assert_eq!((sum.samples_in(Category::TcpIp), sum.busy(), sum.lost), (15, 23, 3));
    assert_eq!(sum.callers[0], ((Category::UnknownCopy, "a".into()), 3));
    assert_eq!(sum.costs[0].ns, Some(15.0 * 250_000.0));
    assert_eq!(sum.missed.as_deref(), Some("CPU 2"));
}

/// Samples of both ends, each its own.
fn judge_ends(path: &str, ends: [&Seen; 2], expected: &[String]) -> Vec<Copies> {
    let recorded = records(&[(Place::User, Ok(0)), NO_KPROBE, (Place::Receive, Ok(1000))]);
    copies(&Observations { expected, ..observed(&cell(path), ends, [&recorded; 2]) })
}

pub(super) const CLEAN: [(Category, u64); 3] =
    [(Category::Splice, 900), (Category::TcpIp, 3095), (Category::UnknownCopy, 5)];

#[test]
fn a_few_stray_copies_of_unknown_callers_block_nothing() {
    let clean = samples(&CLEAN);
    let rows = judge_ends("splice", [&clean, &clean], &[]);
    assert_eq!(row(&rows, Place::Unknown).verdict, Verdict::Confirmed);
    assert_eq!(headline(&rows).0, Verdict::Confirmed);
}

#[test]
fn unknown_copies_block_what_samples_and_construction_confirm_and_their_callers_are_named() {
    let clean = samples(&CLEAN);
    let mut sampled = Sampled::of(&[(Category::KernelCopy, 1600), (Category::UnknownCopy, 800)]);
    let callers = "memcpy < a_driver < dev_hard_start_xmit".to_owned();
    sampled.callers = vec![((Category::UnknownCopy, callers), 800)];
    let receiver = Seen::Samples(sampled);
    for path in ["splice", "one-copy"] {
        let rows = judge_ends(path, [&clean, &receiver], &[]);
        let unknown = row(&rows, Place::Unknown);
        assert_eq!((unknown.evidence, unknown.verdict), (Evidence::Sampled, Verdict::NotMeasurable));
        assert!(unknown.note.contains("memcpy < a_driver < dev_hard_start_xmit (800)"), "{unknown:?}");
        for place in [Place::Kernel, Place::Deferred, Place::BelowTcp] {
            let row = row(&rows, place);
            assert_ne!(row.verdict, Verdict::Confirmed, "{path}: {row:?}");
            assert_eq!(row.copied_per_byte, None, "{path}: {row:?}");
        }
        // What was counted stays.
        assert_eq!(row(&rows, Place::User).evidence, Evidence::Exact);
        assert_eq!(row(&rows, Place::Receive).verdict, Verdict::Confirmed);
        let (verdict, sentence) = headline(&rows);
        assert_ne!(verdict, Verdict::Confirmed, "{sentence}");
    }
}

#[test]
fn a_copy_below_tcp_is_found_at_the_end_where_it_runs() {
    let clean = samples(&CLEAN);
    let copying = samples(&[(Category::BelowTcpCopy, 900), (Category::TcpIp, 3100)]);
    for ends in [[&clean, &copying], [&copying, &clean]] {
        let rows = judge_ends("splice", ends, &[]);
        let below = row(&rows, Place::BelowTcp);
        assert_eq!((below.evidence, below.verdict), (Evidence::Sampled, Verdict::Refuted), "{below:?}");
        assert_eq!(headline(&rows), (Verdict::Refuted, "splice on veth: copies below TCP were seen".into()));
    }
}

#[test]
fn what_the_wire_must_copy_explains_a_copy_and_contradicts_its_absence() {
    let must = ["copycost0 has no scatter-gather, so that segments are copied".to_owned()];
    let clean = samples(&CLEAN);
    let rows = judge_ends("splice", [&clean, &clean], &must);
    let below = row(&rows, Place::BelowTcp);
    assert_eq!(below.verdict, Verdict::Contradicted, "{below:?}");
    assert!(headline(&rows).1.contains("copycost0 has no scatter-gather"), "{:?}", headline(&rows));
    let copying = samples(&[(Category::BelowTcpCopy, 900), (Category::TcpIp, 3100)]);
    let rows = judge_ends("splice", [&copying, &copying], &must);
    let below = row(&rows, Place::BelowTcp);
    assert_eq!(below.verdict, Verdict::Refuted);
    assert!(below.note.ends_with(&must[0]), "{below:?}");
}

#[test]
fn copies_on_nobodys_account_are_no_proof_either_way() {
    let clean = samples(&CLEAN);
    let mut elsewhere = Sampled::of(&CLEAN);
    elsewhere.outside = vec![(Category::BelowTcpCopy, 900)];
    let rows = judge_ends("splice", [&Seen::Samples(elsewhere), &clean], &[]);
    let below = row(&rows, Place::BelowTcp);
    assert_eq!((below.evidence, below.verdict), (Evidence::NotMeasurable, Verdict::NotMeasurable));
    assert!(below.note.contains("900 more"), "{below:?}");

    let mut blind = Sampled::of(&CLEAN);
    blind.missed = Some("CPUs where no worker runs may not be sampled".to_owned());
    let rows = judge_ends("splice", [&Seen::Samples(blind), &clean], &[]);
    let below = row(&rows, Place::BelowTcp);
    assert_eq!(below.verdict, Verdict::NotMeasurable);
    assert!(below.note.contains("may not be sampled"), "{below:?}");
}

#[test]
fn a_count_that_samples_contradict_is_an_alarm() {
    let sampled = samples(&[(Category::KernelCopy, 1200), (Category::Splice, 2800)]);
    let recorded = records(&[(Place::User, Ok(0)), (Place::Kernel, Ok(0)), (Place::Receive, Ok(1000))]);
    let rows = judge("splice", &sampled, &recorded, ZeroCopy::default());
    assert_eq!(row(&rows, Place::Kernel).verdict, Verdict::Contradicted);
    assert_eq!(headline(&rows).0, Verdict::Contradicted);
}

#[test]
fn what_is_counted_below_tcp_is_a_lower_bound_of_both_ends() {
    let clean = samples(&CLEAN);
    let below = |bytes| records(&[(Place::User, Ok(0)), (Place::BelowTcp, Ok(bytes))]);
    let (sender, receiver) = (below(500), below(370));
    let findings = |records| copies(&observed(&cell("splice"), [&clean; 2], records));
    let rows = findings([&sender, &receiver]);
    let row_of = row(&rows, Place::BelowTcp);
    assert_eq!((row_of.evidence, row_of.verdict), (Evidence::Exact, Verdict::Refuted));
    assert!((row_of.copied_per_byte.unwrap() - 0.87).abs() < 1e-9, "{row_of:?}");
    assert!(headline(&rows).1.contains("at least 0.87 copy below TCP"), "{:?}", headline(&rows));
    // That the workers' own time had none confirms nothing by itself: the samples do.
    let none = below(0);
    assert_eq!(row(&findings([&none, &none]), Place::BelowTcp).evidence, Evidence::Sampled);
}

#[test]
fn calls_of_the_function_that_makes_deferred_copies_refute() {
    let clean = samples(&[(Category::TcpIp, 4000)]);
    let ran = records(&[(Place::User, Ok(0)), (Place::Deferred, Ok(1000))]);
    let rows = judge("zero-copy", &clean, &ran, ZeroCopy { sends: Some(9), ..ZeroCopy::default() });
    let deferred = row(&rows, Place::Deferred);
    assert_eq!((deferred.evidence, deferred.verdict), (Evidence::Sampled, Verdict::Refuted), "{deferred:?}");
    assert!(deferred.note.contains("skb_copy_ubufs ran 10 times in 10 calls"), "{deferred:?}");
}

#[test]
fn what_a_receive_call_says_of_mapping_is_taken_at_its_word() {
    let nothing = Seen::Nothing("no counter".to_owned());
    let cell = cell("plain-send");
    let receive_usage =
        ReceiveUsage { mapped_bytes: Some(3000), copied_bytes: Some(1000), ..ReceiveUsage::default() };
    let found = copies(&Observations { receive_usage, ..observed(&cell, [&nothing; 2], [&nothing; 2]) });
    let row = found.iter().find(|row| row.place == Place::Receive).unwrap();
    assert_eq!((row.copied_per_byte, row.evidence), (Some(0.25), Evidence::Flagged));
    assert!(row.note.contains("3000 bytes were mapped and 1000 copied"), "{}", row.note);
}
