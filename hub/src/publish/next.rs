//! The manifest that a compartment should have next, and all that must be cut for it.

use super::change::Since;
use super::compact::{self, Goal, Kept, MAX_MERGES, Tier};
use super::cut::{Cutter, Parts};
use super::dictionary::{self, DICTIONARY_MIN_ROWS};
use super::path::cost;
use super::{Previous, PublishedCompartment, compartments};
use crate::{Hub, HubError, Progress};
use beatcheck_model::Timestamp;
use beatcheck_wire::{
    Catalogue, CatalogueRef, Delta, Hash32, MAX_RECENT, Manifest, RECORD_SCHEMA, SegmentRef, Snapshot, WireError,
};
use rusqlite::{Connection, OptionalExtension, params};

/// Deltas that stay in the manifest itself when a catalogue takes in the older ones.
const KEEP_RECENT: usize = 4;

/// What is to become current.
pub(super) struct New {
    pub(super) n: i64,
    pub(super) manifest: Manifest,
    pub(super) parts: Parts,
    pub(super) report: PublishedCompartment,
    /// Its bytes and when its snapshot was cut, if it is new.
    catalogue: Option<(Vec<u8>, Timestamp)>,
    kept: Vec<Kept>,
    dictionary: Option<dictionary::Kept>,
}

/// A catalogue that this hub made, and when its snapshot was cut.
pub(super) fn catalogue(conn: &Connection, hash: &Hash32) -> Result<Option<(Catalogue, Timestamp)>, HubError> {
    let found: Option<(Vec<u8>, i64)> = conn
        .query_row("SELECT bytes, snapshot_at FROM catalogue WHERE hash = ?1", [hash.0], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?;
    let Some((bytes, at)) = found else { return Ok(None) };
    let read = postcard::from_bytes(&bytes).map_err(|_| WireError::Malformed("catalogue"))?;
    Ok(Some((read, Timestamp(at))))
}

impl New {
    /// Makes it current, but for the manifest itself.
    pub(super) fn record(&self, conn: &Connection, now: Timestamp) -> Result<(), HubError> {
        for s in &self.parts.segments {
            conn.prepare_cached(
                "INSERT OR IGNORE INTO segment (hash, compartment, bytes, key_epoch, made_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![s.hash.0, self.n, s.bytes, s.key_epoch, now.0])?;
        }
        if let Some((bytes, snapshot_at)) = &self.catalogue {
            conn.execute(
                "INSERT OR IGNORE INTO catalogue (hash, compartment, made_at, snapshot_at, bytes)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![Hash32::of(bytes).0, self.n, now.0, snapshot_at.0, bytes],
            )?;
        }
        if let Some(d) = &self.dictionary {
            dictionary::save(conn, self.n, d)?;
        }
        compact::save(conn, self.n, &self.kept)
    }
}

impl Hub {
    /// The manifest that the compartment should have, and what must be cut for it; `None` if it has it already.
    pub(super) fn next_manifest(
        &self,
        conn: &Connection,
        n: i64,
        state: &compartments::State,
        previous: Option<&Previous>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Option<New>, HubError> {
        let before = previous.and_then(|p| p.manifest.as_ref());
        let mut manifest = Manifest {
            compartment: state.id,
            manifest_version: previous.map_or(1, |p| p.version + 1),
            previous: previous.map(|p| p.hash).unwrap_or_default(),
            key_epoch: state.epoch,
            schema: RECORD_SCHEMA,
            source: state.source.clone(),
            kind: state.kind,
            as_of: state.as_of,
            due_by: state.due_by(),
            last_refused: state.last_refused,
            warnings: state.warnings,
            watermark: state.watermark,
            rows: state.rows,
            unsearchable: state.unsearchable,
            digest: state.digest,
            dictionary: before.and_then(|m| m.dictionary),
            recent: before.map(|m| m.recent.clone()).unwrap_or_default(),
            catalogue: before.map(|m| m.catalogue).unwrap_or_default(),
        };
        if let Some(m) = before {
            let same = Manifest { manifest_version: m.manifest_version, previous: m.previous, ..manifest.clone() };
            if same == *m {
                return Ok(None);
            }
        }
        let known = before.map(|m| catalogue(conn, &m.catalogue.hash)).transpose()?.flatten();
        let mut work = Work {
            cutter: Cutter::new(self, conn, n, state)?,
            parts: Parts::default(),
            kept: if known.is_some() { compact::load(conn, n)? } else { Vec::new() },
            dictionary: None,
            now: self.now(),
            progress,
        };
        work.dictionary = work.cutter.dictionary(dictionary::load(conn, n)?, false, state.rows, &mut work.parts)?;
        let made = match (known, before) {
            (Some(known), Some(m)) => work.extend(&mut manifest, m.watermark, known)?,
            _ => {
                manifest.recent.clear();
                Some(work.begin(&mut manifest)?)
            }
        };
        manifest.dictionary = work.dictionary.as_ref().map(|d| d.segment);
        manifest.validate()?;
        let catalogue = match made {
            None => None,
            Some((catalogue, snapshot_at)) => {
                let bytes = catalogue.encode()?;
                let snapshot_bytes = bytes_of(&catalogue.snapshot.segments);
                manifest.catalogue =
                    CatalogueRef { hash: Hash32::of(&bytes), bytes: bytes.len() as u32, snapshot_bytes };
                // What a device would refuse is not published.
                Catalogue::decode(&bytes, &manifest)?;
                Some((bytes, snapshot_at))
            }
        };
        let Work { mut parts, kept, dictionary, .. } = work;
        parts.catalogue = catalogue.is_some();
        let report = PublishedCompartment {
            name: state.name.clone(),
            manifest_version: manifest.manifest_version,
            snapshot: parts.snapshot,
            delta: parts.delta,
            catalogue: parts.catalogue,
            segments: parts.segments.len() as u64,
            bytes: bytes_of(&parts.segments),
            dictionary_bytes: parts.dictionary_bytes,
            segment_rows: parts.rows,
            patches: parts.patches,
            rows: manifest.rows,
            watermark: manifest.watermark,
        };
        Ok(Some(New { n, manifest, parts, report, catalogue, kept, dictionary }))
    }
}

fn bytes_of(segments: &[SegmentRef]) -> u64 {
    segments.iter().map(|s| u64::from(s.bytes)).sum()
}

/// What is at hand while a manifest is made.
struct Work<'a> {
    cutter: Cutter<'a>,
    parts: Parts,
    kept: Vec<Kept>,
    dictionary: Option<dictionary::Kept>,
    now: Timestamp,
    progress: &'a mut dyn FnMut(Progress),
}

/// A new catalogue, and when its snapshot was cut.
type Made = (Catalogue, Timestamp);

impl Work<'_> {
    /// The first catalogue of a compartment.
    fn begin(&mut self, manifest: &mut Manifest) -> Result<Made, HubError> {
        let snapshot = self.snapshot(manifest)?;
        let index = self.cutter.mark_index(&mut self.parts)?;
        Ok((Catalogue { snapshot, index, deltas: Vec::new() }, self.now))
    }

    /// Brings what was published up to `from` up to the manifest's watermark; a new catalogue if it needs one.
    fn extend(&mut self, manifest: &mut Manifest, from: u64, known: Made) -> Result<Option<Made>, HubError> {
        let to = manifest.watermark;
        if from < to {
            let delta = self.cutter.delta(Since { from, between: false }, to, &mut self.parts, &mut *self.progress)?;
            self.kept.push(Kept { tier: Tier::Minutes, at: self.now, delta: delta.clone() });
            manifest.recent.push(delta);
        }
        let (before, cut_at) = known;
        let mut goal = Goal {
            now: self.now,
            snapshot: (before.snapshot.watermark, cut_at, bytes_of(&before.snapshot.segments)),
            watermark: to,
        };
        if manifest.recent.len() <= MAX_RECENT && !goal.wants_snapshot(&self.kept) {
            return Ok(None);
        }
        self.merge()?;
        let mut snapshot = before.snapshot;
        let renew = |work: &mut Self, goal: &mut Goal, manifest: &Manifest| {
            let new = work.snapshot(manifest)?;
            goal.snapshot = (to, goal.now, bytes_of(&new.segments));
            Ok::<_, HubError>(new)
        };
        if goal.wants_snapshot(&self.kept) {
            snapshot = renew(self, &mut goal, manifest)?;
        }
        let older = manifest.recent.len().saturating_sub(KEEP_RECENT);
        manifest.recent.drain(..older);
        let deltas = match goal.prune(&mut self.kept, &manifest.recent) {
            Some(deltas) => deltas,
            None => {
                snapshot = renew(self, &mut goal, manifest)?;
                goal.prune(&mut self.kept, &manifest.recent).unwrap_or_default()
            }
        };
        let index = self.cutter.mark_index(&mut self.parts)?;
        Ok(Some((Catalogue { snapshot, index, deltas }, goal.snapshot.1)))
    }

    /// Supersedes the deltas of hours and days that are over.
    fn merge(&mut self) -> Result<(), HubError> {
        for _ in 0..MAX_MERGES {
            let Some(run) = compact::next_run(&self.kept, self.now) else { break };
            let delta: Delta = match run.only {
                Some(delta) => delta,
                None => {
                    let since = Since { from: run.from, between: true };
                    self.cutter.delta(since, run.to, &mut self.parts, &mut *self.progress)?
                }
            };
            tracing::debug!(bytes = cost(&delta), tier = ?run.tier, "deltas were merged");
            self.kept.push(Kept { tier: run.tier, at: run.at, delta });
        }
        Ok(())
    }

    fn snapshot(&mut self, manifest: &Manifest) -> Result<Snapshot, HubError> {
        if self.dictionary.is_none() && manifest.rows >= DICTIONARY_MIN_ROWS {
            self.dictionary = self.cutter.dictionary(None, true, manifest.rows, &mut self.parts)?;
        }
        let (to, rows) = (manifest.watermark, manifest.rows);
        let segments = self.cutter.snapshot(to, rows, &mut self.parts, &mut *self.progress)?;
        Ok(Snapshot { watermark: to, segments })
    }
}
