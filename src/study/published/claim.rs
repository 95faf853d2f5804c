//! What studies state, beside what this run has at its fewest threads.

use super::beside::{Agreement, PublishedComparison};
use super::sources::{Claim, bytes};
use crate::path;
use crate::prose::words;
use crate::study::{Condition, Subject};
use crate::tables::Difference;

/// A statement and what one condition of a run says of it.
struct Found {
    /// What the statement is about.
    about: String,
    /// What was published.
    published: String,
    /// What this run has.
    here: String,
    agreement: Agreement,
}

/// One condition of a run, at one number of threads.
struct Scene<'a> {
    subject: &'a Subject<'a>,
    place: usize,
    condition: &'a Condition,
    threads: u32,
}

impl Claim {
    /// The statement beside what a condition has at its fewest threads; absent where it has no such cells.
    pub(super) fn beside(&self, subject: &Subject, place: usize, study: &str) -> Option<PublishedComparison> {
        let condition = &subject.conditions[place];
        let threads = *condition.threads.first()?;
        let scene = Scene { subject, place, condition, threads };
        let found = match self {
            Self::Copied { path, share } => scene.copied(path, *share),
            Self::Fastest { path, message_size, about_gbps } => {
                scene.fastest(path, bytes(message_size), *about_gbps)
            }
            Self::SlowerBelow { path, over, message_size } => {
                scene.slower_below(path, over, bytes(message_size))
            }
            Self::WinsFrom { path, over, message_size, tested: (smallest, largest) } => {
                scene.wins_from(path, over, bytes(message_size), (bytes(smallest), bytes(largest)))
            }
        }?;
        Some(PublishedComparison {
            study: study.to_owned(),
            paths: self.paths(),
            about: format!("{}, here with {}", found.about, words::threads(threads)),
            published: found.published,
            here: found.here,
            says: found.agreement.word().to_owned(),
            agreement: found.agreement,
        })
    }

    /// The paths that the statement names, but for one about all of them.
    fn paths(&self) -> Vec<String> {
        match self {
            Self::Copied { path, .. } => vec![path.clone()],
            Self::SlowerBelow { path, over, .. } | Self::WinsFrom { path, over, .. } => {
                vec![path.clone(), over.clone()]
            }
            Self::Fastest { .. } => Vec::new(),
        }
    }
}

impl Scene<'_> {
    fn copied(&self, path: &str, share: f64) -> Option<Found> {
        let rows = self.condition.sizes.iter();
        let rows = rows.filter_map(|&size| self.subject.measured(self.place, path, size, self.threads));
        let shares: Vec<f64> = rows.filter_map(|row| row.figures.zc_copied_share.value).collect();
        let least = shares.iter().copied().reduce(f64::min)?;
        let most = shares.iter().copied().reduce(f64::max)?;
        let agrees = (least - share).abs() < 0.01 && (most - share).abs() < 0.01;
        Some(Found {
            about: format!("completions of {path} that are flagged as copied"),
            published: words::percent(share),
            here: if least == most {
                words::percent(least)
            } else {
                format!("{} to {}, by size", words::percent(least), words::percent(most))
            },
            agreement: if agrees { Agreement::Agrees } else { Agreement::Differs },
        })
    }

    fn fastest(&self, path: &str, size: u64, about_gbps: f64) -> Option<Found> {
        self.subject.measured(self.place, path, size, self.threads)?;
        // The paths that the studies had.
        let theirs = path::REGISTRY.iter().filter(|entry| entry.alias.is_some()).map(|entry| entry.name);
        let others = theirs.filter(|&other| other != path);
        let judged = others
            .filter_map(|other| Some((format!("against {other}"), self.difference(size, path, other)?)));
        let (here, agreement) = agreement(judged.collect(), Difference::Faster)?;
        Some(Found {
            about: format!("the fastest of the three paths at {}", words::bytes(size)),
            published: format!("{path}, about {about_gbps} Gb/s"),
            here,
            agreement,
        })
    }

    fn slower_below(&self, path: &str, over: &str, limit: u64) -> Option<Found> {
        let (here, agreement) = self.at_sizes(path, over, |size| size < limit, Difference::Slower)?;
        let about = format!("{path} against {over} below {}", words::bytes(limit));
        Some(Found { about, published: "slower".to_owned(), here, agreement })
    }

    fn wins_from(&self, path: &str, over: &str, limit: u64, tested: (u64, u64)) -> Option<Found> {
        let range = limit..=tested.1;
        let (here, agreement) =
            self.at_sizes(path, over, |size| range.contains(&size), Difference::Faster)?;
        let about = format!(
            "{path} against {over} from {} on (tested: {} to {})",
            words::bytes(limit),
            words::bytes(tested.0),
            words::bytes(tested.1)
        );
        Some(Found { about, published: "faster".to_owned(), here, agreement })
    }

    /// What this run says of two paths at the sizes that a statement is about.
    fn at_sizes(
        &self,
        path: &str,
        over: &str,
        is_meant: impl Fn(u64) -> bool,
        stated: Difference,
    ) -> Option<(String, Agreement)> {
        let sizes = self.condition.sizes.iter().copied().filter(|&size| is_meant(size));
        let judged = sizes.filter_map(|size| {
            Some((format!("at {}", words::bytes(size)), self.difference(size, path, over)?))
        });
        agreement(judged.collect(), stated)
    }

    fn difference(&self, size: u64, path: &str, over: &str) -> Option<Difference> {
        let setting = self.condition.setting(self.threads);
        self.subject.ratio(&setting, size, path, over).map(|row| row.difference)
    }
}

/// Differences in words, and whether they are as stated; absent where there is none.
fn agreement(judged: Vec<(String, Difference)>, stated: Difference) -> Option<(String, Agreement)> {
    let opposite = if stated == Difference::Faster { Difference::Slower } else { Difference::Faster };
    let agreement = match () {
        () if judged.is_empty() => return None,
        () if judged.iter().all(|(_, difference)| *difference == stated) => Agreement::Agrees,
        () if judged.iter().any(|(_, difference)| *difference == opposite) => Agreement::Differs,
        () => Agreement::Open,
    };
    let here: Vec<String> = judged.iter().map(|(of, difference)| format!("{difference} {of}")).collect();
    Some((words::list(&here), agreement))
}
