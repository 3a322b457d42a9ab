//! Taking in a signed step: checked as a device checks it, then all that devices need is signed anew, at once.

use super::draft::{RootChange, RootKey, named, sign_root};
use crate::orders::who;
use crate::policy::{ALL, Ladder, keep, read_signed_policy, refuse_unusable};
use crate::{Hub, HubError, SIGNED_AHEAD_S, orders, publish};
use beatcheck_wire::envelope::{DocKind, OVERHEAD, SigningKey, open_bytes};
use beatcheck_wire::policy::Policy;
use beatcheck_wire::{MAX_WIPE_KEYS, Root, RootStep, WireError};
use rusqlite::{Connection, TransactionBehavior, params};
use std::collections::BTreeSet;

impl Hub {
    /// Drafts, signs and pushes the next root in one go, where the root key lies in the hub's directory. Returns its version.
    ///
    /// # Errors
    /// [`HubError::Key`] if the root key is kept elsewhere; otherwise as [`Hub::root_draft`] and [`Hub::root_push`].
    pub fn root_rotate(&self, keys: &BTreeSet<RootKey>, by: &str) -> Result<u64, HubError> {
        who(by)?;
        let old = self.keys()?;
        old.root()?;
        let draft = self.root_draft(&RootChange { make: keys.clone(), ..RootChange::default() })?;
        let waiting = self.waiting_key("root.key")?;
        let step = sign_root(&draft, old.root()?, waiting.as_ref().map_or_else(|| old.root(), Ok)?)?;
        self.root_push(&step, None, by)
    }

    /// Takes in a signed step to the next root. Devices follow it with their next sync.
    ///
    /// What is current is signed anew with new publishing and policy keys, and so are open orders to wipe with new wipe
    /// keys. Where the new policy key is kept elsewhere, `policy` is a signed policy to begin with: it goes to all.
    /// With a new root key, enrolment codes that were not used are void: they name the old one.
    ///
    /// # Errors
    /// [`HubError::Refused`] if the step is not the next one or not signed as devices want it, names keys that this hub
    /// needs and does not have, or changes what a step cannot change (audit key, certificate authority).
    pub fn root_push(&self, step: &[u8], policy: Option<&[u8]>, by: &str) -> Result<u64, HubError> {
        let by = who(by)?;
        let _publishing = self.lock("publish.lock")?;
        let _lock = self.lock("root.lock")?;
        self.finish_rotation()?;
        let (old, now) = (self.trust()?, self.now());
        let (step, root) = self.next_root(step, &old)?;
        let mut conn = self.conn()?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute(
            "INSERT INTO root_document (version, signed, by_old, pushed_by) VALUES (?1, ?2, ?3, ?4)",
            params![root.root_version, step.by_new, step.by_old, by],
        )?;
        let publishing = self.needed(RootKey::Publish, &root)?;
        self.needed(RootKey::Grant, &root)?;
        if root.publish_key != old.publish_key {
            publish::sign_again(&tx, &publishing, now)?;
        }
        if root.policy_key != old.policy_key {
            self.policies_again(&tx, &root, policy, by)?;
        } else if policy.is_some() {
            return Err(refused("the policy key stays as it is: push the policy by itself"));
        }
        if root.wipe_keys != old.wipe_keys {
            self.wipes_again(&tx, &root)?;
        }
        if root.root_key != old.root_key {
            tx.execute("DELETE FROM enrol_code WHERE device IS NULL", [])?;
        }
        tx.commit()?;
        drop(conn);
        self.finish_rotation()?;
        self.clear_draft()?;
        self.refresh_grants()?;
        tracing::warn!(version = root.root_version, "a new root is in force");
        Ok(root.root_version)
    }

    /// The step and what it names, checked as a device checks it.
    fn next_root(&self, step: &[u8], old: &Root) -> Result<(RootStep, Root), HubError> {
        let step: RootStep =
            postcard::from_bytes(step).map_err(|_| refused("this is no step to a root: `hub root sign` makes one"))?;
        let payload = open_bytes(DocKind::Root, &step.by_old, &[old.root_key])
            .map_err(|_| refused("the root key in force did not sign it"))?;
        let root: Root = postcard::from_bytes(payload).map_err(|_| WireError::Malformed("root"))?;
        let again = open_bytes(DocKind::Root, &step.by_new, &[root.root_key])
            .map_err(|_| refused("the root key that it names did not sign it"))?;
        if payload != again {
            return Err(refused("the two signatures are of different roots"));
        }
        if root.root_version != old.root_version + 1 {
            let (is, next) = (root.root_version, old.root_version + 1);
            return Err(refused(&format!("it is version {is}, and {next} comes next: draft it anew")));
        }
        if (root.audit_key, root.ca_sha256) != (old.audit_key, old.ca_sha256) {
            return Err(refused("a step changes neither the audit key nor the certificate authority"));
        }
        if root.issued < old.issued || root.issued > self.now().plus_secs(SIGNED_AHEAD_S) {
            return Err(refused("it was drafted before the one in force, or in the future: draft it anew"));
        }
        let wipe: BTreeSet<[u8; 32]> = root.wipe_keys.iter().map(|k| k.0).collect();
        if wipe.len() < 2 || root.wipe_keys.len() > MAX_WIPE_KEYS {
            return Err(refused(&format!("it must name 2 to {MAX_WIPE_KEYS} different wipe keys")));
        }
        Ok((step, root))
    }

    /// The key of this kind that the new root names: the one that waits, or the one in place.
    fn held(&self, key: RootKey, at: usize, root: &Root) -> Result<Option<SigningKey>, HubError> {
        let (Some(file), Some(public)) = (key.files().get(at), named(root, key).get(at).copied()) else {
            return Ok(None);
        };
        let path = self.dir().join("keys").join(file);
        let placed = if path.exists() { Some(crate::read_signing_key(&path)?) } else { None };
        Ok(self.waiting_key(file)?.into_iter().chain(placed).find(|k| k.verify_key() == public))
    }

    /// The same of a key without which the hub cannot serve.
    fn needed(&self, key: RootKey, root: &Root) -> Result<SigningKey, HubError> {
        self.held(key, 0, root)?.ok_or_else(|| {
            refused(&format!("it names a {} key that this hub does not have: draft it anew here", key.as_str()))
        })
    }

    /// Signs the policy in force and its stages with the new policy key, or takes the one that was signed elsewhere.
    fn policies_again(&self, tx: &Connection, root: &Root, policy: Option<&[u8]>, by: &str) -> Result<(), HubError> {
        match (self.held(RootKey::Policy, 0, root)?, policy) {
            (_, Some(signed)) => {
                let payload = open_bytes(DocKind::Policy, signed, &[root.policy_key])
                    .map_err(|_| refused("the policy is not signed by the new policy key"))?;
                let policy = Policy::from_canonical(payload)?;
                refuse_unusable(&policy)?;
                self.refuse_older(tx, &policy)?;
                keep(tx, &policy, signed, ALL, by, self.now())
            }
            (Some(key), None) => {
                let in_force = Ladder::read(tx)?.in_force().policy.policy_version;
                let mut stmt = tx.prepare("SELECT version, signed FROM policy WHERE version >= ?1")?;
                let all: Vec<(u64, Vec<u8>)> =
                    stmt.query_map([in_force], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_, _>>()?;
                for (version, signed) in all {
                    let payload = signed.get(OVERHEAD..).ok_or(WireError::Truncated)?;
                    read_signed_policy(&signed)?;
                    let again = key.sign_bytes(DocKind::Policy, payload);
                    tx.execute("UPDATE policy SET signed = ?2 WHERE version = ?1", params![version, again])?;
                }
                Ok(())
            }
            (None, None) => Err(refused(
                "the new policy key is kept elsewhere: sign a policy with it there (`hub policy sign`), and push the two \
                 together (`--policy FILE`)",
            )),
        }
    }

    fn wipes_again(&self, tx: &Connection, root: &Root) -> Result<(), HubError> {
        let keys = (self.held(RootKey::Wipe, 0, root)?, self.held(RootKey::Wipe, 1, root)?);
        if let (Some(a), Some(b)) = &keys {
            let signed = orders::sign_again(tx, [a, b], self.now())?;
            tracing::info!(signed, "open orders to wipe were signed anew");
            return Ok(());
        }
        let open: u64 = tx.query_row(
            "SELECT COUNT(*) FROM device_order WHERE kind <> 'purge' AND obeyed IS NULL AND cancelled IS NULL AND expires > ?1",
            [self.now().0],
            |r| r.get(0),
        )?;
        if open == 0 {
            return Ok(());
        }
        Err(refused(&format!(
            "{open} orders to wipe are open, signed by the old wipe keys, and the new ones are kept elsewhere: wait until \
             they are obeyed or cancel them, then push, and order anew"
        )))
    }
}

fn refused(why: &str) -> HubError {
    HubError::Refused(format!("the root was not changed: {why}"))
}
