//! A batch of changes: what the frames of one segment hold once opened and decompressed.
//!
//! ```text
//! 1 byte   batch format version (1)
//! 1 byte   record schema
//! 1 byte   kind: 0 vehicle, 1 person
//! varint   number of changes n
//! varint   number of upserts u
//! columns  op (n), sequence steps (n), id (n), version (n), deletion time (n - u), then the record columns (u)
//! ```

use crate::columns::{Column, Columnar, ListCol, OptCol, Reader, StrCol, U8Col, U32Col, U64Col, put_varint};
use crate::record_columns::{DateCol, PersonCols, VariantCols, VehicleCols};
use crate::{RECORD_SCHEMA, WireError};
use beatcheck_model::{Body, Record, RecordId, RecordKind, Timestamp};

const VERSION: u8 = 1;

/// One change to one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Hub sequence; rises through a batch.
    pub seq: u64,
    /// What happened.
    pub op: Op,
}

/// What happened to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// It is now this.
    Upsert(Box<Record>),
    /// It is gone: a tombstone.
    Delete {
        /// Which.
        id: RecordId,
        /// The version that the deletion is.
        version: u32,
        /// When it was found to be gone.
        at: Timestamp,
    },
}

impl Op {
    /// The record concerned.
    #[must_use]
    pub fn id(&self) -> RecordId {
        match self {
            Self::Upsert(r) => r.id,
            Self::Delete { id, .. } => *id,
        }
    }
}

#[derive(Default)]
struct CommonCols {
    source_key: StrCol,
    created: OptCol<DateCol>,
    updated: OptCol<DateCol>,
    review: OptCol<DateCol>,
    expires: OptCol<DateCol>,
    handling: StrCol,
    flags: ListCol<StrCol>,
}

impl CommonCols {
    fn push(&mut self, r: &Record) {
        self.source_key.push(&r.source_key);
        self.created.push(&r.created);
        self.updated.push(&r.updated);
        self.review.push(&r.review);
        self.expires.push(&r.expires);
        self.handling.push(&r.handling);
        self.flags.push(&r.flags);
    }
    fn encode(&self, out: &mut Vec<u8>) {
        self.source_key.encode(out);
        self.created.encode(out);
        self.updated.encode(out);
        self.review.encode(out);
        self.expires.encode(out);
        self.handling.encode(out);
        self.flags.encode(out);
    }
    fn decode(r: &mut Reader<'_>, n: usize) -> Result<Self, WireError> {
        Ok(Self {
            source_key: Column::decode(r, n)?,
            created: Column::decode(r, n)?,
            updated: Column::decode(r, n)?,
            review: Column::decode(r, n)?,
            expires: Column::decode(r, n)?,
            handling: Column::decode(r, n)?,
            flags: Column::decode(r, n)?,
        })
    }
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

/// Encodes changes of one kind of record, in rising sequence.
///
/// # Errors
/// [`WireError::Malformed`] if a record is of another kind or the sequence falls.
pub fn encode(kind: RecordKind, changes: &[Change]) -> Result<Vec<u8>, WireError> {
    let bad = WireError::Malformed("batch");
    let (mut ops, mut seqs, mut ids, mut versions, mut deleted) = (
        U8Col::default(),
        U64Col::default(),
        <[u8; 16] as Columnar>::Col::default(),
        U32Col::default(),
        U64Col::default(),
    );
    let mut common = CommonCols::default();
    let mut body = match kind {
        RecordKind::Vehicle => BodyCols::Vehicle(Box::default()),
        RecordKind::Person => BodyCols::Person(Box::default()),
        RecordKind::Variant => BodyCols::Variant(Box::default()),
    };
    let (mut last, mut upserts) = (0, 0_u64);
    for c in changes {
        seqs.push(&c.seq.checked_sub(last).ok_or(bad)?);
        last = c.seq;
        ids.push(&c.op.id().0);
        match &c.op {
            Op::Upsert(r) => {
                ops.push(&0);
                versions.push(&r.version);
                upserts += 1;
                common.push(r);
                match (&mut body, &r.body) {
                    (BodyCols::Vehicle(cols), Body::Vehicle(v)) => cols.push(v),
                    (BodyCols::Person(cols), Body::Person(p)) => cols.push(p),
                    (BodyCols::Variant(cols), Body::Variant(v)) => cols.push(v),
                    _ => return Err(bad),
                }
            }
            Op::Delete { version, at, .. } => {
                ops.push(&1);
                versions.push(version);
                deleted.push(&u64::try_from(at.0).map_err(|_| bad)?);
            }
        }
    }
    let mut out = vec![VERSION, RECORD_SCHEMA, kind_code(kind)];
    put_varint(&mut out, changes.len() as u64);
    put_varint(&mut out, upserts);
    ops.encode(&mut out);
    seqs.encode(&mut out);
    ids.encode(&mut out);
    versions.encode(&mut out);
    deleted.encode(&mut out);
    common.encode(&mut out);
    match &body {
        BodyCols::Vehicle(cols) => cols.encode(&mut out),
        BodyCols::Person(cols) => cols.encode(&mut out),
        BodyCols::Variant(cols) => cols.encode(&mut out),
    }
    Ok(out)
}

/// Decodes what [`encode`] wrote.
///
/// # Errors
/// Any [`WireError`]; nothing of a batch that does not decode to its last byte is returned.
pub fn decode(bytes: &[u8]) -> Result<Vec<Change>, WireError> {
    let mut r = Reader(bytes);
    let head = r.bytes(3)?;
    if head[0] != VERSION {
        return Err(WireError::UnknownVersion { what: "batch", found: head[0], known: VERSION });
    }
    if head[1] != RECORD_SCHEMA {
        return Err(WireError::UnknownVersion { what: "record schema", found: head[1], known: RECORD_SCHEMA });
    }
    let kind = head[2];
    let (n, upserts) = (r.varint()?, r.varint()?);
    if n > bytes.len() as u64 || upserts > n {
        return Err(WireError::Malformed("batch"));
    }
    let (n, upserts) = (n as usize, upserts as usize);
    let mut ops = U8Col::decode(&mut r, n)?;
    let mut seqs = U64Col::decode(&mut r, n)?;
    let mut ids = <[u8; 16] as Columnar>::Col::decode(&mut r, n)?;
    let mut versions = U32Col::decode(&mut r, n)?;
    let mut deleted = U64Col::decode(&mut r, n - upserts)?;
    let mut common = CommonCols::decode(&mut r, upserts)?;
    let mut body = match kind {
        0 => BodyCols::Vehicle(VehicleCols::decode(&mut r, upserts)?.into()),
        1 => BodyCols::Person(PersonCols::decode(&mut r, upserts)?.into()),
        2 => BodyCols::Variant(VariantCols::decode(&mut r, upserts)?.into()),
        _ => return Err(WireError::Malformed("batch")),
    };
    if !r.0.is_empty() {
        return Err(WireError::Malformed("batch"));
    }
    let mut out = Vec::with_capacity(n);
    let mut seq = 0_u64;
    for _ in 0..n {
        seq = seq.checked_add(seqs.take()?).ok_or(WireError::Malformed("batch"))?;
        let (id, version) = (RecordId(ids.take()?), versions.take()?);
        let op = match ops.take()? {
            0 => Op::Upsert(Box::new(Record {
                id,
                version,
                source_key: common.source_key.take()?,
                created: common.created.take()?,
                updated: common.updated.take()?,
                review: common.review.take()?,
                expires: common.expires.take()?,
                handling: common.handling.take()?,
                flags: common.flags.take()?,
                body: match &mut body {
                    BodyCols::Vehicle(cols) => Body::Vehicle(cols.take()?),
                    BodyCols::Person(cols) => Body::Person(cols.take()?),
                    BodyCols::Variant(cols) => Body::Variant(cols.take()?),
                },
            })),
            1 => {
                let at = i64::try_from(deleted.take()?).map_err(|_| WireError::OverLimit("time"))?;
                Op::Delete { id, version, at: Timestamp(at) }
            }
            _ => return Err(WireError::Malformed("batch")),
        };
        out.push(Change { seq, op });
    }
    Ok(out)
}
