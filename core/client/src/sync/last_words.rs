//! What a wiped device still has to say: sealed entries, kept as ciphertext until the hub has them.

use super::runtime;
use crate::device::{Device, View, decode, doc, encode};
use crate::enrol::refusal;
use crate::home::Home;
use crate::transport::Transport;
use crate::vault::KeyVault;
use crate::{ClientError, Env, tls, wipe};
use beatcheck_wire::DeviceId;
use beatcheck_wire::journal::{
    DeviceReport, JournalBatch, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, MAX_RECEIPTS, Receipt, SealedEntry,
};
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// Layout version of the file.
const VERSION: u8 = 2;

/// Everything needed to deliver the rest of the account; none of it tells who was asked about.
#[derive(Serialize, Deserialize)]
pub(crate) struct LastWords {
    version: u8,
    device: DeviceId,
    hub: String,
    ca: Vec<u8>,
    certificates: Vec<Vec<u8>>,
    previous: [u8; 32],
    pub(crate) entries: Vec<SealedEntry>,
    policy_version: u64,
    grant_version: u64,
    /// Of the wipe itself, if it was ordered, and of what was obeyed before it.
    receipts: Vec<Receipt>,
    app_version: String,
    root_version: u64,
}

impl LastWords {
    pub(crate) fn collect(device: &Device, view: &View) -> Result<Self, ClientError> {
        let get = |name: &str| -> Result<Vec<u8>, ClientError> { device.state.get(name)?.ok_or(ClientError::Keyring) };
        Ok(Self {
            version: VERSION,
            device: device.device,
            hub: String::from_utf8(get(doc::HUB)?).map_err(|_| ClientError::Keyring)?,
            ca: get(doc::CA)?,
            certificates: decode(&get(doc::CERTIFICATES)?)?,
            previous: device.journal.previous_link()?.1,
            entries: device.journal.pending(usize::MAX, usize::MAX)?,
            policy_version: view.policy.as_ref().map_or(0, |p| p.policy_version),
            grant_version: view.grant.as_ref().map_or(0, |g| g.grant_version),
            receipts: device.journal.receipts(MAX_RECEIPTS)?,
            app_version: device.app_version()?,
            root_version: device.trusted().root.root_version,
        })
    }

    pub(crate) fn save(&self, home: &Home) -> Result<(), ClientError> {
        Ok(beatcheck_store::write_atomic(&home.last_words(), &encode(self)?)?)
    }
}

impl Device {
    /// Sends what a wiped device still has of its account, and forgets its identity once the hub has all of it.
    /// Returns the number of entries sent.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`] if there is nothing of a wiped device here; the hub's or the link's faults, after
    /// which it can be tried again.
    pub fn send_last_words(home: &Path, vault: Arc<dyn KeyVault>, env: Env) -> Result<u64, ClientError> {
        let home = Home::new(home);
        let bytes =
            std::fs::read(home.last_words()).map_err(|_| ClientError::NotEnrolled { home: home.path().into() })?;
        let mut words: LastWords = decode(&bytes)?;
        if home.wipe_intent().exists() {
            // It was killed when its last words were saved: what is left to be erased is erased first.
            wipe::destroy(&home, &*vault, &env)?;
        }
        if words.entries.is_empty() {
            // All of it is at the hub; the key that would sign for a connection may be gone.
            wipe::forget(&home, &*vault, &env)?;
            return Ok(0);
        }
        let ca = CertificateDer::from(words.ca.clone());
        let transport = Transport::new(&words.hub, tls::config(&ca, &words.certificates, &vault)?)?;
        let runtime = runtime()?;
        let mut sent = 0;
        while !words.entries.is_empty() {
            let mut bytes = 0;
            let fits = |e: &&SealedEntry| {
                bytes += e.sealed.len() + 64;
                bytes < MAX_BATCH_BYTES * 3 / 4
            };
            let now: Vec<SealedEntry> =
                words.entries.iter().take(MAX_BATCH_ENTRIES).take_while(fits).cloned().collect();
            let Some(last) = now.last().map(|e| (e.seq, e.hash)) else { break };
            let sent_now = now.len() as u64;
            let batch = JournalBatch {
                version: beatcheck_wire::journal::BATCH_VERSION,
                device: words.device,
                previous: words.previous,
                entries: now,
                held: Vec::new(),
                policy_version: words.policy_version,
                grant_version: words.grant_version,
                at: env.now(),
                wiped: true,
                receipts: words.receipts.clone(),
                report: DeviceReport {
                    app_version: words.app_version.clone(),
                    pending: words.entries.len() as u64 - sent_now,
                    root_version: words.root_version,
                    ..DeviceReport::default()
                },
            };
            let ack = runtime.block_on(super::journal::send(&transport, &*vault, &batch)).map_err(refusal)?;
            if ack.acked < last.0 {
                return Err(ClientError::Account("the hub did not take all entries: try again".into()));
            }
            sent += batch.entries.len() as u64;
            words.previous = last.1;
            words.entries.retain(|e| e.seq > last.0);
            words.save(&home)?;
        }
        env.step("wipe: acknowledged");
        wipe::forget(&home, &*vault, &env)?;
        Ok(sent)
    }
}
