//! The handshake against a stranger, who never gets in without the token, whichever side he is on.
#![no_main]

use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::LazyLock;
use std::time::Duration;

use copycost::agent::handshake::{self, Token};
use libfuzzer_sys::fuzz_target;
use socket2::Socket;

/// Everything is there at once, and then the stranger is gone.
const PATIENCE: Duration = Duration::from_secs(1);

static TOKEN: LazyLock<Token> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("token");
    std::fs::write(&path, "a token that no stranger has").expect("a file");
    Token::read(&path).expect("a token")
});

fuzz_target!(|bytes: &[u8]| {
    let Some((side, bytes)) = bytes.split_first() else { return };
    let (mut stranger, own) = UnixStream::pair().expect("a pair of sockets");
    // More than the socket takes is no more than a peer that is cut off.
    stranger.set_nonblocking(true).expect("a socket that does not wait");
    let _ = stranger.write_all(bytes);
    stranger.shutdown(Shutdown::Write).expect("a socket that says no more");
    let own = Socket::from(own);
    if side % 2 == 0 {
        let outcome = handshake::agent(&own, &TOKEN, PATIENCE, || panic!("a stranger was let in"));
        assert!(!outcome.expect_err("no handshake").to_string().is_empty());
    } else {
        let why = handshake::coordinator(&own, &TOKEN, PATIENCE).expect_err("a stranger is no agent");
        assert!(!why.is_empty() && !why.chars().any(char::is_control), "{why:?}");
    }
});
