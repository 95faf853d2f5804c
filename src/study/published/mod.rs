//! Figures that others published, beside this run's. Absolute rates of other machines do not compare, so what is
//! set side by side are ratios between paths, and statements on where one path overtakes another.

mod beside;
mod claim;
mod sources;

use crate::prose::block::{Block, Table, TableField, Text};
use crate::prose::words;
pub(super) use beside::{Agreement, PublishedComparison, beside};
use sources::{Study, literature, studies};

/// The section on published figures.
pub(super) fn blocks(found: &[PublishedComparison]) -> Vec<Block> {
    let mut blocks = vec![Block::section("Beside published figures")];
    if found.is_empty() {
        let why = "This run has no cell that the studies of this lab's kind have too (two-copy, one-copy or zero-copy \
                   over veth at 64 B to 64 KiB, received by recv), so nothing can be set beside them.";
        blocks.push(Block::says(why));
    } else {
        let count = |agreement| found.iter().filter(|one| one.agreement == agreement).count() as u64;
        let (agrees, differs, open) =
            (count(Agreement::Agrees), count(Agreement::Differs), count(Agreement::Open));
        blocks.push(Block::says(format!(
            "Of {} that this run has cells for, {} with it, {} and {} undecided. Rates of other machines do not compare, so \
             these are ratios between paths; the published ones have no intervals.",
            words::plural(found.len() as u64, "published figure"),
            if agrees == 1 { "1 agrees".to_owned() } else { format!("{agrees} agree") },
            if differs == 1 { "1 differs".to_owned() } else { format!("{differs} differ") },
            if open == 1 { "1 is".to_owned() } else { format!("{open} are") },
        )));
        let mut table = Table::new(
            "Published figures beside this run's.",
            &["study", "about", "published", "this run", "agreement"],
        );
        for one in found {
            let fields = [&one.study, &one.about, &one.published, &one.here, &one.says];
            table.push(fields.map(|text| TableField::from(text.clone())).into());
        }
        blocks.push(Block::Table(table));
        let sources = studies().into_iter().filter(|study| found.iter().any(|one| one.study == study.name));
        blocks.push(Block::List(sources.map(source).collect()));
    }
    let mut table = Table::new(
        "Measured elsewhere of the same mechanisms, on other wires: to be read beside this run, not against it.",
        &["source", "says"],
    );
    literature().into_iter().for_each(|paper| table.push(vec![paper.source.into(), paper.says.into()]));
    blocks.push(Block::Table(table));
    blocks
}

fn source(study: Study) -> Text {
    let mut on = Vec::new();
    on.extend(study.machine.map(|machine| format!("on {machine}")));
    on.extend(study.wire.map(|wire| format!("over {wire}")));
    let units: Vec<&str> = study.values.iter().map(|values| values.unit.as_str()).collect();
    if !units.is_empty() {
        on.push(format!("in {}", words::list(&units)));
    }
    let on = if on.is_empty() { String::new() } else { format!(" ({})", on.join(", ")) };
    Text::default().strong(study.name).and(format!(": {}{on}.", study.source))
}
