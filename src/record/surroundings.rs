//! What went on around one end of a trial: whether its workers had their CPUs to themselves.

use super::row::row;

row! {
    /// One end's surroundings inside the window that all streams have in common. What the host does not tell is absent.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Surroundings {
        /// CPUs' worth of time that this end's host spent on others than the trial's agents.
        foreign_cpus: Option<f64> in "CPUs" since "1.2.0",
        /// Share of the time of the CPUs that the workers may use in which they ran.
        on_cpu: Option<f64> since "1.2.0",
        /// Share of that time in which a worker could run and something else did.
        kept_off_cpu: Option<f64> since "1.2.0",
        /// CPUs' worth of time that the hypervisor took away from this end's host.
        steal_cpus: Option<f64> in "CPUs" since "1.2.0",
        /// Time in which the CPU quota of the agent's control group, or of one above it, was used up (cpu.stat).
        throttled_s: Option<f64> in "s" since "1.2.0",
        /// Mean clock rate of the workers' CPUs at the window's end (cpufreq).
        mhz: Option<f64> in "MHz" since "1.2.0",
    }
}
