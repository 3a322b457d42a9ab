//! Which route is taken from what is held to what is published.
#![allow(clippy::unwrap_used, missing_docs)]

use beatcheck_model::{RecordKind, Timestamp};
use beatcheck_sync::{HeldCompartment, MAX_APPLY_ROWS, RouteKind, choose};
use beatcheck_wire::{
    Catalogue, CatalogueRef, CompartmentId, Delta, Hash32, MAX_RECENT, Manifest, SegmentRef, Snapshot,
};

fn segment(name: &str, bytes: u32) -> SegmentRef {
    SegmentRef { hash: Hash32::of(name.as_bytes()), bytes: bytes * 100, frames: 1, rows: 1, key_epoch: 1 }
}

/// A snapshot at 20 with deltas 10-20 in the catalogue, 20-30 and 30-40 in the manifest, each of `delta` hundred bytes.
fn manifest(snapshot: u32, delta: u32) -> (Manifest, Catalogue) {
    let step = |to: u64| Delta { from: to - 10, to, segments: vec![segment(&format!("d{to}"), delta)] };
    let snapshot = Snapshot { watermark: 20, segments: vec![segment("s", snapshot)] };
    published(vec![step(30), step(40)], Catalogue { snapshot, index: Vec::new(), deltas: vec![step(20)] })
}

fn published(recent: Vec<Delta>, catalogue: Catalogue) -> (Manifest, Catalogue) {
    let bytes = catalogue.encode().unwrap();
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
        dictionary: None,
        recent,
        catalogue: CatalogueRef { hash: Hash32::of(&bytes), bytes: bytes.len() as u32, snapshot_bytes: 0 },
    };
    m.validate().unwrap();
    assert_eq!(Catalogue::decode(&bytes, &m).unwrap(), catalogue);
    (m, catalogue)
}

fn held(watermark: u64) -> HeldCompartment {
    let digest = if watermark == 40 { Hash32::of(b"rows") } else { Hash32::of(b"older rows") };
    HeldCompartment { manifest_version: 1, watermark, digest, ..HeldCompartment::default() }
}

fn names((m, c): &(Manifest, Catalogue), from: Option<u64>) -> (RouteKind, Vec<Hash32>) {
    let route = choose(m, Some(c), from.map(held).as_ref()).unwrap();
    (route.kind, route.segments.iter().map(|s| s.hash).collect())
}

fn hashes(names: &[&str]) -> Vec<Hash32> {
    names.iter().map(|n| Hash32::of(n.as_bytes())).collect()
}

#[test]
fn with_nothing_held_it_is_the_snapshot_and_what_came_after() {
    let m = manifest(100, 10);
    assert_eq!(names(&m, None), (RouteKind::Snapshot, hashes(&["s", "d30", "d40"])));
    assert_eq!(choose(&m.0, Some(&m.1), None).unwrap().bytes(), 12_000);
}

#[test]
fn from_what_is_held_only_what_is_missing() {
    let m = manifest(100, 10);
    assert_eq!(names(&m, Some(10)), (RouteKind::Deltas, hashes(&["d20", "d30", "d40"])));
    assert_eq!(names(&m, Some(30)), (RouteKind::Deltas, hashes(&["d40"])));
    // In the middle of a delta (compaction joined two): all of it, from its own start.
    assert_eq!(names(&m, Some(25)), (RouteKind::Deltas, hashes(&["d30", "d40"])));
    assert_eq!(choose(&m.0, Some(&m.1), Some(&held(25))).unwrap().from, 20);
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
    assert_eq!(choose(&m.0, Some(&m.1), Some(&other)).unwrap().kind, RouteKind::Snapshot);
}

#[test]
fn the_catalogue_is_asked_for_only_where_the_manifest_does_not_reach_back() {
    let (m, _) = manifest(100, 10);
    let way = |from: Option<u64>| choose(&m, None, from.map(held).as_ref()).map(|r| (r.kind, r.segments.len()));
    assert_eq!(way(Some(20)), Some((RouteKind::Deltas, 2)));
    assert_eq!(way(Some(35)), Some((RouteKind::Deltas, 1)));
    assert_eq!(way(Some(40)), Some((RouteKind::Touch, 0)));
    assert_eq!((way(Some(19)), way(Some(41)), way(None)), (None, None, None));
    let suspect = HeldCompartment { suspect: true, ..held(20) };
    assert_eq!(choose(&m, None, Some(&suspect)), None, "what is suspect is not built upon");
}

#[test]
fn of_tiers_that_overlap_the_fewest_bytes() {
    let delta = |from, to, bytes| Delta { from, to, segments: vec![segment(&format!("{from}-{to}"), bytes)] };
    let snapshot = Snapshot { watermark: 36, segments: vec![segment("s", 150)] };
    let day = delta(0, 30, 50);
    let hours = [delta(0, 10, 20), delta(10, 20, 20), delta(20, 30, 20)];
    let deltas = [vec![day], hours.to_vec(), vec![delta(30, 36, 9)]].concat();
    let m = published(vec![delta(30, 35, 5), delta(35, 40, 5)], Catalogue { snapshot, index: Vec::new(), deltas });
    let way = |from| names(&m, Some(from)).1;
    // One day is fewer bytes than three hours, but not than two.
    assert_eq!(way(0), hashes(&["0-30", "30-35", "35-40"]));
    assert_eq!(way(12), hashes(&["10-20", "20-30", "30-35", "35-40"]));
    // The catalogue's 30-36 ends within 35-40, which then applies as well, but costs more than 30-35.
    assert_eq!(way(30), hashes(&["30-35", "35-40"]));
    assert_eq!(names(&m, None), (RouteKind::Snapshot, hashes(&["s", "35-40"])));
}

#[test]
fn manifests_that_do_not_hang_together_are_refused() {
    let bad: [fn(&mut Manifest); 9] = [
        |m| m.watermark = 41,
        |m| m.recent[1].from = 31,
        |m| drop(m.recent.pop()),
        |m| m.recent[0].from = 30,
        |m| (m.recent[0].segments[0].bytes, m.recent[0].segments[0].frames) = (256 * 1024 + 1, 16),
        |m| m.recent[0].segments[0].frames = 0,
        |m| m.recent[0].segments[0].frames = 2,
        |m| m.dictionary = Some(SegmentRef { bytes: 23, ..segment("d", 1) }),
        |m| {
            m.recent =
                (31..=40).map(|to| Delta { from: to - 1, to, segments: Vec::new() }).take(MAX_RECENT + 1).collect()
        },
    ];
    for (n, spoil) in bad.iter().enumerate() {
        let (mut m, _) = manifest(100, 10);
        spoil(&mut m);
        assert!(m.validate().is_err(), "case {n}");
    }
}

#[test]
fn more_rows_than_a_store_applies_at_once_are_the_snapshots_however_few_their_bytes() {
    let (mut m, c) = manifest(100, 1);
    let route = |m: &Manifest, c: Option<&Catalogue>| choose(m, c, Some(&held(30)));
    assert_eq!(route(&m, None).map(|r| r.kind), Some(RouteKind::Deltas));
    m.recent[1].segments[0].rows = MAX_APPLY_ROWS as u32;
    assert_eq!(route(&m, Some(&c)).map(|r| r.kind), Some(RouteKind::Deltas));
    m.recent[1].segments[0].rows += 1;
    assert_eq!(route(&m, None), None, "the catalogue is wanted");
    assert_eq!(route(&m, Some(&c)).map(|r| r.kind), Some(RouteKind::Snapshot));
}
