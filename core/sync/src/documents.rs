//! Head, grant, set, manifests and catalogues: each is verified, and then says what to ask for next.

use crate::work::{Stage, Work};
use crate::{Do, Machine, SyncFault, Want, verify};
use beatcheck_model::Timestamp;
use beatcheck_wire::{Catalogue, CompartmentId, GrantBundle};

impl Machine {
    pub(crate) fn on_head(&mut self, bytes: Vec<u8>, hint: Option<u64>, now: Timestamp) -> Result<Vec<Do>, SyncFault> {
        self.land(|w| *w == Want::Head);
        let head = verify::head(&bytes, &self.held, &self.trust, now)?;
        self.link.tries = 0;
        self.outcome.ask_again_s = head.ask_again_s;
        self.head = Some((head, bytes));
        let known = self.grant.as_ref().map(|g| g.grant_version);
        if known.is_none() || hint.is_some_and(|h| Some(h) != known) {
            self.ask.push_back(Want::Grant);
        } else {
            self.after_grant();
        }
        Ok(vec![Do::Contact])
    }

    pub(crate) fn on_grant(&mut self, mut bundle: GrantBundle) -> Result<Vec<Do>, SyncFault> {
        self.land(|w| *w == Want::Grant);
        let (grant, policy) = verify::grant(&bundle, &self.held, &self.trust)?;
        // The bundle is not signed: only the keys that the grant names are kept.
        bundle.keys.retain(|k| verify::names(&grant, k));
        self.link.tries = 0;
        if grant.wipe {
            return Ok(vec![Do::Wipe]);
        }
        let keeps = |id: &CompartmentId| grant.compartments.iter().any(|c| c.id == *id);
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
