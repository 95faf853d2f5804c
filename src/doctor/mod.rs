//! `copycost doctor`: what this host can do, and what to do about what it cannot.
//!
//! Each check has a probe, which asks the machine, and a judgement, which is a pure function of the probe's
//! answer and is tested with invented ones.

pub(crate) mod agents;
mod containers;
mod counters;
mod host;
mod io_uring;
mod lab;
pub(crate) mod print;
mod sink;
mod xray;
mod zero_copy;

use std::path::Path;

use serde::Serialize;

/// How well a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// As it should be.
    Ok,
    /// Worth knowing when figures are read; nothing is missing that could be fixed from here.
    Note,
    /// Something that copycost could do cannot be done here, and can be fixed.
    Shortfall,
}

/// One check and what it found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was checked.
    pub check: String,
    /// How well it went.
    pub verdict: Severity,
    /// What was found.
    pub found: String,
    /// The command that fixes it, or what else to do.
    pub remedy: Option<String>,
}

impl Finding {
    fn ok(check: &str, found: impl Into<String>) -> Self {
        Self { check: check.to_owned(), verdict: Severity::Ok, found: found.into(), remedy: None }
    }

    fn note(check: &str, found: impl Into<String>) -> Self {
        Self { verdict: Severity::Note, ..Self::ok(check, found) }
    }

    fn shortfall(check: &str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Severity::Shortfall, remedy: Some(remedy.into()), ..Self::ok(check, found) }
    }

    fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

/// All checks together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Diagnosis {
    /// Whether the netns lab, the default, can run here; absent where agents elsewhere were checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_lab: Option<bool>,
    /// Whether payload went from one agent to the other on every wire; absent where this host was checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agents: Option<bool>,
    /// Each check, in the order in which a person would ask.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// Whether what was checked can be used for a sweep.
    pub(crate) fn can_run(&self) -> bool {
        self.default_lab.or(self.agents) == Some(true)
    }
}

/// Runs every check; `results` is where results would go.
///
/// Some probes fork, so it is best called while the process has one thread.
pub(crate) fn diagnose(results: &Path) -> Diagnosis {
    let restored = crate::link::recover();
    let lab = lab::check();
    let default_lab = lab[0].verdict == Severity::Ok;
    let facts = crate::host::read();
    let mut findings = vec![host::judge_kernel(&facts.kernel)];
    findings.extend(lab);
    if !restored.is_empty() {
        findings.push(Finding::note("borrowed interfaces", restored.join("; ")));
    }
    findings.extend(counters::check());
    findings.extend(xray::check());
    findings.extend(zero_copy::check());
    // Without a lab there is no trial to be had.
    findings.extend(default_lab.then(sink::check));
    findings.extend(io_uring::check());
    findings.extend(host::check(&facts, results));
    findings.extend(containers::check());
    Diagnosis { default_lab: Some(default_lab), agents: None, findings }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shortfall_of_this_host_has_a_remedy_and_no_check_is_made_twice() {
        let results = tempfile::tempdir().unwrap();
        let diagnosis = diagnose(results.path());
        for finding in &diagnosis.findings {
            assert!(!finding.found.is_empty(), "{finding:?}");
            if finding.verdict == Severity::Shortfall {
                assert!(finding.remedy.is_some(), "{finding:?}");
            }
        }
        let mut names: Vec<_> = diagnosis.findings.iter().map(|finding| &finding.check).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
        assert!(all >= 25, "{all} checks");
    }
}
