//! A compartment moved by deltas answers as one built afresh; a delta that is not what was promised leaves no trace.

#![allow(clippy::unwrap_used)]

mod common;

use beatcheck_model::{Address, Body, Link, PartialDate, Record, RecordKind, Sex};
use beatcheck_search::{
    AskedIdentifier, DobQuery, LookQuery, NameRole, PersonPlan, TokenLevel, VehiclePlan, VrmPattern, fold_vrm,
    parse_place,
};
use beatcheck_store::{Checkpoint, Compartment, Shelf, StoreError};
use beatcheck_wire::batch::{Change, Op};
use beatcheck_wire::mark_index::MarkIndex;
use beatcheck_wire::patch::{Patch, RowRef};
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

fn whole(c: &Compartment) {
    let found = c.scrub().unwrap();
    assert!(found.whole && found.keys_agree && found.rows == c.checkpoint().unwrap().rows, "{found:?}");
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
        Compartment::build(&dir.path().join("f"), &key(1), kind, &mut stream(&last), &expect, &mut |_| ()).unwrap();
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

/// A record whose id begins with these four bytes and ends with another.
fn twin(first: [u8; 4], last: u8) -> Record {
    let mut out = vehicle(1, 1, &format!("TW{last}IN"), "");
    out.id.0 = [last; 16];
    out.id.0[..4].copy_from_slice(&first);
    out
}

#[test]
fn a_reference_that_does_not_name_one_row_is_refused() {
    let dir = tempdir().unwrap();
    let (a, b, other) = (twin([1; 4], 2), twin([1; 4], 3), twin([9; 4], 2));
    let before = [upsert(1, a.clone()), upsert(1, other.clone())];
    let held = build(&dir.path().join("c"), RecordKind::Vehicle, &before).unwrap();
    let was = held.checkpoint().unwrap();
    let changed = |r: &Record| Record { version: 2, handling: "new".into(), ..r.clone() };
    let short = |id| RowRef::new(id, 4);
    let patch_of = |seq, r: &Record| match patch(seq, r, &changed(r), 0).op {
        Op::Patch(p) => Change { seq, op: Op::Patch(Patch { row: short(r.id), ..p }) },
        _ => unreachable!(),
    };
    let delete_of = |seq, r: &Record| Change {
        seq,
        op: Op::Delete { row: short(r.id), version: 2, at: beatcheck_model::Timestamp(0) },
    };
    let expect = |rows: &[&Record], watermark| {
        let rows: Vec<Change> = rows.iter().map(|r| upsert(watermark, (*r).clone())).collect();
        Published::of(&rows).checkpoint()
    };
    let none = twin([5; 4], 1);
    let refused: [&[Change]; 6] = [
        // Nobody; two, in any order; one that was deleted before.
        &[patch_of(2, &none)],
        &[upsert(2, b.clone()), patch_of(3, &a)],
        &[upsert(2, b.clone()), delete_of(3, &a)],
        &[delete_of(2, &a), patch_of(3, &a)],
        &[upsert(2, none.clone()), upsert(2, twin([5; 4], 2)), patch_of(3, &none)],
        &[upsert(2, none.clone()), delete_of(3, &none), patch_of(4, &none)],
    ];
    for delta in refused {
        let found = held.apply(1, &mut stream(delta), &Checkpoint { watermark: 9, ..was.clone() });
        assert!(matches!(found, Err(StoreError::DigestMismatch)), "{found:?} {delta:?}");
        let all: Vec<Change> = before.iter().chain(delta).cloned().collect();
        let kind = RecordKind::Vehicle;
        let found = Compartment::build(&dir.path().join("n"), &key(1), kind, &mut stream(&all), &was, &mut |_| ());
        assert!(matches!(found, Err(StoreError::DigestMismatch)), "{found:?} {delta:?}");
    }
    whole(&held);
    // Of two only one is left, before or after the change; what is gone may be deleted; one stream, several changes.
    let delta = [
        upsert(2, b.clone()),
        Change { seq: 3, op: Op::Delete { row: a.id.into(), version: 2, at: beatcheck_model::Timestamp(0) } },
        patch_of(4, &b),
        delete_of(5, &none),
        upsert(6, none.clone()),
        delete_of(7, &none),
        patch_of(8, &other),
        patch_of(8, &changed(&other)),
    ];
    let after = expect(&[&changed(&b), &changed(&other)], 8);
    let applied = held.apply(1, &mut stream(&delta), &after).unwrap();
    assert_eq!((applied.inserted, applied.updated, applied.deleted), (1, 1, 1));
    assert_eq!(applied.touched, [a.id, b.id, other.id]);
    whole(&held);
    let all: Vec<Change> = before.iter().chain(&delta).cloned().collect();
    let kind = RecordKind::Vehicle;
    let built = Compartment::build(&dir.path().join("n"), &key(1), kind, &mut stream(&all), &after, &mut |_| ());
    whole(&built.unwrap());
    // What is held already may come again: it is skipped, the patch of a row that has gone since too.
    let last = [patch_of(8, &other), patch_of(9, &b), delete_of(10, &b)];
    let only = expect(&[&changed(&other)], 10);
    held.apply(8, &mut stream(&last), &only).unwrap();
    held.apply(1, &mut stream(&last), &Checkpoint { manifest_version: 99, ..only }).unwrap();
    whole(&held);
}

#[test]
fn a_build_that_fails_leaves_no_file() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("c");
    let changes = [upsert(1, vehicle(1, 1, "AB10CDE", ""))];
    let wrong = Checkpoint { rows: 2, ..Published::of(&changes).checkpoint() };
    let kind = RecordKind::Vehicle;
    let refused = Compartment::build(&path, &key(1), kind, &mut stream(&changes), &wrong, &mut |_| ());
    assert!(matches!(refused, Err(StoreError::DigestMismatch)));
    let mut cut = stream(&changes).chain([Err(StoreError::Closed)]);
    let expect = Published::of(&changes).checkpoint();
    assert!(Compartment::build(&path, &key(1), kind, &mut cut, &expect, &mut |_| ()).is_err());
    let of_persons =
        Compartment::build(&path, &key(1), RecordKind::Person, &mut stream(&changes), &expect, &mut |_| ());
    assert!(matches!(of_persons, Err(StoreError::Wire(_))));
    assert!(Compartment::file_paths(&path).iter().all(|p| !p.exists()));
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

#[test]
fn marks_are_listed_until_their_rows_are_there() {
    let dir = tempdir().unwrap();
    let shelf = Shelf::new();
    let index = |marks: &[&str]| Arc::new(MarkIndex::of(marks.iter().copied()));
    shelf.put_index(compartment(1), RecordKind::Vehicle, index(&["AB10CDE", "007"]));
    shelf.put_index(compartment(2), RecordKind::Vehicle, index(&["XY99ZZZ", "AB10CDE"]));
    shelf.put_index(compartment(3), RecordKind::Vehicle, index(&["AB10CDE"]));
    shelf.put_index(compartment(4), RecordKind::Person, index(&["AB10CDE"]));
    let asks = |vrm: &str, decided: Option<&str>, folded: &str| VehiclePlan {
        vrm: Some(vrm.into()),
        vrm_decided: decided.map(str::to_owned),
        vrm_folded: Some(folded.into()),
        ..VehiclePlan::default()
    };
    let as_written = asks("AB10CDE", None, "A810CDE");
    let both = vec![(compartment(1), "vrm"), (compartment(2), "vrm")];
    assert_eq!(shelf.listed(&permit(2), &as_written), both, "of what is permitted, and of vehicles");
    assert_eq!(shelf.listed(&permit(1), &asks("ABIOCDE", Some("AB10CDE"), "x")), [(compartment(1), "vrm_decided")]);
    assert_eq!(shelf.listed(&permit(2), &asks("OO7", None, "007")), [(compartment(1), "vrm_folded")]);
    assert!(shelf.listed(&permit(4), &asks("AB10CDF", None, "AB10CDF")).is_empty());
    let others = VehiclePlan {
        pattern: VrmPattern::read("AB10*"),
        vin: Some("AB10CDE".into()),
        near: beatcheck_search::near_marks("AB10CDF"),
        ..VehiclePlan::default()
    };
    assert!(shelf.listed(&permit(2), &others).is_empty());
    // It is no compartment: nothing is open, and nothing is found in it.
    assert!(shelf.ids().is_empty() && shelf.vehicles(&permit(4), &as_written).unwrap().candidates.is_empty());
    // The rows take its place, and it does not come back beside them.
    let rows = [upsert(1, vehicle(1, 1, "AB10CDE", ""))];
    shelf.put(compartment(1), Arc::new(build(&dir.path().join("c"), RecordKind::Vehicle, &rows).unwrap()));
    assert_eq!(shelf.listed(&permit(2), &as_written), both[1..]);
    shelf.put_index(compartment(1), RecordKind::Vehicle, index(&["AB10CDE"]));
    assert_eq!(shelf.listed(&permit(2), &as_written), both[1..]);
    // Withdrawn: the rows, and what was listed.
    assert!(shelf.take(&compartment(1)).is_some() && shelf.take(&compartment(2)).is_none());
    assert!(shelf.listed(&permit(2), &as_written).is_empty());
    assert!(shelf.take_index(&compartment(3)).is_some() && shelf.take_index(&compartment(3)).is_none());
    assert!(shelf.listed(&permit(4), &as_written).is_empty());
}
