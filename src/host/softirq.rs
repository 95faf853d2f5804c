//! Whether a thread is charged for the softirqs that run on top of it.
//!
//! Without CONFIG_IRQ_TIME_ACCOUNTING the kernel adds the time of an interrupt to the CPU time of the thread that it
//! interrupts; with it, to nobody's (`update_rq_clock_task`, kernel/sched/core.c). No file shows which; a thread
//! that sends datagrams to itself over the loopback can: it receives each in a softirq of its own.

use std::net::UdpSocket;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};

use super::sched::run_delay_s;

/// How long one trial of it takes.
const SPELL: Duration = Duration::from_millis(4);
/// Of a thread that was never off its CPU, the share of the time that it is charged with: nearly all without that
/// option. With it, receiving a datagram is a third of sending one to oneself, or more.
const CHARGED: f64 = 0.93;

/// Whether a thread's CPU time includes the softirqs that ran on top of it; absent where it could not be found
/// out. The answer is looked for once, which takes 20 ms: before any stream runs.
pub(crate) fn is_charged() -> Option<bool> {
    static ANSWER: OnceLock<Option<bool>> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let socket = UdpSocket::bind("127.0.0.1:0").ok()?;
        let own = socket.local_addr().ok()?;
        socket.connect(own).ok()?;
        // A datagram is there when its sending returns, or it never comes: something filters the loopback.
        socket.set_read_timeout(Some(SPELL)).ok()?;
        // The clearest of a few: what else takes the CPU from the thread makes a share smaller, and nothing larger.
        let shares: Vec<f64> = (0..5).filter_map(|_| charged_share(&socket)).collect();
        shares.into_iter().reduce(f64::max).map(|share| share > CHARGED)
    })
}

fn charged_share(socket: &UdpSocket) -> Option<f64> {
    let datagram = [0_u8; 64];
    let mut buffer = [0_u8; 64];
    let charged =
        || Some(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).ok()?.num_nanoseconds() as f64 / 1e9);
    let (began, before) = (Instant::now(), charged()? + run_delay_s().unwrap_or_default());
    while began.elapsed() < SPELL {
        socket.send(&datagram).ok()?;
        socket.recv(&mut buffer).ok()?;
    }
    let after = charged()? + run_delay_s().unwrap_or_default();
    Some((after - before) / began.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_what_the_kernel_was_built_with() {
        let config = || -> Option<String> {
            let packed = std::fs::File::open("/proc/config.gz").ok()?;
            let mut text = String::new();
            std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(packed), &mut text).ok()?;
            Some(text)
        };
        let Some(config) = config() else {
            crate::skip::skip("the_answer_is_what_the_kernel_was_built_with", "no /proc/config.gz");
            return;
        };
        let accounted = config.lines().any(|line| line == "CONFIG_IRQ_TIME_ACCOUNTING=y");
        assert_eq!(is_charged(), Some(!accounted));
    }
}
