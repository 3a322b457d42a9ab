//! Cutting snapshots and deltas out of the history of versions, a bounded number of rows at a time.

use super::compartments;
use crate::progress::EVERY;
use crate::{Hub, HubError, Progress, keys};
use beatcheck_model::{RecordId, RecordKind, Timestamp};
use beatcheck_wire::batch::{Change, Op};
use beatcheck_wire::{Delta, Manifest, SegmentRef, Snapshot, digest, segment};
use rusqlite::{Connection, Row, params};

/// Deltas listed in one manifest, at most.
const MAX_DELTAS: usize = 64;
/// Changes held in memory at a time.
const CHUNK: usize = 32_768;

/// What was cut for a manifest.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) snapshot: bool,
    pub(super) delta: bool,
    pub(super) segments: Vec<SegmentRef>,
}

/// Cuts segments of one compartment.
pub(super) struct Cutter<'a> {
    pub(super) hub: &'a Hub,
    pub(super) conn: &'a Connection,
    pub(super) compartment: i64,
    pub(super) kind: RecordKind,
    pub(super) epoch: u32,
}

fn bytes(segments: &[SegmentRef]) -> u64 {
    segments.iter().map(|s| u64::from(s.bytes)).sum()
}

impl Cutter<'_> {
    /// Brings `manifest`, which lists what was published up to `from`, up to its own watermark.
    pub(super) fn extend(
        &self,
        manifest: &mut Manifest,
        from: Option<u64>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Parts, HubError> {
        let mut parts = Parts::default();
        let to = manifest.watermark;
        if let Some(from) = from {
            if from == to {
                return Ok(parts);
            }
            let segments = self.delta(from, to, progress)?;
            parts.delta = true;
            parts.segments.extend(&segments);
            manifest.deltas.push(Delta { from, to, segments });
            let since = manifest.deltas.iter().filter(|d| d.from >= manifest.snapshot.watermark);
            let (count, size) = since.fold((0, 0), |(n, b), d| (n + 1, b + bytes(&d.segments)));
            if count <= MAX_DELTAS && size * 2 <= bytes(&manifest.snapshot.segments) {
                let older = manifest.deltas.len().saturating_sub(MAX_DELTAS);
                manifest.deltas.drain(..older);
                return Ok(parts);
            }
        }
        let segments = self.snapshot(to, manifest.rows, progress)?;
        parts.snapshot = true;
        parts.segments.extend(&segments);
        manifest.snapshot = Snapshot { watermark: to, segments };
        // Older deltas stay for devices on their way, as long as all from one of them on are fewer bytes than the snapshot.
        let limit = bytes(&manifest.snapshot.segments);
        let mut sum = 0;
        let keep = manifest.deltas.iter().rev().take(MAX_DELTAS).take_while(|d| {
            sum += bytes(&d.segments);
            sum <= limit
        });
        let drop = manifest.deltas.len() - keep.count();
        manifest.deltas.drain(..drop);
        Ok(parts)
    }

    fn snapshot(&self, to: u64, rows: u64, progress: &mut dyn FnMut(Progress)) -> Result<Vec<SegmentRef>, HubError> {
        let mut stmt = self.conn.prepare(
            "SELECT seq, record_id, version, at, row FROM record_version
             WHERE compartment = ?1 AND seq <= ?2 AND ended = 0 AND row IS NOT NULL ORDER BY seq",
        )?;
        let mut found = stmt.query(params![self.compartment, to])?;
        let mut sealer = Sealer::new(self, rows, progress)?;
        while let Some(r) = found.next()? {
            sealer.push(change(r)?)?;
        }
        sealer.finish()
    }

    /// The last change of every record between two watermarks; a record that came and went between them has none.
    fn delta(&self, from: u64, to: u64, progress: &mut dyn FnMut(Progress)) -> Result<Vec<SegmentRef>, HubError> {
        let mut stmt = self.conn.prepare(
            "SELECT seq, record_id, version, at, row, previous FROM record_version
             WHERE compartment = ?1 AND seq > ?2 AND seq <= ?3 AND ended = 0 ORDER BY seq",
        )?;
        let mut found = stmt.query(params![self.compartment, from, to])?;
        let mut sealer = Sealer::new(self, to - from, progress)?;
        while let Some(r) = found.next()? {
            let c = change(r)?;
            if matches!(c.op, Op::Delete { .. }) && !self.was_there(r.get(5)?, from)? {
                continue;
            }
            sealer.push(c)?;
        }
        sealer.finish()
    }

    /// Whether the record whose versions lead back from `seq` existed at `watermark`.
    fn was_there(&self, mut seq: u64, watermark: u64) -> Result<bool, HubError> {
        let mut step =
            self.conn.prepare_cached("SELECT previous, row IS NOT NULL FROM record_version WHERE seq = ?1")?;
        while seq != 0 {
            let (previous, there): (u64, bool) = step.query_row([seq], |r| Ok((r.get(0)?, r.get(1)?)))?;
            if seq <= watermark {
                return Ok(there);
            }
            seq = previous;
        }
        Ok(false)
    }
}

fn change(r: &Row<'_>) -> Result<Change, HubError> {
    let op = match r.get_ref(4)?.as_blob_or_null().map_err(rusqlite::Error::from)? {
        Some(row) => Op::Upsert(Box::new(digest::from_canonical(row)?)),
        None => Op::Delete { id: RecordId(r.get(1)?), version: r.get(2)?, at: Timestamp(r.get(3)?) },
    };
    Ok(Change { seq: r.get(0)?, op })
}

/// Seals changes as they come, keeping back the last, unfilled segment of each chunk for the next.
struct Sealer<'a> {
    cutter: &'a Cutter<'a>,
    key: zeroize::Zeroizing<[u8; 32]>,
    changes: Vec<Change>,
    out: Vec<SegmentRef>,
    done: u64,
    total: u64,
    progress: &'a mut dyn FnMut(Progress),
}

impl<'a> Sealer<'a> {
    fn new(cutter: &'a Cutter<'a>, total: u64, progress: &'a mut dyn FnMut(Progress)) -> Result<Self, HubError> {
        let key = compartments::key(cutter.conn, cutter.compartment, cutter.epoch)?;
        Ok(Self { cutter, key, changes: Vec::new(), out: Vec::new(), done: 0, total, progress })
    }

    fn push(&mut self, c: Change) -> Result<(), HubError> {
        self.changes.push(c);
        self.done += 1;
        if self.done.is_multiple_of(EVERY) {
            (self.progress)(Progress { stage: "sealing", done: self.done, total: Some(self.total), unit: "rows" });
        }
        if self.changes.len() >= CHUNK { self.seal(false) } else { Ok(()) }
    }

    fn finish(mut self) -> Result<Vec<SegmentRef>, HubError> {
        self.seal(true)?;
        Ok(self.out)
    }

    fn seal(&mut self, last: bool) -> Result<(), HubError> {
        let mut failed = None;
        let mut salt = || {
            keys::random().unwrap_or_else(|e| {
                failed = Some(e);
                [0; 16]
            })
        };
        let mut sealed = segment::seal(self.cutter.kind, &self.changes, &self.key, &mut salt)?;
        if let Some(e) = failed {
            return Err(e);
        }
        if !last && sealed.len() > 1 {
            sealed.pop();
        }
        let mut rows = 0;
        for s in &sealed {
            self.cutter.hub.store_segment(&s.hash, &s.bytes)?;
            rows += s.rows as usize;
            self.out.push(SegmentRef {
                hash: s.hash,
                bytes: s.bytes.len() as u32,
                frames: s.frames,
                rows: s.rows,
                key_epoch: self.cutter.epoch,
            });
        }
        self.changes.drain(..rows);
        Ok(())
    }
}
