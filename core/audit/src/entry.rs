//! What an entry says. Serialised as JSON inside the seal: an auditor reads it years later without this code.

use beatcheck_model::{Outcome, Query, Timestamp};
use serde::{Deserialize, Serialize};

/// One entry of the account (Data Protection Act 2018 s.62: justification, date and time, who).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Format of this entry (1).
    pub format: u32,
    /// When, by the device's clock.
    pub at: Timestamp,
    /// Whose session it was.
    pub officer: String,
    /// Role at the time.
    pub role: String,
    /// Policy version in force.
    pub policy_version: u64,
    /// Grant version in force.
    pub grant_version: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: EntryKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EntryKind {
    /// A check was made, refused ones and empty ones too.
    Check {
        /// The sayable reference that the answer bears.
        reference: String,
        /// Stated purpose.
        purpose: String,
        /// What was asked.
        asked: Asked,
        /// What came of it.
        outcome: Outcome,
        /// Code of the refusal, if it was refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// The records shown.
        shown: Vec<Shown>,
        /// The compartments consulted, and the state they were in.
        consulted: Vec<Consulted>,
    },
    /// What an officer was told has changed (rule 11).
    LateHit {
        /// Reference of the check concerned.
        reference: String,
        /// `appeared`, `corrected` or `withdrawn`.
        change: String,
        /// What would be shown now.
        shown: Vec<Shown>,
    },
    /// A compartment was made unreadable.
    CompartmentWithdrawn {
        /// Which, in hexadecimal.
        compartment: String,
        /// Its name.
        name: String,
    },
    /// A policy took effect.
    PolicyApplied {
        /// Its version.
        version: u64,
    },
    /// A sync changed what is held.
    Synced {
        /// What is held now.
        consulted: Vec<Consulted>,
    },
    /// Stored rows were found to be others than were published.
    Diverged {
        /// Which compartment, in hexadecimal.
        compartment: String,
        /// Its name.
        name: String,
    },
    /// They were mended.
    Repaired {
        /// Which compartment, in hexadecimal.
        compartment: String,
        /// Its name.
        name: String,
        /// Rows that were fetched again.
        rows: u64,
        /// Whether all of it was fetched anew.
        rebuilt: bool,
    },
    /// The device was enrolled.
    Enrolled {},
    /// The device was wiped.
    Wiped {
        /// `officer`, `order` or `revoked`.
        by: String,
    },
}

/// What was asked: a question as the officer put it, or only its kind where it could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Asked {
    /// A well-formed query.
    Query(Box<Query>),
    /// A line that was no query, cut to a bounded length.
    Unreadable {
        /// As it came.
        text: String,
    },
}

/// A record that was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Compartment, in hexadecimal.
    pub compartment: String,
    /// Record id, in hexadecimal.
    pub id: String,
    /// Version shown.
    pub version: u32,
    /// `hit` or `possible`.
    pub outcome: Outcome,
}

/// A compartment that was consulted: with the hub's history this reconstructs what an answer was drawn from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consulted {
    /// Compartment, in hexadecimal.
    pub compartment: String,
    /// Its name.
    pub name: String,
    /// Highest hub sequence applied.
    pub watermark: u64,
    /// Manifest version.
    pub manifest_version: u64,
    /// `current`, `stale`, `missing`, `withheld` or `marks_only`.
    pub state: String,
}
