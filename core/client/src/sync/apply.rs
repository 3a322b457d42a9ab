//! Bringing a compartment to its manifest's state: deltas in one transaction, a snapshot as a new generation.

use super::{CompartmentChange, Note, SyncProgress, Worker, store_fault};
use crate::ClientError;
use crate::device::{HeldMeta, doc, encode};
use crate::keyring;
use beatcheck_store::{Checkpoint, Compartment, StoreError};
use beatcheck_sync::{ApplyFault, Event, Route, RouteKind, SyncFault};
use beatcheck_wire::batch::{Change, Context};
use beatcheck_wire::segment::{self, OpenAs};
use beatcheck_wire::{Hash32, Manifest, SegmentRef, WireError};
use std::cell::Cell;
use std::sync::Arc;

/// What the machine sends as deltas, the store can take.
const _: () = assert!(beatcheck_sync::MAX_APPLY_ROWS <= beatcheck_store::APPLY_MAX as u64);

/// Opens staged segments one after the other: one segment's rows in memory at a time.
struct Rows<'a, 'b> {
    worker: &'a Worker<'b>,
    segments: std::slice::Iter<'a, SegmentRef>,
    context: Context<'a>,
    dictionary: Option<&'a [u8]>,
    epochs: &'a [(u32, [u8; 32])],
    now: std::vec::IntoIter<Change>,
    damaged: &'a Cell<Option<Hash32>>,
}

impl Iterator for Rows<'_, '_> {
    type Item = Result<Change, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(change) = self.now.next() {
                return Some(Ok(change));
            }
            // Between two segments: the store takes it back, and the sync that is being ended does not have to wait for all rows.
            if self.worker.halt.has_come() {
                return Some(Err(StoreError::CalledOff));
            }
            let s = self.segments.next()?;
            let opened = self.worker.staging.segment(&s.hash, s.frames).and_then(|bytes| {
                let (_, key) = self.epochs.iter().find(|(e, _)| *e == s.key_epoch).ok_or(WireError::BadFrame)?;
                let bytes = bytes.ok_or(WireError::Truncated)?;
                let how = OpenAs { context: self.context, dictionary: self.dictionary, key };
                Ok(segment::open(&bytes, &s.hash, &how)?)
            });
            match opened {
                Ok(changes) => self.now = changes.into_iter(),
                Err(e) => {
                    // Fetched again, other bytes may come; what the hub sealed so would only come again.
                    if matches!(e, StoreError::Wire(WireError::HashMismatch | WireError::Truncated)) {
                        self.damaged.set(Some(s.hash));
                    }
                    return Some(Err(e));
                }
            }
        }
    }
}

impl Worker<'_> {
    /// Applies; reports the event for the machine. What was held is untouched unless it succeeds.
    pub(super) fn apply(&self, manifest: &Manifest, hash: Hash32, route: &Route) -> Event {
        let damaged = Cell::new(None);
        match self.try_apply(manifest, hash, route, &damaged) {
            Ok(change) => {
                self.tell(Note::Progress(SyncProgress::Usable { compartment: change.compartment.clone() }));
                self.tell(Note::Changed(Box::new(change)));
                Event::Applied(manifest.compartment)
            }
            Err(e) => {
                let why = match (damaged.get(), e) {
                    (Some(hash), _) => ApplyFault::Segment(hash),
                    (None, ClientError::Store(StoreError::DigestMismatch | StoreError::WrongBase { .. })) => {
                        ApplyFault::Digest
                    }
                    (None, ClientError::Store(e)) => ApplyFault::Other(store_fault(&e)),
                    (None, e) => ApplyFault::Other(SyncFault::Store(e.to_string())),
                };
                Event::ApplyFailed { compartment: manifest.compartment, why }
            }
        }
    }

    fn try_apply(
        &self,
        m: &Manifest,
        hash: Hash32,
        route: &Route,
        damaged: &Cell<Option<Hash32>>,
    ) -> Result<CompartmentChange, ClientError> {
        let device = self.device;
        let name = device.name(&m.compartment);
        let keys = device.ring().keys.compartment(&m.compartment).cloned().ok_or(ClientError::Keyring)?;
        let expect = Checkpoint {
            watermark: m.watermark,
            manifest_version: m.manifest_version,
            digest: m.digest,
            rows: m.rows,
            unsearchable: m.unsearchable,
        };
        let dictionary = match &m.dictionary {
            Some(d) => device.dictionary(&m.compartment, d).inspect_err(|_| damaged.set(Some(d.hash)))?,
            None => None,
        };
        let mut rows = Rows {
            worker: self,
            segments: route.segments.iter(),
            context: Context { kind: m.kind, source: &m.source },
            dictionary: dictionary.as_deref(),
            epochs: &keys.epochs,
            now: Vec::new().into_iter(),
            damaged,
        };
        if route.kind != RouteKind::Touch {
            device.owe_late_hits()?;
        }
        let open = device.shelf.get(&m.compartment);
        let counts = match (route.kind, open) {
            (RouteKind::Touch, Some(open)) => {
                open.touch(&expect)?;
                (0, 0, 0)
            }
            (RouteKind::Deltas, Some(open)) => {
                let a = open.apply(route.from, &mut rows, &expect)?;
                (a.inserted, a.updated, a.deleted)
            }
            (_, open) => {
                let before = open.map(|o| o.checkpoint()).transpose()?.map_or(0, |c| c.rows);
                self.build(m, &name, &mut rows, &expect)?;
                (m.rows, 0, before)
            }
        };
        let meta = HeldMeta {
            manifest_version: m.manifest_version,
            manifest_hash: hash,
            as_of: m.as_of,
            due_by: m.due_by,
            last_refused: m.last_refused,
            warnings: m.warnings,
            kind: m.kind,
            rows: m.rows,
            unsearchable: m.unsearchable,
            watermark: m.watermark,
            applied_at: device.now(),
        };
        let (held, index) = (format!("{}{}", doc::HELD, m.compartment), format!("{}{}", doc::INDEX, m.compartment));
        device.state.put_all(&[(held.as_str(), Some(&encode(&meta)?)), (index.as_str(), None)])?;
        device.arriving(|all| all.remove(&m.compartment));
        device.reload()?;
        for s in &route.segments {
            self.staging.drop_segment(&s.hash, s.frames)?;
        }
        Ok(CompartmentChange {
            compartment: name,
            source: m.source.clone(),
            route: match route.kind {
                RouteKind::Touch => "touch",
                RouteKind::Deltas => "deltas",
                RouteKind::Snapshot => "snapshot",
            }
            .into(),
            inserted: counts.0,
            updated: counts.1,
            deleted: counts.2,
            rows: m.rows,
            bytes: route.bytes(),
            as_of: m.as_of,
            watermark: m.watermark,
            digest: m.digest.to_string(),
        })
    }

    /// A new generation: a file of its own with a key of its own, built beside the old one, then swapped in.
    fn build(&self, m: &Manifest, name: &str, rows: &mut Rows<'_, '_>, expect: &Checkpoint) -> Result<(), ClientError> {
        let device = self.device;
        let (file, file_key): ([u8; 16], [u8; 32]) = (device.env.random()?, device.env.random()?);
        let of = m.rows;
        // The store says how often: now and then, and with the same number while it writes indexes.
        let mut told = None;
        let mut progress = |rows: u64| {
            if told.replace(rows) != Some(rows) {
                self.tell(Note::Progress(SyncProgress::Applying { compartment: name.to_owned(), rows, of }));
            }
            !self.halt.has_come()
        };
        let path = device.home.record_file(&file);
        let fresh = Compartment::build(&path, &keyring::key(&file_key), m.kind, rows, expect, &mut progress)?;
        let mut ring = device.ring();
        let keys = ring.keys.compartment_mut(&m.compartment).ok_or(ClientError::Keyring)?;
        let old = keys.file.replace(file);
        keys.file_key = file_key;
        ring.save(&device.home, &*device.vault, &device.env)?;
        drop(ring);
        device.shelf.put(m.compartment, Arc::new(fresh));
        if let Some(old) = old {
            beatcheck_store::shred_file(&device.home.record_file(&old))?;
        }
        Ok(())
    }
}
