//! A compartment as it was at a watermark, read from the history: for devices that repair what they hold.

use super::{compartments, last_manifest, with_salt};
use crate::HubError;
use beatcheck_model::RecordId;
use beatcheck_wire::batch::{Change, Context, Op};
use beatcheck_wire::patch::MIN_PREFIX;
use beatcheck_wire::ranges::{RangeSums, ids_of};
use beatcheck_wire::segment::{self, SealAs};
use beatcheck_wire::{CompartmentId, WireError, digest};
use rusqlite::{Connection, params};

/// Rows of one answer, at most: far more than 64 ranges of a million rows hold.
const MAX_REPAIR_ROWS: usize = 16_384;

/// A state that was published.
pub(crate) struct StateAt<'a> {
    conn: &'a Connection,
    n: i64,
    state: compartments::State,
    pub(crate) watermark: u64,
}

impl<'a> StateAt<'a> {
    /// The state of a compartment at a watermark; none if that was not published yet or is older than the history.
    pub(crate) fn find(
        conn: &'a Connection,
        compartment: &CompartmentId,
        watermark: u64,
    ) -> Result<Option<Self>, HubError> {
        let found = compartments::read_all(conn)?.into_iter().find(|(_, s)| s.id == *compartment);
        let Some((n, state)) = found else { return Ok(None) };
        let published = last_manifest(conn, n)?.and_then(|p| p.manifest).map(|m| m.watermark);
        let sql = "SELECT MIN(seq) FROM record_version WHERE compartment = ?1";
        let oldest: Option<u64> = conn.query_row(sql, [n], |r| r.get(0))?;
        let known = published.is_some_and(|p| watermark <= p) && oldest.is_some_and(|o| o <= watermark);
        Ok(known.then_some(Self { conn, n, state, watermark }))
    }
}

/// Sums over all rows of a state.
pub(crate) fn sums_at(at: &StateAt<'_>) -> Result<RangeSums, HubError> {
    let mut stmt = at.conn.prepare_cached(
        "SELECT record_id, row FROM record_version
         WHERE compartment = ?1 AND seq <= ?2 AND (ended = 0 OR ended > ?2) AND row IS NOT NULL",
    )?;
    let mut rows = stmt.query(params![at.n, at.watermark])?;
    let mut sums = RangeSums::default();
    while let Some(r) = rows.next()? {
        sums.add(&RecordId(r.get(0)?), r.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?);
    }
    Ok(sums)
}

/// The rows of ranges of a state, sealed under the newest epoch: its number and the segments.
///
/// # Errors
/// [`WireError::OverLimit`] if there are too many.
pub(crate) fn rows_of_ranges(at: &StateAt<'_>, ranges: &[u16]) -> Result<(u32, Vec<Vec<u8>>), HubError> {
    let mut named = at.conn.prepare_cached(
        "SELECT seq FROM record WHERE compartment = ?1 AND base BETWEEN ?2 AND ?3 AND occurrence = 0
         UNION ALL
         SELECT seq FROM record WHERE compartment = ?1 AND record_id IS NOT NULL AND record_id BETWEEN ?2 AND ?3",
    )?;
    let mut step = at.conn.prepare_cached("SELECT previous, row FROM record_version WHERE seq = ?1")?;
    let mut changes = Vec::new();
    for range in ranges {
        let (first, last) = ids_of(*range);
        let newest: Vec<u64> =
            named.query_map(params![at.n, first.0, last.0], |r| r.get(0))?.collect::<Result<_, _>>()?;
        for mut seq in newest {
            while seq > at.watermark {
                seq = step.query_row([seq], |r| r.get(0))?;
            }
            if seq == 0 {
                continue;
            }
            let row: Option<Vec<u8>> = step.query_row([seq], |r| r.get(1))?;
            let Some(row) = row else { continue };
            changes.push(Change { seq, op: Op::Upsert(Box::new(digest::from_canonical(&row)?)) });
            if changes.len() > MAX_REPAIR_ROWS {
                return Err(WireError::OverLimit("number of rows").into());
            }
        }
    }
    changes.sort_by_key(|c| c.seq);
    let (state, epoch) = (&at.state, at.state.epoch);
    let key = compartments::key(at.conn, at.n, epoch)?;
    let context = Context { kind: state.kind, source: &state.source };
    let how = SealAs { context, prefix: MIN_PREFIX, dictionary: None, key: &key };
    let sealed = with_salt(|salt| segment::seal(&how, &changes, salt))?;
    Ok((epoch, sealed.into_iter().map(|s| s.bytes).collect()))
}
