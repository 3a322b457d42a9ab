//! Connections to the hub's database that are kept open between uses.
//!
//! Opening one costs more than most of what is asked of it: the file, its key, the schema, which is decrypted anew. A poll
//! of a device took six. Several processes can work on one directory all the same: a connection that is idle holds no lock
//! and no view of the past. Where another file has taken the place of the one that they are open on (a backup that was put
//! back), those that are idle are closed.

use crate::HubError;
use rusqlite::Connection;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections that are kept while nobody uses them. More may be in use at one time: those in excess are closed after it.
const IDLE: usize = 16;
/// Pages that each keeps, in KiB: a request looks at a few rows.
const SMALL_CACHE_KIB: u32 = 4 * 1024;
/// The same for work on whole tables.
const LARGE_CACHE_KIB: u32 = 64 * 1024;

/// The connections of one opened hub.
pub(crate) struct Pool {
    path: PathBuf,
    key: zeroize::Zeroizing<[u8; 32]>,
    idle: Mutex<Idle>,
}

/// Connections that nobody uses, and the file that they are open on.
#[derive(Default)]
struct Idle {
    conns: Vec<Connection>,
    file: Option<FileId>,
}

type FileId = (u64, u64);

/// What tells a file from another that has its name.
#[cfg(unix)]
fn file_id(path: &Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|m| (m.dev(), m.ino()))
}

/// Elsewhere an open file cannot be replaced.
#[cfg(not(unix))]
fn file_id(_: &Path) -> Option<FileId> {
    None
}

impl Pool {
    pub(crate) fn new(path: PathBuf, key: zeroize::Zeroizing<[u8; 32]>) -> Self {
        Self { path, key, idle: Mutex::default() }
    }

    /// One that is idle, or a new one.
    pub(crate) fn take(self: &Arc<Self>) -> Result<Pooled, HubError> {
        let file = file_id(&self.path);
        let found = self.idle(file).conns.pop();
        let conn = match found {
            Some(conn) => conn,
            None => crate::db::connect(&self.path, &self.key, SMALL_CACHE_KIB)?,
        };
        Ok(Pooled { conn: Some(conn), file, pool: Arc::clone(self) })
    }

    /// Those that are open on this file.
    fn idle(&self, file: Option<FileId>) -> MutexGuard<'_, Idle> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.file != file {
            *idle = Idle { conns: Vec::new(), file };
        }
        idle
    }

    /// One of one's own, for work that goes over whole tables or attaches a file; it is closed with its user.
    pub(crate) fn own(&self) -> Result<Connection, HubError> {
        crate::db::connect(&self.path, &self.key, LARGE_CACHE_KIB)
    }
}

/// A connection in use. It goes back when it is dropped, unless something was left open on it.
pub(crate) struct Pooled {
    /// None only while it is being dropped.
    conn: Option<Connection>,
    /// As it was when it was taken. One that was opened while the database was made has none, and is not kept.
    file: Option<FileId>,
    pool: Arc<Pool>,
}

#[allow(clippy::expect_used)] // there from `take` to `drop`, which is the only one to empty it
impl Deref for Pooled {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.conn.as_ref().expect("a connection in use")
    }
}

#[allow(clippy::expect_used)]
impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut Connection {
        self.conn.as_mut().expect("a connection in use")
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        // A transaction ends with its guard; one that a statement began would go on, with its lock.
        let Some(conn) = self.conn.take().filter(|conn| conn.is_autocommit()) else { return };
        let mut idle = self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.file == self.file && idle.conns.len() < IDLE {
            idle.conns.push(conn);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_connection_comes_back_unless_something_is_open_on_it() {
        let dir = tempfile::tempdir().unwrap();
        let pool = Arc::new(Pool::new(dir.path().join("hub.db"), zeroize::Zeroizing::new([7; 32])));
        let idle = || pool.idle.lock().unwrap().conns.len();
        pool.own().unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        drop(pool.take().unwrap());
        assert_eq!(idle(), 1);
        let mut again = pool.take().unwrap();
        assert_eq!(idle(), 0);
        // Broken off: what was begun is rolled back, and the connection is good.
        again.transaction().unwrap().execute("INSERT INTO t VALUES (1)", []).unwrap();
        drop(again);
        assert_eq!(idle(), 1);
        let left_open = pool.take().unwrap();
        left_open.execute_batch("BEGIN IMMEDIATE; INSERT INTO t VALUES (2)").unwrap();
        drop(left_open);
        assert_eq!(idle(), 0, "it is closed, and its lock goes with it");
        let many: Vec<_> = (0..IDLE + 4).map(|_| pool.take().unwrap()).collect();
        many[0].execute("INSERT INTO t VALUES (3)", []).unwrap();
        assert_eq!(many[1].query_row("SELECT group_concat(x) FROM t", [], |r| r.get::<_, String>(0)).unwrap(), "3");
        drop(many);
        assert_eq!(idle(), IDLE);
    }

    #[cfg(unix)]
    #[test]
    fn a_backup_that_is_put_back_is_what_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let pool = Arc::new(Pool::new(at("hub.db"), zeroize::Zeroizing::new([7; 32])));
        let holds = || pool.take().unwrap().query_row("SELECT max(x) FROM t", [], |r| r.get::<_, i64>(0)).unwrap();
        pool.own().unwrap().execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1)").unwrap();
        std::fs::copy(at("hub.db"), at("backup")).unwrap();
        pool.take().unwrap().execute("INSERT INTO t VALUES (2)", []).unwrap();
        assert_eq!(holds(), 2);
        let still_open = pool.take().unwrap();
        std::fs::rename(at("backup"), at("hub.db")).unwrap();
        for name in ["hub.db-wal", "hub.db-shm"] {
            std::fs::remove_file(at(name)).unwrap();
        }
        assert_eq!(holds(), 1);
        drop(still_open);
        assert_eq!(holds(), 1, "one of the old file does not come back");
    }
}
