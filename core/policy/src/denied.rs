//! Why a check is refused, in words for the officer.

use beatcheck_model::Timestamp;

/// Why a check was refused. The texts are for the officer and carry no personal data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The purpose is not one of the role's.
    #[error("purpose not allowed for your role; allowed: {}", allowed.join(", "))]
    Purpose {
        /// Those that are.
        allowed: Vec<String>,
    },
    /// The purpose owes a reason in words.
    #[error("purpose '{purpose}' needs a reason in your own words: give it and check again")]
    ReasonOwed {
        /// The purpose.
        purpose: String,
    },
    /// The purpose owes the number of an incident.
    #[error("purpose '{purpose}' needs the number of the incident: give it and check again")]
    IncidentOwed {
        /// The purpose.
        purpose: String,
    },
    /// Policy does not know the role.
    #[error("policy {policy_version} has no role '{role}': ask device management to correct the role or the policy")]
    UnknownRole {
        /// The role.
        role: String,
        /// The policy's version.
        policy_version: u64,
    },
    /// No contact with the hub for longer than the lease.
    #[error("the lease ended {ended}: connect and sync, then check again; until then ask control by radio")]
    LeaseEnded {
        /// When.
        ended: Timestamp,
    },
    /// The clock stands behind a time that the hub has signed.
    #[error("this device's clock stands behind the hub's ({highest}): set it right, or connect and sync")]
    ClockBehind {
        /// The highest time signed.
        highest: Timestamp,
    },
    /// Restarted, and used for longer than policy allows on the device's own clock.
    #[error("this device was restarted and has not heard of the hub for too long since: connect and sync")]
    ClockUnsure,
    /// The app is too old for the policy.
    #[error("this app is too old for your force's policy, which wants {needed} or newer: update it")]
    AppTooOld {
        /// The oldest allowed.
        needed: String,
    },
    /// Out of the ordinary, and policy refuses that.
    #[error("this is out of the ordinary ({}) and your force's policy refuses it: ask your supervisor", what.join(", "))]
    UnusualUse {
        /// `many_checks`, `same_subject`.
        what: Vec<String>,
    },
    /// Too much of the account waits to be sent.
    #[error("too many checks wait to be accounted for: connect and sync, then check again")]
    JournalFull,
    /// The officer is suspended or has left.
    #[error("device management has suspended your access: ask your supervisor")]
    Suspended,
    /// Device management has ordered this device to be erased.
    #[error("device management has withdrawn this device")]
    Withdrawn,
}

impl Denied {
    /// The stable code (`docs/cli.md`).
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Purpose { .. } => "purpose_not_allowed",
            Self::ReasonOwed { .. } => "reason_owed",
            Self::IncidentOwed { .. } => "incident_owed",
            Self::UnknownRole { .. } => "unknown_role",
            Self::LeaseEnded { .. } => "lease_ended",
            Self::ClockBehind { .. } => "clock_behind",
            Self::ClockUnsure => "clock_unsure",
            Self::AppTooOld { .. } => "app_too_old",
            Self::UnusualUse { .. } => "unusual_use",
            Self::JournalFull => "journal_full",
            Self::Suspended => "suspended",
            Self::Withdrawn => "withdrawn",
        }
    }
}
