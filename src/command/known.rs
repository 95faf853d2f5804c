//! Values of flags that shells complete, and that are not the only ones: a path has parameters, a grid may be a file.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command, Error};

use crate::grid::builtin;
use crate::{path, receive};

/// Reads values as another parser does, and knows some of them.
#[derive(Clone)]
pub(super) struct Known<P> {
    parser: P,
    names: Vec<&'static str>,
}

impl<P: TypedValueParser> TypedValueParser for Known<P> {
    type Value = P::Value;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<P::Value, Error> {
        self.parser.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.names.iter().map(PossibleValue::new)))
    }
}

/// A built-in grid's name, or a file.
pub(super) fn grid() -> Known<clap::builder::PathBufValueParser> {
    let names = builtin::ALL.iter().map(|(name, _)| *name).collect();
    Known { parser: clap::builder::PathBufValueParser::new(), names }
}

/// A send path with its parameters.
pub(super) fn send_path() -> Known<clap::builder::StringValueParser> {
    let names = path::REGISTRY.iter().map(|entry| entry.name).collect();
    Known { parser: clap::builder::StringValueParser::new(), names }
}

/// A receive path with its parameters.
pub(super) fn receive_path() -> Known<clap::builder::StringValueParser> {
    let names = receive::REGISTRY.iter().map(|entry| entry.name).collect();
    Known { parser: clap::builder::StringValueParser::new(), names }
}
