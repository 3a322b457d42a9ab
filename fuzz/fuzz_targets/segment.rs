//! Segments: as they come, and a good one altered by the input.
#![no_main]

use beatcheck_model::RecordKind;
use beatcheck_wire::batch::{Change, Op};
use beatcheck_wire::segment::{self, Sealed, frame_range};
use beatcheck_wire::{Hash32, WireError};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

const KEY: [u8; 32] = [0x22; 32];

static GOOD: LazyLock<Sealed> = LazyLock::new(|| {
    let op = Op::Delete { id: Default::default(), version: 1, at: beatcheck_model::Timestamp(1) };
    let changes: Vec<Change> = (0..2000).map(|n| Change { seq: n * n, op: op.clone() }).collect();
    segment::seal(RecordKind::Vehicle, &changes, &KEY, &mut || [1; 16]).expect("it fits").remove(0)
});

fuzz_target!(|bytes: &[u8]| {
    let _ = segment::open(bytes, &Hash32::of(bytes), &KEY);
    // Pairs of place and value: any alteration is noticed, even by who can make the hash agree.
    let mut altered = GOOD.bytes.clone();
    for pair in bytes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([pair[0], pair[1]])) % altered.len();
        altered[at] ^= pair[2];
    }
    if altered != GOOD.bytes {
        assert_eq!(segment::open(&altered, &GOOD.hash, &KEY), Err(WireError::HashMismatch));
        assert!(segment::open(&altered, &Hash32::of(&altered), &KEY).is_err());
    }
    if let Some(b) = bytes.first_chunk::<6>() {
        let total = u32::from_le_bytes([b[0], b[1], b[2], b[3] & 0x0f]);
        let range = frame_range(total, u16::from_le_bytes([b[4], b[5]]));
        assert!(range.start <= range.end && range.end <= total);
    }
});
