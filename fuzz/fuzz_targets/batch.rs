//! Batches: columns of records, after decryption and decompression.
#![no_main]

use beatcheck_model::RecordKind;
use beatcheck_wire::batch::{self, Context};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(&kind) = bytes.get(2).and_then(|code| RecordKind::ALL.get(usize::from(*code))) else { return };
    // The goldens' source, so that ids that are derived there are derived here.
    let context = Context { kind, source: "stolen_vehicles" };
    let Ok(changes) = batch::decode(&context, bytes) else { return };
    assert!(changes.windows(2).all(|pair| pair[0].seq <= pair[1].seq), "the sequence never falls");
    let again = batch::encode(&context, bytes[3], &changes).expect("what was decoded can be encoded");
    assert_eq!(batch::decode(&context, &again).as_ref(), Ok(&changes));
    assert!(again.len() <= bytes.len(), "nothing grows out of a batch");
});
