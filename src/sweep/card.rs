//! The pass in which the card is asked: what it read for one trial, compared with the pages of the sender.
//!
//! From before the first byte to after the last one, so that what was sent is known exactly: the bytes from
//! connection to EOF, which both ends counted alike.

use super::pass::{reason, windowed};
use super::passes::RECORDED;
use crate::cell::{Cell, Wire};
use crate::lab::{Lab, Trouble};
use crate::options::TrialOptions;
use crate::witness::{Frames, Witness};
use crate::xray::findings::CardReading;
use crate::xray::watch::{Pass, Seen};

/// The machine's cards, where what they read can be known.
pub(super) struct Card(Option<Result<Witness, String>>);

impl Card {
    pub(super) fn of_this_machine() -> Self {
        Self(Witness::of_this_machine())
    }

    /// Runs the pass; none where the cell's wire is not an emulated card.
    ///
    /// # Errors
    /// When an agent is gone. Everything else is a reason why nothing was told.
    pub(super) fn ask(
        &mut self,
        lab: &mut Lab,
        cell: &Cell,
        options: &TrialOptions,
    ) -> Result<Option<Result<CardReading, String>>, Trouble> {
        let Some(witness) = self.0.as_mut().filter(|_| cell.wire == Wire::Nic) else { return Ok(None) };
        let begun = witness.as_mut().map_err(|why| why.clone()).and_then(|witness| {
            witness.begin()?;
            Ok(witness)
        });
        let witness = match begun {
            Ok(witness) => witness,
            Err(why) => return Ok(Some(Err(why))),
        };
        let xrayed = lab.xray(cell, &windowed(options, RECORDED), Pass::Pages);
        let (frames, measured) = match xrayed {
            Ok(xrayed) => (frames(xrayed.sender), Ok(xrayed.measured)),
            Err(trouble) => (Err(String::new()), Err(trouble)),
        };
        // Asked in any case: it switches the trace off.
        let told = witness.end(frames.clone().unwrap_or_default());
        let measured = match measured {
            Ok(measured) => measured,
            Err(Trouble::Trial(failure)) => return Ok(Some(Err(reason(&failure)))),
            Err(lost) => return Err(lost),
        };
        let told = frames.and(told).and_then(|testimony| {
            let sent = measured.total_bytes().filter(|&bytes| bytes > 0).ok_or("nothing was sent")?;
            Ok(CardReading { testimony, sent, retransmits: measured.retransmits() })
        });
        Ok(Some(told))
    }
}

fn frames(seen: Option<Seen>) -> Result<Frames, String> {
    match seen {
        Some(Seen::Pages(frames)) => Ok(frames),
        Some(Seen::Nothing(why)) => Err(why),
        _ => Err("the sender's agent did not say where its pages are".to_owned()),
    }
}
