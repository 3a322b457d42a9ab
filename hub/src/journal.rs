//! Journals at the hub: taken in once, kept sealed, opened only for those who read the account.
//!
//! Taking in needs no audit key: a batch is the device's by its signature and continues what is held by its chain.
//! Only reading opens entries, so the serving machine could do without that key.

use crate::account::anchor;
use crate::enrol::Device;
use crate::serve::ApiError;
use crate::{Hub, HubError};
use axum::http::StatusCode;
use beatcheck_audit::{Entry, EntryKind};
use beatcheck_model::Timestamp;
use beatcheck_wire::journal::{
    BATCH_VERSION, ChainError, JournalAck, JournalBatch, JournalUpload, MAX_BATCH_ENTRIES, MAX_ENTRY_BYTES,
    MAX_RECEIPTS, SealedEntry, genesis, verify_chain,
};
use beatcheck_wire::{DeviceId, MAX_COMPARTMENTS, envelope};
use rusqlite::{Connection, params};
use serde::Serialize;

/// Which entries are wanted; an empty filter takes all.
#[derive(Clone, Debug, Default)]
pub struct JournalFilter {
    /// Of this device.
    pub device: Option<DeviceId>,
    /// Of this officer.
    pub officer: Option<String>,
    /// With this reference, as it was said over the radio.
    pub reference: Option<String>,
    /// From this time on, by the device's clock.
    pub since: Option<Timestamp>,
    /// The last so many that match.
    pub limit: Option<usize>,
}

/// One entry, opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JournalRow {
    /// Device, in hexadecimal.
    pub device: String,
    /// Position in its journal.
    pub seq: u64,
    /// When the hub received it.
    pub received: Timestamp,
    /// What it says; none if it could not be opened.
    pub entry: Option<Entry>,
    /// Set: it came out of a kept account, not in a batch that its device signed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsigned: bool,
    /// Why it could not be opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Whether one device's account is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JournalCheck {
    /// Device, in hexadecimal.
    pub device: String,
    /// Entries held.
    pub entries: u64,
    /// First number held, 0 if none.
    pub first: u64,
    /// Last number held, 0 if none.
    pub last: u64,
    /// Whether they run without gap from 1, or from what retention dropped, each follows from the one before, and each opens.
    pub unbroken: bool,
    /// What is wrong, or what was last refused.
    pub problem: Option<String>,
}

impl Hub {
    /// Takes in a batch; twice the same is the same as once.
    pub(crate) fn take_journal(&self, device: &Device, upload: &JournalUpload) -> Result<JournalAck, ApiError> {
        envelope::verify_device(&device.receipt_key, &upload.batch, &upload.signature).map_err(|_| {
            ApiError::new(StatusCode::FORBIDDEN, "bad_signature", "the batch is not signed by this device")
        })?;
        let batch = read_batch(device.id, &upload.batch)?;
        let now = self.now();
        let mut conn = self.conn()?;
        let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let end: (u64, [u8; 32]) =
            tx.query_row("SELECT acked_seq, chain FROM device WHERE id = ?1", [device.id.0], |r| {
                Ok((r.get(0)?, r.get(1)?))
            })?;
        let fresh = match continues(&tx, device.id, end, &batch)? {
            Ok(fresh) => fresh,
            Err(refusal) => {
                tx.execute(
                    "UPDATE device SET journal_fault = ?2 WHERE id = ?1",
                    params![device.id.0, format!("{now}: refused: {}", refusal.text)],
                )?;
                tx.commit()?;
                tracing::warn!(device = %device.id, code = refusal.code, "a journal batch was refused");
                return Err(refusal);
            }
        };
        let mut acked = end;
        {
            let mut insert = tx.prepare_cached(
                "INSERT INTO journal (device, seq, hash, sealed, received) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for e in fresh {
                insert.execute(params![device.id.0, e.seq, e.hash, e.sealed, now.0])?;
                acked = (e.seq, e.hash);
            }
        }
        tx.execute(
            "UPDATE device SET acked_seq = ?2, chain = ?3 WHERE id = ?1",
            params![device.id.0, acked.0, acked.1],
        )?;
        report(&tx, &batch, now, !fresh.is_empty())?;
        let obeyed = crate::orders::note_receipts(&tx, device.id, &batch.receipts, now)?;
        if batch.wiped {
            crate::orders::note_wiped(&tx, device.id, now)?;
        }
        tx.commit()?;
        if obeyed > 0 || batch.wiped {
            self.refresh_grant(device.id)?;
        }
        tracing::info!(device = %device.id, entries = fresh.len(), acked = acked.0, "journal entries were taken in");
        Ok(JournalAck { acked: acked.0 })
    }

    /// The account, oldest first by device and number, opened with the audit key.
    ///
    /// # Errors
    /// [`HubError::Key`] if the audit key is elsewhere; [`HubError::Db`]. An entry that does not open is a row that
    /// says so.
    pub fn journal(&self, filter: &JournalFilter) -> Result<Vec<JournalRow>, HubError> {
        let keys = self.keys()?;
        let conn = self.conn()?;
        let mut stmt = conn.prepare(
            "SELECT device, seq, sealed, received, unsigned FROM journal WHERE ?1 IS NULL OR device = ?1 ORDER BY device, seq",
        )?;
        let mut rows = stmt.query([filter.device.map(|d| d.0)])?;
        let mut out = std::collections::VecDeque::new();
        while let Some(r) = rows.next()? {
            let device = beatcheck_wire::CompartmentId(r.get(0)?);
            let (seq, sealed): (u64, Vec<u8>) = (r.get(1)?, r.get(2)?);
            let opened = beatcheck_audit::open(&sealed, &keys.audit, device, seq);
            if !filter.takes(opened.as_ref().ok()) {
                continue;
            }
            let problem = opened.as_ref().err().map(ToString::to_string);
            out.push_back(JournalRow {
                device: device.to_string(),
                seq,
                received: Timestamp(r.get(3)?),
                entry: opened.ok(),
                unsigned: r.get(4)?,
                problem,
            });
            if filter.limit.is_some_and(|most| out.len() > most) {
                out.pop_front();
            }
        }
        Ok(out.into())
    }

    /// Walks every device's journal from its first entry: numbers, chain, and that each entry opens.
    ///
    /// # Errors
    /// [`HubError::Key`] or [`HubError::Db`]; a broken journal is a result, not an error.
    pub fn verify_journal(&self) -> Result<Vec<JournalCheck>, HubError> {
        let keys = self.keys()?;
        let conn = self.conn()?;
        let mut devices = conn.prepare("SELECT id, acked_seq, journal_fault FROM device ORDER BY enrolled, id")?;
        let mut entries = conn.prepare("SELECT seq, hash, sealed FROM journal WHERE device = ?1 ORDER BY seq")?;
        let mut rows = devices.query([])?;
        let mut out = Vec::new();
        while let Some(d) = rows.next()? {
            let id = beatcheck_wire::CompartmentId(d.get(0)?);
            let (acked, fault): (u64, Option<String>) = (d.get(1)?, d.get(2)?);
            let mut check =
                JournalCheck { device: id.to_string(), entries: 0, first: 0, last: 0, unbroken: true, problem: None };
            let mut end = anchor(&conn, id)?.unwrap_or((0, genesis(id)));
            let mut rows = entries.query([id.0])?;
            while let Some(r) = rows.next()? {
                let e = SealedEntry { seq: r.get(0)?, hash: r.get(1)?, sealed: r.get(2)? };
                check.entries += 1;
                check.first = if check.entries == 1 { e.seq } else { check.first };
                check.last = e.seq;
                let problem = match verify_chain(end, std::slice::from_ref(&e)) {
                    Err(e) => Some(e.to_string()),
                    Ok(_) => beatcheck_audit::open(&e.sealed, &keys.audit, id, e.seq)
                        .err()
                        .map(|why| format!("journal entry {}: {why}", e.seq)),
                };
                end = (e.seq, e.hash);
                check.problem = check.problem.or(problem);
            }
            if check.problem.is_none() && end.0 != acked {
                check.problem = Some(format!("{acked} entries were acknowledged, {} are held", end.0));
            }
            check.unbroken = check.problem.is_none();
            check.problem = check.problem.or(fault);
            out.push(check);
        }
        Ok(out)
    }
}

impl JournalFilter {
    pub(crate) fn takes(&self, entry: Option<&Entry>) -> bool {
        // What cannot be opened is always shown: a filter must not hide it.
        let Some(e) = entry else { return true };
        let reference = match &e.kind {
            EntryKind::Check { reference, .. } | EntryKind::LateHit { reference, .. } => Some(reference),
            _ => None,
        };
        self.officer.as_ref().is_none_or(|o| *o == e.officer)
            && self.since.is_none_or(|t| e.at >= t)
            && self.reference.as_ref().is_none_or(|r| reference.is_some_and(|have| have.eq_ignore_ascii_case(r)))
    }
}

fn read_batch(device: DeviceId, bytes: &[u8]) -> Result<JournalBatch, ApiError> {
    let batch: JournalBatch = postcard::from_bytes(bytes).map_err(|_| ApiError::malformed("journal batch"))?;
    if batch.version != BATCH_VERSION {
        return Err(crate::serve::wrong_protocol());
    }
    if batch.device != device {
        return Err(ApiError::new(StatusCode::FORBIDDEN, "other_device", "the batch is another device's"));
    }
    let over = batch.entries.len() > MAX_BATCH_ENTRIES
        || batch.held.len() > MAX_COMPARTMENTS
        || batch.receipts.len() > MAX_RECEIPTS
        || batch.entries.iter().any(|e| e.sealed.len() > MAX_ENTRY_BYTES);
    if over {
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the batch is over its limits"));
    }
    Ok(batch)
}

/// The entries of `batch` that are new, if it continues what is held: no gap, and nothing held is told differently.
fn continues<'a>(
    conn: &Connection,
    device: DeviceId,
    end: (u64, [u8; 32]),
    batch: &'a JournalBatch,
) -> Result<Result<&'a [SealedEntry], ApiError>, ApiError> {
    let conflict = |code, text: String| ApiError::new(StatusCode::CONFLICT, code, text);
    let Some(first) = batch.entries.first() else { return Ok(Ok(&[])) };
    if first.seq == 0 {
        return Err(ApiError::malformed("journal batch"));
    }
    if first.seq > end.0 + 1 {
        let mut e = conflict("journal_gap", ChainError::Gap { expected: end.0 + 1, found: first.seq }.to_string());
        e.expected = Some(end.0 + 1);
        return Ok(Err(e));
    }
    let dropped = anchor(conn, device)?.unwrap_or_default();
    let before = match first.seq {
        1 => genesis(device),
        n if n == end.0 + 1 => end.1,
        n if n == dropped.0 + 1 => dropped.1,
        // Sent again after its time was up: nothing of it is taken, and where it meets what is kept it must fit.
        n if n <= dropped.0 => batch.previous,
        n => held(conn, device, n - 1)?.0,
    };
    if before != batch.previous {
        return Ok(Err(conflict("journal_conflict", format!("entry {} does not follow from what is held", first.seq))));
    }
    // The whole batch must be a chain of its own, the part that is held included.
    if let Err(e) = verify_chain((first.seq - 1, before), &batch.entries) {
        return Ok(Err(conflict("journal_broken", e.to_string())));
    }
    let overlap = batch.entries.partition_point(|e| e.seq <= end.0);
    for e in &batch.entries[..overlap] {
        let same = match e.seq.cmp(&dropped.0) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Equal => e.hash == dropped.1,
            std::cmp::Ordering::Greater => held(conn, device, e.seq)? == (e.hash, e.sealed.clone()),
        };
        if !same {
            return Ok(Err(conflict("journal_conflict", format!("entry {} is held with other content", e.seq))));
        }
    }
    Ok(Ok(&batch.entries[overlap..]))
}

fn held(conn: &Connection, device: DeviceId, seq: u64) -> Result<([u8; 32], Vec<u8>), ApiError> {
    Ok(conn
        .prepare_cached("SELECT hash, sealed FROM journal WHERE device = ?1 AND seq = ?2")?
        .query_row(params![device.0, seq], |r| Ok((r.get(0)?, r.get(1)?)))?)
}

/// Notes what the device says it holds; a late copy of an older batch does not undo a newer report.
fn report(conn: &Connection, batch: &JournalBatch, now: Timestamp, fresh: bool) -> Result<(), ApiError> {
    let id = batch.device.0;
    if batch.wiped {
        conn.execute("UPDATE device SET wiped = COALESCE(wiped, ?2) WHERE id = ?1", params![id, now.0])?;
    }
    let newer = conn.execute(
        "UPDATE device SET reported = ?2, reported_policy = ?3, reported_grant = ?4
         WHERE id = ?1 AND (?5 OR reported IS NULL OR reported <= ?2)",
        params![id, batch.at.0, batch.policy_version, batch.grant_version, fresh],
    )?;
    if newer == 0 {
        return Ok(());
    }
    crate::orders::note_report(conn, batch.device, &batch.report)?;
    conn.execute("DELETE FROM held WHERE device = ?1", [id])?;
    for h in &batch.held {
        conn.execute(
            "INSERT OR REPLACE INTO held (device, compartment, manifest_version, watermark, digest)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![id, h.compartment.0, h.manifest_version, h.watermark, h.digest.0],
        )?;
    }
    Ok(())
}
