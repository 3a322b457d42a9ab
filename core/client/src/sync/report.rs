//! What a sync reports, while it runs and at its end. The JSON is in `docs/cli.md`.

use crate::status::LateHit;
use beatcheck_model::Timestamp;
use serde::{Deserialize, Serialize};

/// What a sync is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncProgress {
    /// Connecting to the hub.
    Connecting,
    /// Bytes fetched so far in this sync, of those planned so far.
    Fetched {
        /// Fetched.
        bytes: u64,
        /// Planned.
        of: u64,
        /// Bytes a second of late.
        bytes_per_s: u64,
    },
    /// Rows being applied.
    Applying {
        /// Compartment's name.
        compartment: String,
        /// Rows done.
        rows: u64,
        /// Of so many.
        of: u64,
    },
    /// A compartment has its new state and answers from it.
    Usable {
        /// Compartment's name.
        compartment: String,
    },
    /// A compartment's list of marks answers: what is on it is possible, until its records have come.
    MarksUsable {
        /// Compartment's name.
        compartment: String,
    },
    /// Waiting before the next try.
    Waiting {
        /// Milliseconds.
        ms: u64,
    },
    /// An answer given earlier has changed.
    LateHit(LateHit),
}

/// What a sync brought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncReport {
    /// Whether everything that the hub has published for this device is now held.
    pub complete: bool,
    /// Compartments that have a newer state.
    pub compartments: Vec<CompartmentChange>,
    /// Compartments that were withdrawn.
    pub withdrawn: Vec<String>,
    /// Compartments that could not be brought forward.
    pub failed: Vec<Failure>,
    /// Compartments that wait: for a network that is not paid for by volume or another day, as policy's budget is spent; or, where
    /// `locked` is set, for the officer.
    pub deferred: Vec<String>,
    /// Set: the device was locked, so that it fetched no records; `deferred` says which wait for the officer.
    #[serde(default)]
    pub locked: bool,
    /// Compartments whose stored rows were not what was published, and that were mended.
    pub mended: Vec<Mended>,
    /// Why the sync as a whole ended early, if it did.
    pub fault: Option<Failure>,
    /// Requests made.
    pub requests: u32,
    /// Bytes received on the wire, TLS included: the hub's and a relay's.
    pub bytes_down: u64,
    /// Of these, bytes received from a relay.
    #[serde(default)]
    pub relay_bytes: u64,
    /// Bytes sent on the wire, TLS included.
    pub bytes_up: u64,
    /// Duration in milliseconds.
    pub took_ms: u64,
    /// Journal entries that the hub acknowledged in this sync.
    pub journal_sent: u64,
    /// Journal entries that still wait.
    pub journal_pending: u64,
    /// Answers given earlier that have changed.
    pub late_hits: Vec<LateHit>,
    /// When the hub wants to be asked next, in seconds.
    pub ask_again_s: u32,
    /// Set: the device was erased by order of device management.
    pub wiped: bool,
}

/// What changed in a compartment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompartmentChange {
    /// Its name.
    pub compartment: String,
    /// Its source.
    pub source: String,
    /// `snapshot`, `deltas` or `touch`.
    pub route: String,
    /// Rows that are new.
    pub inserted: u64,
    /// Rows that changed.
    pub updated: u64,
    /// Rows that are gone.
    pub deleted: u64,
    /// Rows held now.
    pub rows: u64,
    /// Segment bytes of the route.
    pub bytes: u64,
    /// The extract's own time.
    pub as_of: Timestamp,
    /// Watermark now.
    pub watermark: u64,
    /// Digest of what is stored, equal to the manifest's.
    pub digest: String,
}

/// How a compartment was mended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mended {
    /// Its name.
    pub compartment: String,
    /// Rows that were fetched again.
    pub rows: u64,
    /// Bytes that the hub's answers took; 0 for a rebuild, whose bytes are in `compartments`.
    pub bytes: u64,
    /// Whether all of it was fetched anew.
    pub rebuilt: bool,
}

/// A failure with its stable code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Compartment's name, where it concerns one.
    pub compartment: Option<String>,
    /// Code.
    pub code: String,
    /// In words.
    pub text: String,
}
