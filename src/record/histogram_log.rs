//! `latency.hlog`: the histograms of every stream and kind of delay, as HdrHistogram's interval logs have them, so that
//! the usual viewers open it. A line's tag names its trial, stream and kind: `CELL#REP/sSTREAM/KIND`; the interval is
//! the trial's window, and its maximum is in milliseconds.
//! <https://hdrhistogram.github.io/HdrHistogram/JavaDoc/org/HdrHistogram/HistogramLogWriter.html>

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::path::Path;

use super::column::Field;
use super::fault::Fault;
use super::latency::DelayKind;
use super::line_log::{self, LineLog};
use super::trial::Trial;
use crate::file;

/// The file's name.
pub const FILE: &str = "latency.hlog";

const HEADER: &str = "#[Histogram log format version 1.3]\n\
    \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n";

/// The delays of one kind of one stream of a trial.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamDelays {
    /// Key of the cell.
    pub cell: String,
    /// Number of the trial within its cell, from 1.
    pub rep: u32,
    /// Number of the stream, from 0.
    pub stream: u32,
    /// What the delay is from and to.
    pub kind: DelayKind,
    /// When the trial started, seconds since 1970.
    pub started_s: f64,
    /// Length of its window, seconds.
    pub window_s: f64,
    /// The longest delay, milliseconds.
    pub max_ms: f64,
    /// V2, deflated, in base64.
    pub histogram: String,
}

impl StreamDelays {
    /// Makes it one of this trial.
    pub fn assign(&mut self, trial: &Trial) {
        self.cell.clone_from(&trial.cell);
        self.rep = trial.rep;
        self.window_s = trial.window_s.unwrap_or_default();
        let started = trial.started_at.parse::<jiff::Timestamp>();
        self.started_s = started.map_or(0.0, |at| at.as_millisecond() as f64 / 1000.0);
    }

    /// Reads a line; none where it is no interval with such a tag.
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.strip_prefix("Tag=")?.split(',');
        let mut field = || fields.next();
        let (cell, rest) = field()?.split_once('#')?;
        let mut tag = rest.split('/');
        Some(Self {
            cell: cell.to_owned(),
            rep: tag.next()?.parse().ok()?,
            stream: tag.next()?.strip_prefix('s')?.parse().ok()?,
            kind: tag.next()?.parse().ok()?,
            started_s: f64::parse(field()?).ok()?,
            window_s: f64::parse(field()?).ok()?,
            max_ms: f64::parse(field()?).ok()?,
            histogram: field()?.to_owned(),
        })
    }
}

impl fmt::Display for StreamDelays {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cell, rep, stream, kind, started_s, window_s, max_ms, histogram } = self;
        write!(out, "Tag={cell}#{rep}/s{stream}/{kind},{started_s:.3},{window_s:.3},{max_ms:.6},{histogram}")
    }
}

/// The log of a run, to append to.
pub struct HistogramLog(LineLog);

impl HistogramLog {
    /// Makes it.
    ///
    /// # Errors
    /// When it exists or cannot be written.
    pub fn create(dir: &Path) -> io::Result<Self> {
        LineLog::create(&dir.join(FILE), HEADER).map(Self)
    }

    /// Opens a run's, without half a line at its end and without lines of trials that are not known; none where the run
    /// has no log.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn resume(dir: &Path, known: &HashSet<(&str, u32)>) -> anyhow::Result<Option<Self>> {
        let path = dir.join(FILE);
        if !file::is_there(&path) {
            return Ok(None);
        }
        let mut kept = Self::read(dir)?;
        kept.retain(|delays| known.contains(&(delays.cell.as_str(), delays.rep)));
        Ok(Some(Self(LineLog::replace(&path, &format!("{HEADER}{}", lines(&kept)))?)))
    }

    /// Appends lines in one write; when it fails, the file is cut back to what it was.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub fn append(&mut self, all: &[StreamDelays]) -> io::Result<()> {
        self.0.append(&lines(all))
    }

    /// Reads every whole line of a run's log; none where it has none.
    ///
    /// # Errors
    /// When the file cannot be read, or a line is no interval of a trial.
    pub fn read(dir: &Path) -> Result<Vec<StreamDelays>, Fault> {
        let tells = |line: &str| !line.starts_with(['#', '"']);
        let what = "an interval with a tag CELL#REP/sSTREAM/KIND";
        line_log::read(&dir.join(FILE), tells, StreamDelays::parse, what)
    }
}

fn lines(all: &[StreamDelays]) -> String {
    all.iter().map(|delays| format!("{delays}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Delays;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    fn delays(rep: u32) -> StreamDelays {
        let mut delays = Delays::new(1);
        delays.record(1_500_000);
        StreamDelays {
            cell: "veth/two-copy/recv/static/64B/t1/open-loop:rate=50%".to_owned(),
            rep,
            stream: 3,
            kind: DelayKind::OneWay,
            started_s: 1_700_000_000.125,
            window_s: 0.5,
            max_ms: 1.5,
            histogram: delays.encode().histogram,
        }
    }

    #[test]
    fn the_log_is_one_that_viewers_read() {
        let dir = tempfile::tempdir().unwrap();
        HistogramLog::create(dir.path()).unwrap().append(&[delays(1), delays(2)]).unwrap();
        let bytes = std::fs::read(dir.path().join(FILE)).unwrap();
        let tags: Vec<String> = IntervalLogIterator::new(&bytes)
            .filter_map(|entry| match entry.unwrap() {
                LogEntry::Interval(interval) => {
                    assert!((interval.max() - 1.5).abs() < 1e-9);
                    let read = Delays::decode(interval.encoded_histogram()).unwrap();
                    assert_eq!(read.longer_than(1.0), 1);
                    Some(interval.tag().unwrap().as_str().to_owned())
                }
                _ => None,
            })
            .collect();
        assert_eq!(tags[1], "veth/two-copy/recv/static/64B/t1/open-loop:rate=50%#2/s3/one_way");
        assert_eq!(HistogramLog::read(dir.path()).unwrap(), [delays(1), delays(2)]);
    }

    #[test]
    fn half_a_line_and_lines_of_unknown_trials_are_gone_after_resuming() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        HistogramLog::create(dir.path()).unwrap().append(&[delays(1), delays(2)]).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}Tag=half")).unwrap();
        let known = HashSet::from([("veth/two-copy/recv/static/64B/t1/open-loop:rate=50%", 1)]);
        HistogramLog::resume(dir.path(), &known).unwrap().unwrap().append(&[delays(2)]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        std::fs::write(&path, "Tag=x,1\n").unwrap();
        assert_eq!(HistogramLog::read(dir.path()).unwrap_err().line, 1);
    }
}
