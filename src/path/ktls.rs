//! ktls: the kernel's TLS, as web servers use it: the program hands over plain bytes, and the kernel encrypts each
//! record of up to 16 KiB into pages of its own (`tls_push_record`). The cipher reads the old place and writes a new
//! one, so encryption is the copy; a cipher that may run asynchronously makes the kernel gather the plain bytes first.
//! With `file=on` the plain bytes lie in a memfd and go by `sendfile()`.
//!
//! The receiver's kernel decrypts, so that its program receives, and verifies, plain bytes. There is no handshake: both
//! ends derive a stream's key from its pattern, which they know anyhow. It is a key of a benchmark, and protects nothing.

use std::io;

use nix::errno::Errno;
use nix::sys::socket::sockopt::{TcpTlsRx, TcpTlsTx, TcpUlp, TlsCryptoInfo};
use nix::sys::socket::{SetSockOpt, setsockopt};
use socket2::Socket;

use super::{Entry, KernelInterface, MovedBytes, Parameters, Promise, plain_send, sendfile};
use crate::choice::{Parameter, SWITCH};
use crate::failure::Failure;
use crate::setup::Setup;
use crate::style::{Marker, OLIVE, Style};

pub(super) const ENTRY: Entry = Entry {
    name: "ktls",
    alias: None,
    about: "send() or sendfile() into a socket with kernel TLS, AES-128-GCM: encryption is the copy",
    // What its calls move is known, but no probe of copies passes the cipher: a copy that is not counted would be said not
    // to have happened.
    interface: KernelInterface { name: "kTLS", moved: MovedBytes::Nowhere, completions: None },
    promise: Promise { user: 0, kernel: 1, is_deferred: false },
    style: Style { colour: OLIVE, marker: Marker::Cross },
    parameters: Parameters::of(&[Parameter {
        key: FILE,
        about: "sendfile() from a memfd instead of send() from a buffer",
        values: SWITCH,
        usual: 0,
    }]),
    prepare_receiver: Some(|setup, socket| encrypt(TcpTlsRx, setup, socket)),
    open: |setup, socket| {
        let source = if setup.choice.is_on(FILE) { sendfile::ENTRY } else { plain_send::ENTRY };
        let path = (source.open)(setup, socket)?;
        encrypt(TcpTlsTx, setup, socket)?;
        Ok(path)
    },
};

const FILE: &str = "file";

/// Switches TLS on for one direction of a stream (Linux 4.13 and later, to receive 4.17, TLS 1.3 5.1).
fn encrypt(
    direction: impl SetSockOpt<Val = TlsCryptoInfo>,
    setup: &Setup,
    socket: &Socket,
) -> Result<(), Failure> {
    match setsockopt(socket, TcpUlp::default(), b"tls") {
        // EEXIST: the other direction has it.
        Ok(()) | Err(Errno::EEXIST) => {}
        // The connection is over already: the other end could not do its part, and says why.
        Err(Errno::ENOTCONN) => return Ok(()),
        Err(errno) => return Err(refused("TCP_ULP", errno)),
    }
    setsockopt(socket, direction, &key(setup)).map_err(|errno| refused("TLS_TX or TLS_RX", errno))
}

fn refused(option: &str, errno: Errno) -> Failure {
    let error = io::Error::from(errno);
    let remedy = match (option, errno) {
        (_, Errno::EOPNOTSUPP) => "kernel TLS is for a TCP connection",
        ("TCP_ULP", _) => {
            "it takes Linux 5.1 or newer with CONFIG_TLS; where that is a module, `modprobe tls` as root"
        }
        _ => "it takes gcm(aes): `modprobe gcm` and `modprobe aesni_intel`, or `aes_generic`, as root",
    };
    Failure::Unsupported(format!("kernel TLS ({option}): {error}; {remedy}"))
}

/// The key of a stream, and where its nonces begin: the same at both ends, another for each stream and trial.
fn key(setup: &Setup) -> TlsCryptoInfo {
    let words = [0, 1, 2, 3].map(|place| setup.pattern.key(u64::MAX - place).to_le_bytes());
    let mut key = [0; 16];
    key[..8].copy_from_slice(&words[0]);
    key[8..].copy_from_slice(&words[1]);
    let [a, b, c, d, ..] = words[2];
    TlsCryptoInfo::Aes128Gcm(libc::tls12_crypto_info_aes_gcm_128 {
        info: libc::tls_crypto_info {
            version: libc::TLS_1_3_VERSION,
            cipher_type: libc::TLS_CIPHER_AES_GCM_128,
        },
        iv: words[3],
        key,
        salt: [a, b, c, d],
        rec_seq: [0; 8],
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::Shutdown;

    use super::*;
    use crate::path::splice::tests::connected;
    use crate::path::{Tally, choose};
    use crate::pattern::{Pattern, Verifier};

    #[test]
    fn what_is_encrypted_is_received_as_plain_bytes_or_the_kernel_is_said_to_lack_it() {
        for path in ["ktls", "ktls:file=on"] {
            for bytes in [64, 1001, 16 << 10, 300_001] {
                let setup =
                    Setup { choice: choose(path).unwrap(), ..Setup::of_messages(bytes, Pattern::new(8, 0)) };
                let (socket, mut peer) = connected();
                let prepared = ENTRY.prepare_receiver.unwrap()(&setup, &peer);
                if let Err(Failure::Unsupported(why)) = &prepared {
                    assert!(why.contains("CONFIG_TLS") && why.contains("modprobe tls"), "{why}");
                    return crate::skip::skip("what_is_encrypted_is_received_as_plain_bytes", why);
                }
                prepared.unwrap();
                let mut sender = (ENTRY.open)(&setup, &socket).unwrap();
                let sending = std::thread::spawn(move || {
                    let mut tally = Tally::default();
                    (0..10).for_each(|_| sender.send_message(&socket, &mut tally).unwrap());
                    socket.shutdown(Shutdown::Write).unwrap();
                });
                let mut verifier = Verifier::new(setup.pattern, bytes as u64, false);
                let (mut buffer, mut total) = (vec![0; 64 << 10], 0);
                loop {
                    match peer.read(&mut buffer).unwrap() {
                        0 => break,
                        read => {
                            verifier.check(&buffer[..read]).unwrap();
                            total += read;
                        }
                    }
                }
                sending.join().unwrap();
                assert_eq!(total, 10 * bytes);
            }
        }
    }

    #[test]
    fn both_ends_of_a_stream_have_its_key_and_no_other_stream_has() {
        let of = |nonce, stream| match key(&Setup::of_messages(64, Pattern::new(nonce, stream))) {
            TlsCryptoInfo::Aes128Gcm(info) => (info.key, info.salt, info.iv),
            other => panic!("{other:?}"),
        };
        assert_eq!(of(1, 0), of(1, 0));
        assert_ne!(of(1, 0).0, of(1, 1).0);
        assert_ne!(of(1, 0).0, of(2, 0).0);
    }

    #[test]
    fn an_end_that_is_left_alone_leaves_it_to_the_other_to_say_why() {
        let (socket, peer) = connected();
        let setup = Setup { choice: choose("ktls").unwrap(), ..Setup::of_messages(64, Pattern::new(8, 0)) };
        peer.shutdown(Shutdown::Both).unwrap();
        socket.shutdown(Shutdown::Both).unwrap();
        let told = (ENTRY.open)(&setup, &socket).err();
        // Without kernel TLS the kernel does not get as far as to look.
        assert!(told.is_none_or(|failure| failure.reason().contains("CONFIG_TLS")));
    }

    #[test]
    fn a_socket_without_tcp_is_refused_with_the_reason() {
        let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        let setup = Setup { choice: choose("ktls").unwrap(), ..Setup::of_messages(64, Pattern::new(8, 0)) };
        let failure = (ENTRY.open)(&setup, &Socket::from(one)).err().unwrap();
        assert!(matches!(&failure, Failure::Unsupported(why) if why.contains("TCP connection")), "{failure}");
    }
}
