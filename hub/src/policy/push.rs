//! Signing, pushing, staging and rolling back.
//!
//! Versions only move forward, in the order in which they were signed: devices refuse anything else, so the hub does
//! too. That is the whole rule against loosening a limit: it takes a newer version, signed by the policy key.

use super::lint::errors;
use super::read::read_policy;
use super::stages::ALL;
use super::{newest, write_copy};
use crate::orders::{BY_HUB, who};
use crate::{Hub, HubError};
use beatcheck_model::Timestamp;
use beatcheck_wire::DeviceId;
use beatcheck_wire::envelope::{DocKind, OVERHEAD, SigningKey, open_bytes};
use beatcheck_wire::policy::Policy;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

/// Seconds by which the clock that signed may be ahead: devices take the time of a signature for the least time that it
/// can be, so a policy from the future would lock them.
pub const SIGNED_AHEAD_S: i64 = 300;

/// Signs a policy as it is written, anywhere: no hub is needed. `next_version` is taken where the text has none.
///
/// # Errors
/// [`HubError::Refused`] if it does not read, or has what lint calls an error.
pub fn sign_policy(
    text: &str,
    next_version: Option<u64>,
    now: Timestamp,
    key: &SigningKey,
) -> Result<Vec<u8>, HubError> {
    let mut policy = read_policy(text, next_version)?;
    policy.issued = now;
    refuse_unusable(&policy)?;
    Ok(key.sign_bytes(DocKind::Policy, &policy.to_canonical()?))
}

/// What a signed policy says, without regard to who signed it: for reading and comparing.
///
/// # Errors
/// [`HubError::Wire`] if it is no signed policy.
pub fn read_signed_policy(signed: &[u8]) -> Result<Policy, HubError> {
    Ok(Policy::from_canonical(signed.get(OVERHEAD..).unwrap_or_default())?)
}

impl Hub {
    /// Puts a policy in force for all, written as JSON (an object) or TOML; returns its version.
    ///
    /// `format` may be left out, and so may `policy_version` (the next one is taken); `issued` is set here. Devices
    /// get it with their next sync. What a device may no longer hold gets a new key epoch at once.
    ///
    /// # Errors
    /// [`HubError::Refused`] if it does not read as a policy, has a field that nobody reads, is not newer, or would
    /// permit nothing to anyone; [`HubError::Key`] if the policy key is kept elsewhere.
    pub fn policy_set(&self, text: &str) -> Result<u64, HubError> {
        self.policy_set_by(text, ALL, BY_HUB)
    }

    /// The same for a share of devices, naming who did it.
    ///
    /// # Errors
    /// As [`Hub::policy_set`].
    pub fn policy_set_by(&self, text: &str, share_percent: u8, by: &str) -> Result<u64, HubError> {
        let next = newest(&*self.conn()?)? + 1;
        // What cannot be used is told before where the key might be.
        refuse_unusable(&read_policy(text, Some(next))?)?;
        let signed = sign_policy(text, Some(next), self.now(), self.keys()?.policy()?)?;
        self.policy_push(&signed, share_percent, by)
    }

    /// Takes in a signed policy, wherever it was signed, for a share of devices (100: all); returns its version.
    ///
    /// A share of 0 keeps it ready: MDM may hand it over, and it can be staged later. A policy for all ends the stages
    /// of older ones.
    ///
    /// # Errors
    /// [`HubError::Refused`] if the policy key that devices trust did not sign it, it is not newer, in version and in
    /// time, than every one that is known, it has what lint calls an error, or the share is over 100.
    pub fn policy_push(&self, signed: &[u8], share_percent: u8, by: &str) -> Result<u64, HubError> {
        let by = who(by)?;
        percent(share_percent)?;
        let key = self.trust()?.policy_key;
        let payload = open_bytes(DocKind::Policy, signed, &[key]).map_err(|e| {
            HubError::Refused(format!("{e}: sign it with the policy key of this hub's root; nothing was changed"))
        })?;
        let policy = Policy::from_canonical(payload)?;
        if policy.to_canonical()? != payload {
            let why =
                "it was signed in another form, or has fields that this hub does not know: sign it with this version";
            return Err(HubError::Refused(format!("{why}; nothing was changed")));
        }
        refuse_unusable(&policy)?;
        let mut conn = self.conn()?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.refuse_older(&tx, &policy)?;
        keep(&tx, &policy, signed, share_percent, by, self.now())?;
        tx.commit()?;
        drop(conn);
        self.follow(share_percent)?;
        tracing::info!(version = policy.policy_version, share = share_percent, "a policy was pushed");
        Ok(policy.policy_version)
    }

    /// Gives a policy that was pushed to another share of devices; 100 puts it in force for all.
    ///
    /// Lowering a share stops it from going further and takes nothing back: devices refuse older policies.
    ///
    /// # Errors
    /// [`HubError::Refused`] if there is no such version, a newer one is in force for all, or it is the one in force.
    pub fn policy_stage(&self, version: u64, share_percent: u8, by: &str) -> Result<(), HubError> {
        let by = who(by)?;
        percent(share_percent)?;
        let mut conn = self.conn()?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let known: bool = tx.query_row(
            "SELECT EXISTS (SELECT 1 FROM policy WHERE version = ?1)",
            [i64::try_from(version).unwrap_or(i64::MAX)],
            |r| r.get(0),
        )?;
        if !known {
            return Err(HubError::Refused(format!("no policy {version}: `hub policy status` lists them")));
        }
        let in_force = super::current(&tx)?.policy_version;
        if version <= in_force {
            return Err(HubError::Refused(format!(
                "policy {in_force} is in force for all, and devices refuse an older one: to go back, roll back to \
                 {version}, which pushes its content under a newer version"
            )));
        }
        tx.execute("UPDATE policy SET share = ?2 WHERE version = ?1", params![version, share_percent])?;
        step(&tx, version, share_percent, by, self.now())?;
        tx.commit()?;
        drop(conn);
        self.follow(share_percent)?;
        tracing::info!(version, share = share_percent, "a policy was staged");
        Ok(())
    }

    /// Puts the content of an older version in force again for all, under a newer version; returns that. Its note says so.
    ///
    /// # Errors
    /// [`HubError::Refused`] if there is no such version; [`HubError::Key`] if the policy key is kept elsewhere.
    pub fn policy_rollback(&self, to_version: u64, by: &str) -> Result<u64, HubError> {
        let mut policy = self.policy_at(to_version)?;
        policy.policy_version = newest(&*self.conn()?)? + 1;
        policy.issued = self.now();
        policy.note = format!("As version {to_version} again.");
        let signed = self.keys()?.policy()?.sign_bytes(DocKind::Policy, &policy.to_canonical()?);
        self.policy_push(&signed, ALL, by)
    }

    /// Any policy that was ever pushed.
    ///
    /// # Errors
    /// [`HubError::Refused`] if there is no such version.
    pub fn policy_at(&self, version: u64) -> Result<Policy, HubError> {
        let version = i64::try_from(version).unwrap_or(i64::MAX);
        let signed: Option<Vec<u8>> = self
            .conn()?
            .query_row("SELECT signed FROM policy WHERE version = ?1", [version], |r| r.get(0))
            .optional()?;
        let signed =
            signed.ok_or_else(|| HubError::Refused(format!("no policy {version}: `hub policy status` lists them")))?;
        read_signed_policy(&signed)
    }

    /// Its signed bytes: for MDM, which may hand them to devices itself.
    ///
    /// # Errors
    /// [`HubError::Refused`] if there is no such version.
    pub fn policy_signed(&self, version: u64) -> Result<Vec<u8>, HubError> {
        self.policy_at(version)?;
        Ok(self.conn()?.query_row("SELECT signed FROM policy WHERE version = ?1", [version], |r| r.get(0))?)
    }

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

    /// What follows when a policy reaches other devices than before.
    fn follow(&self, share_percent: u8) -> Result<(), HubError> {
        if share_percent == ALL {
            write_copy(&self.dir, &super::current(&*self.conn()?)?)?;
        }
        self.refresh_grants()
    }

    pub(crate) fn refuse_older(&self, conn: &Connection, policy: &Policy) -> Result<(), HubError> {
        let newest = newest(conn)?;
        if policy.policy_version <= newest {
            return Err(HubError::Refused(format!(
                "policy version {} is not newer than {newest}, which is known: write {} or leave it out; nothing was changed",
                policy.policy_version,
                newest + 1
            )));
        }
        let signed: Vec<u8> = conn.query_row("SELECT signed FROM policy WHERE version = ?1", [newest], |r| r.get(0))?;
        if policy.issued < read_signed_policy(&signed)?.issued {
            return Err(HubError::Refused(
                "it was signed before the newest policy, so devices would refuse it: sign it anew".into(),
            ));
        }
        if policy.issued > self.now().plus_secs(SIGNED_AHEAD_S) {
            return Err(HubError::Refused(
                "it was signed in the future: set the clock that signed it right, and sign it anew".into(),
            ));
        }
        Ok(())
    }
}

/// Keeps a policy and notes its first share.
pub(crate) fn keep(
    conn: &Connection,
    policy: &Policy,
    signed: &[u8],
    share: u8,
    by: &str,
    now: Timestamp,
) -> Result<(), HubError> {
    let version = i64::try_from(policy.policy_version).map_err(|_| {
        HubError::Refused(format!("policy version {} is not a version to go on from", policy.policy_version))
    })?;
    conn.execute(
        "INSERT INTO policy (version, signed, set_at, share, pushed_by) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![version, signed, now.0, share, by],
    )?;
    step(conn, policy.policy_version, share, by, now)
}

fn step(conn: &Connection, version: u64, share: u8, by: &str, now: Timestamp) -> Result<(), HubError> {
    conn.execute(
        "INSERT INTO policy_step (version, at, share, by) VALUES (?1, ?2, ?3, ?4)",
        params![version, now.0, share, by],
    )?;
    Ok(())
}

pub(crate) fn refuse_unusable(policy: &Policy) -> Result<(), HubError> {
    match errors(policy).first() {
        None => Ok(()),
        Some(e) => {
            Err(HubError::Refused(format!("the policy is not usable: {}: {}; nothing was changed", e.field, e.text)))
        }
    }
}

fn percent(share: u8) -> Result<(), HubError> {
    if share <= ALL { Ok(()) } else { Err(HubError::Refused("a share is a percentage: 0 to 100".into())) }
}
