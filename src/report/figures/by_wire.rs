//! One figure of the same paths over each wire: the sender's CPU time per KiB above, throughput below, a column a wire.

use super::draft::{Draft, Panels};
use super::measure::{self, Measure};
use super::{Outcome, axes, style};
use crate::plot::{Figure, Key, Panel};
use crate::study::Subject;

/// Name of its files, without the number of the set.
pub(super) const FILE: &str = "by-wire";
/// Wires that stand side by side at most.
const MOST_WIRES: usize = 3;

/// The figure of the `number`th set of conditions that differ in their wire alone; none without a figure to draw.
pub(super) fn draw(subject: &Subject, family: &[usize], number: usize) -> Option<Box<Figure>> {
    let draft = Draft {
        subject,
        condition: family[0],
        file: FILE,
        title: "The same paths over each wire, by message size",
    };
    let shape = draft.shape();
    let threads = *shape.threads.first()?;
    let wires = &family[..family.len().min(MOST_WIRES)];
    let mut panels = Panels::side_by_side(wires.len());
    for measure in
        [Measure::of("cpu_ns_per_kib", "sender's CPU time per KiB", "ns", 1.0), Measure::THROUGHPUT]
    {
        let drawn: Vec<_> = wires
            .iter()
            .map(|&place| (subject.conditions[place].wire, measure.by_size(subject, place, threads)))
            .collect();
        let y = measure.axis(measure::extent(drawn.iter().map(|(_, series)| series)));
        for (wire, series) in drawn {
            let axes = Panel::new(format!("{wire}, {}", measure.title), axes::sizes(&shape.sizes), y.clone());
            panels.push(&Panel { series, ..axes });
        }
    }
    let about = "One scale for all wires. On veth, bridge and loopback the kernel copies a zero-copy payload after all; on a \
                 sink nothing does, as with a card that reads pages where they are.";
    match draft.finish(panels, about) {
        Outcome::Drawn(figure) if !figure.panels.is_empty() => {
            let name =
                if number == 0 { draft.file.to_owned() } else { format!("{}-{}", draft.file, number + 1) };
            // What a path is called over one wire may not hold over the next.
            let key =
                |(place, path): (usize, &String)| Key::series(path.clone(), style::of_path(path, place));
            let legend = shape.paths.iter().enumerate().map(key).collect();
            Some(Box::new(Figure { name, title: draft.title.to_owned(), legend, ..*figure }))
        }
        _ => None,
    }
}
