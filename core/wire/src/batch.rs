//! A batch of changes: what the frames of one segment hold once opened and decompressed.
//!
//! ```text
//! 1 byte   batch format version (2)
//! 1 byte   record schema
//! 1 byte   kind: 0 vehicle, 1 person, 2 variant
//! 1 byte   length of a row reference in bytes (4 to 16)
//! varint   number of changes n
//! varint   number of upserts u
//! varint   number of patches p
//! columns  op (n): 0 upsert, 1 deletion, 2 patch; sequence steps (n), the first from 0; version (n)
//! columns  of the upserts: id mode (u), the ids that are written out, the common and the body's columns (u)
//! columns  of patches and deletions in their order: row reference (n - u)
//! columns  of the patches: fields (p), then of each field, common and body's, as many values as patches set it
//! columns  of the deletions: time in milliseconds (n - u - p)
//! ```
//! An id is a hash of source, kind, key and occurrence, and the key travels anyway, as `source_key` with `|` between its
//! parts: where the id follows from it, the mode is the occurrence + 1 (at most 4) and the id is left out. Mode 0 stands for
//! an id that does not follow, whose 16 bytes are written out.

use crate::columns::{Column, Columnar, Reader, U8Col, U32Col, U64Col, put_varint};
use crate::patch::{MIN_PREFIX, Patch, RowRef, WHOLE_ID, blank, field_count};
use crate::record_columns::{CommonCols, PersonCols, VariantCols, VehicleCols};
use crate::{RECORD_SCHEMA, WireError, record_id};
use beatcheck_model::{Body, Record, RecordId, RecordKind, Timestamp};

const VERSION: u8 = 2;
/// Occurrences of one key that ids are derived for; rows beyond have theirs written out.
const MAX_DERIVED: u8 = 4;
const BAD: WireError = WireError::Malformed("batch");

/// One change to one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Hub sequence; never falls within a batch.
    pub seq: u64,
    /// What happened.
    pub op: Op,
}

/// What happened to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// It is now this.
    Upsert(Box<Record>),
    /// Some of its fields are now these.
    Patch(Patch),
    /// It is gone: a tombstone.
    Delete {
        /// Which.
        row: RowRef,
        /// The version that the deletion is.
        version: u32,
        /// When it was found to be gone.
        at: Timestamp,
    },
}

impl Op {
    /// The record concerned.
    #[must_use]
    pub fn row(&self) -> RowRef {
        match self {
            Self::Upsert(r) => r.id.into(),
            Self::Patch(p) => p.row,
            Self::Delete { row, .. } => *row,
        }
    }
}

/// What is known beside a batch, and needed to write or read it.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Kind of its records.
    pub kind: RecordKind,
    /// The source's name, from which ids are derived.
    pub source: &'a str,
}

/// The kind of record as a batch writes it.
const fn kind_code(kind: RecordKind) -> u8 {
    match kind {
        RecordKind::Vehicle => 0,
        RecordKind::Person => 1,
        RecordKind::Variant => 2,
    }
}

enum BodyCols {
    Vehicle(Box<VehicleCols>),
    Person(Box<PersonCols>),
    Variant(Box<VariantCols>),
}

impl BodyCols {
    fn new(kind: RecordKind) -> Self {
        match kind {
            RecordKind::Vehicle => Self::Vehicle(Box::default()),
            RecordKind::Person => Self::Person(Box::default()),
            RecordKind::Variant => Self::Variant(Box::default()),
        }
    }

    fn push_some(&mut self, body: &Body, mask: u64) -> Result<(), WireError> {
        match (self, body) {
            (Self::Vehicle(cols), Body::Vehicle(v)) => cols.push_some(v, mask),
            (Self::Person(cols), Body::Person(p)) => cols.push_some(p, mask),
            (Self::Variant(cols), Body::Variant(v)) => cols.push_some(v, mask),
            _ => return Err(BAD),
        }
        Ok(())
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Vehicle(cols) => cols.encode(out),
            Self::Person(cols) => cols.encode(out),
            Self::Variant(cols) => cols.encode(out),
        }
    }

    fn decode_some(r: &mut Reader<'_>, kind: RecordKind, masks: &[u64], shift: u32) -> Result<Self, WireError> {
        Ok(match kind {
            RecordKind::Vehicle => Self::Vehicle(VehicleCols::decode_some(r, masks, shift)?.into()),
            RecordKind::Person => Self::Person(PersonCols::decode_some(r, masks, shift)?.into()),
            RecordKind::Variant => Self::Variant(VariantCols::decode_some(r, masks, shift)?.into()),
        })
    }

    fn take_some(&mut self, into: &mut Body, mask: u64) -> Result<(), WireError> {
        match (self, into) {
            (Self::Vehicle(cols), Body::Vehicle(v)) => cols.take_some(v, mask),
            (Self::Person(cols), Body::Person(p)) => cols.take_some(p, mask),
            (Self::Variant(cols), Body::Variant(v)) => cols.take_some(v, mask),
            _ => Err(BAD),
        }
    }
}

/// The mode of an id: its occurrence + 1 if it follows from the record's own key, else 0.
fn id_mode(context: &Context<'_>, record: &Record) -> u8 {
    if record.source_key.is_empty() {
        return 0;
    }
    let key: Vec<&str> = record.source_key.split('|').collect();
    let derives = |n: &u8| record_id(context.source, context.kind, &key, u32::from(*n) - 1) == record.id;
    (1..=MAX_DERIVED).find(derives).unwrap_or(0)
}

/// Encodes changes of one kind of record, in rising sequence. `prefix` bytes of an id name the rows of patches and
/// deletions: the caller knows how many are enough.
///
/// # Errors
/// [`WireError::Malformed`] if a record is of another kind, the sequence falls, a row reference is shorter than
/// `prefix`, a patch names a field that its kind does not have, or a deletion is older than 1970.
pub fn encode(context: &Context<'_>, prefix: u8, changes: &[Change]) -> Result<Vec<u8>, WireError> {
    let prefix = prefix.clamp(MIN_PREFIX, WHOLE_ID);
    let (mut ops, mut seqs, mut versions) = (U8Col::default(), U64Col::default(), U32Col::default());
    let (mut modes, mut ids) = (U8Col::default(), <[u8; 16] as Columnar>::Col::default());
    let (mut common, mut body) = (CommonCols::default(), BodyCols::new(context.kind));
    let (mut rows, mut masks, mut deleted) = (Vec::new(), U64Col::default(), U64Col::default());
    let (mut patch_common, mut patch_body) = (CommonCols::default(), BodyCols::new(context.kind));
    let (mut last, mut upserts, mut patches) = (0, 0_u64, 0_u64);
    for c in changes {
        seqs.push(&c.seq.checked_sub(last).ok_or(BAD)?);
        last = c.seq;
        match &c.op {
            Op::Upsert(r) => {
                ops.push(&0);
                versions.push(&r.version);
                upserts += 1;
                let mode = id_mode(context, r);
                modes.push(&mode);
                if mode == 0 {
                    ids.push(&r.id.0);
                }
                common.push(r);
                body.push_some(&r.body, u64::MAX)?;
            }
            Op::Delete { row, version, at } => {
                ops.push(&1);
                versions.push(version);
                rows.extend_from_slice(row.prefix().get(..usize::from(prefix)).ok_or(BAD)?);
                deleted.push(&u64::try_from(at.0).map_err(|_| BAD)?);
            }
            Op::Patch(p) => {
                if p.fields >> field_count(context.kind) != 0 {
                    return Err(BAD);
                }
                ops.push(&2);
                versions.push(&p.version);
                patches += 1;
                rows.extend_from_slice(p.row.prefix().get(..usize::from(prefix)).ok_or(BAD)?);
                masks.push(&p.fields);
                patch_common.push_some(&p.values, p.fields);
                patch_body.push_some(&p.values.body, p.fields >> CommonCols::FIELDS)?;
            }
        }
    }
    let mut out = vec![VERSION, RECORD_SCHEMA, kind_code(context.kind), prefix];
    put_varint(&mut out, changes.len() as u64);
    put_varint(&mut out, upserts);
    put_varint(&mut out, patches);
    ops.encode(&mut out);
    seqs.encode(&mut out);
    versions.encode(&mut out);
    modes.encode(&mut out);
    ids.encode(&mut out);
    common.encode(&mut out);
    body.encode(&mut out);
    out.extend_from_slice(&rows);
    masks.encode(&mut out);
    patch_common.encode(&mut out);
    patch_body.encode(&mut out);
    deleted.encode(&mut out);
    Ok(out)
}

/// Decodes what [`encode`] wrote.
///
/// # Errors
/// Any [`WireError`]; nothing of a batch that does not decode to its last byte is returned.
pub fn decode(context: &Context<'_>, bytes: &[u8]) -> Result<Vec<Change>, WireError> {
    let mut reader = Reader(bytes);
    let r = &mut reader;
    let head = r.bytes(4)?;
    if head[0] != VERSION {
        return Err(WireError::UnknownVersion { what: "batch", found: head[0], known: VERSION });
    }
    if head[1] != RECORD_SCHEMA {
        return Err(WireError::UnknownVersion { what: "record schema", found: head[1], known: RECORD_SCHEMA });
    }
    let (kind, prefix) = (context.kind, head[3]);
    if head[2] != kind_code(kind) || !(MIN_PREFIX..=WHOLE_ID).contains(&prefix) {
        return Err(BAD);
    }
    let (n, upserts, patches) = (r.varint()?, r.varint()?, r.varint()?);
    if n > bytes.len() as u64 || upserts.checked_add(patches).is_none_or(|known| known > n) {
        return Err(BAD);
    }
    let (n, upserts, patches) = (n as usize, upserts as usize, patches as usize);
    let mut ops = U8Col::decode(r, n)?;
    let mut seqs = U64Col::decode(r, n)?;
    let mut versions = U32Col::decode(r, n)?;
    let mode_bytes = r.bytes(upserts)?;
    if mode_bytes.iter().any(|m| *m > MAX_DERIVED) {
        return Err(BAD);
    }
    let mut modes = mode_bytes.iter();
    let mut ids = <[u8; 16] as Columnar>::Col::decode(r, mode_bytes.iter().filter(|m| **m == 0).count())?;
    let mut common = CommonCols::decode(r, upserts)?;
    let mut body = BodyCols::decode_some(r, kind, &vec![u64::MAX; upserts], 0)?;
    let mut rows = r.bytes((n - upserts) * usize::from(prefix))?.chunks_exact(usize::from(prefix));
    let mut masks = Vec::with_capacity(patches);
    for _ in 0..patches {
        let mask = r.varint()?;
        if mask >> field_count(kind) != 0 {
            return Err(BAD);
        }
        masks.push(mask);
    }
    let mut patch_common = CommonCols::decode_some(r, &masks, 0)?;
    let mut patch_body = BodyCols::decode_some(r, kind, &masks, CommonCols::FIELDS)?;
    let mut deleted = U64Col::decode(r, n - upserts - patches)?;
    if !reader.0.is_empty() {
        return Err(BAD);
    }
    let mut masks = masks.into_iter();
    let mut row = || -> Result<RowRef, WireError> {
        let mut id = [0; 16];
        let bytes = rows.next().ok_or(BAD)?;
        id[..bytes.len()].copy_from_slice(bytes);
        Ok(RowRef::new(RecordId(id), prefix))
    };
    let mut out = Vec::with_capacity(n);
    let mut seq = 0_u64;
    for _ in 0..n {
        seq = seq.checked_add(seqs.take()?).ok_or(BAD)?;
        let version = versions.take()?;
        let op = match ops.take()? {
            0 => {
                let mut record = blank(kind);
                record.version = version;
                common.take_some(&mut record, u64::MAX)?;
                body.take_some(&mut record.body, u64::MAX)?;
                record.id = match modes.next() {
                    Some(0) => RecordId(ids.take()?),
                    // Nothing follows from no key.
                    Some(_) if record.source_key.is_empty() => return Err(BAD),
                    Some(mode) => {
                        let key: Vec<&str> = record.source_key.split('|').collect();
                        record_id(context.source, kind, &key, u32::from(*mode) - 1)
                    }
                    None => return Err(BAD),
                };
                Op::Upsert(Box::new(record))
            }
            1 => {
                let at = i64::try_from(deleted.take()?).map_err(|_| WireError::OverLimit("time"))?;
                Op::Delete { row: row()?, version, at: Timestamp(at) }
            }
            2 => {
                let fields = masks.next().ok_or(BAD)?;
                let mut values = Box::new(blank(kind));
                patch_common.take_some(&mut values, fields)?;
                patch_body.take_some(&mut values.body, fields >> CommonCols::FIELDS)?;
                Op::Patch(Patch { row: row()?, version, fields, values })
            }
            _ => return Err(BAD),
        };
        out.push(Change { seq, op });
    }
    Ok(out)
}
