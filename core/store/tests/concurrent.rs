//! Rule 10: a check waits for no writer and never sees half of a change; a filter hides no key from it.

#![allow(clippy::unwrap_used)]

mod common;

use beatcheck_model::RecordKind;
use beatcheck_search::VehiclePlan;
use beatcheck_store::{Compartment, Shelf};
use beatcheck_wire::batch::Change;
use common::*;
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::tempdir;

fn asks(vrm: &str) -> VehiclePlan {
    VehiclePlan { vrm: Some(vrm.into()), vrm_folded: Some(beatcheck_search::fold_vrm(vrm)), ..VehiclePlan::default() }
}

/// Two vehicle compartments, so that filters are in use.
fn two(dir: &std::path::Path, changes: &[Change]) -> (Shelf, Arc<Compartment>) {
    let held = Arc::new(build(&dir.join("c"), RecordKind::Vehicle, changes).unwrap());
    let shelf = Shelf::new();
    shelf.put(compartment(1), held.clone());
    let other = build(&dir.join("o"), RecordKind::Vehicle, &[upsert(1, vehicle(9999, 1, "ZZ99ZZZ", ""))]).unwrap();
    shelf.put(compartment(2), Arc::new(other));
    shelf.warm().unwrap();
    (shelf, held)
}

#[test]
fn readers_go_on_while_a_writer_holds_its_transaction() {
    let dir = tempdir().unwrap();
    let (shelf, held) = two(dir.path(), &[upsert(1, vehicle(1, 1, "AB10CDE", ""))]);
    let raw = rusqlite::Connection::open(dir.path().join("c")).unwrap();
    let key: String = key(1).iter().map(|b| format!("{b:02x}")).collect();
    raw.execute_batch(&format!(
        "PRAGMA key=\"x'{key}'\"; PRAGMA cipher_hmac_algorithm=HMAC_SHA256; BEGIN IMMEDIATE; DELETE FROM vrm;"
    ))
    .unwrap();
    for _ in 0..50 {
        assert_eq!(shelf.vehicles(&permit(2), &asks("AB10CDE")).unwrap().candidates.len(), 1);
        assert_eq!(held.checkpoint().unwrap().rows, 1);
    }
    raw.execute_batch("ROLLBACK").unwrap();
}

/// Raised also by an assertion that fails: the readers would go on for ever.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_reader_sees_all_of_a_delta_or_nothing() {
    let dir = tempdir().unwrap();
    let batch = |seq: u64| -> Vec<Change> {
        (0..200).map(|n| upsert(seq, vehicle(n, seq as u32, &format!("G{seq}N{n}"), ""))).collect()
    };
    let (shelf, held) = two(dir.path(), &batch(1));
    let done = AtomicBool::new(false);
    std::thread::scope(|s| {
        let ends = Ends(&done);
        for _ in 0..2 {
            s.spawn(|| {
                let mut asked = 0;
                while !done.load(Ordering::Relaxed) || asked == 0 {
                    let now = held.checkpoint().unwrap().watermark;
                    // The row is there under the mark of this state or of a later one, never under none.
                    let seen = |n: u64| {
                        let found = shelf.vehicles(&permit(2), &asks(&format!("G{n}N7"))).unwrap().candidates;
                        found.iter().any(|c| c.record.version == n as u32)
                    };
                    let found = (now..).take(12).any(seen) || held.checkpoint().unwrap().watermark > now;
                    assert!(found, "nothing at {now}");
                    asked += 1;
                }
            });
        }
        let mut published = Published::of(&batch(1));
        for seq in 2..12 {
            published.apply(&batch(seq));
            held.apply(seq - 1, &mut stream(&batch(seq)), &published.checkpoint()).unwrap();
        }
        drop(ends);
    });
    assert_eq!(shelf.vehicles(&permit(2), &asks("G11N7")).unwrap().candidates.len(), 1);
    assert!(shelf.vehicles(&permit(2), &asks("G10N7")).unwrap().candidates.is_empty());
}

#[test]
fn what_another_process_commits_is_found_despite_the_filter() {
    let dir = tempdir().unwrap();
    let before: Vec<Change> = (0..1500).map(|n| upsert(1, vehicle(n, 1, &format!("K{n}"), ""))).collect();
    let (shelf, held) = two(dir.path(), &before);
    assert!(shelf.vehicles(&permit(2), &asks("NEW1")).unwrap().candidates.is_empty());
    let elsewhere = Compartment::open(&dir.path().join("c"), &key(1), RecordKind::Vehicle).unwrap();
    let mut published = Published::of(&before);
    for (seq, writer) in [(2, &elsewhere), (3, &*held), (4, &elsewhere)] {
        let delta = [upsert(seq, vehicle(2000 + seq as u32, 1, &format!("NEW{seq}"), ""))];
        published.apply(&delta);
        writer.apply(seq - 1, &mut stream(&delta), &published.checkpoint()).unwrap();
        assert_eq!(shelf.vehicles(&permit(2), &asks(&format!("NEW{seq}"))).unwrap().candidates.len(), 1, "{seq}");
        if seq == 3 {
            shelf.warm().unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: regressions(), ..ProptestConfig::default() })]

    #[test]
    fn the_filter_hides_no_key(
        first in proptest::collection::btree_set("[A-Z0O1I]{2,4}", 1..40),
        second in proptest::collection::btree_set("[A-Z0O1I]{2,4}", 1..40),
        many in prop_oneof![Just(0_u32), Just(3000)],
    ) {
        let dir = tempdir().unwrap();
        let mut before: Vec<Change> =
            first.iter().enumerate().map(|(n, m)| upsert(1, vehicle(n as u32, 1, m, ""))).collect();
        before.extend((0..many).map(|n| upsert(1, vehicle(10_000 + n, 1, &format!("FILL{n}"), ""))));
        let (shelf, held) = two(dir.path(), &before);
        let delta: Vec<Change> =
            second.iter().enumerate().map(|(n, m)| upsert(2, vehicle(500 + n as u32, 1, m, ""))).collect();
        let mut published = Published::of(&before);
        published.apply(&delta);
        held.apply(1, &mut stream(&delta), &published.checkpoint()).unwrap();
        for mark in first.iter().chain(&second) {
            prop_assert!(!shelf.vehicles(&permit(2), &asks(mark)).unwrap().candidates.is_empty(), "{}", mark);
            // And by a look-alike.
            let alike = mark.replace('0', "O").replace('1', "I");
            prop_assert!(!shelf.vehicles(&permit(2), &asks(&alike)).unwrap().candidates.is_empty(), "{}", alike);
        }
    }
}
