//! Signed documents: Ed25519 over the exact bytes.
//!
//! ```text
//! offset  bytes  what
//! 0       2      "BC"
//! 2       1      kind (DocKind)
//! 3       1      format version of this kind (DocKind::version)
//! 4       8      key id: first 8 bytes of SHA-256 over the public key
//! 12      64     Ed25519 signature over bytes 0..12 and 76..
//! 76      ..     payload: postcard, for a policy canonical JSON
//! ```
//! A decoder ignores bytes after the fields it knows, so that fields may be appended within a version; a change that
//! an older build would misread raises the version, and that build says so instead of guessing.

use crate::WireError;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Serialize, de::DeserializeOwned};

const MAGIC: &[u8; 2] = b"BC";
const HEADER: usize = 12;
/// Bytes before the payload.
pub const OVERHEAD: usize = HEADER + 64;
/// Largest signed document accepted, in bytes.
pub const MAX_DOCUMENT: usize = 4 * 1024 * 1024;

/// Which document an envelope holds; a signature for one kind is never valid for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum DocKind {
    /// Trust keys of the hub.
    Root = 1,
    /// What is current.
    Head = 2,
    /// Which manifests a head names.
    ManifestSet = 3,
    /// A compartment's segments.
    Manifest = 4,
    /// What one device may hold.
    Grant = 5,
    /// Device management's rules.
    Policy = 6,
    /// An order to wipe.
    WipeOrder = 7,
}

impl DocKind {
    /// The version in which this build writes and reads it.
    #[must_use]
    pub const fn version(self) -> u8 {
        match self {
            Self::Manifest | Self::Root | Self::Grant => 2,
            _ => 1,
        }
    }

    /// The glossary's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Head => "head",
            Self::ManifestSet => "manifest set",
            Self::Manifest => "manifest",
            Self::Grant => "grant",
            Self::Policy => "policy",
            Self::WipeOrder => "wipe order",
        }
    }
}

/// A public key that documents are verified with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, serde::Deserialize)]
pub struct VerifyKey(pub [u8; 32]);

impl VerifyKey {
    /// The first 8 bytes of SHA-256 over the key.
    #[must_use]
    pub fn id(&self) -> [u8; 8] {
        let h = ring::digest::digest(&ring::digest::SHA256, &self.0);
        let mut id = [0; 8];
        id.copy_from_slice(&h.as_ref()[..8]);
        id
    }
}

/// A key that signs documents; only a hub has any.
pub struct SigningKey(Ed25519KeyPair, VerifyKey);

impl SigningKey {
    /// From a 32-byte seed.
    ///
    /// # Errors
    /// [`WireError::Malformed`] if the seed is not 32 bytes.
    pub fn from_seed(seed: &[u8]) -> Result<Self, WireError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| WireError::Malformed("signing key"))?;
        let mut public = [0; 32];
        public.copy_from_slice(pair.public_key().as_ref());
        Ok(Self(pair, VerifyKey(public)))
    }

    /// The public half.
    #[must_use]
    pub const fn verify_key(&self) -> VerifyKey {
        self.1
    }

    /// Signs an already encoded payload.
    #[must_use]
    pub fn sign_bytes(&self, kind: DocKind, payload: &[u8]) -> Vec<u8> {
        let mut signed = Vec::with_capacity(HEADER + payload.len());
        signed.extend_from_slice(MAGIC);
        signed.push(kind as u8);
        signed.push(kind.version());
        signed.extend_from_slice(&self.1.id());
        signed.extend_from_slice(payload);
        let signature = self.0.sign(&signed);
        let mut out = Vec::with_capacity(OVERHEAD + payload.len());
        out.extend_from_slice(&signed[..HEADER]);
        out.extend_from_slice(signature.as_ref());
        out.extend_from_slice(payload);
        out
    }

    /// Encodes `document` as postcard and signs it.
    ///
    /// # Errors
    /// [`WireError::Malformed`] if it cannot be encoded.
    pub fn sign<T: Serialize>(&self, kind: DocKind, document: &T) -> Result<Vec<u8>, WireError> {
        let payload = postcard::to_allocvec(document).map_err(|_| WireError::Malformed(kind.name()))?;
        Ok(self.sign_bytes(kind, &payload))
    }
}

/// The payload of a signed document, after its signature was verified against one of `trusted`.
///
/// # Errors
/// Any [`WireError`] that says why it was refused.
pub fn open_bytes<'a>(kind: DocKind, bytes: &'a [u8], trusted: &[VerifyKey]) -> Result<&'a [u8], WireError> {
    if bytes.len() > MAX_DOCUMENT {
        return Err(WireError::OverLimit("document"));
    }
    let (Some(header), Some(signature), Some(payload)) =
        (bytes.get(..HEADER), bytes.get(HEADER..OVERHEAD), bytes.get(OVERHEAD..))
    else {
        return Err(WireError::Truncated);
    };
    if &header[..2] != MAGIC || header[2] != kind as u8 {
        return Err(WireError::WrongKind(kind.name()));
    }
    if header[3] != kind.version() {
        return Err(WireError::UnknownVersion { what: kind.name(), found: header[3], known: kind.version() });
    }
    let key = trusted.iter().find(|k| k.id() == header[4..12]).ok_or(WireError::BadSignature(kind.name()))?;
    let mut signed = Vec::with_capacity(HEADER + payload.len());
    signed.extend_from_slice(header);
    signed.extend_from_slice(payload);
    UnparsedPublicKey::new(&ED25519, key.0)
        .verify(&signed, signature)
        .map_err(|_| WireError::BadSignature(kind.name()))?;
    Ok(payload)
}

/// Verifies and decodes a postcard document; see [`open_bytes`].
///
/// # Errors
/// As [`open_bytes`], and [`WireError::Malformed`] if the payload does not decode.
pub fn open<T: DeserializeOwned>(kind: DocKind, bytes: &[u8], trusted: &[VerifyKey]) -> Result<T, WireError> {
    let payload = open_bytes(kind, bytes, trusted)?;
    postcard::take_from_bytes(payload).map(|(doc, _)| doc).map_err(|_| WireError::Malformed(kind.name()))
}

/// Verifies a device's signature (ECDSA P-256 with SHA-256, ASN.1 form) made by a key of its vault.
///
/// # Errors
/// [`WireError::BadSignature`].
pub fn verify_device(public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), WireError> {
    UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_ASN1, public_key)
        .verify(message, signature)
        .map_err(|_| WireError::BadSignature("device's message"))
}
