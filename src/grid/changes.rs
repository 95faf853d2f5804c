//! A grid with some of its keys set otherwise and some of its cells left out, by flags.

use std::str::FromStr;

use serde_json::{Map, Value};

use super::error::GridError;
use super::{Grid, keys, only};
use crate::output::harmless;
use crate::spelling;

/// What flags change in a grid.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Keys and their values, in the order of the flags.
    pub set: Vec<Assignment>,
    /// Dimensions and what of them is run.
    pub only: Vec<Assignment>,
}

/// `KEY=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    key: String,
    value: String,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() && !value.is_empty() => {
                Ok(Self { key: key.to_owned(), value: value.to_owned() })
            }
            _ => Err(format!("`{text}` is no KEY=VALUE, such as duration=1s")),
        }
    }
}

impl Changes {
    /// Whether nothing is changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.only.is_empty()
    }

    /// Reads a grid and changes it. The grid's text is then one that says the same, so that its run can be resumed and
    /// reproduced by the text alone.
    ///
    /// # Errors
    /// One sentence, with the line where the text itself is wrong, and with the flag where that is.
    pub fn apply(&self, text: &str) -> Result<Grid, GridError> {
        let whole = Grid::parse(text);
        if self.is_empty() {
            return whole;
        }
        // A grid that lacks something may get it by a flag.
        let Ok(mut keys) = serde_yaml::from_str::<Map<String, Value>>(text) else { return whole };
        for Assignment { key, value } in &self.set {
            set(&mut keys, key, value).map_err(|what| refuse(format!("--set {key}={value}: {what}")))?;
        }
        for Assignment { key, value } in &self.only {
            narrow(&mut keys, key, value).map_err(|what| refuse(format!("--only {key}: {what}")))?;
        }
        // It stands in a comment, which a line break would end.
        let flags = harmless(&self.to_string());
        let changed = format!("#{flags}\n{}", written(&keys));
        Grid::parse(&changed).map_err(|error| match whole {
            Err(unchanged) if self.set.is_empty() || unchanged.line > 0 => unchanged,
            _ => refuse(format!("with{flags}: {}", error.what)),
        })
    }
}

/// As the flags say it.
impl std::fmt::Display for Changes {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = self.set.iter().map(|one| ("set", one)).chain(self.only.iter().map(|one| ("only", one)));
        all.into_iter().try_for_each(|(flag, one)| write!(out, " --{flag} {}={}", one.key, one.value))
    }
}

fn refuse(what: String) -> GridError {
    GridError { line: 0, what }
}

/// Adds what is run of a dimension to what other flags name of it.
fn narrow(keys: &mut Map<String, Value>, dimension: &str, values: &str) -> Result<(), String> {
    if !only::DIMENSIONS.contains(&dimension) {
        return Err(spelling::unknown(dimension, "a dimension", only::DIMENSIONS));
    }
    let only = keys.entry("only").or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(only) = only {
        let named = only.entry(dimension).or_insert_with(|| Value::Array(Vec::new()));
        let more = values.split(',').map(Value::from);
        match named {
            Value::Array(named) => named.extend(more),
            one => *one = std::iter::once(one.take()).chain(more).collect(),
        }
    }
    Ok(())
}

fn set(keys: &mut Map<String, Value>, key: &str, text: &str) -> Result<(), String> {
    if keys::find(key).is_none() {
        return Err(spelling::unknown(key, "a key of a grid", keys::names()));
    }
    let value = value(key, text)?;
    // A trial is bounded by one of them.
    match key {
        "duration" => keys.remove("messages"),
        "messages" => keys.remove("duration"),
        _ => None,
    };
    match key.split_once('.') {
        None => {
            keys.insert(key.to_owned(), value);
        }
        Some((group, name)) => {
            let group = keys.entry(group).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(group) = group {
                group.insert(name.to_owned(), value);
            }
        }
    }
    Ok(())
}

/// A value as a grid would have it; of a list, the brackets may be left out.
fn value(key: &str, text: &str) -> Result<Value, String> {
    let is_bare = !text.contains(['[', '{']);
    if keys::is_list(key) && is_bare {
        return Ok(Value::Array(text.split(',').map(|one| Value::from(one.trim())).collect()));
    }
    serde_yaml::from_str(text).map_err(|error| GridError::from(error).what)
}

/// Keys with their values, one a line, as YAML.
fn written(keys: &Map<String, Value>) -> String {
    keys.iter().map(|(key, value)| format!("{key}: {}\n", flow(value))).collect()
}

/// A value in YAML's flow style, which is JSON but for words that need no quotes.
fn flow(value: &Value) -> String {
    match value {
        Value::String(word) if is_plain(word) => word.clone(),
        Value::Array(all) => format!("[{}]", all.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(all) => {
            let pairs: Vec<_> = all.iter().map(|(key, value)| format!("{key}: {}", flow(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}

fn is_plain(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphanumeric())
        && word.chars().all(|one| one.is_ascii_alphanumeric() || "-_.%/".contains(one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::builtin;
    use crate::options::Bound;
    use std::time::Duration;

    fn changes(set: &[&str], only: &[&str]) -> Changes {
        let read = |all: &[&str]| all.iter().map(|text| text.parse().unwrap()).collect();
        Changes { set: read(set), only: read(only) }
    }

    const TEXT: &str = "name: x # a comment\npaths:\n- two-copy\n- {uring-send: {depth: [1, 8], chain: link}}\n\
        message_sizes: [64, 1KiB]\nthreads: [1, 2]\nmessages: 100\nrepetitions: {min: 2, max: 9, until: 2%}\n";

    #[test]
    fn keys_are_set_and_cells_left_out_and_the_text_says_the_same() {
        let flags = changes(
            &["duration=300ms", "repetitions=3", "socket.nodelay=true", "message_sizes=4KiB,64"],
            &["path=uring-send", "threads=2"],
        );
        let grid = flags.apply(TEXT).unwrap();
        assert_eq!(grid.trial.bound, Bound::Duration(Duration::from_millis(300)));
        assert_eq!((grid.repetitions.max, grid.trial.socket.nodelay), (3, Some(true)));
        assert_eq!((grid.message_sizes.as_slice(), grid.threads.as_slice()), (&[4096, 64][..], &[2][..]));
        assert_eq!(grid.paths, ["uring-send:chain=link", "uring-send:depth=8:chain=link"]);
        assert_eq!(Grid::parse(&grid.text).unwrap(), grid, "{}", grid.text);
        assert!(grid.text.starts_with("# --set duration=300ms "), "{}", grid.text);
    }

    #[test]
    fn flags_of_one_dimension_add_up_and_a_grid_may_get_what_it_lacks() {
        assert_eq!(changes(&[], &["threads=1", "threads=2"]).apply(TEXT).unwrap().threads, [1, 2]);
        let lacking = changes(&["paths=two-copy", "message_sizes=1KiB", "threads=1"], &[]);
        assert_eq!(lacking.apply("name: x\n").unwrap().paths, ["two-copy"]);
        let refused = changes(&["threads=1"], &[]).apply("name: x\n").unwrap_err().to_string();
        assert!(refused.contains("missing field"), "{refused}");
    }

    #[test]
    fn a_line_break_in_a_flag_is_no_line_of_the_grid() {
        let refused = changes(&["name=a\nb"], &[]).apply(TEXT).unwrap_err().to_string();
        assert!(refused.contains("cannot be part of a directory's name"), "{refused}");
    }

    #[test]
    fn without_flags_the_text_stays_as_it_is() {
        assert_eq!(changes(&[], &[]).apply(TEXT).unwrap().text, TEXT);
    }

    #[test]
    fn every_built_in_grid_survives_being_written_again() {
        for (name, text) in builtin::ALL {
            let whole = Grid::parse(text).unwrap();
            let again =
                changes(&["seed=1"], &[]).apply(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(
                Grid { text: String::new(), seed: whole.seed, ..again },
                Grid { text: String::new(), ..whole }
            );
        }
    }

    #[test]
    fn a_flag_that_does_not_fit_is_named() {
        for (set, only, parts) in [
            (&["duratoin=1s"][..], &[][..], &["--set duratoin=1s", "did you mean `duration`?"][..]),
            (&["duration=fast"], &[], &["--set duration=fast", "not a duration"]),
            (&["threads=[1"], &[], &["--set threads=[1"]),
            (&[], &["pth=two-copy"], &["--only pth", "did you mean `path`?", "receive_path"]),
            (&[], &["path=zero-copy"], &["no path `zero-copy`", "two-copy"]),
            (&[], &["size=2KiB"], &["no size `2KiB`, but 64, 1KiB"]),
            (&[], &["wire=sink"], &["names no wires"]),
        ] {
            let refused = changes(set, only).apply(TEXT).unwrap_err().to_string();
            assert!(parts.iter().all(|part| refused.contains(part)), "{set:?} {only:?}: {refused}");
        }
        assert!("duration".parse::<Assignment>().is_err() && "=1".parse::<Assignment>().is_err());
    }

    #[test]
    fn a_share_of_a_stream_needs_the_stream() {
        let text = "name: x\npaths: two-copy\nmessage_sizes: 64\nthreads: 1\n\
            workload: [stream, {open-loop: {rate: 50%}}]\n";
        let refused = changes(&[], &["workload=open-loop"]).apply(text).unwrap_err().to_string();
        assert!(refused.contains("keep stream"), "{refused}");
    }
}
