//! The table of the stages of a message's way, as an x-ray pass split it by the kernel's time stamps.

use super::tabular::{self, SURROUNDINGS};
use crate::cell::Cell;
use crate::prose::block::{Table, TableField};
use crate::prose::words;
use crate::record::Way;
use crate::record::way::Stage;
use crate::study::Subject;
use crate::tables::Setting;

/// A row for each cell whose way was split; none where no pass did.
pub(super) fn table(subject: &Subject) -> Table {
    let ways = &subject.run.xray.ways;
    let is_told = ways.iter().all(|row| row.reason.is_empty());
    let names = Stage::ALL.map(|stage| format!("#{}", stage.name()));
    let mut columns = tabular::columns(&["path", "#size", "#threads", "#messages"]);
    columns.extend(names.iter().map(String::as_str));
    columns.extend((!is_told).then_some("why not"));
    let mut table = Table::new(
        "The way of a message, µs: the median of each stage, in a pass of its own with one message in flight, by the kernel's \
         software time stamps (SO_TIMESTAMPING). Stamping takes time too, so the stages may add up to more than the one-way \
         delay above.",
        &columns,
    );
    for rows in ways.chunk_by(|one, next| one.cell == next.cell) {
        let Ok(cell) = rows[0].cell.parse::<Cell>() else { continue };
        let measured = subject.tables.cells.iter().find(|row| row.cell == rows[0].cell);
        let mut fields = tabular::surroundings(&Setting::of(&cell));
        fields.extend([measured.map_or_else(|| cell.send_path.clone(), Subject::name_of).into()]);
        fields.extend([tabular::size(cell.message_bytes), tabular::threads(cell.threads), messages(rows)]);
        fields.extend(Stage::ALL.map(|stage| median(rows, stage)));
        let why = rows.iter().map(|row| row.reason.clone()).find(|reason| !reason.is_empty());
        fields.extend((!is_told).then(|| why.unwrap_or_default().into()));
        table.push(fields);
    }
    table.without_constant(&SURROUNDINGS).without_constant(&["threads"])
}

/// The messages of which every stage is known.
fn messages(rows: &[Way]) -> TableField {
    let count = rows.iter().map(|row| row.count).min().unwrap_or(0);
    TableField::number(words::count(count), count as f64)
}

fn median(rows: &[Way], stage: Stage) -> TableField {
    let row = rows.iter().find(|row| row.stage == stage && row.count > 0);
    let us = row.and_then(|row| row.p50_us);
    TableField::number(us.map_or_else(|| "–".to_owned(), words::number), us)
}
