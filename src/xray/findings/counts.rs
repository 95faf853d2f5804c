//! What the records and the completions of a cell say of a copy: how many, and of how many bytes.

use super::presence::{Look, Presence, SampledPresence};
use super::unseen::Unseen;
use super::{Observations, TOLERANCE};
use crate::cell::Side;
use crate::interface::FlagProof;
use crate::record::copies::{Copies, Evidence, Place, Verdict};
use crate::xray::counted::{Count, Counted};
use crate::xray::watch::Seen;

/// What is to be said where a count decides nothing, which may be nothing.
#[derive(Default)]
pub(super) struct Uncounted {
    notes: Vec<String>,
    /// Why an end did not count, among the notes.
    reasons: Vec<Unseen>,
}

impl Uncounted {
    fn because(reasons: impl IntoIterator<Item = Unseen>) -> Self {
        let mut said = Self::default();
        reasons.into_iter().for_each(|why| said.add(why));
        said
    }

    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn add(&mut self, why: Unseen) {
        self.note(format!("not counted: {why}"));
        self.reasons.push(why);
    }

    /// Whether all of these are among its reasons, and so need not be said again.
    pub(super) fn gives(&self, reasons: &[Unseen]) -> bool {
        reasons.iter().all(|reason| self.reasons.contains(reason))
    }
}

impl std::fmt::Display for Uncounted {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.notes.join("; "))
    }
}

impl Observations<'_> {
    /// The row by what was counted.
    pub(super) fn counted(&self, row: &Copies, sampled: &SampledPresence) -> Result<Copies, Uncounted> {
        match row.place {
            Place::User | Place::Kernel | Place::Receive => match self.count(row.side as usize, row.place) {
                Ok((counted, count)) => {
                    let row = exact(row.clone(), counted, count.bytes);
                    if self.encrypts(row.place) {
                        Err(uncounted_cipher(&row))
                    } else {
                        Ok(checked(row, sampled))
                    }
                }
                Err(why) => Err(Uncounted::because([why])),
            },
            Place::Deferred => self.deferred(row),
            Place::BelowTcp => self.below_tcp(row),
            Place::Unknown | Place::Card => Err(Uncounted::default()),
        }
    }

    /// What an end counted of a place, or why it did not.
    fn count(&self, end: usize, place: Place) -> Result<(&Counted, Count), Unseen> {
        match self.records[end] {
            Seen::Records(counted) => {
                let copied = counted.copies.iter().find(|copied| copied.place == place);
                let count = match copied {
                    Some(copied) => copied.counted.clone().map_err(Unseen::Told)?,
                    None => return Err(Unseen::NoProbe),
                };
                if counted.bytes == 0 {
                    return Err(Unseen::NoWholeCall { lost: counted.lost });
                }
                Ok((counted, count))
            }
            Seen::Nothing(why) => Err(Unseen::Told(why.clone())),
            Seen::Samples(_) | Seen::Pages(_) => Err(Unseen::NoRecords),
        }
    }

    /// Completions that carry a flag which proves copying, or the kernel's function that makes these copies: both count from
    /// below.
    fn deferred(&self, row: &Copies) -> Result<Copies, Uncounted> {
        if self.proof != Some(FlagProof::WhereUnset)
            && let Some(share) = self.zero_copy.copied_share().filter(|&share| share > TOLERANCE)
            && let Some((copied, completions)) = self.zero_copy.copied.zip(self.zero_copy.completions)
        {
            let note = format!("{copied} of {completions} completed calls flagged COPIED");
            return Ok(row.clone().found(Some(share), Evidence::Flagged, note));
        }
        let (mut often, mut said) = (false, Uncounted::default());
        for (end, name) in [(0, "sender's"), (1, "receiver's")] {
            match self.count(end, Place::Deferred) {
                Ok((counted, count)) => {
                    often |= count.times as f64 > TOLERANCE * counted.calls as f64;
                    let (times, calls) = (count.times, counted.calls);
                    said.note(format!(
                        "skb_copy_ubufs ran {times} times in {calls} calls of the {name} threads"
                    ));
                }
                Err(why) => said.add(why),
            }
        }
        match often {
            true => {
                let note = said.to_string();
                Ok(Copies { evidence: Evidence::Sampled, verdict: Verdict::Refuted, note, ..row.clone() })
            }
            false => Err(said),
        }
    }

    /// Bytes that skb_copy_bits copied in the workers' own time at either end: a lower bound.
    fn below_tcp(&self, row: &Copies) -> Result<Copies, Uncounted> {
        let (mut per_byte, mut said) = (None, Uncounted::default());
        for side in [Side::Sender, Side::Receiver] {
            match self.count(side as usize, Place::BelowTcp) {
                Ok(_) if side == Side::Receiver && self.encrypts(Place::Receive) => {
                    said.note(
                        "not counted at the receiver, whose kernel TLS copies by skb_copy_bits too"
                            .to_owned(),
                    );
                }
                Ok((counted, count)) => {
                    let bytes = count.bytes.unwrap_or_default();
                    *per_byte.get_or_insert(0.0) += bytes as f64 / counted.bytes as f64;
                    said.note(format!(
                        "skb_copy_bits copied {bytes} bytes in {} calls of {} bytes in the {side}'s threads",
                        counted.calls, counted.bytes
                    ));
                }
                Err(why) => said.add(why),
            }
        }
        match per_byte.filter(|&bytes| bytes > TOLERANCE) {
            Some(bytes) => Ok(row.clone().found(Some(bytes), Evidence::Exact, said.to_string())),
            // Nothing in the workers' own time: elsewhere there may be copies, and by other functions.
            None => Err(said),
        }
    }
}

fn exact(row: Copies, counted: &Counted, bytes: Option<u64>) -> Copies {
    let bytes = bytes.unwrap_or_default();
    let per_byte = bytes as f64 / counted.bytes as f64;
    let mut note = format!("{bytes} of {} bytes in {} calls", counted.bytes, counted.calls);
    if counted.lost > 0 {
        note += &format!("; {} records lost, and the calls around them left out", counted.lost);
    }
    let row = Copies {
        copied_bytes: Some(bytes),
        call_bytes: Some(counted.bytes),
        calls: Some(counted.calls),
        lost: Some(counted.lost),
        ..row
    };
    row.found(Some(per_byte), Evidence::Exact, note)
}

/// What was counted beside a cipher's work, which passes none of the functions that are watched.
fn uncounted_cipher(row: &Copies) -> Uncounted {
    let mut said = Uncounted::default();
    said.note(format!(
        "kernel TLS writes each byte anew, which is not counted; copied beside it: {}",
        row.note
    ));
    said
}

/// A count of copies into the kernel or to the receiver compared with the samples: bytes that go by a way that is not
/// watched would be missed.
fn checked(row: Copies, sampled: &SampledPresence) -> Copies {
    match sampled {
        Ok(Look { presence: Presence::Present, note: seen, .. })
            if row.place != Place::User && row.copied_per_byte.is_some_and(|count| count <= TOLERANCE) =>
        {
            let note = format!("{}; yet {seen}", row.note);
            Copies { verdict: Verdict::Contradicted, note, ..row }
        }
        _ => row,
    }
}
