//! The machine: what it knows, what it takes in, and when it ends.
//!
//! Every event first changes what is known, and then [`Machine::pump`] looks at all of it and says what is to be done
//! next. So no instruction depends on which of several things happened to end first.

use crate::work::{Spent, Stage, Work};
use crate::{Do, Event, Held, Limits, SyncFault, Trust, Want};
use beatcheck_model::Timestamp;
use beatcheck_wire::{CompartmentId, Grant, Hash32, Head};
use std::collections::{BTreeMap, VecDeque};

/// Ranges asked for at a time, where [`Limits`] says nothing else.
pub const MAX_IN_FLIGHT: usize = 4;
/// Compartments that are applied, indexed or repaired at a time.
pub const MAX_APPLYING: usize = 2;
/// Tries of one thing before the sync gives up; what was fetched stays staged.
pub const MAX_TRIES: u32 = 5;
/// Times that a segment found damaged is fetched anew.
pub const MAX_REFETCH: u32 = 2;
/// Times that a sync starts again from the head because what it looked for is gone: the hub has moved on.
pub const MAX_RESTARTS: u32 = 2;
/// First wait after a failure; doubles with each.
pub const FIRST_WAIT_MS: u64 = 500;
/// Longest wait that a hub may ask for within one sync; beyond, the sync ends and the next one comes later.
pub const MAX_WAIT_S: u32 = 60;

/// What came of a sync.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Compartments that now have a newer state.
    pub applied: Vec<CompartmentId>,
    /// Compartments that could not be brought forward, and why; their old state is in use.
    pub failed: Vec<(CompartmentId, SyncFault)>,
    /// Compartments whose snapshots wait for a better network: the budget of this one is used up.
    pub deferred: Vec<CompartmentId>,
    /// Compartments whose mark index answers since this sync.
    pub indexed: Vec<CompartmentId>,
    /// Compartments that were mended row by row.
    pub repaired: Vec<CompartmentId>,
    /// Compartments that were rebuilt because they could not be mended.
    pub rebuilt: Vec<CompartmentId>,
    /// Why the sync as a whole ended early, if it did.
    pub fault: Option<SyncFault>,
    /// When to ask next, in seconds.
    pub ask_again_s: u32,
}

/// How the link does.
#[derive(Default)]
pub(crate) struct Link {
    /// What was asked for and has not ended, and for which compartment.
    pub(crate) flights: Vec<(Want, Option<CompartmentId>)>,
    /// Waits that are pending.
    pub(crate) waits: usize,
    /// A request broke off: until no other is in flight, those that break too are the same failure.
    pub(crate) broken: bool,
    /// Failures in a row.
    pub(crate) tries: u32,
    /// What may still be fetched of what is not urgent.
    pub(crate) budget: Option<u64>,
}

/// One sync, from start to [`Do::Done`].
pub struct Machine {
    pub(crate) held: Held,
    pub(crate) trust: Trust,
    pub(crate) in_flight: usize,
    pub(crate) head: Option<(Head, Vec<u8>)>,
    pub(crate) grant: Option<Grant>,
    /// Documents still to ask for.
    pub(crate) ask: VecDeque<Want>,
    /// Manifests that are not here yet.
    pub(crate) wanted: BTreeMap<CompartmentId, Hash32>,
    /// What is to be done, one for each compartment that changed.
    pub(crate) works: Vec<Work>,
    /// All manifests are here: the works have begun.
    pub(crate) begun: bool,
    pub(crate) link: Link,
    pub(crate) spent: BTreeMap<CompartmentId, Spent>,
    pub(crate) restarts: u32,
    /// Something is gone: start again as soon as nothing is under way.
    pub(crate) restarting: bool,
    pub(crate) outcome: Outcome,
    /// The sync ends with this as soon as nothing is being applied.
    fault: Option<SyncFault>,
    finishing: bool,
    ended: bool,
}

impl Machine {
    /// A machine for one sync.
    #[must_use]
    pub fn new(held: Held, trust: Trust, limits: Limits) -> Self {
        let grant = held.grant.clone();
        Self {
            held,
            trust,
            in_flight: limits.in_flight.max(1),
            head: None,
            grant,
            ask: VecDeque::new(),
            wanted: BTreeMap::new(),
            works: Vec::new(),
            begun: false,
            link: Link { budget: limits.budget_bytes, ..Link::default() },
            spent: BTreeMap::new(),
            restarts: 0,
            restarting: false,
            outcome: Outcome::default(),
            fault: None,
            finishing: false,
            ended: false,
        }
    }

    /// The first instructions.
    #[must_use]
    pub fn start(&self) -> Vec<Do> {
        vec![Do::SendJournal]
    }

    /// Takes an event; `now` is the time by the client's clock. After [`Do::Done`] nothing more comes out.
    ///
    /// [`Do::Done`] comes when nothing is being applied, unless the event was [`Event::Broken`]; requests may still be
    /// in flight after a fault.
    pub fn on(&mut self, event: Event, now: Timestamp) -> Vec<Do> {
        if self.ended {
            return Vec::new();
        }
        if let Event::Broken(fault) = event {
            self.fault.get_or_insert(fault);
            return self.end();
        }
        let before = self.fault.is_some();
        let mut out = match self.step(event, now) {
            Ok(out) => out,
            Err(fault) => {
                self.fault.get_or_insert(fault);
                Vec::new()
            }
        };
        if self.fault.is_some() {
            if before {
                // It only waits for what is being applied: nothing more is begun.
                out.clear();
            }
            // What this event's step found good before its fault holds.
            if self.applying() == 0 {
                out.extend(self.end());
            }
            return out;
        }
        if !self.ended {
            out.extend(self.pump());
        }
        out
    }

    fn step(&mut self, event: Event, now: Timestamp) -> Result<Vec<Do>, SyncFault> {
        match event {
            Event::JournalDone if self.finishing => return Ok(self.end()),
            Event::JournalDone => self.ask.push_back(Want::Head),
            Event::Head { bytes, grant_hint, roots } => return self.on_head(bytes, grant_hint, &roots, now),
            Event::Grant(bundle) => return self.on_grant(bundle, now),
            Event::GrantAdopted => self.after_grant(),
            Event::Set(bytes) => return self.on_set(&bytes),
            Event::Manifest(id, bytes) => return Ok(self.on_manifest(id, &bytes)),
            Event::Catalogue(id, bytes) => return Ok(self.on_catalogue(id, &bytes)),
            Event::Staged(id, staged) => return Ok(self.on_staged(id, &staged)),
            Event::Frame { segment, index, bytes } => return Ok(self.on_frame(segment, index, bytes)),
            Event::FramesEnd { segment } => {
                self.land(|w| matches!(w, Want::Frames { segment: s, .. } if *s == segment));
            }
            Event::Applied(id) => self.on_applied(id),
            Event::Indexed(id) => return Ok(self.on_indexed(id)),
            Event::Repaired { compartment, whole } => return Ok(self.on_repaired(compartment, whole)),
            Event::ApplyFailed { compartment, why } => return Ok(self.on_apply_failed(compartment, why)),
            Event::Failed(want, fault) => return self.on_failed(&want, fault),
            Event::Woke => self.link.waits = self.link.waits.saturating_sub(1),
            Event::Broken(fault) => return Err(fault),
        }
        Ok(Vec::new())
    }

    /// What is to be done next.
    fn pump(&mut self) -> Vec<Do> {
        if self.finishing {
            return Vec::new();
        }
        if self.restarting {
            let looking = self.works.iter().any(Work::is_looking);
            if self.applying() > 0 || looking || self.link.waits > 0 || !self.link.flights.is_empty() {
                return Vec::new();
            }
            self.start_again();
        }
        let mut out = self.fetches();
        out.extend(self.applies());
        if self.begun && self.works.is_empty() && self.link.flights.is_empty() {
            out.extend(self.finish());
        }
        out
    }

    /// How many works are being applied, indexed or repaired.
    pub(crate) fn applying(&self) -> usize {
        self.works.iter().filter(|w| matches!(w.stage, Stage::Applying(_) | Stage::Repair { told: true })).count()
    }

    /// From the head again: what was applied stays, what is staged is found by its hash.
    fn start_again(&mut self) {
        self.restarting = false;
        self.begun = false;
        self.link.broken = false;
        self.works.clear();
        self.wanted.clear();
        self.ask.clear();
        self.outcome.failed.clear();
        self.outcome.deferred.clear();
        if let Some((head, bytes)) = self.head.take() {
            // What was seen in this sync is not committed, but it is known: not even within one sync does it go back.
            (self.held.head_version, self.held.head_hash) = (head.head_version, Some(Hash32::of(&bytes)));
        }
        self.ask.push_back(Want::Head);
    }

    /// The sync ends, after `out` is done.
    pub(crate) fn with_fault(&mut self, out: Vec<Do>, fault: SyncFault) -> Vec<Do> {
        self.fault.get_or_insert(fault);
        out
    }

    fn finish(&mut self) -> Vec<Do> {
        let mut out = Vec::new();
        if let Some((head, bytes)) = self.head.take() {
            let whole = self.outcome.failed.is_empty() && self.outcome.deferred.is_empty();
            let set_hash = whole.then_some(head.set_hash);
            out.push(Do::Commit { head_version: head.head_version, head: bytes, set_hash });
        }
        self.finishing = true;
        out.push(Do::SendJournal);
        out
    }

    fn end(&mut self) -> Vec<Do> {
        self.ended = true;
        self.outcome.fault = self.fault.take();
        vec![Do::Done(std::mem::take(&mut self.outcome))]
    }
}
