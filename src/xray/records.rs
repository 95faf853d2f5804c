//! Copied bytes per byte moved, counted call by call from records of every copy and every call.
//!
//! The copies and the calls of one thread are recorded in one ring, in their order. A call's copies come
//! before the record of the call itself, so the sums are closed at each call: whatever the window cuts off
//! at either end, and whatever comes after a lost record until the next call, is left out of both sums.
//! What remains is exact.

use std::io;
use std::os::fd::AsRawFd;

use perf_event::Counter;
use perf_event::data::Record;
use serde::{Deserialize, Serialize};

use super::probe::{Length, Probe};
use super::sampler::is_memory_limit;
use super::tracefs::Tracefs;
use crate::counters::events::reason;
use crate::record::copies::Place;

/// Bytes of all rings together, and of the smallest one.
const ALL_RINGS: usize = 64 << 20;
const LARGEST_RING: usize = 16 << 20;
const SMALLEST_RING: usize = 64 << 10;

/// What the records of one end add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// Bytes that the whole calls between the first and the last record moved.
    pub bytes: u64,
    /// Those calls.
    pub calls: u64,
    /// Records lost; the calls around them are in no sum.
    pub lost: u64,
    /// What was copied in the same calls.
    pub copies: Vec<Copied>,
}

/// Bytes copied in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copied {
    /// Where.
    pub place: Place,
    /// How many; or why they cannot be counted here.
    pub bytes: Result<u64, String>,
}

/// Records of one end of a trial, stopped until [`Recorder::enable`].
pub struct Recorder {
    rings: Vec<Ring>,
    field_bytes: u64,
    places: Vec<(Place, Result<(), String>)>,
}

/// The records of one thread.
struct Ring {
    calls: perf_event::Sampler,
    length: Length,
    copies: Vec<(Place, Counter, Length)>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Recorder({} rings, {:?})", self.rings.len(), self.places)
    }
}

impl Recorder {
    /// Opens the records of these threads, which all send or all receive: their calls, and the copies of
    /// each place that can be counted here. Copies in user space count from `field_bytes` on.
    ///
    /// # Errors
    /// Why not even the calls can be recorded.
    pub fn open(sending: bool, threads: &[u32], field_bytes: u64) -> Result<Self, String> {
        let places: &[Place] = if sending { &[Place::User, Place::Kernel] } else { &[Place::Receive] };
        let tracefs = Tracefs::open();
        let tracefs = tracefs.as_ref();
        let mut places: Vec<_> = places.iter().map(|&place| (place, Ok(()))).collect();
        let mut rings = Vec::new();
        for &thread in threads {
            let probe = Probe::calls(sending, tracefs)?;
            let size = (ALL_RINGS / threads.len()).next_power_of_two().min(LARGEST_RING);
            let calls = map(|| probe.open(thread), size).map_err(|error| reason(&error))?;
            let mut copies = Vec::new();
            for (place, state) in &mut places {
                let opened = Probe::of(*place, tracefs).and_then(|probe| {
                    let counter = probe.open(thread).map_err(|error| reason(&error))?;
                    set_output(&counter, calls.as_counter())
                        .map_err(|error| format!("joining the ring: {error}"))?;
                    Ok((*place, counter, probe.length))
                });
                match opened {
                    Ok(copy) => copies.push(copy),
                    Err(why) => *state = Err(why),
                }
            }
            rings.push(Ring { calls, length: probe.length, copies });
        }
        Ok(Self { rings, field_bytes, places })
    }

    /// Begins the window: the copies first, so that no call is recorded without its copies.
    ///
    /// # Errors
    /// When an event cannot be switched on.
    pub fn enable(&mut self) -> io::Result<()> {
        for ring in &mut self.rings {
            ring.copies.iter_mut().try_for_each(|(_, counter, _)| counter.enable())?;
        }
        self.rings.iter_mut().try_for_each(|ring| ring.calls.as_counter_mut().enable())
    }

    /// Ends the window: the calls first.
    ///
    /// # Errors
    /// When an event cannot be switched off.
    pub fn disable(&mut self) -> io::Result<()> {
        self.rings.iter_mut().try_for_each(|ring| ring.calls.as_counter_mut().disable())?;
        for ring in &mut self.rings {
            ring.copies.iter_mut().try_for_each(|(_, counter, _)| counter.disable())?;
        }
        Ok(())
    }

    /// Adds the records up.
    #[must_use]
    pub fn collect(mut self) -> Counted {
        let mut ledger = Ledger::new(self.places.len());
        for ring in &mut self.rings {
            ledger.boundary = None;
            ring.add_to(&mut ledger, &self.places, self.field_bytes);
        }
        let copies = self
            .places
            .into_iter()
            .zip(&ledger.copied)
            .map(|((place, state), &bytes)| Copied { place, bytes: state.map(|()| bytes) });
        Counted { bytes: ledger.bytes, calls: ledger.calls, lost: ledger.lost, copies: copies.collect() }
    }
}

impl Ring {
    fn add_to(&mut self, ledger: &mut Ledger, places: &[(Place, Result<(), String>)], field_bytes: u64) {
        let calls = self.calls.as_counter().id();
        while let Some(record) = self.calls.next_record() {
            match record.parse_record() {
                Ok(Record::Sample(sample)) if sample.id() == Some(calls) => {
                    if let Some(moved) = self.length.of(&sample) {
                        ledger.call(moved);
                    }
                }
                Ok(Record::Sample(sample)) => {
                    let copy = self.copies.iter().find(|(_, counter, _)| Some(counter.id()) == sample.id());
                    let Some((place, _, length)) = copy else { continue };
                    let index = places.iter().position(|(known, _)| known == place);
                    let (Some(index), Some(bytes)) = (index, length.of(&sample)) else { continue };
                    if *place != Place::User || bytes.unsigned_abs() >= field_bytes {
                        ledger.copy(index, bytes.unsigned_abs());
                    }
                }
                Ok(Record::Lost(record)) => ledger.lose(record.lost),
                _ => {}
            }
        }
    }
}

/// Opens an event and maps its ring, smaller where the limit of locked memory asks for it.
fn map(open: impl Fn() -> io::Result<Counter>, mut size: usize) -> io::Result<perf_event::Sampler> {
    loop {
        match open()?.sampled(size) {
            Err(error) if size > SMALLEST_RING && is_memory_limit(&error) => size /= 2,
            other => return other,
        }
    }
}

/// Sends an event's records to the ring of another.
fn set_output(event: &Counter, ring: &Counter) -> io::Result<()> {
    nix::ioctl_write_int_bad!(output, nix::request_code_none!(b'$', 5));
    // SAFETY: PERF_EVENT_IOC_SET_OUTPUT takes a descriptor, and both are open.
    unsafe { output(event.as_raw_fd(), ring.as_raw_fd()) }?;
    Ok(())
}

/// Sums that are closed at every call.
#[derive(Debug, Default)]
struct Ledger {
    /// Copies since the last call; none until the first call has shown where one begins.
    boundary: Option<Vec<u64>>,
    copied: Vec<u64>,
    bytes: u64,
    calls: u64,
    lost: u64,
}

impl Ledger {
    fn new(places: usize) -> Self {
        Self { copied: vec![0; places], ..Self::default() }
    }

    fn copy(&mut self, index: usize, bytes: u64) {
        if let Some(since) = &mut self.boundary {
            since[index] += bytes;
        }
    }

    /// A call ended, and moved this many bytes, or failed.
    fn call(&mut self, moved: i64) {
        match &mut self.boundary {
            Some(since) if moved > 0 => {
                for (sum, since) in self.copied.iter_mut().zip(since) {
                    *sum += std::mem::take(since);
                }
                self.bytes += moved.unsigned_abs();
                self.calls += 1;
            }
            // What was copied before a call that failed belongs to the one that takes the bytes.
            Some(_) => {}
            unknown => *unknown = Some(vec![0; self.copied.len()]),
        }
    }

    fn lose(&mut self, records: u64) {
        self.boundary = None;
        self.lost += records;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn what_the_window_cuts_off_is_in_no_sum() {
        let mut ledger = Ledger::new(1);
        ledger.copy(0, 30); // of a call that began before the window
        ledger.call(100);
        ledger.copy(0, 60);
        ledger.copy(0, 40);
        ledger.call(100);
        ledger.copy(0, 70); // of a call that ends after it
        assert_eq!((ledger.copied[0], ledger.bytes, ledger.calls), (100, 100, 1));
    }

    #[test]
    fn the_calls_around_a_lost_record_are_in_no_sum() {
        let mut ledger = Ledger::new(1);
        ledger.call(100);
        ledger.copy(0, 50);
        ledger.lose(3);
        ledger.copy(0, 50);
        ledger.call(100);
        ledger.copy(0, 100);
        ledger.call(100);
        assert_eq!((ledger.copied[0], ledger.bytes, ledger.lost), (100, 100, 3));
    }

    #[test]
    fn copies_before_a_failed_call_belong_to_the_next() {
        let mut ledger = Ledger::new(1);
        ledger.call(1);
        ledger.copy(0, 100);
        ledger.call(-11);
        ledger.call(100);
        assert_eq!((ledger.copied[0], ledger.bytes, ledger.calls), (100, 100, 1));
    }

    /// Runs `work` on this thread with its calls and copies recorded.
    fn record(test: &str, sending: bool, work: impl FnOnce()) -> Option<Counted> {
        let thread = nix::unistd::gettid().as_raw() as u32;
        let mut recorder = match Recorder::open(sending, &[thread], 1000) {
            Ok(recorder) => recorder,
            Err(why) => {
                println!("SKIP {test}: {why}");
                return None;
            }
        };
        recorder.enable().unwrap();
        work();
        recorder.disable().unwrap();
        let counted = recorder.collect();
        if let Err(why) = &counted.copies[0].bytes {
            println!("SKIP {test}: {why}");
            return None;
        }
        Some(counted)
    }

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (one, listener.accept().unwrap().0)
    }

    #[test]
    fn recv_copies_each_byte_once_and_trunc_none() {
        let test = "recv_copies_each_byte_once_and_trunc_none";
        for (flags, per_byte) in [(0, 1), (libc::MSG_TRUNC, 0)] {
            let (mut sender, receiver) = pair();
            let sending = std::thread::spawn(move || sender.write_all(&vec![7; 4 << 20]).unwrap());
            let receiver = socket2::Socket::from(receiver);
            let mut buffer = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
            let counted =
                record(test, false, || while receiver.recv_with_flags(&mut buffer, flags).unwrap() > 0 {});
            drop(receiver);
            let Some(counted) = counted else { return };
            sending.join().unwrap();
            assert!(counted.calls > 10 && counted.bytes > 1 << 20, "{counted:?}");
            assert_eq!(counted.copies[0].bytes, Ok(counted.bytes * per_byte), "{counted:?}");
        }
    }

    #[test]
    fn every_copy_in_user_space_is_counted() {
        const MESSAGE: usize = 10_000;
        let test = "every_copy_in_user_space_is_counted";
        for copies in [0, 1, 2, 5] {
            let (mut sender, mut receiver) = pair();
            let receiving =
                std::thread::spawn(move || std::io::copy(&mut receiver, &mut std::io::sink()).unwrap());
            let message = vec![7_u8; MESSAGE];
            let mut staging = vec![0_u8; MESSAGE];
            let counted = record(test, true, || {
                for _ in 0..50 {
                    for _ in 0..copies {
                        staging.copy_from_slice(std::hint::black_box(&message));
                        std::hint::black_box(&staging);
                    }
                    sender.write_all(&message).unwrap();
                }
            });
            drop(sender);
            let received = receiving.join().unwrap();
            let Some(counted) = counted else { return };
            assert_eq!(received, 50 * MESSAGE as u64);
            assert!(counted.calls > 40, "{counted:?}");
            assert_eq!(counted.copies[0].bytes, Ok(counted.bytes * copies), "{counted:?}");
        }
    }
}
