//! Each counter: a hardware event is opened once.

use std::io;

use super::Finding;
use crate::counters::events::{Event, reason};
use crate::counters::usage;

pub(super) fn check() -> Vec<Finding> {
    let finding = |event: Event| match usage::source(event) {
        Some(Ok(source)) => Finding::ok(&event.to_string(), format!("counts, from {source}")),
        Some(Err(why)) => Finding::note(&event.to_string(), why),
        None => judge(event, event.open().map(drop)),
    };
    Event::ALL.into_iter().map(finding).collect()
}

fn judge(event: Event, opened: io::Result<()>) -> Finding {
    let check = format!("perf {event}");
    let Err(error) = opened else { return Finding::ok(&check, "counts, kernel included") };
    let remedy = match error.raw_os_error() {
        Some(libc::EACCES) => "sysctl -w kernel.perf_event_paranoid=1, as root, or grant CAP_PERFMON",
        Some(libc::EPERM) => {
            "run as root; in a container add `--cap-add PERFMON --security-opt seccomp=unconfined` (engines that \
             do not know PERFMON: SYS_ADMIN)"
        }
        Some(libc::EMFILE) => "ulimit -n 16384",
        // No command gives a machine a PMU.
        _ => {
            let note = Finding::note(&check, reason(&error));
            return note.with_remedy("bare metal, or a guest with a virtual PMU");
        }
    };
    Finding::shortfall(&check, reason(&error), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn what_can_be_granted_is_a_shortfall_and_a_missing_pmu_is_not() {
        let of = |errno| judge(Event::Cycles, Err(io::Error::from_raw_os_error(errno)));
        assert!(of(libc::EACCES).remedy.unwrap().contains("kernel.perf_event_paranoid=1"));
        assert!(of(libc::EPERM).remedy.unwrap().contains("seccomp=unconfined"));
        assert_eq!(of(libc::EPERM).verdict, Severity::Shortfall);
        assert_eq!(of(libc::ENOENT).verdict, Severity::Note);
        assert_eq!(judge(Event::Cycles, Ok(())).verdict, Severity::Ok);
    }
}
