//! What a sync is told by who starts it, and when the next one is due: pace, patience and budgets.
//!
//! The hub says how often it wants to be asked (its head) and for how long not at all (429, 503 with Retry-After).
//! Devices add jitter, or a fleet would ask in step. What a network may cost is policy's to say.

use crate::ClientError;
use crate::device::{Device, decode, doc, encode};
use beatcheck_model::Timestamp;
use beatcheck_sync::{Limits, SyncFault};
use serde::{Deserialize, Serialize};

/// What kind of network a sync runs over, as the platform tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// Station Wi-Fi, a cable: no budget.
    #[default]
    Unmetered,
    /// Paid for by volume: policy's `metered_mb_per_day`.
    Metered,
    /// Abroad, or on another's network: policy's `roaming_mb_per_day`.
    Roaming,
}

/// How to sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncOptions {
    /// Over what.
    pub network: Network,
    /// Seconds for which the hub may hold the question if it has nothing new; 0 asks and goes. At most 25.
    pub hold_s: u16,
}

/// What to do about a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushAdvice {
    /// Seconds after which to sync: some, so that a fleet that is pushed at once does not ask at once; 0 for at once.
    pub sync_in_s: u32,
}

/// How far a next sync is moved, in parts of a thousand to either side of what the hub wants.
const JITTER_PER_MILLE: i64 = 150;
/// Over how many seconds the syncs after a push are spread.
const PUSH_SPREAD_S: u32 = 4;
/// When to ask next where no hub has said so yet, in seconds.
const DEFAULT_ASK_S: u32 = 300;
/// Longest time for which a hub is not asked, whatever it asks for, in seconds: withdrawals come with a sync.
const MAX_PATIENCE_S: u32 = 3600;
const MB: u64 = 1_000_000;
const DAY_MS: i64 = 86_400_000;

/// What was fetched today, by network.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Spent {
    day: i64,
    metered: u64,
    roaming: u64,
}

impl Device {
    /// When the next sync is due: as the hub wants it, with jitter, and not before it wants to be asked again.
    ///
    /// # Errors
    /// What the store says.
    pub fn next_sync(&self) -> Result<Timestamp, ClientError> {
        let at = |name| -> Result<Timestamp, ClientError> {
            Ok(self.state.get(name)?.map(|b| decode(&b)).transpose()?.unwrap_or_default())
        };
        Ok(at(doc::NEXT_ASK)?.max(at(doc::NOT_BEFORE)?))
    }

    /// A push came in. It says 'ask now' and nothing else: whatever it carries is not looked at, for nobody has signed
    /// it. The answer says when to sync; a hub that has asked for patience is not asked earlier.
    ///
    /// # Errors
    /// What the store or the system's randomness says.
    pub fn handle_push(&self, payload: &[u8]) -> Result<PushAdvice, ClientError> {
        let _ = payload;
        let patience = self.patience_s()?;
        let spread = u32::from(self.env.random::<1>()?[0]) * PUSH_SPREAD_S / 256;
        Ok(PushAdvice { sync_in_s: patience.max(spread) })
    }

    /// Seconds for which the hub does not want to be asked.
    pub(super) fn patience_s(&self) -> Result<u32, ClientError> {
        let until: Option<Timestamp> = self.state.get(doc::NOT_BEFORE)?.map(|b| decode(&b)).transpose()?;
        let left_ms = until.map_or(0, |u| u.0 - self.now().0).max(0);
        Ok(u32::try_from(left_ms.saturating_add(999) / 1000).unwrap_or(u32::MAX))
    }

    /// Notes when to ask next.
    pub(super) fn note_pace(&self, ask_again_s: u32, fault: Option<&SyncFault>) -> Result<(), ClientError> {
        let now = self.now();
        let s = if ask_again_s == 0 { DEFAULT_ASK_S } else { ask_again_s };
        let dice = i64::from(u16::from_le_bytes(self.env.random()?)) - i64::from(u16::MAX / 2);
        let jitter_ms = i64::from(s) * JITTER_PER_MILLE * dice / i64::from(u16::MAX / 2);
        let next = encode(&Timestamp(now.0 + i64::from(s) * 1000 + jitter_ms))?;
        let not_before = match fault {
            Some(SyncFault::Busy { s }) => Some(encode(&now.plus_secs(i64::from((*s).min(MAX_PATIENCE_S))))?),
            _ => None,
        };
        Ok(self.state.put_all(&[(doc::NEXT_ASK, Some(&next)), (doc::NOT_BEFORE, not_before.as_deref())])?)
    }

    fn spent(&self) -> Result<Spent, ClientError> {
        let day = self.now().0.div_euclid(DAY_MS);
        let spent: Spent = self.state.get(doc::SPENT)?.map(|b| decode(&b)).transpose()?.unwrap_or_default();
        Ok(if spent.day == day { spent } else { Spent { day, ..Spent::default() } })
    }

    /// What a sync over this network may take.
    pub(super) fn limits(&self, network: Network) -> Result<Limits, ClientError> {
        let policy = self.view().policy.as_ref().map(|p| p.limits.clone()).unwrap_or_default();
        let spent = self.spent()?;
        let (limit, spent) = match network {
            Network::Unmetered => (None, 0),
            Network::Metered => (policy.metered_mb_per_day, spent.metered),
            Network::Roaming => (policy.roaming_mb_per_day, spent.roaming),
        };
        let budget_bytes = limit.map(|mb| (u64::from(mb) * MB).saturating_sub(spent));
        Ok(Limits { budget_bytes, ..Limits::default() })
    }

    /// Notes what a sync has fetched.
    pub(super) fn note_spent(&self, network: Network, bytes: u64) -> Result<(), ClientError> {
        let mut spent = self.spent()?;
        match network {
            Network::Unmetered => return Ok(()),
            Network::Metered => spent.metered += bytes,
            Network::Roaming => spent.roaming += bytes,
        }
        Ok(self.state.put_all(&[(doc::SPENT, Some(&encode(&spent)?))])?)
    }
}
