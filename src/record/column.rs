//! A column: its name, its meaning, and how one row's value is read and written.

use serde_json::Value;

/// A type that a CSV field can hold. An absent value is an empty field and JSON's null, never zero.
pub trait Field: Sized {
    /// The CSV field.
    fn print(&self) -> String;
    /// The value in JSON.
    fn json(&self) -> Value;
    /// Reads a CSV field.
    ///
    /// # Errors
    /// What the field should have been, for a message that names file, line and column.
    fn parse(text: &str) -> Result<Self, String>;
}

/// One column of a table of rows `R`.
#[derive(Clone, Copy)]
pub struct Column<R> {
    /// The header.
    pub name: &'static str,
    /// One sentence: what it holds, its unit and its source.
    pub about: &'static str,
    /// The version of the files that brought it, where that is not the first: an older file lacks it, and its rows
    /// have no such figure.
    pub since: Option<&'static str>,
    /// The row's value as a CSV field.
    pub print: fn(&R) -> String,
    /// The row's value as JSON.
    pub json: fn(&R) -> Value,
    /// Sets the row's value from a CSV field.
    pub set: fn(&mut R, &str) -> Result<(), String>,
}

/// One row as a JSON object with the columns as keys, in their order.
#[must_use]
pub fn to_json<R>(columns: &[Column<R>], row: &R) -> Value {
    Value::Object(columns.iter().map(|column| (column.name.to_owned(), (column.json)(row))).collect())
}

/// `column!("name", place.in.row, "about")`; a column that a later version brought says so behind that: `since "1.2.0"`.
macro_rules! column {
    ($name:expr, $($place:ident).+, $about:expr) => {
        $crate::record::column::column!(@ $name, $($place).+, $about, None)
    };
    ($name:expr, $($place:ident).+, $about:expr, since $since:literal) => {
        $crate::record::column::column!(@ $name, $($place).+, $about, Some($since))
    };
    (@ $name:expr, $($place:ident).+, $about:expr, $since:expr) => {
        $crate::record::column::Column {
            name: $name,
            about: $about,
            since: $since,
            print: |row| $crate::record::column::Field::print(&row.$($place).+),
            json: |row| $crate::record::column::Field::json(&row.$($place).+),
            set: |row, text| {
                row.$($place).+ = $crate::record::column::Field::parse(text)?;
                Ok(())
            },
        }
    };
}
pub(crate) use column;

impl Field for String {
    fn print(&self) -> String {
        self.clone()
    }

    fn json(&self) -> Value {
        Value::from(self.as_str())
    }

    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl Field for u64 {
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

/// [`Field`] for a plain enum that has `Display` and `FromStr`.
macro_rules! word_field {
    ($($type:ty),+) => {$(
        impl $crate::record::column::Field for $type {
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
