//! The section on latency: percentiles of what was measured of single messages, and how paths compare by them.

use std::collections::BTreeMap;

use super::tabular::{self, SURROUNDINGS};
use super::way;
use crate::cell::Rate;
use crate::prose::block::{Block, Table, TableField, Text};
use crate::prose::words;
use crate::record::Trial;
use crate::stats;
use crate::study::{Condition, Subject};
use crate::tables::{DerivedRow, Flag, Metric, RatioRow, metric};

/// Percentiles that a table shows.
const SHOWN: [(&str, &str); 4] = [("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("p999", "p99.9")];
/// What paths are compared by, and what a sentence calls it.
const COMPARED: [(&str, &str); 2] = [("response_p50_us", "p50"), ("response_p99_us", "p99")];

/// The section; nothing where no cell had its delays measured.
pub(super) fn blocks(subject: &Subject) -> Vec<Block> {
    let tables = [
        percentiles(
            subject,
            "response",
            "Response time, µs: from when a message was to be sent until its answer is read.",
        ),
        percentiles(
            subject,
            "one_way",
            "One-way delay, µs: from when a message was to be sent until the receiver has its last byte.",
        ),
        ratios(subject),
        way::table(subject),
    ];
    let tables: Vec<Block> =
        tables.into_iter().filter(|table| !table.rows.is_empty()).map(Block::Table).collect();
    if tables.is_empty() {
        return Vec::new();
    }
    let mut blocks = vec![
        Block::section("Latency"),
        Block::says(
            "Each trial has percentiles of its own, over all of its messages and streams; the figures are medians of those \
             over the trials, with 95 % intervals in brackets. A percentile that fewer than ten messages of a trial exceed \
             is absent. Late: messages that were sent more than a mean interval after they were to be, or not at all.",
        ),
    ];
    blocks.extend(beyond(subject, &lowest(subject)).map(Block::Paragraph));
    blocks.extend(tables);
    blocks
}

/// The cells whose delays were measured, in the order of the grid.
fn cells<'s>(subject: &'s Subject) -> impl Iterator<Item = &'s DerivedRow> {
    let paced = |row: &&DerivedRow| !row.cell.to_cell().workload.is_stream();
    subject.tables.derived.iter().filter(paced).filter(|row| row.cell.trials > 0)
}

fn percentiles(subject: &Subject, delay: &str, caption: &str) -> Table {
    let column = |share: &str| metric(&format!("{delay}_{share}_us")).expect("a column of cells.csv");
    let measured = |metric: &Metric| cells(subject).any(|row| (metric.at)(row).value.is_some());
    let shown: Vec<(&Metric, &str)> = SHOWN.map(|(share, name)| (column(share), name)).into();
    let shown: Vec<_> = shown.into_iter().filter(|(metric, _)| measured(metric)).collect();
    let names: Vec<String> = shown.iter().map(|(_, name)| format!("#{name}")).collect();
    let mut columns = tabular::columns(&["path", "#size", "#threads", "#trials"]);
    columns.extend(names.iter().map(String::as_str));
    columns.extend(["#late", "rate"]);
    let mut table = Table::new(caption, &columns);
    if shown.is_empty() {
        return table;
    }
    for row in cells(subject) {
        let mut fields = tabular::cell(row);
        fields.push(TableField::number(words::count(row.cell.trials), row.cell.trials as f64));
        fields.extend(shown.iter().map(|(metric, _)| tabular::figure(&(metric.at)(row))));
        let late: Vec<f64> = subject.trials(&row.cell).filter_map(late).collect();
        let late = stats::median(&late);
        fields.push(TableField::number(late.map_or_else(|| "–".to_owned(), words::percent), late));
        fields.push(if row.cell.flags.has(Flag::Beyond) { "beyond the path" } else { "" }.into());
        table.push(fields);
    }
    table.without_constant(&SURROUNDINGS).without_constant(&["threads", "trials", "late", "rate"])
}

/// Share of a trial's messages that were sent late, or not at all.
fn late(trial: &Trial) -> Option<f64> {
    let intended = trial.intended.filter(|&intended| intended > 0)?;
    Some(trial.late? as f64 / intended as f64)
}

/// Of how many cells the path does not hold the rate, with `which` said of them.
fn beyond(subject: &Subject, which: &str) -> Option<Text> {
    let beyond = cells(subject).filter(|row| row.cell.flags.has(Flag::Beyond)).count() as u64;
    (beyond > 0).then(|| {
        Text::default().strong("Beyond the path").and(format!(
            ": {} of {} cells have a rate that their path does not hold{which}. Their messages queue up at the sender for as \
             long as the window is, so their delays are not the path's.",
            words::count(beyond),
            words::count(cells(subject).count() as u64),
        ))
    })
}

/// The lowest rate that each path does not hold, by size and threads: ` (at 64 B with 1 thread: two-copy from 30 % on)`.
fn lowest(subject: &Subject) -> String {
    let mut found: BTreeMap<(u64, u32), BTreeMap<String, Rate>> = BTreeMap::new();
    for row in cells(subject).filter(|row| row.cell.flags.has(Flag::Beyond)) {
        let Some(rate) = row.cell.to_cell().workload.rate else { continue };
        let paths = found.entry((row.cell.message_bytes, row.cell.threads)).or_default();
        let least = paths.entry(Subject::name_of(&row.cell)).or_insert(rate);
        *least = rate.min(*least);
    }
    let told = found.iter().map(|(&(bytes, threads), paths)| {
        let paths: Vec<String> =
            paths.iter().map(|(path, rate)| format!("{path} from {} on", words::rate(*rate))).collect();
        format!("at {} with {}: {}", words::bytes(bytes), words::threads(threads), words::list(&paths))
    });
    format!(" ({})", told.collect::<Vec<_>>().join("; "))
}

fn ratios(subject: &Subject) -> Table {
    let mut table = Table::new(
        "Response time over the baseline's, within the blocks: less than 1 is faster. Verdicts are corrected for the number \
         of comparisons in the run, and a difference within the noise floor is called none.",
        &tabular::columns(&[
            "path",
            "over",
            "#size",
            "#threads",
            "percentile",
            "#blocks",
            "#ratio",
            "verdict",
            "#noise floor",
        ]),
    );
    for (place, condition) in subject.conditions.iter().enumerate() {
        for row in compared(subject, place, condition) {
            let mut fields = tabular::surroundings(&row.setting);
            fields.extend([subject.name(place, &row.path).into(), subject.name(place, &row.over).into()]);
            fields.extend([tabular::size(row.message_bytes), tabular::threads(row.setting.threads)]);
            let percentile = COMPARED.iter().find(|(column, _)| row.metric == *column);
            fields.push(percentile.map(|(_, name)| *name).unwrap_or_default().into());
            fields.push(TableField::number(words::count(row.blocks), row.blocks as f64));
            fields.extend([tabular::ratio(&row.ratio), row.difference.to_string().into()]);
            let floor = row.floor.map_or_else(|| "–".to_owned(), words::percent);
            fields.push(TableField::number(floor, row.floor));
            table.push(fields);
        }
    }
    table.without_constant(&SURROUNDINGS).without_constant(&["over"])
}

/// The comparisons of a condition's paths with its baseline.
fn compared<'a>(subject: &Subject<'a>, place: usize, condition: &Condition) -> Vec<&'a RatioRow> {
    let Some(baseline) = subject.baseline(place) else { return Vec::new() };
    let mut rows = Vec::new();
    for path in subject.rivals(place) {
        for &size in &condition.sizes {
            for &threads in &condition.threads {
                let setting = condition.setting(threads);
                let of = |metric: &Metric| subject.ratio_of(metric, &setting, size, path, baseline);
                rows.extend(COMPARED.iter().filter_map(|(column, _)| of(metric(column)?)));
            }
        }
    }
    rows
}

/// What the verdict says of each kind of cell whose delays were measured: `at` says where.
pub(super) fn verdict(subject: &Subject, machine: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    for place in subject.paced() {
        let condition = &subject.conditions[place];
        let (size, threads) = (condition.largest(), condition.threads[0]);
        let rate = condition.rate().map(|rate| format!(" at {rate}")).unwrap_or_default();
        let at = format!("{machine}, over {}{rate}", condition.words());
        let rows: Vec<&RatioRow> = compared(subject, place, condition)
            .into_iter()
            .filter(|row| (row.message_bytes, row.setting.threads) == (size, threads))
            .collect();
        let told = subject.rivals(place).into_iter().filter_map(|path| {
            let of_path: Vec<&&RatioRow> = rows.iter().filter(|row| row.path == path).collect();
            (!of_path.is_empty()).then(|| against(subject, place, path, &of_path))
        });
        let lines: Vec<Text> = told.chain(alone(subject, place).filter(|_| rows.is_empty())).collect();
        if !lines.is_empty() {
            let what = format!("response times at {} with {}:", words::bytes(size), words::threads(threads));
            blocks.extend([Block::says(format!("{at}, {what}")), Block::List(lines)]);
        }
    }
    blocks.extend(beyond(subject, "").filter(|_| !blocks.is_empty()).map(Block::Paragraph));
    blocks
}

/// `one-copy: p50 0.95 times two-copy's [0.93–0.97], faster; p99 …`.
fn against(subject: &Subject, place: usize, path: &str, rows: &[&&RatioRow]) -> Text {
    let part = |row: &&&RatioRow| {
        let name = COMPARED.iter().find(|(column, _)| row.metric == *column).map(|(_, name)| *name);
        let own = subject.measured(place, path, row.message_bytes, row.setting.threads);
        let own = own.map(|own| metric(&row.metric).map(|metric| words::estimate(&(metric.at)(own))));
        format!(
            "{} {} µs, {} {}'s ({})",
            name.unwrap_or_default(),
            own.flatten().unwrap_or_default(),
            words::times(&row.ratio),
            subject.name(place, &row.over),
            row.difference
        )
    };
    let parts: Vec<String> = rows.iter().map(part).collect();
    Text::default().strong(subject.name(place, path)).and(format!(": {}.", parts.join("; ")))
}

/// What is left to say where nothing can be compared.
fn alone(subject: &Subject, place: usize) -> Option<Text> {
    let condition = &subject.conditions[place];
    let (path, size, threads) = (condition.paths.first()?, condition.largest(), condition.threads[0]);
    let row = subject.measured(place, path, size, threads)?;
    let response = &row.cell.delays.response;
    response.p50_us.value?;
    Some(Text::default().strong(Subject::name_of(&row.cell)).and(format!(
        ": p50 {} µs, p99 {} µs; there is no other path to compare it with.",
        words::estimate(&response.p50_us),
        words::estimate(&response.p99_us)
    )))
}
