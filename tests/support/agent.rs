//! Agents on a TCP port, and a coordinator's side of the control channel.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use copycost::agent::handshake::{self, PATIENCE, Token};
use copycost::agent::protocol::{Reply, Request, Welcome};
use copycost::frame::{self, CAP};
use socket2::Socket;

use super::copycost;
use super::process::{Running, memory_kib};

/// `copycost agent` on a port of the kernel's choice.
pub struct Agent {
    pub running: Running,
    pub address: SocketAddr,
}

impl Agent {
    /// Starts it and waits until it listens.
    pub fn start(more: &[&str]) -> Self {
        let mut command = copycost(["agent", "--listen", "127.0.0.1:0"]);
        command.args(more);
        Self::started_by(command)
    }

    /// The same, by a command that ends in running it.
    pub fn started_by(command: Command) -> Self {
        let mut running = Running::start(command);
        running.wait_for("listening on ");
        running.wait_for("\n");
        let said = running.stderr();
        let address = said.lines().find_map(|line| line.split_once("listening on ")?.1.parse().ok());
        Self { running, address: address.expect("the address that it listens on") }
    }

    /// Its address as a flag's value.
    pub fn at(&self) -> String {
        self.address.to_string()
    }

    /// A connection to it that has said nothing yet.
    pub fn connect(&self) -> TcpStream {
        connect(self.address)
    }

    /// How many threads it has.
    pub fn threads(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/task", self.running.pid())).expect("it runs").count()
    }

    /// The most memory that it has had so far, KiB.
    pub fn peak_kib(&self) -> u64 {
        memory_kib(self.running.pid(), "VmHWM")
    }
}

/// A connection that gives up reading long after any deadline of ours.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the agent listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("SO_RCVTIMEO");
    stream
}

/// A coordinator in the test's hands.
pub struct Coordinator {
    control: Socket,
    pub welcome: Welcome,
}

impl Coordinator {
    /// Shakes hands with an agent.
    pub fn of(agent: &Agent) -> Result<Self, String> {
        let control: Socket = agent.connect().into();
        let welcome = handshake::coordinator(&control, &Token::default(), PATIENCE)?;
        control.set_read_timeout(Some(Duration::from_secs(60))).expect("SO_RCVTIMEO");
        Ok(Self { control, welcome })
    }

    /// Sends a request.
    pub fn tell(&mut self, request: &Request) {
        frame::write(&mut self.control, request).expect("the agent takes a request");
    }

    /// Sends bytes that may be no request.
    pub fn tell_bytes(&mut self, bytes: &[u8]) {
        std::io::Write::write_all(&mut self.control, bytes).expect("the agent takes bytes");
    }

    /// Whether the agent has ended the conversation: the next thing that comes is its end.
    pub fn is_over(&mut self) -> bool {
        frame::read::<Reply>(&mut self.control, CAP).is_err()
    }

    /// Waits for the next reply.
    pub fn hear(&mut self) -> Reply {
        frame::read(&mut self.control, CAP).expect("the agent replies")
    }
}
