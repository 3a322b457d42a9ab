//! What the hub issued to this relay, and the two TLS sides made of it.
//!
//! To devices it shows its server's certificate and asks for theirs; one that has ended is refused, for nothing here is
//! as urgent as an account is at the hub. To the hub it shows its client's certificate.

use crate::RelayError;
use rustls::client::ClientConfig;
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::{RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use x509_parser::prelude::{FromDer, X509Certificate};

const VERSIONS: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
/// Digits in the name of a device, which is all that its certificate says.
const DEVICE_DIGITS: usize = 32;

/// Both sides of the relay.
pub(crate) struct Identity {
    pub(crate) server: Arc<ServerConfig>,
    pub(crate) client: Arc<ClientConfig>,
}

impl Identity {
    /// Reads `ca.pem` and both certificates with their keys from the directory that `hub relay add` has filled.
    pub(crate) fn load(dir: &Path) -> Result<Self, RelayError> {
        let tls = |e: rustls::Error| RelayError::Tls(e.to_string());
        let ca = certificate(dir.join("ca.pem"))?;
        let (server, server_key) = (certificate(dir.join("server.pem"))?, key(dir.join("server.key"))?);
        let (client, client_key) = (certificate(dir.join("client.pem"))?, key(dir.join("client.key"))?);

        let mut roots = RootCertStore::empty();
        roots.add(ca.clone()).map_err(tls)?;
        let roots = Arc::new(roots);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
            .build()
            .map_err(|e| RelayError::Tls(e.to_string()))?;
        let mut to_devices = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(VERSIONS)
            .map_err(tls)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![server, ca.clone()], server_key)
            .map_err(tls)?;
        to_devices.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // A resumed session would skip the look at the certificate's dates.
        to_devices.send_tls13_tickets = 0;

        let mut to_hub = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(VERSIONS)
            .map_err(tls)?
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![client, ca], client_key)
            .map_err(tls)?;
        to_hub.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self { server: Arc::new(to_devices), client: Arc::new(to_hub) })
    }
}

/// A certificate that has not ended.
fn certificate(path: PathBuf) -> Result<CertificateDer<'static>, RelayError> {
    let bad = |reason: String| RelayError::Identity { path: path.clone(), reason };
    let der = CertificateDer::from_pem_file(&path).map_err(|e| bad(e.to_string()))?;
    let (_, read) = X509Certificate::from_der(&der).map_err(|_| bad("not a certificate".into()))?;
    if !read.validity().is_valid() {
        return Err(bad(format!("valid only from {} to {}", read.validity().not_before, read.validity().not_after)));
    }
    Ok(der)
}

fn key(path: PathBuf) -> Result<PrivateKeyDer<'static>, RelayError> {
    PrivateKeyDer::from_pem_file(&path).map_err(|e| RelayError::Identity { path, reason: e.to_string() })
}

/// Whether a certificate that TLS has verified is a device's: named by hexadecimal digits and nothing else.
pub(crate) fn is_device(chain: Option<&[CertificateDer<'_>]>) -> bool {
    let Some(der) = chain.and_then(<[_]>::first) else { return false };
    let Ok((_, cert)) = X509Certificate::from_der(der) else { return false };
    let Some(Ok(name)) = cert.subject().iter_common_name().next().map(|n| n.as_str()) else { return false };
    name.len() == DEVICE_DIGITS && beatcheck_wire::DeviceId::from_hex(name).is_some()
}
