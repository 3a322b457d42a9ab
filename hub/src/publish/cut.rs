//! Cutting snapshots, deltas and mark indexes out of the history of versions, a bounded number of rows at a time.

use super::change::{self, Last, Since};
use super::{compartments, dictionary, prefix};
use crate::progress::EVERY;
use crate::{Hub, HubError, Progress, keys};
use beatcheck_model::{Body, RecordId, RecordKind, Timestamp};
use beatcheck_wire::batch::{Change, Context, Op};
use beatcheck_wire::mark_index::{MAX_MARKS, MarkIndex};
use beatcheck_wire::patch::MIN_PREFIX;
use beatcheck_wire::segment::{self, Content, SealAs, Sealed};
use beatcheck_wire::{Delta, SegmentRef, digest};
use rusqlite::{Connection, params};
use zeroize::Zeroizing;

/// Changes held in memory at a time.
const CHUNK: usize = 32_768;
/// Whether snapshots are compressed with the dictionary too. Of 10,000 generated rows it takes 3.7% (vehicles) and 3.2%
/// (persons), some 7 KB of each full segment; the device needs the dictionary for deltas anyway. The test
/// `dictionaries_and_snapshots` prints these figures.
const DICTIONARY_FOR_SNAPSHOTS: bool = true;

/// What was cut for a manifest.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) snapshot: bool,
    pub(super) delta: bool,
    pub(super) catalogue: bool,
    pub(super) patches: u64,
    pub(super) dictionary_bytes: u64,
    /// Rows of snapshots and deltas.
    pub(super) rows: u64,
    pub(super) segments: Vec<SegmentRef>,
}

/// Cuts segments of one compartment.
pub(super) struct Cutter<'a> {
    pub(super) hub: &'a Hub,
    pub(super) conn: &'a Connection,
    pub(super) compartment: i64,
    pub(super) context: Context<'a>,
    pub(super) epoch: u32,
    pub(super) key: Zeroizing<[u8; 32]>,
    pub(super) dictionary: Option<Vec<u8>>,
}

impl<'a> Cutter<'a> {
    pub(super) fn new(
        hub: &'a Hub,
        conn: &'a Connection,
        compartment: i64,
        state: &'a compartments::State,
    ) -> Result<Self, HubError> {
        let context = Context { kind: state.kind, source: &state.source };
        let key = compartments::key(conn, compartment, state.epoch)?;
        Ok(Self { hub, conn, compartment, context, epoch: state.epoch, key, dictionary: None })
    }

    /// The dictionary sealed for the current epoch: the one that is kept, or, if `train` says so, a new one.
    pub(super) fn dictionary(
        &mut self,
        kept: Option<dictionary::Kept>,
        train: bool,
        rows: u64,
        parts: &mut Parts,
    ) -> Result<Option<dictionary::Kept>, HubError> {
        let plain = match kept {
            Some(k) if k.segment.key_epoch == self.epoch => {
                self.dictionary = Some(k.plain.clone());
                return Ok(Some(k));
            }
            Some(k) => Some(k.plain),
            None if train => dictionary::train(self.conn, self.compartment, rows, &self.context)?,
            None => None,
        };
        let Some(plain) = plain else { return Ok(None) };
        let sealed = with_salt(|salt| segment::seal_bytes(Content::Dictionary, &plain, 0, &self.key, salt))?;
        let Some(segment) = self.store(&sealed)?.pop() else { return Ok(None) };
        parts.dictionary_bytes += u64::from(segment.bytes);
        parts.segments.push(segment);
        self.dictionary = Some(plain.clone());
        Ok(Some(dictionary::Kept { plain, segment }))
    }

    pub(super) fn snapshot(
        &self,
        to: u64,
        rows: u64,
        parts: &mut Parts,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<SegmentRef>, HubError> {
        let mut stmt = self.conn.prepare(
            "SELECT seq, row FROM record_version
             WHERE compartment = ?1 AND seq <= ?2 AND ended = 0 AND row IS NOT NULL ORDER BY seq",
        )?;
        let mut found = stmt.query(params![self.compartment, to])?;
        let mut sealer = Sealer::new(self, rows, DICTIONARY_FOR_SNAPSHOTS, progress);
        while let Some(r) = found.next()? {
            let record = digest::from_canonical(r.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
            sealer.push(Change { seq: r.get(0)?, op: Op::Upsert(Box::new(record)) })?;
        }
        parts.snapshot = true;
        sealer.finish(parts)
    }

    /// The net change of every record between two watermarks. `between`: whether others were published in between.
    pub(super) fn delta(
        &self,
        since: Since,
        to: u64,
        parts: &mut Parts,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Delta, HubError> {
        let mut stmt = self.conn.prepare(
            "SELECT seq, record_id, version, at, row, previous FROM record_version
             WHERE compartment = ?1 AND seq > ?2 AND seq <= ?3 AND (ended = 0 OR ended > ?3) ORDER BY seq",
        )?;
        let mut found = stmt.query(params![self.compartment, since.from, to])?;
        let mut sealer = Sealer::new(self, to - since.from, true, progress);
        while let Some(r) = found.next()? {
            let last = Last {
                id: RecordId(r.get(1)?),
                version: r.get(2)?,
                at: Timestamp(r.get(3)?),
                row: r.get_ref(4)?.as_blob_or_null().map_err(rusqlite::Error::from)?,
                previous: r.get(5)?,
            };
            let Some(op) = change::net(self.conn, since, &last)? else { continue };
            if !matches!(op, Op::Upsert(_)) {
                sealer.name(prefix::needed(self.conn, self.compartment, &last.id)?);
            }
            parts.patches += u64::from(matches!(op, Op::Patch(_)));
            sealer.push(Change { seq: r.get(0)?, op })?;
        }
        parts.delta = true;
        Ok(Delta { from: since.from, to, segments: sealer.finish(parts)? })
    }

    /// The marks of all rows that can be found by one and have not expired; none for other kinds than vehicles, nor where
    /// there are more than a device takes.
    pub(super) fn mark_index(&self, parts: &mut Parts) -> Result<Vec<SegmentRef>, HubError> {
        if self.context.kind != RecordKind::Vehicle {
            return Ok(Vec::new());
        }
        let mut stmt = self
            .conn
            .prepare("SELECT row FROM record_version WHERE compartment = ?1 AND ended = 0 AND row IS NOT NULL")?;
        let mut found = stmt.query([self.compartment])?;
        let (mut marks, today) = (Vec::new(), self.hub.now().date());
        while let Some(r) = found.next()? {
            let record = digest::from_canonical(r.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
            let expired = record.expires.is_some_and(|e| e.is_full() && e < today);
            if let (Body::Vehicle(v), false) = (record.body, expired) {
                marks.extend(v.vrm);
            }
        }
        let index = MarkIndex::of(marks.iter().map(String::as_str));
        if index.is_empty() || index.len() > MAX_MARKS {
            return Ok(Vec::new());
        }
        let (bytes, rows) = (index.encode(), index.len() as u32);
        let sealed = with_salt(|salt| segment::seal_bytes(Content::MarkIndex, &bytes, rows, &self.key, salt))?;
        let out = self.store(&sealed)?;
        parts.segments.extend(&out);
        Ok(out)
    }

    fn store(&self, sealed: &[Sealed]) -> Result<Vec<SegmentRef>, HubError> {
        let mut out = Vec::with_capacity(sealed.len());
        for s in sealed {
            self.hub.store_segment(&s.hash, &s.bytes)?;
            out.push(SegmentRef {
                hash: s.hash,
                bytes: s.bytes.len() as u32,
                frames: s.frames,
                rows: s.rows,
                key_epoch: self.epoch,
            });
        }
        Ok(out)
    }
}

/// Seals with fresh salts; without randomness, nothing is sealed.
pub(crate) fn with_salt<T>(
    seal: impl FnOnce(&mut dyn FnMut() -> [u8; 16]) -> Result<T, beatcheck_wire::WireError>,
) -> Result<T, HubError> {
    let mut failed = None;
    let mut salt = || {
        keys::random().unwrap_or_else(|e| {
            failed = Some(e);
            [0; 16]
        })
    };
    let sealed = seal(&mut salt)?;
    failed.map_or(Ok(sealed), Err)
}

/// Seals changes as they come, keeping back the last, unfilled segment of each chunk for the next.
struct Sealer<'a> {
    cutter: &'a Cutter<'a>,
    with_dictionary: bool,
    /// Bytes of an id that name each row so far.
    prefix: u8,
    changes: Vec<Change>,
    out: Vec<SegmentRef>,
    done: u64,
    total: u64,
    progress: &'a mut dyn FnMut(Progress),
}

impl<'a> Sealer<'a> {
    fn new(cutter: &'a Cutter<'a>, total: u64, with_dictionary: bool, progress: &'a mut dyn FnMut(Progress)) -> Self {
        Self {
            cutter,
            with_dictionary,
            prefix: MIN_PREFIX,
            changes: Vec::new(),
            out: Vec::new(),
            done: 0,
            total,
            progress,
        }
    }

    /// The next change names its row, by at least so many bytes.
    fn name(&mut self, prefix: u8) {
        self.prefix = self.prefix.max(prefix);
    }

    fn push(&mut self, c: Change) -> Result<(), HubError> {
        self.changes.push(c);
        self.done += 1;
        if self.done.is_multiple_of(EVERY) {
            (self.progress)(Progress { stage: "sealing", done: self.done, total: Some(self.total), unit: "rows" });
        }
        if self.changes.len() >= CHUNK { self.seal(false) } else { Ok(()) }
    }

    fn finish(mut self, parts: &mut Parts) -> Result<Vec<SegmentRef>, HubError> {
        self.seal(true)?;
        parts.segments.extend(&self.out);
        parts.rows += self.done;
        Ok(self.out)
    }

    fn seal(&mut self, last: bool) -> Result<(), HubError> {
        let c = self.cutter;
        let how = SealAs {
            context: c.context,
            prefix: self.prefix,
            dictionary: c.dictionary.as_deref().filter(|_| self.with_dictionary),
            key: &c.key,
        };
        let mut sealed = with_salt(|salt| segment::seal(&how, &self.changes, salt))?;
        if !last && sealed.len() > 1 {
            sealed.pop();
        }
        let rows: usize = sealed.iter().map(|s| s.rows as usize).sum();
        self.out.extend(c.store(&sealed)?);
        self.changes.drain(..rows);
        Ok(())
    }
}
