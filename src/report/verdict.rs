//! The verdict: what the run says, in a few plain sentences with their numbers.

use super::account;
use super::basis;
use super::by_wire;
use super::delays;
use super::figures::measure::Measure;
use crate::path;
use crate::prose::block::{Block, Text};
use crate::prose::words;
use crate::study::{Condition, Subject};
use crate::tables::{Difference, Flag, RatioRow, TOO_FEW_TRIALS, metric};

/// What stands first: for each condition a line that says where, and the sentences.
pub(super) fn verdict(subject: &Subject) -> Vec<Block> {
    let mut blocks: Vec<Block> =
        basis::caveat(subject.run.manifest.basis()).map(Block::says).into_iter().collect();
    blocks.extend(super::xray::refutations(subject));
    if subject.run.trials.is_empty() {
        blocks.push(Block::says(format!("{}: an x-ray alone, without timed trials.", machine(subject))));
        return blocks;
    }
    if !subject.run.manifest.is_measurement() {
        blocks.push(Block::says(no_measurement(subject)));
        return blocks;
    }
    for (place, condition) in subject.streams() {
        let mut rivals = subject.rivals(place);
        // A label that the evidence contradicts comes first.
        rivals.sort_by_key(|path| subject.name(place, path) == *path);
        let told = rivals.into_iter().filter_map(|path| against_baseline(subject, place, path));
        let lines: Vec<Text> =
            told.chain(fastest(subject, place)).chain(by_wire::sentences(subject, place)).collect();
        let at = format!("{}, over {}", machine(subject), condition.words());
        if !subject.tables.cells.iter().any(|cell| cell.trials > 0 && condition.holds(cell)) {
            blocks.push(Block::says(format!("{at}, no trial went well, so this run says nothing of it.")));
            continue;
        }
        if lines.is_empty() {
            blocks.push(Block::says(format!("{at}, {}", alone(subject, place))));
        } else {
            blocks.extend([Block::says(format!("{at}:")), Block::List(lines)]);
            blocks.extend(condition.wire.caveat().map(Block::says));
        }
    }
    blocks.extend(delays::verdict(subject, &machine(subject)));
    blocks
}

/// What a run says whose grid says that its figures are no measurement: whether everything ran.
fn no_measurement(subject: &Subject) -> String {
    let went_well: u64 = subject.tables.cells.iter().map(|cell| cell.trials).sum();
    format!(
        "{} of {} went well. The grid says that its figures are not a measurement: they show that everything runs, and \
         nothing is concluded from them.",
        words::count(went_well),
        words::plural(subject.run.trials.len() as u64, "trial")
    )
}

/// What is left to say where nothing can be compared.
fn alone(subject: &Subject, place: usize) -> String {
    let condition = &subject.conditions[place];
    let threads = condition.threads.first().copied().unwrap_or_default();
    let size = condition.largest();
    let rows = condition.paths.iter().filter_map(|path| subject.measured(place, path, size, threads));
    let rates: Vec<String> = rows
        .map(|row| {
            let rate = words::estimate(&Measure::THROUGHPUT.of_cell(row));
            format!("{} had {rate} Gb/s", Subject::name_of(&row.cell))
        })
        .collect();
    if rates.is_empty() {
        return format!("no trial went well at {} with {}.", words::bytes(size), words::threads(threads));
    }
    let at = format!("at {} with {}", words::bytes(size), words::threads(threads));
    format!("{} {at}; there is no other path to compare it with.", words::list(&rates))
}

/// `On this machine (Intel …, 2 CPUs, KVM guest)`.
fn machine(subject: &Subject) -> String {
    let host = &subject.run.manifest.sender.host;
    let mut words = Vec::new();
    words.extend(host.cpu_model.clone());
    words.extend(host.cpus_online.map(|count| words::plural(count, "CPU")));
    let hypervisor = host.virtualisation.as_deref().filter(|kind| *kind != "none");
    words.extend(hypervisor.map(|kind| format!("{} guest", if kind == "kvm" { "KVM" } else { kind })));
    if !host.kernel.is_empty() {
        words.push(format!("Linux {}", host.kernel));
    }
    if words.is_empty() {
        "On this machine".to_owned()
    } else {
        format!("On this machine ({})", words.join(", "))
    }
}

/// A path at the largest size, with the fewest threads and with the most.
fn against_baseline(subject: &Subject, place: usize, path: &str) -> Option<Text> {
    let condition = &subject.conditions[place];
    let baseline = subject.baseline(place)?;
    let other = subject.name(place, baseline);
    let size = condition.largest();
    let row = |threads: u32| -> Option<&RatioRow> {
        subject.ratio(&condition.setting(threads), size, path, baseline)
    };
    let mut told = condition.threads.iter().filter_map(|&threads| Some((threads, row(threads)?)));
    let mut text = Text::default().strong(subject.name(place, path));
    let Some((fewest, first)) = told.next() else {
        let reasons = condition.threads.iter().filter_map(|&threads| subject.row(place, path, size, threads));
        let reason = reasons.map(|row| row.cell.reason.as_str()).find(|reason| !reason.is_empty());
        let why = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
        return Some(
            text.and(format!(" and {other} have no trials at {} to be compared{why}.", words::bytes(size))),
        );
    };
    if let Some(copied) = copied(subject, place, path) {
        text = text.and(format!(" {copied}"));
    }
    let limit = |threads: u32| {
        let limit = subject.measured(place, path, size, threads).and_then(|row| row.cell.limit);
        limit.map(|limit| format!(", {}", words::held_back(Some(limit)))).unwrap_or_default()
    };
    let (judged, with) = (words::judged(first, &other), words::threads(fewest));
    text = text.and(format!(" was {judged} at {} with {with}{}", words::bytes(size), limit(fewest)));
    let last = told.next_back();
    if let Some((most, last)) = last {
        let judged = words::judged(last, &other);
        text = text.and(format!("; with {}, {judged}{}", words::threads(most), limit(most)));
    }
    text = text.and(".");
    let cpu = [Some((fewest, first)), last].into_iter().flatten();
    let cpu: Vec<String> = cpu.filter_map(|(_, row)| cpu_time(subject, place, row)).collect();
    if cpu.iter().any(|ratio| ratio.starts_with(TOO_FEW_TRIALS)) {
        text = text.and(format!(
            " Its sender's CPU time per KiB cannot be compared with {other}'s: too few trials."
        ));
    } else if !cpu.is_empty() {
        text = text.and(format!(" Its sender's CPU time per KiB was {} {other}'s.", cpu.join(" and ")));
    }
    if let Some(floor) = words::floor(first) {
        let other =
            last.and_then(|(most, last)| Some((most, last.floor.filter(|_| last.floor != first.floor)?)));
        let other = other
            .map(|(most, floor)| format!(", and of {} with {}", words::percent(floor), words::threads(most)));
        text = text.and(format!(" {}{}.", words::sentence(&floor), other.unwrap_or_default()));
    }
    // What is no difference is on nobody's account; the table has it all the same.
    let differs = matches!(first.difference, Difference::Faster | Difference::Slower);
    Some(match account::sentence(subject, first).filter(|_| differs) {
        Some(account) => text.and(format!(" {account}")),
        None => text,
    })
}

/// CPU time per KiB over the baseline's at the end that a send path is about: where the receiver or the wire holds it
/// back, throughput says what those can do.
fn cpu_time(subject: &Subject, place: usize, row: &RatioRow) -> Option<String> {
    let cell = |path: &str| subject.measured(place, path, row.message_bytes, row.setting.threads);
    let metric = metric("cpu_ns_per_kib").expect("a column of derived.csv");
    let found = subject.paired_metric(&cell(&row.path)?.cell, &cell(&row.over)?.cell, metric);
    found.ratio.value.map(|_| words::paired(&found))
}

/// `copied 100 % of its completed sends after all`, of a path with completions.
fn copied(subject: &Subject, place: usize, path: &str) -> Option<String> {
    let Condition { sizes, threads, .. } = &subject.conditions[place];
    let cells = sizes.iter().flat_map(|&size| threads.iter().map(move |&count| (size, count)));
    let (mut completions, mut copied, mut silent) = (0_u64, 0_u64, false);
    for row in cells.filter_map(|(size, count)| subject.measured(place, path, size, count)) {
        silent |= row.cell.flags.has(Flag::NoCompletions);
        for trial in subject.trials(&row.cell) {
            completions = completions.saturating_add(trial.zc.completions.unwrap_or_default());
            copied = copied.saturating_add(trial.zc.copied.unwrap_or_default());
        }
    }
    match completions {
        0 if silent => Some("had no completion, which leaves open whether it copied, and".to_owned()),
        0 => None,
        // That no call is flagged is no proof either.
        _ if copied == 0 => Some("had none of its completed sends flagged as copied and".to_owned()),
        all => {
            let share = words::percent(copied as f64 / all as f64);
            Some(match path::is_flag_proof(path) {
                true => format!("copied {share} of its completed sends after all and"),
                false => format!(
                    "had {share} of its completed sends flagged COPIED, which on io_uring proves nothing, and"
                ),
            })
        }
    }
}

/// The fastest path at the largest size, if the run can tell.
fn fastest(subject: &Subject, place: usize) -> Option<Text> {
    let condition = &subject.conditions[place];
    let (size, threads) = (condition.largest(), *condition.threads.first()?);
    let rows = condition.paths.iter().filter_map(|path| subject.measured(place, path, size, threads));
    let mut rows: Vec<_> = rows.filter(|row| row.cell.throughput_gbps.is_some()).collect();
    rows.sort_by(|a, b| b.cell.throughput_gbps.partial_cmp(&a.cell.throughput_gbps).expect("no NaN is read"));
    let (best, second) = (rows.first()?, rows.get(1)?);
    let rate = |row: &crate::tables::DerivedRow| words::estimate(&Measure::THROUGHPUT.of_cell(row));
    let ratio =
        subject.ratio(&condition.setting(threads), size, &best.cell.send_path, &second.cell.send_path)?;
    let names = (Subject::name_of(&best.cell), Subject::name_of(&second.cell));
    let at = format!("at {} with {}", words::bytes(size), words::threads(threads));
    let text = match ratio.difference {
        Difference::Faster => {
            Text::from("The fastest path ").and(at).and(" was ").strong(names.0).and(format!(
                ": {} Gb/s, {}{}.",
                rate(best),
                words::ratio_to(&ratio.ratio, &names.1),
                best.cell
                    .limit
                    .map(|limit| format!(", {}", words::held_back(Some(limit))))
                    .unwrap_or_default()
            ))
        }
        _ => Text::from("The fastest path ").and(at).and(" cannot be determined: ").strong(names.0).and(
            format!(
                " had {} Gb/s and {} {}, and no difference between the two was detected.",
                rate(best),
                names.1,
                rate(second)
            ),
        ),
    };
    Some(text)
}
