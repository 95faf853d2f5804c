//! Several runs on a command line.

use std::path::PathBuf;

use super::UsageError;

/// Refuses runs of which two are the same, by whatever names.
pub(super) fn distinct<'a>(runs: impl IntoIterator<Item = &'a PathBuf>) -> Result<(), UsageError> {
    let mut seen: Vec<(PathBuf, &PathBuf)> = Vec::new();
    for run in runs {
        // What is not there is told by who reads it.
        let Ok(place) = run.canonicalize() else { continue };
        if let Some((_, other)) = seen.iter().find(|(one, _)| *one == place) {
            let (one, other) = (other.display(), run.display());
            return Err(UsageError(format!("{one} and {other} are the same run; name two")));
        }
        seen.push((place, run));
    }
    Ok(())
}
