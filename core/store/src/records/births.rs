//! Date of birth, sex and height by rid, five bytes each in blocks of 1,024: all of a million are read in one pass over 5 MB.

use crate::StoreError;
use beatcheck_model::Sex;
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashMap;

/// log2 of the rids in a block.
const BLOCK_BITS: u32 = 10;
const BLOCK: usize = 1 << BLOCK_BITS;
/// Highest rid that is indexed: an array over them stays below 1 GiB.
const RID_MAX: i64 = 1 << 28;

/// Bits of a packed date; the sex stands above them.
const DATE_BITS: u32 = 28;
const DATE: u32 = (1 << DATE_BITS) - 1;
/// Bytes of a block: dates, then heights.
const BYTES: usize = BLOCK * 5;

/// What is kept of one person beside the names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Birth {
    /// By `pack`; the first is the record's own, the others were given on occasion.
    pub(crate) dates: Vec<u32>,
    /// The code of [`sex_code`].
    pub(crate) sex: u8,
    /// Middle of the height band in centimetres, 0 where unknown.
    pub(crate) height: u8,
}

impl Birth {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A sex in two bits.
pub(crate) fn sex_code(sex: Sex) -> u8 {
    match sex {
        Sex::Unknown => 0,
        Sex::Male => 1,
        Sex::Female => 2,
        Sex::Other => 3,
    }
}

/// All of a compartment.
#[derive(Debug, Default)]
pub(crate) struct Births {
    /// Date and sex by rid; 0 where nothing is known.
    first: Vec<u32>,
    heights: Vec<u8>,
    pub(crate) more: HashMap<u32, Vec<u32>>,
}

/// Writes the dates of a fresh load; `dates` by rid, sorted.
pub(crate) fn write(conn: &Connection, births: &[(u32, Birth)]) -> Result<(), StoreError> {
    for run in births.chunk_by(|a, b| a.0 >> BLOCK_BITS == b.0 >> BLOCK_BITS) {
        let Some((rid, _)) = run.first() else { continue };
        let mut bytes = vec![0; BYTES];
        for (rid, birth) in run {
            put(&mut bytes, *rid, birth)?;
            for more in birth.dates.iter().skip(1) {
                conn.prepare_cached("INSERT INTO birth_more(rid,date) VALUES(?1,?2)")?.execute((rid, more))?;
            }
        }
        conn.prepare_cached("INSERT INTO birth(block,dates) VALUES(?1,?2)")?.execute((rid >> BLOCK_BITS, bytes))?;
    }
    Ok(())
}

/// Replaces what is kept of one person.
pub(crate) fn set(conn: &Connection, rid: i64, birth: &Birth) -> Result<(), StoreError> {
    let rid = u32::try_from(rid).ok().filter(|r| i64::from(*r) < RID_MAX).ok_or(StoreError::Corrupt)?;
    let held: Option<Vec<u8>> = conn
        .prepare_cached("SELECT dates FROM birth WHERE block=?1")?
        .query_row([rid >> BLOCK_BITS], |r| r.get(0))
        .optional()?;
    let mut bytes = held.unwrap_or_else(|| vec![0; BYTES]);
    put(&mut bytes, rid, birth)?;
    conn.prepare_cached("INSERT OR REPLACE INTO birth(block,dates) VALUES(?1,?2)")?
        .execute((rid >> BLOCK_BITS, bytes))?;
    conn.prepare_cached("DELETE FROM birth_more WHERE rid=?1")?.execute([rid])?;
    for more in birth.dates.iter().skip(1) {
        conn.prepare_cached("INSERT INTO birth_more(rid,date) VALUES(?1,?2)")?.execute((rid, more))?;
    }
    Ok(())
}

/// Forgets those who do not stay.
pub(super) fn keep_only(conn: &Connection, stays: &dyn Fn(i64) -> bool) -> Result<(), StoreError> {
    let mut changed: Vec<(i64, Vec<u8>)> = Vec::new();
    let mut statement = conn.prepare("SELECT block,dates FROM birth")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (block, mut bytes): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let held = bytes.clone();
        for rid in (0..BLOCK as i64).map(|place| block << BLOCK_BITS | place).filter(|rid| !stays(*rid)) {
            put(&mut bytes, u32::try_from(rid).map_err(|_| StoreError::Corrupt)?, &Birth::default())?;
        }
        if bytes != held {
            changed.push((block, bytes));
        }
    }
    for (block, bytes) in changed {
        conn.prepare_cached("UPDATE birth SET dates=?2 WHERE block=?1")?.execute((block, bytes))?;
    }
    let mut statement = conn.prepare("SELECT DISTINCT rid FROM birth_more")?;
    let gone: Vec<i64> = statement.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?;
    for rid in gone.into_iter().filter(|rid| !stays(*rid)) {
        conn.prepare_cached("DELETE FROM birth_more WHERE rid=?1")?.execute([rid])?;
    }
    Ok(())
}

fn put(bytes: &mut [u8], rid: u32, birth: &Birth) -> Result<(), StoreError> {
    let place = rid as usize % BLOCK;
    let word = birth.dates.first().copied().unwrap_or(0) & DATE | u32::from(birth.sex) << DATE_BITS;
    bytes.get_mut(place * 4..place * 4 + 4).ok_or(StoreError::Corrupt)?.copy_from_slice(&word.to_le_bytes());
    *bytes.get_mut(BLOCK * 4 + place).ok_or(StoreError::Corrupt)? = birth.height;
    Ok(())
}

impl Births {
    pub(crate) fn load(conn: &Connection) -> Result<Self, StoreError> {
        let mut out = Self::default();
        let mut statement = conn.prepare_cached("SELECT block,dates FROM birth ORDER BY block")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let start = row.get::<_, i64>(0)? << BLOCK_BITS;
            let bytes = row.get_ref(1)?.as_blob().map_err(|_| StoreError::Corrupt)?;
            if !(0..RID_MAX).contains(&start) || bytes.len() != BYTES {
                return Err(StoreError::Corrupt);
            }
            let (bytes, heights) = bytes.split_at(BLOCK * 4);
            out.heights.resize(start as usize, 0);
            out.heights.extend_from_slice(heights);
            out.first.resize(start as usize, 0);
            out.first.extend(bytes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)));
        }
        let mut statement = conn.prepare_cached("SELECT rid,date FROM birth_more")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            out.more.entry(row.get(0)?).or_default().push(row.get(1)?);
        }
        Ok(out)
    }

    /// Rids that are kept, from 0.
    pub(crate) fn len(&self) -> usize {
        self.first.len()
    }

    /// The person's own date, packed; 0 where none is known.
    pub(crate) fn date(&self, rid: usize) -> u32 {
        self.first.get(rid).map_or(0, |w| w & DATE)
    }

    /// The code of the sex.
    pub(crate) fn sex(&self, rid: usize) -> u8 {
        self.first.get(rid).map_or(0, |w| (w >> DATE_BITS & 3) as u8)
    }

    /// Height in centimetres, 0 where unknown.
    pub(crate) fn height(&self, rid: usize) -> u8 {
        self.heights.get(rid).copied().unwrap_or(0)
    }
}
