//! Flame graphs of the x-ray: one of each send path, of both ends, at its largest message.

use std::collections::HashMap;
use std::io;

use super::figures::source;
use crate::plot::FlameGraph;
use crate::prose::block::{Block, Text};
use crate::prose::words;
use crate::record::FoldedStack;
use crate::record::folded_stack::KERNEL;
use crate::study::Subject;
use crate::style::Colour;
use crate::xray::chain::Frame;

/// Characters of a path's name in the name of a file, at most.
const MOST_OF_A_NAME: usize = 64;
/// A red on which names can be read.
const COPIES: Colour = Colour(0xEF, 0x8A, 0x7F);

/// Draws them; none where the run has no call chains.
///
/// # Errors
/// When one cannot be drawn.
pub(super) fn draw(subject: &Subject) -> io::Result<Vec<FlameGraph>> {
    let mut of_cell: HashMap<&str, Vec<&FoldedStack>> = HashMap::new();
    for stack in &subject.run.xray.stacks {
        of_cell.entry(&stack.cell).or_default().push(stack);
    }
    let streams: Vec<usize> = subject.streams().map(|(place, _)| place).collect();
    let conditions = if streams.is_empty() { subject.paced() } else { streams };
    let mut drawn = Vec::new();
    for condition in conditions {
        let shape = &subject.conditions[condition];
        let sizes = shape.sizes.iter().rev();
        let places: Vec<(u64, u32)> =
            sizes.flat_map(|&size| shape.threads.iter().map(move |&count| (size, count))).collect();
        for path in &shape.paths {
            let stacks = places.iter().find_map(|&(size, threads)| {
                let row = subject.row(condition, path, size, threads)?;
                Some((size, threads, of_cell.get(row.cell.cell.as_str())?))
            });
            let Some((size, threads, stacks)) = stacks else { continue };
            let title = format!(
                "{path}, {} with {} ({})",
                words::bytes(size),
                words::threads(threads),
                shape.words()
            );
            let apart = (subject.conditions.len() > 1).then(|| format!("-{}", shape.slug()));
            let name = format!("flame-{}{}", slug(path), apart.unwrap_or_default());
            let chains: Vec<(String, u64)> = stacks
                .iter()
                .map(|stack| (format!("{};{}", stack.side, stack.chain), stack.samples))
                .collect();
            let chains = chains.iter().map(|(chain, samples)| (chain.as_str(), *samples));
            drawn.push(FlameGraph::draw((name, title, source::of(&subject.run.manifest)), chains, colour)?);
        }
    }
    Ok(drawn)
}

/// The section that shows them, folded; nothing where there are none.
pub(super) fn blocks(drawn: Vec<FlameGraph>) -> Vec<Block> {
    if drawn.is_empty() {
        return Vec::new();
    }
    let says = Text::from(
        "Call chains of the x-ray's samples, waiting left out: a function is as wide as the CPU time in it and in what \
         it calls; red copies, blue are the kernel's other functions and yellow the program's. A file in ",
    )
    .code("plots/")
    .and(" that is opened by itself can be searched and zoomed; ")
    .code("xray.folded")
    .and(" has the chains of every cell, for flamegraph.pl, inferno or speedscope.");
    let mut blocks = vec![Block::Paragraph(says)];
    blocks.extend(drawn.into_iter().map(|flame| Block::Flame(Box::new(flame))));
    vec![Block::Folded("Flame graphs".to_owned(), blocks)]
}

/// Red for what copies, and pale for the rest: the kernel's functions, and the program's.
fn colour(function: &str) -> Colour {
    let (frame, pale) = match function.strip_suffix(KERNEL) {
        Some(name) => (Frame::kernel(Some(name)), Colour(0xD3, 0xDE, 0xE6)),
        None => (Frame::user(Some(function)), Colour(0xF0, 0xE4, 0xC4)),
    };
    if frame.copies() { COPIES } else { pale }
}

/// A path as a part of a file's name.
fn slug(path: &str) -> String {
    let as_in_a_name = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    path.chars().take(MOST_OF_A_NAME).map(as_in_a_name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::{Cell, Side};
    use crate::simulate::Simulation;
    use crate::tables::Tables;

    #[test]
    fn each_path_has_one_of_both_ends_at_its_largest_message() {
        let mut run = Simulation { threads: vec![1], ..Simulation::default() }.run();
        let tables = Tables::of(&run);
        assert!(draw(&Subject::new(&run, &tables)).unwrap().is_empty(), "absent where the run has none");
        let cell = |path: &str, size| Cell { message_bytes: size, ..Cell::example(path, size) }.key();
        let stack = |cell: String, side, chain: &str, samples| FoldedStack {
            cell,
            side,
            chain: chain.to_owned(),
            samples,
        };
        let keys: Vec<String> = tables.cells.iter().map(|cell| cell.cell.clone()).collect();
        assert!(keys.contains(&cell("two-copy", 64)), "{keys:?}");
        run.xray.stacks = vec![
            stack(cell("two-copy", 64), Side::Sender, "main;only_at_64_bytes_[k]", 5),
            stack(cell("two-copy", 64 << 10), Side::Sender, "main;rep_movs_alternative_[k]", 30),
            stack(cell("two-copy", 64 << 10), Side::Receiver, "main;tcp_recvmsg_[k]", 10),
        ];
        let drawn = draw(&Subject::new(&run, &tables)).unwrap();
        let [flame] = &drawn[..] else { panic!("{} were drawn", drawn.len()) };
        assert_eq!(
            (flame.name.as_str(), flame.title.as_str()),
            ("flame-two-copy", "two-copy, 64 KiB with 1 thread (veth)")
        );
        for part in [
            "sender (30 samples, 75.00%)",
            "receiver (10 samples",
            "rep_movs_alternative",
            "rgb(239,138,127)",
        ] {
            assert!(flame.svg.contains(part), "`{part}` is not in {}", flame.svg);
        }
        assert!(!flame.svg.contains("only_at_64_bytes"), "another cell's");
        assert_eq!(blocks(drawn).len(), 1);
    }

    #[test]
    fn what_copies_is_red_and_nothing_else() {
        let is_red = |name| colour(name) == COPIES;
        assert!(is_red("rep_movs_alternative_[k]") && is_red("_copy_from_iter_[k]") && is_red("memcpy"));
        assert!(!is_red("tcp_sendmsg_locked_[k]") && !is_red("main") && !is_red("sender"));
    }
}
