//! What an agent says of its host and of itself, outside any trial.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::{MOST_CPUS, WIRE_BYTES_PER_S, refused};
use crate::agent::protocol::Welcome;
use crate::cell::Side;
use crate::failure::Failure;
use crate::link::WireEnd;
use crate::record::manifest::{Host, Interface, Netem};
use crate::xray::roofline::Bandwidth;

/// Most memory that the widest physical address can tell, bytes.
const MOST_MEMORY: u64 = 1 << 52;
/// How far a time namespace may be ahead, nanoseconds: a century. Two of them can be subtracted.
const MOST_AHEAD_NS: i64 = 3_200_000_000 * 1_000_000_000;
/// Ticks a second that a kernel may have (CONFIG_HZ): the common ones are 100 to 1000.
const TICKS: RangeInclusive<u64> = 1..=100_000;

/// Checks what an agent says of itself when it lets the coordinator in.
///
/// # Errors
/// The first figure that cannot be.
pub(in crate::lab) fn welcome(welcome: &Welcome, side: Side) -> Result<(), Failure> {
    let Welcome { proof: _, version: _, binary_sha256: _, pid: _, host, counters: _, cpus, clock_offset_ns } =
        welcome;
    let Host {
        kernel: _,
        kernel_build: _,
        architecture: _,
        boot_id: _,
        cpu_model: _,
        cpus_online,
        cpus_allowed,
        memory_bytes,
        caches: _,
        governor: _,
        virtualisation: _,
        mitigations: _,
        sysctls: _,
        limits: _,
        capabilities: _,
        seccomp: _,
        swiotlb_forced: _,
        swiotlb_used,
        swiotlb_most_used,
        tick_hz,
        container_image: _,
    } = host;
    within(side, "cpus_online", *cpus_online, 1..=MOST_CPUS)?;
    within(side, "memory_bytes", *memory_bytes, 0..=MOST_MEMORY)?;
    within(side, "swiotlb_used", *swiotlb_used, 0..=MOST_MEMORY)?;
    within(side, "swiotlb_most_used", *swiotlb_most_used, 0..=MOST_MEMORY)?;
    within(side, "tick_hz", *tick_hz, TICKS)?;
    within(side, "clock_offset_ns", *clock_offset_ns, -MOST_AHEAD_NS..=MOST_AHEAD_NS)?;
    for cpus in [cpus, cpus_allowed] {
        within(side, "the number of its CPUs", Some(cpus.len() as u64), 0..=MOST_CPUS)?;
        within(side, "a CPU", cpus.iter().max().map(|&cpu| cpu as u64), 0..=MOST_CPUS)?;
    }
    Ok(())
}

/// Checks what an agent says of its end of a wire.
///
/// # Errors
/// The first figure that cannot be.
pub(in crate::lab) fn interface(end: &WireEnd, side: Side) -> Result<(), Failure> {
    let WireEnd { index: _, far_end: _, is_loopback: _, facts } = end;
    let Interface {
        interface: _,
        device: _,
        driver: _,
        mtu: _,
        offloads: _,
        xdp: _,
        taps,
        far_end: _,
        netem,
    } = facts;
    within(side, "the number of its packet taps", *taps, 0..=u64::from(u32::MAX))?;
    let Some(Netem { delay_ns: _, jitter_ns: _, loss, rate_bit_s: _, limit: _ }) = *netem else {
        return Ok(());
    };
    within(side, "the loss of its interface", Some(loss), 0.0..=1.0)
}

/// Checks how fast an agent says that its host copies.
///
/// # Errors
/// The first bandwidth that cannot be.
pub(in crate::lab) fn bandwidths(levels: &[Bandwidth], side: Side) -> Result<(), Failure> {
    for Bandwidth { level, working_set_bytes, bytes_per_s } in levels {
        let figure = format!("the bandwidth of {level} in bytes a second");
        within(side, &figure, Some(*bytes_per_s), 1.0..=WIRE_BYTES_PER_S)?;
        within(side, &format!("the working set of {level}"), Some(*working_set_bytes), 0..=MOST_MEMORY)?;
    }
    Ok(())
}

fn within<T: PartialOrd + Display>(
    side: Side,
    figure: &str,
    value: Option<T>,
    possible: RangeInclusive<T>,
) -> Result<(), Failure> {
    match value {
        Some(value) if !possible.contains(&value) => {
            let (least, most) = possible.into_inner();
            Err(refused(side, figure, value, format_args!("{least} to {most}")))
        }
        _ => Ok(()),
    }
}
