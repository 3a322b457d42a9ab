//! The few errors that an app can act on. Mapped exhaustively, here and nowhere else: every language has the same ones.

use beatcheck_client as client;
use client::ClientError;

/// Declares the variants, each with the same three fields.
macro_rules! api_error {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// An error as an app sees it: which variant says what the app should do, `officer_text` what the officer is shown.
        ///
        /// `code` is stable (the table is in `docs/cli.md`). `officer_text` says in plain words what to do. `log_text` is for a
        /// log: the code and its cause. None of them carries personal data or a secret.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
        pub enum ApiError {
            $(
                $(#[$doc])*
                #[error("{log_text}")]
                $name {
                    /// Stable code.
                    code: String,
                    /// For the officer: what to do.
                    officer_text: String,
                    /// For a log: the code and its cause.
                    log_text: String,
                },
            )*
        }

        impl ApiError {
            /// The stable code.
            #[must_use]
            pub fn code(&self) -> &str {
                match self { $(Self::$name { code, .. } => code,)* }
            }

            /// For the officer: what to do.
            #[must_use]
            pub fn officer_text(&self) -> &str {
                match self { $(Self::$name { officer_text, .. } => officer_text,)* }
            }

            /// For a log: the code and its cause.
            #[must_use]
            pub fn log_text(&self) -> &str {
                match self { $(Self::$name { log_text, .. } => log_text,)* }
            }
        }
    };
}

api_error! {
    /// Enrol first, or anew: show the enrolment screen.
    NotEnrolled,
    /// Ask for the PIN or the biometric check, or wait: show the unlock screen.
    Locked,
    /// The hub could not be reached, or refused: checks go on with what is held. Try later, or do what the text says.
    Hub,
    /// The check is not on record, so there is no answer: show nothing of it.
    NotAccounted,
    /// What was given cannot be used: mend it, trying again unchanged will not help.
    Invalid,
    /// Files, keys or space on this device: tell the officer.
    Storage,
    /// The device is paused or was closed, or somebody cancelled: resume it, or open it anew.
    Suspended,
}

impl From<ClientError> for ApiError {
    fn from(e: ClientError) -> Self {
        let (code, officer_text, log_text) = (e.code().to_owned(), e.officer_text(), e.log_text());
        match e {
            ClientError::NotEnrolled { .. } | ClientError::Wiped | ClientError::Keyring => {
                Self::NotEnrolled { code, officer_text, log_text }
            }
            ClientError::Pin
            | ClientError::Locked
            | ClientError::PinWait { .. }
            | ClientError::PinShort { .. }
            | ClientError::BiometricForbidden
            | ClientError::Vault(client::VaultError::Locked) => Self::Locked { code, officer_text, log_text },
            ClientError::Paused
            | ClientError::Closed
            | ClientError::StillBusy
            | ClientError::Sync(client::SyncFault::Cancelled) => Self::Suspended { code, officer_text, log_text },
            ClientError::Sync(_) | ClientError::Tls(_) | ClientError::SyncRunning => {
                Self::Hub { code, officer_text, log_text }
            }
            ClientError::Account(_) => Self::NotAccounted { code, officer_text, log_text },
            ClientError::EnrolCode(_)
            | ClientError::AlreadyEnrolled { .. }
            | ClientError::BreakGlass(_)
            | ClientError::PolicyRefused { .. }
            | ClientError::Managed(_)
            | ClientError::Binding { .. } => Self::Invalid { code, officer_text, log_text },
            ClientError::Vault(_)
            | ClientError::NotLost
            | ClientError::Store(_)
            | ClientError::Io { .. }
            | ClientError::Random(_)
            | ClientError::Wire(_) => Self::Storage { code, officer_text, log_text },
        }
    }
}
