//! From what the passes of a cell saw to the rows of `copies.csv`: how often each byte was copied, how that
//! is known, and what it says of the path's label.
//!
//! The label that is judged is the promise in the path's name: what it copies where nothing stands in its
//! way. That zero-copy on veth copies after all is known, and is a refutation of the name all the same.
//!
//! To confirm takes proof: a count of every copy, or samples in which a copy of each byte would show and none
//! does. That no rule knows of a copy proves nothing. So copies that no rule knows are a place of their own,
//! and as long as they may be of the payload, nothing that rests on samples is confirmed.

mod card;
#[cfg(test)]
mod card_tests;
mod counts;
mod flags;
#[cfg(test)]
mod path_tests;
mod presence;
mod received;
#[cfg(test)]
mod tests;
mod unseen;

pub use self::card::CardReading;
use self::counts::Uncounted;
use self::presence::{Look, Presence, SampledPresence};
use super::watch::Seen;
use crate::cell::{Cell, Side, Wire};
use crate::interface::FlagProof;
use crate::record::ReceiveUsage;
use crate::record::copies::{Copies, Evidence, Place, Verdict};
use crate::record::stream::ZeroCopy;
use crate::{path, receive};

/// How far a count may be from the promise and still confirm it: other small copies, a message cut in two.
const TOLERANCE: f64 = 0.05;

/// Everything that the two passes of one cell brought.
#[derive(Debug)]
pub struct Observations<'a> {
    /// The cell that was x-rayed.
    pub cell: &'a Cell,
    /// What the sender's and the receiver's agent sampled.
    pub samples: [&'a Seen; 2],
    /// What they recorded.
    pub records: [&'a Seen; 2],
    /// What the completions of the sampled pass said.
    pub zero_copy: ZeroCopy,
    /// What their flag proves; none where the path has no completions.
    pub proof: Option<FlagProof>,
    /// What the kernel said of the bytes that were received in it.
    pub receive_usage: ReceiveUsage,
    /// Payload bytes of the sampled window, each end's own.
    pub bytes: [Option<u64>; 2],
    /// Nanoseconds per KiB that a copy takes at the very least on the sender's host.
    pub copy_ns_per_kib: Option<f64>,
    /// Why this wire must copy below TCP, a sentence each, as its interfaces tell; none where nothing does.
    pub expected: &'a [String],
    /// What the card reported, or why it reported nothing; none where the wire has no card that could be asked.
    pub card: Option<Result<CardReading, String>>,
}

/// The rows of `copies.csv` of one cell.
pub fn copies(findings: &Observations<'_>) -> Vec<Copies> {
    let mut rows: Vec<Copies> = places(findings.cell).map(|place| findings.judge(place).row).collect();
    if rows.iter().any(|row| row.place == Place::Unknown && row.verdict != Verdict::Confirmed) {
        rows = rows.into_iter().map(doubted).collect();
    }
    let rows = rows.into_iter().map(|row| findings.against_the_wire(row)).collect();
    findings.with_the_card(rows)
}

/// Whether a copy could not be determined for want of samples, so that more of them may decide.
pub fn wants_samples(findings: &Observations<'_>) -> bool {
    places(findings.cell).any(|place| findings.judge(place).wants_samples)
}

/// A row, and whether it may become another with more samples.
struct JudgedRow {
    row: Copies,
    wants_samples: bool,
}

impl From<Copies> for JudgedRow {
    fn from(row: Copies) -> Self {
        Self { row, wants_samples: false }
    }
}

/// Rows for a cell whose passes could not be run.
pub fn not_xrayed(cell: &Cell, why: &str) -> Vec<Copies> {
    let row = |place| Copies {
        cell: cell.key(),
        side: side_of(place),
        place,
        note: why.to_owned(),
        ..Copies::default()
    };
    places(cell).map(row).collect()
}

/// The places that are looked at: where nobody reads, nothing can be copied to a receiver, and nothing is proved by that.
fn places(cell: &Cell) -> impl Iterator<Item = Place> {
    let is_read = cell.wire != Wire::Sink;
    Place::XRAYED.into_iter().filter(move |&place| is_read || place != Place::Receive)
}

/// Whose promise it is.
fn side_of(place: Place) -> Side {
    if place == Place::Receive { Side::Receiver } else { Side::Sender }
}

/// A row beside unknown copies: what only samples or the program's text confirm may not be so, and a copy
/// that was not found may be among them.
fn doubted(row: Copies) -> Copies {
    let by_samples = matches!(row.evidence, Evidence::Sampled | Evidence::Construction);
    let claims = row.verdict == Verdict::Confirmed || row.copied_per_byte == Some(0.0);
    if !by_samples || !claims || row.place == Place::User {
        return row;
    }
    let note = format!("{}; copies of unknown callers may be of this payload", row.note);
    let row = Copies { verdict: Verdict::NotMeasurable, note, ..row };
    match row.copied_per_byte {
        // That there is none is what is in doubt.
        Some(_) => Copies { copied_per_byte: None, evidence: Evidence::NotMeasurable, ..row },
        None => row,
    }
}

/// Parts of a note that say anything.
fn joined(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    parts.join("; ")
}

impl Observations<'_> {
    /// What the path's name promises of a place; none where it promises nothing.
    fn promised(&self, place: Place) -> Option<f64> {
        let sends = || path::find(&self.cell.send_path).ok();
        match place {
            Place::User => Some(f64::from(sends()?.promise.user)),
            Place::Kernel => Some(f64::from(sends()?.promise.kernel)),
            Place::Receive => Some(f64::from(receive::find(&self.cell.receive_path).ok()?.promised_copies)),
            Place::Deferred | Place::BelowTcp | Place::Unknown | Place::Card => Some(0.0),
        }
    }

    fn judge(&self, place: Place) -> JudgedRow {
        let promised = self.promised(place);
        let row = Copies {
            cell: self.cell.key(),
            side: side_of(place),
            place,
            promised,
            share: self.share(place),
            ..Copies::default()
        };
        let look = self.sampled(place);
        match place {
            Place::Receive if self.receive_usage.copied_share().is_some() => self.received(row, &look),
            Place::Deferred => self.cross_examined(self.by_evidence(row, &look), &look),
            _ => self.by_evidence(row, &look),
        }
    }

    /// The row by what was counted, or else by samples.
    fn by_evidence(&self, row: Copies, look: &SampledPresence) -> JudgedRow {
        let uncounted = match self.counted(&row, look) {
            Ok(row) => return row.into(),
            Err(uncounted) => uncounted,
        };
        match look {
            Ok(look) => self.by_samples(row, look, &uncounted),
            Err(unsampled) if uncounted.gives(unsampled) => {
                Copies { note: uncounted.to_string(), ..row }.into()
            }
            Err(unsampled) => {
                let note = joined(&[&uncounted.to_string(), &unseen::joined(unsampled)]);
                Copies { note, ..row }.into()
            }
        }
    }

    fn by_samples(&self, row: Copies, look: &Look, uncounted: &Uncounted) -> JudgedRow {
        let (place, promised) = (row.place, row.promised);
        let note = joined(&[&look.note, &uncounted.to_string()]);
        let impossible = place == Place::Deferred && self.zero_copy.sends.is_none() && self.copies_at_once();
        let row = match look.presence {
            Presence::Present if place == Place::Unknown => {
                Copies { evidence: Evidence::Sampled, note, ..row }
            }
            // One gather, because the path is so written; the samples say that it is really made.
            Presence::Present if place == Place::User && promised == Some(1.0) => {
                row.found(promised, Evidence::Construction, note)
            }
            Presence::Present => {
                let verdict = match promised {
                    Some(0.0) => Verdict::Refuted,
                    Some(_) => Verdict::Confirmed,
                    None => Verdict::NotMeasurable,
                };
                Copies { evidence: Evidence::Sampled, verdict, note, ..row }
            }
            _ if impossible => {
                let note = "each call copies at once, so no page is left to be copied later".to_owned();
                row.found(Some(0.0), Evidence::Construction, note)
            }
            Presence::Absent => row.found(Some(0.0), Evidence::Sampled, note),
            Presence::TooFew => return JudgedRow { row: Copies { note, ..row }, wants_samples: true },
            Presence::Unclear => Copies { note, ..row },
        };
        row.into()
    }

    /// Whether the path lets the kernel copy inside the send call.
    fn copies_at_once(&self) -> bool {
        path::find(&self.cell.send_path).is_ok_and(|entry| entry.promise.kernel > 0)
    }

    /// A row compared with what the interfaces of the wire say: a copy that must be there is explained by it,
    /// and when it was not found, something is wrong.
    fn against_the_wire(&self, row: Copies) -> Copies {
        if row.place != Place::BelowTcp || self.expected.is_empty() {
            return row;
        }
        let must = self.expected.join("; ");
        match row.verdict {
            Verdict::Confirmed => {
                let note = format!("{must}; yet no copy was found: {}", row.note);
                Copies { verdict: Verdict::Contradicted, note, ..row }
            }
            _ => Copies { note: format!("{}; {must}", row.note), ..row },
        }
    }
}

impl Copies {
    /// The row with a figure, judged against the promise.
    fn found(self, copied_per_byte: Option<f64>, evidence: Evidence, note: String) -> Self {
        let verdict = match copied_per_byte.zip(self.promised) {
            Some((found, promised)) if (found - promised).abs() <= TOLERANCE => Verdict::Confirmed,
            Some(_) => Verdict::Refuted,
            None => Verdict::NotMeasurable,
        };
        Self { copied_per_byte, evidence, verdict, note, ..self }
    }
}
