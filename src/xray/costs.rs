//! From an end's samples to the rows of `xray.csv`: where the time per KiB went, and on whose account.

use super::sampled::{Sampled, SampledCost};
use crate::cell::{Cell, Side};
use crate::record::Attribution;
use crate::record::category::{Category, Owner};

/// The rows of `xray.csv` of one end.
pub fn attributions(
    cell: &Cell,
    rep: u32,
    side: Side,
    sampled: &Sampled,
    bytes: Option<u64>,
    throughput_gbps: Option<f64>,
) -> Vec<Attribution> {
    let all: u64 = sampled.costs.iter().map(|cost| cost.samples).sum();
    let kib = bytes.filter(|&bytes| bytes > 0).map(|bytes| bytes as f64 / 1024.0);
    let ns_per_kib = |category: Category, owner: Option<Owner>| {
        let of =
            |cost: &&SampledCost| cost.category == category && owner.is_none_or(|owner| owner == cost.owner);
        let ns = sampled.costs.iter().filter(of).try_fold(0.0, |sum, cost| Some(sum + cost.ns?));
        ns.zip(kib).map(|(ns, kib)| ns / kib)
    };
    Category::ALL
        .into_iter()
        .map(|category| {
            let samples = sampled.samples_in(category);
            Attribution {
                cell: cell.key(),
                rep,
                side,
                category,
                samples,
                share: samples as f64 / all.max(1) as f64,
                ns_per_kib: ns_per_kib(category, None),
                user_ns_per_kib: ns_per_kib(category, Some(Owner::User)),
                system_ns_per_kib: ns_per_kib(category, Some(Owner::System)),
                softirq_ns_per_kib: ns_per_kib(category, Some(Owner::Softirq)),
                idle_ns_per_kib: ns_per_kib(category, Some(Owner::Idle)),
                clock: sampled.clock,
                scope: sampled.scope,
                strangers: sampled.strangers,
                lost: sampled.lost,
                throughput_gbps,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_per_kib_is_divided_by_owner() {
        let cell = Cell::example("two-copy", 1024);
        let mut sampled = Sampled::of(&[(Category::TcpIp, 10)]);
        let softirq = SampledCost { owner: Owner::Softirq, samples: 30, ns: Some(7.5e6), ..sampled.costs[0] };
        sampled.costs.push(softirq);
        let rows = attributions(&cell, 1, Side::Sender, &sampled, Some(10 << 10), None);
        assert_eq!(rows.len(), Category::ALL.len());
        let tcp = rows.iter().find(|row| row.category == Category::TcpIp).unwrap();
        assert_eq!((tcp.samples, tcp.share), (40, 1.0));
        assert_eq!(
            (tcp.system_ns_per_kib, tcp.softirq_ns_per_kib, tcp.ns_per_kib),
            (Some(250_000.0), Some(750_000.0), Some(1e6))
        );
        assert_eq!(rows[0].ns_per_kib, Some(0.0), "no sample is no time; no clock would be no figure");
    }
}
