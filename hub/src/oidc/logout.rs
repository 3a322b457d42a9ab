//! Back-channel logout (OpenID Connect Back-Channel Logout 1.0): the provider itself tells the hub that somebody is
//! logged out. Their shifts end, and their devices' checks are refused from their next contact until a new shift starts.
//!
//! The provider comes without a certificate of ours: what it says is believed for the token's signature alone.

use super::{Kind, setting, unreachable};
use crate::serve::ApiError;
use crate::{Hub, HubError};
use axum::http::StatusCode;
use beatcheck_wire::{CompartmentId, DeviceId};
use rusqlite::{TransactionBehavior, params};

/// Seconds for which a token's name is kept, to know it again: longer than any token is taken for.
const SEEN_S: i64 = 24 * 3600;
/// Longest name of a token that is kept.
const MAX_JTI: usize = 256;

impl Hub {
    /// Obeys a logout token; how many shifts ended.
    pub(crate) fn logged_out(&self, token: &str) -> Result<usize, ApiError> {
        let Some(setting) = setting(&*self.conn()?)? else {
            return Err(ApiError::not_found("route"));
        };
        let claims = self.verified(token, Kind::Logout, &setting)?;
        let jti = claims.jti.unwrap_or_default();
        let now = self.now();
        let mut conn = self.conn().map_err(unreachable)?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute("DELETE FROM logout_seen WHERE seen < ?1", [now.plus_secs(-SEEN_S).0])?;
        if jti.len() > MAX_JTI
            || tx.execute("INSERT OR IGNORE INTO logout_seen (jti, seen) VALUES (?1, ?2)", params![jti, now.0])? == 0
        {
            return Err(ApiError::new(StatusCode::BAD_REQUEST, "token_used", "this logout token was used before"));
        }
        // A shift whose token named no session ends with any of its officer's sessions.
        let mut open = tx.prepare(
            "SELECT device FROM shift WHERE ended IS NULL AND ends > ?3 AND subject <> ''
               AND (?1 IS NULL OR subject = ?1)
               AND (?2 IS NULL OR session = ?2 OR (session = '' AND ?1 IS NOT NULL))",
        )?;
        let devices: Vec<DeviceId> = open
            .query_map(params![claims.sub, claims.sid, now.0], |r| r.get(0).map(CompartmentId))?
            .collect::<Result<_, _>>()?;
        drop(open);
        for device in &devices {
            crate::shift::end(&tx, *device, now, "logout")?;
            tx.execute("UPDATE device SET logged_out = ?2 WHERE id = ?1", params![device.0, now.0])?;
        }
        tx.commit()?;
        drop(conn);
        for device in &devices {
            self.refresh_grant(*device)?;
        }
        tracing::info!(shifts = devices.len(), "a logout of the identity provider was obeyed");
        Ok(devices.len())
    }
}

/// The token in a form's body (`application/x-www-form-urlencoded`). A token has no character that is escaped there.
pub(crate) fn token_of_form(body: &[u8]) -> Result<&str, HubError> {
    std::str::from_utf8(body)
        .ok()
        .and_then(|b| b.split('&').find_map(|p| p.strip_prefix("logout_token=")))
        .ok_or_else(|| HubError::Refused("the request brings no logout token".into()))
}
