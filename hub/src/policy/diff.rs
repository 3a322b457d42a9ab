//! What one policy says that another does not, and whether that tightens or loosens it.

use super::fields::{FIELDS, Tightens};
use beatcheck_wire::policy::Policy;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// What a change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Something is permitted, or held for longer, that was not before.
    Loosens,
    /// Something is no longer.
    Tightens,
    /// Neither, or both.
    Changes,
}

/// One field that is another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyChange {
    /// Its path, such as `limits.lease_hours` or `roles.patrol`.
    pub field: String,
    /// What it was; null if nothing.
    pub before: Value,
    /// What it is.
    pub after: Value,
    /// What that does.
    pub effect: Effect,
}

/// Fields that differ between any two versions: they say nothing about what is permitted.
const ALWAYS: [&str; 3] = ["format", "policy_version", "issued"];

/// The changes from one policy to another, what loosens first. Values that are left out count as what they stand for.
#[must_use]
pub fn policy_diff(from: &Policy, to: &Policy) -> Vec<PolicyChange> {
    let mut out = Vec::new();
    for (path, tightens) in FIELDS.iter().filter(|(path, _)| !ALWAYS.contains(path)) {
        match path.split_once(".*.") {
            None => plain(path, *tightens, from, to, &mut out),
            Some(("roles", field)) => roles(field, *tightens, from, to, &mut out),
            Some((map, field)) => named(map, field, *tightens, from, to, &mut out),
        }
    }
    whole(from, to, &mut out);
    out.sort_by(|a, b| (a.effect, &a.field).cmp(&(b.effect, &b.field)));
    out
}

fn plain(path: &str, tightens: Tightens, from: &Policy, to: &Policy, out: &mut Vec<PolicyChange>) {
    // One that is there on one side only is told as a whole.
    if path.starts_with("break_glass.") && from.break_glass.is_some() != to.break_glass.is_some() {
        return;
    }
    let value = |policy: &Policy| match path {
        "session.max_hours" => policy.session.hours().into(),
        _ => get(&json(policy), path),
    };
    push(path.into(), tightens, value(from), value(to), out);
}

fn roles(field: &str, tightens: Tightens, from: &Policy, to: &Policy, out: &mut Vec<PolicyChange>) {
    let (a, b) = (json(from), json(to));
    for name in from.roles.keys().filter(|name| to.roles.contains_key(*name)) {
        let value = |policy: &Value| list(policy.pointer(&format!("/roles/{}/{field}", escaped(name))));
        push(format!("roles.{name}.{field}"), tightens, value(&a), value(&b), out);
    }
}

/// Rules by name: what is left out is as for all.
fn named(map: &str, field: &str, tightens: Tightens, from: &Policy, to: &Policy, out: &mut Vec<PolicyChange>) {
    let names = |p: &Policy| -> Vec<String> {
        if map == "purposes" { p.purposes.keys().cloned().collect() } else { p.compartments.keys().cloned().collect() }
    };
    let all: BTreeSet<String> = names(from).into_iter().chain(names(to)).collect();
    for name in all {
        let value = |p: &Policy| -> Value {
            match field {
                "owes" => {
                    serde_json::to_value(p.purposes.get(&name).map(|r| r.owes).unwrap_or_default()).unwrap_or_default()
                }
                "stale_warn_hours" => p.stale_warn_hours(&name).into(),
                "stale_withhold_hours" => p.stale_withhold_hours(&name).into(),
                _ => p.lease_hours(&name).into(),
            }
        };
        push(format!("{map}.{name}.{field}"), tightens, value(from), value(to), out);
    }
}

/// Roles and a break-glass that are there on one side only.
fn whole(from: &Policy, to: &Policy, out: &mut Vec<PolicyChange>) {
    let mut one = |field: String, before: Option<Value>, after: Option<Value>| {
        let effect = if before.is_none() { Effect::Loosens } else { Effect::Tightens };
        if before.is_some() != after.is_some() {
            let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
            out.push(PolicyChange { field, before, after, effect });
        }
    };
    let names: BTreeSet<&String> = from.roles.keys().chain(to.roles.keys()).collect();
    for name in names {
        let value = |p: &Policy| p.roles.get(name).and_then(|r| serde_json::to_value(r).ok());
        one(format!("roles.{name}"), value(from), value(to));
    }
    let value = |p: &Policy| p.break_glass.as_ref().and_then(|b| serde_json::to_value(b).ok());
    one("break_glass".into(), value(from), value(to));
}

fn push(field: String, tightens: Tightens, before: Value, after: Value, out: &mut Vec<PolicyChange>) {
    if before != after {
        let effect = effect(tightens, &before, &after);
        out.push(PolicyChange { field, before, after, effect });
    }
}

fn effect(tightens: Tightens, before: &Value, after: &Value) -> Effect {
    let order = match (tightens.looseness(before), tightens.looseness(after)) {
        (Some(a), Some(b)) => b.total_cmp(&a),
        _ => {
            let (a, b) = (names(before), names(after));
            let covers = |x: &BTreeSet<&str>, y: &BTreeSet<&str>| x.contains("*") || x.is_superset(y);
            let wider = match (covers(&a, &b), covers(&b, &a)) {
                (false, true) => std::cmp::Ordering::Greater,
                (true, false) => std::cmp::Ordering::Less,
                _ => std::cmp::Ordering::Equal,
            };
            match tightens {
                Tightens::Fewer => wider,
                Tightens::More => wider.reverse(),
                _ => std::cmp::Ordering::Equal,
            }
        }
    };
    match order {
        std::cmp::Ordering::Greater => Effect::Loosens,
        std::cmp::Ordering::Less => Effect::Tightens,
        std::cmp::Ordering::Equal => Effect::Changes,
    }
}

fn names(value: &Value) -> BTreeSet<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn json(policy: &Policy) -> Value {
    serde_json::to_value(policy).unwrap_or_default()
}

/// The value at a path of plain names; null if it is left out.
fn get(policy: &Value, path: &str) -> Value {
    let value = policy.pointer(&format!("/{}", path.replace('.', "/"))).cloned().unwrap_or_default();
    if value.is_array() { list(Some(&value)) } else { value }
}

/// A list in order, each name once: how it was written says nothing.
fn list(value: Option<&Value>) -> Value {
    let sorted: BTreeSet<&str> = value.map(names).unwrap_or_default();
    sorted.into_iter().collect::<Vec<_>>().into()
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
