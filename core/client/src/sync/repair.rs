//! Mending a compartment whose rows are not what its digest says: ask the hub where they differ, fetch those rows only.
//!
//! The hub's sums and rows are not trusted: what would be stored must have the digest of the checkpoint, which a signed
//! manifest named, or nothing changes and the compartment is rebuilt.

use super::fetch::DEFAULT_RETRY_S;
use super::{Mended, Note, Worker};
use crate::ClientError;
use crate::account::Line;
use crate::device::{decode, encode};
use crate::enrol::refusal;
use crate::transport::LinkFault;
use beatcheck_audit::EntryKind;
use beatcheck_model::Record;
use beatcheck_sync::{ApplyFault, Event, SyncFault};
use beatcheck_wire::batch::{Change, Context, Op};
use beatcheck_wire::ranges::{MAX_REPAIR_PARTS, MAX_REPAIR_RANGES, RowsAnswer, RowsRequest, SumsAnswer, SumsRequest};
use beatcheck_wire::segment::{self, OpenAs};
use beatcheck_wire::{CompartmentId, Hash32, WireError};
use hyper::Method;

impl Worker<'_> {
    /// Repairs; what cannot be mended row by row is the machine's to rebuild.
    pub(super) fn repair(&self, id: CompartmentId) -> Event {
        let whole = match self.try_repair(id) {
            Ok(Some(mended)) => {
                self.tell(Note::Mended(mended));
                true
            }
            Ok(None) => false,
            Err(ClientError::Sync(fault)) if fault.is_transient() || fault == SyncFault::Cancelled => {
                // The link, and not what is stored or said: a rebuild would cost all of it. The next sync asks again.
                return Event::ApplyFailed { compartment: id, why: ApplyFault::Other(fault) };
            }
            Err(e) => {
                tracing::warn!(compartment = %id, code = e.code(), "it could not be repaired row by row");
                false
            }
        };
        Event::Repaired { compartment: id, whole }
    }

    fn try_repair(&self, id: CompartmentId) -> Result<Option<Mended>, ClientError> {
        let device = self.device;
        let Some(open) = device.shelf.get(&id) else { return Ok(None) };
        let (checkpoint, own) = open.range_sums()?;
        let watermark = checkpoint.watermark;
        let mut bytes = 0;
        let mut sums = |first: Option<u8>| -> Result<SumsAnswer, ClientError> {
            let request = encode(&SumsRequest { compartment: id, watermark, first })?;
            let answer = self.post("/v1/sums", request)?;
            bytes += answer.len() as u64;
            decode(&answer)
        };
        let parts = sums(None)?.differing(&own.over_all())?;
        if parts.len() > MAX_REPAIR_PARTS {
            return Ok(None);
        }
        let mut ranges = Vec::new();
        for first in parts {
            let below = sums(Some(first))?.differing(&own.below(first))?;
            ranges.extend(below.into_iter().map(|second| u16::from_be_bytes([first, second])));
        }
        if ranges.len() > MAX_REPAIR_RANGES {
            return Ok(None);
        }
        let mut rows = Vec::new();
        if !ranges.is_empty() {
            let request = RowsRequest { compartment: id, watermark, ranges: ranges.clone() };
            let answer = self.post("/v1/rows", encode(&request)?)?;
            bytes += answer.len() as u64;
            rows = self.open_rows(id, &decode(&answer)?)?;
        }
        // Keys are mended by what the rows say, once these are right.
        let changed = open.repair(&ranges, &rows)?;
        open.mend_keys()?;
        device.note_integrity(&id, |i| {
            i.suspect = false;
            i.repairs += 1;
            i.repaired_rows += changed;
        })?;
        let name = device.name(&id);
        let kind =
            EntryKind::Repaired { compartment: id.to_string(), name: name.clone(), rows: changed, rebuilt: false };
        device.account(&device.view(), device.now(), vec![Line::of(kind)])?;
        device.reload()?;
        Ok(Some(Mended { compartment: name, rows: changed, bytes, rebuilt: false }))
    }

    fn post(&self, path: &str, body: Vec<u8>) -> Result<Vec<u8>, ClientError> {
        let mut halt = self.halt.clone();
        let answered = self.handle.block_on(async {
            tokio::select! {
                answer = self.transport.call(Method::POST, path, body) => Some(answer),
                () = halt.come() => None,
            }
        });
        answered.ok_or(SyncFault::Cancelled)?.map_err(|fault| match fault {
            LinkFault::Status { status: 429 | 503, retry_after_s, .. } => {
                SyncFault::Busy { s: retry_after_s.unwrap_or(DEFAULT_RETRY_S) }.into()
            }
            LinkFault::Status { status: 500.., text, .. } => SyncFault::Unreachable(text).into(),
            other => refusal(other),
        })
    }

    fn open_rows(&self, id: CompartmentId, answer: &RowsAnswer) -> Result<Vec<Record>, ClientError> {
        let device = self.device;
        let view = device.view();
        let granted = view.grant.iter().flat_map(|g| &g.compartments).find(|c| c.id == id);
        let granted = granted.ok_or(ClientError::Keyring)?;
        let keys = device.ring().keys.compartment(&id).cloned().ok_or(ClientError::Keyring)?;
        let (_, key) = keys.epochs.iter().find(|(e, _)| *e == answer.key_epoch).ok_or(WireError::BadFrame)?;
        // Made for this answer only: the hub does not use the dictionary for it.
        let how = OpenAs { context: Context { kind: granted.kind, source: &granted.source }, dictionary: None, key };
        let mut out = Vec::new();
        for bytes in &answer.segments {
            for Change { op, .. } in segment::open(bytes, &Hash32::of(bytes), &how)? {
                match op {
                    Op::Upsert(record) => out.push(*record),
                    Op::Patch(_) | Op::Delete { .. } => return Err(WireError::Malformed("list of rows").into()),
                }
            }
        }
        Ok(out)
    }
}
