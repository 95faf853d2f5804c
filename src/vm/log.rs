//! What QEMU writes to its standard error: complaints, and the trace of what its cards read.

use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::output::harmless;
use crate::witness::descriptor::{self, Read};

/// Begin of a line that this side writes between those of QEMU: whoever reads it has read all before it. QEMU writes some
/// lines in pieces, so it may stand in the middle of one.
const MARK: &str = "copycost-mark ";
/// How long the reading of what is already written may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The log of a QEMU.
pub(crate) struct Log {
    writer: PipeWriter,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    is_marked: Condvar,
}

#[derive(Default)]
struct State {
    /// What the cards read since it was last asked.
    reads: Vec<Read>,
    /// The first other line that is no mere warning.
    said: Option<String>,
    /// Marks that were written, and read.
    marks: [u64; 2],
}

impl Log {
    /// A log that a thread reads; QEMU writes to its [`Log::end`].
    pub(crate) fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || theirs.read(reader))?;
        Ok(Self { writer, shared })
    }

    /// An end for QEMU to write to.
    pub(crate) fn end(&self) -> io::Result<PipeWriter> {
        self.writer.try_clone()
    }

    /// What the cards read since this was last asked: all that QEMU had written before the call.
    pub(crate) fn take_reads(&self) -> io::Result<Vec<Read>> {
        Ok(std::mem::take(&mut self.up_to_date()?.reads))
    }

    /// The first thing that QEMU complained of.
    pub(crate) fn said(&self) -> Option<String> {
        self.up_to_date().ok()?.said.clone()
    }

    /// The state when all that was written before this call has been read.
    fn up_to_date(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.shared.lock();
        state.marks[0] += 1;
        let mark = state.marks[0];
        drop(state);
        (&self.writer).write_all(format!("{MARK}{mark}\n").as_bytes())?;
        let state = self.shared.lock();
        let (state, waited) = self
            .shared
            .is_marked
            .wait_timeout_while(state, PATIENCE, |state| state.marks[1] < mark)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(state) }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, from: PipeReader) {
        // What stood before a mark of a line that goes on after it.
        let mut begun = String::new();
        for line in BufReader::with_capacity(64 << 10, from).split(b'\n') {
            let Ok(line) = line else { return };
            let line = String::from_utf8_lossy(&line);
            if let Some((before, mark)) = line.split_once(MARK) {
                begun += before;
                self.lock().marks[1] = mark.parse().unwrap_or_default();
                self.is_marked.notify_all();
            } else {
                self.keep(&(std::mem::take(&mut begun) + &line));
            }
        }
    }

    /// Keeps what a whole line of QEMU's says.
    fn keep(&self, line: &str) {
        let mut state = self.lock();
        if let Some(read) = descriptor::parse(line) {
            state.reads.extend(read);
        } else if state.said.is_none() && !line.trim().is_empty() && !line.contains(" warning: ") {
            state.said = Some(harmless(line.trim()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_complaints_are_distinguished_and_none_is_late() {
        let log = Log::new().unwrap();
        let mut qemu = log.end().unwrap();
        assert_eq!(log.said(), None);
        for number in 1..=1000 {
            writeln!(qemu, "e1000e_tx_descr 0x{number:x}000 : 27101000 300").unwrap();
        }
        qemu.write_all(
            b"e1000e_tx_descr 0x0 : 2700fb50 0\nqemu: warning: clouds\nqemu: the sky falls\nqemu: again\n",
        )
        .unwrap();
        let reads = log.take_reads().unwrap();
        assert_eq!((reads.len(), reads[999].address), (1000, 1000 << 12));
        assert_eq!(log.take_reads().unwrap(), []);
        assert_eq!(log.said().unwrap(), "qemu: the sky falls");
    }

    #[test]
    fn a_line_that_is_written_in_pieces_is_whole_and_keeps_nobody_waiting() {
        let log = Log::new().unwrap();
        let mut qemu = log.end().unwrap();
        for piece in ["e1000e_tx_descr 0x1000 : ", "27101000 300\nqemu:", " the sky"] {
            qemu.write_all(piece.as_bytes()).unwrap();
            assert_eq!(log.up_to_date().unwrap().said, None, "half a sentence");
        }
        qemu.write_all(b" falls\n").unwrap();
        assert_eq!(log.said().unwrap(), "qemu: the sky falls");
        assert_eq!(log.take_reads().unwrap().len(), 1);
    }
}
