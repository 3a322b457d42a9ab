//! TLS with keys that stay in the vault: the certificate request and the handshake are signed there.

use crate::ClientError;
use crate::keyring::TLS_LABEL;
use crate::vault::KeyVault;
use rcgen::{CertificateParams, DistinguishedName, PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm};
use rustls::client::ResolvesClientCert;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use std::sync::Arc;

/// The vault's TLS key as rustls and rcgen want to see it.
#[derive(Clone)]
struct VaultKey {
    vault: Arc<dyn KeyVault>,
    public: Vec<u8>,
}

impl std::fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VaultKey")
    }
}

impl SigningKey for VaultKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = SignatureScheme::ECDSA_NISTP256_SHA256;
        offered.contains(&scheme).then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> rustls::SignatureAlgorithm {
        rustls::SignatureAlgorithm::ECDSA
    }
}

impl Signer for VaultKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let signed = self.vault.sign(TLS_LABEL.into(), message.to_vec());
        signed.map_err(|e| rustls::Error::General(e.to_string()))
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP256_SHA256
    }
}

impl PublicKeyData for VaultKey {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for VaultKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.vault.sign(TLS_LABEL.into(), message.to_vec()).map_err(|_| rcgen::Error::RingUnspecified)
    }
}

/// A certificate request for the vault's TLS key. It names nobody: the hub chooses the name.
pub(crate) fn certificate_request(vault: &Arc<dyn KeyVault>) -> Result<Vec<u8>, ClientError> {
    let key = VaultKey { vault: Arc::clone(vault), public: vault.public_key(TLS_LABEL.into())? };
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key).map_err(|e| ClientError::Tls(e.to_string()))?;
    Ok(request.der().to_vec())
}

#[derive(Debug)]
struct OneCertificate(Arc<CertifiedKey>);

impl ResolvesClientCert for OneCertificate {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// The CA's certificate out of its PEM file.
pub(crate) fn read_ca(pem: &str) -> Result<CertificateDer<'static>, ClientError> {
    CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| ClientError::Tls("the CA file holds no certificate: use the hub's ca.pem".into()))
}

/// TLS 1.3 to a hub whose certificate `ca` signed; with the device's certificate, if it has one.
pub(crate) fn config(
    ca: &CertificateDer<'static>,
    certificates: &[Vec<u8>],
    vault: &Arc<dyn KeyVault>,
) -> Result<ClientConfig, ClientError> {
    let tls = |e: rustls::Error| ClientError::Tls(e.to_string());
    let mut roots = RootCertStore::empty();
    roots.add(ca.clone()).map_err(tls)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(tls)?
        .with_root_certificates(roots);
    let mut config = if certificates.is_empty() {
        builder.with_no_client_auth()
    } else {
        let key = VaultKey { vault: Arc::clone(vault), public: vault.public_key(TLS_LABEL.into())? };
        let chain = certificates.iter().map(|c| CertificateDer::from(c.clone())).collect();
        builder.with_client_cert_resolver(Arc::new(OneCertificate(Arc::new(CertifiedKey::new(chain, Arc::new(key))))))
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}
