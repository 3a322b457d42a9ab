//! Whether what is stored is still what was published: the scrub, and what is known of each compartment's health.
//!
//! A delta proves only the rows that it touches. So all rows are read again in idle time, a slice at a time, and their
//! digest compared with the checkpoint's. What differs is marked suspect: answers from it say that it is stale, and the
//! next sync mends it.

use crate::ClientError;
use crate::account::Line;
use crate::device::{Device, decode, doc, encode};
use crate::env::Stopwatch;
use beatcheck_audit::EntryKind;
use beatcheck_model::Timestamp;
use beatcheck_store::{Scrub, ScrubStep, StoreError};
use beatcheck_wire::CompartmentId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::PoisonError;

/// How old the last scrub of a compartment may be before the next begins, in seconds: the whole store in 24 hours.
pub(crate) const SCRUB_EVERY_S: i64 = 24 * 3600;
/// Rows read at a time: a few milliseconds.
const SLICE_ROWS: usize = 4096;

/// Health of one compartment. The JSON is in `docs/cli.md`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Integrity {
    /// When all of its rows were last read again and compared.
    pub scrubbed: Option<Timestamp>,
    /// Set: its rows are not what was published; the next sync mends it.
    pub suspect: bool,
    /// Times that rows were fetched again.
    pub repairs: u32,
    /// Rows that were.
    pub repaired_rows: u64,
    /// Times that all of it was fetched again.
    pub rebuilds: u32,
}

/// What a scrub has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrubReport {
    /// Rows read.
    pub rows: u64,
    /// Compartments that were read to their end and are whole.
    pub whole: Vec<String>,
    /// Compartments whose rows are not what was published: sync to mend them.
    pub suspect: Vec<String>,
    /// Whether all that was due is done; if not, the next call goes on.
    pub complete: bool,
}

/// Where a scrub stands, between calls.
#[derive(Default)]
pub(crate) struct ScrubState {
    /// The compartment being read, and how far.
    now: Option<(CompartmentId, Scrub)>,
}

impl Device {
    /// What is known of a compartment's health.
    pub(crate) fn integrity(&self, id: &CompartmentId) -> Result<Integrity, ClientError> {
        Ok(self.state.get(&format!("{}{id}", doc::INTEGRITY))?.map(|b| decode(&b)).transpose()?.unwrap_or_default())
    }

    /// Changes what is known of it.
    pub(crate) fn note_integrity(&self, id: &CompartmentId, f: impl FnOnce(&mut Integrity)) -> Result<(), ClientError> {
        let mut known = self.integrity(id)?;
        f(&mut known);
        Ok(self.state.put_all(&[(&format!("{}{id}", doc::INTEGRITY), Some(&encode(&known)?))])?)
    }

    /// Reads stored rows again for about `ms` milliseconds (0: until all is done) and compares them with what was
    /// published. With `all`, compartments that were scrubbed within a day are read too. Meant for idle time: checks and
    /// syncs go on meanwhile, and a call goes on where the one before it stopped.
    ///
    /// # Errors
    /// What the store says; a compartment that is found damaged is no error but in the report.
    pub fn scrub(&self, ms: u64, all: bool) -> Result<ScrubReport, ClientError> {
        if self.is_wiped() {
            return Err(ClientError::Wiped);
        }
        let watch = Stopwatch::start();
        let mut report = ScrubReport::default();
        let mut state = self.scrub.lock().unwrap_or_else(PoisonError::into_inner);
        let mut due = self.scrub_due(all)?;
        let halt = self.halting.listen();
        loop {
            let (id, mut scrub) = match state.now.take() {
                Some(now) => now,
                None => match due.pop_first() {
                    Some((_, id)) => (id, Scrub::default()),
                    None => {
                        report.complete = true;
                        return Ok(report);
                    }
                },
            };
            due.retain(|_, other| *other != id);
            // Withdrawn meanwhile: nothing to read.
            let Some(open) = self.shelf.get(&id) else { continue };
            let before = scrub.rows();
            let verdict = match open.scrub_slice(&mut scrub, SLICE_ROWS) {
                Ok(ScrubStep::Done(result)) => Some(result.whole && result.keys_agree),
                Ok(ScrubStep::More) => None,
                Err(StoreError::Corrupt) => Some(false),
                Err(e) => return Err(e.into()),
            };
            report.rows += scrub.rows().saturating_sub(before);
            match verdict {
                None => state.now = Some((id, scrub)),
                Some(whole) => self.scrubbed(id, whole, &mut report)?,
            }
            if (ms > 0 && watch.micros() / 1000 >= ms) || halt.has_come() {
                report.complete = state.now.is_none() && due.is_empty();
                return Ok(report);
            }
        }
    }

    /// Flips a bit in the `nth` stored row of a compartment, behind everybody's back. For tests and benches.
    #[doc(hidden)]
    pub fn flip_stored_row(&self, compartment: &str, nth: u64) -> Result<(), ClientError> {
        let id = self.shelf.ids().into_iter().find(|id| self.name(id) == compartment);
        let open = id.and_then(|id| self.shelf.get(&id)).ok_or(ClientError::Keyring)?;
        Ok(open.flip_row(nth)?)
    }

    /// Compartments that are due, those that waited longest first.
    fn scrub_due(&self, all: bool) -> Result<BTreeMap<(Timestamp, CompartmentId), CompartmentId>, ClientError> {
        let now = self.now();
        let mut due = BTreeMap::new();
        for id in self.shelf.ids() {
            let last = self.integrity(&id)?.scrubbed;
            if all || last.is_none_or(|l| now.secs_since(l) >= SCRUB_EVERY_S) {
                due.insert((last.unwrap_or_default(), id), id);
            }
        }
        Ok(due)
    }

    fn scrubbed(&self, id: CompartmentId, whole: bool, report: &mut ScrubReport) -> Result<(), ClientError> {
        let (now, name) = (self.now(), self.name(&id));
        let known = self.integrity(&id)?.suspect;
        self.note_integrity(&id, |i| (i.scrubbed, i.suspect) = (Some(now), !whole))?;
        if whole {
            report.whole.push(name);
        } else {
            if !known {
                let kind = EntryKind::Diverged { compartment: id.to_string(), name: name.clone() };
                self.account(&self.view(), now, vec![Line::of(kind)])?;
            }
            report.suspect.push(name);
        }
        self.reload()
    }
}
