//! A manifest of anybody's: what is read is written and read back as it was.
#![no_main]

use copycost::record::Manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Manifest::parse(text) {
        Ok(manifest) => {
            let written = serde_json::to_string(&manifest).expect("a manifest can be written");
            let again = Manifest::parse(&written).expect("and read again");
            assert_eq!(written, serde_json::to_string(&again).expect("and written again"));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
