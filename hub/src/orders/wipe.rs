//! Orders to wipe: one device by one key, all devices by two keys and two persons.

use super::{BY_HUB, known_device, no_order, who};
use crate::{Hub, HubError, keys};
use beatcheck_model::Timestamp;
use beatcheck_wire::envelope::{DocKind, OVERHEAD, SigningKey, VerifyKey, open};
use beatcheck_wire::{CompartmentId, DeviceId, OrderId, WipeOrder, WireError};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

/// Seconds for which a device obeys an order to wipe; one that comes back later is kept locked, and ordered anew.
pub const WIPE_LIFE_S: i64 = 90 * 24 * 3600;
/// The same of an order to all: it is for an emergency, and must not lie in wait.
pub const FLEET_WIPE_LIFE_S: i64 = 7 * 24 * 3600;

impl Hub {
    /// Orders a device to erase itself with its next grant. It keeps its certificate, to be able to hear of it.
    ///
    /// # Errors
    /// As [`Hub::order_wipe_by`].
    pub fn order_wipe(&self, device: DeviceId) -> Result<(), HubError> {
        self.order_wipe_by(device, BY_HUB).map(drop)
    }

    /// The same, naming who ordered it. The same again while the first stands is the first.
    ///
    /// # Errors
    /// [`HubError::Refused`] if there is no such device; [`HubError::Key`] if no wipe key is here.
    pub fn order_wipe_by(&self, device: DeviceId, by: &str) -> Result<OrderId, HubError> {
        let keys = self.keys()?;
        // Either will do, so that one of them may be elsewhere.
        self.order_wipe_with(device, by, keys.wipe(0).or_else(|_| keys.wipe(1))?)
    }

    /// The same with a wipe key that is kept elsewhere.
    ///
    /// # Errors
    /// [`HubError::Refused`] if there is no such device, or it is no wipe key of this hub.
    pub fn order_wipe_with(&self, device: DeviceId, by: &str, key: &SigningKey) -> Result<OrderId, HubError> {
        let by = who(by)?;
        self.is_wipe_key(&key.verify_key())?;
        let now = self.now();
        let mut conn = self.conn()?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        known_device(&tx, device)?;
        let wiped: bool =
            tx.query_row("SELECT wiped IS NOT NULL FROM device WHERE id = ?1", [device.0], |r| r.get(0))?;
        if wiped {
            return Err(HubError::Refused(format!("device {device} has erased itself already")));
        }
        let standing: Option<[u8; 16]> = tx
            .query_row(
                "SELECT id FROM device_order WHERE kind = 'wipe' AND device = ?1 AND obeyed IS NULL AND cancelled IS NULL
                 AND expires > ?2",
                params![device.0, now.0],
                |r| r.get(0),
            )
            .optional()?;
        if let Some(order) = standing {
            return Ok(CompartmentId(order));
        }
        let order = WipeOrder {
            order: CompartmentId(keys::random()?),
            device: Some(device),
            issued: now,
            expires: now.plus_secs(WIPE_LIFE_S),
        };
        let signed = key.sign(DocKind::WipeOrder, &order)?;
        tx.execute(
            "INSERT INTO device_order (id, kind, device, ordered, ordered_by, expires, first_signed)
             VALUES (?1, 'wipe', ?2, ?3, ?4, ?5, ?6)",
            params![order.order.0, device.0, now.0, by, order.expires.0, signed],
        )?;
        tx.execute(
            "UPDATE device SET wipe_ordered = COALESCE(wipe_ordered, ?2) WHERE id = ?1",
            params![device.0, now.0],
        )?;
        tx.commit()?;
        self.refresh_grant(device)?;
        tracing::info!(%device, order = %order.order, "a wipe was ordered");
        Ok(order.order)
    }

    /// Proposes to wipe every device that is enrolled now. Nothing happens until another person approves.
    ///
    /// # Errors
    /// [`HubError::Key`] if `wipe-a.key` is kept elsewhere.
    pub fn propose_fleet_wipe(&self, by: &str) -> Result<OrderId, HubError> {
        self.propose_fleet_wipe_with(by, self.keys()?.wipe(0)?)
    }

    /// The same with a wipe key that is kept elsewhere.
    ///
    /// # Errors
    /// [`HubError::Refused`] if it is no wipe key of this hub.
    pub fn propose_fleet_wipe_with(&self, by: &str, key: &SigningKey) -> Result<OrderId, HubError> {
        let by = who(by)?;
        self.is_wipe_key(&key.verify_key())?;
        let now = self.now();
        let order = WipeOrder {
            order: CompartmentId(keys::random()?),
            device: None,
            issued: now,
            expires: now.plus_secs(FLEET_WIPE_LIFE_S),
        };
        self.conn()?.execute(
            "INSERT INTO device_order (id, kind, ordered, ordered_by, expires, first_signed)
             VALUES (?1, 'fleet_wipe', ?2, ?3, ?4, ?5)",
            params![order.order.0, now.0, by, order.expires.0, key.sign(DocKind::WipeOrder, &order)?],
        )?;
        tracing::warn!(order = %order.order, "a wipe of all devices was proposed");
        Ok(order.order)
    }

    /// Approves a proposed wipe of all devices: from now on each erases itself with its next sync.
    ///
    /// # Errors
    /// [`HubError::Refused`] if `by` is who proposed it, or it does not wait for approval; [`HubError::Key`] if
    /// `wipe-b.key` is kept elsewhere.
    pub fn approve_fleet_wipe(&self, order: OrderId, by: &str) -> Result<(), HubError> {
        self.approve_fleet_wipe_with(order, by, self.keys()?.wipe(1)?)
    }

    /// The same with a wipe key that is kept elsewhere; not the one that signed the proposal.
    ///
    /// # Errors
    /// As [`Hub::approve_fleet_wipe`].
    pub fn approve_fleet_wipe_with(&self, order: OrderId, by: &str, key: &SigningKey) -> Result<(), HubError> {
        let by = who(by)?;
        let wipe_keys = self.is_wipe_key(&key.verify_key())?;
        let now = self.now();
        let mut conn = self.conn()?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found: Option<(String, Vec<u8>, bool, i64)> = tx
            .query_row(
                "SELECT ordered_by, first_signed, approved IS NULL AND cancelled IS NULL AND expires > ?2, ordered
                 FROM device_order WHERE id = ?1 AND kind = 'fleet_wipe'",
                params![order.0, now.0],
                |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)),
            )
            .optional()?;
        let (proposer, first, waits, ordered) = found.ok_or_else(|| no_order(order))?;
        if !waits {
            return Err(HubError::Refused(format!(
                "order {order} does not wait for approval (approved, cancelled or expired)"
            )));
        }
        if proposer.trim().eq_ignore_ascii_case(by) {
            return Err(HubError::Refused("it takes two persons to wipe all devices: another one must approve".into()));
        }
        let others: Vec<VerifyKey> = wipe_keys.into_iter().filter(|k| *k != key.verify_key()).collect();
        let _: WipeOrder = open(DocKind::WipeOrder, &first, &others).map_err(|_| {
            HubError::Refused(
                "it takes two wipe keys: the one given has signed the proposal, or that is not sound".into(),
            )
        })?;
        let second = key.sign_bytes(DocKind::WipeOrder, first.get(OVERHEAD..).ok_or(WireError::Truncated)?);
        tx.execute(
            "UPDATE device_order SET approved = ?2, approved_by = ?3, second_signed = ?4 WHERE id = ?1",
            params![order.0, now.0, by, second],
        )?;
        tx.execute(
            "UPDATE device SET wipe_ordered = COALESCE(wipe_ordered, ?1) WHERE enrolled <= ?2",
            params![now.0, ordered],
        )?;
        tx.commit()?;
        self.refresh_grants()?;
        tracing::warn!(%order, "a wipe of all devices was approved");
        Ok(())
    }

    /// The signed orders to wipe that mean a device: the newest to it alone, and the newest to all.
    pub(crate) fn wipe_orders(&self, device: DeviceId) -> Result<Vec<Vec<u8>>, HubError> {
        let conn = self.conn()?;
        let (mut out, now) = (Vec::new(), self.now().0);
        let open = "obeyed IS NULL AND cancelled IS NULL AND expires > ?2";
        let one = format!(
            "SELECT first_signed FROM device_order WHERE kind = 'wipe' AND device = ?1 AND {open}
             ORDER BY ordered DESC LIMIT 1"
        );
        out.extend(conn.query_row(&one, params![device.0, now], |r| r.get::<_, Vec<u8>>(0)).optional()?);
        let all = format!(
            "SELECT first_signed, second_signed FROM device_order WHERE kind = 'fleet_wipe' AND approved IS NOT NULL AND {open}
             AND ordered >= (SELECT enrolled FROM device WHERE id = ?1) ORDER BY ordered DESC LIMIT 1"
        );
        let pair = conn.query_row(&all, params![device.0, now], |r| Ok([r.get(0)?, r.get(1)?])).optional()?;
        out.extend(pair.into_iter().flatten());
        Ok(out)
    }

    /// The wipe keys that devices trust, if `key` is one.
    fn is_wipe_key(&self, key: &VerifyKey) -> Result<Vec<VerifyKey>, HubError> {
        let trusted = self.trust()?.wipe_keys;
        if trusted.contains(key) {
            return Ok(trusted);
        }
        Err(HubError::Refused("this is no wipe key of this hub: devices would not obey it".into()))
    }
}

/// Lets go of devices that no order means any more; who erased itself stays as it is.
pub(super) fn lift(conn: &Connection) -> Result<(), HubError> {
    conn.execute(
        "UPDATE device SET wipe_ordered = NULL WHERE wipe_ordered IS NOT NULL AND wiped IS NULL AND NOT EXISTS (
             SELECT 1 FROM device_order o WHERE o.cancelled IS NULL AND (
                 (o.kind = 'wipe' AND o.device = device.id)
                 OR (o.kind = 'fleet_wipe' AND o.approved IS NOT NULL AND o.ordered >= device.enrolled)))",
        [],
    )?;
    Ok(())
}

/// Signs open orders anew with new wipe keys: what the old ones signed is obeyed no more.
pub(crate) fn sign_again(conn: &Connection, keys: [&SigningKey; 2], now: Timestamp) -> Result<usize, HubError> {
    let mut open = conn.prepare(
        "SELECT id, first_signed, second_signed IS NOT NULL FROM device_order
         WHERE kind <> 'purge' AND obeyed IS NULL AND cancelled IS NULL AND expires > ?1",
    )?;
    let all: Vec<([u8; 16], Vec<u8>, bool)> =
        open.query_map([now.0], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?.collect::<Result<_, _>>()?;
    for (id, first, twice) in &all {
        let payload = first.get(OVERHEAD..).ok_or(WireError::Truncated)?;
        let first = keys[0].sign_bytes(DocKind::WipeOrder, payload);
        let second = twice.then(|| keys[1].sign_bytes(DocKind::WipeOrder, payload));
        conn.execute(
            "UPDATE device_order SET first_signed = ?2, second_signed = ?3 WHERE id = ?1",
            params![id, first, second],
        )?;
    }
    Ok(all.len())
}
