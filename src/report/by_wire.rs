//! What sending without a copy is worth where the wire makes none: each wire beside the others, and from which size it pays.

use super::tabular;
use crate::cell::Wire;
use crate::path;
use crate::prose::block::{Block, Table, TableField, Text};
use crate::prose::words;
use crate::study::wires::{Pays, families, pays};
use crate::study::{Condition, Subject};
use crate::tables::metric;

/// What is said of the paths of a condition whose wire copies nothing.
pub(super) fn sentences(subject: &Subject, place: usize) -> Vec<Text> {
    let condition = &subject.conditions[place];
    let Some(with) = card(condition.wire) else { return Vec::new() };
    let threads = condition.threads.first().copied().unwrap_or_default();
    let told = condition.paths.iter().filter_map(|path| {
        let [cpu, throughput] = pays(subject, place, path, threads)?;
        let clauses: Vec<String> = [
            cpu.map(|pays| format!("{} by the sender's CPU time per KiB", clause(pays, condition))),
            throughput.map(|pays| format!("{} by throughput", clause(pays, condition))),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!clauses.is_empty()).then(|| {
            Text::from(format!("On this CPU, {with}, ")).strong(subject.name(place, path)).and(format!(
                " pays against {}: {} ({}).",
                path::PLAIN.name,
                clauses.join(", and "),
                words::threads(threads)
            ))
        })
    });
    told.collect()
}

/// What stands in for a card that reads pages where they are.
fn card(wire: Wire) -> Option<&'static str> {
    match wire {
        Wire::Sink => Some("with a card that does not copy"),
        Wire::Nic => Some("with this card"),
        _ => None,
    }
}

fn clause(pays: Pays, condition: &Condition) -> String {
    match pays {
        Pays::From(at) => format!("from {} on", words::crossing(&at)),
        Pays::Everywhere => "at every tested size".to_owned(),
        Pays::AtLast => format!(
            "at {}, with too much noise below to tell from which size on,",
            words::bytes(condition.largest())
        ),
        Pays::NotAtLast => format!("not at {}, the largest tested size,", words::bytes(condition.largest())),
    }
}

/// The section: of conditions that differ in their wire alone, a table and the figures.
pub(super) fn blocks(subject: &Subject) -> Vec<Block> {
    let mut blocks = Vec::new();
    for family in families(subject) {
        if blocks.is_empty() {
            blocks.push(Block::section("The same paths over each wire"));
        }
        let caveats = family.iter().filter_map(|&place| subject.conditions[place].wire.caveat());
        blocks.extend(caveats.map(Block::says));
        let told: Vec<Text> = family.iter().flat_map(|&place| sentences(subject, place)).collect();
        if !told.is_empty() {
            blocks.push(Block::List(told));
        }
        blocks.push(Block::Table(table(subject, &family)));
    }
    blocks
}

fn table(subject: &Subject, family: &[usize]) -> Table {
    let mut names = vec!["#size".to_owned(), "#threads".to_owned(), "path".to_owned()];
    for &place in family {
        let wire = subject.conditions[place].words();
        names.extend([format!("#{wire}: ns/KiB"), format!("#{wire}: Gb/s"), format!("#{wire}: COPIED")]);
    }
    let mut table = Table::new(
        "The sender's CPU time per KiB, throughput, and the share of completed calls that are flagged as copied, over \
         each wire: medians. No share: the path has no completions.",
        &names.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    let [cpu, rate, copied] =
        ["cpu_ns_per_kib", "throughput_gbps", "zc_copied_share"].map(|name| metric(name).expect("a column"));
    let figure = |value: Option<f64>| TableField::number(value.map(words::number).unwrap_or_default(), value);
    let first = &subject.conditions[family[0]];
    for &size in &first.sizes {
        for &threads in &first.threads {
            for path in &first.paths {
                let mut row =
                    vec![tabular::size(size), tabular::threads(threads), TableField::from(path.as_str())];
                for &place in family {
                    let cell = subject.measured(place, path, size, threads);
                    let value = |metric: &crate::tables::Metric| cell.and_then(|row| (metric.at)(row).value);
                    row.push(figure(value(cpu)));
                    row.push(figure(value(rate)));
                    let share = value(copied);
                    row.push(TableField::number(share.map(words::percent).unwrap_or_default(), share));
                }
                table.push(row);
            }
        }
    }
    table
}
