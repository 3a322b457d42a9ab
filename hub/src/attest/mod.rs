//! What an enrolling device can show of the place its keys live in, looked at before anything is given to it.
//!
//! * `desk`: the file vault signs the challenge with the TLS key. That shows the key, and no hardware; policy says whether
//!   such devices are let in at all.
//! * `android-keystore`: Android's key attestation ([`android`]).
//! * `secure-enclave`: Apple's App Attest ([`apple`]).
//!
//! The challenge follows from the enrolment code, which is the hub's nonce: an attestation serves for one enrolment. Which
//! roots count, and which app, is set by the operator; a kind of phone for which nothing is set is refused, unless the
//! operator lets phones in on their word, which is shown wherever the setting is.

mod android;
mod apple;
mod chain;

use crate::serve::ApiError;
use crate::{Hub, HubError};
use axum::http::StatusCode;
use beatcheck_model::Timestamp;
use beatcheck_wire::enrol::{EnrolRequest, attestation_challenge};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const SETTING: &str = "attestation";
/// Bytes of an uncompressed P-256 point, at the end of its SubjectPublicKeyInfo.
const POINT: usize = 65;
/// Longest text of a setting; the files may be longer.
const MAX_TEXT: usize = 256;
const MAX_FILE: usize = 1 << 20;

/// How one kind of phone is looked at: setting, attestation, key, challenge, now.
type Look = fn(&AttestationSetting, &[u8], &[u8], &[u8], Timestamp) -> chain::Checked<Value>;

/// What is asked of phones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AttestationSetting {
    /// Root certificates of Android's key attestation, PEM; none: Android phones are refused.
    pub android_roots_pem: Option<String>,
    /// The app's package name.
    pub android_package: Option<String>,
    /// SHA-256 of the certificate that the app is signed with, in hexadecimal.
    pub android_signer: Option<String>,
    /// Where keys must live at least: `tee` or `strongbox`.
    pub android_level: String,
    /// Oldest security patch of the phone (YYYYMM).
    pub android_patch: Option<u32>,
    /// Google's list of revoked certificates, as it publishes it (JSON).
    pub android_revoked_json: Option<String>,
    /// Root certificate of Apple's App Attest, PEM; none: Apple's phones are refused.
    pub apple_roots_pem: Option<String>,
    /// The app's identifier: team, a dot, bundle.
    pub apple_app: Option<String>,
    /// Whether attestations of Apple's development environment are taken too.
    pub apple_development: bool,
    /// Whether phones of a kind without roots are let in on their word.
    pub unverified: bool,
}

impl Default for AttestationSetting {
    fn default() -> Self {
        Self {
            android_roots_pem: None,
            android_package: None,
            android_signer: None,
            android_level: "tee".into(),
            android_patch: None,
            android_revoked_json: None,
            apple_roots_pem: None,
            apple_app: None,
            apple_development: false,
            unverified: false,
        }
    }
}

impl AttestationSetting {
    fn word(&self, roots: &Option<String>, what: String) -> String {
        match (roots, self.unverified) {
            (Some(_), _) => what,
            (None, true) => "let in on their word, UNVERIFIED".into(),
            (None, false) => "refused: no roots are set".into(),
        }
    }

    /// What is asked of Android phones, in words.
    #[must_use]
    pub fn android_word(&self) -> String {
        let app = self.android_package.as_deref().unwrap_or("no app");
        let patch = self.android_patch.map(|p| format!(", patched {p} or later")).unwrap_or_default();
        self.word(&self.android_roots_pem, format!("keys in {} or better, of {app}{patch}", self.android_level))
    }

    /// What is asked of Apple's phones, in words.
    #[must_use]
    pub fn apple_word(&self) -> String {
        let development = if self.apple_development { ", development too" } else { "" };
        self.word(
            &self.apple_roots_pem,
            format!("App Attest of {}{development}", self.apple_app.as_deref().unwrap_or("no app")),
        )
    }

    /// Serial numbers of revoked certificates: lower-case hexadecimal without leading zeros.
    fn android_revoked(&self) -> BTreeSet<String> {
        let list: Value =
            self.android_revoked_json.as_deref().and_then(|j| serde_json::from_str(j).ok()).unwrap_or_default();
        let entries = list["entries"].as_object().into_iter().flatten();
        entries.map(|(serial, _)| serial.to_ascii_lowercase().trim_start_matches('0').to_owned()).collect()
    }

    fn check(&self) -> Result<(), String> {
        let files = [&self.android_roots_pem, &self.apple_roots_pem, &self.android_revoked_json];
        if files.iter().any(|f| f.as_ref().is_some_and(|f| f.len() > MAX_FILE)) {
            return Err("a file is over 1 MiB".into());
        }
        let texts = [&self.android_package, &self.android_signer, &self.apple_app];
        if texts.iter().any(|t| t.as_ref().is_some_and(|t| t.is_empty() || t.len() > MAX_TEXT)) {
            return Err(format!("names must have 1 to {MAX_TEXT} bytes"));
        }
        for roots in [&self.android_roots_pem, &self.apple_roots_pem].into_iter().flatten() {
            chain::roots(roots)?;
        }
        if !android::LEVELS.iter().any(|(name, _)| *name == self.android_level) {
            return Err("the level is `tee` or `strongbox`".into());
        }
        if self.android_signer.as_ref().is_some_and(|s| s.len() != 64 || !s.bytes().all(|b| b.is_ascii_hexdigit())) {
            return Err("the signer is a SHA-256: 64 hexadecimal digits".into());
        }
        let month = |p: u32| (200_001..=999_912).contains(&p) && (1..=12).contains(&(p % 100));
        if !self.android_patch.is_none_or(month) {
            return Err("the patch level is a month: YYYYMM".into());
        }
        if self.android_roots_pem.is_some() && (self.android_package.is_none() || self.android_signer.is_none()) {
            return Err("with Android's roots the app's package and signer must be set: any app could enrol".into());
        }
        if self.apple_roots_pem.is_some() && self.apple_app.is_none() {
            return Err("with Apple's root the app's identifier must be set: any app could enrol".into());
        }
        if let Some(list) = &self.android_revoked_json
            && !serde_json::from_str::<Value>(list).is_ok_and(|l| l["entries"].is_object())
        {
            return Err("the list of revoked certificates does not read: it has an object `entries`".into());
        }
        Ok(())
    }
}

impl Hub {
    /// What is asked of phones.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn attestation(&self) -> Result<AttestationSetting, HubError> {
        setting(&*self.conn()?)
    }

    /// Sets it; devices that are enrolled stay.
    ///
    /// # Errors
    /// [`HubError::Refused`] for roots that are none, and for roots without the app that may enrol.
    pub fn attestation_set(&self, setting: &AttestationSetting) -> Result<(), HubError> {
        setting.check().map_err(HubError::Refused)?;
        let json = serde_json::to_string(setting).map_err(|e| HubError::Refused(e.to_string()))?;
        self.conn()?.execute(
            "INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
            params![SETTING, json],
        )?;
        if setting.unverified {
            tracing::warn!("phones without roots are let in on their word");
        }
        Ok(())
    }
}

fn setting(conn: &Connection) -> Result<AttestationSetting, HubError> {
    let json: Option<String> =
        conn.query_row("SELECT value FROM setting WHERE name = ?1", [SETTING], |r| r.get(0)).optional()?;
    json.map_or_else(|| Ok(AttestationSetting::default()), |j| serde_json::from_str(&j))
        .map_err(|_| HubError::Refused("the setting for attestation does not read: set it anew".into()))
}

/// Looks at the attestation of a request's TLS key (`spki`); what was found, in JSON.
pub(crate) fn verify(
    conn: &Connection,
    request: &EnrolRequest,
    spki: &[u8],
    now: Timestamp,
) -> Result<String, ApiError> {
    let setting = setting(conn)?;
    let challenge = attestation_challenge(&request.secret);
    let (roots, look): (_, Look) = match request.vault.as_str() {
        "desk" => return Ok(desk(spki, &challenge, &request.attestation).map_err(refused)?.to_string()),
        "android-keystore" => (&setting.android_roots_pem, android::verify),
        "secure-enclave" => (&setting.apple_roots_pem, apple::verify),
        _ => return Err(unknown("this hub does not know this kind of vault")),
    };
    if roots.is_none() {
        if setting.unverified {
            tracing::warn!("a phone was let in on its word: no roots are set");
            return Ok(json!({"vault": request.vault, "level": "unverified"}).to_string());
        }
        return Err(unknown("the hub has no roots to verify this kind of phone with: ask device management"));
    }
    let found = look(&setting, &request.attestation, spki, &challenge, now).map_err(refused)?;
    Ok(found.to_string())
}

fn desk(spki: &[u8], challenge: &[u8], signature: &[u8]) -> chain::Checked<Value> {
    let wrong = "the desk vault's signature does not verify";
    let point = spki.len().checked_sub(POINT).map(|at| &spki[at..]).ok_or(wrong)?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(challenge, signature).map_err(|_| wrong)?;
    Ok(json!({"vault": "desk", "level": "file"}))
}

fn unknown(text: &str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "vault_not_allowed", text)
}

fn refused(why: &'static str) -> ApiError {
    tracing::warn!(why, "an attestation was refused");
    ApiError::new(StatusCode::FORBIDDEN, "bad_attestation", format!("the phone's attestation is refused: {why}"))
}
