//! What an enrolling device can show of the place its keys live in, looked at before anything is given to it.
//!
//! The desk's file vault signs the challenge with the TLS key: that shows the key, and no hardware.

use crate::serve::ApiError;
use axum::http::StatusCode;
use beatcheck_model::Timestamp;
use beatcheck_wire::enrol::{EnrolRequest, attestation_challenge};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rusqlite::Connection;

/// Bytes of an uncompressed P-256 point, at the end of its SubjectPublicKeyInfo.
const POINT: usize = 65;

/// Looks at the attestation of a request's TLS key (`spki`); what was found, in JSON.
pub(crate) fn verify(
    _conn: &Connection,
    request: &EnrolRequest,
    spki: &[u8],
    _now: Timestamp,
) -> Result<String, ApiError> {
    let challenge = attestation_challenge(&request.secret);
    match request.vault.as_str() {
        "desk" => desk(spki, &challenge, &request.attestation),
        _ => Ok(String::new()),
    }
}

fn desk(spki: &[u8], challenge: &[u8], signature: &[u8]) -> Result<String, ApiError> {
    let point = spki.len().checked_sub(POINT).map(|at| &spki[at..]).ok_or_else(|| ApiError::malformed("key"))?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
        .verify(challenge, signature)
        .map_err(|_| refused("the desk vault's signature over the challenge does not verify"))?;
    Ok(String::new())
}

fn refused(text: &str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "bad_attestation", text)
}
