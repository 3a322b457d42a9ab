//! The files of a device: the only crate on it that opens a database.
//!
//! | what | how | why there |
//! |---|---|---|
//! | [`Compartment`] | one SQLCipher file for each, own key, WAL, one writer and a few readers | withdrawn by forgetting a key and unlinking a file; a sync of one never holds another's lock |
//! | [`Journal`] | SQLCipher, own key, every commit durable | an account must not wait behind a delta (rule 6, rule 12) |
//! | [`State`] | SQLCipher, own key | small documents that move together or not at all |
//! | [`Staging`] | sled | fetched frames, still encrypted: all of it can be fetched again |
//!
//! Reading records needs a `Permit` of `beatcheck-policy` and goes through the [`Shelf`], which asks only compartments
//! that the permit names: an unchecked read does not compile (rule 7). No clock and no randomness live here: keys, times
//! and random names are handed in. What is *compared* is `beatcheck-search`; this crate finds candidates and shows none.
//!
//! No error of this crate carries a value from a record or a question ([`StoreError`]).

mod db;
mod error;
mod files;
mod filter;
mod journal;
mod marks;
mod mask;
mod once;
mod persons;
mod pool;
mod records;
mod reserve;
mod shelf;
mod staging;
mod state;
mod variants;

pub use db::assert_sqlite_version;
pub use error::StoreError;
pub use files::{shred_file, write_atomic};
pub use journal::{AskedAbout, Journal, JournalStats, LateHitRow, Made, RESERVE_BYTES, Told};
pub use persons::{PersonCandidates, RANKED_MAX};
pub use records::{APPLY_MAX, Applied, Checkpoint, Compartment, Scrub, ScrubResult, ScrubStep, TOUCHED_MAX};
pub use shelf::{CANDIDATES_MAX, Candidate, Shelf, VehicleCandidates};
pub use staging::{FLUSH_EVERY_MS, Staging};
pub use state::State;

/// A file's raw 256-bit key, zeroed when dropped.
pub type Key = zeroize::Zeroizing<[u8; 32]>;
