//! Which marks a compartment lists is known before its rows are there, and forgotten with it.

#![allow(clippy::unwrap_used)]

mod common;

use beatcheck_model::RecordKind;
use beatcheck_search::{VehiclePlan, VrmPattern};
use beatcheck_store::Shelf;
use beatcheck_wire::mark_index::MarkIndex;
use common::*;
use std::sync::Arc;
use tempfile::tempdir;

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
