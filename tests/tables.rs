//! The tables of simulated runs, where the truth is known.

mod support;

use std::path::Path;

use copycost::record::row::header;
use copycost::record::{Recorded, SCHEMA_VERSION, Trial, csv_file};
use copycost::tables::{
    self, CellRow, CrossoverRow, CrossoverVerdict, DerivedRow, Difference, Flag, Run, Tables, metric,
};
use support::simulate::{Noise, PathCost, Simulation};

fn tables_of(simulation: &Simulation) -> Tables {
    Tables::of(&simulation.run())
}

#[test]
fn the_columns_of_the_design_come_first_and_in_order() {
    let columns = |names: &'static str| names.split(' ').collect::<Vec<_>>();
    let cells = columns(
        "cell send_path receive_path payload wire message_bytes threads trials throughput_gbps \
         throughput_low throughput_high spread flags",
    );
    assert_eq!(header::<CellRow>()[..cells.len()], cells[..]);
    let crossovers = columns(
        "wire receive_path payload threads path over first_win_bytes supported_win_bytes verdict fixed_ns \
         per_kib_ns over_fixed_ns over_per_kib_ns predicted_bytes predicted_low predicted_high",
    );
    assert_eq!(header::<CrossoverRow>()[..crossovers.len()], crossovers[..]);
    let derived = header::<DerivedRow>();
    assert_eq!(derived[..cells.len()], cells[..]);
    let figures = columns(
        "messages_per_s mean_recv_us cpu_ns_per_kib cycles_per_byte instructions_per_byte \
         cache_misses_per_gib l1d_misses_per_gib llc_misses_per_gib l1d_misses_per_million_messages \
         llc_misses_per_million_messages context_switches_per_s context_switches_per_gib zc_copied_share \
         receiver_cpu_ns_per_kib receiver_cycles_per_byte",
    );
    for name in figures {
        assert!(derived.iter().any(|one| one == name), "{name} is no column");
        let low = format!("{name}_low");
        assert!(derived.contains(&low), "{name} has no interval");
    }
    let mut once = derived.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), derived.len(), "a column occurs twice");
}

#[test]
fn every_table_survives_its_file() {
    fn same<R: Recorded>(dir: &Path, rows: &[R]) {
        let read = csv_file::read::<R>(dir).unwrap();
        assert_eq!(read.rows.len(), rows.len(), "{}", R::FILE);
        for column in R::columns() {
            for (one, other) in read.rows.iter().zip(rows) {
                assert_eq!((column.print)(one), (column.print)(other), "{} {}", R::FILE, column.name);
            }
        }
    }
    let tables = tables_of(&Simulation { control: Some("two-copy".to_owned()), ..Simulation::default() });
    let dir = tempfile::tempdir().unwrap();
    tables.write(dir.path()).unwrap();
    same(dir.path(), &tables.cells);
    same(dir.path(), &tables.derived);
    same(dir.path(), &tables.ratios);
    same(dir.path(), &tables.cost_model);
    same(dir.path(), &tables.crossovers);
    same(dir.path(), &tables.noise);
    same(dir.path(), &tables.account);
    assert_eq!((tables.cells.len(), tables.ratios.len(), tables.noise.len()), (24, 48, 8));
}

#[test]
fn a_planted_crossover_is_found_and_lies_in_the_predicted_interval() {
    // 5,000 ns more per message and 90 ns less per KiB: the lines cross at 56,889 bytes.
    let simulation = Simulation {
        paths: vec![PathCost::new("two-copy", 900.0, 196.0), PathCost::new("splice", 5900.0, 106.0)],
        message_sizes: vec![64, 1 << 10, 16 << 10, 64 << 10, 256 << 10],
        repetitions: 12,
        ..Simulation::default()
    };
    let tables = tables_of(&simulation);
    for row in tables.crossovers.iter().filter(|row| row.path == "splice") {
        assert_eq!(row.verdict, CrossoverVerdict::Wins, "{row:?}");
        // At 64 KiB it is 6 % faster, which twelve blocks may or may not tell.
        assert!([64 << 10, 256 << 10].contains(&row.supported_win_bytes.unwrap()), "{row:?}");
        let (low, high) = (row.predicted_low.unwrap(), row.predicted_high.unwrap());
        assert!(low < 56_889.0 && 56_889.0 < high && high < 2.0 * low, "{row:?}");
    }
    for row in tables.crossovers.iter().filter(|row| row.path == "two-copy") {
        assert_eq!((row.verdict, row.first_win_bytes), (CrossoverVerdict::WinsBelow, Some(64)), "{row:?}");
        assert_eq!((row.supported_win_bytes, row.predicted_bytes), (None, None), "{row:?}");
    }
    for row in &tables.cost_model {
        assert!(row.fixed_ns.interval().is_some() && row.largest_error.unwrap() < 0.15, "{row:?}");
    }
}

#[test]
fn a_line_that_misses_its_points_predicts_no_crossover() {
    let straight = Simulation {
        paths: vec![PathCost::new("two-copy", 900.0, 196.0), PathCost::new("splice", 5900.0, 106.0)],
        message_sizes: vec![64, 1 << 10, 16 << 10, 64 << 10, 256 << 10],
        repetitions: 10,
        threads: vec![1],
        ..Simulation::default()
    };
    let predicts = |tables: &Tables| {
        tables.crossovers.iter().any(|row| row.path == "splice" && row.predicted_bytes.is_some())
    };
    let mut predicted = 0;
    for seed in 0..20 {
        predicted += usize::from(predicts(&tables_of(&Simulation { seed, ..straight.clone() })));
    }
    assert!(predicted >= 17, "straight costs were given no crossover: {predicted} of 20");
    // A message of 16 KiB that takes half as long again lies on no line.
    let mut run = straight.run();
    for trial in run.trials.iter_mut().filter(|trial| trial.message_bytes == 16 << 10) {
        trial.mean_recv_us = trial.mean_recv_us.map(|us| us * 1.5);
    }
    let tables = Tables::of(&run);
    assert!(!predicts(&tables));
    assert!(
        tables.cost_model.iter().all(|row| row.misses_bytes == Some(16 << 10)),
        "{:?}",
        tables.cost_model
    );
}

#[test]
fn an_interval_that_is_open_at_both_ends_is_no_crossover() {
    let noise = Noise { within: (0.2, 0.3), block: 0.05, outliers: 0.0, outlier_delay: 0.0 };
    let alike = vec![PathCost::new("two-copy", 900.0, 196.0), PathCost::new("one-copy", 905.0, 195.0)];
    for seed in 0..20 {
        let simulation = Simulation {
            paths: alike.clone(),
            noise: noise.clone(),
            repetitions: 4,
            seed,
            ..Simulation::default()
        };
        for row in tables_of(&simulation).crossovers.iter().filter(|row| row.predicted_bytes.is_some()) {
            assert!(row.predicted_low.is_some() || row.predicted_high.is_some(), "{row:?}");
        }
    }
}

#[test]
fn without_noise_the_cost_model_is_the_simulation_s() {
    let tables = tables_of(&Simulation { noise: Noise::NONE, threads: vec![1], ..Simulation::default() });
    let row = tables.cost_model.iter().find(|row| row.path == "zero-copy").unwrap();
    // Streams of one trial still differ by 1 %.
    assert!((row.fixed_ns.value.unwrap() / 5700.0 - 1.0).abs() < 0.03, "{row:?}");
    assert!((row.per_kib_ns.value.unwrap() / 225.0 - 1.0).abs() < 0.03, "{row:?}");
    assert_eq!((row.sizes, row.blocks, row.smallest_bytes, row.largest_bytes), (4, 5, 64, 65536));
}

#[test]
fn paths_that_cost_the_same_are_rarely_told_apart() {
    let (mut told, mut all) = (0, 0);
    for seed in 0..40 {
        let simulation = Simulation {
            paths: vec![PathCost::new("plain-send", 900.0, 196.0), PathCost::new("two-copy", 900.0, 196.0)],
            repetitions: 8,
            seed,
            ..Simulation::default()
        };
        let tables = tables_of(&simulation);
        let is_told = |one: Difference| matches!(one, Difference::Faster | Difference::Slower);
        told += tables.ratios.iter().filter(|row| is_told(row.difference)).count();
        all += tables.ratios.len();
    }
    assert!(told * 20 <= all, "{told} of {all} comparisons of a path with itself were called different");
}

#[test]
fn one_trial_a_cell_gives_figures_and_no_interval() {
    let tables = tables_of(&Simulation { repetitions: 1, ..Simulation::default() });
    for row in &tables.cells {
        assert!(row.throughput_gbps.is_some() && row.throughput_low.is_none() && row.spread.is_none());
        assert!(row.flags.has(Flag::OneTrial), "{row:?}");
    }
    assert!(
        tables.ratios.iter().all(|row| row.ratio.value.is_some() && row.difference == Difference::Unjudged)
    );
    let never =
        tables.crossovers.iter().find(|row| row.path == "zero-copy" && row.over == "two-copy").unwrap();
    assert_eq!((never.verdict, never.first_win_bytes), (CrossoverVerdict::Unjudged, None));
    assert!(tables.cost_model.iter().all(|row| row.fixed_ns.value.is_some() && row.fixed_ns.low.is_none()));
}

#[test]
fn an_absent_counter_is_an_empty_figure_and_a_present_one_is_not() {
    let without = tables_of(&Simulation::default());
    let with = tables_of(&Simulation { hardware_counters: true, ..Simulation::default() });
    for (without, with) in without.derived.iter().zip(&with.derived) {
        for name in ["cycles_per_byte", "llc_misses_per_gib", "receiver_l1d_misses_per_million_messages"] {
            let of = metric(name).unwrap().at;
            assert_eq!(of(without).value, None, "{name}");
            assert!(of(with).value.unwrap() > 0.0, "{name}");
        }
        assert!(without.figures.sender.cpu_ns_per_kib.interval().is_some());
        assert!(without.figures.sender.page_faults_per_gib.value.is_some());
    }
}

#[test]
fn a_control_shows_the_noise_floor() {
    let mut held = 0;
    for seed in 0..10 {
        let simulation =
            Simulation { control: Some("one-copy".into()), repetitions: 10, seed, ..Simulation::default() };
        let tables = tables_of(&simulation);
        assert_eq!(tables.noise.len(), 8);
        for row in &tables.noise {
            assert!(row.cell.contains("/one-copy/") && row.blocks == 10, "{row:?}");
            assert!((0.005..0.4).contains(&row.floor.unwrap()), "{row:?}");
            held += usize::from(row.ratio.interval().unwrap().contains(1.0));
        }
        let controls = tables.cells.iter().filter(|row| row.flags.has(Flag::Control));
        assert!(controls.clone().all(|row| row.send_path == "one-copy" && row.trials == 20));
        assert_eq!(controls.count(), 8);
        // The second trial of a block must not count twice where paths are paired.
        assert!(tables.ratios.iter().all(|row| row.blocks == 10));
    }
    assert!(held >= 72, "{held} of 80 controls were found equal to themselves");
    assert!(tables_of(&Simulation::default()).noise.is_empty());
}

#[test]
fn a_difference_is_held_against_its_own_floor() {
    let simulation = Simulation {
        paths: vec![PathCost::new("two-copy", 900.0, 196.0), PathCost::new("one-copy", 900.0, 190.0)],
        control: Some("two-copy".into()),
        repetitions: 30,
        noise: Noise::NONE,
        ..Simulation::default()
    };
    let mut run = simulation.run();
    // Every second trial of the control at 64 KiB in one stream is a tenth slower: a cell that differs from itself.
    let noisy = "veth/two-copy/recv/static/65536B/t1";
    for trial in run.trials.iter_mut().filter(|trial| trial.cell == noisy && trial.rep % 2 == 0) {
        trial.throughput_gbps = trial.throughput_gbps.map(|gbps| gbps * 0.9);
    }
    let tables = Tables::of(&run);
    let row = |bytes, threads| {
        let found = tables.ratios.iter().find(|row| {
            (row.path.as_str(), row.message_bytes, row.setting.threads) == ("one-copy", bytes, threads)
        });
        found.unwrap()
    };
    let own = row(64 << 10, 1);
    assert_eq!((own.floor_cell.as_str(), own.blocks, own.of_blocks), (noisy, 30, 30));
    assert!(own.floor.unwrap() > 0.09, "{own:?}");
    assert_ne!(own.difference, Difference::Faster, "a cell differs from itself by more: {own:?}");
    let other = row(64 << 10, 2);
    assert_eq!(other.floor_cell, "veth/two-copy/recv/static/65536B/t2");
    assert!(other.floor.unwrap() < 0.02 && other.difference == Difference::Faster, "{other:?}");
    assert_eq!(other.comparisons, Some(8));
}

#[test]
fn the_end_that_holds_back_is_a_column() {
    use tables::Limit;
    let limits = |receiver_busy| {
        let tables = tables_of(&Simulation { receiver_busy, threads: vec![1], ..Simulation::default() });
        tables.cells.iter().map(|row| row.limit).collect::<Vec<_>>()
    };
    assert!(limits(0.7).iter().all(|&limit| limit == Some(Limit::Sender)));
    assert!(limits(0.99).iter().all(|&limit| limit == Some(Limit::Receiver)));
    let mut run = Simulation::default().run();
    run.trials.iter_mut().for_each(|trial| {
        (trial.receiver.task_clock_s, trial.receiver.user_s) = (None, None);
    });
    assert!(Tables::of(&run).cells.iter().all(|row| row.limit.is_none()), "absent, not guessed");
}

#[test]
fn a_short_window_leaves_user_time_absent_and_a_zero_is_counted() {
    let short = tables_of(&Simulation { window_s: 0.1, threads: vec![1], ..Simulation::default() });
    for row in &short.derived {
        // A fifth of 100 ms is five ticks of 250 a second, seven tenths are seventeen.
        assert_eq!(row.figures.sender.user_ns_per_kib.value, None);
        assert!(row.figures.sender.system_ns_per_kib.value.is_some());
        assert!(row.figures.sender.cpu_ns_per_kib.value.is_some());
    }
    let long = tables_of(&Simulation { threads: vec![1], ..Simulation::default() });
    assert!(long.derived.iter().all(|row| row.figures.sender.user_ns_per_kib.value.is_some()));
}

#[test]
fn flags_say_what_happened() {
    let mut run = Simulation { unsupported: vec!["one-copy".into()], ..Simulation::default() }.run();
    run.manifest.cells.push("veth/uring/recv/static/64B/t1".to_owned());
    let broken: &mut Trial = &mut run.trials[0];
    let broken_cell = broken.cell.clone();
    if broken.send_path != "one-copy" {
        broken.status = copycost::record::Status::Failed;
        broken.reason = "the link went down".to_owned();
    }
    let tables = Tables::of(&run);
    for row in &tables.cells {
        assert_eq!(row.flags.has(Flag::DeferredCopy), row.send_path == "zero-copy", "{row:?}");
        assert_eq!(row.flags.has(Flag::Unsupported), row.send_path == "one-copy", "{row:?}");
        assert_eq!(row.flags.has(Flag::Missing), row.send_path == "uring", "{row:?}");
        assert_eq!(row.flags.has(Flag::FailedTrials), row.cell == broken_cell && row.send_path != "one-copy");
        assert_eq!(row.throughput_gbps.is_none(), ["one-copy", "uring"].contains(&row.send_path.as_str()));
    }
    let untested = tables.crossovers.iter().filter(|row| row.verdict == CrossoverVerdict::Untested);
    // One-copy against the two others and back, at two numbers of streams; uring at one of them against three.
    assert_eq!(untested.count(), 8 + 6);
}

#[test]
fn a_row_that_was_cut_off_is_left_out_and_said_so() {
    let parent = tempfile::tempdir().unwrap();
    let dir = Simulation::default().write(parent.path()).unwrap();
    let file = dir.join("trials.csv");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, &text[..text.len() - 40]).unwrap();
    let run = Run::load(&dir).unwrap();
    assert_eq!(run.trials.len(), 24 * 5 - 1);
    assert!(run.left_out[0].contains("trials.csv, line 121: the row is cut off"), "{:?}", run.left_out);
}

#[test]
fn what_is_no_run_is_refused_in_one_sentence() {
    let parent = tempfile::tempdir().unwrap();
    let refused = |dir: &Path| {
        let sentence = Run::load(dir).unwrap_err().to_string();
        assert!(!sentence.contains('\n'), "{sentence}");
        sentence
    };
    assert!(refused(parent.path()).contains("is not a run: it has no manifest.json"));

    let dir = Simulation::default().write(parent.path()).unwrap();
    let (trials, manifest) = (dir.join("trials.csv"), dir.join("manifest.json"));
    let (whole, described) =
        (std::fs::read_to_string(&trials).unwrap(), std::fs::read_to_string(&manifest).unwrap());

    let header = whole.lines().next().unwrap();
    std::fs::write(&trials, format!("{header}\n")).unwrap();
    assert!(refused(&dir).contains("trials.csv: no whole row"));

    std::fs::write(&trials, whole.replacen("sender_cycles,", "cycles,", 1)).unwrap();
    assert!(refused(&dir).ends_with("trials.csv, line 1, column sender_cycles: the column is missing"));

    let place = header.split(',').position(|name| name == "window_s").unwrap();
    let mut lines: Vec<String> = whole.lines().map(str::to_owned).collect();
    let mut fields: Vec<&str> = lines[2].split(',').collect();
    fields[place] = "fast";
    lines[2] = fields.join(",");
    std::fs::write(&trials, lines.join("\n") + "\n").unwrap();
    assert!(refused(&dir).ends_with("trials.csv, line 3, column window_s: `fast` is not a finite number"));

    std::fs::write(&trials, &whole).unwrap();
    std::fs::write(&manifest, described.replacen(&format!("{SCHEMA_VERSION:?}"), "\"2.0.0\"", 1)).unwrap();
    assert!(refused(&dir).contains("schema version 2.0.0 is newer"));
    std::fs::write(&manifest, &described).unwrap();
    assert!(Run::load(&dir).is_ok());
    assert_eq!(std::fs::read_to_string(&trials).unwrap(), whole, "reading a run wrote to it");
    assert_eq!(csv_file::read::<Trial>(&dir).unwrap().rows.len(), 120);
}
