//! The handshake of the control channel: both ends prove that they know the token, neither sends it.
//!
//! ```text
//! coordinator -> Hello { protocol, version, nonce c }
//! agent       -> Challenge { nonce a }
//! coordinator -> Proof { HMAC(token, "coordinator" c a) }
//! agent       -> Welcome { HMAC(token, "agent" c a), … }  or  Refused { why }
//! ```
//!
//! Both nonces are fresh, so that no proof can be replayed. Without a token the proofs are those of the
//! empty key: that is allowed on loopback and on inherited sockets only.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use socket2::Socket;

use super::protocol::{Admission, Challenge, Hello, PROTOCOL, Proof, Welcome};
use crate::frame::{self, CAP, FrameError, STRANGER_CAP};

/// How long a stranger may take for the whole handshake.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// How long a coordinator's own child may take: it has yet to start, perhaps on a busy machine.
pub const CHILD_PATIENCE: Duration = Duration::from_secs(7);
/// How long such a child waits for its coordinator, whose end it notices at once.
pub const PARENT_PATIENCE: Duration = Duration::from_secs(30);

/// What is said of an agent that was not heard in time.
pub const SILENT: &str = "it does not answer: it is stopped, or its host is overloaded";

/// What both ends must know; empty where none is needed.
#[derive(Clone, Default)]
pub struct Token(Vec<u8>);

impl std::fmt::Debug for Token {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Token")
    }
}

impl Token {
    /// Reads a token from a file: everything but white space at its end, at least 16 bytes.
    pub fn read(path: &std::path::Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|error| format!("token file {}: {error}", path.display()))?;
        let token = bytes.trim_ascii();
        if token.len() < 16 {
            return Err(format!(
                "token file {} holds {} bytes, but a token has at least 16; `copycost agent --new-token FILE` makes one",
                path.display(),
                token.len()
            ));
        }
        Ok(Self(token.to_vec()))
    }

    /// Makes a token, and a file that its owner alone can read.
    pub fn make(path: &std::path::Path) -> Result<Self, String> {
        let refused = |error: &dyn std::fmt::Display| format!("token file {}: {error}", path.display());
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| refused(&error))?;
        let token = BASE64_STANDARD.encode(bytes);
        let file = File::options().write(true).create_new(true).mode(0o600).open(path);
        let written = file.and_then(|mut file| writeln!(file, "{token}"));
        written.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                refused(&"it is there already; start with --token-file, or name another")
            }
            _ => refused(&error),
        })?;
        Ok(Self(token.into_bytes()))
    }

    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    fn mac(&self, who: &str, coordinator: &str, agent: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in [who, coordinator, agent] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }

    fn prove(&self, who: &str, coordinator: &str, agent: &str) -> String {
        hex::encode(self.mac(who, coordinator, agent).finalize().into_bytes())
    }

    fn verify(&self, proof: &str, who: &str, coordinator: &str, agent: &str) -> bool {
        hex::decode(proof).is_ok_and(|proof| self.mac(who, coordinator, agent).verify_slice(&proof).is_ok())
    }
}

fn nonce() -> Result<String, FrameError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| FrameError::Malformed(error.to_string()))?;
    Ok(hex::encode(bytes))
}

/// Reads with one deadline for everything that is read: a peer that drips bytes gains no time.
struct Until<'a> {
    socket: &'a Socket,
    deadline: Instant,
}

impl<'a> Until<'a> {
    fn within(patience: Duration, socket: &'a Socket) -> Self {
        Self { socket, deadline: Instant::now() + patience }
    }
}

impl Read for Until<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::WouldBlock.into());
        }
        // The kernel takes whole microseconds, and none of them for no limit at all.
        self.socket.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        (&mut &*self.socket).read(buffer)
    }
}

/// The agent's side. The welcome is made only for a coordinator that has proved itself.
///
/// # Errors
/// When the peer is a stranger, speaks another version, or takes too long; it has then been told.
pub fn agent(
    socket: &Socket,
    token: &Token,
    patience: Duration,
    welcome: impl FnOnce() -> Result<Welcome, String>,
) -> Result<(), FrameError> {
    socket.set_write_timeout(Some(patience)).map_err(FrameError::Io)?;
    let mut input = Until::within(patience, socket);
    let mut output = socket;
    let mut refuse = |why: String| {
        let answer = Admission::Refused { why: why.clone() };
        frame::write(&mut output, &answer).map_err(FrameError::Io)?;
        Err(FrameError::Refused(why))
    };
    let hello: Hello = frame::read(&mut input, STRANGER_CAP)?;
    if hello.protocol != PROTOCOL {
        return refuse(format!(
            "the agent (copycost {}) speaks protocol {PROTOCOL}, the coordinator (copycost {}) {}; use the same copycost on both",
            env!("CARGO_PKG_VERSION"),
            hello.version.chars().take(40).collect::<String>(),
            hello.protocol
        ));
    }
    let own = nonce()?;
    frame::write(&mut &*socket, &Challenge { nonce: own.clone() }).map_err(FrameError::Io)?;
    let Proof { proof } = frame::read(&mut input, STRANGER_CAP)?;
    if !token.verify(&proof, "coordinator", &hello.nonce, &own) {
        return refuse("the token is not the agent's; pass the agent's with --token-file".to_owned());
    }
    match welcome() {
        Err(why) => refuse(why),
        Ok(mut welcome) => {
            welcome.proof = token.prove("agent", &hello.nonce, &own);
            frame::write(&mut output, &Admission::Welcome(Box::new(welcome))).map_err(FrameError::Io)?;
            socket.set_read_timeout(None).map_err(FrameError::Io)
        }
    }
}

/// The first step alone: is there an agent that speaks this protocol? It takes no part of the agent, not
/// even while a coordinator has it.
pub fn greet(socket: &Socket) -> Result<(), String> {
    exchange_nonces(&mut Until::within(PATIENCE, socket)).map(drop)
}

/// Why an agent was not heard, for a coordinator.
fn why_not(error: FrameError) -> String {
    match error {
        FrameError::Io(error) if error.kind() == ErrorKind::WouldBlock => SILENT.to_owned(),
        other => other.to_string(),
    }
}

/// Says hello. The two nonces: the coordinator's, then the agent's.
fn exchange_nonces(input: &mut Until<'_>) -> Result<(String, String), String> {
    let socket = input.socket;
    socket.set_write_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
    let own = nonce().map_err(why_not)?;
    let hello =
        Hello { protocol: PROTOCOL, version: env!("CARGO_PKG_VERSION").to_owned(), nonce: own.clone() };
    frame::write(&mut &*socket, &hello).map_err(|error| error.to_string())?;
    let reply: serde_json::Value = frame::read_harmless(input, CAP).map_err(why_not)?;
    if let Ok(Admission::Refused { why }) = serde_json::from_value(reply.clone()) {
        return Err(why);
    }
    let Challenge { nonce } =
        serde_json::from_value(reply).map_err(|_| "it is not a copycost agent".to_owned())?;
    Ok((own, nonce))
}

/// The coordinator's side.
///
/// # Errors
/// One sentence: the agent refused, is not an agent, or takes too long.
pub fn coordinator(socket: &Socket, token: &Token, patience: Duration) -> Result<Welcome, String> {
    let mut input = Until::within(patience, socket);
    let (own, nonce) = exchange_nonces(&mut input)?;
    let proof = token.prove("coordinator", &own, &nonce);
    frame::write(&mut &*socket, &Proof { proof }).map_err(|error| error.to_string())?;
    match frame::read_harmless(&mut input, CAP).map_err(why_not)? {
        Admission::Refused { why } => Err(why),
        Admission::Welcome(welcome) if token.verify(&welcome.proof, "agent", &own, &nonce) => {
            socket.set_read_timeout(None).map_err(|error| error.to_string())?;
            Ok(*welcome)
        }
        Admission::Welcome(_) => {
            Err("it does not know the token, so it is not the agent that was meant".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    fn shake(
        agent_token: &Token,
        coordinator_token: &Token,
    ) -> (Result<(), FrameError>, Result<Welcome, String>) {
        let (one, other) = UnixStream::pair().unwrap();
        let (one, other): (Socket, Socket) = (one.into(), other.into());
        std::thread::scope(|scope| {
            let agent = scope.spawn(move || agent(&one, agent_token, PATIENCE, || Ok(Welcome::default())));
            let welcome = coordinator(&other, coordinator_token, PATIENCE);
            (agent.join().unwrap(), welcome)
        })
    }

    #[test]
    fn the_same_token_opens_and_another_does_not() {
        let (right, wrong) = (Token(b"0123456789abcdef".to_vec()), Token(b"fedcba9876543210".to_vec()));
        assert!(shake(&right, &right).1.is_ok());
        for (agent, coordinator) in [(&right, &wrong), (&right, &Token::default())] {
            let (theirs, ours) = shake(agent, coordinator);
            assert!(theirs.is_err());
            assert!(ours.unwrap_err().contains("token"));
        }
    }

    #[test]
    fn a_greeting_is_answered_without_a_token_and_ends_there() {
        let (one, other) = UnixStream::pair().unwrap();
        let (one, other): (Socket, Socket) = (one.into(), other.into());
        let token = Token(b"0123456789abcdef".to_vec());
        std::thread::scope(|scope| {
            let agent =
                scope.spawn(move || agent(&one, &token, PATIENCE, || panic!("a greeting was let in")));
            greet(&other).unwrap();
            drop(other);
            assert!(matches!(agent.join().unwrap(), Err(FrameError::Closed)));
        });
    }

    #[test]
    fn another_protocol_is_refused_with_both_versions() {
        let (one, other) = UnixStream::pair().unwrap();
        let (one, mut other): (Socket, Socket) = (one.into(), other.into());
        frame::write(&mut other, &Hello { protocol: 999, version: "9.9".into(), nonce: "0".into() }).unwrap();
        assert!(agent(&one, &Token::default(), PATIENCE, || Ok(Welcome::default())).is_err());
        let Admission::Refused { why } = frame::read(&mut other, CAP).unwrap() else { panic!("welcomed") };
        assert!(why.contains(&format!("protocol {PROTOCOL}")) && why.contains("9.9"), "{why}");
    }

    #[test]
    fn a_nonce_is_never_used_twice() {
        assert_ne!(nonce().unwrap(), nonce().unwrap());
    }
}
