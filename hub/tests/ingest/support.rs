//! A hub in a directory of its own, and extracts written on the spot.

use beatcheck_hub::{FixedClock, Hub, HubError, IngestOptions, IngestReport, InitOptions};
use beatcheck_model::{Record, RecordId, RecordKind, Timestamp};
use beatcheck_wire::batch::Op;
use beatcheck_wire::digest::{RowDigest, canonical};
use beatcheck_wire::{Manifest, ManifestSet, SegmentRef, envelope::OVERHEAD, segment};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

pub(crate) const NOW: &str = "2024-06-01T12:00:00Z";

/// A list of vehicles keyed by `id`.
pub(crate) const MAPPING: &str = r#"
format = 1
[source]
name = "list"
kind = "vehicle"
compartment = "stolen"
offline_allowed = true
key = ["id"]
[source.as_of]
newest = "since"
[dates]
formats = ["%d/%m/%Y"]
[fields]
vrm = { column = "plate", unusable = ["NA", '\d\.\d+E\+\d+'] }
make = "make"
[[markers]]
code = "LOS"
text = "Reported stolen"
since = "since"
"#;

pub(crate) struct Desk {
    pub(crate) dir: TempDir,
    pub(crate) hub: Hub,
    pub(crate) clock: Arc<FixedClock>,
    mapping: PathBuf,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with(MAPPING)
    }

    pub(crate) fn with(mapping: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::new(NOW.parse().unwrap()));
        let hub = Hub::init(&dir.path().join("hub"), &InitOptions::default(), clock.clone()).unwrap();
        let path = dir.path().join("mapping.toml");
        std::fs::write(&path, mapping).unwrap();
        Self { dir, hub, clock, mapping: path }
    }

    pub(crate) fn remap(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(&self.mapping).unwrap();
        assert!(text.contains(from));
        std::fs::write(&self.mapping, text.replace(from, to)).unwrap();
    }

    pub(crate) fn offer(&self, bytes: &[u8], as_of: Option<&str>, force: bool) -> Result<IngestReport, HubError> {
        let extract = self.dir.path().join("extract.csv");
        std::fs::write(&extract, bytes).unwrap();
        self.offer_file(&self.mapping, &extract, as_of, force)
    }

    pub(crate) fn offer_file(
        &self,
        mapping: &Path,
        extract: &Path,
        as_of: Option<&str>,
        force: bool,
    ) -> Result<IngestReport, HubError> {
        let as_of = as_of.map(|t| t.parse::<Timestamp>().unwrap());
        self.hub.ingest(&IngestOptions { mapping, extract, as_of, force }, &mut |_| {})
    }

    /// Rows under the usual header.
    pub(crate) fn rows(&self, rows: &[&str]) -> Result<IngestReport, HubError> {
        self.offer(format!("id,plate,make,since\n{}\n", rows.join("\n")).as_bytes(), None, false)
    }

    pub(crate) fn publish(&self) -> beatcheck_hub::PublishReport {
        self.hub.publish(&mut |_| {}).unwrap()
    }

    /// The current manifest of the only compartment.
    pub(crate) fn manifest(&self) -> Manifest {
        let (head, _) = self.hub.current_head().unwrap().unwrap();
        let set = self.hub.set_bytes(&head.set_hash).unwrap().unwrap();
        let set: ManifestSet = postcard::from_bytes(&set[OVERHEAD..]).unwrap();
        let bytes = self.hub.manifest_bytes(&set.manifests[0].1).unwrap().unwrap();
        let manifest: Manifest = postcard::from_bytes(&bytes[OVERHEAD..]).unwrap();
        manifest.validate().unwrap();
        manifest
    }
}

/// What one report says, in short.
pub(crate) fn counts(r: &IngestReport) -> (u64, u64, u64, u64) {
    (r.added, r.changed, r.removed, r.unchanged)
}

pub(crate) fn id(key: &[&str], occurrence: u32) -> RecordId {
    let input = RecordId::derive_input("list", RecordKind::Vehicle, key, occurrence);
    let hash = ring::digest::digest(&ring::digest::SHA256, &input);
    RecordId(hash.as_ref()[..16].try_into().unwrap())
}

/// What a device does: opens segments and applies changes.
#[derive(Default)]
pub(crate) struct Device(pub(crate) BTreeMap<RecordId, Record>);

impl Device {
    pub(crate) fn apply(&mut self, hub: &Hub, manifest: &Manifest, segments: &[SegmentRef]) -> usize {
        let keys = hub.compartment_keys(&manifest.compartment).unwrap();
        let mut changes = 0;
        for s in segments {
            assert_eq!(hub.compartment_of_segment(&s.hash).unwrap(), Some(manifest.compartment));
            let bytes = std::fs::read(hub.segment_path(&s.hash)).unwrap();
            let key = keys.iter().find(|k| k.epoch == s.key_epoch).unwrap();
            assert_eq!(bytes.len(), s.bytes as usize);
            for change in segment::open(&bytes, &s.hash, &key.key).unwrap() {
                changes += 1;
                match change.op {
                    Op::Upsert(r) => drop(self.0.insert(r.id, *r)),
                    Op::Delete { id, .. } => {
                        assert!(self.0.remove(&id).is_some(), "a tombstone for what was never sent")
                    }
                }
            }
        }
        changes
    }

    /// The state must be what the manifest says.
    pub(crate) fn check(&self, manifest: &Manifest) {
        let mut digest = RowDigest::default();
        self.0.values().for_each(|r| digest.add(&canonical(r).unwrap()));
        assert_eq!((self.0.len() as u64, digest.finish()), (manifest.rows, manifest.digest));
    }
}
