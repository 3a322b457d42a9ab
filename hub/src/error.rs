//! What can go wrong at the hub, in words an operator can act on.

use std::path::PathBuf;

/// An error of the hub. Messages say what to do and name no person.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// There is no hub in the directory.
    #[error("{} holds no hub: run `beatcheck hub init --data {}` first", dir.display(), dir.display())]
    NotAHub {
        /// The directory.
        dir: PathBuf,
    },
    /// A hub is there already.
    #[error("{} holds a hub already: nothing was changed", dir.display())]
    AlreadyAHub {
        /// The directory.
        dir: PathBuf,
    },
    /// A mapping file cannot be used.
    #[error("mapping {}: {reason}", path.display())]
    Mapping {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line where known.
        reason: String,
    },
    /// An extract cannot be used as a whole; nothing was changed.
    #[error("extract {}: {reason}; nothing was changed", path.display())]
    Extract {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The request is refused by a rule.
    #[error("{0}")]
    Refused(String),
    /// Another service did not answer.
    #[error("{0}")]
    Unreachable(String),
    /// A key file is missing or damaged.
    #[error("key file {}: {reason}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The database failed.
    #[error("the hub's database: {0}")]
    Db(#[from] rusqlite::Error),
    /// A file could not be read or written.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// The cause.
        source: std::io::Error,
    },
    /// Encoding or verification failed.
    #[error(transparent)]
    Wire(#[from] beatcheck_wire::WireError),
    /// TLS or certificates.
    #[error("TLS: {0}")]
    Tls(String),
}

impl HubError {
    /// Wraps an I/O error with what was being done.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
