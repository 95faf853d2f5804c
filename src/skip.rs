//! Unit tests that a machine cannot run.

use std::io::Write;

/// Says that a test does not run here, and what it lacks, where the tests of the whole program say it too: on
/// standard output, and in `tmp/skipped-tests` of the build directory, from which they are counted.
pub(crate) fn skip(test: &str, missing: impl std::fmt::Display) {
    let line = format!("SKIP {test}: {missing}\n");
    print!("{line}");
    let program = std::env::current_exe().expect("the test's program");
    let target = program.ancestors().find(|directory| directory.join("CACHEDIR.TAG").exists());
    let Some(tmp) = target.map(|target| target.join("tmp")) else { return };
    let noted = std::fs::create_dir_all(&tmp).and_then(|()| {
        std::fs::File::options()
            .append(true)
            .create(true)
            .open(tmp.join("skipped-tests"))?
            .write_all(line.as_bytes())
    });
    noted.expect("the file of skipped tests");
}

/// What a test needs; or none, after saying that the test does not run here, and why.
pub(crate) fn unless<T>(test: &str, needed: Result<T, impl std::fmt::Display>) -> Option<T> {
    needed.map_err(|missing| skip(test, missing)).ok()
}
