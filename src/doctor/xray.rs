//! What the x-ray rests on, asked of the x-ray itself: sampling, names of kernel functions, and each place
//! where copied bytes can be counted.

use super::Finding;
use crate::record::category::{SamplingClock, Scope};
use crate::record::copies::Place;
use crate::xray::sampler::{SampleRate, Sampler};
use crate::xray::symbols::kernel_names;
use crate::xray::{Obstacle, probe};

const RIGHTS: &str = "run as root, or grant CAP_PERFMON (on older kernels and engines CAP_SYS_ADMIN)";

pub(super) fn check() -> Vec<Finding> {
    let cpus: Vec<usize> = crate::host::read().cpus_allowed.into_iter().take(1).collect();
    let thread = nix::unistd::gettid().as_raw() as u32;
    let sampler = Sampler::open(SampleRate::Dense, &cpus, &[thread]);
    let mut findings =
        vec![judge_sampling(sampler.map(|it| (it.scope(), it.clock(), it.limits().join("; "))))];
    findings.push(judge_symbols(kernel_names()));
    for place in [Place::User, Place::Kernel, Place::Deferred, Place::BelowTcp, Place::Receive] {
        findings.push(judge_counting(place, probe::can_count(place)));
    }
    findings
}

fn judge_sampling(opened: Result<(Scope, SamplingClock, String), String>) -> Finding {
    let check = "x-ray: sampling";
    match opened {
        Ok((Scope::Cpus, clock, _)) => Finding::ok(check, format!("whole CPUs with call chains, by {clock}")),
        Ok((_, _, limits)) => Finding::shortfall(check, limits, RIGHTS),
        Err(why) => Finding::shortfall(check, why, RIGHTS),
    }
}

fn judge_symbols(names: Result<(), Obstacle>) -> Finding {
    let check = "x-ray: kernel symbols";
    match names {
        Ok(()) => Finding::ok(check, "addresses are shown in /proc/kallsyms"),
        Err(Obstacle::NotInKernel(why)) => Finding::note(check, why),
        Err(Obstacle::Refused(why)) => Finding::shortfall(
            check,
            why,
            "run as root or grant CAP_SYSLOG; where that is not enough, sysctl -w kernel.kptr_restrict=1",
        ),
    }
}

fn judge_counting(place: Place, counted: Result<(), Obstacle>) -> Finding {
    let (what, otherwise) = match place {
        Place::User => ("copies in user space", "they are known by construction and by samples"),
        Place::Kernel => ("copies into the kernel", "samples show only whether they are made"),
        Place::Deferred => ("deferred copies", "completions flag them, and samples show them"),
        Place::BelowTcp => ("copies below TCP", "samples show whether they are made"),
        Place::Unknown | Place::Card => return Finding::note("x-ray", "nothing counts these copies"),
        Place::Receive => ("copies to the receiver", "samples show only whether they are made"),
    };
    let check = format!("x-ray: {what}");
    match counted {
        Ok(()) if place == Place::Deferred => Finding::ok(&check, "their number is counted, from below"),
        Ok(()) if place == Place::BelowTcp => Finding::ok(&check, "counted from below"),
        Ok(()) => Finding::ok(&check, "counted to the byte"),
        // What was left out when the kernel was built is nobody's to mend from here.
        Err(Obstacle::NotInKernel(why)) => Finding::note(&check, format!("{why}; {otherwise}")),
        Err(Obstacle::Refused(why)) => Finding::shortfall(&check, format!("{why}; {otherwise}"), RIGHTS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn a_missing_right_has_a_remedy_and_a_missing_option_of_the_kernel_has_none() {
        let refused = judge_counting(Place::User, Err("EACCES: CAP_PERFMON is missing".to_owned().into()));
        assert_eq!(refused.verdict, Severity::Shortfall);
        assert!(refused.remedy.unwrap().contains("CAP_PERFMON"));
        let without = judge_counting(Place::Kernel, Err(Obstacle::NotInKernel("no CONFIG_KPROBES".into())));
        assert_eq!((without.verdict, without.remedy), (Severity::Note, None));
        assert_eq!(judge_counting(Place::Receive, Ok(())).verdict, Severity::Ok);
    }

    #[test]
    fn less_than_whole_cpus_is_a_shortfall() {
        let of = |scope| judge_sampling(Ok((scope, SamplingClock::CpuClock, "EACCES".into()))).verdict;
        assert_eq!(of(Scope::Cpus), Severity::Ok);
        assert_eq!((of(Scope::Threads), of(Scope::UserSpace)), (Severity::Shortfall, Severity::Shortfall));
        assert_eq!(judge_sampling(Err("EPERM".into())).verdict, Severity::Shortfall);
    }

    #[test]
    fn zeroed_addresses_are_told_from_real_ones() {
        assert_eq!(judge_symbols(Ok(())).verdict, Severity::Ok);
        assert_eq!(
            judge_symbols(Err("zeros: CAP_SYSLOG is missing".to_owned().into())).verdict,
            Severity::Shortfall
        );
        let without = judge_symbols(Err(Obstacle::NotInKernel("empty".into())));
        assert_eq!(without.verdict, Severity::Note);
    }
}
