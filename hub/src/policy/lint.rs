//! What is wrong with a policy, and what is odd about it.
//!
//! An error keeps it from being signed or pushed: it would lock out a force, or forget to limit it. A warning is for
//! whoever signs: it may be meant.

use super::read::parse;
use crate::{CompartmentInfo, Hub, HubError};
use beatcheck_model::RecordKind;
use beatcheck_policy::is_app_version;
use beatcheck_wire::policy::{POSSIBLE_ODDS_MOST, Policy};
use serde::Serialize;
use std::collections::BTreeSet;

/// Longest lease that is not remarked on, in hours.
const LONG_LEASE_HOURS: u32 = 7 * 24;
/// Longest PIN that a policy may ask for.
const MAX_PIN: u32 = 32;
/// Shortest that is not remarked on.
const SHORT_PIN: u32 = 6;
/// Hours of a shift beyond which it is remarked on.
const LONG_SHIFT_HOURS: u32 = 24;
/// Wrong PINs before a wipe below which it is remarked on: a pocket can type these.
const FEW_ATTEMPTS: u32 = 5;
/// Seconds by which a clock may stand behind that are not remarked on.
const MUCH_BEHIND_S: u32 = 3_600;
/// Space for the account below which it is remarked on, in bytes: some 500 checks.
const LITTLE_JOURNAL: u64 = 1 << 20;
/// Minutes of a break-glass beyond which it is remarked on.
const LONG_BREAK_GLASS: u32 = 24 * 60;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It is not signed, and not pushed.
    Error,
    /// It may be meant.
    Warning,
}

/// Something about a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyFinding {
    /// How much it weighs.
    pub level: Level,
    /// The path of the field; empty for the whole.
    pub field: String,
    /// What about it, in words.
    pub text: String,
}

impl Hub {
    /// What is wrong or odd about a policy as it is written, errors first; its names are compared with what this hub has.
    ///
    /// # Errors
    /// [`HubError::Db`]. That the text does not read at all is a finding.
    pub fn policy_lint(&self, text: &str) -> Result<Vec<PolicyFinding>, HubError> {
        Ok(lint_policy(text, Some(super::newest(&*self.conn()?)? + 1), Some(&self.compartments()?)))
    }
}

/// The same without a hub: `next_version` is taken where the text has none, and names of compartments are compared with
/// `known`, where they are known.
#[must_use]
pub fn lint_policy(text: &str, next_version: Option<u64>, known: Option<&[CompartmentInfo]>) -> Vec<PolicyFinding> {
    let policy = match parse(text, next_version) {
        Ok(policy) => policy,
        Err(findings) => return findings,
    };
    let mut out = errors(&policy);
    let warn = |field: String, text: String| PolicyFinding { level: Level::Warning, field, text };
    out.extend(warnings(&policy).into_iter().map(|(field, text)| warn(field, text)));
    out.extend(known.into_iter().flat_map(|k| unknown_names(&policy, k)).map(|(field, text)| warn(field, text)));
    if let Some(next) = next_version.filter(|next| policy.policy_version < *next) {
        out.push(PolicyFinding {
            level: Level::Error,
            field: "policy_version".into(),
            text: format!("not newer than {}, which is known here: write {next} or leave it out", next - 1),
        });
    }
    out.sort_by_key(|f| f.level);
    out
}

/// What a policy must say to be of use.
pub(super) fn errors(policy: &Policy) -> Vec<PolicyFinding> {
    let mut out = Vec::new();
    let mut say = |field: &str, text: &str| {
        out.push(PolicyFinding { level: Level::Error, field: field.into(), text: text.into() });
    };
    if policy.roles.is_empty() {
        say("roles", "it has no role: nobody could check anything");
    }
    for (name, role) in &policy.roles {
        if name.trim().is_empty() || name.trim() != name {
            say("roles", &format!("'{name}' is not a name for a role"));
        }
        if role.purposes.is_empty() || role.purposes.iter().any(|p| p.trim().is_empty()) {
            say(&format!("roles.{name}.purposes"), "it has no purposes, or an empty one");
        }
    }
    let at_least_one = [
        ("limits.lease_hours", policy.limits.lease_hours),
        ("limits.max_results", policy.limits.max_results),
        ("session.max_hours", policy.session.hours()),
        ("unlock.wipe_after_attempts", policy.unlock.wipe_after_attempts.unwrap_or(1)),
        ("limits.stale_withhold_hours", policy.limits.stale_withhold_hours.unwrap_or(1)),
        ("limits.journal_keep_days", policy.limits.journal_keep_days.unwrap_or(1)),
        ("unusual_use.checks_per_hour", policy.unusual_use.checks_per_hour.unwrap_or(1)),
        ("unusual_use.same_subject_per_day", policy.unusual_use.same_subject_per_day.unwrap_or(1)),
        ("break_glass.minutes", policy.break_glass.as_ref().map_or(1, |b| b.minutes)),
        ("break_glass.times", policy.break_glass.as_ref().map_or(1, |b| b.times)),
    ];
    for (field, value) in at_least_one {
        if value == 0 {
            say(field, "it must be at least 1");
        }
    }
    for (name, rule) in &policy.compartments {
        for (field, value) in [("stale_withhold_hours", rule.stale_withhold_hours), ("lease_hours", rule.lease_hours)] {
            if value == Some(0) {
                say(
                    &format!("compartments.{name}.{field}"),
                    "0 would always withhold it: take it from the roles instead",
                );
            }
        }
    }
    let l = &policy.limits;
    if l.possible_odds_bits.abs() > POSSIBLE_ODDS_MOST {
        let text = format!("it lies between -{POSSIBLE_ODDS_MOST} and {POSSIBLE_ODDS_MOST}");
        say("limits.possible_odds_bits", &text);
    }
    if l.journal_max_bytes == 0 || l.journal_warn_bytes > l.journal_max_bytes {
        say("limits.journal_warn_bytes", "it must not exceed limits.journal_max_bytes, which must not be 0");
    }
    if policy.unlock.pin_min_length > MAX_PIN {
        say("unlock.pin_min_length", &format!("nobody types more than {MAX_PIN} characters"));
    }
    if policy.min_app_version.as_ref().is_some_and(|v| !is_app_version(v)) {
        say("min_app_version", "it cannot be read: write numbers with dots, such as 1.2.3");
    }
    if policy.break_glass.as_ref().is_some_and(|b| b.compartments.is_empty()) {
        say("break_glass.compartments", "it opens nothing: name compartments, or leave break_glass out");
    }
    if policy.break_glass.as_ref().is_some_and(|b| b.compartments.iter().any(|c| c == "*")) {
        say("break_glass.compartments", "it cannot open everything: name the compartments");
    }
    out
}

/// What may be meant.
fn warnings(policy: &Policy) -> Vec<(String, String)> {
    let (l, u) = (&policy.limits, &policy.unlock);
    let glass = policy.break_glass.as_ref();
    let used: BTreeSet<&str> = policy.roles.values().flat_map(|r| &r.purposes).map(String::as_str).collect();
    let withhold_first = l.stale_withhold_hours.is_some_and(|w| w < l.stale_warn_hours);
    let no_unusual = policy.unusual_use.checks_per_hour.is_none() && policy.unusual_use.same_subject_per_day.is_none();
    let mut out: Vec<(String, String)> = [
        (l.lease_hours > LONG_LEASE_HOURS, "limits.lease_hours", "longer than a week: a lost device is of use as long"),
        (!u.pin_required, "unlock.pin_required", "records may be held without a PIN"),
        (u.pin_min_length < SHORT_PIN, "unlock.pin_min_length", "shorter than 6 characters"),
        (u.idle_lock_minutes == 0, "unlock.idle_lock_minutes", "the device never locks by itself"),
        (u.free_attempts == 0, "unlock.free_attempts", "one slip makes the officer wait"),
        (u.backoff_s == 0, "unlock.backoff_s", "guessing PINs is never slowed down"),
        (
            u.wipe_after_attempts.is_some_and(|n| n < FEW_ATTEMPTS),
            "unlock.wipe_after_attempts",
            "a pocket or a child wipes the device",
        ),
        (l.allow_desk_vault, "limits.allow_desk_vault", "keys in plain files are allowed: for the desk only"),
        (l.stale_withhold_hours.is_none(), "limits.stale_withhold_hours", "data is used however old it is"),
        (withhold_first, "limits.stale_withhold_hours", "data is withheld before anyone is warned"),
        (
            l.journal_max_bytes < LITTLE_JOURNAL,
            "limits.journal_max_bytes",
            "an officer without a network is soon stopped",
        ),
        (no_unusual, "unusual_use", "nothing is ever flagged as out of the ordinary"),
        (policy.unusual_use.refuse && no_unusual, "unusual_use.refuse", "there is no threshold, so nothing is refused"),
        (policy.unusual_use.refuse, "unusual_use.refuse", "an officer on a busy night is refused"),
        (policy.session.hours() > LONG_SHIFT_HOURS, "session.max_hours", "longer than a day"),
        (
            policy.clock.behind_tolerance_s > MUCH_BEHIND_S,
            "clock.behind_tolerance_s",
            "a clock may be set back by more than an hour",
        ),
        (
            policy.clock.reboot_allowance_minutes == 0,
            "clock.reboot_allowance_minutes",
            "a device that restarts out of reach answers nothing",
        ),
        (
            u64::from(policy.clock.reboot_allowance_minutes) > u64::from(l.lease_hours) * 60,
            "clock.reboot_allowance_minutes",
            "longer than the lease",
        ),
        (glass.is_some_and(|b| b.minutes > LONG_BREAK_GLASS), "break_glass.minutes", "longer than a day"),
    ]
    .into_iter()
    .filter(|(odd, ..)| *odd)
    .map(|(_, field, text)| (field.to_owned(), text.to_owned()))
    .collect();
    for name in policy.purposes.keys().filter(|name| !used.contains(name.as_str())) {
        out.push((format!("purposes.{name}"), "no role has this purpose".into()));
    }
    for (name, rule) in &policy.compartments {
        if rule.lease_hours.is_some_and(|own| own > l.lease_hours) {
            let text = format!("limits.lease_hours is shorter: {} counts", l.lease_hours);
            out.push((format!("compartments.{name}.lease_hours"), text));
        }
        if policy.stale_withhold_hours(name).is_some_and(|w| w < policy.stale_warn_hours(name)) && !withhold_first {
            out.push((format!("compartments.{name}"), "data is withheld before anyone is warned".into()));
        }
    }
    out
}

/// Names that this hub does not have, and what a break-glass opens that it should not.
fn unknown_names(policy: &Policy, known: &[CompartmentInfo]) -> Vec<(String, String)> {
    let find = |name: &str| known.iter().find(|c| c.name == name);
    let roles = policy
        .roles
        .iter()
        .flat_map(|(role, r)| r.compartments.iter().map(move |c| (format!("roles.{role}.compartments"), c.as_str())));
    let rules = policy.compartments.keys().map(|c| (format!("compartments.{c}"), c.as_str()));
    let glass = policy.break_glass.iter().flat_map(|b| &b.compartments);
    let glass: Vec<(String, &str)> = glass.map(|c| ("break_glass.compartments".to_owned(), c.as_str())).collect();
    let mut out: Vec<(String, String)> = roles
        .chain(rules)
        .chain(glass.iter().cloned())
        .filter(|(_, name)| *name != "*" && find(name).is_none())
        .map(|(field, name)| (field, format!("this hub has no compartment '{name}'")))
        .collect();
    for (field, name) in glass {
        if find(name).is_some_and(|c| c.kind == RecordKind::Person && !c.warnings) {
            out.push((field, format!("'{name}' names persons and carries no warnings")));
        }
    }
    out
}
