//! Why the x-ray cannot see something here.

use thiserror::Error;

/// What stands in the way of a probe, of samples or of names.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Obstacle {
    /// The kernel was built without it, or is of a version that has none: nobody can fix that from here.
    #[error("{0}")]
    NotInKernel(String),
    /// A right is missing, or a file cannot be read.
    #[error("{0}")]
    Refused(String),
}

impl Obstacle {
    /// One of several events that would have done, each with its kind and what stood in its way.
    pub(super) fn of_all(what: &str, tried: &[(&str, Self)]) -> Self {
        if let [(_, only)] = tried {
            return only.clone();
        }
        let all: Vec<_> = tried.iter().map(|(kind, why)| format!("no {kind} ({why})")).collect();
        let said = format!("{} on {what}", all.join(" and "));
        match tried.iter().any(|(_, why)| matches!(why, Self::NotInKernel(_))) {
            true => Self::NotInKernel(said),
            false => Self::Refused(said),
        }
    }
}

impl From<String> for Obstacle {
    fn from(why: String) -> Self {
        Self::Refused(why)
    }
}

impl From<Obstacle> for String {
    fn from(obstacle: Obstacle) -> Self {
        obstacle.to_string()
    }
}
