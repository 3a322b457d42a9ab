//! Device management's policy at the hub: written by people, refused if it says what nobody reads, signed, kept.

mod stages;

pub(crate) use stages::Ladder;

use crate::{Hub, HubError};
use beatcheck_model::Timestamp;
use beatcheck_wire::DeviceId;
use beatcheck_wire::envelope::{DocKind, SigningKey, open_bytes};
use beatcheck_wire::policy::{POSSIBLE_ODDS_MOST, Policy};
use rusqlite::{Connection, params};
use serde_json::Value;
use std::io::Write;
use std::path::Path;

/// Largest policy that is read, in bytes.
const MAX_POLICY: usize = 1 << 20;

impl Hub {
    /// The policy in force, and its signed bytes.
    ///
    /// # Errors
    /// [`HubError::Wire`] if what is kept is not signed by the policy key.
    pub fn policy_current(&self) -> Result<(Policy, Vec<u8>), HubError> {
        let signed = current_signed(&self.conn()?)?;
        let payload = open_bytes(DocKind::Policy, &signed, &[self.trust()?.policy_key])?;
        let policy = Policy::from_canonical(payload)?;
        Ok((policy, signed))
    }

    /// Puts a policy in force, written as JSON (an object) or TOML; returns its version.
    ///
    /// `format` may be left out, and so may `policy_version` (the next one is taken); `issued` is set here. Devices
    /// get it with their next sync. What a device may no longer hold gets a new key epoch at once.
    ///
    /// # Errors
    /// [`HubError::Refused`] if it does not read as a policy, has a field that nobody reads, is not newer, or would
    /// permit nothing to anyone.
    pub fn policy_set(&self, text: &str) -> Result<u64, HubError> {
        let now = self.now();
        let (current, _) = self.policy_current()?;
        let mut policy = parse(text, current.policy_version + 1)?;
        policy.issued = now;
        check(&policy)?;
        let keys = self.keys()?;
        let mut conn = self.conn()?;
        let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let newest: u64 = tx.query_row("SELECT MAX(version) FROM policy", [], |r| r.get(0))?;
        if policy.policy_version <= newest {
            return Err(HubError::Refused(format!(
                "policy version {} is not newer than {newest}, which is in force: write {} or leave it out",
                policy.policy_version,
                newest + 1
            )));
        }
        store_first(&tx, keys.policy()?, &policy, now)?;
        tx.commit()?;
        drop(conn);
        write_copy(&self.dir, &policy)?;
        self.refresh_grants()?;
        tracing::info!(version = policy.policy_version, "a policy was set");
        Ok(policy.policy_version)
    }
}

impl Hub {
    /// Notes which policy a device has: from now on it is granted none that is older.
    pub(crate) fn note_policy(&self, device: DeviceId, version: u64) -> Result<(), HubError> {
        let conn = self.conn()?;
        // Only what the hub knows: a device that claims more than there is must not be kept from what there will be.
        let mut note = conn.prepare_cached(
            "UPDATE device SET policy_floor = ?2 WHERE id = ?1 AND policy_floor < ?2
             AND ?2 <= (SELECT MAX(version) FROM policy)",
        )?;
        note.execute(params![device.0, i64::try_from(version).unwrap_or(i64::MAX)])?;
        Ok(())
    }
}

/// The policy in force for all.
pub(crate) fn current(conn: &Connection) -> Result<Policy, HubError> {
    Ok(Ladder::read(conn)?.in_force().policy.clone())
}

/// Its signed bytes.
fn current_signed(conn: &Connection) -> Result<Vec<u8>, HubError> {
    Ok(Ladder::read(conn)?.in_force().signed.clone())
}

/// Signs and keeps a policy for all.
pub(crate) fn store_first(
    conn: &Connection,
    key: &SigningKey,
    policy: &Policy,
    now: Timestamp,
) -> Result<(), HubError> {
    let signed = key.sign_bytes(DocKind::Policy, &policy.to_canonical()?);
    conn.execute(
        "INSERT INTO policy (version, signed, set_at) VALUES (?1, ?2, ?3)",
        params![policy.policy_version, signed, now.0],
    )?;
    Ok(())
}

/// Writes the copy for people; the signed one is in the database.
pub(crate) fn write_copy(dir: &Path, policy: &Policy) -> Result<(), HubError> {
    let mut text = serde_json::to_string_pretty(policy).map_err(|e| HubError::Refused(e.to_string()))?;
    text.push('\n');
    write_file(&dir.join("policy.json"), text.as_bytes())
}

/// Writes a file that is never seen half-written.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), HubError> {
    let temporary = path.with_extension("new");
    let write = || {
        let mut f = std::fs::File::create(&temporary)?;
        f.write_all(bytes)?;
        f.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().map_err(HubError::io(format!("writing {}", path.display())))
}

fn parse(text: &str, next_version: u64) -> Result<Policy, HubError> {
    let refused = |why: String| HubError::Refused(format!("the policy does not read: {why}"));
    if text.len() > MAX_POLICY {
        return Err(refused("it is over 1 MiB".into()));
    }
    let mut given: Value = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|e| refused(e.to_string()))?
    } else {
        let table: toml::Table = toml::from_str(text).map_err(|e| refused(e.to_string()))?;
        serde_json::to_value(table).map_err(|e| refused(e.to_string()))?
    };
    let Value::Object(fields) = &mut given else { return Err(refused("it is not an object".into())) };
    fields.entry("format").or_insert_with(|| 1.into());
    fields.entry("policy_version").or_insert_with(|| next_version.into());
    // Set when it is signed, whatever was written.
    fields.insert("issued".into(), Value::String(Timestamp(0).to_string()));
    let bytes = serde_json::to_vec(&given).map_err(|e| refused(e.to_string()))?;
    let policy: Policy = serde_json::from_value(given.clone()).map_err(|e| refused(e.to_string()))?;
    Policy::from_canonical(&bytes)?;
    let read = serde_json::to_value(&policy).map_err(|e| refused(e.to_string()))?;
    match unread("", &given, &read) {
        Some(path) => {
            Err(HubError::Refused(format!("the policy has a field that nothing reads: '{path}'; nothing was changed")))
        }
        None => Ok(policy),
    }
}

/// The first field of `given` that is not in `read`.
fn unread(path: &str, given: &Value, read: &Value) -> Option<String> {
    let Value::Object(fields) = given else { return None };
    fields.iter().find_map(|(name, value)| {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match read.get(name) {
            None => Some(path),
            Some(read) => unread(&path, value, read),
        }
    })
}

/// What a policy must say to be of use; a slip here would lock out a force, or forget to limit it.
fn check(policy: &Policy) -> Result<(), HubError> {
    let refused = |why: String| Err(HubError::Refused(format!("the policy is not usable: {why}; nothing was changed")));
    if policy.roles.is_empty() {
        return refused("it has no role".into());
    }
    for (name, role) in &policy.roles {
        if name.trim().is_empty() || name.trim() != name {
            return refused(format!("'{name}' is not a name for a role"));
        }
        if role.purposes.is_empty() || role.purposes.iter().any(|p| p.trim().is_empty()) {
            return refused(format!("role '{name}' has no purposes, or an empty one"));
        }
    }
    let l = &policy.limits;
    if l.lease_hours == 0 || l.max_results == 0 {
        return refused("limits.lease_hours and limits.max_results must be at least 1".into());
    }
    if l.possible_odds_bits.abs() > POSSIBLE_ODDS_MOST {
        return refused(format!(
            "limits.possible_odds_bits lies between -{POSSIBLE_ODDS_MOST} and {POSSIBLE_ODDS_MOST}"
        ));
    }
    if l.journal_max_bytes == 0 || l.journal_warn_bytes > l.journal_max_bytes {
        return refused(
            "limits.journal_warn_bytes must not exceed limits.journal_max_bytes, which must not be 0".into(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toml_and_json_read_alike_and_unknown_fields_are_refused() {
        let toml = "[roles.patrol]\ncompartments=['*']\npurposes=['warrant']\n[limits]\nlease_hours=8\n";
        let json = r#"{"roles":{"patrol":{"compartments":["*"],"purposes":["warrant"]}},"limits":{"lease_hours":8}}"#;
        let (a, b) = (parse(toml, 7).unwrap(), parse(json, 7).unwrap());
        assert_eq!(a, b);
        assert_eq!((a.policy_version, a.limits.lease_hours, a.limits.max_results), (7, 8, 20));
        let typo = toml.replace("lease_hours", "lease_hour");
        assert!(parse(&typo, 7).unwrap_err().to_string().contains("'limits.lease_hour'"));
        let typo = json.replace("\"purposes\"", "\"purpose\":[],\"purposes\"");
        assert!(parse(&typo, 7).unwrap_err().to_string().contains("'roles.patrol.purpose'"));
        assert!(parse("{\"format\":2,\"roles\":{}}", 7).is_err());
        assert!(check(&parse("[roles]", 7).unwrap()).is_err());
    }
}
