//! The soak: copycost is killed and stopped at random moments in every lab, in containers too, met by hostile peers
//! beside running sweeps, and run under every resource limit, a thousand times each. Each part ends with a table: what
//! was tried, what was lost, what was left. It takes the better part of an hour, so no other run of the tests includes it:
//!
//! ```text
//! cargo test --test soak -- --ignored --nocapture --test-threads 1     COPYCOST_SOAK=50 for fewer of each
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

/// Runs a part; what it lost or left fails it.
fn soak(part: impl FnOnce(&mut Table, usize)) {
    let mut table = Table::default();
    part(&mut table, rounds());
    println!("{table}");
    assert!(table.is_clean(), "something was lost or left:\n{table}");
}

#[test]
#[ignore = "takes an hour: cargo test --test soak -- --ignored --nocapture --test-threads 1"]
fn kills_and_stops_lose_nothing() {
    soak(kills::soak);
}

#[test]
#[ignore = "takes minutes: cargo test --test soak -- --ignored --nocapture --test-threads 1"]
fn kills_and_stops_in_containers_lose_nothing() {
    soak(containers::soak);
}

#[test]
#[ignore = "takes minutes: cargo test --test soak -- --ignored --nocapture --test-threads 1"]
fn hostile_peers_disturb_nothing() {
    soak(strangers::soak);
}

#[test]
#[ignore = "takes minutes: cargo test --test soak -- --ignored --nocapture --test-threads 1"]
fn limits_leave_nothing() {
    soak(limits::soak);
}
