//! What must hold of the x-ray's files, where they are there.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::derived::rows;
use super::findings::Findings;
use crate::record::category::Category;
use crate::record::copies::{Evidence, Place, Verdict};
use crate::record::csv_file::Numbered;
use crate::record::{
    Attribution, Copies, Fault, FoldedLog, FoldedStack, Manifest, Recorded, Roofline, Way, folded_stack,
};

/// How far sums of rounded figures may lie apart, as a share.
const ROUNDING: f64 = 1e-6;

/// Checks the files that are there, and gives their names with the number of whole rows.
pub(super) fn check(dir: &Path, manifest: &Manifest, found: &mut Vec<Fault>) -> Vec<(&'static str, usize)> {
    let mut checked = Vec::new();
    if let Some(rows) = rows::<Attribution>(dir, found) {
        attributions(&rows, manifest, &mut Findings { file: "xray.csv", found });
        checked.push(("xray.csv", rows.len()));
    }
    if let Some(rows) = rows::<Copies>(dir, found) {
        all_copies(&rows, manifest, &mut Findings { file: "copies.csv", found });
        checked.push(("copies.csv", rows.len()));
    }
    if let Some(rows) = rows::<Roofline>(dir, found) {
        let mut findings = Findings { file: "roofline.csv", found };
        for Numbered { line, row } in &rows {
            findings
                .must(row.throughput_gbps > 0.0, *line, "throughput_gbps", || "not above zero".to_owned());
        }
        checked.push(("roofline.csv", rows.len()));
    }
    if let Some(rows) = rows::<Way>(dir, found) {
        let mut findings = Findings { file: Way::FILE, found };
        for Numbered { line, row } in &rows {
            known(&row.cell, manifest, *line, &mut findings);
            findings.must(row.reason.is_empty() == (row.count > 0), *line, "reason", || {
                "a stage has either messages or a reason".to_owned()
            });
        }
        checked.push((Way::FILE, rows.len()));
    }
    match FoldedLog::read(dir) {
        Ok(stacks) if stacks.is_empty() => {}
        Ok(stacks) => {
            all_stacks(&stacks, manifest, &mut Findings { file: folded_stack::FILE, found });
            checked.push((folded_stack::FILE, stacks.len()));
        }
        Err(fault) => found.push(fault),
    }
    checked
}

/// Each chain of an end has one line, and its cell is one of the run's.
fn all_stacks(stacks: &[FoldedStack], manifest: &Manifest, findings: &mut Findings) {
    let mut seen = HashSet::new();
    for (line, stack) in (1..).zip(stacks) {
        known(&stack.cell, manifest, line, findings);
        findings.must(seen.insert((&stack.cell, stack.side, &stack.chain)), line, "chain", || {
            format!("{} has a line already for this chain of its {}", stack.cell, stack.side)
        });
    }
}

fn known(cell: &str, manifest: &Manifest, line: u64, findings: &mut Findings) {
    findings.must(manifest.cells.iter().any(|known| known == cell), line, "cell", || {
        format!("the manifest has no cell `{cell}`")
    });
}

/// Shares of one end of a pass are shares of a whole; a cost is the sum of its owners'.
fn attributions(rows: &[Numbered<Attribution>], manifest: &Manifest, findings: &mut Findings) {
    let mut ends: HashMap<_, (u64, u64, f64, Vec<_>)> = HashMap::new();
    for Numbered { line, row } in rows {
        known(&row.cell, manifest, *line, findings);
        let end = ends.entry((&row.cell, row.rep, row.side)).or_insert((*line, 0, 0.0, Vec::new()));
        end.1 = end.1.saturating_add(row.samples);
        end.2 += row.share;
        findings.must(!end.3.contains(&row.category), *line, "category", || {
            format!("{} has a row already for this end of the pass", row.category)
        });
        end.3.push(row.category);
        let owners =
            [row.user_ns_per_kib, row.system_ns_per_kib, row.softirq_ns_per_kib, row.idle_ns_per_kib];
        if let Some(all) = row.ns_per_kib {
            let sum: f64 = owners.iter().flatten().sum();
            findings.must((all - sum).abs() <= all.abs().max(1.0) * ROUNDING, *line, "ns_per_kib", || {
                format!("{all} where user, system, softirq and idle come to {sum}")
            });
        }
    }
    for (line, samples, share, _) in ends.into_values() {
        findings.must(
            samples == 0 || (share - 1.0).abs() <= ROUNDING * Category::ALL.len() as f64,
            line,
            "share",
            || format!("the shares of this end of the pass come to {share}"),
        );
    }
}

/// A figure has the evidence that it names; what is not measurable says why, and is no zero.
fn all_copies(rows: &[Numbered<Copies>], manifest: &Manifest, findings: &mut Findings) {
    let mut seen: HashMap<(&str, _), u64> = HashMap::new();
    let open = |row: &&Copies| row.place == Place::Unknown && row.verdict != Verdict::Confirmed;
    let doubtful: HashSet<&str> =
        rows.iter().map(|Numbered { row, .. }| row).filter(open).map(|row| row.cell.as_str()).collect();
    for Numbered { line, row } in rows {
        known(&row.cell, manifest, *line, findings);
        if let Some(first) = seen.insert((&row.cell, row.place), *line) {
            findings.at(*line, Some("place"), format!("line {first} has this place of the cell already"));
        }
        if row.evidence == Evidence::NotMeasurable {
            let silent = row.copied_per_byte.is_none() && row.verdict == Verdict::NotMeasurable;
            findings.must(silent, *line, "evidence", || {
                "a figure or a verdict from what is not measurable here".to_owned()
            });
            findings.must(!row.note.is_empty(), *line, "note", || {
                "it does not say why this is not measurable here".to_owned()
            });
        }
        findings.must(
            row.evidence != Evidence::Witnessed || row.place == Place::Card,
            *line,
            "evidence",
            || format!("a card says nothing about copies of the place `{}`", row.place),
        );
        findings.must(row.verdict != Verdict::Contradicted || !row.note.is_empty(), *line, "note", || {
            "it does not say which evidence disagrees".to_owned()
        });
        let by_samples = matches!(row.evidence, Evidence::Sampled | Evidence::Construction);
        let doubted = by_samples && row.place != Place::User && doubtful.contains(row.cell.as_str());
        findings.must(!doubted || row.verdict != Verdict::Confirmed, *line, "verdict", || {
            "confirmed by samples, while copies of unknown callers may be of this payload".to_owned()
        });
        if row.evidence == Evidence::Exact
            && let (Some(count), Some(copied), Some(moved)) =
                (row.copied_per_byte, row.copied_bytes, row.call_bytes)
        {
            let ratio = copied as f64 / moved as f64;
            findings.must((count - ratio).abs() <= ROUNDING, *line, "copied_per_byte", || {
                format!("{count} where {copied} of {moved} bytes are {ratio}")
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rows: &[Copies]) -> Vec<String> {
        let manifest = Manifest { cells: vec!["a cell".to_owned()], ..Manifest::default() };
        let rows: Vec<Numbered<Copies>> =
            rows.iter().zip(2..).map(|(row, line)| Numbered { line, row: row.clone() }).collect();
        let mut found = Vec::new();
        all_copies(&rows, &manifest, &mut Findings { file: "copies.csv", found: &mut found });
        found.iter().map(ToString::to_string).collect()
    }

    fn row(place: Place, evidence: Evidence, verdict: Verdict) -> Copies {
        let note = "a note".to_owned();
        Copies { cell: "a cell".to_owned(), place, evidence, verdict, note, ..Copies::default() }
    }

    #[test]
    fn what_samples_confirm_beside_unknown_copies_is_a_violation() {
        let kernel = row(Place::Kernel, Evidence::Sampled, Verdict::Confirmed);
        let counted = row(Place::Receive, Evidence::Exact, Verdict::Confirmed);
        let known = row(Place::Unknown, Evidence::Sampled, Verdict::Confirmed);
        assert_eq!(found(&[kernel.clone(), counted.clone(), known]), [""; 0]);
        let open = row(Place::Unknown, Evidence::Sampled, Verdict::NotMeasurable);
        let said = found(&[kernel, counted, open]);
        assert!(
            said.len() == 1 && said[0].contains("line 2") && said[0].contains("unknown callers"),
            "{said:?}"
        );
    }

    #[test]
    fn a_card_bears_witness_of_the_way_to_it_and_a_contradiction_says_of_what() {
        assert_eq!(found(&[row(Place::Card, Evidence::Witnessed, Verdict::Confirmed)]), [""; 0]);
        assert_eq!(found(&[row(Place::Kernel, Evidence::Witnessed, Verdict::Confirmed)]).len(), 1);
        let silent =
            Copies { note: String::new(), ..row(Place::BelowTcp, Evidence::Sampled, Verdict::Contradicted) };
        assert_eq!(found(&[silent]).len(), 1);
    }
}
