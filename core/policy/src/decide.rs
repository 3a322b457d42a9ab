//! The decision itself.

use beatcheck_model::Timestamp;
use beatcheck_wire::policy::{POSSIBLE_ODDS_MOST, Policy};
use beatcheck_wire::{CompartmentId, Grant};

/// What is asked of policy.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The stated purpose.
    pub purpose: &'a str,
    /// The time, which never runs backwards on a device (see [`Contact`]).
    pub now: Timestamp,
    /// The last contact.
    pub contact: Contact,
    /// Bytes of journal that wait to be sent.
    pub journal_bytes: u64,
    /// The extracts' own times of what is held; what is older than policy's limit is withheld.
    pub as_of: &'a [(CompartmentId, Timestamp)],
}

/// The last time the hub was heard of: the start of the lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    /// When, by the latest time known to the device: a clock set back does not extend a lease (rule 8).
    pub at: Timestamp,
}

/// Leave to look, for one check: the compartments that may be read. Only [`decide`] makes one.
///
/// ```compile_fail
/// // There is no way to make one by hand.
/// let p = beatcheck_policy::Permit { compartments: vec![], policy_version: 1, grant_version: 1 };
/// ```
#[derive(Debug)]
pub struct Permit {
    compartments: Vec<CompartmentId>,
    policy_version: u64,
    grant_version: u64,
    max_results: usize,
    possible_odds_bits: i32,
}

impl Permit {
    /// Whether this compartment may be read.
    #[must_use]
    pub fn allows(&self, id: &CompartmentId) -> bool {
        self.compartments.contains(id)
    }

    /// Which compartments may be read.
    #[must_use]
    pub fn compartments(&self) -> &[CompartmentId] {
        &self.compartments
    }

    /// Version of the policy decided by.
    #[must_use]
    pub const fn policy_version(&self) -> u64 {
        self.policy_version
    }

    /// Version of the grant decided by.
    #[must_use]
    pub const fn grant_version(&self) -> u64 {
        self.grant_version
    }

    /// Odds in bits from which a person who differs in something may be called a possible match.
    #[must_use]
    pub const fn possible_odds_bits(&self) -> i32 {
        self.possible_odds_bits
    }

    /// Candidates that one answer may show.
    #[must_use]
    pub const fn max_results(&self) -> usize {
        self.max_results
    }
}

/// Why a check was refused. The texts are for the officer and carry no personal data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The purpose is not one of the role's.
    #[error("purpose not allowed for your role; allowed: {}", allowed.join(", "))]
    Purpose {
        /// Those that are.
        allowed: Vec<String>,
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
    /// Too much of the account waits to be sent.
    #[error("too many checks wait to be accounted for: connect and sync, then check again")]
    JournalFull,
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
            Self::UnknownRole { .. } => "unknown_role",
            Self::LeaseEnded { .. } => "lease_ended",
            Self::JournalFull => "journal_full",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// Decides one check.
///
/// The compartments permitted are those that the grant gives *and* the role in policy names (`*`: all of the grant).
///
/// # Errors
/// [`Denied`], the first reason in the order: withdrawn, lease, role, purpose, journal.
pub fn decide(policy: &Policy, grant: &Grant, request: Request<'_>) -> Result<Permit, Denied> {
    if grant.wipe {
        return Err(Denied::Withdrawn);
    }
    let ended = request.contact.at.plus_secs(i64::from(policy.limits.lease_hours) * 3600);
    if request.now > ended {
        return Err(Denied::LeaseEnded { ended });
    }
    let role = policy
        .roles
        .get(&grant.role)
        .ok_or_else(|| Denied::UnknownRole { role: grant.role.clone(), policy_version: policy.policy_version })?;
    if !role.purposes.iter().any(|p| p == request.purpose) {
        return Err(Denied::Purpose { allowed: role.purposes.clone() });
    }
    if request.journal_bytes > policy.limits.journal_max_bytes {
        return Err(Denied::JournalFull);
    }
    let too_old = |id: &CompartmentId| {
        policy.limits.stale_withhold_hours.is_some_and(|hours| {
            let limit = i64::from(hours) * 3600;
            request.as_of.iter().any(|(c, at)| c == id && request.now.secs_since(*at) > limit)
        })
    };
    let all = role.compartments.iter().any(|c| c == "*");
    let compartments = grant
        .compartments
        .iter()
        .filter(|c| (all || role.compartments.contains(&c.name)) && !too_old(&c.id))
        .map(|c| c.id)
        .collect();
    Ok(Permit {
        compartments,
        policy_version: policy.policy_version,
        grant_version: grant.grant_version,
        max_results: policy.limits.max_results.max(1) as usize,
        possible_odds_bits: policy.limits.possible_odds_bits.clamp(-POSSIBLE_ODDS_MOST, POSSIBLE_ODDS_MOST),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use beatcheck_model::RecordKind;
    use beatcheck_wire::GrantedCompartment;

    fn grant(role: &str) -> Grant {
        let c = |n: u8, name: &str| GrantedCompartment {
            id: CompartmentId([n; 16]),
            name: name.into(),
            source: name.into(),
            kind: RecordKind::Vehicle,
            warnings: true,
            epochs: vec![],
        };
        Grant {
            grant_version: 4,
            device: CompartmentId([9; 16]),
            officer: "officer".into(),
            role: role.into(),
            issued: Timestamp(0),
            policy_version: 1,
            compartments: vec![c(1, "stolen"), c(2, "persons")],
            wipe: false,
        }
    }

    fn ask(purpose: &str, now: i64) -> Request<'_> {
        Request { purpose, now: Timestamp(now), contact: Contact { at: Timestamp(0) }, journal_bytes: 0, as_of: &[] }
    }

    #[test]
    fn a_role_sees_what_grant_and_policy_both_name() {
        let mut policy = Policy::initial(Timestamp(0));
        let permit = decide(&policy, &grant("patrol"), ask("traffic_stop", 0)).unwrap();
        assert_eq!(permit.compartments().len(), 2);
        policy.roles.get_mut("patrol").unwrap().compartments = vec!["persons".into(), "other".into()];
        let permit = decide(&policy, &grant("patrol"), ask("traffic_stop", 0)).unwrap();
        assert!(permit.allows(&CompartmentId([2; 16])) && !permit.allows(&CompartmentId([1; 16])));
    }

    #[test]
    fn what_is_too_old_is_withheld() {
        let mut policy = Policy::initial(Timestamp(0));
        policy.limits.stale_withhold_hours = Some(1);
        let as_of = [(CompartmentId([1; 16]), Timestamp(0)), (CompartmentId([2; 16]), Timestamp(3_000_000))];
        let request = Request { as_of: &as_of, ..ask("warrant", 3_700_000) };
        let permit = decide(&policy, &grant("patrol"), request).unwrap();
        assert_eq!(permit.compartments(), [CompartmentId([2; 16])]);
    }

    #[test]
    fn refusals_say_why() {
        let policy = Policy::initial(Timestamp(0));
        let lease_ms = 72 * 3600 * 1000;
        let code = |r: Result<Permit, Denied>| r.unwrap_err().code();
        assert_eq!(code(decide(&policy, &grant("patrol"), ask("curiosity", 0))), "purpose_not_allowed");
        assert_eq!(code(decide(&policy, &grant("chief"), ask("warrant", 0))), "unknown_role");
        assert_eq!(code(decide(&policy, &grant("patrol"), ask("warrant", lease_ms + 1))), "lease_ended");
        assert!(decide(&policy, &grant("patrol"), ask("warrant", lease_ms)).is_ok());
        let full = Request { journal_bytes: u64::MAX, ..ask("warrant", 0) };
        assert_eq!(code(decide(&policy, &grant("patrol"), full)), "journal_full");
        let wiped = Grant { wipe: true, ..grant("patrol") };
        assert_eq!(code(decide(&policy, &wiped, ask("warrant", 0))), "withdrawn");
    }
}
