//! How much memory there is to be had: of the host, and of the control groups that the process is in.

use super::{Root, cgroup};

/// Memory that can be had now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Available {
    /// Bytes.
    pub(crate) bytes: u64,
    /// Who allows no more.
    pub(crate) limit: &'static str,
}

/// What can be had; absent where nothing tells.
pub(crate) fn available() -> Option<Available> {
    of(&Root::system())
}

fn of(root: &Root) -> Option<Available> {
    let host = root.field("proc/meminfo", "MemAvailable").and_then(|text| {
        let kib: u64 = text.strip_suffix("kB")?.trim().parse().ok()?;
        Some(Available { bytes: kib * 1024, limit: "MemAvailable of the host" })
    });
    let group = cgroup::memory_left(root)
        .map(|bytes| Available { bytes, limit: "the memory limit of the container or control group" });
    host.into_iter().chain(group).min_by_key(|available| available.bytes)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_tightest_limit_counts_and_what_files_hold_can_be_had() {
        const MIB: &str = "1048576";
        let host = ("proc/meminfo", "MemTotal: 900 kB\nMemAvailable:   400 kB\n");
        let (_dir, root) = sample::root(&[host, ("proc/self/cgroup", "0::/a/b\n")]);
        assert_eq!(of(&root).unwrap().bytes, 400 << 10);
        let (_dir, root) = sample::root(&[
            ("proc/meminfo", "MemAvailable: 4000 kB\n"),
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("sys/fs/cgroup/a/b/memory.current", MIB),
            ("sys/fs/cgroup/a/memory.max", MIB),
            ("sys/fs/cgroup/a/memory.current", "1000000"),
            ("sys/fs/cgroup/a/memory.stat", "anon 5\ninactive_file 1000\n"),
        ]);
        let found = of(&root).unwrap();
        assert_eq!((found.bytes, found.limit.contains("control group")), (1_048_576 - 999_000, true));
    }

    #[test]
    fn version_1_has_other_names() {
        let (_dir, root) = sample::root(&[
            ("proc/self/cgroup", "4:memory:/x\n3:cpu,cpuacct:/x\n"),
            ("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "5000"),
            ("sys/fs/cgroup/memory/x/memory.usage_in_bytes", "3000"),
            ("sys/fs/cgroup/memory/x/memory.stat", "inactive_file 1\ntotal_inactive_file 100\n"),
        ]);
        assert_eq!(of(&root).unwrap().bytes, 2100);
        assert_eq!(of(&sample::root(&[]).1), None);
    }
}
