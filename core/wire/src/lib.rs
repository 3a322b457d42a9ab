//! What travels between hub and device: shapes, encodings, signatures, digests.
//!
//! Everything here is computed over bytes that are handed in: no sockets, no files, no clock. Each form carries its
//! version from its first bytes; `docs/protocol.md` describes them byte by byte and `tests/golden` holds one of each.
//!
//! * [`envelope`]: a signed document (root, head, manifest set, manifest, grant, policy);
//! * [`documents`] and [`policy`]: what is in them;
//! * [`segment`], [`batch`] and [`patch`]: encrypted frames, the columns inside, and changed fields;
//! * [`mark_index`]: which marks are listed, before the rows are there; [`ranges`]: where two stores differ;
//! * [`catch_up`]: all that a device lacks, in one answer;
//! * [`digest`]: the multiset digest that proves what is stored;
//! * [`journal`]: sealed entries on their way up; [`enrol`]: how a device comes in.

pub mod batch;
pub mod catch_up;
mod columns;
pub mod digest;
pub mod documents;
pub mod enrol;
pub mod envelope;
mod error;
pub mod journal;
pub mod kept;
pub mod mark_index;
pub mod patch;
pub mod policy;
pub mod ranges;
mod record_columns;
pub mod segment;

/// The id of a record: the first 16 bytes of SHA-256 over [`RecordId::derive_input`](beatcheck_model::RecordId::derive_input).
/// The hub gives it; a device that follows a link derives it again from the source's name and the key that the link states.
///
/// ```
/// use beatcheck_model::RecordKind::Vehicle;
/// let id = beatcheck_wire::record_id("list", Vehicle, &["V1"], 0);
/// assert_eq!(id, beatcheck_wire::record_id("list", Vehicle, &["V1"], 0));
/// assert_ne!(id, beatcheck_wire::record_id("list", Vehicle, &["V1"], 1));
/// ```
#[must_use]
pub fn record_id(
    source: &str,
    kind: beatcheck_model::RecordKind,
    key: &[&str],
    occurrence: u32,
) -> beatcheck_model::RecordId {
    let input = beatcheck_model::RecordId::derive_input(source, kind, key, occurrence);
    let hash = ring::digest::digest(&ring::digest::SHA256, &input);
    let mut id = [0; 16];
    id.copy_from_slice(&hash.as_ref()[..16]);
    beatcheck_model::RecordId(id)
}

pub use documents::*;
pub use error::WireError;

/// Version of the protocol that this build speaks. A hub that speaks another answers with a clear refusal.
pub const PROTOCOL_VERSION: u8 = 1;
/// Version of the record schema inside segments and in the store.
pub const RECORD_SCHEMA: u8 = 1;

/// A BLAKE3-256 hash of bytes as they travel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
pub struct Hash32(pub [u8; 32]);

impl Hash32 {
    /// The hash of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Reads the 64 hexadecimal digits that `Display` writes.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        blake3::Hash::from_hex(text).ok().map(|h| Self(*h.as_bytes()))
    }
}

impl std::fmt::Display for Hash32 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl std::fmt::Debug for Hash32 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}
