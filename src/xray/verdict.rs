//! What the rows of `copies.csv` say of a send path together, as one sentence. It knows of rows alone, so that
//! an old run's report says it too.

use crate::cell::{Cell, Side};
use crate::record::Copies;
use crate::record::copies::{Evidence, Place, Verdict};

/// Copies per byte below which none was made.
const NONE: f64 = 0.05;

/// What the card's own row adds to a sentence that it agrees with.
const WITNESSED: &str = ", witnessed by the card";

/// What all rows of one cell say of its send path together, as a verdict and a sentence.
pub fn headline(rows: &[Copies]) -> (Verdict, String) {
    let key = rows.first().map(|row| row.cell.as_str()).unwrap_or_default();
    let subject = match key.parse::<Cell>() {
        Ok(cell) => format!("{} on {}", cell.send_path, cell.wire),
        Err(_) => key.to_owned(),
    };
    let sends: Vec<_> = rows.iter().filter(|row| row.side == Side::Sender).collect();
    let first = |verdict| sends.iter().find(|row| row.verdict == verdict);
    if let Some(row) = first(Verdict::Contradicted) {
        let what = noun(row.place, true);
        return (Verdict::Contradicted, format!("{subject}: the evidence on {what} disagrees: {}", row.note));
    }
    let refuted: Vec<_> = sends.iter().copied().filter(|row| row.verdict == Verdict::Refuted).collect();
    if !refuted.is_empty() {
        return (Verdict::Refuted, format!("{subject}: {}", refutation(&refuted)));
    }
    // Where no card can be asked, as almost everywhere, the rest stands by itself.
    let missing = |row: &&&Copies| row.verdict == Verdict::NotMeasurable && row.place != Place::Card;
    if let Some(row) = sends.iter().find(missing) {
        let what = noun(row.place, true);
        return (
            Verdict::NotMeasurable,
            format!("{subject}: {what} cannot be determined here: {}", row.note),
        );
    }
    // What the card read is no further copy beside those that made it.
    let is_made =
        |row: &&Copies| row.place != Place::Card && row.copied_per_byte.is_none_or(|count| count > NONE);
    let made: Vec<_> = sends.iter().copied().filter(is_made).collect();
    let mut what = match made.is_empty() {
        true => "no copy on the sender's side".to_owned(),
        false => found(&made),
    };
    if !sends.iter().any(|row| row.place == Place::BelowTcp) {
        what += "; this x-ray did not look below TCP";
    }
    if sends.iter().any(|row| row.place == Place::Card && row.verdict == Verdict::Confirmed) {
        what += WITNESSED;
    }
    (Verdict::Confirmed, format!("{subject}: {what}"))
}

/// What refutes a label: copies that were found, and what the card read.
fn refutation(rows: &[&Copies]) -> String {
    let (card, copies): (Vec<&Copies>, Vec<&Copies>) = rows.iter().partition(|row| row.place == Place::Card);
    match card.first().and_then(|row| row.copied_per_byte) {
        None => found(rows),
        Some(_) if !copies.is_empty() => found(&copies) + WITNESSED,
        Some(share) if share > NONE => {
            format!(
                "the card read {} of the payload elsewhere than in the program's own pages",
                percent(share)
            )
        }
        Some(_) => "the card read the payload in the program's own pages".to_owned(),
    }
}

fn percent(share: f64) -> String {
    format!("{} %", amount(share * 100.0))
}

/// The copies of these rows, as strongly as each is known: counted for each byte, in some of the calls, or seen.
fn found(rows: &[&Copies]) -> String {
    let (mut counted, mut others) = (Vec::new(), Vec::new());
    for row in rows {
        match row.copied_per_byte {
            Some(count) if row.evidence == Evidence::Flagged && count < 1.0 => {
                let what = noun(row.place, false);
                others.push(format!("a {what} in at least {} of the calls", amount(count)));
            }
            Some(count) => {
                let least = if is_lower_bound(row) { "at least " } else { "" };
                counted.push(format!("{least}{} {}", amount(count), noun(row.place, count > 1.0 + NONE)));
            }
            None => others.push(format!("{} were seen", noun(row.place, true))),
        }
    }
    if !counted.is_empty() {
        others.insert(0, format!("{} for each byte", counted.join(" and ")));
    }
    others.join(", and ")
}

/// Whether a row's figure counts from below: there may be more copies than it says.
pub fn is_lower_bound(row: &Copies) -> bool {
    let count = row.copied_per_byte.unwrap_or_default();
    match row.evidence {
        // Of a call that is flagged some bytes were copied; a receive call says how many.
        Evidence::Flagged => row.place != Place::Receive && count < 1.0,
        Evidence::Exact => row.place == Place::BelowTcp && count > 0.0,
        _ => false,
    }
}

/// A row's figure with its evidence, as strong as it is; `joint` stands between them.
pub fn figure(row: &Copies, joint: &str) -> String {
    match (row.copied_per_byte, row.evidence) {
        (Some(count), evidence) => {
            let least = if is_lower_bound(row) { "at least " } else { "" };
            format!("{least}{count:.3}{joint}{evidence}")
        }
        (None, Evidence::NotMeasurable) => Evidence::NotMeasurable.to_string(),
        (None, evidence) => format!("seen{joint}{evidence}"),
    }
}

fn amount(count: f64) -> String {
    let text = format!("{count:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Copies of a place, one or many, for a reader.
pub fn noun(place: Place, many: bool) -> &'static str {
    match (place, many) {
        (Place::User, false) => "copy in user space",
        (Place::User, true) => "copies in user space",
        (Place::Kernel, false) => "copy into the kernel",
        (Place::Kernel, true) => "copies into the kernel",
        (Place::Deferred, false) => "deferred copy",
        (Place::Deferred, true) => "deferred copies",
        (Place::BelowTcp, false) => "copy below TCP",
        (Place::BelowTcp, true) => "copies below TCP",
        (Place::Receive, false) => "copy to the receiver",
        (Place::Receive, true) => "copies to the receiver",
        (Place::Unknown, false) => "copy of an unknown caller",
        (Place::Unknown, true) => "copies of unknown callers",
        (Place::Card, false) => "copy on the way to the card",
        (Place::Card, true) => "copies on the way to the card",
    }
}

/// A place as the head of a column.
pub fn heading(place: Place) -> &'static str {
    match place {
        Place::User => "in user space",
        Place::Kernel => "into the kernel",
        Place::Deferred => "deferred",
        Place::BelowTcp => "below TCP",
        Place::Receive => "to the receiver",
        Place::Unknown => "unknown callers",
        Place::Card => "to the card",
    }
}

/// What no verdict on this host can mean, where it is a virtual machine; `virtualisation` as the host reports it.
pub fn out_of_sight(virtualisation: Option<&str>) -> Option<String> {
    virtualisation.filter(|name| *name != "none").map(|name| {
        format!("copies by this kernel: what a hypervisor ({name}) copies beyond it is out of sight")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(place: Place, count: Option<f64>, evidence: Evidence, verdict: Verdict) -> Copies {
        Copies {
            cell: "veth/zero-copy/recv/static/65536B/t1".into(),
            place,
            copied_per_byte: count,
            evidence,
            verdict,
            note: "a note".into(),
            ..Copies::default()
        }
    }

    #[test]
    fn the_words_are_as_strong_as_the_evidence() {
        let said = |row: &Copies| headline(std::slice::from_ref(row)).1;
        let flagged = row(Place::Deferred, Some(0.78), Evidence::Flagged, Verdict::Refuted);
        assert_eq!(said(&flagged), "zero-copy on veth: a deferred copy in at least 0.78 of the calls");
        assert_eq!(figure(&flagged, ", "), "at least 0.780, flagged");
        let mapped = row(Place::Receive, Some(0.08), Evidence::Flagged, Verdict::Refuted);
        assert_eq!(figure(&mapped, ", "), "0.080, flagged");
        let seen = row(Place::BelowTcp, None, Evidence::Sampled, Verdict::Refuted);
        assert_eq!(said(&seen), "zero-copy on veth: copies below TCP were seen");
        let least = row(Place::BelowTcp, Some(0.87), Evidence::Exact, Verdict::Refuted);
        assert_eq!(said(&least), "zero-copy on veth: at least 0.87 copy below TCP for each byte");
        let all = row(Place::Deferred, Some(1.0), Evidence::Flagged, Verdict::Refuted);
        assert_eq!(said(&all), "zero-copy on veth: 1 deferred copy for each byte");
    }

    #[test]
    fn a_contradiction_is_said_before_anything_else() {
        let rows = [
            row(Place::Kernel, Some(1.0), Evidence::Exact, Verdict::Refuted),
            row(Place::BelowTcp, Some(0.0), Evidence::Sampled, Verdict::Contradicted),
        ];
        let (verdict, sentence) = headline(&rows);
        assert_eq!(verdict, Verdict::Contradicted);
        assert_eq!(sentence, "zero-copy on veth: the evidence on copies below TCP disagrees: a note");
        assert!(Verdict::Contradicted < Verdict::Refuted, "it is sorted first");
    }

    #[test]
    fn an_old_run_did_not_look_below_tcp() {
        let old = [row(Place::Kernel, Some(0.0), Evidence::Sampled, Verdict::Confirmed)];
        assert!(
            headline(&old).1.ends_with("no copy on the sender's side; this x-ray did not look below TCP")
        );
        let new = [row(Place::BelowTcp, Some(0.0), Evidence::Sampled, Verdict::Confirmed)];
        assert!(headline(&new).1.ends_with("no copy on the sender's side"));
    }

    #[test]
    fn the_card_strengthens_a_sentence_or_makes_its_own() {
        let none = row(Place::BelowTcp, Some(0.0), Evidence::Sampled, Verdict::Confirmed);
        let read = |share, verdict| row(Place::Card, Some(share), Evidence::Witnessed, verdict);
        let said = |rows: &[Copies]| headline(rows).1.split_once(": ").unwrap().1.to_owned();
        assert_eq!(
            said(&[none.clone(), read(0.001, Verdict::Confirmed)]),
            "no copy on the sender's side, witnessed by the card"
        );
        let silent = row(Place::Card, None, Evidence::NotMeasurable, Verdict::NotMeasurable);
        assert_eq!(said(&[none.clone(), silent]), "no copy on the sender's side");
        let one = row(Place::Kernel, Some(1.0), Evidence::Exact, Verdict::Confirmed);
        assert_eq!(
            said(&[one, none.clone(), read(1.0, Verdict::Confirmed)]),
            "1 copy into the kernel for each byte, witnessed by the card"
        );
        let seen = row(Place::BelowTcp, None, Evidence::Sampled, Verdict::Refuted);
        let refuted = [seen, read(1.0, Verdict::Refuted)];
        assert_eq!(said(&refuted), "copies below TCP were seen, witnessed by the card");
        assert_eq!(
            headline(&[none, read(0.5, Verdict::Refuted)]),
            (
                Verdict::Refuted,
                "zero-copy on veth: the card read 50 % of the payload elsewhere than in the program's own pages".into()
            )
        );
    }

    #[test]
    fn a_virtual_machine_does_not_see_its_hypervisor() {
        assert_eq!(out_of_sight(Some("none")), None);
        assert_eq!(out_of_sight(None), None);
        assert!(out_of_sight(Some("kvm")).unwrap().contains("hypervisor (kvm)"));
    }
}
