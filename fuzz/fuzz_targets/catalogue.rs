//! Catalogues, beside the manifest that names them: the input is a manifest and what follows it.
#![no_main]

use beatcheck_wire::{Catalogue, CatalogueRef, Hash32, Manifest};
use libfuzzer_sys::fuzz_target;

/// As the input has it, or the plainest that names these bytes.
fn manifest(bytes: &[u8]) -> (Manifest, &[u8]) {
    if let Ok((manifest, rest)) = postcard::take_from_bytes::<Manifest>(bytes)
        && manifest.validate().is_ok()
    {
        return (manifest, rest);
    }
    let (watermark, rest) = postcard::take_from_bytes::<u64>(bytes).unwrap_or((0, bytes));
    // Zeros are an empty form of every field; nothing but the watermark is looked at.
    let mut blank =
        postcard::from_bytes::<Manifest>(&[0; 256]).unwrap_or_else(|_| unreachable!("zeros are a manifest"));
    blank.watermark = watermark;
    (blank, rest)
}

fuzz_target!(|bytes: &[u8]| {
    let (mut manifest, bytes) = manifest(bytes);
    manifest.catalogue = CatalogueRef { hash: Hash32::of(bytes), bytes: bytes.len() as u32, snapshot_bytes: 0 };
    let Ok(catalogue) = Catalogue::decode(bytes, &manifest) else { return };
    let again = catalogue.encode().expect("what was decoded can be encoded");
    assert!(again.len() <= bytes.len(), "nothing grows out of a catalogue");
    assert!(catalogue.deltas.iter().all(|d| d.from < d.to && d.to <= manifest.watermark));
    assert!(catalogue.snapshot.watermark <= manifest.watermark);
    if again != bytes {
        assert!(Catalogue::decode(&again, &manifest).is_err(), "another hash");
    }
    manifest.catalogue.hash = Hash32::of(&again);
    assert_eq!(Catalogue::decode(&again, &manifest), Ok(catalogue));
});
