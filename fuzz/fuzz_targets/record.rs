//! Canonical records, as the store reads them back.
#![no_main]

use beatcheck_model::Body;
use beatcheck_wire::digest::{RowDigest, canonical, from_canonical};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = RowDigest::from_bytes(bytes);
    let Ok(record) = from_canonical(bytes) else { return };
    let again = canonical(&record).expect("what was decoded can be encoded");
    assert_eq!(from_canonical(&again).as_ref(), Ok(&record));
    if let Body::Person(person) = &record.body {
        let _ = beatcheck_search::index_names(person);
    }
});
