//! The soak: copycost is killed and stopped at random moments in every lab, in containers too, met by hostile peers
//! beside running sweeps, and run under every resource limit, a thousand times each. It ends with a table: what was
//! tried, what was lost, what was left. It takes hours, so no other run of the tests includes it:
//!
//! ```text
//! cargo test --test soak -- --ignored --nocapture          COPYCOST_SOAK=50 for fewer of each
//! ```

mod containers;
mod end;
mod kills;
mod limits;
mod strangers;
mod table;

#[path = "../containers/docker.rs"]
#[allow(dead_code, reason = "it is a part of other tests too")]
mod docker;
#[path = "../support/mod.rs"]
mod support;

use table::Table;

/// How many of each kind, where the environment does not say.
const ROUNDS: usize = 1000;

fn rounds() -> usize {
    std::env::var("COPYCOST_SOAK").map_or(ROUNDS, |text| text.parse().expect("COPYCOST_SOAK is a number"))
}

#[test]
#[ignore = "takes hours: cargo test --test soak -- --ignored --nocapture"]
fn nothing_is_lost_and_nothing_is_left() {
    let mut table = Table::default();
    limits::soak(&mut table, rounds());
    strangers::soak(&mut table, rounds());
    containers::soak(&mut table, rounds());
    println!("{table}");
    kills::soak(&mut table, rounds());
    println!("{table}");
    assert!(table.is_clean(), "something was lost or left:\n{table}");
}
