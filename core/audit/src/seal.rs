//! Sealing entries to the hub's audit key.

use crate::Entry;
use beatcheck_wire::DeviceId;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{CryptoRng, RngCore};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};

const INFO: &[u8] = b"beatcheck journal entry v1";
const ESCROW: &[u8] = b"beatcheck journal escrow v1";
const VERSION: u8 = 1;
const ENC: usize = 32;

/// Why an entry could not be sealed or opened. Says nothing of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// The key is not an X25519 key.
    #[error("the audit key is not usable")]
    Key,
    /// It could not be sealed.
    #[error("the entry could not be sealed")]
    Seal,
    /// It is not an entry sealed to this key for this device and number.
    #[error("the entry could not be opened: altered, of another device, or sealed to another key")]
    Open,
}

/// The hub's audit key.
pub struct AuditKeyPair {
    secret: [u8; 32],
    public: [u8; 32],
}

impl AuditKeyPair {
    /// Derives the pair from 32 random bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let (sk, pk) = X25519HkdfSha256::derive_keypair(seed);
        Self { secret: sk.to_bytes().into(), public: pk.to_bytes().into() }
    }

    /// The public half, as the root document carries it.
    #[must_use]
    pub const fn public(&self) -> [u8; 32] {
        self.public
    }
}

/// Random bytes handed in by the caller, once: only `client` reads randomness.
struct Given<'a>(&'a mut dyn FnMut(&mut [u8]));

impl RngCore for Given<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut b = [0; 4];
        (self.0)(&mut b);
        u32::from_le_bytes(b)
    }
    fn next_u64(&mut self) -> u64 {
        let mut b = [0; 8];
        (self.0)(&mut b);
        u64::from_le_bytes(b)
    }
    fn fill_bytes(&mut self, dest: &mut [u8]) {
        (self.0)(dest);
    }
}
impl CryptoRng for Given<'_> {}

fn aad(device: DeviceId, seq: u64) -> [u8; 24] {
    let mut a = [0; 24];
    a[..16].copy_from_slice(&device.0);
    a[16..].copy_from_slice(&seq.to_le_bytes());
    a
}

/// Seals `entry` as number `seq` of `device`. `random` must fill from the system's randomness.
///
/// Layout: version byte, 32 bytes of encapsulated key, ciphertext with tag.
///
/// # Errors
/// [`AuditError::Key`] or [`AuditError::Seal`].
pub fn seal(
    entry: &Entry,
    audit_key: &[u8; 32],
    device: DeviceId,
    seq: u64,
    random: &mut dyn FnMut(&mut [u8]),
) -> Result<Vec<u8>, AuditError> {
    let plain = serde_json::to_vec(entry).map_err(|_| AuditError::Seal)?;
    seal_bytes(INFO, &plain, audit_key, &aad(device, seq), random)
}

/// Seals the key of a device's journal file, so that the hub can read what a device whose hardware key is lost cannot.
///
/// # Errors
/// As [`seal`].
pub fn seal_key(
    key: &[u8; 32],
    audit_key: &[u8; 32],
    device: DeviceId,
    random: &mut dyn FnMut(&mut [u8]),
) -> Result<Vec<u8>, AuditError> {
    seal_bytes(ESCROW, key, audit_key, &device.0, random)
}

/// Opens what [`seal_key`] made.
///
/// # Errors
/// [`AuditError::Open`] if it is no key sealed to this key for this device.
pub fn open_key(
    sealed: &[u8],
    key: &AuditKeyPair,
    device: DeviceId,
) -> Result<zeroize::Zeroizing<[u8; 32]>, AuditError> {
    let plain = zeroize::Zeroizing::new(open_bytes(ESCROW, sealed, key, &device.0)?);
    let key: [u8; 32] = plain.as_slice().try_into().map_err(|_| AuditError::Open)?;
    Ok(key.into())
}

fn seal_bytes(
    info: &[u8],
    plain: &[u8],
    audit_key: &[u8; 32],
    aad: &[u8],
    random: &mut dyn FnMut(&mut [u8]),
) -> Result<Vec<u8>, AuditError> {
    let public = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(audit_key).map_err(|_| AuditError::Key)?;
    let (enc, sealed) = hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256, _>(
        &OpModeS::Base,
        &public,
        info,
        plain,
        aad,
        &mut Given(random),
    )
    .map_err(|_| AuditError::Seal)?;
    let mut out = Vec::with_capacity(1 + ENC + sealed.len());
    out.push(VERSION);
    out.extend_from_slice(&enc.to_bytes());
    out.extend_from_slice(&sealed);
    Ok(out)
}

/// Opens what [`seal`] made.
///
/// # Errors
/// [`AuditError::Open`] if it is not such an entry.
pub fn open(sealed: &[u8], key: &AuditKeyPair, device: DeviceId, seq: u64) -> Result<Entry, AuditError> {
    let plain = open_bytes(INFO, sealed, key, &aad(device, seq))?;
    serde_json::from_slice(&plain).map_err(|_| AuditError::Open)
}

fn open_bytes(info: &[u8], sealed: &[u8], key: &AuditKeyPair, aad: &[u8]) -> Result<Vec<u8>, AuditError> {
    let secret = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(&key.secret).map_err(|_| AuditError::Key)?;
    let (Some(&VERSION), Some(enc), Some(body)) = (sealed.first(), sealed.get(1..=ENC), sealed.get(1 + ENC..)) else {
        return Err(AuditError::Open);
    };
    let enc = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(enc).map_err(|_| AuditError::Open)?;
    hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &secret,
        &enc,
        info,
        body,
        aad,
    )
    .map_err(|_| AuditError::Open)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Asked, EntryKind};
    use beatcheck_model::{Outcome, Query, Timestamp, VehicleQuery};

    #[test]
    fn only_the_hub_reads_it_and_only_in_its_place() {
        let entry = Entry {
            format: 1,
            at: Timestamp(1_700_000_000_000),
            not_before: None,
            officer: "officer-4711".into(),
            role: "patrol".into(),
            policy_version: 1,
            grant_version: 2,
            kind: EntryKind::Check {
                reference: "K7-42".into(),
                purpose: "traffic_stop".into(),
                asked: Asked::Query(Box::new(Query::Vehicle(VehicleQuery {
                    vrm: Some("BD51SMR".into()),
                    vin: None,
                    ..VehicleQuery::default()
                }))),
                outcome: Outcome::NoTrace,
                error: None,
                reason: None,
                incident: None,
                unusual: vec![],
                break_glass: false,
                shown: vec![],
                consulted: vec![],
            },
        };
        let (hub, other) = (AuditKeyPair::from_seed(&[1; 32]), AuditKeyPair::from_seed(&[2; 32]));
        let device = beatcheck_wire::CompartmentId([5; 16]);
        let mut n = 0_u8;
        let mut random = |b: &mut [u8]| {
            b.iter_mut().for_each(|b| {
                n = n.wrapping_add(7);
                *b = n
            })
        };
        let sealed = seal(&entry, &hub.public(), device, 3, &mut random).unwrap();
        assert_eq!(open(&sealed, &hub, device, 3).unwrap(), entry);
        assert_eq!(open(&sealed, &other, device, 3), Err(AuditError::Open));
        assert_eq!(open(&sealed, &hub, device, 4), Err(AuditError::Open));
        assert!(!sealed.windows(7).any(|w| w == b"BD51SMR"));
        for cut in [0, 1, 33, sealed.len() - 1] {
            assert_eq!(open(&sealed[..cut], &hub, device, 3), Err(AuditError::Open));
        }
    }

    #[test]
    fn a_key_in_escrow_is_the_hubs_and_of_one_device() {
        let (hub, other) = (AuditKeyPair::from_seed(&[1; 32]), AuditKeyPair::from_seed(&[2; 32]));
        let (one, two) = (beatcheck_wire::CompartmentId([5; 16]), beatcheck_wire::CompartmentId([6; 16]));
        let mut random = |b: &mut [u8]| b.fill(3);
        let sealed = seal_key(&[9; 32], &hub.public(), one, &mut random).unwrap();
        assert_eq!(*open_key(&sealed, &hub, one).unwrap(), [9; 32]);
        assert_eq!(open_key(&sealed, &other, one), Err(AuditError::Open));
        assert_eq!(open_key(&sealed, &hub, two), Err(AuditError::Open));
        assert!(!sealed.windows(8).any(|w| w == [9; 8]));
        assert_eq!(open(&sealed, &hub, one, 1), Err(AuditError::Open), "it is no entry");
    }
}
