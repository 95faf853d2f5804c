//! Runs of the past, made of the run in `results/sample`: its trials with other figures, another start and another name.

use std::path::{Path, PathBuf};

use copycost::record::{Manifest, Trial, csv_file};

/// The run that comes with the sources.
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/results/sample");

/// Writes a run of the `day`th day into a results directory, changed as the test wants it, and gives its directory.
///
/// Its throughputs lie within two per cent of the sample's, by the day and the trial, so that two runs are alike and not
/// the same.
pub fn run_of_day(results: &Path, day: u64, change: impl FnOnce(&mut Manifest, &mut Vec<Trial>)) -> PathBuf {
    let mut manifest =
        Manifest::read(&Path::new(SAMPLE).join("manifest.json")).expect("the sample's manifest");
    let mut trials = csv_file::read::<Trial>(Path::new(SAMPLE)).expect("the sample's trials").rows;
    manifest.run_id = format!("202701{day:02}T000000Z-sample");
    manifest.started_at = format!("2027-01-{day:02}T00:00:00Z");
    for trial in &mut trials {
        let noise = (trial.order.wrapping_mul(7_919).wrapping_add(day * 104_729) % 401) as f64 / 10_000.0;
        trial.run_id.clone_from(&manifest.run_id);
        scale(trial, 0.98 + noise);
    }
    change(&mut manifest, &mut trials);
    let dir = results.join(&manifest.run_id);
    std::fs::create_dir_all(&dir).expect("a directory");
    manifest.write(&dir.join("manifest.json")).expect("a manifest");
    csv_file::replace(&dir, &trials).expect("trials");
    dir
}

/// A run of that day as it is.
pub fn plain_run(results: &Path, day: u64) -> PathBuf {
    run_of_day(results, day, |_, _| ())
}

/// Makes the trials of a path so many times as fast.
pub fn speed_up(trials: &mut [Trial], path: &str, factor: f64) {
    trials.iter_mut().filter(|trial| trial.send_path == path).for_each(|trial| scale(trial, factor));
}

fn scale(trial: &mut Trial, factor: f64) {
    trial.throughput_gbps = trial.throughput_gbps.map(|gbps| gbps * factor);
}
