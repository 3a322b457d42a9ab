//! Which route is taken from what is held to what is published.
#![allow(clippy::unwrap_used, missing_docs)]

use beatcheck_model::{RecordKind, Timestamp};
use beatcheck_sync::{HeldCompartment, RouteKind, choose};
use beatcheck_wire::{CompartmentId, Delta, Hash32, Manifest, SegmentRef, Snapshot};

fn segment(name: &str, bytes: u32) -> SegmentRef {
    SegmentRef { hash: Hash32::of(name.as_bytes()), bytes: bytes * 100, frames: 1, rows: 1, key_epoch: 1 }
}

/// A snapshot at 20 with deltas 10-20, 20-30 and 30-40, each of `delta` hundred bytes.
fn manifest(snapshot: u32, delta: u32) -> Manifest {
    let deltas = [(10, 20), (20, 30), (30, 40)];
    let m = Manifest {
        compartment: CompartmentId([1; 16]),
        manifest_version: 4,
        previous: Hash32::default(),
        key_epoch: 1,
        schema: 1,
        source: "test".into(),
        kind: RecordKind::Vehicle,
        as_of: Timestamp(0),
        due_by: None,
        last_refused: false,
        warnings: false,
        watermark: 40,
        rows: 1,
        unsearchable: 0,
        digest: Hash32::of(b"rows"),
        snapshot: Snapshot { watermark: 20, segments: vec![segment("s", snapshot)] },
        deltas: deltas.map(|(from, to)| Delta { from, to, segments: vec![segment(&format!("d{to}"), delta)] }).into(),
    };
    m.validate().unwrap();
    m
}

fn held(watermark: u64) -> HeldCompartment {
    let digest = if watermark == 40 { Hash32::of(b"rows") } else { Hash32::of(b"older rows") };
    HeldCompartment { manifest_version: 1, manifest_hash: Hash32::default(), watermark, digest }
}

fn names(m: &Manifest, from: Option<u64>) -> (RouteKind, Vec<Hash32>) {
    let route = choose(m, from.map(held).as_ref());
    (route.kind, route.segments.iter().map(|s| s.hash).collect())
}

fn hashes(names: &[&str]) -> Vec<Hash32> {
    names.iter().map(|n| Hash32::of(n.as_bytes())).collect()
}

#[test]
fn with_nothing_held_it_is_the_snapshot_and_what_came_after() {
    let m = manifest(100, 10);
    assert_eq!(names(&m, None), (RouteKind::Snapshot, hashes(&["s", "d30", "d40"])));
    assert_eq!(choose(&m, None).bytes(), 12_000);
}

#[test]
fn from_what_is_held_only_what_is_missing() {
    let m = manifest(100, 10);
    assert_eq!(names(&m, Some(10)), (RouteKind::Deltas, hashes(&["d20", "d30", "d40"])));
    assert_eq!(names(&m, Some(30)), (RouteKind::Deltas, hashes(&["d40"])));
    // In the middle of a delta (compaction joined two): all of it, from its own start.
    assert_eq!(names(&m, Some(25)), (RouteKind::Deltas, hashes(&["d30", "d40"])));
    assert_eq!(choose(&m, Some(&held(25))).from, 20);
}

#[test]
fn the_snapshot_where_it_is_fewer_bytes() {
    let m = manifest(9, 10);
    assert_eq!(names(&m, Some(10)), (RouteKind::Snapshot, hashes(&["s", "d30", "d40"])));
    assert_eq!(names(&m, Some(20)), (RouteKind::Deltas, hashes(&["d30", "d40"])));
    // Equal bytes: the transaction, not the new generation.
    assert_eq!(names(&manifest(10, 10), Some(10)).0, RouteKind::Deltas);
}

#[test]
fn the_snapshot_where_no_delta_reaches_back_or_the_hub_itself_went_back() {
    let m = manifest(160, 10);
    assert_eq!(names(&m, Some(9)).0, RouteKind::Snapshot);
    assert_eq!(names(&m, Some(0)).0, RouteKind::Snapshot);
    assert_eq!(names(&m, Some(41)).0, RouteKind::Snapshot);
}

#[test]
fn at_the_same_watermark_a_touch_or_a_rebuilding() {
    let m = manifest(160, 10);
    assert_eq!(names(&m, Some(40)), (RouteKind::Touch, Vec::new()));
    let other = HeldCompartment { digest: Hash32::of(b"rotten rows"), ..held(40) };
    assert_eq!(choose(&m, Some(&other)).kind, RouteKind::Snapshot);
}

#[test]
fn manifests_that_do_not_hang_together_are_refused() {
    let bad: [fn(&mut Manifest); 10] = [
        |m| m.watermark = 41,
        |m| m.snapshot.watermark = 41,
        |m| m.snapshot.watermark = 9,
        |m| m.deltas[1].from = 21,
        |m| drop(m.deltas.remove(1)),
        |m| m.deltas[0].from = 20,
        |m| (m.deltas[0].segments[0].bytes, m.deltas[0].segments[0].frames) = (256 * 1024 + 1, 16),
        |m| m.deltas[0].segments[0].frames = 0,
        |m| m.deltas[0].segments[0].frames = 2,
        |m| m.snapshot.segments[0].bytes = 23,
    ];
    for (n, spoil) in bad.iter().enumerate() {
        let mut m = manifest(100, 10);
        spoil(&mut m);
        assert!(m.validate().is_err(), "case {n}");
    }
}
