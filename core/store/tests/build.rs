//! Building a new generation: one that does not come to its end leaves nothing.

#![allow(clippy::unwrap_used)]

mod common;

use beatcheck_model::RecordKind;
use beatcheck_store::{Checkpoint, Compartment, StoreError};
use common::*;
use tempfile::tempdir;

#[test]
fn a_build_that_fails_leaves_no_file() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("c");
    let changes = [upsert(1, vehicle(1, 1, "AB10CDE", ""))];
    let wrong = Checkpoint { rows: 2, ..Published::of(&changes).checkpoint() };
    let kind = RecordKind::Vehicle;
    let refused = Compartment::build(&path, &key(1), kind, &mut stream(&changes), &wrong, &mut |_| true);
    assert!(matches!(refused, Err(StoreError::DigestMismatch)));
    let mut cut = stream(&changes).chain([Err(StoreError::Closed)]);
    let expect = Published::of(&changes).checkpoint();
    assert!(Compartment::build(&path, &key(1), kind, &mut cut, &expect, &mut |_| true).is_err());
    let of_persons =
        Compartment::build(&path, &key(1), RecordKind::Person, &mut stream(&changes), &expect, &mut |_| true);
    assert!(matches!(of_persons, Err(StoreError::Wire(_))));
    assert!(Compartment::file_paths(&path).iter().all(|p| !p.exists()));
}

/// While rows come, and at each of the moments in which indexes are written.
#[test]
fn a_build_that_is_called_off_leaves_no_file() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("c");
    for (kind, changes) in [
        (RecordKind::Vehicle, [upsert(1, vehicle(1, 1, "AB10CDE", ""))]),
        (
            RecordKind::Person,
            [upsert(1, person(1, 1, "John", "Smith", "1984-03-02".parse().unwrap(), "1999/1234567A"))],
        ),
    ] {
        let expect = Published::of(&changes).checkpoint();
        let mut asked = 0;
        let whole = Compartment::build(&path, &key(1), kind, &mut stream(&changes), &expect, &mut |_| {
            asked += 1;
            true
        });
        drop(whole.unwrap());
        assert!(asked > 3, "{asked}");
        for at in 1..=asked {
            let mut n = 0;
            let called_off = Compartment::build(&path, &key(1), kind, &mut stream(&changes), &expect, &mut |_| {
                n += 1;
                n < at
            });
            assert!(matches!(called_off, Err(StoreError::CalledOff)), "{at} of {asked}");
            assert!(Compartment::file_paths(&path).iter().all(|p| !p.exists()));
        }
    }
}
