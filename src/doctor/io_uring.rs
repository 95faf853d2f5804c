//! io_uring over loopback, by the send paths themselves: whether a ring can be made where the trials run, and what of it the
//! kernel has.

use super::{Finding, zero_copy};
use crate::failure::Failure;
use crate::path;
use crate::record::stream::ZeroCopy;

/// What is tried, by which path, and what a reader is told where it works.
const CHECKS: [(&str, &str, &str); 3] = [
    ("io_uring", "uring-send", "a ring is made, and sends over loopback complete"),
    (
        "io_uring: registered buffers",
        "uring-send-zc-fixed",
        "4 MiB are registered, and sends from them complete",
    ),
    ("io_uring: send bundles", "uring-bundle", "several provided buffers are sent by one request"),
];

pub(super) fn check() -> Vec<Finding> {
    let tried = CHECKS.map(|(check, name, works)| {
        let path = path::find(name).expect("a path of the registry");
        (check, works, zero_copy::send(path))
    });
    tried.iter().map(|(check, works, sent)| judge(check, works, sent)).collect()
}

fn judge(check: &str, works: &str, sent: &Result<ZeroCopy, Failure>) -> Finding {
    match sent {
        Ok(_) => Finding::ok(check, works),
        Err(failure) => refused(check, failure, "run in a newer kernel, or outside the sandbox"),
    }
}

/// A refusal, which names its remedy behind a semicolon; what an older kernel lacks can be fixed by no command.
pub(super) fn refused(check: &str, failure: &Failure, otherwise: &str) -> Finding {
    match failure.reason().split_once("; ") {
        None => Finding::shortfall(check, failure.reason(), otherwise),
        Some((found, kernel)) if is_kernel(kernel) => Finding::note(check, found).with_remedy(kernel),
        Some((found, remedy)) => Finding::shortfall(check, found, remedy),
    }
}

/// Whether a remedy is a newer kernel.
fn is_kernel(remedy: &str) -> bool {
    ["it takes Linux", "they take Linux"].iter().any(|start| remedy.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn what_works_here_is_ok_and_what_does_not_has_a_remedy() {
        for finding in check() {
            match finding.verdict {
                Severity::Ok => {}
                _ => {
                    assert!(finding.remedy.is_some(), "{finding:?}");
                    crate::skip::skip(
                        "what_works_here_is_ok",
                        format!("{}: {}", finding.check, finding.found),
                    );
                }
            }
        }
    }

    #[test]
    fn a_sandbox_is_a_shortfall_with_its_remedy_and_an_old_kernel_a_note() {
        let judge = |why: &str| judge("io_uring", "works", &Err(Failure::Unsupported(why.to_owned())));
        let sandbox = judge(
            "io_uring_setup: EPERM; a sandbox refuses it; run with `--security-opt seccomp=unconfined`",
        );
        assert_eq!((sandbox.verdict, sandbox.found.as_str()), (Severity::Shortfall, "io_uring_setup: EPERM"));
        assert!(sandbox.remedy.unwrap().ends_with("seccomp=unconfined`"));
        let old = judge("io_uring: this kernel sends no bundles; they take Linux 6.10");
        assert_eq!((old.verdict, old.remedy.as_deref()), (Severity::Note, Some("they take Linux 6.10")));
        assert!(judge("io_uring: something new").remedy.is_some());
    }
}
