//! The key vault as Kotlin and Swift implement it.

use beatcheck_client as client;
use std::sync::Arc;

/// What a vault key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum KeyUse {
    /// ECDSA P-256 with SHA-256.
    Sign,
    /// Authenticated encryption of small blobs.
    Wrap,
    /// The same, under a key that is given out only after the platform's biometric check.
    WrapPresence,
    /// A keyed function for `mix`.
    Mix,
}

/// What a vault can say when it fails. A foreign exception of any other kind becomes `Failed`; its text is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum VaultError {
    /// There is no such key.
    #[error("no such key")]
    NoSuchKey,
    /// The officer must unlock first.
    #[error("locked")]
    Locked,
    /// The blob is not this key's.
    #[error("not wrapped by this key")]
    NotOurs,
    /// This vault has no such thing.
    #[error("not supported")]
    Unsupported,
    /// Anything else.
    #[error("failed")]
    Failed,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for VaultError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed
    }
}

/// Keys that never leave the phone's secure element. See `beatcheck_client::KeyVault` for what each call must do.
#[uniffi::export(with_foreign)]
pub trait KeyVault: Send + Sync {
    /// What kind this is: `android-keystore`, `secure-enclave`, `desk`.
    fn kind(&self) -> String;
    /// Makes a key; returns the public key of a signing key (65 bytes), nothing for a wrapping key.
    ///
    /// # Errors
    /// [`VaultError`].
    fn create(&self, label: String, key_use: KeyUse) -> Result<Vec<u8>, VaultError>;
    /// The public key of a signing key.
    ///
    /// # Errors
    /// [`VaultError`].
    fn public_key(&self, label: String) -> Result<Vec<u8>, VaultError>;
    /// Signs; ASN.1 form.
    ///
    /// # Errors
    /// [`VaultError`].
    fn sign(&self, label: String, message: Vec<u8>) -> Result<Vec<u8>, VaultError>;
    /// Encrypts and authenticates.
    ///
    /// # Errors
    /// [`VaultError`].
    fn wrap(&self, label: String, plain: Vec<u8>) -> Result<Vec<u8>, VaultError>;
    /// Reverses `wrap`.
    ///
    /// # Errors
    /// [`VaultError`].
    fn unwrap(&self, label: String, wrapped: Vec<u8>) -> Result<Vec<u8>, VaultError>;
    /// Mixes a secret of the vault into 32 bytes: the same for the same input.
    ///
    /// # Errors
    /// [`VaultError`].
    fn mix(&self, label: String, input: Vec<u8>) -> Result<Vec<u8>, VaultError>;
    /// Counts up by one.
    ///
    /// # Errors
    /// [`VaultError`].
    fn counter(&self, label: String) -> Result<u64, VaultError>;
    /// The platform's attestation, empty where there is none.
    ///
    /// # Errors
    /// [`VaultError`].
    fn attest(&self, label: String, nonce: Vec<u8>) -> Result<Vec<u8>, VaultError>;
    /// Destroys a key for good.
    ///
    /// # Errors
    /// [`VaultError`].
    fn destroy(&self, label: String) -> Result<(), VaultError>;
}

/// A vault in plain files, for desks and tests only: it protects nothing against who can read the disk.
///
/// # Errors
/// [`VaultError::Failed`] if the directory cannot be made.
#[uniffi::export]
pub fn desk_vault(dir: String) -> Result<Arc<dyn KeyVault>, VaultError> {
    Ok(Arc::new(Desk(client::FileVault::open(dir)?)))
}

impl From<client::VaultError> for VaultError {
    fn from(e: client::VaultError) -> Self {
        match e {
            client::VaultError::NoSuchKey => Self::NoSuchKey,
            client::VaultError::Locked => Self::Locked,
            client::VaultError::NotOurs => Self::NotOurs,
            client::VaultError::Unsupported => Self::Unsupported,
            client::VaultError::Failed => Self::Failed,
        }
    }
}

impl From<VaultError> for client::VaultError {
    fn from(e: VaultError) -> Self {
        match e {
            VaultError::NoSuchKey => Self::NoSuchKey,
            VaultError::Locked => Self::Locked,
            VaultError::NotOurs => Self::NotOurs,
            VaultError::Unsupported => Self::Unsupported,
            VaultError::Failed => Self::Failed,
        }
    }
}

/// Declares the calls that both directions pass on.
macro_rules! pass_on {
    ($trait:ident, $err:ty, $for:ty, $use:ty) => {
        impl $trait for $for {
            fn kind(&self) -> String {
                self.0.kind()
            }
            fn create(&self, label: String, key_use: $use) -> Result<Vec<u8>, $err> {
                Ok(self.0.create(label, key_use.into())?)
            }
            fn public_key(&self, label: String) -> Result<Vec<u8>, $err> {
                Ok(self.0.public_key(label)?)
            }
            fn sign(&self, label: String, message: Vec<u8>) -> Result<Vec<u8>, $err> {
                Ok(self.0.sign(label, message)?)
            }
            fn wrap(&self, label: String, plain: Vec<u8>) -> Result<Vec<u8>, $err> {
                Ok(self.0.wrap(label, plain)?)
            }
            fn unwrap(&self, label: String, wrapped: Vec<u8>) -> Result<Vec<u8>, $err> {
                Ok(self.0.unwrap(label, wrapped)?)
            }
            fn mix(&self, label: String, input: Vec<u8>) -> Result<Vec<u8>, $err> {
                Ok(self.0.mix(label, input)?)
            }
            fn counter(&self, label: String) -> Result<u64, $err> {
                Ok(self.0.counter(label)?)
            }
            fn attest(&self, label: String, nonce: Vec<u8>) -> Result<Vec<u8>, $err> {
                Ok(self.0.attest(label, nonce)?)
            }
            fn destroy(&self, label: String) -> Result<(), $err> {
                Ok(self.0.destroy(label)?)
            }
        }
    };
}

use client::KeyVault as Core;

struct Desk(client::FileVault);
pass_on!(KeyVault, VaultError, Desk, KeyUse);

struct Foreign(Arc<dyn KeyVault>);
pass_on!(Core, client::VaultError, Foreign, client::KeyUse);

impl From<KeyUse> for client::KeyUse {
    fn from(u: KeyUse) -> Self {
        match u {
            KeyUse::Sign => Self::Sign,
            KeyUse::Wrap => Self::Wrap,
            KeyUse::WrapPresence => Self::WrapPresence,
            KeyUse::Mix => Self::Mix,
        }
    }
}

impl From<client::KeyUse> for KeyUse {
    fn from(u: client::KeyUse) -> Self {
        match u {
            client::KeyUse::Sign => Self::Sign,
            client::KeyUse::Wrap => Self::Wrap,
            client::KeyUse::WrapPresence => Self::WrapPresence,
            client::KeyUse::Mix => Self::Mix,
        }
    }
}

/// A foreign vault as the core takes it.
pub(crate) fn adapt(vault: Arc<dyn KeyVault>) -> Arc<dyn client::KeyVault> {
    Arc::new(Foreign(vault))
}
