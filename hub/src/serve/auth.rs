//! Who asks: from the certificate that TLS verified to the device or the relay that the hub knows.

use super::ApiError;
use crate::ca::{self, PeerName, RelayName};
use crate::enrol::{Device, RENEW_GRACE_S};
use crate::{Clock, Hub, SystemClock};
use axum::http::{HeaderMap, Method, StatusCode};
use beatcheck_wire::PROTOCOL_VERSION;
use rustls_pki_types::CertificateDer;

/// The header by which both sides say which protocol they speak.
pub(crate) const PROTOCOL_HEADER: &str = "x-beatcheck-protocol";
/// The only route for devices without a certificate.
pub(crate) const ENROL: &str = "/v1/enrol";
/// Where the identity provider says that somebody is logged out; believed for its signature, not for who sends it.
pub(crate) const LOGOUT: &str = "/oidc/logout";
pub(crate) const NONCE: &str = "/v1/nonce";
pub(crate) const SHIFT: &str = "/v1/shift";
pub(crate) const RENEW: &str = "/v1/renew";
pub(crate) const JOURNAL: &str = "/v1/journal";
/// Before a segment's hash: all that a relay may ask for.
const SEGMENT: &str = "/v1/segment/";

/// Who is at the other end of a connection, as far as TLS knows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Peer {
    /// No certificate.
    Stranger,
    /// A certificate of this authority that is no device's.
    NoDevice,
    /// A device's.
    Named(PeerName),
    /// A relay's.
    Relay(RelayName),
}

/// Who was let in.
#[derive(Clone, Debug)]
pub(crate) enum Asker {
    /// A device: what it gets is what its grant holds.
    Device(Device),
    /// A relay: it gets any segment, which it cannot read, and nothing else.
    Relay,
}

impl Peer {
    /// From the chain that rustls verified.
    pub(crate) fn of(chain: Option<&[CertificateDer<'_>]>) -> Self {
        match chain.and_then(<[_]>::first) {
            None => Self::Stranger,
            Some(der) => match (ca::peer_name(der), ca::relay_name(der)) {
                (Some(device), _) => Self::Named(device),
                (None, Some(relay)) => Self::Relay(relay),
                (None, None) => Self::NoDevice,
            },
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

fn forbidden(code: &'static str, text: &str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, code, text)
}

/// Who asks, if they may ask for this. Blocks on the database.
pub(crate) fn admit(hub: &Hub, peer: Peer, method: &Method, path: &str) -> Result<Asker, ApiError> {
    let peer = match peer {
        Peer::Stranger => {
            return Err(ApiError::new(StatusCode::UNAUTHORIZED, "no_certificate", "a device certificate is needed"));
        }
        Peer::NoDevice => return Err(forbidden("unknown_device", "this certificate is no device's")),
        Peer::Relay(relay) => return admit_relay(hub, relay, method, path),
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
    Ok(Asker::Device(device))
}

/// A relay may get segments: they are ciphertext, whatever their compartment.
fn admit_relay(hub: &Hub, relay: RelayName, method: &Method, path: &str) -> Result<Asker, ApiError> {
    match hub.relay_stands(&relay.serial)? {
        None => return Err(forbidden("unknown_device", "this certificate is no device's and no relay's here")),
        Some(false) => return Err(forbidden("revoked", "this relay was revoked")),
        Some(true) if SystemClock.now().0 / 1000 > relay.not_after_s => {
            return Err(forbidden("certificate_ended", "this relay's certificate has ended: issue a new one"));
        }
        Some(true) => {}
    }
    if method == Method::GET && path.strip_prefix(SEGMENT).is_some_and(|hash| !hash.contains('/')) {
        return Ok(Asker::Relay);
    }
    Err(forbidden("not_granted", "a relay may fetch segments and nothing else"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::InitOptions;
    use std::sync::Arc;

    #[test]
    fn a_relay_is_admitted_while_its_certificate_stands() {
        let dir = tempfile::tempdir().unwrap();
        let hub = Hub::init(&dir.path().join("hub"), &InitOptions::default(), Arc::new(SystemClock)).unwrap();
        hub.relay_add("car", &[], &dir.path().join("car")).unwrap();
        let serial: [u8; 16] = hub.conn().unwrap().query_row("SELECT serial FROM relay", [], |r| r.get(0)).unwrap();
        let now_s = SystemClock.now().0 / 1000;
        let asks = |serial, not_after_s, path: &str| {
            let admitted = admit(&hub, Peer::Relay(RelayName { serial, not_after_s }), &Method::GET, path);
            admitted.map(|asker| matches!(asker, Asker::Relay)).map_err(|e| e.code)
        };
        let segment = format!("{SEGMENT}{}", "0".repeat(64));
        assert_eq!(asks(serial, now_s + 60, &segment), Ok(true));
        assert_eq!(asks(serial, now_s + 60, "/v1/head"), Err("not_granted"));
        assert_eq!(asks(serial, now_s - 60, &segment), Err("certificate_ended"));
        assert_eq!(asks([0x41; 16], now_s + 60, &segment), Err("unknown_device"));
        hub.relay_revoke("car").unwrap();
        assert_eq!(asks(serial, now_s + 60, &segment), Err("revoked"));
    }
}
