//! A hub in a directory of its own, and extracts written on the spot.

use beatcheck_hub::{FixedClock, Hub, HubError, IngestOptions, IngestReport, InitOptions};
use beatcheck_model::{Record, RecordId, RecordKind, Timestamp};
use beatcheck_wire::batch::{Change, Context, Op};
use beatcheck_wire::digest::{RowDigest, canonical};
use beatcheck_wire::segment::{self, Content, OpenAs};
use beatcheck_wire::{Catalogue, Delta, Manifest, ManifestSet, SegmentRef, WireError, envelope::OVERHEAD};
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

    /// The catalogue that a manifest names.
    pub(crate) fn catalogue(&self, manifest: &Manifest) -> Catalogue {
        let (owner, bytes) = self.hub.catalogue_bytes(&manifest.catalogue.hash).unwrap().unwrap();
        assert_eq!((owner, bytes.len() as u32), (manifest.compartment, manifest.catalogue.bytes));
        let catalogue = Catalogue::decode(&bytes, manifest).unwrap();
        let snapshot: u64 = catalogue.snapshot.segments.iter().map(|s| u64::from(s.bytes)).sum();
        assert_eq!(snapshot, manifest.catalogue.snapshot_bytes);
        catalogue
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

/// The bytes of a segment, and the key that opens it.
pub(crate) fn fetch(hub: &Hub, manifest: &Manifest, s: &SegmentRef) -> (Vec<u8>, [u8; 32]) {
    assert_eq!(hub.compartment_of_segment(&s.hash).unwrap(), Some(manifest.compartment));
    let bytes = std::fs::read(hub.segment_path(&s.hash)).unwrap();
    assert_eq!(bytes.len(), s.bytes as usize);
    let keys = hub.compartment_keys(&manifest.compartment).unwrap();
    (bytes, keys.iter().find(|k| k.epoch == s.key_epoch).unwrap().key)
}

/// The dictionary that a manifest names.
pub(crate) fn dictionary(hub: &Hub, manifest: &Manifest) -> Option<Vec<u8>> {
    let s = manifest.dictionary?;
    let (bytes, key) = fetch(hub, manifest, &s);
    Some(segment::open_bytes(Content::Dictionary, &bytes, &s.hash, &key).unwrap())
}

/// The changes in a segment, opened with `key`.
pub(crate) fn open_with(
    hub: &Hub,
    manifest: &Manifest,
    s: &SegmentRef,
    key: &[u8; 32],
) -> Result<Vec<Change>, WireError> {
    let dictionary = dictionary(hub, manifest);
    let context = Context { kind: manifest.kind, source: &manifest.source };
    let (bytes, _) = fetch(hub, manifest, s);
    segment::open(&bytes, &s.hash, &OpenAs { context, dictionary: dictionary.as_deref(), key })
}

pub(crate) fn changes(hub: &Hub, manifest: &Manifest, segments: &[SegmentRef]) -> Vec<Change> {
    let opened = |s| open_with(hub, manifest, s, &fetch(hub, manifest, s).1).unwrap();
    segments.iter().flat_map(opened).collect()
}

/// What a device does: opens segments and applies changes.
#[derive(Clone, Default)]
pub(crate) struct Device {
    pub(crate) rows: BTreeMap<RecordId, Record>,
    pub(crate) watermark: u64,
}

impl Device {
    /// From nothing: the snapshot.
    pub(crate) fn start(desk: &Desk, manifest: &Manifest) -> Self {
        let mut out = Self::default();
        let snapshot = desk.catalogue(manifest).snapshot;
        out.apply(&desk.hub, manifest, &snapshot.segments);
        out.watermark = snapshot.watermark;
        out
    }

    pub(crate) fn apply(&mut self, hub: &Hub, manifest: &Manifest, segments: &[SegmentRef]) -> usize {
        let changes = changes(hub, manifest, segments);
        let count = changes.len();
        for change in changes {
            let (first, last) = change.op.row().range();
            let named: Vec<RecordId> = self.rows.range(first..=last).map(|(id, _)| *id).collect();
            assert!(named.len() <= 1, "a prefix names two rows");
            match change.op {
                Op::Upsert(r) => drop(self.rows.insert(r.id, *r)),
                // A delta may be entered half-way, where the row is gone already or was never sent.
                Op::Delete { .. } => drop(named.first().and_then(|id| self.rows.remove(id))),
                Op::Patch(p) => p.apply(self.rows.get_mut(&named[0]).unwrap()).unwrap(),
            }
        }
        count
    }

    pub(crate) fn step(&mut self, hub: &Hub, manifest: &Manifest, delta: &Delta) -> usize {
        assert!(delta.from <= self.watermark && self.watermark < delta.to);
        self.watermark = delta.to;
        self.apply(hub, manifest, &delta.segments)
    }

    /// The state must be what the manifest says.
    pub(crate) fn check(&self, manifest: &Manifest) {
        assert_eq!(self.digest(), (manifest.rows, manifest.digest));
    }

    pub(crate) fn digest(&self) -> (u64, beatcheck_wire::Hash32) {
        let mut digest = RowDigest::default();
        self.rows.values().for_each(|r| digest.add(&canonical(r).unwrap()));
        (self.rows.len() as u64, digest.finish())
    }
}
