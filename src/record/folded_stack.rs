//! `xray.folded`: the call chains that the x-ray's samples were taken of, as flame graph tools read them: a line for each
//! distinct chain, `CELL;SIDE;FUNCTION;…;FUNCTION SAMPLES`, outermost first. Functions of the kernel end in `_[k]`. CPUs
//! that waited are left out, as is whatever else they did for others.
//! <https://github.com/brendangregg/FlameGraph>

use std::fmt;
use std::io;
use std::path::Path;

use super::fault::Fault;
use super::line_log::{self, LineLog};
use crate::cell::Side;
use crate::file;

/// The file's name.
pub const FILE: &str = "xray.folded";
/// What stands for all chains of an end that are too rare to have lines of their own.
pub const OTHERS: &str = "[others]";
/// What the name of a function of the kernel ends in.
pub const KERNEL: &str = "_[k]";
/// Characters of a function's name at most.
pub const MOST_OF_A_NAME: usize = 256;
/// Functions of a chain at most; of a longer one the innermost stay.
pub const MOST_FUNCTIONS: usize = 256;
/// Samples of a chain at most: far more than a run has, and few enough to be added up.
const MOST_SAMPLES: u64 = 1 << 40;

/// A call chain of one end of a cell, and its samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoldedStack {
    /// Key of the cell.
    pub cell: String,
    /// The end whose CPUs were sampled.
    pub side: Side,
    /// Names of functions, the outermost first, joined by `;`.
    pub chain: String,
    /// How many samples.
    pub samples: u64,
}

impl FoldedStack {
    /// Reads a line; none where it is no such chain.
    fn parse(line: &str) -> Option<Self> {
        let (stack, samples) = line.rsplit_once(' ')?;
        let mut parts = stack.splitn(3, ';');
        let (cell, side) = (parts.next()?, parts.next()?);
        let chain = parts.next().filter(|chain| is_chain(chain))?;
        let samples = samples.parse().ok().filter(|samples| (1..=MOST_SAMPLES).contains(samples))?;
        is_name(cell).then_some(())?;
        Some(Self { cell: cell.to_owned(), side: side.parse().ok()?, chain: chain.to_owned(), samples })
    }
}

impl fmt::Display for FoldedStack {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cell, side, chain, samples } = self;
        write!(out, "{cell};{side};{chain} {samples}")
    }
}

/// Whether this is a call chain: names joined by `;`, none of them empty, with a space, or with what is no character.
pub fn is_chain(text: &str) -> bool {
    text.split(';').count() <= MOST_FUNCTIONS && text.split(';').all(is_name)
}

fn is_name(text: &str) -> bool {
    (1..=MOST_OF_A_NAME).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The file of a run, to append to.
pub struct FoldedLog(LineLog);

impl FoldedLog {
    /// Makes it.
    ///
    /// # Errors
    /// When it exists or cannot be written.
    pub fn create(dir: &Path) -> io::Result<Self> {
        LineLog::create(&dir.join(FILE), "").map(Self)
    }

    /// Opens a run's, without half a line at its end and without lines of cells that are not to be kept; none where the
    /// run has no such file.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn resume(dir: &Path, keep: impl Fn(&str) -> bool) -> anyhow::Result<Option<Self>> {
        let path = dir.join(FILE);
        if !file::is_there(&path) {
            return Ok(None);
        }
        let mut kept = Self::read(dir)?;
        kept.retain(|stack| keep(&stack.cell));
        Ok(Some(Self(LineLog::replace(&path, &lines(&kept))?)))
    }

    /// Appends lines in one write; when it fails, the file is cut back to what it was.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub fn append(&mut self, stacks: &[FoldedStack]) -> io::Result<()> {
        self.0.append(&lines(stacks))
    }

    /// Reads every whole line of a run's file; none where it has none.
    ///
    /// # Errors
    /// When the file cannot be read, or a line is no call chain.
    pub fn read(dir: &Path) -> Result<Vec<FoldedStack>, Fault> {
        let what = "a call chain CELL;SIDE;FUNCTION;… SAMPLES";
        line_log::read(&dir.join(FILE), |_| true, FoldedStack::parse, what)
    }
}

fn lines(stacks: &[FoldedStack]) -> String {
    stacks.iter().map(|stack| format!("{stack}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(cell: &str, chain: &str) -> FoldedStack {
        FoldedStack { cell: cell.to_owned(), side: Side::Receiver, chain: chain.to_owned(), samples: 7 }
    }

    #[test]
    fn a_line_is_one_that_flame_graph_tools_read_and_reads_back() {
        let one = stack("veth/two-copy/recv/static/64B/t1", "main;tcp_recvmsg_[k]");
        assert_eq!(one.to_string(), "veth/two-copy/recv/static/64B/t1;receiver;main;tcp_recvmsg_[k] 7");
        assert_eq!(FoldedStack::parse(&one.to_string()), Some(one));
    }

    #[test]
    fn what_is_no_chain_is_refused() {
        for line in [
            "",
            "cell;sender 7",
            "cell;nobody;main 7",
            "cell;sender;main",
            "cell;sender;main 0",
            "cell;sender;main -1",
            "cell;sender;main 99999999999999999999",
            "cell;sender;main 18446744073709551615",
            "cell;sender;a;;b 7",
            "cell;sender;a b 7",
            "cell;sender;a\x1b[2Jb 7",
            "ce ll;sender;main 7",
            "cell;sender;caf\u{e9} 7",
        ] {
            assert_eq!(FoldedStack::parse(line), None, "{line:?}");
        }
        assert!(
            !is_chain(&"x".repeat(MOST_OF_A_NAME + 1)) && !is_chain(&vec!["x"; MOST_FUNCTIONS + 1].join(";"))
        );
    }

    #[test]
    fn half_a_line_and_lines_of_cells_that_are_not_done_are_gone_after_resuming() {
        let dir = tempfile::tempdir().unwrap();
        assert!(FoldedLog::resume(dir.path(), |_| true).unwrap().is_none());
        assert_eq!(FoldedLog::read(dir.path()).unwrap(), []);
        let all = [stack("done", "main"), stack("cut-off", "main")];
        FoldedLog::create(dir.path()).unwrap().append(&all).unwrap();
        let path = dir.path().join(FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}done;rec")).unwrap();
        FoldedLog::resume(dir.path(), |cell| cell == "done").unwrap().unwrap().append(&all[1..]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        std::fs::write(&path, "done;sender;main 7\nnonsense\n").unwrap();
        let fault = FoldedLog::read(dir.path()).unwrap_err();
        assert_eq!(fault.line, 2);
    }
}
