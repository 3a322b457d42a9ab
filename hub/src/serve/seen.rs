//! When devices were last heard of: kept here and written a second later, for all of them at once. Each by itself was a
//! transaction with a flush to the disk, so that a fleet at the start of its shift waited for little else.

use crate::{Hub, HubError};
use beatcheck_model::Timestamp;
use beatcheck_wire::DeviceId;
use rusqlite::TransactionBehavior;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Seconds within which a device's last contact is not written again.
const EVERY_S: i64 = 60;
/// Devices that are remembered, at most; beyond it all are forgotten, and written again.
const MOST: usize = 100_000;
/// How often what has come is written.
pub(super) const WRITE_EVERY: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Heard {
    noted: HashMap<DeviceId, Timestamp>,
    waiting: HashMap<DeviceId, Timestamp>,
}

/// Contacts of late.
#[derive(Default)]
pub(super) struct Seen(Mutex<Heard>);

impl Seen {
    /// A device was heard of.
    pub(super) fn note(&self, device: DeviceId, now: Timestamp) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.noted.get(&device).is_some_and(|at| (0..EVERY_S).contains(&now.secs_since(*at))) {
            return;
        }
        if heard.noted.len() >= MOST {
            heard.noted.clear();
        }
        heard.noted.insert(device, now);
        heard.waiting.insert(device, now);
    }

    /// Writes what waits. What cannot be written is lost: the device is heard of again.
    pub(super) fn write(&self, hub: &Hub) -> Result<(), HubError> {
        let waiting = std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).waiting);
        if waiting.is_empty() {
            return Ok(());
        }
        let mut conn = hub.conn()?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut update = tx.prepare_cached("UPDATE device SET last_seen = ?2 WHERE id = ?1")?;
            for (device, at) in &waiting {
                update.execute((device.0, at.0))?;
            }
        }
        Ok(tx.commit()?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_contact_a_minute_is_kept_and_a_clock_that_was_set_back_counts() {
        let seen = Seen::default();
        let device = beatcheck_wire::CompartmentId([1; 16]);
        let waits = |seen: &Seen| std::mem::take(&mut seen.0.lock().unwrap().waiting).len();
        let start = Timestamp(1_700_000_000_000);
        seen.note(device, start);
        seen.note(device, start.plus_secs(30));
        assert_eq!(waits(&seen), 1);
        seen.note(device, start.plus_secs(59));
        assert_eq!(waits(&seen), 0);
        seen.note(device, start.plus_secs(60));
        assert_eq!(waits(&seen), 1);
        seen.note(device, start.plus_secs(-3600));
        assert_eq!(waits(&seen), 1);
        for n in 0..MOST as u128 {
            seen.note(beatcheck_wire::CompartmentId(n.to_be_bytes()), start);
        }
        assert!(seen.0.lock().unwrap().noted.len() <= MOST);
    }
}
