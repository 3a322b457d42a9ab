//! The journal on its way up: oldest first, in batches, until nothing waits.

use super::Run;
use crate::ClientError;
use crate::device::{Device, View, encode};
use crate::keyring::RECEIPT_LABEL;
use crate::transport::{LinkFault, Transport};
use beatcheck_sync::Event;
use beatcheck_wire::journal::{
    DeviceReport, Held, JournalAck, JournalBatch, JournalUpload, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, MAX_RECEIPTS,
    SealedEntry,
};
use hyper::Method;

/// Bytes of entries in one batch: leaves room for the rest of it.
const BATCH_BYTES: usize = MAX_BATCH_BYTES * 3 / 4;
/// Batches in one go, at most; what remains waits for the next sync.
const MAX_BATCHES: usize = 4096;

impl Run<'_> {
    /// Sends what waits, and says what is held. A failure is no fault of the sync: the entries stay.
    pub(super) async fn send_journal(&mut self) -> Event {
        match self.try_send().await {
            Ok(()) => {
                self.account_taken = true;
                self.hand_in_kept().await;
                self.renew_certificate().await;
            }
            Err(e) => tracing::info!(code = e.code(), "the journal waits for a better time"),
        }
        Event::JournalDone
    }

    /// Sends what waits now. Entries made meanwhile wait for the next go: an officer who keeps checking must not keep
    /// the sync from going on.
    async fn try_send(&mut self) -> Result<(), ClientError> {
        let until = self.device.journal.stats()?.last_seq;
        for _ in 0..MAX_BATCHES {
            let (previous, entries) = {
                let (_, link) = self.device.journal.previous_link()?;
                (link, self.device.journal.pending(MAX_BATCH_ENTRIES, BATCH_BYTES)?)
            };
            if entries.is_empty() {
                return Ok(());
            }
            let sent = entries.len() as u64;
            let batch = self.device.batch(previous, entries)?;
            let ack = upload(&self.asking.transport, self.device, &batch).await?;
            self.device.journal.ack(ack.acked)?;
            self.device.journal.receipts_told(&batch.receipts)?;
            self.report.journal_sent += sent;
            if ack.acked >= until {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Device {
    fn batch(&self, previous: [u8; 32], entries: Vec<SealedEntry>) -> Result<JournalBatch, ClientError> {
        let view = self.view();
        let stats = self.journal.stats()?;
        let pending = stats.last_seq.saturating_sub(entries.last().map_or(stats.last_seq, |e| e.seq));
        let mut held = Vec::new();
        for id in self.shelf.ids() {
            let Some(open) = self.shelf.get(&id) else { continue };
            let c = open.checkpoint()?;
            held.push(Held {
                compartment: id,
                manifest_version: c.manifest_version,
                watermark: c.watermark,
                digest: c.digest,
            });
        }
        Ok(JournalBatch {
            version: beatcheck_wire::journal::BATCH_VERSION,
            device: self.device,
            previous,
            entries,
            held,
            policy_version: view.policy.as_ref().map_or(0, |p| p.policy_version),
            grant_version: view.grant.as_ref().map_or(0, |g| g.grant_version),
            at: self.now(),
            wiped: false,
            receipts: self.journal.receipts(MAX_RECEIPTS)?,
            report: self.describe(&view, pending)?,
        })
    }
}

impl Device {
    /// What this device says of itself.
    fn describe(&self, view: &View, pending: u64) -> Result<DeviceReport, ClientError> {
        let low = self.journal.stats()?.reserve_low;
        let held_back = view.grant.as_ref().is_some_and(|g| g.wipe);
        let problems = [
            ("journal_low", low),
            ("rolled_back", self.is_rolled_back()),
            ("diverged", !view.suspect.is_empty()),
            ("wipe_unsigned", held_back),
        ];
        Ok(DeviceReport {
            app_version: self.app_version()?,
            pending,
            root_version: self.trusted().root.root_version,
            counter: self.counter(),
            unlocked: true,
            problems: problems.into_iter().filter(|(_, is)| *is).map(|(code, _)| code.to_owned()).collect(),
        })
    }
}

async fn upload(transport: &Transport, device: &Device, batch: &JournalBatch) -> Result<JournalAck, ClientError> {
    send(transport, &*device.vault, batch).await.map_err(crate::enrol::refusal)
}

/// Signs a batch and sends it.
pub(super) async fn send(
    transport: &Transport,
    vault: &dyn crate::KeyVault,
    batch: &JournalBatch,
) -> Result<JournalAck, LinkFault> {
    let broken = |e: String| LinkFault::Broken(e);
    let bytes = encode(batch).map_err(|e| broken(e.to_string()))?;
    let signature = vault.sign(RECEIPT_LABEL.into(), bytes.clone()).map_err(|e| broken(e.to_string()))?;
    let upload = encode(&JournalUpload { batch: bytes, signature }).map_err(|e| broken(e.to_string()))?;
    let answer = transport.call(Method::POST, "/v1/journal", upload).await?;
    postcard::from_bytes(&answer).map_err(|_| broken("the acknowledgement does not decode".into()))
}
