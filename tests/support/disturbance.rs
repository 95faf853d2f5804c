//! What may stand on a wire and copy every packet: a program at a veth's end, a packet socket's ring. Each is
//! attached inside the namespace of an agent, to the lab's interface there, and goes with its value.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::Duration;

use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, setns};
use socket2::{Domain, Protocol, Socket, Type};

use super::{PATIENCE, until};

/// The lab's interface, by this name in the namespaces of both agents.
const INTERFACE: &str = "copycost0";

/// Something on the wire, until it is dropped.
pub struct Disturbance {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Disturbance {
    /// An XDP program that passes every packet on, at the end of this agent.
    pub fn xdp(agent: i32) -> io::Result<Self> {
        Self::attach(agent, |interface, stop| {
            let program = load_pass()?;
            let link = attach_xdp(&program, interface)?;
            Ok(move || {
                while !stop.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(5));
                }
                drop(link);
            })
        })
    }

    /// A ring of packets at the end of this agent, which is read and emptied all the time, as tcpdump does.
    pub fn tap(agent: i32) -> io::Result<Self> {
        Self::attach(agent, |interface, stop| {
            let ring = Ring::open(interface)?;
            Ok(move || {
                while !stop.load(Ordering::Relaxed) {
                    ring.empty();
                    std::thread::sleep(Duration::from_micros(200));
                }
            })
        })
    }

    /// Opens it in a thread of its own that has entered the agent's network namespace.
    fn attach<R: FnOnce()>(
        agent: i32,
        open: impl FnOnce(u32, Arc<AtomicBool>) -> io::Result<R> + Send + 'static,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let (tell, told) = channel();
        let thread = std::thread::spawn(move || {
            let opened = enter(agent).and_then(|interface| open(interface, stopped));
            match opened {
                Ok(run) => {
                    tell.send(Ok(())).expect("the test waits");
                    run();
                }
                Err(error) => tell.send(Err(error)).expect("the test waits"),
            }
        });
        let this = Self { stop, thread: Some(thread) };
        told.recv().expect("the thread tells")?;
        Ok(this)
    }
}

impl Drop for Disturbance {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Enters an agent's network namespace with this thread, and waits for the lab's interface there.
fn enter(agent: i32) -> io::Result<u32> {
    let mut interface = None;
    let found = until(PATIENCE, || {
        // A new agent may not have its namespace yet.
        let namespace = File::open(format!("/proc/{agent}/ns/net"));
        let entered = namespace.and_then(|file| Ok(setns(file, CloneFlags::CLONE_NEWNET)?));
        interface = entered.ok().and_then(|()| if_nametoindex(INTERFACE).ok());
        interface.is_some()
    });
    assert!(found, "agent {agent} has no interface {INTERFACE}");
    interface.ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// The bpf system call, for the two commands that a descriptor comes from.
fn bpf(command: i64, attributes: &[u8]) -> io::Result<OwnedFd> {
    // SAFETY: the kernel reads as many bytes as it is told of; pointers in them outlive the call.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attributes.as_ptr(), attributes.len()) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(result as i32) })
}

const BPF_PROG_LOAD: i64 = 5;
const BPF_LINK_CREATE: i64 = 28;
const BPF_PROG_TYPE_XDP: u32 = 6;
const BPF_XDP: u32 = 37;

/// Loads `return XDP_PASS`.
fn load_pass() -> io::Result<OwnedFd> {
    // mov r0, 2; exit
    let instructions: [u8; 16] = [0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
    let mut attributes = [0; 72];
    attributes[..4].copy_from_slice(&BPF_PROG_TYPE_XDP.to_ne_bytes());
    attributes[4..8].copy_from_slice(&2_u32.to_ne_bytes());
    attributes[8..16].copy_from_slice(&(instructions.as_ptr() as u64).to_ne_bytes());
    attributes[16..24].copy_from_slice(&(c"GPL".as_ptr() as u64).to_ne_bytes());
    attributes[68..72].copy_from_slice(&BPF_XDP.to_ne_bytes());
    bpf(BPF_PROG_LOAD, &attributes)
}

/// Attaches a program to an interface, for as long as the result is open.
fn attach_xdp(program: &OwnedFd, interface: u32) -> io::Result<OwnedFd> {
    let mut attributes = [0; 16];
    attributes[..4].copy_from_slice(&program.as_raw_fd().to_ne_bytes());
    attributes[4..8].copy_from_slice(&interface.to_ne_bytes());
    attributes[8..12].copy_from_slice(&BPF_XDP.to_ne_bytes());
    bpf(BPF_LINK_CREATE, &attributes)
}

/// A packet socket's ring (packet(7), TPACKET_V2).
struct Ring {
    memory: memmap2::MmapRaw,
    _socket: Socket,
}

impl Ring {
    const BLOCK: u32 = 1 << 20;
    const BLOCKS: u32 = 32;
    /// Room for the largest packet of a veth.
    const FRAME: u32 = 1 << 17;
    const FRAMES: u32 = Self::BLOCK / Self::FRAME * Self::BLOCKS;

    fn open(interface: u32) -> io::Result<Self> {
        let all = (libc::ETH_P_ALL as u16).to_be();
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(i32::from(all))))?;
        set(&socket, libc::PACKET_VERSION, &[1])?;
        set(&socket, libc::PACKET_RX_RING, &[Self::BLOCK, Self::BLOCKS, Self::FRAME, Self::FRAMES])?;
        let length = (Self::BLOCK * Self::BLOCKS) as usize;
        let memory = memmap2::MmapOptions::new().len(length).map_raw(&socket)?;
        let address = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as u16,
            sll_protocol: all,
            sll_ifindex: interface as i32,
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        let size = size_of_val(&address) as u32;
        // SAFETY: the kernel reads `size` bytes of an address that outlives the call.
        let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size) };
        if bound < 0 { Err(io::Error::last_os_error()) } else { Ok(Self { memory, _socket: socket }) }
    }

    /// Gives every frame that holds a packet back to the kernel.
    fn empty(&self) {
        for frame in 0..Self::FRAMES {
            // SAFETY: a frame begins with its status, inside the mapping; the kernel writes it too, so it is atomic.
            let status = unsafe {
                AtomicU32::from_ptr(self.memory.as_mut_ptr().add((frame * Self::FRAME) as usize).cast())
            };
            if status.load(Ordering::Acquire) & libc::TP_STATUS_USER != 0 {
                status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
            }
        }
    }
}

/// Sets an option of a packet socket.
fn set(socket: &Socket, option: i32, value: &[u32]) -> io::Result<()> {
    let (value, size) = (value.as_ptr().cast(), size_of_val(value) as u32);
    // SAFETY: the kernel reads `size` bytes of a slice that outlives the call.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, option, value, size) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
