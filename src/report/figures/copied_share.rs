//! The share of completed zero-copy sends that are flagged as copied after all, by message size.

use super::draft::Draft;
use super::measure::Measure;
use super::{Kind, Outcome};
use crate::path;
use crate::prose::words;
use crate::study::interfaces;

pub(super) const KIND: Kind = Kind {
    name: "zero-copy-copied-by-size",
    title: "Share of zero-copy sends that are flagged as copied after all, by message size",
    draw,
};

fn draw(draft: &Draft) -> Outcome {
    let measure = Measure::of("zc_copied_share", "flagged as copied", "%", 100.0);
    let paths = || draft.shape().paths.iter().map(String::as_str);
    let flags = interfaces::copied_flags(paths());
    let (proving, others): (Vec<&str>, Vec<&str>) =
        paths().filter(|path| path::flag_proof(path).is_some()).partition(|path| path::is_flag_proof(path));
    let mut about = format!("Completions flagged {flags}");
    if !proving.is_empty() || others.is_empty() {
        about += "; 100 % is a deferred copy: none was avoided";
    }
    if !others.is_empty() {
        about += &format!("; of {} the flag proves nothing, only an x-ray tells", words::list(&others));
    }
    about += ".";
    if let Some(flat) = flat(draft, &measure) {
        return draft.said(format!("{flat} {about}"));
    }
    let absent = || format!("no trial reaped a completion of {}", interfaces::names(paths()));
    draft.measure_by_size(&measure, &about, absent)
}

/// The share of each path, where it is one and the same at every size and number of threads; none where a line of any of
/// them would tell more.
fn flat(draft: &Draft, measure: &Measure) -> Option<String> {
    let &Draft { subject, condition, .. } = draft;
    let shape = draft.shape();
    let mut told: Vec<(String, Vec<&str>)> = Vec::new();
    for path in &shape.paths {
        let cells =
            shape.sizes.iter().flat_map(|&size| shape.threads.iter().map(move |&count| (size, count)));
        let rows = cells.filter_map(|(size, count)| subject.measured(condition, path, size, count));
        let mut shares: Vec<String> = rows
            .filter_map(|row| measure.of_cell(row).value)
            .map(|value| words::percent(value / 100.0))
            .collect();
        shares.dedup();
        match (shares.pop(), shares.pop()) {
            (None, _) => {}
            (Some(share), None) => match told.iter_mut().find(|(known, _)| *known == share) {
                Some((_, paths)) => paths.push(path),
                None => told.push((share, vec![path])),
            },
            _ => return None,
        }
    }
    let parts: Vec<String> =
        told.iter().map(|(share, paths)| format!("{share} of those of {}", words::list(paths))).collect();
    (!parts.is_empty())
        .then(|| format!("At every size and number of threads, {} were flagged.", words::list(&parts)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::{Noise, PathCost, Simulation};
    use crate::study::Subject;
    use crate::tables::Tables;

    fn drawn(copied: impl Fn(u64) -> u64) -> Outcome {
        let simulation = Simulation {
            paths: vec![PathCost::new("two-copy", 0.0, 200.0), PathCost::new("zero-copy", 0.0, 150.0)],
            message_sizes: vec![1 << 10, 64 << 10],
            threads: vec![1],
            noise: Noise::NONE,
            ..Simulation::default()
        };
        let mut run = simulation.run();
        for trial in run.trials.iter_mut().filter(|trial| trial.send_path == "zero-copy") {
            (trial.zc.completions, trial.zc.copied) = (Some(100), Some(copied(trial.message_bytes)));
        }
        let tables = Tables::of(&run);
        let subject = Subject::new(&run, &tables);
        draw(&Draft { subject: &subject, condition: 0, file: KIND.name, title: KIND.title })
    }

    #[test]
    fn a_share_that_never_changes_is_a_sentence_and_one_that_does_a_figure() {
        for (copied, share) in [(100, "100 %"), (0, "0 %")] {
            let Outcome::Said { says, .. } = drawn(|_| copied) else { panic!("{copied} copied was drawn") };
            let start =
                format!("At every size and number of threads, {share} of those of zero-copy were flagged. ");
            assert!(says.starts_with(&start), "{says}");
        }
        assert!(matches!(drawn(|size| size / (64 << 10) * 50), Outcome::Drawn(_)));
    }
}
