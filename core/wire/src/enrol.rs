//! How a device comes in: a one-time code, a certificate request, a certificate.
//!
//! The code carries a secret that the hub knows and the fingerprint of the hub's root key that the device checks: it
//! authenticates both ways. Written in Crockford's base 32 in groups, so that it can be read aloud; as a QR code on
//! a phone.

use crate::WireError;
use crate::documents::DeviceId;
use crate::envelope::VerifyKey;
use serde::{Deserialize, Serialize};

/// Bytes of a code's secret: 128 bits.
pub const SECRET: usize = 16;
const PRINT: usize = 16;
/// Characters of a code, without its hyphens.
const CHARS: usize = ((SECRET + PRINT) * 8).div_ceil(5);
/// Crockford: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A one-time enrolment code.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolCode {
    /// 128 random bits, usable once within their time.
    pub secret: [u8; SECRET],
    /// First 16 bytes of SHA-256 over the root key.
    pub root_fingerprint: [u8; PRINT],
}

/// The fingerprint of a root key as codes carry it.
#[must_use]
pub fn fingerprint(root: &VerifyKey) -> [u8; PRINT] {
    let h = ring::digest::digest(&ring::digest::SHA256, &root.0);
    let mut out = [0; PRINT];
    out.copy_from_slice(&h.as_ref()[..PRINT]);
    out
}

impl EnrolCode {
    /// The code as it is handed over: 52 characters in groups of six.
    #[must_use]
    pub fn to_text(&self) -> String {
        let bytes: Vec<u8> = self.secret.iter().chain(&self.root_fingerprint).copied().collect();
        let mut out = String::new();
        let (mut acc, mut bits, mut n) = (0_u32, 0, 0);
        let mut put = |out: &mut String, v: u32| {
            if n > 0 && n % 6 == 0 {
                out.push('-');
            }
            out.push(char::from(ALPHABET[v as usize & 31]));
            n += 1;
        };
        for b in bytes {
            acc = (acc << 8) | u32::from(b);
            bits += 8;
            while bits >= 5 {
                bits -= 5;
                put(&mut out, acc >> bits);
            }
            acc &= (1 << bits) - 1;
        }
        if bits > 0 {
            put(&mut out, acc << (5 - bits));
        }
        out
    }

    /// Reads a code; case, spaces and hyphens do not matter, and `O`, `I`, `L` are read as the digits they look like.
    ///
    /// # Errors
    /// [`WireError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, WireError> {
        let bad = WireError::Malformed("enrolment code");
        let (mut acc, mut bits, mut n) = (0_u32, 0, 0);
        let mut bytes = Vec::with_capacity(SECRET + PRINT);
        for c in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let c = match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                c => c,
            };
            let v = ALPHABET.iter().position(|a| char::from(*a) == c).ok_or(bad)? as u32;
            acc = (acc << 5) | v;
            bits += 5;
            n += 1;
            if bits >= 8 {
                bits -= 8;
                bytes.push((acc >> bits) as u8);
                acc &= (1 << bits) - 1;
            }
            if bytes.len() > SECRET + PRINT {
                return Err(bad);
            }
        }
        if n != CHARS || bytes.len() != SECRET + PRINT || acc != 0 {
            return Err(bad);
        }
        let mut code = Self { secret: [0; SECRET], root_fingerprint: [0; PRINT] };
        code.secret.copy_from_slice(&bytes[..SECRET]);
        code.root_fingerprint.copy_from_slice(&bytes[SECRET..]);
        Ok(code)
    }
}

/// What a device sends to come in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolRequest {
    /// Version of this form ([`VERSION`]).
    pub version: u8,
    /// The code's secret.
    pub secret: [u8; SECRET],
    /// PKCS#10 request (DER) for the TLS key of the vault.
    pub csr: Vec<u8>,
    /// Public half of the receipt key (P-256, uncompressed point).
    pub receipt_key: Vec<u8>,
    /// Which kind of vault: `desk`, `android-keystore`, `secure-enclave`.
    pub vault: String,
    /// The vault's attestation of the TLS key over [`attestation_challenge`]; for the desk vault, a signature by that key.
    pub attestation: Vec<u8>,
    /// The app's version.
    pub app_version: String,
    /// What device management calls this device (an asset or serial number), where it told the app; empty if not. A code that
    /// was made for one device wants to see its name.
    pub asset: String,
    /// An ID token of the force's identity provider, with [`login_nonce`] as its nonce; empty where the hub asks for none.
    pub id_token: String,
}

/// Version of an enrolment request.
pub const VERSION: u8 = 2;

/// What the vault's attestation is made over: the code is the hub's nonce, and only its hash travels in a certificate.
#[must_use]
pub fn attestation_challenge(secret: &[u8; SECRET]) -> [u8; 32] {
    labelled(b"beatcheck attestation v1", secret)
}

/// The nonce that an ID token for this enrolment must bear, in hexadecimal.
#[must_use]
pub fn login_nonce(secret: &[u8; SECRET]) -> String {
    labelled(b"beatcheck login v1", secret).iter().map(|b| format!("{b:02x}")).collect()
}

fn labelled(label: &[u8], secret: &[u8]) -> [u8; 32] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    context.update(label);
    context.update(secret);
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// What it gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolResponse {
    /// Its name.
    pub device: DeviceId,
    /// Its certificate and the CA's (DER).
    pub certificates: Vec<Vec<u8>>,
    /// When to ask for a new one.
    pub renew_after: beatcheck_model::Timestamp,
    /// The signed root.
    pub root: Vec<u8>,
    /// Whom the code was made for: the account names them from its first entry, before there is a grant (rule 6).
    pub officer: String,
    /// The role the code was made for.
    pub role: String,
}

/// A request for a nonce, and what comes: single use, bound to the device that asks, [`NONCE_LIFE_S`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginNonce {
    /// In hexadecimal: the nonce that an ID token must bear.
    pub nonce: String,
}

/// Seconds for which a nonce works.
pub const NONCE_LIFE_S: i64 = 600;

/// A shift is to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShiftRequest {
    /// An ID token with a [`LoginNonce`], where policy wants one (`session.identity_at_start`); empty if not.
    pub id_token: String,
}

/// It has.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct ShiftStarted {
    /// Its name, random.
    #[zeroize(skip)]
    pub shift: crate::OrderId,
    /// Under which records are sealed beside the officer's own key: the same for one device as long as it is enrolled, so
    /// that what was sealed in one shift opens in the next.
    pub key: [u8; 32],
    /// When it began, by the hub.
    #[zeroize(skip)]
    pub started: beatcheck_model::Timestamp,
    /// When it ends by itself.
    #[zeroize(skip)]
    pub ends: beatcheck_model::Timestamp,
}

impl std::fmt::Debug for ShiftStarted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ShiftStarted({}, until {}, ...)", self.shift, self.ends)
    }
}

/// A request for a new certificate, by the old one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewRequest {
    /// PKCS#10 request (DER).
    pub csr: Vec<u8>,
}
