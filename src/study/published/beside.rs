//! What was published beside what this run has.

use super::sources::{Quantity, Values, bytes, studies};
use crate::prose::words;
use crate::receive;
use crate::study::{BASELINE, Subject};
use crate::tables::{Difference, Estimate, metric};

/// Whether this run shows what was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::study) enum Agreement {
    /// It shows the same.
    Agrees,
    /// It shows the opposite.
    Differs,
    /// It shows neither.
    Open,
}

impl Agreement {
    /// For a reader.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Differs => "differs",
            Self::Open => "undecided",
        }
    }
}

/// One published figure or statement beside this run's.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::study) struct PublishedComparison {
    pub(in crate::study) study: String,
    /// What it is about.
    pub(in crate::study) about: String,
    /// What was published.
    pub(in crate::study) published: String,
    /// What this run has.
    pub(in crate::study) here: String,
    /// Whether they agree, in words.
    pub(in crate::study) says: String,
    /// Whether they agree.
    pub(in crate::study) agreement: Agreement,
    /// The paths that it names.
    pub(super) paths: Vec<String>,
}

/// Everything published that this run has cells for.
pub(in crate::study) fn beside(subject: &Subject) -> Vec<PublishedComparison> {
    let mut found: Vec<PublishedComparison> = Vec::new();
    let mut seen_in: Vec<String> = Vec::new();
    for study in studies() {
        for (place, condition) in subject.streams() {
            // Studies streamed the same bytes again and again, and received into a buffer.
            let plain = condition.receive_path == receive::DEFAULT && condition.working_set_bytes.is_none();
            if !plain || study.wire.is_some_and(|wire| wire != condition.wire) {
                continue;
            }
            let before = found.len();
            found.extend(study.values.iter().flat_map(|values| values.beside(subject, place, &study.name)));
            found.extend(study.claims.iter().filter_map(|claim| claim.beside(subject, place, &study.name)));
            // What the studies call zero-copy keeps their name; what it is here is said next to the figure.
            for path in &condition.paths {
                let name = subject.name(place, path);
                let named =
                    found[before..].iter_mut().filter(|one| name != *path && one.paths.contains(path));
                named.for_each(|one| one.here += &format!("; here {name}"));
            }
            seen_in.resize(found.len(), condition.words());
        }
    }
    // A study's figure may stand beside several cells: each says of which it speaks.
    if seen_in.windows(2).any(|pair| pair[0] != pair[1]) {
        for (one, condition) in found.iter_mut().zip(seen_in) {
            one.about += &format!(" ({condition})");
        }
    }
    found
}

impl Values {
    /// Each ratio of a path over two-copy at the same size and threads; where one path stands alone, of the most
    /// threads over the fewest.
    fn beside(&self, subject: &Subject, place: usize, study: &str) -> Vec<PublishedComparison> {
        let mut found = Vec::new();
        let over = BASELINE;
        for path in self.paths.keys().filter(|path| *path != over) {
            for (s, size) in self.message_sizes.iter().map(|size| bytes(size)).enumerate() {
                for (t, &threads) in self.threads.iter().enumerate() {
                    let ratio = self.at(path, s, t).zip(self.at(over, s, t)).map(|(one, other)| one / other);
                    let here = ratio.and_then(|_| self.ratio_here(subject, place, path, size, threads));
                    let Some((ratio, (here, difference))) = ratio.zip(here) else { continue };
                    let about = format!(
                        "{} of {path} over {over}'s at {} with {}",
                        self.of.name(),
                        words::bytes(size),
                        words::threads(threads)
                    );
                    found.push(of_ratio(study, &[path, over], about, ratio, &here, difference));
                }
                found.extend(self.growth(subject, place, study, path, (s, size)));
            }
        }
        found
    }

    /// This run's ratio, and what it was judged to be: only throughput is judged against a noise floor and corrected.
    fn ratio_here(
        &self,
        subject: &Subject,
        place: usize,
        path: &str,
        size: u64,
        threads: u32,
    ) -> Option<(Estimate, Option<Difference>)> {
        let over = BASELINE;
        if self.of == Quantity::ThroughputGbps {
            let row = subject.ratio(&subject.conditions[place].setting(threads), size, path, over)?;
            return Some((row.ratio, Some(row.difference)));
        }
        let metric = self.of.metric()?;
        let row = |path| subject.measured(place, path, size, threads);
        let ratio = subject.paired_metric(&row(path)?.cell, &row(over)?.cell, metric).ratio;
        ratio.value.map(|_| (ratio, None))
    }

    /// How context switches grow with threads: a path alone, so no ratio between paths is to be had.
    fn growth(
        &self,
        subject: &Subject,
        place: usize,
        study: &str,
        path: &str,
        (s, size): (usize, u64),
    ) -> Option<PublishedComparison> {
        let ([fewest, .., most], true) = (&self.threads[..], self.of == Quantity::ContextSwitches) else {
            return None;
        };
        let ratio = self.at(path, s, self.threads.len() - 1)? / self.at(path, s, 0)?;
        let row = |threads: u32| subject.measured(place, path, size, threads);
        let (above, below) = (row(*most)?, row(*fewest)?);
        let here = subject.paired_metric(&above.cell, &below.cell, metric("context_switches_per_s")?).ratio;
        here.value?;
        let about = format!(
            "context switches of {path} at {}, {} over {}",
            words::bytes(size),
            words::threads(*most),
            words::threads(*fewest)
        );
        Some(of_ratio(study, &[path], about, ratio, &here, None))
    }
}

/// Distance of a published ratio from 1, and of the ends of an interval, up to which they count as no difference.
const ALIKE: f64 = 0.02;
const NARROW: f64 = 0.10;

/// A published ratio, which has no interval, beside one that may have.
fn of_ratio(
    study: &str,
    paths: &[&str],
    about: String,
    published: f64,
    here: &Estimate,
    judged: Option<Difference>,
) -> PublishedComparison {
    let alike = (published - 1.0).abs() <= ALIKE;
    let (says, agreement) = match here.interval() {
        None => ("no interval here", Agreement::Open),
        _ if judged == Some(Difference::WithinFloor) => ("within this run's noise floor", Agreement::Open),
        _ if judged == Some(Difference::Uncorrected) => {
            ("no difference detected here after correction", Agreement::Open)
        }
        Some(ends) if ends.contains(1.0) && alike && ends.relative_half_width(1.0) <= NARROW => {
            ("no difference in either", Agreement::Agrees)
        }
        Some(ends) if ends.contains(1.0) => ("no difference detected here", Agreement::Open),
        Some(ends) if ends.contains(published) => ("inside this run's interval", Agreement::Agrees),
        Some(_) if alike => ("a difference here, none there", Agreement::Differs),
        Some(ends) if (ends.low > 1.0) == (published > 1.0) => {
            ("the same direction, another magnitude", Agreement::Agrees)
        }
        Some(_) => ("the opposite direction", Agreement::Differs),
    };
    PublishedComparison {
        study: study.to_owned(),
        paths: paths.iter().map(|&path| path.to_owned()).collect(),
        about,
        published: words::number(published),
        here: words::estimate(here),
        says: format!("{}: {says}", agreement.word()),
        agreement,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Payload;
    use crate::simulate::Simulation;
    use crate::tables::{Run, Tables};

    #[test]
    fn a_ratio_is_judged_by_this_runs_interval() {
        let of = |value, low, high| Estimate { value: Some(value), low: Some(low), high: Some(high) };
        let judged = |published, here: Estimate, difference| {
            of_ratio("S", &[], String::new(), published, &here, difference).agreement
        };
        let agreement = |published, here| judged(published, here, None);
        assert_eq!(agreement(0.72, of(0.70, 0.65, 0.75)), Agreement::Agrees);
        assert_eq!(agreement(0.72, of(0.50, 0.45, 0.55)), Agreement::Agrees);
        assert_eq!(agreement(0.72, of(1.10, 1.05, 1.15)), Agreement::Differs);
        assert_eq!(agreement(0.72, of(1.01, 0.95, 1.05)), Agreement::Open);
        assert_eq!(
            agreement(0.72, of(0.90, 0.60, 1.40)),
            Agreement::Open,
            "an interval that holds all says nothing"
        );
        assert_eq!(agreement(1.01, of(1.01, 0.95, 1.05)), Agreement::Agrees);
        assert_eq!(agreement(1.01, of(0.80, 0.75, 0.85)), Agreement::Differs);
        for open in [Difference::WithinFloor, Difference::Uncorrected] {
            assert_eq!(judged(0.72, of(0.70, 0.65, 0.75), Some(open)), Agreement::Open);
        }
        assert_eq!(judged(0.72, of(0.70, 0.65, 0.75), Some(Difference::Slower)), Agreement::Agrees);
        assert_eq!(agreement(0.72, Estimate { value: Some(0.72), ..Estimate::default() }), Agreement::Open);
    }

    #[test]
    fn a_figure_beside_several_conditions_says_of_which_it_speaks() {
        let about = |payloads| {
            let run = Simulation { payloads, ..Simulation::default() }.run();
            let found = beside(&Subject::new(&run, &Tables::of(&run)));
            found.into_iter().map(|one| format!("{}: {}", one.study, one.about)).collect::<Vec<_>>()
        };
        let one = about(vec![Payload::Static]);
        assert!(!one.is_empty() && one.iter().all(|about| !about.contains("(veth")), "{one:?}");
        let both = about(vec![Payload::Static, Payload::Fresh]);
        assert_eq!(both.len(), 2 * one.len());
        let mut distinct = both.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), both.len(), "{both:?}");
        assert!(both.iter().any(|about| about.ends_with("(veth, fresh payload)")), "{both:?}");
    }

    #[test]
    fn only_plain_streams_stand_beside_those_of_the_studies() {
        let mut run = Simulation::default().run();
        let found = |run: &Run| beside(&Subject::new(run, &Tables::of(run))).len();
        assert!(found(&run) > 0);
        for trial in &mut run.trials {
            trial.workload = Some("other".to_owned());
            trial.cell = trial.to_cell().key();
        }
        assert_eq!(found(&run), 0);
    }
}
