//! Control frames: a big-endian `u32` length, then that many bytes of JSON.
//!
//! The length is checked before anything is allocated, and the buffer grows with what really arrives.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use crate::output::{harmless, harmless_json};

/// Largest frame before the peer has proved itself, bytes.
pub const STRANGER_CAP: u32 = 4 << 10;
/// Largest frame afterwards, bytes: the report of some thousand streams fits.
pub const CAP: u32 = 8 << 20;

/// Why no frame came.
#[derive(Debug, Error)]
pub enum FrameError {
    /// The peer closed between two frames.
    #[error("the connection was closed")]
    Closed,
    /// The peer closed, or fell silent, in the middle of a frame, or the connection broke.
    #[error("{}", broken(.0))]
    Io(io::Error),
    /// The peer announced more than is allowed.
    #[error("a frame of {0} bytes was announced")]
    TooLong(u32),
    /// The frame is not what was expected.
    #[error("a malformed frame: {0}")]
    Malformed(String),
    /// The peer was turned away; why.
    #[error("refused: {0}")]
    Refused(String),
}

/// What became of a connection, for a reader.
fn broken(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the connection was closed in the middle of a frame".to_owned(),
        io::ErrorKind::WouldBlock => "nothing came in time".to_owned(),
        _ => error.to_string(),
    }
}

/// Writes one frame.
pub fn write<T: Serialize>(out: &mut impl Write, value: &T) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, value)?;
    let length = u32::try_from(bytes.len() - 4).map_err(io::Error::other)?;
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    out.write_all(&bytes)
}

/// Reads one frame of at most `cap` bytes.
pub fn read<T: DeserializeOwned>(input: &mut impl Read, cap: u32) -> Result<T, FrameError> {
    let mut header = [0; 4];
    let mut filled = 0;
    while filled < header.len() {
        match input.read(&mut header[filled..]) {
            Ok(0) if filled == 0 => return Err(FrameError::Closed),
            Ok(0) => return Err(FrameError::Io(io::ErrorKind::UnexpectedEof.into())),
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(FrameError::Io(error)),
        }
    }
    let length = u32::from_be_bytes(header);
    if length > cap {
        return Err(FrameError::TooLong(length));
    }
    let mut bytes = Vec::new();
    input.take(u64::from(length)).read_to_end(&mut bytes).map_err(FrameError::Io)?;
    if bytes.len() < length as usize {
        return Err(FrameError::Io(io::ErrorKind::UnexpectedEof.into()));
    }
    serde_json::from_slice(&bytes).map_err(|error| FrameError::Malformed(harmless(&error.to_string())))
}

/// Reads one frame of a program whose texts go into rows, pages and terminals: control characters in them are replaced.
pub fn read_harmless<T: DeserializeOwned>(input: &mut impl Read, cap: u32) -> Result<T, FrameError> {
    let value: Value = read(input, cap)?;
    serde_json::from_value(harmless_json(value)).map_err(|error| FrameError::Malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_frame_comes_back() {
        let mut wire = Vec::new();
        write(&mut wire, &(7, "x")).unwrap();
        let (number, text): (i32, String) = read(&mut &wire[..], CAP).unwrap();
        assert_eq!((number, text.as_str()), (7, "x"));
    }

    #[test]
    fn a_figure_comes_back_to_its_last_bit() {
        // The sum of an end's user and system time; a reader that rounds it sends 0.041175 on.
        proptest!(|(random in any::<f64>().prop_filter("finite", |figure| figure.is_finite()))| {
            for figure in [random, 0.041_174_999_999_999_996] {
                let mut wire = Vec::new();
                write(&mut wire, &figure).unwrap();
                let again: f64 = read(&mut &wire[..], CAP).unwrap();
                prop_assert_eq!(again.to_bits(), figure.to_bits());
            }
        });
    }

    #[test]
    fn no_control_character_comes_through_where_none_may() {
        let mut wire = Vec::new();
        write(&mut wire, &serde_json::json!({"a\nb": ["x\r\n", {"y": "\u{1b}[2J"}, 7, 1.5, null]})).unwrap();
        let read: Value = read_harmless(&mut &wire[..], CAP).unwrap();
        assert_eq!(
            read,
            serde_json::json!({r"a\u000ab": [r"x\u000d\u000a", {"y": r"\u001b[2J"}, 7, 1.5, null]})
        );
    }

    #[test]
    fn a_length_beyond_the_cap_is_refused_before_a_byte_is_read() {
        let mut wire: &[u8] = &[0xff, 0xff, 0xff, 0xff, 1, 2, 3];
        assert!(matches!(read::<i32>(&mut wire, CAP), Err(FrameError::TooLong(u32::MAX))));
        assert_eq!(wire, [1, 2, 3]);
    }

    #[test]
    fn an_end_between_frames_differs_from_one_inside() {
        assert!(matches!(read::<i32>(&mut &[][..], CAP), Err(FrameError::Closed)));
        for cut in [&[0, 0][..], &[0, 0, 0, 9, b'1']] {
            assert!(matches!(read::<i32>(&mut &cut[..], CAP), Err(FrameError::Io(_))));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read::<crate::agent::protocol::Request>(&mut &bytes[..], STRANGER_CAP);
            let mut framed = (bytes.len() as u32).to_be_bytes().to_vec();
            framed.extend(&bytes);
            prop_assert!(read::<crate::agent::protocol::Request>(&mut &framed[..], CAP).is_err());
        }
    }
}
