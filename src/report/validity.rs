//! What a reader must know before believing the figures: each warning says how many cells it touches.

use super::figures::Outcome;
use crate::prose::block::{Block, Text};
use crate::prose::words;
use crate::record::manifest::Basis;
use crate::study::{Subject, interfaces};
use crate::tables::{
    CellRow, Drift, ENOUGH_TRIALS, Flag, HELD, LEAST_TICKS, METRICS, Metric, OUTLIER_DISTANCE, STEAL_CPUS,
    Sample, THROUGHPUT, UNSTEADY_SPREAD, metric, samples,
};

/// The section on validity. `figures` are those that were tried.
pub(super) fn blocks(subject: &Subject, figures: &[Outcome]) -> Vec<Block> {
    let mut warnings = vec![];
    warnings.extend(whole(subject));
    // An x-ray alone has no trials, and so none that are missing or could be called into question.
    let timed = !subject.run.trials.is_empty();
    if timed {
        warnings.extend(FLAGS.iter().filter_map(|(flag, label, why)| flagged(subject, *flag, label, why)));
        warnings.extend(super::disturbed::sentence(subject).map(|what| warning("load from outside", what)));
        warnings.extend(counters(subject));
        warnings.extend(too_few_ticks(subject));
        let drift = Drift::of(&samples(subject.run))
            .sentence()
            .filter(|_| subject.run.manifest.basis() != Basis::Instructions);
        warnings.extend(drift.map(|sentence| warning("drift", sentence)));
        warnings.push(noise(subject));
    }
    warnings.extend(subject.run.left_out.iter().map(|what| warning("left out", what.clone())));
    let mut blocks = vec![Block::section("Validity")];
    if warnings.is_empty() {
        blocks.push(Block::says("Nothing that this report checks for calls the figures into question."));
    } else {
        blocks.push(Block::List(warnings));
    }
    let absent: Vec<Text> = figures
        .iter()
        .filter_map(|figure| match figure {
            Outcome::Absent { title, why } => {
                Some(Text::default().strong(title.clone()).and(format!(": {why}.")))
            }
            Outcome::Drawn(_) | Outcome::Said { .. } => None,
        })
        .collect();
    if timed && !absent.is_empty() {
        blocks.extend([Block::part("Figures that are not drawn"), Block::List(absent)]);
    }
    blocks
}

fn warning(label: &str, words: String) -> Text {
    Text::default().strong(label).and(": ").and(words)
}

/// Each flag of a cell, what to call it, and what it means for the figures; `{interface}` is that of the cells' paths.
const FLAGS: &[(Flag, &str, &str)] = &[
    (Flag::FailedTrials, "failed trials", "the figures rest on the trials that went well"),
    (Flag::Unsupported, "unsupported cells", "they were not run, and have no figures"),
    (Flag::Missing, "missing cells", "the grid names them, and no trial was recorded"),
    (Flag::OneTrial, "one trial", "without an interval nothing can be told from chance"),
    (Flag::FewTrials, "few trials", "the interval rests on an assumed shape of the noise and is wide"),
    (Flag::Unsteady, "unsteady cells", "trials differ so much that a small difference would be missed"),
    (Flag::Outliers, "trials far off", "they are counted all the same, and the median tolerates a few"),
    (Flag::Steal, "steal", "the hypervisor took CPU time away during the window"),
    (Flag::Bbr, "paced by BBR", "the sender waits by the clock, which hides what copies cost"),
    (Flag::Retransmits, "retransmissions", "TCP sent segments again, so more than the path is in the figure"),
    (
        Flag::Multiplexed,
        "counters in turns",
        "hardware counters shared the PMU, and their counts are scaled up",
    ),
    (Flag::Enobufs, "ENOBUFS", "the limit on pinned pages took part in the figure"),
    (
        Flag::DeferredCopy,
        "deferred copies",
        "{interface} was asked for, and the kernel copied every completed call after all",
    ),
    (
        Flag::PartlyCopied,
        "deferred copies in part",
        "the kernel copied some of the completed {interface} calls after all",
    ),
    (
        Flag::UnprovenCopy,
        "copies that no flag proves",
        "completions of {interface} are flagged COPIED, which on io_uring proves nothing: x-ray them",
    ),
    (
        Flag::NoCompletions,
        "no completions",
        "nothing proves what happened to the bytes of their {interface} calls",
    ),
    (
        Flag::Beyond,
        "rates beyond the path",
        "messages queue up at the sender for as long as one looks, so their delays say how long that was",
    ),
];

fn flagged(subject: &Subject, flag: Flag, label: &str, why: &str) -> Option<Text> {
    let cells: Vec<&CellRow> = subject.tables.cells.iter().filter(|cell| cell.flags.has(flag)).collect();
    if cells.is_empty() {
        return None;
    }
    let detail = match flag {
        Flag::Unsteady => format!(
            " (the middle half of the trials spans more than {} of the median)",
            words::percent(UNSTEADY_SPREAD)
        ),
        Flag::Outliers => format!(" (more than {} from the median)", words::percent(OUTLIER_DISTANCE)),
        Flag::Steal => format!(" (more than {STEAL_CPUS} of a CPU)"),
        Flag::FewTrials => format!(" (fewer than {ENOUGH_TRIALS})"),
        Flag::Beyond => format!(
            " (in most trials fewer than {} of the messages were sent, or more than half of them late)",
            words::percent(HELD)
        ),
        Flag::FailedTrials | Flag::Unsupported => reasons(&cells),
        _ => String::new(),
    };
    let interface = interfaces::names(cells.iter().map(|cell| cell.send_path.as_str()));
    let why = why.replace("{interface}", &interface);
    let all = subject.tables.cells.len();
    let whom = if cells.len() == all {
        format!("all {} cells", words::count(all as u64))
    } else {
        let names: Vec<String> = cells.iter().map(|cell| name(cell)).collect();
        format!(
            "{} of {} cells ({})",
            words::count(cells.len() as u64),
            words::count(all as u64),
            words::list(&names)
        )
    };
    Some(warning(label, format!("{whom}{detail}; {why}.")))
}

fn name(cell: &CellRow) -> String {
    let workload = Some(cell.to_cell().workload).filter(|workload| !workload.is_usual());
    let workload = workload.map(|workload| format!(" {workload}")).unwrap_or_default();
    format!("{} {} t{}{workload}", Subject::name_of(cell), words::bytes(cell.message_bytes), cell.threads)
}

/// The first reasons that rows give, each once.
fn reasons(cells: &[&CellRow]) -> String {
    let mut reasons: Vec<&str> = Vec::new();
    for cell in cells {
        if !cell.reason.is_empty() && !reasons.contains(&cell.reason.as_str()) {
            reasons.push(&cell.reason);
        }
    }
    if reasons.is_empty() { String::new() } else { format!(": {}", words::list(&reasons)) }
}

/// Whether the run is whole, and who made it.
fn whole(subject: &Subject) -> Vec<Text> {
    let manifest = &subject.run.manifest;
    let mut warnings = Vec::new();
    match manifest.outcome.as_deref() {
        Some("complete") => {}
        Some(outcome) => {
            warnings.push(warning("not whole", format!("the sweep was {outcome} before its end.")))
        }
        None => warnings.push(warning(
            "not whole",
            "the sweep was running when this was read, or was killed.".to_owned(),
        )),
    }
    if manifest.resumed > 0 {
        let times = words::plural(u64::from(manifest.resumed), "time");
        warnings.push(warning("resumed", format!("{times}; blocks before and after may differ as a whole.")));
    }
    let hashes =
        [&manifest.tool.binary_sha256, &manifest.sender.binary_sha256, &manifest.receiver.binary_sha256];
    let known: Vec<&String> = hashes.into_iter().flatten().collect();
    if known.windows(2).any(|pair| pair[0] != pair[1]) {
        warnings
            .push(warning("mixed versions", "coordinator and agents are not the same binary.".to_owned()));
    }
    if manifest.tool.is_changed() {
        warnings.push(warning(
            "changed sources",
            "the program was built from sources that no commit holds.".to_owned(),
        ));
    }
    if manifest.sender.pinned.is_empty() {
        let why = "the sender's workers were not pinned; whether both ends share a CPU makes up to a factor of two.";
        warnings.push(warning("not pinned", why.to_owned()));
    }
    let is_off =
        |name: &&str| manifest.wires.values().any(|link| link.sender.offloads.get(*name) == Some(&false));
    let off: Vec<&str> = ["tso", "gso"].into_iter().filter(is_off).collect();
    if !off.is_empty() {
        let why = format!(
            "{} off; segments are small, and what they cost outweighs the copies.",
            words::list(&off)
        );
        warnings.push(warning("offloads off", why));
    }
    warnings
}

/// Hardware counters that no trial has.
fn counters(subject: &Subject) -> Option<Text> {
    let derived = &subject.tables.derived;
    let has = |of: fn(&crate::tables::EndFigures) -> Option<f64>| {
        derived.iter().any(|row| of(&row.figures.sender).is_some())
    };
    let mut absent = Vec::new();
    for (name, present) in [
        ("cycles", has(|end| end.cycles_per_byte.value)),
        ("l1d_load_misses", has(|end| end.l1d_misses_per_gib.value)),
        ("llc_load_misses", has(|end| end.llc_misses_per_gib.value)),
    ] {
        if !present {
            absent.push(name);
        }
    }
    let why = "Questions on caches stay open, and CPU time stands in for cycles.";
    (!absent.is_empty())
        .then(|| warning("no hardware counters", format!("{}. {why}", subject.why_no_counter(&absent))))
}

/// Figures that the kernel counts by its ticks, of which some cells' trials have too few.
fn too_few_ticks(subject: &Subject) -> Option<Text> {
    let samples = samples(subject.run);
    let untold = |metric: &Metric| {
        let ticked = metric.ticked?;
        let is_untold =
            |sample: &&Sample| !sample.values(ticked.seconds).is_empty() && !ticked.is_told(sample);
        let cells = samples.iter().filter(is_untold).count() as u64;
        let of = words::plural(samples.len() as u64, "cell");
        (cells > 0).then(|| format!("{} in {} of {of}", metric.name, words::count(cells)))
    };
    let untold: Vec<String> = METRICS.iter().filter_map(untold).collect();
    let why = format!(
        "the kernel counts these by ticks of some milliseconds, and a trial has fewer than {LEAST_TICKS} of them, so they \
         are left out: {}. CPU time as a whole is exact. A longer `duration` gives more ticks.",
        words::list(&untold)
    );
    (!untold.is_empty()).then(|| warning("too few ticks", why))
}

/// The noise floors of the control cells, or that there is none.
fn noise(subject: &Subject) -> Text {
    let metrics = ["throughput_gbps", "response_p50_us", "response_p99_us"].into_iter().filter_map(metric);
    let reaches: Vec<String> = metrics.filter_map(|metric| reach(subject, metric)).collect();
    if reaches.is_empty() {
        let why = "no cell ran twice in each block, so it is not known by how much a cell differs from itself; `control: \
                   PATH` in the grid shows it.";
        return warning("no noise floor", why.to_owned());
    }
    let why = "each comparison is judged against that of its own cell, or of the nearest that has one";
    warning(
        "noise floor",
        format!("a cell against itself differs by up to {}; {why}.", words::list(&reaches)),
    )
}

/// How far the control cells differ from themselves by a figure: `2.1 % to 5.0 % (6 cells)`.
fn reach(subject: &Subject, metric: &Metric) -> Option<String> {
    let of_metric = subject.tables.noise.iter().filter(|row| row.metric == metric.name);
    let floors: Vec<f64> = of_metric.filter_map(|row| row.floor).collect();
    let least = floors.iter().copied().reduce(f64::min)?;
    let most = floors.iter().copied().reduce(f64::max)?;
    let reach = if least == most {
        words::percent(most)
    } else {
        format!("{} to {}", words::percent(least), words::percent(most))
    };
    let by = if metric.name == THROUGHPUT.name { String::new() } else { format!("by {}, ", metric.name) };
    Some(format!("{reach} ({by}{})", words::plural(floors.len() as u64, "cell")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Simulation;
    use crate::tables::Tables;

    #[test]
    fn figures_of_too_few_ticks_are_said() {
        let said = |user_s: f64| {
            let mut run = Simulation::default().run();
            for trial in &mut run.trials {
                (trial.sender.user_s, trial.sender.system_s) = (Some(user_s), Some(user_s));
                (trial.receiver.user_s, trial.receiver.system_s) = (Some(user_s), Some(user_s));
            }
            let tables = Tables::of(&run);
            too_few_ticks(&Subject::new(&run, &tables)).map(|text| text.words())
        };
        // Two ticks of the usual kernel, and a hundred.
        assert!(said(0.008).is_some_and(|text| text.contains("left out: user_ns_per_kib in ")));
        assert_eq!(said(0.4), None);
    }
}
