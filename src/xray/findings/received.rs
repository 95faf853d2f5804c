//! What receive calls say of the bytes that they brought, mapped or copied, held against the samples.
//!
//! The kernel copies in silence what it cannot map, and a program that adds the two up wrongly would believe in mapping
//! alone. So its word refutes, but confirms only where a copy of each byte would have shown.

use super::presence::{Look, Presence, SampledPresence};
use super::{JudgedRow, Observations, TOLERANCE, joined, unseen};
use crate::record::ReceiveUsage;
use crate::record::copies::{Copies, Evidence, Verdict};

impl Observations<'_> {
    /// The row of a receive path on which the kernel says what it copied.
    pub(super) fn received(&self, row: Copies, look: &SampledPresence) -> JudgedRow {
        let ReceiveUsage { mapped_bytes, copied_bytes, .. } = &self.receive_usage;
        let [mapped, copied] = [mapped_bytes, copied_bytes].map(|bytes| bytes.unwrap_or_default());
        let word = format!("by the kernel's word {mapped} bytes were mapped and {copied} copied");
        let share = self.receive_usage.copied_share().unwrap_or_default();
        let none = share <= TOLERANCE;
        let with = |more: &str| row.clone().found(Some(share), Evidence::Flagged, joined(&[&word, more]));
        let unproven = |more: &str| Copies { verdict: Verdict::NotMeasurable, ..with(more) };
        let look = match look {
            Ok(look) => look,
            Err(unsampled) if none => return unproven(&unseen::joined(unsampled)).into(),
            Err(unsampled) => return with(&unseen::joined(unsampled)).into(),
        };
        match contradiction(look, share) {
            Some(yet) => Copies { verdict: Verdict::Contradicted, ..with(&format!("yet {yet}")) }.into(),
            None if !none || look.presence == Presence::Absent => with(&look.note).into(),
            None => JudgedRow { row: unproven(&look.note), wants_samples: look.presence == Presence::TooFew },
        }
    }
}

/// What the samples say against the kernel's word that this share of the bytes was copied.
fn contradiction(look: &Look, share: f64) -> Option<String> {
    match look.presence {
        Presence::Present if share <= TOLERANCE => Some(look.note.clone()),
        Presence::Absent => {
            let most = look.most_per_byte.filter(|&most| most < share)?;
            Some(format!("{}: at most {most:.3} copies of each byte", look.note))
        }
        _ => None,
    }
}
