//! Who has an address as asked: read from the encrypted postings when an address is asked, never kept.

use crate::StoreError;
use crate::records::postings;
use beatcheck_search::PlaceQuery;
use rusqlite::Connection;
use std::collections::BTreeMap;

/// Posting blocks read for one word or postcode, at most: some hundred postcodes of a district sector, or a word in 65
/// million persons.
const ROWS_MAX: usize = 2_000;

/// Who has one word or postcode asked.
pub(crate) struct Placed {
    pub(crate) key: String,
    /// Persons; who has several postcodes that begin as asked counts as often.
    pub(crate) persons: u64,
    /// Block, and encoded places.
    pub(crate) blocks: Vec<(u16, Vec<u8>)>,
}

/// The postings of each key asked.
pub(crate) fn placed(conn: &Connection, asked: &PlaceQuery) -> Result<Vec<Placed>, StoreError> {
    let mut out = Vec::new();
    for (key, begins) in asked.keys() {
        let mut one = Placed { key: key.clone(), persons: 0, blocks: Vec::new() };
        // Keys are letters, digits and marks below this one.
        let end = if begins { format!("{key}\u{10FFFF}") } else { key.clone() };
        let mut statement =
            conn.prepare_cached("SELECT block,rids FROM place WHERE key>=?1 AND key<=?2 ORDER BY key,block LIMIT ?3")?;
        let mut rows = statement.query((&key, &end, ROWS_MAX))?;
        while let Some(row) = rows.next()? {
            let block = u16::try_from(row.get::<_, i64>(0)?).map_err(|_| StoreError::Corrupt)?;
            let rids: Vec<u8> = row.get(1)?;
            postings::each(&rids, |_| one.persons += 1)?;
            one.blocks.push((block, rids));
        }
        out.push(one);
    }
    Ok(out)
}

/// How many persons have each key, over several compartments.
pub(crate) fn counted<'p>(placed: impl Iterator<Item = &'p Placed>) -> BTreeMap<String, u64> {
    let mut out = BTreeMap::new();
    for p in placed {
        *out.entry(p.key.clone()).or_default() += p.persons;
    }
    out
}
