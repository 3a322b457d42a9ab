//! Deleting what nothing names any more, once devices have had the time to finish with it.

use super::{compact, last_manifest, next};
use crate::{Hub, HubError};
use beatcheck_wire::{Hash32, SegmentRef};
use rusqlite::{Connection, TransactionBehavior, params};
use std::collections::HashSet;

/// Seconds for which a segment or catalogue stays after nothing names it any more.
pub const GC_AFTER_S: i64 = 7 * 24 * 3600;

impl Hub {
    /// Marks what nothing names any more and deletes what has long been marked; the number of segments deleted.
    ///
    /// A file goes before its row: whatever happens in between, the next run finds it again.
    pub(super) fn collect(&self) -> Result<u64, HubError> {
        let now = self.now();
        let mut conn = self.own_conn()?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (segments, catalogues) = named(&tx)?;
        mark(&tx, "segment", &segments, now.0)?;
        mark(&tx, "catalogue", &catalogues, now.0)?;
        tx.commit()?;
        let before = now.plus_secs(-GC_AFTER_S).0;
        conn.execute("DELETE FROM catalogue WHERE unnamed_at <= ?1", [before])?;
        let old: Vec<[u8; 32]> = {
            let mut stmt = conn.prepare("SELECT hash FROM segment WHERE unnamed_at <= ?1")?;
            stmt.query_map([before], |r| r.get(0))?.collect::<Result<_, _>>()?
        };
        for hash in &old {
            match std::fs::remove_file(self.segment_path(&Hash32(*hash))) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(HubError::Io { what: "deleting an old segment".into(), source: e });
                }
                _ => conn.execute("DELETE FROM segment WHERE hash = ?1", [hash])?,
            };
        }
        Ok(old.len() as u64)
    }
}

type Hashes = HashSet<[u8; 32]>;

/// The segments and the catalogues that are in use.
fn named(conn: &Connection) -> Result<(Hashes, Hashes), HubError> {
    let (mut segments, mut catalogues) = (Hashes::new(), Hashes::new());
    let mut add = |list: &[SegmentRef]| segments.extend(list.iter().map(|s| s.hash.0));
    let mut stmt = conn.prepare("SELECT n FROM compartment")?;
    let all: Vec<i64> = stmt.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?;
    for n in all {
        let Some(manifest) = last_manifest(conn, n)?.and_then(|p| p.manifest) else { continue };
        manifest.recent.iter().for_each(|d| add(&d.segments));
        manifest.dictionary.iter().for_each(|s| add(std::slice::from_ref(s)));
        catalogues.insert(manifest.catalogue.hash.0);
        if let Some((c, _)) = next::catalogue(conn, &manifest.catalogue.hash)? {
            add(&c.snapshot.segments);
            add(&c.index);
            c.deltas.iter().for_each(|d| add(&d.segments));
        }
        compact::load(conn, n)?.iter().for_each(|k| add(&k.delta.segments));
    }
    Ok((segments, catalogues))
}

/// Notes since when each row of a table is not named; `table` is one of ours.
fn mark(conn: &Connection, table: &str, named: &Hashes, now: i64) -> Result<(), HubError> {
    let mut all = conn.prepare(&format!("SELECT hash, unnamed_at FROM {table}"))?;
    let all: Vec<([u8; 32], Option<i64>)> =
        all.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_, _>>()?;
    let mut set = conn.prepare(&format!("UPDATE {table} SET unnamed_at = ?2 WHERE hash = ?1"))?;
    for (hash, since) in all {
        match (named.contains(&hash), since) {
            (true, Some(_)) => set.execute(params![hash, None::<i64>])?,
            (false, None) => set.execute(params![hash, now])?,
            _ => 0,
        };
    }
    Ok(())
}
