//! Locked and unlocked: what the officer must do before records can be read, and when that ends.
//!
//! A locked device is not switched off. It hands in its account, takes policy, withdraws, purges and wipes: whoever finds it
//! cannot keep it from hearing that. It answers nothing, and says so on record.

use crate::ClientError;
use crate::account::Line;
use crate::device::{Device, View, decode, doc};
use crate::keyring::PinTry;
use crate::vault::VaultError;
use beatcheck_audit::EntryKind;
use beatcheck_model::AnswerError;
use beatcheck_policy::ClockState;
use beatcheck_wire::policy::UnlockRule;
use std::sync::PoisonError;
use zeroize::Zeroizing;

/// Label of the vault's counter of openings: a number that is missing in the account means that entries are.
const OPENINGS_LABEL: &str = "openings";

/// Kind of the vault that protects nothing.
const DESK: &str = "desk";

/// How the officer unlocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlock<'a> {
    /// By PIN.
    Pin(&'a str),
    /// By the vault's biometric check, where that was allowed and set up.
    Biometric,
    /// With nothing: where no PIN is set.
    Nothing,
}

impl Device {
    /// The rules of unlocking in force.
    pub(crate) fn unlock_rule(&self, view: &View) -> UnlockRule {
        view.policy.as_ref().map(|p| p.unlock.clone()).unwrap_or_default()
    }

    /// Whether records can be read: the officer was let in, and a shift is on where records are sealed under one.
    #[must_use]
    pub fn is_unlocked(&self) -> bool {
        self.ring().is_open()
    }

    /// Lets the officer in.
    ///
    /// # Errors
    /// [`ClientError::Pin`] for a wrong PIN, [`ClientError::PinWait`] where too many were tried, [`ClientError::Wiped`] where
    /// policy erases the device after so many, [`ClientError::BiometricForbidden`], [`ClientError::Vault`] where the vault refuses.
    pub fn unlock(&self, by: Unlock<'_>) -> Result<(), ClientError> {
        if self.is_wiped() {
            return Err(ClientError::Wiped);
        }
        let view = self.view();
        let records = match by {
            Unlock::Pin(pin) => self.by_pin(&view, pin)?,
            Unlock::Biometric if !self.unlock_rule(&view).biometric_allowed => {
                return Err(ClientError::BiometricForbidden);
            }
            Unlock::Biometric => {
                let protection = self.ring().protection.clone();
                protection.by_presence(&*self.vault)?
            }
            Unlock::Nothing => self.ring().protection.unprotected().ok_or(ClientError::Pin)?,
        };
        let word = match by {
            Unlock::Pin(_) => "pin",
            Unlock::Biometric => "biometric",
            Unlock::Nothing => "none",
        };
        self.ring().let_in(records)?;
        self.let_in(word).inspect_err(|_| {
            // What is not on record did not happen.
            self.ring().lock();
            self.close_records();
        })
    }

    /// What follows once the records key is here: files opened, and on record.
    pub(crate) fn let_in(&self, by: &str) -> Result<(), ClientError> {
        let counter = match self.vault.counter(OPENINGS_LABEL.into()) {
            Ok(n) => Some(n),
            Err(VaultError::Unsupported) => None,
            Err(e) => return Err(e.into()),
        };
        self.used_now();
        self.account(&self.view(), self.now(), vec![Line::of(EntryKind::Unlocked { by: by.into(), counter })])?;
        self.open_records()
    }

    fn by_pin(&self, view: &View, pin: &str) -> Result<Zeroizing<[u8; 32]>, ClientError> {
        let rule = self.unlock_rule(view);
        // One try at a time: tries beside each other must not share one count.
        let _one = self.trying.lock().unwrap_or_else(PoisonError::into_inner);
        let protection = self.ring().protection.clone();
        if !protection.has_pin() {
            return Err(ClientError::Pin);
        }
        let seconds = self.attempts()?.wait_s(&rule, self.env.boot());
        if seconds > 0 {
            return Err(ClientError::PinWait { seconds });
        }
        let before = self.attempts()?;
        let tried = self.count_try()?;
        if tried.was_put_back(&before) {
            // The vault knows of tries that the file does not: the wait is what it would be with them.
            let seconds = tried.wait_s(&rule, self.env.boot()).max(1);
            return Err(ClientError::PinWait { seconds });
        }
        match protection.try_pin(&*self.vault, pin)? {
            PinTry::Right(records) => {
                self.forgive_tries(tried)?;
                Ok(records)
            }
            PinTry::Wrong => {
                let attempts = tried.wrong();
                self.account(view, self.now(), vec![Line::of(EntryKind::PinRefused { attempts })])?;
                if rule.wipe_after_attempts.is_some_and(|most| attempts >= most.max(1)) {
                    self.wipe("attempts")?;
                    return Err(ClientError::Wiped);
                }
                Err(ClientError::Pin)
            }
        }
    }

    /// Locks: keys of records are forgotten, their files closed. `why` stands in the account: `officer`, `idle`, `shift_end`,
    /// `policy`, `clock`. Where no PIN is set there is nothing to lock.
    ///
    /// # Errors
    /// [`ClientError::Account`] if it could not be put on record; it is locked all the same.
    pub fn lock(&self, why: &str) -> Result<(), ClientError> {
        {
            let mut ring = self.ring();
            if !ring.protection.has_pin() || !ring.is_let_in() {
                return Ok(());
            }
            ring.lock();
        }
        self.close_records();
        self.account(&self.view(), self.now(), vec![Line::of(EntryKind::Locked { why: why.into() })])?;
        Ok(())
    }

    /// Takes all files of records off the shelf.
    pub(crate) fn close_records(&self) {
        for id in self.shelf.ids().into_iter().chain(self.shelf.indexed()) {
            self.shelf.take(&id);
        }
    }

    /// Looks whether it is time to lock: idle for too long, a shift that is over, a clock that stands behind. For the app's timer,
    /// every minute or so; every check and a watch do the same. Whether records can be read afterwards.
    ///
    /// # Errors
    /// As [`Device::lock`].
    pub fn tick(&self) -> Result<bool, ClientError> {
        if self.is_wiped() {
            return Ok(false);
        }
        let view = self.view();
        let rule = self.unlock_rule(&view);
        if self.is_idle(&rule) {
            self.lock("idle")?;
        }
        let clock = view.policy.as_ref().map(|p| self.time.state(&p.clock));
        if matches!(clock, Some(ClockState::Behind { .. })) {
            self.lock("clock")?;
        }
        self.tick_shift(&view)?;
        if !rule.biometric_allowed && self.ring().protection.has_presence() {
            self.forget_presence()?;
        }
        Ok(self.is_unlocked())
    }

    fn is_idle(&self, rule: &UnlockRule) -> bool {
        let limit_ms = i64::from(rule.idle_lock_minutes) * 60_000;
        let last = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.env.boot();
        limit_ms > 0 && now.since(&last).is_none_or(|ms| ms >= limit_ms)
    }

    /// The officer does something.
    pub(crate) fn used_now(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = self.env.boot();
    }

    /// Why nothing can be answered now, whatever is asked: an answer says it, and it is on record.
    pub(crate) fn barred(&self, view: &View) -> Option<AnswerError> {
        let say = |code: &str, text: &str| Some(AnswerError { code: code.into(), text: text.into() });
        let rule = self.unlock_rule(view);
        let ring = self.ring();
        if !ring.is_let_in() {
            return say("locked", "locked: unlock and check again");
        }
        if view.policy.as_ref().is_some_and(|p| !p.limits.allow_desk_vault) && self.vault.kind() == DESK {
            return say("vault_not_allowed", "your force's policy does not allow keys in plain files: use a phone");
        }
        if rule.pin_required && !ring.protection.has_pin() {
            return say("pin_needed", "your force's policy wants a PIN: set one, then check again");
        }
        if ring.protection.has_pin() && ring.protection.pin_chars() < rule.pin_min_length {
            return say(
                "pin_needed",
                "your PIN is shorter than your force's policy wants: change it, then check again",
            );
        }
        let shifts = view.policy.as_ref().is_some_and(|p| p.has_shifts());
        if (shifts && ring.shift.is_none()) || !ring.is_open() {
            return say("shift_needed", "no shift is on: start one, with the hub in reach, then check again");
        }
        None
    }

    /// Sets a PIN, or another one. The officer must be let in; `old` is asked for where one is set.
    ///
    /// # Errors
    /// [`ClientError::Pin`] for a wrong old one, [`ClientError::PinShort`] for one that policy finds too short, and as
    /// [`Device::unlock`].
    pub fn set_pin(&self, old: Option<&str>, new: &str) -> Result<(), ClientError> {
        let view = self.view();
        let had = self.ring().protection.has_pin();
        let records = match (had, old) {
            (true, Some(old)) => self.by_pin(&view, old)?,
            (true, None) => return Err(ClientError::Pin),
            (false, _) => self.ring().records_key().cloned().ok_or(ClientError::Locked)?,
        };
        let least = if view.policy.is_some() { self.unlock_rule(&view).pin_min_length } else { 1 };
        if (new.chars().count() as u64) < u64::from(least.max(1)) || new.len() > crate::keyring::MAX_PIN {
            return Err(ClientError::PinShort { least });
        }
        let tries_from = self.count_in_vault()?;
        let superseded = {
            let mut ring = self.ring();
            let kept = ring.protection.clone();
            let set = ring.protection.set_pin(&*self.vault, &self.env, &records, new, tries_from);
            // Under a new vault key: the records key lay bare in the blob before.
            match set.and_then(|old| ring.rotate(&self.home, &*self.vault, &self.env).map(|()| old)) {
                Ok(superseded) => superseded,
                Err(e) => {
                    // The one that is written stays in force, and its vault key with it.
                    ring.protection = kept;
                    return Err(e);
                }
            }
        };
        if let Some(label) = superseded {
            self.vault.destroy(label)?;
        }
        let change = if had { "pin_changed" } else { "pin_set" };
        self.account(&view, self.now(), vec![Line::of(EntryKind::UnlockChanged { change: change.into() })])?;
        Ok(())
    }

    /// Lets the vault's biometric check stand for the PIN, or no longer.
    ///
    /// # Errors
    /// [`ClientError::BiometricForbidden`] by policy, [`ClientError::Vault`] where the vault has no such thing,
    /// [`ClientError::Locked`] if the officer is not let in, [`ClientError::Pin`] if no PIN is set.
    pub fn set_biometric(&self, on: bool) -> Result<(), ClientError> {
        if !on {
            return self.forget_presence();
        }
        let view = self.view();
        if !self.unlock_rule(&view).biometric_allowed {
            return Err(ClientError::BiometricForbidden);
        }
        {
            let mut ring = self.ring();
            if !ring.protection.has_pin() {
                return Err(ClientError::Pin);
            }
            let records = ring.records_key().cloned().ok_or(ClientError::Locked)?;
            ring.protection.set_presence(&*self.vault, &records)?;
            ring.save(&self.home, &*self.vault, &self.env)?;
        }
        let kind = EntryKind::UnlockChanged { change: "biometric_on".into() };
        self.account(&view, self.now(), vec![Line::of(kind)])?;
        Ok(())
    }

    fn forget_presence(&self) -> Result<(), ClientError> {
        {
            let mut ring = self.ring();
            if !ring.protection.has_presence() {
                return Ok(());
            }
            ring.protection.drop_presence(&*self.vault)?;
            ring.save(&self.home, &*self.vault, &self.env)?;
        }
        let kind = EntryKind::UnlockChanged { change: "biometric_off".into() };
        self.account(&self.view(), self.now(), vec![Line::of(kind)])?;
        Ok(())
    }

    /// Whether a grant came while it was locked, whose keys could not be kept: it is asked for again.
    pub(crate) fn grant_owed(&self) -> Result<bool, ClientError> {
        Ok(self.state.get(doc::GRANT_OWED)?.map(|b| decode(&b)).transpose()?.unwrap_or(false))
    }
}
