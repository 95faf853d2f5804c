//! What the report says of trials that did not have their CPUs to themselves.

use crate::prose::words;
use crate::record::disturbance::{Disturbance, FOREIGN_CPUS};
use crate::record::{Status, Surroundings, Trial};
use crate::study::Subject;
use crate::tables::{CellRow, Flag};

/// How many trials were disturbed, by what, and whether that is where the unsteady cells come from; absent where
/// nothing was seen.
pub(super) fn sentence(subject: &Subject) -> Option<String> {
    let ok: Vec<&Trial> = subject.run.trials.iter().filter(|trial| trial.status == Status::Ok).collect();
    let known = |host: &Surroundings| host.foreign_cpus.is_some() || host.kept_off_cpu.is_some();
    if !ok.is_empty() && !ok.iter().any(|trial| known(&trial.sender_host) || known(&trial.receiver_host)) {
        return Some(
            "not known: the rows do not say how busy others were, so a slow trial may be theirs.".to_owned(),
        );
    }
    let disturbed: Vec<&&Trial> = ok.iter().filter(|trial| !trial.disturbed.is_empty()).collect();
    if disturbed.is_empty() {
        return None;
    }
    let by: Vec<String> = Disturbance::ALL
        .into_iter()
        .filter_map(|what| {
            let trials = disturbed.iter().filter(|trial| trial.disturbed.0.contains(&what)).count();
            (trials > 0).then(|| format!("{} in {}{}", what.words(), trials, most(what, &disturbed)))
        })
        .collect();
    let cells = |flag: Flag| subject.tables.cells.iter().filter(move |cell| cell.flags.has(flag));
    let unsteady = cells(Flag::Unsteady).count();
    let both = cells(Flag::Unsteady).filter(|cell: &&CellRow| cell.flags.has(Flag::Disturbed)).count();
    let why = match (unsteady, both) {
        (_, 0) => String::new(),
        (1, _) => " The unsteady cell has such trials, which may be why it is.".to_owned(),
        (unsteady, both) => {
            let (unsteady, both) = (words::count(unsteady as u64), words::count(both as u64));
            format!(" Of the {unsteady} unsteady cells {both} have such trials, which may be why they are.")
        }
    };
    Some(format!(
        "{} of {} were disturbed: {}. They are counted all the same; `compare` does not gate on them.{why}",
        words::count(disturbed.len() as u64),
        words::plural(ok.len() as u64, "trial"),
        words::list(&by)
    ))
}

/// The most that was seen of foreign load.
fn most(what: Disturbance, disturbed: &[&&Trial]) -> String {
    if what != Disturbance::ForeignLoad {
        return String::new();
    }
    let hosts = disturbed.iter().flat_map(|trial| [&trial.sender_host, &trial.receiver_host]);
    let most = hosts.filter_map(|host| host.foreign_cpus).reduce(f64::max);
    most.map(|most| {
        format!(
            " (more than {FOREIGN_CPUS} CPUs and two ticks of the clock, at most {})",
            words::number(most)
        )
    })
    .unwrap_or_default()
}
