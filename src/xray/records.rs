//! Copied bytes per byte moved, counted call by call from records of every copy and every call.
//!
//! The copies and the calls of one thread are recorded in one ring, in their order. A call's copies come
//! before the record of the call itself, so the sums are closed at each call: whatever the window cuts off
//! at either end, and whatever comes after a lost record until the next call, is left out of both sums.
//! What remains is exact.

use std::io;
use std::os::fd::AsRawFd;

use super::counted::{Copied, Count, Counted, payload};
use super::obstacle::Obstacle;
use super::probe::{Length, Probe};
use super::sampler::is_memory_limit;
use super::tracefs::Tracefs;
use crate::counters::events::reason;
use crate::interface::MovedBytes;
use crate::record::copies::Place;
use perf_event::Counter;
use perf_event::data::Record;

/// Bytes of all rings together, and of the smallest one.
const ALL_RINGS: usize = 64 << 20;
const LARGEST_RING: usize = 16 << 20;
const SMALLEST_RING: usize = 64 << 10;
/// Smallest pieces that a build without optimisation is believed: it calls `memcpy` for moves of its own values, too.
const UNOPTIMISED: u64 = 256;

/// Records of one end of a trial, stopped until [`Recorder::enable`].
pub struct Recorder {
    rings: Vec<Ring>,
    field_bytes: u64,
    places: Vec<(Place, Result<(), Obstacle>)>,
}

/// The records of one thread.
struct Ring {
    calls: perf_event::Sampler,
    length: Length,
    copies: Vec<Watched>,
}

/// A function that copies, watched in one thread.
struct Watched {
    /// Its place's index among the recorder's.
    place: usize,
    counter: Counter,
    length: Length,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Recorder({} rings, {:?})", self.rings.len(), self.places)
    }
}

impl Recorder {
    /// Opens the records of these threads, which all send or all receive: their calls, and the copies of
    /// each place that can be counted here. `moved` is where the calls tell of their bytes. Copies in user space count from
    /// `field_bytes` on. `rings` are threads of io_uring, in which some of the workers' calls may be made.
    ///
    /// # Errors
    /// Why not even the calls can be recorded.
    pub fn open(
        sending: bool,
        moved: MovedBytes,
        threads: &[u32],
        rings: &[u32],
        field_bytes: u64,
    ) -> Result<Self, Obstacle> {
        let places: &[Place] = match sending {
            true => &[Place::User, Place::Kernel, Place::Deferred, Place::BelowTcp],
            false => &[Place::Receive, Place::Deferred, Place::BelowTcp],
        };
        let tracefs = Tracefs::open();
        let tracefs = tracefs.as_ref();
        let calls_probe = Probe::calls(sending, moved, tracefs)?;
        let probes: Vec<_> = places.iter().map(|&place| Probe::of(place, tracefs)).collect();
        let mut states: Vec<Result<(), Obstacle>> =
            probes.iter().map(|probes| probes.as_ref().map(|_| ()).map_err(Clone::clone)).collect();
        if sending && !rings.is_empty() {
            let why = "threads of io_uring make the calls, so the program's copies stand between none";
            states[0] = Err(Obstacle::NotInKernel(why.to_owned()));
        }
        if cfg!(debug_assertions) && sending && field_bytes < UNOPTIMISED {
            states[0] = Err("a debug build makes small copies that are no payload; use a release build"
                .to_owned()
                .into());
        }
        let threads = [threads, rings].concat();
        let mut rings = Vec::new();
        for &thread in &threads {
            let size = (ALL_RINGS / threads.len()).next_power_of_two().min(LARGEST_RING);
            let calls = map(|| calls_probe.open(thread), size)?;
            let mut copies = Vec::new();
            for (place, probes) in probes.iter().enumerate() {
                for probe in probes.iter().flatten() {
                    match watch(probe, thread, calls.as_counter()) {
                        Ok(counter) => {
                            copies.push(Watched { place, counter, length: probe.length.clone() });
                        }
                        Err(why) => states[place] = Err(why),
                    }
                }
            }
            rings.push(Ring { calls, length: calls_probe.length.clone(), copies });
        }
        Ok(Self { rings, field_bytes, places: places.iter().copied().zip(states).collect() })
    }

    /// Begins the window: the copies first, so that no call is recorded without its copies.
    pub fn enable(&mut self) -> io::Result<()> {
        for ring in &mut self.rings {
            ring.copies.iter_mut().try_for_each(|copy| copy.counter.enable())?;
        }
        self.rings.iter_mut().try_for_each(|ring| ring.calls.as_counter_mut().enable())
    }

    /// Ends the window: the calls first.
    pub fn disable(&mut self) -> io::Result<()> {
        self.rings.iter_mut().try_for_each(|ring| ring.calls.as_counter_mut().disable())?;
        for ring in &mut self.rings {
            ring.copies.iter_mut().try_for_each(|copy| copy.counter.disable())?;
        }
        Ok(())
    }

    /// Adds the records up.
    pub fn collect(mut self) -> Counted {
        // Where copies have lengths, none of them is no byte.
        let empty = self.places.iter().map(|(place, _)| (*place != Place::Deferred).then_some(0));
        let mut ledger = CopySums::new(empty.map(|bytes| Count { times: 0, bytes }).collect());
        for ring in &mut self.rings {
            ledger.boundary = None;
            ring.add_to(&mut ledger, &self.places, self.field_bytes);
        }
        let copies = self.places.into_iter().zip(&ledger.copied).map(|((place, state), &count)| Copied {
            place,
            counted: state.map(|()| count).map_err(String::from),
        });
        Counted { bytes: ledger.bytes, calls: ledger.calls, lost: ledger.lost, copies: copies.collect() }
    }
}

impl Ring {
    fn add_to(&mut self, ledger: &mut CopySums, places: &[(Place, Result<(), Obstacle>)], field_bytes: u64) {
        let calls = self.calls.as_counter().id();
        while let Some(record) = self.calls.next_record() {
            match record.parse_record() {
                Ok(Record::Sample(sample)) if sample.id() == Some(calls) => {
                    if let Some(moved) = self.length.of(&sample) {
                        ledger.call(moved);
                    }
                }
                Ok(Record::Sample(sample)) => {
                    let copy = self.copies.iter().find(|copy| Some(copy.counter.id()) == sample.id());
                    let Some(copy) = copy else { continue };
                    let bytes = copy.length.of(&sample).map(i64::unsigned_abs);
                    if let Some(bytes) = payload(places[copy.place].0, bytes, field_bytes) {
                        ledger.copy(copy.place, Count { times: 1, bytes });
                    }
                }
                Ok(Record::Lost(record)) => ledger.lose(record.lost),
                _ => {}
            }
        }
    }
}

/// Opens an event and maps its ring, smaller where the limit of locked memory asks for it.
fn map(
    open: impl Fn() -> Result<Counter, Obstacle>,
    mut size: usize,
) -> Result<perf_event::Sampler, Obstacle> {
    loop {
        match open()?.sampled(size) {
            Err(error) if size > SMALLEST_RING && is_memory_limit(&error) => size /= 2,
            other => return other.map_err(|error| reason(&error).into()),
        }
    }
}

/// Opens a probe for a thread, with its records in the ring of the thread's calls.
fn watch(probe: &Probe, thread: u32, ring: &Counter) -> Result<Counter, Obstacle> {
    let counter = probe.open(thread)?;
    set_output(&counter, ring).map_err(|error| format!("joining the ring: {error}"))?;
    Ok(counter)
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
struct CopySums {
    /// Copies since the last call; none until the first call has shown where one begins.
    boundary: Option<Vec<Count>>,
    copied: Vec<Count>,
    /// Nothing, of each place.
    empty: Vec<Count>,
    bytes: u64,
    calls: u64,
    lost: u64,
}

impl CopySums {
    fn new(empty: Vec<Count>) -> Self {
        Self { copied: empty.clone(), empty, ..Self::default() }
    }

    fn copy(&mut self, place: usize, count: Count) {
        if let Some(since) = &mut self.boundary {
            since[place].add(count);
        }
    }

    /// A call ended, and moved this many bytes, or failed.
    fn call(&mut self, moved: i64) {
        match &mut self.boundary {
            Some(since) if moved > 0 => {
                for (sum, since) in self.copied.iter_mut().zip(std::mem::replace(since, self.empty.clone())) {
                    sum.add(since);
                }
                self.bytes += moved.unsigned_abs();
                self.calls += 1;
            }
            // What was copied before a call that failed belongs to the one that takes the bytes.
            Some(_) => {}
            unknown => *unknown = Some(self.empty.clone()),
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
        let mut ledger = CopySums::new(vec![of(0, 0)]);
        ledger.copy(0, of(1, 30)); // of a call that began before the window
        ledger.call(100);
        ledger.copy(0, of(1, 60));
        ledger.copy(0, of(1, 40));
        ledger.call(100);
        ledger.copy(0, of(1, 70)); // of a call that ends after it
        assert_eq!((ledger.copied[0], ledger.bytes, ledger.calls), (of(2, 100), 100, 1));
    }

    #[test]
    fn the_calls_around_a_lost_record_are_in_no_sum() {
        let mut ledger = CopySums::new(vec![of(0, 0)]);
        ledger.call(100);
        ledger.copy(0, of(1, 50));
        ledger.lose(3);
        ledger.copy(0, of(1, 50));
        ledger.call(100);
        ledger.copy(0, of(1, 100));
        ledger.call(100);
        assert_eq!((ledger.copied[0], ledger.bytes, ledger.lost), (of(1, 100), 100, 3));
    }

    #[test]
    fn copies_before_a_failed_call_belong_to_the_next() {
        let mut ledger = CopySums::new(vec![of(0, 0)]);
        ledger.call(1);
        ledger.copy(0, of(1, 100));
        ledger.call(-11);
        ledger.call(100);
        assert_eq!((ledger.copied[0], ledger.bytes, ledger.calls), (of(1, 100), 100, 1));
    }

    fn of(times: u64, bytes: u64) -> Count {
        Count { times, bytes: Some(bytes) }
    }

    /// Runs `work` on this thread with its calls and copies recorded.
    fn record(test: &str, sending: bool, work: impl FnOnce()) -> Option<Counted> {
        let thread = nix::unistd::gettid().as_raw() as u32;
        let moved = MovedBytes::Results(&[libc::SYS_sendto, libc::SYS_recvfrom]);
        let mut recorder = crate::skip::unless(test, Recorder::open(sending, moved, &[thread], &[], 1000))?;
        recorder.enable().unwrap();
        work();
        recorder.disable().unwrap();
        let counted = recorder.collect();
        if let Err(why) = &counted.copies[0].counted {
            crate::skip::skip(test, why);
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
            let copied = counted.copies[0].counted.as_ref().unwrap().bytes;
            assert_eq!(copied, Some(counted.bytes * per_byte), "{counted:?}");
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
            let copied = counted.copies[0].counted.as_ref().unwrap().bytes;
            assert_eq!(copied, Some(counted.bytes * copies), "{counted:?}");
        }
    }
}
