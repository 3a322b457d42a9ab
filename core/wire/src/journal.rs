//! The journal on its way up: sealed entries in a hash chain, in idempotent batches.
//!
//! An entry is sealed to the hub's audit key as it is written (HPKE; `beatcheck-audit`), so a device, even a wiped
//! one, keeps only ciphertext. The chain runs over the ciphertext: anyone can verify that nothing was removed or
//! reordered, without being able to read it.

use crate::Hash32;
use crate::documents::{CompartmentId, DeviceId};
use beatcheck_model::Timestamp;
use serde::{Deserialize, Serialize};

/// Version of a batch.
pub const BATCH_VERSION: u8 = 2;
/// Entries in one batch, at most.
pub const MAX_BATCH_ENTRIES: usize = 512;
/// Bytes of one sealed entry, at most.
pub const MAX_ENTRY_BYTES: usize = 256 * 1024;
/// Bytes of one batch, at most.
pub const MAX_BATCH_BYTES: usize = 2 * 1024 * 1024;

/// One entry as it is kept and sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedEntry {
    /// Position in the device's journal, from 1, without gaps.
    pub seq: u64,
    /// Link to all before it; see [`link`].
    pub hash: [u8; 32],
    /// The sealed content.
    pub sealed: Vec<u8>,
}

/// The chain's start for a device.
#[must_use]
pub fn genesis(device: DeviceId) -> [u8; 32] {
    let mut ctx = ring::digest::Context::new(&ring::digest::SHA256);
    ctx.update(b"beatcheck journal v1");
    ctx.update(&device.0);
    finish(ctx)
}

/// SHA-256 over the previous link, the sequence number (little endian) and the sealed bytes.
#[must_use]
pub fn link(previous: &[u8; 32], seq: u64, sealed: &[u8]) -> [u8; 32] {
    let mut ctx = ring::digest::Context::new(&ring::digest::SHA256);
    ctx.update(previous);
    ctx.update(&seq.to_le_bytes());
    ctx.update(sealed);
    finish(ctx)
}

fn finish(ctx: ring::digest::Context) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(ctx.finish().as_ref());
    out
}

/// What a device says it holds: evidence from an unbroken client, not proof against a broken one (rule 9).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Compartment.
    pub compartment: CompartmentId,
    /// Manifest version applied.
    pub manifest_version: u64,
    /// Watermark.
    pub watermark: u64,
    /// Digest of what is stored.
    pub digest: Hash32,
}

/// A batch of entries, oldest first. Signed by the device's receipt key as a whole; see [`JournalUpload`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalBatch {
    /// Format version ([`BATCH_VERSION`]).
    pub version: u8,
    /// Device.
    pub device: DeviceId,
    /// The link before the first entry.
    pub previous: [u8; 32],
    /// Entries in sequence.
    pub entries: Vec<SealedEntry>,
    /// What is held now.
    pub held: Vec<Held>,
    /// Policy version in force.
    pub policy_version: u64,
    /// Grant version in force.
    pub grant_version: u64,
    /// When it was put together, by the device's clock.
    pub at: Timestamp,
    /// Set when this device has been wiped and these are its last words.
    pub wiped: bool,
    /// Receipts of orders that were obeyed since the last batch that the hub acknowledged. At most [`MAX_RECEIPTS`].
    pub receipts: Vec<Receipt>,
    /// What the device says of itself.
    pub report: DeviceReport,
}

/// Receipts in one batch, at most.
pub const MAX_RECEIPTS: usize = 128;

/// That an order was obeyed. The batch's signature is the device's: the same is in the sealed account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The order.
    pub order: crate::OrderId,
    /// When, by the device's clock.
    pub at: Timestamp,
}

/// What a device says of itself with each batch: evidence from an unbroken client, not proof against a broken one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceReport {
    /// Version of the app.
    pub app_version: String,
    /// Entries that wait behind this batch.
    pub pending: u64,
    /// Version of the root that is trusted.
    pub root_version: u64,
    /// What the vault's counter said last; none where the vault has none.
    pub counter: Option<u64>,
    /// Whether records can be read now: unlocked, and in a shift where policy wants one.
    pub unlocked: bool,
    /// Stable codes of what is not as it should be, such as `clock_behind`, `journal_low`, `rolled_back`.
    pub problems: Vec<String>,
}

/// A batch with the device's signature over its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalUpload {
    /// postcard of a [`JournalBatch`].
    pub batch: Vec<u8>,
    /// ECDSA P-256 by the receipt key, ASN.1.
    pub signature: Vec<u8>,
}

/// What the hub has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalAck {
    /// Everything up to this is safe at the hub and may be dropped.
    pub acked: u64,
}

/// Why a run of entries is not the continuation of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// An entry is missing.
    #[error("journal entry {expected} is missing: found {found}")]
    Gap {
        /// The number that should come.
        expected: u64,
        /// The one that came.
        found: u64,
    },
    /// An entry or its predecessor was altered.
    #[error("journal entry {0} does not follow from the one before it")]
    Broken(u64),
}

/// Verifies that `entries` continue a chain whose last entry was `(seq, hash)`; returns the new end.
///
/// # Errors
/// [`ChainError`] with the first entry at fault.
pub fn verify_chain(mut last: (u64, [u8; 32]), entries: &[SealedEntry]) -> Result<(u64, [u8; 32]), ChainError> {
    for e in entries {
        if e.seq != last.0 + 1 {
            return Err(ChainError::Gap { expected: last.0 + 1, found: e.seq });
        }
        if link(&last.1, e.seq, &e.sealed) != e.hash {
            return Err(ChainError::Broken(e.seq));
        }
        last = (e.seq, e.hash);
    }
    Ok(last)
}
