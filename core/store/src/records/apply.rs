//! A delta onto a file that is being read: one transaction, by id, proven before it commits.

use super::births::{self, Birth};
use super::keys::{Keys, LookKey, Token, keys_of};
use super::{Checkpoint, Compartment, looks, postings};
use crate::filter::{self, Class};
use crate::persons::index::Index;
use crate::{StoreError, pool};
use beatcheck_model::{Record, RecordId, RecordKind};
use beatcheck_wire::WireError;
use beatcheck_wire::batch::{Change, Op};
use beatcheck_wire::digest::{RowDigest, canonical, from_canonical};
use rusqlite::{Connection, OptionalExtension, ToSql};
use std::collections::BTreeMap;

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
    let result = held_in.write(|tx| {
        let held = pool::checkpoint(tx)?;
        if held.watermark < from {
            return Err(StoreError::WrongBase { held: held.watermark, from });
        }
        if expect.watermark < held.watermark {
            return Err(StoreError::WrongBase { held: held.watermark, from: expect.watermark });
        }
        let mut last: BTreeMap<RecordId, Change> = BTreeMap::new();
        for change in drawn.drain(..).filter(|c| c.seq > held.watermark) {
            match last.get(&change.op.id()) {
                Some(seen) if seen.seq > change.seq => {}
                _ => {
                    last.insert(change.op.id(), change);
                }
            }
        }
        let state = pool::meta(tx, "digest")?.ok_or(StoreError::Corrupt)?;
        let mut delta = Delta {
            conn: tx,
            kind: held_in.kind,
            digest: RowDigest::from_bytes(&state).map_err(|_| StoreError::Corrupt)?,
            out: Applied::default(),
            new_keys: Vec::new(),
        };
        for (id, change) in last {
            delta.change(id, change.op)?;
        }
        let rows = (held.rows + delta.out.inserted).checked_sub(delta.out.deleted).ok_or(StoreError::Corrupt)?;
        if delta.digest.finish() != expect.digest || rows != expect.rows {
            return Err(StoreError::DigestMismatch);
        }
        pool::set_meta(tx, "digest", &delta.digest.to_bytes())?;
        expect.write(tx)?;
        if held_in.has_index() {
            // While the old one still answers: no check is to load it (rule 10).
            held_in.keep(Index::load(tx, expect.stamp())?)?;
        }
        // Before the commit: whoever sees the new state must find its keys in the filter.
        if let Ok(mut filter) = held_in.filter.write()
            && !filter.as_mut().is_some_and(|f| f.add(&held.stamp(), expect.stamp(), &delta.new_keys))
        {
            *filter = None;
        }
        Ok(delta.out)
    });
    match &result {
        Ok(_) => settle(held_in, expect),
        // Its rids were never committed: another process may reach the same state with others.
        Err(_) => held_in.forget_index(expect.stamp()),
    }
    result
}

/// After the commit: what stands in RAM now covers the new state.
fn settle(held_in: &Compartment, expect: &Checkpoint) {
    if let Ok(mut filter) = held_in.filter.write()
        && let Some(f) = filter.as_mut()
    {
        f.advance(expect.stamp());
    }
    held_in.settle_index(expect.stamp());
}

struct Delta<'c> {
    conn: &'c Connection,
    kind: RecordKind,
    digest: RowDigest,
    out: Applied,
    new_keys: Vec<u64>,
}

impl Delta<'_> {
    fn change(&mut self, id: RecordId, op: Op) -> Result<(), StoreError> {
        let old: Option<(i64, Vec<u8>)> = self
            .conn
            .prepare_cached("SELECT rid,row FROM rec WHERE id=?1")?
            .query_row([&id.0[..]], |r| Ok((r.get(0)?, r.get(1)?)))
            .optional()?;
        match (old, op) {
            (None, Op::Delete { .. }) => return Ok(()),
            (Some((rid, row)), Op::Delete { .. }) => {
                self.digest.remove(&row);
                self.reindex(rid, Some(&from_canonical(&row).map_err(|_| StoreError::Corrupt)?), None)?;
                self.conn.prepare_cached("DELETE FROM rec WHERE rid=?1")?.execute([rid])?;
                self.out.deleted += 1;
            }
            (None, Op::Upsert(record)) => {
                let row = self.canonical(&record)?;
                self.conn.prepare_cached("INSERT INTO rec(id,row) VALUES(?1,?2)")?.execute((&id.0[..], &row))?;
                self.reindex(self.conn.last_insert_rowid(), None, Some(&record))?;
                self.digest.add(&row);
                self.out.inserted += 1;
            }
            (Some((rid, old)), Op::Upsert(record)) => {
                let row = self.canonical(&record)?;
                if row == old {
                    return Ok(());
                }
                self.digest.remove(&old);
                self.digest.add(&row);
                self.reindex(rid, Some(&from_canonical(&old).map_err(|_| StoreError::Corrupt)?), Some(&record))?;
                self.conn.prepare_cached("UPDATE rec SET row=?2 WHERE rid=?1")?.execute((rid, &row))?;
                self.out.updated += 1;
            }
        }
        if self.out.touched.len() < TOUCHED_MAX {
            self.out.touched.push(id);
        }
        Ok(())
    }

    fn canonical(&self, record: &Record) -> Result<Vec<u8>, StoreError> {
        if record.body.kind() != self.kind {
            return Err(WireError::Malformed("kind of a record").into());
        }
        Ok(canonical(record)?)
    }

    /// Takes away the keys that only the old form has and adds those that only the new one has.
    fn reindex(&mut self, rid: i64, old: Option<&Record>, new: Option<&Record>) -> Result<(), StoreError> {
        let (old, new) = (KeySet::of(old), KeySet::of(new));
        for (table, key) in old.text.iter().filter(|k| !new.text.contains(k)) {
            self.conn.prepare_cached(&format!("DELETE FROM {table} WHERE key=?1 AND rid=?2"))?.execute((key, rid))?;
        }
        for (table, key) in new.text.iter().filter(|k| !old.text.contains(k)) {
            self.conn.prepare_cached(&format!("INSERT INTO {table}(key,rid) VALUES(?1,?2)"))?.execute((key, rid))?;
            self.new_keys.extend(Class::of_table(table).map(|class| filter::hash(class, key)));
        }
        if old.birth != new.birth {
            births::set(self.conn, rid, &new.birth)?;
        }
        if old.look != new.look {
            looks::set(self.conn, rid, &new.look)?;
        }
        for key in old.places.iter().filter(|k| !new.places.contains(k)) {
            self.edit_block(PLACE, key, rid, false)?;
        }
        for key in new.places.iter().filter(|k| !old.places.contains(k)) {
            self.edit_block(PLACE, key, rid, true)?;
        }
        for token in old.tokens.iter().filter(|t| !new.tokens.contains(t)) {
            self.forget(token, rid)?;
        }
        for token in new.tokens.iter().filter(|t| !old.tokens.contains(t)) {
            self.learn(token, rid)?;
        }
        Ok(())
    }

    fn learn(&self, (role, token): &Token, rid: i64) -> Result<(), StoreError> {
        let tid: i64 = self
            .conn
            .prepare_cached(
                "INSERT INTO vocab(token,role,phonetic,bearers) VALUES(?1,?2,?3,1)
                 ON CONFLICT(token,role) DO UPDATE SET bearers=bearers+1 RETURNING tid",
            )?
            .query_row((token, *role as u8, beatcheck_search::phonetic_key(token)), |r| r.get(0))?;
        self.edit_block(POSTING, &tid, rid, true)
    }

    fn forget(&self, (role, token): &Token, rid: i64) -> Result<(), StoreError> {
        let (tid, bearers): (i64, i64) = self
            .conn
            .prepare_cached("UPDATE vocab SET bearers=bearers-1 WHERE token=?1 AND role=?2 RETURNING tid,bearers")?
            .query_row((token, *role as u8), |r| Ok((r.get(0)?, r.get(1)?)))?;
        self.edit_block(POSTING, &tid, rid, false)?;
        if bearers <= 0 {
            self.conn.prepare_cached("DELETE FROM vocab WHERE tid=?1")?.execute([tid])?;
        }
        Ok(())
    }

    /// Adds a rid to the block of a key, or takes it away; `table` holds blocks by `column`.
    fn edit_block(
        &self,
        (table, column): (&str, &str),
        key: &dyn ToSql,
        rid: i64,
        present: bool,
    ) -> Result<(), StoreError> {
        let block = postings::block_of(rid);
        let old: Option<Vec<u8>> = self
            .conn
            .prepare_cached(&format!("SELECT rids FROM {table} WHERE {column}=?1 AND block=?2"))?
            .query_row((key, block), |r| r.get(0))
            .optional()?;
        match postings::edit(old.as_deref().unwrap_or_default(), postings::place_of(rid), present)? {
            Some(bytes) => self
                .conn
                .prepare_cached(&format!("INSERT OR REPLACE INTO {table}({column},block,rids) VALUES(?1,?2,?3)"))?
                .execute((key, block, bytes))?,
            None => self
                .conn
                .prepare_cached(&format!("DELETE FROM {table} WHERE {column}=?1 AND block=?2"))?
                .execute((key, block))?,
        };
        Ok(())
    }
}

/// Tables of posting blocks, each with the column of its keys.
const PLACE: (&str, &str) = ("place", "key");
const POSTING: (&str, &str) = ("posting", "tid");

/// Keys by table; empty for a record that is not there.
#[derive(Default)]
struct KeySet {
    text: Vec<(&'static str, String)>,
    birth: Birth,
    look: LookKey,
    places: Vec<String>,
    tokens: Vec<Token>,
}

impl KeySet {
    fn of(record: Option<&Record>) -> Self {
        match record.map(keys_of) {
            None | Some(Keys::Variant) => Self::default(),
            Some(Keys::Vehicle { vrm, folded, vin, vin_tail, look, links }) => Self {
                text: [("vrm", vrm), ("folded", folded), ("vin", vin), ("vin_tail", vin_tail)]
                    .into_iter()
                    .filter_map(|(table, key)| Some((table, key?)))
                    .chain(links.into_iter().map(|l| ("link", l)))
                    .collect(),
                look,
                ..Self::default()
            },
            Some(Keys::Person { tokens, birth, idents, places, links }) => Self {
                text: idents.into_iter().map(|i| ("ident", i)).chain(links.into_iter().map(|l| ("link", l))).collect(),
                birth,
                places,
                tokens,
                look: LookKey::default(),
            },
        }
    }
}
