//! Where copied bytes can be counted exactly: a place in the kernel or in this program that every copy of
//! its kind passes, and the length that it copies.
//!
//! | place | probe | length | needs |
//! |---|---|---|---|
//! | user space | uprobe on `memcpy` | its third argument | CONFIG_UPROBES |
//! | into the kernel | kprobe or breakpoint on `_copy_from_iter` and its like | its second argument | CONFIG_KPROBES |
//! | deferred | kprobe on `skb_copy_ubufs` | none: calls are counted | CONFIG_KPROBES |
//! | below TCP | kprobe on `skb_copy_bits` | its fourth argument | CONFIG_KPROBES |
//! | to the receiver | tracepoint `skb:skb_copy_datagram_iovec` | field `len` | nothing more |
//!
//! All of them need CAP_PERFMON. They are opened for the worker threads, so that each copy stands between the
//! calls of its thread and no stranger's is counted. The copies of the program, into the kernel and to the
//! receiver are made in the thread that asks for them, and so are all seen. Deferred ones and those below TCP
//! may also run in softirqs beside other threads, and some pass other functions: their counts are lower bounds.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use perf_event::data::Sample;
use perf_event::events::Software;
use perf_event::{Builder, Counter, SampleFlag};

use super::functions;
use super::obstacle::Obstacle;
use super::sampler::build;
use super::tracefs::{RecordField, Tracefs, Tracepoint};
use crate::counters::events::reason;
use crate::interface::{KernelInterface, MovedBytes};
use crate::record::copies::Place;

/// A function that is compiled with its copy length in this argument register.
#[derive(Clone, Copy, Debug)]
pub(super) enum Argument {
    Second,
    Third,
    Fourth,
}

/// The registers that carry the second to fourth argument: a mask for perf, and each one's place in it.
#[cfg(target_arch = "x86_64")]
const REGISTERS: Option<(u64, [usize; 3])> = Some((1 << 4 | 1 << 3 | 1 << 2, [2, 1, 0])); // SI, DX, CX
#[cfg(target_arch = "aarch64")]
const REGISTERS: Option<(u64, [usize; 3])> = Some((1 << 1 | 1 << 2 | 1 << 3, [0, 1, 2])); // X1, X2, X3
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const REGISTERS: Option<(u64, [usize; 3])> = None;

/// Where a record has its number of bytes.
#[derive(Clone, Debug)]
pub(super) enum Length {
    Field(RecordField),
    Register(usize),
    /// The result of a system call that is one of these; other calls have none.
    Result {
        number: RecordField,
        of: &'static [i64],
        result: RecordField,
    },
    /// It has none: that it was made is all there is to know.
    None,
}

impl Length {
    pub(super) fn of(&self, sample: &Sample<'_>) -> Option<i64> {
        match self {
            Self::Field(field) => field.read(sample.raw()?),
            Self::Register(index) => sample.regs_intr()?.regs.get(*index).map(|&value| value as i64),
            Self::Result { number, of, result } => {
                let raw = sample.raw()?;
                of.contains(&number.read(raw)?).then(|| result.read(raw)).flatten()
            }
            Self::None => None,
        }
    }
}

/// An event that records every pass with its length.
pub(super) struct Probe {
    /// What is recorded, for a reason that it cannot be.
    what: String,
    /// Events that would do, the likeliest first: its kind, and its builder or why there is none.
    events: Vec<(&'static str, Result<Builder<'static>, Obstacle>)>,
    /// What the builder's attributes point to.
    _file: Option<CString>,
    pub(super) length: Length,
}

impl Probe {
    fn new(what: &str, builder: Builder<'static>, length: Length) -> Self {
        Self { what: what.to_owned(), events: vec![("event", Ok(builder))], _file: None, length }
    }

    /// A function of the kernel.
    pub(super) fn function(
        name: &str,
        events: Vec<(&'static str, Result<Builder<'static>, Obstacle>)>,
        length: Length,
    ) -> Self {
        Self { what: name.to_owned(), events, _file: None, length }
    }

    /// Opens the event for a thread, stopped. All events have the same record layout, so that they can
    /// share a ring.
    pub(super) fn open(&self, thread: u32) -> Result<Counter, Obstacle> {
        let mut reasons = Vec::new();
        for (kind, builder) in &self.events {
            let opened = builder.clone().and_then(|builder| {
                Self::open_as(builder, thread).map_err(|error| functions::refused(kind, &error))
            });
            match opened {
                Ok(counter) => return Ok(counter),
                Err(why) => reasons.push((*kind, why)),
            }
        }
        Err(Obstacle::of_all(&self.what, &reasons))
    }

    fn open_as(mut builder: Builder<'static>, thread: u32) -> io::Result<Counter> {
        builder
            .sample_period(1)
            .sample(SampleFlag::IDENTIFIER | SampleFlag::RAW)
            .include_kernel()
            .observe_pid(thread as i32)
            .any_cpu();
        if let Some((mask, _)) = REGISTERS {
            // The builder's own method sets the mask of the user registers (perf-event2 0.7.4).
            builder.sample(SampleFlag::REGS_INTR).attrs_mut().sample_regs_intr = mask;
        }
        build(&mut builder)
    }

    /// The events that together record copies of this place.
    pub(super) fn of(place: Place, tracefs: Result<&Tracefs, &Obstacle>) -> Result<Vec<Self>, Obstacle> {
        match place {
            Place::User => Ok(vec![user_copy()?]),
            Place::Receive => {
                let tracepoint =
                    tracefs.map_err(Clone::clone)?.tracepoint("skb", "skb_copy_datagram_iovec")?;
                Ok(vec![Self::tracepoint(&tracepoint, "len")?])
            }
            place => functions::probes(place),
        }
    }

    /// The event that records the bytes of every send call, or receive call: a tracepoint of sockets in Linux 6.3 and
    /// later, before that the results of system calls where these tell.
    pub(super) fn calls(
        sending: bool,
        moved: MovedBytes,
        tracefs: Result<&Tracefs, &Obstacle>,
    ) -> Result<Self, Obstacle> {
        if moved == MovedBytes::Nowhere {
            let why = "the kernel tells nowhere how many bytes these calls moved";
            return Err(Obstacle::NotInKernel(why.to_owned()));
        }
        let tracefs = tracefs.map_err(Clone::clone)?;
        let name = if sending { "sock_send_length" } else { "sock_recv_length" };
        let of_sockets =
            tracefs.tracepoint("sock", name).and_then(|tracepoint| Self::tracepoint(&tracepoint, "ret"));
        of_sockets.or_else(|why| {
            let of_calls = match moved {
                MovedBytes::Results(calls) => Self::system_calls(calls, tracefs),
                _ => {
                    Err("the results of these calls do not tell how many bytes they moved".to_owned().into())
                }
            };
            of_calls.map_err(|also| Obstacle::NotInKernel(format!("{why}; {also}")))
        })
    }

    fn system_calls(of: &'static [i64], tracefs: &Tracefs) -> Result<Self, Obstacle> {
        let tracepoint = tracefs.tracepoint("raw_syscalls", "sys_exit")?;
        let length = Length::Result { number: tracepoint.field("id")?, of, result: tracepoint.field("ret")? };
        Ok(Self::new(
            "sys_exit",
            Builder::new(perf_event::events::Tracepoint::with_id(tracepoint.id)),
            length,
        ))
    }

    fn tracepoint(tracepoint: &Tracepoint, field: &str) -> Result<Self, Obstacle> {
        let length = Length::Field(tracepoint.field(field)?);
        let event = perf_event::events::Tracepoint::with_id(tracepoint.id);
        Ok(Self::new(field, Builder::new(event), length))
    }
}

/// Whether the copies of a place can be counted here, by opening their probe once for this thread.
pub fn can_count(place: Place) -> Result<(), Obstacle> {
    let tracefs = Tracefs::open();
    let thread = nix::unistd::gettid().as_raw() as u32;
    let open = |probe: Probe| probe.open(thread).map(drop);
    let (sending, usual) = match place {
        Place::Receive => (false, KernelInterface::RECV),
        _ => (true, KernelInterface::SEND),
    };
    Probe::calls(sending, usual.moved, tracefs.as_ref()).and_then(open)?;
    Probe::of(place, tracefs.as_ref())?.into_iter().try_for_each(open)
}

pub(super) fn argument(argument: Argument) -> Result<Length, Obstacle> {
    let (_, places) = REGISTERS
        .ok_or_else(|| "which register holds an argument is not known for this architecture".to_owned())?;
    Ok(Length::Register(places[argument as usize]))
}

fn user_copy() -> Result<Probe, Obstacle> {
    let length = argument(Argument::Third)?;
    let (file, offset) = memcpy_in_file().map_err(|error| format!("memcpy was not found: {error}"))?;
    let file = CString::new(file.as_os_str().as_bytes()).map_err(|error| error.to_string())?;
    let pmu = std::fs::read_to_string("/sys/bus/event_source/devices/uprobe/type")
        .map_err(|error| lacks("uprobe", "CONFIG_UPROBES", &error))?;
    // The library's own UProbe is no event that a builder takes (perf-event2 0.7.4).
    let mut builder = Builder::new(Software::DUMMY);
    let attributes = builder.attrs_mut();
    attributes.type_ = pmu.trim().parse().map_err(|error| format!("the uprobe PMU's type: {error}"))?;
    attributes.config = 0;
    attributes.uprobe_path = file.as_ptr() as u64;
    attributes.probe_offset = offset;
    Ok(Probe { _file: Some(file), ..Probe::new("memcpy", builder, length) })
}

pub(super) fn lacks(pmu: &str, option: &str, error: &io::Error) -> Obstacle {
    match error.kind() {
        io::ErrorKind::NotFound => Obstacle::NotInKernel(format!("the kernel was built without {option}")),
        _ => format!("/sys/bus/event_source/devices/{pmu}: {}", reason(error)).into(),
    }
}

/// The file that holds the `memcpy` that this program runs, and its offset there. The C library chooses
/// among several for the CPU when the program starts; its address shows which.
fn memcpy_in_file() -> io::Result<(PathBuf, u64)> {
    let address = libc::memcpy as *const () as u64;
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let (path, offset) =
        maps.lines().find_map(|line| locate(line, address)).ok_or(io::ErrorKind::NotFound)?;
    let own = std::fs::read_link("/proc/self/exe")?;
    // The link works even where the path leads elsewhere: in another mount namespace, or after a rebuild.
    Ok((if own == path { "/proc/self/exe".into() } else { path }, offset))
}

/// The file and the offset of an address, when this line of /proc/self/maps covers it.
fn locate(line: &str, address: u64) -> Option<(PathBuf, u64)> {
    let mut words = line.splitn(6, ' ');
    let (from, to) = words.next()?.split_once('-')?;
    let (from, to) = (u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?);
    let offset = u64::from_str_radix(words.nth(1)?, 16).ok()?;
    let path = words.nth(2)?.trim_start();
    (from..to).contains(&address).then(|| (path.into(), address - from + offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_its_file() {
        let line = "7f0000001000-7f0000003000 r-xp 00047000 fe:00 10028776                   /tmp/a b";
        assert_eq!(locate(line, 0x7f00_0000_1e40), Some(("/tmp/a b".into(), 0x47e40)));
        assert_eq!(locate(line, 0x7f00_0000_3000), None);
    }

    #[test]
    fn kernels_before_6_3_have_the_results_of_system_calls() {
        let opened = Tracefs::open().and_then(|tracefs| {
            let probe = Probe::system_calls(&[libc::SYS_sendto], &tracefs)?;
            let counter = probe.open(nix::unistd::gettid().as_raw() as u32)?;
            Ok((probe, counter.sampled(1 << 16).map_err(|error| reason(&error))?))
        });
        let Some((probe, mut ring)) =
            crate::skip::unless("kernels_before_6_3_have_the_results_of_system_calls", opened)
        else {
            return;
        };
        let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
        ring.as_counter_mut().enable().unwrap();
        rustix::net::send(&one, &[0; 77], rustix::net::SendFlags::empty()).unwrap();
        rustix::net::recv(&other, &mut [0; 77], rustix::net::RecvFlags::empty()).unwrap();
        ring.as_counter_mut().disable().unwrap();
        let mut results = Vec::new();
        while let Some(record) = ring.next_record() {
            if let Ok(perf_event::data::Record::Sample(sample)) = record.parse_record() {
                results.extend(probe.length.of(&sample));
            }
        }
        assert_eq!(results, [77], "the send alone");
    }

    #[test]
    fn calls_whose_results_do_not_tell_are_recorded_by_the_tracepoints_of_sockets_alone() {
        let nowhere = Probe::calls(true, MovedBytes::Nowhere, Tracefs::open().as_ref());
        assert!(nowhere.err().unwrap().to_string().contains("tells nowhere"));
        let Ok(tracefs) = Tracefs::open() else { return };
        let by_sockets = Probe::calls(true, MovedBytes::Tracepoints, Ok(&tracefs));
        match tracefs.tracepoint("sock", "sock_send_length") {
            Ok(_) => assert!(by_sockets.is_ok()),
            Err(why) => {
                let said = by_sockets.err().unwrap().to_string();
                assert!(said.contains(&why.to_string()) && said.contains("do not tell"), "{said}");
            }
        }
    }

    #[test]
    fn the_programs_memcpy_lies_in_a_file() {
        let (file, offset) = memcpy_in_file().unwrap();
        assert!(file.exists() && offset > 0, "{file:?} {offset}");
    }
}
