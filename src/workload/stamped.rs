//! stamped: request with one message in flight, whose way the kernel tells by software time stamps (SO_TIMESTAMPING,
//! Documentation/networking/timestamping.rst). For x-ray passes: stamping receives switches a static key of the whole
//! host on, so no timing trial may do it.
//!
//! Stamps are CLOCK_REALTIME. On the sender's side they come by the error queue, with the number of the last byte of
//! the call that they are of: when its packet was handed to the interface's queue, and to the driver. On the receiver's
//! side the last packet's stamp comes with the bytes. An answer is two numbers of eight bytes: when the receiver's
//! kernel had the last packet, and when the program had the last byte.

use std::io::IoSliceMut;
use std::os::fd::AsRawFd;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, TimestampingFlag, Timestamps, recvmsg, setsockopt, sockopt,
};
use rustix::io::Errno as RustixErrno;
use rustix::net::{RecvFlags, recv};
use socket2::Socket;

use super::answered::send_all;
use super::life::{self, Receiving, Sending};
use super::{EndReport, Entry, StageDelays, StreamReport, TrialFigures, Work, Worker, stream};
use crate::clock::{Clocks, realtime};
use crate::failure::Failure;
use crate::histogram::Delays;
use crate::path::{SendPath, Tally};
use crate::receive::{ReceiveEnd, ReceivePath};
use crate::record::way::Stage;
use crate::span::Span;

pub(super) const ENTRY: Entry = Entry {
    name: "stamped",
    about: "request, with the kernel's time stamps: of x-ray passes",
    parameters: &[],
    needs: None,
    is_answered: true,
    unanswered: |_| Some(1),
    send: send_stamped,
    receive: receive_stamped,
    figures,
};

/// Bytes of an answer.
const ANSWER: usize = 16;
/// Origin and kinds of stamps on the error queue (include/uapi/linux/errqueue.h).
const SO_EE_ORIGIN_TIMESTAMPING: u8 = 4;
const SCM_TSTAMP_SND: u32 = 0;
const SCM_TSTAMP_SCHED: u32 = 1;

fn nanoseconds(stamps: &Timestamps) -> u64 {
    (stamps.system.tv_sec().cast_unsigned()) * 1_000_000_000 + stamps.system.tv_nsec().cast_unsigned()
}

/// Asks for the stamps of one direction.
fn ask(socket: &Socket, flags: TimestampingFlag) -> Result<(), Failure> {
    socket.set_tcp_nodelay(true).map_err(Failure::io("TCP_NODELAY"))?;
    let flags = flags | TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE;
    setsockopt(socket, sockopt::Timestamping, &flags).map_err(|errno| {
        Failure::Unsupported(format!("SO_TIMESTAMPING: {errno}; the kernel does not stamp here"))
    })
}

/// A trial's figures are a stream's, and the stages of all streams together.
fn figures(work: &Work, sent: &EndReport, received: &EndReport) -> Result<TrialFigures, Failure> {
    let mut figures = stream::figures(work, sent, received)?;
    for stage in Stage::ALL {
        let of_stage = sent.streams.iter().flat_map(|stream| &stream.stages).filter(|one| one.stage == stage);
        let all = Delays::decode_all(of_stage.map(|one| &*one.delays.histogram))
            .map_err(|what| Failure::Failed(format!("the sender's stages: {what}")))?;
        figures.stages.extend(all.map(|all| (stage, all)));
    }
    Ok(figures)
}

fn send_stamped(worker: &Worker) -> Result<StreamReport, Failure> {
    if !matches!(worker.work.clocks, Clocks::Shared { .. }) {
        return Err(Failure::Unsupported("the stamps of two kernels are of two clocks".to_owned()));
    }
    let flags = TimestampingFlag::SOF_TIMESTAMPING_TX_SOFTWARE
        | TimestampingFlag::SOF_TIMESTAMPING_OPT_ID
        | TimestampingFlag::SOF_TIMESTAMPING_OPT_TSONLY
        | TimestampingFlag::from_bits_retain(libc::SOF_TIMESTAMPING_TX_SCHED);
    ask(worker.socket, flags)?;
    let stamping = Stamping {
        worker,
        sent: 0,
        is_measured: false,
        control: cmsg_space!([libc::timespec; 3], libc::sock_extended_err, libc::sockaddr_in6),
        stages: Stage::ALL.map(|_| Delays::new(worker.work.cell.threads)),
    };
    life::send(worker, stamping)
}

struct Stamping<'a> {
    worker: &'a Worker<'a>,
    /// Bytes since the stamps were asked for.
    sent: u64,
    is_measured: bool,
    control: Vec<u8>,
    stages: [Delays; Stage::ALL.len()],
}

impl Sending for Stamping<'_> {
    fn run(&mut self, path: &mut dyn SendPath, span: Span, tally: &mut Tally) -> Result<(), Failure> {
        while span.goes_on(tally.messages) {
            self.exchange(path, tally)?;
        }
        Ok(())
    }

    fn begin(&mut self) {
        self.is_measured = true;
    }

    fn report(self, report: &mut StreamReport) {
        let stages = Stage::ALL.into_iter().zip(&self.stages);
        report.stages =
            stages.map(|(stage, delays)| StageDelays { stage, delays: delays.encode() }).collect();
    }
}

impl Stamping<'_> {
    /// One message and its answer.
    fn exchange(&mut self, path: &mut dyn SendPath, tally: &mut Tally) -> Result<(), Failure> {
        let began = realtime();
        path.send_message(self.worker.socket, tally)?;
        tally.messages += 1;
        self.sent += self.worker.work.cell.message_bytes;
        let [had, got] = self.answer()?;
        let [queued, driven] = self.stamps(path, (self.sent - 1) as u32)?;
        if let (Some(queued), Some(driven), true) = (queued, driven, self.is_measured && had > 0) {
            let at = [began, queued, driven, had, got];
            for (delays, pair) in self.stages.iter_mut().zip(at.windows(2)) {
                delays.record(pair[1].saturating_sub(pair[0]));
            }
        }
        Ok(())
    }

    /// When the receiver's kernel had the message, and when its program had it.
    fn answer(&mut self) -> Result<[u64; 2], Failure> {
        let mut answer = [0; ANSWER];
        let mut filled = 0;
        while filled < ANSWER {
            match recv(self.worker.socket, &mut answer[filled..], RecvFlags::empty()) {
                Ok((_, 0)) => {
                    self.worker.gate.check()?;
                    return Err(Failure::Failed("the receiver closed before it had answered".to_owned()));
                }
                Ok((_, got)) => filled += got,
                Err(RustixErrno::INTR) => {}
                Err(errno) => return Err(Failure::Failed(format!("receiving an answer: {errno}"))),
            }
        }
        let (had, got) = answer.split_at(ANSWER / 2);
        Ok([had, got].map(|bytes| u64::from_be_bytes(bytes.try_into().expect("eight bytes"))))
    }

    /// When the packet with this byte was queued, and when the driver had it, as far as the kernel has told. The
    /// completions of a path that lends its buffers come by the same queue, and are handed on.
    fn stamps(&mut self, path: &mut dyn SendPath, last_byte: u32) -> Result<[Option<u64>; 2], Failure> {
        let mut found = [None; 2];
        loop {
            let fd = self.worker.socket.as_raw_fd();
            let message = match recvmsg::<()>(fd, &mut [], Some(&mut self.control), MsgFlags::MSG_ERRQUEUE) {
                Err(Errno::EAGAIN) => return Ok(found),
                Err(Errno::EINTR) => continue,
                other => other.map_err(|errno| Failure::Failed(format!("reading time stamps: {errno}")))?,
            };
            let (mut stamp, mut of) = (None, None);
            for part in message.cmsgs().map_err(|errno| Failure::Failed(format!("time stamps: {errno}")))? {
                match part {
                    ControlMessageOwned::ScmTimestampsns(stamps) => stamp = Some(nanoseconds(&stamps)),
                    ControlMessageOwned::Ipv4RecvErr(error, _)
                    | ControlMessageOwned::Ipv6RecvErr(error, _)
                        if error.ee_origin == SO_EE_ORIGIN_TIMESTAMPING && error.ee_data == last_byte =>
                    {
                        of = Some(error.ee_info);
                    }
                    other => path.hear(&other),
                }
            }
            match of {
                Some(SCM_TSTAMP_SCHED) => found[0] = stamp,
                Some(SCM_TSTAMP_SND) => found[1] = stamp,
                _ => {}
            }
        }
    }
}

fn receive_stamped(worker: &Worker) -> Result<StreamReport, Failure> {
    ask(worker.socket, TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE)?;
    let answering = Answering {
        worker,
        answered: 0,
        had: 0,
        buffer: vec![0; worker.work.read_size as usize],
        control: cmsg_space!([libc::timespec; 3]),
    };
    life::receive(worker, answering)
}

struct Answering<'a> {
    worker: &'a Worker<'a>,
    answered: u64,
    /// When the kernel had the packet of the bytes that came last; 0 where it did not tell.
    had: u64,
    buffer: Vec<u8>,
    control: Vec<u8>,
}

impl Receiving for Answering<'_> {
    /// By recvmsg(2), whatever the receive path: no other call tells the stamp.
    fn run(&mut self, _: &mut dyn ReceivePath, span: Span) -> Result<ReceiveEnd, Failure> {
        let &Worker { work, socket, tally, .. } = self.worker;
        while span.goes_on(tally.bytes()) {
            match self.receive(socket)? {
                Some(0) => return Ok(ReceiveEnd::Eof),
                Some(bytes) => {
                    tally.add(bytes as u64);
                    let whole = tally.bytes() / work.cell.message_bytes;
                    if whole > self.answered {
                        self.answered = whole;
                        let answer = [self.had.to_be_bytes(), realtime().to_be_bytes()].concat();
                        send_all(self.worker, &answer)?;
                    }
                }
                None => {}
            }
        }
        Ok(ReceiveEnd::Stopped)
    }
}

impl Answering<'_> {
    fn receive(&mut self, socket: &Socket) -> Result<Option<usize>, Failure> {
        let mut parts = [IoSliceMut::new(&mut self.buffer)];
        let control = Some(self.control.as_mut_slice());
        match recvmsg::<()>(socket.as_raw_fd(), &mut parts, control, MsgFlags::empty()) {
            Ok(message) => {
                let stamp = message.cmsgs().ok().into_iter().flatten().find_map(|part| match part {
                    ControlMessageOwned::ScmTimestampsns(stamps) => Some(nanoseconds(&stamps)),
                    _ => None,
                });
                self.had = stamp.unwrap_or_default();
                Ok(Some(message.bytes))
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
            Err(errno) => Err(Failure::Failed(format!("recvmsg: {errno}"))),
        }
    }
}
