//! Why a relay cannot start, in words that say what to do.

use std::path::PathBuf;

/// An error of the relay.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// A file of its identity cannot be used.
    #[error("{}: {reason}; `beatcheck hub relay add` makes a new set", path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The hub's address cannot be read.
    #[error("the hub's address is not of the form https://HOST:PORT")]
    Hub,
    /// Another relay works in the directory.
    #[error("another relay works in {}: give this one a directory of its own", dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// TLS or certificates.
    #[error("TLS: {0}")]
    Tls(String),
    /// A file or the network could not be used.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// The cause.
        source: std::io::Error,
    },
}

impl RelayError {
    /// Wraps an I/O error with what was being done.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
