//! The sections of a policy.

use super::POSSIBLE_ODDS_BITS;
use serde::{Deserialize, Serialize};

/// What a role may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Role {
    /// Compartments by name; `*` means every one whose source may go offline.
    pub compartments: Vec<String>,
    /// Purposes for which checks may be made.
    pub purposes: Vec<String>,
    /// Fields that this role is not shown, and cannot search by. Names, dates of birth, marks, warning markers and statuses
    /// are never hidden: an officer's safety hangs on them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hide: Vec<Hidden>,
}

/// A group of fields that a role may be kept from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Hidden {
    /// Addresses of persons; where a vehicle was taken from or is kept.
    Address,
    /// PNC ID, CRO number, driver number and others; a vehicle's VIN.
    Identifiers,
    /// What is told of a person in words: the summary.
    Intelligence,
    /// Arrests, charges, convictions.
    Events,
    /// Keepers, known users, vehicles, associates.
    Links,
    /// The reference of a photograph.
    Photo,
}

impl Hidden {
    /// All groups.
    pub const ALL: [Self; 6] =
        [Self::Address, Self::Identifiers, Self::Intelligence, Self::Events, Self::Links, Self::Photo];

    /// The word used in a policy.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Identifiers => "identifiers",
            Self::Intelligence => "intelligence",
            Self::Events => "events",
            Self::Links => "links",
            Self::Photo => "photo",
        }
    }
}

/// What a purpose owes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct PurposeRule {
    /// What must be given with each check of this purpose.
    pub owes: Owes,
}

/// What must be given with a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Owes {
    /// Nothing.
    #[default]
    Nothing,
    /// A reason in the officer's own words.
    Reason,
    /// The number of the incident.
    Incident,
    /// Either of them.
    Either,
}

/// Rules of one compartment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct CompartmentRule {
    /// Age of its extract in hours from which its answers warn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_warn_hours: Option<u32>,
    /// Age in hours from which it is withheld.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_withhold_hours: Option<u32>,
    /// Hours for which it may be used without contact with the hub; counts where it is shorter than `limits.lease_hours`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_hours: Option<u32>,
}

/// Limits for all roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Limits {
    /// Hours for which data may be used without contact with the hub.
    pub lease_hours: u32,
    /// Age of an extract in hours from which its answers warn.
    pub stale_warn_hours: u32,
    /// Age in hours from which a compartment is withheld; none: never.
    pub stale_withhold_hours: Option<u32>,
    /// Hours within which a changed answer is told to the officer (rule 11).
    pub late_hit_hours: u32,
    /// Candidates shown in one answer, at most.
    pub max_results: u32,
    /// Odds in bits, over all persons searched, from which a person who differs in something from the one asked about may be
    /// called a possible match; 'fair' and 'strong' stand 2 and 5 bits above. Higher shows fewer strangers and misses more
    /// who are there (the curve is in `docs/matching.md`).
    pub possible_odds_bits: i32,
    /// Whether the desk's file vault may hold data.
    pub allow_desk_vault: bool,
    /// Megabytes that syncs may fetch in a day over a network that is paid for by volume; none: no limit. What is urgent
    /// (withdrawals, policy, deltas, the account) is fetched beyond it; snapshots wait for another network or day.
    pub metered_mb_per_day: Option<u32>,
    /// The same while roaming.
    pub roaming_mb_per_day: Option<u32>,
    /// Bytes of journal waiting from which the officer is warned.
    pub journal_warn_bytes: u64,
    /// Bytes of journal waiting beyond which no check is made until some were sent.
    pub journal_max_bytes: u64,
    /// Days for which the hub keeps the account; none: until it is told otherwise. Devices keep what is not acknowledged,
    /// however old.
    pub journal_keep_days: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lease_hours: 72,
            stale_warn_hours: 24,
            stale_withhold_hours: None,
            late_hit_hours: 12,
            max_results: 20,
            possible_odds_bits: POSSIBLE_ODDS_BITS,
            allow_desk_vault: true,
            metered_mb_per_day: None,
            roaming_mb_per_day: Some(20),
            journal_warn_bytes: 64 << 20,
            journal_max_bytes: 512 << 20,
            journal_keep_days: None,
        }
    }
}

/// How the officer unlocks, and what happens to who guesses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct UnlockRule {
    /// Whether records may only be held under a PIN; without one, checks are refused until it is set.
    pub pin_required: bool,
    /// Shortest PIN, in characters; with a shorter one set, checks are refused until it is changed.
    pub pin_min_length: u32,
    /// Whether the vault's biometric check may stand for the PIN.
    pub biometric_allowed: bool,
    /// Minutes without a check after which the device locks; 0: never.
    pub idle_lock_minutes: u32,
    /// Wrong PINs in a row before each further try has to wait.
    pub free_attempts: u32,
    /// Seconds to wait after the first of those; doubles with each, up to an hour.
    pub backoff_s: u32,
    /// Wrong PINs in a row after which the device erases itself; none: never.
    pub wipe_after_attempts: Option<u32>,
}

impl Default for UnlockRule {
    fn default() -> Self {
        Self {
            pin_required: false,
            pin_min_length: 6,
            biometric_allowed: true,
            idle_lock_minutes: 0,
            free_attempts: 5,
            backoff_s: 30,
            wipe_after_attempts: None,
        }
    }
}

/// What a shift is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct SessionRule {
    /// Whether records are also sealed under a key that the hub gives for a shift: when it ends the key is forgotten, and the
    /// store is ciphertext until the next shift starts, with the hub in reach.
    pub shift_key: bool,
    /// Whether the force's identity provider must say who the officer is when a shift starts.
    pub identity_at_start: bool,
    /// Hours after which a shift ends by itself; none: 12.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_hours: Option<u32>,
    /// What becomes of the records when a shift ends.
    pub at_end: AtEnd,
}

impl SessionRule {
    /// Hours of a shift where policy says nothing.
    pub const DEFAULT_HOURS: u32 = 12;

    /// Hours after which a shift ends by itself.
    #[must_use]
    pub fn hours(&self) -> u32 {
        self.max_hours.unwrap_or(Self::DEFAULT_HOURS)
    }
}

/// What becomes of the records when a shift ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AtEnd {
    /// They stay, locked.
    #[default]
    Lock,
    /// They are erased, and fetched again at the next shift.
    Erase,
}

/// What is believed of the device's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ClockRule {
    /// Minutes of use, over all restarts, for which a device that was restarted may go by its own clock before it must hear
    /// of the hub.
    pub reboot_allowance_minutes: u32,
    /// Seconds by which the clock may stand behind the highest time that the hub has signed.
    pub behind_tolerance_s: u32,
}

impl Default for ClockRule {
    fn default() -> Self {
        Self { reboot_allowance_minutes: 720, behind_tolerance_s: 300 }
    }
}

/// From when on use is out of the ordinary: flagged in the account and to the officer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct UnusualUse {
    /// Checks within an hour beyond which each is flagged; none: never.
    pub checks_per_hour: Option<u32>,
    /// Checks of one subject within a day beyond which each is flagged; none: never.
    pub same_subject_per_day: Option<u32>,
    /// Whether what is flagged is refused, too.
    pub refuse: bool,
}

/// What an officer may open on their own word after the lease has ended: warnings and stolen vehicles, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BreakGlass {
    /// Compartments that it opens, by name. Of persons only names, dates of birth, warning markers and statuses are shown.
    pub compartments: Vec<String>,
    /// Minutes for which it opens them.
    pub minutes: u32,
    /// Times that it can be used between two contacts with the hub.
    pub times: u32,
}
