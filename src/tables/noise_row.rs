//! The noise floor: one line of `noise.csv`, one cell that ran against itself.

use super::estimate::Estimate;
use super::metric::Metric;
use super::sample::Sample;
use crate::cell::Cell;
use crate::record::row::row;
use crate::stats;

row! {
    /// A cell that ran twice in every block (A against A). Whatever differs between the two is noise, so a
    /// difference between two paths that is smaller than this says nothing.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct NoiseRow in "noise.csv" {
        /// Key of the cell.
        cell: String,
        /// Blocks in which it ran twice and went well both times.
        blocks: u64,
        /// Its second trial's figure over its first's within the blocks (Hodges and Lehmann).
        ratio: Estimate,
        /// The larger distance from 1 that the interval reaches: the smallest difference that a pair of paths, tested
        /// in as many blocks, must exceed. Empty with one block.
        floor: Option<f64>,
        /// The figure that is compared, a column of `cells.csv`; empty in older tables, which have throughput alone.
        metric: String since "1.4.0",
    }
}

impl NoiseRow {
    /// The noise floors from a cell, by each figure that it is compared by; none where the cell is not a control.
    pub(super) fn all(sample: &Sample) -> Vec<Self> {
        let metrics = Metric::compared(&sample.cell.workload);
        metrics.into_iter().filter_map(|metric| Self::of(sample, metric)).collect()
    }

    fn of(sample: &Sample, metric: &Metric) -> Option<Self> {
        let trials: Vec<_> = sample.ok().collect();
        let mut pairs = Vec::new();
        let mut last_block = None;
        for pair in trials.windows(2) {
            // Of three trials in a block the first two count.
            if pair[0].block == pair[1].block && last_block != Some(pair[0].block) {
                last_block = Some(pair[0].block);
                pairs.extend((metric.of)(pair[1]).zip((metric.of)(pair[0])));
            }
        }
        let found = stats::paired_ratio(&pairs)?;
        Some(Self {
            cell: sample.cell.key(),
            blocks: pairs.len() as u64,
            ratio: Estimate::new(Some(found.ratio), found.interval),
            floor: found.interval.map(|ends| ends.relative_half_width(1.0)),
            metric: metric.name.to_owned(),
        })
    }

    /// The noise floor that a comparison of two cells is judged against: that of one of them where it ran twice (the
    /// wider where both did), else that of the nearest cell that did, by wire, workload, size and number of streams.
    /// Absent without a control that has a floor by this figure.
    pub(super) fn nearest<'a>(rows: &'a [Self], metric: &Metric, cells: [&Cell; 2]) -> Option<&'a Self> {
        let of_metric = rows.iter().filter(|row| row.metric == metric.name);
        let floors = of_metric.filter_map(|row| Some((row, row.floor?, row.cell.parse().ok()?)));
        let distance =
            |cell: &Cell| cells.map(|own| distance(own, cell)).into_iter().fold(f64::INFINITY, f64::min);
        let ranked = floors.map(|(row, floor, cell)| (row, (distance(&cell), -floor)));
        ranked
            .min_by(|(_, one), (_, other)| one.partial_cmp(other).expect("no NaN is read"))
            .map(|(row, _)| row)
    }
}

/// How unlike two cells are: nothing where they are the same; else first by what joins the ends, then by what is done
/// with the bytes, then by the factors between sizes and numbers of streams. The send path comes last: it is what
/// comparisons are between.
fn distance(one: &Cell, other: &Cell) -> f64 {
    let apart = |differ: bool, weight: f64| if differ { weight } else { 0.0 };
    let factor = |one: f64, other: f64| (one / other).log2().abs();
    apart(one.wire != other.wire, 1e6)
        + apart(one.receive_path != other.receive_path, 1e4)
        + apart(one.payload != other.payload, 1e4)
        + apart(one.working_set != other.working_set, 1e4)
        + apart(one.workload != other.workload, 1e4)
        + factor(one.message_bytes as f64, other.message_bytes as f64)
        + factor(f64::from(one.threads), f64::from(other.threads))
        + apart(one.send_path != other.send_path, 1e-3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::THROUGHPUT;

    fn row(cell: &str, floor: f64) -> NoiseRow {
        let metric = THROUGHPUT.name.to_owned();
        NoiseRow { cell: cell.to_owned(), floor: Some(floor), metric, ..NoiseRow::default() }
    }

    #[test]
    fn a_comparison_is_held_against_its_own_cell_or_the_nearest_control() {
        let rows = [
            row("veth/two-copy/recv/static/1024B/t1", 0.28),
            row("veth/two-copy/recv/static/65536B/t1", 0.10),
            row("veth/two-copy/recv/static/65536B/t4", 0.20),
        ];
        let nearest = |one: &str, other: &str| {
            let (one, other) = (one.parse().unwrap(), other.parse().unwrap());
            NoiseRow::nearest(&rows, &THROUGHPUT, [&one, &other]).unwrap().floor
        };
        let own = nearest("veth/one-copy/recv/static/65536B/t1", "veth/two-copy/recv/static/65536B/t1");
        assert_eq!(own, Some(0.10), "not the worst of all");
        let size = nearest("veth/one-copy/recv/static/16384B/t1", "veth/splice/recv/static/16384B/t1");
        assert_eq!(size, Some(0.10), "two doublings away, not four");
        let threads = nearest("veth/one-copy/recv/static/65536B/t8", "veth/splice/recv/static/65536B/t8");
        assert_eq!(threads, Some(0.20));
        let cell = "veth/one-copy/recv/static/64B/t1".parse().unwrap();
        let delay = Metric::main(&"request".parse().unwrap());
        assert_eq!(
            NoiseRow::nearest(&rows, delay, [&cell, &cell]),
            None,
            "a delay has no floor of throughput"
        );
        assert_eq!(NoiseRow::nearest(&[], &THROUGHPUT, [&cell, &cell]), None);
    }
}
