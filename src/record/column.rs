//! A column: its name, its meaning, and how one row's value is read and written.

use serde_json::Value;

use crate::output::harmless;

/// A type that a CSV field can hold. An absent value is an empty field and JSON's null, never zero.
pub trait Field: Sized + 'static {
    /// What such a field holds, in Markdown.
    fn kind() -> String;
    /// The CSV field.
    fn print(&self) -> String;
    /// The value in JSON, null where it is absent.
    fn json(&self) -> Value;
    /// Reads a CSV field.
    ///
    /// # Errors
    /// What the field should have been, for a message that names file, line and column.
    fn parse(text: &str) -> Result<Self, String>;
}

/// One column of a table of rows `R`.
pub struct Column<R> {
    /// The header's word, which is also the key in JSON.
    pub name: String,
    /// What it holds.
    pub about: &'static str,
    /// Its unit; empty where it has none.
    pub unit: &'static str,
    /// The version of the files that brought it, where that is not the first: an older file lacks it, and its rows
    /// have no such figure.
    pub since: Option<&'static str>,
    /// What its fields hold, see [`Field::kind`].
    pub kind: String,
    /// The row's value as a CSV field.
    pub print: Get<R, String>,
    /// The row's value as JSON.
    pub json: Get<R, Value>,
    /// Sets the row's value from a CSV field.
    pub set: Set<R>,
}

type Get<R, T> = Box<dyn Fn(&R) -> T + Send + Sync>;
type Set<R> = Box<dyn Fn(&mut R, &str) -> Result<(), String> + Send + Sync>;

/// The numbers of a version, so that 1.10 comes after 1.9.
#[must_use]
pub fn version(text: &str) -> Vec<u32> {
    text.split('.').map(|part| part.parse().unwrap_or_default()).collect()
}

impl<P: 'static> Column<P> {
    /// The version of the files that brought it; that of the first where none is said.
    #[must_use]
    pub fn version(&self) -> Vec<u32> {
        self.since.map(version).unwrap_or_default()
    }

    /// The column of a row that holds a `P` somewhere, with something before its name.
    pub fn within<R: 'static>(
        self,
        prefix: &str,
        part: fn(&R) -> &P,
        part_mut: fn(&mut R) -> &mut P,
    ) -> Column<R> {
        let Self { name, about, unit, since, kind, print, json, set } = self;
        Column {
            name: format!("{prefix}{name}"),
            about,
            unit,
            since,
            kind,
            print: Box::new(move |row| print(part(row))),
            json: Box::new(move |row| json(part(row))),
            set: Box::new(move |row, text| set(part_mut(row), text)),
        }
    }
}

/// The columns that a field of a row makes: one where it is a [`Field`], several where its type says so.
pub trait Columns: Sized + 'static {
    /// The columns of a field of this name, meaning, unit and version.
    fn of_field(
        name: &str,
        about: &'static str,
        unit: &'static str,
        since: Option<&'static str>,
    ) -> Vec<Column<Self>>;
}

impl<T: Field> Columns for T {
    fn of_field(
        name: &str,
        about: &'static str,
        unit: &'static str,
        since: Option<&'static str>,
    ) -> Vec<Column<Self>> {
        let set = |value: &mut Self, text: &str| {
            *value = T::parse(text)?;
            Ok(())
        };
        vec![Column {
            name: name.to_owned(),
            about,
            unit,
            since,
            kind: T::kind(),
            print: Box::new(T::print),
            json: Box::new(T::json),
            set: Box::new(set),
        }]
    }
}

impl Field for String {
    fn kind() -> String {
        "text".to_owned()
    }

    /// Without control characters: a row is a line.
    fn print(&self) -> String {
        harmless(self)
    }

    fn json(&self) -> Value {
        Value::from(self.as_str())
    }

    fn parse(text: &str) -> Result<Self, String> {
        Ok(harmless(text))
    }
}

impl Field for u64 {
    fn kind() -> String {
        "whole number".to_owned()
    }

    fn print(&self) -> String {
        self.to_string()
    }

    fn json(&self) -> Value {
        Value::from(*self)
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("`{text}` is not a whole number"))
    }
}

impl Field for u32 {
    fn kind() -> String {
        "whole number".to_owned()
    }

    fn print(&self) -> String {
        self.to_string()
    }

    fn json(&self) -> Value {
        Value::from(*self)
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("`{text}` is not a whole number below 2^32"))
    }
}

impl Field for bool {
    fn kind() -> String {
        "true or false".to_owned()
    }

    fn print(&self) -> String {
        self.to_string()
    }

    fn json(&self) -> Value {
        Value::from(*self)
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("`{text}` is neither true nor false"))
    }
}

impl Field for f64 {
    fn kind() -> String {
        "number".to_owned()
    }

    fn print(&self) -> String {
        // Nine significant digits are more than any clock here has; the shortest form keeps files small.
        let rounded: f64 = format!("{self:.8e}").parse().unwrap_or(*self);
        rounded.to_string()
    }

    fn json(&self) -> Value {
        Value::from(*self)
    }

    fn parse(text: &str) -> Result<Self, String> {
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(format!("`{text}` is not a finite number")),
        }
    }
}

impl<T: Field> Field for Option<T> {
    fn kind() -> String {
        format!("{}, or empty", T::kind())
    }

    fn print(&self) -> String {
        self.as_ref().map(Field::print).unwrap_or_default()
    }

    fn json(&self) -> Value {
        self.as_ref().map_or(Value::Null, Field::json)
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { T::parse(text).map(Some) }
    }
}

/// Words in Markdown, as code.
pub(crate) fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// [`Field`] for a plain enum that has `Display` and `FromStr`.
macro_rules! word_field {
    ($($type:ty),+) => {$(
        impl $crate::record::column::Field for $type {
            fn kind() -> String {
                format!("one of {}", $crate::record::column::list(Self::WORDS))
            }

            fn print(&self) -> String {
                self.to_string()
            }

            fn json(&self) -> serde_json::Value {
                serde_json::Value::from(self.to_string())
            }

            fn parse(text: &str) -> Result<Self, String> {
                text.parse()
            }
        }
    )+};
}
pub(crate) use word_field;

word_field!(crate::cell::Wire, crate::cell::Payload, crate::cell::Side);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn absent_is_never_zero() {
        assert_eq!(None::<u64>.print(), "");
        assert_eq!(None::<f64>.json(), Value::Null);
        assert_eq!(Option::<u64>::parse(""), Ok(None));
        assert_eq!(Option::<u64>::parse("0"), Ok(Some(0)));
        assert!(u64::parse("").is_err());
    }

    #[test]
    fn only_finite_numbers_are_numbers() {
        for bad in ["NaN", "inf", "-inf", "1,5", "x"] {
            assert!(f64::parse(bad).is_err(), "{bad} was accepted");
        }
    }

    proptest! {
        #[test]
        fn a_number_survives_the_file(value in -1e15_f64..1e15) {
            let back = f64::parse(&value.print()).unwrap();
            prop_assert!((back - value).abs() <= value.abs() * 1e-8);
        }
    }
}
