//! `copycost validate RUN`: whether a run's directory holds what its schema says.
//!
//! Every fault is listed, each as one sentence that names file, line and column: a result that others publish
//! must be checkable by those who did not measure it.

mod derived;
mod findings;
mod latency;
mod manifest;
mod streams;
mod table;
mod trials;
mod xray;

use std::path::Path;

use anyhow::{Context, ensure};

use crate::file;
use crate::record::csv_file::Numbered;
use crate::record::{Fault, Manifest, Recorded, Status, Stream, Trial};
use findings::Findings;

/// What was found of a run.
#[derive(Clone, Debug, Default)]
pub struct Validation {
    /// Every violation, in the order of the files.
    pub violations: Vec<Fault>,
    /// The files that were checked, with the number of whole rows.
    pub checked: Vec<(&'static str, usize)>,
    /// What a reader must know of a run without a fault: that it holds no trial, or none that went well.
    pub remark: Option<String>,
}

/// Checks a run's directory.
///
/// # Errors
/// When it cannot be read at all: it is no run, its manifest is not one or is of a newer major version, or a
/// file of rows cannot be opened.
pub fn validate(dir: &Path) -> anyhow::Result<Validation> {
    ensure!(
        file::is_there(&dir.join("manifest.json")),
        "{} is not a run: it has no manifest.json; give the directory that `copycost sweep` printed",
        dir.display()
    );
    let manifest = Manifest::read(&dir.join("manifest.json")).map_err(anyhow::Error::msg)?;
    let mut found = Vec::new();
    manifest::check(&manifest, &mut Findings { file: "manifest.json", found: &mut found });

    let mut findings = Findings { file: "trials.csv", found: &mut found };
    let schema = manifest.schema_version.as_str();
    let trials: Vec<Numbered<Trial>> = table::rows(dir, schema, &mut findings)
        .with_context(|| format!("cannot read {}", dir.join(Trial::FILE).display()))?;
    trials::check(&trials, &manifest, &mut findings);
    let mut checked = vec![("manifest.json", 1), ("trials.csv", trials.len())];

    let mut findings = Findings { file: "streams.csv", found: &mut found };
    match table::rows::<Stream>(dir, schema, &mut findings) {
        Ok(rows) => {
            streams::check(&rows, &trials, &mut findings);
            checked.push(("streams.csv", rows.len()));
        }
        Err(error) => findings.file(error.to_string()),
    }
    checked.extend(latency::check(dir, schema, &trials, &mut found));
    checked.extend(derived::check(dir, &trials, &mut found));
    let xrayed = xray::check(dir, &manifest, &mut found);
    // An x-ray alone has no trials.
    if trials.is_empty() && xrayed.iter().all(|(_, rows)| *rows == 0) {
        Findings { file: "trials.csv", found: &mut found }.file("no trial: the file has no whole row");
    }
    checked.extend(xrayed);
    let went_well = trials.iter().filter(|trial| trial.row.status == Status::Ok).count();
    let remark = match (trials.len(), went_well) {
        (0, _) => Some("no trial: what is here is an x-ray alone".to_owned()),
        (all, 0) => {
            Some(format!("no trial went well, of {all}: the files are whole, and hold no measurement"))
        }
        _ => None,
    };
    Ok(Validation { violations: found, checked, remark })
}
