//! Rows and changes made into segments.

use super::{Hub, Row, SOURCE, START, Segment, Source, What};
use crate::rng::Rng;
use beatcheck_model::RecordId;
use beatcheck_wire::batch::{Change, Context, Op};
use beatcheck_wire::patch::{MIN_PREFIX, Patch, WHOLE_ID};
use beatcheck_wire::segment::{self, Content, SealAs, Sealed};
use beatcheck_wire::{SegmentRef, mark_index::MarkIndex};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// What happened to one record since a watermark.
struct Since {
    seq: u64,
    now: Option<Rc<Row>>,
    /// Fields that any version since then changed.
    fields: u64,
    /// It was not there all the time: a patch may find nothing to be applied to.
    gaps: bool,
}

impl Source {
    fn key(&self) -> &[u8; 32] {
        &self.keys[self.keys.len() - 1]
    }

    /// Bytes of an id that name any record that ever was here.
    fn prefix(&self) -> u8 {
        let ids: BTreeSet<RecordId> = self.log.iter().map(|(_, id, _)| *id).collect();
        let unique = |len: u8| {
            let prefixes: BTreeSet<&[u8]> = ids.iter().map(|id| &id.0[..usize::from(len)]).collect();
            prefixes.len() == ids.len()
        };
        (MIN_PREFIX..WHOLE_ID).find(|len| unique(*len)).unwrap_or(WHOLE_ID)
    }

    fn seal(&self, changes: &[Change], dictionary: Option<&[u8]>, rng: &mut Rng) -> Vec<Sealed> {
        let context = Context { kind: self.kind, source: SOURCE };
        let how = SealAs { context, prefix: self.prefix(), dictionary, key: self.key() };
        segment::seal(&how, changes, &mut || rng.bytes()).unwrap()
    }

    /// Rows for a repair: no dictionary is asked of a device that may have another one.
    pub(super) fn seal_rows(&self, rows: &[&Rc<Row>], rng: &mut Rng) -> Vec<Vec<u8>> {
        let upsert = |r: &&Rc<Row>| Change { seq: 1, op: Op::Upsert(Box::new(r.record.clone())) };
        let changes: Vec<Change> = rows.iter().map(upsert).collect();
        self.seal(&changes, None, rng).into_iter().map(|s| s.bytes).collect()
    }

    /// All rows.
    fn whole(&self) -> Vec<Change> {
        let last: BTreeMap<RecordId, u64> = self.log.iter().map(|(seq, id, _)| (*id, *seq)).collect();
        let upsert =
            |(id, r): (&RecordId, &Rc<Row>)| Change { seq: last[id], op: Op::Upsert(Box::new(r.record.clone())) };
        let mut out: Vec<Change> = self.rows.iter().map(upsert).collect();
        out.sort_by_key(|c| c.seq);
        out
    }

    /// What changed after a watermark, for any state from there on: a patch carries every field that changed since.
    fn changes(&self, after: u64, rng: &mut Rng) -> Vec<Change> {
        let then = &self.truths[&after];
        let mut since: BTreeMap<RecordId, Since> = BTreeMap::new();
        for (seq, id, now) in self.log.iter().filter(|(seq, ..)| *seq > after) {
            let start = || {
                let was = then.get(id).cloned();
                Since { seq: 0, gaps: was.is_none(), now: was, fields: 0 }
            };
            let s = since.entry(*id).or_insert_with(start);
            match (&s.now, now) {
                (Some(old), Some(new)) => s.fields |= Patch::diff(&old.record, &new.record).unwrap_or(u64::MAX),
                _ => s.gaps = true,
            }
            s.seq = *seq;
            s.now = now.clone();
        }
        let mut out = Vec::new();
        for (id, s) in since {
            let op = match &s.now {
                None => Op::Delete { row: id.into(), version: 1, at: START },
                Some(row) if s.gaps || rng.chance(200) => Op::Upsert(Box::new(row.record.clone())),
                Some(row) => Op::Patch(Patch::of(&row.record, s.fields)),
            };
            out.push(Change { seq: s.seq, op });
        }
        out.sort_by_key(|c| c.seq);
        out
    }
}

impl Hub {
    fn keep(&mut self, n: usize, what: What, sealed: Sealed) -> SegmentRef {
        let (of, epoch) = (self.sources[n].id, self.sources[n].keys.len() as u32);
        let out = SegmentRef {
            hash: sealed.hash,
            bytes: sealed.bytes.len() as u32,
            frames: sealed.frames,
            rows: sealed.rows,
            key_epoch: epoch,
        };
        self.segments.insert(sealed.hash, Segment { of, epoch, what, bytes: sealed.bytes });
        out
    }

    fn cut(&mut self, n: usize, what: What, changes: &[Change], rng: &mut Rng) -> Vec<SegmentRef> {
        let mut sealed = Vec::new();
        let s = &self.sources[n];
        let dictionary = s.dictionary.as_ref().map(|(bytes, _)| bytes.as_slice());
        // Several segments even for few rows.
        for part in changes.chunks(5 + rng.below(60) as usize) {
            sealed.extend(s.seal(part, dictionary, rng));
        }
        sealed.into_iter().map(|one| self.keep(n, what, one)).collect()
    }

    pub(super) fn cut_snapshot(&mut self, n: usize, rng: &mut Rng) -> Vec<SegmentRef> {
        let changes = self.sources[n].whole();
        self.cut(n, What::Snapshot, &changes, rng)
    }

    pub(super) fn cut_delta(&mut self, n: usize, after: u64, rng: &mut Rng) -> Vec<SegmentRef> {
        let changes = self.sources[n].changes(after, rng);
        self.cut(n, What::Delta, &changes, rng)
    }

    pub(super) fn cut_dictionary(&mut self, n: usize, rng: &mut Rng) {
        let bytes: Vec<u8> = (0..4 + rng.below(40)).flat_map(|_| rng.bytes::<16>()).collect();
        let key = *self.sources[n].key();
        let sealed = segment::seal_bytes(Content::Dictionary, &bytes, 0, &key, &mut || rng.bytes()).unwrap();
        let one = sealed.into_iter().next().expect("a dictionary is not empty");
        let kept = self.keep(n, What::Dictionary, one);
        self.sources[n].dictionary = Some((bytes, kept));
    }

    pub(super) fn cut_index(&mut self, n: usize, rng: &mut Rng) -> Vec<SegmentRef> {
        let s = &self.sources[n];
        let marks: BTreeSet<String> = s.rows.values().filter_map(|r| mark(r)).collect();
        let bytes = MarkIndex::of(marks.iter().map(String::as_str)).encode();
        let sealed = segment::seal_bytes(Content::MarkIndex, &bytes, marks.len() as u32, s.key(), &mut || rng.bytes());
        let out: Vec<SegmentRef> = sealed.unwrap().into_iter().map(|one| self.keep(n, What::Index, one)).collect();
        self.indexes.insert(out[0].hash, marks);
        out
    }
}

/// The mark of a row that has one.
pub(crate) fn mark(row: &Row) -> Option<String> {
    match &row.record.body {
        beatcheck_model::Body::Vehicle(v) => v.vrm.clone(),
        _ => None,
    }
}
