//! One compartment's file: built whole from a snapshot, moved forward by deltas, read by many.
//!
//! What is stored is proven, not believed: a digest over the stored rows is kept beside them and must equal the
//! manifest's before a checkpoint is written, in the same transaction as the rows. A file without a checkpoint is
//! half-built and does not open.

mod apply;
pub(crate) mod births;
mod build;
mod entries;
pub(crate) mod keys;
pub(crate) mod looks;
pub(crate) mod postings;
mod repair;
mod scrub;

pub use apply::{APPLY_MAX, Applied, TOUCHED_MAX};
pub use scrub::{Scrub, ScrubResult, ScrubStep};

use crate::filter::Filter;
use crate::marks::Marks;
use crate::persons::index::Index;
use crate::pool::{self, Pool, Read, Stamp};
use crate::records::looks::Looks;
use crate::variants::Variants;
use crate::{Key, StoreError, db, files};
use beatcheck_model::{Record, RecordId, RecordKind};
use beatcheck_wire::Hash32;
use beatcheck_wire::batch::Change;
use beatcheck_wire::digest;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// `user_version` of a records file. Another version is rebuilt, not migrated: all of it can be fetched again.
const SCHEMA: u32 = 3;
/// Records of one compartment that link to one, at most.
pub(crate) const LINKED_MAX: usize = 50;
/// Indexes kept at once: of the state that checks read, and of the one about to be committed.
const INDEXES_MAX: usize = 2;

/// What a compartment's file holds, durably: the numbers of the manifest it was proven against.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Highest hub sequence applied.
    pub watermark: u64,
    /// Version of the manifest.
    pub manifest_version: u64,
    /// Digest of the stored rows.
    pub digest: Hash32,
    /// Number of stored rows.
    pub rows: u64,
    /// Of these, the rows that cannot be found by their mark, as the manifest says.
    pub unsearchable: u64,
}

impl Checkpoint {
    pub(crate) fn stamp(&self, repairs: u64) -> Stamp {
        (self.watermark, self.digest, repairs)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        postcard::from_bytes(bytes).map_err(|_| StoreError::Corrupt)
    }

    fn write(&self, conn: &Connection) -> Result<(), StoreError> {
        let bytes = postcard::to_stdvec(self).map_err(|_| StoreError::Corrupt)?;
        pool::set_meta(conn, "checkpoint", &bytes)
    }
}

/// Something read from a file whole, and the state of the file that it is good for.
struct Kept<T>(RwLock<Option<(Stamp, Arc<T>)>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(RwLock::new(None))
    }
}

impl<T> Kept<T> {
    /// That of the state that `read` sees, loaded if need be.
    fn of(&self, read: &mut Read<'_>, load: fn(&Connection) -> Result<T, StoreError>) -> Result<Arc<T>, StoreError> {
        let stamp = read.stamp()?;
        let kept = self.0.read().map_err(|_| StoreError::Closed)?.clone();
        if let Some((_, kept)) = kept.filter(|(of, _)| *of == stamp) {
            return Ok(kept);
        }
        let loaded = Arc::new(load(read.conn()?)?);
        *self.0.write().map_err(|_| StoreError::Closed)? = Some((stamp, loaded.clone()));
        Ok(loaded)
    }

    fn forget(&self) {
        if let Ok(mut kept) = self.0.write() {
            *kept = None;
        }
    }
}

/// An open compartment. Shared between threads: any number of readers, one writer, neither waits for the other.
///
/// Reading records goes through [`crate::Shelf`], which asks for a permit.
pub struct Compartment {
    kind: RecordKind,
    pool: Pool,
    writer: Mutex<Option<Connection>>,
    filter: RwLock<Option<Filter>>,
    marks: Kept<Marks>,
    looks: Kept<Looks>,
    variants: Kept<Variants>,
    /// Of the last states, newest last: the one before still answers while a delta commits.
    indexes: RwLock<Vec<Arc<Index>>>,
}

impl std::fmt::Debug for Compartment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compartment").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Compartment {
    /// Opens a file that [`Compartment::build`] finished.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for a wrong key, a half-built file, another schema or another kind of record;
    /// [`StoreError::Io`] if there is no file.
    pub fn open(path: &Path, key: &Key, kind: RecordKind) -> Result<Self, StoreError> {
        crate::assert_sqlite_version()?;
        let pool = Pool::open(path, key)?;
        let mut read = pool.read()?;
        let conn = read.conn()?;
        let version: u32 = conn.pragma_query_value(None, "user_version", |r| r.get(0))?;
        if version != SCHEMA || pool::meta(conn, "kind")?.as_deref() != Some(kind.as_str().as_bytes()) {
            return Err(StoreError::Corrupt);
        }
        read.stamp()?;
        drop(read);
        Ok(Self {
            kind,
            pool,
            writer: Mutex::new(None),
            filter: RwLock::new(None),
            marks: Kept::default(),
            looks: Kept::default(),
            variants: Kept::default(),
            indexes: RwLock::default(),
        })
    }

    /// Builds a new generation from a snapshot and, if they follow in the same stream, the deltas since.
    ///
    /// `path` must belong to nobody: what is there is removed. A later change to a record replaces an earlier one, a
    /// patch changes it, and a deletion takes it away. `progress` hears the number of changes read, now and then, and again while
    /// the indexes are written; with `false` it calls all off. Uses memory in proportion to the number of rows (some 150 B for each), not to their size.
    ///
    /// # Errors
    /// [`StoreError::DigestMismatch`] if the rows are not those of `expect`, or a patch or deletion does not name one row;
    /// [`StoreError::CalledOff`] if `progress` said so; the stream's own error, or a failed write. The file is then gone.
    pub fn build(
        path: &Path,
        key: &Key,
        kind: RecordKind,
        changes: &mut dyn Iterator<Item = Result<Change, StoreError>>,
        expect: &Checkpoint,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Self, StoreError> {
        crate::assert_sqlite_version()?;
        files::shred_file(path)?;
        let built = build::build(path, key, kind, changes, expect, progress).and_then(|()| Self::open(path, key, kind));
        if built.is_err() {
            let _ = files::shred_file(path);
        }
        built
    }

    /// Applies a delta in one transaction, sorted by id; readers see the old state until it commits.
    ///
    /// `from` is the watermark at which the changes start. Changes already contained (sequence up to the held watermark)
    /// are skipped, so a delta may overlap what is held, and several that follow each other may come as one.
    ///
    /// # Errors
    /// [`StoreError::WrongBase`] if something between the held watermark and `from` is missing, or `expect` lies behind
    /// what is held; [`StoreError::DigestMismatch`] if the result is not what `expect` says, a patch's row is not there, or
    /// a patch or deletion names several; `OverLimit` for more than [`APPLY_MAX`] changes; [`StoreError::Full`]. In all cases nothing has changed.
    pub fn apply(
        &self,
        from: u64,
        changes: &mut dyn Iterator<Item = Result<Change, StoreError>>,
        expect: &Checkpoint,
    ) -> Result<Applied, StoreError> {
        apply::apply(self, from, changes, expect)
    }

    /// What is held now.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or [`StoreError::Sqlite`].
    pub fn checkpoint(&self) -> Result<Checkpoint, StoreError> {
        pool::checkpoint(self.pool.read()?.conn()?)
    }

    /// Records that a newer manifest describes what is held already: nothing but its version and counts changed.
    ///
    /// # Errors
    /// [`StoreError::DigestMismatch`] if `expect` describes other rows; [`StoreError::WrongBase`] if its watermark is
    /// another.
    pub fn touch(&self, expect: &Checkpoint) -> Result<(), StoreError> {
        self.write(|tx| {
            let held = pool::checkpoint(tx)?;
            if held.watermark != expect.watermark {
                return Err(StoreError::WrongBase { held: held.watermark, from: expect.watermark });
            }
            if held.digest != expect.digest || held.rows != expect.rows {
                return Err(StoreError::DigestMismatch);
            }
            expect.write(tx)
        })
    }

    /// What kind of record it holds.
    #[must_use]
    pub fn kind(&self) -> RecordKind {
        self.kind
    }

    /// Where its database lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.pool.path()
    }

    /// The files that belong to a database at `path`: itself, its `-wal` and its `-shm`.
    #[must_use]
    pub fn file_paths(path: &Path) -> Vec<PathBuf> {
        files::database_files(path)
    }

    /// Prepares in RAM what makes checks faster: a filter of all keys (vehicles), the index (persons). Meant for a
    /// background thread of a long-lived process; a check never does it, and is right without.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or [`StoreError::Sqlite`].
    pub fn warm(&self) -> Result<(), StoreError> {
        let mut read = self.pool.read()?;
        match self.kind {
            RecordKind::Vehicle => {
                let stamp = read.stamp()?;
                if self.filter.read().is_ok_and(|f| f.as_ref().is_some_and(|f| f.covers(&stamp))) {
                    return Ok(());
                }
                let built = Filter::build(read.conn()?, stamp)?;
                // What a writer has committed meanwhile is not in it; its stamp says so and the file is asked.
                *self.filter.write().map_err(|_| StoreError::Closed)? = built;
            }
            RecordKind::Person => {
                self.index(&mut read)?;
            }
            RecordKind::Variant => {
                self.variants(&mut read)?;
            }
        }
        Ok(())
    }

    /// Flips a bit in the `nth` stored row through a connection of its own, behind everybody's back: what a scrub is to
    /// find. For tests and benches.
    #[doc(hidden)]
    pub fn flip_row(&self, nth: u64) -> Result<(), StoreError> {
        let conn = self.pool.writer()?;
        let (rid, mut row): (i64, Vec<u8>) =
            conn.query_row("SELECT rid,row FROM rec ORDER BY rid LIMIT 1 OFFSET ?1", [db::int(nth)], |r| {
                Ok((r.get(0)?, r.get(1)?))
            })?;
        *row.last_mut().ok_or(StoreError::Corrupt)? ^= 1;
        conn.execute("UPDATE rec SET row=?2 WHERE rid=?1", (rid, row))?;
        Ok(())
    }

    /// Limits the file's size in pages of 4 KiB, for tests of a full disk.
    #[doc(hidden)]
    pub fn set_max_pages(&self, pages: u32) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        db::set_max_pages(self.writer(&mut writer)?, pages)
    }

    pub(crate) fn read(&self) -> Result<Read<'_>, StoreError> {
        self.pool.read()
    }

    /// The person index of the state that `read` sees, loaded if need be.
    pub(crate) fn index(&self, read: &mut Read<'_>) -> Result<Arc<Index>, StoreError> {
        let stamp = read.stamp()?;
        let kept = self.indexes.read().map_err(|_| StoreError::Closed)?;
        if let Some(index) = kept.iter().find(|i| i.stamp == stamp) {
            return Ok(index.clone());
        }
        drop(kept);
        self.keep(Index::load(read.conn()?, stamp)?)
    }

    /// The marks of the state that `read` sees, loaded if need be.
    pub(crate) fn marks(&self, read: &mut Read<'_>) -> Result<Arc<Marks>, StoreError> {
        self.marks.of(read, Marks::load)
    }

    /// The forms of names of the state that `read` sees, loaded if need be.
    pub(crate) fn variants(&self, read: &mut Read<'_>) -> Result<Arc<Variants>, StoreError> {
        self.variants.of(read, Variants::load)
    }

    /// What the vehicles of the state that `read` sees look like, loaded if need be.
    pub(crate) fn looks(&self, read: &mut Read<'_>) -> Result<Arc<Looks>, StoreError> {
        self.looks.of(read, Looks::load)
    }

    /// Keeps an index in RAM beside the one before it.
    pub(crate) fn keep(&self, index: Index) -> Result<Arc<Index>, StoreError> {
        let index = Arc::new(index);
        let mut kept = self.indexes.write().map_err(|_| StoreError::Closed)?;
        kept.retain(|i| i.stamp != index.stamp);
        if kept.len() >= INDEXES_MAX {
            kept.remove(0);
        }
        kept.push(index.clone());
        Ok(index)
    }

    /// Lets go of the indexes of all states but this one.
    pub(crate) fn settle_index(&self, stamp: Stamp) {
        if let Ok(mut kept) = self.indexes.write() {
            kept.retain(|i| i.stamp == stamp);
        }
    }

    /// Lets go of the index of a state that was not reached.
    pub(crate) fn forget_index(&self, stamp: Stamp) {
        if let Ok(mut kept) = self.indexes.write() {
            kept.retain(|i| i.stamp != stamp);
        }
    }

    /// Whether an index is in use, so that a writer knows to renew it.
    pub(crate) fn has_index(&self) -> bool {
        self.indexes.read().is_ok_and(|i| !i.is_empty())
    }

    /// Whether the file must be asked; false only if none of the keys can be in the state that `read` sees.
    pub(crate) fn may_hold(
        &self,
        read: &mut Read<'_>,
        asked: &beatcheck_search::VehiclePlan,
    ) -> Result<bool, StoreError> {
        let Ok(filter) = self.filter.read() else { return Ok(true) };
        let Some(filter) = filter.as_ref() else { return Ok(true) };
        Ok(!filter.covers(&read.stamp()?) || filter.may_hold(asked))
    }

    /// Runs `f` in a write transaction, which commits only if it succeeds.
    fn write<T>(&self, f: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        // A panic elsewhere rolled its transaction back as it unwound: the connection is as good as before.
        let mut guard = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let tx = self.writer(&mut guard)?.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let out = f(&tx)?;
        tx.commit()?;
        Ok(out)
    }

    fn writer<'g>(&self, guard: &'g mut Option<Connection>) -> Result<&'g mut Connection, StoreError> {
        if guard.is_none() {
            *guard = Some(self.pool.writer()?);
        }
        guard.as_mut().ok_or(StoreError::Closed)
    }
}

/// The record with this id, if it is there.
pub(crate) fn by_id(conn: &Connection, id: &RecordId) -> Result<Option<Record>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT row FROM rec WHERE id=?1")?;
    decode(statement.query_row([&id.0[..]], |r| r.get::<_, Vec<u8>>(0)).optional()?)
}

/// The records that say to be linked with the one of this key, at most [`LINKED_MAX`].
pub(crate) fn linking(conn: &Connection, key: &str) -> Result<Vec<Record>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT rid FROM link WHERE key=?1 ORDER BY rid LIMIT ?2")?;
    let rids: Vec<i64> = statement.query_map((key, LINKED_MAX), |r| r.get(0))?.collect::<Result<_, _>>()?;
    rids.into_iter().map(|rid| by_rid(conn, rid)?.ok_or(StoreError::Corrupt)).collect()
}

/// The record in this row, if it is there.
pub(crate) fn by_rid(conn: &Connection, rid: i64) -> Result<Option<Record>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT row FROM rec WHERE rid=?1")?;
    decode(statement.query_row([rid], |r| r.get::<_, Vec<u8>>(0)).optional()?)
}

fn decode(row: Option<Vec<u8>>) -> Result<Option<Record>, StoreError> {
    row.map(|bytes| digest::from_canonical(&bytes)).transpose().map_err(StoreError::from)
}
