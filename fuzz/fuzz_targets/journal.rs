//! The journal on its way up: uploads, batches, the chain, and sealed entries.
#![no_main]

use beatcheck_audit::{AuditKeyPair, Entry};
use beatcheck_wire::CompartmentId;
use beatcheck_wire::journal::{JournalAck, JournalBatch, JournalUpload, genesis, verify_chain};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static KEY: LazyLock<AuditKeyPair> = LazyLock::new(|| AuditKeyPair::from_seed(&[1; 32]));

fn batch(bytes: &[u8]) {
    let Ok(batch) = postcard::from_bytes::<JournalBatch>(bytes) else { return };
    let again = postcard::to_allocvec(&batch).expect("what was decoded can be encoded");
    assert_eq!(postcard::from_bytes::<JournalBatch>(&again).as_ref(), Ok(&batch));
    // The hub's own call: the number before the first entry, which must not be 0.
    if let Some(first) = batch.entries.first().filter(|e| e.seq > 0) {
        let _ = verify_chain((first.seq - 1, batch.previous), &batch.entries);
    }
    let _ = verify_chain((0, genesis(batch.device)), &batch.entries);
    for e in batch.entries.iter().take(4) {
        assert!(beatcheck_audit::open(&e.sealed, &KEY, batch.device, e.seq).is_err(), "nobody can guess a seal");
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(upload) = postcard::from_bytes::<JournalUpload>(bytes) {
        batch(&upload.batch);
    }
    batch(bytes);
    let _ = postcard::from_bytes::<JournalAck>(bytes);
    let _ = beatcheck_audit::open(bytes, &KEY, CompartmentId([5; 16]), 1);
    assert!(beatcheck_audit::open_key(bytes, &KEY, CompartmentId([5; 16])).is_err(), "nobody can guess a seal");
    if let Ok(entry) = serde_json::from_slice::<Entry>(bytes) {
        let again = serde_json::to_vec(&entry).expect("what was decoded can be encoded");
        assert_eq!(serde_json::from_slice::<Entry>(&again).ok(), Some(entry));
    }
});
