//! Head, grant, set, manifests and catalogues: each is verified, and then says what to ask for next.

use crate::work::{Stage, Work};
use crate::{Do, Machine, SyncFault, Trust, Want, verify};
use beatcheck_model::Timestamp;
use beatcheck_wire::{Catalogue, CompartmentId, GrantBundle, RootStep};
use std::collections::BTreeSet;

impl Machine {
    pub(crate) fn on_head(
        &mut self,
        bytes: Vec<u8>,
        hint: Option<u64>,
        roots: &[RootStep],
        now: Timestamp,
    ) -> Result<Vec<Do>, SyncFault> {
        self.land(|w| *w == Want::Head);
        Trust::too_many(roots)?;
        let mut out = Vec::new();
        for step in roots {
            match self.trust.step(step) {
                Ok(None) => {}
                Ok(Some(root)) => {
                    self.trust = Trust::of(&root);
                    out.push(Do::AdoptRoot(root.into()));
                }
                Err(fault) => return Ok(self.with_fault(out, fault)),
            }
        }
        // A root stands by its own signatures, whatever comes of the head.
        match self.take_head(bytes, hint, now) {
            Ok(()) => out.push(Do::Contact),
            Err(fault) => return Ok(self.with_fault(out, fault)),
        }
        Ok(out)
    }

    fn take_head(&mut self, bytes: Vec<u8>, hint: Option<u64>, now: Timestamp) -> Result<(), SyncFault> {
        let head = verify::head(&bytes, &self.held, &self.trust, now)?;
        self.link.tries = 0;
        self.outcome.ask_again_s = head.ask_again_s;
        self.head = Some((head, bytes));
        let known = self.grant.as_ref().map(|g| g.grant_version);
        // A wipe that was asked for without an order is asked about until there is one, or it is lifted.
        let held_back = self.grant.as_ref().is_some_and(|g| g.wipe);
        if known.is_none() || held_back || self.held.asks_again() || hint.is_some_and(|h| Some(h) != known) {
            self.ask.push_back(Want::Grant);
        } else {
            self.after_grant();
        }
        Ok(())
    }

    pub(crate) fn on_grant(&mut self, mut bundle: GrantBundle, now: Timestamp) -> Result<Vec<Do>, SyncFault> {
        self.land(|w| *w == Want::Grant);
        let (grant, policy) = verify::grant(&bundle, &self.held, &self.trust)?;
        // The bundle is not signed: only the keys that the grant names are kept.
        bundle.keys.retain(|k| verify::names(&grant, k));
        self.link.tries = 0;
        if grant.wipe {
            let orders = &bundle.wipe_orders;
            if let Some(order) = self.trust.order_to_wipe(orders, self.held.device, self.held.enrolled, now) {
                return Ok(vec![Do::Wipe(order)]);
            }
            bundle.keys.clear();
            return Ok(self.with_fault(vec![Do::Hold { bundle: bundle.into() }], SyncFault::WipeUnsigned));
        }
        let fresh = grant.purges.iter().filter(|p| !self.held.purged.contains(&p.order));
        let purged: BTreeSet<CompartmentId> = fresh.map(|p| p.compartment).collect();
        self.held.purged.extend(grant.purges.iter().map(|p| p.order));
        if !purged.is_empty() {
            // Whose dictionary is whose is not told: those that stay are kept again as they come.
            self.held.dictionaries.clear();
        }
        let keeps = |id: &CompartmentId| grant.compartments.iter().any(|c| c.id == *id) && !purged.contains(id);
        self.held.compartments.retain(|id, _| keeps(id));
        self.held.indexed.retain(keeps);
        // A sync that starts again may be given another grant: neither may go back behind this one.
        self.held.grant = Some(grant.clone());
        self.held.policy_version = policy.policy_version;
        self.held.policy_issued = policy.issued;
        self.grant = Some(grant.clone());
        Ok(vec![Do::AdoptGrant { grant: grant.into(), policy: policy.into(), bundle: bundle.into() }])
    }

    pub(crate) fn after_grant(&mut self) {
        let Some((head, _)) = &self.head else { return };
        if self.held.control_only {
            // What is granted waits for the officer: none of it is whole, so no set is committed.
            self.begun = true;
            self.outcome.deferred = self.grant.iter().flat_map(|g| &g.compartments).map(|c| c.id).collect();
            return;
        }
        let held = &self.held.compartments;
        let complete = self.grant.iter().flat_map(|g| &g.compartments).all(|c| held.contains_key(&c.id));
        let sound = held.values().all(|h| !h.suspect);
        if head.set_hash == self.held.set_hash && complete && sound {
            self.begun = true;
        } else {
            self.ask.push_back(Want::Set(head.set_hash));
        }
    }

    pub(crate) fn on_set(&mut self, bytes: &[u8]) -> Result<Vec<Do>, SyncFault> {
        self.land(|w| matches!(w, Want::Set(_)));
        let Some((head, _)) = &self.head else { return Ok(Vec::new()) };
        let set = verify::set(bytes, &head.set_hash, &self.trust)?;
        self.link.tries = 0;
        let granted: Vec<CompartmentId> = self.grant.iter().flat_map(|g| &g.compartments).map(|c| c.id).collect();
        for (id, hash) in set.manifests {
            let same = self.held.compartments.get(&id).is_some_and(|h| h.manifest_hash == hash && !h.suspect);
            if granted.contains(&id) && !same {
                self.wanted.insert(id, hash);
                self.ask.push_back(Want::Manifest(id, hash));
            }
        }
        Ok(self.begin())
    }

    pub(crate) fn on_manifest(&mut self, id: CompartmentId, bytes: &[u8]) -> Vec<Do> {
        self.land(|w| matches!(w, Want::Manifest(i, _) if *i == id));
        let Some(hash) = self.wanted.remove(&id) else { return Vec::new() };
        self.link.tries = 0;
        match verify::manifest(bytes, &id, &hash, &self.held, &self.trust) {
            Ok(m) => self.works.push(Work::new(m, hash)),
            Err(fault) => self.outcome.failed.push((id, fault)),
        }
        self.begin()
    }

    /// Plans all works, once every manifest is here: only then is it known which is the most urgent.
    fn begin(&mut self) -> Vec<Do> {
        if !self.wanted.is_empty() || self.begun {
            return Vec::new();
        }
        self.begun = true;
        let works = std::mem::take(&mut self.works);
        works.into_iter().flat_map(|w| self.plan(w)).collect()
    }

    pub(crate) fn on_catalogue(&mut self, id: CompartmentId, bytes: &[u8]) -> Vec<Do> {
        self.land(|w| matches!(w, Want::Catalogue(i, _) if *i == id));
        let Some(mut work) = self.take(&id, |s| matches!(s, Stage::Catalogue { asked: true })) else {
            return Vec::new();
        };
        self.link.tries = 0;
        match Catalogue::decode(bytes, &work.manifest) {
            Ok(catalogue) => work.catalogue = Some(catalogue),
            Err(fault) => {
                self.outcome.failed.push((id, fault.into()));
                return Vec::new();
            }
        }
        self.plan(work)
    }
}
