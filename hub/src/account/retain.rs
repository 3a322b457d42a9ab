//! Retention: entries that are older than policy keeps them are dropped, and the rest still verifies.
//!
//! Of each device the beginning is dropped, up to the first entry that was received in time; its last dropped entry's number and
//! link stay as the anchor that the chain begins at. A beginning that does not verify is not dropped: what proves that something
//! was changed must not go because its time is up. Dropping is itself noted, with a sum over all anchors.

use super::chain::{anchor, anchors, cutoff};
use super::looks::{LookRow, append};
use crate::{Hub, HubError};
use beatcheck_model::Timestamp;
use beatcheck_wire::journal::{genesis, link};
use beatcheck_wire::{CompartmentId, DeviceId};
use rusqlite::{Connection, TransactionBehavior, params};
use serde::Serialize;

/// What the log of looks calls it.
pub(super) const ACTION: &str = "retain";

/// What was dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Retained {
    /// Days that policy keeps the account; none: for ever, and nothing was dropped.
    pub keep_days: Option<u32>,
    /// What was received before this was dropped.
    pub before: Option<Timestamp>,
    /// Entries dropped.
    pub entries: u64,
    /// Devices that they were of.
    pub devices: u64,
    /// Devices whose old entries stay because they do not verify, in hexadecimal.
    pub kept_broken: Vec<String>,
}

impl Hub {
    /// Drops what policy (`limits.journal_keep_days`) does not keep at `now`. `by` is who had it done, for the log.
    ///
    /// # Errors
    /// [`HubError::Refused`] without `by`; [`HubError::Key`] if the audit key is elsewhere (entries are counted before they go);
    /// [`HubError::Db`].
    pub fn retain(&self, now: Timestamp, by: &str) -> Result<Retained, HubError> {
        if by.trim().is_empty() {
            return Err(HubError::Refused("say who drops old entries: it is on record".into()));
        }
        let mut done = Retained { keep_days: self.policy_current()?.0.limits.journal_keep_days, ..Retained::default() };
        let Some(days) = done.keep_days else { return Ok(done) };
        let before = cutoff(now.0, days);
        done.before = Some(Timestamp(before));
        self.account_index()?;
        let mut conn = self.conn()?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for device in with_old(&tx, before)? {
            match drop_old(&tx, device, before, now)? {
                Some(0) => {}
                Some(entries) => (done.entries, done.devices) = (done.entries + entries, done.devices + 1),
                None => done.kept_broken.push(device.to_string()),
            }
        }
        if done.entries > 0 {
            append(
                &tx,
                LookRow {
                    n: 0,
                    at: self.now(),
                    account: by.trim().into(),
                    role: String::new(),
                    officer: String::new(),
                    action: ACTION.into(),
                    subject: format!("{} entries of {} devices; anchors {}", done.entries, done.devices, anchors(&tx)?),
                    reason: format!("older than {days} days"),
                },
            )?;
        }
        tx.commit()?;
        tracing::info!(entries = done.entries, devices = done.devices, "old journal entries were dropped");
        Ok(done)
    }
}

fn with_old(conn: &Connection, before: i64) -> Result<Vec<DeviceId>, HubError> {
    let mut stmt = conn.prepare("SELECT DISTINCT device FROM account_entry WHERE received < ?1 ORDER BY device")?;
    let rows = stmt.query_map([before], |r| Ok(CompartmentId(r.get(0)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Drops a device's beginning; how many entries that were. None: it does not verify, and stays.
fn drop_old(conn: &Connection, device: DeviceId, before: i64, now: Timestamp) -> Result<Option<u64>, HubError> {
    let indexed = super::index::progress(conn, device)?;
    let mut end = anchor(conn, device)?.unwrap_or((0, genesis(device)));
    let mut count = 0;
    {
        let mut stmt =
            conn.prepare_cached("SELECT seq, hash, sealed, received FROM journal WHERE device = ?1 ORDER BY seq")?;
        let mut rows = stmt.query([device.0])?;
        while let Some(r) = rows.next()? {
            let (seq, hash): (u64, [u8; 32]) = (r.get(0)?, r.get(1)?);
            // The hub's clock may have been set back: what follows a younger entry stays with it.
            if r.get::<_, i64>(3)? >= before || seq > indexed.0 {
                break;
            }
            let sealed = r.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
            if seq != end.0 + 1 || link(&end.1, seq, sealed) != hash {
                return Ok(None);
            }
            end = (seq, hash);
            count += 1;
        }
    }
    if count > 0 {
        let sql = "INSERT OR REPLACE INTO account_anchor (device, seq, hash, dropped) VALUES (?1, ?2, ?3, ?4)";
        conn.execute(sql, params![device.0, end.0, end.1, now.0])?;
        conn.execute("DELETE FROM account_entry WHERE device = ?1 AND seq <= ?2", params![device.0, end.0])?;
        conn.execute("DELETE FROM journal WHERE device = ?1 AND seq <= ?2", params![device.0, end.0])?;
    }
    Ok(Some(count))
}
