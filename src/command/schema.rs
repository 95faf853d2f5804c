//! `copycost schema`: every file of rows and its columns, as `docs/SCHEMA.md` has them.

use super::{Exit, print};
use crate::record::{Attribution, Copies, Latency, Recorded, Roofline, SCHEMA_VERSION, Stream, Trial, Way};
use crate::tables::{AccountRow, CellRow, CostRow, CrossoverRow, DerivedRow, NoiseRow, RatioRow};

/// Prints the schema.
pub fn run() -> anyhow::Result<Exit> {
    print(&markdown()).map(|()| Exit::Success)
}

/// The schema as Markdown.
pub fn markdown() -> String {
    let parts = [
        format!(
            "# The files of a run\n\n\
             Made by `copycost schema` from the declarations of the rows, version {SCHEMA_VERSION} of the files.\n\n\
             Files are CSV in UTF-8 with a header. Columns are found by their names: a later minor version may add some, \
             and a file of a version before `since` lacks a column. An empty field is a figure that was not measured or \
             does not apply, and never zero; in JSON (`copycost measure --format json`) it is null. `manifest.json` \
             tells everything else of a run. Two files are no tables: `latency.hlog` has histograms of delays, as viewers \
             of HdrHistogram read them, and `xray.folded` the call chains that were sampled, as flame graph tools read them: \
             `CELL;SIDE;FUNCTION;…;FUNCTION SAMPLES`, the outermost function first, those of the kernel marked as perf \
             marks them.\n\n\
             ## What a run records\n"
        ),
        file::<Trial>(),
        file::<Stream>(),
        file::<Latency>(),
        file::<Attribution>(),
        file::<Copies>(),
        file::<Roofline>(),
        file::<Way>(),
        "\n## Tables that the report makes of it\n".to_owned(),
        file::<CellRow>(),
        file::<DerivedRow>(),
        file::<RatioRow>(),
        file::<CostRow>(),
        file::<CrossoverRow>(),
        file::<NoiseRow>(),
        file::<AccountRow>(),
    ];
    parts.concat()
}

/// A file and the table of its columns.
fn file<R: Recorded>() -> String {
    let mut text = format!(
        "\n### {}\n\n{}\n\n| column | unit | holds | since | meaning |\n|---|---|---|---|---|\n",
        R::FILE,
        R::ABOUT
    );
    for column in R::columns() {
        let since = column.since.unwrap_or_default();
        text += &format!(
            "| `{}` | {} | {} | {since} | {} |\n",
            column.name, column.unit, column.kind, column.about
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_what_the_program_prints() {
        let document = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/SCHEMA.md");
        let document = std::fs::read_to_string(document).expect("the document");
        assert!(
            document == markdown(),
            "docs/SCHEMA.md is not what the rows declare; make it again with `cargo run -- schema > docs/SCHEMA.md`"
        );
    }

    #[test]
    fn no_column_is_of_a_later_version_than_the_schema() {
        let document = markdown();
        let rows = document.lines().filter(|line| line.starts_with("| `"));
        let latest = rows.filter_map(|line| line.split(" | ").nth(3)).max();
        assert!(latest.is_some_and(|latest| latest <= SCHEMA_VERSION), "{latest:?}: raise SCHEMA_VERSION");
    }

    #[test]
    fn every_column_of_every_file_is_told() {
        let cells = |line: &str| line.split(" | ").count();
        for line in markdown().lines().filter(|line| line.starts_with("| `")) {
            assert_eq!(cells(line), 5, "a bar in a field: {line}");
            assert!(line.ends_with(". |") && !line.contains("``"), "{line}");
        }
        assert!(!markdown().contains('['), "a link of the code's documentation leads nowhere here");
    }
}
