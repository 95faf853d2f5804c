//! Why a grid is refused.

use thiserror::Error;

use crate::spelling;

/// Why a grid was refused: one sentence with its line.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("{}{what}", if *line > 0 { format!("line {line}: ") } else { String::new() })]
pub struct GridError {
    /// Line of the file, from 1; 0 when it concerns all of it.
    pub line: u64,
    /// What is wrong and what is allowed, in one sentence.
    pub what: String,
}

impl From<serde_yaml::Error> for GridError {
    /// The parser's own error, as one sentence.
    fn from(error: serde_yaml::Error) -> Self {
        let line = error.location().map_or(0, |location| location.line());
        // The three kinds of node that a parser expects, in its words.
        if let serde_yaml::Error::Unexpected { expected, .. } = error.without_snippet() {
            let what = match *expected {
                "sequence start" => "expected a list; write it in brackets, such as `[1KiB]`",
                "mapping start" => "expected keys with values, such as `key: value`",
                "string scalar" => "expected a single word or number",
                other => other,
            };
            return Self { line, what: what.to_owned() };
        }
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        let what = first.strip_prefix("error: ").unwrap_or(first);
        let what = match (what.strip_prefix("line "), what.split_once(": ")) {
            (Some(_), Some((_, what))) => what,
            _ => what,
        };
        let what = what.strip_suffix(", set DuplicateKeyPolicy in Options if acceptable").unwrap_or(what);
        Self { line, what: unknown_field(what).unwrap_or_else(|| what.to_owned()) }
    }
}

/// The parser's sentence for a key that is none, with the one that was probably meant.
fn unknown_field(what: &str) -> Option<String> {
    let (word, known) = what.strip_prefix("unknown field `")?.split_once("`, expected one of ")?;
    let meant = spelling::meant(word, known.split(", "))?;
    Some(format!("unknown field `{word}`; did you mean `{meant}`? Otherwise choose one of {known}"))
}
