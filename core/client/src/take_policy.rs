//! A policy that comes by another way than a sync: as bytes that device management hands over.

use crate::ClientError;
use crate::account::Line;
use crate::device::{Device, doc};
use beatcheck_audit::EntryKind;
use beatcheck_wire::envelope::{self, DocKind};
use beatcheck_wire::policy::Policy;
use beatcheck_wire::{Hash32, WireError};
use serde::{Deserialize, Serialize};
use std::sync::PoisonError;

/// What became of a policy that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyTaken {
    /// Version in force now.
    pub policy_version: u64,
    /// Whether it is another than before; the same one again changes nothing.
    pub changed: bool,
}

impl Device {
    /// Puts a signed policy in force that came as bytes. It passes the checks of one that comes with a sync: signed by the
    /// policy key, a form that this build knows, a higher version than the one in force, and not signed before it. In force at
    /// once, for checks under way too.
    ///
    /// # Errors
    /// [`ClientError::PolicyRefused`]; the policy in force stays, and the refusal is on record.
    pub fn take_policy(&self, signed: &[u8]) -> Result<PolicyTaken, ClientError> {
        let _one = self.adopting.lock().unwrap_or_else(PoisonError::into_inner);
        let view = self.view();
        let known = view.policy.as_ref();
        let read = envelope::open_bytes(DocKind::Policy, signed, &[self.trusted().root.policy_key])
            .and_then(|payload| Policy::from_canonical(payload));
        let policy = match read {
            Ok(policy) => policy,
            Err(WireError::BadSignature(_)) => {
                return self.refuse(signed, "bad_signature", "it is not signed by your force's policy key");
            }
            Err(e) => return self.refuse(signed, "malformed", &e.to_string()),
        };
        if known == Some(&policy) {
            return Ok(PolicyTaken { policy_version: policy.policy_version, changed: false });
        }
        if known.is_some_and(|k| policy.policy_version <= k.policy_version || policy.issued < k.issued) {
            let version = known.map_or(0, |k| k.policy_version);
            let text = format!("version {} is not newer than {version}, which is in force", policy.policy_version);
            return self.refuse(signed, "replayed", &text);
        }
        self.state.put_all(&[(doc::POLICY, Some(signed))])?;
        self.reload()?;
        let version = policy.policy_version;
        self.account(&self.view(), self.now(), vec![Line::of(EntryKind::PolicyApplied { version })])?;
        self.tick()?;
        Ok(PolicyTaken { policy_version: version, changed: true })
    }

    fn refuse(&self, signed: &[u8], code: &'static str, text: &str) -> Result<PolicyTaken, ClientError> {
        // MDM hands over the same again and again: it is on record once.
        let hash = Hash32::of(signed);
        let last = self.refused_policy.lock().unwrap_or_else(PoisonError::into_inner).replace(hash);
        if last != Some(hash) {
            let kind = EntryKind::PolicyRefused { code: code.into(), from: "mdm".into() };
            self.account(&self.view(), self.now(), vec![Line::of(kind)])?;
        }
        Err(ClientError::PolicyRefused { code, text: text.into() })
    }

    /// Which version of the app this is, if not as it was at enrolment or as [`Env::with_app_version`](crate::Env::with_app_version)
    /// says: policy may want a newer one. Kept.
    ///
    /// # Errors
    /// What the store says.
    pub fn set_app_version(&self, version: &str) -> Result<(), ClientError> {
        self.state.put_all(&[(doc::APP_VERSION, Some(version.as_bytes()))])?;
        self.reload()
    }
}
