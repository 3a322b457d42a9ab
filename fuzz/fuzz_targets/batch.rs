//! Batches: columns of records, after decryption and decompression.
#![no_main]

use beatcheck_model::RecordKind;
use beatcheck_wire::batch;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(changes) = batch::decode(bytes) else { return };
    let kind = RecordKind::ALL[usize::from(bytes[2])];
    let again = batch::encode(kind, &changes).expect("what was decoded can be encoded");
    assert_eq!(batch::decode(&again).as_ref(), Ok(&changes));
    assert!(again.len() <= bytes.len(), "nothing grows out of a batch");
});
