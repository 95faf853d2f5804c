//! Observations of paths whose evidence is of more than one kind: io_uring's flags, mapped receiving, kernel TLS; and of
//! a wire where nobody reads.

use super::tests::{CLEAN, NO_KPROBE, cell, observed, records, row, samples};
use super::*;
use crate::record::category::Category;
use crate::xray::sampled::Sampled;
use crate::xray::verdict::headline;

fn flags(copied: u64, of: u64) -> ZeroCopy {
    ZeroCopy { sends: Some(of), completions: Some(of), copied: Some(copied), ..ZeroCopy::default() }
}

/// What is found of a path whose flag proves nothing where it is set, with these flags and the same samples at both ends.
fn found(sampled: &Seen, zero_copy: ZeroCopy) -> (Vec<Copies>, bool) {
    let cell = cell("zero-copy");
    let recorded = records(&[(Place::User, Ok(0)), NO_KPROBE, (Place::Receive, Ok(1000))]);
    let proof = Some(FlagProof::WhereUnset);
    let observed = observed(&cell, [sampled; 2], [&recorded; 2]);
    let findings = Observations { zero_copy, proof, ..observed };
    (copies(&findings), wants_samples(&findings))
}

fn deferred(rows: &[Copies]) -> &Copies {
    row(rows, Place::Deferred)
}

#[test]
fn a_flag_that_says_copied_where_no_sample_is_in_the_copy_is_contradicted() {
    let sampled = samples(&CLEAN);
    let (rows, wants) = found(&sampled, flags(953, 1000));
    let row = deferred(&rows);
    assert_eq!((row.verdict, row.evidence), (Verdict::Contradicted, Evidence::Sampled), "{row:?}");
    assert!(!wants);
    let both = "the flag is contradicted by samples: 953 of 1000 completed calls (95.3 %) are flagged COPIED, yet 0 of 8000 \
                samples are copies in skb_copy_ubufs, where one of each byte takes at least 781: at most 0.009 of each byte";
    assert_eq!(row.note, both);
    let (verdict, sentence) = headline(&rows);
    assert_eq!(verdict, Verdict::Contradicted);
    assert!(
        sentence.contains("the evidence on deferred copies disagrees: the flag is contradicted"),
        "{sentence}"
    );
}

#[test]
fn the_same_flag_beside_the_copy_is_evidence_that_agrees() {
    let sampled = samples(&[(Category::DeferredCopy, 800), (Category::TcpIp, 3200)]);
    let (rows, _) = found(&sampled, flags(1000, 1000));
    let row = deferred(&rows);
    assert_eq!((row.verdict, row.evidence), (Verdict::Refuted, Evidence::Sampled), "{row:?}");
    assert!(row.note.contains("copies were seen in 20.0 % of 8000 samples"), "{row:?}");
    assert!(
        row.note.contains("1000 of 1000 completed calls (100.0 %) are flagged COPIED, and both"),
        "{row:?}"
    );
    assert_eq!(headline(&rows), (Verdict::Refuted, "zero-copy on veth: deferred copies were seen".into()));
    // Samples refute without any flag.
    let (rows, _) = found(&sampled, flags(0, 1000));
    assert_eq!(deferred(&rows).verdict, Verdict::Refuted);
    assert!(!deferred(&rows).note.contains("agree"), "{rows:?}");
}

#[test]
fn no_flag_confirms_what_samples_show_and_nothing_by_itself() {
    let (rows, _) = found(&samples(&CLEAN), flags(0, 1000));
    assert_eq!((deferred(&rows).verdict, deferred(&rows).copied_per_byte), (Verdict::Confirmed, Some(0.0)));
    assert_eq!(headline(&rows).0, Verdict::Confirmed);
    let nothing = Seen::Nothing("EACCES: CAP_PERFMON is missing".into());
    for copied in [0, 1000] {
        let (rows, _) = found(&nothing, flags(copied, 1000));
        let row = deferred(&rows);
        assert_eq!((row.verdict, row.evidence), (Verdict::NotMeasurable, Evidence::NotMeasurable), "{row:?}");
        assert!(row.note.contains("CAP_PERFMON") && row.note.ends_with("which proves nothing"), "{row:?}");
    }
}

#[test]
fn as_few_samples_as_leave_room_for_what_the_flag_says_contradict_nothing() {
    // One second on a slow machine: 30 samples are due for a copy of each byte.
    let cell = cell("zero-copy");
    let (sampled, none) = (samples(&[(Category::TcpIp, 4000)]), Seen::Nothing("none".into()));
    let judged = |zero_copy: ZeroCopy, copy_ns_per_kib: f64| {
        let observed = observed(&cell, [&sampled; 2], [&none; 2]);
        let proof = Some(FlagProof::WhereUnset);
        let findings = Observations { zero_copy, proof, copy_ns_per_kib: Some(copy_ns_per_kib), ..observed };
        (deferred(&copies(&findings)).verdict, wants_samples(&findings))
    };
    let due = |samples: f64| samples / 8000.0 * 1024.0;
    assert_eq!(judged(flags(1000, 1000), due(30.0)), (Verdict::Contradicted, false));
    assert_eq!(
        judged(flags(100, 1000), due(30.0)),
        (Verdict::NotMeasurable, true),
        "3 due, if a tenth is copied"
    );
    assert_eq!(judged(flags(100, 1000), due(100.0)), (Verdict::Contradicted, false));
    assert_eq!(judged(flags(1000, 1000), due(5.0)), (Verdict::NotMeasurable, true), "too few for anything");
    assert_eq!(judged(flags(10, 1000), due(30.0)), (Verdict::Confirmed, false), "a hundredth is no claim");
}

#[test]
fn beside_copies_of_unknown_callers_the_flag_is_not_contradicted() {
    let sampled = samples(&[(Category::UnknownCopy, 800), (Category::TcpIp, 3200)]);
    let (rows, _) = found(&sampled, flags(1000, 1000));
    let row = deferred(&rows);
    assert_eq!((row.verdict, row.copied_per_byte), (Verdict::NotMeasurable, None), "{row:?}");
    assert!(row.note.contains("unknown callers may be of this payload"), "{row:?}");
}

#[test]
fn what_a_flag_that_proves_copying_says_needs_no_sample() {
    let (sampled, none) = (samples(&CLEAN), Seen::Nothing("none".into()));
    let cell = cell("zero-copy");
    let observed = observed(&cell, [&sampled; 2], [&none; 2]);
    let proof = Some(FlagProof::WhereSet);
    let rows = copies(&Observations { zero_copy: flags(9, 10), proof, ..observed });
    assert_eq!((deferred(&rows).verdict, deferred(&rows).evidence), (Verdict::Refuted, Evidence::Flagged));
}

#[test]
fn what_a_thread_of_the_ring_copies_is_the_senders_and_one_that_was_not_watched_confirms_nothing() {
    // Where a ring's thread copies, its samples are in the sums as the worker's own are.
    let copying = samples(&[(Category::KernelCopy, 900), (Category::SchedulingIdle, 3100)]);
    let (rows, _) = found(&copying, ZeroCopy::default());
    assert_eq!(row(&rows, Place::Kernel).verdict, Verdict::Refuted);
    let mut unwatched = Sampled::of(&CLEAN);
    unwatched.unwatched = Some("1 threads of io_uring began in the window".into());
    let (rows, _) = found(&Seen::Samples(unwatched), flags(0, 1000));
    for place in [Place::Kernel, Place::Deferred, Place::BelowTcp] {
        let row = row(&rows, place);
        assert_eq!(row.verdict, Verdict::NotMeasurable, "{row:?}");
        assert!(row.note.contains("threads of io_uring"), "{row:?}");
    }
}

#[test]
fn where_nobody_reads_nothing_is_said_of_the_receiver() {
    let sampled = samples(&CLEAN);
    let none = Seen::Nothing("none".into());
    let cell = Cell { wire: Wire::Sink, ..cell("zero-copy") };
    let zero_copy = flags(0, 1000);
    let proof = Some(FlagProof::WhereSet);
    let findings = Observations { zero_copy, proof, ..observed(&cell, [&sampled; 2], [&none; 2]) };
    let rows = copies(&findings);
    assert!(rows.iter().all(|row| row.place != Place::Receive && row.side == Side::Sender), "{rows:?}");
    let unproven = [Place::User];
    for row in rows.iter().filter(|row| !unproven.contains(&row.place)) {
        assert_eq!(row.verdict, Verdict::Confirmed, "{row:?}");
    }
    assert_eq!(not_xrayed(&cell, "why").len(), Place::XRAYED.len() - 1);
    // A tap copies before the drop: below TCP into its ring, deferred for its queue.
    let tapped =
        samples(&[(Category::BelowTcpCopy, 900), (Category::DeferredCopy, 900), (Category::TcpIp, 2200)]);
    let tapped = copies(&Observations { samples: [&tapped; 2], ..findings });
    for place in [Place::BelowTcp, Place::Deferred] {
        assert_eq!(row(&tapped, place).verdict, Verdict::Refuted, "{tapped:?}");
    }
}

/// What is found of a receive path that promises no copy, by the kernel's word and the receiver's samples.
fn received(mapped: u64, copied: u64, sampled: &Seen) -> (Copies, bool) {
    let (cell, none) =
        (Cell { receive_path: "trunc".into(), ..cell("zero-copy") }, Seen::Nothing("none".into()));
    let receive_usage =
        ReceiveUsage { mapped_bytes: Some(mapped), copied_bytes: Some(copied), ..ReceiveUsage::default() };
    let findings = Observations { receive_usage, ..observed(&cell, [sampled; 2], [&none; 2]) };
    (row(&copies(&findings), Place::Receive).clone(), wants_samples(&findings))
}

#[test]
fn mapping_is_confirmed_only_where_a_copy_would_have_shown() {
    let clean = samples(&CLEAN);
    let (row, _) = received(1000, 0, &clean);
    assert_eq!((row.verdict, row.copied_per_byte), (Verdict::Confirmed, Some(0.0)), "{row:?}");
    assert!(row.note.contains("1000 bytes were mapped and 0 copied; 0 of 4000 samples"), "{row:?}");
    let nothing = Seen::Nothing("EACCES: CAP_PERFMON is missing".into());
    let (row, _) = received(1000, 0, &nothing);
    assert_eq!(row.verdict, Verdict::NotMeasurable, "its word alone: {row:?}");
    let (row, _) = received(1000, 0, &samples(&[(Category::TcpIp, 2)]));
    assert_eq!(row.verdict, Verdict::NotMeasurable, "{row:?}");
    // That it copied, it may say by itself.
    assert_eq!(received(0, 1000, &nothing).0.verdict, Verdict::Refuted);
}

#[test]
fn what_copies_all_in_silence_is_a_contradiction_and_so_is_a_copy_that_leaves_no_sample() {
    let copying = samples(&[(Category::ReceiveCopy, 900), (Category::TcpIp, 3100)]);
    let (row, _) = received(1000, 0, &copying);
    assert_eq!(row.verdict, Verdict::Contradicted, "{row:?}");
    assert!(row.note.contains("yet copies were seen in 22.5 % of 4000 samples"), "{row:?}");
    assert_eq!(received(0, 1000, &copying).0.verdict, Verdict::Refuted);
    assert_eq!(received(900, 100, &copying).0.verdict, Verdict::Refuted, "what is copied may cost more");
    let (row, _) = received(0, 1000, &samples(&CLEAN));
    assert_eq!(row.verdict, Verdict::Contradicted, "{row:?}");
    assert!(row.note.contains("yet 0 of 4000 samples"), "{row:?}");
}

#[test]
fn a_count_of_the_receivers_copies_that_samples_contradict_is_an_alarm() {
    let cell = Cell { receive_path: "trunc".into(), ..cell("splice") };
    let copying = samples(&[(Category::ReceiveCopy, 900), (Category::TcpIp, 3100)]);
    let counted = records(&[(Place::User, Ok(0)), (Place::Receive, Ok(0))]);
    let rows = copies(&observed(&cell, [&copying; 2], [&counted; 2]));
    assert_eq!(row(&rows, Place::Receive).verdict, Verdict::Contradicted);
}

#[test]
fn encryption_is_the_copy_that_kernel_tls_promises_and_a_copy_that_others_do_not() {
    let sampled = samples(&[(Category::Encryption, 2000), (Category::TcpIp, 2000)]);
    // No byte passes the functions that are counted.
    let counted = records(&[(Place::User, Ok(0)), (Place::Kernel, Ok(0)), (Place::Receive, Ok(1000))]);
    let judged = |path: &str| {
        let cell = cell(path);
        let rows = copies(&observed(&cell, [&sampled, &samples(&CLEAN)], [&counted; 2]));
        row(&rows, Place::Kernel).clone()
    };
    let promised = judged("plain-send");
    assert_eq!(
        (promised.verdict, promised.evidence),
        (Verdict::Confirmed, Evidence::Sampled),
        "{promised:?}"
    );
    assert!(promised.note.contains("kernel TLS writes each byte anew"), "{promised:?}");
    assert_eq!(judged("splice").verdict, Verdict::Refuted);
}

#[test]
fn what_kernel_tls_puts_together_at_the_receiver_is_not_counted_as_a_copy_below_tcp() {
    let place = |tls: &Seen| {
        let counted = records(&[(Place::User, Ok(0)), (Place::Kernel, Ok(0)), (Place::BelowTcp, Ok(900))]);
        let nothing = records(&[(Place::User, Ok(0)), (Place::Kernel, Ok(0)), (Place::BelowTcp, Ok(0))]);
        let cell = cell("plain-send");
        row(&copies(&observed(&cell, [&samples(&CLEAN), tls], [&nothing, &counted])), Place::BelowTcp).clone()
    };
    assert_eq!(place(&samples(&CLEAN)).verdict, Verdict::Refuted);
    let encrypted = place(&samples(&[(Category::Encryption, 2000), (Category::TcpIp, 2000)]));
    assert_ne!(encrypted.verdict, Verdict::Refuted, "{encrypted:?}");
    assert!(encrypted.note.contains("whose kernel TLS copies"), "{encrypted:?}");
}

#[test]
fn what_a_disk_copies_is_no_copy_of_a_path_that_sends_by_reference() {
    let sampled = samples(&[(Category::DiskCopy, 1500), (Category::DiskIo, 1000), (Category::Splice, 1500)]);
    let recorded = records(&[(Place::User, Ok(0)), NO_KPROBE, (Place::Receive, Ok(1000))]);
    let cell = cell("sendfile");
    let rows = copies(&observed(&cell, [&sampled; 2], [&recorded; 2]));
    assert_eq!(
        headline(&rows),
        (Verdict::Confirmed, "sendfile on veth: no copy on the sender's side".into())
    );
}
