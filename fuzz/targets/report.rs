//! The page and the Markdown of a run of anybody's.
#![no_main]

use copycost::report::{Part, write_parts};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    if let Some(run) = copycost_fuzz::run("run", text) {
        let written = write_parts(&run, |part| matches!(part, Part::Html | Part::Markdown));
        assert_eq!(written.expect("a report of whatever can be read").files.len(), 2);
    }
});
