//! Segments: as they come, a good one altered by the input, and the input as what is sealed.
#![no_main]

use beatcheck_model::{RecordId, RecordKind};
use beatcheck_wire::batch::{Change, Context, Op};
use beatcheck_wire::segment::{self, Content, OpenAs, SealAs, Sealed, frame_range};
use beatcheck_wire::{Hash32, WireError};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

const KEY: [u8; 32] = [0x22; 32];
const CONTEXT: Context<'static> = Context { kind: RecordKind::Vehicle, source: "stolen_vehicles" };

static CHANGES: LazyLock<Vec<Change>> = LazyLock::new(|| {
    let row = |n: u64| RecordId(Hash32::of(&n.to_le_bytes()).0[..16].try_into().expect("16 bytes")).into();
    let op = |n| Op::Delete { row: row(n), version: 1, at: beatcheck_model::Timestamp(1) };
    (0..200).map(|n| Change { seq: n * n, op: op(n) }).collect()
});

fn seal(dictionary: Option<&[u8]>) -> Sealed {
    let how = SealAs { context: CONTEXT, prefix: 16, dictionary, key: &KEY };
    segment::seal(&how, &CHANGES, &mut || [1; 16]).expect("it fits").remove(0)
}

static GOOD: LazyLock<Sealed> = LazyLock::new(|| seal(None));

fn open(bytes: &[u8], hash: &Hash32, dictionary: Option<&[u8]>) -> Result<Vec<Change>, WireError> {
    segment::open(bytes, hash, &OpenAs { context: CONTEXT, dictionary, key: &KEY })
}

fuzz_target!(|bytes: &[u8]| {
    let hash = Hash32::of(bytes);
    for dictionary in [None, Some(bytes)] {
        let _ = open(bytes, &hash, dictionary);
    }
    for content in [Content::Dictionary, Content::MarkIndex] {
        let _ = segment::open_bytes(content, bytes, &hash, &KEY);
    }
    // Pairs of place and value: any alteration is noticed, even by who can make the hash agree.
    let mut altered = GOOD.bytes.clone();
    for pair in bytes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([pair[0], pair[1]])) % altered.len();
        altered[at] ^= pair[2];
    }
    if altered != GOOD.bytes {
        assert_eq!(open(&altered, &GOOD.hash, None), Err(WireError::HashMismatch));
        assert!(open(&altered, &Hash32::of(&altered), None).is_err());
    }
    // Any bytes, sealed, are opened; any that zstd takes for a dictionary serve as one.
    if bytes.len() <= segment::MAX_DICTIONARY {
        for content in [Content::Dictionary, Content::MarkIndex] {
            let sealed = segment::seal_bytes(content, bytes, 0, &KEY, &mut || [1; 16]).expect("within the limit");
            assert_eq!(sealed.len(), usize::from(!bytes.is_empty()));
            for s in sealed {
                assert_eq!(segment::open_bytes(content, &s.bytes, &s.hash, &KEY).as_deref(), Ok(bytes));
                assert!(open(&s.bytes, &s.hash, None).is_err(), "it is no batch");
            }
        }
    }
    let how = SealAs { context: CONTEXT, prefix: 16, dictionary: Some(bytes), key: &KEY };
    if let Ok(sealed) = segment::seal(&how, &CHANGES[..3], &mut || [1; 16]) {
        assert_eq!(open(&sealed[0].bytes, &sealed[0].hash, Some(bytes)).as_deref(), Ok(&CHANGES[..3]));
        assert!(open(&sealed[0].bytes, &sealed[0].hash, None).is_err(), "without its dictionary");
    }
    if let Some(b) = bytes.first_chunk::<6>() {
        let total = u32::from_le_bytes([b[0], b[1], b[2], b[3] & 0x0f]);
        let range = frame_range(total, u16::from_le_bytes([b[4], b[5]]));
        assert!(range.start <= range.end && range.end <= total);
    }
});
