//! A run of anybody's against one of ours, either way round.
#![no_main]

use std::sync::LazyLock;

use copycost::compare::Comparison;
use copycost::tables::Run;
use libfuzzer_sys::fuzz_target;

static OURS: LazyLock<Run> =
    LazyLock::new(|| copycost_fuzz::run("ours", include_bytes!("../corpus/report/run")).expect("a run"));

fuzz_target!(|text: &[u8]| {
    if let Some(theirs) = copycost_fuzz::run("theirs", text) {
        for (base, new) in [(&*OURS, &theirs), (&theirs, &*OURS), (&theirs, &theirs)] {
            let comparison = Comparison::of(base, new, None, Some(0.1));
            let _ = comparison.regressions();
        }
    }
});
