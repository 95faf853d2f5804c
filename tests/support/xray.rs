//! What an x-ray found, as its files tell, and whether one can be made here.

use std::path::Path;

use copycost::cell::Side;
use copycost::record::category::Category;
use copycost::record::copies::{Place, Verdict};
use copycost::record::{Attribution, Copies, Roofline, csv_file};
use copycost::xray::{
    sampler::{SampleRate, Sampler},
    symbols::kernel_names,
    tracefs::Tracefs,
    verdict::headline,
};

use super::lab::has_netns;
use super::{is_root, skip};

/// So many samples of other small copies, or of a stranger on the same CPU, prove nothing.
const STRAY: f64 = 5.0;

/// A run's rows.
pub struct Xray {
    pub copies: Vec<Copies>,
    pub costs: Vec<Attribution>,
    pub bounds: Vec<Roofline>,
}

impl Xray {
    /// Reads them.
    pub fn read(run: &Path) -> Self {
        Self {
            copies: csv_file::read(run).expect("copies.csv").rows,
            costs: csv_file::read(run).expect("xray.csv").rows,
            bounds: csv_file::read(run).expect("roofline.csv").rows,
        }
    }

    /// The row of a path and place.
    pub fn copy(&self, path: &str, place: Place) -> &Copies {
        let of = |row: &&Copies| row.cell.split('/').nth(1) == Some(path) && row.place == place;
        self.copies.iter().find(of).unwrap_or_else(|| panic!("no row for {path}, {place}"))
    }

    /// Share of a category in an end's samples, without those of idle CPUs.
    pub fn share(&self, path: &str, side: Side, category: Category) -> f64 {
        let rows =
            self.costs.iter().filter(|row| row.cell.split('/').nth(1) == Some(path) && row.side == side);
        let busy =
            |row: &Attribution| row.ns_per_kib.unwrap_or_default() - row.idle_ns_per_kib.unwrap_or_default();
        let (mut of, mut all) = (0.0, 0.0);
        for row in rows {
            all += busy(row);
            of += if row.category == category { busy(row) } else { 0.0 };
        }
        of / all
    }

    /// The most that a few stray samples can make of a path's share: much where a busy machine lets it be sampled seldom.
    pub fn stray(&self, path: &str) -> f64 {
        let rows = self.costs.iter().filter(|row| row.cell.split('/').nth(1) == Some(path));
        let all: u64 = rows.map(|row| row.samples).sum();
        STRAY / all.max(1) as f64
    }

    /// What they say of a path together.
    pub fn sentence(&self, path: &str) -> (Verdict, String) {
        let rows: Vec<_> =
            self.copies.iter().filter(|row| row.cell.split('/').nth(1) == Some(path)).cloned().collect();
        headline(&rows)
    }
}

/// Whether everything that the x-ray rests on can be had; the test is skipped where it cannot.
pub fn sees_everything(test: &str) -> bool {
    if !is_root() {
        skip(test, "root");
        return false;
    }
    if !has_netns(test) {
        return false;
    }
    let this = std::process::id();
    let sampled = Sampler::open(SampleRate::Dense, &[], &[this]).map(drop);
    let missing = sampled
        .and_then(|()| Ok(kernel_names()?))
        .and_then(|()| Ok(Tracefs::open()?.tracepoint("sock", "sock_send_length").map(drop)?));
    if let Err(missing) = &missing {
        skip(test, missing);
    }
    missing.is_ok()
}
