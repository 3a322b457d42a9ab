//! How every SQLCipher file is opened: key, page format, pragmas.
//!
//! The page format (4 KiB, HMAC-SHA-256) is fixed when a file is created and must be said before its first page is read.
//! Temporary results stay in RAM: a temporary file would be plaintext. SQLCipher's own log is off: it writes to standard
//! error what a wrong key looks like.

use crate::files;
use crate::{Key, StoreError};
use rusqlite::{Connection, OpenFlags};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Once;
use std::time::Duration;
use zeroize::Zeroizing;

/// The first release without the WAL-reset corruption bug.
const OLDEST_SQLITE: i32 = 3_051_003;
/// How long a statement waits for another connection's lock, in milliseconds.
const BUSY_MS: u64 = 10_000;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Reads only; 8 MiB of pages.
    Reader,
    /// Writes records: a power cut may lose the last commits, never part of one. All of it can be fetched again.
    Replica,
    /// Writes what exists nowhere else: a commit is on the disk when it returns.
    Durable,
    /// Loads a file that nobody else has seen: no journal, no waiting for the disk.
    Bulk,
}

/// Checks that the SQLite in this build is free of the WAL-reset bug (fixed in 3.51.3).
///
/// # Errors
/// [`StoreError::Sqlite`] if it is older.
pub fn assert_sqlite_version() -> Result<(), StoreError> {
    if rusqlite::version_number() >= OLDEST_SQLITE {
        return Ok(());
    }
    Err(StoreError::Sqlite(format!("SQLite {} is older than 3.51.3", rusqlite::version())))
}

/// Tries of [`ready`], a millisecond apart.
const READY_TRIES: u32 = 5_000;

/// Waits, once a process, until SQLCipher is ready.
///
/// `sqlite3_initialize` says that it is done before it has called SQLCipher's own initialisation (`SQLITE_EXTRA_INIT`): a
/// second thread that opens a file in that moment finds no cipher, and setting its key fails. So the first opening is
/// one in memory that others wait for; tried again, for somebody else in the process may just be initialising.
fn ready() {
    static READY: Once = Once::new();
    READY.call_once(|| {
        for _ in 0..READY_TRIES {
            if Connection::open_in_memory().is_ok_and(|c| c.pragma_update(None, "key", "ready").is_ok()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        // Whoever opens a file now gets the error itself.
    });
}

/// Opens `path` with its key; a missing file is created only where `create` is set.
///
/// The key is right if this succeeds on a file that has pages; an empty file fits any key.
pub(crate) fn connect(path: &Path, key: &Key, role: Role, create: bool) -> Result<Connection, StoreError> {
    if create {
        files::create_private(path)?;
    } else if !path.exists() {
        let source = std::io::ErrorKind::NotFound.into();
        return Err(StoreError::Io { what: "opening a database".into(), source });
    }
    ready();
    // No mutex: a connection is owned by one thread at a time, which the type system sees to.
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(Duration::from_millis(BUSY_MS))?;
    let mut sql = Zeroizing::new(String::with_capacity(256));
    sql.push_str("PRAGMA cipher_log_level=NONE; PRAGMA key=\"x'");
    for b in key.iter() {
        let _ = write!(sql, "{b:02x}");
    }
    sql.push_str("'\"; PRAGMA cipher_page_size=4096; PRAGMA cipher_hmac_algorithm=HMAC_SHA256;");
    conn.execute_batch(&sql)?;
    // The first read: fails if the key is wrong.
    conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    conn.execute_batch("PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0; PRAGMA trusted_schema=OFF;")?;
    conn.execute_batch(match role {
        Role::Reader => "PRAGMA cache_size=-8192; PRAGMA query_only=ON;",
        Role::Replica => {
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16384; PRAGMA secure_delete=ON;
             PRAGMA journal_size_limit=8388608;"
        }
        Role::Durable => {
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA fullfsync=ON; PRAGMA checkpoint_fullfsync=ON;
             PRAGMA cache_size=-2048; PRAGMA secure_delete=ON; PRAGMA journal_size_limit=4194304;"
        }
        Role::Bulk => {
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-8192;"
        }
    })?;
    conn.set_prepared_statement_cache_capacity(32);
    Ok(conn)
}

/// Creates the schema of a file that two processes may open, once; or checks that it is the one known here.
pub(crate) fn migrate(conn: &mut Connection, migrations: &[&str]) -> Result<(), StoreError> {
    let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let done: u32 = tx.pragma_query_value(None, "user_version", |r| r.get(0))?;
    let Some(missing) = migrations.get(done as usize..) else { return Err(StoreError::Corrupt) };
    for sql in missing {
        tx.execute_batch(sql)?;
    }
    if !missing.is_empty() {
        tx.pragma_update(None, "user_version", migrations.len() as u32)?;
    }
    Ok(tx.commit()?)
}

/// Limits how many pages a file may have, for tests of a full disk.
pub(crate) fn set_max_pages(conn: &Connection, pages: u32) -> Result<(), StoreError> {
    Ok(conn.query_row(&format!("PRAGMA max_page_count={pages}"), [], |_| Ok(()))?)
}

/// An unsigned number as SQLite keeps it. None of ours comes near the limit.
pub(crate) fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A number that was kept by [`int`].
pub(crate) fn uint(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let n: i64 = row.get(column)?;
    u64::try_from(n).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, n))
}
