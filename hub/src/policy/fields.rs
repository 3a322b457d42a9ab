//! Every field of a policy, and which way it tightens. The table in `docs/policy.md` and the JSON Schema have the same
//! fields, and a test compares the three.

use serde_json::Value;

/// Which way a field tightens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tightens {
    /// A lower number; none is no limit.
    Lower,
    /// A lower number; 0 is no limit.
    LowerButZero,
    /// A higher number or version; none asks for nothing.
    Higher,
    /// `true`.
    True,
    /// `false`.
    False,
    /// Fewer names in a list; `*` is all of them.
    Fewer,
    /// More names in a list.
    More,
    /// A word nearer to the end of this row.
    Words(&'static [&'static [&'static str]]),
    /// Neither way: it is a choice.
    Neither,
}

/// Fields by path; `*` stands for a name.
pub(super) const FIELDS: &[(&str, Tightens)] = &[
    ("format", Tightens::Neither),
    ("policy_version", Tightens::Neither),
    ("issued", Tightens::Neither),
    ("note", Tightens::Neither),
    ("min_app_version", Tightens::Higher),
    ("roles.*.compartments", Tightens::Fewer),
    ("roles.*.purposes", Tightens::Fewer),
    ("roles.*.hide", Tightens::More),
    ("purposes.*.owes", Tightens::Words(&[&["nothing"], &["either"], &["reason", "incident"]])),
    ("compartments.*.stale_warn_hours", Tightens::Lower),
    ("compartments.*.stale_withhold_hours", Tightens::Lower),
    ("compartments.*.lease_hours", Tightens::Lower),
    ("limits.lease_hours", Tightens::Lower),
    ("limits.stale_warn_hours", Tightens::Lower),
    ("limits.stale_withhold_hours", Tightens::Lower),
    ("limits.late_hit_hours", Tightens::Neither),
    ("limits.max_results", Tightens::Lower),
    ("limits.possible_odds_bits", Tightens::Neither),
    ("limits.allow_desk_vault", Tightens::False),
    ("limits.metered_mb_per_day", Tightens::Lower),
    ("limits.roaming_mb_per_day", Tightens::Lower),
    ("limits.journal_warn_bytes", Tightens::Lower),
    ("limits.journal_max_bytes", Tightens::Lower),
    ("limits.journal_keep_days", Tightens::Neither),
    ("unlock.pin_required", Tightens::True),
    ("unlock.pin_min_length", Tightens::Higher),
    ("unlock.biometric_allowed", Tightens::False),
    ("unlock.idle_lock_minutes", Tightens::LowerButZero),
    ("unlock.free_attempts", Tightens::Lower),
    ("unlock.backoff_s", Tightens::Higher),
    ("unlock.wipe_after_attempts", Tightens::Lower),
    ("session.shift_key", Tightens::True),
    ("session.identity_at_start", Tightens::True),
    ("session.max_hours", Tightens::Lower),
    ("session.at_end", Tightens::Words(&[&["lock"], &["erase"]])),
    ("clock.reboot_allowance_minutes", Tightens::Lower),
    ("clock.behind_tolerance_s", Tightens::Lower),
    ("unusual_use.checks_per_hour", Tightens::Lower),
    ("unusual_use.same_subject_per_day", Tightens::Lower),
    ("unusual_use.refuse", Tightens::True),
    ("break_glass.compartments", Tightens::Fewer),
    ("break_glass.minutes", Tightens::Lower),
    ("break_glass.times", Tightens::Lower),
];

impl Tightens {
    /// How loose a value is: the greater, the looser. None for a list, or where it is a choice.
    pub(super) fn looseness(self, value: &Value) -> Option<f64> {
        let number = value.as_f64();
        Some(match self {
            Self::Lower => number.unwrap_or(f64::INFINITY),
            Self::LowerButZero => number.filter(|n| *n > 0.0).unwrap_or(f64::INFINITY),
            Self::Higher => match value {
                Value::String(version) => -version_number(version),
                _ => number.map_or(f64::INFINITY, |n| -n),
            },
            Self::True => f64::from(u8::from(value.as_bool() != Some(true))),
            Self::False => f64::from(u8::from(value.as_bool() == Some(true))),
            Self::Words(row) => {
                let at = row.iter().position(|words| value.as_str().is_some_and(|v| words.contains(&v)));
                -(at.unwrap_or(0) as f64)
            }
            Self::Fewer | Self::More | Self::Neither => return None,
        })
    }
}

/// A version as one number: three parts that each stay exact below 100,000.
fn version_number(text: &str) -> f64 {
    let mut parts = text.split('.').map(|p| p.parse::<u32>().map_or(0.0, f64::from));
    let mut next = || parts.next().unwrap_or(0.0).min(99_999.0);
    (next() * 1e5 + next()) * 1e5 + next()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::Map;
    use std::collections::BTreeSet;

    /// Every path of a schema; `*` stands for a name.
    fn paths(schema: &Value, at: &str, defs: &Map<String, Value>, out: &mut BTreeSet<String>) {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            return paths(&defs[name.rsplit('/').next().unwrap()], at, defs, out);
        }
        let any = schema.get("anyOf").and_then(Value::as_array);
        if let Some(one) = any.and_then(|any| any.iter().find(|s| s.get("$ref").is_some())) {
            return paths(one, at, defs, out);
        }
        let join = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
        if let Some(fields) = schema.get("properties").and_then(Value::as_object) {
            fields.iter().for_each(|(name, schema)| paths(schema, &join(name), defs, out));
        } else if let Some(named) = schema.get("additionalProperties").filter(|s| s.is_object()) {
            paths(named, &join("*"), defs, out);
        } else {
            out.insert(at.to_owned());
        }
    }

    #[test]
    fn the_schema_the_table_and_the_diff_have_the_same_fields() {
        let schema: Value = serde_json::from_str(&crate::policy_schema().unwrap()).unwrap();
        let mut in_schema = BTreeSet::new();
        paths(&schema, "", schema["$defs"].as_object().unwrap(), &mut in_schema);
        let known: BTreeSet<String> = FIELDS.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(in_schema, known);

        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/policy.md");
        let text = std::fs::read_to_string(docs).unwrap();
        let section = text.split("## Every field").nth(1).unwrap().split("\n## ").next().unwrap();
        let rows: Vec<Vec<&str>> =
            section.lines().filter(|l| l.starts_with("| `")).map(|l| l.split('|').map(str::trim).collect()).collect();
        let documented: BTreeSet<String> = rows.iter().map(|r| r[1].trim_matches('`').to_owned()).collect();
        assert_eq!((documented, rows.len()), (known, FIELDS.len()));
        for row in rows {
            let path = row[1].trim_matches('`');
            let test = format!("`field_{}`", path.replace(".*", "").replace('.', "_"));
            assert_eq!(row[6], test, "the test of {path}");
            assert!(row[2..6].iter().all(|cell| !cell.is_empty()), "{path}");
        }
    }
}
