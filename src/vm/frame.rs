//! What goes over the port between host and guest: news one way, orders the other. A frame of the control
//! protocol ([`crate::frame`]), and behind it the bytes that it announces.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::frame::{self, CAP, FrameError};

/// Name of the port, by which the guest finds it.
pub const PORT: &str = "copycost";
/// Most bytes behind one frame.
const MOST_BYTES: u64 = 1 << 30;

/// What the guest reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum News {
    /// It is up, and starts the command.
    Up,
    /// The command wrote to its standard output, or error.
    Output {
        /// Standard output or standard error.
        stream: OutputStream,
        /// How many bytes follow.
        bytes: u64,
    },
    /// Something changed where results are written.
    Changed {
        /// The absolute path, the same on both sides.
        path: PathBuf,
        /// What happened to it; bytes that it was given follow.
        change: Change,
        /// How many bytes follow.
        bytes: u64,
    },
    /// It was asked, and is still there.
    Pong,
    /// The machine cannot do what it was started for.
    Unable(String),
    /// The command ended, all that it wrote has been sent.
    Ended {
        /// Its exit code; 128 and the signal's number where one killed it.
        code: u8,
    },
}

/// Where a command writes text to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputStream {
    /// Standard output.
    Out,
    /// Standard error.
    Error,
}

/// What became of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// A directory was made.
    Directory,
    /// A link to there was made.
    Link(PathBuf),
    /// The file has these bytes and no others.
    Whole,
    /// The file has grown by these bytes.
    Grown {
        /// What its length was.
        from: u64,
    },
    /// It was deleted or moved away.
    Gone,
}

/// What the host orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuestRequest {
    /// The user pressed Ctrl-C: the command shall come to an end.
    Interrupt,
    /// Is anybody there?
    Ping,
}

/// Sends news and the bytes that they announce.
pub fn tell(port: &mut impl Write, news: &News, bytes: &[u8]) -> io::Result<()> {
    frame::write(port, news)?;
    port.write_all(bytes)?;
    port.flush()
}

/// Waits for news and the bytes that they announce.
///
/// # Errors
/// When the port is closed, or what comes is no news.
pub fn hear(port: &mut impl Read) -> Result<(News, Vec<u8>), FrameError> {
    let news: News = frame::read(port, CAP)?;
    let announced = match &news {
        News::Output { bytes, .. } | News::Changed { bytes, .. } => *bytes,
        News::Up | News::Pong | News::Unable(_) | News::Ended { .. } => 0,
    };
    if announced > MOST_BYTES {
        return Err(FrameError::Malformed(format!("{announced} bytes behind one frame")));
    }
    let mut bytes = Vec::new();
    port.take(announced).read_to_end(&mut bytes).map_err(FrameError::Io)?;
    if bytes.len() as u64 == announced {
        Ok((news, bytes))
    } else {
        Err(FrameError::Io(io::ErrorKind::UnexpectedEof.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_and_their_bytes_arrive_in_order() {
        let mut port = Vec::new();
        let output = News::Output { stream: OutputStream::Error, bytes: 5 };
        let grown =
            News::Changed { path: "/results/a.csv".into(), change: Change::Grown { from: 7 }, bytes: 2 };
        tell(&mut port, &output, b"hello").unwrap();
        tell(&mut port, &grown, b"ab").unwrap();
        tell(&mut port, &News::Ended { code: 4 }, b"").unwrap();
        let mut port = &port[..];
        assert_eq!(hear(&mut port).unwrap(), (output, b"hello".to_vec()));
        assert_eq!(hear(&mut port).unwrap(), (grown, b"ab".to_vec()));
        assert_eq!(hear(&mut port).unwrap(), (News::Ended { code: 4 }, vec![]));
        assert!(matches!(hear(&mut port), Err(FrameError::Closed)));
    }

    #[test]
    fn what_is_cut_off_or_too_long_is_refused() {
        let mut port = Vec::new();
        tell(&mut port, &News::Output { stream: OutputStream::Out, bytes: 9 }, b"short").unwrap();
        assert!(hear(&mut &port[..]).is_err());
        let mut port = Vec::new();
        tell(&mut port, &News::Output { stream: OutputStream::Out, bytes: 1 << 40 }, b"").unwrap();
        assert!(matches!(hear(&mut &port[..]), Err(FrameError::Malformed(_))));
    }
}
