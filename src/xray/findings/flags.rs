//! Completions whose flag proves nothing where it is set, held against the samples.
//!
//! io_uring reports SEND_ZC as copied unless an skb came back that carried this very notification uncopied. Where the
//! kernel stacks notifications on one skb (`io_link_skb`), only the first of them comes back with it; the others are
//! reported as copied, whatever happened (`io_tx_ubuf_complete`, io_uring/notif.c, read in Linux 6.12).

use super::presence::{Look, SampledPresence};
use super::{JudgedRow, Observations, TOLERANCE, joined};
use crate::interface::FlagProof;
use crate::record::copies::{Copies, Evidence, Verdict};

impl Observations<'_> {
    /// The share of the completed calls that carry a flag which proves nothing where it is set, and in words.
    fn unproven(&self) -> Option<(f64, String)> {
        if self.proof != Some(FlagProof::WhereUnset) {
            return None;
        }
        let (copied, completions) = self.zero_copy.copied.zip(self.zero_copy.completions)?;
        let share = self.zero_copy.copied_share()?;
        let words =
            format!("{copied} of {completions} completed calls ({:.1} %) are flagged COPIED", share * 100.0);
        Some((share, words))
    }

    /// What samples and counts say of deferred copies, held against what the flags say.
    pub(super) fn cross_examined(&self, judged: JudgedRow, look: &SampledPresence) -> JudgedRow {
        let Some((share, flagged)) = self.unproven() else { return judged };
        let JudgedRow { row, wants_samples } = judged;
        let said = |more: &str| joined(&[&row.note, &format!("{flagged}{more}")]);
        let is_claim = share > TOLERANCE;
        match (row.verdict, look) {
            (Verdict::Confirmed, Ok(look)) if is_claim => against(row, look, share, &flagged),
            (Verdict::Refuted, _) if is_claim => {
                Copies { note: said(", and both kinds of evidence agree"), ..row }.into()
            }
            (Verdict::Confirmed | Verdict::Refuted, _) => Copies { note: said(""), ..row }.into(),
            _ => JudgedRow { row: Copies { note: said(", which proves nothing"), ..row }, wants_samples },
        }
    }
}

/// Samples show no copy, and flags claim some: a contradiction where the samples leave no room for so many.
fn against(row: Copies, look: &Look, share: f64, flagged: &str) -> JudgedRow {
    let Look { found, busy, .. } = look;
    let room =
        look.most_per_byte.map_or_else(String::new, |most| format!(": at most {most:.3} of each byte"));
    let seen = format!(
        "{found} of {busy} samples are copies in skb_copy_ubufs, where one of each byte takes at least {:.0}{room}",
        look.expected.unwrap_or_default()
    );
    if look.most_per_byte.is_some_and(|most| most < share) {
        let note = format!("the flag is contradicted by samples: {flagged}, yet {seen}");
        return Copies { verdict: Verdict::Contradicted, note, ..row }.into();
    }
    let row = Copies {
        copied_per_byte: None,
        evidence: Evidence::NotMeasurable,
        verdict: Verdict::NotMeasurable,
        note: format!("{flagged}, which proves nothing; {seen}, which leaves it open"),
        ..row
    };
    JudgedRow { row, wants_samples: true }
}
