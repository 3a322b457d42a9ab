//! How long things take at size: `cargo bench -p beatcheck-store -- 1000000`. Prints one line for each figure.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "load/mod.rs"]
mod load;

use beatcheck_model::RecordKind;
use beatcheck_search::{DobQuery, PersonPlan, VehiclePlan, fold_vrm};
use beatcheck_store::{Checkpoint, Compartment, Journal, Made, Shelf};
use beatcheck_wire::batch::{Change, Op};
use common::*;
use load::{a_person, a_vehicle};
use std::sync::Arc;
use std::time::Instant;

fn timed<T>(what: &str, f: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let out = f();
    eprintln!("{what}: {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    out
}

fn spread(what: &str, times: u32, mut f: impl FnMut(u32)) {
    let mut all: Vec<f64> = (0..times)
        .map(|i| {
            let start = Instant::now();
            f(i);
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    all.sort_by(f64::total_cmp);
    let at = |p: usize| all[(all.len() - 1) * p / 100];
    eprintln!("{what}: p50 {:.0} us, p99 {:.0} us, worst {:.0} us", at(50), at(99), at(100));
}

/// The checkpoint of a stream, so that it need not stand in memory.
fn expected(n: u32, make: fn(u32) -> Change) -> Checkpoint {
    let mut digest = beatcheck_wire::digest::RowDigest::default();
    for i in 0..n {
        if let Op::Upsert(r) = make(i).op {
            digest.add(&beatcheck_wire::digest::canonical(&r).unwrap());
        }
    }
    Checkpoint { watermark: 1, manifest_version: 1, digest: digest.finish(), rows: n.into(), unsearchable: 0 }
}

fn row_bytes(change: Change) -> u64 {
    match change.op {
        Op::Upsert(r) => beatcheck_wire::digest::canonical(&r).unwrap().len() as u64,
        _ => 0,
    }
}

/// Deltas of changed persons onto a compartment whose index is in use; microseconds for each changed record.
fn deltas(held: &Compartment, n: u32) {
    let mut digest = beatcheck_wire::digest::RowDigest::default();
    for i in 0..n {
        if let Op::Upsert(r) = a_person(i).op {
            digest.add(&beatcheck_wire::digest::canonical(&r).unwrap());
        }
    }
    for size in [100, 1_000, 10_000] {
        let mut took = Vec::new();
        for _ in 0..5 {
            let base = held.checkpoint().unwrap();
            let mut changes = Vec::new();
            for i in 0..size {
                let at = (i * 97 + took.len() as u32 * 13) % n;
                let (Op::Upsert(old), Op::Upsert(mut new)) = (a_person(at).op, a_person(at.wrapping_mul(31) % n).op)
                else {
                    unreachable!()
                };
                let held_now = CHANGED.with_borrow(|c| c.get(&at).cloned()).unwrap_or(*old);
                (new.id, new.version) = (held_now.id, held_now.version + 1);
                digest.remove(&beatcheck_wire::digest::canonical(&held_now).unwrap());
                digest.add(&beatcheck_wire::digest::canonical(&new).unwrap());
                CHANGED.with_borrow_mut(|c| c.insert(at, (*new).clone()));
                changes.push(Change { seq: base.watermark + 1 + u64::from(i), op: Op::Upsert(new) });
            }
            let watermark = base.watermark + u64::from(size);
            let expect = Checkpoint { watermark, manifest_version: watermark, digest: digest.finish(), ..base.clone() };
            let start = Instant::now();
            held.apply(base.watermark, &mut stream(&changes), &expect).unwrap();
            took.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(size));
        }
        took.sort_by(f64::total_cmp);
        eprintln!("delta of {size} changed persons: {:.0} us a record (median of 5)", took[2]);
    }
}

thread_local! {
    static CHANGED: std::cell::RefCell<std::collections::BTreeMap<u32, beatcheck_model::Record>> = std::cell::RefCell::default();
}

fn loaded(dir: &std::path::Path, kind: RecordKind, n: u32, make: fn(u32) -> Change) -> Compartment {
    let expect = timed("digest alone", || expected(n, make));
    let path = dir.join(kind.as_str());
    let out = timed(&format!("build {n} of {}", kind.as_str()), || {
        Compartment::build(&path, &key(1), kind, &mut (0..n).map(|i| Ok(make(i))), &expect, &mut |_| true).unwrap()
    });
    let rows: u64 = (0..n).map(|i| row_bytes(make(i))).sum();
    let (file, n) = (path.metadata().unwrap().len() as f64, f64::from(n));
    eprintln!("  {:.0} B a row in the file, of which {:.0} are the row itself", file / n, rows as f64 / n);
    out
}

fn main() {
    let n = std::env::args().filter_map(|a| a.parse().ok()).next().unwrap_or(50_000);
    let dir = tempfile::tempdir().unwrap();
    let shelf = Shelf::new();
    shelf.put(compartment(1), Arc::new(loaded(dir.path(), RecordKind::Vehicle, n, a_vehicle)));
    let ask = |n: u32| {
        let Op::Upsert(r) = a_vehicle(n).op else { unreachable!() };
        let beatcheck_model::Body::Vehicle(v) = r.body else { unreachable!() };
        let vrm = v.vrm.unwrap();
        VehiclePlan { vrm_folded: Some(fold_vrm(&vrm)), vrm: Some(vrm), ..VehiclePlan::default() }
    };
    let look = |i: u32| {
        assert!(!shelf.vehicles(&permit(99), &ask(i.wrapping_mul(7919) % n)).unwrap().candidates.is_empty());
    };
    spread("vehicle, one file", 20_000, look);
    for c in 2..=16 {
        let changes: Vec<Change> = (0..2000).map(|i| upsert(1, vehicle(i, 1, &format!("Q{c}Q{i}"), ""))).collect();
        let built = build(&dir.path().join(format!("other{c}")), RecordKind::Vehicle, &changes).unwrap();
        shelf.put(compartment(c), Arc::new(built));
    }
    spread("vehicle, 16 files, no filter", 5_000, look);
    timed("warm", || shelf.warm().unwrap());
    spread("vehicle, 16 files, filter", 5_000, look);

    let journal = Journal::open(&dir.path().join("j"), &key(2), compartment(50)).unwrap();
    spread("journal append", 200, |_| {
        journal.append(1, &mut |_, _| Ok(Made { sealed: vec![7; 700], ..Made::default() })).unwrap();
    });

    let persons = loaded(dir.path(), RecordKind::Person, n, a_person);
    let path = persons.path().to_owned();
    drop(persons);
    let persons = timed("open", || Compartment::open(&path, &key(1), RecordKind::Person).unwrap());
    let shelf = Shelf::new();
    let persons = Arc::new(persons);
    shelf.put(compartment(1), persons.clone());
    timed("warm", || shelf.warm().unwrap());
    let plan = |i: u32, dob: bool| {
        let Op::Upsert(r) = a_person(i.wrapping_mul(7919) % n).op else { unreachable!() };
        let beatcheck_model::Body::Person(p) = r.body else { unreachable!() };
        let name = &p.names[0];
        let tokens = beatcheck_search::name_tokens(&format!("{} {}", name.surname, name.given));
        PersonPlan { any: tokens, dob: dob.then(|| DobQuery::Exact(p.dobs[0])), ..PersonPlan::default() }
    };
    spread("person by name and date of birth", 200, |i| {
        assert!(!shelf.persons(&permit(99), &plan(i, true)).unwrap().candidates.is_empty());
    });
    spread("person by name", 200, |i| {
        assert!(!shelf.persons(&permit(99), &plan(i, false)).unwrap().candidates.is_empty());
    });
    deltas(&persons, n);
}
