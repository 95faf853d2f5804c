//! How a send path looks: one colour and one marker each, the same in every figure.
//!
//! The colours are those of Okabe and Ito ("Color Universal Design", 2008), told apart by readers with any of
//! the common colour deficiencies; the markers say the same again for readers of a grey print.

use crate::plot::{Colour, Marker, Style};

const BLUE: Colour = Colour(0x00, 0x72, 0xB2);
const ORANGE: Colour = Colour(0xE6, 0x9F, 0x00);
const VERMILLION: Colour = Colour(0xD5, 0x5E, 0x00);
const GREEN: Colour = Colour(0x00, 0x9E, 0x73);
const PURPLE: Colour = Colour(0xCC, 0x79, 0xA7);
const SKY: Colour = Colour(0x56, 0xB4, 0xE9);
const GREY: Colour = Colour(0x6B, 0x6B, 0x6B);
/// The yellow of the set, darkened: pale yellow on paper cannot be read.
const OLIVE: Colour = Colour(0x9A, 0x8B, 0x00);

/// The style of a send path. One that this program does not know gets a style by its place among the run's paths.
pub(super) fn of_path(path: &str, place: usize) -> Style {
    const OTHERS: [(Colour, Marker); 8] = [
        (BLUE, Marker::Disc),
        (ORANGE, Marker::Square),
        (GREEN, Marker::Up),
        (VERMILLION, Marker::Down),
        (PURPLE, Marker::Diamond),
        (SKY, Marker::Cross),
        (OLIVE, Marker::Plus),
        (GREY, Marker::Ring),
    ];
    let (colour, marker) = match path {
        "plain-send" => (GREY, Marker::Diamond),
        "two-copy" => (BLUE, Marker::Disc),
        "one-copy" => (ORANGE, Marker::Square),
        "zero-copy" => (VERMILLION, Marker::Up),
        "sendfile" => (GREEN, Marker::Down),
        "splice" => (PURPLE, Marker::Ring),
        _ => OTHERS[place % OTHERS.len()],
    };
    Style { colour, marker }
}
