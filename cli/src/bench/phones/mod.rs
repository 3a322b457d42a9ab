//! A phone that is made of nothing but its keys: enrols with a code over TLS as any does, and can connect afterwards.

mod client;

pub(super) use client::{Answer, Link, Trust, broken};

use crate::exit::Failure;
use beatcheck_hub::{EnrolFor, Hub};
use beatcheck_wire::envelope::{self, DocKind};
use beatcheck_wire::{DeviceId, Root, enrol};
use hyper::{Method, StatusCode};
use rcgen::SigningKey;
use rustls::pki_types::CertificateDer;

/// Devices that one officer has had, so that an officer's page has something to show.
const OF_ONE_OFFICER: u32 = 5;

/// A device that is enrolled.
pub(super) struct Phone {
    pub(super) id: DeviceId,
    pub(super) officer: String,
    pub(super) root: Root,
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: rcgen::KeyPair,
    /// Signs what it hands in.
    pub(super) receipt: rcgen::KeyPair,
}

/// Enrols the `n`th device.
pub(super) async fn enrol(hub: Hub, trust: &Trust, port: u16, n: u32) -> Result<Phone, Failure> {
    let officer = format!("officer-{}", n / OF_ONE_OFFICER);
    let code = {
        let (hub, officer, asset) = (hub.clone(), officer.clone(), asset(n));
        tokio::task::spawn_blocking(move || {
            hub.enrol_code_for(&EnrolFor { officer: &officer, role: "patrol", asset: Some(&asset) })
        })
        .await
        .map_err(broken)??
        .code
    };
    let secret = enrol::EnrolCode::parse(&code).map_err(broken)?.secret;
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(broken)?;
    let receipt = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(broken)?;
    let csr = rcgen::CertificateParams::default().serialize_request(&key).map_err(broken)?;
    let request = enrol::EnrolRequest {
        version: enrol::VERSION,
        secret,
        csr: csr.der().to_vec(),
        receipt_key: receipt.public_key_raw().to_vec(),
        vault: "desk".into(),
        attestation: key.sign(&enrol::attestation_challenge(&secret)).map_err(broken)?,
        app_version: env!("CARGO_PKG_VERSION").into(),
        asset: asset(n),
        id_token: String::new(),
    };
    let mut stranger = trust.connect(port, None).await?;
    let body = postcard::to_stdvec(&request).map_err(broken)?;
    let answer = stranger.send(Method::POST, "/v1/enrol", &[], body).await?;
    expect(answer.status, "enrolling", &answer.body)?;
    let welcome: enrol::EnrolResponse = postcard::from_bytes(&answer.body).map_err(broken)?;

    let unverified: Root = postcard::take_from_bytes(&welcome.root[envelope::OVERHEAD..]).map_err(broken)?.0;
    let root: Root = envelope::open(DocKind::Root, &welcome.root, &[unverified.root_key]).map_err(broken)?;
    let chain = welcome.certificates.into_iter().map(CertificateDer::from).collect();
    Ok(Phone { id: welcome.device, officer, root, chain, key, receipt })
}

fn asset(n: u32) -> String {
    format!("BC-{n:05}")
}

/// An answer that is not as it should be ends the bench.
pub(super) fn expect(status: StatusCode, what: &str, body: &[u8]) -> Result<(), Failure> {
    if status == StatusCode::OK {
        return Ok(());
    }
    Err(Failure::new("io", format!("{what}: the hub said {status}: {}", String::from_utf8_lossy(body))))
}
