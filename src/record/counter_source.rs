//! Where a counter's figures come from, or why there are none.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where the figures of a counter come from. Manifests hold it as text: `available`, `from …`, or the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum CounterSource {
    /// Perf counts it.
    Perf,
    /// Something else tells it, by this name.
    Other(String),
    /// It has no figures, for this reason.
    Absent(String),
}

const PERF: &str = "available";
const OTHER: &str = "from ";

impl CounterSource {
    /// Whether it has figures.
    #[must_use]
    pub fn is_there(&self) -> bool {
        !matches!(self, Self::Absent(_))
    }
}

impl fmt::Display for CounterSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Perf => out.write_str(PERF),
            Self::Other(name) => write!(out, "{OTHER}{name}"),
            Self::Absent(why) => out.write_str(why),
        }
    }
}

impl From<CounterSource> for String {
    fn from(source: CounterSource) -> Self {
        source.to_string()
    }
}

impl From<String> for CounterSource {
    fn from(text: String) -> Self {
        match text.strip_prefix(OTHER) {
            _ if text == PERF => Self::Perf,
            Some(name) => Self::Other(name.to_owned()),
            None => Self::Absent(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_survives_the_manifest() {
        for (text, is_there) in
            [("available", true), ("from getrusage", true), ("EACCES: CAP_PERFMON is missing", false)]
        {
            let source = CounterSource::from(text.to_owned());
            assert_eq!((source.to_string().as_str(), source.is_there()), (text, is_there));
            let json = serde_json::to_string(&source).unwrap();
            assert_eq!(serde_json::from_str::<CounterSource>(&json).unwrap(), source);
        }
    }
}
