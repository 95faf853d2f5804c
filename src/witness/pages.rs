//! The page frames that an agent's payload may lie in: all memory that is its own, and its memfds.
//!
//! Own is what the process may write to, and what belongs to no file: heap, stacks, anonymous mappings, also
//! those that were made read-only after they were filled. Pages in a pipe are pages of these mappings. A page
//! may be moved or replaced while the trial runs, so they are looked up again and again.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use memmap2::{Mmap, MmapOptions};

use super::Frames;
use super::frames::FRAME;

/// How often is looked.
const PERIOD: Duration = Duration::from_millis(20);
/// Entries of the page map that are read at once.
const ENTRIES: usize = 8192;
const PRESENT: u64 = 1 << 63;
const NUMBER: u64 = (1 << 55) - 1;

/// The looking up of this process's frames, from now until it is collected.
#[derive(Debug)]
pub(crate) struct Pages {
    _stop_when_dropped: Sender<()>,
    thread: JoinHandle<Result<Frames, String>>,
}

impl Pages {
    /// Begins to look.
    ///
    /// # Errors
    /// When this process may not know where its pages are.
    pub(crate) fn watch() -> Result<Self, String> {
        let mut look = PageScan::open()?;
        look.look()?;
        let (_stop_when_dropped, until) = channel();
        let thread = std::thread::Builder::new().name("pages".to_owned());
        let thread = thread.spawn(move || look.again_and_again(&until)).map_err(|error| error.to_string())?;
        Ok(Self { _stop_when_dropped, thread })
    }

    /// Looks a last time; all frames that were found.
    pub(crate) fn collect(self) -> Result<Frames, String> {
        drop(self._stop_when_dropped);
        self.thread.join().map_err(|_| "the thread that looks up pages broke".to_owned())?
    }
}

struct PageScan {
    map: File,
    found: HashSet<u64>,
    /// The memfds that were found, mapped here so that their pages have addresses.
    memfds: HashMap<(u64, u64), Mmap>,
}

impl PageScan {
    fn open() -> Result<Self, String> {
        let map = File::open("/proc/self/pagemap").map_err(|error| format!("/proc/self/pagemap: {error}"))?;
        Ok(Self { map, found: HashSet::new(), memfds: HashMap::new() })
    }

    fn again_and_again(mut self, until: &Receiver<()>) -> Result<Frames, String> {
        while until.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
            self.look()?;
        }
        self.look()?;
        Ok(Frames::from(self.found.into_iter().map(|frame| (frame, 1)).collect::<Vec<_>>()))
    }

    fn look(&mut self) -> Result<(), String> {
        let maps = std::fs::read_to_string("/proc/self/maps")
            .map_err(|error| format!("/proc/self/maps: {error}"))?;
        self.map_memfds();
        let mut ranges: Vec<Range<u64>> = maps.lines().filter_map(own).collect();
        ranges.extend(self.memfds.values().map(|mapped| {
            let begin = mapped.as_ptr().addr() as u64;
            begin..begin + mapped.len() as u64
        }));
        let known = ranges.into_iter().try_for_each(|range| self.look_up(range));
        known.map_err(|error| format!("reading /proc/self/pagemap: {error}"))?;
        // The kernel shows zeros to those who may not know.
        if self.found.is_empty() {
            return Err("the kernel does not tell where this process's pages are: that takes CAP_SYS_ADMIN"
                .to_owned());
        }
        Ok(())
    }

    /// Maps each memfd that a thread holds: a worker has a table of descriptors of its own.
    fn map_memfds(&mut self) {
        let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let tables = tasks.filter_map(|task| std::fs::read_dir(task.path().join("fd")).ok());
        for descriptor in tables.flatten().flatten().map(|entry| entry.path()) {
            let is_memfd = |target: &std::path::Path| target.to_string_lossy().starts_with("/memfd:");
            if !std::fs::read_link(&descriptor).is_ok_and(|target| is_memfd(&target)) {
                continue;
            }
            // Opened again for reading alone, it can be mapped though it is sealed. If it has gone, nothing is lost.
            let Ok(file) = File::open(&descriptor) else { continue };
            let Ok(meta) = file.metadata() else { continue };
            let is_new = !self.memfds.contains_key(&(meta.dev(), meta.ino()));
            if meta.len() > 0 && is_new {
                // SAFETY: nothing is read through the mapping: its addresses alone are looked up.
                if let Ok(mapped) = unsafe { MmapOptions::new().populate().map(&file) } {
                    self.memfds.insert((meta.dev(), meta.ino()), mapped);
                }
            }
        }
    }

    fn look_up(&mut self, range: Range<u64>) -> io::Result<()> {
        let mut buffer = vec![0; ENTRIES * 8];
        let (mut page, end) = (range.start / FRAME, range.end.div_ceil(FRAME));
        while page < end {
            let entries = ENTRIES.min((end - page) as usize);
            let read = self.map.read_at(&mut buffer[..entries * 8], page * 8)?;
            if read < 8 {
                return Ok(());
            }
            let entries = buffer[..read].chunks_exact(8);
            page += entries.len() as u64;
            let entries =
                entries.map(|bytes| bytes.iter().rfold(0, |entry, &byte| entry << 8 | u64::from(byte)));
            let frames = entries.filter(|entry| entry & PRESENT != 0).map(|entry| entry & NUMBER);
            self.found.extend(frames.filter(|&frame| frame != 0));
        }
        Ok(())
    }
}

/// The addresses of a mapping that is the process's own, by its line of `/proc/self/maps`.
fn own(line: &str) -> Option<Range<u64>> {
    let mut words = line.split_whitespace();
    let (addresses, rights, inode) = (words.next()?, words.next()?, words.nth(2)?);
    // Pages that the kernel itself shows to every process: [vvar], [vdso], [vsyscall].
    let is_kernels = words.next().is_some_and(|name| name.starts_with("[v"));
    let is_own = rights.contains('w') || (rights.starts_with('r') && inode == "0");
    let (begin, end) = addresses.split_once('-')?;
    let number = |word| u64::from_str_radix(word, 16).ok();
    (is_own && !is_kernels).then_some(number(begin)?..number(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn own_memory_is_told_from_the_program_s_file_and_the_kernel_s_pages() {
        let heap = "01f4a000-01f6d000 rw-p 00000000 00:00 0                   [heap]";
        assert_eq!(own(heap), Some(0x1f4_a000..0x1f6_d000));
        let sealed = "7f0000001000-7f0000003000 r--p 00000000 00:00 0 ";
        assert_eq!(own(sealed), Some(0x7f00_0000_1000..0x7f00_0000_3000), "filled, then made read-only");
        let shared = "7f0000001000-7f0000003000 rw-s 00000000 00:01 1034 /dev/zero (deleted)";
        assert!(own(shared).is_some());
        for other in [
            "00400000-00401000 r--p 00000000 08:01 1234 /init",
            "00401000-00402000 r-xp 00001000 08:01 1234 /init",
            "7f0000003000-7f0004000000 ---p 00000000 00:00 0 ",
            "7ffd7a1f0000-7ffd7a1f4000 r--p 00000000 00:00 0 [vvar]",
            "7ffd7a1f4000-7ffd7a1f6000 r-xp 00000000 00:00 0 [vdso]",
            "nonsense",
        ] {
            assert_eq!(own(other), None, "{other}");
        }
    }

    /// Frames of what lies at an address.
    fn frames_at(address: u64, bytes: u64) -> HashSet<u64> {
        let mut look = PageScan::open().unwrap();
        look.look_up(address..address + bytes).unwrap();
        look.found
    }

    #[test]
    fn buffers_and_memfds_are_found() {
        let buffer = crate::buffer::buffer(64 << 10).unwrap();
        let begin = (buffer.as_ptr().addr() as u64).next_multiple_of(FRAME);
        let Some(pages) = crate::skip::unless("buffers_and_memfds_are_found", Pages::watch()) else { return };
        // Made after the first look, and held by a thread with a table of its own, as a worker's is.
        let (made, wait) = channel();
        let (done, until) = channel::<()>();
        let worker = std::thread::spawn(move || {
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_FILES).unwrap();
            let flags = nix::sys::memfd::MFdFlags::MFD_CLOEXEC;
            let mut file = File::from(nix::sys::memfd::memfd_create("payload", flags).unwrap());
            file.write_all(&[7; 40_000]).unwrap();
            // SAFETY: nobody else writes to the file.
            let mapped = unsafe { Mmap::map(&file).unwrap() };
            assert_eq!(mapped.iter().map(|&byte| u64::from(byte)).sum::<u64>(), 280_000);
            made.send(frames_at(mapped.as_ptr().addr() as u64, 40_960)).unwrap();
            let _ = until.recv();
        });
        let memfd: HashSet<u64> = wait.recv().unwrap();
        // A look takes as long as a busy machine lets it.
        std::thread::sleep(PERIOD * 50);
        drop(done);
        worker.join().unwrap();
        let found = pages.collect().unwrap();
        let own = frames_at(begin, 60 << 10);
        assert_eq!((own.len(), memfd.len()), (15, 10));
        for frame in own.iter().chain(&memfd) {
            assert_eq!(found.bytes_within(frame * FRAME, FRAME), FRAME, "frame {frame:#x}");
        }
    }
}
