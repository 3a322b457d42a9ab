//! Patches and deletions name their rows by the first bytes of an id: exactly one, or nothing is changed.

#![allow(clippy::unwrap_used)]

mod common;

use beatcheck_model::{Record, RecordKind};
use beatcheck_store::{Checkpoint, Compartment, StoreError};
use beatcheck_wire::batch::{Change, Op};
use beatcheck_wire::patch::{Patch, RowRef};
use common::*;
use tempfile::tempdir;

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
        let found = Compartment::build(&dir.path().join("n"), &key(1), kind, &mut stream(&all), &was, &mut |_| true);
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
    let built = Compartment::build(&dir.path().join("n"), &key(1), kind, &mut stream(&all), &after, &mut |_| true);
    whole(&built.unwrap());
    // What is held already may come again: it is skipped, the patch of a row that has gone since too.
    let last = [patch_of(8, &other), patch_of(9, &b), delete_of(10, &b)];
    let only = expect(&[&changed(&other)], 10);
    held.apply(8, &mut stream(&last), &only).unwrap();
    held.apply(1, &mut stream(&last), &Checkpoint { manifest_version: 99, ..only }).unwrap();
    whole(&held);
}
