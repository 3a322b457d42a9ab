//! What a wiped device still has to say: sealed entries, kept as ciphertext until the hub has them.

use super::runtime;
use crate::device::{Device, decode, doc, encode};
use crate::enrol::refusal;
use crate::home::Home;
use crate::transport::Transport;
use crate::vault::KeyVault;
use crate::{ClientError, Env, tls, wipe};
use beatcheck_wire::DeviceId;
use beatcheck_wire::journal::{DeviceReport, JournalBatch, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, SealedEntry};
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// Layout version of the file.
const VERSION: u8 = 1;

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
}

impl LastWords {
    pub(crate) fn collect(device: &Device) -> Result<Self, ClientError> {
        let get = |name: &str| -> Result<Vec<u8>, ClientError> { device.state.get(name)?.ok_or(ClientError::Keyring) };
        let view = device.view();
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
                receipts: Vec::new(),
                report: DeviceReport::default(),
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
        wipe::forget(&home, &*vault)?;
        Ok(sent)
    }
}
