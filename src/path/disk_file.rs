//! A file on a disk that has no name: nothing of it is left, however the process ends.

use std::fs::{File, OpenOptions};
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use linux_raw_sys::general::{HUGETLBFS_MAGIC, RAMFS_MAGIC, TMPFS_MAGIC};
use memmap2::Mmap;
use rustix::fs::{Advice, fadvise, fstatfs};

use crate::failure::Failure;

/// File systems that have no other place than memory.
const IN_MEMORY: [(u32, &str); 3] =
    [(TMPFS_MAGIC, "tmpfs"), (RAMFS_MAGIC, "ramfs"), (HUGETLBFS_MAGIC, "hugetlbfs")];

/// Bytes of a page.
const PAGE: usize = 4096;

/// Where the kernel has the pages of a file: in memory, or on its disk alone.
pub(super) struct Residence {
    /// The file, mapped so that the kernel can be asked; never read or written here.
    memory: Mmap,
}

/// Pages of a file, and how many of them are in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resident {
    pub(super) resident: usize,
    pub(super) pages: usize,
}

impl Resident {
    /// Whether so many are left that reading the file would be reading memory. A few may be held by others.
    pub(super) fn is_kept(self) -> bool {
        self.resident > self.pages / 10
    }
}

/// Makes an empty file on the first of the usual places that is on a disk.
///
/// # Errors
/// `Unsupported`, with each place and what is wrong with it.
pub(super) fn create() -> Result<(File, PathBuf), Failure> {
    create_in(&places())
}

/// $TMPDIR, /var/tmp and the current directory.
fn places() -> Vec<PathBuf> {
    let wanted = std::env::var_os("TMPDIR").filter(|place| !place.is_empty()).map(PathBuf::from);
    wanted.into_iter().chain(["/var/tmp", "."].map(PathBuf::from)).collect()
}

fn create_in(places: &[PathBuf]) -> Result<(File, PathBuf), Failure> {
    let mut refusals = Vec::new();
    for place in places {
        match nameless(place) {
            Ok(file) => return Ok((file, place.clone())),
            Err(why) => refusals.push(format!("{}: {why}", place.display())),
        }
    }
    Err(Failure::Unsupported(format!(
        "there is no disk for the file ({}); set TMPDIR to a directory on one",
        refusals.join("; ")
    )))
}

fn nameless(place: &Path) -> Result<File, String> {
    let directory = File::open(place).map_err(|error| error.to_string())?;
    let kind = fstatfs(&directory).map_err(|errno| errno.to_string())?.f_type;
    if let Some((_, name)) = IN_MEMORY.iter().find(|(magic, _)| i64::from(*magic) == kind) {
        return Err(format!("{name} keeps files in memory"));
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    let made = options.clone().custom_flags(libc::O_TMPFILE | libc::O_EXCL).open(place);
    made.or_else(|_| {
        // Not every file system can make one without a name.
        let path = place.join(format!(".copycost-{:016x}", getrandom::u64().map_err(io::Error::other)?));
        let file = options.create_new(true).open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(file)
    })
    .map_err(|error: io::Error| error.to_string())
}

impl Residence {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        // SAFETY: the file has no name and no other owner, so it is not cut short; its bytes are not looked at.
        Ok(Self { memory: unsafe { Mmap::map(file) }? })
    }

    /// Drops a part of the file from memory, from a page's beginning to another's or the end of the file, and tells what
    /// stayed there all the same: pages that somebody holds, or all where the file system knows no other place.
    pub(super) fn drop_part(&self, file: &File, from: usize, to: usize) -> io::Result<Resident> {
        // To the end of the file and beyond: the last folio may reach farther than the file does.
        let length = if to == self.memory.len() { None } else { NonZeroU64::new((to - from) as u64) };
        fadvise(file, from as u64, length, Advice::DontNeed)?;
        self.look(from, to)
    }

    /// What of a part of the file is in memory.
    pub(super) fn look(&self, from: usize, to: usize) -> io::Result<Resident> {
        let part = &self.memory[from..to];
        let mut pages = vec![0_u8; part.len().div_ceil(PAGE)];
        // SAFETY: the part is mapped and begins at a page; the kernel writes a byte for each of its pages to `pages`, which
        // has that many.
        let told =
            unsafe { libc::mincore(part.as_ptr().cast_mut().cast(), part.len(), pages.as_mut_ptr().cast()) };
        if told != 0 {
            return Err(io::Error::last_os_error());
        }
        let resident = pages.iter().filter(|&&page| page & 1 == 1).count();
        Ok(Resident { resident, pages: pages.len() })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};

    use super::*;

    /// A file of this size on a disk; none, said, where the machine has none.
    fn on_disk(test: &str, bytes: usize) -> Option<(File, Residence)> {
        let (mut file, _) = crate::skip::unless(test, create())?;
        file.write_all(&vec![7; bytes]).unwrap();
        file.sync_all().unwrap();
        let residence = Residence::of(&file).unwrap();
        Some((file, residence))
    }

    #[test]
    fn a_file_leaves_memory_and_comes_back_when_it_is_read() {
        let test = "a_file_leaves_memory_and_comes_back_when_it_is_read";
        let bytes = 64 * PAGE + 5;
        let Some((mut file, residence)) = on_disk(test, bytes) else { return };
        assert_eq!(residence.look(0, bytes).unwrap(), Resident { resident: 65, pages: 65 });
        let dropped = residence.drop_part(&file, 0, bytes).unwrap();
        if dropped.is_kept() {
            return crate::skip::skip(test, "a disk whose file system lets go of pages");
        }
        file.rewind().unwrap();
        file.read_to_end(&mut Vec::new()).unwrap();
        assert_eq!(residence.look(0, bytes).unwrap().resident, 65);
    }

    #[test]
    fn a_place_in_memory_is_passed_over_and_named_where_there_is_no_other() {
        let shm = PathBuf::from("/dev/shm");
        let Err(Failure::Unsupported(why)) = create_in(&[shm, "/nowhere".into()]) else {
            return crate::skip::skip("a_place_in_memory_is_passed_over", "a tmpfs at /dev/shm");
        };
        assert!(why.contains("/dev/shm: tmpfs keeps files in memory; /nowhere: "), "{why}");
        assert!(why.ends_with("set TMPDIR to a directory on one"), "{why}");
    }

    #[test]
    fn nothing_of_the_file_is_in_its_directory() {
        let directory = tempfile::tempdir().unwrap();
        let Some((file, _)) =
            crate::skip::unless("nothing_of_the_file_is_there", create_in(&[directory.path().to_owned()]))
        else {
            return;
        };
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        drop(file);
    }
}
