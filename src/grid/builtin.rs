//! The grids that the program carries, so that an image with nothing but the binary has them too.

/// The grid that is run when none is named.
pub const DEFAULT: &str = "quick";

/// Name and text of every built-in grid.
pub const ALL: &[(&str, &str)] = &[
    ("instructions", include_str!("../../lab/grids/instructions.yaml")),
    ("latency", include_str!("../../lab/grids/latency.yaml")),
    ("quick", include_str!("../../lab/grids/quick.yaml")),
    ("receive", include_str!("../../lab/grids/receive.yaml")),
    ("sink", include_str!("../../lab/grids/sink.yaml")),
    ("smoke", include_str!("../../lab/grids/smoke.yaml")),
    ("study-a", include_str!("../../lab/grids/study-a.yaml")),
    ("study-b", include_str!("../../lab/grids/study-b.yaml")),
    ("study-c", include_str!("../../lab/grids/study-c.yaml")),
    ("study-d", include_str!("../../lab/grids/study-d.yaml")),
    ("single-client", include_str!("../../lab/grids/single-client.yaml")),
];

/// The text of a built-in grid.
pub fn find(name: &str) -> Option<&'static str> {
    ALL.iter().find(|(there, _)| *there == name).map(|&(_, text)| text)
}

/// The names, for a sentence.
pub fn names() -> String {
    ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Wire;
    use crate::grid::Grid;

    #[test]
    fn every_built_in_grid_reads_and_is_named_as_its_file() {
        for (name, text) in ALL {
            let grid = Grid::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(grid.name, *name);
        }
    }

    #[test]
    fn the_study_designs_have_the_published_cells() {
        let cells = |name| {
            let cells = Grid::parse(find(name).unwrap()).unwrap().cells(Wire::Veth);
            let streams = cells.iter().filter(|cell| cell.workload.is_usual()).count();
            assert_eq!(cells.len(), 2 * streams, "{name}: a request cell beside each");
            streams
        };
        assert_eq!((cells("study-c"), cells("single-client")), (60, 3));
        for name in ["study-a", "study-b", "study-d"] {
            assert_eq!(cells(name) % 12, 0, "{name}: three paths at four thread counts");
        }
    }
}
