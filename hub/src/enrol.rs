//! How a device comes in, keeps its certificate, and is put out again.
//!
//! A code is handed to an officer; its secret is kept only as a hash, works once within a quarter of an hour, and guesses
//! are counted over the whole hub. It is for one officer, and may be for one device. *Once* means once for one key: a
//! device whose answer was lost asks again with the same request key and gets the same device, while anyone else with
//! the code is refused. Before anything is given out the vault's attestation is looked at ([`crate::attest`]), and who
//! the officer is, where the hub has an identity provider ([`crate::oidc`]).

use crate::ca::{self, Ca, Issued};
use crate::serve::ApiError;
use crate::{Hub, HubError, attest, keys, officers, oidc, policy, shift};
use axum::http::StatusCode;
use beatcheck_model::Timestamp;
use beatcheck_wire::enrol::{EnrolCode, EnrolRequest, EnrolResponse, RenewRequest, VERSION, fingerprint, login_nonce};
use beatcheck_wire::{DeviceId, journal};
use rusqlite::{Connection, OptionalExtension, params};

/// Seconds for which an enrolment code works.
pub const CODE_LIFE_S: i64 = 15 * 60;
/// Wrong codes that the hub lets pass in a minute, over all who ask; then it answers none.
pub const WRONG_CODES_A_MINUTE: u32 = 5;
/// Days after a certificate's end in which it can still be renewed: weeks offline must not end an enrolment.
pub(crate) const RENEW_GRACE_S: i64 = 60 * 24 * 3600;
pub(crate) const MAX_NAME: usize = 128;

/// A code to hand to an officer.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct EnrolTicket {
    /// The code; shown once and kept nowhere.
    pub code: String,
    /// Until when it works.
    pub expires: Timestamp,
}

/// Whom and what a code is for.
#[derive(Clone, Copy, Debug)]
pub struct EnrolFor<'a> {
    /// The officer's id, as the account names them.
    pub officer: &'a str,
    /// A role of the policy.
    pub role: &'a str,
    /// What device management calls the one device that may use it (an asset or serial number); none: any device.
    pub asset: Option<&'a str>,
}

/// What the hub knows of a device for letting it in.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "who it is, for whoever asks: not every route does")]
pub(crate) struct Device {
    pub(crate) id: DeviceId,
    pub(crate) officer: String,
    pub(crate) role: String,
    pub(crate) receipt_key: Vec<u8>,
    pub(crate) revoked: bool,
    pub(crate) wipe: bool,
}

impl Hub {
    /// Makes a one-time code for one officer in one role of the policy.
    ///
    /// # Errors
    /// [`HubError::Refused`] if the policy has no such role (it says which there are) or the officer has no name.
    pub fn enrol_code(&self, officer: &str, role: &str) -> Result<EnrolTicket, HubError> {
        self.enrol_code_for(&EnrolFor { officer, role, asset: None })
    }

    /// The same, for one device if it is named.
    ///
    /// # Errors
    /// As [`Hub::enrol_code`]; [`HubError::Refused`] if the officer is suspended or the device's name is too long.
    pub fn enrol_code_for(&self, whom: &EnrolFor<'_>) -> Result<EnrolTicket, HubError> {
        let (officer, asset) = (whom.officer.trim(), whom.asset.unwrap_or_default().trim());
        if officer.is_empty() || officer.len() > MAX_NAME {
            return Err(HubError::Refused(format!("the officer's id must have 1 to {MAX_NAME} bytes")));
        }
        if asset.len() > MAX_NAME || (whom.asset.is_some() && asset.is_empty()) {
            return Err(HubError::Refused(format!("the device's asset number must have 1 to {MAX_NAME} bytes")));
        }
        let conn = self.conn()?;
        known_role(&conn, whom.role)?;
        if officers::is_suspended(&conn, officer)? {
            return Err(HubError::Refused("this officer is suspended: `hub officer restore` lifts that".into()));
        }
        let now = self.now();
        let expires = now.plus_secs(CODE_LIFE_S);
        let secret = keys::random()?;
        conn.execute(
            "INSERT INTO enrol_code (secret_sha256, officer, role, created, expires, asset)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![sha256(&secret), officer, whom.role, now.0, expires.0, asset],
        )?;
        let code = EnrolCode { secret, root_fingerprint: fingerprint(&self.trust()?.root_key) };
        Ok(EnrolTicket { code: code.to_text(), expires })
    }

    /// Answers a device that wants to come in.
    pub(crate) fn enrol(&self, request: &EnrolRequest) -> Result<EnrolResponse, ApiError> {
        if request.version != VERSION {
            return Err(crate::serve::wrong_protocol());
        }
        let now = self.now();
        let who = self.who_enrols(request)?;
        let mut conn = self.conn()?;
        let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        guesses_left(&tx, now)?;
        let secret = sha256(&request.secret);
        let code = tx
            .query_row(
                "SELECT officer, role, expires, device, asset FROM enrol_code WHERE secret_sha256 = ?1",
                [&secret],
                |r| {
                    Ok((
                        r.get::<_, String>(0)?,
                        r.get::<_, String>(1)?,
                        r.get::<_, i64>(2)?,
                        r.get::<_, Option<[u8; 16]>>(3)?,
                        r.get::<_, String>(4)?,
                    ))
                },
            )
            .optional()?;
        let Some((officer, role, expires, device, asset)) = code else {
            tx.execute("INSERT INTO enrol_failure (at) VALUES (?1)", [now.0])?;
            tx.commit()?;
            tracing::warn!("an unknown enrolment code was tried");
            return Err(refused("bad_code", "this enrolment code is not known: compare it, or ask for a new one"));
        };
        if now.0 > expires {
            return Err(refused("code_expired", "this enrolment code has expired: ask for a new one"));
        }
        let spki = request_key(&request.csr)?;
        if let Some(device) = device {
            return self.enrol_again(&tx, beatcheck_wire::CompartmentId(device), &spki, request);
        }
        if officers::is_suspended(&tx, &officer)? {
            return Err(refused("suspended", "this officer is suspended: ask device management"));
        }
        if !asset.is_empty() && !asset.eq_ignore_ascii_case(request.asset.trim()) {
            tracing::warn!("an enrolment code was tried by another device than it is for");
            return Err(refused(
                "wrong_asset",
                "this enrolment code is for another device: ask for one for this device",
            ));
        }
        self.fit_to_enrol(&tx, request)?;
        let attested = attest::verify(&tx, request, &spki, now)?;

        let ca = self.ca()?;
        let device = beatcheck_wire::CompartmentId(keys::random()?);
        tx.execute(
            "INSERT INTO device (id, officer, role, vault, attestation, app_version, receipt_key, tls_key, enrolled, chain,
                                 asset, attested, subject)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            params![
                device.0, officer, role, request.vault, request.attestation, request.app_version, request.receipt_key,
                spki, now.0, journal::genesis(device), request.asset.trim(), attested, who.subject
            ],
        )?;
        let issued = issue(&tx, &ca, &spki, device)?;
        tx.execute("UPDATE enrol_code SET device = ?1 WHERE secret_sha256 = ?2", params![device.0, secret])?;
        let welcome = self.welcome(&tx, device, issued.der, &ca, issued.issued)?;
        tx.commit()?;
        tracing::info!(%device, vault = vault_word(&request.vault), "a device was enrolled");
        Ok(welcome)
    }

    /// Whom the identity provider names, where enrolment needs that and the code is one of ours: strangers must not be
    /// able to make the hub ask others.
    fn who_enrols(&self, request: &EnrolRequest) -> Result<oidc::Identity, ApiError> {
        let conn = self.conn()?;
        if !oidc::needed_at_enrolment(&conn)? {
            return Ok(oidc::Identity::default());
        }
        let officer: Option<String> = conn
            .query_row(
                "SELECT officer FROM enrol_code WHERE secret_sha256 = ?1 AND expires >= ?2",
                params![sha256(&request.secret), self.now().0],
                |r| r.get(0),
            )
            .optional()?;
        drop(conn);
        let Some(officer) = officer else { return Ok(oidc::Identity::default()) };
        oidc::identify(self, &request.id_token, &officer, |nonce| Ok(nonce == login_nonce(&request.secret)))
    }

    /// The same request again: the answer was lost on the way.
    fn enrol_again(
        &self,
        conn: &Connection,
        id: DeviceId,
        spki: &[u8],
        request: &EnrolRequest,
    ) -> Result<EnrolResponse, ApiError> {
        let same: bool = conn.query_row(
            "SELECT tls_key = ?2 AND receipt_key = ?3 AND revoked IS NULL FROM device WHERE id = ?1",
            params![id.0, spki, request.receipt_key],
            |r| r.get(0),
        )?;
        if !same {
            tracing::warn!(device = %id, "a used enrolment code was tried again");
            return Err(refused("code_used", "this enrolment code has been used: ask for a new one"));
        }
        let (der, issued): (Vec<u8>, i64) = conn.query_row(
            "SELECT der, issued FROM certificate WHERE device = ?1 ORDER BY issued LIMIT 1",
            [id.0],
            |r| Ok((r.get(0)?, r.get(1)?)),
        )?;
        self.welcome(conn, id, der, &self.ca()?, Timestamp(issued))
    }

    fn fit_to_enrol(&self, conn: &Connection, request: &EnrolRequest) -> Result<(), ApiError> {
        if !ca::is_point(&request.receipt_key) {
            return Err(ApiError::malformed("receipt key"));
        }
        let long = [&request.vault, &request.app_version, &request.asset].iter().any(|t| t.len() > MAX_NAME);
        if long || request.vault.is_empty() {
            return Err(ApiError::malformed("enrolment request"));
        }
        if request.vault == "desk" && !policy::current(conn)?.limits.allow_desk_vault {
            return Err(refused("vault_not_allowed", "policy does not allow the desk's file vault: use a phone"));
        }
        Ok(())
    }

    fn welcome(
        &self,
        conn: &Connection,
        device: DeviceId,
        der: Vec<u8>,
        ca: &Ca,
        issued: Timestamp,
    ) -> Result<EnrolResponse, ApiError> {
        let (officer, role) = conn
            .query_row("SELECT officer, role FROM device WHERE id = ?1", [device.0], |r| Ok((r.get(0)?, r.get(1)?)))?;
        Ok(EnrolResponse {
            device,
            certificates: vec![der, ca.der().to_vec()],
            renew_after: issued.plus_secs(ca::DEVICE_DAYS * 24 * 3600 * 2 / 3),
            root: self.root_document()?,
            officer,
            role,
        })
    }

    /// Issues a new certificate to a device that showed its old one.
    pub(crate) fn renew(&self, device: DeviceId, request: &RenewRequest) -> Result<EnrolResponse, ApiError> {
        let spki = request_key(&request.csr)?;
        let ca = self.ca()?;
        let conn = self.conn()?;
        let issued = issue(&conn, &ca, &spki, device)?;
        tracing::info!(%device, "a certificate was renewed");
        self.welcome(&conn, device, issued.der, &ca, issued.issued)
    }

    /// What is known of a device.
    pub(crate) fn device(&self, conn: &Connection, id: DeviceId) -> Result<Option<Device>, HubError> {
        Ok(conn
            .query_row(
                "SELECT officer, role, receipt_key, revoked IS NOT NULL, wipe_ordered IS NOT NULL FROM device WHERE id = ?1",
                [id.0],
                |r| {
                    Ok(Device {
                        id,
                        officer: r.get(0)?,
                        role: r.get(1)?,
                        receipt_key: r.get(2)?,
                        revoked: r.get(3)?,
                        wipe: r.get(4)?,
                    })
                },
            )
            .optional()?)
    }

    /// Puts a device out: from now on its certificate is refused everywhere but for handing in its journal (rule 12),
    /// and what it held gets new key epochs.
    ///
    /// # Errors
    /// [`HubError::Refused`] if there is no such device.
    pub fn revoke(&self, device: DeviceId) -> Result<(), HubError> {
        shift::end(&*self.conn()?, device, self.now(), "revoked")?;
        self.change(
            device,
            "UPDATE device SET revoked = COALESCE(revoked, ?2), shift_key = NULL WHERE id = ?1",
            &self.now().0,
        )
    }

    /// Gives a device's officer another role.
    ///
    /// # Errors
    /// [`HubError::Refused`] if there is no such device, or no such role in the policy.
    pub fn set_role(&self, device: DeviceId, role: &str) -> Result<(), HubError> {
        known_role(&*self.conn()?, role)?;
        self.change(device, "UPDATE device SET role = ?2 WHERE id = ?1", &role)
    }

    /// Takes one compartment, by its name, from one device, whatever its role says.
    ///
    /// # Errors
    /// [`HubError::Refused`] if there is no such device or compartment.
    pub fn withdraw_compartment(&self, device: DeviceId, name: &str) -> Result<(), HubError> {
        let names: Vec<String> = self.compartments()?.into_iter().map(|c| c.name).collect();
        if !names.iter().any(|n| n == name) {
            return Err(HubError::Refused(format!("no compartment '{name}'; there are: {}", names.join(", "))));
        }
        let sql = format!(
            "INSERT OR IGNORE INTO withdrawal (device, compartment, at) SELECT id, ?2, {} FROM device WHERE id = ?1",
            self.now().0
        );
        let known: bool =
            self.conn()?.query_row("SELECT EXISTS (SELECT 1 FROM device WHERE id = ?1)", [device.0], |r| r.get(0))?;
        if !known {
            return Err(no_device(device));
        }
        self.conn()?.execute(&sql, params![device.0, name])?;
        self.refresh_grants()
    }

    fn change(&self, device: DeviceId, sql: &str, value: &dyn rusqlite::ToSql) -> Result<(), HubError> {
        if self.conn()?.execute(sql, params![device.0, value])? == 0 {
            return Err(no_device(device));
        }
        self.refresh_grants()
    }
}

fn no_device(device: DeviceId) -> HubError {
    HubError::Refused(format!("no device {device}: `hub status` lists them"))
}

fn refused(code: &'static str, text: &str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, code, text)
}

fn request_key(csr: &[u8]) -> Result<Vec<u8>, ApiError> {
    ca::request_key(csr).ok_or_else(|| {
        ApiError::new(StatusCode::BAD_REQUEST, "bad_request_key", "not a certificate request signed by its P-256 key")
    })
}

/// A vault's name for the log: one that is known, as devices may write anything there.
fn vault_word(vault: &str) -> &'static str {
    match vault {
        "desk" => "desk",
        "android-keystore" => "android-keystore",
        "secure-enclave" => "secure-enclave",
        _ => "other",
    }
}

fn known_role(conn: &Connection, role: &str) -> Result<(), HubError> {
    let policy = policy::current(conn)?;
    if policy.roles.contains_key(role) {
        return Ok(());
    }
    let roles: Vec<&str> = policy.roles.keys().map(String::as_str).collect();
    Err(HubError::Refused(format!(
        "policy {} has no role '{role}'; it has: {}",
        policy.policy_version,
        roles.join(", ")
    )))
}

fn guesses_left(conn: &Connection, now: Timestamp) -> Result<(), ApiError> {
    let since = now.plus_secs(-60).0;
    conn.execute("DELETE FROM enrol_failure WHERE at <= ?1", [since])?;
    let wrong: u32 = conn.query_row("SELECT COUNT(*) FROM enrol_failure", [], |r| r.get(0))?;
    if wrong >= WRONG_CODES_A_MINUTE {
        return Err(ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_codes",
            "too many wrong enrolment codes: wait a minute",
        ));
    }
    Ok(())
}

fn issue(conn: &Connection, ca: &Ca, spki: &[u8], device: DeviceId) -> Result<Issued, HubError> {
    let issued = ca.issue_device(spki, device)?;
    conn.execute(
        "INSERT INTO certificate (serial, device, der, issued, expires) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![issued.serial, device.0, issued.der, issued.issued.0, issued.expires.0],
    )?;
    Ok(issued)
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().to_vec()
}
