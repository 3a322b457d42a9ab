//! Shifts: when one began and ends, and the key that a device's records are sealed under beside the officer's own.
//!
//! The key is the device's, random, made at its first shift: what was sealed in one shift opens in the next. It is given
//! out at the start of a shift and never otherwise, and forgotten when the device is revoked: from then on nobody can
//! open what is sealed under it. Where policy wants to know who the officer is (`session.identity_at_start`), the device
//! first asks for a nonce; an ID token that bears it starts one shift, on this device, within ten minutes.

use crate::enrol::Device;
use crate::serve::ApiError;
use crate::{Hub, HubError, keys, officers, oidc, policy};
use axum::http::StatusCode;
use beatcheck_model::Timestamp;
use beatcheck_wire::enrol::{LoginNonce, NONCE_LIFE_S, ShiftRequest, ShiftStarted};
use beatcheck_wire::{CompartmentId, DeviceId};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

/// Nonces that one device may have open; the oldest make room.
pub(crate) const NONCES_A_DEVICE: u32 = 4;

/// One shift, for the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShiftRow {
    /// Its name, in hexadecimal.
    pub shift: String,
    /// The device, in hexadecimal.
    pub device: String,
    /// Whose it was.
    pub officer: String,
    /// Whether the identity provider said so when it started.
    pub identified: bool,
    /// When it began.
    pub started: Timestamp,
    /// When it ends or ended by itself.
    pub ends: Timestamp,
    /// When something else ended it before.
    pub ended: Option<Timestamp>,
    /// What: `next` (another began), `logout`, `suspended`, `revoked`.
    pub why: Option<String>,
}

impl Hub {
    /// A nonce for a log-in on this device.
    pub(crate) fn login_nonce(&self, device: &Device) -> Result<LoginNonce, ApiError> {
        let now = self.now();
        let nonce: [u8; 32] = keys::random()?;
        let mut conn = self.conn()?;
        let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        tx.execute("DELETE FROM login_nonce WHERE expires <= ?1", [now.0])?;
        tx.execute(
            "DELETE FROM login_nonce WHERE device = ?1 AND nonce NOT IN
               (SELECT nonce FROM login_nonce WHERE device = ?1 ORDER BY expires DESC LIMIT ?2)",
            params![device.id.0, NONCES_A_DEVICE - 1],
        )?;
        tx.execute(
            "INSERT INTO login_nonce (nonce, device, expires) VALUES (?1, ?2, ?3)",
            params![nonce, device.id.0, now.plus_secs(NONCE_LIFE_S).0],
        )?;
        tx.commit()?;
        Ok(LoginNonce { nonce: hex(&nonce) })
    }

    /// Starts a shift; the one before ends with that.
    pub(crate) fn start_shift(&self, device: &Device, request: &ShiftRequest) -> Result<ShiftStarted, ApiError> {
        let (rule, suspended) = {
            let conn = self.conn()?;
            (policy::of_device(&conn, device.id)?.session, officers::is_suspended(&conn, &device.officer)?)
        };
        if suspended {
            return Err(refused("suspended", "this officer is suspended: no shift can start"));
        }
        if device.wipe {
            return Err(refused("wipe_ordered", "this device is to erase itself: no shift can start"));
        }
        let who = if rule.identity_at_start {
            let nonce = |nonce: &str| self.take_nonce(device.id, nonce);
            oidc::identify(self, &request.id_token, &device.officer, nonce)?
        } else {
            oidc::Identity::default()
        };

        let now = self.now();
        let mut conn = self.conn()?;
        let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        // It may have been put out, or its officer suspended, while the token was looked at.
        let (revoked, key): (bool, Option<[u8; 32]>) =
            tx.query_row("SELECT revoked IS NOT NULL, shift_key FROM device WHERE id = ?1", [device.id.0], |r| {
                Ok((r.get(0)?, r.get(1)?))
            })?;
        if revoked || officers::is_suspended(&tx, &device.officer)? {
            return Err(refused("suspended", "this device or its officer has just been put out: no shift can start"));
        }
        let key = match key {
            Some(key) => key,
            None => keys::random()?,
        };
        end(&tx, device.id, now, "next")?;
        let was_out: bool =
            tx.query_row("SELECT logged_out IS NOT NULL FROM device WHERE id = ?1", [device.id.0], |r| r.get(0))?;
        tx.execute("UPDATE device SET shift_key = ?2, logged_out = NULL WHERE id = ?1", params![device.id.0, key])?;
        let shift = CompartmentId(keys::random()?);
        let ends = now.plus_secs(i64::from(rule.hours()) * 3600);
        tx.execute(
            "INSERT INTO shift (id, device, officer, subject, session, started, ends)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![shift.0, device.id.0, device.officer, who.subject, who.session, now.0, ends.0],
        )?;
        tx.commit()?;
        drop(conn);
        if was_out {
            self.refresh_grants()?;
        }
        tracing::info!(device = %device.id, "a shift started");
        Ok(ShiftStarted { shift, key, started: now, ends })
    }

    /// Uses a nonce up: true if it was this device's and still worked.
    fn take_nonce(&self, device: DeviceId, nonce: &str) -> Result<bool, HubError> {
        let Some(nonce) = unhex(nonce) else { return Ok(false) };
        let expires: Option<i64> = self
            .conn()?
            .query_row(
                "DELETE FROM login_nonce WHERE nonce = ?1 AND device = ?2 RETURNING expires",
                params![nonce, device.0],
                |r| r.get(0),
            )
            .optional()?;
        Ok(expires.is_some_and(|e| e > self.now().0))
    }

    /// The shifts of one device, or of all, the newest first.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn shifts(&self, device: Option<DeviceId>, limit: usize) -> Result<Vec<ShiftRow>, HubError> {
        let conn = self.conn()?;
        let mut rows = conn.prepare(
            "SELECT id, device, officer, subject <> '', started, ends, ended, why FROM shift
             WHERE ?1 IS NULL OR device = ?1 ORDER BY started DESC, id LIMIT ?2",
        )?;
        let rows = rows.query_map(params![device.map(|d| d.0), limit], |r| {
            Ok(ShiftRow {
                shift: CompartmentId(r.get(0)?).to_string(),
                device: CompartmentId(r.get(1)?).to_string(),
                officer: r.get(2)?,
                identified: r.get(3)?,
                started: Timestamp(r.get(4)?),
                ends: Timestamp(r.get(5)?),
                ended: r.get::<_, Option<i64>>(6)?.map(Timestamp),
                why: r.get(7)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Ends a device's shift, if it is in one.
pub(crate) fn end(conn: &Connection, device: DeviceId, now: Timestamp, why: &str) -> Result<usize, HubError> {
    Ok(conn.execute(
        "UPDATE shift SET ended = ?2, why = ?3 WHERE device = ?1 AND ended IS NULL AND ends > ?2",
        params![device.0, now.0, why],
    )?)
}

fn refused(code: &'static str, text: &str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, code, text)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    beatcheck_wire::Hash32::from_hex(text).map(|h| h.0)
}
