//! The net change of one record between two watermarks: a patch where the device surely holds it, else the whole row.
//!
//! A delta may be applied at any state from its `from` on, so a patch carries every field that changed at any step since
//! then, even one that changed back, and a record that was not there at every step is sent whole.

use crate::HubError;
use beatcheck_model::{Record, RecordId, Timestamp};
use beatcheck_wire::batch::Op;
use beatcheck_wire::digest;
use beatcheck_wire::patch::Patch;
use rusqlite::Connection;

/// A patch is sent if it sets at most one in so many of the fields that the record has.
const WORTH_A_PATCH: u32 = 2;

/// The last version of a record up to a delta's end, as the history has it.
pub(super) struct Last<'a> {
    pub(super) id: RecordId,
    pub(super) version: u32,
    pub(super) at: Timestamp,
    pub(super) row: Option<&'a [u8]>,
    /// Sequence of the version before; 0 if none.
    pub(super) previous: u64,
}

/// From where on a delta applies.
#[derive(Clone, Copy)]
pub(super) struct Since {
    pub(super) from: u64,
    /// Whether states were published between its ends: then a record that came after `from` may be held.
    pub(super) between: bool,
}

/// What became of a record before its last version.
struct Past {
    /// Fields that changed at any step since `from`; none if it was not there all the time.
    fields: Option<u64>,
    /// Whether a device may hold it.
    held: bool,
}

/// What a delta says of the record; nothing if no device to which it applies can hold it or needs it.
pub(super) fn net(conn: &Connection, since: Since, last: &Last<'_>) -> Result<Option<Op>, HubError> {
    let Some(row) = last.row else {
        let gone = Op::Delete { row: last.id.into(), version: last.version, at: last.at };
        return Ok(past(conn, since, None, last.previous)?.held.then_some(gone));
    };
    let record = digest::from_canonical(row)?;
    let fields = past(conn, since, Some(&record), last.previous)?.fields;
    let patch = fields.filter(|f| worth_it(&record, *f)).map(|f| Op::Patch(Patch::of(&record, f)));
    Ok(Some(patch.unwrap_or_else(|| Op::Upsert(Box::new(record)))))
}

/// Fields in which a record says anything.
pub(super) fn filled(record: &Record) -> u64 {
    Patch::diff(&Patch::of(record, 0).values, record).unwrap_or(u64::MAX)
}

fn worth_it(record: &Record, fields: u64) -> bool {
    fields.count_ones() * WORTH_A_PATCH <= filled(record).count_ones()
}

/// Walks back from `seq` to the version in force at `from`.
fn past(conn: &Connection, since: Since, newest: Option<&Record>, mut seq: u64) -> Result<Past, HubError> {
    let mut step = conn.prepare_cached("SELECT previous, row FROM record_version WHERE seq = ?1")?;
    let mut newer: Option<Record> = newest.cloned();
    let mut fields = newest.map(|_| 0);
    let mut held = false;
    while seq != 0 {
        let (previous, row): (u64, Option<Vec<u8>>) = step.query_row([seq], |r| Ok((r.get(0)?, r.get(1)?)))?;
        let older = row.map(|row| digest::from_canonical(&row)).transpose()?;
        let changed = older.as_ref().zip(newer.as_ref()).and_then(|(o, n)| Patch::diff(o, n));
        fields = fields.zip(changed).map(|(f, c)| f | c);
        let reached = seq <= since.from;
        held |= older.is_some() && (reached || since.between);
        if reached {
            return Ok(Past { fields, held });
        }
        (newer, seq) = (older, previous);
    }
    Ok(Past { fields: None, held })
}
