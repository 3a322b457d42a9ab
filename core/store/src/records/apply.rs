//! Deltas onto a file that is being read: one transaction, by id, proven before it commits.
//!
//! Several deltas may come as one stream, so a record may change more than once in it. What happens to each is put
//! together in RAM first: a patch onto a record that has just come gives a record, a patch onto a patch one patch. A
//! patch or deletion names its row by the first bytes of the id. They must be enough: a name that fits two rows, or a
//! patch whose row is not there, says that what is held is not what the hub thinks, like a digest that differs.

use super::entries::Entries;
use super::{Checkpoint, Compartment};
use crate::StoreError;
use crate::persons::index::Index;
use crate::pool::{self, Stamp};
use beatcheck_model::{Record, RecordId, RecordKind};
use beatcheck_wire::WireError;
use beatcheck_wire::batch::{Change, Op};
use beatcheck_wire::digest::{RowDigest, canonical, from_canonical};
use beatcheck_wire::patch::Patch;
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Ids reported of one delta, at most.
pub const TOUCHED_MAX: usize = 100_000;
/// Changes of one delta, at most: what is larger is built as a new generation.
pub const APPLY_MAX: usize = 500_000;

/// What a delta did to the stored rows. A change to what is stored already counts nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Rows that were not there before.
    pub inserted: u64,
    /// Rows that were replaced.
    pub updated: u64,
    /// Rows that were removed.
    pub deleted: u64,
    /// Which, sorted; the first [`TOUCHED_MAX`].
    pub touched: Vec<RecordId>,
}

pub(super) fn apply(
    held_in: &Compartment,
    from: u64,
    changes: &mut dyn Iterator<Item = Result<Change, StoreError>>,
    expect: &Checkpoint,
) -> Result<Applied, StoreError> {
    // Drawn before the lock is taken: drawing may mean decrypting.
    let mut drawn = Vec::new();
    for change in changes {
        if drawn.len() == APPLY_MAX {
            return Err(WireError::OverLimit("number of changes in a delta").into());
        }
        drawn.push(change?);
    }
    let mut reached = None;
    let result = held_in.write(|tx| {
        let held = pool::checkpoint(tx)?;
        if held.watermark < from {
            return Err(StoreError::WrongBase { held: held.watermark, from });
        }
        if expect.watermark < held.watermark {
            return Err(StoreError::WrongBase { held: held.watermark, from: expect.watermark });
        }
        let mut net = Net::default();
        for change in drawn.drain(..).filter(|c| c.seq > held.watermark) {
            net.take(tx, change)?;
        }
        let repairs = pool::repairs(tx)?;
        let (was, will) = (held.stamp(repairs), expect.stamp(repairs));
        let state = pool::meta(tx, "digest")?.ok_or(StoreError::Corrupt)?;
        let mut delta = Delta {
            conn: tx,
            entries: Entries { conn: tx, added: Vec::new() },
            kind: held_in.kind,
            digest: RowDigest::from_bytes(&state).map_err(|_| StoreError::Corrupt)?,
            out: Applied::default(),
        };
        for (id, (_, op)) in net.0 {
            delta.change(id, op)?;
        }
        let rows = (held.rows + delta.out.inserted).checked_sub(delta.out.deleted).ok_or(StoreError::Corrupt)?;
        if delta.digest.finish() != expect.digest || rows != expect.rows {
            return Err(StoreError::DigestMismatch);
        }
        reached = Some(will);
        pool::set_meta(tx, "digest", &delta.digest.to_bytes())?;
        expect.write(tx)?;
        if held_in.has_index() {
            // While the old one still answers: no check is to load it (rule 10).
            held_in.keep(Index::load(tx, will)?)?;
        }
        // Before the commit: whoever sees the new state must find its keys in the filter.
        if let Ok(mut filter) = held_in.filter.write()
            && !filter.as_mut().is_some_and(|f| f.add(&was, will, &delta.entries.added))
        {
            *filter = None;
        }
        Ok(delta.out)
    });
    match (&result, reached) {
        (Ok(_), Some(now)) => settle(held_in, now),
        // Its rids were never committed: another process may reach the same state with others.
        (Err(_), Some(never)) => held_in.forget_index(never),
        (_, None) => {}
    }
    result
}

/// After the commit: what stands in RAM now covers the new state.
fn settle(held_in: &Compartment, now: Stamp) {
    if let Ok(mut filter) = held_in.filter.write()
        && let Some(f) = filter.as_mut()
    {
        f.advance(now);
    }
    held_in.settle_index(now);
}

/// What a stream does to each record in the end, by id; and the sequence of the last change.
#[derive(Default)]
struct Net(BTreeMap<RecordId, (u64, Op)>);

impl Net {
    fn take(&mut self, conn: &Connection, change: Change) -> Result<(), StoreError> {
        let Some(id) = self.named(conn, &change)? else { return Ok(()) };
        match self.0.entry(id) {
            Entry::Vacant(v) => drop(v.insert((change.seq, change.op))),
            Entry::Occupied(o) if o.get().0 > change.seq => {}
            Entry::Occupied(o) => {
                let (seq, op) = o.into_mut();
                *seq = change.seq;
                match (&mut *op, change.op) {
                    (Op::Upsert(record), Op::Patch(later)) => later.apply(record)?,
                    (Op::Patch(patch), Op::Patch(later)) => patch.absorb(&later),
                    (Op::Delete { .. }, Op::Patch(_)) => return Err(StoreError::DigestMismatch),
                    (op, later) => *op = later,
                }
            }
        }
        Ok(())
    }

    /// The one record that a change is about; none if it deletes what is gone, or patches what a later change deleted.
    fn named(&self, conn: &Connection, change: &Change) -> Result<Option<RecordId>, StoreError> {
        if let Op::Upsert(record) = &change.op {
            return Ok(Some(record.id));
        }
        let (first, last) = change.op.row().range();
        let mut found = None;
        let mut gone_later = false;
        for (id, (seq, op)) in self.0.range(first..=last) {
            match op {
                Op::Delete { .. } => gone_later |= *seq > change.seq,
                _ if found.is_some() => return Err(StoreError::DigestMismatch),
                _ => found = Some(*id),
            }
        }
        let mut statement = conn.prepare_cached("SELECT id FROM rec WHERE id BETWEEN ?1 AND ?2")?;
        let mut rows = statement.query((&first.0[..], &last.0[..]))?;
        while let Some(row) = rows.next()? {
            let id = RecordId(row.get(0)?);
            match found {
                _ if self.0.contains_key(&id) => {}
                Some(_) => return Err(StoreError::DigestMismatch),
                None => found = Some(id),
            }
        }
        match (found, &change.op) {
            (None, Op::Patch(_)) if !gone_later => Err(StoreError::DigestMismatch),
            (found, _) => Ok(found),
        }
    }
}

struct Delta<'c> {
    conn: &'c Connection,
    entries: Entries<'c>,
    kind: RecordKind,
    digest: RowDigest,
    out: Applied,
}

impl Delta<'_> {
    fn change(&mut self, id: RecordId, op: Op) -> Result<(), StoreError> {
        let old: Option<(i64, Vec<u8>)> = self
            .conn
            .prepare_cached("SELECT rid,row FROM rec WHERE id=?1")?
            .query_row([&id.0[..]], |r| Ok((r.get(0)?, r.get(1)?)))
            .optional()?;
        let changed = match (old, op) {
            (None, Op::Delete { .. }) => false,
            // It was there when it was named.
            (None, Op::Patch(_)) => return Err(StoreError::Corrupt),
            (Some((rid, row)), Op::Delete { .. }) => {
                self.digest.remove(&row);
                self.entries.reindex(rid, Some(&held(&row)?), None)?;
                self.conn.prepare_cached("DELETE FROM rec WHERE rid=?1")?.execute([rid])?;
                self.out.deleted += 1;
                true
            }
            (None, Op::Upsert(record)) => {
                let row = self.canonical(&record)?;
                self.conn.prepare_cached("INSERT INTO rec(id,row) VALUES(?1,?2)")?.execute((&id.0[..], &row))?;
                self.entries.reindex(self.conn.last_insert_rowid(), None, Some(&record))?;
                self.digest.add(&row);
                self.out.inserted += 1;
                true
            }
            (Some((rid, old)), Op::Upsert(record)) => self.replace(rid, &old, &held(&old)?, &record)?,
            (Some((rid, old)), Op::Patch(patch)) => {
                let before = held(&old)?;
                let after = patched(&patch, before.clone())?;
                self.replace(rid, &old, &before, &after)?
            }
        };
        if changed && self.out.touched.len() < TOUCHED_MAX {
            self.out.touched.push(id);
        }
        Ok(())
    }

    /// Writes the new form of a row; false if it is the one that is there.
    fn replace(&mut self, rid: i64, old: &[u8], before: &Record, after: &Record) -> Result<bool, StoreError> {
        let row = self.canonical(after)?;
        if row == old {
            return Ok(false);
        }
        self.digest.remove(old);
        self.digest.add(&row);
        self.entries.reindex(rid, Some(before), Some(after))?;
        self.conn.prepare_cached("UPDATE rec SET row=?2 WHERE rid=?1")?.execute((rid, &row))?;
        self.out.updated += 1;
        Ok(true)
    }

    fn canonical(&self, record: &Record) -> Result<Vec<u8>, StoreError> {
        if record.body.kind() != self.kind {
            return Err(WireError::Malformed("kind of a record").into());
        }
        Ok(canonical(record)?)
    }
}

fn held(row: &[u8]) -> Result<Record, StoreError> {
    from_canonical(row).map_err(|_| StoreError::Corrupt)
}

/// The record with a patch on it. One that does not take it is not the record it was found as.
pub(super) fn patched(patch: &Patch, mut record: Record) -> Result<Record, StoreError> {
    patch.apply(&mut record).map_err(|_| StoreError::DigestMismatch)?;
    Ok(record)
}
