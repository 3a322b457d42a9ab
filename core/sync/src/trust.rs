//! Whom a device believes: the keys of its root, how one root leads to the next, and which orders to wipe count.

use crate::SyncFault;
use beatcheck_model::Timestamp;
use beatcheck_wire::envelope::{self, DocKind, OVERHEAD, VerifyKey};
use beatcheck_wire::{DeviceId, MAX_ROOT_STEPS, MAX_WIPE_KEYS, OrderId, Root, RootStep, WipeOrder, WireError};

/// The keys that documents must be signed with, from the verified root.
#[derive(Clone, Debug)]
pub struct Trust {
    /// Version of that root.
    pub root_version: u64,
    /// Its own key: signs the root that comes after it.
    pub root: VerifyKey,
    /// Heads, sets, manifests.
    pub publish: VerifyKey,
    /// Grants.
    pub grant: VerifyKey,
    /// Policy.
    pub policy: VerifyKey,
    /// Orders to wipe.
    pub wipe: Vec<VerifyKey>,
}

impl Trust {
    /// The keys of a root that was verified.
    #[must_use]
    pub fn of(root: &Root) -> Self {
        Self {
            root_version: root.root_version,
            root: root.root_key,
            publish: root.publish_key,
            grant: root.grant_key,
            policy: root.policy_key,
            wipe: root.wipe_keys.clone(),
        }
    }

    /// The root that a step leads to: exactly the next version, the same bytes signed by the root key that is trusted and
    /// by the one that it names. `None` for a step that was taken before.
    pub(crate) fn step(&self, step: &RootStep) -> Result<Option<Root>, SyncFault> {
        let payload = step.by_new.get(OVERHEAD..).ok_or(WireError::Truncated)?;
        // What it claims is believed only for finding the key that must have signed it.
        let (claimed, _) = postcard::take_from_bytes::<Root>(payload).map_err(|_| WireError::Malformed("root"))?;
        if claimed.root_version <= self.root_version {
            return Ok(None);
        }
        if claimed.root_version != self.root_version + 1 {
            return Err(SyncFault::RootGap { found: claimed.root_version, known: self.root_version });
        }
        let old = envelope::open_bytes(DocKind::Root, &step.by_old, &[self.root])?;
        let new = envelope::open_bytes(DocKind::Root, &step.by_new, &[claimed.root_key])?;
        if old != new {
            return Err(WireError::Malformed("root").into());
        }
        if claimed.wipe_keys.len() > MAX_WIPE_KEYS {
            return Err(WireError::OverLimit("number of wipe keys").into());
        }
        Ok(Some(claimed))
    }

    /// Whether so many steps are more than one sync follows.
    pub(crate) fn too_many(steps: &[RootStep]) -> Result<(), SyncFault> {
        match steps.len() > MAX_ROOT_STEPS {
            true => Err(WireError::OverLimit("number of root steps").into()),
            false => Ok(()),
        }
    }

    /// The order among `orders` that erases `device`, if there is one: signed by a wipe key and naming it; or naming all and
    /// signed, the very same bytes, by two different wipe keys. Neither expired; one to all not older than the enrolment
    /// (one that names the device cannot be: names are given then).
    pub(crate) fn order_to_wipe(
        &self,
        orders: &[Vec<u8>],
        device: DeviceId,
        enrolled: Timestamp,
        now: Timestamp,
    ) -> Option<OrderId> {
        let mut to_all: Vec<(&[u8], VerifyKey)> = Vec::new();
        for bytes in orders.iter().take(MAX_WIPE_KEYS) {
            let signed = self.wipe.iter().find_map(|key| {
                let payload = envelope::open_bytes(DocKind::WipeOrder, bytes, &[*key]).ok()?;
                Some((payload, *key))
            });
            let Some((payload, key)) = signed else { continue };
            let Ok((order, _)) = postcard::take_from_bytes::<WipeOrder>(payload) else { continue };
            if order.expires <= now {
                continue;
            }
            match order.device {
                Some(named) if named == device => return Some(order.order),
                Some(_) => {}
                None if order.issued < enrolled => {}
                None if to_all.iter().any(|(same, other)| *same == payload && *other != key) => {
                    return Some(order.order);
                }
                None => to_all.push((payload, key)),
            }
        }
        None
    }
}
