//! `copycost schema`: every file of rows and its columns, as `docs/SCHEMA.md` has them.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::{Exit, print};
use crate::file;
use crate::output::harmless;
use crate::record::csv_file;
use crate::record::{Attribution, Copies, Latency, Recorded, Roofline, SCHEMA_VERSION, Stream, Trial, Way};
use crate::tables::{AccountRow, CellRow, CostRow, CrossoverRow, DerivedRow, NoiseRow, RatioRow};

/// Flags of `copycost schema`.
#[derive(Args, Debug)]
pub struct SchemaArgs {
    /// A run of which each column shows a value as an example, such as results/sample
    #[arg(long, value_name = "RUN")]
    pub example: Option<PathBuf>,
}

/// Longest example that is shown whole, characters.
const LONGEST_EXAMPLE: usize = 40;

/// Prints the schema.
pub fn run(arguments: &SchemaArgs) -> anyhow::Result<Exit> {
    print(&markdown(arguments.example.as_deref())?).map(|()| Exit::Success)
}

/// The schema as Markdown, with values of a run as examples.
///
/// # Errors
/// When a file of the run is there and cannot be read.
pub fn markdown(example: Option<&Path>) -> anyhow::Result<String> {
    let about_examples = match example {
        Some(_) => {
            " An example is the first value that a run has there; it is empty where that run has none."
        }
        None => "",
    };
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
             marks them.{about_examples}\n\n\
             ## What a run records\n"
        ),
        table::<Trial>(example)?,
        table::<Stream>(example)?,
        table::<Latency>(example)?,
        table::<Attribution>(example)?,
        table::<Copies>(example)?,
        table::<Roofline>(example)?,
        table::<Way>(example)?,
        "\n## Tables that the report makes of it\n".to_owned(),
        table::<CellRow>(example)?,
        table::<DerivedRow>(example)?,
        table::<RatioRow>(example)?,
        table::<CostRow>(example)?,
        table::<CrossoverRow>(example)?,
        table::<NoiseRow>(example)?,
        table::<AccountRow>(example)?,
    ];
    Ok(parts.concat())
}

/// A file and the table of its columns.
fn table<R: Recorded>(example: Option<&Path>) -> anyhow::Result<String> {
    let rows = match example {
        Some(run) if file::is_there(&run.join(R::FILE)) => {
            csv_file::read::<R>(run).context("an example")?.rows
        }
        _ => Vec::new(),
    };
    let (title, line) = match example {
        Some(_) => (" example |", "---|"),
        None => ("", ""),
    };
    let mut text = format!(
        "\n### {}\n\n{}\n\n| column | unit | holds | since |{title} meaning |\n|---|---|---|---|{line}---|\n",
        R::FILE,
        R::ABOUT
    );
    for column in R::columns() {
        let since = column.since.unwrap_or_default();
        let value = rows.iter().map(|row| (column.print)(row)).find(|value| !value.is_empty());
        let example = example.map(|_| format!(" {} |", value.map(|value| shown(&value)).unwrap_or_default()));
        text += &format!(
            "| `{}` | {} | {} | {since} |{} {} |\n",
            column.name,
            column.unit,
            column.kind,
            example.unwrap_or_default(),
            column.about
        );
    }
    Ok(text)
}

/// A value as code in a field of a Markdown table.
fn shown(value: &str) -> String {
    let value = harmless(value).replace(['|', '`'], " ");
    let short: String = value.chars().take(LONGEST_EXAMPLE).collect();
    let end = if short.len() < value.len() { "…" } else { "" };
    format!("`{short}{end}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_examples() -> String {
        markdown(Some(concat!(env!("CARGO_MANIFEST_DIR"), "/results/sample").as_ref()))
            .expect("the sample reads")
    }

    #[test]
    fn the_document_is_what_the_program_prints() {
        let document = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/SCHEMA.md");
        let document = std::fs::read_to_string(document).expect("the document");
        assert!(
            document == with_examples(),
            "docs/SCHEMA.md is not what the rows declare; make it again with `cargo run -- schema --example \
             results/sample > docs/SCHEMA.md`"
        );
    }

    #[test]
    fn no_column_is_of_a_later_version_than_the_schema() {
        let document = markdown(None).unwrap();
        let rows = document.lines().filter(|line| line.starts_with("| `"));
        let latest = rows.filter_map(|line| line.split(" | ").nth(3)).max();
        assert!(latest.is_some_and(|latest| latest <= SCHEMA_VERSION), "{latest:?}: raise SCHEMA_VERSION");
    }

    #[test]
    fn every_column_of_every_file_is_told() {
        let cells = |line: &str| line.split(" | ").count();
        for (document, columns) in [(markdown(None).unwrap(), 5), (with_examples(), 6)] {
            for line in document.lines().filter(|line| line.starts_with("| `")) {
                assert_eq!(cells(line), columns, "a bar in a field: {line}");
                assert!(line.ends_with(". |") && !line.contains("``"), "{line}");
            }
            assert!(!document.contains('['), "a link of the code's documentation leads nowhere here");
        }
    }

    #[test]
    fn an_example_is_a_value_of_the_run_and_none_is_made_up() {
        let document = with_examples();
        let line =
            |column: &str| document.lines().find(|line| line.starts_with(&format!("| `{column}`"))).unwrap();
        assert!(line("send_path").contains("`two-copy`"), "{}", line("send_path"));
        assert!(line("sender_cycles").contains("|  |"), "the sample's machine counts no cycles");
        assert!(markdown(Some("/no/such/run".as_ref())).is_ok());
    }
}
