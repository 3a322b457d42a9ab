//! A model hub: real signed documents and real segments, kept in maps, and the truth that they stand for.

mod cut;
mod forged;
mod publish;

pub(crate) use cut::mark;

use crate::rng::Rng;
use beatcheck_model::{Body, Person, Record, RecordId, RecordKind, Timestamp, Vehicle};
use beatcheck_sync::Trust;
use beatcheck_wire::digest::{RowDigest, canonical};
use beatcheck_wire::envelope::{DocKind, SigningKey};
use beatcheck_wire::policy::Policy;
use beatcheck_wire::ranges::{RangeSums, RowsAnswer, RowsRequest, SumsAnswer, SumsRequest, range_of};
use beatcheck_wire::{
    CatalogueRef, CompartmentId, CompartmentKey, Delta, DeviceId, Grant, GrantBundle, GrantedCompartment, Hash32, Head,
    Manifest, ManifestSet, SegmentRef, Snapshot, record_id,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

/// When every simulation begins.
pub(crate) const START: Timestamp = Timestamp(1_700_000_000_000);
/// Source of all compartments, from which ids are derived.
pub(crate) const SOURCE: &str = "model";
/// States, counted from the newest, whose sums and rows the hub can still give.
const MENDABLE: usize = 6;

/// A row as it is published.
pub(crate) struct Row {
    pub(crate) record: Record,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) type Rows = BTreeMap<RecordId, Rc<Row>>;

/// What a segment was cut for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Snapshot,
    Delta,
    Dictionary,
    Index,
}

/// A segment in the hub's store.
pub(crate) struct Segment {
    pub(crate) of: CompartmentId,
    pub(crate) epoch: u32,
    pub(crate) what: What,
    pub(crate) bytes: Vec<u8>,
}

/// A compartment as the hub knows it.
pub(crate) struct Source {
    pub(crate) id: CompartmentId,
    pub(crate) kind: RecordKind,
    warnings: bool,
    /// Keys by epoch, from 1; the last one is in use.
    keys: Vec<[u8; 32]>,
    /// Whether its rows are long, so that few of them make many frames.
    fat: bool,
    pub(crate) rows: Rows,
    digest: RowDigest,
    /// Every change: sequence, record, and what it is now.
    log: Vec<(u64, RecordId, Option<Rc<Row>>)>,
    /// Rows at every watermark ever published.
    pub(crate) truths: BTreeMap<u64, Rows>,
    dictionary: Option<(Vec<u8>, SegmentRef)>,
    snapshot: Snapshot,
    index: Vec<SegmentRef>,
    recent: Vec<Delta>,
    older: Vec<Delta>,
    /// Segments that each of the last manifests named.
    named: VecDeque<BTreeSet<Hash32>>,
    /// Published form and its hash.
    pub(crate) manifest: Option<(Manifest, Hash32)>,
    catalogue: CatalogueRef,
}

/// The hub.
pub(crate) struct Hub {
    publish: SigningKey,
    grant: SigningKey,
    policy: SigningKey,
    pub(crate) device: DeviceId,
    pub(crate) sources: Vec<Source>,
    pub(crate) granted: BTreeSet<CompartmentId>,
    pub(crate) grant_version: u64,
    policy_version: u64,
    seq: u64,
    clock_s: i64,
    /// Whether it forgets what nothing current names.
    collects: bool,
    /// Sets, manifests and catalogues that can be asked for.
    pub(crate) documents: BTreeMap<Hash32, Vec<u8>>,
    pub(crate) segments: BTreeMap<Hash32, Segment>,
    /// Every set and manifest ever published.
    pub(crate) sets: BTreeMap<Hash32, ManifestSet>,
    pub(crate) manifests: BTreeMap<Hash32, Manifest>,
    /// Marks in every index ever published, by its first segment.
    pub(crate) indexes: BTreeMap<Hash32, BTreeSet<String>>,
    /// Heads ever signed; the last one is current.
    pub(crate) heads: Vec<(Head, Vec<u8>)>,
    /// Grants ever given, and what they name; the last one is current.
    pub(crate) grants: Vec<(GrantBundle, BTreeSet<CompartmentId>)>,
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32]).unwrap()
}

impl Hub {
    /// A hub with some compartments, published once.
    pub(crate) fn new(rng: &mut Rng) -> Self {
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
            collects: rng.chance(700),
            documents: BTreeMap::new(),
            segments: BTreeMap::new(),
            sets: BTreeMap::new(),
            manifests: BTreeMap::new(),
            indexes: BTreeMap::new(),
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
                fat: rng.chance(150),
                rows: Rows::new(),
                digest: RowDigest::default(),
                log: Vec::new(),
                truths: BTreeMap::new(),
                dictionary: None,
                snapshot: Snapshot::default(),
                index: Vec::new(),
                recent: Vec::new(),
                older: Vec::new(),
                named: VecDeque::new(),
                manifest: None,
                catalogue: CatalogueRef::default(),
            });
            hub.granted.insert(id);
            // One compartment in four begins empty.
            if !rng.chance(250) {
                let rows = 1 + rng.below(60);
                hub.change(n as usize, rows, rng);
            }
        }
        hub.issue();
        hub.publish(rng);
        hub
    }

    /// What the device trusts.
    pub(crate) fn trust(&self) -> Trust {
        Trust {
            root_version: 1,
            root: key(4).verify_key(),
            publish: self.publish.verify_key(),
            grant: self.grant.verify_key(),
            policy: self.policy.verify_key(),
            wipe: vec![key(5).verify_key()],
        }
    }

    /// The time by the hub's clock, which rises with everything it does.
    pub(crate) const fn now(&self) -> Timestamp {
        START.plus_secs(self.clock_s)
    }

    /// Time passes.
    pub(crate) const fn pass(&mut self, s: i64) {
        self.clock_s += s;
    }

    pub(crate) fn source(&self, id: &CompartmentId) -> &Source {
        self.sources.iter().find(|s| s.id == *id).expect("a compartment of this hub")
    }

    /// Changes `n` records of a compartment: new ones, changed fields, deletions.
    pub(crate) fn change(&mut self, source: usize, n: u64, rng: &mut Rng) {
        let now = self.now();
        // Before anything is published all are new: else changes would meet each other, and a compartment stay tiny.
        let first = self.heads.is_empty();
        let s = &mut self.sources[source];
        for _ in 0..n {
            self.seq += 1;
            let known = s.rows.keys().nth(rng.below(s.rows.len() as u64 + 3) as usize).copied().filter(|_| !first);
            let old = known.and_then(|id| s.rows.get(&id).cloned());
            let new = match &old {
                Some(_) if rng.chance(250) => None,
                Some(row) => Some(altered(&row.record, now, rng)),
                None => Some(s.invented(self.seq, now, rng)),
            };
            let Some(id) = new.as_ref().map(|r| r.id).or(known) else { continue };
            if let Some(old) = s.rows.remove(&id) {
                s.digest.remove(&old.bytes);
            }
            let row = new.map(|record| Rc::new(Row { bytes: canonical(&record).unwrap(), record }));
            if let Some(row) = &row {
                s.digest.add(&row.bytes);
                s.rows.insert(id, Rc::clone(row));
            }
            s.log.push((self.seq, id, row));
        }
    }

    /// Takes a compartment from the device, or gives it back; keys rotate.
    pub(crate) fn regrant(&mut self, rng: &mut Rng) {
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
            source: SOURCE.into(),
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
            purges: Vec::new(),
            suspended: false,
        };
        let keys = held.iter().flat_map(|s| {
            s.keys.iter().zip(1..).map(|(k, epoch)| CompartmentKey { compartment: s.id, epoch, key: *k })
        });
        let policy = Policy { policy_version: self.policy_version, ..Policy::initial(START) };
        let bundle = GrantBundle {
            grant: self.grant.sign(DocKind::Grant, &grant).unwrap(),
            keys: keys.collect(),
            policy: self.policy.sign_bytes(DocKind::Policy, &policy.to_canonical().unwrap()),
            wipe_orders: Vec::new(),
        };
        self.grants.push((bundle, self.granted.clone()));
    }

    /// The rows of a state that the hub can still take apart.
    fn mendable(&self, id: &CompartmentId, watermark: u64) -> Option<&Rows> {
        self.source(id).truths.iter().rev().take(MENDABLE).find(|(w, _)| **w == watermark).map(|(_, rows)| rows)
    }

    /// Sums of a state, if it is not too old.
    pub(crate) fn sums(&self, ask: &SumsRequest) -> Option<SumsAnswer> {
        let mut sums = RangeSums::default();
        self.mendable(&ask.compartment, ask.watermark)?.iter().for_each(|(id, r)| sums.add(id, &r.bytes));
        Some(SumsAnswer { sums: ask.first.map_or_else(|| sums.over_all(), |b| sums.below(b)) })
    }

    /// Rows of a state, if it is not too old.
    pub(crate) fn rows(&self, ask: &RowsRequest, rng: &mut Rng) -> Option<RowsAnswer> {
        let rows = self.mendable(&ask.compartment, ask.watermark)?;
        let wanted: Vec<&Rc<Row>> =
            rows.iter().filter(|(id, _)| ask.ranges.contains(&range_of(id))).map(|(_, r)| r).collect();
        let s = self.source(&ask.compartment);
        Some(RowsAnswer { key_epoch: s.keys.len() as u32, segments: s.seal_rows(&wanted, rng) })
    }
}

/// The last day on which a row may be shown: often none, sometimes yesterday, today or soon.
fn some_expiry(now: Timestamp, rng: &mut Rng) -> Option<beatcheck_model::PartialDate> {
    let day = i64::try_from(rng.below(5)).unwrap_or_default() - 1;
    rng.chance(250).then(|| now.plus_secs(day * 86_400).date())
}

/// Some fields of a record become others.
fn altered(old: &Record, now: Timestamp, rng: &mut Rng) -> Record {
    let mut new = Record { version: old.version + 1, ..old.clone() };
    if rng.chance(200) {
        new.expires = some_expiry(now, rng);
    }
    if rng.chance(200) {
        new.handling = format!("h{}", rng.below(4));
    }
    let text = format!("{:x}", rng.bits());
    match &mut new.body {
        Body::Vehicle(v) if rng.chance(500) => v.colour = text,
        Body::Vehicle(v) if rng.chance(500) => v.area = text,
        Body::Vehicle(v) => v.vrm = Some(text.to_uppercase().chars().take(7).collect()),
        Body::Person(p) if rng.chance(500) => p.height_band = text,
        Body::Person(p) => p.photo_ref = text,
        Body::Variant(_) => {}
    }
    new
}

impl Source {
    /// A record that was not there before.
    fn invented(&self, seq: u64, now: Timestamp, rng: &mut Rng) -> Record {
        // Text that does not compress, so that few rows make many frames.
        let words = if self.fat { rng.below(120) } else { rng.below(6) };
        let text: String = (0..words).map(|_| format!("{:016x}", rng.bits())).collect();
        let body = match self.kind {
            RecordKind::Vehicle => {
                let vrm = (!rng.chance(100)).then(|| format!("AB{seq}"));
                Body::Vehicle(Vehicle { vrm, vin: text, ..Vehicle::default() })
            }
            _ => Body::Person(Person { summary: text, ..Person::default() }),
        };
        let source_key = format!("k{seq}");
        let id = match rng.below(3) {
            0 => record_id(SOURCE, self.kind, &[&source_key], 0),
            1 => RecordId(rng.bytes()),
            // One that begins like another: four bytes of it do not name it.
            _ => {
                let mut id: [u8; 16] = rng.bytes();
                if let Some(other) = self.rows.keys().next() {
                    id[..6].copy_from_slice(&other.0[..6]);
                }
                RecordId(id)
            }
        };
        let expires = some_expiry(now, rng);
        Record {
            id,
            version: 1,
            source_key,
            created: None,
            updated: None,
            review: None,
            expires,
            handling: String::new(),
            flags: Vec::new(),
            body,
        }
    }
}
