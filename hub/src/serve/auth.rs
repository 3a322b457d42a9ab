//! Who asks: from the certificate that TLS verified to the device that the hub knows.

use super::ApiError;
use crate::ca::{self, PeerName};
use crate::enrol::{Device, RENEW_GRACE_S};
use crate::{Clock, Hub, SystemClock};
use axum::http::{HeaderMap, Method, StatusCode};
use beatcheck_wire::PROTOCOL_VERSION;
use rustls_pki_types::CertificateDer;

/// The header by which both sides say which protocol they speak.
pub(crate) const PROTOCOL_HEADER: &str = "x-beatcheck-protocol";
/// The only route for those without a certificate.
pub(crate) const ENROL: &str = "/v1/enrol";
pub(crate) const RENEW: &str = "/v1/renew";
pub(crate) const JOURNAL: &str = "/v1/journal";
/// Seconds within which a device's last contact is not written again.
const SEEN_EVERY_S: i64 = 60;

/// Who is at the other end of a connection, as far as TLS knows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Peer {
    /// No certificate.
    Stranger,
    /// A certificate of this authority that is no device's.
    NoDevice,
    /// A device's.
    Named(PeerName),
}

impl Peer {
    /// From the chain that rustls verified.
    pub(crate) fn of(chain: Option<&[CertificateDer<'_>]>) -> Self {
        match chain.and_then(<[_]>::first) {
            None => Self::Stranger,
            Some(der) => ca::peer_name(der).map_or(Self::NoDevice, Self::Named),
        }
    }

    pub(crate) const fn is_stranger(&self) -> bool {
        matches!(self, Self::Stranger)
    }
}

/// The refusal of another protocol version.
pub(crate) fn wrong_protocol() -> ApiError {
    ApiError::new(
        StatusCode::UPGRADE_REQUIRED,
        "wrong_protocol",
        format!("this hub speaks protocol {PROTOCOL_VERSION}: update the app or the hub"),
    )
}

/// Refuses a request that names another protocol version.
pub(crate) fn check_protocol(headers: &HeaderMap) -> Result<(), ApiError> {
    match headers.get(PROTOCOL_HEADER) {
        Some(v) if v.as_bytes() != PROTOCOL_VERSION.to_string().as_bytes() => Err(wrong_protocol()),
        _ => Ok(()),
    }
}

/// The device that asks, if it may ask for this; its last contact is noted. Blocks on the database.
pub(crate) fn admit(hub: &Hub, peer: Peer, method: &Method, path: &str) -> Result<Device, ApiError> {
    let forbidden = |code, text| ApiError::new(StatusCode::FORBIDDEN, code, text);
    let peer = match peer {
        Peer::Stranger => {
            return Err(ApiError::new(StatusCode::UNAUTHORIZED, "no_certificate", "a device certificate is needed"));
        }
        Peer::NoDevice => return Err(forbidden("unknown_device", "this certificate is no device's")),
        Peer::Named(peer) => peer,
    };
    let conn = hub.conn()?;
    let device = hub
        .device(&conn, peer.device)?
        .ok_or_else(|| forbidden("unknown_device", "this device is not enrolled here"))?;
    let handing_in = method == Method::POST && path == JOURNAL;
    if device.revoked && !handing_in {
        return Err(forbidden("revoked", "device management has revoked this device"));
    }
    let ended_s = SystemClock.now().0 / 1000 - peer.not_after_s;
    let renewing = method == Method::POST && path == RENEW && ended_s <= RENEW_GRACE_S;
    if ended_s > 0 && !handing_in && !renewing {
        return Err(forbidden("certificate_ended", "this device's certificate has ended: renew it, or enrol again"));
    }
    let now = hub.now();
    conn.execute(
        "UPDATE device SET last_seen = ?2 WHERE id = ?1 AND (last_seen IS NULL OR last_seen < ?3 OR last_seen > ?2)",
        rusqlite::params![device.id.0, now.0, now.plus_secs(-SEEN_EVERY_S).0],
    )?;
    Ok(device)
}
