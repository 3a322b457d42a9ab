//! `jsonwebtoken` on ring. The crate leaves the cryptography to a provider; its own two bring aws-lc or the `rsa` crate,
//! and we have one already. Only verification: the hub signs no JWT.

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{Error as Bad, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};

/// What an ID token may be signed with: all that ring has and providers use. No HMAC: its key would be a secret that the
/// hub and the provider share, and whoever has it can say who anyone is.
pub(super) const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA];

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    verifier_factory: verifier,
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| Err(ErrorKind::InvalidKeyFormat.into()),
        rsa_pub_components_from_public_key: |_| Err(ErrorKind::InvalidKeyFormat.into()),
        ec_pub_components_from_private_key: |_, _| Err(ErrorKind::InvalidKeyFormat.into()),
        ed_pub_components_from_private_key: |_, _| Err(ErrorKind::InvalidKeyFormat.into()),
        compute_digest: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    },
};

/// Makes ring the provider of this process; a second call changes nothing.
pub(super) fn install() {
    let _ = PROVIDER.install_default();
}

struct Ring {
    algorithm: Algorithm,
    key: DecodingKey,
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    // An RSA key's bytes must not be read as another kind's.
    if !ALGORITHMS.contains(algorithm) || key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(Ring { algorithm: *algorithm, key: key.clone() }))
}

impl Ring {
    fn rsa(&self, how: &RsaParameters, message: &[u8], signature: &[u8]) -> Result<(), Bad> {
        let DecodingKeyKind::RsaModulusExponent { n, e } = self.key.kind() else { return Err(Bad::new()) };
        RsaPublicKeyComponents { n, e }.verify(how, message, signature).map_err(|_| Bad::new())
    }

    fn curve(&self, how: &'static dyn VerificationAlgorithm, message: &[u8], signature: &[u8]) -> Result<(), Bad> {
        let key = self.key.try_get_as_bytes().map_err(|_| Bad::new())?;
        UnparsedPublicKey::new(how, key).verify(message, signature).map_err(|_| Bad::new())
    }
}

impl Verifier<Vec<u8>> for Ring {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), Bad> {
        match self.algorithm {
            Algorithm::RS256 => self.rsa(&RSA_PKCS1_2048_8192_SHA256, message, signature),
            Algorithm::PS256 => self.rsa(&RSA_PSS_2048_8192_SHA256, message, signature),
            Algorithm::ES256 => self.curve(&ECDSA_P256_SHA256_FIXED, message, signature),
            Algorithm::ES384 => self.curve(&ECDSA_P384_SHA384_FIXED, message, signature),
            Algorithm::EdDSA if self.key.family() == AlgorithmFamily::Ed => self.curve(&ED25519, message, signature),
            _ => Err(Bad::new()),
        }
    }
}

impl JwtVerifier for Ring {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
