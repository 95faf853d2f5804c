//! How long the kernel held this process back because its control group, or one above it, had used up its quota.

use super::Root;

/// Seconds since each group began, added up over the process's own group and all above it that it can see;
/// absent where no group reports it.
pub(super) fn throttled_s() -> Option<f64> {
    throttled(&Root::system())
}

/// A group's line in `/proc/self/cgroup` is `NUMBER:CONTROLLERS:PATH`; version 2 has no controllers (cgroups(7)).
fn throttled(root: &Root) -> Option<f64> {
    let groups = root.text("proc/self/cgroup")?;
    let found: Vec<f64> = groups
        .lines()
        .filter_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?);
            let mount = match controllers {
                "" => "sys/fs/cgroup".to_owned(),
                several if several.split(',').any(|one| one == "cpu") => format!("sys/fs/cgroup/{several}"),
                _ => return None,
            };
            Some(upwards(path).filter_map(move |path| read(root, &format!("{mount}{path}/cpu.stat"))))
        })
        .flatten()
        .collect();
    (!found.is_empty()).then(|| found.iter().sum())
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
