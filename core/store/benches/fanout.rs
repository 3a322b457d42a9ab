//! What it costs a check that records lie in many files: `cargo bench -p beatcheck-store --bench fanout -- 160000`.
//!
//! The same vehicles and the same persons in 1, 16 and 64 files. Each question is put to every layout in turn, so that
//! what else the machine does meets all of them alike. Prints a line a figure.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "load/mod.rs"]
mod load;

use beatcheck_model::{Body, Record, RecordKind};
use beatcheck_search::{DobQuery, PersonPlan, VehiclePlan, fold_vrm, name_tokens, near_marks};
use beatcheck_store::{Checkpoint, Compartment, Shelf};
use beatcheck_wire::batch::{Change, Op};
use beatcheck_wire::digest::{RowDigest, canonical};
use common::*;
use load::{a_person, a_vehicle};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const LAYOUTS: [u8; 3] = [1, 16, 64];
const ROWS: u32 = 160_000;
const MARKS: u32 = 20_000;
const PERSONS: u32 = 400;

fn record(change: Change) -> Record {
    let Op::Upsert(r) = change.op else { unreachable!() };
    *r
}

/// Every `files`-th of `rows` records, from the `first`.
fn one_file(
    path: &Path,
    kind: RecordKind,
    make: fn(u32) -> Change,
    (first, files, rows): (u8, u8, u32),
) -> Compartment {
    let numbers = || (u32::from(first)..rows).step_by(files.into());
    let mut digest = RowDigest::default();
    numbers().for_each(|n| digest.add(&canonical(&record(make(n))).unwrap()));
    let rows = numbers().count() as u64;
    let expect = Checkpoint { watermark: 1, manifest_version: 1, digest: digest.finish(), rows, unsearchable: 0 };
    Compartment::build(path, &key(1), kind, &mut numbers().map(|n| Ok(make(n))), &expect, &mut |_| true).unwrap()
}

fn shelf(dir: &Path, kind: RecordKind, make: fn(u32) -> Change, files: u8, rows: u32) -> Shelf {
    let out = Shelf::new();
    let (start, mut bytes) = (Instant::now(), 0);
    for n in 0..files {
        let path = dir.join(format!("{}-{files}-{n}", kind.as_str()));
        out.put(compartment(n + 1), Arc::new(one_file(&path, kind, make, (n, files, rows))));
        bytes += path.metadata().unwrap().len();
    }
    eprintln!(
        "{rows} of {} in {files} files: {:.1} s to build, {:.1} MB",
        kind.as_str(),
        start.elapsed().as_secs_f64(),
        bytes as f64 / 1e6
    );
    out
}

/// Memory of this process in MB, where the system says.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) / 1e3
}

/// Puts each question to every layout.
fn spread(what: &str, shelves: &[Shelf], times: u32, ask: &dyn Fn(&Shelf, u32)) {
    for (shelf, files) in shelves.iter().zip(LAYOUTS) {
        let before = resident();
        (0..times / 10).for_each(|i| ask(shelf, i));
        let grown = resident() - before;
        if grown > 1.0 {
            eprintln!("{what}, {files} files: {grown:.0} MB more in RAM");
        }
    }
    let mut all = vec![Vec::new(); shelves.len()];
    for i in 0..times {
        for (shelf, all) in shelves.iter().zip(&mut all) {
            let start = Instant::now();
            ask(shelf, i);
            all.push(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    for (mut all, files) in all.into_iter().zip(LAYOUTS) {
        all.sort_by(f64::total_cmp);
        let at = |p: usize| all[(all.len() - 1) * p / 100];
        eprintln!("{what}, {files} files: p50 {:.0} us, p99 {:.0} us", at(50), at(99));
    }
}

fn vehicles(dir: &Path, rows: u32) {
    let shelves = LAYOUTS.map(|files| shelf(dir, RecordKind::Vehicle, a_vehicle, files, rows));
    let permit = permit(64);
    let mark = |i: u32| match record(a_vehicle(i.wrapping_mul(7919) % rows)).body {
        Body::Vehicle(v) => v.vrm.unwrap(),
        _ => unreachable!(),
    };
    let plan = |vrm: String| VehiclePlan { vrm_folded: Some(fold_vrm(&vrm)), vrm: Some(vrm), ..VehiclePlan::default() };
    let known = |shelf: &Shelf, i: u32| {
        assert!(!shelf.vehicles(&permit, &plan(mark(i))).unwrap().candidates.is_empty());
    };
    let unknown = |shelf: &Shelf, i: u32| {
        assert!(shelf.vehicles(&permit, &plan(format!("Q{}", mark(i)))).unwrap().candidates.is_empty());
    };
    let near = |shelf: &Shelf, i: u32| {
        let asked = format!("Q{}", mark(i));
        let plan = VehiclePlan { near: near_marks(&asked), ..plan(asked) };
        shelf.vehicles(&permit, &plan).unwrap();
    };
    for filters in ["no filters", "filters"] {
        spread(&format!("known mark, {filters}"), &shelves, MARKS, &known);
        spread(&format!("unknown mark, {filters}"), &shelves, MARKS, &unknown);
        spread(&format!("unknown mark and slips, {filters}"), &shelves, MARKS / 20, &near);
        for (shelf, files) in shelves.iter().zip(LAYOUTS) {
            let start = Instant::now();
            shelf.warm().unwrap();
            eprintln!("warm, {files} files: {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
        }
    }
}

fn persons(dir: &Path, rows: u32) {
    let shelves = LAYOUTS.map(|files| shelf(dir, RecordKind::Person, a_person, files, rows));
    let permit = permit(64);
    let ask = |shelf: &Shelf, i: u32| {
        let Body::Person(p) = record(a_person(i.wrapping_mul(7919) % rows)).body else { unreachable!() };
        let name = &p.names[0];
        let any = name_tokens(&format!("{} {}", name.surname, name.given));
        let plan = PersonPlan { any, dob: Some(DobQuery::Exact(p.dobs[0])), ..PersonPlan::default() };
        assert!(!shelf.persons(&permit, &plan).unwrap().candidates.is_empty());
    };
    for (shelf, files) in shelves.iter().zip(LAYOUTS) {
        let start = Instant::now();
        ask(shelf, 0);
        let first = start.elapsed().as_secs_f64() * 1e3;
        eprintln!("first question for a person, nothing warm, {files} files: {first:.0} ms");
        shelf.warm().unwrap();
    }
    spread("person by name and date of birth, warm", &shelves, PERSONS, &ask);
}

fn main() {
    let rows = std::env::args().filter_map(|a| a.parse().ok()).next().unwrap_or(ROWS);
    let dir = tempfile::tempdir().unwrap();
    vehicles(dir.path(), rows);
    persons(dir.path(), rows);
}
