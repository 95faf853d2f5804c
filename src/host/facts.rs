//! The facts of a host, put together for the manifest.

use std::collections::BTreeMap;

use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_getres};

use super::{Root, cpu, process, swiotlb};
use crate::record::manifest::Host;

/// Sysctls that change what a socket, a veth pair or perf does. Those of one network namespace are read in
/// the agent's own.
const SYSCTLS: [&str; 37] = [
    "kernel.io_uring_disabled",
    "kernel.kptr_restrict",
    "kernel.nmi_watchdog",
    "kernel.numa_balancing",
    "kernel.perf_event_max_sample_rate",
    "kernel.perf_event_mlock_kb",
    "kernel.perf_event_paranoid",
    "net.core.busy_poll",
    "net.core.busy_read",
    "net.core.default_qdisc",
    "net.core.gro_normal_batch",
    "net.core.high_order_alloc_disable",
    "net.core.max_skb_frags",
    "net.core.netdev_budget",
    "net.core.netdev_budget_usecs",
    "net.core.netdev_max_backlog",
    "net.core.optmem_max",
    "net.core.rmem_default",
    "net.core.rmem_max",
    "net.core.rps_sock_flow_entries",
    "net.core.skb_defer_max",
    "net.core.wmem_default",
    "net.core.wmem_max",
    "net.ipv4.tcp_autocorking",
    "net.ipv4.tcp_available_congestion_control",
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_limit_output_bytes",
    "net.ipv4.tcp_mem",
    "net.ipv4.tcp_min_tso_segs",
    "net.ipv4.tcp_moderate_rcvbuf",
    "net.ipv4.tcp_no_metrics_save",
    "net.ipv4.tcp_notsent_lowat",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_slow_start_after_idle",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_tso_win_divisor",
    "net.ipv4.tcp_wmem",
];

/// Reads the host that this process runs on, as this process sees it.
pub(crate) fn read() -> Host {
    let root = Root::system();
    let uname = nix::sys::utsname::uname().ok();
    let of = |part: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| {
        uname.as_ref().map(|uname| part(uname).to_string_lossy().into_owned()).unwrap_or_default()
    };
    Host {
        kernel: of(|uname| uname.release()),
        kernel_build: of(|uname| uname.version()),
        architecture: of(|uname| uname.machine()),
        boot_id: root.text("proc/sys/kernel/random/boot_id"),
        cpu_model: cpu::model(&root),
        cpus_online: cpu::online(&root),
        cpus_allowed: cpu::allowed(),
        memory_bytes: memory(&root),
        caches: cpu::caches(&root),
        governor: root.text("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        virtualisation: cpu::virtualisation(&root),
        mitigations: root.files("sys/devices/system/cpu/vulnerabilities"),
        sysctls: sysctls(&root),
        limits: process::limits(),
        capabilities: process::capabilities(),
        seccomp: process::seccomp(&root),
        swiotlb_forced: swiotlb::forced(&root),
        swiotlb_used: swiotlb::used(&root),
        swiotlb_most_used: swiotlb::most_used(&root),
        tick_hz: tick_hz(),
        container_image: std::env::var("COPYCOST_IMAGE_ID").ok().filter(|id| !id.is_empty()),
    }
}

/// The resolution of the coarse clock is the kernel's tick (`ktime_get_coarse`, KTIME_LOW_RES).
fn tick_hz() -> Option<u64> {
    let tick = clock_getres(ClockId::CLOCK_MONOTONIC_COARSE).ok()?.num_nanoseconds();
    (tick > 0).then(|| (1e9 / tick as f64).round() as u64)
}

fn memory(root: &Root) -> Option<u64> {
    let text = root.field("proc/meminfo", "MemTotal")?;
    Some(text.strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

fn sysctls(root: &Root) -> BTreeMap<String, String> {
    SYSCTLS
        .into_iter()
        .filter_map(|name| {
            let value = root.text(format!("proc/sys/{}", name.replace('.', "/")))?;
            Some((name.to_owned(), value.split_whitespace().collect::<Vec<_>>().join(" ")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn memory_is_in_bytes() {
        let (_dir, root) = sample::root(&[("proc/meminfo", "MemTotal:       16277220 kB\nMemFree: 1 kB\n")]);
        assert_eq!(memory(&root), Some(16_277_220 * 1024));
    }

    #[test]
    fn sysctls_that_are_there_are_read_on_one_line() {
        let (_dir, root) = sample::root(&[
            ("proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456\n"),
            ("proc/sys/net/core/optmem_max", "131072\n"),
            ("proc/sys/net/ipv4/tcp_fastopen", "1\n"),
        ]);
        let expected = [("net.core.optmem_max", "131072"), ("net.ipv4.tcp_rmem", "4096 131072 6291456")];
        assert_eq!(sysctls(&root), expected.map(|(name, value)| (name.into(), value.into())).into());
    }

    #[test]
    fn this_host_tells_what_every_linux_does() {
        let host = read();
        assert!(host.kernel.contains('.'), "{}", host.kernel);
        assert_eq!(host.architecture, std::env::consts::ARCH);
        assert_eq!(host.boot_id.map(|id| id.len()), Some(36));
        assert!(host.cpus_online.unwrap() >= host.cpus_allowed.len() as u64);
        assert!(host.memory_bytes.unwrap() > 64 << 20);
        assert!(host.sysctls.contains_key("net.ipv4.tcp_congestion_control"));
        assert!(host.limits.contains_key("memlock"));
        assert!((24..=10_000).contains(&host.tick_hz.unwrap()), "{:?}", host.tick_hz);
    }
}
