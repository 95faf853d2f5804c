//! Whether the default lab can run, and with a delay: by making it once, two namespaces and one pair, in child
//! processes.

use std::io::{BufRead, BufReader, Write};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::Finding;
use crate::link::child::{Child, answer};
use crate::link::{Entered, LinkSpec, NsRef, Refusal, create, enter_new_netns, join_user_ns_then_new_netns};
use crate::record::manifest::Netem;

const CHECK: &str = "netns lab";
const NETEM: &str = "link with a delay";

/// What a step in a child came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Step {
    Done { privileged: bool, netem: bool },
    Refused { what: String, remedy: String },
}

impl From<Result<Entered>> for Step {
    fn from(result: Result<Entered>) -> Self {
        match result {
            Ok(entered) => Self::Done { privileged: entered == Entered::Privileged, netem: false },
            Err(error) => match error.downcast::<Refusal>() {
                Ok(Refusal { what, remedy }) => Self::Refused { what, remedy },
                Err(error) => {
                    Self::Refused { what: format!("{error:#}"), remedy: "choose --lab loopback".to_owned() }
                }
            },
        }
    }
}

/// The lab first; whether its link can have a delay where there is a lab.
pub(super) fn check() -> Vec<Finding> {
    judge(probe().unwrap_or_else(|error| Err(error).into()))
}

fn judge(step: Step) -> Vec<Finding> {
    let (privileged, netem) = match step {
        Step::Done { privileged, netem } => (privileged, netem),
        Step::Refused { what, remedy } => return vec![Finding::shortfall(CHECK, what, remedy)],
    };
    let how = if privileged { "as root" } else { "without root" };
    let works = format!("works {how}: two network namespaces and a veth pair were made");
    let delay = if netem {
        Finding::ok(NETEM, "netem works: `link: {delay: 1ms}` in a grid")
    } else {
        let remedy = "run `modprobe sch_netem` as root where the kernel has it as a module";
        Finding::shortfall(
            NETEM,
            "the kernel has no sch_netem: a link has the delay of its wire alone",
            remedy,
        )
    };
    vec![Finding::ok(CHECK, works), delay]
}

fn probe() -> Result<Step> {
    let (sender, step) = enter(None)?;
    if matches!(step, Step::Refused { .. }) {
        return Ok(step);
    }
    let (receiver, beside) = enter(Some(sender.id()))?;
    if matches!(beside, Step::Refused { .. }) {
        return Ok(beside);
    }
    let spec = LinkSpec::between(NsRef::Pid(sender.id()), NsRef::Pid(receiver.id()));
    let linked = answer(|| {
        let step = match (create(&spec), step) {
            (Ok(_), Step::Done { privileged, .. }) => {
                let made = create(&LinkSpec { netem: Some(Netem::default()), ..spec.clone() });
                Step::Done { privileged, netem: made.is_ok_and(|made| made.sender.netem.is_some()) }
            }
            (Ok(_), refused) => refused,
            (Err(error), _) => Err(error).into(),
        };
        Ok(serde_json::to_string(&step)?)
    })?;
    Ok(serde_json::from_str(&linked)?)
}

/// A child that enters a namespace, says how that went, and stays until it is dropped.
fn enter(beside: Option<u32>) -> Result<(Child, Step)> {
    let child = Child::spawn(move |mut stream| {
        let step = Step::from(beside.map_or_else(enter_new_netns, join_user_ns_then_new_netns));
        writeln!(stream, "{}", serde_json::to_string(&step)?)?;
        loop {
            nix::unistd::pause();
        }
    })
    .context("cannot start a child process")?;
    let mut line = String::new();
    BufReader::new(&child.stream).read_line(&mut line)?;
    if line.is_empty() {
        bail!("a child process ended without an answer");
    }
    Ok((child, serde_json::from_str(&line)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn a_refusal_is_a_shortfall_with_its_command() {
        let refusal = Refusal { what: "no namespace (EPERM)".into(), remedy: "sysctl -w a=1".into() };
        let found = judge(Err(refusal.into()).into());
        assert_eq!(found, [Finding::shortfall(CHECK, "no namespace (EPERM)", "sysctl -w a=1")]);
        let other = judge(Err(anyhow::anyhow!("fork failed")).into());
        assert_eq!((other[0].verdict, other[0].found.as_str()), (Severity::Shortfall, "fork failed"));
    }

    #[test]
    fn a_kernel_without_netem_has_a_lab_all_the_same() {
        let of = |netem| judge(Step::Done { privileged: true, netem }).into_iter().map(|found| found.verdict);
        assert!(of(true).eq([Severity::Ok, Severity::Ok]));
        assert!(of(false).eq([Severity::Ok, Severity::Shortfall]));
    }

    #[test]
    fn the_probe_leaves_nothing_and_tells_the_truth() {
        let before = std::fs::read_to_string("/proc/net/dev").unwrap().lines().count();
        match probe().unwrap() {
            Step::Done { privileged, .. } => {
                let is_root = nix::unistd::geteuid().is_root();
                assert!(is_root || !privileged);
            }
            Step::Refused { what, remedy } => {
                assert!(!remedy.is_empty());
                crate::skip::skip("the_probe_leaves_nothing_and_tells_the_truth", what);
            }
        }
        assert_eq!(std::fs::read_to_string("/proc/net/dev").unwrap().lines().count(), before);
    }
}
