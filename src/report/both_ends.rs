//! Send paths against receive paths: what each pair of them copies, maps and costs at both ends.

use super::tabular::{self, SURROUNDINGS};
use crate::cell::Wire;
use crate::interface::FlagProof;
use crate::prose::block::{Block, Table, TableField, Text};
use crate::prose::words;
use crate::record::copies::{Place, Verdict};
use crate::record::{Copies, ReceiveUsage};
use crate::study::Subject;
use crate::tables::{CellRow, DerivedRow, Setting};
use crate::{path, receive};

/// What cells have in common that differ in the receive path alone.
#[derive(PartialEq)]
struct Pairing<'a> {
    /// Their setting, without a receive path.
    setting: Setting,
    message_bytes: u64,
    send_path: &'a str,
}

impl<'a> Pairing<'a> {
    fn of(cell: &'a CellRow) -> Self {
        Self {
            setting: Setting { receive_path: String::new(), ..Setting::of(&cell.to_cell()) },
            message_bytes: cell.message_bytes,
            send_path: &cell.send_path,
        }
    }
}

/// The cells of a run by pairing and receive path, in the order of the grid.
struct Matrix<'a> {
    receive_paths: Vec<&'a str>,
    rows: Vec<(Pairing<'a>, Vec<&'a DerivedRow>)>,
}

impl<'a> Matrix<'a> {
    fn of(subject: &Subject<'a>) -> Self {
        let mut matrix = Self { receive_paths: Vec::new(), rows: Vec::new() };
        let measured = subject.tables.derived.iter().filter(|row| row.cell.trials > 0);
        for row in measured.filter(|row| row.cell.to_cell().workload.is_stream()) {
            let receive_path = row.cell.receive_path.as_str();
            if !matrix.receive_paths.contains(&receive_path) {
                matrix.receive_paths.push(receive_path);
            }
            let pairing = Pairing::of(&row.cell);
            match matrix.rows.iter_mut().find(|(there, _)| *there == pairing) {
                Some((_, cells)) => cells.push(row),
                None => matrix.rows.push((pairing, vec![row])),
            }
        }
        matrix
    }

    /// A table with a column for each receive path of which a cell has the figure; none where no cell has it.
    fn table(&self, caption: &str, of: impl Fn(&DerivedRow) -> Option<TableField>) -> Option<Table> {
        let fields: Vec<Vec<Option<TableField>>> = self
            .rows
            .iter()
            .map(|(_, cells)| {
                let cell = |path: &&str| cells.iter().find(|row| row.cell.receive_path == *path);
                self.receive_paths.iter().map(|path| cell(path).and_then(|row| of(row))).collect()
            })
            .collect();
        let has = |&place: &usize| fields.iter().any(|row| row[place].is_some());
        let shown: Vec<usize> = (0..self.receive_paths.len()).filter(has).collect();
        if shown.is_empty() {
            return None;
        }
        let names: Vec<String> =
            shown.iter().map(|&place| format!("#{}", self.receive_paths[place])).collect();
        let mut columns = tabular::columns(&["path", "#size", "#threads"]);
        columns.extend(names.iter().map(String::as_str));
        let mut table = Table::new(caption, &columns);
        for ((pairing, _), found) in self.rows.iter().zip(&fields) {
            let mut row = tabular::surroundings(&pairing.setting);
            row.push(pairing.send_path.into());
            row.extend([tabular::size(pairing.message_bytes), tabular::threads(pairing.setting.threads)]);
            row.extend(shown.iter().map(|&place| found[place].clone().unwrap_or_else(|| "–".into())));
            table.push(row);
        }
        Some(table.without_constant(&SURROUNDINGS))
    }
}

/// The section on both ends; nothing where a run has one receive path.
pub(super) fn blocks(subject: &Subject) -> Vec<Block> {
    let matrix = Matrix::of(subject);
    if matrix.receive_paths.len() < 2 {
        return Vec::new();
    }
    let estimate = |estimate| Some(tabular::figure(&estimate)).filter(|field| field.order.is_some());
    let tables = [
        matrix.table(
            "Copies of each payload byte, at the sender's end + at the receiver's: as the x-ray found or confirmed them, the sender's \
             with the deferred ones; else, marked as promised, by the paths' labels and what the kernel said of their \
             calls.",
            |row| copies(subject, &row.cell),
        ),
        matrix.table("Share of the received bytes that was mapped and not copied, by the kernel's word.", |row| {
            let share = 1.0 - usage(subject, &row.cell).copied_share()?;
            Some(TableField::number(words::percent(share), share))
        }),
        matrix.table("CPU time of the sender's worker threads, ns/KiB.", |row| {
            estimate(row.figures.sender.cpu_ns_per_kib)
        }),
        matrix.table("CPU time of the receiver's worker threads, ns/KiB.", |row| {
            estimate(row.figures.receiver.cpu_ns_per_kib)
        }),
    ];
    let maps = tables[1].is_some();
    let mut blocks = vec![
        Block::section("Send and receive paths"),
        Block::says(
            "A row is a send path, a column the receive path at the other end. Medians over trials, with 95 % intervals in \
             brackets.",
        ),
    ];
    blocks.extend(maps.then(|| Block::Paragraph(Text::from(receive::WHAT_CAN_BE_MAPPED).and("."))));
    blocks.extend(tables.into_iter().flatten().map(Block::Table));
    blocks
}

/// What became of the bytes of a cell's trials that went well.
fn usage(subject: &Subject, cell: &CellRow) -> ReceiveUsage {
    let trials: Vec<_> = subject.trials(cell).map(|trial| trial.receive_usage.clone()).collect();
    ReceiveUsage::sum(&trials)
}

/// How often an end copies each byte, and whether that was found or is promised.
type Told = (f64, bool);

fn copies(subject: &Subject, cell: &CellRow) -> Option<TableField> {
    let found = subject.run.xray.cells().find(|rows| rows[0].cell == cell.cell).unwrap_or_default();
    let sender =
        told(found, &[Place::User, Place::Kernel, Place::Deferred], || sender_promise(subject, cell));
    let receiver = told(found, &[Place::Receive], || receiver_promise(subject, cell));
    if sender.is_none() && receiver.is_none() {
        return None;
    }
    let word = |told: Option<Told>| match told {
        Some((copies, true)) => words::number(copies),
        Some((copies, false)) => format!("{} (promised)", words::number(copies)),
        None => "–".to_owned(),
    };
    let sum = sender.zip(receiver).map(|(one, other)| one.0 + other.0);
    Some(TableField::number(format!("{} + {}", word(sender), word(receiver)), sum))
}

/// What the x-ray counted or confirmed at all of these places together, else the promise; nothing where a place is known to break it
/// and by how much is not.
fn told(found: &[Copies], places: &[Place], promise: impl Fn() -> Option<f64>) -> Option<Told> {
    let rows: Vec<&Copies> = found.iter().filter(|row| places.contains(&row.place)).collect();
    // Where samples show a copy that was promised, it is not counted, and is there.
    let confirmed = |row: &Copies| row.promised.filter(|_| row.verdict == Verdict::Confirmed);
    let counted: Option<f64> = rows.iter().map(|row| row.copied_per_byte.or_else(|| confirmed(row))).sum();
    let is_broken = |row: &&Copies| matches!(row.verdict, Verdict::Refuted | Verdict::Contradicted);
    match counted.filter(|_| rows.len() == places.len()) {
        Some(copies) => Some((copies, true)),
        None if rows.iter().any(is_broken) => None,
        None => promise().map(|copies| (copies, false)),
    }
}

/// By the label of the send path; and what may be copied later, by the completions of its calls.
fn sender_promise(subject: &Subject, cell: &CellRow) -> Option<f64> {
    let promise = path::find(&cell.send_path).ok()?.promise;
    let at_once = f64::from(promise.user + promise.kernel);
    if !promise.is_deferred {
        return Some(at_once);
    }
    if cell.wire == Wire::Sink {
        return Some(at_once);
    }
    // A flag that proves nothing promises nothing either.
    if path::flag_proof(&cell.send_path) == Some(FlagProof::WhereUnset) {
        return None;
    }
    let shares: Option<Vec<f64>> = subject.trials(cell).map(|trial| trial.zc.copied_share()).collect();
    let shares = shares.filter(|shares| !shares.is_empty())?;
    Some(at_once + shares.iter().sum::<f64>() / shares.len() as f64)
}

/// By what the kernel said of the received bytes, else by the label of the receive path.
fn receiver_promise(subject: &Subject, cell: &CellRow) -> Option<f64> {
    let promised = || receive::find(&cell.receive_path).ok().map(|entry| f64::from(entry.promised_copies));
    usage(subject, cell).copied_share().or_else(promised)
}
