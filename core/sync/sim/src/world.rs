//! The loop: hub, device and link together.

use crate::device::Device;
use crate::hub::{Hub, What};
use crate::link::{self, Chaos};
use crate::rng::Rng;
use crate::totals::Totals;
use beatcheck_model::Timestamp;
use beatcheck_sync::{
    ApplyFault, Do, Event, FetchFault, Limits, MAX_IN_FLIGHT, Machine, Outcome, Route, SyncFault, Want,
};
use beatcheck_wire::segment::{FRAME, HEADER};
use beatcheck_wire::{CompartmentId, Hash32, Manifest, SegmentRef};
use std::collections::{BTreeMap, VecDeque};

/// Events for which the link is gone, at most.
const LONGEST_OUTAGE: u64 = 30;

/// What came of one sync.
#[derive(Debug)]
pub enum End {
    /// It ran to its end.
    Done(Outcome),
    /// The device restarted in the middle.
    Restarted,
}

/// Something under way.
pub(crate) enum Flight {
    Asked(Want),
    Coming(Want, VecDeque<Event>),
    Sleeping,
    Applying(Box<Manifest>, Hash32, Route),
    Indexing(Box<Manifest>, Vec<SegmentRef>),
    Repairing(CompartmentId),
}

impl Flight {
    /// What was asked of the link.
    pub(crate) const fn want(&self) -> Option<&Want> {
        match self {
            Self::Asked(want) | Self::Coming(want, _) => Some(want),
            _ => None,
        }
    }

    /// The compartment that is being worked on.
    pub(crate) const fn works_on(&self) -> Option<CompartmentId> {
        match self {
            Self::Applying(m, ..) | Self::Indexing(m, _) => Some(m.compartment),
            Self::Repairing(id) => Some(*id),
            _ => None,
        }
    }
}

/// Everything.
pub struct World {
    pub(crate) hub: Hub,
    pub(crate) device: Device,
    pub(crate) rng: Rng,
    /// What was counted.
    pub totals: Totals,
    /// Ranges that broke off, or were cut off by a restart.
    pub broken: u64,
    /// Highest versions seen on the device: head, grant, policy.
    pub(crate) seen: (u64, u64, u64),
    /// Manifest version and watermark of each compartment.
    pub(crate) seen_manifests: BTreeMap<CompartmentId, (u64, u64)>,
    /// When the hub last answered with a head.
    pub(crate) answered: Option<Timestamp>,
    /// Events for which the link stays gone.
    gone: u64,
    /// Bytes of snapshots and indexes in this sync.
    can_wait: u64,
    limits: Limits,
}

impl World {
    /// A new hub and an empty device.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let hub = Hub::new(&mut rng);
        Self {
            hub,
            device: Device::default(),
            rng,
            totals: Totals::default(),
            broken: 0,
            seen: (0, 0, 0),
            seen_manifests: BTreeMap::new(),
            answered: None,
            gone: 0,
            can_wait: 0,
            limits: Limits::default(),
        }
    }

    /// The hub changes something.
    pub fn hub_moves(&mut self) {
        let rng = &mut self.rng;
        if rng.chance(400) {
            self.hub.regrant(rng);
        }
        // A grant may move without anything being published.
        if rng.chance(200) {
            return;
        }
        for n in 0..self.hub.sources.len() {
            if rng.chance(500) {
                let changes = rng.below(8);
                self.hub.change(n, changes, rng);
            }
        }
        self.hub.publish(rng);
    }

    /// Every compartment changes.
    pub fn stir(&mut self) {
        for n in 0..self.hub.sources.len() {
            self.hub.change(n, 1, &mut self.rng);
        }
        self.hub.publish(&mut self.rng);
    }

    /// Hours pass in which the device hears nothing; the hub goes on signing heads.
    pub fn hours_pass(&mut self, hours: i64) {
        self.hub.pass(hours * 3600);
        self.read();
        self.hub.publish(&mut self.rng);
    }

    /// Every compartment is damaged at rest.
    pub fn rot_all(&mut self) {
        self.device.stores.values_mut().for_each(|s| s.rot(&mut self.rng));
    }

    /// A scrub finds what is damaged.
    pub fn scrub(&mut self) {
        self.device.stores.values_mut().for_each(|s| s.suspect |= s.rotten);
    }

    /// Bytes of all that the hub can be asked for.
    #[must_use]
    pub fn all_bytes(&self) -> u64 {
        self.hub.segments.values().map(|s| s.bytes.len() as u64).sum()
    }

    /// Manifest version and digest of everything held, and the set.
    #[must_use]
    pub fn held_now(&self) -> (Vec<(u64, Hash32)>, Hash32) {
        let stores = self.device.stores.values().map(|s| (s.manifest_version, s.checkpoint));
        (stores.collect(), self.device.set_hash)
    }

    /// One sync without a budget.
    pub fn sync(&mut self, chaos: &Chaos) -> End {
        self.sync_within(chaos, Limits::default())
    }

    /// One sync.
    pub fn sync_within(&mut self, chaos: &Chaos, limits: Limits) -> End {
        self.totals.syncs += 1;
        if self.rng.chance(chaos.rot) {
            let n = self.rng.below(self.device.stores.len() as u64 + 1) as usize;
            if let Some(store) = self.device.stores.values_mut().nth(n) {
                store.rot(&mut self.rng);
            }
            if self.rng.chance(500) {
                self.scrub();
            }
        }
        (self.limits, self.can_wait, self.gone) = (limits, 0, 0);
        let mut machine = Machine::new(self.device.held(&self.hub), self.hub.trust(), limits);
        let mut todo: VecDeque<Do> = machine.start().into();
        let mut flights: Vec<Flight> = Vec::new();
        let mut instructions = 0;
        loop {
            while let Some(next) = todo.pop_front() {
                instructions += 1;
                self.bounded(instructions);
                if self.rng.chance(chaos.restart) {
                    return self.cut_off(&flights);
                }
                if let Do::Done(outcome) = next {
                    assert!(todo.is_empty(), "nothing comes after the end");
                    assert!(!flights.iter().any(|f| f.works_on().is_some()), "the end comes when nothing is applied");
                    assert!(machine.on(Event::Woke, self.hub.now()).is_empty(), "nothing comes after the end");
                    self.totals.count(&outcome);
                    return End::Done(outcome);
                }
                if let Some(event) = self.obey(next, &mut flights) {
                    todo.extend(machine.on(event, self.hub.now()));
                }
                self.check();
                if self.rng.chance(20) {
                    self.read();
                }
            }
            if self.rng.chance(chaos.moves) {
                self.hub_moves();
            }
            if self.rng.chance(chaos.restart) {
                return self.cut_off(&flights);
            }
            if self.rng.chance(chaos.switch) {
                self.switch(&mut flights);
            }
            if self.rng.chance(chaos.outage) {
                self.gone = 1 + self.rng.below(LONGEST_OUTAGE);
            }
            assert!(!flights.is_empty(), "stuck: nothing to do, and nothing to wait for");
            let event = self.arrive(&mut flights, chaos);
            todo.extend(machine.on(event, self.hub.now()));
        }
    }

    /// Does what an instruction says; what takes time becomes a flight.
    fn obey(&mut self, what: Do, flights: &mut Vec<Flight>) -> Option<Event> {
        match what {
            Do::SendJournal => return Some(Event::JournalDone),
            Do::Fetch(want) => {
                self.check_want(&want);
                self.totals.heads_asked += u64::from(want == Want::Head);
                flights.push(Flight::Asked(want));
                let asked = flights.iter().filter(|f| f.want().is_some()).count();
                assert!(asked <= self.limits.in_flight.min(MAX_IN_FLIGHT), "too much in flight");
            }
            Do::Wait { ms } => {
                assert!(ms <= 60_000, "no wait is longer than a minute");
                flights.push(Flight::Sleeping);
            }
            Do::AdoptGrant { grant, policy, bundle } => {
                self.device.adopt(*grant, policy.policy_version, &bundle);
                return Some(Event::GrantAdopted);
            }
            Do::Inspect(id, segments) => return Some(self.device.inspect(id, &segments)),
            Do::Stage { segment, index, bytes } => {
                let old = self.device.staged.entry(segment).or_default().insert(index, bytes);
                assert!(old.is_none(), "a frame that is staged is not fetched again");
            }
            Do::DropSegment(hash) => self.device.drop_segment(&hash),
            Do::KeepDictionary { compartment, segment } => self.device.keep_dictionary(compartment, &segment),
            Do::Apply { manifest, manifest_hash, route } => {
                self.check_work(manifest.compartment, flights);
                flights.push(Flight::Applying(manifest, manifest_hash, route));
            }
            Do::ApplyIndex { manifest, segments } => {
                self.check_work(manifest.compartment, flights);
                flights.push(Flight::Indexing(manifest, segments));
            }
            Do::Repair(id) => {
                self.check_work(id, flights);
                flights.push(Flight::Repairing(id));
            }
            Do::Commit { head_version, head, set_hash } => self.commit(head_version, &head, set_hash),
            Do::Contact => self.device.contact = Some(self.hub.now()),
            Do::Planned { .. } => {}
            // The machine asks until that grant is lifted; the simulated device keeps what it has.
            Do::Hold { bundle } => assert!(bundle.keys.is_empty(), "no key comes with it"),
            Do::AdoptRoot(_) => unreachable!("no root of this hub ever steps"),
            Do::Wipe(_) | Do::Done(_) => unreachable!("no wipe key ever signed an order"),
        }
        None
    }

    fn commit(&mut self, head_version: u64, head: &[u8], set_hash: Option<Hash32>) {
        self.check_commit(head_version, head, set_hash);
        self.device.head_version = head_version;
        self.device.head_hash = Some(Hash32::of(head));
        if let Some(set) = set_hash {
            self.device.set_hash = set;
        }
    }

    /// The next event of any flight: what belongs to one request keeps its order, between requests there is none.
    fn arrive(&mut self, flights: &mut Vec<Flight>, chaos: &Chaos) -> Event {
        let n = self.rng.below(flights.len() as u64) as usize;
        self.gone = self.gone.saturating_sub(1);
        let event = match &mut flights[n] {
            Flight::Sleeping => Event::Woke,
            Flight::Applying(m, hash, route) => self.device.apply(m, *hash, route),
            Flight::Indexing(m, segments) => self.device.apply_index(m, segments),
            Flight::Repairing(id) => self.repair(*id, chaos),
            flight => {
                if let Flight::Asked(want) = flight {
                    let lost = || [Event::Failed(want.clone(), FetchFault::Transient("gone".into()))].into();
                    let events =
                        if self.gone > 0 { lost() } else { link::answer(&self.hub, want, chaos, &mut self.rng) };
                    *flight = Flight::Coming(want.clone(), events);
                }
                let Flight::Coming(_, events) = flight else { unreachable!("all others are above") };
                let event = events.pop_front().expect("a flight without events is taken away");
                if !events.is_empty() {
                    self.count(&event);
                    return event;
                }
                event
            }
        };
        drop(flights.swap_remove(n));
        self.count(&event);
        event
    }

    fn repair(&mut self, id: CompartmentId, chaos: &Chaos) -> Event {
        let failed = |fault| Event::ApplyFailed { compartment: id, why: ApplyFault::Other(fault) };
        if self.gone > 0 || self.rng.chance(chaos.drop) {
            return failed(SyncFault::Unreachable("dropped".into()));
        }
        if !self.hub.granted.contains(&id) {
            return failed(SyncFault::Refused { code: "not_granted".into(), text: String::new() });
        }
        let mended = self.device.repair(id, &self.hub, &mut self.rng);
        self.totals.repair_bytes += mended.bytes;
        mended.event
    }

    fn count(&mut self, event: &Event) {
        match event {
            Event::Frame { bytes, segment, .. } => {
                self.totals.bytes += bytes.len() as u64;
                let what = self.hub.segments.get(segment).map(|s| s.what);
                if matches!(what, Some(What::Snapshot | What::Index)) {
                    self.can_wait += bytes.len() as u64;
                }
                let left = self.limits.budget_bytes.is_none_or(|b| self.can_wait <= b);
                assert!(left, "{} bytes that could wait, of a budget of {:?}", self.can_wait, self.limits.budget_bytes);
            }
            Event::Failed(Want::Frames { .. }, _) => self.break_off(),
            Event::Head { .. } => self.answered = Some(self.hub.now()),
            _ => {}
        }
    }

    /// A part of a frame crossed the link in vain.
    fn break_off(&mut self) {
        self.broken += 1;
        self.totals.bytes += self.rng.below((FRAME + HEADER) as u64);
    }

    /// Another network: everything in flight breaks.
    fn switch(&mut self, flights: &mut [Flight]) {
        for flight in flights.iter_mut() {
            if let Some(want) = flight.want().cloned() {
                let lost = Event::Failed(want.clone(), FetchFault::Transient("another network".into()));
                *flight = Flight::Coming(want, [lost].into());
            }
        }
    }

    fn cut_off(&mut self, flights: &[Flight]) -> End {
        self.totals.cut_off += 1;
        for f in flights {
            if matches!(f, Flight::Coming(Want::Frames { .. }, _)) {
                self.break_off();
            }
        }
        End::Restarted
    }
}
