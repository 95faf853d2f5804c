//! What the x-ray found: labels that the evidence refutes, copies per payload byte with their evidence, and on
//! whose account the CPUs worked.

use std::collections::{BTreeSet, HashMap};

use super::tabular::{self, SURROUNDINGS};
use crate::cell::{Cell, Side, Wire};
use crate::prose::block::{Block, Table, TableField, Text};
use crate::prose::words;
use crate::record::Attribution;
use crate::record::category::Category;
use crate::record::copies::{Evidence, Place, Verdict};
use crate::study::Subject;
use crate::tables::Setting;
use crate::xray::verdict::{figure, heading, headline, noun, out_of_sight};

/// Evidence that disagrees, and labels that the evidence refutes: what a reader must see before any figure.
pub(super) fn refutations(subject: &Subject) -> Option<Block> {
    let lines: Vec<Text> = verdicts(subject)
        .into_iter()
        .filter_map(|(verdict, sentence, cells)| {
            let alarm = match verdict {
                Verdict::Contradicted => "Evidence contradicted",
                Verdict::Refuted => "Label refuted",
                Verdict::Confirmed | Verdict::NotMeasurable => return None,
            };
            Some(Text::default().strong(alarm).and(format!(": {sentence} (x-ray of {cells}).")))
        })
        .collect();
    (!lines.is_empty()).then_some(Block::List(lines))
}

/// Each thing that was said of a path, with the cells that it was said of, refutations first.
fn verdicts(subject: &Subject) -> Vec<(Verdict, String, String)> {
    let mut said: Vec<(Verdict, String, Vec<Cell>)> = Vec::new();
    let mut xrayed: HashMap<(Wire, String), usize> = HashMap::new();
    for rows in subject.run.xray.cells() {
        let Ok(cell) = rows[0].cell.parse::<Cell>() else { continue };
        *xrayed.entry((cell.wire, cell.send_path.clone())).or_default() += 1;
        let (verdict, sentence) = headline(rows);
        match said.iter_mut().find(|(one, other, _)| (*one, other.as_str()) == (verdict, sentence.as_str())) {
            Some((.., cells)) => cells.push(cell),
            None => said.push((verdict, sentence, vec![cell])),
        }
    }
    said.sort_by_key(|(verdict, ..)| *verdict);
    let named = |cells: &[Cell]| match &cells[0] {
        one if cells.len() > 1 && xrayed[&(one.wire, one.send_path.clone())] == cells.len() => {
            format!("all its {} cells", words::count(cells.len() as u64))
        }
        _ => words::list(&cells.iter().map(name).collect::<Vec<_>>()),
    };
    said.into_iter().map(|(verdict, sentence, cells)| (verdict, sentence, named(&cells))).collect()
}

fn name(cell: &Cell) -> String {
    format!("{} with {}", words::bytes(cell.message_bytes), words::threads(cell.threads))
}

/// The section on the x-ray; nothing where the run had none.
pub(super) fn blocks(subject: &Subject) -> Vec<Block> {
    let xray = &subject.run.xray;
    if xray.is_empty() {
        return Vec::new();
    }
    let mut blocks = vec![
        Block::section("X-ray"),
        Block::Paragraph(
            Text::from(
                "Passes of their own, apart from the timed trials: one samples the CPUs with call chains, one records every \
                 call and copy that the kernel's tracepoints tell of. Every row is in ",
            )
            .code("copies.csv")
            .and(", ")
            .code("xray.csv")
            .and(" and ")
            .code("roofline.csv")
            .and("."),
        ),
    ];
    let label = |verdict: Verdict| verdict.to_string();
    let lines = verdicts(subject).into_iter().map(|(verdict, sentence, cells)| {
        Text::default().strong(label(verdict)).and(format!(": {sentence} ({cells})."))
    });
    blocks.push(Block::List(lines.collect()));
    let manifest = &subject.run.manifest;
    let hosts = [&manifest.sender.host, &manifest.receiver.host].into_iter();
    let hypervisors: BTreeSet<String> =
        hosts.filter_map(|host| out_of_sight(host.virtualisation.as_deref())).collect();
    blocks.extend(hypervisors.into_iter().map(|words| Block::says(format!("All of this is about {words}."))));
    if let Some(share) = xray.least_attributed() {
        let share = words::percent(share);
        blocks.push(Block::says(format!(
            "At least {share} of the samples of each end of each cell fell into a named category; the rest is counted \
             as unattributed, and spread over nothing."
        )));
    }
    blocks.push(Block::Table(copies(subject)));
    let reasons = not_measurable(subject);
    if !reasons.is_empty() {
        blocks.extend([Block::part("Not measurable here"), Block::List(reasons)]);
    }
    let tables = [ownership(subject), categories(subject), bounds(subject)];
    blocks.extend(tables.into_iter().filter(|table| !table.rows.is_empty()).map(Block::Table));
    blocks
}

/// The fields that say which cell a row is of; absent for a key that is none.
fn cell_fields(key: &str) -> Option<Vec<TableField>> {
    let cell: Cell = key.parse().ok()?;
    let mut fields = tabular::surroundings(&Setting::of(&cell));
    fields.push(cell.send_path.into());
    fields.extend([tabular::size(cell.message_bytes), tabular::threads(cell.threads)]);
    Some(fields)
}

const CELL: [&str; 3] = ["path", "#size", "#threads"];

fn table(caption: &str, rest: &[&str]) -> Table {
    let names: Vec<&str> = CELL.iter().chain(rest).copied().collect();
    Table::new(caption, &tabular::columns(&names))
}

fn copies(subject: &Subject) -> Table {
    let xray = &subject.run.xray;
    // A run of an earlier version has fewer places, and one in a virtual machine may have one more.
    let there = |place: &Place| xray.copies.iter().any(|row| row.place == *place);
    let places: Vec<Place> = Place::XRAYED.into_iter().chain([Place::Card]).filter(there).collect();
    let mut columns: Vec<&str> = places.iter().map(|&place| heading(place)).collect();
    columns.push("label");
    let mut table = table(
        "Copies of each payload byte, by the evidence. Witnessed: the card told where it read. Exact: every copy was recorded with its length. Flagged: the \
         kernel's completions say so, for at least so many calls. Construction: the program is so written, and the \
         samples agree. Sampled: copies were seen in the samples, or none where they would have shown. Unknown \
         callers: copies that may or may not be of the payload.",
        &columns,
    );
    for rows in xray.cells() {
        let Some(mut fields) = cell_fields(&rows[0].cell) else { continue };
        for &place in &places {
            let row = rows.iter().find(|row| row.place == place);
            fields.push(row.map(|row| figure(row, ", ")).unwrap_or_default().into());
        }
        fields.push(headline(rows).0.to_string().into());
        table.push(fields);
    }
    table.without_constant(&SURROUNDINGS)
}

/// Why figures are missing, each reason once with the paths that it holds for.
fn not_measurable(subject: &Subject) -> Vec<Text> {
    let mut reasons: Vec<(Place, &str, Vec<String>)> = Vec::new();
    for row in subject.run.xray.copies.iter().filter(|row| row.evidence == Evidence::NotMeasurable) {
        let path = row.cell.parse::<Cell>().map_or_else(|_| row.cell.clone(), |cell| cell.send_path);
        let known = reasons.iter_mut().find(|(place, note, _)| (*place, *note) == (row.place, &*row.note));
        match known {
            Some((.., paths)) if paths.contains(&path) => {}
            Some((.., paths)) => paths.push(path),
            None => reasons.push((row.place, &row.note, vec![path])),
        }
    }
    let line = |(place, note, paths): (Place, &str, Vec<String>)| {
        let what = noun(place, true);
        Text::default().strong(format!("{what} of {}", words::list(&paths))).and(format!(": {note}."))
    };
    reasons.into_iter().map(line).collect()
}

/// The two ends of each cell that was sampled, in the order of the file.
fn ends<'a>(subject: &Subject<'a>) -> Vec<(&'a str, Side, Vec<&'a Attribution>)> {
    let rows = &subject.run.xray.costs;
    let groups = rows.chunk_by(|one, next| (&one.cell, one.side) == (&next.cell, next.side));
    groups.map(|rows| (rows[0].cell.as_str(), rows[0].side, rows.iter().collect())).collect()
}

fn sum(rows: &[&Attribution], of: impl Fn(&Attribution) -> Option<f64>) -> TableField {
    let values: Vec<f64> = rows.iter().filter_map(|row| of(row)).collect();
    match values.is_empty() {
        true => "–".into(),
        false => nanoseconds(values.iter().sum()),
    }
}

fn nanoseconds(value: f64) -> TableField {
    TableField::number(words::number(value), value)
}

/// On whose account the CPUs worked.
fn ownership(subject: &Subject) -> Table {
    let mut table = table(
        "Ownership of cost: CPU time of each KiB of payload, ns, by who did the work. Softirq is work that a \
         thread's own CPU time may not show, wherever it ran.",
        &["end", "#user", "#system", "#softirq", "#all"],
    );
    for (cell, side, rows) in ends(subject) {
        let Some(mut fields) = cell_fields(cell) else { continue };
        fields.push(side.to_string().into());
        fields.push(sum(&rows, |row| row.user_ns_per_kib));
        fields.push(sum(&rows, |row| row.system_ns_per_kib));
        fields.push(sum(&rows, |row| row.softirq_ns_per_kib));
        fields.push(sum(&rows, Attribution::busy_ns_per_kib));
        table.push(fields);
    }
    table.without_constant(&SURROUNDINGS)
}

/// CPU time by category; categories that are empty everywhere are left out.
fn categories(subject: &Subject) -> Table {
    let found = |category: &Category| {
        subject.run.xray.costs.iter().any(|row| row.category == *category && row.samples > 0)
    };
    let categories: Vec<Category> = Category::ALL.into_iter().filter(found).collect();
    let names: Vec<String> =
        categories.iter().map(|&category| format!("#{}", words::category(category))).collect();
    let mut columns = vec!["end"];
    columns.extend(names.iter().map(String::as_str));
    let mut table = table("CPU time of each KiB of payload by category, ns, waiting left out.", &columns);
    for (cell, side, rows) in ends(subject) {
        let Some(mut fields) = cell_fields(cell) else { continue };
        fields.push(side.to_string().into());
        for &category in &categories {
            let row = rows.iter().find(|row| row.category == category);
            let value = row.and_then(|row| row.busy_ns_per_kib());
            fields.push(value.map_or_else(|| "–".into(), nanoseconds));
        }
        table.push(fields);
    }
    table.without_constant(&SURROUNDINGS)
}

/// What no path of this machine can beat.
fn bounds(subject: &Subject) -> Table {
    let mut table = Table::new(
        "Memory roofline of the sender's host, one CPU that only copies; and the floor, which copies nothing.",
        &["bound", "wire", "#size", "#threads", "#throughput, Gb/s", "#CPU time, ns/KiB"],
    );
    for row in &subject.run.xray.bounds {
        table.push(vec![
            words::bound(row.level).into(),
            row.wire.map(|wire| wire.to_string()).unwrap_or_default().into(),
            row.message_bytes.map(tabular::size).unwrap_or_default(),
            row.threads.map(tabular::threads).unwrap_or_default(),
            nanoseconds(row.throughput_gbps),
            row.ns_per_kib.map_or_else(|| "–".into(), nanoseconds),
        ]);
    }
    table
}
