//! Device management's policy at the hub: written by people, refused if it says what nobody reads, compared, signed,
//! pushed in stages, kept.

mod diff;
mod fields;
mod lint;
mod push;
mod read;
mod schema;
mod stages;
mod status;

pub use diff::{Effect, PolicyChange, policy_diff};
pub use lint::{Level, PolicyFinding, lint_policy};
pub use push::{SIGNED_AHEAD_S, read_signed_policy, sign_policy};
pub use read::read_policy;
pub use schema::policy_schema;
pub use status::{PolicyHistory, PolicyStatus, PolicyStep, PolicyVersion};

pub(crate) use push::{keep, refuse_unusable};
pub(crate) use stages::{ALL, Ladder};

use crate::{Hub, HubError};
use beatcheck_wire::DeviceId;
use beatcheck_wire::envelope::{DocKind, open_bytes};
use beatcheck_wire::policy::Policy;
use rusqlite::Connection;
use std::io::Write;
use std::path::Path;

impl Hub {
    /// The policy in force for all, and its signed bytes.
    ///
    /// # Errors
    /// [`HubError::Wire`] if what is kept is not signed by the policy key.
    pub fn policy_current(&self) -> Result<(Policy, Vec<u8>), HubError> {
        let signed = Ladder::read(&*self.conn()?)?.in_force().signed.clone();
        let payload = open_bytes(DocKind::Policy, &signed, &[self.trust()?.policy_key])?;
        let policy = Policy::from_canonical(payload)?;
        Ok((policy, signed))
    }
}

/// The policy in force for all.
pub(crate) fn current(conn: &Connection) -> Result<Policy, HubError> {
    Ok(Ladder::read(conn)?.in_force().policy.clone())
}

/// The policy that one device is meant to have.
pub(crate) fn of_device(conn: &Connection, device: DeviceId) -> Result<Policy, HubError> {
    let floor = conn.query_row(
        "SELECT MAX(policy_floor, COALESCE(reported_policy, 0)) FROM device WHERE id = ?1",
        [device.0],
        |r| r.get(0),
    )?;
    Ok(Ladder::read(conn)?.meant_for(device, floor).policy.clone())
}

/// The newest version that is known.
pub(crate) fn newest(conn: &Connection) -> Result<u64, HubError> {
    Ok(conn.query_row("SELECT MAX(version) FROM policy", [], |r| r.get(0))?)
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
