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

    /// Adds one to the number under this name (0 if there is none) and returns it; durable, and one after the other, whoever
    /// asks.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it is no number; [`StoreError::Full`] or [`StoreError::Sqlite`].
    pub fn count(&self, name: &str) -> Result<u64, StoreError> {
        let mut conn = self.conn();
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let next = number(&tx, name)?.unwrap_or(0) + 1;
        set_number(&tx, name, next)?;
        tx.commit()?;
        Ok(next)
    }

    /// The number under this name.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it is no number; [`StoreError::Sqlite`].
    pub fn number(&self, name: &str) -> Result<Option<u64>, StoreError> {
        number(&self.conn(), name)
    }

    /// Sets the number under this name to `to`, if it is still `from`.
    ///
    /// # Errors
    /// As [`State::count`].
    pub fn set_number_if(&self, name: &str, from: u64, to: u64) -> Result<(), StoreError> {
        let mut conn = self.conn();
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if number(&tx, name)? == Some(from) {
            set_number(&tx, name, to)?;
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

fn number(conn: &Connection, name: &str) -> Result<Option<u64>, StoreError> {
    let found: Option<Vec<u8>> =
        conn.prepare_cached("SELECT value FROM doc WHERE name=?1")?.query_row([name], |r| r.get(0)).optional()?;
    found.map(|b| b.try_into().map(u64::from_le_bytes).map_err(|_| StoreError::Corrupt)).transpose()
}

fn set_number(conn: &Connection, name: &str, to: u64) -> Result<(), StoreError> {
    let sql = "INSERT INTO doc(name,value) VALUES(?1,?2) ON CONFLICT(name) DO UPDATE SET value=excluded.value";
    conn.prepare_cached(sql)?.execute((name, &to.to_le_bytes()[..]))?;
    Ok(())
}
