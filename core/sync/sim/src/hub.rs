//! A model hub: real signed documents and real segments, kept in maps.

use crate::rng::Rng;
use beatcheck_model::{Body, Person, Record, RecordId, RecordKind, Timestamp, Vehicle};
use beatcheck_sync::Trust;
use beatcheck_wire::batch::{Change, Op};
use beatcheck_wire::digest::{RowDigest, canonical};
use beatcheck_wire::envelope::{DocKind, SigningKey};
use beatcheck_wire::policy::Policy;
use beatcheck_wire::{
    CompartmentId, CompartmentKey, Delta, DeviceId, Grant, GrantBundle, GrantedCompartment, Hash32, Head, Manifest,
    ManifestSet, RECORD_SCHEMA, SegmentRef, Snapshot, segment,
};
use std::collections::{BTreeMap, BTreeSet};

/// When every simulation begins.
pub const START: Timestamp = Timestamp(1_700_000_000_000);
/// Deltas listed in one manifest, at most.
const MAX_DELTAS: usize = 5;

/// A compartment as the hub knows it.
pub struct Source {
    pub id: CompartmentId,
    kind: RecordKind,
    warnings: bool,
    /// Keys by epoch; the last one is in use.
    pub keys: Vec<[u8; 32]>,
    /// Current rows.
    pub rows: BTreeMap<RecordId, Record>,
    /// Last change of every record that ever was: sequence, and the tombstone if it is gone.
    touched: BTreeMap<RecordId, (u64, Option<u32>)>,
    /// Published form and its hash.
    pub manifest: Option<(Manifest, Hash32)>,
}

/// The hub.
pub struct Hub {
    publish: SigningKey,
    grant: SigningKey,
    policy: SigningKey,
    pub device: DeviceId,
    pub sources: Vec<Source>,
    pub granted: BTreeSet<CompartmentId>,
    pub grant_version: u64,
    policy_version: u64,
    seq: u64,
    clock_s: i64,
    /// Everything ever published, by hash.
    pub sets: BTreeMap<Hash32, ManifestSet>,
    pub documents: BTreeMap<Hash32, Vec<u8>>,
    pub segments: BTreeMap<Hash32, (CompartmentId, Vec<u8>)>,
    /// Manifests ever published, in order, with their hashes.
    pub manifests: Vec<(Manifest, Hash32)>,
    /// Heads ever signed; the last one is current.
    pub heads: Vec<(Head, Vec<u8>)>,
    /// Grants ever given; the last one is current.
    pub grants: Vec<GrantBundle>,
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32]).unwrap()
}

impl Hub {
    /// A hub with some compartments, published once.
    pub fn new(rng: &mut Rng) -> Self {
        let mut hub = Self {
            publish: key(1),
            grant: key(2),
            policy: key(3),
            device: CompartmentId([0xDE; 16]),
            sources: Vec::new(),
            granted: BTreeSet::new(),
            grant_version: 0,
            policy_version: 1,
            seq: 0,
            clock_s: 0,
            sets: BTreeMap::new(),
            documents: BTreeMap::new(),
            segments: BTreeMap::new(),
            manifests: Vec::new(),
            heads: Vec::new(),
            grants: Vec::new(),
        };
        for n in 0..2 + rng.below(3) {
            let id = CompartmentId(rng.bytes());
            hub.sources.push(Source {
                id,
                kind: if n % 2 == 0 { RecordKind::Vehicle } else { RecordKind::Person },
                warnings: rng.chance(300),
                keys: vec![rng.bytes()],
                rows: BTreeMap::new(),
                touched: BTreeMap::new(),
                manifest: None,
            });
            hub.granted.insert(id);
            // One compartment in four begins empty.
            if !rng.chance(250) {
                let rows = 1 + rng.below(90);
                hub.change(n as usize, rows, rng);
            }
        }
        hub.issue();
        hub.publish(rng);
        hub
    }

    /// What the device trusts.
    pub fn trust(&self) -> Trust {
        Trust { publish: self.publish.verify_key(), grant: self.grant.verify_key(), policy: self.policy.verify_key() }
    }

    /// The time by the hub's clock, which rises with everything it does.
    pub const fn now(&self) -> Timestamp {
        START.plus_secs(self.clock_s)
    }

    /// Changes `n` records of a compartment: new ones, new versions, deletions.
    pub fn change(&mut self, source: usize, n: u64, rng: &mut Rng) {
        let s = &mut self.sources[source];
        for _ in 0..n {
            self.seq += 1;
            let known = s.rows.keys().nth(rng.below(s.rows.len() as u64 + 3) as usize).copied();
            let id = known.unwrap_or_else(|| RecordId(rng.bytes()));
            if known.is_some() && rng.chance(300) {
                let version = s.rows.remove(&id).map_or(1, |r| r.version + 1);
                s.touched.insert(id, (self.seq, Some(version)));
                continue;
            }
            let version = s.rows.get(&id).map_or(1, |r| r.version + 1);
            // Text that does not compress, so that few rows make many frames.
            let text: String = (0..rng.below(60)).map(|_| format!("{:016x}", rng.bits())).collect();
            let body = match s.kind {
                RecordKind::Vehicle => {
                    Body::Vehicle(Vehicle { vrm: Some(format!("AB{}", self.seq)), vin: text, ..Vehicle::default() })
                }
                _ => Body::Person(Person { summary: text, ..Person::default() }),
            };
            let record = Record {
                id,
                version,
                source_key: format!("k{}", self.seq),
                created: None,
                updated: None,
                review: None,
                expires: None,
                handling: String::new(),
                flags: Vec::new(),
                body,
            };
            s.rows.insert(id, record);
            s.touched.insert(id, (self.seq, None));
        }
    }

    /// Takes a compartment from the device, or gives it back; keys rotate.
    pub fn regrant(&mut self, rng: &mut Rng) {
        let n = rng.below(self.sources.len() as u64) as usize;
        let s = &mut self.sources[n];
        if self.granted.remove(&s.id) {
            s.keys.push(rng.bytes());
        } else {
            self.granted.insert(s.id);
        }
        if rng.chance(300) {
            self.policy_version += 1;
        }
        self.issue();
    }

    fn issue(&mut self) {
        self.grant_version += 1;
        self.clock_s += 1;
        let held: Vec<&Source> = self.sources.iter().filter(|s| self.granted.contains(&s.id)).collect();
        let compartments = held.iter().map(|s| GrantedCompartment {
            id: s.id,
            name: s.id.to_string(),
            source: "model".into(),
            kind: s.kind,
            warnings: s.warnings,
            epochs: s.keys.iter().zip(1..).map(|(k, e)| (e, Hash32::of(k))).collect(),
        });
        let grant = Grant {
            grant_version: self.grant_version,
            device: self.device,
            officer: "officer-1".into(),
            role: "patrol".into(),
            issued: self.now(),
            policy_version: self.policy_version,
            compartments: compartments.collect(),
            wipe: false,
        };
        let keys = held.iter().flat_map(|s| {
            s.keys.iter().zip(1..).map(|(k, epoch)| CompartmentKey { compartment: s.id, epoch, key: *k })
        });
        let policy = Policy { policy_version: self.policy_version, ..Policy::initial(START) };
        let bundle = GrantBundle {
            grant: self.grant.sign(DocKind::Grant, &grant).unwrap(),
            keys: keys.collect(),
            policy: self.policy.sign_bytes(DocKind::Policy, &policy.to_canonical().unwrap()),
        };
        self.grants.push(bundle);
    }

    /// Publishes what changed, and signs a head.
    pub fn publish(&mut self, rng: &mut Rng) {
        self.clock_s += 60;
        let now = self.now();
        for n in 0..self.sources.len() {
            self.publish_one(n, rng);
        }
        let mut set = ManifestSet {
            manifests: self.sources.iter().filter_map(|s| Some((s.id, s.manifest.as_ref()?.1))).collect(),
        };
        set.manifests.sort_unstable();
        let bytes = self.publish.sign(DocKind::ManifestSet, &set).unwrap();
        let set_hash = Hash32::of(&bytes);
        self.documents.insert(set_hash, bytes);
        self.sets.insert(set_hash, set);
        let head = Head {
            head_version: self.heads.len() as u64 + 1,
            issued: now,
            expires: now.plus_secs(24 * 3600),
            set_hash,
            ask_again_s: 300,
        };
        let bytes = self.publish.sign(DocKind::Head, &head).unwrap();
        self.heads.push((head, bytes));
    }

    fn publish_one(&mut self, n: usize, rng: &mut Rng) {
        let s = &self.sources[n];
        let mut digest = RowDigest::default();
        s.rows.values().for_each(|r| digest.add(&canonical(r).unwrap()));
        let watermark = s.touched.values().map(|t| t.0).max().unwrap_or(0);
        let before = s.manifest.clone();
        let old_mark = before.as_ref().map(|(m, _)| m.watermark);
        // A newer extract without a change still makes a manifest: the route is then a touch.
        if old_mark == Some(watermark) && !rng.chance(300) {
            return;
        }
        let (mut snapshot, mut deltas) =
            before.as_ref().map_or_else(Default::default, |(m, _)| (m.snapshot.clone(), m.deltas.clone()));
        if let Some(from) = old_mark.filter(|m| *m < watermark) {
            deltas.push(Delta { from, to: watermark, segments: self.cut(n, Some(from), rng) });
        }
        if old_mark.is_none() || deltas.len() > MAX_DELTAS || rng.chance(150) {
            snapshot = Snapshot { watermark, segments: self.cut(n, None, rng) };
            let keep = rng.below(deltas.len() as u64 + 1) as usize;
            deltas.drain(..deltas.len() - keep);
        }
        let s = &mut self.sources[n];
        let manifest = Manifest {
            compartment: s.id,
            manifest_version: before.as_ref().map_or(1, |(m, _)| m.manifest_version + 1),
            previous: before.map(|(_, h)| h).unwrap_or_default(),
            key_epoch: s.keys.len() as u32,
            schema: RECORD_SCHEMA,
            source: "model".into(),
            kind: s.kind,
            as_of: START.plus_secs(self.clock_s),
            due_by: None,
            last_refused: false,
            warnings: s.warnings,
            watermark,
            rows: s.rows.len() as u64,
            unsearchable: 0,
            digest: digest.finish(),
            snapshot,
            deltas,
        };
        manifest.validate().expect("the hub publishes what it would accept");
        let bytes = self.publish.sign(DocKind::Manifest, &manifest).unwrap();
        let hash = Hash32::of(&bytes);
        self.documents.insert(hash, bytes);
        self.manifests.push((manifest.clone(), hash));
        s.manifest = Some((manifest, hash));
    }

    /// Segments with all rows, or with what changed after a watermark.
    fn cut(&mut self, n: usize, after: Option<u64>, rng: &mut Rng) -> Vec<SegmentRef> {
        let s = &self.sources[n];
        let mut changes: Vec<Change> = Vec::new();
        for (id, (seq, gone)) in &s.touched {
            let op = match (gone, after) {
                (None, _) => Op::Upsert(Box::new(s.rows[id].clone())),
                (Some(version), Some(_)) => Op::Delete { id: *id, version: *version, at: START },
                (Some(_), None) => continue,
            };
            if after.is_none_or(|a| *seq > a) {
                changes.push(Change { seq: *seq, op });
            }
        }
        changes.sort_by_key(|c| c.seq);
        let (kind, id, epoch) = (s.kind, s.id, s.keys.len() as u32);
        let key = s.keys[s.keys.len() - 1];
        let mut out = Vec::new();
        // Several segments even for few rows.
        for part in changes.chunks(3 + rng.below(30) as usize) {
            for sealed in segment::seal(kind, part, &key, &mut || rng.bytes()).unwrap() {
                out.push(SegmentRef {
                    hash: sealed.hash,
                    bytes: sealed.bytes.len() as u32,
                    frames: sealed.frames,
                    rows: sealed.rows,
                    key_epoch: epoch,
                });
                self.segments.insert(sealed.hash, (id, sealed.bytes));
            }
        }
        out
    }

    /// The current head, its time over.
    pub fn expired_head(&self) -> Vec<u8> {
        let (head, _) = &self.heads[self.heads.len() - 1];
        self.publish.sign(DocKind::Head, &Head { expires: self.now(), ..head.clone() }).unwrap()
    }

    /// A head with a higher version, not signed by the hub.
    pub fn forged_head(&self) -> Vec<u8> {
        let (head, _) = &self.heads[self.heads.len() - 1];
        key(9).sign(DocKind::Head, &Head { head_version: u64::MAX, ..head.clone() }).unwrap()
    }
}
