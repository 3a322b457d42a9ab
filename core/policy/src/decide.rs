//! The decision itself.

use crate::{Denied, Permit, Withheld, version};
use beatcheck_model::Timestamp;
use beatcheck_wire::policy::{Owes, POSSIBLE_ODDS_MOST, Policy, Role};
use beatcheck_wire::{CompartmentId, Grant};

/// What is asked of policy.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The stated purpose.
    pub purpose: &'a str,
    /// Why, in the officer's own words; empty if nothing was given.
    pub reason: &'a str,
    /// The incident's number; empty if none was given.
    pub incident: &'a str,
    /// The time, which never runs backwards on a device (see [`Contact`]).
    pub now: Timestamp,
    /// The last contact.
    pub contact: Contact,
    /// What is to be thought of the clock.
    pub clock: ClockState,
    /// Bytes of journal that wait to be sent.
    pub journal_bytes: u64,
    /// The extracts' own times of what is held; what is older than policy's limit is withheld.
    pub as_of: &'a [(CompartmentId, Timestamp)],
    /// Version of the app.
    pub app_version: &'a str,
    /// Longest lease that MDM's configuration lets a policy give, in hours; none: policy's word.
    pub lease_ceiling_hours: Option<u32>,
    /// What was checked before.
    pub usage: Usage,
    /// Until when a break-glass holds, if one was used.
    pub break_glass: Option<Timestamp>,
}

impl<'a> Request<'a> {
    /// A request with a sound clock and nothing else said.
    #[must_use]
    pub const fn new(purpose: &'a str, now: Timestamp, contact: Contact) -> Self {
        Self {
            purpose,
            reason: "",
            incident: "",
            now,
            contact,
            clock: ClockState::Sound,
            journal_bytes: 0,
            as_of: &[],
            app_version: "",
            lease_ceiling_hours: None,
            usage: Usage { last_hour: 0, same_subject_today: 0 },
            break_glass: None,
        }
    }
}

/// The last time the hub was heard of: the start of the lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    /// When, by the latest time known to the device: a clock set back does not extend a lease (rule 8).
    pub at: Timestamp,
}

/// What is to be thought of the device's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockState {
    /// It agrees with what is known.
    #[default]
    Sound,
    /// It stands behind the highest time that the hub has signed, by more than policy tolerates.
    Behind {
        /// That time.
        highest: Timestamp,
    },
    /// The device was restarted, and policy's allowance of use on its own clock is spent.
    Unsure,
}

/// Checks made before this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Within the last hour.
    pub last_hour: u32,
    /// Of the same subject, within the last 24 hours.
    pub same_subject_today: u32,
}

/// Decides one check.
///
/// The compartments permitted are those that the grant gives *and* the role in policy names (`*`: all of the grant), less
/// those whose extract is too old or whose own lease has ended.
///
/// # Errors
/// [`Denied`], the first reason in the order: withdrawn, suspended, clock, app, lease, role, purpose, what it owes, unusual use,
/// journal.
pub fn decide(policy: &Policy, grant: &Grant, request: Request<'_>) -> Result<Permit, Denied> {
    if grant.wipe {
        return Err(Denied::Withdrawn);
    }
    if grant.suspended {
        return Err(Denied::Suspended);
    }
    match request.clock {
        ClockState::Sound => {}
        ClockState::Behind { highest } => return Err(Denied::ClockBehind { highest }),
        ClockState::Unsure => return Err(Denied::ClockUnsure),
    }
    if let Some(needed) = policy.min_app_version.as_ref().filter(|needed| version::older(request.app_version, needed)) {
        return Err(Denied::AppTooOld { needed: needed.clone() });
    }
    let ended = lease_ends(policy.limits.lease_hours, &request);
    let glass = policy.break_glass.as_ref().filter(|_| request.break_glass.is_some_and(|until| request.now < until));
    if request.now > ended && glass.is_none() {
        return Err(Denied::LeaseEnded { ended });
    }
    let role = policy
        .roles
        .get(&grant.role)
        .ok_or_else(|| Denied::UnknownRole { role: grant.role.clone(), policy_version: policy.policy_version })?;
    purpose(policy, role, &request)?;
    let unusual = unusual(policy, request.usage);
    if policy.unusual_use.refuse && !unusual.is_empty() {
        return Err(Denied::UnusualUse { what: unusual.iter().map(|w| (*w).to_owned()).collect() });
    }
    if request.journal_bytes > policy.limits.journal_max_bytes {
        return Err(Denied::JournalFull);
    }
    let mut permit = Permit {
        compartments: Vec::new(),
        withheld: Vec::new(),
        glass: Vec::new(),
        hide: role.hide.clone(),
        policy_version: policy.policy_version,
        grant_version: grant.grant_version,
        max_results: policy.limits.max_results.max(1) as usize,
        possible_odds_bits: policy.limits.possible_odds_bits.clamp(-POSSIBLE_ODDS_MOST, POSSIBLE_ODDS_MOST),
        unusual,
    };
    let all = role.compartments.iter().any(|c| c == "*");
    for c in &grant.compartments {
        let leased = request.now <= lease_ends(policy.lease_hours(&c.name), &request);
        let broken_open = !leased && glass.is_some_and(|g| g.compartments.contains(&c.name));
        let why = if !(all || role.compartments.contains(&c.name)) {
            Some(Withheld::Role)
        } else if !leased && !broken_open {
            Some(if request.now > ended { Withheld::BreakGlass } else { Withheld::Lease })
        } else if too_old(policy, &request, &c.id, &c.name) {
            Some(Withheld::TooOld)
        } else {
            None
        };
        match why {
            Some(why) => permit.withheld.push((c.id, why)),
            None => permit.compartments.push(c.id),
        }
        if broken_open && why.is_none() {
            permit.glass.push(c.id);
        }
    }
    Ok(permit)
}

/// When a lease of so many hours ends.
fn lease_ends(hours: u32, request: &Request<'_>) -> Timestamp {
    let hours = request.lease_ceiling_hours.map_or(hours, |ceiling| hours.min(ceiling));
    request.contact.at.plus_secs(i64::from(hours) * 3600)
}

fn purpose(policy: &Policy, role: &Role, request: &Request<'_>) -> Result<(), Denied> {
    let purpose = request.purpose;
    if !role.purposes.iter().any(|p| p == purpose) {
        return Err(Denied::Purpose { allowed: role.purposes.clone() });
    }
    let given = |text: &str| !text.trim().is_empty();
    let (reason, incident) = (given(request.reason), given(request.incident));
    match policy.purposes.get(purpose).map_or(Owes::Nothing, |rule| rule.owes) {
        Owes::Reason if !reason => Err(Denied::ReasonOwed { purpose: purpose.into() }),
        Owes::Incident if !incident => Err(Denied::IncidentOwed { purpose: purpose.into() }),
        Owes::Either if !reason && !incident => Err(Denied::ReasonOwed { purpose: purpose.into() }),
        Owes::Nothing | Owes::Reason | Owes::Incident | Owes::Either => Ok(()),
    }
}

fn unusual(policy: &Policy, usage: Usage) -> Vec<&'static str> {
    let rule = &policy.unusual_use;
    let many = rule.checks_per_hour.is_some_and(|most| usage.last_hour >= most);
    let same = rule.same_subject_per_day.is_some_and(|most| usage.same_subject_today >= most);
    [("many_checks", many), ("same_subject", same)].into_iter().filter(|(_, is)| *is).map(|(what, _)| what).collect()
}

fn too_old(policy: &Policy, request: &Request<'_>, id: &CompartmentId, name: &str) -> bool {
    policy.stale_withhold_hours(name).is_some_and(|hours| {
        let limit = i64::from(hours) * 3600;
        request.as_of.iter().any(|(c, at)| c == id && request.now.secs_since(*at) > limit)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use beatcheck_model::RecordKind;
    use beatcheck_wire::GrantedCompartment;
    use beatcheck_wire::policy::{BreakGlass, CompartmentRule, Hidden, PurposeRule};

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
            purges: vec![],
            suspended: false,
        }
    }

    fn ask(purpose: &str, now: i64) -> Request<'_> {
        Request::new(purpose, Timestamp(now), Contact { at: Timestamp(0) })
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

    const HOUR_MS: i64 = 3600 * 1000;

    #[test]
    fn a_compartment_has_a_lease_of_its_own_and_mdm_a_ceiling() {
        let mut policy = Policy::initial(Timestamp(0));
        policy.compartments.insert("persons".into(), CompartmentRule { lease_hours: Some(8), ..Default::default() });
        policy.compartments.insert("stolen".into(), CompartmentRule { lease_hours: Some(900), ..Default::default() });
        let at = |hours: i64| decide(&policy, &grant("patrol"), ask("warrant", hours * HOUR_MS));
        assert_eq!(at(8).unwrap().compartments().len(), 2);
        let later = at(9).unwrap();
        assert_eq!(later.compartments(), [CompartmentId([1; 16])]);
        assert_eq!(later.withheld(&CompartmentId([2; 16])), Some(Withheld::Lease));
        assert_eq!(at(73).unwrap_err().code(), "lease_ended", "its own lease is never longer than that of all");
        let capped = Request { lease_ceiling_hours: Some(4), ..ask("warrant", 5 * HOUR_MS) };
        assert_eq!(decide(&policy, &grant("patrol"), capped).unwrap_err().code(), "lease_ended");
        let looser = Request { lease_ceiling_hours: Some(999), ..ask("warrant", 73 * HOUR_MS) };
        assert_eq!(decide(&policy, &grant("patrol"), looser).unwrap_err().code(), "lease_ended");
    }

    #[test]
    fn a_purpose_may_owe_a_reason_or_an_incident() {
        let mut policy = Policy::initial(Timestamp(0));
        let code = |policy: &Policy, reason, incident| {
            let request = Request { reason, incident, ..ask("other", 0) };
            decide(policy, &grant("patrol"), request).map_or_else(|d| d.code(), |_| "ok")
        };
        for (owes, bare, reason, incident) in [
            (Owes::Nothing, "ok", "ok", "ok"),
            (Owes::Reason, "reason_owed", "ok", "reason_owed"),
            (Owes::Incident, "incident_owed", "incident_owed", "ok"),
            (Owes::Either, "reason_owed", "ok", "ok"),
        ] {
            policy.purposes.insert("other".into(), PurposeRule { owes });
            let got = [code(&policy, " ", ""), code(&policy, "seen twice", ""), code(&policy, "", "INC-1")];
            assert_eq!(got, [bare, reason, incident], "{owes:?}");
        }
    }

    #[test]
    fn a_break_glass_opens_what_it_names_and_hides_the_rest() {
        let mut policy = Policy::initial(Timestamp(0));
        let late = ask("warrant", 80 * HOUR_MS);
        let broken = Request { break_glass: Some(Timestamp(81 * HOUR_MS)), ..late };
        assert_eq!(decide(&policy, &grant("patrol"), broken).unwrap_err().code(), "lease_ended", "policy has none");
        policy.break_glass = Some(BreakGlass { compartments: vec!["stolen".into()], minutes: 60, times: 1 });
        assert_eq!(decide(&policy, &grant("patrol"), late).unwrap_err().code(), "lease_ended");
        let permit = decide(&policy, &grant("patrol"), broken).unwrap();
        assert_eq!(permit.compartments(), [CompartmentId([1; 16])]);
        assert!(permit.break_glass() && permit.hides(&CompartmentId([1; 16])) == Hidden::ALL);
        assert_eq!(permit.withheld(&CompartmentId([2; 16])), Some(Withheld::BreakGlass));
        let over = Request { now: Timestamp(81 * HOUR_MS), ..broken };
        assert_eq!(decide(&policy, &grant("patrol"), over).unwrap_err().code(), "lease_ended");
    }

    #[test]
    fn clock_app_suspension_and_unusual_use() {
        let mut policy = Policy::initial(Timestamp(0));
        let code = |policy: &Policy, grant: &Grant, r| decide(policy, grant, r).map_or_else(|d| d.code(), |_| "ok");
        let behind = Request { clock: ClockState::Behind { highest: Timestamp(9) }, ..ask("warrant", 0) };
        assert_eq!(code(&policy, &grant("patrol"), behind), "clock_behind");
        let unsure = Request { clock: ClockState::Unsure, ..ask("warrant", 0) };
        assert_eq!(code(&policy, &grant("patrol"), unsure), "clock_unsure");
        let suspended = Grant { suspended: true, ..grant("patrol") };
        assert_eq!(code(&policy, &suspended, ask("warrant", 0)), "suspended");
        policy.min_app_version = Some("1.2".into());
        assert_eq!(code(&policy, &grant("patrol"), ask("warrant", 0)), "app_too_old", "one that is not told");
        let new = Request { app_version: "beat 1.10.0", ..ask("warrant", 0) };
        assert_eq!(code(&policy, &grant("patrol"), new), "ok");
        policy.unusual_use.checks_per_hour = Some(3);
        let many = Request { usage: Usage { last_hour: 3, same_subject_today: 0 }, ..new };
        assert_eq!(decide(&policy, &grant("patrol"), many).unwrap().unusual(), ["many_checks"]);
        policy.unusual_use.refuse = true;
        assert_eq!(code(&policy, &grant("patrol"), many), "unusual_use");
        assert_eq!(code(&policy, &grant("patrol"), new), "ok");
    }
}
