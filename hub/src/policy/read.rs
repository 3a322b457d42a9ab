//! Reading a policy as people write it: JSON or TOML, and nothing in it that nobody reads.
//!
//! A typing error in a policy must not silently permit, so a field that is not known is refused by its path, and so is
//! each value that does not fit, all of them at once.

use super::lint::{Level, PolicyFinding};
use crate::HubError;
use beatcheck_model::Timestamp;
use beatcheck_wire::policy::{BreakGlass, Policy, Role};
use serde_json::{Map, Value};

/// Largest policy that is read, in bytes.
const MAX_POLICY: usize = 1 << 20;
/// Fields that are left out of the canonical form where they are empty: writing them so is not a mistake.
const MAY_BE_EMPTY: [&str; 8] = [
    "note",
    "min_app_version",
    "hide",
    "break_glass",
    "stale_warn_hours",
    "stale_withhold_hours",
    "lease_hours",
    "max_hours",
];

/// Reads a policy, written as JSON (an object) or TOML. `format` may be left out, and so may `policy_version` where
/// `next_version` is given. `issued` is 1970: it is set by whoever signs.
///
/// # Errors
/// [`HubError::Refused`] naming the first field that does not read.
pub fn read_policy(text: &str, next_version: Option<u64>) -> Result<Policy, HubError> {
    parse(text, next_version).map_err(|mut findings| {
        let first = findings.swap_remove(0);
        let more = if findings.is_empty() { String::new() } else { format!(" ({} more: lint it)", findings.len()) };
        let of = if first.field.is_empty() { String::new() } else { format!("'{}': ", first.field) };
        HubError::Refused(format!("the policy does not read: {of}{}{more}; nothing was changed", first.text))
    })
}

/// The policy, or everything that keeps it from being one; then at least one finding.
pub(super) fn parse(text: &str, next_version: Option<u64>) -> Result<Policy, Vec<PolicyFinding>> {
    let bad = |field: &str, text: String| vec![PolicyFinding { level: Level::Error, field: field.into(), text }];
    if text.len() > MAX_POLICY {
        return Err(bad("", "it is over 1 MiB".into()));
    }
    let mut given: Value = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|e| bad("", e.to_string()))?
    } else {
        let table: toml::Table = toml::from_str(text).map_err(|e| bad("", e.to_string()))?;
        serde_json::to_value(table).map_err(|e| bad("", e.to_string()))?
    };
    let Value::Object(fields) = &mut given else { return Err(bad("", "it is not an object".into())) };
    fields.entry("format").or_insert_with(|| 1.into());
    if let Some(next) = next_version {
        fields.entry("policy_version").or_insert_with(|| next.into());
    }
    if !fields.contains_key("policy_version") {
        return Err(bad("policy_version", "it must be given where no hub can count".into()));
    }
    // Set when it is signed, whatever was written.
    fields.insert("issued".into(), Value::String(Timestamp(0).to_string()));
    let policy: Policy = match serde_json::from_value(given.clone()) {
        Ok(policy) => policy,
        Err(e) => {
            let found = unfit(&given);
            return Err(if found.is_empty() { bad("", e.to_string()) } else { found });
        }
    };
    if policy.format != 1 {
        return Err(bad("format", format!("this hub writes format 1, not {}", policy.format)));
    }
    let mut findings = Vec::new();
    if let Ok(read) = serde_json::to_value(&policy) {
        unread("", &given, &read, &mut findings);
    }
    if findings.is_empty() { Ok(policy) } else { Err(findings) }
}

/// The fields of `given` that are not in `read`.
fn unread(path: &str, given: &Value, read: &Value, out: &mut Vec<PolicyFinding>) {
    let Value::Object(fields) = given else { return };
    for (name, value) in fields {
        let path = join(path, name);
        match read.get(name) {
            Some(read) => unread(&path, value, read, out),
            None if is_empty(value) && MAY_BE_EMPTY.contains(&name.as_str()) => {}
            None => out.push(PolicyFinding {
                level: Level::Error,
                field: path,
                text: "nothing reads this field: a typing error, or of a newer hub".into(),
            }),
        }
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some("") || value.as_array().is_some_and(Vec::is_empty)
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The values that do not fit: each is put alone into a policy that is sound.
fn unfit(given: &Value) -> Vec<PolicyFinding> {
    let mut out = Vec::new();
    let Ok(sound) = serde_json::to_value(sound()) else { return out };
    for (name, value) in given.as_object().into_iter().flatten() {
        let named = matches!(name.as_str(), "roles" | "purposes" | "compartments");
        for (path, value) in parts(name, value, if named { 2 } else { 1 }) {
            let mut tried = sound.clone();
            put(&mut tried, &path, value.clone());
            if let Err(e) = serde_json::from_value::<Policy>(tried) {
                out.push(PolicyFinding { level: Level::Error, field: path.join("."), text: e.to_string() });
            }
        }
    }
    // What is not there does not fit either.
    for (name, role) in given.get("roles").and_then(Value::as_object).into_iter().flatten() {
        for owed in ["compartments", "purposes"] {
            if role.is_object() && role.get(owed).is_none() {
                let field = format!("roles.{name}.{owed}");
                out.push(PolicyFinding { level: Level::Error, field, text: "it must be given".into() });
            }
        }
    }
    if given.get("roles").is_none() {
        out.push(PolicyFinding { level: Level::Error, field: "roles".into(), text: "it must be given".into() });
    }
    out
}

/// The parts of a value, down to `depth` levels of objects.
fn parts<'a>(name: &str, value: &'a Value, depth: usize) -> Vec<(Vec<String>, &'a Value)> {
    match value.as_object() {
        Some(fields) if depth > 0 => fields
            .iter()
            .flat_map(|(inner, value)| parts(inner, value, depth - 1))
            .map(|(mut path, value)| {
                path.insert(0, name.to_owned());
                (path, value)
            })
            .collect(),
        _ => vec![(vec![name.to_owned()], value)],
    }
}

/// Puts a value where `path` says; a role that is not there is made of a sound one.
fn put(into: &mut Value, path: &[String], value: Value) {
    let [first, rest @ ..] = path else { return *into = value };
    let Value::Object(fields) = into else { return *into = value };
    let template = fields.values().next().filter(|v| v.is_object()).cloned();
    let known = fields.contains_key(first);
    let slot = fields.entry(first.clone()).or_insert_with(|| Value::Object(Map::new()));
    if !known && !rest.is_empty() && first != "purposes" && first != "compartments" {
        *slot = template.unwrap_or_else(|| Value::Object(Map::new()));
    }
    put(slot, rest, value);
}

/// A policy with every section.
fn sound() -> Policy {
    let mut policy = Policy::initial(Timestamp(0));
    policy.roles.insert("patrol".into(), Role { purposes: vec!["other".into()], ..Role::default() });
    policy.purposes.insert("other".into(), Default::default());
    policy.compartments.insert("any".into(), Default::default());
    policy.break_glass = Some(BreakGlass { compartments: vec!["any".into()], minutes: 1, times: 1 });
    policy
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn toml_and_json_read_alike_and_unknown_fields_are_refused() {
        let toml = "[roles.patrol]\ncompartments=['*']\npurposes=['warrant']\n[limits]\nlease_hours=8\n";
        let json = r#"{"roles":{"patrol":{"compartments":["*"],"purposes":["warrant"]}},"limits":{"lease_hours":8}}"#;
        let (a, b) = (read_policy(toml, Some(7)).unwrap(), read_policy(json, Some(7)).unwrap());
        assert_eq!(a, b);
        assert_eq!((a.policy_version, a.limits.lease_hours, a.limits.max_results), (7, 8, 20));
        let typo = toml.replace("lease_hours", "lease_hour");
        assert!(read_policy(&typo, Some(7)).unwrap_err().to_string().contains("'limits.lease_hour'"));
        let typo = json.replace("\"purposes\"", "\"purpose\":[],\"purposes\"");
        assert!(read_policy(&typo, Some(7)).unwrap_err().to_string().contains("'roles.patrol.purpose'"));
        assert!(read_policy("{\"format\":2,\"roles\":{}}", Some(7)).is_err());
        assert!(read_policy(toml, None).unwrap_err().to_string().contains("policy_version"));
        let empty = "note=''\n".to_owned() + toml;
        assert_eq!(read_policy(&empty, Some(7)).unwrap(), a, "what is left out may be written as empty");
    }

    #[test]
    fn every_value_that_does_not_fit_is_named() {
        let text = "min_app_version=1\n[roles.patrol]\ncompartments='*'\nhide=['adress']\n[roles.other]\npurposes=['a']\n\
                    [limits]\nlease_hours=-1\nmax_results=5\n[purposes.warrant]\nowes='all'\n[compartments.x]\nlease_hours='8'\n\
                    [session]\nat_end='burn'\n[break_glass]\nminutes='x'\n";
        let fields: Vec<String> = parse(text, Some(2)).unwrap_err().into_iter().map(|f| f.field).collect();
        let expected = [
            "break_glass.minutes",
            "compartments.x.lease_hours",
            "limits.lease_hours",
            "min_app_version",
            "purposes.warrant.owes",
            "roles.other.compartments",
            "roles.patrol.compartments",
            "roles.patrol.hide",
            "roles.patrol.purposes",
            "session.at_end",
        ];
        let mut sorted = fields;
        sorted.sort();
        assert_eq!(sorted, expected);
    }
}
