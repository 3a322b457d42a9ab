//! Comparing a staged extract with what is held, and making the difference true.
//!
//! `compare` only reads the hub's tables and writes a plan beside them; `apply` carries it out. Both run in the one
//! transaction that the caller holds, so that an extract is taken wholly or not at all.

use super::group::{Content, Decision, Held, Incoming, decide};
use super::stage::record_id;
use crate::mapping::Mapping;
use crate::progress::EVERY;
use crate::{HubError, Progress};
use beatcheck_model::{FLAG_VRM_UNUSABLE, RecordId, Timestamp};
use beatcheck_wire::WireError;
use beatcheck_wire::digest::{self, RowDigest};
use rusqlite::{Connection, Row, params};

/// What an extract would do.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Difference {
    pub(super) added: u64,
    pub(super) changed: u64,
    pub(super) removed: u64,
    pub(super) unchanged: u64,
    pub(super) kept: u64,
    pub(super) duplicates: u64,
    pub(super) held: u64,
}

fn held_row(r: &Row<'_>) -> rusqlite::Result<([u8; 16], Held)> {
    let held =
        Held { occurrence: r.get(1)?, content: r.get(2)?, version: r.get(3)?, seq: r.get(4)?, unsearchable: r.get(5)? };
    Ok((r.get(0)?, held))
}

fn staged_row(r: &Row<'_>) -> rusqlite::Result<([u8; 16], Incoming)> {
    Ok((r.get(0)?, Incoming { n: r.get(1)?, content: r.get::<_, Option<Content>>(2)? }))
}

/// Compares group by group, both sides in the order of their keys' ids.
pub(super) fn compare(
    conn: &Connection,
    compartment: i64,
    total: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<Difference, HubError> {
    let mut held = conn.prepare(
        "SELECT base, occurrence, content, version, seq, unsearchable FROM record WHERE compartment = ?1
         ORDER BY base, occurrence",
    )?;
    let mut staged = conn.prepare("SELECT base, n, content FROM stage.ref ORDER BY base, n")?;
    let mut held = held.query_map([compartment], held_row)?.peekable();
    let mut staged = staged.query_map([], staged_row)?.peekable();
    let mut out = Difference::default();
    let (mut records, mut rows) = (Vec::new(), Vec::new());
    let mut done = 0;
    loop {
        let base = match (key(held.peek())?, key(staged.peek())?) {
            (None, None) => break,
            (Some(a), Some(b)) => a.min(b),
            (Some(a), None) | (None, Some(a)) => a,
        };
        records.clear();
        rows.clear();
        while let Some(Ok((_, h))) = held.next_if(|x| matches!(x, Ok((b, _)) if *b == base)) {
            records.push(h);
        }
        while let Some(Ok((_, r))) = staged.next_if(|x| matches!(x, Ok((b, _)) if *b == base)) {
            rows.push(r);
        }
        let decision = decide(&records, &rows);
        plan(conn, &base, &decision)?;
        let updates = decision.upserts.iter().filter(|(.., h)| h.is_some_and(|h| h.content.is_some())).count() as u64;
        out.changed += updates;
        out.added += decision.upserts.len() as u64 - updates;
        out.removed += decision.removals.len() as u64;
        out.unchanged += decision.unchanged;
        out.kept += decision.kept;
        out.duplicates += decision.duplicates;
        out.held += records.iter().filter(|h| h.content.is_some()).count() as u64;
        let before = done;
        done += rows.len() as u64;
        if done / EVERY != before / EVERY {
            progress(Progress { stage: "comparing", done, total: Some(total), unit: "rows" });
        }
    }
    Ok(out)
}

/// The key of what comes next; an error of the cursor is the caller's.
fn key<T>(next: Option<&rusqlite::Result<([u8; 16], T)>>) -> Result<Option<[u8; 16]>, HubError> {
    match next {
        None => Ok(None),
        Some(Ok((base, _))) => Ok(Some(*base)),
        Some(Err(_)) => Err(HubError::Refused("the hub's database could not be read: nothing was changed".into())),
    }
}

fn plan(conn: &Connection, base: &[u8; 16], decision: &Decision) -> Result<(), HubError> {
    if !decision.upserts.is_empty() {
        let mut insert = conn.prepare_cached(
            "INSERT INTO stage.upsert (n, base, occurrence, version, previous, live, unsearchable)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        for (row, occurrence, held) in &decision.upserts {
            let (version, previous) = held.map_or((0, 0), |h| (h.version, h.seq));
            let live = held.is_some_and(|h| h.content.is_some());
            let hidden = held.is_some_and(|h| h.unsearchable);
            insert.execute(params![row.n, base, occurrence, version, previous, live, hidden])?;
        }
    }
    if !decision.removals.is_empty() {
        let mut insert = conn.prepare_cached(
            "INSERT INTO stage.removal (previous, base, occurrence, version, unsearchable) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for h in &decision.removals {
            insert.execute(params![h.seq, base, h.occurrence, h.version, h.unsearchable])?;
        }
    }
    Ok(())
}

/// What is carried from change to change.
pub(super) struct Target {
    pub(super) compartment: i64,
    pub(super) extract: i64,
    pub(super) at: Timestamp,
    pub(super) digest: RowDigest,
    pub(super) rows: u64,
    pub(super) unsearchable: u64,
    pub(super) seq: u64,
}

/// Carries out the plan: removals first, then new and changed rows in the extract's order.
pub(super) fn apply(
    conn: &Connection,
    t: &mut Target,
    mapping: &Mapping,
    total: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), HubError> {
    let mut done = 0;
    let mut step = |done: &mut u64| {
        *done += 1;
        if done.is_multiple_of(EVERY) {
            progress(Progress { stage: "applying", done: *done, total: Some(total), unit: "rows" });
        }
    };
    let mut removals =
        conn.prepare("SELECT previous, base, occurrence, version, unsearchable FROM stage.removal ORDER BY previous")?;
    let mut rows = removals.query([])?;
    while let Some(r) = rows.next()? {
        let (previous, base, occurrence): (u64, [u8; 16], u32) = (r.get(0)?, r.get(1)?, r.get(2)?);
        let (version, hidden): (u32, bool) = (r.get(3)?, r.get(4)?);
        let record_id = t.retire(conn, previous)?.ok_or(HubError::Refused("the hub's history has a gap".into()))?;
        t.rows -= 1;
        t.unsearchable -= u64::from(hidden);
        t.seq += 1;
        t.write_version(conn, &record_id, version + 1, previous, None)?;
        t.write_record(conn, &base, occurrence, None, version + 1, false, &record_id)?;
        step(&mut done);
    }
    let mut upserts = conn.prepare(
        "SELECT d.key, u.base, u.occurrence, u.version, u.previous, u.live, u.unsearchable, d.row
         FROM stage.upsert u JOIN stage.data d ON d.n = u.n ORDER BY u.n",
    )?;
    let mut rows = upserts.query([])?;
    while let Some(r) = rows.next()? {
        let (base, occurrence): ([u8; 16], u32) = (r.get(1)?, r.get(2)?);
        let (version, previous, live, hidden): (u32, u64, bool, bool) = (r.get(3)?, r.get(4)?, r.get(5)?, r.get(6)?);
        let staged = r.get_ref(7)?.as_blob().map_err(rusqlite::Error::from)?;
        let mut content: Content = [0; 16];
        content.copy_from_slice(&beatcheck_wire::Hash32::of(staged).0[..16]);
        let mut record = digest::from_canonical(staged)?;
        if previous != 0 {
            t.retire(conn, previous)?;
        }
        if live {
            t.unsearchable -= u64::from(hidden);
        } else {
            t.rows += 1;
        }
        record.id = if occurrence == 0 {
            RecordId(base)
        } else {
            let key: Vec<String> = postcard::from_bytes(r.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)
                .map_err(|_| WireError::Malformed("key"))?;
            record_id(mapping, &key.iter().map(String::as_str).collect::<Vec<_>>(), occurrence)
        };
        record.version = version + 1;
        let unsearchable = record.flags.iter().any(|f| f == FLAG_VRM_UNUSABLE);
        t.unsearchable += u64::from(unsearchable);
        t.seq += 1;
        let bytes = digest::canonical(&record)?;
        t.digest.add(&bytes);
        t.write_version(conn, &record.id, record.version, previous, Some(&bytes))?;
        t.write_record(conn, &base, occurrence, Some(&content), record.version, unsearchable, &record.id)?;
        step(&mut done);
    }
    Ok(())
}

impl Target {
    /// Ends the version at `previous` and takes it out of the digest, if it was not a tombstone; says whose it was.
    fn retire(&mut self, conn: &Connection, previous: u64) -> Result<Option<RecordId>, HubError> {
        let mut read = conn.prepare_cached("SELECT record_id, row FROM record_version WHERE seq = ?1")?;
        let mut found = read.query([previous])?;
        let Some(r) = found.next()? else { return Ok(None) };
        let id = RecordId(r.get(0)?);
        if let Some(row) = r.get_ref(1)?.as_blob_or_null().map_err(rusqlite::Error::from)? {
            self.digest.remove(row);
        }
        drop(found);
        conn.prepare_cached("UPDATE record_version SET ended = ?2 WHERE seq = ?1")?
            .execute(params![previous, self.seq + 1])?;
        Ok(Some(id))
    }

    fn write_version(
        &self,
        conn: &Connection,
        id: &RecordId,
        version: u32,
        previous: u64,
        row: Option<&[u8]>,
    ) -> Result<(), HubError> {
        conn.prepare_cached(
            "INSERT INTO record_version (seq, compartment, record_id, version, previous, extract, at, row)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            self.seq,
            self.compartment,
            id.0,
            version,
            previous,
            self.extract,
            self.at.0,
            row
        ])?;
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn write_record(
        &self,
        conn: &Connection,
        base: &[u8; 16],
        occurrence: u32,
        content: Option<&Content>,
        version: u32,
        unsearchable: bool,
        id: &RecordId,
    ) -> Result<(), HubError> {
        let named = (occurrence > 0).then_some(id.0);
        conn.prepare_cached(
            "INSERT OR REPLACE INTO record (compartment, base, occurrence, content, version, seq, unsearchable, record_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![self.compartment, base, occurrence, content, version, self.seq, unsearchable, named])?;
        Ok(())
    }
}
