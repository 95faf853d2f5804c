//! What an agent saw in an x-ray pass.

use super::{Checked, Figures, Most};
use crate::record::folded_stack::is_chain;
use crate::xray::counted::{Copied, Count, Counted};
use crate::xray::sampled::{Sampled, SampledCost};
use crate::xray::stacks::{MOST_BYTES, MOST_CHAINS, Stacks};
use crate::xray::watch::Seen;

/// Samples a second that are taken of a CPU at most, with room for a clock that runs apart.
const SAMPLES_PER_S: f64 = 1e6;
/// Frames that the widest physical address can tell: 52 bits.
const MOST_FRAMES: u64 = 1 << (52 - 12);
/// What one pass adds to is below this, so that no sum of passes overflows.
const MOST_OF_A_PASS: u64 = u64::MAX >> 20;

/// Checks what one end saw.
pub(super) fn seen(seen: &Seen, most: &Most) -> Checked {
    let figures = most.whole();
    match seen {
        Seen::Samples(sampled) => samples(sampled, &figures),
        Seen::Records(counted) => records(counted, &figures),
        Seen::Pages(frames) => figures.count("the page frames", Some(frames.count()), MOST_FRAMES),
        Seen::Nothing(_) => Ok(()),
    }
}

fn samples(sampled: &Sampled, figures: &Figures) -> Checked {
    let Sampled {
        clock: _,
        scope: _,
        limits: _,
        unnamed: _,
        costs,
        strangers,
        lost,
        stacks,
        unknown,
        outside,
        missed: _,
        unwatched: _,
        callers,
    } = sampled;
    let cpu_s = figures.most.cpu_s;
    let most = ((cpu_s * SAMPLES_PER_S) as u64).min(MOST_OF_A_PASS);
    figures.counts(most, [("strangers", Some(*strangers)), ("lost", Some(*lost))])?;
    let all = [
        unknown.iter().map(|(_, samples)| *samples).collect::<Vec<_>>(),
        outside.iter().map(|(_, samples)| *samples).collect(),
        callers.iter().map(|(_, samples)| *samples).collect(),
    ];
    all.iter().flatten().try_for_each(|&samples| figures.count("samples", Some(samples), most))?;
    let mut sum: u64 = 0;
    for SampledCost { category, owner, samples, ns } in costs {
        let figure = |name: &str| format!("{name} of {category} ({owner:?})");
        sum = sum.saturating_add(*samples);
        figures.count(&figure("samples"), Some(*samples), most)?;
        figures.number(&figure("ns"), *ns, 0.0..=cpu_s * 1e9)?;
    }
    figures.count("samples of all categories", Some(sum), most)?;
    chains(stacks, most, figures)
}

/// Call chains: as many as are handed over, of names that a line of a file can hold, and no more samples than there were.
fn chains(stacks: &Stacks, most: u64, figures: &Figures) -> Checked {
    figures.count("the call chains", Some(stacks.len() as u64), MOST_CHAINS as u64)?;
    figures.count("the bytes of the call chains", Some(stacks.bytes() as u64), MOST_BYTES as u64)?;
    if stacks.iter().any(|(chain, _)| !is_chain(chain)) {
        let possible = "names of printable characters, joined by `;`,";
        return Err(figures.refused("a call chain", "something else", possible));
    }
    let sum = stacks.iter().fold(0, |sum: u64, (_, samples)| sum.saturating_add(samples));
    figures.count("samples of all call chains", Some(sum), most)
}

fn records(counted: &Counted, figures: &Figures) -> Checked {
    let Counted { bytes, calls, lost, copies } = counted;
    let streams = figures.most.streams as u64;
    let times = figures.most.events.saturating_mul(streams).min(MOST_OF_A_PASS);
    let most_bytes = figures.most.bytes.min(MOST_OF_A_PASS);
    figures.count("recorded bytes", Some(*bytes), most_bytes)?;
    figures.counts(times, [("recorded calls", Some(*calls)), ("lost records", Some(*lost))])?;
    for Copied { place, counted } in copies {
        let Ok(Count { times: copies, bytes }) = counted else { continue };
        figures.count(&format!("copies of the place {place}"), Some(*copies), times)?;
        figures.count(&format!("copied bytes of the place {place}"), *bytes, most_bytes)?;
    }
    Ok(())
}
