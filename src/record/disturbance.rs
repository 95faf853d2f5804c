//! What kept a trial from having its CPUs to itself.

use std::fmt;

use super::Surroundings;
use super::column::{Field, list};
use crate::cell::words;

/// CPUs' worth of load by others from which a trial is disturbed.
pub const FOREIGN_CPUS: f64 = 0.05;
/// Share of the CPU time that workers could have had, and that something else had, from which a trial is disturbed.
pub const KEPT_OFF: f64 = 0.1;
/// Share of the window in which the control group was held back from which a trial is disturbed.
pub const THROTTLED: f64 = 0.01;
/// CPUs' worth of stolen time from which a trial is disturbed.
pub const STEAL_CPUS: f64 = 0.01;
/// The host's times come in ticks of 10 ms; one may be missing at either end of a window, seconds.
const TICKS_S: f64 = 0.02;

/// Why a trial's figures are not those of its cell alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Disturbance {
    /// Others were busy on a host: more than [`FOREIGN_CPUS`].
    ForeignLoad,
    /// Workers could run, and something else had their CPUs: more than [`KEPT_OFF`] of the time.
    KeptOffCpu,
    /// The control group's quota was used up: more than [`THROTTLED`] of the window.
    Throttled,
    /// The hypervisor took CPU time away: more than [`STEAL_CPUS`].
    Steal,
    /// What the streams received is not what came by the interface: queues filled or emptied in the window, or others
    /// used the interface.
    Unsettled,
}

words!(Disturbance:
    ForeignLoad = "foreign-load", KeptOffCpu = "kept-off-cpu", Throttled = "throttled", Steal = "steal",
    Unsettled = "unsettled",
);

impl Disturbance {
    /// All of them, in order.
    pub const ALL: [Self; 5] =
        [Self::ForeignLoad, Self::KeptOffCpu, Self::Throttled, Self::Steal, Self::Unsettled];

    /// What happened, for a sentence about trials.
    pub fn words(self) -> &'static str {
        match self {
            Self::ForeignLoad => "others were busy on the host",
            Self::KeptOffCpu => "something else ran on the workers' CPUs",
            Self::Throttled => "the control group's CPU quota was used up",
            Self::Steal => "the hypervisor took CPU time away",
            Self::Unsettled => "queues filled or emptied, or others used the interface",
        }
    }
}

/// The disturbances of a trial, in the order of [`Disturbance`]; a space lies between them in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disturbances(pub Vec<Disturbance>);

impl Disturbances {
    /// The disturbances of a trial whose window had this length, in seconds, from what either end's host was like.
    pub fn of(window_s: f64, hosts: [&Surroundings; 2]) -> Self {
        let ticks = TICKS_S / window_s;
        let any = |holds: &dyn Fn(&Surroundings) -> Option<bool>| {
            hosts.into_iter().any(|host| holds(host).unwrap_or(false))
        };
        let found = [
            (Disturbance::ForeignLoad, any(&|host| Some(host.foreign_cpus? > FOREIGN_CPUS + ticks))),
            (Disturbance::KeptOffCpu, any(&|host| Some(host.kept_off_cpu? > KEPT_OFF))),
            (Disturbance::Throttled, any(&|host| Some(host.throttled_s? > THROTTLED * window_s))),
            (Disturbance::Steal, any(&|host| Some(host.steal_cpus? > STEAL_CPUS + ticks))),
        ];
        Self(found.into_iter().filter_map(|(what, holds)| holds.then_some(what)).collect())
    }

    /// Whether nothing disturbed the trial, as far as could be seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Disturbances {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(Disturbance::to_string).collect();
        out.write_str(&words.join(" "))
    }
}

impl Field for Disturbances {
    fn kind() -> String {
        format!("any of {}, separated by spaces", list(Disturbance::WORDS))
    }

    fn print(&self) -> String {
        self.to_string()
    }

    fn json(&self) -> serde_json::Value {
        self.to_string().into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.split_whitespace().map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(window_s: f64, host: Surroundings) -> String {
        Disturbances::of(window_s, [&Surroundings::default(), &host]).to_string()
    }

    #[test]
    fn each_is_found_at_either_end() {
        assert_eq!(found(1.0, Surroundings::default()), "", "absent is no disturbance");
        let busy = Surroundings { foreign_cpus: Some(0.08), ..Surroundings::default() };
        assert_eq!(found(1.0, busy.clone()), "foreign-load");
        assert_eq!(found(0.1, busy), "", "ticks cannot tell so little in so short a window");
        let kept =
            Surroundings { kept_off_cpu: Some(0.2), throttled_s: Some(0.5), ..Surroundings::default() };
        assert_eq!(found(1.0, kept), "kept-off-cpu throttled");
        let quiet = Surroundings {
            foreign_cpus: Some(-0.04),
            kept_off_cpu: Some(0.01),
            throttled_s: Some(0.0),
            steal_cpus: Some(0.0),
            ..Surroundings::default()
        };
        assert_eq!(found(1.0, quiet), "");
    }

    #[test]
    fn they_survive_the_file() {
        let all = Disturbances(vec![Disturbance::ForeignLoad, Disturbance::Steal]);
        assert_eq!(Disturbances::parse(&all.print()), Ok(all));
        assert_eq!(Disturbances::parse(""), Ok(Disturbances::default()));
        assert!(Disturbances::parse("rain").unwrap_err().contains("`rain` is not one of"));
    }
}
