//! The tables of the report. They show what most readers look for; the run's files have every column.

use super::figures::measure::Measure;
use crate::prose::block::{Block, Table, TableField, Text};
use crate::prose::words;
use crate::study::{Condition, Subject};
use crate::tables::{DerivedRow, Estimate, Setting, TOO_FEW_TRIALS};

/// Columns that say what a cell ran in; those that never change are left out of a table.
pub(crate) const SURROUNDINGS: [&str; 5] = ["wire", "receive path", "payload", "working set", "workload"];

/// The section of tables.
pub(super) fn blocks(subject: &Subject) -> Vec<Block> {
    let mut blocks = vec![
        Block::section("Tables"),
        Block::Paragraph(
            Text::from("Medians over trials with 95 % intervals in brackets. Every column is in ")
                .code("cells.csv")
                .and(", ")
                .code("derived.csv")
                .and(", ")
                .code("ratios.csv")
                .and(", ")
                .code("crossovers.csv")
                .and(" and ")
                .code("cost_model.csv")
                .and("."),
        ),
    ];
    let tables = [
        cells(subject),
        counters(subject),
        broken(subject),
        ratios(subject),
        crossovers(subject),
        costs(subject),
    ];
    blocks.extend(tables.into_iter().flatten().filter(|table| !table.rows.is_empty()).map(Block::Table));
    blocks
}

pub(crate) fn columns<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    SURROUNDINGS.iter().chain(rest).copied().collect()
}

pub(crate) fn surroundings(setting: &Setting) -> Vec<TableField> {
    let working_set = setting.working_set_bytes.map_or_else(|| "hot".to_owned(), words::bytes);
    let (wire, payload) = (setting.wire.to_string(), setting.payload.to_string());
    let workload = setting.workload().to_string();
    vec![
        wire.into(),
        setting.receive_path.clone().into(),
        payload.into(),
        working_set.into(),
        workload.into(),
    ]
}

pub(crate) fn figure(estimate: &Estimate) -> TableField {
    TableField::number(words::estimate(estimate), estimate.value)
}

pub(super) fn ratio(estimate: &Estimate) -> TableField {
    let text = if estimate.is_wide() { TOO_FEW_TRIALS.to_owned() } else { words::estimate(estimate) };
    TableField::number(text, estimate.value)
}

pub(crate) fn size(bytes: u64) -> TableField {
    TableField::number(words::bytes(bytes), bytes as f64)
}

pub(crate) fn threads(count: u32) -> TableField {
    TableField::number(count.to_string(), f64::from(count))
}

pub(super) fn cell(row: &DerivedRow) -> Vec<TableField> {
    let cell = &row.cell;
    let mut fields = surroundings(&Setting::of(&cell.to_cell()));
    fields.extend([Subject::name_of(cell).into(), size(cell.message_bytes), threads(cell.threads)]);
    fields
}

/// A remark on a cell.
type RemarkFn = fn(&DerivedRow) -> TableField;

/// A table of measures, a row a cell, with remarks on it after them; measures that no cell has are left out.
fn measured(
    subject: &Subject,
    caption: &str,
    measures: &[(&str, Measure)],
    remarks: &[(&str, RemarkFn)],
) -> Option<Table> {
    let streams = || {
        let measured = subject.tables.derived.iter().filter(|row| row.cell.trials > 0);
        measured.filter(|row| row.cell.to_cell().workload.is_stream())
    };
    let with_data = |measure: &Measure| streams().any(|row| measure.of_cell(row).value.is_some());
    let measures: Vec<_> = measures.iter().filter(|(_, measure)| with_data(measure)).collect();
    if measures.is_empty() {
        return None;
    }
    let mut names = columns(&["path", "#size", "#threads", "#trials"]);
    names.extend(measures.iter().map(|(name, _)| *name));
    names.extend(remarks.iter().map(|(name, _)| *name));
    let mut table = Table::new(caption, &names);
    for row in streams() {
        let mut fields = cell(row);
        fields.push(TableField::number(words::count(row.cell.trials), row.cell.trials as f64));
        fields.extend(measures.iter().map(|(_, measure)| figure(&measure.of_cell(row))));
        fields.extend(remarks.iter().map(|(_, remark)| remark(row)));
        table.push(fields);
    }
    Some(table.without_constant(&SURROUNDINGS))
}

fn limit(row: &DerivedRow) -> TableField {
    row.cell.limit.map(|limit| limit.to_string()).unwrap_or_default().into()
}

fn flags(row: &DerivedRow) -> TableField {
    row.cell.flags.to_string().into()
}

fn spread(row: &DerivedRow) -> TableField {
    TableField::number(row.cell.spread.map(words::percent).unwrap_or_default(), row.cell.spread)
}

fn cells(subject: &Subject) -> Option<Table> {
    let measures = [
        ("#throughput, Gb/s", Measure::THROUGHPUT),
        ("#mean receive time, µs (no delay)", Measure::of("mean_recv_us", "", "", 1.0)),
        ("#sender CPU, ns/KiB", Measure::of("cpu_ns_per_kib", "", "", 1.0)),
        ("#receiver CPU, ns/KiB", Measure::of("receiver_cpu_ns_per_kib", "", "", 1.0)),
        ("#host busy, ns/KiB", Measure::of("host_busy_ns_per_kib", "", "", 1.0)),
        ("#sender switches, 1/s", Measure::of("context_switches_per_s", "", "", 1.0)),
        ("#flagged as copied, %", Measure::of("zc_copied_share", "", "", 100.0)),
    ];
    measured(
        subject,
        "Cells. Limit: the end that worked all the time while the other waited for it; where it is not the sender, the \
         throughput says what the receiver or the wire could do, and the sender's CPU time what the path costs.",
        &measures,
        &[("limit", limit), ("flags", flags)],
    )
}

fn counters(subject: &Subject) -> Option<Table> {
    let measures = [
        ("#cycles/B", Measure::of("cycles_per_byte", "", "", 1.0)),
        ("#instructions/B", Measure::of("instructions_per_byte", "", "", 1.0)),
        ("#L1 misses/GiB", Measure::of("l1d_misses_per_gib", "", "", 1.0)),
        ("#LLC misses/GiB", Measure::of("llc_misses_per_gib", "", "", 1.0)),
        ("#cache misses/GiB", Measure::of("cache_misses_per_gib", "", "", 1.0)),
    ];
    measured(
        subject,
        "Hardware counters of the sender's worker threads, user and kernel.",
        &measures,
        &[("#spread of throughput", spread)],
    )
}

fn broken(subject: &Subject) -> Option<Table> {
    let mut table = Table::new(
        "Cells with trials that did not go well.",
        &columns(&["path", "#size", "#threads", "#went well", "#failed", "#unsupported", "first reason"]),
    );
    for row in &subject.tables.derived {
        let counts = [row.cell.trials, row.cell.failed, row.cell.unsupported];
        if counts[0] > 0 && counts[1] + counts[2] == 0 {
            continue;
        }
        let mut fields = cell(row);
        fields.extend(counts.map(|count| TableField::number(words::count(count), count as f64)));
        let missing = counts.iter().sum::<u64>() == 0;
        fields.push(if missing { "no trial was recorded".into() } else { row.cell.reason.clone().into() });
        table.push(fields);
    }
    Some(table.without_constant(&SURROUNDINGS))
}

fn ratios(subject: &Subject) -> Option<Table> {
    let mut table = Table::new(
        "Throughput over the baseline's, within the blocks (Hodges and Lehmann). Verdicts are corrected for the number of \
         comparisons in the run (Benjamini and Hochberg), and a difference within the noise floor is called none: how far \
         the nearest control cell differs from itself.",
        &columns(&["path", "over", "#size", "#threads", "#blocks", "#ratio", "verdict", "#noise floor"]),
    );
    for (place, condition) in subject.streams() {
        let Some(baseline) = subject.baseline(place) else { continue };
        for path in subject.rivals(place) {
            for (bytes, count) in points(condition) {
                let setting = condition.setting(count);
                let Some(row) = subject.ratio(&setting, bytes, path, baseline) else { continue };
                let name =
                    |path| subject.row(place, path, bytes, count).map(|row| Subject::name_of(&row.cell));
                let mut fields = surroundings(&setting);
                fields.extend([
                    name(path).unwrap_or_default().into(),
                    name(baseline).unwrap_or_default().into(),
                ]);
                fields.extend([size(bytes), threads(count)]);
                let blocks = match row.blocks < row.of_blocks {
                    true => format!("{} of {}", words::count(row.blocks), words::count(row.of_blocks)),
                    false => words::count(row.blocks),
                };
                fields.push(TableField::number(blocks, row.blocks as f64));
                fields.extend([ratio(&row.ratio), row.difference.to_string().into()]);
                let floor = row.floor.map_or_else(|| "–".to_owned(), words::percent);
                fields.push(TableField::number(floor, row.floor));
                table.push(fields);
            }
        }
    }
    Some(table.without_constant(&SURROUNDINGS).without_constant(&["over"]))
}

fn points(condition: &Condition) -> impl Iterator<Item = (u64, u32)> + '_ {
    condition.sizes.iter().flat_map(|&size| condition.threads.iter().map(move |&count| (size, count)))
}

fn crossovers(subject: &Subject) -> Option<Table> {
    let mut table = Table::new(
        "From which message size a path beats the baseline. Naive: the first higher median. Supported: the interval of \
         the ratio lies above 1 at this and every larger tested size. Model: where the two cost models cross.",
        &columns(&["path", "over", "#threads", "#naive", "#supported", "verdict", "#model"]),
    );
    for (place, condition) in subject.streams() {
        let Some(baseline) = subject.baseline(place) else { continue };
        for path in subject.rivals(place) {
            for &count in &condition.threads {
                let setting = condition.setting(count);
                let Some(row) = subject.crossover(&setting, path, baseline) else { continue };
                let bytes = |size: Option<u64>| {
                    TableField::number(
                        size.map(words::bytes).unwrap_or_else(|| "–".to_owned()),
                        size.map(|size| size as f64),
                    )
                };
                let mut fields = surroundings(&setting);
                fields.extend([
                    subject.name(place, path).into(),
                    subject.name(place, baseline).into(),
                    threads(count),
                ]);
                fields.extend([bytes(row.first_win_bytes), bytes(row.supported_win_bytes)]);
                fields.extend([
                    row.verdict.to_string().into(),
                    TableField::number(words::predicted(row), row.predicted_bytes),
                ]);
                table.push(fields);
            }
        }
    }
    Some(table.without_constant(&SURROUNDINGS).without_constant(&["over"]))
}

fn costs(subject: &Subject) -> Option<Table> {
    let mut table = Table::new(
        "Cost model: time of a message in one stream = fixed + per KiB × size. Where the largest error is not small, \
         the cost is not linear in the size and the model does not hold; where the line misses a size by more than \
         the interval of its median, no crossover is predicted.",
        &columns(&["path", "#threads", "#fixed, ns", "#per KiB, ns", "#sizes", "#largest error"]),
    );
    for row in &subject.tables.cost_model {
        let place = subject.conditions.iter().position(|one| one.setting(row.setting.threads) == row.setting);
        let mut fields = surroundings(&row.setting);
        fields.push(place.map_or_else(|| row.path.clone(), |place| subject.name(place, &row.path)).into());
        fields.extend([threads(row.setting.threads), figure(&row.fixed_ns), figure(&row.per_kib_ns)]);
        fields.push(TableField::number(words::count(row.sizes), row.sizes as f64));
        let error = row.largest_error.map(|error| match row.largest_error_bytes {
            Some(bytes) => format!("{} at {}", words::percent(error), words::bytes(bytes)),
            None => words::percent(error),
        });
        let missed = row.misses_bytes.map(|bytes| format!("; misses {}", words::bytes(bytes)));
        let error = error.map(|error| error + &missed.unwrap_or_default());
        fields.push(TableField::number(error.unwrap_or_else(|| "–".to_owned()), row.largest_error));
        table.push(fields);
    }
    Some(table.without_constant(&SURROUNDINGS))
}
