//! What must hold of a manifest.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

use super::findings::Findings;
use crate::cell::{Cell, Wire};
use crate::record::Manifest;

pub(super) fn check(manifest: &Manifest, findings: &mut Findings) {
    let parts: Vec<&str> = manifest.schema_version.split('.').collect();
    let is_version = parts.len() == 3 && parts.iter().all(|part| part.parse::<u64>().is_ok());
    findings.must(is_version, 0, "schema_version", || {
        format!("`{}` is not a version such as 1.0.0", manifest.schema_version)
    });
    for (field, value) in [("run_id", &manifest.run_id), ("tool.version", &manifest.tool.version)] {
        findings.must(!value.is_empty(), 0, field, || "it is empty".to_owned());
    }
    for (field, time) in
        [("started_at", Some(&manifest.started_at)), ("finished_at", manifest.finished_at.as_ref())]
    {
        let is_time = time.is_none_or(|time| time.parse::<jiff::Timestamp>().is_ok());
        findings.must(is_time, 0, field, || "it is not a time in RFC 3339".to_owned());
    }
    findings.must(!manifest.wires.is_empty(), 0, "wires", || "there is none".to_owned());
    for (wire, link) in &manifest.wires {
        for (field, word) in [("wires", wire), ("wires.*.kind", &link.kind)] {
            findings.must(word.parse::<Wire>().is_ok(), 0, field, || {
                format!("`{word}` is not one of {}", Wire::WORDS.join(", "))
            });
        }
    }

    let digest = hex::encode(Sha256::digest(&manifest.grid));
    findings.must(digest == manifest.grid_sha256, 0, "grid_sha256", || {
        "it is not the hash of the grid beside it: one of the two was changed".to_owned()
    });
    findings.must(!manifest.cells.is_empty(), 0, "cells", || "the grid has no cell".to_owned());
    let mut known = HashSet::new();
    for key in &manifest.cells {
        if let Err(what) = key.parse::<Cell>() {
            findings.at(0, Some("cells"), what);
        }
        findings.must(known.insert(key), 0, "cells", || format!("`{key}` occurs twice"));
    }
}
