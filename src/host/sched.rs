//! What the scheduler reports of a thread.

/// How long the calling thread has been runnable and had to wait for a CPU, seconds since it began; absent where
/// the kernel does not tell (CONFIG_SCHED_INFO).
pub(crate) fn run_delay_s() -> Option<f64> {
    parse_run_delay(&std::fs::read_to_string("/proc/thread-self/schedstat").ok()?)
}

/// The second of three figures: time on a CPU, time waiting for one, turns; the times in nanoseconds.
fn parse_run_delay(text: &str) -> Option<f64> {
    Some(text.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_for_a_cpu_is_the_second_figure() {
        assert_eq!(parse_run_delay("123 2500000000 7\n"), Some(2.5));
        assert_eq!(parse_run_delay(""), None);
    }
}
