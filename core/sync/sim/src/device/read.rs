//! What a check on the device would show: what the grant names, within the lease, and not after its last day.

use super::Device;
use beatcheck_model::{RecordId, Timestamp};
use beatcheck_wire::CompartmentId;
use beatcheck_wire::digest::from_canonical;

/// How long data may be used without contact with the hub, in seconds.
pub(crate) const LEASE_S: i64 = 72 * 3600;

impl Device {
    /// Whether anything may be shown at all.
    pub(crate) fn leased(&self, now: Timestamp) -> bool {
        self.contact.is_some_and(|c| now.secs_since(c) <= LEASE_S)
    }

    /// Rows of a compartment that a check may show now.
    pub(crate) fn shown(&self, id: &CompartmentId, now: Timestamp) -> Vec<(RecordId, &[u8])> {
        let granted = self.grant.iter().flat_map(|g| &g.compartments).any(|c| c.id == *id);
        let (true, true, Some(store)) = (granted, self.leased(now), self.stores.get(id)) else { return Vec::new() };
        let today = now.date();
        let may = |row: &[u8]| from_canonical(row).is_ok_and(|r| r.expires.is_none_or(|last| today <= last));
        store.rows.iter().filter(|(_, row)| may(row)).map(|(id, row)| (*id, row.as_slice())).collect()
    }

    /// Whether a mark is listed, as far as an index says so before the rows are there.
    pub(crate) fn listed(&self, id: &CompartmentId, mark: &str, now: Timestamp) -> Option<bool> {
        let granted = self.grant.iter().flat_map(|g| &g.compartments).any(|c| c.id == *id);
        let index = self.indexes.get(id).filter(|_| granted && self.leased(now))?;
        Some(index.marks.contains(mark))
    }
}
