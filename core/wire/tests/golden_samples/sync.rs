//! Manifest, catalogue, mark index, catching up and repair.

use super::*;
use beatcheck_wire::catch_up::{self, CatchUpAnswer, CatchUpRequest, HeldAt};
use beatcheck_wire::mark_index::MarkIndex;
use beatcheck_wire::ranges::{RangeSums, RowsAnswer, RowsRequest, SumsAnswer, SumsRequest};

fn segment_ref(name: &str, bytes: u32, frames: u16) -> SegmentRef {
    SegmentRef { hash: Hash32::of(name.as_bytes()), bytes, frames, rows: 1000, key_epoch: 2 }
}

fn delta(from: u64, to: u64, bytes: u32) -> Delta {
    Delta { from, to, segments: vec![segment_ref(&format!("delta {from} to {to}"), bytes, 1)] }
}

/// A day, an hour and minutes: they overlap.
pub(crate) fn catalogue() -> Catalogue {
    Catalogue {
        snapshot: Snapshot {
            watermark: 4000,
            segments: vec![segment_ref("part 1", 200_000, 13), segment_ref("part 2", 150_000, 10)],
        },
        index: vec![segment_ref("marks", 3400, 1)],
        deltas: vec![delta(3000, 5000, 9000), delta(4000, 4900, 4000), delta(4800, 5000, 900), delta(5000, 5100, 700)],
    }
}

pub(crate) fn manifest() -> Manifest {
    let catalogue = catalogue();
    let bytes = catalogue.encode().unwrap();
    Manifest {
        compartment: COMPARTMENT,
        manifest_version: 7,
        previous: Hash32::of(b"the manifest before"),
        key_epoch: 2,
        schema: RECORD_SCHEMA,
        source: SOURCE.into(),
        kind: RecordKind::Vehicle,
        as_of: AT,
        due_by: Some(AT.plus_secs(7200)),
        last_refused: false,
        warnings: true,
        watermark: 5200,
        rows: 1990,
        unsearchable: 3,
        digest: Hash32::of(b"the state of the digest"),
        dictionary: Some(segment_ref("dictionary", 8000, 1)),
        recent: vec![delta(4900, 5100, 900), delta(5100, 5200, 700)],
        catalogue: CatalogueRef {
            hash: Hash32::of(&bytes),
            bytes: bytes.len() as u32,
            snapshot_bytes: catalogue.snapshot.segments.iter().map(|s| u64::from(s.bytes)).sum(),
        },
    }
}

/// Plain content: zstd takes any bytes that do not begin as a trained dictionary does.
pub(crate) const DICTIONARY: &[u8] =
    b"key-1 ab01 cde SAMPLEVIN00000001 FORD FOCUS BLUE HATCHBACK North LOS what it says what to do registered keeper";

/// Four marks of the current shape, four of letter and digit, one of a rare shape, one that is no number.
pub(crate) fn mark_index() -> MarkIndex {
    MarkIndex::of(["BD51SMR", "BD51SMS", "BD51SMU", "BK60XYZ", "A1", "A2", "B7", "C0", "1A", "ABCDEFGHIJKL"])
}

pub(crate) fn catch_up_request() -> CatchUpRequest {
    CatchUpRequest {
        version: catch_up::VERSION,
        head: Hash32::of(b"the bytes of a head"),
        set: Hash32::of(b"the bytes of a manifest set"),
        grant_version: 12,
        held: vec![HeldAt {
            compartment: COMPARTMENT,
            manifest: Hash32::of(b"the bytes of a manifest"),
            watermark: 5100,
        }],
        max_bytes: 65_536,
        hold_s: 20,
        root_version: 1,
        policy_version: 3,
    }
}

pub(crate) fn catch_up_answer() -> CatchUpAnswer {
    CatchUpAnswer {
        version: catch_up::VERSION,
        grant_version: 12,
        time: AT,
        roots: Vec::new(),
        head: Some(key(2).sign(DocKind::Head, &head()).unwrap()),
        grant: None,
        documents: vec![vec![0x44; 5], vec![0x45; 3]],
        segments: vec![vec![0x53; 4]],
    }
}

pub(crate) fn sums_request() -> SumsRequest {
    SumsRequest { compartment: COMPARTMENT, watermark: 5200, first: Some(0x11) }
}

/// The sums below the first byte 11 of two rows, one of which lies there.
pub(crate) fn sums_answer() -> SumsAnswer {
    let mut sums = RangeSums::default();
    sums.add(&RecordId([0x11; 16]), b"a row");
    sums.add(&RecordId([0x12; 16]), b"another row");
    SumsAnswer { sums: sums.below(0x11) }
}

pub(crate) fn rows_request() -> RowsRequest {
    RowsRequest { compartment: COMPARTMENT, watermark: 5200, ranges: vec![0x1111, 0x1212] }
}

pub(crate) fn rows_answer() -> RowsAnswer {
    RowsAnswer { key_epoch: 2, segments: vec![vec![0x53; 4]] }
}
