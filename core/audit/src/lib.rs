//! The account: what an entry says, and how it is sealed to the hub's audit key.
//!
//! An entry is sealed when it is written (HPKE, RFC 9180: X25519, HKDF-SHA-256, ChaCha20-Poly1305, base mode), so the
//! device cannot read its own journal and a wipe need not destroy it (rule 12). Device and sequence number are bound
//! as associated data: an entry cannot be passed off as another's. The chain over sealed entries is
//! `beatcheck_wire::journal`.

mod entry;
mod seal;

pub use entry::{Asked, Consulted, ENTRY_FORMAT, Entry, EntryKind, Shown};
pub use seal::{AuditError, AuditKeyPair, open, open_key, seal, seal_key};
