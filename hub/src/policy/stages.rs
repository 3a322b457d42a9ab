//! Which policy a device is meant to have: the newest whose share covers it, and never one older than it has.
//!
//! A device's place in a roll-out is a stable number from 0 to 99, by its id: the same devices go first each time, so
//! that a force knows who tries things out. A share that is lowered takes nothing back (devices refuse an older policy);
//! to go back, the older content is pushed under a newer version.

use crate::HubError;
use beatcheck_wire::envelope::OVERHEAD;
use beatcheck_wire::policy::Policy;
use beatcheck_wire::{DeviceId, WireError};
use rusqlite::Connection;

/// The whole of a force, in percent.
pub(crate) const ALL: u8 = 100;

/// One policy that devices may be given.
pub(crate) struct Stage {
    pub(crate) policy: Policy,
    pub(crate) signed: Vec<u8>,
    pub(crate) share: u8,
}

/// The policy in force and the stages above it, newest first.
pub(crate) struct Ladder(Vec<Stage>);

impl Ladder {
    /// Reads what is in force as the database holds it: sealed there by SQLCipher, verified where it is pushed.
    pub(crate) fn read(conn: &Connection) -> Result<Self, HubError> {
        let mut stmt = conn.prepare_cached(
            "SELECT signed, share FROM policy
             WHERE version >= (SELECT MAX(version) FROM policy WHERE share >= 100) ORDER BY version DESC",
        )?;
        let mut rows = stmt.query([])?;
        let mut stages = Vec::new();
        while let Some(r) = rows.next()? {
            let signed: Vec<u8> = r.get(0)?;
            let policy = Policy::from_canonical(signed.get(OVERHEAD..).unwrap_or_default())?;
            stages.push(Stage { policy, signed, share: r.get(1)? });
        }
        if stages.is_empty() {
            return Err(WireError::Malformed("policy").into());
        }
        Ok(Self(stages))
    }

    /// What a device is meant to have that holds version `floor` (0: none).
    pub(crate) fn meant_for(&self, device: DeviceId, floor: u64) -> &Stage {
        let place = place(device);
        let covered = self.0.iter().position(|s| place < s.share).unwrap_or(self.0.len() - 1);
        // It may have come another way than by a grant (MDM), or before the share was lowered.
        let held = self.0.iter().position(|s| s.policy.policy_version == floor);
        &self.0[held.map_or(covered, |held| held.min(covered))]
    }

    /// What is in force for all.
    pub(crate) fn in_force(&self) -> &Stage {
        // Reading refuses an empty one, and the last is the oldest: the one that is in force.
        &self.0[self.0.len() - 1]
    }
}

/// A device's place in every roll-out, 0 to 99: it is meant by a share that is greater.
pub(crate) fn place(device: DeviceId) -> u8 {
    let mut hash = blake3::Hasher::new_derive_key("beatcheck policy roll-out v1");
    hash.update(&device.0);
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize().as_bytes()[..8]);
    (u64::from_le_bytes(first) % u64::from(ALL)) as u8
}
