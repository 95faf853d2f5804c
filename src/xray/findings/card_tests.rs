use super::tests::{CLEAN, NO_KPROBE, cell, observed, records, row, samples};
use super::*;
use crate::record::category::Category;
use crate::witness::Testimony;
use crate::xray::verdict::headline;

/// Rows of a path with what the card read in the program's own pages, of 1000 bytes.
fn judge_card(path: &str, sampled: &Seen, recorded: &Seen, within: Result<u64, &str>) -> Vec<Copies> {
    let testimony = |within| Testimony { read: 1100, within, descriptors: 20 };
    copies(&Observations {
        card: Some(
            within
                .map(|within| CardReading { testimony: testimony(within), sent: 1000, retransmits: Some(0) })
                .map_err(str::to_owned),
        ),
        ..observed(&cell(path), [sampled; 2], [recorded; 2])
    })
}

#[test]
fn the_card_confirms_what_it_read_where_the_program_wrote_it() {
    let clean = samples(&CLEAN);
    let recorded = records(&[(Place::User, Ok(0)), (Place::Kernel, Ok(0)), (Place::Receive, Ok(1000))]);
    let rows = judge_card("splice", &clean, &recorded, Ok(1000));
    let card = row(&rows, Place::Card);
    assert_eq!((card.copied_per_byte, card.evidence), (Some(0.0), Evidence::Witnessed));
    assert_eq!((card.copied_bytes, card.call_bytes), (Some(0), Some(1000)));
    assert_eq!(
        headline(&rows),
        (Verdict::Confirmed, "splice on veth: no copy on the sender's side, witnessed by the card".into())
    );
    let again = row(&judge_card("splice", &clean, &recorded, Ok(1400)), Place::Card).clone();
    assert_eq!(again.copied_per_byte, Some(0.0), "sent again, and counted once: {again:?}");
}

#[test]
fn the_card_confirms_a_promised_copy() {
    let sampled = samples(&[(Category::KernelCopy, 1200), (Category::TcpIp, 2800)]);
    let recorded = records(&[(Place::User, Ok(0)), (Place::Kernel, Ok(1000)), (Place::Receive, Ok(1000))]);
    let rows = judge_card("one-copy", &sampled, &recorded, Ok(0));
    let card = row(&rows, Place::Card);
    assert_eq!((card.promised, card.copied_per_byte), (Some(1.0), Some(1.0)));
    assert_eq!(card.verdict, Verdict::Confirmed, "{card:?}");
}

#[test]
fn a_card_that_disagrees_with_everything_else_is_an_alarm() {
    let clean = samples(&CLEAN);
    let none = records(&[(Place::User, Ok(0)), (Place::Kernel, Ok(0)), (Place::Receive, Ok(1000))]);
    let rows = judge_card("splice", &clean, &none, Ok(0));
    assert_eq!(row(&rows, Place::Card).verdict, Verdict::Contradicted);
    assert_eq!(headline(&rows).0, Verdict::Contradicted);
    // The reverse: each byte was counted into the kernel, and the card read none of them there.
    let sampled = samples(&[(Category::KernelCopy, 1200), (Category::TcpIp, 2800)]);
    let all = records(&[(Place::User, Ok(0)), (Place::Kernel, Ok(1000)), (Place::Receive, Ok(1000))]);
    let rows = judge_card("one-copy", &sampled, &all, Ok(1000));
    assert_eq!(row(&rows, Place::Card).verdict, Verdict::Contradicted);
}

#[test]
fn the_card_refutes_together_with_copies_below_tcp() {
    let copying = samples(&[(Category::BelowTcpCopy, 900), (Category::TcpIp, 3100)]);
    let recorded = records(&[(Place::User, Ok(0)), (Place::Kernel, Ok(0)), (Place::Receive, Ok(1000))]);
    let rows = judge_card("splice", &copying, &recorded, Ok(10));
    let card = row(&rows, Place::Card);
    assert_eq!((card.verdict, card.copied_per_byte), (Verdict::Refuted, Some(0.99)));
    assert!(headline(&rows).1.ends_with("copies below TCP were seen, witnessed by the card"));
}

#[test]
fn the_card_settles_what_nothing_else_could_tell() {
    let clean = samples(&CLEAN);
    let recorded = records(&[(Place::User, Ok(0)), NO_KPROBE, (Place::Receive, Ok(1000))]);
    let silent = judge_card("splice", &clean, &recorded, Err("no trace"));
    let card = row(&silent, Place::Card);
    assert_eq!((card.copied_per_byte, card.evidence), (None, Evidence::NotMeasurable));
    assert_eq!(card.note, "no trace");
    let nothing = Seen::Nothing("CAP_PERFMON is missing".into());
    let rows = judge_card("splice", &nothing, &nothing, Ok(1000));
    for place in [Place::Kernel, Place::Deferred] {
        let row = row(&rows, place);
        assert_eq!(row.verdict, Verdict::Confirmed, "{row:?}");
    }
    assert_eq!(row(&rows, Place::Kernel).evidence, Evidence::Witnessed);
    assert_eq!(row(&rows, Place::BelowTcp).verdict, Verdict::NotMeasurable, "a tap is not on the card's way");
}

#[test]
fn what_samples_cannot_tell_below_tcp_the_card_does_where_nothing_copies_beside_its_way() {
    let few = samples(&[(Category::TcpIp, 1)]);
    let recorded = records(&[(Place::User, Ok(0)), (Place::Kernel, Ok(0)), (Place::Receive, Ok(1000))]);
    let rows = judge_card("splice", &few, &recorded, Ok(1000));
    let below = row(&rows, Place::BelowTcp);
    assert_eq!((below.evidence, below.verdict), (Evidence::Witnessed, Verdict::Confirmed), "{below:?}");
    let copied = judge_card("splice", &few, &recorded, Ok(0));
    assert_ne!(row(&copied, Place::BelowTcp).verdict, Verdict::Confirmed, "the card read copies");
}
