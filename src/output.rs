//! Standard output and standard error. Their readers may go away: that is neither an error nor a reason to stop. And much of
//! what is written there are words of others, of agents, files and grids: whatever they hold, a terminal shows it and does
//! nothing else.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::io::{self, ErrorKind, Write};

use serde_json::Value;

/// Longest word that is shown whole, characters: what is longer was not written for a reader.
const LONGEST_WORD: usize = 1000;
/// How much of a longer one is shown.
const BEGINNING: usize = 100;
/// Longest text that is shown whole, and how much is shown of the beginning and of the end of a longer one.
const LONGEST_TEXT: usize = 8000;
const FIRST: usize = 3000;
const LAST: usize = 500;

/// Standard output. What is written after its reader went away (`| head -1`) goes nowhere.
#[derive(Debug, Default)]
pub struct Out;

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (text, written) = match std::str::from_utf8(bytes) {
            Ok(text) => (visible(text), bytes.len()),
            Err(error) => match (error.valid_up_to(), error.error_len()) {
                (0, wrong) => (Cow::Borrowed("\u{fffd}"), wrong.unwrap_or(bytes.len())),
                (valid, _) => return self.write(&bytes[..valid]),
            },
        };
        match io::stdout().write_all(text.as_bytes()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
            _ => Ok(written),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match io::stdout().flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}

/// Says a line on standard error, in one write: several processes share it. `eprintln!` would panic where
/// nobody reads.
pub fn say(line: impl Display) {
    let line = line.to_string();
    let _ = io::stderr().write_all(format!("{}\n", visible(&shortened(&line))).as_bytes());
}

/// Words of somebody else's as a part of one line.
pub fn harmless(text: &str) -> String {
    escaped(&shortened(text), is_tricky)
}

/// Every text in a value as a part of one line, those that are keys included; all of it.
pub fn harmless_json(value: Value) -> Value {
    let harmless = |text: &str| escaped(text, is_tricky);
    match value {
        Value::String(text) => harmless(&text).into(),
        Value::Array(all) => all.into_iter().map(harmless_json).collect(),
        Value::Object(all) => {
            all.into_iter().map(|(key, value)| (harmless(&key), harmless_json(value))).collect()
        }
        other => other,
    }
}

/// A command of this program to be pasted into a shell, by the name that it was called by.
pub fn hint<W: AsRef<str>>(words: &[W]) -> String {
    let program =
        std::env::args_os().next().map_or("copycost".to_owned(), |name| name.to_string_lossy().into_owned());
    let all = std::iter::once(program.as_str()).chain(words.iter().map(AsRef::as_ref));
    harmless(&shlex::try_join(all).unwrap_or_default())
}

/// The last line of a program's output that says anything.
pub fn last_line(output: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(output);
    text.lines().rev().find(|line| !line.trim().is_empty()).map(harmless)
}

/// A text of several lines, as a terminal may get it.
fn visible(text: &str) -> Cow<'_, str> {
    let is_meant = |c| c == '\n' || c == '\t' || !is_tricky(c);
    if text.chars().all(is_meant) { text.into() } else { escaped(text, |c| !is_meant(c)).into() }
}

/// Whether a character is none that one sees: it moves the cursor, changes colours, turns text around, or hides.
fn is_tricky(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Such characters as JSON writes them, so that JSON stays JSON.
fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match is_escaped(c) {
            true => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                let _ = write!(out, "\\u{unit:04x}");
            }),
            false => out.push(c),
        }
    }
    out
}

/// A text without what no reader reads: of long words, and of a long text, it says how long they are.
fn shortened(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST_WORD {
        return text.into();
    }
    let ends_word = |c: char| c.is_whitespace() || matches!(c, '`' | '\'' | '"');
    let short = |part: &str| {
        let word = part.strip_suffix(ends_word).unwrap_or(part);
        let (length, end) = (word.chars().count(), &part[word.len()..]);
        match length > LONGEST_WORD {
            true => format!("{}… ({length} characters){end}", first(word, BEGINNING)),
            false => part.to_owned(),
        }
    };
    let text: String = text.split_inclusive(ends_word).map(short).collect();
    let length = text.chars().count();
    if length <= LONGEST_TEXT {
        return text.into();
    }
    let end: String = text.chars().skip(length - LAST).collect();
    let left_out = length - FIRST - LAST;
    format!("{} … ({left_out} characters are left out) … {end}", first(&text, FIRST)).into()
}

/// The first so many characters.
fn first(text: &str, count: usize) -> &str {
    text.char_indices().nth(count).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        assert_eq!(harmless("1.0\x1b[2J\r\n"), "1.0\\u001b[2J\\u000d\\u000a");
        assert_eq!(
            harmless("a\u{9b}31m\u{7f}\u{202e}b\u{200b}\u{feff}"),
            "a\\u009b31m\\u007f\\u202eb\\u200b\\ufeff"
        );
        assert_eq!(harmless("\u{e0041}"), "\\udb40\\udc41");
        assert_eq!(harmless("größer — 2 %"), "größer — 2 %");
        assert_eq!(visible("one\ttwo\nthree\x1b[m"), "one\ttwo\nthree\\u001b[m");
        assert_eq!(serde_json::from_str::<String>("\"\\udb40\\udc41\"").unwrap(), "\u{e0041}");
    }

    #[test]
    fn long_words_and_long_texts_are_shortened_and_their_length_is_said() {
        let word = "A".repeat(100_000);
        let said = shortened(&format!("`{word}` is not a size; write 1KiB")).into_owned();
        assert_eq!(said, format!("`{}… (100000 characters)` is not a size; write 1KiB", &word[..100]));
        let text = "ä ".repeat(50_000) + "the end";
        let said = shortened(&text);
        assert!(said.chars().count() < LONGEST_TEXT && said.ends_with("the end"), "{said}");
        assert!(said.contains("characters are left out"), "{said}");
        let fine = "word ".repeat(1000);
        assert_eq!(shortened(&fine), fine);
    }
}
