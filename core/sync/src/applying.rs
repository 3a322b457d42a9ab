//! What the client makes of what was loaded, and the ways out when it cannot.
//!
//! A damaged segment is fetched anew, a few times. Rows that turn out to be others than the digest says are mended one by
//! one, once; if that does not help, the compartment is rebuilt, once. A mark index is a help and not a duty: it is
//! dropped without a word, because the rows follow anyway.

use crate::machine::{MAX_APPLYING, MAX_REFETCH};
use crate::work::{Goal, Load, Look, Stage, Work};
use crate::{ApplyFault, Do, HeldCompartment, Machine, RouteKind, SyncFault};
use beatcheck_wire::{CompartmentId, Hash32, SegmentRef};

fn push_once(list: &mut Vec<CompartmentId>, id: CompartmentId) {
    if !list.contains(&id) {
        list.push(id);
    }
}

impl Machine {
    /// Has as many works applied as may be, the most urgent first.
    pub(crate) fn applies(&mut self) -> Vec<Do> {
        let mut out = Vec::new();
        let mut applying = self.applying();
        let rests = self.link.waits > 0 || self.link.broken;
        for work in &mut self.works {
            if applying >= MAX_APPLYING {
                break;
            }
            let id = work.manifest.compartment;
            let loaded = |l: &Load| {
                let coming = self.link.flights.iter().any(|(_, of)| *of == Some(id));
                l.look == Look::Done && l.queue.is_empty() && !coming
            };
            match &mut work.stage {
                // It asks the hub, too.
                Stage::Repair { told } if !*told && !rests && self.begun => {
                    *told = true;
                    out.push(Do::Repair(id));
                }
                Stage::Load(load) if loaded(load) => {
                    if let Some(segment) = load.dictionary {
                        self.held.dictionaries.insert(segment.hash);
                        out.push(Do::KeepDictionary { compartment: id, segment });
                    }
                    let manifest = Box::new(work.manifest.clone());
                    out.push(match &load.goal {
                        Goal::Index(segments) => Do::ApplyIndex { manifest, segments: segments.clone() },
                        Goal::Route(route) => Do::Apply { manifest, manifest_hash: work.hash, route: route.clone() },
                    });
                    work.stage = Stage::Applying(load.goal.clone());
                }
                _ => continue,
            }
            applying += 1;
        }
        out
    }

    pub(crate) fn on_applied(&mut self, id: CompartmentId) {
        let Some(work) = self.take(&id, |s| matches!(s, Stage::Applying(Goal::Route(_)))) else { return };
        let m = &work.manifest;
        let held = HeldCompartment {
            manifest_version: m.manifest_version,
            manifest_hash: work.hash,
            watermark: m.watermark,
            digest: m.digest,
            suspect: false,
        };
        self.held.compartments.insert(id, held);
        push_once(&mut self.outcome.applied, id);
        let spent = self.spent.entry(id).or_default();
        if std::mem::take(&mut spent.rebuilding) {
            push_once(&mut self.outcome.rebuilt, id);
        }
    }

    pub(crate) fn on_indexed(&mut self, id: CompartmentId) -> Vec<Do> {
        let Some(work) = self.take(&id, |s| matches!(s, Stage::Applying(Goal::Index(_)))) else { return Vec::new() };
        self.held.indexed.insert(id);
        push_once(&mut self.outcome.indexed, id);
        self.plan(work)
    }

    pub(crate) fn on_repaired(&mut self, id: CompartmentId, whole: bool) -> Vec<Do> {
        let Some(work) = self.take(&id, |s| matches!(s, Stage::Repair { told: true })) else { return Vec::new() };
        if whole {
            if let Some(held) = self.held.compartments.get_mut(&id) {
                held.suspect = false;
            }
            push_once(&mut self.outcome.repaired, id);
        } else {
            self.spent.entry(id).or_default().rebuilding = true;
        }
        self.plan(work)
    }

    pub(crate) fn on_apply_failed(&mut self, id: CompartmentId, why: ApplyFault) -> Vec<Do> {
        let busy = |s: &Stage| matches!(s, Stage::Applying(_) | Stage::Repair { told: true });
        let Some(mut work) = self.take(&id, busy) else { return Vec::new() };
        let spent = self.spent.entry(id).or_default();
        let goal = match std::mem::replace(&mut work.stage, Stage::New) {
            Stage::Applying(goal) => Some(goal),
            _ => None,
        };
        if let ApplyFault::Segment(hash) = why
            && let Some(goal) = &goal
            && spent.may_refetch(hash)
        {
            return self.refetch(work, goal.clone(), hash);
        }
        let fault = match (why, goal) {
            (_, Some(Goal::Index(parts))) => return self.without_index(work, &parts),
            (ApplyFault::Digest, Some(Goal::Route(route))) if route.kind != RouteKind::Snapshot => {
                if !spent.repaired {
                    spent.repaired = true;
                    self.put(work, Stage::Repair { told: false });
                    return Vec::new();
                }
                if !spent.rebuilding {
                    // What is held is not what it should be: rebuild this compartment, and only this one.
                    spent.rebuilding = true;
                    return self.plan(work);
                }
                SyncFault::Diverged(id)
            }
            (ApplyFault::Segment(hash), _) => SyncFault::SegmentDamaged(hash),
            (ApplyFault::Digest, _) => SyncFault::Diverged(id),
            (ApplyFault::Other(fault), _) => fault,
        };
        self.outcome.failed.push((id, fault));
        Vec::new()
    }

    /// Loads again, without what is staged of a damaged segment; it may be the dictionary that was kept.
    fn refetch(&mut self, work: Work, goal: Goal, hash: Hash32) -> Vec<Do> {
        let damaged = work.manifest.dictionary.filter(|d| d.hash == hash);
        if damaged.is_some() {
            self.held.dictionaries.remove(&hash);
        }
        self.put(work, Stage::Load(Load::new(goal, damaged)));
        vec![Do::DropSegment(hash)]
    }

    /// Goes on without the mark index; what is staged of it is of no use to anybody.
    pub(crate) fn without_index(&mut self, work: Work, parts: &[SegmentRef]) -> Vec<Do> {
        let id = work.manifest.compartment;
        self.spent.entry(id).or_default().no_index = true;
        let mut out: Vec<Do> = parts.iter().map(|s| Do::DropSegment(s.hash)).collect();
        out.extend(self.plan(work));
        out
    }
}

impl crate::work::Spent {
    fn may_refetch(&mut self, hash: Hash32) -> bool {
        let n = self.refetched.entry(hash).or_default();
        *n += 1;
        *n <= MAX_REFETCH
    }
}
