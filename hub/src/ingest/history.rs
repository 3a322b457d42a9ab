//! Looking back: every published state stays reconstructable, and what was rejected can be seen.

use crate::{Hub, HubError};
use beatcheck_model::{Record, RecordId};
use beatcheck_wire::Hash32;
use beatcheck_wire::digest::{self, RowDigest};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

/// A row that was kept aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// Number of the extract.
    pub extract_id: i64,
    /// Source.
    pub source: String,
    /// Line of the file that the row begins on.
    pub line: u64,
    /// Why, in words that name columns and no values.
    pub reasons: Vec<String>,
    /// The row as read, its cells joined by commas, cut to 4 KiB. May hold personal data.
    pub raw: String,
}

impl Hub {
    /// Rows kept aside, of the latest extracts first, at most `limit`.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn rejects(&self, limit: usize) -> Result<Vec<Reject>, HubError> {
        let conn = self.conn()?;
        let mut stmt = conn.prepare(
            "SELECT r.extract, e.source, r.line, r.reasons, r.raw FROM reject r JOIN extract e ON e.id = r.extract
             ORDER BY r.extract DESC, r.n LIMIT ?1",
        )?;
        let rows = stmt.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |r| {
            Ok(Reject {
                extract_id: r.get(0)?,
                source: r.get(1)?,
                line: r.get(2)?,
                reasons: serde_json::from_str(&r.get::<_, String>(3)?).unwrap_or_default(),
                raw: r.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The record as it was in `compartment` (its name) at `watermark`; `None` if it was not there.
    ///
    /// # Errors
    /// [`HubError::Refused`] for an unknown compartment; [`HubError::Db`].
    pub fn reconstruct(&self, compartment: &str, watermark: u64, id: &RecordId) -> Result<Option<Record>, HubError> {
        let conn = self.conn()?;
        let n = number(&conn, compartment)?;
        let latest: Option<u64> = conn
            .query_row(
                "SELECT seq FROM record WHERE compartment = ?1 AND base = ?2 AND occurrence = 0
                 UNION ALL SELECT seq FROM record WHERE compartment = ?1 AND record_id = ?2 LIMIT 1",
                params![n, id.0],
                |r| r.get(0),
            )
            .optional()?;
        // From the newest version back: each names the one before.
        let mut seq = latest.unwrap_or(0);
        let mut step = conn.prepare("SELECT previous, row FROM record_version WHERE seq = ?1")?;
        while seq != 0 {
            let (previous, row): (u64, Option<Vec<u8>>) = step.query_row([seq], |r| Ok((r.get(0)?, r.get(1)?)))?;
            if seq <= watermark {
                return Ok(row.map(|row| digest::from_canonical(&row)).transpose()?);
            }
            seq = previous;
        }
        Ok(None)
    }

    /// Number and digest of the records that `compartment` (its name) held at `watermark`, computed afresh from the
    /// rows: what a manifest of that watermark must say.
    ///
    /// # Errors
    /// [`HubError::Refused`] for an unknown compartment; [`HubError::Db`].
    pub fn digest_at(&self, compartment: &str, watermark: u64) -> Result<(u64, Hash32), HubError> {
        let conn = self.conn()?;
        let n = number(&conn, compartment)?;
        let mut stmt = conn.prepare(
            "SELECT row FROM record_version WHERE compartment = ?1 AND seq <= ?2 AND (ended = 0 OR ended > ?2)
             AND row IS NOT NULL",
        )?;
        let (mut count, mut digest) = (0, RowDigest::default());
        let mut rows = stmt.query(params![n, i64::try_from(watermark).unwrap_or(i64::MAX)])?;
        while let Some(r) = rows.next()? {
            digest.add(r.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
            count += 1;
        }
        Ok((count, digest.finish()))
    }

    /// Hands every record that `compartment` (its name) held at `watermark`, and that came or changed after `after`, to
    /// `each`, in the order of the changes that made them so: with 0 the whole state, with the watermark before the
    /// records that are new in it. Read from the history, so it does not depend on how segments are written.
    ///
    /// # Errors
    /// [`HubError::Refused`] for an unknown compartment; [`HubError::Db`]; what `each` says ends it.
    pub fn records_at(
        &self,
        compartment: &str,
        after: u64,
        watermark: u64,
        each: &mut dyn FnMut(Record) -> Result<(), HubError>,
    ) -> Result<(), HubError> {
        let conn = self.conn()?;
        let n = number(&conn, compartment)?;
        let mut stmt = conn.prepare(
            "SELECT row FROM record_version WHERE compartment = ?1 AND seq > ?2 AND seq <= ?3
             AND (ended = 0 OR ended > ?3) AND row IS NOT NULL ORDER BY seq",
        )?;
        let at = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let mut rows = stmt.query(params![n, at(after), at(watermark)])?;
        while let Some(r) = rows.next()? {
            each(digest::from_canonical(r.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?)?;
        }
        Ok(())
    }
}

fn number(conn: &Connection, compartment: &str) -> Result<i64, HubError> {
    conn.query_row("SELECT n FROM compartment WHERE name = ?1", [compartment], |r| r.get(0))
        .optional()?
        .ok_or_else(|| HubError::Refused(format!("there is no compartment '{compartment}'")))
}
