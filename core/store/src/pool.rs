//! Readers of one file: opened when needed, a few kept, so that a check never waits for a writer or opens a file twice.
//!
//! Each reader knows which state it last saw ([`Stamp`]). `PRAGMA data_version` says in a microsecond or two, without
//! reading a page, whether anyone (another process too) has committed since; only then is the checkpoint read again.

use crate::db::{self, Role};
use crate::records::Checkpoint;
use crate::{Key, StoreError};
use beatcheck_wire::Hash32;
use rusqlite::{Connection, OptionalExtension};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex};

/// Readers of one file at the same time, at most; a further one waits for one of these (never for a writer).
const LIVE_MAX: usize = 8;
/// Readers kept open when idle.
const IDLE_MAX: usize = 3;

/// Names a state of a file: whatever was derived from it in RAM is good for this stamp only. Watermark, digest, and how
/// often the file was repaired: a repair brings back a state, and what was read from it damaged must not stay.
pub(crate) type Stamp = (u64, Hash32, u64);

pub(crate) struct Pool {
    path: PathBuf,
    key: Key,
    state: Mutex<PoolState>,
    returned: Condvar,
}

#[derive(Default)]
struct PoolState {
    idle: Vec<Reader>,
    live: usize,
}

struct Reader {
    conn: Connection,
    seen: Option<(i64, Stamp)>,
}

impl Pool {
    /// A pool over an existing file, with its first reader already open: a wrong key shows here.
    pub(crate) fn open(path: &Path, key: &Key) -> Result<Self, StoreError> {
        let conn = db::connect(path, key, Role::Reader, false)?;
        let state = PoolState { idle: vec![Reader { conn, seen: None }], live: 0 };
        Ok(Self { path: path.to_owned(), key: key.clone(), state: Mutex::new(state), returned: Condvar::new() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The connection that writes.
    pub(crate) fn writer(&self) -> Result<Connection, StoreError> {
        db::connect(&self.path, &self.key, Role::Replica, false)
    }

    /// Starts a read: all that is read through it is of one state.
    pub(crate) fn read(&self) -> Result<Read<'_>, StoreError> {
        let mut state = self.state.lock().map_err(|_| StoreError::Closed)?;
        while state.live >= LIVE_MAX {
            state = self.returned.wait(state).map_err(|_| StoreError::Closed)?;
        }
        state.live += 1;
        let idle = state.idle.pop();
        drop(state);
        let mut read = Read { pool: self, reader: idle };
        if read.reader.is_none() {
            let conn = db::connect(&self.path, &self.key, Role::Reader, false)?;
            read.reader = Some(Reader { conn, seen: None });
        }
        read.conn()?.prepare_cached("BEGIN")?.execute([])?;
        Ok(read)
    }
}

/// One read transaction; ends when dropped.
pub(crate) struct Read<'p> {
    pool: &'p Pool,
    reader: Option<Reader>,
}

impl Read<'_> {
    pub(crate) fn conn(&self) -> Result<&Connection, StoreError> {
        self.reader.as_ref().map(|r| &r.conn).ok_or(StoreError::Closed)
    }

    /// The state that this read sees.
    pub(crate) fn stamp(&mut self) -> Result<Stamp, StoreError> {
        let reader = self.reader.as_mut().ok_or(StoreError::Closed)?;
        let now: i64 = reader.conn.prepare_cached("PRAGMA data_version")?.query_row([], |r| r.get(0))?;
        match reader.seen {
            Some((version, stamp)) if version == now => Ok(stamp),
            _ => {
                let stamp = stamp(&reader.conn)?;
                reader.seen = Some((now, stamp));
                Ok(stamp)
            }
        }
    }
}

impl Drop for Read<'_> {
    fn drop(&mut self) {
        let ended = self.reader.take().and_then(|r| {
            let ended = r.conn.prepare_cached("COMMIT").and_then(|mut s| s.execute([])).is_ok();
            (ended && r.conn.is_autocommit()).then_some(r)
        });
        if let Ok(mut state) = self.pool.state.lock() {
            state.live -= 1;
            if state.idle.len() < IDLE_MAX {
                state.idle.extend(ended);
            }
        }
        self.pool.returned.notify_one();
    }
}

/// The checkpoint as this connection sees it.
pub(crate) fn checkpoint(conn: &Connection) -> Result<Checkpoint, StoreError> {
    let bytes = meta(conn, "checkpoint")?.ok_or(StoreError::Corrupt)?;
    Checkpoint::from_bytes(&bytes)
}

/// How often the file was repaired.
pub(crate) fn repairs(conn: &Connection) -> Result<u64, StoreError> {
    match meta(conn, "repairs")? {
        None => Ok(0),
        Some(bytes) => Ok(u64::from_le_bytes(bytes.try_into().map_err(|_| StoreError::Corrupt)?)),
    }
}

/// The state that this connection sees.
pub(crate) fn stamp(conn: &Connection) -> Result<Stamp, StoreError> {
    Ok(checkpoint(conn)?.stamp(repairs(conn)?))
}

/// A value of the file's `meta` table.
pub(crate) fn meta(conn: &Connection, k: &str) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(conn.prepare_cached("SELECT v FROM meta WHERE k=?1")?.query_row([k], |r| r.get(0)).optional()?)
}

/// Sets a value of the file's `meta` table.
pub(crate) fn set_meta(conn: &Connection, k: &str, v: &[u8]) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT INTO meta(k,v) VALUES(?1,?2) ON CONFLICT(k) DO UPDATE SET v=excluded.v")?
        .execute((k, v))?;
    Ok(())
}
