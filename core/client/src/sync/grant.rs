//! Putting a grant in force: withdrawals first, keys, policy, certificate.

use super::Run;
use crate::account::Line;
use crate::device::{View, decode, doc, encode};
use crate::enrol::refusal;
use crate::keyring::CompartmentKeys;
use crate::{ClientError, tls};
use beatcheck_audit::EntryKind;
use beatcheck_sync::{Event, SyncFault};
use beatcheck_wire::enrol::{EnrolResponse, RenewRequest};
use beatcheck_wire::policy::Policy;
use beatcheck_wire::{CompartmentId, Grant, GrantBundle};
use hyper::Method;
use std::collections::BTreeSet;
use std::sync::PoisonError;

impl Run<'_> {
    /// Puts a verified grant in force. A compartment that it no longer names is unreadable when this returns: it is
    /// off the shelf, its keys are out of the keyring, and the old vault key is destroyed.
    pub(super) fn adopt(&mut self, grant: &Grant, policy: &Policy, bundle: &GrantBundle) -> Result<Event, ClientError> {
        let device = self.device;
        let _one = device.adopting.lock().unwrap_or_else(PoisonError::into_inner);
        let before = device.view();
        if let Some(newer) = before.policy.as_ref().filter(|p| p.policy_version > policy.policy_version) {
            // Handed over while this one was on its way.
            let (found, known) = (policy.policy_version, newer.policy_version);
            return Ok(Event::Broken(SyncFault::Replayed { what: "policy", found, known }));
        }
        self.purge(grant, policy)?;
        let before = device.view();
        let mut ring = device.ring();
        // What is still noted as held counts too: after a crash the keys may be gone, and the receipt not yet written.
        let files = ring.files();
        let known = files.iter().map(|(id, _)| *id).chain(before.held.keys().copied());
        let gone: BTreeSet<CompartmentId> =
            known.filter(|id| !grant.compartments.iter().any(|c| c.id == *id)).collect();
        let names: Vec<String> = gone.iter().map(|id| device.name(id)).collect();
        for id in &gone {
            device.shelf.take(id);
        }
        device.env.step("grant: shelf");
        let gone_files = files.iter().filter(|(id, _)| gone.contains(id)).filter_map(|(_, file)| *file);
        let files: Vec<_> = gone_files.map(|f| device.home.record_file(&f)).collect();
        ring.retain(|id| !gone.contains(id));
        // While it is locked new keys cannot be kept: the grant is asked for again once it is not.
        let open = ring.is_open();
        for c in grant.compartments.iter().filter(|_| open) {
            let epochs: Vec<(u32, [u8; 32])> =
                bundle.keys.iter().filter(|k| k.compartment == c.id).map(|k| (k.epoch, k.key)).collect();
            match ring.keys.compartment_mut(&c.id) {
                Some(keys) => keys.epochs = epochs,
                None => {
                    ring.keys.compartments.push(CompartmentKeys { id: c.id, file: None, file_key: [0; 32], epochs });
                }
            }
        }
        if gone.is_empty() {
            ring.save(&device.home, &*device.vault, &device.env)?;
        } else {
            ring.rotate(&device.home, &*device.vault, &device.env)?;
            device.env.step("grant: keys");
            // Staged frames of other compartments can be fetched again; which are whose is not known by name.
            self.staging.clear()?;
        }
        drop(ring);
        device.env.step("grant: staged");
        for file in files {
            beatcheck_store::shred_file(&file)?;
            device.env.step("grant: file");
        }
        let receipts = gone.iter().zip(&names).map(|(id, name)| {
            let kind = EntryKind::CompartmentWithdrawn { compartment: id.to_string(), name: name.clone() };
            Line::of(kind)
        });
        let receipts: Vec<Line> = receipts.collect();
        if !receipts.is_empty() {
            // Before the grant is kept: once it is, nothing would ask for them again. Twice does no harm, never does.
            let view = View { grant: Some(grant.clone()), policy: Some(policy.clone()), ..(*before).clone() };
            device.account(&view, device.now(), receipts)?;
        }
        device.env.step("grant: receipts");
        // All that is kept beside the rows goes with them; the ciphertext of dictionary and index has no key any more.
        let beside = [doc::HELD, doc::DICTIONARY, doc::INDEX, doc::INTEGRITY];
        let held: Vec<String> =
            gone.iter().flat_map(|id| beside.iter().map(move |prefix| format!("{prefix}{id}"))).collect();
        device.arriving(|all| all.retain(|id, _| !gone.contains(id)));
        let owed = encode(&true)?;
        let mut documents: Vec<(&str, Option<&[u8]>)> =
            vec![(doc::GRANT, Some(&bundle.grant)), (doc::POLICY, Some(&bundle.policy))];
        documents.push((doc::GRANT_OWED, (!open).then_some(owed.as_slice())));
        documents.extend(held.iter().map(|name| (name.as_str(), None)));
        device.state.put_all(&documents)?;
        device.reload()?;
        device.env.step("grant: kept");
        let version = policy.policy_version;
        if before.policy.as_ref().is_none_or(|p| p.policy_version != version) {
            let line = Line::of(EntryKind::PolicyApplied { version });
            device.account(&device.view(), device.now(), vec![line])?;
        }
        self.report.withdrawn.extend(names);
        Ok(Event::GrantAdopted)
    }

    /// Asks for a new certificate when two thirds of the old one's life are over. A failure is no fault of the sync:
    /// the old one holds, and the next sync asks again.
    pub(super) async fn renew_certificate(&self) {
        if let Err(e) = self.try_renew().await {
            tracing::warn!(code = e.code(), "the certificate could not be renewed yet");
        }
    }

    async fn try_renew(&self) -> Result<(), ClientError> {
        let device = self.device;
        let due: Option<beatcheck_model::Timestamp> =
            device.state.get(doc::RENEW_AFTER)?.map(|b| decode(&b)).transpose()?;
        if due.is_none_or(|d| device.now() < d) {
            return Ok(());
        }
        let body = encode(&RenewRequest { csr: tls::certificate_request(&device.vault)? })?;
        let answer = self.asking.transport.call(Method::POST, "/v1/renew", body).await.map_err(refusal)?;
        let response: EnrolResponse = decode(&answer)?;
        device.state.put_all(&[
            (doc::CERTIFICATES, Some(&encode(&response.certificates)?)),
            (doc::RENEW_AFTER, Some(&encode(&response.renew_after)?)),
        ])?;
        Ok(())
    }
}
