//! The sync loop: does what the state machine of `beatcheck-sync` says, with real sockets and files.
//!
//! No lock of a check is held over any of it: a compartment's new state is built beside or in a transaction, and
//! swapped in (rule 10).

mod apply;
mod fetch;
mod grant;
mod journal;
pub(crate) mod last_words;
mod relay;
mod report;

pub use report::{CompartmentChange, Failure, SyncProgress, SyncReport};

use crate::account::Line;
use crate::device::{Device, decode, doc, encode};
use crate::env::Stopwatch;
use crate::transport::Transport;
use crate::{ClientError, tls};
use beatcheck_audit::EntryKind;
use beatcheck_store::{Staging, StoreError};
use beatcheck_sync::{Do, Event, Held, HeldCompartment, Machine, SyncFault, Trust};
use beatcheck_wire::{CompartmentId, Hash32};
use rustls::pki_types::CertificateDer;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;

/// Events that wait for the machine, at most: a fast link waits for a slow disk.
const QUEUE: usize = 64;
/// Frames of the largest segment.
const MAX_FRAMES: u16 = (beatcheck_wire::segment::MAX_SEGMENT / beatcheck_wire::segment::FRAME) as u16;

/// A runtime for one sync: two threads, gone when the sync is.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, ClientError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(ClientError::io("starting the network"))
}

/// What one sync works with.
struct Run<'a> {
    device: &'a Device,
    transport: Arc<Transport>,
    relay: Option<Arc<relay::Relay>>,
    staging: Arc<Staging>,
    progress: &'a dyn Fn(SyncProgress),
    report: SyncReport,
    planned: u64,
    fetched: u64,
    events: mpsc::Sender<Event>,
}

impl Device {
    /// Fetches what changed, applies and verifies it, sends the account. Blocks until done; checks go on meanwhile.
    ///
    /// What could be brought forward is in force even if the report names failures; a report with `complete` says that
    /// all that is published for this device is held.
    ///
    /// # Errors
    /// [`ClientError::SyncRunning`], and errors of the vault or store that leave nothing to be reported. What the
    /// link or the hub did wrong is in the report's `fault`.
    pub fn sync(&self, progress: &dyn Fn(SyncProgress)) -> Result<SyncReport, ClientError> {
        if self.is_wiped() {
            return Err(ClientError::Wiped);
        }
        let watch = Stopwatch::start();
        progress(SyncProgress::Connecting);
        let staging_key = crate::keyring::key(&self.ring().keys.staging);
        let staging = Arc::new(Staging::open(&self.home.staging(), &staging_key).map_err(|e| match e {
            StoreError::Io { .. } => ClientError::SyncRunning,
            other => other.into(),
        })?);
        self.sweep_records();
        let transport = Arc::new(self.transport()?);
        let relay = self.relay_link();
        let runtime = runtime()?;
        let (events, inbox) = mpsc::channel(QUEUE);
        let mut run = Run {
            device: self,
            transport: Arc::clone(&transport),
            relay: relay.clone(),
            staging: Arc::clone(&staging),
            progress,
            report: SyncReport::default(),
            planned: 0,
            fetched: 0,
            events,
        };
        let machine = Machine::new(self.held()?, self.trust());
        let wiped = runtime.block_on(run.drive(machine, inbox))?;
        let mut report = run.report;
        if wiped {
            drop(run.staging);
            drop(staging);
            report.journal_pending = self.wipe("order")?.journal_pending;
        } else {
            report.journal_pending = self.journal.stats()?.pending;
        }
        report.bytes_down = transport.meter.down.load(Ordering::Relaxed);
        report.bytes_up = transport.meter.up.load(Ordering::Relaxed);
        report.requests = transport.meter.requests.load(Ordering::Relaxed) as u32;
        if let Some(relay) = relay {
            let meter = relay.meter();
            report.relay_bytes = meter.down.load(Ordering::Relaxed);
            report.bytes_down += report.relay_bytes;
            report.bytes_up += meter.up.load(Ordering::Relaxed);
            report.requests += meter.requests.load(Ordering::Relaxed) as u32;
        }
        report.took_ms = watch.micros() / 1000;
        report.complete = report.fault.is_none() && report.failed.is_empty() && !wiped;
        report.wiped = wiped;
        Ok(report)
    }

    /// A way to the hub with this device's certificate.
    fn transport(&self) -> Result<Transport, ClientError> {
        self.way_to(doc::HUB)
    }

    /// A way to whoever's address stands in this document, with this device's certificate.
    fn way_to(&self, address: &str) -> Result<Transport, ClientError> {
        let get = |name: &str| -> Result<Vec<u8>, ClientError> { self.state.get(name)?.ok_or(ClientError::Keyring) };
        let hub = String::from_utf8(get(address)?).map_err(|_| ClientError::Keyring)?;
        let ca = CertificateDer::from(get(doc::CA)?);
        let certificates: Vec<Vec<u8>> = decode(&get(doc::CERTIFICATES)?)?;
        Transport::new(&hub, tls::config(&ca, &certificates, &self.vault)?)
    }

    fn trust(&self) -> Trust {
        Trust { publish: self.root.publish_key, grant: self.root.grant_key, policy: self.root.policy_key }
    }

    fn held(&self) -> Result<Held, ClientError> {
        let view = self.view();
        let get = |name: &str| self.state.get(name);
        let mut held = Held {
            device: self.device,
            head_version: get(doc::HEAD_VERSION)?.map(|b| decode(&b)).transpose()?.unwrap_or(0),
            head_hash: get(doc::HEAD)?.map(|b| Hash32::of(&b)),
            set_hash: get(doc::SET_HASH)?.map(|b| decode(&b)).transpose()?.unwrap_or_default(),
            policy_version: view.policy.as_ref().map_or(0, |p| p.policy_version),
            grant: view.grant.clone(),
            ..Held::default()
        };
        for id in self.shelf.ids() {
            let Some(open) = self.shelf.get(&id) else { continue };
            let checkpoint = open.checkpoint()?;
            let hash = view.held.get(&id).filter(|m| m.manifest_version == checkpoint.manifest_version);
            held.compartments.insert(
                id,
                HeldCompartment {
                    manifest_version: checkpoint.manifest_version,
                    manifest_hash: hash.map_or_else(Hash32::default, |m| m.manifest_hash),
                    watermark: checkpoint.watermark,
                    digest: checkpoint.digest,
                },
            );
        }
        Ok(held)
    }

    /// Removes record files that no key opens: generations whose building was cut short.
    fn sweep_records(&self) {
        let known: Vec<_> = {
            let ring = self.ring();
            ring.keys.compartments.iter().filter_map(|c| c.file).map(|f| self.home.record_file(&f)).collect()
        };
        let Ok(entries) = std::fs::read_dir(self.home.records()) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            let text = path.to_string_lossy();
            if !known.iter().any(|k| text.starts_with(&*k.to_string_lossy())) {
                let _ = std::fs::remove_file(&path);
            }
        }
    }
}

impl Run<'_> {
    /// Runs the machine to its end; says whether the device was ordered to be erased.
    async fn drive(&mut self, mut machine: Machine, mut inbox: mpsc::Receiver<Event>) -> Result<bool, ClientError> {
        let mut todo: VecDeque<Do> = machine.start().into();
        loop {
            while let Some(next) = todo.pop_front() {
                let event = match next {
                    Do::Done(outcome) => {
                        self.end(outcome)?;
                        return Ok(false);
                    }
                    Do::Wipe => return Ok(true),
                    Do::SendJournal => Some(self.send_journal().await),
                    Do::Fetch(want) => {
                        self.spawn_fetch(want);
                        None
                    }
                    Do::Wait { ms } => {
                        (self.progress)(SyncProgress::Waiting { ms });
                        let events = self.events.clone();
                        tokio::spawn(async move {
                            tokio::time::sleep(Duration::from_millis(ms)).await;
                            // The loop holds the receiver until it ends; then nobody waits for this.
                            let _ = events.send(Event::Woke).await;
                        });
                        None
                    }
                    other => self.local(other)?,
                };
                if let Some(event) = event {
                    todo.extend(machine.on(event, self.device.now()));
                }
            }
            let Some(event) = inbox.recv().await else { return Ok(false) };
            if let Event::Frame { bytes, .. } = &event {
                self.fetched += bytes.len() as u64;
                (self.progress)(SyncProgress::Fetched { bytes: self.fetched, of: self.planned.max(self.fetched) });
            }
            todo.extend(machine.on(event, self.device.now()));
        }
    }

    /// What needs no network. Store work may block: the fetches go on in the runtime's other thread.
    fn local(&mut self, what: Do) -> Result<Option<Event>, ClientError> {
        Ok(match what {
            Do::Contact => {
                let now = self.device.now();
                self.device
                    .state
                    .put_all(&[(doc::CONTACT, Some(&encode(&now)?)), (doc::CLOCK, Some(&encode(&now)?))])?;
                self.device.reload()?;
                None
            }
            Do::AdoptGrant { grant, policy, bundle } => {
                Some(tokio::task::block_in_place(|| self.adopt(&grant, &policy, &bundle))?)
            }
            Do::Inspect(segments) => Some(self.inspect(&segments)?),
            Do::Stage { segment, index, bytes } => match self.staging.put_frame(&segment, index, &bytes) {
                Ok(()) => None,
                Err(e) => Some(Event::Broken(store_fault(&e))),
            },
            Do::DropSegment(hash) => {
                self.relay.iter().for_each(|r| r.distrust(hash));
                self.staging.drop_segment(&hash, MAX_FRAMES)?;
                None
            }
            Do::Apply { manifest, manifest_hash, route } => {
                Some(tokio::task::block_in_place(|| self.apply(&manifest, manifest_hash, &route)))
            }
            Do::Commit { head_version, head, set_hash } => {
                let set = set_hash.map(|h| encode(&h)).transpose()?;
                let version = encode(&head_version)?;
                let mut documents = vec![(doc::HEAD_VERSION, Some(version.as_slice())), (doc::HEAD, Some(&head))];
                if let Some(set) = &set {
                    documents.push((doc::SET_HASH, Some(set)));
                }
                self.device.state.put_all(&documents)?;
                self.device.reload()?;
                tokio::task::block_in_place(|| self.after_changes())?;
                None
            }
            Do::Done(_) | Do::Wipe | Do::SendJournal | Do::Fetch(_) | Do::Wait { .. } => None,
        })
    }

    fn inspect(&mut self, segments: &[(Hash32, u16)]) -> Result<Event, ClientError> {
        let mut staged = Vec::with_capacity(segments.len());
        for (hash, frames) in segments {
            staged.push((*hash, self.staging.frames(hash, *frames)?));
        }
        let missing: u64 = staged.iter().flat_map(|(_, f)| f).filter(|there| !**there).count() as u64;
        self.planned = self.fetched + missing * beatcheck_wire::segment::FRAME as u64;
        Ok(Event::Staged(staged))
    }

    /// Late hits, and the account of what is held now: after the trust state moved.
    fn after_changes(&mut self) -> Result<(), ClientError> {
        if self.report.compartments.is_empty() && self.report.withdrawn.is_empty() {
            return Ok(());
        }
        let view = self.device.view();
        let now = self.device.now();
        let loaded = self.device.shelf.ids();
        let mut consulted = Vec::new();
        for kind in beatcheck_model::RecordKind::ALL {
            consulted.extend(crate::check::consulted(&crate::cover::of(&view, None, &loaded, &[kind], now)));
        }
        consulted.iter_mut().for_each(|c| c.state = "held".into());
        self.device.account(&view, now, vec![Line { kind: EntryKind::Synced { consulted }, told: None }])?;
        for hit in self.device.watch_late_hits(&view, now)? {
            (self.progress)(SyncProgress::LateHit(hit.clone()));
            self.report.late_hits.push(hit);
        }
        Ok(())
    }

    fn end(&mut self, outcome: beatcheck_sync::Outcome) -> Result<(), ClientError> {
        let failed: Vec<Failure> = outcome.failed.iter().map(|(id, f)| self.failure(Some(*id), f)).collect();
        self.report.failed.extend(failed);
        self.report.fault = outcome.fault.as_ref().map(|f| self.failure(None, f));
        self.report.ask_again_s = outcome.ask_again_s;
        if self.report.fault.is_some() && !self.report.compartments.is_empty() {
            // What was applied before the link broke is in force: it may change what officers were told.
            self.device.reload()?;
            tokio::task::block_in_place(|| self.after_changes())?;
        }
        Ok(())
    }

    fn failure(&self, id: Option<CompartmentId>, fault: &SyncFault) -> Failure {
        Failure { compartment: id.map(|id| self.name(&id)), code: fault.code().into(), text: fault.to_string() }
    }

    /// The name by which policy knows a compartment.
    fn name(&self, id: &CompartmentId) -> String {
        let view = self.device.view();
        let granted = view.grant.iter().flat_map(|g| &g.compartments).find(|c| c.id == *id);
        granted.map_or_else(|| id.to_string(), |c| c.name.clone())
    }
}

/// A store error as a sync's fault.
fn store_fault(e: &StoreError) -> SyncFault {
    match e {
        StoreError::Full => SyncFault::NoSpace,
        other => SyncFault::Store(other.to_string()),
    }
}
