//! Enrolment: a one-time code becomes a device with keys of its own and a certificate.

use crate::account::Line;
use crate::device::{decode, doc, encode};
use crate::home::Home;
use crate::keyring::{self, Keyring, RECEIPT_LABEL, TLS_LABEL};
use crate::sync::runtime;
use crate::transport::{LinkFault, Transport};
use crate::vault::{KeyUse, KeyVault};
use crate::{ClientError, Device, Env, tls};
use beatcheck_audit::EntryKind;
use beatcheck_store::{Journal, State};
use beatcheck_sync::SyncFault;
use beatcheck_wire::Root;
use beatcheck_wire::enrol::{EnrolCode, EnrolRequest, EnrolResponse, attestation_challenge, fingerprint};
use beatcheck_wire::envelope::{self, DocKind};
use hyper::Method;
use std::path::PathBuf;
use std::sync::Arc;

/// What enrolment needs.
#[derive(Clone)]
pub struct EnrolOptions {
    /// Directory that becomes the device's home.
    pub home: PathBuf,
    /// The hub, as `https://HOST:PORT`.
    pub hub: String,
    /// The one-time code.
    pub code: String,
    /// The hub's CA certificate, PEM.
    pub ca_pem: String,
    /// A PIN that will be needed at each opening; optional for the desk only.
    pub pin: Option<String>,
    /// Version of the app.
    pub app_version: String,
    /// What device management calls this device; empty if it has not told.
    pub asset: String,
    /// An ID token of the force's identity provider with the code's nonce (`enrolment_nonce`);
    /// empty if the hub needs none.
    pub id_token: String,
}

fn read_code(code: &str) -> Result<EnrolCode, ClientError> {
    EnrolCode::parse(code)
        .map_err(|_| ClientError::EnrolCode("the enrolment code is not complete or has a typing error".into()))
}

impl Device {
    /// The nonce that an ID token of the force's identity provider must bear for an enrolment with this code: a token serves for
    /// one code. Asks nobody.
    ///
    /// # Errors
    /// [`ClientError::EnrolCode`] for a code that does not read.
    pub fn enrolment_nonce(code: &str) -> Result<String, ClientError> {
        Ok(beatcheck_wire::enrol::login_nonce(&read_code(code)?.secret))
    }

    /// Enrols a new device. Nothing is kept unless all of it succeeded, so that it can be tried again with the same
    /// code.
    ///
    /// # Errors
    /// [`ClientError::AlreadyEnrolled`], [`ClientError::EnrolCode`], the hub's refusal, or a hub whose root is not the
    /// one that the code names.
    pub fn enrol(options: &EnrolOptions, vault: Arc<dyn KeyVault>, env: Env) -> Result<Self, ClientError> {
        let home = Home::new(&options.home);
        if home.keyring().exists() {
            return Err(ClientError::AlreadyEnrolled { home: options.home.clone() });
        }
        if home.wipe_intent().exists() {
            let text = "this device is being wiped: open it first, which finishes that";
            return Err(ClientError::EnrolCode(text.into()));
        }
        if home.last_words().exists() {
            let text = "this device was wiped and its last entries are not sent yet: run a sync first";
            return Err(ClientError::EnrolCode(text.into()));
        }
        let code = read_code(&options.code)?;
        let ca = tls::read_ca(&options.ca_pem)?;
        std::fs::create_dir_all(home.records()).map_err(ClientError::io("making the device's directory"))?;
        // A retry with the same key gets the same device again, if only the answer was lost.
        if vault.public_key(TLS_LABEL.into()).is_err() {
            vault.create(TLS_LABEL.into(), KeyUse::Sign)?;
        }
        let receipt_key = match vault.public_key(RECEIPT_LABEL.into()) {
            Ok(key) => key,
            Err(_) => vault.create(RECEIPT_LABEL.into(), KeyUse::Sign)?,
        };
        let request = EnrolRequest {
            version: beatcheck_wire::enrol::VERSION,
            secret: code.secret,
            csr: tls::certificate_request(&vault)?,
            receipt_key,
            vault: vault.kind(),
            attestation: vault.attest(TLS_LABEL.into(), attestation_challenge(&code.secret).to_vec())?,
            app_version: options.app_version.clone(),
            asset: options.asset.clone(),
            id_token: options.id_token.clone(),
        };
        let transport = Transport::new(&options.hub, tls::config(&ca, &[], &vault)?)?;
        let body = encode(&request)?;
        let answer = runtime()?.block_on(transport.call(Method::POST, "/v1/enrol", body)).map_err(refusal)?;
        let response: EnrolResponse = decode(&answer)?;
        let root = trusted_root(&response.root, &code)?;
        if ring::digest::digest(&ring::digest::SHA256, &ca).as_ref() != root.ca_sha256 {
            return Err(ClientError::EnrolCode("the CA file is not the one of the hub that the code is for".into()));
        }
        let mut ring = Keyring::create(&env, response.device)?;
        {
            let state = State::open(&home.state(), &keyring::key(&ring.keys.state))?;
            Journal::open(&home.journal(), &keyring::key(&ring.keys.journal), response.device)?;
            state.put_all(&[
                (doc::APP_VERSION, Some(options.app_version.as_bytes())),
                (doc::HUB, Some(options.hub.as_bytes())),
                (doc::CA, Some(&ca)),
                (doc::CERTIFICATES, Some(&encode(&response.certificates)?)),
                (doc::RENEW_AFTER, Some(&encode(&response.renew_after)?)),
                (doc::ROOT, Some(&encode(&root)?)),
                (doc::OFFICER, Some(&encode(&(&response.officer, &response.role))?)),
                (doc::ENROLLED, Some(&encode(&env.now())?)),
            ])?;
            crate::rollback::begin(&state, &*vault)?;
            crate::escrow::keep(&home, response.device, &ring.keys.journal, &root.audit_key)?;
        }
        // The keyring comes last: its presence is what makes this an enrolled device.
        if let Err(e) = ring.save(&home, &*vault, &env) {
            let _ = beatcheck_store::shred_file(&home.state());
            let _ = beatcheck_store::shred_file(&home.journal());
            let _ = std::fs::remove_file(home.escrow());
            return Err(e);
        }
        let device = Self::open(&options.home, vault, env, None)?;
        let view = device.view();
        let mut lines = vec![Line::of(EntryKind::Enrolled {})];
        if let Some(kept) = crate::recover::Kept::find(&device.home) {
            let former = kept.device().map(|d| d.to_string()).unwrap_or_default();
            lines.push(Line::of(EntryKind::Succeeds { device: former, kept_bytes: kept.bytes() }));
        }
        device.account(&view, device.now(), lines)?;
        if let Some(pin) = &options.pin {
            device.set_pin(None, pin)?;
        }
        Ok(device)
    }
}

/// The root document, if it is signed by the key that the code names.
fn trusted_root(signed: &[u8], code: &EnrolCode) -> Result<Root, ClientError> {
    // The key inside is not trusted for being there: its fingerprint must be the code's.
    let payload = signed.get(envelope::OVERHEAD..).ok_or(beatcheck_wire::WireError::Truncated)?;
    let claimed: Root = decode(payload)?;
    if fingerprint(&claimed.root_key) != code.root_fingerprint {
        return Err(ClientError::EnrolCode("this is not the hub that the code is for".into()));
    }
    Ok(envelope::open(DocKind::Root, signed, &[claimed.root_key])?)
}

/// A link's fault as the officer or operator sees it.
pub(crate) fn refusal(fault: LinkFault) -> ClientError {
    match fault {
        LinkFault::Broken(why) => SyncFault::Unreachable(why).into(),
        LinkFault::Status { code, text, .. } => SyncFault::Refused { code, text }.into(),
    }
}
