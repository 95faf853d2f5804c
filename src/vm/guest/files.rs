//! What the command writes to files, sent home as it is written.
//!
//! inotify(7) says which paths have changed, so that nothing runs while nothing is written: the time between two
//! rows is the measurement's. A file that has grown is sent from where it ended before.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{PipeReader, PipeWriter, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

use super::Port;
use crate::file;
use crate::vm::frame::{Change, News};

/// The thread that watches.
pub(super) struct FileWatcher {
    thread: JoinHandle<Result<()>>,
    /// Closed, the thread looks once more at everything and ends.
    _stop_when_closed: PipeWriter,
}

impl FileWatcher {
    /// Begins to watch these directories and all below them; what is in them now is known to the host.
    pub(super) fn start(directories: &[PathBuf], port: Port) -> Result<Self> {
        let (until, _stop_when_closed) = std::io::pipe()?;
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).context("inotify")?;
        let mut files = Files { port, inotify, places: HashMap::new(), known: HashMap::new(), is_new: false };
        directories.iter().try_for_each(|directory| files.visit(directory))?;
        files.is_new = true;
        let roots = directories.to_vec();
        Ok(Self { thread: std::thread::spawn(move || files.run(&until, &roots)), _stop_when_closed })
    }

    /// Sends what has not been sent, and ends.
    pub(super) fn finish(self) -> Result<()> {
        drop(self._stop_when_closed);
        self.thread.join().map_err(|_| anyhow::anyhow!("the thread that sends files home broke"))?
    }
}

/// What the host knows of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileState {
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl FileState {
    fn of(meta: &Metadata) -> Self {
        Self { inode: meta.ino(), bytes: meta.len(), changed: (meta.mtime(), meta.mtime_nsec()) }
    }
}

struct Files {
    port: Port,
    inotify: Inotify,
    places: HashMap<WatchDescriptor, PathBuf>,
    known: HashMap<PathBuf, FileState>,
    /// Whether what is found is new to the host.
    is_new: bool,
}

impl Files {
    fn run(mut self, until: &PipeReader, roots: &[PathBuf]) -> Result<()> {
        loop {
            let mut polled = [
                PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN),
                PollFd::new(until.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut polled, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno).context("waiting for changes"),
            }
            let is_over = polled[1].revents().is_some_and(|events| !events.is_empty());
            self.changes()?;
            if is_over {
                return roots.iter().try_for_each(|root| self.visit(root));
            }
        }
    }

    /// Looks at every path that an event names.
    fn changes(&mut self) -> Result<()> {
        loop {
            let events = match self.inotify.read_events() {
                Ok(events) => events,
                Err(Errno::EAGAIN) => return Ok(()),
                Err(errno) => return Err(errno).context("reading changes"),
            };
            let mut paths: Vec<PathBuf> = Vec::new();
            for event in events {
                // Where the kernel had no room for all events, the look at the end finds the rest.
                let Some(directory) = self.places.get(&event.wd) else { continue };
                let path = event.name.map_or_else(|| directory.clone(), |name| directory.join(name));
                if !paths.contains(&path) {
                    paths.push(path);
                }
            }
            for path in paths {
                self.visit(&path)?;
            }
        }
    }

    /// Sends home what is new at a path, and at all below it.
    fn visit(&mut self, path: &Path) -> Result<()> {
        let meta = match path.symlink_metadata() {
            Ok(meta) => meta,
            Err(_) if self.known.remove(path).is_some() => return self.tell(path, Change::Gone, &[]),
            Err(_) => return Ok(()),
        };
        if meta.is_dir() {
            return self.visit_directory(path, &meta);
        }
        let now = FileState::of(&meta);
        let before = self.known.insert(path.to_owned(), now);
        if before == Some(now) || !self.is_new {
            return Ok(());
        }
        // Gone again, another event says so: a link that is renamed into place lives for a moment.
        if meta.is_symlink() {
            let Ok(target) = std::fs::read_link(path) else { return self.forget(path, before) };
            return self.tell(path, Change::Link(target), &[]);
        }
        // What is no file, such as a pipe, stays in the guest.
        let Ok(mut file) = file::open(path, File::options().read(true)) else {
            return self.forget(path, before);
        };
        let from = before.filter(|before| before.inode == now.inode && before.bytes < now.bytes);
        let from = from.map_or(0, |before| before.bytes);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(now.bytes - from).read_to_end(&mut bytes)?;
        // It was cut while it was read: another event tells.
        if bytes.len() as u64 != now.bytes - from {
            self.known.remove(path);
            return Ok(());
        }
        let change = if from > 0 { Change::Grown { from } } else { Change::Whole };
        self.tell(path, change, &bytes)
    }

    /// What was new at a path is gone before it could be read: the host knows what it knew `before`.
    fn forget(&mut self, path: &Path, before: Option<FileState>) -> Result<()> {
        match before {
            Some(before) => self.known.insert(path.to_owned(), before),
            None => self.known.remove(path),
        };
        Ok(())
    }

    fn visit_directory(&mut self, path: &Path, meta: &Metadata) -> Result<()> {
        let own = Path::new("/").metadata()?.dev();
        // The kernel's own file systems hold no results.
        if meta.dev() != own {
            return Ok(());
        }
        if !self.known.contains_key(path) {
            self.known.insert(path.to_owned(), FileState::of(meta));
            let flags = AddWatchFlags::IN_MODIFY
                | AddWatchFlags::IN_CREATE
                | AddWatchFlags::IN_DELETE
                | AddWatchFlags::IN_MOVE;
            let watch = match self.inotify.add_watch(path, flags) {
                Err(Errno::ENOENT) => return self.forget(path, None),
                watch => watch.with_context(|| format!("watching {}", path.display()))?,
            };
            self.places.insert(watch, path.into());
            if self.is_new {
                self.tell(path, Change::Directory, &[])?;
            }
        }
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).try_for_each(|path| self.visit(&path))
    }

    fn tell(&self, path: &Path, change: Change, bytes: &[u8]) -> Result<()> {
        let news = News::Changed { path: path.to_owned(), change, bytes: bytes.len() as u64 };
        self.port.tell(&news, bytes)
    }
}
