//! What a device says of itself. The JSON of these shapes is in `docs/cli.md`.

use crate::ClientError;
use crate::Shift;
use crate::cover;
use crate::device::{Device, View, Why};
use beatcheck_model::{Arriving, CoverageState, RecordKind, Timestamp};
use beatcheck_policy::ClockState;
use beatcheck_store::StoreError;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Late hits in one status, at most.
const MAX_STATUS_LATE_HITS: u32 = 50;

/// State of a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceStatus {
    /// Name of the device, random.
    pub device: String,
    /// Kind of its key vault; `desk` protects nothing.
    pub vault: String,
    /// Role, if a grant has come.
    pub role: Option<String>,
    /// Purposes that policy allows for the role.
    pub purposes: Vec<String>,
    /// Policy version in force.
    pub policy_version: u64,
    /// Grant version in force.
    pub grant_version: u64,
    /// Last contact with the hub.
    pub last_contact: Option<Timestamp>,
    /// When the lease ends without contact.
    pub lease_ends: Option<Timestamp>,
    /// Whether it has ended.
    pub lease_ended: bool,
    /// Head in force and when it expires.
    pub head_version: u64,
    /// From when on everything counts as stale.
    pub head_expires: Option<Timestamp>,
    /// When the certificate is to be renewed.
    pub renew_after: Option<Timestamp>,
    /// What is held.
    pub compartments: Vec<CompartmentStatus>,
    /// The account.
    pub journal: JournalStatus,
    /// What officers were told and has changed since, within policy's window: the newest fifty ([`Device::late_hits`] has all).
    pub late_hits: Vec<LateHit>,
    /// When the next sync is due: as the hub wants it, with jitter.
    pub next_sync: Option<Timestamp>,
    /// Set: files of this device were put back; nothing is answered until the hub was heard and goes on with its account.
    pub rolled_back: bool,
    /// Locked or not, and what unlocks it.
    pub unlock: UnlockStatus,
    /// What is to be thought of the clock.
    pub clock: ClockStatus,
    /// Until when a break-glass holds, if one was used.
    pub break_glass_until: Option<Timestamp>,
    /// Bytes that the staging area takes on disk: what was fetched and waits, and what its files keep until they shrink.
    pub staged_bytes: u64,
}

/// Locked or not, and what unlocks it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnlockStatus {
    /// Whether records can be read.
    pub unlocked: bool,
    /// Why nothing can be answered, as a stable code: `locked`, `pin_needed`, `shift_needed`.
    pub barred: Option<String>,
    /// Whether a PIN is set.
    pub pin_set: bool,
    /// Whether each guess at it needs the vault; if not, a copied store can be guessed at elsewhere.
    pub pin_mixed: bool,
    /// Whether the vault's biometric check stands for it.
    pub biometric: bool,
    /// Whether policy allows that at all; not whether the vault can do it.
    pub biometric_allowed: bool,
    /// Wrong PINs in a row.
    pub wrong_pins: u32,
    /// Seconds until the next can be tried.
    pub wait_s: u32,
    /// Minutes without a check after which it locks; 0: never.
    pub idle_lock_minutes: u32,
    /// The shift that is on.
    pub shift: Option<Shift>,
}

/// What is to be thought of the clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockStatus {
    /// `sound`, `behind` (what the hub has signed), or `unsure` (restarted, and too long without the hub).
    pub state: String,
    /// Whether the time is the hub's, counted on by the machine; if not, it is the clock's on the wall.
    pub anchored: bool,
    /// Minutes of use without that since the last contact.
    pub unsure_minutes: u32,
}

/// State of a compartment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompartmentStatus {
    /// Its name.
    pub compartment: String,
    /// Its source.
    pub source: String,
    /// Kind of its records.
    pub kind: RecordKind,
    /// How it stands now.
    pub state: CoverageState,
    /// The extract's own time.
    pub as_of: Option<Timestamp>,
    /// When the next extract is overdue.
    pub due_by: Option<Timestamp>,
    /// Manifest version applied.
    pub manifest_version: u64,
    /// Highest hub sequence applied.
    pub watermark: u64,
    /// Records held.
    pub records: u64,
    /// Of these, not to be found by their mark.
    pub unsearchable: u64,
    /// Digest of what is stored, in hexadecimal.
    pub digest: Option<String>,
    /// Whether it carries warnings.
    pub warnings: bool,
    /// How much of it has come, where some of it is still on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arriving: Option<Arriving>,
    /// When all of its rows were last read again and compared with what was published.
    pub scrubbed: Option<Timestamp>,
    /// Set: they are others; the next sync mends it.
    pub suspect: bool,
    /// Times that rows were fetched again, and how many.
    pub repairs: u32,
    /// Rows that were.
    pub repaired_rows: u64,
    /// Times that all of it was fetched again.
    pub rebuilds: u32,
}

/// State of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalStatus {
    /// Number of the last entry.
    pub last_seq: u64,
    /// Everything up to this is at the hub.
    pub acked: u64,
    /// Entries that wait.
    pub pending: u64,
    /// Their bytes.
    pub pending_bytes: u64,
    /// Set: space for the account runs low; sync and free space.
    pub low: bool,
}

/// Something an officer was told has changed (rule 11).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateHit {
    /// Reference of the check concerned.
    pub reference: String,
    /// When that check was made.
    pub asked: Timestamp,
    /// When the change was noticed.
    pub at: Timestamp,
    /// `appeared`, `corrected` or `withdrawn`.
    pub change: String,
    /// In words, without the times: those are shown as the officer's clock has them.
    pub text: String,
    /// Number of its entry in the journal.
    pub audit_seq: u64,
}

impl Device {
    /// The state of this device now. Writes nothing.
    ///
    /// # Errors
    /// What the store says.
    pub fn status(&self) -> Result<DeviceStatus, ClientError> {
        let view = self.view();
        let now = self.now();
        let limits = view.policy.as_ref().map(|p| p.limits.clone()).unwrap_or_default();
        let has_contact = view.contact != Timestamp::default();
        let lease_hours = view.managed.lease_ceiling_hours.map_or(limits.lease_hours, |c| c.min(limits.lease_hours));
        let lease_ends = has_contact.then(|| view.contact.plus_secs(i64::from(lease_hours) * 3600));
        let role = view.grant.as_ref().map(|g| g.role.clone());
        let purposes = match (&view.policy, &role) {
            (Some(p), Some(r)) => p.roles.get(r).map(|r| r.purposes.clone()).unwrap_or_default(),
            _ => Vec::new(),
        };
        let renew_after = self.state.get(crate::device::doc::RENEW_AFTER)?;
        Ok(DeviceStatus {
            device: self.device.to_string(),
            vault: self.vault.kind(),
            role,
            purposes,
            policy_version: view.policy.as_ref().map_or(0, |p| p.policy_version),
            grant_version: view.grant.as_ref().map_or(0, |g| g.grant_version),
            last_contact: has_contact.then_some(view.contact),
            lease_ends,
            lease_ended: lease_ends.is_some_and(|e| now > e),
            head_version: view.head.as_ref().map_or(0, |h| h.head_version),
            head_expires: view.head.as_ref().map(|h| h.expires),
            renew_after: renew_after.map(|b| crate::device::decode(&b)).transpose()?,
            compartments: self.compartment_status(&view, now)?,
            journal: self.journal_status(&view)?,
            late_hits: self.late_hits(0, MAX_STATUS_LATE_HITS)?,
            next_sync: Some(self.next_sync()?).filter(|t| *t != Timestamp::default()),
            rolled_back: self.is_rolled_back(),
            unlock: self.unlock_status(&view)?,
            clock: self.clock_status(&view),
            break_glass_until: view.glass.until.filter(|until| now < *until),
            staged_bytes: self.staged_bytes(),
        })
    }

    fn compartment_status(&self, view: &Arc<View>, now: Timestamp) -> Result<Vec<CompartmentStatus>, ClientError> {
        let sight = self.sight(view, true);
        // What any purpose of the role permits: the state shown here does not depend on one.
        let purpose = self.any_purpose(view);
        let owed = "status";
        let why = Why { purpose: &purpose, reason: owed, incident: owed, subject: None, before: &[] };
        let permit = self.permit(view, &why, now).ok();
        let mut out = Vec::new();
        for kind in RecordKind::ALL {
            for c in cover::of(&sight, permit.as_ref(), &[kind], now) {
                let health = self.integrity(&c.id)?;
                let digest = self.shelf.get(&c.id).map(|open| open.checkpoint()).transpose()?;
                out.push(CompartmentStatus {
                    compartment: c.shown.compartment,
                    source: c.shown.source,
                    kind,
                    state: c.shown.state,
                    as_of: c.shown.as_of,
                    due_by: view.held.get(&c.id).and_then(|m| m.due_by),
                    manifest_version: c.manifest_version,
                    watermark: c.shown.watermark,
                    records: c.shown.records,
                    unsearchable: c.shown.unsearchable,
                    digest: digest.map(|d| d.digest.to_string()),
                    warnings: c.warnings,
                    arriving: c.shown.arriving,
                    scrubbed: health.scrubbed,
                    suspect: health.suspect,
                    repairs: health.repairs,
                    repaired_rows: health.repaired_rows,
                    rebuilds: health.rebuilds,
                });
            }
        }
        Ok(out)
    }

    fn unlock_status(&self, view: &View) -> Result<UnlockStatus, ClientError> {
        let (rule, attempts) = (self.unlock_rule(view), self.attempts()?);
        let barred = self.barred(view).map(|e| e.code);
        let shift = self.shift();
        let ring = self.ring();
        Ok(UnlockStatus {
            unlocked: ring.is_open(),
            barred,
            pin_set: ring.protection.has_pin(),
            pin_mixed: ring.protection.pin_is_mixed(),
            biometric: ring.protection.has_presence(),
            biometric_allowed: rule.biometric_allowed,
            wrong_pins: attempts.wrong(),
            wait_s: attempts.wait_s(&rule, self.env.boot()),
            idle_lock_minutes: rule.idle_lock_minutes,
            shift,
        })
    }

    fn clock_status(&self, view: &View) -> ClockStatus {
        let rule = view.policy.as_ref().map(|p| p.clock.clone()).unwrap_or_default();
        let state = match self.time.state(&rule) {
            ClockState::Sound => "sound",
            ClockState::Behind { .. } => "behind",
            ClockState::Unsure => "unsure",
        };
        let (anchored, unsure_minutes) = self.time.anchored();
        ClockStatus { state: state.into(), anchored, unsure_minutes }
    }

    /// Whether more of the account waits than policy lets pass without a warning.
    pub(crate) fn journal_is_long(&self, view: &View) -> Result<bool, StoreError> {
        let warn = view.policy.as_ref().map_or(u64::MAX, |p| p.limits.journal_warn_bytes);
        Ok(self.journal.stats()?.pending_bytes >= warn.max(1))
    }

    fn journal_status(&self, view: &View) -> Result<JournalStatus, ClientError> {
        let s = self.journal.stats()?;
        Ok(JournalStatus {
            last_seq: s.last_seq,
            acked: s.acked,
            pending: s.pending,
            pending_bytes: s.pending_bytes,
            low: s.reserve_low || self.journal_is_long(view)?,
        })
    }

    /// Late hits within policy's window, newest first: those noticed before the entry `before` (0: from the newest), at most
    /// `most`. For the next page, ask with the `audit_seq` of the last.
    ///
    /// # Errors
    /// What the store says.
    pub fn late_hits(&self, before: u64, most: u32) -> Result<Vec<LateHit>, ClientError> {
        let hours = self.view().policy.as_ref().map_or(0, |p| i64::from(p.limits.late_hit_hours));
        let rows = self.journal.late_hits(self.now().plus_secs(-hours * 3600))?;
        let listed = rows.into_iter().rev().filter(|r| before == 0 || r.seq < before).take(most as usize);
        Ok(listed
            .map(|r| LateHit {
                reference: r.reference,
                asked: r.asked,
                at: r.at,
                change: r.change,
                text: r.text,
                audit_seq: r.seq,
            })
            .collect())
    }

    /// Size of the staging area on disk, without opening it (a sync may have it open).
    fn staged_bytes(&self) -> u64 {
        fn walk(dir: &std::path::Path) -> u64 {
            let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
            entries
                .flatten()
                .map(|e| match e.metadata() {
                    Ok(m) if m.is_dir() => walk(&e.path()),
                    Ok(m) => m.len(),
                    Err(_) => 0,
                })
                .sum()
        }
        walk(&self.home.staging())
    }
}
