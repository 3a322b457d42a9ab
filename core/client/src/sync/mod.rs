//! The sync loop: does what the state machine of `beatcheck-sync` says, with real sockets and files.
//!
//! No lock of a check is held over any of it: a compartment's new state is built beside or in a transaction, and
//! swapped in (rule 10).

mod apply;
mod arriving;
mod fetch;
mod grant;
mod journal;
mod kept;
pub(crate) mod last_words;
mod link;
mod options;
mod relay;
mod repair;
mod report;
mod watch;

pub(crate) use arriving::OnItsWay;
pub(crate) use link::runtime;
pub use options::{Network, PushAdvice, SyncOptions};
pub use report::{CompartmentChange, Failure, Mended, SyncProgress, SyncReport};

use crate::account::Line;
use crate::device::{Device, decode, doc, encode};
use crate::env::Stopwatch;
use crate::transport::Transport;
use crate::{ClientError, keyring};
use arriving::Arrivals;
use beatcheck_audit::EntryKind;
use beatcheck_store::{Staging, StoreError};
use beatcheck_sync::{Do, Event, Held, HeldCompartment, Machine, SyncFault, Trust};
use beatcheck_wire::catch_up::{self, CatchUpRequest, HeldAt, MAX_ANSWER_BYTES, MAX_HOLD_S};
use beatcheck_wire::{CompartmentId, Hash32};
use fetch::Asking;
use link::Link;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::Duration;
use tokio::sync::mpsc;

/// Events that wait for the machine, at most: a fast link waits for a slow disk.
const QUEUE: usize = 64;
/// Frames of the largest segment.
const MAX_FRAMES: u16 = (beatcheck_wire::segment::MAX_SEGMENT / beatcheck_wire::segment::FRAME) as u16;

/// What reaches the loop, from requests and from work beside it.
enum Note {
    /// For the machine.
    Event(Event),
    /// For who watches.
    Progress(SyncProgress),
    /// A compartment has a newer state.
    Changed(Box<CompartmentChange>),
    /// A compartment was mended.
    Mended(Mended),
}

/// What works beside the loop, in threads of its own: one compartment's apply keeps neither the link nor another waiting.
#[derive(Clone)]
struct Worker<'a> {
    device: &'a Device,
    staging: Arc<Staging>,
    transport: Arc<Transport>,
    handle: tokio::runtime::Handle,
    notes: mpsc::Sender<Note>,
}

impl Worker<'_> {
    /// Tells the loop; from a thread of a worker's own only.
    fn tell(&self, note: Note) {
        // The loop drains what runs before it ends.
        let _ = self.notes.blocking_send(note);
    }
}

/// What one sync works with.
struct Run<'a> {
    device: &'a Device,
    asking: Arc<Asking>,
    staging: Arc<Staging>,
    progress: &'a dyn Fn(SyncProgress),
    report: SyncReport,
    planned: u64,
    arrivals: Arrivals,
    notes: mpsc::Sender<Note>,
    worker: Worker<'a>,
    /// Work beside the loop that has not reported its end.
    running: usize,
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
        self.sync_with(&SyncOptions::default(), progress)
    }

    /// As [`Device::sync`], over a network of which the app knows the kind, and with patience.
    ///
    /// # Errors
    /// As [`Device::sync`].
    pub fn sync_with(&self, options: &SyncOptions, progress: &dyn Fn(SyncProgress)) -> Result<SyncReport, ClientError> {
        if self.is_wiped() {
            return Err(ClientError::Wiped);
        }
        self.sync_over(&Link::new(self)?, options, progress)
    }

    fn sync_over(
        &self,
        link: &Link,
        options: &SyncOptions,
        progress: &dyn Fn(SyncProgress),
    ) -> Result<SyncReport, ClientError> {
        if self.is_wiped() {
            return Err(ClientError::Wiped);
        }
        let watch = Stopwatch::start();
        let patience = self.patience_s()?;
        if patience > 0 {
            let fault = SyncFault::Busy { s: patience };
            let fault = Some(Failure { compartment: None, code: fault.code().into(), text: fault.to_string() });
            let journal_pending = self.journal.stats()?.pending;
            return Ok(SyncReport { fault, ask_again_s: patience, journal_pending, ..SyncReport::default() });
        }
        progress(SyncProgress::Connecting);
        let staging_key = keyring::key(&self.ring().keys.staging);
        let staging = Arc::new(Staging::open(&self.home.staging(), &staging_key).map_err(|e| match e {
            StoreError::Io { .. } => ClientError::SyncRunning,
            other => other.into(),
        })?);
        self.sweep_records();
        let transport = Arc::clone(&link.transport);
        let before = transport.meter.now();
        let (held, relay) = (self.held()?, self.relay_link());
        let asking = Arc::new(Asking {
            transport: Arc::clone(&transport),
            question: question(&held, options),
            head: self.state.get(doc::HEAD)?,
            arrived: Mutex::default(),
            relay: relay.clone(),
            partial: Mutex::default(),
        });
        let (notes, inbox) = mpsc::channel(QUEUE);
        let handle = link.runtime.handle().clone();
        let worker = Worker {
            device: self,
            staging: Arc::clone(&staging),
            transport: Arc::clone(&transport),
            handle,
            notes: notes.clone(),
        };
        let mut run = Run {
            device: self,
            asking,
            staging: Arc::clone(&staging),
            progress,
            report: SyncReport::default(),
            planned: 0,
            arrivals: Arrivals::new(),
            notes,
            worker,
            running: 0,
        };
        let machine = Machine::new(held, self.trust(), self.limits(options.network)?);
        let driven = std::thread::scope(|scope| link.runtime.block_on(run.drive(machine, inbox, scope)));
        run.arrivals.end(self)?;
        let wiped = driven?;
        let Run { mut report, staging: held_open, worker, .. } = run;
        if wiped {
            drop((held_open, worker, staging));
            report.journal_pending = self.wipe("order")?.journal_pending;
        } else {
            report.journal_pending = self.journal.stats()?.pending;
        }
        let spent = transport.meter.now().since(&before);
        (report.bytes_down, report.bytes_up, report.requests) = (spent.down, spent.up, spent.requests);
        if let Some(near) = relay.map(|r| r.meter().now()) {
            report.relay_bytes = near.down;
            report.bytes_down += near.down;
            report.bytes_up += near.up;
            report.requests += near.requests;
        }
        report.took_ms = watch.micros() / 1000;
        report.complete = report.fault.is_none() && report.failed.is_empty() && report.deferred.is_empty() && !wiped;
        report.wiped = wiped;
        if !wiped {
            self.note_spent(options.network, report.bytes_down)?;
        }
        Ok(report)
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
            dictionaries: self.dictionaries()?,
            indexed: self.shelf.indexed().into_iter().collect(),
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
                    suspect: view.suspect.contains(&id),
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

/// What the hub is told of what is held.
fn question(held: &Held, options: &SyncOptions) -> CatchUpRequest {
    CatchUpRequest {
        version: catch_up::VERSION,
        head: held.head_hash.unwrap_or_default(),
        set: held.set_hash,
        grant_version: held.grant.as_ref().map_or(0, |g| g.grant_version),
        held: held
            .compartments
            .iter()
            .filter(|(_, h)| !h.suspect)
            .map(|(id, h)| HeldAt { compartment: *id, manifest: h.manifest_hash, watermark: h.watermark })
            .collect(),
        max_bytes: MAX_ANSWER_BYTES,
        hold_s: options.hold_s.min(MAX_HOLD_S),
    }
}

impl<'a> Run<'a> {
    /// Runs the machine to its end; says whether the device was ordered to be erased.
    async fn drive<'scope>(
        &mut self,
        mut machine: Machine,
        mut inbox: mpsc::Receiver<Note>,
        scope: &'scope Scope<'scope, 'a>,
    ) -> Result<bool, ClientError> {
        let mut todo: VecDeque<Do> = machine.start().into();
        loop {
            while let Some(next) = todo.pop_front() {
                let event = match next {
                    Do::Done(outcome) => {
                        self.drain(&mut inbox).await;
                        self.end(outcome)?;
                        return Ok(false);
                    }
                    Do::Wipe => {
                        self.drain(&mut inbox).await;
                        return Ok(true);
                    }
                    Do::SendJournal => Some(self.send_journal().await),
                    Do::Fetch(want) => {
                        self.spawn_fetch(want);
                        None
                    }
                    Do::Wait { ms } => {
                        (self.progress)(SyncProgress::Waiting { ms });
                        let notes = self.notes.clone();
                        tokio::spawn(async move {
                            tokio::time::sleep(Duration::from_millis(ms)).await;
                            // The loop holds the receiver until it ends; then nobody waits for this.
                            let _ = notes.send(Note::Event(Event::Woke)).await;
                        });
                        None
                    }
                    Do::Apply { manifest, manifest_hash, route } => {
                        self.beside(scope, move |w| w.apply(&manifest, manifest_hash, &route));
                        None
                    }
                    Do::ApplyIndex { manifest, segments } => {
                        self.beside(scope, move |w| w.apply_index(&manifest, &segments));
                        None
                    }
                    Do::Repair(id) => {
                        self.beside(scope, move |w| w.repair(id));
                        None
                    }
                    other => self.local(other)?,
                };
                if let Some(event) = event {
                    todo.extend(machine.on(event, self.device.now()));
                }
            }
            let Some(note) = inbox.recv().await else { return Ok(false) };
            if let Some(event) = self.note(note)? {
                todo.extend(machine.on(event, self.device.now()));
            }
        }
    }

    /// Starts work in a thread of its own, which ends with an event.
    fn beside<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, 'a>,
        work: impl FnOnce(&Worker<'a>) -> Event + Send + 'scope,
    ) -> ScopedJoinHandle<'scope, ()> {
        self.running += 1;
        let worker = self.worker.clone();
        scope.spawn(move || {
            let event = work(&worker);
            worker.tell(Note::Event(event));
        })
    }

    /// Waits for what runs beside the loop: what it brings is in force, and is to be in the report.
    async fn drain(&mut self, inbox: &mut mpsc::Receiver<Note>) {
        while self.running > 0 {
            let Some(note) = inbox.recv().await else { return };
            // Frames that still come are of no use to this sync; they are fetched again.
            let _ = self.note(note);
        }
    }

    /// Takes note; what is for the machine comes back.
    fn note(&mut self, note: Note) -> Result<Option<Event>, ClientError> {
        match note {
            Note::Progress(p) => (self.progress)(p),
            Note::Changed(change) => self.report.compartments.push(*change),
            Note::Mended(mended) => self.report.mended.push(mended),
            Note::Event(event) => {
                match &event {
                    Event::Frame { segment, bytes, .. } => self.frame(segment, bytes.len() as u64)?,
                    Event::Applied(_) | Event::ApplyFailed { .. } | Event::Indexed(_) | Event::Repaired { .. } => {
                        self.running = self.running.saturating_sub(1);
                    }
                    _ => {}
                }
                if let Event::Indexed(id) = &event {
                    (self.progress)(SyncProgress::MarksUsable { compartment: self.device.name(id) });
                }
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn frame(&mut self, segment: &Hash32, bytes: u64) -> Result<(), ClientError> {
        self.arrivals.frame(self.device, segment, bytes)?;
        let (bytes, bytes_per_s) = (self.arrivals.bytes, self.arrivals.bytes_per_s);
        (self.progress)(SyncProgress::Fetched { bytes, of: self.planned.max(bytes), bytes_per_s });
        Ok(())
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
            Do::Planned { compartment, bytes, .. } => {
                self.arrivals.planned(self.device, compartment, bytes);
                None
            }
            Do::Inspect(id, segments) => Some(self.inspect(id, &segments)?),
            Do::Stage { segment, index, bytes } => {
                let now_ms = self.device.env.now().0.unsigned_abs();
                let put = self.staging.put_frame(&segment, index, &bytes);
                match put.and_then(|()| self.staging.flush_if_due(now_ms)) {
                    Ok(_) => None,
                    Err(e) => Some(Event::Broken(store_fault(&e))),
                }
            }
            Do::DropSegment(hash) => {
                self.asking.relay.iter().for_each(|r| r.distrust(hash));
                self.staging.drop_segment(&hash, MAX_FRAMES)?;
                None
            }
            Do::KeepDictionary { compartment, segment } => {
                tokio::task::block_in_place(|| self.worker.keep_dictionary(compartment, &segment))?;
                None
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
            Do::Done(_)
            | Do::Wipe
            | Do::SendJournal
            | Do::Fetch(_)
            | Do::Wait { .. }
            | Do::Apply { .. }
            | Do::ApplyIndex { .. }
            | Do::Repair(_) => None,
        })
    }

    fn inspect(&mut self, id: CompartmentId, segments: &[(Hash32, u16)]) -> Result<Event, ClientError> {
        let mut staged = Vec::with_capacity(segments.len());
        for (hash, frames) in segments {
            staged.push((*hash, self.staging.frames(hash, *frames)?));
        }
        let frame = beatcheck_wire::segment::FRAME as u64;
        let (here, all) = staged.iter().flat_map(|(_, f)| f).fold((0, 0), |(h, n), f| (h + u64::from(*f), n + 1));
        self.planned = self.planned.max(self.arrivals.bytes) + (all - here) * frame;
        let hashes: Vec<Hash32> = segments.iter().map(|(h, _)| *h).collect();
        self.arrivals.staged(self.device, id, &hashes, here * frame);
        Ok(Event::Staged(id, staged))
    }

    /// Late hits, and the account of what is held now: after the trust state moved.
    fn after_changes(&mut self) -> Result<(), ClientError> {
        if self.report.compartments.is_empty() && self.report.withdrawn.is_empty() {
            return Ok(());
        }
        let view = self.device.view();
        let now = self.device.now();
        let sight = self.device.sight(&view, false);
        let mut consulted = Vec::new();
        for kind in beatcheck_model::RecordKind::ALL {
            consulted.extend(crate::check::consulted(&crate::cover::of(&sight, None, &[kind], now)));
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
        self.report.deferred = outcome.deferred.iter().map(|id| self.device.name(id)).collect();
        for id in &outcome.rebuilt {
            self.rebuilt(id)?;
        }
        self.device.note_pace(outcome.ask_again_s, outcome.fault.as_ref())?;
        if self.report.fault.is_some() && !self.report.compartments.is_empty() {
            // What was applied before the link broke is in force: it may change what officers were told.
            self.device.reload()?;
            tokio::task::block_in_place(|| self.after_changes())?;
        }
        Ok(())
    }

    /// A compartment was fetched anew because it could not be mended row by row: noted, and in the account.
    fn rebuilt(&mut self, id: &CompartmentId) -> Result<(), ClientError> {
        let (device, name) = (self.device, self.device.name(id));
        device.note_integrity(id, |i| (i.suspect, i.rebuilds) = (false, i.rebuilds + 1))?;
        let rows = device.view().held.get(id).map_or(0, |m| m.rows);
        let kind = EntryKind::Repaired { compartment: id.to_string(), name: name.clone(), rows, rebuilt: true };
        device.account(&device.view(), device.now(), vec![Line { kind, told: None }])?;
        self.report.mended.push(Mended { compartment: name, rows, bytes: 0, rebuilt: true });
        device.reload()
    }

    fn failure(&self, id: Option<CompartmentId>, fault: &SyncFault) -> Failure {
        let compartment = id.map(|id| self.device.name(&id));
        Failure { compartment, code: fault.code().into(), text: fault.to_string() }
    }
}

/// A store error as a sync's fault.
fn store_fault(e: &StoreError) -> SyncFault {
    match e {
        StoreError::Full => SyncFault::NoSpace,
        other => SyncFault::Store(other.to_string()),
    }
}
