//! `copycost export`: runs as one stream of bytes, for where there is nothing else to take them out with: a container
//! that holds this program alone has neither tar nor a shell.
//!
//! Such a stream is cut off without a word when its connection is lost. So the last file in it holds the checksums of
//! all the others, in the form that sha256sum(1) reads: what has it and passes it is whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::Args;
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use super::{Exit, UsageError};
use crate::file;

/// The last file of a stream, about all others.
const CHECKSUMS: &str = "SHA256SUMS";

/// Flags of `copycost export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// A run, or a directory of runs; links in it are left out
    #[arg(value_name = "DIR", default_value = "results")]
    pub directory: PathBuf,
    /// Write nothing, and stay until killed: a container that runs this keeps its pod, and the runs in the pod's
    /// directory, until they were taken out
    #[arg(long, conflicts_with = "directory")]
    pub keep: bool,
}

/// Writes the runs to standard output, or stays.
pub fn run(arguments: &ExportArgs) -> anyhow::Result<Exit> {
    if arguments.keep {
        // The first process of a container is not ended by a SIGTERM that it does not ask for.
        loop {
            std::thread::park();
        }
    }
    let stdout = io::stdout();
    if stdout.is_terminal() {
        let what = "a tar is nothing for a terminal; write it to a file: copycost export > runs.tar";
        return Err(UsageError(what.to_owned()).into());
    }
    write(&arguments.directory, BufWriter::new(stdout.lock()))?.flush().context("writing the tar")?;
    Ok(Exit::Success)
}

/// Writes what is in a directory as a tar.
fn write<W: Write>(directory: &Path, out: W) -> anyhow::Result<W> {
    let mut tar = Builder::new(out);
    let mut checksums = String::new();
    for path in files(directory)? {
        let name = path.strip_prefix(directory)?.to_str().filter(|name| !name.contains(['\n', '\\']));
        let name =
            name.with_context(|| format!("{}: rename it, for no list can hold its name", path.display()))?;
        if name == CHECKSUMS {
            continue;
        }
        let sum = append(&mut tar, name, &path).with_context(|| format!("{}", path.display()))?;
        checksums += &format!("{sum}  {name}\n");
    }
    ensure!(!checksums.is_empty(), "{} has no files; name the directory of a run", directory.display());
    let mut header = header(checksums.len() as u64, 0);
    tar.append_data(&mut header, CHECKSUMS, checksums.as_bytes()).context("writing the tar")?;
    tar.into_inner().context("writing the tar")
}

/// All files below a directory, in the order of their names.
fn files(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = entries.with_context(|| format!("{} cannot be read", directory.display()))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut found = Vec::new();
    for entry in entries {
        match entry.file_type()? {
            kind if kind.is_dir() => found.extend(files(&entry.path())?),
            kind if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    Ok(found)
}

/// Appends a file as it is now: what is added to it while it is read stays out. Returns its checksum.
fn append<W: Write>(tar: &mut Builder<W>, name: &str, path: &Path) -> anyhow::Result<String> {
    let file = file::open(path, File::options().read(true))?;
    let about = file.metadata()?;
    let mut header = header(about.len(), modified_s(&about));
    let mut hashed = Hashed { file: file.take(about.len()), hash: Sha256::new() };
    tar.append_data(&mut header, name, &mut hashed)?;
    if hashed.file.limit() > 0 {
        bail!("it became shorter while it was read; try again");
    }
    Ok(hex::encode(hashed.hash.finalize()))
}

fn modified_s(about: &fs::Metadata) -> u64 {
    let since = about.modified().ok().and_then(|when| when.duration_since(std::time::UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_secs())
}

fn header(bytes: u64, modified_s: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_size(bytes);
    header.set_mode(0o644);
    header.set_mtime(modified_s);
    header
}

/// A file that is hashed while it is read.
struct Hashed {
    file: io::Take<File>,
    hash: Sha256,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_stream_holds_every_file_and_the_checksums_of_all() {
        let scratch = tempfile::tempdir().unwrap();
        let long = "x".repeat(120);
        let files = [
            ("run/plots/a.svg", "<svg/>".to_owned()),
            ("run/trials.csv", "row\n".repeat(5000)),
            (&long, String::new()),
        ];
        for (name, text) in &files {
            let path = scratch.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        std::os::unix::fs::symlink("run", scratch.path().join("latest")).unwrap();

        let bytes = write(scratch.path(), Vec::new()).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut found = BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            found.insert(entry.path().unwrap().to_str().unwrap().to_owned(), text);
        }
        let checksums = found.remove(CHECKSUMS).unwrap();
        assert_eq!(checksums.lines().count(), files.len());
        for (name, text) in &files {
            assert_eq!(found.remove(*name).as_ref(), Some(text), "{name}");
            let sum = hex::encode(Sha256::digest(text));
            assert!(checksums.contains(&format!("{sum}  {name}\n")), "{checksums}");
        }
        assert_eq!(found.len(), 0, "{found:?}");
    }

    #[test]
    fn where_there_is_nothing_it_says_so() {
        let scratch = tempfile::tempdir().unwrap();
        assert!(write(scratch.path(), Vec::new()).unwrap_err().to_string().contains("has no files"));
        let none = scratch.path().join("none");
        assert!(write(&none, Vec::new()).unwrap_err().to_string().contains("cannot be read"));
    }
}
