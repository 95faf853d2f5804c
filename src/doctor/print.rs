//! The diagnosis as lines for people, and as one JSON object.

use std::io::{self, Write};

use super::{Diagnosis, Severity};

pub(crate) fn json(diagnosis: &Diagnosis, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, diagnosis)?;
    writeln!(out)
}

pub(crate) fn table(diagnosis: &Diagnosis, out: &mut impl Write) -> io::Result<()> {
    let width = diagnosis.findings.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
    for (index, finding) in diagnosis.findings.iter().enumerate() {
        let verdict = match finding.verdict {
            Severity::Ok => "ok",
            Severity::Note => "note",
            Severity::Shortfall => "shortfall",
        };
        writeln!(out, "{verdict:<9}  {:<width$}  {}", finding.check, finding.found)?;
        // One remedy that serves several lines stands below the last of them.
        let next = diagnosis.findings.get(index + 1).and_then(|next| next.remedy.as_ref());
        if let Some(remedy) = &finding.remedy
            && next != Some(remedy)
        {
            writeln!(out, "{:<9}  {:<width$}  > {remedy}", "", "")?;
        }
    }
    let shortfalls =
        diagnosis.findings.iter().filter(|finding| finding.verdict == Severity::Shortfall).count();
    let outcome = match (diagnosis.default_lab, diagnosis.agents) {
        (Some(true), _) => "The netns lab, the default, can run.",
        (Some(false), _) => "The netns lab, the default, cannot run; `--lab loopback` can.",
        (None, Some(true)) => "A sweep over these agents can run.",
        (None, _) => "No sweep over these agents can run.",
    };
    writeln!(out, "\n{outcome} Shortfalls: {shortfalls}; the text after each `>` says how to fix it.")
}

#[cfg(test)]
mod tests {
    use super::super::Finding;
    use super::*;

    fn diagnosis() -> Diagnosis {
        Diagnosis {
            default_lab: Some(false),
            agents: None,
            findings: vec![
                Finding::ok("kernel", "6.1"),
                Finding::shortfall("netns lab", "refused", "sysctl -w a=1"),
                Finding::note("cycles", "no PMU").with_remedy("bare metal"),
                Finding::note("branches", "no PMU").with_remedy("bare metal"),
            ],
        }
    }

    #[test]
    fn lines_are_aligned_and_remedies_stand_below() {
        let mut text = Vec::new();
        table(&diagnosis(), &mut text).unwrap();
        let expected = "\
ok         kernel     6.1
shortfall  netns lab  refused
                      > sysctl -w a=1
note       cycles     no PMU
note       branches   no PMU
                      > bare metal

The netns lab, the default, cannot run; `--lab loopback` can. Shortfalls: 1; the text after each `>` says how to fix it.
";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn json_has_null_where_there_is_no_remedy() {
        let mut text = Vec::new();
        json(&diagnosis(), &mut text).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(value["default_lab"], false);
        assert_eq!(value["findings"][0]["verdict"], "ok");
        assert_eq!(value["findings"][0]["remedy"], serde_json::Value::Null);
        assert_eq!(value["findings"][1]["remedy"], "sysctl -w a=1");
    }
}
