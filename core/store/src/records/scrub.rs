//! A slow look over everything stored, in slices: is each row what the manifest promises, and is it found by its keys?
//!
//! Pages are authenticated, so damage from outside shows when one is read. What is looked for here is what this program,
//! or another with the key, did wrong: a row altered, lost or too many, or a key that leads to another row or to none.
//!
//! No slice holds a read transaction when it ends, or a delta's pages could not be put back into the file for as long as
//! a scrub lasts. The price is that the state may move between two slices; then it begins again.
//!
//! Keys are compared as multisets: the wrapping sum of a hash of each (table, key, rid), once as the rows say and once as
//! the tables hold them. That covers marks, VINs, identifiers and links. The words, addresses and dates by which persons
//! are found, and what vehicles look like, lie in packed blocks and are *not* compared; a repair rebuilds them for the
//! rows that it touches.

use super::Compartment;
use super::entries::{KeySet, tables};
use crate::pool::{self, Read, Stamp};
use crate::records::Checkpoint;
use crate::{StoreError, db};
use beatcheck_model::RecordId;
use beatcheck_wire::digest::{RowDigest, from_canonical};
use beatcheck_wire::ranges::RangeSums;
use rusqlite::Connection;
use rusqlite::types::{Value, ValueRef};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Where a scrub stands. It lives in RAM: a process that ends begins anew.
#[derive(Debug, Default)]
pub struct Scrub {
    /// The state that is being looked over.
    stamp: Option<Stamp>,
    stage: Stage,
    digest: Digest,
    sums: RangeSums,
    rows: u64,
    /// A row did not decode, or is stored under another id than its own.
    unsound: bool,
    /// Hashes of the keys of rows, less those of the key tables.
    keys: u64,
    restarts: u64,
}

/// Apart for its `Debug`.
#[derive(Default)]
struct Digest(RowDigest);

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RowDigest")
    }
}

#[derive(Debug, PartialEq)]
enum Stage {
    /// Rows after this rid.
    Rows(i64),
    /// Entries of the table with this number, after this one.
    Table(usize, Option<(Value, i64)>),
}

impl Default for Stage {
    fn default() -> Self {
        Self::Rows(i64::MIN)
    }
}

/// What a slice came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScrubStep {
    /// There is more to read.
    More,
    /// All was read.
    Done(ScrubResult),
}

/// What a scrub found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScrubResult {
    /// Whether the rows are those of the checkpoint: their digest and number, each under its own id; and whether the
    /// digest that is kept for the next delta is theirs. If not, [`Scrub::sums`] says where, and
    /// [`Compartment::repair`] mends it (with no ranges, if no sum differs).
    pub whole: bool,
    /// Rows that are there.
    pub rows: u64,
    /// Whether the tables of exact keys hold what the rows say. If only that is wrong, [`Compartment::mend_keys`] mends it.
    pub keys_agree: bool,
}

impl Scrub {
    /// The sums of the rows by range of ids, once the scrub is done.
    #[must_use]
    pub fn sums(&self) -> &RangeSums {
        &self.sums
    }

    /// Rows read of this state so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How often it began again because the state had moved.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.restarts
    }
}

impl Compartment {
    /// Looks over at most `max_rows` more rows or keys. Begin with `Scrub::default()` and go on until
    /// [`ScrubStep::Done`]; a call after that begins anew. If the state moved since the last call, this one begins again.
    /// Each call reads some hundred thousand rows a second and holds no transaction when it returns.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for a page that does not authenticate or a file that is not ours: rebuild it;
    /// [`StoreError::Sqlite`].
    pub fn scrub_slice(&self, cursor: &mut Scrub, max_rows: usize) -> Result<ScrubStep, StoreError> {
        self.slice(&mut self.read()?, cursor, max_rows)
    }

    /// Looks over everything, in one read transaction. Takes seconds for a million rows.
    ///
    /// # Errors
    /// As [`Compartment::scrub_slice`].
    pub fn scrub(&self) -> Result<ScrubResult, StoreError> {
        let mut read = self.read()?;
        let mut cursor = Scrub::default();
        // One state: each of these ends a stage.
        loop {
            if let ScrubStep::Done(result) = self.slice(&mut read, &mut cursor, usize::MAX)? {
                return Ok(result);
            }
        }
    }

    /// What is held, and the sums of its rows by range of ids: to be compared with the hub's. Reads every row.
    ///
    /// # Errors
    /// As [`Compartment::scrub_slice`].
    pub fn range_sums(&self) -> Result<(Checkpoint, RangeSums), StoreError> {
        let read = self.read()?;
        let mut sums = RangeSums::default();
        each_row(read.conn()?, i64::MIN, usize::MAX, &mut |_, id, row| {
            sums.add(&id, row);
            Ok(())
        })?;
        Ok((pool::checkpoint(read.conn()?)?, sums))
    }

    fn slice(&self, read: &mut Read<'_>, cursor: &mut Scrub, max_rows: usize) -> Result<ScrubStep, StoreError> {
        let max_rows = max_rows.max(1);
        let stamp = read.stamp()?;
        if cursor.stamp != Some(stamp) {
            let restarts = cursor.restarts + u64::from(cursor.stamp.is_some());
            *cursor = Scrub { stamp: Some(stamp), restarts, ..Scrub::default() };
        }
        let conn = read.conn()?;
        let done = match std::mem::take(&mut cursor.stage) {
            Stage::Rows(after) => {
                let mut last = after;
                let n = each_row(conn, after, max_rows, &mut |rid, id, row| {
                    last = rid;
                    cursor.row(rid, &id, row);
                    Ok(())
                })?;
                cursor.stage = if n < max_rows { Stage::Table(0, None) } else { Stage::Rows(last) };
                false
            }
            Stage::Table(number, after) => match tables(self.kind).get(number) {
                None => true,
                Some(table) => {
                    let (n, last) = cursor.entries(conn, table, after, max_rows)?;
                    cursor.stage =
                        if n < max_rows { Stage::Table(number + 1, None) } else { Stage::Table(number, last) };
                    false
                }
            },
        };
        if !done {
            return Ok(ScrubStep::More);
        }
        cursor.stamp = None;
        let held = pool::checkpoint(conn)?;
        let kept = pool::meta(conn, "digest")?.ok_or(StoreError::Corrupt)? == cursor.digest.0.to_bytes();
        Ok(ScrubStep::Done(ScrubResult {
            whole: kept && !cursor.unsound && cursor.rows == held.rows && cursor.digest.0.finish() == held.digest,
            rows: cursor.rows,
            keys_agree: cursor.keys == 0,
        }))
    }
}

impl Scrub {
    fn row(&mut self, rid: i64, id: &RecordId, row: &[u8]) {
        self.rows += 1;
        self.digest.0.add(row);
        self.sums.add(id, row);
        match from_canonical(row) {
            Ok(record) => {
                self.unsound |= record.id != *id;
                for (table, key) in KeySet::of(Some(&record)).text {
                    self.keys = self.keys.wrapping_add(hash(table, &ValueRef::Text(key.as_bytes()), rid));
                }
            }
            Err(_) => self.unsound = true,
        }
    }

    /// Takes off what a table holds: how many entries were read, and the last.
    #[expect(clippy::type_complexity)]
    fn entries(
        &mut self,
        conn: &Connection,
        table: &str,
        after: Option<(Value, i64)>,
        most: usize,
    ) -> Result<(usize, Option<(Value, i64)>), StoreError> {
        let mut take = |statement: &mut rusqlite::Statement<'_>, from: &[&dyn rusqlite::ToSql]| {
            let (mut n, mut last) = (0, None);
            let mut rows = statement.query(from)?;
            while let Some(row) = rows.next()? {
                n += 1;
                let (key, rid) = (row.get_ref(0)?, row.get(1)?);
                self.keys = self.keys.wrapping_sub(hash(table, &key, rid));
                if n == most {
                    last = Some((row.get(0)?, rid));
                }
            }
            Ok::<_, StoreError>((n, last))
        };
        let most = db::int(most as u64);
        match after {
            None => {
                let sql = format!("SELECT key,rid FROM {table} ORDER BY key,rid LIMIT ?1");
                take(&mut *conn.prepare_cached(&sql)?, &[&most])
            }
            Some((key, rid)) => {
                let sql = format!("SELECT key,rid FROM {table} WHERE (key,rid)>(?1,?2) ORDER BY key,rid LIMIT ?3");
                take(&mut *conn.prepare_cached(&sql)?, &[&key, &rid, &most])
            }
        }
    }
}

/// Hands at most `most` rows after a rid to `f`: rid, id as stored, canonical bytes. An id of a wrong length is padded or
/// cut: it is nobody's. How many there were.
pub(super) fn each_row(
    conn: &Connection,
    after: i64,
    most: usize,
    f: &mut dyn FnMut(i64, RecordId, &[u8]) -> Result<(), StoreError>,
) -> Result<usize, StoreError> {
    let mut statement = conn.prepare_cached("SELECT rid,id,row FROM rec WHERE rid>?1 ORDER BY rid LIMIT ?2")?;
    let mut rows = statement.query((after, db::int(most as u64)))?;
    let mut n = 0;
    while let Some(row) = rows.next()? {
        let mut id = [0; 16];
        let stored = row.get_ref(1)?.as_bytes().map_err(|_| StoreError::Corrupt)?;
        id.iter_mut().zip(stored).for_each(|(to, from)| *to = *from);
        f(row.get(0)?, RecordId(id), row.get_ref(2)?.as_bytes().map_err(|_| StoreError::Corrupt)?)?;
        n += 1;
    }
    Ok(n)
}

/// Good within one process only, as the cursor is.
fn hash(table: &str, key: &ValueRef<'_>, rid: i64) -> u64 {
    let mut h = DefaultHasher::new();
    let (of_text, bytes) = match key {
        ValueRef::Text(bytes) => (true, *bytes),
        ValueRef::Blob(bytes) => (false, *bytes),
        _ => (false, &[][..]),
    };
    (table, of_text, bytes, rid).hash(&mut h);
    h.finish()
}
