//! Routes and mark indexes applied: all of one, or nothing.

use super::{Device, Index, Store};
use crate::hub::SOURCE;
use beatcheck_model::RecordId;
use beatcheck_sync::{ApplyFault, Event, Route, RouteKind, SyncFault};
use beatcheck_wire::batch::{Change, Context, Op};
use beatcheck_wire::digest::{canonical, from_canonical};
use beatcheck_wire::mark_index::MarkIndex;
use beatcheck_wire::patch::RowRef;
use beatcheck_wire::segment::{self, Content, OpenAs};
use beatcheck_wire::{CompartmentId, Hash32, Manifest, SegmentRef, WireError};

impl Store {
    /// The one row that a reference names.
    fn named(&self, row: &RowRef) -> Option<RecordId> {
        let (first, last) = row.range();
        let mut found = self.rows.range(first..=last).map(|(id, _)| *id);
        let one = found.next();
        if found.next().is_some() { None } else { one }
    }

    fn take(&mut self, op: Op, hash: Hash32) -> Result<(), ApplyFault> {
        let damaged = |_: WireError| ApplyFault::Segment(hash);
        match op {
            Op::Upsert(r) => self.put(r.id, Some(canonical(&r).map_err(damaged)?)),
            Op::Patch(p) => {
                // A row that is not there, or cannot be read: what is stored is not what it should be.
                let id = self.named(&p.row).ok_or(ApplyFault::Digest)?;
                let mut held = from_canonical(&self.rows[&id]).map_err(|_| ApplyFault::Digest)?;
                p.apply(&mut held).map_err(|_| ApplyFault::Digest)?;
                self.put(id, Some(canonical(&held).map_err(damaged)?));
            }
            Op::Delete { row, .. } => {
                if let Some(id) = self.named(&row) {
                    self.put(id, None);
                }
            }
        }
        Ok(())
    }
}

impl Device {
    /// Brings a compartment to its manifest's state, or leaves it as it was.
    pub(crate) fn apply(&mut self, m: &Manifest, hash: Hash32, route: &Route) -> Event {
        match self.try_apply(m, hash, route) {
            Ok(store) => {
                self.stores.insert(m.compartment, store);
                // Rows answer now.
                self.indexes.remove(&m.compartment);
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
        let dictionary = match m.dictionary {
            Some(d) if !route.segments.is_empty() => {
                let kept =
                    self.dictionaries.get(&d.hash).expect("a dictionary is kept before anything is applied with it");
                let key = self.key(&m.compartment, kept.epoch)?;
                let opened = segment::open_bytes(Content::Dictionary, &kept.bytes, &d.hash, key);
                Some(opened.map_err(|_| ApplyFault::Segment(d.hash))?)
            }
            _ => None,
        };
        let context = Context { kind: m.kind, source: SOURCE };
        for s in &route.segments {
            let bytes = self.whole(s)?;
            let key = self.key(&m.compartment, s.key_epoch)?;
            let how = OpenAs { context, dictionary: dictionary.as_deref(), key };
            for Change { op, .. } in segment::open(&bytes, &s.hash, &how).map_err(|_| ApplyFault::Segment(s.hash))? {
                store.take(op, s.hash)?;
            }
        }
        if store.digest.finish() != m.digest || store.rows.len() as u64 != m.rows {
            return Err(ApplyFault::Digest);
        }
        (store.manifest_version, store.manifest_hash, store.watermark) = (m.manifest_version, hash, m.watermark);
        store.checkpoint = m.digest;
        Ok(store)
    }

    /// Puts a mark index in use.
    pub(crate) fn apply_index(&mut self, m: &Manifest, segments: &[SegmentRef]) -> Event {
        let compartment = m.compartment;
        match self.read_index(&compartment, segments) {
            Ok(marks) => {
                self.indexes.insert(compartment, Index { marks, first: segments[0].hash });
                segments.iter().for_each(|s| drop(self.staged.remove(&s.hash)));
                Event::Indexed(compartment)
            }
            Err(why) => Event::ApplyFailed { compartment, why },
        }
    }

    fn read_index(&self, id: &CompartmentId, segments: &[SegmentRef]) -> Result<MarkIndex, ApplyFault> {
        let mut bytes = Vec::new();
        for s in segments {
            let part = segment::open_bytes(Content::MarkIndex, &self.whole(s)?, &s.hash, self.key(id, s.key_epoch)?);
            bytes.extend(part.map_err(|_| ApplyFault::Segment(s.hash))?);
        }
        MarkIndex::decode(&bytes).map_err(|_| ApplyFault::Segment(segments[0].hash))
    }

    /// A segment's bytes, all of whose frames are staged.
    fn whole(&self, s: &SegmentRef) -> Result<Vec<u8>, ApplyFault> {
        let frames = self.staged.get(&s.hash).expect("what is applied is staged");
        assert_eq!(frames.len(), usize::from(s.frames), "what is applied is staged whole");
        Ok(frames.values().flatten().copied().collect())
    }

    pub(super) fn key(&self, id: &CompartmentId, epoch: u32) -> Result<&[u8; 32], ApplyFault> {
        // The hub may have gone on to another epoch since the grant.
        self.keys.get(&(*id, epoch)).ok_or(ApplyFault::Other(SyncFault::KeyMissing(*id)))
    }
}
