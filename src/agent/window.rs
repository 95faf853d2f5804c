//! The window that all streams of one end have in common, and the host's load in it.
//!
//! Each worker begins and ends a window of its own, because it alone can read its counters; with many streams on few
//! CPUs those windows lie apart, and the sum of the streams' rates would be that of no moment. So the session looks
//! at all streams at one instant after the last of them has begun, and at another before the first is told to end.

use std::sync::Arc;
use std::time::Instant;

use super::order::Order;
use crate::cell::Wire;
use crate::host::LoadReading;
use crate::link::Traffic;
use crate::receive::ReceiveCounters;
use crate::record::Received;
use crate::workload::CommonWindow;

/// The window's begin.
pub(super) struct Window {
    pub(super) at: Instant,
    bytes: Vec<u64>,
    came: Option<Received>,
    load: LoadReading,
    tallies: Arc<[ReceiveCounters]>,
}

impl Window {
    /// Begins now.
    pub(super) fn begin(
        tallies: &Arc<[ReceiveCounters]>,
        order: &Order,
        traffic: Option<&mut Traffic>,
    ) -> Self {
        let tallies = if order.is_sending() { Arc::default() } else { Arc::clone(tallies) };
        let (at, bytes) = look(&tallies);
        let came = traffic.and_then(Traffic::received);
        Self { at, bytes, came, load: LoadReading::now(&order.cpus()), tallies }
    }

    /// Ends now.
    pub(super) fn end(&self, order: &Order, traffic: Option<&mut Traffic>) -> CommonWindow {
        let (at, bytes) = look(&self.tallies);
        let came = self.came.zip(traffic.and_then(Traffic::received)).map(|(then, now)| now - then);
        CommonWindow {
            window_s: (at - self.at).as_secs_f64(),
            bytes: bytes.iter().zip(&self.bytes).map(|(now, then)| now - then).collect(),
            came,
            load: self.load.until_now(&order.cpus(), order.work.cell.wire == Wire::Nic),
        }
    }
}

/// What every stream has received. The instant is taken in the middle: looking at a thousand takes microseconds.
fn look(tallies: &[ReceiveCounters]) -> (Instant, Vec<u64>) {
    let half = tallies.len() / 2;
    let mut bytes: Vec<u64> = tallies[..half].iter().map(ReceiveCounters::bytes).collect();
    let at = Instant::now();
    bytes.extend(tallies[half..].iter().map(ReceiveCounters::bytes));
    (at, bytes)
}
