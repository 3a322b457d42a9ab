//! How many bytes of an id name a row: as few as tell it from every other id that the compartment ever had.
//!
//! A device holds some of those ids and no others, so what is unambiguous here is unambiguous there. The nearest ids on
//! both sides decide; two look-ups in each of two indexes find them.

use crate::HubError;
use beatcheck_model::RecordId;
use beatcheck_wire::patch::{MIN_PREFIX, WHOLE_ID};
use rusqlite::{Connection, OptionalExtension, params};

/// Bytes of `id` that tell it from `other`.
fn apart(id: &RecordId, other: &RecordId) -> u8 {
    let same = id.0.iter().zip(&other.0).take_while(|(a, b)| a == b).count();
    (same as u8).saturating_add(1).clamp(MIN_PREFIX, WHOLE_ID)
}

/// Bytes of `id` that tell it from its neighbours, which are other ids than itself.
fn enough<'a>(id: &RecordId, neighbours: impl IntoIterator<Item = &'a RecordId>) -> u8 {
    neighbours.into_iter().map(|n| apart(id, n)).max().unwrap_or(MIN_PREFIX)
}

/// Bytes of `id` that name it among all ids of a compartment, those of records that are gone included.
pub(super) fn needed(conn: &Connection, compartment: i64, id: &RecordId) -> Result<u8, HubError> {
    // A base whose occurrence 0 is not in use counts too: at worst a byte is spent.
    const NEIGHBOURS: [&str; 4] = [
        "SELECT base FROM record WHERE compartment = ?1 AND base < ?2 ORDER BY base DESC LIMIT 1",
        "SELECT base FROM record WHERE compartment = ?1 AND base > ?2 ORDER BY base LIMIT 1",
        "SELECT record_id FROM record WHERE compartment = ?1 AND record_id IS NOT NULL AND record_id < ?2
         ORDER BY record_id DESC LIMIT 1",
        "SELECT record_id FROM record WHERE compartment = ?1 AND record_id IS NOT NULL AND record_id > ?2
         ORDER BY record_id LIMIT 1",
    ];
    let mut found = Vec::with_capacity(NEIGHBOURS.len());
    for sql in NEIGHBOURS {
        let next = conn.prepare_cached(sql)?.query_row(params![compartment, id.0], |r| r.get(0)).optional()?;
        found.extend(next.map(RecordId));
    }
    Ok(enough(id, &found))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn id(first: &[u8]) -> RecordId {
        let mut id = [0; 16];
        id[..first.len()].copy_from_slice(first);
        RecordId(id)
    }

    #[test]
    fn the_nearer_neighbour_decides() {
        let x = id(&[1, 2, 3, 4, 5, 6]);
        assert_eq!(enough(&x, []), 4);
        assert_eq!(enough(&x, [&id(&[9])]), 4);
        assert_eq!(enough(&x, [&id(&[1, 2, 3, 4]), &id(&[9])]), 5);
        assert_eq!(enough(&x, [&id(&[1, 2, 3, 4, 5, 7]), &id(&[1, 2, 3, 4])]), 6);
        let (mut near, mut far) = (x, x);
        near.0[15] = 1;
        far.0[14] = 1;
        assert_eq!((enough(&x, [&near]), enough(&x, [&far])), (16, 15));
    }

    #[test]
    fn both_indexes_are_asked_and_other_compartments_are_not() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(include_str!("../../migrations/001_records.sql")).unwrap();
        let put = |c: i64, base: RecordId, occurrence: u32, named: Option<RecordId>| {
            conn.execute(
                "INSERT INTO record (compartment, base, occurrence, content, version, seq, unsearchable, record_id)
                 VALUES (?1, ?2, ?3, NULL, 1, 1, 0, ?4)",
                params![c, base.0, occurrence, named.map(|n| n.0)],
            )
            .unwrap();
        };
        let x = id(&[1, 2, 3, 4, 5, 6, 7]);
        put(1, x, 0, None);
        put(2, id(&[1, 2, 3, 4, 5, 6, 7, 8]), 0, None);
        assert_eq!(needed(&conn, 1, &x).unwrap(), 4);
        put(1, id(&[1, 2, 3, 4, 9]), 0, None);
        assert_eq!(needed(&conn, 1, &x).unwrap(), 5);
        put(1, id(&[200]), 1, Some(id(&[1, 2, 3, 4, 5, 5])));
        assert_eq!(needed(&conn, 1, &x).unwrap(), 6);
        assert_eq!(needed(&conn, 1, &id(&[1, 2, 3, 4, 5, 5])).unwrap(), 6);
    }
}
