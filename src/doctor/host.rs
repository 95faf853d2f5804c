//! The host itself: kernel, CPUs, congestion control, room for results.

use std::path::Path;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

use super::Finding;
use crate::host::{self, CpuTimes};
use crate::record::manifest::Host;
use crate::socket;

/// MSG_ZEROCOPY on TCP came with Linux 4.14.
const OLDEST_KERNEL: (u32, u32) = (4, 14);
/// How long steal is watched.
const WATCHED: Duration = Duration::from_millis(200);
/// Descriptors that a stream of one agent may hold: its socket, the events and the leaders of their groups.
const FILES_PER_STREAM: u64 = 16;
/// Room that a large run's files take, with some to spare.
const ROOM: u64 = 100 << 20;

pub(super) fn check(facts: &Host, results: &Path) -> Vec<Finding> {
    let available = socket::available_congestion().unwrap_or_default();
    let default = facts.sysctls.get("net.ipv4.tcp_congestion_control").map(String::as_str);
    let files = getrlimit(Resource::RLIMIT_NOFILE).ok();
    vec![
        judge_cpus(&host::pin_order(&facts.cpus_allowed)),
        judge_governor(facts.governor.as_deref(), facts.virtualisation.as_deref()),
        judge_virtualisation(facts.virtualisation.as_deref()),
        steal(),
        judge_congestion(&available, default),
        judge_files(files),
        room(results),
    ]
}

pub(super) fn judge_kernel(release: &str) -> Finding {
    let mut numbers = release.split(|digit: char| !digit.is_ascii_digit()).map(|part| part.parse().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) if (major, minor) < OLDEST_KERNEL => Finding::shortfall(
            "kernel",
            format!("{release}: MSG_ZEROCOPY on TCP needs 4.14"),
            "boot a kernel of 4.14 or newer; the paths without MSG_ZEROCOPY run on this one",
        ),
        _ => Finding::ok("kernel", release),
    }
}

/// `order` is that in which workers are pinned.
fn judge_cpus(order: &[usize]) -> Finding {
    let names: Vec<_> = order.iter().map(usize::to_string).collect();
    let names = names.join(", ");
    match order {
        [] => Finding::note("CPUs", "which may be used cannot be read"),
        [_] => Finding::note("CPUs", format!("only CPU {names} may be used: sender and receiver share it")),
        _ => Finding::ok("CPUs", format!("{} may be used, one of each core first: {names}", order.len())),
    }
}

fn judge_governor(governor: Option<&str>, virtualisation: Option<&str>) -> Finding {
    let check = "CPU governor";
    match governor {
        Some("performance") => Finding::ok(check, "performance"),
        Some(other) => Finding::shortfall(
            check,
            format!("{other}: the clock changes with the load, and throughput with it"),
            "cpupower frequency-set -g performance, as root",
        ),
        None if virtualisation.is_some_and(|name| name != "none") => {
            Finding::ok(check, "none visible; the hypervisor's host decides")
        }
        None => Finding::note(check, "none visible; the firmware decides"),
    }
}

fn judge_virtualisation(name: Option<&str>) -> Finding {
    let check = "virtualisation";
    match name {
        Some("none") => Finding::ok(check, "none"),
        Some(name) => {
            Finding::note(check, format!("{name}: neighbours can disturb; mind steal and the spread"))
        }
        None => Finding::note(check, "not known"),
    }
}

fn steal() -> Finding {
    let before = host::cpu_times();
    std::thread::sleep(WATCHED);
    let after = host::cpu_times();
    judge_steal(after, after.zip(before).map(|(after, before)| after - before))
}

fn judge_steal(since_boot: Option<CpuTimes>, now: Option<CpuTimes>) -> Finding {
    let check = "steal";
    // Of the time in which there was work: an idle CPU has nothing that could be stolen.
    let share = |times: CpuTimes| times.steal_s / (times.busy_s + times.steal_s).max(f64::MIN_POSITIVE);
    let (Some(since_boot), Some(now)) = (since_boot.map(share), now.map(share)) else {
        return Finding::note(check, "/proc/stat cannot be read");
    };
    let found = format!("{:.1} % of busy time since boot, {:.1} % just now", since_boot * 100.0, now * 100.0);
    if since_boot < 0.01 && now < 0.01 {
        Finding::ok(check, found)
    } else {
        Finding::note(check, found).with_remedy("more repetitions, a quieter time, or a dedicated host")
    }
}

fn judge_congestion(available: &[String], default: Option<&str>) -> Finding {
    let check = "congestion control";
    let default = default.unwrap_or("unknown");
    if !available.iter().any(|name| name == "cubic") {
        return Finding::shortfall(
            check,
            format!("no cubic; the default is {default}"),
            "modprobe tcp_cubic, as root; or name another in the grid's socket.congestion",
        );
    }
    if default.starts_with("bbr") {
        return Finding::note(
            check,
            format!(
                "cubic, which grids ask for, is there; the default, {default}, paces and hides what copies cost"
            ),
        );
    }
    Finding::ok(check, format!("cubic is there; the default is {default}"))
}

fn judge_files(limit: Option<(u64, u64)>) -> Finding {
    let check = "open files";
    let Some((soft, hard)) = limit else { return Finding::note(check, "the limit cannot be read") };
    let found = format!("{soft}: enough for {} streams with all counters", soft / FILES_PER_STREAM);
    if soft / FILES_PER_STREAM >= 256 {
        Finding::ok(check, found)
    } else if hard / FILES_PER_STREAM >= 256 {
        Finding::note(check, found).with_remedy(format!("ulimit -n {}, for more", hard.min(16_384)))
    } else {
        Finding::note(check, found).with_remedy("raise nofile in /etc/security/limits.conf, for more")
    }
}

fn room(results: &Path) -> Finding {
    // The directory need not exist yet; what counts is where it would be made.
    let absolute = std::path::absolute(results).unwrap_or_else(|_| results.to_owned());
    let Some(place) = absolute.ancestors().find(|path| path.exists()) else {
        return Finding::note("results", format!("{}: cannot be read", results.display()));
    };
    let writable = place.is_dir() && access(place, AccessFlags::W_OK | AccessFlags::X_OK).is_ok();
    let free = statvfs(place).ok().map(|told| told.blocks_available() * told.fragment_size());
    judge_room(results, writable, free)
}

fn judge_room(results: &Path, writable: bool, free: Option<u64>) -> Finding {
    let check = "results";
    let name = results.display();
    if !writable {
        return Finding::shortfall(
            check,
            format!("{name} cannot be written"),
            "pass --results DIR with a directory that you may write",
        );
    }
    match free {
        Some(free) if free < ROOM => Finding::shortfall(
            check,
            format!("{name}: {} MiB free", free >> 20),
            "free some space, or pass --results DIR on another file system",
        ),
        Some(free) => {
            Finding::ok(check, format!("{name}: writable, {:.1} GiB free", free as f64 / (1 << 30) as f64))
        }
        None => Finding::note(check, format!("{name}: writable; free space cannot be read")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn old_kernels_are_told() {
        for (release, verdict) in [
            ("6.18.44-fc", Severity::Ok),
            ("5.4.0-150-generic", Severity::Ok),
            ("4.14.0", Severity::Ok),
            ("4.9.337", Severity::Shortfall),
            ("3.10.0-1160.el7", Severity::Shortfall),
            ("strange", Severity::Ok),
        ] {
            assert_eq!(judge_kernel(release).verdict, verdict, "{release}");
        }
    }

    #[test]
    fn cpus_are_listed_in_the_order_of_pinning() {
        assert!(judge_cpus(&[0, 2, 1, 3]).found.ends_with("0, 2, 1, 3"));
        assert_eq!(judge_cpus(&[5]).verdict, Severity::Note);
        assert_eq!(judge_cpus(&[]).verdict, Severity::Note);
    }

    #[test]
    fn a_governor_that_moves_the_clock_is_a_shortfall() {
        assert_eq!(judge_governor(Some("performance"), None).verdict, Severity::Ok);
        assert_eq!(judge_governor(Some("powersave"), None).verdict, Severity::Shortfall);
        assert_eq!(judge_governor(None, Some("kvm")).verdict, Severity::Ok);
        assert_eq!(judge_governor(None, Some("none")).verdict, Severity::Note);
    }

    #[test]
    fn steal_is_a_share_of_busy_time() {
        let of = |busy_s, steal_s| Some(CpuTimes { busy_s, steal_s, ..CpuTimes::default() });
        let quiet = judge_steal(of(1000.0, 1.0), of(0.0, 0.0));
        assert_eq!(
            (quiet.verdict, quiet.found.as_str()),
            (Severity::Ok, "0.1 % of busy time since boot, 0.0 % just now")
        );
        assert_eq!(judge_steal(of(1000.0, 1.0), of(0.09, 0.01)).verdict, Severity::Note);
        assert_eq!(judge_steal(None, None).verdict, Severity::Note);
    }

    #[test]
    fn a_pacing_default_is_a_note_and_no_cubic_a_shortfall() {
        let of = |names: &[&str], default| {
            judge_congestion(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), default)
                .verdict
        };
        assert_eq!(of(&["reno", "cubic"], Some("cubic")), Severity::Ok);
        assert_eq!(of(&["reno", "cubic", "bbr"], Some("bbr")), Severity::Note);
        assert_eq!(of(&["reno"], Some("reno")), Severity::Shortfall);
    }

    #[test]
    fn files_are_counted_in_streams() {
        assert_eq!(judge_files(Some((20_000, 20_000))).verdict, Severity::Ok);
        let finding = judge_files(Some((1024, 1 << 20)));
        assert!(finding.found.contains("64 streams"), "{finding:?}");
        assert_eq!(finding.remedy.as_deref(), Some("ulimit -n 16384, for more"));
    }

    #[test]
    fn results_need_room_and_the_right_to_write() {
        let path = Path::new("results");
        assert_eq!(judge_room(path, false, Some(1 << 40)).verdict, Severity::Shortfall);
        assert_eq!(judge_room(path, true, Some(1 << 20)).verdict, Severity::Shortfall);
        assert_eq!(judge_room(path, true, Some(3 << 29)).found, "results: writable, 1.5 GiB free");
        let dir = tempfile::tempdir().unwrap();
        assert_ne!(room(&dir.path().join("not/yet/there")).found, "");
        assert_eq!(room(&dir.path().join("not/yet/there")).verdict, Severity::Ok);
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(room(&file).verdict, Severity::Shortfall, "a file is no place for a directory");
    }
}
