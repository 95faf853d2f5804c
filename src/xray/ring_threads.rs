//! Threads that the kernel makes for a ring of io_uring: tasks of the process that owns it, which make system calls'
//! work without any call.
//!
//! One that looks for requests (SQPOLL) is called `iou-sqp-PID`, those that wait where a request would block
//! `iou-wrk-PID` (io_uring/sqpoll.c, io_uring/io-wq.c; Linux 5.12 and later). What they do is what the worker asked for.
//! The former may run on any CPU of the machine, whatever its maker is bound to (`io_sq_thread`).

const NAMES: [&str; 2] = ["iou-sqp-", "iou-wrk-"];

/// The ids of those that this process has now.
pub(super) fn of_this_process() -> Vec<u32> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let is_rings = |task: &std::fs::DirEntry| {
        let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        NAMES.iter().any(|of_a_ring| name.starts_with(of_a_ring))
    };
    let rings = tasks.flatten().filter(is_rings);
    rings.filter_map(|task| task.file_name().to_str()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_that_polls_a_ring_is_found_and_no_other() {
        const TEST: &str = "the_thread_that_polls_a_ring_is_found_and_no_other";
        let made = io_uring::IoUring::<io_uring::squeue::Entry>::builder().setup_sqpoll(1000).build(4);
        let Some(ring) = crate::skip::unless(TEST, made) else { return };
        // It gives itself its name when it first runs.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        let mut found = of_this_process();
        while found.is_empty() && std::time::Instant::now() < deadline {
            std::thread::sleep(std::time::Duration::from_millis(1));
            found = of_this_process();
        }
        let own = nix::unistd::gettid().as_raw() as u32;
        assert!(!found.is_empty() && !found.contains(&own), "{found:?}");
        drop(ring);
    }
}
