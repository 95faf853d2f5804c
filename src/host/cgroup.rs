//! What this process's control group, and those above it, allow: how long the kernel held it back because a quota was used
//! up, and how much memory is left.

use super::Root;

/// Seconds since each group began, added up over the process's own group and all above it that it can see;
/// absent where no group reports it.
pub(super) fn throttled_s() -> Option<f64> {
    throttled(&Root::system())
}

fn throttled(root: &Root) -> Option<f64> {
    let groups = directories(root, "cpu");
    let found: Vec<f64> =
        groups.iter().filter_map(|group| read(root, &format!("{group}/cpu.stat"))).collect();
    (!found.is_empty()).then(|| found.iter().sum())
}

/// Bytes that the process's groups can still have, where one of them has a limit. Pages of files that nobody has used for a
/// while are given up for others.
pub(super) fn memory_left(root: &Root) -> Option<u64> {
    let left = |group: &String| {
        let number = |name: &str| root.text(format!("{group}/{name}"))?.parse::<u64>().ok();
        let limit = number("memory.max").or_else(|| number("memory.limit_in_bytes"))?;
        let used = number("memory.current").or_else(|| number("memory.usage_in_bytes"))?;
        let stat = root.text(format!("{group}/memory.stat")).unwrap_or_default();
        let of = |name: &str| {
            let line = stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|value| value.trim().parse::<u64>().ok())
        };
        let files = of("total_inactive_file").or_else(|| of("inactive_file")).unwrap_or(0);
        Some(limit.saturating_sub(used.saturating_sub(files)))
    };
    directories(root, "memory").iter().filter_map(left).min()
}

/// The directories of the process's groups that have a controller, each before those above it. A group's line in
/// `/proc/self/cgroup` is `NUMBER:CONTROLLERS:PATH`; version 2 has no controllers (cgroups(7)).
fn directories(root: &Root, controller: &str) -> Vec<String> {
    let groups = root.text("proc/self/cgroup").unwrap_or_default();
    let of_line = |line: &str| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?.to_owned());
        let mount = match controllers {
            "" => "sys/fs/cgroup".to_owned(),
            several if several.split(',').any(|one| one == controller) => format!("sys/fs/cgroup/{several}"),
            _ => return None,
        };
        Some(upwards(&path).map(|path| format!("{mount}{path}")).collect::<Vec<_>>())
    };
    groups.lines().filter_map(of_line).flatten().collect()
}

/// A group's path and those above it, without the last slash: `/a/b`, `/a`, ``.
fn upwards(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path.trim_end_matches('/')), |path| Some(&path[..path.rfind('/')?]))
}

/// `throttled_usec` of version 2, `throttled_time` in nanoseconds of version 1.
fn read(root: &Root, path: &str) -> Option<f64> {
    root.text(path)?.lines().find_map(|line| {
        let (name, value) = line.split_once(' ')?;
        let per_second = match name {
            "throttled_usec" => 1e6,
            "throttled_time" => 1e9,
            _ => return None,
        };
        Some(value.trim().parse::<f64>().ok()? / per_second)
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn quotas_of_the_group_and_of_those_above_it_count() {
        let (_dir, root) = sample::root(&[
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/b/cpu.stat", "usage_usec 5\nnr_throttled 2\nthrottled_usec 1500000\n"),
            ("sys/fs/cgroup/a/cpu.stat", "throttled_usec 250000\n"),
        ]);
        assert_eq!(throttled(&root), Some(1.75));
    }

    #[test]
    fn version_1_tells_in_nanoseconds_under_its_controllers() {
        let (_dir, root) = sample::root(&[
            ("proc/self/cgroup", "4:memory:/x\n3:cpu,cpuacct:/x\n0::/\n"),
            ("sys/fs/cgroup/cpu,cpuacct/x/cpu.stat", "nr_periods 7\nthrottled_time 2000000000\n"),
        ]);
        assert_eq!(throttled(&root), Some(2.0));
    }

    #[test]
    fn where_no_group_tells_there_is_no_figure() {
        let (_dir, root) = sample::root(&[("proc/self/cgroup", "0::/\n")]);
        assert_eq!(throttled(&root), None);
    }
}
