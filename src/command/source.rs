//! What a command begins with: a grid, or the manifest of a run that had one.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::UsageError;
use crate::file;
use crate::grid::{Changes, Grid, builtin};
use crate::record::Manifest;
use crate::{spelling, units};

/// Largest grid file, bytes: hundreds of times what a person writes.
const LARGEST_GRID: u64 = 1 << 20;
/// Largest manifest that is taken from a file or a pipe: it lists every cell of a grid.
const LARGEST_MANIFEST: u64 = 32 << 20;

/// Reads a grid from a file, or a built-in one by its name, and changes it.
pub(super) fn read_grid(path: Option<&Path>, changes: &Changes) -> anyhow::Result<Grid> {
    let path = path.unwrap_or(Path::new(builtin::DEFAULT));
    let text = match (read_text(path, LARGEST_GRID), path.to_str().and_then(builtin::find)) {
        (Ok(text), _) => text,
        (Err(_), Some(text)) => text.to_owned(),
        (Err(error), None) => {
            let name = path.to_str().unwrap_or_default();
            let grids = builtin::ALL.iter().map(|(name, _)| *name);
            let meant =
                spelling::meant(name, grids).map(|meant| format!("did you mean `{meant}`? Otherwise "));
            return Err(UsageError(format!(
                "grid {}: {}; {}give a YAML file, or one of the built-in grids {}",
                path.display(),
                why(&error),
                meant.unwrap_or_default(),
                builtin::names()
            ))
            .into());
        }
    };
    changed(&text, &path.display().to_string(), changes)
}

/// A grid's text, read and changed; `name` is what it is called in a message.
pub(super) fn changed(text: &str, name: &str, changes: &Changes) -> anyhow::Result<Grid> {
    changes.apply(text).map_err(|error| UsageError(format!("grid {name}: {error}")).into())
}

/// The manifest of a run, named by its directory or by the manifest itself.
pub(super) fn read_manifest(run: &Path) -> anyhow::Result<Manifest> {
    let path = if run.is_dir() { run.join("manifest.json") } else { run.to_owned() };
    let refuse = |why: String| UsageError(format!("{}: {why}; give a run's directory", path.display()));
    // What is named itself may be a pipe; in a run's directory nothing is.
    let text = match run.is_dir() {
        true => file::open(&path, File::options().read(true)).and_then(|file| whole(file, LARGEST_MANIFEST)),
        false => read_text(&path, LARGEST_MANIFEST),
    };
    let text = text.map_err(|error| refuse(why(&error)))?;
    Ok(Manifest::parse(&text).map_err(refuse)?)
}

/// The grid that a run was made from.
pub(super) fn grid_of(manifest: &Manifest, run: &Path) -> anyhow::Result<Grid> {
    Grid::parse(&manifest.grid)
        .map_err(|error| anyhow::anyhow!("{}: the grid in its manifest: {error}", run.display()))
}

/// Why a file was not read.
fn why(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => error.to_string(),
    }
}

/// Reads a file whole, or standard input where `-` is named, unless it is larger than it can be.
fn read_text(path: &Path, largest: u64) -> std::io::Result<String> {
    match path.to_str() {
        Some("-") => whole(std::io::stdin(), largest),
        _ => whole(File::open(path)?, largest),
    }
}

fn whole(input: impl Read, largest: u64) -> std::io::Result<String> {
    let mut text = String::new();
    let read = input.take(largest + 1).read_to_string(&mut text)?;
    if read as u64 > largest {
        return Err(std::io::Error::other(format!("it has more than {}", units::size(largest))));
    }
    Ok(text)
}
