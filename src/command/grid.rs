//! `copycost grid`: every key of a grid, as `docs/GRID.md` has them.

use super::{Exit, print};
use crate::grid::keys::KEYS;

/// Prints them.
pub fn run() -> anyhow::Result<Exit> {
    print(&markdown()).map(|()| Exit::Success)
}

/// The keys as Markdown.
pub fn markdown() -> String {
    let rows = KEYS.iter().map(|key| {
        let (name, default) = (key.name, key.default.unwrap_or("must be said"));
        format!(
            "| `{name}` | {} | {default} | `{name_example}` | {} |\n",
            key.holds,
            key.about,
            name_example = key.example
        )
    });
    format!(
        "# The keys of a grid\n\n\
         Made by `copycost grid` from the program's own table.\n\n\
         A grid is a YAML file: what `copycost sweep` runs. Its cells are every combination of its dimensions. \
         `copycost grids` lists those that the program carries, `copycost grids show NAME` prints one to begin with, and \
         `copycost sweep GRID --dry-run` lists the cells of one and how long they take.\n\n\
         Sizes are written `64` (bytes), `4KiB`, `1MiB`; durations `500ms`, `10s`, `2m`; rates `10Gbit` (bits a second). \
         `--set KEY=VALUE` sets a key for one sweep, and `--only DIMENSION=VALUES` runs a part.\n\n\
         ```yaml\n\
         name: my-grid\n\
         paths: [two-copy, one-copy, zero-copy]\n\
         message_sizes: [1KiB, 64KiB]\n\
         threads: [1, 4]\n\
         ```\n\n\
         | key | holds | where it is not said | example | meaning |\n|---|---|---|---|---|\n{}",
        rows.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_what_the_program_prints() {
        let document = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/GRID.md");
        let document = std::fs::read_to_string(document).expect("the document");
        assert!(
            document == markdown(),
            "docs/GRID.md is not what the keys declare; make it again with `cargo run -- grid > docs/GRID.md`"
        );
    }

    #[test]
    fn every_key_has_its_row() {
        for line in markdown().lines().filter(|line| line.starts_with("| `")) {
            assert_eq!(line.split(" | ").count(), 5, "a bar in a field: {line}");
            assert!(line.ends_with(". |"), "{line}");
        }
    }
}
