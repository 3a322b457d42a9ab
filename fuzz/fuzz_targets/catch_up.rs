//! Catching up and repair: the bodies of both ways, and what a bundle may hold.
#![no_main]

use beatcheck_wire::catch_up::{CatchUpAnswer, CatchUpRequest};
use beatcheck_wire::envelope::{self, DocKind, VerifyKey};
use beatcheck_wire::kept::{KeptAck, KeptChunk, MAX_KEPT_BYTES};
use beatcheck_wire::ranges::{RowsAnswer, RowsRequest, SumsAnswer, SumsRequest, ids_of, range_of};
use beatcheck_wire::{Head, Manifest};
use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};

/// What decodes, encodes to something that decodes to the same and is no larger.
fn there_and_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Option<T> {
    let (value, _) = postcard::take_from_bytes::<T>(bytes).ok()?;
    let again = postcard::to_allocvec(&value).expect("what was decoded can be encoded");
    assert!(again.len() <= bytes.len(), "nothing grows out of a body");
    assert_eq!(postcard::from_bytes::<T>(&again).as_ref(), Ok(&value));
    Some(value)
}

fuzz_target!(|bytes: &[u8]| {
    there_and_back::<CatchUpRequest>(bytes);
    there_and_back::<SumsRequest>(bytes);
    there_and_back::<KeptAck>(bytes);
    if let Some(chunk) = there_and_back::<KeptChunk>(bytes).filter(KeptChunk::is_sound) {
        // The hub adds these up.
        assert!(chunk.journal + chunk.wal <= MAX_KEPT_BYTES);
        assert!(chunk.offset + chunk.bytes.len() as u64 <= chunk.journal + chunk.wal);
    }
    there_and_back::<RowsAnswer>(bytes);
    if let Some(answer) = there_and_back::<CatchUpAnswer>(bytes) {
        // Being in the answer proves nothing: nobody's signature is valid for no key.
        let nobody: [VerifyKey; 0] = [];
        for document in answer.head.iter().chain(&answer.documents) {
            assert!(envelope::open::<Head>(DocKind::Head, document, &nobody).is_err());
            assert!(envelope::open::<Manifest>(DocKind::Manifest, document, &nobody).is_err());
        }
    }
    if let Some(answer) = there_and_back::<SumsAnswer>(bytes) {
        let own = vec![0; 256];
        match answer.differing(&own) {
            Ok(places) => {
                assert_eq!(places.len(), answer.sums.iter().filter(|s| **s != 0).count());
                assert!(places.windows(2).all(|pair| pair[0] < pair[1]));
            }
            Err(_) => assert_ne!(answer.sums.len(), 256),
        }
    }
    if let Some(request) = there_and_back::<RowsRequest>(bytes) {
        for range in request.ranges {
            let (first, last) = ids_of(range);
            assert!(range_of(&first) == range && range_of(&last) == range && first < last);
        }
    }
});
