//! What was tried, what was lost and what was left.

use std::collections::BTreeMap;
use std::fmt;

/// One kind of trial.
#[derive(Debug, Default)]
struct Line {
    tried: usize,
    /// How they ended, in words, and how often.
    ends: BTreeMap<String, usize>,
    lost: Vec<String>,
    left: Vec<String>,
}

/// A line for each kind.
#[derive(Debug, Default)]
pub(crate) struct Table {
    lines: BTreeMap<String, Line>,
}

/// What became of one trial.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// How it ended.
    pub(crate) end: String,
    /// What is gone, or what was not said as it should be.
    pub(crate) lost: Vec<String>,
    /// What is still there.
    pub(crate) left: Vec<String>,
}

impl Table {
    pub(crate) fn add(&mut self, kind: &str, outcome: Outcome) {
        // Said at once too: whoever ends the soak loses the table.
        for (what, found) in [("lost", &outcome.lost), ("left", &outcome.left)] {
            found.iter().for_each(|found| println!("{kind}: {what}: {found}"));
        }
        let line = self.lines.entry(kind.to_owned()).or_default();
        line.tried += 1;
        *line.ends.entry(outcome.end).or_default() += 1;
        line.lost.extend(outcome.lost);
        line.left.extend(outcome.left);
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.lines.values().all(|line| line.lost.is_empty() && line.left.is_empty())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{:<34}{:>7}{:>7}{:>7}  ended", "what was tried", "times", "lost", "left")?;
        for (kind, line) in &self.lines {
            let ends: Vec<_> = line.ends.iter().map(|(end, count)| format!("{count} × {end}")).collect();
            let (lost, left) = (line.lost.len(), line.left.len());
            writeln!(out, "{kind:<34}{:>7}{lost:>7}{left:>7}  {}", line.tried, ends.join(", "))?;
            for found in line.lost.iter().chain(&line.left).take(5) {
                writeln!(out, "    {found}")?;
            }
        }
        Ok(())
    }
}
