//! `copycost vm`: commands in a machine of their own, what comes home, and what is left when it goes wrong.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::lab::{assert_whole, manifest, only_run, rows_so_far, trials};
use support::machine::{Machine, machines_of};
use support::process::{Running, run};
use support::{PATIENCE, Scratch, copycost, skip, until};

const SERIES: &str = "6.12";

fn refused(command: Command, code: i32, parts: &[&str]) {
    let ended = run(command);
    assert_eq!(ended.code(), Some(code), "{ended:?}");
    for part in parts {
        assert!(ended.stderr.contains(part), "`{part}` is missing from: {}", ended.stderr);
    }
    let said = ended.stderr.lines().filter(|line| line.starts_with("copycost:")).count();
    assert!(said <= 1, "more than one sentence: {}", ended.stderr);
}

#[test]
fn what_cannot_be_started_is_refused_with_a_remedy() {
    let scratch = Scratch::new();
    let text = scratch.file("vmlinuz-text", "no kernel");
    let empty = scratch.text_path("empty");
    std::fs::create_dir(&empty).unwrap();
    let vm = |flags: &[&str]| {
        let mut command = copycost(["vm", "--accel", "tcg"]);
        command.args(flags).args(["--", "doctor"]);
        command
    };
    for (kernel, part) in [
        (text.as_str(), "not a kernel image for x86"),
        (&empty, "holds no kernel image"),
        ("/nowhere/vmlinuz", "apt-get download"),
    ] {
        let mut command = vm(&["--kernel", kernel]);
        // Without QEMU, that is what is said first.
        command.env("COPYCOST_QEMU", fake_qemu(&scratch));
        refused(command, 1, &[part, "--kernel"]);
    }
    let mut command = vm(&["--kernel", &text]);
    command.env("COPYCOST_QEMU", scratch.path("no-such-qemu"));
    refused(command, 1, &["install QEMU", "apt install qemu-system-x86"]);
    let mut command = vm(&["--nic", "igb"]);
    command.env("COPYCOST_QEMU", fake_qemu(&scratch));
    refused(command, 1, &["has no card igb", "--nic"]);

    refused(vm(&["--clock", "instructions", "--accel", "kvm"]), 2, &[]);
    refused(vm(&["--clock", "instructions", "--cpus", "2"]), 2, &["one CPU"]);
    refused(vm(&["--memory", "1MiB"]), 2, &["256MiB"]);
    refused(copycost(["vm"]), 2, &["COMMAND"]);
}

/// A program that says that it is QEMU and has a card e1000e.
fn fake_qemu(scratch: &Scratch) -> std::path::PathBuf {
    let text = "#!/bin/sh\ncase \"$*\" in *help*) echo 'name \"e1000e\", bus PCI';; \
                *version*) echo 'QEMU emulator version 0.0';; *) echo 'qemu: error: no machine today' >&2; exit 1;; \
                esac\n";
    let path = scratch.file("qemu", text);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.into()
}

#[test]
fn what_qemu_says_when_it_gives_up_is_passed_on() {
    let Some(machine) = Machine::with_kernel(SERIES, "what_qemu_says_when_it_gives_up_is_passed_on") else {
        return;
    };
    let scratch = Scratch::new();
    let mut command = machine.run([], ["doctor"]);
    command.env("COPYCOST_QEMU", fake_qemu(&scratch));
    refused(command, 1, &["QEMU refused the machine: qemu: error: no machine today"]);
}

#[test]
fn a_kernel_without_a_module_for_the_card_is_said_to_have_none() {
    let test = "a_kernel_without_a_module_for_the_card_is_said_to_have_none";
    let Some(machine) = Machine::with_kernel(SERIES, test) else { return };
    let scratch = Scratch::new();
    let boot = machine.kernel.join("boot");
    let image = std::fs::read_dir(&boot).unwrap().flatten().map(|entry| entry.path());
    let image = image.into_iter().find(|path| path.to_string_lossy().contains("vmlinuz")).unwrap();
    let release = image.file_name().unwrap().to_str().unwrap().strip_prefix("vmlinuz-").unwrap().to_owned();
    for directory in ["bare/boot".to_owned(), format!("bare/lib/modules/{release}/kernel")] {
        std::fs::create_dir_all(scratch.path(&directory)).unwrap();
    }
    std::fs::copy(&image, scratch.path(&format!("bare/boot/vmlinuz-{release}"))).unwrap();
    let mut command = copycost(["vm", "--accel", "tcg", "--kernel"]);
    command.arg(scratch.path("bare")).args(["--", "doctor"]);
    refused(command, 1, &["has no module for the card e1000e", "--nic"]);
}

#[test]
fn a_guest_that_panics_is_shown_with_its_last_lines() {
    let Some(machine) = Machine::with_kernel(SERIES, "a_guest_that_panics_is_shown_with_its_last_lines")
    else {
        return;
    };
    let command = machine.run(["--quiet", "--append", "rdinit=/nowhere"], ["doctor"]);
    refused(command, 1, &["Kernel panic", "Unable to mount root fs", "its last lines:"]);
}

#[test]
fn the_output_and_the_exit_code_are_the_commands() {
    let Some(machine) = Machine::with_kernel(SERIES, "the_output_and_the_exit_code_are_the_commands") else {
        return;
    };
    let began = std::time::Instant::now();
    let doctor = run(machine.run([], ["doctor"]));
    let took = began.elapsed();
    assert_eq!(doctor.code(), Some(0), "{doctor:?}");
    assert!(
        doctor.stdout.contains(&format!("ok         kernel                         {SERIES}.")),
        "{doctor:?}"
    );
    assert!(doctor.stderr.contains("QEMU"), "{doctor:?}");
    println!("doctor in a machine took {took:?}");

    let wrong = run(machine.run(["--quiet"], ["sweep", "no-such-grid"]));
    assert_eq!((wrong.code(), wrong.stdout.as_str()), (Some(2), ""));
    assert!(wrong.stderr.contains("no-such-grid"), "{wrong:?}");
}

#[test]
fn a_machine_whose_command_ignores_ctrl_c_is_ended() {
    let test = "a_machine_whose_command_ignores_ctrl_c_is_ended";
    let Some(machine) = Machine::with_kernel(SERIES, test) else { return };
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).exists());
    let Some(busybox) = busybox else { return skip(test, "busybox, statically linked") };
    let script = "trap '' INT; echo deaf >&2; busybox sleep 1000";
    let mut vm = Running::start(machine.run(["--quiet", "--with", busybox], ["busybox", "sh", "-c", script]));
    vm.wait_for("deaf");
    let (pid, asked) = (vm.pid(), Instant::now());
    vm.signal(Signal::SIGTERM);
    let ended = vm.wait();
    assert_eq!(ended.code(), Some(130), "{ended:?}");
    assert!(asked.elapsed() < Duration::from_secs(60), "it took {:?}", asked.elapsed());
    assert_eq!(machines_of(pid), Vec::<i32>::new());
}

#[test]
fn a_run_comes_home_row_by_row_and_ctrl_c_lets_it_be_finished() {
    let test = "a_run_comes_home_row_by_row_and_ctrl_c_lets_it_be_finished";
    let Some(machine) = Machine::with_kernel(SERIES, test) else { return };
    let scratch = Scratch::new();
    let grid = scratch.file(
        "grid.yaml",
        "name: home\npaths: [two-copy, zero-copy]\nmessage_sizes: [4KiB]\nmessages: 100\nwarmup: 5ms\n\
         threads: [1]\nrepetitions: 500\nseed: 7\nverify: true\n",
    );
    let start = || {
        let _ = std::fs::remove_dir_all(scratch.path("results"));
        let mut command = machine.run(["--quiet"], ["sweep", &grid, "--no-report", "--results", "results"]);
        command.current_dir(scratch.path("."));
        let mut sweep = Running::start(command);
        let results = scratch.path("results");
        let there = until(PATIENCE, || {
            !sweep.is_running() || only_run(&results).is_some_and(|run| rows_so_far(&run) >= 3)
        });
        assert!(there && sweep.is_running(), "no rows while it ran:\n{}", sweep.stderr());
        assert_eq!(machines_of(sweep.pid()).len(), 1);
        sweep
    };
    let sweep = start();
    let pid = sweep.pid();
    sweep.signal(Signal::SIGINT);
    let ended = sweep.wait();
    assert_eq!(ended.code(), Some(130), "{ended:?}");
    assert!(ended.stderr.contains("interrupted after"), "{ended:?}");
    assert_eq!(machines_of(pid), Vec::<i32>::new());
    let run = only_run(&scratch.path("results")).unwrap();
    assert_whole(&run);
    let manifest = manifest(&run);
    assert_eq!(manifest.outcome.as_deref(), Some("interrupted"));
    let vm = manifest.vm.expect("what the machine was");
    assert_eq!((vm.accel.as_str(), vm.clock.as_str(), vm.nic.as_str()), ("tcg", "host", "e1000e"));
    assert!(manifest.sender.host.kernel.starts_with(SERIES) && !vm.qemu.is_empty(), "{vm:?}");
    assert_eq!(std::fs::read_link(scratch.path("results/latest")).unwrap(), run.file_name().unwrap());

    // Killed, it takes the machine along, and what came home before is whole rows.
    let sweep = start();
    let machines = machines_of(sweep.pid());
    sweep.signal(Signal::SIGKILL);
    assert_eq!(sweep.wait().signal(), Some(libc::SIGKILL));
    let gone = || machines.iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists());
    assert!(until(PATIENCE, gone), "a machine outlived its program");
    let run = only_run(&scratch.path("results")).unwrap();
    assert!(trials(&run).0.len() >= 3);
}

#[test]
fn a_machine_that_hangs_is_ended_with_one_sentence() {
    let test = "a_machine_that_hangs_is_ended_with_one_sentence";
    let Some(machine) = Machine::with_kernel(SERIES, test) else { return };
    let scratch = Scratch::new();
    let grid = scratch.file(
        "grid.yaml",
        "name: hang\npaths: [two-copy]\nmessage_sizes: [4KiB]\nmessages: 100\nwarmup: 5ms\nthreads: [1]\n\
         repetitions: 1000\nseed: 7\n",
    );
    // Half of it is what a busy host may take to answer for a machine that does not hang.
    let flags = ["--quiet", "--patience", "20s"];
    let mut command = machine.run(flags, ["sweep", &grid, "--no-report", "--results", "results"]);
    command.current_dir(scratch.path("."));
    let mut sweep = Running::start(command);
    let results = scratch.path("results");
    let there = until(PATIENCE, || {
        !sweep.is_running() || only_run(&results).is_some_and(|run| rows_so_far(&run) >= 1)
    });
    assert!(there && sweep.is_running(), "no rows while it ran:\n{}", sweep.stderr());
    let machines = machines_of(sweep.pid());
    // A guest whose CPUs stand still, whatever stopped them.
    for &pid in &machines {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
    }
    let ended = sweep.wait();
    assert_eq!(ended.code(), Some(1), "{ended:?}");
    let said = ended.stderr.lines().filter(|line| line.starts_with("copycost:")).collect::<Vec<_>>();
    assert_eq!(said.len(), 1, "{ended:?}");
    for part in ["does not answer", "--patience"] {
        assert!(said[0].contains(part), "`{part}` is missing from: {said:?}");
    }
    for pid in machines {
        assert!(!Path::new(&format!("/proc/{pid}")).exists(), "the machine is still there");
    }
}
