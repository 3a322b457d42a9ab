//! Who an officer is, said by the force's identity provider (OpenID Connect).
//!
//! The app logs the officer in at the provider (authorization code with PKCE, in the system's browser) and hands the hub
//! the ID token. The hub never sees a password and holds no secret of the provider's: it verifies the token with the
//! provider's published keys. A token bears a nonce that the hub knows: at enrolment it follows from the code, at the
//! start of a shift the hub gave it out; so a token serves for one log-in, on one device. One claim of it names the
//! officer, and must be whom the code was made for.
//!
//! The provider can also say that somebody is logged out (back-channel logout): their shifts end.

mod logout;
mod provider;
mod ring_jwt;
mod token;

pub(crate) use logout::token_of_form;
pub(crate) use provider::Provider;

use crate::serve::ApiError;
use crate::{Hub, HubError};
use axum::http::StatusCode;
use hyper::Uri;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use token::{Bad, Kind};

const SETTING: &str = "identity";
/// Longest text of a setting; the authority's certificates may be longer.
const MAX_TEXT: usize = 512;
const MAX_CA_PEM: usize = 64 * 1024;

/// The force's identity provider, as the hub is told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Its issuer, exactly as its discovery document writes it: `https://...`; `http` only on this machine.
    pub issuer: String,
    /// Our name at the provider: what a token's `aud` must be.
    pub client_id: String,
    /// The claim that holds an officer's id as the account names them.
    pub claim: String,
    /// Certificates (PEM) of the authority that the provider's TLS certificate comes from.
    pub ca_pem: Option<String>,
    /// Whether enrolment needs an ID token; the start of a shift does if policy says so.
    pub at_enrolment: bool,
}

/// What `hub identity test` found.
#[derive(Clone, Debug, Serialize)]
pub struct IdentityTest {
    /// The issuer.
    pub issuer: String,
    /// The names of its signing keys (`kid`).
    pub keys: Vec<String>,
}

/// Whom the provider named.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    /// Its own name for them (`sub`).
    pub(crate) subject: String,
    /// Its session (`sid`), where it says so.
    pub(crate) session: String,
}

impl Hub {
    /// Sets the identity provider, or takes it away. Nothing is asked of it: [`Hub::identity_test`] does.
    ///
    /// # Errors
    /// [`HubError::Refused`] for an address that is not https (http only on this machine) or lacks its authority's
    /// certificate, and for texts that are empty or too long.
    pub fn identity_set(&self, setting: Option<&Setting>) -> Result<(), HubError> {
        let conn = self.conn()?;
        let Some(setting) = setting else {
            conn.execute("DELETE FROM setting WHERE name = ?1", [SETTING])?;
            return Ok(());
        };
        for (what, text) in [("issuer", &setting.issuer), ("client id", &setting.client_id), ("claim", &setting.claim)]
        {
            if text.is_empty() || text.len() > MAX_TEXT || text.chars().any(char::is_whitespace) {
                return Err(HubError::Refused(format!("the {what} must have 1 to {MAX_TEXT} bytes and no spaces")));
            }
        }
        let uri = safe_url(&setting.issuer)?;
        if setting.ca_pem.as_ref().is_some_and(|p| p.len() > MAX_CA_PEM) {
            return Err(HubError::Refused("the authority's certificates are over 64 KiB".into()));
        }
        if uri.scheme_str() == Some("https") && setting.ca_pem.is_none() {
            let text = "the certificate authority of an https provider must be given (--ca): no other one is trusted";
            return Err(HubError::Refused(text.into()));
        }
        let json = serde_json::to_string(setting).map_err(|e| HubError::Refused(e.to_string()))?;
        conn.execute(
            "INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
            params![SETTING, json],
        )?;
        Ok(())
    }

    /// The identity provider, if one is set.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn identity(&self) -> Result<Option<Setting>, HubError> {
        setting(&*self.conn()?)
    }

    /// Asks the provider for its discovery document and keys, now. Blocks: not for a thread of an async runtime.
    ///
    /// # Errors
    /// [`HubError::Refused`] if none is set or what it says cannot be used, [`HubError::Unreachable`], [`HubError::Tls`].
    pub fn identity_test(&self) -> Result<IdentityTest, HubError> {
        let setting = self
            .identity()?
            .ok_or_else(|| HubError::Refused("no identity provider is set: `hub identity set` does".into()))?;
        let keys = provider::fetch_keys(&setting)?;
        let names = keys.keys.iter().map(|k| k.common.key_id.clone().unwrap_or_default()).collect();
        Ok(IdentityTest { issuer: setting.issuer, keys: names })
    }

    /// A token's claims, verified; the keys are fetched again once if it is signed with one that is new.
    fn verified(&self, token: &str, kind: Kind, setting: &Setting) -> Result<token::Claims, ApiError> {
        let now = self.now();
        let mut found = Err(Bad::UnknownKey);
        for anew in [false, true] {
            let keys = self.provider().keys(setting, now, anew).map_err(unreachable)?;
            found = token::verify(token, kind, setting, &keys, now);
            if !matches!(found, Err(Bad::UnknownKey)) {
                break;
            }
        }
        found.map_err(|bad| {
            let why = match bad {
                Bad::UnknownKey => "it is signed with a key that the provider does not have",
                Bad::Token(why) => why,
            };
            tracing::warn!(why, "a token of the identity provider was refused");
            ApiError::new(
                StatusCode::FORBIDDEN,
                "bad_id_token",
                format!("the identity provider's token is refused: {why}"),
            )
        })
    }
}

/// The identity in an ID token, if it is this officer's and bears a nonce that `nonce` takes. Blocks.
pub(crate) fn identify(
    hub: &Hub,
    id_token: &str,
    officer: &str,
    nonce: impl FnOnce(&str) -> Result<bool, HubError>,
) -> Result<Identity, ApiError> {
    let refused = |code: &'static str, text: &str| ApiError::new(StatusCode::FORBIDDEN, code, text);
    let Some(setting) = hub.identity()? else {
        let text =
            "policy wants to know who the officer is, and the hub has no identity provider: ask device management";
        return Err(refused("no_identity_provider", text));
    };
    if id_token.is_empty() {
        return Err(refused(
            "identity_needed",
            "log in at the force's identity provider first: the hub needs its ID token",
        ));
    }
    let claims = hub.verified(id_token, Kind::Id, &setting)?;
    if !nonce(claims.nonce.as_deref().unwrap_or_default())? {
        let text = "the ID token bears no nonce of the hub's, or one that was used or is too old: log in again";
        return Err(refused("bad_nonce", text));
    }
    let named = match setting.claim.as_str() {
        "sub" => claims.sub.clone(),
        claim => match claims.others.get(claim) {
            Some(serde_json::Value::String(text)) => Some(text.clone()),
            Some(serde_json::Value::Number(n)) => Some(n.to_string()),
            _ => None,
        },
    };
    if named.as_deref().map(str::trim) != Some(officer) {
        return Err(refused("wrong_officer", "the identity provider names another officer than this device is for"));
    }
    Ok(Identity { subject: claims.sub.unwrap_or_default(), session: claims.sid.unwrap_or_default() })
}

/// Whether enrolment needs an ID token.
pub(crate) fn needed_at_enrolment(conn: &Connection) -> Result<bool, HubError> {
    Ok(setting(conn)?.is_some_and(|s| s.at_enrolment))
}

fn setting(conn: &Connection) -> Result<Option<Setting>, HubError> {
    let json: Option<String> =
        conn.query_row("SELECT value FROM setting WHERE name = ?1", [SETTING], |r| r.get(0)).optional()?;
    json.map(|j| serde_json::from_str(&j))
        .transpose()
        .map_err(|_| HubError::Refused("the identity provider's setting does not read: set it anew".into()))
}

/// An address that nobody on the way can answer for.
fn safe_url(url: &str) -> Result<Uri, HubError> {
    let uri: Uri =
        url.parse().map_err(|_| HubError::Refused("the identity provider's address does not read".into()))?;
    let here = matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if uri.scheme_str() == Some("https") || (uri.scheme_str() == Some("http") && here) {
        return Ok(uri);
    }
    Err(HubError::Refused("the identity provider must be reached by https; http only on this machine".into()))
}

fn unreachable(e: HubError) -> ApiError {
    tracing::warn!(error = %e, "the identity provider could not be asked");
    let text = "the identity provider cannot be asked now: try again later";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "identity_unreachable", text)
}
