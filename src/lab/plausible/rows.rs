//! What was made of both ends' reports: distributions, once they are decoded, and whether every figure can be read
//! again from the files.

use super::{Checked, Most, refused};
use crate::cell::Side;
use crate::failure::Failure;
use crate::histogram::Delays;
use crate::lab::Measured;
use crate::record::latency::DelayKind;
use crate::record::{Latency, Row, Trial};
use crate::workload::TrialFigures;

/// Checks what was made of both reports. `most` is the sender's, who measures delays.
///
/// # Errors
/// The first figure that cannot be.
pub(in crate::lab) fn made(measured: &Measured, most: &Most) -> Checked {
    delays(measured.figures(), measured.total_bytes().unwrap_or_default() / most.message_bytes, most)?;
    readable(measured)
}

/// No more delays of a kind than messages, and none longer than the trial. A message that was begun before the window
/// may be among them.
fn delays(figures: &TrialFigures, messages: u64, most: &Most) -> Checked {
    let most_us = most.seconds * 1e6;
    let check = |name: String, row: &Latency| {
        if row.count > messages {
            let possible = format_args!("at most {messages}");
            return Err(refused(Side::Sender, &format!("the number of {name} delays"), row.count, possible));
        }
        match row.max_us {
            Some(max_us) if max_us > most_us => {
                let (max_us, possible) = (format_args!("{max_us} us"), format_args!("at most {most_us} us"));
                Err(refused(Side::Sender, &format!("the longest {name} delay"), max_us, possible))
            }
            _ => Ok(()),
        }
    };
    figures.rows.latency.iter().try_for_each(|row| check(row.kind.to_string(), row))?;
    let row = |delays: &Delays| delays.row(DelayKind::default());
    figures.stages.iter().try_for_each(|(stage, delays)| check(stage.to_string(), &row(delays)))
}

/// Every column of the rows can be read again: what is divided by almost nothing is a number no more.
fn readable(measured: &Measured) -> Checked {
    let mut trial = Trial::default();
    let beside = measured.clone().fill(&mut trial);
    read_again(&[trial])?;
    read_again(&beside.streams)?;
    read_again(&beside.latency)
}

fn read_again<R: Row>(rows: &[R]) -> Checked {
    for row in rows {
        for column in R::columns() {
            let text = (column.print)(row);
            (column.set)(&mut R::default(), &text).map_err(|what| {
                Failure::Failed(format!(
                    "{}, as it follows from what the two agents report: {what}; check which programs answer as agents",
                    column.name
                ))
            })?;
        }
    }
    Ok(())
}
