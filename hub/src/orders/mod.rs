//! Orders to devices: to wipe, to wipe them all, to purge one compartment; and their receipts.
//!
//! An order to wipe is signed by a wipe key, which is not the key that signs grants: whoever steals that one can take
//! data away and cannot erase a force. An order to all devices needs two keys and two persons: one proposes, another
//! approves. Purges lose nothing for good, so they stand in the signed grant alone. Each order has a random name; the
//! device's receipt bears it, and an order counts as obeyed only by a receipt.

mod list;
mod receipts;
mod wipe;

pub use list::{Order, OrderFilter, OrderKind, OrderState};
pub(crate) use receipts::{note_receipts, note_report, note_wiped};
pub(crate) use wipe::sign_again;
pub use wipe::{FLEET_WIPE_LIFE_S, WIPE_LIFE_S};

use crate::{Hub, HubError, keys};
use beatcheck_wire::{CompartmentId, DeviceId, MAX_PURGES, OrderId, PurgeOrder};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use std::collections::BTreeMap;

/// Bytes of the name of who did something, at most.
pub(crate) const MAX_BY: usize = 128;
/// Who did what no person was named for.
pub(crate) const BY_HUB: &str = "hub";

impl Hub {
    /// Orders a device to erase what it holds of one compartment, by its name, and to fetch it again if it still may.
    ///
    /// The same again while the first was not obeyed is the first.
    ///
    /// # Errors
    /// [`HubError::Refused`] if there is no such device or compartment, or too many purges wait for the device.
    pub fn order_purge(&self, device: DeviceId, compartment: &str, by: &str) -> Result<OrderId, HubError> {
        let by = who(by)?;
        let (order, now) = (CompartmentId(keys::random()?), self.now());
        let mut conn = self.conn()?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        known_device(&tx, device)?;
        let id: Option<[u8; 16]> =
            tx.query_row("SELECT id FROM compartment WHERE name = ?1", [compartment], |r| r.get(0)).optional()?;
        let Some(id) = id else {
            return Err(HubError::Refused(format!("no compartment '{compartment}': `hub status` lists them")));
        };
        let open: Vec<(OrderId, CompartmentId)> = open_purges(&tx, Some(device))?
            .remove(&device)
            .unwrap_or_default()
            .into_iter()
            .map(|p| (p.order, p.compartment))
            .collect();
        if let Some((order, _)) = open.iter().find(|(_, c)| c.0 == id) {
            return Ok(*order);
        }
        if open.len() >= MAX_PURGES {
            return Err(HubError::Refused(format!("{MAX_PURGES} purges wait for this device: wipe it, or wait")));
        }
        tx.execute(
            "INSERT INTO device_order (id, kind, device, compartment, compartment_id, ordered, ordered_by)
             VALUES (?1, 'purge', ?2, ?3, ?4, ?5, ?6)",
            params![order.0, device.0, compartment, id, now.0, by],
        )?;
        tx.commit()?;
        self.refresh_grant(device)?;
        tracing::info!(%device, %order, "a purge was ordered");
        Ok(order)
    }

    /// Takes an order back that was not obeyed yet. A device that has heard of it may obey it all the same.
    ///
    /// # Errors
    /// [`HubError::Refused`] if there is no such order, or it was obeyed or cancelled.
    pub fn cancel_order(&self, order: OrderId, by: &str) -> Result<(), HubError> {
        let by = who(by)?;
        let mut conn = self.conn()?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found: Option<(Option<[u8; 16]>, bool)> = tx
            .query_row(
                "SELECT device, obeyed IS NULL AND cancelled IS NULL FROM device_order WHERE id = ?1",
                [order.0],
                |r| Ok((r.get(0)?, r.get(1)?)),
            )
            .optional()?;
        let (device, open) = found.ok_or_else(|| no_order(order))?;
        if !open {
            return Err(HubError::Refused(format!(
                "order {order} was obeyed or cancelled before: nothing was changed"
            )));
        }
        tx.execute(
            "UPDATE device_order SET cancelled = ?2, cancelled_by = ?3 WHERE id = ?1",
            params![order.0, self.now().0, by],
        )?;
        wipe::lift(&tx)?;
        tx.commit()?;
        match device {
            Some(device) => self.refresh_grant(CompartmentId(device))?,
            None => self.refresh_grants()?,
        }
        tracing::info!(%order, "an order was cancelled");
        Ok(())
    }

    /// Gives back a compartment, by its name, that was withdrawn from one device.
    ///
    /// # Errors
    /// [`HubError::Refused`] if there is no such device, or nothing of that name was withdrawn from it.
    pub fn restore_compartment(&self, device: DeviceId, name: &str) -> Result<(), HubError> {
        let conn = self.conn()?;
        known_device(&conn, device)?;
        let given =
            conn.execute("DELETE FROM withdrawal WHERE device = ?1 AND compartment = ?2", params![device.0, name])?;
        if given == 0 {
            return Err(HubError::Refused(format!("'{name}' was not withdrawn from device {device}")));
        }
        drop(conn);
        self.refresh_grant(device)
    }
}

/// Purges that were not obeyed yet, oldest first, by device.
pub(crate) fn open_purges(
    conn: &Connection,
    only: Option<DeviceId>,
) -> Result<BTreeMap<DeviceId, Vec<PurgeOrder>>, HubError> {
    let mut out: BTreeMap<DeviceId, Vec<PurgeOrder>> = BTreeMap::new();
    let mut stmt = conn.prepare_cached(
        "SELECT device, id, compartment_id FROM device_order
         WHERE kind = 'purge' AND obeyed IS NULL AND cancelled IS NULL AND (?1 IS NULL OR device = ?1)
         ORDER BY ordered, id",
    )?;
    let mut rows = stmt.query([only.map(|d| d.0)])?;
    while let Some(r) = rows.next()? {
        let purge = PurgeOrder { order: CompartmentId(r.get(1)?), compartment: CompartmentId(r.get(2)?) };
        let of = out.entry(CompartmentId(r.get(0)?)).or_default();
        if of.len() < MAX_PURGES {
            of.push(purge);
        }
    }
    Ok(out)
}

/// The name of who does something.
pub(crate) fn who(by: &str) -> Result<&str, HubError> {
    let by = by.trim();
    if by.is_empty() || by.len() > MAX_BY || by.chars().any(char::is_control) {
        return Err(HubError::Refused(format!("who does this must be named, in 1 to {MAX_BY} bytes")));
    }
    Ok(by)
}

fn known_device(conn: &Connection, device: DeviceId) -> Result<(), HubError> {
    let known: bool = conn.query_row("SELECT EXISTS (SELECT 1 FROM device WHERE id = ?1)", [device.0], |r| r.get(0))?;
    if known { Ok(()) } else { Err(HubError::Refused(format!("no device {device}: `hub status` lists them"))) }
}

fn no_order(order: OrderId) -> HubError {
    HubError::Refused(format!("no order {order}: `hub orders` lists them"))
}
