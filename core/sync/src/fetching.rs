//! What is asked of the link, in which order, and what happens when it fails.

use crate::machine::{FIRST_WAIT_MS, Link, MAX_RESTARTS, MAX_TRIES, MAX_WAIT_S};
use crate::work::{Goal, Load, Look, Stage};
use crate::{Do, FetchFault, Machine, SyncFault, Want};
use beatcheck_wire::{CompartmentId, Hash32, SegmentRef, segment};
use std::collections::VecDeque;

impl Link {
    fn ask(&mut self, want: Want, of: Option<CompartmentId>) -> Do {
        self.flights.push((want.clone(), of));
        Do::Fetch(want)
    }
}

impl Machine {
    /// Asks for as much as may be in flight: documents first, then for the first work that still has something to ask for.
    pub(crate) fn fetches(&mut self) -> Vec<Do> {
        let (link, most) = (&mut self.link, self.in_flight);
        let mut out = Vec::new();
        if link.waits > 0 || (link.broken && !link.flights.is_empty()) {
            return out;
        }
        link.broken = false;
        while link.flights.len() < most {
            let Some(want) = self.ask.pop_front() else { break };
            out.push(link.ask(want, None));
        }
        if !self.begun {
            return out;
        }
        for work in &mut self.works {
            if link.flights.len() >= most {
                break;
            }
            let id = work.manifest.compartment;
            match &mut work.stage {
                Stage::Catalogue { asked } if !*asked => {
                    *asked = true;
                    out.push(link.ask(Want::Catalogue(id, work.manifest.catalogue.hash), Some(id)));
                }
                Stage::Load(load) => match load.look {
                    // It may have something to ask for: nobody less urgent goes before that is known.
                    Look::Wanted => {
                        load.look = Look::Asked;
                        out.push(Do::Inspect(id, load.segments().map(|s| (s.hash, s.frames)).collect()));
                        break;
                    }
                    Look::Asked => break,
                    Look::Done => {
                        while link.flights.len() < most {
                            let Some(want) = load.queue.pop_front() else { break };
                            out.push(link.ask(want, Some(id)));
                        }
                    }
                },
                _ => {}
            }
        }
        out
    }

    /// What was asked for has ended, well or not; for which compartment it was.
    pub(crate) fn land(&mut self, what: impl Fn(&Want) -> bool) -> Option<Option<CompartmentId>> {
        let n = self.link.flights.iter().position(|(w, _)| what(w))?;
        Some(self.link.flights.remove(n).1)
    }

    /// Asks for what is not staged, unless that may wait and is more than may be fetched.
    pub(crate) fn on_staged(&mut self, id: CompartmentId, staged: &[(Hash32, Vec<bool>)]) -> Vec<Do> {
        let looks = |s: &Stage| matches!(s, Stage::Load(l) if l.look == Look::Asked);
        let promised: u64 = self.works.iter().map(|w| promised(&w.stage)).sum();
        let Some(work) = self.works.iter_mut().find(|w| w.manifest.compartment == id && looks(&w.stage)) else {
            return Vec::new();
        };
        let Some(load) = work.load() else { return Vec::new() };
        load.look = Look::Done;
        load.queue = load.segments().flat_map(|s| lacking(s, staged)).collect();
        let missing = |s: &SegmentRef| -> u64 { lacking(s, staged).iter().map(size).sum() };
        load.missing = load.parts().iter().map(missing).sum();
        let fits = self.link.budget.is_none_or(|left| promised.saturating_add(load.missing) <= left);
        if fits || !load.goal.can_wait() {
            return Vec::new();
        }
        let index = matches!(load.goal, Goal::Index(_));
        let Some(work) = self.take(&id, |s| matches!(s, Stage::Load(_))) else { return Vec::new() };
        if index {
            self.spent.entry(id).or_default().no_index = true;
            return self.plan(work);
        }
        self.outcome.deferred.push(id);
        Vec::new()
    }

    /// A frame that was asked for is kept; any other is not.
    pub(crate) fn on_frame(&mut self, segment: Hash32, index: u16, bytes: Vec<u8>) -> Vec<Do> {
        let asked = |w: &Want| matches!(w, Want::Frames { segment: s, .. } if *s == segment);
        let Some((_, of)) = self.link.flights.iter().find(|(w, _)| asked(w)) else { return Vec::new() };
        self.link.tries = 0;
        let work = self.works.iter_mut().find(|w| Some(w.manifest.compartment) == *of);
        if let Some(load) = work.and_then(|w| w.load()).filter(|l| l.parts().iter().any(|s| s.hash == segment)) {
            let n = bytes.len() as u64;
            load.missing = load.missing.saturating_sub(n);
            if load.goal.can_wait() {
                self.link.budget = self.link.budget.map(|left| left.saturating_sub(n));
            }
        }
        vec![Do::Stage { segment, index, bytes }]
    }

    pub(crate) fn on_failed(&mut self, want: &Want, fault: FetchFault) -> Result<Vec<Do>, SyncFault> {
        let Some(of) = self.land(|w| w == want) else { return Ok(Vec::new()) };
        // One broken link breaks everything on it: that is one failure, not several.
        let first = !self.link.broken;
        if first && matches!(fault, FetchFault::Transient(_) | FetchFault::Busy(_)) {
            self.link.tries += 1;
        }
        let tries = self.link.tries;
        let wait_ms = match fault {
            FetchFault::Refused { code, text } => return Err(SyncFault::Refused { code, text }),
            FetchFault::NotFound => return self.on_gone(want, of),
            FetchFault::Busy(s) if s > MAX_WAIT_S || tries >= MAX_TRIES => {
                self.outcome.ask_again_s = s;
                return Err(SyncFault::Busy { s });
            }
            FetchFault::Busy(s) => Some(u64::from(s) * 1000),
            FetchFault::Transient(why) if tries >= MAX_TRIES => return Err(SyncFault::Unreachable(why)),
            FetchFault::Transient(_) => first.then(|| FIRST_WAIT_MS << tries.saturating_sub(1)),
        };
        self.link.broken = true;
        self.ask_later(want, of);
        let Some(ms) = wait_ms else { return Ok(Vec::new()) };
        self.link.waits += 1;
        Ok(vec![Do::Wait { ms }])
    }

    /// Notes that what broke off is still needed.
    fn ask_later(&mut self, want: &Want, of: Option<CompartmentId>) {
        let Some(id) = of else {
            self.ask.push_back(want.clone());
            return;
        };
        match self.works.iter_mut().find(|w| w.manifest.compartment == id).map(|w| &mut w.stage) {
            Some(Stage::Load(load)) => {
                // Some of the range may have come: look again at what is staged.
                load.look = Look::Wanted;
                load.queue.clear();
            }
            Some(Stage::Catalogue { asked }) => *asked = false,
            _ => {}
        }
    }

    /// What documents name is gone: the hub has moved on, so its head says what is there instead.
    fn on_gone(&mut self, want: &Want, of: Option<CompartmentId>) -> Result<Vec<Do>, SyncFault> {
        if let (Want::Frames { .. }, Some(id)) = (want, of) {
            let index = |s: &Stage| matches!(s, Stage::Load(Load { goal: Goal::Index(_), .. }));
            if let Some(work) = self.take(&id, index) {
                let parts = match &work.stage {
                    Stage::Load(load) => load.parts().to_vec(),
                    _ => Vec::new(),
                };
                return Ok(self.without_index(work, &parts));
            }
        }
        let moves = !matches!(want, Want::Head | Want::Grant);
        if moves && self.restarting {
            return Ok(Vec::new());
        }
        if moves && self.restarts < MAX_RESTARTS {
            self.restarts += 1;
            self.restarting = true;
            return Ok(Vec::new());
        }
        let text = "it does not have what its own documents name".into();
        Err(SyncFault::Refused { code: "not_found".into(), text })
    }
}

/// Bytes that a work which may wait is already allowed.
fn promised(stage: &Stage) -> u64 {
    match stage {
        Stage::Load(l) if l.look == Look::Done && l.goal.can_wait() => l.missing,
        _ => 0,
    }
}

fn size(want: &Want) -> u64 {
    match want {
        Want::Frames { bytes, .. } => u64::from(bytes.end.saturating_sub(bytes.start)),
        _ => 0,
    }
}

/// The ranges of a segment that are not staged.
fn lacking(s: &SegmentRef, staged: &[(Hash32, Vec<bool>)]) -> VecDeque<Want> {
    let have = staged.iter().find(|(h, _)| *h == s.hash).map(|(_, f)| f.as_slice()).unwrap_or_default();
    let missing = |i: u16| !have.get(usize::from(i)).copied().unwrap_or(false);
    let mut out = VecDeque::new();
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
        out.push_back(Want::Frames { segment: s.hash, total: s.bytes, first, bytes });
    }
    out
}
