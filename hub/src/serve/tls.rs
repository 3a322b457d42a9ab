//! TLS 1.3 on both sides of the name: the server's certificate from the hub's authority, and the devices'.
//!
//! A connection without a client certificate is let through, because enrolment has none yet; every other route asks
//! for one (`routes`). A certificate of this authority that has *ended* is let through too, and then only reaches the
//! journal and renewal: a device that was weeks without signal must still be able to hand in its account (rule 12). A
//! relay's certificate has no such grace.

use crate::ca::{self, Ca, SERVER_DAYS};
use crate::{Hub, HubError};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};
use std::sync::Arc;
use std::time::Duration;

/// How long a server certificate is used before it is replaced.
pub(crate) const SERVER_CERT_USE: Duration = Duration::from_secs(SERVER_DAYS as u64 * 24 * 3600 * 2 / 3);

/// What the server shows and asks for, with a certificate made just now.
pub(crate) fn server_config(hub: &Hub, names: &[String]) -> Result<Arc<ServerConfig>, HubError> {
    let tls = |e: &dyn std::fmt::Display| HubError::Tls(e.to_string());
    let ca = hub.ca()?;
    let (chain, key) = ca.issue_server(&all_names(hub, names)?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|e| tls(&e))?
        .with_client_cert_verifier(verifier(&ca, provider)?)
        .with_single_cert(chain, key)
        .map_err(|e| tls(&e))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.max_fragment_size = Some(super::pieces::PIECE);
    // A resumed session would skip the look at the certificate's dates.
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

impl Hub {
    /// TLS for a page that people look at in a browser: a certificate of the hub's authority made just now, and no
    /// certificate asked of them.
    ///
    /// # Errors
    /// [`HubError::Key`] if the authority's key is not there, [`HubError::Tls`] for a name that cannot stand in a certificate.
    pub fn page_tls(&self, names: &[String]) -> Result<Arc<ServerConfig>, HubError> {
        let (chain, key) = self.ca()?.issue_server(&all_names(self, names)?)?;
        let tls = |e: &dyn std::fmt::Display| HubError::Tls(e.to_string());
        let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|e| tls(&e))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|e| tls(&e))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// `localhost` and both loopback addresses, what `init` was given, and what `serve` was given.
fn all_names(hub: &Hub, names: &[String]) -> Result<Vec<String>, HubError> {
    let mut out: Vec<String> = ca::LOOPBACK.map(str::to_owned).into();
    for name in hub.names()?.iter().chain(names) {
        if !out.contains(name) {
            out.push(name.clone());
        }
    }
    Ok(out)
}

fn verifier(ca: &Ca, provider: Arc<rustls::crypto::CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, HubError> {
    let mut roots = RootCertStore::empty();
    roots.add(ca.der().clone()).map_err(|e| HubError::Tls(e.to_string()))?;
    let inner = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated()
        .build()
        .map_err(|e| HubError::Tls(e.to_string()))?;
    Ok(Arc::new(EndedToo(inner)))
}

/// rustls' own verifier, asked a second time as of the certificate's end if that is all that was wrong with it.
#[derive(Debug)]
struct EndedToo(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for EndedToo {
    fn offer_client_auth(&self) -> bool {
        self.0.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.0.verify_client_cert(end_entity, intermediates, now) {
            Err(Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. })) => {
                let peer = ca::peer_name(end_entity).ok_or(CertificateError::Expired)?;
                let end = u64::try_from(peer.not_after_s).map_err(|_| CertificateError::Expired)?;
                self.0.verify_client_cert(
                    end_entity,
                    intermediates,
                    UnixTime::since_unix_epoch(Duration::from_secs(end)),
                )
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
