//! A path as users name it: its name and the parameters that are not as usual, as grids, keys and rows have them:
//! `uring-send:depth=8:chain=link`.

use std::fmt;

use crate::{spelling, units};

/// Most parameters of a path, with those that all paths have.
const MOST: usize = 8;

/// One parameter of a path.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name in grids.
    pub key: &'static str,
    /// One line: what it sets.
    pub about: &'static str,
    /// What it can be.
    pub values: Values,
    /// What it is where nothing is said.
    pub usual: u64,
}

impl Parameter {
    /// The value that it has where nothing is said, as a grid would write it.
    #[must_use]
    pub fn usual(&self) -> String {
        self.values.write(self.usual)
    }
}

/// The values that a parameter can have. Each is a number: the place of a word, or what the number counts.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// One of these words.
    Words(&'static [&'static str]),
    /// A number.
    Count {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// A size, such as `64KiB`, up to so many bytes.
    Bytes {
        /// The most.
        most: u64,
    },
    /// A time, such as `30us`, in microseconds.
    Microseconds {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
}

/// Off and on, in this order.
pub const SWITCH: Values = Values::Words(&["off", "on"]);

/// The parameters that a path has of its own, and what of them goes together.
#[derive(Clone, Copy, Debug)]
pub struct Parameters {
    /// In the order in which keys name them.
    pub list: &'static [Parameter],
    /// Refuses values that do not go together, in one sentence with the remedy.
    pub check: fn(&Choice) -> Result<(), String>,
}

impl Parameters {
    /// Those of a path that has none.
    pub const NONE: Self = Self::of(&[]);

    /// Parameters of which any values go together.
    #[must_use]
    pub const fn of(list: &'static [Parameter]) -> Self {
        Self { list, check: |_| Ok(()) }
    }
}

/// A path with its parameters.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    name: &'static str,
    own: &'static [Parameter],
    common: &'static [Parameter],
    values: [u64; MOST],
}

impl Choice {
    /// A path whose parameters are as usual: its own and those that all paths have.
    #[must_use]
    pub fn usual(name: &'static str, own: &'static [Parameter], common: &'static [Parameter]) -> Self {
        let mut values = [0; MOST];
        for (value, parameter) in values.iter_mut().zip(own.iter().chain(common)) {
            *value = parameter.usual;
        }
        Self { name, own, common, values }
    }

    /// The path of this name with the parameters that stand behind it in a text, checked.
    ///
    /// # Errors
    /// One sentence with what is allowed.
    pub fn read(
        name: &'static str,
        own: &'static Parameters,
        common: &'static [Parameter],
        text: &str,
    ) -> Result<Self, String> {
        let choice = Self::usual(name, own.list, common).with(text)?;
        (own.check)(&choice)?;
        Ok(choice)
    }

    /// Sets the parameters that stand behind the name in a text.
    ///
    /// # Errors
    /// One sentence with what is allowed.
    pub fn with(mut self, text: &str) -> Result<Self, String> {
        let mut seen = Vec::new();
        for part in text.split(':').skip(1) {
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| format!("`{part}` is not a parameter; write {}:KEY=VALUE", self.name))?;
            if seen.contains(&key) {
                return Err(format!("{key} is given twice"));
            }
            seen.push(key);
            self.set(key, value)?;
        }
        Ok(self)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let found = self.parameters().position(|parameter| parameter.key == key);
        let place = found.ok_or_else(|| {
            let keys: Vec<_> = self.parameters().map(|parameter| parameter.key).collect();
            match keys.as_slice() {
                [] => format!("{} has no parameter `{key}`, nor any other", self.name),
                keys => format!("{} has no parameter `{key}`, but {}", self.name, keys.join(", ")),
            }
        })?;
        let parameter = self.parameters().nth(place).expect("it was found there");
        self.values[place] = parameter.values.read(value).map_err(|what| format!("{key}: {what}"))?;
        Ok(())
    }

    fn parameters(&self) -> impl Iterator<Item = &'static Parameter> + use<> {
        self.own.iter().chain(self.common)
    }

    /// The name of the path.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The value of one of its parameters; 0 where the path was opened as one that has none.
    #[must_use]
    pub fn value(&self, key: &str) -> u64 {
        let found = self.parameters().position(|parameter| parameter.key == key);
        found.map_or(0, |place| self.values[place])
    }

    /// Whether a switch is on.
    #[must_use]
    pub fn is_on(&self, key: &str) -> bool {
        self.value(key) != 0
    }

    /// The parameters that are not as usual, as a key names them.
    fn said(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.parameters()
            .zip(self.values)
            .filter(|(parameter, value)| *value != parameter.usual)
            .map(|(parameter, value)| (parameter.key, parameter.values.write(value)))
    }
}

/// The name, and the parameters that are not as usual.
impl fmt::Display for Choice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name)?;
        self.said().try_for_each(|(key, value)| write!(out, ":{key}={value}"))
    }
}

impl Values {
    fn read(self, text: &str) -> Result<u64, String> {
        let number =
            |digits: &str, least, most| digits.parse().ok().filter(|number| (least..=most).contains(number));
        match self {
            Self::Words(words) => words
                .iter()
                .position(|word| *word == text)
                .map(|place| place as u64)
                .ok_or_else(|| spelling::not_one_of(text, words.iter().copied())),
            Self::Count { least, most } => number(text, least, most)
                .ok_or_else(|| format!("`{text}` is not a number from {least} to {most}")),
            Self::Bytes { most } => units::parse_size(text)
                .ok()
                .filter(|bytes| *bytes <= most)
                .ok_or_else(|| format!("`{text}` is not a size up to {}, such as 64KiB", units::size(most))),
            Self::Microseconds { least, most } => text
                .strip_suffix("us")
                .and_then(|digits| number(digits, least, most))
                .ok_or_else(|| format!("`{text}` is not a time from {least}us to {most}us")),
        }
    }

    fn write(self, value: u64) -> String {
        match self {
            Self::Words(words) => words[value as usize].to_owned(),
            Self::Count { .. } => value.to_string(),
            Self::Bytes { .. } => format!("{value}B"),
            Self::Microseconds { .. } => format!("{value}us"),
        }
    }

    /// What it can be, for a reader.
    #[must_use]
    pub fn about(self) -> String {
        match self {
            Self::Words(words) => words.join("|"),
            Self::Count { least, most } => format!("{least}..{most}"),
            Self::Bytes { most } => format!("up to {}", units::size(most)),
            Self::Microseconds { least, most } => format!("{least}us..{most}us"),
        }
    }
}

/// The name in a text that may have parameters behind it.
#[must_use]
pub fn name(text: &str) -> &str {
    text.split_once(':').map_or(text, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &[Parameter] = &[
        Parameter {
            key: "depth",
            about: "requests in flight",
            values: Values::Count { least: 1, most: 64 },
            usual: 1,
        },
        Parameter {
            key: "chain",
            about: "how they are ordered",
            values: Values::Words(&["single", "link"]),
            usual: 0,
        },
    ];
    const COMMON: &[Parameter] = &[
        Parameter { key: "cork", about: "TCP_CORK", values: SWITCH, usual: 0 },
        Parameter { key: "least", about: "bytes", values: Values::Bytes { most: 1 << 20 }, usual: 0 },
        Parameter {
            key: "interval",
            about: "time",
            values: Values::Microseconds { least: 1, most: 1000 },
            usual: 30,
        },
    ];

    fn choice(text: &str) -> Result<Choice, String> {
        Choice::usual("uring", OWN, COMMON).with(text)
    }

    #[test]
    fn what_is_as_usual_is_not_said_and_the_order_is_that_of_the_parameters() {
        for (text, written) in [
            ("uring", "uring"),
            ("uring:depth=1:chain=single", "uring"),
            ("uring:cork=on:chain=link:depth=8", "uring:depth=8:chain=link:cork=on"),
            ("uring:least=64KiB:interval=5us", "uring:least=65536B:interval=5us"),
            ("uring:least=65536B", "uring:least=65536B"),
        ] {
            assert_eq!(choice(text).unwrap().to_string(), written, "{text}");
        }
        let set = choice("uring:depth=8:cork=on").unwrap();
        assert_eq!((set.value("depth"), set.is_on("cork"), set.value("interval")), (8, true, 30));
    }

    #[test]
    fn refusals_say_what_is_allowed() {
        for (text, part) in [
            ("uring:depth", "KEY=VALUE"),
            ("uring:depth=0", "1 to 64"),
            ("uring:depth=two", "1 to 64"),
            ("uring:chain=ring", "single, link"),
            ("uring:dept=1", "depth, chain, cork"),
            ("uring:depth=1:depth=2", "twice"),
            ("uring:least=2MiB", "up to 1MiB"),
            ("uring:interval=0us", "1us to 1000us"),
            ("uring:interval=5", "1us to 1000us"),
        ] {
            let refused = choice(text).unwrap_err();
            assert!(refused.contains(part), "{text}: {refused}");
        }
        let none = Choice::usual("plain", &[], &[]).with("plain:x=1").unwrap_err();
        assert!(none.contains("nor any other"), "{none}");
    }

    #[test]
    fn a_name_is_what_stands_before_the_parameters() {
        assert_eq!((name("uring:depth=8"), name("splice")), ("uring", "splice"));
    }
}
