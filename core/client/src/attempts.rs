//! How often a PIN may be tried: counted before each try, in the state file and by the vault's counter.
//!
//! The wait after too many wrong ones is measured by what the machine has been running, which nobody can set; a restart begins
//! it anew. Whoever puts older files back finds that the vault has counted on.

use crate::ClientError;
use crate::device::{Device, decode, doc, encode};
use crate::env::Boot;
use crate::vault::VaultError;
use beatcheck_wire::policy::UnlockRule;
use serde::{Deserialize, Serialize};

/// Label of the vault's counter of tries.
const COUNTER_LABEL: &str = "pin-tries";
/// Longest wait between two tries, in seconds.
const LONGEST_WAIT_S: u64 = 3600;

/// Tries since the last right one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempts {
    /// Wrong ones, as this file has counted.
    wrong: u32,
    /// What the vault's counter said at the last right one; none where it has none.
    right_at: Option<u64>,
    /// What it said when the PIN was set: kept with the PIN, which cannot be put back without the vault.
    #[serde(skip)]
    from: Option<u64>,
    /// What it said at the last try.
    last_at: Option<u64>,
    /// When the last try was.
    last: Boot,
}

impl Attempts {
    /// Wrong tries in a row, by whichever of the two counted more.
    pub(crate) fn wrong(&self) -> u32 {
        let right_at = self.right_at.max(self.from);
        let by_vault = self.last_at.zip(right_at).map_or(0, |(last, right)| last.saturating_sub(right));
        self.wrong.max(u32::try_from(by_vault).unwrap_or(u32::MAX))
    }

    /// Whether the vault has counted tries between these two that the file has not: older files were put back.
    pub(crate) fn was_put_back(&self, before: &Self) -> bool {
        let known = before.last_at.max(before.right_at).max(before.from);
        self.last_at.zip(known).is_some_and(|(now, known)| now > known + 1)
    }

    /// Seconds until another may be tried.
    pub(crate) fn wait_s(&self, rule: &UnlockRule, now: Boot) -> u32 {
        let over = self.wrong().saturating_sub(rule.free_attempts.max(1));
        if self.wrong() < rule.free_attempts.max(1) || rule.backoff_s == 0 {
            return 0;
        }
        let wait_s = u64::from(rule.backoff_s).saturating_mul(1 << over.min(20)).min(LONGEST_WAIT_S);
        // Started anew: no more than that has passed since.
        let passed_ms = now.since(&self.last).unwrap_or(now.ms).max(0);
        let left_ms = (wait_s * 1000).saturating_sub(passed_ms.unsigned_abs());
        u32::try_from(left_ms.div_ceil(1000)).unwrap_or(u32::MAX)
    }
}

impl Device {
    pub(crate) fn attempts(&self) -> Result<Attempts, ClientError> {
        let kept: Attempts = self.state.get(doc::ATTEMPTS)?.map(|b| decode(&b)).transpose()?.unwrap_or_default();
        Ok(Attempts { from: self.ring().protection.tries_from(), ..kept })
    }

    /// Counts a try, durably, before it is made.
    pub(crate) fn count_try(&self) -> Result<Attempts, ClientError> {
        let mut a = self.attempts()?;
        a.wrong = a.wrong.saturating_add(1);
        a.last = self.env.boot();
        a.last_at = self.count_in_vault()?;
        self.put_attempts(a)?;
        Ok(a)
    }

    /// Counts one further in the vault; none where it has no counter.
    pub(crate) fn count_in_vault(&self) -> Result<Option<u64>, ClientError> {
        match self.vault.counter(COUNTER_LABEL.into()) {
            Ok(n) => Ok(Some(n)),
            Err(VaultError::Unsupported) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// The try was right: the count begins anew.
    pub(crate) fn forgive_tries(&self, a: Attempts) -> Result<(), ClientError> {
        self.put_attempts(Attempts { wrong: 0, right_at: a.last_at, ..a })
    }

    fn put_attempts(&self, a: Attempts) -> Result<(), ClientError> {
        Ok(self.state.put_all(&[(doc::ATTEMPTS, Some(&encode(&a)?))])?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_and_a_restart_begins_it_anew() {
        let rule = UnlockRule { free_attempts: 3, backoff_s: 30, ..UnlockRule::default() };
        let at = |ms| Boot { id: [1; 16], ms };
        let tried = |wrong| Attempts { wrong, last: at(1000), ..Attempts::default() };
        assert_eq!([0, 1, 2].map(|n| tried(n).wait_s(&rule, at(1000))), [0, 0, 0]);
        assert_eq!([3, 4, 5, 30].map(|n| tried(n).wait_s(&rule, at(1000))), [30, 60, 120, 3600]);
        assert_eq!(tried(3).wait_s(&rule, at(21_000)), 10);
        assert_eq!(tried(3).wait_s(&rule, at(31_000)), 0);
        assert_eq!(tried(3).wait_s(&rule, Boot { id: [2; 16], ms: 5000 }), 25);
        let by_vault = Attempts { right_at: Some(4), last_at: Some(9), last: at(0), ..Attempts::default() };
        assert_eq!(by_vault.wrong(), 5, "files put back do not forget");
    }
}
