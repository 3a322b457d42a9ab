//! The hub's own certificate authority: ECDSA P-256, ten years, one level deep.
//!
//! It signs the server's certificate (`serverAuth` only) and the devices' (`clientAuth` only), so neither can stand in
//! for the other; and for a relay one of each. A device's certificate names the device and never the officer: whoever
//! watches a handshake learns a random number. A relay's name begins as no device's can. Validity is counted from the machine's clock and not from the injected one,
//! because rustls compares it with the machine's clock on both sides.

use crate::{Clock, HubError, SystemClock, keys};
use beatcheck_model::Timestamp;
use beatcheck_wire::DeviceId;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SerialNumber, SubjectPublicKeyInfo,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::path::Path;
use std::time::Duration;
use x509_parser::prelude::{FromDer, X509Certificate, X509CertificationRequest};

const DAY_S: i64 = 24 * 3600;
const CA_DAYS: i64 = 3652;
/// Life of a device's certificate.
pub(crate) const DEVICE_DAYS: i64 = 30;
/// Life of the server's certificate.
pub(crate) const SERVER_DAYS: i64 = 90;
/// Life of a relay's certificates: somebody carries them there by hand.
const RELAY_DAYS: i64 = 365;
/// How the common name of a relay's certificates begins; a device's is hexadecimal.
const RELAY_NAME: &str = "relay:";
/// What every server's certificate is good for.
pub(crate) const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// Certificates begin this long before they are issued, for clocks that run behind.
const BACKDATE_S: i64 = 3600;
/// SubjectPublicKeyInfo of an uncompressed P-256 point, before the point.
const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

fn tls(e: impl std::fmt::Display) -> HubError {
    HubError::Tls(e.to_string())
}

/// An opened certificate authority.
pub(crate) struct Ca {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
}

/// A certificate just issued.
pub(crate) struct Issued {
    pub(crate) der: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
}

/// A relay's certificates and keys, PEM.
pub(crate) struct RelayPair {
    pub(crate) server_pem: String,
    pub(crate) server_key: zeroize::Zeroizing<String>,
    pub(crate) client_pem: String,
    pub(crate) client_key: zeroize::Zeroizing<String>,
    /// Of the client certificate.
    pub(crate) serial: [u8; 16],
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
}

/// What a relay's client certificate says, once rustls has verified whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RelayName {
    pub(crate) serial: [u8; 16],
    /// Seconds since 1970.
    pub(crate) not_after_s: i64,
}

/// What a client certificate says, once rustls has verified whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PeerName {
    pub(crate) device: DeviceId,
    /// Seconds since 1970.
    pub(crate) not_after_s: i64,
}

/// `days` of validity from now, and the serial number, on fresh parameters.
fn params(names: Vec<String>, common_name: &str, now: Timestamp, days: i64) -> Result<CertificateParams, HubError> {
    let mut p = CertificateParams::new(names).map_err(tls)?;
    let mut dn = DistinguishedName::new();
    dn.push(DnType::CommonName, common_name);
    p.distinguished_name = dn;
    let at = |t: Timestamp| {
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_millis(u64::try_from(t.0).unwrap_or(0) / 1000 * 1000)
    };
    p.not_before = at(now.plus_secs(-BACKDATE_S));
    p.not_after = at(now.plus_secs(days * DAY_S));
    let mut serial: [u8; 16] = keys::random()?;
    serial[0] = serial[0] & 0x7f | 0x40; // positive and of a fixed length
    p.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(p)
}

impl Ca {
    /// Makes a new authority: the key and the certificate, both PEM.
    pub(crate) fn create() -> Result<(zeroize::Zeroizing<String>, String), HubError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(tls)?;
        let tag: String = keys::random::<4>()?.iter().map(|b| format!("{b:02x}")).collect();
        let mut p = params(vec![], &format!("Beatcheck hub CA {tag}"), SystemClock.now(), CA_DAYS)?;
        p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        p.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let cert = p.self_signed(&key).map_err(tls)?;
        Ok((zeroize::Zeroizing::new(key.serialize_pem()), cert.pem()))
    }

    /// Opens the authority of a data directory.
    pub(crate) fn load(key_file: &Path, cert_file: &Path) -> Result<Self, HubError> {
        let bad = |path: &Path, reason: String| HubError::Key { path: path.into(), reason };
        let key = zeroize::Zeroizing::new(std::fs::read_to_string(key_file).map_err(|e| bad(key_file, e.to_string()))?);
        let key = KeyPair::from_pem(&key).map_err(|_| bad(key_file, "not a private key in PEM".into()))?;
        let der = CertificateDer::from_pem_file(cert_file).map_err(|e| bad(cert_file, e.to_string()))?;
        let issuer = Issuer::from_ca_cert_der(&der, key).map_err(|e| bad(cert_file, e.to_string()))?;
        Ok(Self { issuer, der })
    }

    /// The authority's certificate.
    pub(crate) fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Issues the certificate of a device for the public key of its request.
    pub(crate) fn issue_device(&self, spki: &[u8], device: DeviceId) -> Result<Issued, HubError> {
        let now = SystemClock.now();
        let mut p = params(vec![], &device.to_string(), now, DEVICE_DAYS)?;
        p.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        p.use_authority_key_identifier_extension = true;
        let serial = p.serial_number.as_ref().map(SerialNumber::to_bytes).unwrap_or_default();
        let key = SubjectPublicKeyInfo::from_der(spki).map_err(tls)?;
        let cert = p.signed_by(&key, &self.issuer).map_err(tls)?;
        Ok(Issued { der: cert.der().to_vec(), serial, issued: now, expires: now.plus_secs(DEVICE_DAYS * DAY_S) })
    }

    /// Issues the server's certificate with a key that never leaves memory: the chain, and the key.
    pub(crate) fn issue_server(
        &self,
        names: &[String],
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), HubError> {
        let usage = ExtendedKeyUsagePurpose::ServerAuth;
        let (cert, key, _) = self.issue_fresh(names, "Beatcheck hub", SystemClock.now(), SERVER_DAYS, usage)?;
        let chain = vec![cert.der().clone(), self.der.clone()];
        Ok((chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into()))
    }

    /// Issues what a relay needs: a server's certificate for `names`, and a client's by which the hub knows it.
    pub(crate) fn issue_relay(&self, name: &str, names: &[String]) -> Result<RelayPair, HubError> {
        let now = SystemClock.now();
        let common_name = format!("{RELAY_NAME}{name}");
        let issue = |names: &[String], usage| self.issue_fresh(names, &common_name, now, RELAY_DAYS, usage);
        let (server, server_key, _) = issue(names, ExtendedKeyUsagePurpose::ServerAuth)?;
        let (client, client_key, serial) = issue(&[], ExtendedKeyUsagePurpose::ClientAuth)?;
        Ok(RelayPair {
            server_pem: server.pem(),
            server_key: zeroize::Zeroizing::new(server_key.serialize_pem()),
            client_pem: client.pem(),
            client_key: zeroize::Zeroizing::new(client_key.serialize_pem()),
            serial,
            issued: now,
            expires: now.plus_secs(RELAY_DAYS * DAY_S),
        })
    }

    /// A certificate of one use for a key made for it, and its serial number.
    fn issue_fresh(
        &self,
        names: &[String],
        common_name: &str,
        now: Timestamp,
        days: i64,
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<(rcgen::Certificate, KeyPair, [u8; 16]), HubError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(tls)?;
        let mut p = params(names.to_vec(), common_name, now, days)?;
        p.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        p.extended_key_usages = vec![usage];
        p.use_authority_key_identifier_extension = true;
        let serial = p.serial_number.as_ref().map(SerialNumber::to_bytes).unwrap_or_default();
        let serial = serial.try_into().map_err(|_| tls("a serial number of another length"))?;
        let cert = p.signed_by(&key, &self.issuer).map_err(tls)?;
        Ok((cert, key, serial))
    }
}

/// The public key (SubjectPublicKeyInfo) of a certificate request whose own signature holds; only P-256 is taken.
pub(crate) fn request_key(csr: &[u8]) -> Option<Vec<u8>> {
    let (rest, request) = X509CertificationRequest::from_der(csr).ok()?;
    if !rest.is_empty() {
        return None;
    }
    request.verify_signature().ok()?;
    let spki = request.certification_request_info.subject_pki.raw;
    (spki.len() == P256_SPKI.len() + 65 && spki.starts_with(&P256_SPKI) && is_point(&spki[P256_SPKI.len()..]))
        .then(|| spki.to_vec())
}

/// Whether the bytes look like an uncompressed P-256 point; whether it lies on the curve shows when it is used.
pub(crate) fn is_point(bytes: &[u8]) -> bool {
    bytes.len() == 65 && bytes[0] == 4
}

/// Which device a certificate names, and until when; none if it is not a device's.
pub(crate) fn peer_name(der: &[u8]) -> Option<PeerName> {
    let (_, cert) = X509Certificate::from_der(der).ok()?;
    let name = cert.subject().iter_common_name().next()?.as_str().ok()?;
    Some(PeerName { device: DeviceId::from_hex(name)?, not_after_s: cert.validity().not_after.timestamp() })
}

/// Which relay a certificate names, and until when; none if it is not a relay's.
pub(crate) fn relay_name(der: &[u8]) -> Option<RelayName> {
    let (_, cert) = X509Certificate::from_der(der).ok()?;
    let name = cert.subject().iter_common_name().next()?.as_str().ok()?;
    name.starts_with(RELAY_NAME).then_some(())?;
    let serial = cert.raw_serial().try_into().ok()?;
    Some(RelayName { serial, not_after_s: cert.validity().not_after.timestamp() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issues_what_it_can_read_back() {
        let dir = std::env::temp_dir().join(format!("beatcheck-ca-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (key, cert) = Ca::create().unwrap();
        std::fs::write(dir.join("ca.key"), key.as_bytes()).unwrap();
        std::fs::write(dir.join("ca.pem"), cert).unwrap();
        let ca = Ca::load(&dir.join("ca.key"), &dir.join("ca.pem")).unwrap();
        std::fs::remove_dir_all(&dir).unwrap();

        let device_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let csr = CertificateParams::default().serialize_request(&device_key).unwrap();
        let spki = request_key(csr.der()).unwrap();
        let device = beatcheck_wire::CompartmentId([0xab; 16]);
        let issued = ca.issue_device(&spki, device).unwrap();
        let peer = peer_name(&issued.der).unwrap();
        assert_eq!(peer.device, device);
        assert_eq!(peer.not_after_s, issued.expires.0 / 1000);
        assert!(peer_name(ca.der()).is_none() && relay_name(&issued.der).is_none());

        let pair = ca.issue_relay("car-7", &["localhost".to_owned()]).unwrap();
        let client = CertificateDer::from_pem_slice(pair.client_pem.as_bytes()).unwrap();
        let relay = relay_name(&client).unwrap();
        assert_eq!((relay.serial, relay.not_after_s), (pair.serial, pair.expires.0 / 1000));
        assert!(peer_name(&client).is_none(), "a relay is no device");

        let mut forged = csr.der().to_vec();
        let last = forged.len() - 3;
        forged[last] ^= 1;
        assert!(request_key(&forged).is_none());
        let other = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let csr = CertificateParams::default().serialize_request(&other).unwrap();
        assert!(request_key(csr.der()).is_none());
    }
}
