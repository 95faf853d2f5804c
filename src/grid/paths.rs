//! The paths of a grid, at either end: `zero-copy`, `uring-send:depth=8:chain=link`, or
//! `{uring-send: {depth: [1, 8], chain: link}}`, each parameter with one value or several.

use std::collections::BTreeMap;

use itertools::Itertools;
use serde::Deserialize;
use serde_yaml::Spanned;

use super::error::GridError;
use super::list::{Item, List};
use super::parse::{refuse, refuse_in};
use super::raw::OneOrMany;
use crate::choice::Choice;

/// Paths as written, each with its line.
pub(super) type RawPaths = Spanned<List<RawPath>>;

/// A path by its name, or with parameters.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a path such as zero-copy, or {uring-send: {depth: 8, chain: link}}")]
pub(super) enum RawPath {
    Name(String),
    With(BTreeMap<String, BTreeMap<String, OneOrMany>>),
}

impl Item for RawPath {
    const EXPECTED: &'static str =
        "a path such as zero-copy, {uring-send: {depth: 8, chain: link}}, or a list of them";

    fn of_word(word: String) -> Self {
        Self::Name(word)
    }
}

/// The word for everything that there is.
const ALL: &str = "all";

/// Whether a list is the one word for everything.
pub(super) fn is_all(paths: &RawPaths) -> bool {
    matches!(paths.value.0.as_slice(), [one] if matches!(&one.value, RawPath::Name(name) if name == ALL))
}

/// Reads a list of paths: at least one, none twice. The one word `all` stands for `every` one.
pub(super) fn parse<'a>(
    paths: &RawPaths,
    what: &str,
    every: impl Iterator<Item = &'a str>,
    choose: impl Fn(&str) -> Result<Choice, String>,
) -> Result<Vec<String>, GridError> {
    let is_all = |path: &Spanned<RawPath>| matches!(&path.value, RawPath::Name(name) if name == ALL);
    match paths.value.0.as_slice() {
        [] => return Err(refuse(paths, format!("the list of {what}s is empty"))),
        [one] if is_all(one) => return Ok(every.map(str::to_owned).collect()),
        more => {
            if let Some(all) = more.iter().find(|path| is_all(path)) {
                return Err(refuse_in(
                    paths,
                    all,
                    format!("`{ALL}` stands for every {what}; leave the others out"),
                ));
            }
        }
    }
    let mut all = Vec::new();
    for path in &paths.value.0 {
        for text in path.value.texts() {
            let chosen = choose(&text).map_err(|what| refuse_in(paths, path, what))?.to_string();
            if all.contains(&chosen) {
                return Err(refuse_in(paths, path, format!("{what} `{text}` is listed twice")));
            }
            all.push(chosen);
        }
    }
    Ok(all)
}

/// Spreads paths over the values of a parameter that all of them have.
pub(super) fn spread_over(
    paths: &[String],
    key: &str,
    values: &Spanned<OneOrMany>,
    choose: impl Fn(&str) -> Result<Choice, String>,
) -> Result<Vec<String>, GridError> {
    let mut all = Vec::new();
    for (path, value) in paths.iter().cartesian_product(values.value.list()) {
        let chosen =
            choose(&format!("{path}:{key}={value}")).map_err(|what| refuse(values, what))?.to_string();
        if all.contains(&chosen) {
            return Err(refuse(values, format!("{key} `{value}` is listed twice")));
        }
        all.push(chosen);
    }
    match all.is_empty() {
        true => Err(refuse(values, format!("the list of values of {key} is empty"))),
        false => Ok(all),
    }
}

impl RawPath {
    /// The paths that it stands for: one for each combination of values.
    fn texts(&self) -> Vec<String> {
        match self {
            Self::Name(text) => vec![text.clone()],
            Self::With(named) => {
                named.iter().flat_map(|(name, parameters)| spread(name, parameters)).collect()
            }
        }
    }
}

fn spread(name: &str, parameters: &BTreeMap<String, OneOrMany>) -> Vec<String> {
    if parameters.is_empty() {
        return vec![name.to_owned()];
    }
    let values = parameters.iter().map(|(key, values)| {
        values.list().into_iter().map(|value| format!(":{key}={value}")).collect::<Vec<_>>()
    });
    values.multi_cartesian_product().map(|said| format!("{name}{}", said.concat())).collect()
}
