//! A grid of anybody's: either cells, or one sentence.
#![no_main]

use copycost::cell::Wire;
use copycost::grid::Grid;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Grid::parse(text) {
        Ok(grid) => {
            let cells = grid.cells(Wire::Veth);
            assert!(!cells.is_empty());
            let _ = grid.check_wires(Wire::Veth);
            for cell in &cells {
                assert!(grid.times_per_block(cell) > 0, "{cell:?}");
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
