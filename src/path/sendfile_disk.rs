//! sendfile-disk: sendfile from a file on a disk, as a server of files has them. With `cache=hot` all of it is in the page
//! cache, whose pages go to the socket by reference as those of a memfd do. With `cache=cold` every message is read from
//! the disk first (`filemap_splice_read`): what is to be sent next was dropped from memory long before it is its turn.

use std::io;
use std::path::Path;
use std::time::Duration;

use socket2::Socket;

use super::disk_file::{self, Residence, Resident};
use super::sendfile::{self, Sendfile};
use super::{Entry, Parameters, SendPath, Tally};
use crate::cell::Payload;
use crate::choice::{Parameter, Values};
use crate::failure::{Failure, told};
use crate::setup::Setup;
use crate::style::{Marker, SKY, Style};
use crate::units;

pub(super) const ENTRY: Entry = Entry {
    name: "sendfile-disk",
    about: "sendfile() from a file on a disk; static payload alone",
    style: Style { colour: SKY, marker: Marker::Diamond },
    parameters: Parameters::of(&[Parameter {
        key: CACHE,
        about: "whether the file is in the page cache, or read from the disk",
        values: Values::Words(&["hot", "cold"]),
        usual: 0,
    }]),
    open: |setup, _| {
        if setup.payload == Payload::Fresh {
            return Err(Failure::Unsupported(
                "sendfile-disk sends what lies on the disk: to write it anew would be what is measured; use payload: \
                 static, or sendfile"
                    .to_owned(),
            ));
        }
        Ok(if setup.choice.is_on(CACHE) { Box::new(Cold::open(setup)?) } else { Box::new(hot(setup)?) })
    },
    ..sendfile::ENTRY
};

const CACHE: &str = "cache";

/// Bytes of a cold file: far more than the kernel reads ahead, or holds in sockets on its way.
const COLD_BYTES: u64 = 64 << 20;
/// Bytes of the files of all streams of a trial together.
const TRIAL_BYTES: u64 = 1 << 30;
/// The least of a cold file, bytes.
const LEAST_BYTES: u64 = 8 << 20;
/// The least number of messages in a cold file.
const LEAST_MESSAGES: u64 = 4;
/// Bytes that are dropped from memory at once: no folio of the page cache is larger, and each begins at a multiple of its
/// size. One that reached beyond would stay.
const PART: usize = 2 << 20;

/// Writes the messages to a file on a disk, of which nothing is in memory then.
fn write(setup: &Setup, bytes: u64, least: usize) -> Result<(Sendfile, Residence), Failure> {
    let (file, place) = disk_file::create()?;
    let written = Sendfile::write(file, setup, bytes, least).and_then(|sendfile| {
        sendfile.file.sync_all()?;
        let residence = Residence::of(&sendfile.file)?;
        let kept = residence.drop_part(&sendfile.file, 0, sendfile.end)?;
        Ok((sendfile, residence, kept))
    });
    let asked = bytes.max(least as u64 * setup.message_bytes as u64);
    let (sendfile, residence, kept) = written.map_err(|error| cannot(&error, asked, &place))?;
    if kept.is_kept() {
        return Err(Failure::Unsupported(format!(
            "the file system of {} keeps files in memory: {}; set TMPDIR to a directory on a disk",
            place.display(),
            stayed(kept)
        )));
    }
    Ok((sendfile, residence))
}

/// That a file cannot be written there: the disk is full, most likely.
fn cannot(error: &io::Error, bytes: u64, place: &Path) -> Failure {
    let what = format!("a file of {} in {}: {}", units::size(bytes), place.display(), told(error));
    Failure::Failed(match error.kind() {
        io::ErrorKind::FileTooLarge => what,
        _ => format!("{what}; set TMPDIR to a directory on a disk with room"),
    })
}

fn stayed(Resident { resident, pages }: Resident) -> String {
    format!("{resident} of {pages} pages stayed when they were to be dropped (POSIX_FADV_DONTNEED)")
}

/// The file with all of it in the page cache.
fn hot(setup: &Setup) -> Result<Sendfile, Failure> {
    let (sendfile, _) = write(setup, setup.working_set.unwrap_or(0), 1)?;
    io::copy(&mut io::BufReader::new(FromStart(&sendfile, 0)), &mut io::sink())
        .map_err(Failure::io("reading the file for sendfile-disk"))?;
    Ok(sendfile)
}

/// Reads a file from its start, wherever it stands.
struct FromStart<'a>(&'a Sendfile, u64);

impl io::Read for FromStart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = std::os::unix::fs::FileExt::read_at(&self.0.file, buffer, self.1)?;
        self.1 += read as u64;
        Ok(read)
    }
}

/// The file none of which is in memory when its turn comes. Pages are dropped a part at a time, far enough ahead of the
/// message that is sent, for the kernel to read ahead in between, and long after they were sent, for sockets hold them.
struct Cold {
    sendfile: Sendfile,
    residence: Residence,
    /// Bytes sent since the path was opened, and those up to which nothing is in memory but what was read ahead.
    sent: usize,
    dropped: usize,
}

impl Cold {
    fn open(setup: &Setup) -> Result<Self, Failure> {
        let bytes = file_bytes(setup)?;
        let (sendfile, residence) = write(setup, bytes, LEAST_MESSAGES as usize)?;
        Ok(Self { sent: 0, dropped: sendfile.end, sendfile, residence })
    }

    /// Drops the next part.
    #[cold]
    fn drop_part(&mut self) -> Result<(), Failure> {
        let end = self.sendfile.end;
        let from = self.dropped % end;
        let to = (from + PART).min(end);
        self.dropped += to - from;
        let drop_once = || {
            let kept = self.residence.drop_part(&self.sendfile.file, from, to);
            kept.map_err(Failure::io("dropping a file from memory"))
        };
        let mut kept = drop_once()?;
        // A receiver that is behind lets go of its pages soon, and so does a read that is not done.
        for wait_ms in [1, 4, 16, 64, 256] {
            if kept.is_kept() {
                std::thread::sleep(Duration::from_millis(wait_ms));
                kept = drop_once()?;
            }
        }
        if kept.is_kept() {
            return Err(Failure::Unsupported(format!(
                "the file is not cold: {}, still held by sockets or by the file system; use fewer streams, or cache: hot",
                stayed(kept)
            )));
        }
        Ok(())
    }
}

impl SendPath for Cold {
    fn send_message(&mut self, socket: &Socket, tally: &mut Tally) -> Result<(), Failure> {
        self.sent += self.sendfile.message_bytes;
        while self.dropped < self.sent + self.sendfile.end / 4 {
            self.drop_part()?;
        }
        self.sendfile.send_message(socket, tally)
    }
}

/// Bytes of a cold file of one stream.
///
/// # Errors
/// Where the streams together would need more than there may be.
fn file_bytes(setup: &Setup) -> Result<u64, Failure> {
    let least =
        (LEAST_MESSAGES * setup.message_bytes as u64).max(LEAST_BYTES).max(setup.working_set.unwrap_or(0));
    let most = TRIAL_BYTES / u64::from(setup.streams);
    if least > most {
        return Err(Failure::Unsupported(format!(
            "cold files of {} streams with {} each are more than {} of disk; use fewer streams, smaller messages, or \
             cache: hot",
            setup.streams,
            units::size(least),
            units::size(TRIAL_BYTES)
        )));
    }
    Ok(COLD_BYTES.clamp(least, most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::choose;
    use crate::path::splice::tests::{connected, receive_while};
    use crate::pattern::Pattern;

    fn setup(path: &str, message_bytes: usize) -> Setup {
        Setup { choice: choose(path).unwrap(), ..Setup::of_messages(message_bytes, Pattern::new(6, 0)) }
    }

    /// Bytes that this thread had read from disks so far; absent where the kernel does not tell.
    fn read_from_disks() -> Option<u64> {
        let text = std::fs::read_to_string("/proc/thread-self/io").ok()?;
        text.lines().find_map(|line| line.strip_prefix("read_bytes: "))?.parse().ok()
    }

    #[test]
    fn a_hot_file_arrives_whole_and_nothing_is_read_from_the_disk() {
        let test = "a_hot_file_arrives_whole_and_nothing_is_read_from_the_disk";
        for bytes in [64, 1001, 300_000] {
            let setup = setup("sendfile-disk", bytes);
            let Some(mut path) = crate::skip::unless(test, hot(&setup)) else { return };
            receive_while(&setup, |socket| {
                let (before, mut tally) = (read_from_disks(), Tally::default());
                (0..20).for_each(|_| path.send_message(socket, &mut tally).unwrap());
                assert_eq!(read_from_disks(), before);
                20
            });
        }
    }

    #[test]
    fn a_cold_file_arrives_whole_and_is_read_from_the_disk_each_time() {
        let test = "a_cold_file_arrives_whole_and_is_read_from_the_disk_each_time";
        for (bytes, streams) in [(300_001, 8), (1 << 20, 64)] {
            let setup = Setup { streams, ..setup("sendfile-disk:cache=cold", bytes) };
            let Some(mut path) = crate::skip::unless(test, Cold::open(&setup)) else { return };
            let messages = (3 * path.sendfile.end / bytes) as u64;
            receive_while(&setup, |socket| {
                let (before, mut tally) = (read_from_disks(), Tally::default());
                (0..messages).for_each(|_| path.send_message(socket, &mut tally).unwrap());
                if let (Some(before), Some(after)) = (before, read_from_disks()) {
                    let sent = messages * bytes as u64;
                    assert!((after - before) as f64 > 0.95 * sent as f64, "{} of {sent}", after - before);
                }
                messages
            });
        }
    }

    #[test]
    fn cold_files_are_large_enough_and_bounded_for_all_streams() {
        let of = |bytes, streams, working_set| {
            file_bytes(&Setup { streams, working_set, ..setup("sendfile-disk:cache=cold", bytes) })
        };
        assert_eq!(of(64, 1, None), Ok(64 << 20));
        assert_eq!(of(1 << 20, 64, None), Ok(16 << 20));
        assert_eq!(of(64, 1, Some(100 << 20)), Ok(100 << 20));
        for (bytes, streams, working_set) in [(64, 1024, None), (8 << 20, 64, None), (64, 2, Some(600 << 20))]
        {
            let refused = of(bytes, streams, working_set).unwrap_err();
            assert!(
                matches!(&refused, Failure::Unsupported(why) if why.contains("fewer streams")),
                "{refused}"
            );
        }
    }

    #[test]
    fn fresh_payload_and_a_full_disk_are_one_sentence_each() {
        let (socket, _peer) = connected();
        let fresh = Setup { payload: Payload::Fresh, ..setup("sendfile-disk", 64) };
        let refused = (ENTRY.open)(&fresh, &socket).err().unwrap();
        assert!(refused.reason().contains("payload: static"), "{refused}");
        let full = cannot(&io::Error::from_raw_os_error(libc::ENOSPC), 64 << 20, Path::new("/var/tmp"));
        assert!(full.reason().contains("No space left") && full.reason().contains("TMPDIR"), "{full}");
    }
}
