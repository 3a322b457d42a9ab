//! The key vault: where the keys live that cannot leave (Android Keystore, Secure Enclave, on the desk a file).
//!
//! The trait is small and speaks in bytes, so that Kotlin and Swift can implement it. Everything else in the core is
//! encrypted, directly or through the keyring, under a key that only the vault can use.

/// What a vault key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// ECDSA P-256 with SHA-256: TLS client authentication and receipts.
    Sign,
    /// Authenticated encryption of small blobs (the keyring).
    Wrap,
    /// The same, under a key that the platform gives out only after its biometric check, and destroys when the enrolled
    /// fingers or faces change.
    WrapPresence,
    /// A keyed function for [`KeyVault::mix`].
    Mix,
}

/// What a vault can say when it fails. Carries no key material; a foreign vault's own text is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// There is no key under this label: it was destroyed or never made.
    #[error("the key is not there: the device must be enrolled anew")]
    NoSuchKey,
    /// The key is locked until the officer unlocks the phone or passes the biometric check.
    #[error("the key is locked: unlock the device and try again")]
    Locked,
    /// The blob was not wrapped by this key, or was altered.
    #[error("the wrapped data does not belong to this key")]
    NotOurs,
    /// This vault has no such thing: no counter, no biometric check, no keyed function. The core does without and says so.
    #[error("this vault cannot do that")]
    Unsupported,
    /// It failed otherwise.
    #[error("it failed; try again, and enrol anew if it keeps failing")]
    Failed,
}

/// Keys that never leave. Labels are short ASCII names chosen by the core. Implementations must be safe to call from
/// any thread.
pub trait KeyVault: Send + Sync {
    /// What kind this is: `desk`, `android-keystore`, `secure-enclave`.
    fn kind(&self) -> String;

    /// Makes a key under `label`, replacing one that is there. Returns the public key of a signing key as an
    /// uncompressed P-256 point (65 bytes), nothing for a wrapping key.
    ///
    /// # Errors
    /// [`VaultError`].
    fn create(&self, label: String, key_use: KeyUse) -> Result<Vec<u8>, VaultError>;

    /// The public key of a signing key.
    ///
    /// # Errors
    /// [`VaultError::NoSuchKey`] and others.
    fn public_key(&self, label: String) -> Result<Vec<u8>, VaultError>;

    /// Signs with ECDSA P-256 and SHA-256; the signature in ASN.1 form.
    ///
    /// # Errors
    /// [`VaultError`].
    fn sign(&self, label: String, message: Vec<u8>) -> Result<Vec<u8>, VaultError>;

    /// Encrypts and authenticates a blob of at most 64 KiB.
    ///
    /// # Errors
    /// [`VaultError`].
    fn wrap(&self, label: String, plain: Vec<u8>) -> Result<Vec<u8>, VaultError>;

    /// Reverses [`KeyVault::wrap`].
    ///
    /// # Errors
    /// [`VaultError::NotOurs`] for a blob of another key, and others.
    fn unwrap(&self, label: String, wrapped: Vec<u8>) -> Result<Vec<u8>, VaultError>;

    /// Mixes a secret of the vault into 32 bytes and returns 32 bytes: the same for the same input, and not to be had without
    /// this vault. Every guess at a PIN takes one call, so that a copied store cannot be guessed at elsewhere. HMAC-SHA-256
    /// under the key on Android; on the Secure Enclave, which has no HMAC, a key agreement with the point that the input names.
    ///
    /// # Errors
    /// [`VaultError::Unsupported`] where there is none; [`VaultError`].
    fn mix(&self, label: String, input: Vec<u8>) -> Result<Vec<u8>, VaultError>;

    /// A number that grows by one with each call and cannot be set back.
    ///
    /// # Errors
    /// [`VaultError::Unsupported`] where there is none (no phone's vault has one today); [`VaultError`].
    fn counter(&self, label: String) -> Result<u64, VaultError>;

    /// The platform's attestation that the signing key `label` is held in hardware, over the hub's challenge: on Android the
    /// certificate chain (DER, each behind its length as u32 little endian), on Apple the App Attest object. The desk vault
    /// signs the challenge with the key: that shows the key, and no hardware.
    ///
    /// # Errors
    /// [`VaultError`].
    fn attest(&self, label: String, nonce: Vec<u8>) -> Result<Vec<u8>, VaultError>;

    /// Destroys a key for good; destroying one that is not there succeeds.
    ///
    /// # Errors
    /// [`VaultError`].
    fn destroy(&self, label: String) -> Result<(), VaultError>;
}
