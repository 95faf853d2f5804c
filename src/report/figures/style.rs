//! How a send path looks: one colour and one marker each, the same in every figure.

use crate::path;
use crate::style::{BLUE, Colour, GREEN, GREY, Marker, OLIVE, ORANGE, PURPLE, SKY, Style, VERMILLION};

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
    path::find(path).map_or_else(
        |_| {
            let (colour, marker) = OTHERS[place % OTHERS.len()];
            Style { colour, marker }
        },
        |entry| entry.style,
    )
}
