//! What makes a token the provider's, for us, and of now. Signature, issuer and audience are `jsonwebtoken`'s work; times
//! are compared here, because the hub's clock is injected and the crate reads the machine's.

use super::Setting;
use super::ring_jwt::{self, ALGORITHMS};
use beatcheck_model::Timestamp;
use jsonwebtoken::jwk::{Jwk, JwkSet, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;

/// Longest token that is looked at.
pub(super) const MAX_TOKEN: usize = 12 * 1024;
/// Seconds by which the provider's clock and ours may differ.
const SKEW_S: i64 = 60;
/// Seconds after its issue in which a token is taken, whatever end it bears: it is made for one log-in, just now.
const MAX_AGE_S: i64 = 15 * 60;
/// What a logout token must be about.
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Why a token is not taken: `text` for whoever sent it. Nothing of the token is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// It is signed with a key that the provider did not have when we last looked.
    UnknownKey,
    /// Anything else.
    Token(&'static str),
}

/// The claims that we look at. Times are seconds, and may have a fraction.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    pub(super) sub: Option<String>,
    pub(super) sid: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) jti: Option<String>,
    aud: Value,
    azp: Option<String>,
    exp: Option<f64>,
    iat: Option<f64>,
    nbf: Option<f64>,
    events: Option<Value>,
    #[serde(flatten)]
    pub(super) others: serde_json::Map<String, Value>,
}

/// Which of OpenID Connect's tokens it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Id,
    Logout,
}

/// Verifies a token with the provider's keys.
pub(super) fn verify(token: &str, kind: Kind, setting: &Setting, keys: &JwkSet, now: Timestamp) -> Result<Claims, Bad> {
    if token.len() > MAX_TOKEN {
        return Err(Bad::Token("it is too long"));
    }
    ring_jwt::install();
    let header = decode_header(token).map_err(|_| Bad::Token("it does not read"))?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(Bad::Token("it is signed with an algorithm that is not taken"));
    }
    // A token of another kind that the same provider signed must not pass for this one (RFC 8725, 3.11).
    let typ = header.typ.as_deref().map(str::to_ascii_lowercase);
    let typed = match kind {
        Kind::Id => typ.is_none_or(|t| t == "jwt"),
        Kind::Logout => typ.is_none_or(|t| t == "jwt" || t == "logout+jwt"),
    };
    if !typed {
        return Err(Bad::Token("it is another kind of token"));
    }
    let key = key(keys, &header)?;
    let key = DecodingKey::from_jwk(key).map_err(|_| Bad::Token("the provider's key does not read"))?;
    let mut checks = Validation::new(header.alg);
    checks.algorithms = vec![header.alg];
    checks.set_issuer(&[&setting.issuer]);
    checks.set_audience(&[&setting.client_id]);
    checks.set_required_spec_claims(&["exp", "iss", "aud"]);
    (checks.validate_exp, checks.validate_nbf) = (false, false);
    let claims: Claims = decode(token, &key, &checks).map_err(|e| Bad::Token(why(&e)))?.claims;
    of_now(&claims, now)?;
    for_us(&claims, setting)?;
    match kind {
        Kind::Id if claims.sub.as_deref().unwrap_or_default().is_empty() => Err(Bad::Token("it names nobody")),
        Kind::Id if claims.events.is_some() => Err(Bad::Token("it is another kind of token")),
        Kind::Logout => logout(claims),
        Kind::Id => Ok(claims),
    }
}

/// What a logout token owes beside what every token owes (OpenID Connect Back-Channel Logout 1.0, 2.6).
fn logout(claims: Claims) -> Result<Claims, Bad> {
    if claims.nonce.is_some() || claims.events.as_ref().is_none_or(|e| !e[LOGOUT_EVENT].is_object()) {
        return Err(Bad::Token("it is no logout token"));
    }
    let named = |t: &Option<String>| t.as_deref().is_some_and(|t| !t.is_empty());
    if !named(&claims.jti) || !(named(&claims.sub) || named(&claims.sid)) {
        return Err(Bad::Token("it names no token, or nobody"));
    }
    Ok(claims)
}

/// The key that a token says it is signed with.
fn key<'a>(keys: &'a JwkSet, header: &Header) -> Result<&'a Jwk, Bad> {
    let signs = |k: &&Jwk| {
        k.common.public_key_use.as_ref().is_none_or(|u| *u == PublicKeyUse::Signature)
            && k.common.key_operations.as_ref().is_none_or(|o| o.contains(&KeyOperations::Verify))
            && k.common.key_algorithm.is_none_or(|a| Algorithm::try_from(a).is_ok_and(|a| a == header.alg))
    };
    let mut found = keys.keys.iter().filter(signs).filter(|k| match (&header.kid, &k.common.key_id) {
        (Some(wanted), Some(have)) => wanted == have,
        (Some(_), None) => false,
        (None, _) => true,
    });
    match (found.next(), found.next()) {
        (Some(key), None) => Ok(key),
        (None, _) => Err(Bad::UnknownKey),
        (Some(_), Some(_)) => Err(Bad::Token("it does not say with which of several keys it is signed")),
    }
}

fn of_now(claims: &Claims, now: Timestamp) -> Result<(), Bad> {
    // Seconds since 1970 are far below where an f64 loses whole numbers.
    let at = |t: f64| if t.is_finite() && (0.0..1e11).contains(&t) { Some(t as i64) } else { None };
    let now = now.0 / 1000;
    let (Some(exp), Some(iat)) = (claims.exp.and_then(at), claims.iat.and_then(at)) else {
        return Err(Bad::Token("it has no time of issue or no end"));
    };
    if exp + SKEW_S <= now || iat + MAX_AGE_S + SKEW_S <= now {
        return Err(Bad::Token("it has expired: log in again"));
    }
    if iat > now + SKEW_S || claims.nbf.is_some_and(|t| at(t).is_none_or(|t| t > now + SKEW_S)) {
        return Err(Bad::Token("it is of a time to come: the clocks of the provider and the hub differ"));
    }
    Ok(())
}

/// A token for several parties must say that we are the one that asked (OpenID Connect Core 1.0, 3.1.3.7).
fn for_us(claims: &Claims, setting: &Setting) -> Result<(), Bad> {
    let many = claims.aud.as_array().is_some_and(|a| a.len() > 1);
    match &claims.azp {
        Some(azp) if *azp != setting.client_id => Err(Bad::Token("it was made for another party")),
        None if many => Err(Bad::Token("it is for several parties and does not say who asked")),
        _ => Ok(()),
    }
}

fn why(e: &jsonwebtoken::errors::Error) -> &'static str {
    use jsonwebtoken::errors::ErrorKind as K;
    match e.kind() {
        K::InvalidSignature => "its signature does not verify",
        K::InvalidIssuer => "it is another provider's",
        K::InvalidAudience => "it was made for another party",
        K::MissingRequiredClaim(_) => "it lacks who made it, for whom, or its end",
        _ => "it does not read",
    }
}
