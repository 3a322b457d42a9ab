//! Devices and the numbers of their entries, a page at a time.

use crate::{Hub, HubError, JournalCheck};
use beatcheck_wire::CompartmentId;
use rusqlite::params;

impl Hub {
    /// A page of devices and whether the numbers of their entries run without a gap, and how many devices there are. Opens
    /// nothing and hashes nothing: [`Hub::chain_state`] does.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn journal_chains(&self, offset: u64, limit: u64) -> Result<(Vec<JournalCheck>, u64), HubError> {
        let conn = self.conn()?;
        let total = conn.query_row("SELECT COUNT(*) FROM device", [], |r| r.get(0))?;
        let mut stmt = conn.prepare(
            "SELECT d.id, COUNT(j.seq), COALESCE(MIN(j.seq), 0), COALESCE(MAX(j.seq), 0), d.acked_seq, d.journal_fault
             FROM (SELECT * FROM device ORDER BY enrolled, id LIMIT ?1 OFFSET ?2) d
             LEFT JOIN journal j ON j.device = d.id GROUP BY d.id ORDER BY d.enrolled, d.id",
        )?;
        let rows = stmt.query_map(params![limit.min(crate::MAX_FLEET_PAGE), offset], |r| {
            let id = CompartmentId(r.get(0)?);
            let (entries, first, last, acked): (u64, u64, u64, u64) = (r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?);
            let fault: Option<String> = r.get(5)?;
            let whole = last == acked && entries == last && (entries == 0 || first == 1);
            let gap = (!whole).then(|| format!("{entries} entries held of {}", last.max(acked)));
            let unbroken = whole && fault.is_none();
            Ok(JournalCheck { device: id.to_string(), entries, first, last, unbroken, problem: gap.or(fault) })
        })?;
        Ok((rows.collect::<Result<_, _>>()?, total))
    }
}
