//! What can go wrong with a file. Texts say what to do and never what was in it: SQL values, marks and names stay out.

use beatcheck_wire::WireError;
use rusqlite::ffi;
use std::io;

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full, or the file may not grow. What was being written was not written.
    #[error("no space left: free some space on this device, then try again")]
    Full,
    /// Not a database of ours, a wrong key, an unknown schema, or damaged.
    #[error("a database file is damaged, of another version, or was opened with a wrong key")]
    Corrupt,
    /// What would be stored is not what the manifest promises. Nothing was changed.
    #[error("what would be stored does not have the digest that the manifest promises")]
    DigestMismatch,
    /// A record that cannot be encoded or decoded, or a count over its limit.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Any other refusal by SQLite: the kind of failure only, never a statement or a value.
    #[error("the database refused: {0}")]
    Sqlite(String),
    /// A file operation failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The changes do not start where this file ends, or end before it.
    #[error("changes from watermark {from} do not fit a file at watermark {held}")]
    WrongBase {
        /// The file's watermark.
        held: u64,
        /// Where the changes start or, if they end too early, where they end.
        from: u64,
    },
    /// Another process, or another handle of this one, has it: it is free again when that one closes it.
    #[error("in use by somebody else: wait for them to end")]
    Busy,
    /// Who asked for it wants it no longer: nothing was changed.
    #[error("what was being written was called off: nothing was changed")]
    CalledOff,
    /// Closed, or another thread failed while holding it.
    #[error("this store is closed")]
    Closed,
}

impl StoreError {
    /// Wraps a failed file operation; a full disk becomes [`StoreError::Full`].
    pub(crate) fn io(what: &str) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io { what: what.to_owned(), source },
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(e: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        match e {
            E::SqliteFailure(e, _) | E::SqlInputError { error: e, .. } => from_code(e),
            // The file does not hold what this crate writes.
            E::FromSqlConversionFailure(..)
            | E::IntegralValueOutOfRange(..)
            | E::Utf8Error(..)
            | E::InvalidColumnType(..)
            | E::QueryReturnedNoRows => Self::Corrupt,
            E::ToSqlConversionFailure(_) => Self::Sqlite("a number out of range".into()),
            E::InvalidPath(_) | E::NulError(_) => Self::Sqlite("a path that cannot be used".into()),
            _ => Self::Sqlite("misuse".into()),
        }
    }
}

fn from_code(e: ffi::Error) -> StoreError {
    match (e.code, e.extended_code) {
        (ffi::ErrorCode::DiskFull, _) | (_, ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_SHMSIZE) => StoreError::Full,
        (ffi::ErrorCode::NotADatabase | ffi::ErrorCode::DatabaseCorrupt, _) => StoreError::Corrupt,
        // The library's own words for a code: constant texts.
        _ => StoreError::Sqlite(e.to_string()),
    }
}
