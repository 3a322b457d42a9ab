//! One compartment that changed, and how far it has come.
//!
//! A work looks at what is held and becomes a repair, a question for the catalogue, or segments to load; loaded, it is
//! applied, and then it is over or plans anew. Its place in the order follows from what it is doing now.

use crate::route::bytes_of;
use crate::{Do, Machine, Route, RouteKind, Want, choose};
use beatcheck_model::RecordKind;
use beatcheck_wire::{Catalogue, CompartmentId, Hash32, Manifest, SegmentRef, WireError};
use std::collections::{BTreeMap, VecDeque};

/// What is done with segments once they are loaded.
#[derive(Clone, Debug)]
pub(crate) enum Goal {
    Index(Vec<SegmentRef>),
    Route(Route),
}

impl Goal {
    /// Whether it may wait for a better network.
    pub(crate) fn can_wait(&self) -> bool {
        match self {
            Self::Index(_) => true,
            Self::Route(r) => r.kind == RouteKind::Snapshot,
        }
    }
}

/// Whether it is known which frames are staged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Wanted,
    Asked,
    Done,
}

/// Segments on their way.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) goal: Goal,
    /// A dictionary that is not kept yet, if one is needed.
    pub(crate) dictionary: Option<SegmentRef>,
    pub(crate) look: Look,
    /// Ranges still to ask for.
    pub(crate) queue: VecDeque<Want>,
    /// Bytes of the goal's segments that are not staged, once looked at.
    pub(crate) missing: u64,
}

impl Load {
    pub(crate) fn new(goal: Goal, dictionary: Option<SegmentRef>) -> Self {
        let mut load = Self { goal, dictionary, look: Look::Wanted, queue: VecDeque::new(), missing: 0 };
        if load.segments().next().is_none() {
            load.look = Look::Done;
        }
        load
    }

    /// What is loaded, in order; the dictionary first.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &SegmentRef> {
        self.dictionary.iter().chain(self.parts())
    }

    pub(crate) fn parts(&self) -> &[SegmentRef] {
        match &self.goal {
            Goal::Index(segments) => segments,
            Goal::Route(r) => &r.segments,
        }
    }
}

/// What a work is doing.
#[derive(Debug)]
pub(crate) enum Stage {
    /// Nothing yet.
    New,
    /// The client mends rows, or is to.
    Repair { told: bool },
    /// The catalogue is needed.
    Catalogue { asked: bool },
    /// Segments are fetched.
    Load(Load),
    /// The client applies.
    Applying(Goal),
}

pub(crate) struct Work {
    pub(crate) manifest: Manifest,
    pub(crate) hash: Hash32,
    pub(crate) catalogue: Option<Catalogue>,
    pub(crate) stage: Stage,
    /// Its place in the order.
    place: Place,
}

/// Warnings' deltas, other deltas, indexes, snapshots; of snapshots those with warnings first, vehicles before persons,
/// small before large.
type Place = (u8, bool, bool, u64, CompartmentId);

/// What a compartment has used up of what it may try, over all of a sync.
#[derive(Default)]
pub(crate) struct Spent {
    pub(crate) refetched: BTreeMap<Hash32, u32>,
    /// A repair was tried.
    pub(crate) repaired: bool,
    /// A rebuilding was begun: what is held is not built upon.
    pub(crate) rebuilding: bool,
    /// Its index failed, or does not fit the budget.
    pub(crate) no_index: bool,
}

impl Work {
    pub(crate) fn new(manifest: Manifest, hash: Hash32) -> Self {
        Self { manifest, hash, catalogue: None, stage: Stage::New, place: Place::default() }
    }

    pub(crate) fn id(&self) -> CompartmentId {
        self.manifest.compartment
    }

    /// Whether the client was asked what is staged, and has not said.
    pub(crate) fn is_looking(&self) -> bool {
        matches!(&self.stage, Stage::Load(l) if l.look == Look::Asked)
    }

    pub(crate) fn load(&mut self) -> Option<&mut Load> {
        match &mut self.stage {
            Stage::Load(load) => Some(load),
            _ => None,
        }
    }
}

impl Machine {
    /// Takes out the work of a compartment, if it is in such a stage.
    pub(crate) fn take(&mut self, id: &CompartmentId, stage: impl Fn(&Stage) -> bool) -> Option<Work> {
        let n = self.works.iter().position(|w| w.id() == *id && stage(&w.stage))?;
        Some(self.works.remove(n))
    }

    /// Decides what a work does next, and puts it in its place; a work that has nothing to do is over.
    pub(crate) fn plan(&mut self, mut work: Work) -> Vec<Do> {
        let id = work.id();
        let spent = self.spent.entry(id).or_default();
        let held = self.held.compartments.get(&id);
        if held.is_some_and(|h| h.suspect) && !spent.repaired {
            spent.repaired = true;
            self.put(work, Stage::Repair { told: false });
            return Vec::new();
        }
        let trusted = held.filter(|h| !h.suspect && !spent.rebuilding);
        if trusted.is_some_and(|h| h.manifest_hash == work.hash) {
            return Vec::new();
        }
        let Some(route) = choose(&work.manifest, work.catalogue.as_ref(), trusted) else {
            if work.catalogue.is_some() {
                self.outcome.failed.push((id, WireError::Malformed("catalogue").into()));
                return Vec::new();
            }
            self.put(work, Stage::Catalogue { asked: false });
            return Vec::new();
        };
        let planned = Do::Planned { compartment: id, kind: route.kind, bytes: route.bytes() };
        let index = work.catalogue.as_mut().map(|c| std::mem::take(&mut c.index)).unwrap_or_default();
        let lacks = held.is_none() && !self.held.indexed.contains(&id) && !spent.no_index;
        let goal = if lacks && !index.is_empty() && work.manifest.kind == RecordKind::Vehicle {
            Goal::Index(index)
        } else {
            Goal::Route(route)
        };
        let needs = matches!(&goal, Goal::Route(r) if !r.segments.is_empty());
        let kept = &self.held.dictionaries;
        let dictionary = work.manifest.dictionary.filter(|d| needs && !kept.contains(&d.hash));
        self.put(work, Stage::Load(Load::new(goal, dictionary)));
        vec![planned]
    }

    /// Puts a work in its place.
    pub(crate) fn put(&mut self, mut work: Work, stage: Stage) {
        let (m, id) = (&work.manifest, work.id());
        let urgent = u8::from(!m.warnings);
        let held = self.held.compartments.contains_key(&id);
        let vehicle = m.kind == RecordKind::Vehicle;
        let (class, bytes) = match &stage {
            Stage::Load(Load { goal: Goal::Index(parts), .. }) => (2, bytes_of(parts)),
            Stage::Load(Load { goal: Goal::Route(r), .. }) if r.kind == RouteKind::Snapshot => (3, r.bytes()),
            Stage::Load(Load { goal: Goal::Route(r), .. }) => (urgent, r.bytes()),
            Stage::Catalogue { .. } if held => (urgent, m.catalogue.snapshot_bytes),
            Stage::Catalogue { .. } if vehicle => (2, m.catalogue.snapshot_bytes),
            Stage::Catalogue { .. } => (3, m.catalogue.snapshot_bytes),
            Stage::New | Stage::Repair { .. } | Stage::Applying(_) => (0, 0),
        };
        work.place = (class, !m.warnings, !vehicle, bytes, id);
        work.stage = stage;
        let n = self.works.partition_point(|w| w.place <= work.place);
        self.works.insert(n, work);
    }
}
