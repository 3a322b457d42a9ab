//! The few errors that an app can act on. Mapped exhaustively, here and nowhere else.

use beatcheck_client::ClientError;

/// An error as an app sees it. `code` is stable; `text` may be shown to the officer and carries no personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum ApiError {
    /// Enrol first, or anew.
    #[error("{text}")]
    NotEnrolled {
        /// Stable code.
        code: String,
        /// In words.
        text: String,
    },
    /// Unlock the phone, or ask for the PIN.
    #[error("{text}")]
    Locked {
        /// Stable code.
        code: String,
        /// In words.
        text: String,
    },
    /// The hub could not be reached, or refused: try later, or do what `text` says.
    #[error("{text}")]
    Hub {
        /// Stable code.
        code: String,
        /// In words.
        text: String,
    },
    /// The check is not on record, so there is no answer.
    #[error("{text}")]
    NotAccounted {
        /// Stable code.
        code: String,
        /// In words.
        text: String,
    },
    /// What was given cannot be used.
    #[error("{text}")]
    Invalid {
        /// Stable code.
        code: String,
        /// In words.
        text: String,
    },
    /// Files, keys or space on this device.
    #[error("{text}")]
    Storage {
        /// Stable code.
        code: String,
        /// In words.
        text: String,
    },
}

impl From<ClientError> for ApiError {
    fn from(e: ClientError) -> Self {
        let (code, text) = (e.code().to_owned(), e.to_string());
        match e {
            ClientError::NotEnrolled { .. } | ClientError::Wiped | ClientError::Keyring => {
                Self::NotEnrolled { code, text }
            }
            ClientError::Pin
            | ClientError::Locked
            | ClientError::PinWait { .. }
            | ClientError::PinShort { .. }
            | ClientError::Vault(beatcheck_client::VaultError::Locked) => Self::Locked { code, text },
            ClientError::Sync(_) | ClientError::Tls(_) | ClientError::SyncRunning => Self::Hub { code, text },
            ClientError::Account(_) => Self::NotAccounted { code, text },
            ClientError::EnrolCode(_)
            | ClientError::AlreadyEnrolled { .. }
            | ClientError::BreakGlass(_)
            | ClientError::PolicyRefused { .. }
            | ClientError::Managed(_) => Self::Invalid { code, text },
            ClientError::Vault(_)
            | ClientError::NotLost
            | ClientError::Store(_)
            | ClientError::Io { .. }
            | ClientError::Random(_)
            | ClientError::Wire(_) => Self::Storage { code, text },
        }
    }
}
