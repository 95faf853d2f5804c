//! A history for programs.

use serde_json::{Value, json};

use super::{History, PastRun, PathStep, Track, TrackPoint};
use crate::compare::export::{estimate, pretty};
use crate::record::manifest::Basis;

/// Everything, as one object; what is absent is null.
pub(crate) fn json(history: &History) -> String {
    pretty(&json!({
        "directory": history.dir.display().to_string(),
        "runs": history.runs.iter().enumerate().map(|(place, one)| run(history, place, one)).collect::<Vec<_>>(),
        "cells": history.tracks.iter().map(|one| track(history, one)).collect::<Vec<_>>(),
        "paths": history.paths.iter().map(|one| path(history, one)).collect::<Vec<_>>(),
        "not_runs": history.strangers,
        "unreadable": history.unreadable,
    }))
}

fn run(history: &History, place: usize, run: &PastRun) -> Value {
    let manifest = &run.manifest;
    let before = place.checked_sub(1).map(|before| history.differences(before, place)).unwrap_or_default();
    json!({
        "run": run.name,
        "run_id": manifest.run_id,
        "started_at": manifest.started_at,
        "outcome": manifest.outcome,
        "grid": manifest.grid_name,
        "grid_sha256": manifest.grid_sha256,
        "version": manifest.tool.version,
        "git_revision": manifest.tool.git_revision,
        "kernel": manifest.sender.host.kernel,
        "cpu_model": manifest.sender.host.cpu_model,
        "clock": clock(manifest.basis()),
        "measurement": manifest.is_measurement(),
        "differs": before.iter().map(|one| json!({ "what": one.what, "base": one.base, "new": one.new }))
            .collect::<Vec<_>>(),
        "left_out": run.left_out,
    })
}

fn clock(basis: Basis) -> &'static str {
    match basis {
        Basis::Hardware => "hardware",
        Basis::Emulator => "emulator",
        Basis::Instructions => "instructions",
    }
}

fn track(history: &History, track: &Track) -> Value {
    json!({
        "cell": track.cell.key(),
        "measure": { "name": track.measure.name, "unit": track.measure.unit },
        "clock": clock(track.basis),
        "figures": track.points.iter().map(|one| point(history, track, one)).collect::<Vec<_>>(),
    })
}

fn path(history: &History, step: &PathStep) -> Value {
    json!({
        "path": step.path,
        "measure": { "name": step.measure.name, "unit": step.measure.unit },
        "run": history.runs[step.run].name,
        "since": history.runs[step.before].name,
        "cells": step.cells,
        "ratio": estimate(&step.judged.ratio),
        "p": step.judged.p,
        "judgement": step.judged.judgement.word(),
    })
}

fn point(history: &History, track: &Track, point: &TrackPoint) -> Value {
    let change = point.change.as_ref().map(|change| {
        json!({
            "since": history.runs[track.points[change.before].run].name,
            "ratio": estimate(&change.judged.ratio),
            "p": change.judged.p,
            "judgement": change.judged.judgement.word(),
        })
    });
    let figure = &point.figure;
    json!({
        "run": history.runs[point.run].name,
        "figure": estimate(&figure.estimate),
        "trials": figure.trials,
        "flags": figure.flags.0.iter().map(|flag| flag.word()).collect::<Vec<_>>(),
        "reason": figure.reason,
        "change": change,
    })
}
