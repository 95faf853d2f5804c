//! Frames of the control connection, of any peer: what is read is written and read back as it was.
#![no_main]

use copycost::agent::protocol::{Admission, Challenge, Hello, Proof, Reply, Request};
use copycost::frame::{self, CAP, STRANGER_CAP};
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 6 {
        0 => read::<Hello>(bytes, STRANGER_CAP),
        1 => read::<Challenge>(bytes, STRANGER_CAP),
        2 => read::<Proof>(bytes, STRANGER_CAP),
        3 => read::<Admission>(bytes, CAP),
        4 => read::<Request>(bytes, CAP),
        _ => read::<Reply>(bytes, CAP),
    }
});

/// Reads frames until one is refused.
fn read<T: Serialize + DeserializeOwned>(mut bytes: &[u8], cap: u32) {
    while let Ok(value) = frame::read::<T>(&mut bytes, cap) {
        let mut written = Vec::new();
        frame::write(&mut written, &value).expect("what was read can be written");
        let again: T = frame::read(&mut written.as_slice(), u32::MAX).expect("what was written can be read");
        let mut twice = Vec::new();
        frame::write(&mut twice, &again).expect("and written again");
        assert_eq!(written, twice);
    }
}
