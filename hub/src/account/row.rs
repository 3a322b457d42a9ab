//! One entry as it is shown: opened from its sealed form, and compared with what the index says of it.

use super::anchor;
use super::index::{event, happened};
use crate::HubError;
use beatcheck_audit::{AuditKeyPair, Entry};
use beatcheck_model::Timestamp;
use beatcheck_wire::journal::{genesis, link};
use beatcheck_wire::{CompartmentId, DeviceId};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountRow {
    /// Device, in hexadecimal.
    pub device: String,
    /// Position in its journal.
    pub seq: u64,
    /// Not later than this: when the hub received it.
    pub received: Timestamp,
    /// Not earlier than this: the newest time that the device had signed by the hub; none if it had none.
    pub not_before: Option<Timestamp>,
    /// The device's time, kept within these bounds.
    pub happened: Timestamp,
    /// Whose device it is.
    pub holder: String,
    /// What it says; none if it could not be opened.
    pub entry: Option<Entry>,
    /// Set: it came out of a kept account, not in a batch that its device signed.
    pub unsigned: bool,
    /// What is wrong with it: it does not open, does not follow from the one before, is gone, or the index says otherwise.
    pub problem: Option<String>,
}

/// A page of entries, newest first: by the time that the hub received them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AccountPage {
    /// The entries.
    pub rows: Vec<AccountRow>,
    /// What to ask for the next page with; none: this is the last.
    pub next: Option<String>,
    /// Entries that match, counted up to a limit; none where a text is searched for.
    pub total: Option<u64>,
    /// Whether there are more than `total` says.
    pub more_than_total: bool,
    /// Entries that match and are withheld because they are the reader's own, counted up to the same limit.
    pub withheld: u64,
    /// Entries anywhere that cannot be opened, counted up to the same limit: no filter finds them but that for a device.
    pub unreadable: u64,
    /// Entries that are not in the index yet.
    pub waiting: u64,
    /// Entries opened in search of a text.
    pub searched: u64,
}

/// An entry as the index has it.
pub(super) struct Known {
    pub(super) id: i64,
    pub(super) device: DeviceId,
    pub(super) seq: u64,
    pub(super) received: i64,
    happened: i64,
    officer: String,
    holder: String,
    event: String,
}

/// Columns of [`Known::of`].
pub(super) const KNOWN: &str = "e.id, e.device, e.seq, e.received, e.happened, e.officer, e.holder, e.event";

impl Known {
    pub(super) fn of(r: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: r.get(0)?,
            device: CompartmentId(r.get(1)?),
            seq: r.get(2)?,
            received: r.get(3)?,
            happened: r.get(4)?,
            officer: r.get(5)?,
            holder: r.get(6)?,
            event: r.get(7)?,
        })
    }

    /// Opens it from the journal.
    pub(super) fn open(self, conn: &Connection, audit: &AuditKeyPair) -> Result<AccountRow, HubError> {
        type Lies = ([u8; 32], Vec<u8>, i64, bool);
        let lies: Option<Lies> = conn
            .prepare_cached("SELECT hash, sealed, received, unsigned FROM journal WHERE device = ?1 AND seq = ?2")?
            .query_row(params![self.device.0, self.seq], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))
            .optional()?;
        let mut row = AccountRow {
            device: self.device.to_string(),
            seq: self.seq,
            received: Timestamp(self.received),
            not_before: None,
            happened: Timestamp(self.happened),
            holder: self.holder,
            entry: None,
            unsigned: false,
            problem: None,
        };
        let Some((hash, sealed, received, unsigned)) = lies else {
            row.problem = Some("it is in the index and gone from the journal".into());
            return Ok(row);
        };
        (row.unsigned, row.received) = (unsigned, Timestamp(received));
        match beatcheck_audit::open(&sealed, audit, self.device, self.seq) {
            Err(e) => row.problem = Some(e.to_string()),
            Ok(entry) => {
                row.not_before = entry.not_before;
                let same = entry.officer.eq_ignore_ascii_case(&self.officer)
                    && event(&entry.kind) == self.event
                    && happened(&entry, received) == self.happened
                    && received == self.received;
                if !same {
                    row.problem = Some("the index says otherwise than the entry: make it anew".into());
                }
                row.entry = Some(entry);
            }
        }
        let follows = before(conn, self.device, self.seq)?.is_some_and(|b| link(&b, self.seq, &sealed) == hash);
        if !follows {
            row.problem = row.problem.or(Some("it does not follow from the entry before it".into()));
        }
        Ok(row)
    }
}

/// The link that an entry must follow from.
fn before(conn: &Connection, device: DeviceId, seq: u64) -> Result<Option<[u8; 32]>, HubError> {
    if seq == 1 {
        return Ok(Some(genesis(device)));
    }
    let held = conn
        .prepare_cached("SELECT hash FROM journal WHERE device = ?1 AND seq = ?2")?
        .query_row(params![device.0, seq - 1], |r| r.get(0))
        .optional()?;
    Ok(match held {
        Some(link) => Some(link),
        None => anchor(conn, device)?.filter(|a| a.0 + 1 == seq).map(|a| a.1),
    })
}

impl AccountRow {
    /// Whether anything that it says contains a text, which is in lower case.
    pub(super) fn says(&self, text: &str) -> bool {
        let said = self.entry.as_ref().and_then(|e| serde_json::to_value(e).ok());
        said.is_some_and(|v| contains(&v, text))
    }
}

fn contains(value: &serde_json::Value, text: &str) -> bool {
    match value {
        serde_json::Value::String(s) => s.to_lowercase().contains(text),
        serde_json::Value::Array(all) => all.iter().any(|v| contains(v, text)),
        serde_json::Value::Object(all) => all.values().any(|v| contains(v, text)),
        _ => false,
    }
}
