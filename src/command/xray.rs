//! `copycost xray`: where the bytes were copied and the CPU time went, without timing trials.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};

use super::lab::{LabArgs, Wanted};
use super::source::read_grid;
use super::sweep::expected_wire;
use super::verbosity::VerbosityArgs;
use super::working_set::{WorkingSet, parse_working_set};
use super::{Exit, UsageError, known, print, stop_flag};
use crate::cell::{Cell, Payload, Side, USUAL_WORKLOAD, Workload};
use crate::choice::Choice;
use crate::grid::{self, Changes, Grid, Repetitions};
use crate::output::{harmless, hint, say};
use crate::record::category::Category;
use crate::record::copies::{Evidence, Place, Verdict};
use crate::record::roofline::Level;
use crate::record::way::Stage;
use crate::record::{Attribution, Copies, Manifest, Roofline, Way};
use crate::sweep::passes::Passes;
use crate::sweep::progress::Progress;
use crate::sweep::run_dir::RunDir;
use crate::sweep::samples::Samples;
use crate::sweep::{Ended, expected, manifest};
use crate::units;
use crate::xray::verdict::{figure, heading, headline, out_of_sight};
use crate::{path, receive};

/// Flags of `copycost xray`.
#[derive(Debug, Args)]
pub struct XrayArgs {
    /// Grid file, or the name of a built-in grid, instead of the flags that describe cells
    #[arg(
        value_name = "GRID",
        conflicts_with_all = ["path", "size", "receive_path", "payload", "threads", "working_set", "workload"]
    )]
    pub grid: Option<PathBuf>,
    /// Send path; may be given several times [default: every one]
    #[arg(long, value_parser = known::send_path(), hide_possible_values = true)]
    pub path: Vec<String>,
    /// Size of a message; may be given several times
    #[arg(long, default_value = "64KiB", value_parser = grid::parse_message_size)]
    pub size: Vec<u64>,
    /// Receive path; may be given several times
    #[arg(long, default_value = receive::DEFAULT, value_parser = known::receive_path(), hide_possible_values = true)]
    pub receive_path: Vec<String>,
    /// static or fresh
    #[arg(long, default_value = "static")]
    pub payload: Payload,
    /// Number of streams; may be given several times
    #[arg(long, default_value = "1", value_parser = grid::parse_threads)]
    pub threads: Vec<u32>,
    /// Bytes of distinct messages that a stream cycles through; may be given several times
    #[arg(long, value_name = "hot|SIZE", default_value = "hot", value_parser = parse_working_set)]
    pub working_set: Vec<WorkingSet>,
    /// What a stream does, with its parameters: stream, request, open-loop:rate=1000
    #[arg(long, default_value = USUAL_WORKLOAD, value_parser = grid::parse_workload)]
    pub workload: Workload,
    /// Directory that run directories are made in
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// How much is said on standard error.
    #[command(flatten)]
    pub said: VerbosityArgs,
    /// Where the agents are. Last, as its heading would stand over all that follows.
    #[command(flatten)]
    pub lab: LabArgs,
}

/// X-rays every cell and prints what was found.
pub fn run(arguments: &XrayArgs) -> anyhow::Result<Exit> {
    let stop: Arc<AtomicBool> = stop_flag()?;
    let mut grid = match &arguments.grid {
        Some(path) => read_grid(Some(path), &Changes::default())?,
        None => grid_of(arguments).map_err(UsageError)?,
    };
    grid.check_wires(expected_wire(&grid, &arguments.lab)?).map_err(UsageError)?;
    grid.trial.clocks_within = arguments.lab.clock_synchronised;
    let mut lab = arguments.lab.make(Wanted::of(&grid))?;
    let cells = grid.cells(lab.wires()[0]);
    let seed = grid.seed.unwrap_or_default();
    let rows = cells.len() as u64 * (Category::ALL.len() as u64 * 2 + (Place::XRAYED.len() as u64 + 1));
    let mut run = RunDir::create(&arguments.results, manifest(&grid, &grid.trial, seed, &lab), rows)?;
    let mut passes = Passes::open(run.path())?;
    let mut progress = Progress::new(expected::xrays(cells.len()), arguments.said.verbosity());
    let mut samples = Samples::new(1, &grid.trial);
    let whole = passes.run(&mut lab, &cells, &grid.trial, &mut samples, &mut progress, &stop);
    progress.finish();
    let whole = whole?;
    drop(lab);
    run.manifest.finish(if whole { &Ended::Complete } else { &Ended::Interrupted }.word());
    run.write_manifest()?;
    print(&format!("{}\n{}\n", conclude(&cells, &passes, &run.manifest), run.path().display()))?;
    Ok(match nothing_found(&passes.rows) {
        _ if !whole => Exit::Interrupted,
        Some(why) => {
            say(format_args!(
                "copycost: nothing could be x-rayed: {}; `{}` shows what this host lacks",
                harmless(why),
                hint(&["doctor"])
            ));
            Exit::FailedTrials
        }
        None => Exit::Success,
    })
}

/// Why nothing was found of any cell; none where something was.
fn nothing_found(rows: &[Copies]) -> Option<&str> {
    let is_found = |row: &Copies| row.evidence != Evidence::NotMeasurable;
    let why = rows.iter().map(|row| row.note.as_str()).find(|note| !note.is_empty());
    (!rows.iter().any(is_found)).then(|| why.unwrap_or("no cell could run"))
}

/// The grid that the flags stand for.
fn grid_of(arguments: &XrayArgs) -> Result<Grid, String> {
    let paths = match arguments.path.is_empty() {
        true => path::REGISTRY.iter().map(|entry| entry.name.to_owned()).collect(),
        false => names(&arguments.path, path::choose)?,
    };
    let grid = Grid {
        paths: distinct("path", paths)?,
        receive_paths: distinct("receive path", names(&arguments.receive_path, receive::choose)?)?,
        workloads: vec![arguments.workload.clone()],
        payloads: vec![arguments.payload],
        message_sizes: distinct("message size", arguments.size.clone())?,
        working_sets: distinct("working set", arguments.working_set.iter().map(|set| set.0).collect())?,
        threads: distinct("number of threads", arguments.threads.clone())?,
        wires: distinct("wire", arguments.lab.wires.iter().map(|&(wire, _)| wire).collect())?,
        repetitions: Repetitions { min: 1, max: 1, until: None },
        xray: true,
        ..Grid::named("xray")
    };
    Ok(Grid { text: text_of(&grid), ..grid })
}

fn names(given: &[String], choose: impl Fn(&str) -> Result<Choice, String>) -> Result<Vec<String>, String> {
    given.iter().map(|name| choose(name).map(|choice| choice.to_string())).collect()
}

fn distinct<T: PartialEq>(what: &str, given: Vec<T>) -> Result<Vec<T>, String> {
    match (1..given.len()).any(|place| given[..place].contains(&given[place])) {
        true => Err(format!("a {what} is given twice; give each once")),
        false => Ok(given),
    }
}

/// The grid as a file would have it, for the manifest.
fn text_of(grid: &Grid) -> String {
    fn list<T: ToString>(values: &[T]) -> String {
        values.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
    }
    let sets: Vec<_> = grid
        .working_sets
        .iter()
        .map(|set| set.map_or("hot".to_owned(), |bytes: u64| bytes.to_string()))
        .collect();
    let wires =
        if grid.wires.is_empty() { String::new() } else { format!("wire: [{}]\n", list(&grid.wires)) };
    format!(
        "name: {}\nworkload: [{}]\npaths: [{}]\nreceive_paths: [{}]\npayload: [{}]\nmessage_sizes: [{}]\nthreads: [{}]\n\
         working_set: [{}]\nrepetitions: 1\nxray: true\n{wires}",
        grid.name,
        list(&grid.workloads),
        list(&grid.paths),
        list(&received(grid)),
        list(&grid.payloads),
        list(&grid.message_sizes),
        list(&grid.threads),
        list(&sets),
    )
}

/// The receive paths that a wire of the grid can have.
fn received(grid: &Grid) -> Vec<String> {
    let mut there = Vec::new();
    for path in grid.wires.iter().flat_map(|&wire| receive::on(wire, &grid.receive_paths)) {
        if !there.contains(&path) {
            there.push(path);
        }
    }
    if there.is_empty() { grid.receive_paths.clone() } else { there }
}

/// Everything that was found, contradictions and refutations first.
pub(super) fn conclude(cells: &[Cell], passes: &Passes, manifest: &Manifest) -> String {
    let of = |cell: &Cell| -> Vec<Copies> {
        passes.rows.iter().filter(|row| row.cell == cell.key()).cloned().collect()
    };
    let xrayed: Vec<(&Cell, Vec<Copies>)> =
        cells.iter().map(|cell| (cell, of(cell))).filter(|(_, rows)| !rows.is_empty()).collect();
    let mut verdicts: Vec<(Verdict, String)> = xrayed
        .iter()
        .map(|(cell, rows)| {
            let (verdict, sentence) = headline(rows);
            (verdict, format!("{verdict}: {sentence} ({})", dimensions(cell)))
        })
        .collect();
    verdicts.sort_by_key(|(verdict, _)| *verdict);
    let mut verdicts: String = verdicts.into_iter().map(|(_, line)| line + "\n").collect();
    let hosts = [&manifest.sender.host, &manifest.receiver.host];
    if let Some(words) = hosts.iter().find_map(|host| out_of_sight(host.virtualisation.as_deref())) {
        verdicts += &format!("All of this is about {words}.\n");
    }
    format!(
        "\n{verdicts}\n{}\n\n{}\n\n{}{}",
        copies_table(&xrayed),
        costs_table(&xrayed, &passes.costs),
        ways_table(&xrayed, &passes.ways),
        bounds(&passes.bounds)
    )
}

/// What tells a cell from others of its path; what nearly every grid has goes unsaid.
fn dimensions(cell: &Cell) -> String {
    let mut words =
        vec![cell.receive_path.clone(), units::size(cell.message_bytes), format!("t{}", cell.threads)];
    words.extend((cell.payload != Payload::default()).then(|| cell.payload.to_string()));
    words.extend(cell.working_set.map(|bytes| format!("working set {}", units::size(bytes))));
    words.extend((!cell.workload.is_usual()).then(|| cell.workload.to_string()));
    words.join(", ")
}

/// The same with the wire, where no sentence says it.
fn on_its_wire(cell: &Cell) -> String {
    format!("{}, {}", cell.wire, dimensions(cell))
}

fn new_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

/// Bytes copied per payload byte, with the evidence.
fn copies_table(xrayed: &[(&Cell, Vec<Copies>)]) -> String {
    let mut table = new_table();
    let witnessed = xrayed.iter().any(|(_, rows)| rows.iter().any(|row| row.place == Place::Card));
    let places = || Place::XRAYED.into_iter().chain(witnessed.then_some(Place::Card));
    let mut header = vec!["copies per byte", ""];
    header.extend(places().map(heading));
    table.set_header(header);
    for (cell, rows) in xrayed {
        let of = |place| rows.iter().find(|row| row.place == place).map(|row| figure(row, " "));
        let mut line = vec![cell.send_path.clone(), on_its_wire(cell)];
        line.extend(places().map(|place| of(place).unwrap_or_default()));
        table.add_row(line);
    }
    table.trim_fmt()
}

/// CPU time per KiB: a row per cell and side, a column per category that was found anywhere.
fn costs_table(xrayed: &[(&Cell, Vec<Copies>)], costs: &[Attribution]) -> String {
    let found = |category: &Category| costs.iter().any(|row| row.category == *category && row.samples > 0);
    let categories: Vec<Category> = Category::ALL.into_iter().filter(found).collect();
    let mut table = new_table();
    let mut header = vec!["CPU ns\nper KiB".to_owned(), String::new(), String::new()];
    header.extend(categories.iter().map(|category| category.to_string().replace('-', "\n")));
    table.set_header(header);
    for (cell, _) in xrayed {
        for side in [Side::Sender, Side::Receiver] {
            let key = cell.key();
            let of = |category: &Category| {
                let row =
                    costs.iter().find(|row| row.cell == key && row.side == side && row.category == *category);
                row.and_then(|row| row.ns_per_kib).map_or_else(|| "–".to_owned(), |ns| format!("{ns:.0}"))
            };
            let mut line = vec![cell.send_path.clone(), on_its_wire(cell), side.to_string()];
            line.extend(categories.iter().map(of));
            table.add_row(line);
        }
    }
    for index in 3..3 + categories.len() {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// Where a message's time goes on its way: the median of each stage; empty where no cell's messages are answered.
fn ways_table(xrayed: &[(&Cell, Vec<Copies>)], ways: &[Way]) -> String {
    if ways.is_empty() {
        return String::new();
    }
    let mut table = new_table();
    let mut header = vec!["a message's way,\nmedian us".to_owned(), String::new()];
    header.extend(Stage::ALL.iter().map(|stage| stage.name().replacen(' ', "\n", 1)));
    table.set_header(header);
    for (cell, _) in xrayed {
        let key = cell.key();
        let mut of_cell = ways.iter().filter(|row| row.cell == key).peekable();
        if of_cell.peek().is_none() {
            continue;
        }
        let mut line = vec![cell.send_path.clone(), on_its_wire(cell)];
        line.extend(of_cell.map(|row| match row.p50_us {
            Some(us) => format!("{us:.1}"),
            None => row.reason.clone(),
        }));
        table.add_row(line);
    }
    format!("{}\n\n", table.trim_fmt())
}

/// The roofline and the floors, a line each.
fn bounds(bounds: &[Roofline]) -> String {
    let line = |bound: &Roofline| {
        let cost = bound.ns_per_kib.map(|ns| format!(", {ns:.1} ns per KiB")).unwrap_or_default();
        let what = match bound.level {
            Level::Floor => format!(
                "floor, splice to trunc, {}, t{}",
                bound.message_bytes.map(units::size).unwrap_or_default(),
                bound.threads.unwrap_or_default()
            ),
            level => format!("one copy in {level}"),
        };
        format!("{what}: {:.1} Gb/s{cost}\n", bound.throughput_gbps)
    };
    bounds.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        xray: XrayArgs,
    }

    fn grid(flags: &str) -> Result<Grid, String> {
        let words = std::iter::once("xray").chain(flags.split_whitespace());
        grid_of(&Cli::try_parse_from(words).unwrap().xray)
    }

    #[test]
    fn flags_become_the_grid_that_the_manifest_tells() {
        for flags in ["", "--path splice --path A1 --size 1KiB --size 2KiB --wire veth --working-set 1MiB"] {
            let grid = grid(flags).unwrap();
            assert_eq!(Grid::parse(&grid.text).unwrap(), grid);
        }
        assert_eq!(grid("--path A1").unwrap().paths, ["two-copy"]);
        assert!(grid("--path warp").unwrap_err().contains("not a send path"));
        assert!(grid("--size 1KiB --size 1024").unwrap_err().contains("twice"));
    }
}
