//! The machine.

use crate::event::ApplyFault;
use crate::{Do, Event, FetchFault, Held, Route, RouteKind, SyncFault, Trust, Want, choose, verify};
use beatcheck_model::{RecordKind, Timestamp};
use beatcheck_wire::{CompartmentId, Grant, Hash32, Head, Manifest, segment};
use std::collections::{BTreeMap, VecDeque};

/// Ranges asked for at a time.
pub const MAX_IN_FLIGHT: usize = 4;
/// Tries of one thing before the sync gives up; what was fetched stays staged.
pub const MAX_TRIES: u32 = 5;
/// Times that a segment found damaged is fetched anew.
pub const MAX_REFETCH: u32 = 2;
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
    /// Why the sync as a whole ended early, if it did.
    pub fault: Option<SyncFault>,
    /// When to ask next, in seconds.
    pub ask_again_s: u32,
}

struct Work {
    manifest: Manifest,
    hash: Hash32,
    route: Route,
    /// Ranges still to ask for.
    queue: VecDeque<Want>,
    in_flight: usize,
    refetched: BTreeMap<Hash32, u32>,
    rebuilt: bool,
    /// A range broke off: when none is in flight any more, look again at what is staged.
    look_again: bool,
    waiting: bool,
}

/// One sync, from start to [`Do::Done`].
pub struct Machine {
    held: Held,
    trust: Trust,
    head: Option<(Head, Vec<u8>)>,
    grant: Option<Grant>,
    adopted: bool,
    wanted: BTreeMap<CompartmentId, Hash32>,
    ready: Vec<(Manifest, Hash32)>,
    work: Option<Work>,
    retry: VecDeque<Want>,
    tries: u32,
    outcome: Outcome,
    finishing: bool,
    ended: bool,
}

impl Machine {
    /// A machine for one sync.
    #[must_use]
    pub fn new(held: Held, trust: Trust) -> Self {
        let grant = held.grant.clone();
        Self {
            held,
            trust,
            head: None,
            grant,
            adopted: false,
            wanted: BTreeMap::new(),
            ready: Vec::new(),
            work: None,
            retry: VecDeque::new(),
            tries: 0,
            outcome: Outcome::default(),
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
    pub fn on(&mut self, event: Event, now: Timestamp) -> Vec<Do> {
        if self.ended {
            return Vec::new();
        }
        self.step(event, now).unwrap_or_else(|fault| self.end(Some(fault)))
    }

    fn step(&mut self, event: Event, now: Timestamp) -> Result<Vec<Do>, SyncFault> {
        match event {
            Event::JournalDone if self.finishing => Ok(self.end(None)),
            Event::JournalDone => Ok(vec![Do::Fetch(Want::Head)]),
            Event::Head { bytes, grant_hint } => self.on_head(bytes, grant_hint, now),
            Event::Grant(mut bundle) => {
                let (grant, policy) = verify::grant(&bundle, &self.held, &self.trust)?;
                // The bundle is not signed: only the keys that the grant names are kept.
                bundle.keys.retain(|k| verify::names(&grant, k));
                self.tries = 0;
                if grant.wipe {
                    return Ok(vec![Do::Wipe]);
                }
                let keeps = |id: &CompartmentId| grant.compartments.iter().any(|c| c.id == *id);
                self.held.compartments.retain(|id, _| keeps(id));
                self.grant = Some(grant.clone());
                Ok(vec![Do::AdoptGrant { grant: grant.into(), policy: policy.into(), bundle: bundle.into() }])
            }
            Event::GrantAdopted => {
                self.adopted = true;
                self.after_grant()
            }
            Event::Set(bytes) => self.on_set(&bytes),
            Event::Manifest(id, bytes) => self.on_manifest(id, &bytes),
            Event::Staged(staged) => Ok(self.on_staged(&staged)),
            Event::Frame { segment, index, bytes } => {
                self.tries = 0;
                Ok(vec![Do::Stage { segment, index, bytes }])
            }
            Event::FramesEnd { .. } => {
                if let Some(w) = &mut self.work {
                    w.in_flight = w.in_flight.saturating_sub(1);
                }
                Ok(self.fill())
            }
            Event::Applied(id) => {
                self.outcome.applied.push(id);
                self.work = None;
                Ok(self.next_compartment())
            }
            Event::ApplyFailed { compartment, why } => Ok(self.on_apply_failed(compartment, why)),
            Event::Failed(want, fault) => self.on_failed(want, fault),
            Event::Woke => {
                if let Some(w) = &mut self.work {
                    w.waiting = false;
                }
                Ok(self.fill())
            }
            Event::Broken(fault) => Err(fault),
        }
    }

    fn on_head(&mut self, bytes: Vec<u8>, hint: Option<u64>, now: Timestamp) -> Result<Vec<Do>, SyncFault> {
        let head = verify::head(&bytes, &self.held, &self.trust, now)?;
        self.tries = 0;
        self.outcome.ask_again_s = head.ask_again_s;
        self.head = Some((head, bytes));
        let known = self.held.grant.as_ref().map(|g| g.grant_version);
        let mut out = vec![Do::Contact];
        if known.is_none() || hint.is_some_and(|h| Some(h) != known) {
            out.push(Do::Fetch(Want::Grant));
            return Ok(out);
        }
        out.extend(self.after_grant()?);
        Ok(out)
    }

    fn after_grant(&mut self) -> Result<Vec<Do>, SyncFault> {
        let Some((head, _)) = &self.head else { return Ok(Vec::new()) };
        let complete =
            self.grant.iter().flat_map(|g| &g.compartments).all(|c| self.held.compartments.contains_key(&c.id));
        if head.set_hash == self.held.set_hash && complete {
            return Ok(self.finish());
        }
        Ok(vec![Do::Fetch(Want::Set(head.set_hash))])
    }

    fn on_set(&mut self, bytes: &[u8]) -> Result<Vec<Do>, SyncFault> {
        let Some((head, _)) = &self.head else { return Ok(Vec::new()) };
        let set = verify::set(bytes, &head.set_hash, &self.trust)?;
        self.tries = 0;
        let granted: Vec<CompartmentId> = self.grant.iter().flat_map(|g| &g.compartments).map(|c| c.id).collect();
        for (id, hash) in set.manifests {
            let same = self.held.compartments.get(&id).is_some_and(|h| h.manifest_hash == hash);
            if granted.contains(&id) && !same {
                self.wanted.insert(id, hash);
            }
        }
        Ok(self.next_manifest())
    }

    fn next_manifest(&mut self) -> Vec<Do> {
        match self.wanted.iter().next() {
            Some((id, hash)) => vec![Do::Fetch(Want::Manifest(*id, *hash))],
            None => {
                // Warnings first, vehicles before persons, small before large; popped from the end.
                let held = &self.held.compartments;
                self.ready.sort_by_key(|(m, _)| {
                    let bytes = choose(m, held.get(&m.compartment)).bytes();
                    std::cmp::Reverse((!m.warnings, m.kind != RecordKind::Vehicle, bytes))
                });
                self.next_compartment()
            }
        }
    }

    fn on_manifest(&mut self, id: CompartmentId, bytes: &[u8]) -> Result<Vec<Do>, SyncFault> {
        let Some(hash) = self.wanted.remove(&id) else { return Ok(Vec::new()) };
        self.tries = 0;
        match verify::manifest(bytes, &id, &hash, &self.held, &self.trust) {
            Ok(m) => self.ready.push((m, hash)),
            Err(fault) => self.outcome.failed.push((id, fault)),
        }
        Ok(self.next_manifest())
    }

    fn next_compartment(&mut self) -> Vec<Do> {
        let Some((manifest, hash)) = self.ready.pop() else { return self.finish() };
        let route = choose(&manifest, self.held.compartments.get(&manifest.compartment));
        self.begin(manifest, hash, route, false)
    }

    fn begin(&mut self, manifest: Manifest, hash: Hash32, route: Route, rebuilt: bool) -> Vec<Do> {
        let segments = route.segments.iter().map(|s| (s.hash, s.frames)).collect();
        let refetched = self.work.take().map(|w| w.refetched).unwrap_or_default();
        self.work = Some(Work {
            manifest,
            hash,
            route,
            queue: VecDeque::new(),
            in_flight: 0,
            refetched,
            rebuilt,
            look_again: false,
            waiting: false,
        });
        vec![Do::Inspect(segments)]
    }

    fn on_staged(&mut self, staged: &[(Hash32, Vec<bool>)]) -> Vec<Do> {
        let Some(w) = &mut self.work else { return Vec::new() };
        for s in &w.route.segments {
            let have = staged.iter().find(|(h, _)| *h == s.hash).map(|(_, f)| f.as_slice()).unwrap_or_default();
            let missing = |i: u16| !have.get(usize::from(i)).copied().unwrap_or(false);
            let mut i = 0;
            while i < s.frames {
                if !missing(i) {
                    i += 1;
                    continue;
                }
                let first = i;
                while i < s.frames && missing(i) {
                    i += 1;
                }
                let bytes = segment::frame_range(s.bytes, first).start..segment::frame_range(s.bytes, i - 1).end;
                w.queue.push_back(Want::Frames { segment: s.hash, total: s.bytes, first, bytes });
            }
        }
        self.fill()
    }

    /// Asks for as much as may be in flight; applies when nothing is missing.
    fn fill(&mut self) -> Vec<Do> {
        if let Some(want) = self.retry.pop_front() {
            let mut out = vec![Do::Fetch(want)];
            out.extend(self.retry.drain(..).map(Do::Fetch));
            return out;
        }
        let Some(w) = &mut self.work else { return Vec::new() };
        if w.look_again {
            if w.waiting || w.in_flight > 0 {
                return Vec::new();
            }
            w.look_again = false;
            return vec![Do::Inspect(w.route.segments.iter().map(|s| (s.hash, s.frames)).collect())];
        }
        let mut out = Vec::new();
        while w.in_flight < MAX_IN_FLIGHT {
            let Some(want) = w.queue.pop_front() else { break };
            w.in_flight += 1;
            out.push(Do::Fetch(want));
        }
        if out.is_empty() && w.in_flight == 0 {
            out.push(Do::Apply { manifest: w.manifest.clone().into(), manifest_hash: w.hash, route: w.route.clone() });
        }
        out
    }

    fn on_failed(&mut self, want: Want, fault: FetchFault) -> Result<Vec<Do>, SyncFault> {
        let frames = matches!(want, Want::Frames { .. });
        if let (true, Some(w)) = (frames, &mut self.work) {
            w.in_flight = w.in_flight.saturating_sub(1);
            if w.look_again && !matches!(fault, FetchFault::Refused { .. } | FetchFault::NotFound) {
                // One broken link breaks every range on it: that is one failure, not several.
                return Ok(self.fill());
            }
            w.look_again = true;
            w.waiting = true;
            w.queue.clear();
        }
        self.tries += 1;
        let wait_ms = match fault {
            FetchFault::Refused { code, text } => return Err(SyncFault::Refused { code, text }),
            FetchFault::NotFound => {
                let text = "it does not have what its own documents name".into();
                return Err(SyncFault::Refused { code: "not_found".into(), text });
            }
            FetchFault::Busy(s) if s > MAX_WAIT_S || self.tries >= MAX_TRIES => {
                self.outcome.ask_again_s = s;
                return Err(SyncFault::Unreachable(format!("it is busy and asks to come back in {s} s")));
            }
            FetchFault::Busy(s) => u64::from(s) * 1000,
            FetchFault::Transient(why) if self.tries >= MAX_TRIES => return Err(SyncFault::Unreachable(why)),
            FetchFault::Transient(_) => FIRST_WAIT_MS << (self.tries - 1),
        };
        if !frames {
            self.retry.push_back(want);
        }
        Ok(vec![Do::Wait { ms: wait_ms }])
    }

    fn on_apply_failed(&mut self, id: CompartmentId, why: ApplyFault) -> Vec<Do> {
        let Some(w) = &mut self.work else { return Vec::new() };
        let fault = match why {
            ApplyFault::Segment(hash) => {
                let n = w.refetched.entry(hash).or_default();
                *n += 1;
                if *n <= MAX_REFETCH {
                    let segments = w.route.segments.iter().map(|s| (s.hash, s.frames)).collect();
                    return vec![Do::DropSegment(hash), Do::Inspect(segments)];
                }
                SyncFault::SegmentDamaged(hash)
            }
            ApplyFault::Digest if !w.rebuilt && w.route.kind != RouteKind::Snapshot => {
                // What is held is not what it should be: rebuild this compartment, and only this one.
                let (manifest, hash) = (w.manifest.clone(), w.hash);
                let route = choose(&manifest, None);
                return self.begin(manifest, hash, route, true);
            }
            ApplyFault::Digest => SyncFault::Diverged(id),
            ApplyFault::Other(fault) => fault,
        };
        self.outcome.failed.push((id, fault));
        self.work = None;
        self.next_compartment()
    }

    fn finish(&mut self) -> Vec<Do> {
        let mut out = Vec::new();
        if let Some((head, bytes)) = self.head.take() {
            let set_hash = self.outcome.failed.is_empty().then_some(head.set_hash);
            out.push(Do::Commit { head_version: head.head_version, head: bytes, set_hash });
        }
        self.finishing = true;
        out.push(Do::SendJournal);
        out
    }

    fn end(&mut self, fault: Option<SyncFault>) -> Vec<Do> {
        self.ended = true;
        self.outcome.fault = fault;
        vec![Do::Done(std::mem::take(&mut self.outcome))]
    }
}
