//! Shifts: from when to when an officer works with what the device holds.
//!
//! Where policy wants it, the hub gives a key for the shift, and compartments' keys are sealed under it too. When the shift
//! ends the key is forgotten, with a new vault key as at a withdrawal: until the hub gives it again, what is stored is
//! ciphertext to everyone, the officer's PIN included.

use crate::ClientError;
use crate::account::Line;
use crate::device::{Device, View, decode, doc, encode};
use crate::keyring::ShiftKept;
use crate::sync::Link;
use beatcheck_audit::EntryKind;
use beatcheck_model::Timestamp;
use beatcheck_wire::enrol::{LoginNonce, ShiftRequest, ShiftStarted};
use beatcheck_wire::policy::AtEnd;
use serde::{Deserialize, Serialize};

/// A shift that is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    /// Its name, random.
    pub shift: String,
    /// When it ends by itself.
    pub ends: Timestamp,
}

impl Device {
    /// The shift that is on, if any.
    #[must_use]
    pub fn shift(&self) -> Option<Shift> {
        self.ring().shift.as_ref().map(|s| Shift { shift: s.shift.to_string(), ends: s.ends })
    }

    /// A nonce for logging in at the force's identity provider: the ID token for [`Device::shift_start`] must bear it.
    ///
    /// # Errors
    /// The link's fault or the hub's refusal.
    pub fn login_nonce(&self) -> Result<String, ClientError> {
        let link = Link::new(self)?;
        let nonce: LoginNonce = decode(&link.ask(&mut self.halting.listen(), "/v1/nonce", Vec::new())?)?;
        Ok(nonce.nonce)
    }

    /// Starts a shift at the hub. The officer must be let in; `id_token` is needed where policy wants the identity provider's
    /// word (`session.identity_at_start`). Records are opened when this returns.
    ///
    /// # Errors
    /// [`ClientError::Locked`]; the link's fault or the hub's refusal.
    pub fn shift_start(&self, id_token: Option<&str>) -> Result<Shift, ClientError> {
        if self.is_wiped() {
            return Err(ClientError::Wiped);
        }
        if !self.ring().is_let_in() {
            return Err(ClientError::Locked);
        }
        let link = Link::new(self)?;
        let body = encode(&ShiftRequest { id_token: id_token.unwrap_or_default().into() })?;
        let answer = link.ask(&mut self.halting.listen(), "/v1/shift", body)?;
        let started: ShiftStarted = decode(&answer)?;
        let wants_key = self.view().policy.as_ref().is_some_and(|p| p.session.shift_key);
        {
            let mut ring = self.ring();
            let records = ring.records_key().cloned().ok_or(ClientError::Locked)?;
            ring.shift = Some(ShiftKept { shift: started.shift, key: started.key, ends: started.ends });
            // Opens what a shift before has sealed; then it is sealed as policy wants it now.
            ring.let_in(records)?;
            ring.seal_in_shift(wants_key);
            ring.rotate(&self.home, &*self.vault, &self.env)?;
        }
        let kind = EntryKind::ShiftStarted { shift: started.shift.to_string(), ends: started.ends };
        self.account(&self.view(), self.now(), vec![Line::of(kind)])?;
        self.open_records()?;
        Ok(Shift { shift: started.shift.to_string(), ends: started.ends })
    }

    /// Ends the shift: its key is forgotten for good, and records are erased where policy says so (`session.at_end`). Needs no
    /// hub. `why`: `officer`, `time`, `order`. Without a shift, nothing happens.
    ///
    /// # Errors
    /// What vault or store say; the shift is then still on, and it can be tried again.
    pub fn shift_end(&self, why: &str) -> Result<(), ClientError> {
        let Some(shift) = self.shift() else { return Ok(()) };
        let view = self.view();
        let erased = view.policy.as_ref().is_some_and(|p| p.session.at_end == AtEnd::Erase);
        self.close_records();
        let files: Vec<_> = {
            let mut ring = self.ring();
            let files = ring.files();
            // Sealed under it first, or forgetting the key would forget nothing: policy may have asked for it since.
            let wants_key = view.policy.as_ref().is_some_and(|p| p.session.shift_key);
            let on = wants_key || ring.is_in_shift();
            ring.seal_in_shift(on);
            if erased {
                ring.retain(|_| false);
            } else {
                ring.save(&self.home, &*self.vault, &self.env)?;
            }
            let kept = ring.shift.take();
            if ring.is_in_shift() {
                ring.close_compartments();
            }
            if let Err(e) = ring.rotate(&self.home, &*self.vault, &self.env) {
                // It is still on: the next call ends it.
                ring.shift = kept;
                return Err(e);
            }
            files
        };
        if erased {
            for file in files.iter().filter_map(|(_, file)| *file) {
                beatcheck_store::shred_file(&self.home.record_file(&file))?;
            }
            self.forget_held()?;
        }
        let kind = EntryKind::ShiftEnded { shift: shift.shift, why: why.into(), erased };
        self.account(&view, self.now(), vec![Line::of(kind)])?;
        self.lock("shift_end")?;
        if self.is_unlocked() {
            self.open_records()?;
        }
        Ok(())
    }

    /// What is noted of compartments goes: the next sync fetches all of them anew.
    fn forget_held(&self) -> Result<(), ClientError> {
        let mut names: Vec<String> = vec![doc::SET_HASH.into()];
        for prefix in [doc::HELD, doc::DICTIONARY, doc::INDEX, doc::INTEGRITY] {
            names.extend(self.state.keys_with_prefix(prefix)?.into_iter().map(|(name, _)| name));
        }
        let owed = encode(&true)?;
        let mut documents: Vec<(&str, Option<&[u8]>)> = names.iter().map(|n| (n.as_str(), None)).collect();
        // Its keys are gone, too.
        documents.push((doc::GRANT_OWED, Some(&owed)));
        self.state.put_all(&documents)?;
        self.arriving(|all| all.clear());
        self.reload()
    }

    /// Ends a shift whose time is over, or that policy wants no more than it says.
    pub(crate) fn tick_shift(&self, view: &View) -> Result<(), ClientError> {
        let Some(ends) = self.ring().shift.as_ref().map(|s| s.ends) else { return Ok(()) };
        if self.now() >= ends {
            return self.shift_end("time");
        }
        if view.grant.as_ref().is_some_and(|g| g.suspended) {
            return self.shift_end("order");
        }
        Ok(())
    }
}
