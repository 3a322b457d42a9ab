//! A model device: what survives a restart, and what it does on instruction.

mod apply;
mod read;
mod repair;

pub(crate) use read::LEASE_S;

use crate::hub::Hub;
use crate::rng::Rng;
use beatcheck_model::{RecordId, Timestamp};
use beatcheck_sync::{Event, Held, HeldCompartment};
use beatcheck_wire::digest::RowDigest;
use beatcheck_wire::mark_index::MarkIndex;
use beatcheck_wire::{CompartmentId, Grant, GrantBundle, Hash32, SegmentRef};
use std::collections::{BTreeMap, BTreeSet};

/// A compartment's rows, in their canonical bytes.
#[derive(Clone, Default)]
pub(crate) struct Store {
    pub(crate) rows: BTreeMap<RecordId, Vec<u8>>,
    /// Digest as it is carried from change to change.
    digest: RowDigest,
    /// Digest of the last manifest that was applied.
    pub(crate) checkpoint: Hash32,
    pub(crate) manifest_version: u64,
    pub(crate) manifest_hash: Hash32,
    pub(crate) watermark: u64,
    /// A scrub has found it to be damaged.
    pub(crate) suspect: bool,
    /// The simulation damaged its rows at rest; the device does not know.
    pub(crate) rotten: bool,
}

impl Store {
    fn put(&mut self, id: RecordId, row: Option<Vec<u8>>) {
        if let Some(row) = &row {
            self.digest.add(row);
        }
        let old = match row {
            Some(row) => self.rows.insert(id, row),
            None => self.rows.remove(&id),
        };
        if let Some(old) = old {
            self.digest.remove(&old);
        }
    }

    /// Damages it at rest: a row is altered or lost, or all are, or the digest that is carried along.
    pub(crate) fn rot(&mut self, rng: &mut Rng) {
        if rng.chance(200) {
            self.digest.add(b"rot");
            return;
        }
        let all = rng.chance(300);
        let ids: Vec<RecordId> = self.rows.keys().copied().collect();
        let one = rng.below(ids.len() as u64 + 1) as usize;
        for id in ids.into_iter().enumerate().filter(|(n, _)| all || *n == one).map(|(_, id)| id) {
            self.rotten = true;
            match self.rows.get_mut(&id) {
                Some(row) if !rng.chance(300) => {
                    let end = row.len() - 1;
                    row[end] ^= 1;
                }
                _ => drop(self.rows.remove(&id)),
            }
        }
    }
}

/// A dictionary that is kept, in its ciphertext.
struct Dictionary {
    of: CompartmentId,
    epoch: u32,
    bytes: Vec<u8>,
}

/// A mark index in use.
pub(crate) struct Index {
    pub(crate) marks: MarkIndex,
    /// Its first segment, by which the simulation knows what must be in it.
    pub(crate) first: Hash32,
}

/// The device: all of it survives a restart.
#[derive(Default)]
pub(crate) struct Device {
    pub(crate) head_version: u64,
    pub(crate) head_hash: Option<Hash32>,
    pub(crate) set_hash: Hash32,
    pub(crate) grant: Option<Grant>,
    pub(crate) policy_version: u64,
    /// When the hub was last heard of.
    pub(crate) contact: Option<Timestamp>,
    keys: BTreeMap<(CompartmentId, u32), [u8; 32]>,
    /// What a thief who held it all the time would have: no key is ever forgotten here.
    pub(crate) keys_ever: BTreeMap<(CompartmentId, u32), [u8; 32]>,
    pub(crate) stores: BTreeMap<CompartmentId, Store>,
    pub(crate) indexes: BTreeMap<CompartmentId, Index>,
    dictionaries: BTreeMap<Hash32, Dictionary>,
    pub(crate) staged: BTreeMap<Hash32, BTreeMap<u16, Vec<u8>>>,
    /// For which compartment a segment was asked about.
    staged_for: BTreeMap<Hash32, CompartmentId>,
}

impl Device {
    /// What a machine is told when a sync begins.
    pub(crate) fn held(&self, hub: &Hub) -> Held {
        let compartments = self.stores.iter().map(|(id, s)| {
            let held = HeldCompartment {
                manifest_version: s.manifest_version,
                manifest_hash: s.manifest_hash,
                watermark: s.watermark,
                digest: s.checkpoint,
                suspect: s.suspect,
            };
            (*id, held)
        });
        Held {
            device: hub.device,
            head_version: self.head_version,
            head_hash: self.head_hash,
            set_hash: self.set_hash,
            grant: self.grant.clone(),
            policy_version: self.policy_version,
            policy_issued: Timestamp::default(),
            control_only: false,
            grant_owed: false,
            compartments: compartments.collect(),
            dictionaries: self.dictionaries.keys().copied().collect(),
            indexed: self.indexes.keys().copied().collect(),
            ..Held::default()
        }
    }

    /// Puts a grant in force; what it no longer names is withdrawn first.
    pub(crate) fn adopt(&mut self, grant: Grant, policy_version: u64, bundle: &GrantBundle) {
        let kept: BTreeSet<CompartmentId> = grant.compartments.iter().map(|c| c.id).collect();
        self.stores.retain(|id, _| kept.contains(id));
        self.indexes.retain(|id, _| kept.contains(id));
        self.dictionaries.retain(|_, d| kept.contains(&d.of));
        let owners = &self.staged_for;
        self.staged.retain(|hash, _| owners.get(hash).is_some_and(|id| kept.contains(id)));
        self.keys = bundle.keys.iter().map(|k| ((k.compartment, k.epoch), k.key)).collect();
        self.keys_ever.extend(&self.keys);
        self.policy_version = policy_version;
        self.grant = Some(grant);
    }

    /// Which frames are staged.
    pub(crate) fn inspect(&mut self, id: CompartmentId, segments: &[(Hash32, u16)]) -> Event {
        let mut out = Vec::new();
        for (hash, frames) in segments {
            self.staged_for.insert(*hash, id);
            let have = self.staged.get(hash);
            out.push((*hash, (0..*frames).map(|i| have.is_some_and(|h| h.contains_key(&i))).collect()));
        }
        Event::Staged(id, out)
    }

    /// Forgets a segment, staged or kept.
    pub(crate) fn drop_segment(&mut self, hash: &Hash32) {
        self.staged.remove(hash);
        self.dictionaries.remove(hash);
    }

    /// Keeps a dictionary whose frames are staged.
    pub(crate) fn keep_dictionary(&mut self, of: CompartmentId, segment: &SegmentRef) {
        let frames = self.staged.remove(&segment.hash).expect("a dictionary is kept when it is staged");
        assert_eq!(frames.len(), usize::from(segment.frames), "a dictionary is kept when all of it is staged");
        let bytes = frames.into_values().flatten().collect();
        self.dictionaries.insert(segment.hash, Dictionary { of, epoch: segment.key_epoch, bytes });
    }
}
