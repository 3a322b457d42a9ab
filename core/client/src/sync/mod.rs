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
mod kept_account;
pub(crate) mod last_words;
mod link;
mod options;
mod purge;
mod relay;
mod repair;
mod report;
mod run;
mod watch;

pub(crate) use arriving::OnItsWay;
pub(crate) use link::runtime;
pub use options::{Network, PushAdvice, SyncOptions};
pub use report::{CompartmentChange, Failure, Mended, SyncProgress, SyncReport};

use crate::device::{Device, decode, doc};
use crate::env::Stopwatch;
use crate::halt::Halt;
use crate::transport::Transport;
use crate::{ClientError, keyring};
use arriving::Arrivals;
use beatcheck_store::{Staging, StoreError};
use beatcheck_sync::{Event, Held, HeldCompartment, Machine, SyncFault, Trust};
use beatcheck_wire::Hash32;
use beatcheck_wire::catch_up::{self, CatchUpRequest, HeldAt, MAX_ANSWER_BYTES, MAX_HOLD_S};
use fetch::Asking;
pub(crate) use link::Link;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// Events that wait for the machine, at most: a fast link waits for a slow disk.
const QUEUE: usize = 64;
/// Tries for the staging area, and the time between them.
const STAGING_TRIES: u32 = 5;
const STAGING_AGAIN: std::time::Duration = std::time::Duration::from_millis(50);
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
    halt: Halt,
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
    /// The hub has taken all of the account that waited.
    account_taken: bool,
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

    /// The staging area, which one sync has at a time, of all processes. One that has just ended may hold its lock a moment
    /// longer: a process that was started meanwhile has inherited it until its program begins.
    fn staging(&self) -> Result<Staging, ClientError> {
        let key = keyring::key(&self.ring().keys.staging);
        for _ in 0..STAGING_TRIES {
            match Staging::open(&self.home.staging(), &key) {
                Err(StoreError::Busy) => std::thread::sleep(STAGING_AGAIN),
                other => return Ok(other?),
            }
        }
        Err(ClientError::SyncRunning)
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
        // A shift that is over, or an officer who went away: what is fetched is fetched for who is here.
        self.tick()?;
        let watch = Stopwatch::start();
        let halt = self.halting.listen();
        let patience = self.patience_s()?;
        if patience > 0 {
            let fault = SyncFault::Busy { s: patience };
            let fault = Some(Failure { compartment: None, code: fault.code().into(), text: fault.to_string() });
            let journal_pending = self.journal.stats()?.pending;
            return Ok(SyncReport { fault, ask_again_s: patience, journal_pending, ..SyncReport::default() });
        }
        progress(SyncProgress::Connecting);
        let staging = Arc::new(self.staging()?);
        self.sweep_records();
        let transport = Arc::clone(&link.transport);
        let before = transport.meter.now();
        let (held, relay) = (self.held()?, self.relay_link());
        let locked = held.control_only;
        let asking = Arc::new(Asking {
            transport: Arc::clone(&transport),
            time: Arc::clone(&self.time),
            question: question(&held, self.trusted().root.root_version, options),
            head: self.state.get(doc::HEAD)?,
            arrived: Mutex::default(),
            relay: relay.clone(),
            partial: Mutex::default(),
        });
        let (notes, inbox) = mpsc::channel(QUEUE);
        let handle = link.runtime().clone();
        let worker = Worker {
            device: self,
            staging: Arc::clone(&staging),
            transport: Arc::clone(&transport),
            handle,
            notes: notes.clone(),
            halt: halt.clone(),
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
            account_taken: false,
        };
        let machine = Machine::new(held, Trust::of(&self.trusted().root), self.limits(options.network)?);
        let driven = std::thread::scope(|scope| link.runtime().block_on(run.drive(machine, inbox, scope, halt)));
        run.arrivals.end(self)?;
        let wiped = driven?;
        let Run { mut report, staging: held_open, worker, account_taken, .. } = run;
        if let Some(order) = wiped {
            drop((held_open, worker, staging));
            report.journal_pending = self.wipe_for("order", Some(order))?.journal_pending;
        } else {
            if account_taken && report.fault.is_none() {
                self.re_established()?;
            }
            self.count_state()?;
            // What came may forbid what was allowed: a biometric check, a shift.
            self.tick()?;
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
        let wiped = wiped.is_some();
        report.took_ms = watch.micros() / 1000;
        report.complete = report.fault.is_none() && report.failed.is_empty() && report.deferred.is_empty() && !wiped;
        report.wiped = wiped;
        report.locked = locked;
        if !wiped {
            self.note_spent(options.network, report.bytes_down)?;
        }
        Ok(report)
    }

    fn held(&self) -> Result<Held, ClientError> {
        let view = self.view();
        let get = |name: &str| self.state.get(name);
        let mut held = Held {
            device: self.device,
            enrolled: get(doc::ENROLLED)?.map(|b| decode(&b)).transpose()?.unwrap_or_default(),
            purged: self.journal.obeyed()?,
            head_version: get(doc::HEAD_VERSION)?.map(|b| decode(&b)).transpose()?.unwrap_or(0),
            head_hash: get(doc::HEAD)?.map(|b| Hash32::of(&b)),
            set_hash: get(doc::SET_HASH)?.map(|b| decode(&b)).transpose()?.unwrap_or_default(),
            policy_version: view.policy.as_ref().map_or(0, |p| p.policy_version),
            policy_issued: view.policy.as_ref().map(|p| p.issued).unwrap_or_default(),
            grant: view.grant.clone(),
            control_only: !self.is_unlocked(),
            grant_owed: self.grant_owed()?,
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
            self.ring().files().into_iter().filter_map(|(_, file)| file).map(|f| self.home.record_file(&f)).collect()
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
fn question(held: &Held, root_version: u64, options: &SyncOptions) -> CatchUpRequest {
    CatchUpRequest {
        version: catch_up::VERSION,
        head: held.head_hash.unwrap_or_default(),
        set: held.set_hash,
        // One that asks for a wipe without an order is asked about again.
        grant_version: held.grant.as_ref().filter(|g| !g.wipe && !held.asks_again()).map_or(0, |g| g.grant_version),
        held: held
            .compartments
            .iter()
            .filter(|(_, h)| !h.suspect)
            .map(|(id, h)| HeldAt { compartment: *id, manifest: h.manifest_hash, watermark: h.watermark })
            .collect(),
        max_bytes: if held.control_only { 0 } else { MAX_ANSWER_BYTES },
        hold_s: options.hold_s.min(MAX_HOLD_S),
        root_version,
        policy_version: held.policy_version,
    }
}

/// A store error as a sync's fault.
fn store_fault(e: &StoreError) -> SyncFault {
    match e {
        StoreError::Full => SyncFault::NoSpace,
        StoreError::CalledOff => SyncFault::Cancelled,
        other => SyncFault::Store(other.to_string()),
    }
}
