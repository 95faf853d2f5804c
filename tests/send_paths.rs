//! What some send paths and wires have beside the others: a cork, a disk, Unix-domain sockets, kernel TLS.

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use copycost::record::{Status, Trial, Verified};
use nix::sys::signal::Signal;
use support::lab::{assert_whole, copy_of, directory, manifest, only_run, sweep, trials};
use support::machine::Machine;
use support::process::{Ended, Running, run};
use support::{BINARY, PATIENCE, Scratch, copycost, is_root, skip, until};

/// A sweep of one repetition on loopback, verified.
fn swept(scratch: &Scratch, grid: &str) -> (Vec<Trial>, std::path::PathBuf) {
    let text = format!("name: paths\nlab: loopback\nseed: 3\nrepetitions: 1\nverify: true\n{grid}\n");
    let grid = scratch.file("grid.yaml", text);
    let ended = run(sweep(&grid, &scratch.path("results"), &["--quiet"]));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let path = directory(&ended);
    assert_whole(&path);
    (trials(&path).0, path)
}

fn measure(more: &[&str]) -> Ended {
    run(copycost(["measure", "--lab", "loopback", "--warmup", "5ms"].iter().chain(more).copied()))
}

/// Whether no file could be had on a disk, which is said.
fn lacks_disk(test: &str, ended: &Ended) -> bool {
    let lacks =
        ended.stderr.contains("no disk for the file") || ended.stderr.contains("keeps files in memory");
    if lacks {
        skip(test, &format!("a disk ({})", ended.stderr.trim()));
    }
    lacks
}

#[test]
fn without_tcp_every_byte_arrives_and_what_is_tcps_is_absent() {
    let scratch = Scratch::new();
    let (rows, path) = swept(
        &scratch,
        "paths: [all]\nwire: [loopback, unix]\nmessage_sizes: [64, 1001, 64KiB, 1MiB]\nthreads: [1, 4]\nmessages: 12\n\
         warmup: 2ms",
    );
    let of_wire = |wire: &str| rows.iter().filter(|row| row.wire.word() == wire).collect::<Vec<_>>();
    let (tcp, unix) = (of_wire("loopback"), of_wire("unix"));
    assert_eq!(tcp.len(), unix.len());
    for row in &unix {
        match row.send_path.as_str() {
            "zero-copy" => assert!(row.reason.contains("SO_ZEROCOPY"), "{row:?}"),
            "ktls" => assert!(row.reason.contains("TCP connection"), "{row:?}"),
            _ if row.status == Status::Unsupported => assert!(!row.reason.is_empty(), "{row:?}"),
            _ => {
                assert_eq!((row.status, row.verified), (Status::Ok, Some(Verified::Bytes)), "{row:?}");
                assert_eq!(row.bytes, Some(12 * row.message_bytes * u64::from(row.threads)), "{row:?}");
                let of_tcp = (row.congestion.as_ref(), row.nodelay, row.retransmits, row.wire_bytes);
                assert_eq!(of_tcp, (None, None, None, None), "{row:?}");
                assert!(row.send_buffer_bytes > Some(0) && row.receive_buffer_bytes.is_none(), "{row:?}");
            }
        }
    }
    for send_path in ["plain-send", "two-copy", "one-copy", "sendfile", "splice", "writev"] {
        let well = unix.iter().filter(|row| row.send_path == send_path && row.status == Status::Ok);
        assert_eq!(well.count(), 4 * 2, "{send_path}");
    }
    assert!(tcp.iter().any(|row| row.retransmits.is_some() && row.congestion.is_some()));
    let link = manifest(&path).wires["unix"].clone();
    assert_eq!((link.kind.as_str(), link.read, link.sender.interface), ("unix", None, None));

    let copy = copy_of(&path);
    let (path, copy) = (path.to_str().unwrap(), copy.to_str().unwrap());
    for arguments in [&["validate", path][..], &["report", path], &["compare", path, copy]] {
        let ended = run(copycost(arguments.iter().copied()));
        assert_eq!(ended.code(), Some(0), "{ended:?}");
    }
    assert!(std::fs::read_to_string(format!("{path}/report.md")).unwrap().contains("| wire | unix |"));
}

#[test]
fn without_tcp_messages_are_answered_too_and_what_cannot_be_is_one_sentence() {
    let unix = |more: &[&str]| measure(&[&["--wire", "unix", "--messages", "50"], more].concat());
    for (path, payload) in [("two-copy", "fresh"), ("sendfile", "fresh"), ("splice", "static")] {
        let flags = ["--path", path, "--payload", payload, "--workload", "request", "--verify"];
        let ended = unix(&flags);
        assert_eq!(ended.code(), Some(0), "{ended:?}");
        assert!(
            ended.stdout.contains("every byte verified") && !ended.stdout.contains("sent again"),
            "{ended:?}"
        );
    }
    for (flags, code, part) in [
        (&["--receive-path", "trunc"][..], 2, "MSG_TRUNC is TCP's"),
        (&["--path", "zero-copy"], 1, "SO_ZEROCOPY"),
        (&["--path", "two-copy:cork=on"], 1, "leave cork off"),
    ] {
        let ended = unix(flags);
        assert_eq!((ended.code(), ended.stderr.lines().count()), (Some(code), 1), "{ended:?}");
        assert!(ended.stderr.contains(part), "{ended:?}");
    }
    let netns = run(copycost(["measure", "--lab", "netns", "--wire", "unix"]));
    assert_eq!(netns.code(), Some(2), "{netns:?}");
    assert!(netns.stderr.contains("use --lab loopback"), "{netns:?}");
}

#[test]
fn a_cork_makes_full_segments_of_small_messages_and_nothing_waits_for_it() {
    let scratch = Scratch::new();
    let bounded = |bound: &str, sizes: &str, paths: &str| {
        swept(
            &scratch,
            &format!(
                "paths: [{paths}]\nmessage_sizes: [{sizes}]\nthreads: [1, 3]\n{bound}\n\
                 warmup: 5ms\nsocket: {{nodelay: true, cork: [false, true]}}"
            ),
        )
        .0
    };
    for row in bounded("messages: 7", "64, 1001, 64KiB, 1MiB", "plain-send, writev, sendfile, splice") {
        assert_eq!(
            (row.status, row.bytes),
            (Status::Ok, Some(7 * row.message_bytes * u64::from(row.threads)))
        );
    }
    // Of pages that are sent by reference a segment has room for 17, however little of each is sent.
    let rows = bounded("duration: 200ms", "64", "plain-send, writev");
    for row in rows.iter().filter(|row| row.status == Status::Ok && row.send_path.ends_with(":cork=on")) {
        let plain = row.send_path.trim_end_matches(":cork=on");
        let plain =
            rows.iter().find(|other| other.send_path == plain && other.threads == row.threads).unwrap();
        let packet = |row: &Trial| Some(row.wire_bytes? as f64 / row.wire_packets? as f64);
        let (Some(corked), Some(plain)) = (packet(row), packet(plain)) else { continue };
        // Acknowledgements are packets too, and where the receiver is behind, small messages share segments anyway.
        assert!(
            corked > plain && corked > 10.0 * 64.0,
            "{}: packets of {corked:.0} B with a cork, {plain:.0} B without",
            row.cell
        );
    }
    let request = measure(&["--path", "two-copy:cork=on", "--workload", "request"]);
    assert_eq!((request.code(), request.stderr.lines().count()), (Some(2), 1), "{request:?}");
    assert!(request.stderr.contains("leave cork off"), "{request:?}");
}

#[test]
fn a_cold_file_is_verified_with_one_stream_and_with_many() {
    for (threads, size) in [("1", "1001"), ("4", "1MiB"), ("64", "64KiB")] {
        let path = ["--path", "sendfile-disk:cache=cold", "--verify", "--messages", "20"];
        let ended = measure(&[&path[..], &["--threads", threads, "--size", size]].concat());
        if lacks_disk("a_cold_file_is_verified_with_one_stream_and_with_many", &ended) {
            return;
        }
        assert_eq!(ended.code(), Some(0), "{threads} x {size}: {ended:?}");
        assert!(ended.stdout.contains("every byte verified"), "{ended:?}");
    }
}

/// Bytes that a process's threads had read from disks.
fn read_from_disks(pid: i32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("read_bytes: "));
    line.and_then(|bytes| bytes.parse().ok()).unwrap_or_default()
}

#[test]
fn a_killed_trial_leaves_no_file_on_the_disk() {
    const TEST: &str = "a_killed_trial_leaves_no_file_on_the_disk";
    // The usual directory of tests may be in memory.
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let names = || std::fs::read_dir(place.path()).unwrap().flatten().count();
    for whom in ["the coordinator", "the sender's agent"] {
        let mut command = copycost(["measure", "--lab", "loopback", "--path", "sendfile-disk:cache=cold"]);
        command.args(["--duration", "60s"]).env("TMPDIR", place.path());
        let mut trial = Running::start(command);
        let agents = || trial.agents();
        assert!(until(PATIENCE, || agents().len() == 2));
        let [sender, receiver] = agents().try_into().unwrap_or_else(|_| panic!("two agents"));
        let sends = until(Duration::from_secs(60), || {
            assert_eq!(names(), 0, "the file has a name");
            read_from_disks(sender.pid) > 16 << 20
        });
        if !sends {
            assert!(!trial.is_running() || lacks_accounting(), "nothing was read from the disk");
            return skip(TEST, "a disk, or a kernel that accounts what is read from it");
        }
        match whom {
            "the coordinator" => trial.signal(Signal::SIGKILL),
            _ => sender.kill(Signal::SIGKILL),
        }
        let ended = trial.wait();
        assert!(ended.code() != Some(0), "{whom}: {ended:?}");
        let gone = |pid: i32| !Path::new(&format!("/proc/{pid}")).exists();
        assert!(until(PATIENCE, || gone(sender.pid) && gone(receiver.pid)), "{whom}: an agent is left");
        assert_eq!(names(), 0, "{whom}");
    }
}

/// Whether the kernel tells nothing of what processes read from disks.
fn lacks_accounting() -> bool {
    !Path::new("/proc/self/io").exists()
}

#[test]
fn a_disk_that_is_full_is_one_sentence() {
    const TEST: &str = "a_disk_that_is_full_is_one_sentence";
    let scratch = Scratch::new();
    let image = scratch.file("image", vec![0; 24 << 20]);
    std::fs::create_dir(scratch.path("disk")).unwrap();
    let made =
        Command::new("mkfs.ext4").args(["-q", &image]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !is_root() || !made.is_ok_and(|status| status.success()) {
        return skip(TEST, "root and mkfs.ext4");
    }
    let disk = scratch.text_path("disk");
    let mounted = "mount -o loop \"$0\" \"$1\" || exit 99; TMPDIR=$1 exec \"$2\" measure --lab loopback --messages 10 \
                   --path sendfile-disk:cache=cold";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", mounted, &image, &disk, BINARY]).stdin(Stdio::null());
    let ended = run(command);
    if ended.code() == Some(99) {
        return skip(TEST, "the right to mount an image");
    }
    assert_eq!((ended.code(), ended.stderr.lines().count()), (Some(1), 1), "{ended:?}");
    assert!(
        ended.stderr.contains("No space left on device") && ended.stderr.contains("set TMPDIR"),
        "{ended:?}"
    );
}

/// Kernel TLS at both ends in a machine: every size, one way and answered, from a buffer and from a file.
fn kernel_tls_is_verified(series: &str, test: &str) {
    let Some(machine) = Machine::with_kernel(series, test) else { return };
    let scratch = Scratch::new();
    let grid = scratch.file(
        "grid.yaml",
        "name: ktls\npaths: [{ktls: {file: [off, on]}}]\nworkload: [stream, request]\npayload: [static, fresh]\n\
         message_sizes: [64, 1001, 64KiB, 1MiB]\nthreads: [3]\nmessages: 20\nwarmup: 5ms\nrepetitions: 1\nverify: true\n\
         seed: 7\nwire: veth\n",
    );
    let results = scratch.text_path("results");
    let words = ["sweep", &grid, "--no-report", "--quiet", "--results", &results];
    let ended = run(machine.run(["--quiet"], words));
    let run = only_run(Path::new(&results)).unwrap_or_else(|| panic!("no run came home: {ended:?}"));
    let (rows, _) = trials(&run);
    for row in &rows {
        match row.status {
            Status::Ok => assert_eq!(row.verified, Some(Verified::Bytes), "{row:?}"),
            Status::Unsupported => assert!(row.reason.contains("payload: static"), "{row:?}"),
            Status::Failed => panic!("{}: {}", row.cell, row.reason),
        }
    }
    assert_eq!((ended.code(), rows.len()), (Some(0), 2 * 2 * 2 * 4), "{ended:?}");
    let well =
        |path: &str| rows.iter().filter(|row| row.status == Status::Ok && row.send_path == path).count();
    // A file's fresh messages can be written anew only where the one before was answered.
    assert_eq!((well("ktls"), well("ktls:file=on")), (4 * 4, 3 * 4));
    assert_whole(&run);
}

#[test]
fn kernel_tls_is_verified_on_linux_6_1() {
    kernel_tls_is_verified("6.1", "kernel_tls_is_verified_on_linux_6_1");
}

#[test]
fn kernel_tls_is_verified_on_linux_6_12() {
    kernel_tls_is_verified("6.12", "kernel_tls_is_verified_on_linux_6_12");
}
