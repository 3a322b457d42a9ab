//! The index: each sealed entry is opened once, and what finds it again is written down.
//!
//! Entries are opened outside of any transaction and written in batches; a batch that another process has written meanwhile is
//! left to it. Counts by day are kept along with it: they hold nobody, and outlive the entries.

use super::DAY_MS;
use crate::{Hub, HubError};
use beatcheck_audit::{Asked, AuditKeyPair, Entry, EntryKind, Shown};
use beatcheck_model::{Query, RecordId, Timestamp};
use beatcheck_wire::journal::genesis;
use beatcheck_wire::{CompartmentId, DeviceId};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use serde::Serialize;

/// Entries opened and written at once.
const BATCH: usize = 500;
/// Entries that a search indexes before it looks, at most: what is beyond waits, and the page says so.
pub(super) const BEFORE_A_SEARCH: u64 = 2_000;
/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;

/// What indexing did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Indexed {
    /// Entries that are new in the index.
    pub entries: u64,
    /// Of these, entries that do not open.
    pub unreadable: u64,
    /// Entries that still wait.
    pub waiting: u64,
}

/// An entry as it lies in the journal, and opened if it opens.
struct Found {
    seq: u64,
    hash: [u8; 32],
    received: i64,
    entry: Option<Entry>,
}

/// Where a device's journal is indexed up to.
type Progress = (u64, [u8; 32]);

impl Hub {
    /// Brings the index up to date: opens what is new with the audit key.
    ///
    /// # Errors
    /// [`HubError::Key`] if the audit key is elsewhere; [`HubError::Db`]. An entry that does not open is in the index as that.
    pub fn account_index(&self) -> Result<Indexed, HubError> {
        self.index_up_to(u64::MAX)
    }

    /// The same for at most about so many entries.
    pub(super) fn index_up_to(&self, most: u64) -> Result<Indexed, HubError> {
        let mut conn = self.own_conn()?;
        let mut done = Indexed::default();
        let behind = behind(&conn)?;
        if behind.is_empty() {
            return Ok(done);
        }
        let audit = self.keys()?.audit;
        for (device, holder, _) in &behind {
            while done.entries < most {
                let from = progress(&conn, *device)?;
                let found = read(&conn, *device, from.0, &audit)?;
                let Some(last) = found.last() else { break };
                let to = (last.seq, last.hash);
                let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
                if progress(&tx, *device)? != from {
                    continue;
                }
                for one in &found {
                    write(&tx, *device, holder, one)?;
                    done.unreadable += u64::from(one.entry.is_none());
                }
                let sql = "INSERT OR REPLACE INTO account_progress (device, seq, hash) VALUES (?1, ?2, ?3)";
                tx.execute(sql, params![device.0, to.0, to.1])?;
                tx.commit()?;
                done.entries += found.len() as u64;
            }
        }
        done.waiting = behind.iter().map(|b| b.2).sum::<u64>().saturating_sub(done.entries);
        Ok(done)
    }

    /// Makes the index anew from the sealed entries: what was tampered with in it is gone afterwards. The counts by day stay.
    ///
    /// # Errors
    /// As [`Hub::account_index`].
    pub fn account_reindex(&self) -> Result<Indexed, HubError> {
        let audit = self.keys()?.audit;
        let mut conn = self.own_conn()?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute_batch("DELETE FROM account_shown; DELETE FROM account_entry;")?;
        let mut done = Indexed::default();
        for (device, holder, to) in indexed(&tx)? {
            let mut from = super::anchor(&tx, device)?.map_or(0, |a| a.0);
            while from < to {
                let found = read(&tx, device, from, &audit)?;
                let Some(last) = found.last() else { break };
                from = last.seq;
                for one in found.iter().filter(|o| o.seq <= to) {
                    enter(&tx, device, &holder, one)?;
                    done.entries += 1;
                    done.unreadable += u64::from(one.entry.is_none());
                }
            }
        }
        tx.commit()?;
        Ok(done)
    }
}

/// Devices of which entries wait: their officers, and how many wait.
fn behind(conn: &Connection) -> Result<Vec<(DeviceId, String, u64)>, HubError> {
    let mut stmt = conn.prepare(
        "SELECT d.id, d.officer, d.acked_seq - COALESCE(p.seq, 0) FROM device d LEFT JOIN account_progress p ON p.device = d.id
         WHERE d.acked_seq > COALESCE(p.seq, 0) ORDER BY d.id",
    )?;
    let rows = stmt.query_map([], |r| Ok((CompartmentId(r.get(0)?), r.get(1)?, r.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn indexed(conn: &Connection) -> Result<Vec<(DeviceId, String, u64)>, HubError> {
    let mut stmt = conn.prepare(
        "SELECT d.id, d.officer, p.seq FROM device d JOIN account_progress p ON p.device = d.id ORDER BY d.id",
    )?;
    let rows = stmt.query_map([], |r| Ok((CompartmentId(r.get(0)?), r.get(1)?, r.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn progress(conn: &Connection, device: DeviceId) -> Result<Progress, HubError> {
    let kept = conn
        .prepare_cached("SELECT seq, hash FROM account_progress WHERE device = ?1")?
        .query_row([device.0], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?;
    Ok(kept.unwrap_or((0, genesis(device))))
}

fn read(conn: &Connection, device: DeviceId, after: u64, audit: &AuditKeyPair) -> Result<Vec<Found>, HubError> {
    let mut stmt = conn.prepare_cached(
        "SELECT seq, hash, received, sealed FROM journal WHERE device = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
    )?;
    let mut rows = stmt.query(params![device.0, after, BATCH])?;
    let mut out = Vec::with_capacity(BATCH);
    while let Some(r) = rows.next()? {
        let seq = r.get(0)?;
        let sealed = r.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
        let entry = beatcheck_audit::open(sealed, audit, device, seq).ok();
        out.push(Found { seq, hash: r.get(1)?, received: r.get(2)?, entry });
    }
    Ok(out)
}

/// Enters one into the index, and counts it.
fn write(conn: &Connection, device: DeviceId, holder: &str, found: &Found) -> Result<(), HubError> {
    enter(conn, device, holder, found)?;
    if let Some(entry) = &found.entry {
        count(conn, happened(entry, found.received), entry)?;
    }
    Ok(())
}

fn enter(conn: &Connection, device: DeviceId, holder: &str, found: &Found) -> Result<(), HubError> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO account_entry (device, seq, received, happened, officer, holder, role, event, reference, purpose, outcome,
                                    unusual, break_glass, counter)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?;
    let Some(entry) = &found.entry else {
        let nothing = None::<&str>;
        insert.execute(params![
            device.0,
            found.seq,
            found.received,
            found.received,
            holder,
            holder,
            "",
            "",
            nothing,
            nothing,
            nothing,
            false,
            false,
            None::<u64>
        ])?;
        return Ok(());
    };
    let what = Facts::of(&entry.kind);
    insert.execute(params![
        device.0,
        found.seq,
        found.received,
        happened(entry, found.received),
        entry.officer,
        holder,
        entry.role,
        event(&entry.kind),
        what.reference,
        what.purpose,
        what.outcome,
        what.unusual,
        what.break_glass,
        what.counter,
    ])?;
    let id = conn.last_insert_rowid();
    let mut show = conn.prepare_cached(
        "INSERT OR IGNORE INTO account_shown (record, entry, compartment, version, outcome) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for s in what.shown {
        let (Some(record), Some(compartment)) = (unhex(&s.id), CompartmentId::from_hex(&s.compartment)) else {
            continue;
        };
        show.execute(params![record.0, id, compartment.0, s.version, s.outcome.as_str()])?;
    }
    if let Some(record) = what.asked {
        show.execute(params![record.0, id, [0_u8; 16], 0, "asked"])?;
    }
    Ok(())
}

/// When it happened as far as anybody else can tell: the device's time within its bounds.
pub(super) fn happened(entry: &Entry, received: i64) -> i64 {
    let from = entry.not_before.unwrap_or(Timestamp(i64::MIN)).0.min(received);
    entry.at.0.clamp(from, received)
}

/// What the index keeps of an entry.
#[derive(Default)]
struct Facts<'a> {
    reference: Option<&'a str>,
    purpose: Option<&'a str>,
    outcome: Option<&'static str>,
    unusual: bool,
    break_glass: bool,
    counter: Option<u64>,
    shown: &'a [Shown],
    asked: Option<RecordId>,
}

impl<'a> Facts<'a> {
    fn of(kind: &'a EntryKind) -> Self {
        match kind {
            EntryKind::Check { reference, purpose, asked, outcome, unusual, break_glass, shown, .. } => Self {
                reference: Some(reference),
                purpose: Some(purpose),
                outcome: Some(outcome.as_str()),
                unusual: !unusual.is_empty(),
                break_glass: *break_glass,
                shown,
                asked: asked_by_id(asked),
                ..Self::default()
            },
            EntryKind::LateHit { reference, shown, .. } => {
                Self { reference: Some(reference), shown, ..Self::default() }
            }
            EntryKind::Unlocked { counter, .. } => Self { counter: *counter, ..Self::default() },
            EntryKind::BreakGlass { .. } => Self { break_glass: true, ..Self::default() },
            _ => Self::default(),
        }
    }
}

/// The record that a question names, if it names one.
fn asked_by_id(asked: &Asked) -> Option<RecordId> {
    match asked {
        Asked::Query(query) => match query.as_ref() {
            Query::Linked(q) => unhex(&q.record),
            _ => None,
        },
        Asked::Unreadable { .. } => None,
    }
}

/// A record's id as it is written.
pub(super) fn unhex(text: &str) -> Option<RecordId> {
    CompartmentId::from_hex(text.trim()).map(|id| RecordId(id.0))
}

/// The event's word, as in JSON.
pub(super) fn event(kind: &EntryKind) -> String {
    let word = serde_json::to_value(kind).ok().and_then(|v| v.get("event")?.as_str().map(str::to_owned));
    word.unwrap_or_else(|| "unknown".into())
}

/// Counts an entry by its day.
fn count(conn: &Connection, happened: i64, entry: &Entry) -> Result<(), HubError> {
    let day = happened.div_euclid(DAY_MS);
    let mut add = conn.prepare_cached(
        "INSERT INTO account_count (day, what, value, n) VALUES (?1, ?2, ?3, 1)
         ON CONFLICT (day, what, value) DO UPDATE SET n = n + 1",
    )?;
    let mut one = |what: &str, value: &str| add.execute(params![day, what, value]).map(|_| ());
    match &entry.kind {
        EntryKind::Check { purpose, outcome, error, unusual, break_glass, .. } => {
            one("hour", &format!("{:02}", happened.rem_euclid(DAY_MS) / HOUR_MS))?;
            one("role", &entry.role)?;
            one("purpose", purpose)?;
            one("outcome", outcome.as_str())?;
            for flag in unusual {
                one("unusual", flag)?;
            }
            if let Some(code) = error {
                one("refused", code)?;
            }
            if *break_glass {
                one("break_glass", "check")?;
            }
        }
        EntryKind::LateHit { change, .. } => one("late_hit", change)?,
        EntryKind::BreakGlass { .. } => one("break_glass", "opened")?,
        _ => {}
    }
    Ok(())
}
