//! All marks of a vehicle compartment in RAM, for questions of which only part is known.
//!
//! 12 bytes a vehicle: eight characters, which no UK mark exceeds, and the rid; longer marks stand apart. It is
//! read from the encrypted index when a partial question first needs it, and is good for one state of the file.

use crate::StoreError;
use crate::pool::Stamp;
use beatcheck_search::VrmPattern;
use rusqlite::Connection;

const PACKED: usize = 8;

#[derive(Debug)]
pub(crate) struct Marks {
    pub(crate) stamp: Stamp,
    packed: Vec<[u8; PACKED]>,
    rids: Vec<u32>,
    long: Vec<(String, u32)>,
}

impl Marks {
    pub(crate) fn load(conn: &Connection, stamp: Stamp) -> Result<Self, StoreError> {
        let mut out = Self { stamp, packed: Vec::new(), rids: Vec::new(), long: Vec::new() };
        let mut statement = conn.prepare_cached("SELECT key,rid FROM vrm ORDER BY key,rid")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let key = row.get_ref(0)?.as_str().map_err(|_| StoreError::Corrupt)?;
            let rid = u32::try_from(row.get::<_, i64>(1)?).map_err(|_| StoreError::Corrupt)?;
            if key.len() <= PACKED {
                let mut bytes = [0; PACKED];
                bytes[..key.len()].copy_from_slice(key.as_bytes());
                out.packed.push(bytes);
                out.rids.push(rid);
            } else {
                out.long.push((key.to_owned(), rid));
            }
        }
        Ok(out)
    }

    /// Rids of the marks of this shape that `wanted` lets pass, in the marks' order, at most `most`.
    pub(crate) fn matching(&self, pattern: &VrmPattern, wanted: &dyn Fn(u32) -> bool, most: usize) -> Vec<i64> {
        let mut out = Vec::new();
        // Sorted by text: what begins so lies together.
        let prefix = pattern.prefix().as_bytes();
        let head = prefix.len().min(PACKED);
        let from = self.packed.partition_point(|m| &m[..head] < prefix);
        let to = from + self.packed[from..].partition_point(|m| &m[..head] <= prefix);
        for i in from..to {
            let mark = &self.packed[i];
            let len = mark.iter().position(|b| *b == 0).unwrap_or(PACKED);
            if std::str::from_utf8(&mark[..len]).is_ok_and(|m| pattern.matches(m)) && wanted(self.rids[i]) {
                if out.len() == most {
                    return out;
                }
                out.push(self.rids[i].into());
            }
        }
        for (_, rid) in self.long.iter().filter(|(m, rid)| pattern.matches(m) && wanted(*rid)) {
            if out.len() == most {
                return out;
            }
            out.push((*rid).into());
        }
        out
    }
}
