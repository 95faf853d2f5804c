//! A list as a grid has it: in brackets, or one value alone.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Location, Spanned};

/// Values as written, each with its line; that of one alone is the list's.
pub(super) struct List<T>(pub(super) Vec<Spanned<T>>);

/// What can stand in a list: a word, and perhaps something with parameters.
pub(super) trait Item: for<'de> Deserialize<'de> {
    /// What is expected, for a message.
    const EXPECTED: &'static str;

    /// A word, or a number as it was written.
    fn of_word(word: String) -> Self;
}

impl Item for String {
    const EXPECTED: &'static str = "a word, a number, or a list of them";

    fn of_word(word: String) -> Self {
        word
    }
}

impl<'de, T: Item> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<T> ListVisitor<T> {
    fn one(value: T) -> List<T> {
        List(vec![Spanned::new(value, Location::UNKNOWN, Location::UNKNOWN)])
    }
}

impl<'de, T: Item> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(T::EXPECTED)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<List<T>, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = sequence.next_element()? {
            all.push(item);
        }
        Ok(List(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<List<T>, A::Error> {
        let with = T::deserialize(MapAccessDeserializer::new(map));
        with.map(Self::one).map_err(|_| Error::custom(format!("expected {}", T::EXPECTED)))
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<List<T>, E> {
        Ok(Self::one(T::of_word(word.to_owned())))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<List<T>, E> {
        Ok(Self::one(T::of_word(number.to_string())))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<List<T>, E> {
        Ok(Self::one(T::of_word(number.to_string())))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<List<T>, E> {
        Ok(Self::one(T::of_word(number.to_string())))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<List<T>, E> {
        Ok(Self::one(T::of_word(value.to_string())))
    }
}
