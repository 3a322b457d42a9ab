//! What an entry says. Serialised as JSON inside the seal: an auditor reads it years later without this code.

use beatcheck_model::{Outcome, Query, Timestamp};
use serde::{Deserialize, Serialize};

/// Format of an entry.
pub const ENTRY_FORMAT: u32 = 1;

/// One entry of the account (Data Protection Act 2018 s.62: justification, date and time, who).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Format of this entry ([`ENTRY_FORMAT`]).
    pub format: u32,
    /// When, by the device's clock.
    pub at: Timestamp,
    /// The highest time that the hub had signed when it was written: it is not older than that. When the hub received it is
    /// the other bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
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
        /// Why, in the officer's own words, where policy wants that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Number of the incident, where policy wants that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        incident: Option<String>,
        /// What was out of the ordinary: `many_checks`, `same_subject`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unusual: Vec<String>,
        /// Whether it was made under a break-glass.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        break_glass: bool,
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
        /// `officer`, `order` or `attempts`.
        by: String,
        /// The order, in hexadecimal, if it was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order: Option<String>,
    },
    /// What was held of a compartment was erased by order; it may come again.
    Purged {
        /// Which, in hexadecimal.
        compartment: String,
        /// Its name.
        name: String,
        /// The order, in hexadecimal.
        order: String,
    },
    /// The officer unlocked.
    Unlocked {
        /// `pin`, `biometric` or `none` (no PIN is set).
        by: String,
        /// What the vault's counter said: a number that is missing between two entries means that entries are. None where the
        /// vault has no counter.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        counter: Option<u64>,
    },
    /// It locked.
    Locked {
        /// `officer`, `idle`, `shift_end`, `policy`, `clock`.
        why: String,
    },
    /// A wrong PIN was tried.
    PinRefused {
        /// How many in a row by now.
        attempts: u32,
    },
    /// PIN or biometric unlock was set, changed or taken away.
    UnlockChanged {
        /// `pin_set`, `pin_changed`, `biometric_on`, `biometric_off`.
        change: String,
    },
    /// A shift began.
    ShiftStarted {
        /// Its name, in hexadecimal.
        shift: String,
        /// When it ends by itself.
        ends: Timestamp,
    },
    /// A shift ended.
    ShiftEnded {
        /// Its name, in hexadecimal.
        shift: String,
        /// `officer`, `time`, `order`.
        why: String,
        /// Whether the records were erased.
        erased: bool,
    },
    /// An officer opened warnings and stolen vehicles on their own word after the lease had ended.
    BreakGlass {
        /// Why, in their own words.
        reason: String,
        /// Until when.
        until: Timestamp,
    },
    /// A policy was offered and refused.
    PolicyRefused {
        /// Stable code: `replayed`, `bad_signature`, `malformed`.
        code: String,
        /// `sync` or `mdm`.
        from: String,
    },
    /// Device management's configuration was applied.
    Managed {
        /// Names of the settings that changed.
        changed: Vec<String>,
    },
    /// What is on this device is older than it was: files were put back.
    RolledBack {
        /// What the vault's counter says.
        counter: u64,
        /// What the files say.
        known: u64,
    },
    /// The clock stood behind what the hub had signed.
    ClockBehind {
        /// What it said.
        clock: Timestamp,
    },
    /// The root of trust moved on.
    RootAdopted {
        /// Its version.
        version: u64,
    },
    /// This device was enrolled again after its hardware key was lost.
    Succeeds {
        /// The device that it was, in hexadecimal.
        device: String,
        /// Bytes of that one's account which were kept, to be handed in; 0 if there were none.
        kept_bytes: u64,
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
