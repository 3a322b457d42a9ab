//! The root of trust on a device: the one in force, and those that it replaced.
//!
//! A document is verified with the keys in force when it comes. One that lies in the state file already was verified then,
//! and the state file is authenticated by its own key: so what a replaced root's keys signed stays readable there, until a
//! newer document takes its place. Nothing that *comes* is ever verified with them.

use crate::account::Line;
use crate::device::{Device, decode, doc, encode};
use crate::{ClientError, escrow};
use beatcheck_audit::EntryKind;
use beatcheck_store::State;
use beatcheck_wire::envelope::VerifyKey;
use beatcheck_wire::{MAX_ROOT_STEPS, Root};
use std::sync::{Arc, PoisonError};

/// Whom this device trusts.
pub(crate) struct Trusted {
    pub root: Root,
    /// Roots before it, oldest first; at most [`MAX_ROOT_STEPS`].
    former: Vec<Root>,
}

impl Trusted {
    /// As the state file says.
    pub(crate) fn read(state: &State) -> Result<Self, ClientError> {
        // Verified against the enrolment code, or step by step, when it came.
        let root = decode(&state.get(doc::ROOT)?.ok_or(ClientError::Keyring)?)?;
        let former = state.get(doc::FORMER_ROOTS)?.map(|b| decode(&b)).transpose()?.unwrap_or_default();
        Ok(Self { root, former })
    }

    /// The keys with which what is *stored* may be signed: the one in force first.
    pub(crate) fn stored(&self, key: fn(&Root) -> VerifyKey) -> Vec<VerifyKey> {
        std::iter::once(&self.root).chain(self.former.iter().rev()).map(key).collect()
    }
}

impl Device {
    /// Whom this device trusts now.
    pub(crate) fn trusted(&self) -> Arc<Trusted> {
        Arc::clone(&self.trusted.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Trusts a verified root from now on.
    pub(crate) fn adopt_root(&self, root: Root) -> Result<(), ClientError> {
        let old = self.trusted();
        let mut former = old.former.clone();
        former.push(old.root.clone());
        former.drain(..former.len().saturating_sub(MAX_ROOT_STEPS));
        let version = root.root_version;
        self.state.put_all(&[(doc::ROOT, Some(&encode(&root)?)), (doc::FORMER_ROOTS, Some(&encode(&former)?))])?;
        *self.trusted.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Trusted { root, former });
        // Killed before this, the next opening sees that the escrow is for another key.
        let journal = zeroize::Zeroizing::new(self.ring().keys.journal);
        escrow::keep(&self.home, self.device, &journal, &self.trusted().root.audit_key)?;
        let line = Line::of(EntryKind::RootAdopted { version });
        self.account(&self.view(), self.now(), vec![line])?;
        Ok(())
    }
}
