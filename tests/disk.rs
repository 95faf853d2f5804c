//! Disks that fill up or cannot be written: said before the first trial where it can be known, and no half row
//! is ever read as a whole one.

mod support;

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use copycost::record::Status;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use support::lab::{
    assert_whole, directory, key, manifest, only_run, resume, start_with_rows, sweep, tiny_grid, trials,
};
use support::process::{Ended, run};
use support::{BINARY, Scratch, copycost, is_root, skip};

/// Works on a tmpfs of this size that nobody else sees; the test is skipped where none may be mounted.
fn on_tmpfs(test: &str, size: &str, flags: MsFlags, work: impl FnOnce(&Scratch, &Path) + Send) {
    let scratch = Scratch::new();
    let place = scratch.path("disk");
    std::fs::create_dir(&place).unwrap();
    let in_a_namespace = || {
        // A mount namespace is a thread's own, and that of the processes it starts.
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        let mounted = unshare(CloneFlags::CLONE_NEWNS)
            .and_then(|()| mount(None::<&str>, "/", None::<&str>, private, None::<&str>))
            .and_then(|()| mount(Some("none"), &place, Some("tmpfs"), flags, Some(size)));
        match mounted {
            Ok(()) => work(&scratch, &place),
            Err(errno) => skip(test, &format!("the right to mount a tmpfs ({errno})")),
        }
    };
    std::thread::scope(|scope| {
        if let Err(panic) = scope.spawn(in_a_namespace).join() {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Takes all the room that is left.
fn fill(ballast: &Path) {
    let mut file = std::fs::File::create(ballast).unwrap();
    for bytes in [64 << 10, 4 << 10, 1] {
        while file.write_all(&vec![0; bytes]).is_ok() {}
    }
}

#[test]
fn a_disk_that_fills_up_ends_the_sweep_with_whole_rows() {
    const TEST: &str = "a_disk_that_fills_up_ends_the_sweep_with_whole_rows";
    on_tmpfs(TEST, "size=2m", MsFlags::empty(), |scratch, disk| {
        let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 60\nlab: loopback"));
        let results = disk.join("results");
        let sweep = start_with_rows(sweep(&grid, &results, &[]), &results, 2);
        let ballast = disk.join("ballast");
        fill(&ballast);
        let ended = sweep.wait();
        let path = only_run(&results).expect("a run");
        let said = &ended.stderr;
        assert_eq!(ended.code(), Some(1), "{ended:?}");
        assert!(said.contains("No space left on device"), "{said}");
        assert!(said.contains("free some space, then resume with `"), "{said}");
        assert!(said.contains(&format!("copycost sweep --resume {}`", path.display())), "{said}");
        let (rows, half) = trials(&path);
        assert!(!half && (2..4 * 60).contains(&rows.len()), "{} rows, half one: {half}", rows.len());
        assert!(rows.iter().all(|row| row.status == Status::Ok), "{rows:?}");

        // Still full: said before a trial is run, and nothing is lost by trying.
        let ended = run(resume(&path));
        assert_eq!(ended.code(), Some(1), "{ended:?}");
        assert!(ended.stderr.contains("No space left on device"), "{}", ended.stderr);
        assert_eq!(trials(&path), (rows.clone(), false));
        assert_eq!(manifest(&path).resumed, 0);

        std::fs::remove_file(ballast).unwrap();
        let ended = run(resume(&path));
        assert_eq!(ended.code(), Some(0), "{ended:?}");
        let (all, _) = trials(&path);
        assert_eq!(all.len(), 4 * 60);
        assert_eq!(all[..rows.len()], rows);
        let orders: Vec<u64> = all.iter().map(|row| key(row).0).collect();
        assert_eq!(orders, (1..=4 * 60).collect::<Vec<_>>());
        assert_whole(&path);
    });
}

/// The sweep said why it does not begin, and began nothing.
fn assert_not_begun(ended: &Ended, parts: &[&str]) {
    assert_eq!((ended.code(), ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    for part in parts {
        assert!(ended.stderr.contains(part), "`{part}` is not said: {}", ended.stderr);
    }
}

#[test]
fn a_disk_without_room_for_the_rows_is_said_before_the_first_trial() {
    const TEST: &str = "a_disk_without_room_for_the_rows_is_said_before_the_first_trial";
    on_tmpfs(TEST, "size=256k", MsFlags::empty(), |scratch, disk| {
        let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1000\nlab: loopback"));
        let ended = run(sweep(&grid, &disk.join("results"), &[]));
        assert_not_begun(&ended, &["KiB free", "--results"]);
        assert_eq!(only_run(&disk.join("results")), None);
        // With room for all of them it runs.
        let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1\nlab: loopback"));
        let ended = run(sweep(&grid, &disk.join("results"), &[]));
        assert_eq!((ended.code(), trials(&directory(&ended)).0.len()), (Some(0), 4), "{ended:?}");
    });
    on_tmpfs(TEST, "size=1m", MsFlags::empty(), |scratch, disk| {
        fill(&disk.join("ballast"));
        let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1\nlab: loopback"));
        let ended = run(sweep(&grid, &disk.join("results"), &[]));
        assert_not_begun(&ended, &["0 KiB free", "--results"]);
    });
}

#[test]
fn a_disk_that_cannot_be_written_is_said_before_the_first_trial() {
    const TEST: &str = "a_disk_that_cannot_be_written_is_said_before_the_first_trial";
    on_tmpfs(TEST, "size=1m", MsFlags::MS_RDONLY, |scratch, disk| {
        let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1\nlab: loopback"));
        for results in [disk.to_owned(), disk.join("results")] {
            let ended = run(sweep(&grid, &results, &[]));
            assert_not_begun(&ended, &["Read-only file system", "choose another directory with --results"]);
        }
    });
}

#[test]
fn a_report_on_a_full_disk_leaves_the_old_files_and_none_beside_them() {
    const TEST: &str = "a_report_on_a_full_disk_leaves_the_old_files_and_none_beside_them";
    on_tmpfs(TEST, "size=4m", MsFlags::empty(), |scratch, disk| {
        let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 2\nlab: loopback"));
        let path = directory(&run(sweep(&grid, &disk.join("results"), &[])));
        let report =
            || run(copycost(["report", "--only", "tables", "--only", "html", path.to_str().unwrap()]));
        assert_eq!(report().code(), Some(0));
        let page = std::fs::read(path.join("report.html")).unwrap();
        fill(&disk.join("ballast"));
        let ended = report();
        assert_eq!(ended.code(), Some(1), "{ended:?}");
        assert!(
            ended.stderr.contains("No space left on device") && ended.stderr.contains("free some space"),
            "{ended:?}"
        );
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
        assert_eq!(std::fs::read(path.join("report.html")).unwrap(), page);
        let names =
            std::fs::read_dir(&path).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap());
        assert_eq!(names.filter(|name| name.ends_with(".new")).count(), 0);
    });
}

#[test]
fn a_file_in_place_of_the_results_directory_is_said_before_the_first_trial() {
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1\nlab: loopback"));
    scratch.file("results", "");
    for results in [scratch.path("results"), scratch.path("results/deeper")] {
        let ended = run(sweep(&grid, &results, &[]));
        assert_not_begun(&ended, &["cannot write to ", "choose another directory with --results"]);
    }
    assert_eq!(std::fs::read(scratch.path("results")).unwrap(), b"");
}

#[test]
fn a_results_directory_of_somebody_else_is_said_before_the_first_trial() {
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1\nlab: loopback"));
    let (binary, results) = (scratch.text_path("copycost"), scratch.path("results"));
    std::fs::copy(BINARY, &binary).unwrap();
    std::fs::create_dir(&results).unwrap();
    let mut command = Command::new(&binary);
    command.args(["sweep", &grid, "--no-report", "--results"]).arg(&results);
    if is_root() {
        command.uid(65534).gid(65534);
    } else {
        let mut permissions = std::fs::metadata(&results).unwrap().permissions();
        permissions.set_readonly(true);
        std::fs::set_permissions(&results, permissions).unwrap();
    }
    let ended = run(command);
    assert_not_begun(&ended, &["Permission denied", "choose another directory with --results"]);
    assert_eq!(std::fs::read_dir(&results).unwrap().count(), 0);
}
