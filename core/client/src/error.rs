//! What can go wrong on a device, in words that say what to do. No variant carries personal data or secrets.

use beatcheck_store::StoreError;
use beatcheck_sync::SyncFault;
use beatcheck_wire::WireError;
use std::path::PathBuf;

use crate::vault::VaultError;

/// An error of the device core.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no enrolled device in the directory.
    #[error("{} holds no enrolled device: enrol it first", home.display())]
    NotEnrolled {
        /// The directory.
        home: PathBuf,
    },
    /// A device is enrolled there already.
    #[error("{} holds an enrolled device already: wipe it first to enrol anew", home.display())]
    AlreadyEnrolled {
        /// The directory.
        home: PathBuf,
    },
    /// The device was wiped.
    #[error("this device was wiped: enrol it anew; entries of its account that wait are sent by a sync")]
    Wiped,
    /// The code cannot be read, or is not for this hub.
    #[error("{0}")]
    EnrolCode(String),
    /// A break-glass was refused.
    #[error("break-glass refused: {0}")]
    BreakGlass(String),
    /// A policy that was handed over was refused; the one in force stays.
    #[error("the policy was refused: {text}")]
    PolicyRefused {
        /// `replayed`, `bad_signature` or `malformed`.
        code: &'static str,
        /// In words.
        text: String,
    },
    /// MDM's configuration was refused; nothing was changed.
    #[error("the managed configuration was refused: {0}")]
    Managed(String),
    /// A PIN is needed, or the one given is wrong.
    #[error("the PIN is missing or wrong")]
    Pin,
    /// Records are locked.
    #[error("locked: unlock and try again")]
    Locked,
    /// Too many wrong PINs: the next try has to wait.
    #[error("too many wrong PINs: the next can be tried in {seconds} s")]
    PinWait {
        /// Seconds until then.
        seconds: u32,
    },
    /// The PIN is too short.
    #[error("the PIN is too short: it needs {least} characters or more")]
    PinShort {
        /// Characters that policy wants.
        least: u32,
    },
    /// Policy does not let a biometric check stand for the PIN.
    #[error("the policy does not allow a biometric check in place of the PIN")]
    BiometricForbidden,
    /// The key vault failed.
    #[error("the key vault: {0}")]
    Vault(#[from] VaultError),
    /// The keyring is damaged.
    #[error("the keyring cannot be read: wipe this device and enrol it anew")]
    Keyring,
    /// The device is to be recovered, and its keys are there.
    #[error("this device's keys are there: open it; only one that cannot be opened any more is recovered")]
    NotLost,
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The account of a check could not be written: nothing may be shown (rule 6).
    #[error("the check could not be put on record, so no answer is given: {0}")]
    Account(String),
    /// The sync failed; what was held before is untouched.
    #[error("{0}")]
    Sync(#[from] SyncFault),
    /// Another process syncs this device.
    #[error("another sync of this device is running: wait for it to end")]
    SyncRunning,
    /// The device is paused.
    #[error("the device is paused: resume it first")]
    Paused,
    /// The device was closed.
    #[error("the device was closed: open it anew")]
    Closed,
    /// A pause waited long enough for what is under way.
    #[error(
        "something is still under way on this device, a biometric question perhaps: it is paused for everything else"
    )]
    StillBusy,
    /// The app's binding is of another version than this library.
    #[error("this library is version {library}, and the binding was made for {binding}: ship both from one package")]
    Binding {
        /// Of the library.
        library: &'static str,
        /// As the binding says.
        binding: String,
    },
    /// TLS or certificates.
    #[error("TLS: {0}")]
    Tls(String),
    /// A file could not be read or written.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// The cause.
        source: std::io::Error,
    },
    /// No randomness.
    #[error("no randomness from the system: {0}")]
    Random(String),
    /// Bytes could not be verified or decoded.
    #[error(transparent)]
    Wire(#[from] WireError),
}

impl ClientError {
    /// The stable code (`docs/cli.md`).
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotEnrolled { .. } => "not_enrolled",
            Self::AlreadyEnrolled { .. } => "already_enrolled",
            Self::Wiped => "wiped",
            Self::EnrolCode(_) => "enrol_code",
            Self::BreakGlass(_) => "break_glass",
            Self::PolicyRefused { .. } => "policy_refused",
            Self::Managed(_) => "managed",
            Self::Pin => "pin",
            Self::Locked => "locked",
            Self::PinWait { .. } => "pin_wait",
            Self::PinShort { .. } => "pin_short",
            Self::BiometricForbidden => "biometric_forbidden",
            Self::Vault(VaultError::Unsupported) => "vault_unsupported",
            Self::Vault(_) => "vault",
            Self::Keyring => "keyring",
            Self::NotLost => "not_lost",
            Self::Store(StoreError::Full) => "no_space",
            Self::Store(_) => "store",
            Self::Account(_) => "not_accounted",
            Self::Sync(f) => f.code(),
            Self::SyncRunning => "sync_running",
            Self::Paused => "paused",
            Self::Closed => "closed",
            Self::StillBusy => "still_busy",
            Self::Binding { .. } => "binding",
            Self::Tls(_) => "tls",
            Self::Io { .. } => "io",
            Self::Random(_) => "random",
            Self::Wire(_) => "malformed",
        }
    }

    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
