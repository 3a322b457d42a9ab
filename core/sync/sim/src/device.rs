//! A model device: what survives a restart, and what it does on instruction.

use crate::hub::Hub;
use beatcheck_model::RecordId;
use beatcheck_sync::{ApplyFault, Event, Held, HeldCompartment, Route, RouteKind};
use beatcheck_wire::batch::{Change, Op};
use beatcheck_wire::digest::{RowDigest, canonical};
use beatcheck_wire::{CompartmentId, Grant, GrantBundle, Hash32, Manifest, WireError, segment};
use std::collections::BTreeMap;

/// A compartment's rows, in their canonical bytes.
#[derive(Clone, Default)]
pub struct Store {
    pub rows: BTreeMap<RecordId, Vec<u8>>,
    pub digest: RowDigest,
    pub manifest_version: u64,
    pub manifest_hash: Hash32,
    pub watermark: u64,
    /// Its content was damaged at rest by the simulation, and nobody has noticed yet.
    pub rotten: bool,
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

    /// Alters a stored row.
    pub fn rot(&mut self, nth: usize) {
        if let Some(id) = self.rows.keys().nth(nth).copied() {
            let mut row = self.rows[&id].clone();
            let end = row.len() - 1;
            row[end] ^= 1;
            self.put(id, Some(row));
            self.rotten = true;
        }
    }
}

/// The device: all of it survives a restart.
#[derive(Default)]
pub struct Device {
    pub head_version: u64,
    pub head_hash: Option<Hash32>,
    pub set_hash: Hash32,
    pub grant: Option<Grant>,
    pub policy_version: u64,
    keys: BTreeMap<(CompartmentId, u32), [u8; 32]>,
    pub stores: BTreeMap<CompartmentId, Store>,
    pub staged: BTreeMap<Hash32, BTreeMap<u16, Vec<u8>>>,
}

impl Device {
    /// What a machine is told when a sync begins.
    pub fn held(&self, hub: &Hub) -> Held {
        let compartments = self.stores.iter().map(|(id, s)| {
            let held = HeldCompartment {
                manifest_version: s.manifest_version,
                manifest_hash: s.manifest_hash,
                watermark: s.watermark,
                digest: s.digest.finish(),
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
            compartments: compartments.collect(),
        }
    }

    /// Puts a grant in force; what it no longer names is withdrawn first.
    pub fn adopt(&mut self, grant: Grant, policy_version: u64, bundle: &GrantBundle) {
        let keeps = |id: &CompartmentId| grant.compartments.iter().any(|c| c.id == *id);
        self.stores.retain(|id, _| keeps(id));
        self.keys = bundle.keys.iter().map(|k| ((k.compartment, k.epoch), k.key)).collect();
        self.policy_version = policy_version;
        self.grant = Some(grant);
    }

    /// Which frames are staged.
    pub fn inspect(&self, segments: &[(Hash32, u16)]) -> Event {
        let staged = segments.iter().map(|(hash, frames)| {
            let have = self.staged.get(hash);
            (*hash, (0..*frames).map(|i| have.is_some_and(|h| h.contains_key(&i))).collect())
        });
        Event::Staged(staged.collect())
    }

    /// Brings a compartment to its manifest's state, or leaves it as it was.
    pub fn apply(&mut self, m: &Manifest, hash: Hash32, route: &Route) -> Event {
        match self.try_apply(m, hash, route) {
            Ok(store) => {
                self.stores.insert(m.compartment, store);
                route.segments.iter().for_each(|s| drop(self.staged.remove(&s.hash)));
                Event::Applied(m.compartment)
            }
            Err(why) => Event::ApplyFailed { compartment: m.compartment, why },
        }
    }

    fn try_apply(&self, m: &Manifest, hash: Hash32, route: &Route) -> Result<Store, ApplyFault> {
        let mut store = match (route.kind, self.stores.get(&m.compartment)) {
            (RouteKind::Snapshot, _) => Store::default(),
            (_, Some(s)) if s.watermark >= route.from => s.clone(),
            _ => return Err(ApplyFault::Digest),
        };
        for s in &route.segments {
            let damaged = |_: WireError| ApplyFault::Segment(s.hash);
            let frames = self.staged.get(&s.hash).ok_or(ApplyFault::Segment(s.hash))?;
            if frames.len() != usize::from(s.frames) {
                return Err(ApplyFault::Segment(s.hash));
            }
            let bytes: Vec<u8> = frames.values().flatten().copied().collect();
            let key = self.keys.get(&(m.compartment, s.key_epoch)).expect("every epoch's key came with the grant");
            for Change { op, .. } in segment::open(&bytes, &s.hash, key).map_err(damaged)? {
                match op {
                    Op::Upsert(r) => store.put(r.id, Some(canonical(&r).map_err(damaged)?)),
                    Op::Delete { id, .. } => store.put(id, None),
                }
            }
        }
        if store.digest.finish() != m.digest || store.rows.len() as u64 != m.rows {
            return Err(ApplyFault::Digest);
        }
        store.rotten = false;
        (store.manifest_version, store.manifest_hash, store.watermark) = (m.manifest_version, hash, m.watermark);
        Ok(store)
    }
}
