//! Dates of birth by rid, packed four bytes each in blocks of a page: all of a million are read in one pass over 4 MB.

use crate::StoreError;
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashMap;

/// log2 of the rids in a block: 1,024 dates fill a page of 4 KiB.
const BLOCK_BITS: u32 = 10;
const BLOCK: usize = 1 << BLOCK_BITS;
/// Highest rid that is indexed: an array over them stays below 1 GiB.
const RID_MAX: i64 = 1 << 28;

/// All dates of a compartment.
#[derive(Debug, Default)]
pub(crate) struct Births {
    /// By rid; 0 where none is known.
    pub(crate) first: Vec<u32>,
    pub(crate) more: HashMap<u32, Vec<u32>>,
}

/// Writes the dates of a fresh load; `dates` by rid, sorted.
pub(crate) fn write(conn: &Connection, dates: &[(u32, Vec<u32>)]) -> Result<(), StoreError> {
    for run in dates.chunk_by(|a, b| a.0 >> BLOCK_BITS == b.0 >> BLOCK_BITS) {
        let Some((rid, _)) = run.first() else { continue };
        let mut bytes = vec![0; BLOCK * 4];
        for (rid, dates) in run {
            put(&mut bytes, *rid, dates.first().copied().unwrap_or(0))?;
            for more in dates.iter().skip(1) {
                conn.prepare_cached("INSERT INTO birth_more(rid,date) VALUES(?1,?2)")?.execute((rid, more))?;
            }
        }
        conn.prepare_cached("INSERT INTO birth(block,dates) VALUES(?1,?2)")?.execute((rid >> BLOCK_BITS, bytes))?;
    }
    Ok(())
}

/// Replaces one person's dates.
pub(crate) fn set(conn: &Connection, rid: i64, dates: &[u32]) -> Result<(), StoreError> {
    let rid = u32::try_from(rid).ok().filter(|r| i64::from(*r) < RID_MAX).ok_or(StoreError::Corrupt)?;
    let held: Option<Vec<u8>> = conn
        .prepare_cached("SELECT dates FROM birth WHERE block=?1")?
        .query_row([rid >> BLOCK_BITS], |r| r.get(0))
        .optional()?;
    let mut bytes = held.unwrap_or_else(|| vec![0; BLOCK * 4]);
    put(&mut bytes, rid, dates.first().copied().unwrap_or(0))?;
    conn.prepare_cached("INSERT OR REPLACE INTO birth(block,dates) VALUES(?1,?2)")?
        .execute((rid >> BLOCK_BITS, bytes))?;
    conn.prepare_cached("DELETE FROM birth_more WHERE rid=?1")?.execute([rid])?;
    for more in dates.iter().skip(1) {
        conn.prepare_cached("INSERT INTO birth_more(rid,date) VALUES(?1,?2)")?.execute((rid, more))?;
    }
    Ok(())
}

fn put(bytes: &mut [u8], rid: u32, date: u32) -> Result<(), StoreError> {
    let at = (rid as usize % BLOCK) * 4;
    bytes.get_mut(at..at + 4).ok_or(StoreError::Corrupt)?.copy_from_slice(&date.to_le_bytes());
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
            if !(0..RID_MAX).contains(&start) || bytes.len() != BLOCK * 4 {
                return Err(StoreError::Corrupt);
            }
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
}
