//! Every table's reader: what is read without a fault is written and read back as it was.
#![no_main]

use copycost::record::csv_file::{scan, text};
use copycost::record::{Attribution, Copies, Latency, Roofline, Row, Stream, Trial};
use copycost::tables::{
    AccountRow, CellRow, CostRow, CrossoverRow, DerivedRow, NoiseRow, RatioRow, StreamRate,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let read = [
        read::<Trial>,
        read::<Stream>,
        read::<StreamRate>,
        read::<Latency>,
        read::<Attribution>,
        read::<Copies>,
        read::<Roofline>,
        read::<CellRow>,
        read::<RatioRow>,
        read::<NoiseRow>,
        read::<CostRow>,
        read::<CrossoverRow>,
        read::<DerivedRow>,
        read::<AccountRow>,
    ];
    read[usize::from(*kind) % read.len()](bytes);
});

fn read<R: Row>(bytes: &[u8]) {
    let found = scan::<R>("table.csv", bytes, |column| column.since.is_none());
    for fault in &found.faults {
        assert!(!fault.to_string().is_empty());
    }
    let rows: Vec<R> = found.rows.into_iter().map(|found| found.row).collect();
    let written = text(&rows);
    let again = scan::<R>("table.csv", &written, |_| true);
    assert!(again.faults.is_empty() && again.truncated.is_none(), "{:?}", again.faults.first());
    let again: Vec<R> = again.rows.into_iter().map(|found| found.row).collect();
    assert_eq!(written, text(&again));
}
