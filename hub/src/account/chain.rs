//! Whether the account is whole: every device's journal walked from its beginning, and what is missing named.
//!
//! Four things are compared: the chain of the journal itself; how far the device was told that the hub has it; how far, and with
//! which link, the index has it; and the counters that unlockings carry, of which a missing one means that a session's entries
//! are. What was dropped because its time was up begins at an anchor; the anchors' sum stands in the log of looks.

use super::DAY_MS;
use super::row::Known;
use crate::{Hub, HubError};
use beatcheck_audit::AuditKeyPair;
use beatcheck_wire::journal::{genesis, link};
use beatcheck_wire::{CompartmentId, DeviceId, Hash32};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

/// Gaps named of one device, at most; the first ones.
const MAX_GAPS: usize = 100;

/// Whether one device's account is whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChainState {
    /// Device, in hexadecimal.
    pub device: String,
    /// Entries held.
    pub entries: u64,
    /// First number held, 0 if none.
    pub first: u64,
    /// Last number held, 0 if none.
    pub last: u64,
    /// Up to which number entries were dropped because their time was up; 0: none were.
    pub dropped_to: u64,
    /// Whether nothing is missing and nothing was changed.
    pub unbroken: bool,
    /// Numbers that are missing: from, to.
    pub gaps: Vec<(u64, u64)>,
    /// Counters of unlockings that are missing.
    pub counter_gaps: Vec<CounterGap>,
    /// Entries that cannot be opened, of those in the index.
    pub unreadable: u64,
    /// Entries that came out of a kept account, not signed by the device.
    pub unsigned: u64,
    /// The first thing that is wrong.
    pub fault: Option<String>,
    /// The last upload of the device that was refused.
    pub refused: Option<String>,
}

/// Counters that are missing between two unlockings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CounterGap {
    /// The unlocking before.
    pub after: u64,
    /// The unlocking that shows it.
    pub seq: u64,
    /// Its counter, and the one before it.
    pub counters: (u64, u64),
}

/// What the hub remembers of a device's account beside the entries.
struct Remembered {
    device: DeviceId,
    acked: (u64, [u8; 32]),
    refused: Option<String>,
}

impl Hub {
    /// Walks every device's account: numbers, chain, and what else is known of it. Opens no entry.
    ///
    /// # Errors
    /// [`HubError::Db`]; a broken account is a result, not an error.
    pub fn chain_states(&self) -> Result<Vec<ChainState>, HubError> {
        self.states(None, None)
    }

    /// The same for one device; none if there is no such device.
    ///
    /// # Errors
    /// As [`Hub::chain_states`].
    pub fn chain_state(&self, device: DeviceId) -> Result<Option<ChainState>, HubError> {
        Ok(self.states(Some(device), None)?.pop())
    }

    /// As [`Hub::chain_states`], and opens every entry and compares it with the index: slow, and finds what was tampered with there.
    ///
    /// # Errors
    /// [`HubError::Key`] if the audit key is elsewhere; [`HubError::Db`].
    pub fn chain_states_opened(&self) -> Result<Vec<ChainState>, HubError> {
        self.states(None, Some(&self.keys()?.audit))
    }

    fn states(&self, only: Option<DeviceId>, audit: Option<&AuditKeyPair>) -> Result<Vec<ChainState>, HubError> {
        let conn = self.conn()?;
        let anchors_fault = anchors_fault(&conn)?;
        let mut stmt = conn.prepare(
            "SELECT id, acked_seq, chain, journal_fault FROM device WHERE ?1 IS NULL OR id = ?1 ORDER BY enrolled, id",
        )?;
        let devices = stmt.query_map([only.map(|d| d.0)], |r| {
            Ok(Remembered { device: CompartmentId(r.get(0)?), acked: (r.get(1)?, r.get(2)?), refused: r.get(3)? })
        })?;
        devices.map(|d| state(&conn, d?, anchors_fault.as_deref(), audit)).collect()
    }
}

fn state(
    conn: &Connection,
    known: Remembered,
    anchors_fault: Option<&str>,
    audit: Option<&AuditKeyPair>,
) -> Result<ChainState, HubError> {
    let device = known.device;
    let anchor = anchor(conn, device)?;
    let mut out = ChainState { device: device.to_string(), refused: known.refused, ..ChainState::default() };
    let mut end = anchor.unwrap_or((0, genesis(device)));
    out.dropped_to = end.0;
    if anchor.is_some() {
        out.fault = anchors_fault.map(str::to_owned);
    }
    let indexed = super::index::progress(conn, device)?;
    let mut stmt =
        conn.prepare_cached("SELECT seq, hash, sealed, unsigned FROM journal WHERE device = ?1 ORDER BY seq")?;
    let mut rows = stmt.query([device.0])?;
    while let Some(r) = rows.next()? {
        let (seq, hash): (u64, [u8; 32]) = (r.get(0)?, r.get(1)?);
        let sealed = r.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
        out.entries += 1;
        out.first = if out.entries == 1 { seq } else { out.first };
        out.unsigned += u64::from(r.get::<_, bool>(3)?);
        if seq <= end.0 {
            out.wrong(format!("entry {seq} was dropped and is there again"));
        } else if seq > end.0 + 1 {
            out.gap(end.0 + 1, seq - 1);
        } else if link(&end.1, seq, sealed) != hash {
            out.wrong(format!("entry {seq} does not follow from the one before it: one of them was changed"));
        }
        if seq == indexed.0 && hash != indexed.1 {
            out.wrong(format!("entry {seq} is another than the one that was indexed"));
        }
        end = (seq, hash);
    }
    drop(rows);
    out.last = if out.entries > 0 { end.0 } else { 0 };
    if known.acked.0 > end.0 {
        out.gap(end.0 + 1, known.acked.0);
    } else if known.acked != end {
        out.wrong(format!("entry {} is not the one that was acknowledged", end.0));
    }
    if indexed.0 > end.0 {
        out.gap(end.0 + 1, indexed.0);
    }
    let of_index = "SELECT COUNT(*), COALESCE(SUM(event = ''), 0) FROM account_entry WHERE device = ?1";
    let (rows, unreadable): (u64, u64) = conn.query_row(of_index, [device.0], |r| Ok((r.get(0)?, r.get(1)?)))?;
    out.unreadable = unreadable;
    if unreadable > 0 {
        out.wrong(format!("{unreadable} entries cannot be opened"));
    }
    if rows != indexed.0.saturating_sub(out.dropped_to) {
        out.wrong("the index has not the entries that were put into it: make it anew".into());
    }
    out.counter_gaps = counter_gaps(conn, device)?;
    if let Some(gap) = out.counter_gaps.first() {
        let text = format!(
            "between entries {} and {} the counter of unlockings leaps: entries are missing",
            gap.after, gap.seq
        );
        out.wrong(text);
    }
    if let Some(audit) = audit {
        compare(conn, device, audit, &mut out)?;
    }
    out.unbroken = out.fault.is_none();
    Ok(out)
}

impl ChainState {
    fn wrong(&mut self, text: String) {
        self.fault.get_or_insert(text);
    }

    fn gap(&mut self, from: u64, to: u64) {
        // What is acknowledged and what is indexed may both miss the same end.
        let from = self.gaps.last().map_or(from, |g| from.max(g.1 + 1));
        if from > to {
            return;
        }
        self.wrong(if from == to {
            format!("entry {from} is missing")
        } else {
            format!("entries {from} to {to} are missing")
        });
        if self.gaps.len() < MAX_GAPS {
            self.gaps.push((from, to));
        }
    }
}

/// Opens each entry and compares it with the index.
fn compare(conn: &Connection, device: DeviceId, audit: &AuditKeyPair, out: &mut ChainState) -> Result<(), HubError> {
    let sql = format!("SELECT {} FROM account_entry e WHERE e.device = ?1 ORDER BY e.seq", super::row::KNOWN);
    let mut stmt = conn.prepare_cached(&sql)?;
    let mut rows = stmt.query_map([device.0], Known::of)?;
    while let Some(known) = rows.next().transpose()? {
        let row = known.open(conn, audit)?;
        if let Some(problem) = row.problem {
            out.wrong(format!("entry {}: {problem}", row.seq));
        }
    }
    Ok(())
}

/// Unlockings of which the counter is not the next one. The device counts them apart from tries at a PIN, so nothing explains a
/// number that is missing but an entry that is, or a crash between the count and the entry.
fn counter_gaps(conn: &Connection, device: DeviceId) -> Result<Vec<CounterGap>, HubError> {
    let mut stmt = conn.prepare_cached(
        "SELECT seq, counter FROM account_entry WHERE device = ?1 AND counter IS NOT NULL ORDER BY seq",
    )?;
    let mut rows = stmt.query([device.0])?;
    let mut out = Vec::new();
    let mut before: Option<(u64, u64)> = None;
    while let Some(r) = rows.next()? {
        let (seq, counter): (u64, u64) = (r.get(0)?, r.get(1)?);
        if let Some((after, was)) = before
            && counter != was + 1
            && out.len() < MAX_GAPS
        {
            out.push(CounterGap { after, seq, counters: (was, counter) });
        }
        before = Some((seq, counter));
    }
    Ok(out)
}

/// Where a device's journal begins, if entries were dropped: the last of them, and its link.
pub(crate) fn anchor(conn: &Connection, device: DeviceId) -> Result<Option<(u64, [u8; 32])>, HubError> {
    Ok(conn
        .prepare_cached("SELECT seq, hash FROM account_anchor WHERE device = ?1")?
        .query_row([device.0], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?)
}

/// A sum over all anchors, which the log of looks has of the last time that anything was dropped.
pub(super) fn anchors(conn: &Connection) -> Result<Hash32, HubError> {
    let mut stmt = conn.prepare("SELECT device, seq, hash FROM account_anchor ORDER BY device")?;
    let mut rows = stmt.query([])?;
    let mut bytes = Vec::new();
    while let Some(r) = rows.next()? {
        bytes.extend_from_slice(&r.get::<_, [u8; 16]>(0)?);
        bytes.extend_from_slice(&r.get::<_, u64>(1)?.to_le_bytes());
        bytes.extend_from_slice(&r.get::<_, [u8; 32]>(2)?);
    }
    Ok(Hash32::of(&bytes))
}

/// What is wrong with the anchors, if they are not those that were noted.
fn anchors_fault(conn: &Connection) -> Result<Option<String>, HubError> {
    let sql = "SELECT subject FROM account_look WHERE action = ?1 ORDER BY n DESC LIMIT 1";
    let noted: Option<String> = conn.query_row(sql, params![super::retain::ACTION], |r| r.get(0)).optional()?;
    let sum = anchors(conn)?.to_string();
    let any: bool = conn.query_row("SELECT EXISTS (SELECT 1 FROM account_anchor)", [], |r| r.get(0))?;
    let same = noted.map_or(!any, |subject| subject.ends_with(&sum));
    Ok((!same).then(|| "what is said to have been dropped is not what the log of looks says".into()))
}

/// The time before which entries are dropped.
pub(super) const fn cutoff(now: i64, keep_days: u32) -> i64 {
    now.saturating_sub((keep_days as i64).saturating_mul(DAY_MS))
}
