//! The colour of each category of CPU time, the same wherever it is drawn, and none of them a send path's.

use crate::record::category::Category;
use crate::style::Colour;

/// What stands for several categories.
pub(super) const REST: Colour = Colour(0xD6, 0xDA, 0xDE);

/// Copies in reds and violets, which stand out; the rest in other hues, neighbours of the stack unlike each other.
pub(super) fn of(category: Category) -> Colour {
    match category {
        Category::GatherCopy => Colour(0xF2, 0x9E, 0x8E),
        Category::KernelCopy => Colour(0xC6, 0x28, 0x28),
        Category::DeferredCopy => Colour(0x8E, 0x24, 0x6F),
        Category::BelowTcpCopy => Colour(0xE0, 0x5A, 0x9B),
        Category::ReceiveCopy => Colour(0x7B, 0x1F, 0x2B),
        Category::Encryption => Colour(0x5E, 0x35, 0xB1),
        Category::UnknownCopy => Colour(0xFF, 0x2D, 0x6F),
        Category::PagePinning => Colour(0x00, 0x69, 0x5C),
        Category::Splice => Colour(0x80, 0xCB, 0xC4),
        Category::DiskIo => Colour(0x7F, 0xB0, 0x8E),
        Category::DiskCopy => Colour(0x3E, 0x6B, 0x4A),
        Category::Allocation => Colour(0xC0, 0xA0, 0x62),
        Category::TcpIp => Colour(0x54, 0x6E, 0x7A),
        Category::DeviceSoftirq => Colour(0x9F, 0xB4, 0xC0),
        Category::Completion => Colour(0x3F, 0x51, 0xB5),
        Category::Syscall => Colour(0x37, 0x47, 0x4F),
        Category::SchedulingIdle => Colour(0xE3, 0xC5, 0x8F),
        Category::Locking => Colour(0x8A, 0x5A, 0x44),
        Category::Other => Colour(0xC5, 0xE1, 0xA5),
        Category::Unattributed => Colour(0x9E, 0x9E, 0x9E),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path;
    use crate::style::{BLUE, GREEN, GREY, OLIVE, ORANGE, PURPLE, SKY, VERMILLION};
    use std::collections::HashSet;

    #[test]
    fn no_category_looks_like_a_path_or_like_another() {
        let of_paths = path::REGISTRY.iter().map(|entry| entry.style.colour);
        let of_paths: Vec<Colour> =
            of_paths.chain([BLUE, ORANGE, VERMILLION, GREEN, PURPLE, SKY, GREY, OLIVE]).collect();
        let apart = |one: Colour, other: Colour| {
            let far = |one: u8, other: u8| u32::from(one.abs_diff(other));
            far(one.0, other.0) + far(one.1, other.1) + far(one.2, other.2)
        };
        let all: Vec<Colour> = Category::ALL.into_iter().map(of).chain([REST]).collect();
        for colour in &all {
            let nearest = of_paths.iter().min_by_key(|path| apart(**path, *colour)).unwrap();
            assert!(apart(*nearest, *colour) > 40, "{colour} is near {nearest}, a path's");
        }
        assert_eq!(all.iter().map(ToString::to_string).collect::<HashSet<_>>().len(), all.len());
    }
}
