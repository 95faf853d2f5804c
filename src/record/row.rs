//! A row: a struct whose fields are the columns of a file.

use serde_json::Value;

use super::column::Column;

/// A row of a file, or a part of one. [`row!`] makes it.
pub trait Row: Default + 'static {
    /// What a row is.
    const ABOUT: &'static str;

    /// Its columns, in the order of the file; made once.
    fn columns() -> &'static [Column<Self>];

    /// Makes them, for a row that this one is a part of.
    fn make_columns() -> Vec<Column<Self>>;
}

/// A row that has a file of its own in a run's directory.
pub trait Recorded: Row {
    /// The file's name.
    const FILE: &'static str;
}

/// The names of a row's columns, in order.
pub fn header<R: Row>() -> Vec<String> {
    R::columns().iter().map(|column| column.name.clone()).collect()
}

/// One row as a JSON object with the columns as keys, in their order.
pub fn to_json<R: Row>(row: &R) -> Value {
    let pair = |column: &Column<R>| (column.name.clone(), (column.json)(row));
    Value::Object(R::columns().iter().map(pair).collect())
}

/// Adds the columns of a part, with something before their names.
pub(crate) fn add<R: 'static, P: 'static>(
    columns: &mut Vec<Column<R>>,
    prefix: &str,
    part: Vec<Column<P>>,
    at: fn(&R) -> &P,
    at_mut: fn(&mut R) -> &mut P,
) {
    columns.extend(part.into_iter().map(|column| column.within(prefix, at, at_mut)));
}

/// Moves a column behind another.
///
/// # Panics
/// When there is none of this name: the names are written in the declaration of the row.
pub(crate) fn put<R>(columns: &mut Vec<Column<R>>, name: &str, after: &str) {
    let place = |columns: &[Column<R>], name| {
        columns.iter().position(|column| column.name == name).expect("a column of this row")
    };
    let column = columns.remove(place(columns, name));
    let to = place(columns, after) + 1;
    columns.insert(to, column);
}

/// Declares a struct and, by its fields, the columns of a file. A field's documentation is what the schema says of
/// the column.
///
/// ```text
/// row! {
///     /// One execution of a cell.
///     #[derive(Clone, Debug, Default, PartialEq)]
///     pub struct Trial in "trials.csv" {               // the file; a part of a row has none
///         /// The run that the row belongs to.
///         run_id: String,
///         /// Length of the window.
///         window_s: Option<f64> in "s",                // its unit
///         /// What the interface received.
///         wire_bytes: Option<u64> in "B" since "1.2.0",  // files of older versions lack it
///         /// The sender's end.
///         sender: End as "sender_",                    // a row in this one: its columns with this before their names
///         /// What no file has.
///         scratch: Option<u64> as _,                   // no column
///     }
/// }
/// ```
///
/// What a later version brought comes after all that was there before. Where a file otherwise does not have the columns of a
/// part together, `pub struct Name moves "column" after "another"` says so.
macro_rules! row {
    (
        $(#[doc = $about:literal])+
        #[derive($($derive:ident),+ $(,)?)]
        $(#[serde($($serde:tt)*)])?
        $vis:vis struct $name:ident $(in $file:literal)?
            $(moves $moved:literal after $anchor:literal)*
        {
            $(
                $(#[doc = $meaning:literal])+
                $field:ident: $type:ident $(<$of:ident>)? $(as $prefix:tt)? $(in $unit:literal)? $(since $since:literal)?
            ),+ $(,)?
        }
    ) => {
        $(#[doc = $about])+
        #[derive($($derive),+)]
        $(#[serde($($serde)*)])?
        $vis struct $name {
            $(
                $(#[doc = $meaning])+
                pub $field: $type $(<$of>)?,
            )+
        }

        impl $crate::record::row::Row for $name {
            const ABOUT: &'static str = concat!($($about),+).trim_ascii();

            fn columns() -> &'static [$crate::record::Column<Self>] {
                static COLUMNS: std::sync::LazyLock<Vec<$crate::record::Column<$name>>> =
                    std::sync::LazyLock::new($name::make_columns);
                &COLUMNS
            }

            fn make_columns() -> Vec<$crate::record::Column<Self>> {
                let mut columns = Vec::new();
                $($crate::record::row::row!(
                    @ columns $field [$type $(<$of>)?] [concat!($($meaning),+).trim_ascii()]
                    $(as $prefix)? $(in $unit)? $(since $since)?
                );)+
                $($crate::record::row::put(&mut columns, $moved, $anchor);)*
                // What a later version brought comes after all that was there, wherever its part stands.
                columns.sort_by_key($crate::record::Column::version);
                columns
            }
        }

        $(impl $crate::record::row::Recorded for $name {
            const FILE: &'static str = $file;
        })?
    };
    (@ $columns:ident $field:ident [$type:ty] [$about:expr] as _) => {};
    (@ $columns:ident $field:ident [$type:ty] [$about:expr] as $prefix:literal) => {
        let part = <$type as $crate::record::row::Row>::make_columns();
        $crate::record::row::add(&mut $columns, $prefix, part, |row: &Self| &row.$field, |row| &mut row.$field);
    };
    (@ $columns:ident $field:ident [$type:ty] [$about:expr] $(in $unit:literal)? $(since $since:literal)?) => {
        let part = <$type as $crate::record::column::Columns>::of_field(
            stringify!($field),
            $about,
            concat!($($unit)?),
            [$($since)?].first().copied(),
        );
        $crate::record::row::add(&mut $columns, "", part, |row: &Self| &row.$field, |row| &mut row.$field);
    };
}
pub(crate) use row;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::csv_file::{scan, text};

    row! {
        /// A part of a row, in two
        /// lines.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub(super) struct Part {
            /// A length.
            length_s: Option<f64> in "s",
            /// A count.
            count: u64 since "1.1.0",
            /// No column.
            scratch: u64 as _,
        }
    }

    row! {
        /// A whole.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub(super) struct Whole in "whole.csv" moves "b_length_s" after "name" {
            /// The first part.
            a: Part as "a_",
            /// The second.
            b: Part as "b_",
            /// A name.
            name: String,
            /// Whether it is the last.
            last: bool in "1" since "1.2.0",
        }
    }

    #[test]
    fn columns_come_in_the_order_of_the_fields_with_the_prefix_of_their_part() {
        assert_eq!(header::<Whole>(), ["a_length_s", "name", "b_length_s", "a_count", "b_count", "last"]);
        assert_eq!((Whole::FILE, Part::ABOUT), ("whole.csv", "A part of a row, in two lines."));
        let told: Vec<_> =
            Whole::columns().iter().map(|column| (column.about, column.unit, column.since)).collect();
        let count = ("A count.", "", Some("1.1.0"));
        let length = ("A length.", "s", None);
        let last = ("Whether it is the last.", "1", Some("1.2.0"));
        assert_eq!(told, [length, ("A name.", "", None), length, count, count, last]);
    }

    #[test]
    fn a_row_survives_the_file_but_for_what_is_no_column() {
        let b = Part { length_s: Some(0.5), count: 7, scratch: 9 };
        let row = Whole { b, name: "x, \"y\"".to_owned(), last: true, ..Whole::default() };
        let bytes = text(std::slice::from_ref(&row));
        assert!(
            bytes.ends_with(b"\n,\"x, \"\"y\"\"\",0.5,0,7,true\n"),
            "{}",
            String::from_utf8_lossy(&bytes)
        );
        let mut read = scan::<Whole>("whole.csv", &bytes, |_| true);
        assert_eq!((read.faults, read.rows.len()), (Vec::new(), 1));
        read.rows[0].row.b.scratch = 9;
        assert_eq!(read.rows[0].row, row);
        assert_eq!(to_json(&row)["b_length_s"], 0.5);
        assert!(to_json(&row)["a_length_s"].is_null());
    }

    #[test]
    fn every_fault_is_told_with_its_line_and_column() {
        let broken = b"a_length_s,b_length_s,name,last\n1,2,x,no\n1,2\n,,y,true\n1,fast,y,true\n";
        let told = |must_have: fn(&Column<Whole>) -> bool| {
            let read = scan::<Whole>("f", broken, must_have);
            let lines: Vec<u64> = read.rows.iter().map(|found| found.line).collect();
            (lines, read.faults.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let (lines, faults) = told(|column| column.since.is_none());
        assert_eq!(lines, [4]);
        assert_eq!(
            faults,
            [
                "f, line 2, column last: `no` is neither true nor false",
                "f, line 3: 2 fields where the header has 4",
                "f, line 5, column b_length_s: `fast` is not a finite number",
            ]
        );
        let (lines, faults) = told(|column| column.since <= Some("1.1.0"));
        assert!(lines.is_empty());
        assert_eq!(faults[0], "f, line 1, column a_count: the column is missing");
    }
}
