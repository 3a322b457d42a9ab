//! An authority, a server's certificate and a device's, made for one run: P-256, as the hub's.

use crate::exit::Failure;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What the client needs, in DER: it is handed to another process in a file of the run's own directory.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::bench::sync) struct ClientFiles {
    ca: Vec<u8>,
    certificate: Vec<u8>,
    key: Vec<u8>,
}

fn failed(e: impl std::fmt::Display) -> Failure {
    Failure::new("tls", format!("the alternative's certificates: {e}"))
}

/// The server's configuration, and what a client needs. TLS 1.3, HTTP/2, certificates both ways, no tickets: the hub's own.
pub(in crate::bench::sync) fn make() -> Result<(ServerConfig, ClientFiles), Failure> {
    let key = || KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed);
    let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let ca_key = key()?;
    let ca = params.self_signed(&ca_key).map_err(failed)?.der().clone();
    let issuer = Issuer::new(params, ca_key);
    let issue = |names: Vec<String>| -> Result<(CertificateDer<'static>, KeyPair), Failure> {
        let key = key()?;
        let made = CertificateParams::new(names).map_err(failed)?.signed_by(&key, &issuer).map_err(failed)?;
        Ok((made.der().clone(), key))
    };
    let (server, server_key) = issue(vec!["127.0.0.1".to_owned()])?;
    let (device, device_key) = issue(Vec::new())?;

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(ca.clone()).map_err(failed)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(failed)?
        .with_client_cert_verifier(verifier.build().map_err(failed)?)
        .with_single_cert(vec![server, ca.clone()], private(&server_key.serialize_der()))
        .map_err(failed)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.send_tls13_tickets = 0;
    let files = ClientFiles { ca: ca.to_vec(), certificate: device.to_vec(), key: device_key.serialize_der() };
    Ok((config, files))
}

fn private(der: &[u8]) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(der.to_vec()).into()
}

impl ClientFiles {
    /// The client's configuration.
    pub(super) fn config(&self) -> Result<ClientConfig, Failure> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.ca.clone())).map_err(failed)?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(failed)?
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![CertificateDer::from(self.certificate.clone())], private(&self.key))
            .map_err(failed)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }
}
