//! What is on its way: for each compartment how much of it has come, so that an answer can say what is still missing.
//!
//! Kept in RAM for this process, and now and then in the state file, so that a check made by another process, or after a
//! restart, says it too.

use crate::ClientError;
use crate::device::{Device, decode, doc, encode};
use beatcheck_model::Arriving;
use beatcheck_wire::{CompartmentId, Hash32};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// How often the state file is told, at most.
const NOTE_EVERY: Duration = Duration::from_secs(2);
/// Over how long the rate is measured.
const RATE_WINDOW: Duration = Duration::from_secs(5);

/// What is known of one compartment that is on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OnItsWay {
    /// Bytes that have come.
    pub bytes: u64,
    /// Of so many.
    pub of: u64,
    /// Bytes a second of late, of the whole sync; 0 if no sync runs.
    pub bytes_per_s: u64,
    /// Bytes of other compartments that come before it.
    pub before: u64,
}

impl OnItsWay {
    /// As an answer says it.
    pub(crate) fn shown(&self) -> Arriving {
        let share = (self.bytes * 100).checked_div(self.of).unwrap_or(0).min(99);
        let left = self.of.saturating_sub(self.bytes) + self.before;
        Arriving {
            share_percent: u32::try_from(share).unwrap_or(99),
            seconds_left: left.checked_div(self.bytes_per_s).map(|s| u32::try_from(s).unwrap_or(u32::MAX)),
        }
    }
}

/// The book of one sync.
pub(super) struct Arrivals {
    /// Whose a segment is.
    owner: BTreeMap<Hash32, CompartmentId>,
    /// In the order in which they were planned.
    order: Vec<CompartmentId>,
    noted: Instant,
    window: (Instant, u64),
    pub(super) bytes: u64,
    pub(super) bytes_per_s: u64,
}

impl Arrivals {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { owner: BTreeMap::new(), order: Vec::new(), noted: now, window: (now, 0), bytes: 0, bytes_per_s: 0 }
    }

    /// A route was chosen.
    pub(super) fn planned(&mut self, device: &Device, id: CompartmentId, bytes: u64) {
        if bytes == 0 {
            // Only its time has moved: nothing is on its way.
            device.arriving(|all| all.remove(&id));
            return;
        }
        if !self.order.contains(&id) {
            self.order.push(id);
        }
        device.arriving(|all| {
            let entry = all.entry(id).or_default();
            (entry.of, entry.bytes) = (bytes, 0);
        });
    }

    /// Whose segments these are, and how many bytes of them are staged.
    pub(super) fn staged(&mut self, device: &Device, id: CompartmentId, segments: &[Hash32], bytes: u64) {
        self.owner.extend(segments.iter().map(|s| (*s, id)));
        device.arriving(|all| {
            if let Some(entry) = all.get_mut(&id) {
                entry.bytes = bytes.min(entry.of);
            }
        });
    }

    /// A frame came.
    pub(super) fn frame(&mut self, device: &Device, segment: &Hash32, bytes: u64) -> Result<(), ClientError> {
        self.bytes += bytes;
        let (since, then) = self.window;
        if since.elapsed() >= RATE_WINDOW || self.bytes_per_s == 0 {
            let ms = since.elapsed().as_millis().max(1) as u64;
            self.bytes_per_s = ((self.bytes - then) * 1000 / ms).max(1);
        }
        if since.elapsed() >= RATE_WINDOW {
            self.window = (Instant::now(), self.bytes);
        }
        let id = self.owner.get(segment).copied();
        device.arriving(|all| {
            if let Some(entry) = id.and_then(|id| all.get_mut(&id)) {
                entry.bytes = (entry.bytes + bytes).min(entry.of);
            }
            let mut before = 0;
            for id in &self.order {
                if let Some(entry) = all.get_mut(id) {
                    (entry.before, entry.bytes_per_s) = (before, self.bytes_per_s);
                    before += entry.of - entry.bytes;
                }
            }
        });
        if self.noted.elapsed() >= NOTE_EVERY {
            self.noted = Instant::now();
            device.note_arriving()?;
        }
        Ok(())
    }

    /// The sync is over: what is left has no rate any more.
    pub(super) fn end(&self, device: &Device) -> Result<(), ClientError> {
        device.arriving(|all| all.values_mut().for_each(|e| (e.bytes_per_s, e.before) = (0, 0)));
        device.note_arriving()
    }
}

impl Device {
    /// Looks at, or changes, what is on its way.
    pub(crate) fn arriving<T>(&self, f: impl FnOnce(&mut BTreeMap<CompartmentId, OnItsWay>) -> T) -> T {
        f(&mut self.on_its_way.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes it down.
    pub(super) fn note_arriving(&self) -> Result<(), ClientError> {
        let bytes = self.arriving(|all| encode(&*all))?;
        let known = self.state.get(doc::ARRIVING)?;
        if known.as_ref() == Some(&bytes) || (known.is_none() && self.arriving(|all| all.is_empty())) {
            return Ok(());
        }
        Ok(self.state.put_all(&[(doc::ARRIVING, Some(&bytes))])?)
    }

    /// What the state file knows of it: after a start.
    pub(crate) fn recall_arriving(&self) -> Result<(), ClientError> {
        if let Some(bytes) = self.state.get(doc::ARRIVING)? {
            let known: BTreeMap<CompartmentId, OnItsWay> = decode(&bytes)?;
            self.arriving(|all| *all = known);
        }
        Ok(())
    }
}
