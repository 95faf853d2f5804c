//! Sending without a copy over loopback, by the send paths themselves, and the limits that it runs into.

use std::collections::HashSet;
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use caps::{CapSet, Capability};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use socket2::Socket;

use super::{Finding, io_uring};
use crate::failure::Failure;
use crate::interface::Completions;
use crate::path::{self, Entry, Tally};
use crate::pattern::Pattern;
use crate::record::stream::ZeroCopy;
use crate::setup::Setup;
use crate::units;

const MESSAGES: usize = 8;
const MESSAGE_BYTES: usize = 16 << 10;
const PATIENCE: Duration = Duration::from_secs(5);

/// Locked memory that the messages in flight of one trial may need.
const LOCKED_BYTES: u64 = 32 << 20;
/// The default of recent kernels; older ones have 20 KiB.
const OPTMEM_BYTES: u64 = 128 << 10;

pub(super) fn check() -> Vec<Finding> {
    let limit = getrlimit(Resource::RLIMIT_MEMLOCK).ok().map(|(soft, _)| soft);
    let exempt = caps::has_cap(None, CapSet::Effective, Capability::CAP_IPC_LOCK).unwrap_or(false)
        && is_initial(&std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default());
    let optmem = std::fs::read_to_string("/proc/sys/net/core/optmem_max").ok();
    let sends = interfaces().map(|(entry, told)| judge_send(entry.interface.name, &told, &send(entry)));
    sends
        .chain([judge_memlock(limit, exempt), judge_optmem(optmem.and_then(|text| text.trim().parse().ok()))])
        .collect()
}

/// Each interface whose completions tell of copying, with the first path that sends by it.
fn interfaces() -> impl Iterator<Item = (&'static Entry, Completions)> {
    let mut asked = HashSet::new();
    path::notified().filter(move |(entry, _)| asked.insert(entry.interface.name))
}

/// Whether this uid map is that of the initial user namespace: only there does the kernel honour
/// CAP_IPC_LOCK here (`mm_account_pinned_pages` in net/core/skbuff.c).
fn is_initial(uid_map: &str) -> bool {
    uid_map.split_whitespace().eq(["0", "0", "4294967295"])
}

/// Sends a few messages to a reader on this host and waits for their completions.
pub(super) fn send(path: &Entry) -> Result<ZeroCopy, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Failure::io("listening"))?;
    let address = listener.local_addr().map_err(Failure::io("listening"))?;
    let socket = Socket::from(TcpStream::connect(address).map_err(Failure::io("connecting to 127.0.0.1"))?);
    let (mut peer, _) = listener.accept().map_err(Failure::io("accepting"))?;
    // All of it fits into the two socket buffers, but only a reader makes the kernel deliver it.
    peer.set_read_timeout(Some(PATIENCE)).map_err(Failure::io("SO_RCVTIMEO"))?;

    let setup = Setup { choice: path.usual(), ..Setup::of_messages(MESSAGE_BYTES, Pattern::new(0, 0)) };
    let mut sender = (path.open)(&setup, &socket)?;
    let mut tally = Tally::default();
    let mut buffer = vec![0; MESSAGE_BYTES];
    for _ in 0..MESSAGES {
        sender.send_message(&socket, &mut tally)?;
        peer.read_exact(&mut buffer).map_err(Failure::io("reading"))?;
    }
    sender.drain(&socket, Instant::now() + PATIENCE, &|| true)?;
    Ok(sender.usage())
}

fn judge_send(
    check: &'static str,
    Completions { takes, .. }: &Completions,
    sent: &Result<ZeroCopy, Failure>,
) -> Finding {
    let told = match sent {
        Ok(told) => told,
        Err(failure) => {
            return io_uring::refused(check, failure, &format!("it takes {takes}; see `ip link show lo`"));
        }
    };
    if told.sends.is_none() {
        let found = "sends over loopback complete; the kernel does not report whether it copied";
        return Finding::note(check, found).with_remedy(format!("it takes {takes}"));
    }
    let (sends, done, copied) =
        (told.sends.unwrap_or(0), told.completions.unwrap_or(0), told.copied.unwrap_or(0));
    if done < sends || sends == 0 {
        return Finding::note(
            check,
            format!("only {done} of {sends} sends over loopback completed within 5 s"),
        );
    }
    let copies = if copied > 0 {
        format!("{copied} flagged COPIED, as on every wire inside one host: a deferred copy")
    } else {
        "none flagged COPIED".to_owned()
    };
    Finding::ok(check, format!("{done} of {sends} sends over loopback completed, {copies}"))
}

pub(super) fn judge_memlock(limit: Option<u64>, exempt: bool) -> Finding {
    let check = "locked memory";
    match limit {
        _ if exempt => Finding::ok(check, "no limit, by CAP_IPC_LOCK"),
        Some(RLIM_INFINITY) => Finding::ok(check, "no limit"),
        Some(limit) if limit >= LOCKED_BYTES => Finding::ok(check, units::size(limit)),
        Some(limit) => Finding::shortfall(
            check,
            format!(
                "{}: zero-copy sends will meet ENOBUFS with more than that in flight",
                units::size(limit)
            ),
            "ulimit -l unlimited, after raising memlock in /etc/security/limits.conf; or grant CAP_IPC_LOCK",
        ),
        None => Finding::note(check, "the limit cannot be read"),
    }
}

fn judge_optmem(limit: Option<u64>) -> Finding {
    let check = "net.core.optmem_max";
    match limit {
        Some(limit) if limit >= OPTMEM_BYTES => Finding::ok(check, units::size(limit)),
        Some(limit) => Finding::shortfall(
            check,
            format!("{}: zero-copy sends will meet ENOBUFS with few sends in flight", units::size(limit)),
            format!("sysctl -w net.core.optmem_max={OPTMEM_BYTES}, as root"),
        ),
        None => Finding::note(check, "not visible in this network namespace"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn sends_over_loopback_complete() {
        for (path, _) in interfaces() {
            match send(path) {
                Ok(ZeroCopy { sends: None, .. }) => {
                    crate::skip::skip("sends_over_loopback_complete", "the kernel does not report usage");
                }
                Ok(told) => {
                    assert_eq!(told.sends, Some(MESSAGES as u64));
                    assert_eq!(told.completions, told.sends);
                    assert_eq!(told.copied, told.sends, "loopback always copies after all");
                }
                Err(failure) => crate::skip::skip("sends_over_loopback_complete", failure),
            }
        }
    }

    #[test]
    fn a_refusal_is_a_shortfall_and_silence_a_note() {
        let (path, completions) = interfaces().next().unwrap();
        let judge = |sent| judge_send(path.interface.name, &completions, &sent);
        let refused = Err(Failure::Unsupported("SO_ZEROCOPY: not supported".into()));
        assert_eq!(judge(refused).verdict, Severity::Shortfall);
        let silent = judge(Ok(ZeroCopy::default()));
        assert!(silent.verdict == Severity::Note && silent.found.contains("does not report"), "{silent:?}");
        let told = |sends, completions, copied| {
            let told = ZeroCopy {
                sends: Some(sends),
                completions: Some(completions),
                copied: Some(copied),
                ..ZeroCopy::default()
            };
            judge(Ok(told))
        };
        assert_eq!(told(8, 3, 3).verdict, Severity::Note);
        assert!(told(8, 8, 8).found.contains("8 flagged COPIED"));
        assert!(told(8, 8, 0).found.contains("none flagged"));
    }

    #[test]
    fn limits_are_judged_by_what_a_trial_needs() {
        assert!(is_initial("         0          0 4294967295\n"));
        assert!(!is_initial("      1000       1000          1\n"));
        assert_eq!(judge_memlock(Some(8 << 20), true).verdict, Severity::Ok);
        assert_eq!(judge_memlock(Some(8 << 20), false).verdict, Severity::Shortfall);
        assert_eq!(judge_memlock(Some(RLIM_INFINITY), false).verdict, Severity::Ok);
        assert_eq!(judge_optmem(Some(20480)).verdict, Severity::Shortfall);
        assert_eq!(judge_optmem(Some(131_072)).verdict, Severity::Ok);
        assert_eq!(judge_optmem(None).verdict, Severity::Note);
    }
}
