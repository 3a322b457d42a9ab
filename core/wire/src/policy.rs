//! Device management's signed document: its shape, and its canonical bytes.
//!
//! A policy is written by people (TOML or JSON) and signed as canonical JSON: fields in the order of these structs,
//! no spaces, maps sorted. Unknown fields are refused when a policy is *written* (a typing error must not silently
//! permit) and ignored when one is *read* by a device (a newer hub may know more; the fields that an older device does
//! not know can only be ones that it could not enforce, and `min_app_version` keeps such devices out).

use crate::WireError;
use beatcheck_model::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Purposes that a default policy allows.
pub const DEFAULT_PURPOSES: [&str; 5] = ["traffic_stop", "stop_search", "welfare", "warrant", "other"];

/// Where a policy that says nothing draws the line between a possible match and a near miss, in bits.
pub const POSSIBLE_ODDS_BITS: i32 = -3;
/// How far from 0 a policy may draw it.
pub const POSSIBLE_ODDS_MOST: i32 = 12;

/// The policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Format of this document (1).
    pub format: u32,
    /// Counts the signed forms; only moves forward.
    pub policy_version: u64,
    /// When it was signed.
    pub issued: Timestamp,
    /// What each role may do.
    pub roles: BTreeMap<String, Role>,
    /// Limits for all.
    #[serde(default)]
    pub limits: Limits,
}

/// What a role may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Compartments by name; `*` means every one whose source may go offline.
    pub compartments: Vec<String>,
    /// Purposes for which checks may be made.
    pub purposes: Vec<String>,
}

/// Limits for all roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
        }
    }
}

impl Policy {
    /// The policy a new hub starts with: role `patrol`, every compartment, the default purposes.
    #[must_use]
    pub fn initial(issued: Timestamp) -> Self {
        let role =
            Role { compartments: vec!["*".into()], purposes: DEFAULT_PURPOSES.iter().map(|p| (*p).into()).collect() };
        Self {
            format: 1,
            policy_version: 1,
            issued,
            roles: BTreeMap::from([("patrol".to_owned(), role)]),
            limits: Limits::default(),
        }
    }

    /// The bytes that are signed.
    ///
    /// # Errors
    /// [`WireError::Malformed`].
    pub fn to_canonical(&self) -> Result<Vec<u8>, WireError> {
        serde_json::to_vec(self).map_err(|_| WireError::Malformed("policy"))
    }

    /// Reads the signed bytes.
    ///
    /// # Errors
    /// [`WireError::Malformed`], or [`WireError::UnknownVersion`] for a format this build does not know.
    pub fn from_canonical(bytes: &[u8]) -> Result<Self, WireError> {
        let p: Self = serde_json::from_slice(bytes).map_err(|_| WireError::Malformed("policy"))?;
        if p.format != 1 {
            let found = u8::try_from(p.format).unwrap_or(u8::MAX);
            return Err(WireError::UnknownVersion { what: "policy", found, known: 1 });
        }
        Ok(p)
    }
}
