//! The pass that splits the way of a message into its stages, by the kernel's time stamps.

use std::time::Duration;

use super::pass::{reason, windowed};
use crate::cell::{Cell, Workload};
use crate::histogram::Delays;
use crate::lab::{Lab, Trouble};
use crate::options::{Bound, TrialOptions};
use crate::record::latency::{DelayKind, Latency};
use crate::record::way::{Stage, Way};
use crate::{receive, workload};

/// The window: thousands of messages.
const WINDOW: Duration = Duration::from_millis(300);

/// The stages of the way of this cell's messages; none where they are not answered, so that nobody asks how long one
/// takes.
pub(super) fn split(lab: &mut Lab, cell: &Cell, options: &TrialOptions) -> Result<Vec<Way>, Trouble> {
    if !workload::is_answered(&cell.workload) {
        return Ok(Vec::new());
    }
    let stamped = Cell {
        workload: Workload::named(workload::STAMPED.name),
        receive_path: receive::DEFAULT.to_owned(),
        ..cell.clone()
    };
    let options = TrialOptions { bound: Bound::Duration(WINDOW), ..windowed(options, WINDOW) };
    let rows = match lab.run(&stamped, &options) {
        Ok(measured) => {
            let stages = &measured.figures().stages;
            Stage::ALL.iter().filter_map(|stage| stages.get(stage).map(|all| row(*stage, all))).collect()
        }
        Err(Trouble::Trial(failure)) => vec![Way { reason: reason(&failure), ..Way::default() }],
        Err(lost) => return Err(lost),
    };
    Ok(rows.into_iter().map(|row| Way { cell: cell.key(), ..row }).collect())
}

fn row(stage: Stage, delays: &Delays) -> Way {
    let Latency { count, percentiles, mean_us, .. } = delays.row(DelayKind::OneWay);
    let reason = if count == 0 { "the kernel told no stamps on this wire" } else { "" };
    Way {
        stage,
        count,
        p50_us: percentiles.p50_us,
        p90_us: percentiles.p90_us,
        p99_us: percentiles.p99_us,
        mean_us,
        reason: reason.to_owned(),
        ..Way::default()
    }
}
