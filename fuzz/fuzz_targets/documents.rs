//! Envelopes as they come, and the documents inside as if their signature were valid.
#![no_main]

use beatcheck_wire::envelope::{self, DocKind, SigningKey};
use beatcheck_wire::{Grant, GrantBundle, Head, MAX_RECENT, Manifest, ManifestSet, Root, RootStep, WipeOrder};
use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};
use std::sync::LazyLock;

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_seed(&[2; 32]).expect("32 bytes"));

/// What decodes, encodes to something that decodes to the same.
fn there_and_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Option<T> {
    let (value, _) = postcard::take_from_bytes::<T>(bytes).ok()?;
    let again = postcard::to_allocvec(&value).expect("what was decoded can be encoded");
    assert_eq!(postcard::from_bytes::<T>(&again).as_ref(), Ok(&value));
    Some(value)
}

fuzz_target!(|bytes: &[u8]| {
    let trusted = [KEY.verify_key()];
    let kinds = [
        DocKind::Root,
        DocKind::Head,
        DocKind::ManifestSet,
        DocKind::Manifest,
        DocKind::Grant,
        DocKind::Policy,
        DocKind::WipeOrder,
    ];
    for kind in kinds {
        if let Ok(payload) = envelope::open_bytes(kind, bytes, &trusted) {
            assert_eq!(KEY.sign_bytes(kind, payload), bytes, "Ed25519 is deterministic");
        }
    }
    there_and_back::<Root>(bytes);
    there_and_back::<Head>(bytes);
    there_and_back::<ManifestSet>(bytes);
    there_and_back::<Grant>(bytes);
    there_and_back::<GrantBundle>(bytes);
    there_and_back::<WipeOrder>(bytes);
    if let Some(step) = there_and_back::<RootStep>(bytes) {
        for signed in [&step.by_old, &step.by_new] {
            let _ = envelope::open::<Root>(DocKind::Root, signed, &trusted);
        }
    }
    let Some(manifest) = there_and_back::<Manifest>(bytes) else { return };
    if manifest.validate().is_ok() {
        assert!(manifest.recent.len() <= MAX_RECENT);
        assert!(manifest.recent.iter().all(|d| d.from < d.to && d.to <= manifest.watermark));
    }
});
