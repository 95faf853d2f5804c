//! What the targets have in common: a run's directory made of one text.

use std::io;
use std::path::Path;
use std::sync::LazyLock;

use copycost::tables::Run;
use memchr::memmem::find;
use tempfile::TempDir;

/// What stands before a file's name, in a line of its own.
const MARK: &str = "=== ";
/// The files that a run may have.
const FILES: [&str; 10] = [
    "manifest.json",
    "trials.csv",
    "streams.csv",
    "latency.hlog",
    "xray.csv",
    "xray.folded",
    "copies.csv",
    "roofline.csv",
    "card.csv",
    "received.csv",
];

/// Where runs are put: in memory.
static PLACE: LazyLock<TempDir> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    place.expect("a directory for runs")
});

/// A run of these files, as `copycost report` reads it; none where it is refused, which needs a reason.
///
/// Each file follows its name in a line `=== NAME`.
pub fn run(name: &str, text: &[u8]) -> Option<Run> {
    let dir = PLACE.path().join(name);
    put(&dir, text).expect("the run can be put where it is read");
    match Run::load(&dir) {
        Ok(run) => Some(run),
        Err(error) => {
            let reason = error.to_string();
            assert!(!reason.is_empty() && !reason.chars().any(char::is_control), "a refusal: {reason:?}");
            None
        }
    }
}

fn put(dir: &Path, text: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    for file in FILES {
        match part(text, file) {
            Some(bytes) => std::fs::write(dir.join(file), bytes)?,
            None => match std::fs::remove_file(dir.join(file)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            },
        }
    }
    Ok(())
}

/// What stands between a file's name and the next file's.
fn part<'a>(text: &'a [u8], file: &str) -> Option<&'a [u8]> {
    let head = format!("{MARK}{file}\n");
    let begin = find(text, head.as_bytes())? + head.len();
    let rest = &text[begin..];
    Some(&rest[..find(rest, MARK.as_bytes()).unwrap_or(rest.len())])
}
