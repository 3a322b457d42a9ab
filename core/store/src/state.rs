//! Small documents that move together: head, grant, policy, what is held, what was promised.
//!
//! Trust state moves forward only as a whole: [`State::put_all`] is one durable transaction.

use crate::db::{self, Role};
use crate::{Key, StoreError};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

const MIGRATIONS: &[&str] = &[include_str!("../migrations/state.sql")];

/// The state file. Shared between threads; several processes may have it open.
pub struct State {
    conn: Mutex<Connection>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("State")
    }
}

impl State {
    /// Opens the file, or creates it.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for a wrong key or a newer schema; [`StoreError::Full`]; [`StoreError::Io`].
    pub fn open(path: &Path, key: &Key) -> Result<Self, StoreError> {
        crate::assert_sqlite_version()?;
        let mut conn = db::connect(path, key, Role::Durable, true)?;
        db::migrate(&mut conn, MIGRATIONS)?;
        Ok(Self { conn: Mutex::new(conn) })
    }

    /// A document, if it is there.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or [`StoreError::Sqlite`].
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let conn = self.conn();
        let mut statement = conn.prepare_cached("SELECT value FROM doc WHERE name=?1")?;
        Ok(statement.query_row([name], |r| r.get(0)).optional()?)
    }

    /// Sets (`Some`) and removes (`None`) documents in one durable transaction: after a crash all of it has happened or
    /// none.
    ///
    /// # Errors
    /// [`StoreError::Full`] or [`StoreError::Sqlite`]; nothing has changed.
    pub fn put_all(&self, documents: &[(&str, Option<&[u8]>)]) -> Result<(), StoreError> {
        let mut conn = self.conn();
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (name, value) in documents {
            match value {
                Some(value) => tx
                    .prepare_cached(
                        "INSERT INTO doc(name,value) VALUES(?1,?2) ON CONFLICT(name) DO UPDATE SET value=excluded.value",
                    )?
                    .execute((name, value))?,
                None => tx.prepare_cached("DELETE FROM doc WHERE name=?1")?.execute([name])?,
            };
        }
        Ok(tx.commit()?)
    }

    /// All documents whose names start with `prefix`, sorted by name.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or [`StoreError::Sqlite`].
    pub fn keys_with_prefix(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let conn = self.conn();
        let mut statement =
            conn.prepare_cached("SELECT name,value FROM doc WHERE substr(name,1,length(?1))=?1 ORDER BY name")?;
        let rows = statement.query_map([prefix], |r| Ok((r.get(0)?, r.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn conn(&self) -> MutexGuard<'_, Connection> {
        self.conn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
