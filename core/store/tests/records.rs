//! A compartment moved by deltas answers as one built afresh; a delta that is not what was promised leaves no trace.

#![allow(clippy::unwrap_used)]

mod common;

use beatcheck_model::{Address, Body, Link, PartialDate, Record, RecordKind, Sex};
use beatcheck_search::{
    AskedIdentifier, DobQuery, LookQuery, NameRole, PersonPlan, TokenLevel, VehiclePlan, VrmPattern, fold_vrm,
    parse_place,
};
use beatcheck_store::{Checkpoint, Compartment, Shelf, StoreError};
use beatcheck_wire::batch::Change;
use common::*;
use proptest::prelude::*;
use std::sync::Arc;
use tempfile::tempdir;

const MARKS: [&str; 6] = ["AB10CDE", "ABIOCDE", "ABI0CDE", "XY99ZZZ", "OO7", "007"];
const VINS: [&str; 3] = ["WVWZZZ1JZXW000001", "wvw-zzz1jzxw000001", ""];
const SURNAMES: [&str; 6] = ["Smith", "Smyth", "Jones", "O'Neill", "Smith-Jones", "Müller"];
const GIVENS: [&str; 5] = ["John", "Jon", "Mary Ann", "J", "William"];

fn vehicle_plan(mark: &str) -> VehiclePlan {
    VehiclePlan {
        vrm: Some(mark.into()),
        vrm_decided: None,
        vrm_folded: Some(fold_vrm(mark)),
        vin: Some("WVWZZZ1JZXW000001".into()),
        near: beatcheck_search::near_marks(mark),
        pattern: None,
        vin_tail: Some("000001".into()),
        look: LookQuery::default(),
        rows: 0,
    }
}

fn any_vehicle(n: u32, v: u32, pick: usize) -> Record {
    let mut out = vehicle(n, v, MARKS[pick % MARKS.len()], VINS[pick / MARKS.len() % VINS.len()]);
    if let Body::Vehicle(v) = &mut out.body {
        (v.make, v.colour, v.year) =
            (format!("Make{}", pick % 4), ["Red", "Blue", ""][pick % 3].into(), [0, 1985, 1995, 2005, 2015][pick % 5]);
        v.links = vec![link(pick)];
    }
    out
}

fn any_person(n: u32, v: u32, pick: usize) -> Record {
    let dob = PartialDate::new(1980 + (pick % 3) as u16, (pick % 5) as u8, (pick % 4) as u8);
    let mut out =
        person(n, v, GIVENS[pick % GIVENS.len()], SURNAMES[pick % SURNAMES.len()], dob, &format!("80/{}A", pick % 7));
    if let Body::Person(p) = &mut out.body {
        p.sex = [Sex::Male, Sex::Female, Sex::Unknown][pick % 3];
        p.height_band = ["170-175", "190", ""][pick % 3].into();
        p.addresses = vec![Address {
            text: format!("{} Church Road", pick % 4),
            postcode: ["B15 2TT", "B1 1AA", ""][pick % 3].into(),
            kind: String::new(),
        }];
        p.links = vec![link(pick)];
    }
    out
}

fn link(pick: usize) -> Link {
    Link { kind: "associate".into(), target_key: format!("K{}", pick % 4), text: String::new() }
}

/// Batches of changes: (record, what to pick, or its deletion).
fn batches() -> impl Strategy<Value = Vec<Vec<(u32, Option<usize>)>>> {
    let change = (0_u32..12, prop_oneof![4 => (0_usize..90).prop_map(Some), 1 => Just(None)]);
    proptest::collection::vec(proptest::collection::vec(change, 0..10), 1..5)
}

fn changes_of(batches: &[Vec<(u32, Option<usize>)>], make: fn(u32, u32, usize) -> Record) -> Vec<Vec<Change>> {
    let mut seq = 0;
    let one = |&(n, pick): &(u32, Option<usize>)| {
        seq += 1;
        match pick {
            Some(pick) => upsert(seq, make(n, seq as u32, pick)),
            None => delete(seq, n),
        }
    };
    let mut one = one;
    batches.iter().map(|b| b.iter().map(&mut one).collect()).collect()
}

fn ids(found: Vec<beatcheck_store::Candidate>) -> Vec<Record> {
    let mut out: Vec<Record> = found.into_iter().map(|c| c.record).collect();
    out.sort_by_key(|r| r.id);
    out
}

fn shelf(c: Compartment) -> Shelf {
    let shelf = Shelf::new();
    shelf.put(compartment(1), Arc::new(c));
    shelf
}

fn person_plans() -> Vec<PersonPlan> {
    let mut out = Vec::new();
    for name in ["smith", "jones", "oneill", "muller", "john", "bill"] {
        out.push(PersonPlan { any: vec![name.into()], ..PersonPlan::default() });
    }
    for pick in 0..5 {
        let dob = PartialDate::new(1981, pick, 2);
        out.push(PersonPlan { dob: Some(DobQuery::Exact(dob)), ..PersonPlan::default() });
    }
    out.push(PersonPlan { dob: Some(DobQuery::About(1982)), ..PersonPlan::default() });
    for (address, postcode) in [(Some("church rd"), None), (Some("3 church road"), Some("B15")), (None, Some("B1 1"))] {
        let place = parse_place(address, postcode).unwrap();
        out.push(PersonPlan { place, ..PersonPlan::default() });
    }
    out.push(PersonPlan {
        any: vec!["john".into()],
        sex: Some(Sex::Female),
        height: Some((188, 192)),
        ..PersonPlan::default()
    });
    out.push(PersonPlan { identifier: AskedIdentifier::read("80/3A"), ..PersonPlan::default() });
    out
}

/// Everything that can be asked of the two: equal answers.
fn same_answers(moved: &Shelf, fresh: &Shelf) {
    for mark in MARKS {
        let plan = vehicle_plan(mark);
        assert_eq!(
            ids(moved.vehicles(&permit(1), &plan).unwrap().candidates),
            ids(fresh.vehicles(&permit(1), &plan).unwrap().candidates),
            "{mark}"
        );
    }
    for part in ["AB*", "*CDE", "*0C*", "A?I?C*", "*07"] {
        let plan = VehiclePlan { pattern: VrmPattern::read(part), ..VehiclePlan::default() };
        let of = |s: &Shelf| ids(s.vehicles(&permit(1), &plan).unwrap().candidates);
        assert_eq!(of(moved), of(fresh), "{part}");
    }
    for key in ["K0", "K1", "K2", "K3"] {
        let of = |s: &Shelf| ids(s.linking(&permit(1), key).unwrap());
        assert_eq!(of(moved), of(fresh), "{key}");
    }
    for (make, colour, years) in [("make1", "", None), ("", "red", None), ("make2", "blue", Some((1990, 2010)))] {
        let words = |t: &str| Some(t.to_owned()).filter(|t| !t.is_empty()).into_iter().collect();
        let look = LookQuery { make: words(make), colour: words(colour), years, ..LookQuery::default() };
        let plan = VehiclePlan { pattern: VrmPattern::read("AB*"), look, ..VehiclePlan::default() };
        let of = |s: &Shelf| ids(s.vehicles(&permit(1), &plan).unwrap().candidates);
        assert_eq!(of(moved), of(fresh), "{make} {colour}");
        assert!(of(fresh).iter().all(|r| matches!(&r.body, Body::Vehicle(v) if !plan.look.fit(v).differs())));
    }
    for plan in person_plans() {
        let (a, b) = (moved.persons(&permit(1), &plan).unwrap(), fresh.persons(&permit(1), &plan).unwrap());
        assert_eq!(ids(a.candidates), ids(b.candidates), "{plan:?}");
        assert_eq!(a.weights, b.weights, "{plan:?}");
    }
}

fn deltas_equal_fresh(kind: RecordKind, batches: &[Vec<Change>], warm: bool) {
    let dir = tempdir().unwrap();
    let batches = &with_patches(batches);
    let moved = build(&dir.path().join("moved"), kind, &batches[0]).unwrap();
    let mut published = Published::of(&batches[0]);
    let mut all = batches[0].clone();
    if warm {
        moved.warm().unwrap();
    }
    for batch in &batches[1..] {
        let from = published.watermark;
        published.apply(batch);
        let expect = published.checkpoint();
        // Overlapping what is held already, as a route with fewer bytes may.
        let overlap: Vec<Change> = all.iter().rev().take(2).rev().chain(batch).cloned().collect();
        moved.apply(from, &mut stream(&overlap), &expect).unwrap();
        assert_eq!(moved.checkpoint().unwrap(), expect);
        whole(&moved);
        all.extend(batch.iter().cloned());
    }
    // All deltas as one, the same stream in one go, and only what is left of it.
    let leap = build(&dir.path().join("leap"), kind, &batches[0]).unwrap();
    let from = leap.checkpoint().unwrap().watermark;
    leap.apply(from, &mut stream(&batches[1..].concat()), &published.checkpoint()).unwrap();
    whole(&leap);
    let at_once = build(&dir.path().join("whole"), kind, &all).unwrap();
    assert_eq!(at_once.checkpoint().unwrap(), published.checkpoint());
    whole(&at_once);
    let last: Vec<Change> = published.rows.values().map(|r| upsert(published.watermark, r.clone())).collect();
    let expect = published.checkpoint();
    let fresh =
        Compartment::build(&dir.path().join("f"), &key(1), kind, &mut stream(&last), &expect, &mut |_| true).unwrap();
    let fresh = shelf(fresh);
    for c in [moved, leap, at_once] {
        same_answers(&shelf(c), &fresh);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: regressions(), ..ProptestConfig::default() })]

    #[test]
    fn vehicles_after_deltas_are_those_of_a_fresh_build(b in batches(), warm: bool) {
        deltas_equal_fresh(RecordKind::Vehicle, &changes_of(&b, any_vehicle), warm);
    }

    #[test]
    fn persons_after_deltas_are_those_of_a_fresh_build(b in batches(), warm: bool) {
        deltas_equal_fresh(RecordKind::Person, &changes_of(&b, any_person), warm);
    }
}

#[test]
fn a_delta_that_is_not_what_was_promised_leaves_no_trace() {
    let dir = tempdir().unwrap();
    let before = [upsert(1, vehicle(1, 1, "AB10CDE", ""))];
    let held = Arc::new(build(&dir.path().join("c"), RecordKind::Vehicle, &before).unwrap());
    let shelf = Shelf::new();
    shelf.put(compartment(1), held.clone());
    held.warm().unwrap();
    let was = held.checkpoint().unwrap();
    let delta = [upsert(2, vehicle(2, 1, "XY99ZZZ", ""))];
    let mut published = Published::of(&before);
    published.apply(&delta);
    let right = published.checkpoint();
    for wrong in [Checkpoint { digest: was.digest, ..right.clone() }, Checkpoint { rows: 7, ..right.clone() }] {
        let refused = held.apply(1, &mut stream(&delta), &wrong);
        assert!(matches!(refused, Err(StoreError::DigestMismatch)), "{refused:?}");
        assert_eq!(held.checkpoint().unwrap(), was);
        whole(&held);
        assert!(shelf.vehicles(&permit(1), &vehicle_plan("XY99ZZZ")).unwrap().candidates.is_empty());
    }
    let gap = held.apply(2, &mut stream(&delta), &right);
    assert!(matches!(gap, Err(StoreError::WrongBase { held: 1, from: 2 })), "{gap:?}");
    let broken = held.apply(1, &mut [Err(StoreError::Closed)].into_iter(), &right);
    assert!(matches!(broken, Err(StoreError::Closed)));
    let applied = held.apply(1, &mut stream(&delta), &right).unwrap();
    assert_eq!((applied.inserted, applied.touched), (1, vec![id(2)]));
    assert_eq!(shelf.vehicles(&permit(1), &vehicle_plan("XY99ZZZ")).unwrap().candidates.len(), 1);
    // The newer manifest that says the same of the rows, and one that does not.
    let later = Checkpoint { manifest_version: 40, ..right.clone() };
    held.touch(&later).unwrap();
    assert_eq!(held.checkpoint().unwrap(), later);
    assert!(matches!(held.touch(&was), Err(StoreError::WrongBase { .. })));
}

#[test]
fn a_wrong_key_or_kind_does_not_open() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("c");
    drop(build(&path, RecordKind::Vehicle, &[upsert(1, vehicle(1, 1, "AB10CDE", ""))]).unwrap());
    assert!(matches!(Compartment::open(&path, &key(2), RecordKind::Vehicle), Err(StoreError::Corrupt)));
    assert!(matches!(Compartment::open(&path, &key(1), RecordKind::Person), Err(StoreError::Corrupt)));
    assert!(matches!(
        Compartment::open(&dir.path().join("none"), &key(1), RecordKind::Vehicle),
        Err(StoreError::Io { .. })
    ));
    std::fs::write(&path, b"").unwrap();
    assert!(matches!(Compartment::open(&path, &key(1), RecordKind::Vehicle), Err(StoreError::Corrupt)));
}

#[test]
fn a_damaged_page_is_noticed() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("c");
    let changes: Vec<Change> = (0..500).map(|n| upsert(1, any_vehicle(n, 1, n as usize))).collect();
    drop(build(&path, RecordKind::Vehicle, &changes).unwrap());
    let mut bytes = std::fs::read(&path).unwrap();
    // Pages 3 to 20: rows.
    for page in 3..20 {
        bytes[page * 4096 + 100] ^= 1;
    }
    std::fs::write(&path, bytes).unwrap();
    let found = Compartment::open(&path, &key(1), RecordKind::Vehicle).and_then(|c| c.scrub());
    assert!(matches!(found, Err(StoreError::Corrupt)), "{found:?}");
}

#[test]
fn a_full_disk_changes_nothing() {
    let dir = tempdir().unwrap();
    let before = [upsert(1, vehicle(1, 1, "AB10CDE", ""))];
    let held = build(&dir.path().join("c"), RecordKind::Vehicle, &before).unwrap();
    let delta: Vec<Change> = (2..2000).map(|n| upsert(u64::from(n), vehicle(n, 1, &format!("M{n}"), ""))).collect();
    let mut published = Published::of(&before);
    let was = published.checkpoint();
    published.apply(&delta);
    held.set_max_pages(20).unwrap();
    let refused = held.apply(1, &mut stream(&delta), &published.checkpoint());
    assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
    assert!(refused.unwrap_err().to_string().starts_with("no space left: "));
    assert_eq!(held.checkpoint().unwrap(), was);
    held.set_max_pages(1_000_000).unwrap();
    assert_eq!(held.apply(1, &mut stream(&delta), &published.checkpoint()).unwrap().inserted, 1998);
}

#[test]
fn only_what_the_permit_names_is_read() {
    let dir = tempdir().unwrap();
    let shelf = Shelf::new();
    for n in 1..=3_u8 {
        let changes = [upsert(1, vehicle(u32::from(n), 1, "AB10CDE", ""))];
        shelf.put(
            compartment(n),
            Arc::new(build(&dir.path().join(n.to_string()), RecordKind::Vehicle, &changes).unwrap()),
        );
    }
    shelf.warm().unwrap();
    let plan = vehicle_plan("AB10CDE");
    assert_eq!(shelf.vehicles(&permit(3), &plan).unwrap().candidates.len(), 3);
    let two = shelf.vehicles(&permit(2), &plan).unwrap().candidates;
    assert_eq!(two.iter().map(|c| c.compartment).collect::<Vec<_>>(), [compartment(1), compartment(2)]);
    assert!(shelf.record(&permit(2), &compartment(3), &id(3)).unwrap().is_none());
    assert_eq!(shelf.record(&permit(3), &compartment(3), &id(3)).unwrap().unwrap().id, id(3));
    // Taken away: gone for the next check; who holds it finishes with it.
    let taken = shelf.take(&compartment(1)).unwrap();
    assert_eq!(shelf.ids(), [compartment(2), compartment(3)]);
    assert_eq!(shelf.vehicles(&permit(3), &plan).unwrap().candidates.len(), 2);
    assert_eq!(taken.checkpoint().unwrap().rows, 1);
}

#[test]
fn a_common_surname_is_bounded_and_the_right_one_leads() {
    let dir = tempdir().unwrap();
    let dob = |n: u32| PartialDate::new(1950 + (n % 50) as u16, 1 + (n % 12) as u8, 1 + (n % 28) as u8);
    let mut changes: Vec<Change> =
        (0..1500).map(|n| upsert(1, person(n, 1, "John", "Smith", dob(n), &format!("1/{n}Z")))).collect();
    let sought = person(5000, 1, "Jonathan", "Smythe", PartialDate::new(1977, 4, 9), "77/1Q");
    changes.push(upsert(1, sought.clone()));
    let shelf = shelf(build(&dir.path().join("c"), RecordKind::Person, &changes).unwrap());
    let plan = PersonPlan { surname: vec!["smith".into()], ..PersonPlan::default() };
    let all = shelf.persons(&permit(1), &plan).unwrap();
    assert!(all.more && all.candidates.len() == beatcheck_store::RANKED_MAX);
    // Nearly all bear it: it says next to nothing.
    assert!(all.weights.bits("smith", NameRole::Surname, TokenLevel::Exact) < 0.5);
    for plan in [
        PersonPlan { any: vec!["jonathan".into(), "smyth".into()], ..PersonPlan::default() },
        PersonPlan {
            surname: vec!["smith".into()],
            dob: Some(DobQuery::Exact(PartialDate::new(1977, 9, 4))),
            ..PersonPlan::default()
        },
        PersonPlan { identifier: AskedIdentifier::read("77/1Q"), any: vec!["smith".into()], ..PersonPlan::default() },
    ] {
        let found = shelf.persons(&permit(1), &plan).unwrap();
        assert_eq!(found.candidates[0].record.id, sought.id, "{plan:?}");
    }
}

#[test]
fn a_mark_one_slip_away_is_found_only_where_there_is_no_other_and_part_of_one_is_found() {
    let dir = tempdir().unwrap();
    let held = ["BX68KYT", "BX63KYT", "AB10CDE", "LONGER1234"];
    let mut changes: Vec<Change> = (1..).zip(held).map(|(n, mark)| upsert(1, vehicle(n, 1, mark, ""))).collect();
    changes.push(upsert(1, vehicle(9, 1, "Z1", VINS[0])));
    let shelf = shelf(build(&dir.path().join("c"), RecordKind::Vehicle, &changes).unwrap());
    let found = |typed: &str| {
        let query = beatcheck_model::VehicleQuery { vrm: Some(typed.into()), ..Default::default() };
        let plan = beatcheck_search::plan_vehicle(&query).unwrap();
        let marks = shelf.vehicles(&permit(1), &plan).unwrap().candidates.into_iter().map(|c| match c.record.body {
            Body::Vehicle(v) => v.vrm.unwrap(),
            _ => unreachable!(),
        });
        marks.collect::<Vec<_>>()
    };
    let tail = VehiclePlan { vin_tail: Some("000001".into()), ..VehiclePlan::default() };
    assert_eq!(shelf.vehicles(&permit(1), &tail).unwrap().candidates.len(), 1, "by the end of its VIN");
    assert_eq!(found("BX63 KYT"), ["BX63KYT"]);
    assert_eq!(found("BX65 KYT"), Vec::<String>::new());
    assert_eq!(found("XB63 KYT"), ["BX63KYT"]);
    assert_eq!(found("AB10 CDF"), ["AB10CDE"]);
    assert_eq!(found("BX6?KYT"), ["BX63KYT", "BX68KYT"]);
    assert_eq!(found("*KYT"), ["BX63KYT", "BX68KYT"]);
    assert_eq!(found("LONG*34"), ["LONGER1234"]);
    assert_eq!(found("AB*"), ["AB10CDE"]);
}
