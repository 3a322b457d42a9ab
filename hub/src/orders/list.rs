//! What was ordered, by whom, and what became of it.

use crate::{Hub, HubError};
use beatcheck_model::Timestamp;
use beatcheck_wire::{CompartmentId, DeviceId, OrderId};
use rusqlite::params;
use serde::{Serialize, Serializer};

/// Orders listed where no limit is given.
const DEFAULT_LIMIT: usize = 1_000;

/// What an order is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderKind {
    /// One device erases itself.
    Wipe,
    /// All devices do.
    FleetWipe,
    /// One device erases one compartment, and fetches it again if it still may.
    Purge,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// It waits for a second person.
    Proposed,
    /// It is in force, and was not obeyed yet.
    Open,
    /// There is a receipt (of every device that it means).
    Obeyed,
    /// It was taken back.
    Cancelled,
    /// It was not obeyed in its time, and is not any more.
    Expired,
}

/// One order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Order {
    /// Its name, which its receipt bears.
    #[serde(serialize_with = "hex")]
    pub id: OrderId,
    /// What to do.
    pub kind: OrderKind,
    /// Which device; none: all that were enrolled when it was made.
    #[serde(serialize_with = "maybe_hex")]
    pub device: Option<DeviceId>,
    /// Which compartment, by its name.
    pub compartment: Option<String>,
    /// What became of it.
    pub state: OrderState,
    /// When it was made, or proposed.
    pub ordered: Timestamp,
    /// By whom.
    pub ordered_by: String,
    /// Until when devices obey it; none: without end.
    pub expires: Option<Timestamp>,
    /// When a second person approved it.
    pub approved: Option<Timestamp>,
    /// Who that was.
    pub approved_by: Option<String>,
    /// When it was taken back.
    pub cancelled: Option<Timestamp>,
    /// By whom.
    pub cancelled_by: Option<String>,
    /// When the receipt came, of the last device that it means.
    pub obeyed: Option<Timestamp>,
    /// Devices that it means: of an order to all, those that were neither revoked nor erased before.
    pub meant: u64,
    /// Receipts of them.
    pub receipts: u64,
}

/// Which orders are wanted, newest first.
#[derive(Clone, Debug, Default)]
pub struct OrderFilter {
    /// Of this device, and to all.
    pub device: Option<DeviceId>,
    /// Only those that are proposed or open.
    pub open: bool,
    /// At most so many.
    pub limit: Option<usize>,
}

fn hex<S: Serializer>(id: &OrderId, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(id)
}

fn maybe_hex<S: Serializer>(id: &Option<DeviceId>, s: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => s.collect_str(id),
        None => s.serialize_none(),
    }
}

impl Hub {
    /// Orders, newest first.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn orders(&self, filter: &OrderFilter) -> Result<Vec<Order>, HubError> {
        let now = self.now();
        let conn = self.conn()?;
        let mut stmt = conn.prepare(
            "SELECT id, kind, device, compartment, ordered, ordered_by, expires, approved, approved_by, cancelled,
                    cancelled_by, obeyed,
                    CASE WHEN device IS NULL THEN (SELECT COUNT(*) FROM device d WHERE d.enrolled <= ordered
                        AND d.revoked IS NULL AND (d.wiped IS NULL OR d.wiped >= ordered)) ELSE 1 END,
                    (SELECT COUNT(*) FROM order_receipt r WHERE r.order_id = o.id),
                    (SELECT MAX(received) FROM order_receipt r WHERE r.order_id = o.id)
             FROM device_order o
             WHERE (?1 IS NULL OR device = ?1 OR device IS NULL) AND (NOT ?2 OR (obeyed IS NULL AND cancelled IS NULL))
             ORDER BY ordered DESC, id",
        )?;
        let mut rows = stmt.query(params![filter.device.map(|d| d.0), filter.open])?;
        let mut out = Vec::new();
        let limit = filter.limit.unwrap_or(DEFAULT_LIMIT);
        while out.len() < limit
            && let Some(r) = rows.next()?
        {
            let time = |i: usize| r.get::<_, Option<i64>>(i).map(|t| t.map(Timestamp));
            let kind = match r.get::<_, String>(1)?.as_str() {
                "wipe" => OrderKind::Wipe,
                "fleet_wipe" => OrderKind::FleetWipe,
                _ => OrderKind::Purge,
            };
            let (meant, receipts): (u64, u64) = (r.get(12)?, r.get(13)?);
            let obeyed = if kind == OrderKind::FleetWipe && receipts >= meant { time(14)? } else { time(11)? };
            let mut order = Order {
                id: CompartmentId(r.get(0)?),
                kind,
                device: r.get::<_, Option<[u8; 16]>>(2)?.map(CompartmentId),
                compartment: r.get(3)?,
                state: OrderState::Open,
                ordered: Timestamp(r.get(4)?),
                ordered_by: r.get(5)?,
                expires: time(6)?,
                approved: time(7)?,
                approved_by: r.get(8)?,
                cancelled: time(9)?,
                cancelled_by: r.get(10)?,
                obeyed,
                meant,
                receipts,
            };
            order.state = order.state_at(now);
            if !filter.open || matches!(order.state, OrderState::Open | OrderState::Proposed) {
                out.push(order);
            }
        }
        Ok(out)
    }
}

impl Order {
    fn state_at(&self, now: Timestamp) -> OrderState {
        if self.obeyed.is_some() {
            OrderState::Obeyed
        } else if self.cancelled.is_some() {
            OrderState::Cancelled
        } else if self.expires.is_some_and(|e| now > e) {
            OrderState::Expired
        } else if self.kind == OrderKind::FleetWipe && self.approved.is_none() {
            OrderState::Proposed
        } else {
            OrderState::Open
        }
    }
}
