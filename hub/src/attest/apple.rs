//! Apple's App Attest: that an unaltered copy of our app, on a device of Apple's, vouches for the TLS key.
//!
//! App Attest attests a key of its own and none of the app's. The vault therefore makes the attestation over the challenge
//! *and* the TLS key's point (the client data is the 32 bytes of the challenge and the 65 of the point): the app that Apple
//! vouches for says that this is its key. That the key lives in the Secure Enclave is the app's word; no attestation of
//! Apple's says it of a key that can be used for TLS.

use super::chain::{self, Checked};
use super::{AttestationSetting, POINT};
use beatcheck_model::Timestamp;
use ciborium::Value as Cbor;
use serde_json::{Value, json};
use x509_parser::asn1_rs::{Any, FromDer, Oid, oid};
use x509_parser::prelude::X509Certificate;

const EXTENSION: Oid<'static> = oid!(1.2.840.113635.100.8.2);
const PRODUCTION: &[u8; 16] = b"appattest\0\0\0\0\0\0\0";
const DEVELOPMENT: &[u8; 16] = b"appattestdevelop";
/// Depth of the object's CBOR: three levels are in use.
const MAX_DEPTH: usize = 8;
const DAMAGED: &str = "its attestation object does not read";

/// Verifies the attestation of the key `spki` over `challenge`; what was found.
pub(super) fn verify(
    setting: &AttestationSetting,
    attestation: &[u8],
    spki: &[u8],
    challenge: &[u8],
    now: Timestamp,
) -> Checked<Value> {
    let roots = chain::roots(setting.apple_roots_pem.as_deref().unwrap_or_default())?;
    let Some(app) = &setting.apple_app else {
        return Err("the hub does not know which app may enrol: `hub attestation set --apple-app`");
    };
    let object: Cbor = ciborium::de::from_reader_with_recursion_limit(attestation, MAX_DEPTH).map_err(|_| DAMAGED)?;
    if field(&object, "fmt")?.as_text() != Some("apple-appattest") {
        return Err("it is not one of App Attest's");
    }
    let x5c = field(field(&object, "attStmt")?, "x5c")?.as_array().ok_or(DAMAGED)?;
    let ders: Vec<Vec<u8>> = x5c.iter().map(|c| c.as_bytes().cloned().ok_or(DAMAGED)).collect::<Checked<_>>()?;
    let data = field(&object, "authData")?.as_bytes().ok_or(DAMAGED)?;

    let certificates = chain::read(&ders)?;
    chain::verify(&certificates, &roots, now)?;
    let leaf = certificates.first().ok_or(DAMAGED)?;
    let point = spki.len().checked_sub(POINT).map(|at| &spki[at..]).ok_or(DAMAGED)?;
    let client = sha256(&[challenge, point]);
    if nonce(leaf)? != sha256(&[data, &client]) {
        return Err("it is not made for this enrolment code and key");
    }
    let data = AuthData::read(data)?;
    let key_id = sha256(&[&leaf.public_key().subject_public_key.data]);
    if data.credential != key_id {
        return Err("its key and its certificate differ");
    }
    if data.app != sha256(&[app.as_bytes()]) {
        return Err("it is of another app");
    }
    if data.counter != 0 {
        return Err("its key was used before");
    }
    let development = data.environment == DEVELOPMENT;
    if !(data.environment == PRODUCTION || (development && setting.apple_development)) {
        return Err("it is of an environment that is not taken");
    }
    let environment = if development { "development" } else { "production" };
    Ok(json!({"vault": "secure-enclave", "level": "app", "environment": environment}))
}

fn sha256(parts: &[&[u8]]) -> Vec<u8> {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    parts.iter().for_each(|p| context.update(p));
    context.finish().as_ref().to_vec()
}

fn field<'a>(object: &'a Cbor, name: &str) -> Checked<&'a Cbor> {
    let map = object.as_map().ok_or(DAMAGED)?;
    map.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value).ok_or(DAMAGED)
}

/// The nonce in the certificate: a sequence of one tagged octet string.
fn nonce(leaf: &X509Certificate<'_>) -> Checked<Vec<u8>> {
    let extension = leaf.extensions().iter().find(|e| e.oid == EXTENSION).ok_or("its certificate has no nonce")?;
    let inside = |bytes, tag: u32| match Any::from_der(bytes) {
        Ok(([], any)) if any.tag().0 == tag => Ok(any.data),
        _ => Err(DAMAGED),
    };
    Ok(inside(inside(inside(extension.value, 16)?, 1)?, 4)?.to_vec())
}

/// The authenticator data (WebAuthn 6.1), as far as we use it.
struct AuthData<'a> {
    app: &'a [u8],
    counter: u32,
    environment: &'a [u8],
    credential: &'a [u8],
}

impl<'a> AuthData<'a> {
    fn read(data: &'a [u8]) -> Checked<Self> {
        let (app, rest) = data.split_at_checked(32).ok_or(DAMAGED)?;
        let (_flags, rest) = rest.split_at_checked(1).ok_or(DAMAGED)?;
        let (counter, rest) = rest.split_first_chunk::<4>().ok_or(DAMAGED)?;
        let (environment, rest) = rest.split_at_checked(16).ok_or(DAMAGED)?;
        let (len, rest) = rest.split_first_chunk::<2>().ok_or(DAMAGED)?;
        let credential = rest.get(..usize::from(u16::from_be_bytes(*len))).ok_or(DAMAGED)?;
        Ok(Self { app, counter: u32::from_be_bytes(*counter), environment, credential })
    }
}
