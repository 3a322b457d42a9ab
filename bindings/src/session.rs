//! Locked and unlocked, and shifts.

use crate::{ApiError, Device};
use beatcheck_client as client;
use beatcheck_model::Timestamp;
use client::{Shift, UnlockStatus};

#[uniffi::remote(Record)]
pub struct Shift {
    pub shift: String,
    pub ends: Timestamp,
}

#[uniffi::remote(Record)]
pub struct UnlockStatus {
    pub unlocked: bool,
    pub barred: Option<String>,
    pub pin_set: bool,
    pub pin_mixed: bool,
    pub biometric: bool,
    pub biometric_allowed: bool,
    pub wrong_pins: u32,
    pub wait_s: u32,
    pub idle_lock_minutes: u32,
    pub shift: Option<Shift>,
}

#[uniffi::export]
impl Device {
    /// Lets the officer in by PIN. Slow on purpose (a memory-hard function): not for the main thread.
    ///
    /// # Errors
    /// [`ApiError::Locked`]: code `pin` for a wrong one, `pin_wait` where the next has to wait; [`ApiError::NotEnrolled`] with
    /// code `wiped` where policy erases the device after so many.
    pub fn unlock_with_pin(&self, pin: String) -> Result<(), ApiError> {
        let pin = zeroize::Zeroizing::new(pin);
        Ok(self.using()?.unlock(client::Unlock::Pin(&pin))?)
    }

    /// Lets the officer in by the platform's biometric check, which the vault asks for.
    ///
    /// # Errors
    /// [`ApiError::Locked`] with code `biometric_forbidden` where policy does not allow it, otherwise [`ApiError`]; where the vault's key is gone because fingers or faces were changed, unlock by PIN and set it up again.
    pub fn unlock_with_biometric(&self) -> Result<(), ApiError> {
        Ok(self.using()?.unlock(client::Unlock::Biometric)?)
    }

    /// Locks: keys of records are forgotten. For the app going to the background. Syncs go on and bring policy, withdrawals and
    /// wipes, but no records.
    ///
    /// # Errors
    /// [`ApiError`]; it is locked all the same.
    pub fn lock(&self) -> Result<(), ApiError> {
        Ok(self.using()?.lock("officer")?)
    }

    /// Looks whether it is time to lock (idle for too long, a shift that is over): for a timer, once a minute. Whether records
    /// can be read afterwards.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn tick(&self) -> Result<bool, ApiError> {
        Ok(self.using()?.tick()?)
    }

    /// Sets a PIN, or another one; `old` where one is set.
    ///
    /// # Errors
    /// [`ApiError::Locked`]: code `pin` for a wrong old one, `pin_short` for one that policy finds too short.
    pub fn set_pin(&self, old: Option<String>, new: String) -> Result<(), ApiError> {
        let (old, new) = (old.map(zeroize::Zeroizing::new), zeroize::Zeroizing::new(new));
        Ok(self.using()?.set_pin(old.as_ref().map(|p| p.as_str()), &new)?)
    }

    /// Lets the biometric check stand for the PIN, or no longer.
    ///
    /// # Errors
    /// [`ApiError`] where vault or policy have no such thing, or no PIN is set.
    pub fn set_biometric(&self, on: bool) -> Result<(), ApiError> {
        Ok(self.using()?.set_biometric(on)?)
    }

    /// A nonce for logging in at the force's identity provider before a shift. Asks the hub.
    ///
    /// # Errors
    /// [`ApiError::Hub`].
    pub fn login_nonce(&self) -> Result<String, ApiError> {
        Ok(self.using()?.login_nonce()?)
    }

    /// Starts a shift at the hub, with an ID token where policy wants one.
    ///
    /// # Errors
    /// [`ApiError::Hub`], [`ApiError::Locked`].
    pub fn shift_start(&self, id_token: Option<String>) -> Result<Shift, ApiError> {
        Ok(self.using()?.shift_start(id_token.as_deref())?)
    }

    /// Ends the shift; needs no hub. Where policy says so, records are erased, or are ciphertext until the next one.
    ///
    /// # Errors
    /// [`ApiError`]; it can be tried again.
    pub fn shift_end(&self) -> Result<(), ApiError> {
        Ok(self.using()?.shift_end("officer")?)
    }
}

/// The nonce for logging in at the force's identity provider before an enrolment with this code: the ID token must bear it. Only where
/// the hub asks for one. Asks nobody.
///
/// # Errors
/// [`ApiError::Invalid`] with code `enrol_code` for one that does not read.
#[uniffi::export]
pub fn enrolment_nonce(code: String) -> Result<String, ApiError> {
    Ok(client::Device::enrolment_nonce(&code)?)
}
