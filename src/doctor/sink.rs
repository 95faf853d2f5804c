//! The sink, tried as a user would: one short trial of zero-copy over it, by this program.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::Finding;

const CHECK: &str = "sink wire";
const TRIAL: [&str; 11] = [
    "measure",
    "--wire",
    "sink",
    "--path",
    "zero-copy",
    "--messages",
    "16",
    "--warmup",
    "0s",
    "--format",
    "json",
];

pub(super) fn check() -> Finding {
    let tried = std::env::current_exe()
        .and_then(|program| Command::new(program).args(TRIAL).stdin(Stdio::null()).output());
    match tried {
        Ok(Output { status, stdout, .. }) if status.success() => judge(&stdout),
        Ok(Output { stderr, .. }) => refused(String::from_utf8_lossy(&stderr).trim()),
        Err(error) => refused(&error.to_string()),
    }
}

/// What a trial's row says.
fn judge(row: &[u8]) -> Finding {
    let row: Value = serde_json::from_slice(row).unwrap_or_default();
    let count = |name: &str| row[name].as_u64();
    match (count("zc_completions"), count("zc_copied")) {
        (Some(all), Some(0)) => Finding::ok(
            CHECK,
            format!("{all} zero-copy sends completed, none flagged COPIED: no byte was copied"),
        ),
        (Some(all), Some(copied)) => Finding::note(
            CHECK,
            format!(
                "{copied} of {all} zero-copy sends flagged COPIED: a packet tap, or segments that were sent again"
            ),
        ),
        _ => Finding::note(CHECK, "a trial over it told nothing of completions"),
    }
}

fn refused(why: &str) -> Finding {
    let why = why.trim_start_matches("copycost: ");
    let (found, remedy) = why.rsplit_once("; ").unwrap_or((why, "run as root, or allow user namespaces"));
    Finding::shortfall(CHECK, found, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn completions_without_the_flag_are_what_a_sink_is_for() {
        let of = |text: &str| judge(text.as_bytes()).verdict;
        assert_eq!(of(r#"{"zc_completions": 16, "zc_copied": 0}"#), Severity::Ok);
        assert_eq!(of(r#"{"zc_completions": 16, "zc_copied": 3}"#), Severity::Note);
        assert_eq!(of(r#"{"zc_completions": null}"#), Severity::Note);
    }

    #[test]
    fn a_refusal_is_told_with_its_remedy() {
        let found = refused(
            "copycost: unsupported here: an nftables rule: EPERM; it takes CAP_NET_ADMIN: run as root",
        );
        assert_eq!(found.verdict, Severity::Shortfall);
        assert_eq!(found.remedy.as_deref(), Some("it takes CAP_NET_ADMIN: run as root"));
        assert!(found.found.contains("nftables") && !found.found.contains("copycost:"), "{found:?}");
    }
}
