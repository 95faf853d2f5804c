//! The grid of one trial.

use serde_json::{Map, Value, json};

use crate::cell::{Cell, Payload};
use crate::grid::Grid;
use crate::receive;

/// Keys that say how often and what beside: of no meaning for one trial, and some of them newer than a version that
/// may have to read them.
const OF_A_SWEEP: [&str; 10] = [
    "control",
    "xray",
    "seed",
    "measurement",
    "repetitions",
    // What a workload has is said with its name.
    "latency",
    "depth",
    "wait",
    "background",
    // The cell is of the part that is run.
    "only",
];

/// The grid with this cell alone, run once, as JSON, which is YAML. Whatever else the grid says stays.
pub(super) fn of_one(grid: &Grid, cell: &Cell) -> anyhow::Result<String> {
    let mut keys: Map<String, Value> = serde_yaml::from_str(&grid.text)?;
    keys.retain(|key, _| !OF_A_SWEEP.contains(&key.as_str()));
    keys.insert("paths".to_owned(), json!([cell.send_path]));
    keys.insert("message_sizes".to_owned(), json!([cell.message_bytes]));
    keys.insert("threads".to_owned(), json!([cell.threads]));
    keys.insert("repetitions".to_owned(), json!(1));
    // What is as it always was is not said, for versions that did not know the key.
    let said = [
        ("workload", json!([cell.workload]), cell.workload.is_usual()),
        ("receive_paths", json!([cell.receive_path]), cell.receive_path == receive::DEFAULT),
        ("payload", json!([cell.payload.word()]), cell.payload == Payload::Static),
        (
            "working_set",
            json!([cell.working_set.map_or("hot".to_owned(), |bytes| format!("{bytes}"))]),
            cell.working_set.is_none(),
        ),
    ];
    for (key, value, is_default) in said {
        keys.remove(key);
        if !is_default {
            keys.insert(key.to_owned(), value);
        }
    }
    if keys.contains_key("wire") {
        keys.insert("wire".to_owned(), json!([cell.wire.word()]));
    }
    Ok(Value::Object(keys).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Wire;

    #[test]
    fn a_cell_s_grid_is_the_grid_with_that_cell_alone() {
        let grid = Grid::parse(
            "name: x\npaths: [A1, splice]\nmessage_sizes: [64, 1KiB]\nthreads: [1, 4]\npayload: [static, fresh]\n\
             working_set: [hot, 1MiB]\nrepetitions: {min: 2, max: 9, until: 3%}\ncontrol: A1\nseed: 5\nxray: true\n\
             duration: 70ms\nwarmup: 3ms\nlink: {mtu: 9000, tso: false}\nsocket: {nodelay: true}\nmeasurement: false\n\
             pin: {sender: [0], receiver: [1]}\nonly: {path: [A1, splice], size: 64, threads: [1, 4]}\n",
        )
        .unwrap();
        assert_eq!(grid.cells(Wire::Veth).len(), 2 * 2 * 2 * 2);
        for cell in grid.cells(Wire::Veth) {
            let one = Grid::parse(&of_one(&grid, &cell).unwrap()).unwrap();
            assert_eq!(one.cells(Wire::Veth), [cell]);
            assert_eq!((&one.trial, &one.link, &one.name), (&grid.trial, &grid.link, &grid.name));
            assert_eq!((one.repetitions.max, one.control, one.xray), (1, None, false));
        }
    }
}
