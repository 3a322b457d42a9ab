//! A chain of certificates up to a root that the operator set. Each is signed by the next, is of now, and every one that
//! signs another is an authority: the attested key itself must not be able to attest to a further one.

use beatcheck_model::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::oid_registry::{
    OID_PKCS1_SHA256WITHRSA, OID_PKCS1_SHA384WITHRSA, OID_PKCS1_SHA512WITHRSA, OID_SIG_ECDSA_WITH_SHA256,
    OID_SIG_ECDSA_WITH_SHA384,
};
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

/// Certificates of a chain, at most.
const MAX_CERTIFICATES: usize = 8;
/// Bytes of one certificate, at most.
const MAX_CERTIFICATE: usize = 16 * 1024;
/// Roots that can be set.
const MAX_ROOTS: usize = 16;

/// What was found, or why it is refused: texts for whoever enrols.
pub(super) type Checked<T> = Result<T, &'static str>;

/// The roots of a PEM file.
pub(super) fn roots(pem: &str) -> Checked<Vec<CertificateDer<'static>>> {
    let roots: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| "the root certificates are not PEM")?;
    if roots.is_empty() || roots.len() > MAX_ROOTS {
        return Err("there must be 1 to 16 root certificates");
    }
    for root in &roots {
        let root = one(root)?;
        if !root.is_ca() || root.verify_signature(None).is_err() {
            return Err("a root certificate is not one: it must be an authority and signed by itself");
        }
    }
    Ok(roots)
}

/// Reads a chain, the attested key's certificate first.
pub(super) fn read(ders: &[Vec<u8>]) -> Checked<Vec<X509Certificate<'_>>> {
    if ders.is_empty() || ders.len() > MAX_CERTIFICATES || ders.iter().any(|d| d.len() > MAX_CERTIFICATE) {
        return Err("its certificates are too many, too long, or none");
    }
    ders.iter().map(|d| one(d)).collect()
}

fn one(der: &[u8]) -> Checked<X509Certificate<'_>> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err("a certificate does not read"),
    }
}

/// Verifies a chain up to one of `roots`, which it may end in or lead to.
pub(super) fn verify(chain: &[X509Certificate<'_>], roots: &[CertificateDer<'_>], now: Timestamp) -> Checked<()> {
    let now = ASN1Time::from_timestamp(now.0 / 1000).map_err(|_| "the hub's clock is out of range")?;
    for (n, certificate) in chain.iter().enumerate() {
        let trusted = roots.iter().map(|r| one(r)).collect::<Checked<Vec<_>>>()?;
        // A root that is set is trusted for its key, whatever its dates say (that of Google from 2016 has run out on phones
        // that still work).
        if n > 0 && trusted.iter().any(|r| r.public_key().raw == certificate.public_key().raw) {
            return Ok(());
        }
        if !certificate.validity().is_valid_at(now) {
            return Err("a certificate has ended, or is of a time to come");
        }
        if n > 0 && !certificate.is_ca() {
            return Err("a certificate is signed by one that is no authority");
        }
        if let Some(issuer) = chain.get(n + 1) {
            signed_by(certificate, issuer)?;
        } else if !trusted.iter().any(|r| signed_by(certificate, r).is_ok()) {
            return Err("it does not lead to a root that is set");
        }
    }
    Ok(())
}

fn signed_by(certificate: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> Checked<()> {
    let with = &certificate.signature_algorithm.algorithm;
    // The parser would verify SHA-1 too.
    let strong = [
        OID_PKCS1_SHA256WITHRSA,
        OID_PKCS1_SHA384WITHRSA,
        OID_PKCS1_SHA512WITHRSA,
        OID_SIG_ECDSA_WITH_SHA256,
        OID_SIG_ECDSA_WITH_SHA384,
    ];
    // By the signature alone: some phones' certificates name the authority above the one that signed them.
    if !strong.contains(with) || certificate.verify_signature(Some(issuer.public_key())).is_err() {
        return Err("a certificate is not signed by the next");
    }
    Ok(())
}
