//! A compartment's dictionary: what small batches of its records have in common, so that it need not travel with each.
//!
//! It is trained once, on batches like those it will be used for, and stays for as long as the record schema does: what
//! was cut with it must be read with it. A new key epoch seals the same bytes anew.

use super::change::filled;
use crate::HubError;
use beatcheck_model::Record;
use beatcheck_wire::batch::{self, Change, Context, Op};
use beatcheck_wire::patch::{MIN_PREFIX, Patch};
use beatcheck_wire::{RECORD_SCHEMA, SegmentRef, WireError, digest};
use rusqlite::{Connection, OptionalExtension, params};

/// Fewest rows of a compartment from which a dictionary is trained.
pub(super) const DICTIONARY_MIN_ROWS: u64 = 500;
/// Largest dictionary, in bytes.
const DICTIONARY_BYTES: usize = 16 * 1024;
/// Rows that are looked at for it, about.
const SAMPLE_ROWS: u64 = 4_000;
/// Rows of the samples, in turn: deltas of minutes are small.
const SAMPLE_SIZES: [usize; 8] = [1, 2, 3, 5, 1, 8, 12, 20];

/// A dictionary as the hub keeps it.
pub(super) struct Kept {
    pub(super) plain: Vec<u8>,
    pub(super) segment: SegmentRef,
}

/// The compartment's dictionary, if it has one.
pub(super) fn load(conn: &Connection, compartment: i64) -> Result<Option<Kept>, HubError> {
    let found: Option<(Vec<u8>, Vec<u8>)> = conn
        .query_row(
            "SELECT plain, segment FROM dictionary WHERE compartment = ?1 AND schema = ?2",
            params![compartment, RECORD_SCHEMA],
            |r| Ok((r.get(0)?, r.get(1)?)),
        )
        .optional()?;
    let Some((plain, segment)) = found else { return Ok(None) };
    let segment = postcard::from_bytes(&segment).map_err(|_| WireError::Malformed("dictionary"))?;
    Ok(Some(Kept { plain, segment }))
}

/// Keeps it.
pub(super) fn save(conn: &Connection, compartment: i64, kept: &Kept) -> Result<(), HubError> {
    let segment = postcard::to_allocvec(&kept.segment).map_err(|_| WireError::Malformed("dictionary"))?;
    conn.execute(
        "INSERT OR REPLACE INTO dictionary (compartment, schema, plain, segment) VALUES (?1, ?2, ?3, ?4)",
        params![compartment, RECORD_SCHEMA, kept.plain, segment],
    )?;
    Ok(())
}

/// Trains one on the records of a compartment; none if they do not give one.
pub(super) fn train(
    conn: &Connection,
    compartment: i64,
    rows: u64,
    context: &Context<'_>,
) -> Result<Option<Vec<u8>>, HubError> {
    let mut stmt = conn.prepare(
        "SELECT row FROM record_version WHERE compartment = ?1 AND ended = 0 AND row IS NOT NULL AND seq % ?2 = 0
         ORDER BY seq LIMIT ?3",
    )?;
    let mut found = stmt.query(params![compartment, (rows / SAMPLE_ROWS).max(1), 2 * SAMPLE_ROWS])?;
    let mut records = Vec::new();
    while let Some(r) = found.next()? {
        records.push(digest::from_canonical(r.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?);
    }
    let samples = samples(context, &records)?;
    match zstd::dict::from_samples(&samples, DICTIONARY_BYTES) {
        Ok(d) if !d.is_empty() && d.len() <= DICTIONARY_BYTES => Ok(Some(d)),
        Ok(_) => Ok(None),
        Err(e) => {
            tracing::debug!(error = %e, "no dictionary could be trained");
            Ok(None)
        }
    }
}

/// Batches as minutes bring them: some of new rows, some of patches, some of both.
fn samples(context: &Context<'_>, records: &[Record]) -> Result<Vec<Vec<u8>>, HubError> {
    let (mut out, mut rest, mut turn) = (Vec::new(), records, 0);
    while !rest.is_empty() {
        let size = SAMPLE_SIZES[turn % SAMPLE_SIZES.len()].min(rest.len());
        let (now, later) = rest.split_at(size);
        for patched in [0, size / 2, size] {
            let ops = now.iter().enumerate().map(|(i, r)| {
                if i < patched {
                    Op::Patch(Patch::of(r, some_field(r, turn + i)))
                } else {
                    Op::Upsert(Box::new(r.clone()))
                }
            });
            let changes: Vec<Change> = ops.enumerate().map(|(i, op)| Change { seq: i as u64 + 1, op }).collect();
            out.push(batch::encode(context, MIN_PREFIX, &changes)?);
        }
        (rest, turn) = (later, turn + 1);
    }
    Ok(out)
}

/// One of the fields in which a record says anything.
fn some_field(record: &Record, turn: usize) -> u64 {
    let mut fields = filled(record);
    for _ in 0..turn % fields.count_ones().max(1) as usize {
        fields &= fields - 1;
    }
    fields & fields.wrapping_neg()
}
