//! Mending a file in place: the rows of some ranges of ids, or the keys of all.
//!
//! A repair trusts nothing that is stored: it computes the digest from every row, and takes the entries of each row it
//! touches out of every table by rid, for what they were filed under cannot be told from a damaged row. Entries that
//! lead to no row go too. What comes out is proven by the checkpoint like any other state, or nothing has changed.

use super::entries::{Entries, KeySet, tables};
use super::keys::LookKey;
use super::scrub::each_row;
use super::{Compartment, births, looks, postings};
use crate::persons::index::Index;
use crate::{StoreError, pool};
use beatcheck_model::{Record, RecordId, RecordKind};
use beatcheck_wire::WireError;
use beatcheck_wire::digest::{RowDigest, canonical, from_canonical};
use beatcheck_wire::ranges::{MAX_REPAIR_RANGES, range_of};
use rusqlite::Connection;
use rusqlite::types::Value;
use std::collections::{BTreeMap, BTreeSet};

impl Compartment {
    /// Replaces the rows of these ranges of ids by `rows`, files them anew, and computes the kept digest from all rows; in
    /// one transaction, which commits only if the result is what the checkpoint says. Belonging to a range are rows that
    /// are stored under an id of it and rows whose own id is of it. How many rows were removed, rewritten or added.
    ///
    /// Without ranges it mends only the kept digest. Reads every row and every key: seconds for a million. The filter is
    /// let go of: [`Compartment::warm`] makes another.
    ///
    /// # Errors
    /// [`StoreError::DigestMismatch`] if the result is not what the checkpoint says; [`WireError::OverLimit`] for more
    /// than [`MAX_REPAIR_RANGES`] ranges; [`WireError::Malformed`] if a row is of another range or kind, or comes twice;
    /// [`StoreError::Corrupt`] for what cannot be read; [`StoreError::Full`]. In all cases nothing has changed.
    pub fn repair(&self, ranges: &[u16], rows: &[Record]) -> Result<u64, StoreError> {
        if ranges.len() > MAX_REPAIR_RANGES {
            return Err(WireError::OverLimit("number of ranges in a repair").into());
        }
        let ranges: BTreeSet<u16> = ranges.iter().copied().collect();
        let mut wanted = BTreeMap::new();
        for record in rows {
            let fits = record.body.kind() == self.kind && ranges.contains(&range_of(&record.id));
            if !fits || wanted.insert(record.id, (record, canonical(record)?)).is_some() {
                return Err(WireError::Malformed("rows of a repair").into());
            }
        }
        self.mend(|conn| {
            let mut found = Found::read(conn, &ranges)?;
            let touched: BTreeSet<i64> = found.rows.iter().map(|(rid, ..)| *rid).collect();
            let (filed, changed) = found.replace(conn, &wanted)?;
            let held = pool::checkpoint(conn)?;
            if found.digest.finish() != held.digest || found.live.len() as u64 != held.rows {
                return Err(StoreError::DigestMismatch);
            }
            pool::set_meta(conn, "digest", &found.digest.to_bytes())?;
            let live = found.live;
            let stays = |rid: i64| live.binary_search(&rid).is_ok() && !touched.contains(&rid);
            unfile(conn, self.kind, &stays)?;
            let mut entries = Entries { conn, added: Vec::new() };
            for (rid, record) in filed {
                if self.kind == RecordKind::Vehicle {
                    looks::set(conn, rid, &LookKey::default())?;
                }
                entries.reindex(rid, None, Some(record))?;
            }
            Ok(changed)
        })
    }

    /// Makes the tables of exact keys hold what the rows say, writing only what differs. How many entries that were.
    ///
    /// Uses memory in proportion to the keys of one table; seconds for a million rows.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for a row that does not decode; [`StoreError::Full`]. Nothing has changed then.
    pub fn mend_keys(&self) -> Result<u64, StoreError> {
        self.mend(|conn| {
            let mut changed = 0;
            for table in tables(self.kind) {
                changed += mend_table(conn, table)?;
            }
            Ok(changed)
        })
    }

    /// Runs `f` in a write transaction, and lets go of all that was read from the file before.
    fn mend(&self, f: impl FnOnce(&Connection) -> Result<u64, StoreError>) -> Result<u64, StoreError> {
        let mut reached = None;
        let result = self.write(|tx| {
            let changed = f(tx)?;
            let repairs = pool::repairs(tx)?.wrapping_add(1);
            pool::set_meta(tx, "repairs", &repairs.to_le_bytes())?;
            let now = pool::checkpoint(tx)?.stamp(repairs);
            reached = Some(now);
            if self.has_index() {
                self.keep(Index::load(tx, now)?)?;
            }
            Ok(changed)
        });
        match (&result, reached) {
            (Ok(_), Some(now)) => {
                // Nothing of it is asked any more, for its stamp is another's: this only gives the memory back.
                if let Ok(mut filter) = self.filter.write() {
                    *filter = None;
                }
                self.settle_index(now);
                self.marks.forget();
                self.looks.forget();
                self.variants.forget();
            }
            (Err(_), Some(never)) => self.forget_index(never),
            (_, None) => {}
        }
        result
    }
}

/// The rows as they are stored.
struct Found {
    /// Of the ranges: rid, id as stored, canonical bytes.
    rows: Vec<(i64, RecordId, Vec<u8>)>,
    /// Of all rows that are to stay.
    digest: RowDigest,
    /// Their rids, rising.
    live: Vec<i64>,
}

impl Found {
    fn read(conn: &Connection, ranges: &BTreeSet<u16>) -> Result<Self, StoreError> {
        let mut out = Self { rows: Vec::new(), digest: RowDigest::default(), live: Vec::new() };
        each_row(conn, i64::MIN, usize::MAX, &mut |rid, id, row| {
            let own = own_id(row).map(|id| range_of(&id));
            if ranges.contains(&range_of(&id)) || own.is_some_and(|r| ranges.contains(&r)) {
                out.rows.push((rid, id, row.to_vec()));
            } else {
                out.digest.add(row);
                out.live.push(rid);
            }
            Ok(())
        })?;
        Ok(out)
    }

    /// Writes the rows that are wanted where they are not so already: what is to be filed, and how many rows changed.
    #[expect(clippy::type_complexity)]
    fn replace<'r>(
        &mut self,
        conn: &Connection,
        wanted: &BTreeMap<RecordId, (&'r Record, Vec<u8>)>,
    ) -> Result<(Vec<(i64, &'r Record)>, u64), StoreError> {
        let (mut filed, mut changed) = (Vec::new(), 0);
        let mut missing: BTreeSet<&RecordId> = wanted.keys().collect();
        for (rid, id, held) in &self.rows {
            match wanted.get(id).filter(|_| missing.remove(id)) {
                None => {
                    conn.prepare_cached("DELETE FROM rec WHERE rid=?1")?.execute([rid])?;
                    changed += 1;
                }
                Some((record, row)) => {
                    if row != held {
                        conn.prepare_cached("UPDATE rec SET row=?2 WHERE rid=?1")?.execute((rid, row))?;
                        changed += 1;
                    }
                    filed.push((*rid, *record));
                }
            }
        }
        for (record, row) in missing.into_iter().filter_map(|id| wanted.get(id)) {
            conn.prepare_cached("INSERT INTO rec(id,row) VALUES(?1,?2)")?.execute((&record.id.0[..], row))?;
            filed.push((conn.last_insert_rowid(), record));
            changed += 1;
        }
        for (_, row) in wanted.values() {
            self.digest.add(row);
        }
        self.live.extend(filed.iter().map(|(rid, _)| *rid));
        self.live.sort_unstable();
        Ok((filed, changed))
    }
}

/// The id in a row's canonical bytes: the first thing after the schema.
fn own_id(row: &[u8]) -> Option<RecordId> {
    row.get(1..17)?.try_into().ok().map(RecordId)
}

/// Takes the entries of all rows out that do not stay.
fn unfile(conn: &Connection, kind: RecordKind, stays: &dyn Fn(i64) -> bool) -> Result<(), StoreError> {
    for table in tables(kind) {
        let mut gone: Vec<(Value, i64)> = Vec::new();
        let mut statement = conn.prepare(&format!("SELECT key,rid FROM {table}"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let rid = row.get(1)?;
            if !stays(rid) {
                gone.push((row.get(0)?, rid));
            }
        }
        let mut delete = conn.prepare(&format!("DELETE FROM {table} WHERE key=?1 AND rid=?2"))?;
        for entry in gone {
            delete.execute(entry)?;
        }
    }
    match kind {
        RecordKind::Person => {
            births::keep_only(conn, stays)?;
            keep_only(conn, "place", "key", stays, &mut |_, _| ())?;
            let mut bearers: BTreeMap<i64, i64> = BTreeMap::new();
            keep_only(conn, "posting", "tid", stays, &mut |tid, n| {
                if let Value::Integer(tid) = tid {
                    *bearers.entry(*tid).or_default() += n;
                }
            })?;
            count_bearers(conn, &bearers)
        }
        // What a vehicle looks like is set when it is filed; of a row that is gone it is never asked for.
        RecordKind::Vehicle | RecordKind::Variant => Ok(()),
    }
}

/// Takes rids that do not stay out of posting blocks; `counted` hears how many remain of each key in each block.
fn keep_only(
    conn: &Connection,
    table: &str,
    column: &str,
    stays: &dyn Fn(i64) -> bool,
    counted: &mut dyn FnMut(&Value, i64),
) -> Result<(), StoreError> {
    let mut changed: Vec<(Value, i64, Vec<u16>)> = Vec::new();
    let mut statement = conn.prepare(&format!("SELECT {column},block,rids FROM {table}"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (key, block): (Value, i64) = (row.get(0)?, row.get(1)?);
        let (mut all, mut places) = (0_usize, Vec::new());
        postings::each(row.get_ref(2)?.as_blob().map_err(|_| StoreError::Corrupt)?, |place| {
            all += 1;
            if stays(block << postings::BLOCK_BITS | i64::from(place)) {
                places.push(place);
            }
        })?;
        counted(&key, places.len() as i64);
        if places.len() < all {
            changed.push((key, block, places));
        }
    }
    for (key, block, places) in changed {
        if places.is_empty() {
            conn.prepare_cached(&format!("DELETE FROM {table} WHERE {column}=?1 AND block=?2"))?
                .execute((key, block))?;
        } else {
            conn.prepare_cached(&format!("UPDATE {table} SET rids=?3 WHERE {column}=?1 AND block=?2"))?.execute((
                key,
                block,
                postings::encode(&places),
            ))?;
        }
    }
    Ok(())
}

/// Makes the vocabulary say what the postings do, and the postings hold nothing that it does not know.
fn count_bearers(conn: &Connection, bearers: &BTreeMap<i64, i64>) -> Result<(), StoreError> {
    let mut wrong: Vec<(i64, i64)> = Vec::new();
    let mut known = BTreeSet::new();
    let mut statement = conn.prepare("SELECT tid,bearers FROM vocab")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (tid, said): (i64, i64) = (row.get(0)?, row.get(1)?);
        known.insert(tid);
        let counted = bearers.get(&tid).copied().unwrap_or(0);
        if counted != said || counted == 0 {
            wrong.push((tid, counted));
        }
    }
    for (tid, counted) in wrong {
        if counted == 0 {
            conn.prepare_cached("DELETE FROM vocab WHERE tid=?1")?.execute([tid])?;
        } else {
            conn.prepare_cached("UPDATE vocab SET bearers=?2 WHERE tid=?1")?.execute((tid, counted))?;
        }
    }
    for tid in bearers.keys().filter(|t| !known.contains(t)) {
        conn.prepare_cached("DELETE FROM posting WHERE tid=?1")?.execute([tid])?;
    }
    Ok(())
}

/// Makes one table hold the keys of the rows.
fn mend_table(conn: &Connection, table: &'static str) -> Result<u64, StoreError> {
    let mut right: Vec<(String, i64)> = Vec::new();
    each_row(conn, i64::MIN, usize::MAX, &mut |rid, _, row| {
        let record = from_canonical(row).map_err(|_| StoreError::Corrupt)?;
        let keys = KeySet::of(Some(&record)).text.into_iter().filter(|(of, _)| *of == table);
        right.extend(keys.map(|(_, key)| (key, rid)));
        Ok(())
    })?;
    right.sort_unstable();
    let mut wrong: Vec<(Value, i64)> = Vec::new();
    let mut there = vec![false; right.len()];
    let mut statement = conn.prepare(&format!("SELECT key,rid FROM {table}"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let rid: i64 = row.get(1)?;
        let at = row.get_ref(0)?.as_str().ok();
        let at = at.and_then(|key| right.binary_search_by(|(k, r)| k.as_str().cmp(key).then(r.cmp(&rid))).ok());
        match at {
            Some(at) => there[at] = true,
            None => wrong.push((row.get(0)?, rid)),
        }
    }
    let mut changed = wrong.len() as u64;
    for entry in wrong {
        conn.prepare_cached(&format!("DELETE FROM {table} WHERE key=?1 AND rid=?2"))?.execute(entry)?;
    }
    for (entry, _) in right.into_iter().zip(there).filter(|(_, there)| !there) {
        conn.prepare_cached(&format!("INSERT INTO {table}(key,rid) VALUES(?1,?2)"))?.execute(entry)?;
        changed += 1;
    }
    Ok(changed)
}
