//! Which policies there are, who is meant to have which, and who says so.

use super::diff::{PolicyChange, policy_diff};
use super::push::read_signed_policy;
use super::stages::{ALL, Ladder};
use crate::{Hub, HubError};
use beatcheck_model::Timestamp;
use beatcheck_wire::CompartmentId;
use serde::Serialize;
use std::collections::BTreeMap;

/// Policies and how far they have come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyStatus {
    /// The version that is in force for all but those that a stage means.
    pub in_force: u64,
    /// Devices that count: neither revoked nor erased.
    pub devices: u64,
    /// Of these, those that never said which policy they have.
    pub silent: u64,
    /// All versions, newest first.
    pub versions: Vec<PolicyVersion>,
}

/// One version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyVersion {
    /// Which.
    pub version: u64,
    /// When it was signed.
    pub issued: Timestamp,
    /// Why, as its author says.
    pub note: String,
    /// `in_force`, `staged` or `ended`.
    pub state: &'static str,
    /// Percent of devices for which it was last meant.
    pub share_percent: u8,
    /// When the hub took it in.
    pub pushed: Timestamp,
    /// From whom.
    pub pushed_by: String,
    /// Devices that are meant to have it now.
    pub meant: u64,
    /// Devices that say they obey it: evidence, not proof.
    pub obeying: u64,
}

/// One version, and what it changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyHistory {
    /// Which.
    pub version: u64,
    /// When it was signed.
    pub issued: Timestamp,
    /// Why, as its author says.
    pub note: String,
    /// Against the version before.
    pub changes: Vec<PolicyChange>,
    /// How it was rolled out, oldest first.
    pub steps: Vec<PolicyStep>,
}

/// A share that a version was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyStep {
    /// When.
    pub at: Timestamp,
    /// Percent of devices.
    pub share_percent: u8,
    /// By whom.
    pub by: String,
}

impl Hub {
    /// Which policies there are, who is meant to have which, and who says so.
    ///
    /// # Errors
    /// [`HubError::Db`] or [`HubError::Wire`].
    pub fn policy_status(&self) -> Result<PolicyStatus, HubError> {
        let mut conn = self.conn()?;
        let tx = conn.transaction()?;
        let ladder = Ladder::read(&tx)?;
        let in_force = ladder.in_force().policy.policy_version;
        let (mut meant, mut obeying): (BTreeMap<u64, u64>, BTreeMap<u64, u64>) = Default::default();
        let (mut devices, mut silent) = (0, 0);
        {
            let mut stmt = tx.prepare(
                "SELECT id, MAX(policy_floor, COALESCE(reported_policy, 0)), reported_policy FROM device
                 WHERE revoked IS NULL AND wiped IS NULL",
            )?;
            let mut rows = stmt.query([])?;
            while let Some(r) = rows.next()? {
                devices += 1;
                let of = ladder.meant_for(CompartmentId(r.get(0)?), r.get(1)?).policy.policy_version;
                *meant.entry(of).or_default() += 1;
                match r.get::<_, Option<u64>>(2)? {
                    Some(version) => *obeying.entry(version).or_default() += 1,
                    None => silent += 1,
                }
            }
        }
        let mut versions = Vec::new();
        let mut stmt =
            tx.prepare("SELECT version, signed, set_at, share, pushed_by FROM policy ORDER BY version DESC")?;
        let mut rows = stmt.query([])?;
        while let Some(r) = rows.next()? {
            let version: u64 = r.get(0)?;
            let policy = read_signed_policy(&r.get::<_, Vec<u8>>(1)?)?;
            versions.push(PolicyVersion {
                version,
                issued: policy.issued,
                note: policy.note,
                state: match version.cmp(&in_force) {
                    std::cmp::Ordering::Greater => "staged",
                    std::cmp::Ordering::Equal => "in_force",
                    std::cmp::Ordering::Less => "ended",
                },
                share_percent: r.get(3)?,
                pushed: Timestamp(r.get(2)?),
                pushed_by: r.get(4)?,
                meant: meant.get(&version).copied().unwrap_or(0),
                obeying: obeying.get(&version).copied().unwrap_or(0),
            });
        }
        Ok(PolicyStatus { in_force, devices, silent, versions })
    }

    /// Every version with what it changed against the one before, and how it was rolled out; newest first.
    ///
    /// # Errors
    /// [`HubError::Db`] or [`HubError::Wire`].
    pub fn policy_history(&self) -> Result<Vec<PolicyHistory>, HubError> {
        let conn = self.conn()?;
        let mut steps = conn.prepare("SELECT at, share, by FROM policy_step WHERE version = ?1 ORDER BY at, rowid")?;
        let mut stmt = conn.prepare("SELECT version, signed, set_at, pushed_by FROM policy ORDER BY version")?;
        let mut rows = stmt.query([])?;
        let (mut out, mut before) = (Vec::new(), None);
        while let Some(r) = rows.next()? {
            let version: u64 = r.get(0)?;
            let policy = read_signed_policy(&r.get::<_, Vec<u8>>(1)?)?;
            let step = |s: &rusqlite::Row<'_>| {
                Ok(PolicyStep { at: Timestamp(s.get(0)?), share_percent: s.get(1)?, by: s.get(2)? })
            };
            let mut steps: Vec<PolicyStep> = steps.query_map([version], step)?.collect::<Result<_, _>>()?;
            if steps.is_empty() {
                steps.push(PolicyStep { at: Timestamp(r.get(2)?), share_percent: ALL, by: r.get(3)? });
            }
            out.push(PolicyHistory {
                version,
                issued: policy.issued,
                note: policy.note.clone(),
                changes: before.as_ref().map(|b| policy_diff(b, &policy)).unwrap_or_default(),
                steps,
            });
            before = Some(policy);
        }
        out.reverse();
        Ok(out)
    }
}
