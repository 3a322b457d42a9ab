//! The loop: hub, device and link together, and what must hold after every step.

use crate::device::Device;
use crate::hub::Hub;
use crate::link::{self, Chaos};
use crate::rng::Rng;
use beatcheck_sync::{Do, Event, MAX_IN_FLIGHT, Machine, Outcome, Want};
use beatcheck_wire::digest::RowDigest;
use beatcheck_wire::segment::{FRAME, HEADER, frame_range};
use beatcheck_wire::{CompartmentId, Hash32};
use std::collections::{BTreeMap, VecDeque};

/// What came of one sync.
pub enum End {
    /// It ran to its end.
    Done(Outcome),
    /// The device restarted in the middle.
    Restarted,
}

/// A request under way.
enum Flight {
    Asked(Want),
    Coming(Want, VecDeque<Event>),
    Sleeping,
}

/// Everything.
pub struct World {
    pub hub: Hub,
    pub device: Device,
    pub rng: Rng,
    /// Bytes of frames that crossed the link, the broken-off parts included.
    pub bytes: u64,
    /// Ranges that broke off, or were cut off by a restart.
    pub broken: u64,
    /// Most instructions that one sync gave.
    pub most_instructions: usize,
    /// Highest versions seen on the device.
    seen: (u64, u64, u64),
    seen_manifests: BTreeMap<CompartmentId, u64>,
    heads_checked: u64,
}

impl World {
    /// A new hub and an empty device.
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let hub = Hub::new(&mut rng);
        Self {
            hub,
            device: Device::default(),
            rng,
            bytes: 0,
            broken: 0,
            most_instructions: 0,
            seen: (0, 0, 0),
            seen_manifests: BTreeMap::new(),
            heads_checked: 0,
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

    /// One sync.
    pub fn sync(&mut self, chaos: &Chaos) -> End {
        if self.rng.chance(chaos.rot) {
            let n = self.rng.below(self.device.stores.len() as u64 + 1) as usize;
            if let Some(store) = self.device.stores.values_mut().nth(n) {
                let nth = self.rng.below(store.rows.len() as u64 + 1) as usize;
                store.rot(nth);
            }
        }
        let mut machine = Machine::new(self.device.held(&self.hub), self.hub.trust());
        let mut todo: VecDeque<Do> = machine.start().into();
        let mut flights: Vec<Flight> = Vec::new();
        let mut instructions = 0;
        // What a frame may cost at worst: every try of it, each with its waits and looks, over again for each refetch
        // of a damaged segment and for a rebuilding.
        let frames: usize = self.hub.segments.values().map(|(_, s)| s.len().div_ceil(FRAME)).sum();
        let limit = 1000 + frames * 6 * 40;
        loop {
            while let Some(next) = todo.pop_front() {
                instructions += 1;
                assert!(instructions < limit, "a livelock: {instructions} instructions for {frames} frames");
                self.most_instructions = self.most_instructions.max(instructions);
                if self.rng.chance(chaos.restart) {
                    self.cut_off(&flights);
                    return End::Restarted;
                }
                if let Do::Done(outcome) = next {
                    assert!(todo.is_empty(), "nothing comes after the end");
                    assert!(machine.on(Event::Woke, self.hub.now()).is_empty(), "nothing comes after the end");
                    return End::Done(outcome);
                }
                if let Some(event) = self.obey(next, &mut flights) {
                    todo.extend(machine.on(event, self.hub.now()));
                }
                self.check();
            }
            if self.rng.chance(chaos.moves) {
                self.hub_moves();
            }
            if self.rng.chance(chaos.restart) {
                self.cut_off(&flights);
                return End::Restarted;
            }
            assert!(!flights.is_empty(), "stuck: nothing to do, and nothing to wait for");
            let event = self.arrive(&mut flights, chaos);
            todo.extend(machine.on(event, self.hub.now()));
        }
    }

    /// Does what an instruction says; what needs the link becomes a flight.
    fn obey(&mut self, what: Do, flights: &mut Vec<Flight>) -> Option<Event> {
        match what {
            Do::SendJournal => return Some(Event::JournalDone),
            Do::Fetch(want) => {
                if let Want::Frames { segment, total, first, bytes } = &want {
                    self.check_range(segment, *total, *first, bytes);
                }
                flights.push(Flight::Asked(want));
                let frames = |f: &&Flight| !matches!(f, Flight::Sleeping);
                assert!(flights.iter().filter(frames).count() <= MAX_IN_FLIGHT, "too much in flight");
            }
            Do::Wait { ms } => {
                assert!(ms <= 60_000, "no wait is longer than a minute");
                flights.push(Flight::Sleeping);
            }
            Do::AdoptGrant { grant, policy, bundle } => {
                self.device.adopt(*grant, policy.policy_version, &bundle);
                return Some(Event::GrantAdopted);
            }
            Do::Inspect(segments) => return Some(self.device.inspect(&segments)),
            Do::Stage { segment, index, bytes } => {
                let old = self.device.staged.entry(segment).or_default().insert(index, bytes);
                assert!(old.is_none(), "a frame that is staged is not fetched again");
            }
            Do::DropSegment(hash) => drop(self.device.staged.remove(&hash)),
            Do::Apply { manifest, manifest_hash, route } => {
                let granted =
                    self.device.grant.iter().flat_map(|g| &g.compartments).any(|c| c.id == manifest.compartment);
                assert!(granted, "only what is granted is applied");
                return Some(self.device.apply(&manifest, manifest_hash, &route));
            }
            Do::Commit { head_version, head, set_hash } => self.commit(head_version, &head, set_hash),
            Do::Contact => self.heads_checked += 1,
            Do::Wipe | Do::Done(_) => unreachable!("no grant of this hub orders a wipe"),
        }
        None
    }

    fn commit(&mut self, head_version: u64, head: &[u8], set_hash: Option<Hash32>) {
        let known = &self.hub.heads[head_version as usize - 1];
        assert_eq!(known.1, head, "only a head that the hub signed is committed");
        self.device.head_version = head_version;
        self.device.head_hash = Some(Hash32::of(head));
        if let Some(set) = set_hash {
            assert_eq!(known.0.set_hash, set);
            for (id, hash) in &self.hub.sets[&set].manifests {
                let granted = self.device.grant.iter().flat_map(|g| &g.compartments).any(|c| c.id == *id);
                let held = self.device.stores.get(id).map(|s| s.manifest_hash);
                assert!(!granted || held == Some(*hash), "a set is committed when all of it is held");
            }
            self.device.set_hash = set;
        }
    }

    /// The next event of any flight: what belongs to one request keeps its order, between requests there is none.
    fn arrive(&mut self, flights: &mut Vec<Flight>, chaos: &Chaos) -> Event {
        let n = self.rng.below(flights.len() as u64) as usize;
        if let Flight::Asked(want) = &flights[n] {
            let events = link::answer(&self.hub, want, chaos, &mut self.rng);
            flights[n] = Flight::Coming(want.clone(), events);
        }
        let event = match &mut flights[n] {
            Flight::Sleeping => Event::Woke,
            Flight::Coming(_, events) => events.pop_front().expect("a flight without events is taken away"),
            Flight::Asked(_) => unreachable!("answered above"),
        };
        match (&event, &flights[n]) {
            (Event::Frame { bytes, .. }, _) => self.bytes += bytes.len() as u64,
            (Event::Failed(Want::Frames { .. }, _), _) => self.break_off(),
            _ => {}
        }
        if !matches!(&flights[n], Flight::Coming(_, events) if !events.is_empty()) {
            drop(flights.swap_remove(n));
        }
        event
    }

    /// A part of a frame crossed the link in vain.
    fn break_off(&mut self) {
        self.broken += 1;
        self.bytes += self.rng.below((FRAME + HEADER) as u64);
    }

    fn cut_off(&mut self, flights: &[Flight]) {
        for f in flights {
            if matches!(f, Flight::Coming(Want::Frames { .. }, _)) {
                self.break_off();
            }
        }
    }

    fn check_range(&self, segment: &Hash32, total: u32, first: u16, bytes: &std::ops::Range<u32>) {
        let staged = self.device.staged.get(segment);
        let mut index = first;
        loop {
            let frame = frame_range(total, index);
            if frame.is_empty() || frame.start >= bytes.end {
                return;
            }
            assert!(staged.is_none_or(|s| !s.contains_key(&index)), "asked for a frame that is staged");
            index += 1;
        }
    }

    /// What must hold at every moment, whatever the link and the power do.
    fn check(&mut self) {
        let d = &self.device;
        let now = (d.head_version, d.grant.as_ref().map_or(0, |g| g.grant_version), d.policy_version);
        let (h, g, p) = self.seen;
        assert!(now.0 >= h && now.1 >= g && now.2 >= p, "a version went backwards: {:?} to {now:?}", self.seen);
        self.seen = now;
        for (id, store) in &d.stores {
            let last = self.seen_manifests.entry(*id).or_default();
            if store.manifest_version == *last {
                continue;
            }
            assert!(store.manifest_version > *last, "a manifest version went backwards");
            *last = store.manifest_version;
            let published = self.hub.manifests.iter().find(|(_, h)| *h == store.manifest_hash);
            let (m, _) = published.expect("only what the hub published is held");
            let mut digest = RowDigest::default();
            store.rows.values().for_each(|r| digest.add(r));
            assert_eq!(digest.finish(), m.digest, "what is visible is whole and verified");
            assert_eq!((m.compartment, m.rows, m.watermark), (*id, store.rows.len() as u64, store.watermark));
        }
        // One that was withdrawn may come back, at whatever version is published by then.
        self.seen_manifests.retain(|id, _| d.stores.contains_key(id));
    }

    /// Whether the device holds exactly what the hub has for it, row by row.
    pub fn agrees(&self) -> bool {
        let ids: Vec<_> = self.device.stores.keys().copied().collect();
        let granted: Vec<_> = self.hub.granted.iter().copied().collect();
        let same = |s: &crate::hub::Source| {
            let Some(store) = self.device.stores.get(&s.id) else { return false };
            store.rows.len() == s.rows.len()
                && s.rows.iter().all(|(id, r)| {
                    store.rows.get(id).is_some_and(|b| *b == beatcheck_wire::digest::canonical(r).unwrap_or_default())
                })
        };
        ids == granted
            && self.hub.sources.iter().filter(|s| self.hub.granted.contains(&s.id)).all(same)
            && self.device.head_version == self.hub.heads.len() as u64
    }
}
