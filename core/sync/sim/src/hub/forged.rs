//! What a hub never says: heads, roots and grants as somebody else would have them.

use super::{Hub, key};
use beatcheck_wire::envelope::{self, DocKind};
use beatcheck_wire::{Grant, GrantBundle, Head, Root, RootStep, WipeOrder};

impl Hub {
    /// The current head, its time over.
    pub(crate) fn expired_head(&self) -> Vec<u8> {
        let (head, _) = &self.heads[self.heads.len() - 1];
        self.publish.sign(DocKind::Head, &Head { expires: self.now(), ..head.clone() }).unwrap()
    }

    /// A root that would put the world's keys into other hands: signed by its own key, and not by the one that is trusted.
    pub(crate) fn forged_root(&self) -> RootStep {
        let stranger = key(9);
        let root = Root {
            root_version: 2,
            root_key: stranger.verify_key(),
            publish_key: stranger.verify_key(),
            grant_key: stranger.verify_key(),
            policy_key: stranger.verify_key(),
            audit_key: [0; 32],
            ca_sha256: [0; 32],
            issued: self.now(),
            wipe_keys: vec![stranger.verify_key()],
        };
        let signed = stranger.sign(DocKind::Root, &root).unwrap();
        RootStep { by_old: signed.clone(), by_new: signed }
    }

    /// The current grant asking for a wipe, signed by the grant key, with an order that no wipe key signed.
    pub(crate) fn unsigned_wipe(&self) -> GrantBundle {
        let (bundle, _) = &self.grants[self.grants.len() - 1];
        let grant: Grant = envelope::open(DocKind::Grant, &bundle.grant, &[self.grant.verify_key()]).unwrap();
        let now = self.now();
        let order =
            WipeOrder { order: self.device, device: Some(self.device), issued: now, expires: now.plus_secs(60) };
        GrantBundle {
            grant: self.grant.sign(DocKind::Grant, &Grant { wipe: true, ..grant }).unwrap(),
            wipe_orders: vec![self.grant.sign(DocKind::WipeOrder, &order).unwrap()],
            ..bundle.clone()
        }
    }

    /// A head with a higher version, not signed by the hub.
    pub(crate) fn forged_head(&self) -> Vec<u8> {
        let (head, _) = &self.heads[self.heads.len() - 1];
        key(9).sign(DocKind::Head, &Head { head_version: u64::MAX, ..head.clone() }).unwrap()
    }
}
