//! What the card reported of a cell: a row of its own, and what it means for the other rows.
//!
//! The card is asked where it read. Payload that it read in the program's own pages was not copied on the way
//! to it; the rest was, at least once. A copy that lies beside that way, as for a tap, is not the card's to see.

use super::{Observations, TOLERANCE};
use crate::path;
use crate::record::copies::{Copies, Evidence, Place, Verdict};
use crate::witness::Testimony;
use crate::xray::watch::Seen;

/// What the card reported of one trial, and what that trial sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardReading {
    /// What it read.
    pub testimony: Testimony,
    /// Payload bytes that were sent, from connection to EOF.
    pub sent: u64,
    /// Segments that were sent again.
    pub retransmits: Option<u64>,
}

impl CardReading {
    /// Payload bytes that the card did not read in the program's own pages.
    fn elsewhere(&self) -> u64 {
        self.sent.saturating_sub(self.testimony.within)
    }

    fn note(&self) -> String {
        let Testimony { read, within, descriptors } = self.testimony;
        let mut note = format!(
            "of {} payload bytes the card read {} in the program's own pages; with headers and ACKs the cards read {read} \
             bytes by {descriptors} descriptors",
            self.sent,
            within.min(self.sent)
        );
        if let Some(again @ 1..) = self.retransmits {
            note += &format!("; {again} segments were sent again, and the payload's bytes are counted once");
        }
        note
    }
}

impl Observations<'_> {
    /// The rows with that of the card, where it was asked, and what follows from it.
    pub(super) fn with_the_card(&self, mut rows: Vec<Copies>) -> Vec<Copies> {
        let Some(told) = &self.card else { return rows };
        let promised = path::find(&self.cell.send_path).ok().map(|entry| f64::from(entry.promise.kernel));
        let row = Copies {
            cell: self.cell.key(),
            place: Place::Card,
            // However often a byte is copied, the card reads it once.
            promised: promised.map(|copies| copies.min(1.0)),
            ..Copies::default()
        };
        let row = match told {
            Ok(told) => {
                let share = told.elsewhere() as f64 / told.sent as f64;
                let (copied_bytes, call_bytes) = (Some(told.elsewhere()), Some(told.sent));
                let row = Copies { copied_bytes, call_bytes, ..row };
                let row = row.found(Some(share), Evidence::Witnessed, told.note());
                let is_sampled = self.samples.iter().all(|seen| matches!(seen, Seen::Samples(_)));
                let nothing_beside = self.expected.is_empty() && is_sampled;
                rows = rows.into_iter().map(|other| settled(other, &row, nothing_beside)).collect();
                held_against(row, &rows)
            }
            Err(why) => Copies { note: why.clone(), ..row },
        };
        rows.push(row);
        rows
    }
}

/// Whether a row is about copies that lie on the way to the card.
fn is_on_the_way(row: &Copies) -> bool {
    matches!(row.place, Place::Kernel | Place::Deferred | Place::BelowTcp)
}

/// A row of copies on the way to the card that could not be determined: the card saw that there are none. Below TCP
/// there may be copies beside the way too, unless the interfaces say that nothing takes any.
fn settled(row: Copies, card: &Copies, nothing_beside: bool) -> Copies {
    let is_within = match row.place {
        Place::Kernel | Place::Deferred => true,
        Place::BelowTcp => nothing_beside,
        _ => false,
    };
    let share = card.copied_per_byte.filter(|&share| share <= TOLERANCE);
    match share {
        Some(_) if is_within && row.verdict == Verdict::NotMeasurable && row.promised == Some(0.0) => {
            let note = format!("the card read the payload in the program's own pages; {}", row.note);
            row.found(share, Evidence::Witnessed, note)
        }
        _ => row,
    }
}

/// The card's row compared with what else is known: one of them may be wrong.
fn held_against(card: Copies, others: &[Copies]) -> Copies {
    let share = card.copied_per_byte.unwrap_or_default();
    let none = |row: &Copies| {
        row.verdict == Verdict::Confirmed && row.copied_per_byte.is_some_and(|n| n <= TOLERANCE)
    };
    let all = |row: &Copies| {
        row.place != Place::BelowTcp
            && matches!(row.evidence, Evidence::Exact | Evidence::Flagged)
            && row.copied_per_byte.is_some_and(|n| n >= 1.0 - TOLERANCE)
    };
    let mut on_the_way = others.iter().filter(|row| is_on_the_way(row));
    let unknown = others.iter().any(|row| row.place == Place::Unknown && row.verdict != Verdict::Confirmed);
    let against = if share <= TOLERANCE {
        on_the_way.find(|row| all(row)).map(|row| format!("yet {}: {}", row.evidence, row.note))
    } else if !unknown && on_the_way.all(none) {
        Some("so it was copied, yet no other evidence shows a copy on the way".to_owned())
    } else {
        None
    };
    match against {
        Some(why) => {
            let note = format!("{}; {why}", card.note);
            Copies { verdict: Verdict::Contradicted, note, ..card }
        }
        None => card,
    }
}
