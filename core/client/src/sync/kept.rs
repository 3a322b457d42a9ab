//! What a compartment needs beside its rows: the dictionary of its segments, and the index of its marks.
//!
//! Both are kept as they came, encrypted under the compartment's segment key: withdrawing forgets that key, and whatever
//! copy of the ciphertext survives is worth nothing.

use super::Worker;
use crate::ClientError;
use crate::device::{Device, decode, doc, encode};
use beatcheck_model::RecordKind;
use beatcheck_store::StoreError;
use beatcheck_sync::{ApplyFault, Event, SyncFault};
use beatcheck_wire::mark_index::MarkIndex;
use beatcheck_wire::segment::{self, Content};
use beatcheck_wire::{CompartmentId, Hash32, Manifest, SegmentRef, WireError};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Ciphertext as it came, with what its manifest said of it.
type Sealed = Vec<(SegmentRef, Vec<u8>)>;

impl Device {
    /// Segments that are kept for a compartment under this name.
    fn kept(&self, prefix: &str, id: &CompartmentId) -> Result<Option<Sealed>, ClientError> {
        self.state.get(&format!("{prefix}{id}"))?.map(|b| decode(&b)).transpose()
    }

    /// Opens kept segments with the keys of the compartment; what was damaged or has no key any more is an error.
    fn open_kept(&self, id: &CompartmentId, content: Content, sealed: &Sealed) -> Result<Vec<u8>, ClientError> {
        let keys = self.ring().keys.compartment(id).cloned().ok_or(ClientError::Keyring)?;
        let mut out = Vec::new();
        for (s, bytes) in sealed {
            let key = keys.epochs.iter().find(|(e, _)| *e == s.key_epoch).ok_or(WireError::BadFrame)?;
            out.extend(segment::open_bytes(content, bytes, &s.hash, &key.1)?);
        }
        Ok(out)
    }

    /// The dictionary that this compartment's segments are compressed with now, if it is the one named.
    pub(super) fn dictionary(&self, id: &CompartmentId, named: &SegmentRef) -> Result<Option<Vec<u8>>, ClientError> {
        match self.kept(doc::DICTIONARY, id)? {
            Some(kept) if kept.iter().any(|(s, _)| s.hash == named.hash) => {
                self.open_kept(id, Content::Dictionary, &kept).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Hashes of the dictionaries that are kept.
    pub(super) fn dictionaries(&self) -> Result<BTreeSet<Hash32>, ClientError> {
        let mut out = BTreeSet::new();
        for (_, bytes) in self.state.keys_with_prefix(doc::DICTIONARY)? {
            out.extend(decode::<Sealed>(&bytes)?.iter().map(|(s, _)| s.hash));
        }
        Ok(out)
    }

    /// Puts the mark indexes in use that a sync has left: of compartments whose rows are not here yet.
    pub(crate) fn open_indexes(&self) -> Result<(), ClientError> {
        for (name, bytes) in self.state.keys_with_prefix(doc::INDEX)? {
            let Some(id) = CompartmentId::from_hex(&name[doc::INDEX.len()..]) else { continue };
            if self.shelf.get(&id).is_some() {
                continue;
            }
            let index = decode::<Sealed>(&bytes).and_then(|s| self.open_kept(&id, Content::MarkIndex, &s));
            // One that cannot be read any more is fetched again: it only bridges the time until the rows are here.
            if let Ok(Ok(index)) = index.map(|plain| MarkIndex::decode(&plain)) {
                self.shelf.put_index(id, RecordKind::Vehicle, Arc::new(index));
            }
        }
        Ok(())
    }
}

impl Worker<'_> {
    /// The staged bytes of segments, each with its hash proven.
    fn staged(&self, segments: &[SegmentRef]) -> Result<Sealed, Hash32> {
        let mut out = Vec::with_capacity(segments.len());
        for s in segments {
            let bytes = self.staging.segment(&s.hash, s.frames).ok().flatten();
            out.push((*s, bytes.filter(|b| Hash32::of(b) == s.hash).ok_or(s.hash)?));
        }
        Ok(out)
    }

    /// Keeps a dictionary that is staged. One that is damaged stays where it is: applying finds out, and says so.
    pub(super) fn keep_dictionary(&self, id: CompartmentId, dictionary: &SegmentRef) -> Result<(), ClientError> {
        let Ok(sealed) = self.staged(std::slice::from_ref(dictionary)) else { return Ok(()) };
        let name = format!("{}{id}", doc::DICTIONARY);
        self.device.state.put_all(&[(name.as_str(), Some(&encode(&sealed)?))])?;
        Ok(self.staging.drop_segment(&dictionary.hash, dictionary.frames)?)
    }

    /// Puts a mark index in use whose segments are staged.
    pub(super) fn apply_index(&self, manifest: &Manifest, segments: &[SegmentRef]) -> Event {
        let compartment = manifest.compartment;
        match self.try_index(manifest, segments) {
            Ok(Ok(())) => Event::Indexed(compartment),
            Ok(Err(damaged)) => Event::ApplyFailed { compartment, why: ApplyFault::Segment(damaged) },
            Err(e) => Event::ApplyFailed { compartment, why: ApplyFault::Other(SyncFault::Store(e.to_string())) },
        }
    }

    fn try_index(&self, manifest: &Manifest, segments: &[SegmentRef]) -> Result<Result<(), Hash32>, ClientError> {
        if manifest.kind != RecordKind::Vehicle {
            return Err(StoreError::Wire(WireError::WrongKind("list of vehicles")).into());
        }
        let id = manifest.compartment;
        let sealed = match self.staged(segments) {
            Ok(sealed) => sealed,
            Err(damaged) => return Ok(Err(damaged)),
        };
        let index = MarkIndex::decode(&self.device.open_kept(&id, Content::MarkIndex, &sealed)?)?;
        let name = format!("{}{id}", doc::INDEX);
        self.device.state.put_all(&[(name.as_str(), Some(&encode(&sealed)?))])?;
        self.device.shelf.put_index(id, RecordKind::Vehicle, Arc::new(index));
        for s in segments {
            self.staging.drop_segment(&s.hash, s.frames)?;
        }
        Ok(Ok(()))
    }
}
