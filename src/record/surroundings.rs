//! What went on around one end of a trial: whether its workers had their CPUs to themselves.

/// One end's surroundings inside the window that all streams have in common. What the host does not tell is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Surroundings {
    /// CPUs' worth of time that the host spent on others than the trial's agents.
    pub foreign_cpus: Option<f64>,
    /// Share of the time of the CPUs that the workers may use in which they ran.
    pub on_cpu: Option<f64>,
    /// Share of that time in which a worker could run and something else did.
    pub kept_off_cpu: Option<f64>,
    /// CPUs' worth of time that the hypervisor took away.
    pub steal_cpus: Option<f64>,
    /// Time in which the kernel held the agent's control group, or one above it, back, seconds.
    pub throttled_s: Option<f64>,
    /// Mean clock rate of the workers' CPUs at the window's end, 10^6 cycles a second.
    pub mhz: Option<f64>,
}

/// The columns of one end's surroundings, with `sender_` or `receiver_` before each name.
macro_rules! surroundings_columns {
    ($prefix:literal, $place:ident) => {
        [
            column!(
                concat!($prefix, "foreign_cpus"),
                $place.foreign_cpus,
                "CPUs' worth of time this end's host spent on others than the agents",
                since "1.2.0"
            ),
            column!(
                concat!($prefix, "on_cpu"),
                $place.on_cpu,
                "share of the workers' CPUs' time in which they ran",
                since "1.2.0"
            ),
            column!(
                concat!($prefix, "kept_off_cpu"),
                $place.kept_off_cpu,
                "share of it in which a worker could run and something else did",
                since "1.2.0"
            ),
            column!(
                concat!($prefix, "steal_cpus"),
                $place.steal_cpus,
                "CPUs' worth of time the hypervisor took away from this end's host",
                since "1.2.0"
            ),
            column!(
                concat!($prefix, "throttled_s"),
                $place.throttled_s,
                "time in which the control group's CPU quota was used up, s (cpu.stat)",
                since "1.2.0"
            ),
            column!(
                concat!($prefix, "mhz"),
                $place.mhz,
                "mean clock rate of the workers' CPUs at the window's end, MHz (cpufreq)",
                since "1.2.0"
            ),
        ]
    };
}
pub(crate) use surroundings_columns;
