//! Device management's signed document: its shape, and its canonical bytes.
//!
//! A policy is written by people (TOML or JSON) and signed as canonical JSON: fields in the order of these structs,
//! no spaces, maps sorted. Unknown fields are refused when a policy is *written* (a typing error must not silently
//! permit) and ignored when one is *read* by a device (a newer hub may know more; the fields that an older device does
//! not know can only be ones that it could not enforce, and `min_app_version` keeps such devices out).
//!
//! Versions only move forward: a device refuses a lower version, and a higher one that was signed before the one it has
//! (`issued`). To go back, an older content is signed under a newer version. What every field does, and the test that
//! shows it, stands in `docs/policy.md`.

mod sections;

pub use sections::*;

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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Policy {
    /// Format of this document (1).
    pub format: u32,
    /// Counts the signed forms; only moves forward.
    pub policy_version: u64,
    /// When it was signed.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub issued: Timestamp,
    /// Why this version: for those who read its history. Nothing is decided by it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Oldest version of the app that may check (`1.2` or `1.2.3`); an older one says so and asks to be updated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_app_version: Option<String>,
    /// What each role may do.
    pub roles: BTreeMap<String, Role>,
    /// What a purpose owes beside its name; one that is not listed owes nothing.
    #[serde(default)]
    pub purposes: BTreeMap<String, PurposeRule>,
    /// Rules of single compartments, by name; what they leave out is as in `limits`.
    #[serde(default)]
    pub compartments: BTreeMap<String, CompartmentRule>,
    /// Limits for all.
    #[serde(default)]
    pub limits: Limits,
    /// How the officer unlocks, and what happens to who guesses.
    #[serde(default)]
    pub unlock: UnlockRule,
    /// What a shift is.
    #[serde(default)]
    pub session: SessionRule,
    /// What is believed of the device's clock.
    #[serde(default)]
    pub clock: ClockRule,
    /// From when on use is out of the ordinary.
    #[serde(default)]
    pub unusual_use: UnusualUse,
    /// What an officer may open on their own word after the lease has ended; none: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<BreakGlass>,
}

impl Policy {
    /// The policy a new hub starts with: role `patrol`, every compartment, the default purposes.
    #[must_use]
    pub fn initial(issued: Timestamp) -> Self {
        let purposes = DEFAULT_PURPOSES.iter().map(|p| (*p).into()).collect();
        let role = Role { compartments: vec!["*".into()], purposes, hide: Vec::new() };
        Self {
            format: 1,
            policy_version: 1,
            issued,
            note: String::new(),
            min_app_version: None,
            roles: BTreeMap::from([("patrol".to_owned(), role)]),
            purposes: BTreeMap::new(),
            compartments: BTreeMap::new(),
            limits: Limits::default(),
            unlock: UnlockRule::default(),
            session: SessionRule::default(),
            clock: ClockRule::default(),
            unusual_use: UnusualUse::default(),
            break_glass: None,
        }
    }

    /// Age in hours from which answers from this compartment warn.
    #[must_use]
    pub fn stale_warn_hours(&self, compartment: &str) -> u32 {
        self.rule(compartment).and_then(|r| r.stale_warn_hours).unwrap_or(self.limits.stale_warn_hours)
    }

    /// Age in hours from which this compartment is withheld; none: never.
    #[must_use]
    pub fn stale_withhold_hours(&self, compartment: &str) -> Option<u32> {
        self.rule(compartment).and_then(|r| r.stale_withhold_hours).or(self.limits.stale_withhold_hours)
    }

    /// Hours for which this compartment may be used without contact: its own lease, never longer than that of all.
    #[must_use]
    pub fn lease_hours(&self, compartment: &str) -> u32 {
        let own = self.rule(compartment).and_then(|r| r.lease_hours);
        own.map_or(self.limits.lease_hours, |own| own.min(self.limits.lease_hours))
    }

    /// Whether devices start shifts.
    #[must_use]
    pub const fn has_shifts(&self) -> bool {
        self.session.shift_key || self.session.identity_at_start
    }

    fn rule(&self, compartment: &str) -> Option<&CompartmentRule> {
        self.compartments.get(compartment)
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
