//! Android's key attestation: what the secure hardware says of a key, in an extension of the key's certificate.
//!
//! The format is Android's `KeyDescription` (version 1 to 400); we read the fields that decide and skip the others. What the
//! hardware enforces is believed for the chain up to Google's root; what stands in the software's list (the app's name and
//! signer) is only as good as the boot state that the hardware vouches for, which is therefore asked for too.

use super::AttestationSetting;
use super::chain::{self, Checked};
use beatcheck_model::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use x509_parser::asn1_rs::{Any, Class, FromDer, Oid, oid};
use x509_parser::prelude::X509Certificate;

const EXTENSION: Oid<'static> = oid!(1.3.6.1.4.1.11129.2.1.17);
/// Tags of `AuthorizationList`.
const PURPOSE: u32 = 1;
const ORIGIN: u32 = 702;
const ROOT_OF_TRUST: u32 = 704;
const OS_PATCH_LEVEL: u32 = 706;
const APPLICATION: u32 = 709;
const DECIDE: [u32; 5] = [PURPOSE, ORIGIN, ROOT_OF_TRUST, OS_PATCH_LEVEL, APPLICATION];
/// `KeyPurpose`: the only ones that a TLS key has.
const SIGN: u64 = 2;
const VERIFY: u64 = 3;
/// `KeyOrigin`: made inside, and never outside.
const GENERATED: u64 = 0;
/// `VerifiedBootState`.
const VERIFIED: u64 = 0;
/// Fields of a list that are looked at, at most.
const MAX_FIELDS: usize = 128;
const DAMAGED: &str = "its description of the key does not read";

/// Where a key lives, from the weakest on.
pub(super) const LEVELS: [(&str, u64); 2] = [("tee", 1), ("strongbox", 2)];

/// The chain as the vault hands it over: each certificate behind its length, u32 little endian.
fn split(attestation: &[u8]) -> Checked<Vec<Vec<u8>>> {
    let (mut rest, mut out) = (attestation, Vec::new());
    while let Some((len, after)) = rest.split_first_chunk::<4>() {
        let len = u32::from_le_bytes(*len) as usize;
        out.push(after.get(..len).ok_or("its list of certificates is cut off")?.to_vec());
        rest = &after[len..];
    }
    if rest.is_empty() { Ok(out) } else { Err("its list of certificates is cut off") }
}

/// Verifies the attestation of the key `spki` over `challenge`; what was found.
pub(super) fn verify(
    setting: &AttestationSetting,
    attestation: &[u8],
    spki: &[u8],
    challenge: &[u8],
    now: Timestamp,
) -> Checked<Value> {
    let roots = chain::roots(setting.android_roots_pem.as_deref().unwrap_or_default())?;
    let ders = split(attestation)?;
    let certificates = chain::read(&ders)?;
    chain::verify(&certificates, &roots, now)?;
    not_revoked(setting, &certificates)?;
    let leaf = certificates.first().ok_or(DAMAGED)?;
    if leaf.public_key().raw != spki {
        return Err("it is of another key than the one that is to be certified");
    }
    let describes = |c: &X509Certificate<'_>| c.extensions().iter().any(|e| e.oid == EXTENSION);
    if certificates.iter().skip(1).any(describes) {
        return Err("more than one certificate describes a key");
    }
    let extension = leaf.extensions().iter().find(|e| e.oid == EXTENSION).ok_or("it does not describe the key")?;
    let key = Description::read(extension.value)?;
    key.check(setting, challenge)
}

/// Refuses a chain with a certificate on Google's list of those that were revoked.
fn not_revoked(setting: &AttestationSetting, chain: &[X509Certificate<'_>]) -> Checked<()> {
    let revoked = setting.android_revoked();
    let serial = |c: &X509Certificate<'_>| {
        let hex: String = c.raw_serial().iter().map(|b| format!("{b:02x}")).collect();
        hex.trim_start_matches('0').to_owned()
    };
    if chain.iter().any(|c| revoked.contains(&serial(c))) {
        return Err("one of its certificates was revoked by Google");
    }
    Ok(())
}

struct Description<'a> {
    attestation_level: u64,
    keymaster_level: u64,
    challenge: &'a [u8],
    software: BTreeMap<u32, &'a [u8]>,
    hardware: BTreeMap<u32, &'a [u8]>,
}

/// The elements of a constructed value's content.
fn elements(mut bytes: &[u8]) -> Checked<Vec<Any<'_>>> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        if out.len() == MAX_FIELDS {
            return Err(DAMAGED);
        }
        let (rest, any) = Any::from_der(bytes).map_err(|_| DAMAGED)?;
        out.push(any);
        bytes = rest;
    }
    Ok(out)
}

/// The one element of a value.
fn only(bytes: &[u8]) -> Checked<Any<'_>> {
    match Any::from_der(bytes) {
        Ok(([], any)) => Ok(any),
        _ => Err(DAMAGED),
    }
}

/// A small number: INTEGER or ENUMERATED.
fn number(any: &Any<'_>) -> Checked<u64> {
    if any.class() != Class::Universal || !matches!(any.tag().0, 2 | 10) {
        return Err(DAMAGED);
    }
    match any.data {
        [first, ..] if *first < 0x80 && any.data.len() <= 8 => {
            Ok(any.data.iter().fold(0, |n, b| n << 8 | u64::from(*b)))
        }
        _ => Err(DAMAGED),
    }
}

fn octets<'a>(any: &Any<'a>) -> Checked<&'a [u8]> {
    if any.class() == Class::Universal && any.tag().0 == 4 { Ok(any.data) } else { Err(DAMAGED) }
}

impl<'a> Description<'a> {
    fn read(bytes: &'a [u8]) -> Checked<Self> {
        let fields = elements(only(bytes)?.data)?;
        let [_, attestation_level, _, keymaster_level, challenge, _, software, hardware, ..] = fields.as_slice() else {
            return Err(DAMAGED);
        };
        Ok(Self {
            attestation_level: number(attestation_level)?,
            keymaster_level: number(keymaster_level)?,
            challenge: octets(challenge)?,
            software: list(software)?,
            hardware: list(hardware)?,
        })
    }

    fn check(&self, setting: &AttestationSetting, challenge: &[u8]) -> Checked<Value> {
        if self.challenge != challenge {
            return Err("it is not made for this enrolment code");
        }
        let level = self.attestation_level.min(self.keymaster_level);
        let least = LEVELS.iter().find(|(name, _)| *name == setting.android_level).map_or(u64::MAX, |(_, n)| *n);
        // 3 and above are not defined.
        if level < least || level > 2 || self.attestation_level > 2 || self.keymaster_level > 2 {
            return Err("the key does not live in hardware as secure as it must be");
        }
        if self.hardware_number(ORIGIN)? != GENERATED {
            return Err("the key was not made in the hardware");
        }
        let purposes = elements(only(self.hardware(PURPOSE)?)?.data)?;
        let purposes = purposes.iter().map(number).collect::<Checked<Vec<_>>>()?;
        if !purposes.contains(&SIGN) || purposes.iter().any(|p| ![SIGN, VERIFY].contains(p)) {
            return Err("the key may be used for something else than signing");
        }
        self.booted_as_sold()?;
        let patch = self.hardware_number(OS_PATCH_LEVEL).ok();
        if let Some(least) = setting.android_patch
            && patch.is_none_or(|p| months(p) < months(u64::from(least)))
        {
            return Err("the phone's security updates are too old: update it");
        }
        self.of_our_app(setting)?;
        let level = if level == 2 { "strongbox" } else { "tee" };
        Ok(json!({"vault": "android-keystore", "level": level, "patch": patch}))
    }

    fn booted_as_sold(&self) -> Checked<()> {
        let root = elements(only(self.hardware(ROOT_OF_TRUST)?)?.data)?;
        let [_, locked, state, ..] = root.as_slice() else { return Err(DAMAGED) };
        if locked.tag().0 != 1 || locked.data != [0xff] || number(state)? != VERIFIED {
            return Err("the phone was unlocked or runs a system that is not its maker's");
        }
        Ok(())
    }

    fn of_our_app(&self, setting: &AttestationSetting) -> Checked<()> {
        let other = "the key belongs to another app";
        let (Some(package), Some(signer)) = (&setting.android_package, &setting.android_signer) else {
            return Err(
                "the hub does not know which app may enrol: `hub attestation set --android-package --android-signer`",
            );
        };
        let id = self.software.get(&APPLICATION).ok_or(other)?;
        let id = elements(only(octets(&only(id)?)?)?.data)?;
        let [packages, signers, ..] = id.as_slice() else { return Err(DAMAGED) };
        let packages = elements(packages.data)?;
        // One entry: apps that share a user id could use each other's keys.
        let [only_package] = packages.as_slice() else { return Err(other) };
        let fields = elements(only_package.data)?;
        let signers = elements(signers.data)?;
        let [only_signer] = signers.as_slice() else { return Err(other) };
        let hex: String = octets(only_signer)?.iter().map(|b| format!("{b:02x}")).collect();
        if octets(fields.first().ok_or(DAMAGED)?)? != package.as_bytes() || !hex.eq_ignore_ascii_case(signer) {
            return Err(other);
        }
        Ok(())
    }

    fn hardware(&self, tag: u32) -> Checked<&'a [u8]> {
        self.hardware.get(&tag).copied().ok_or("the hardware does not vouch for all that is asked")
    }

    fn hardware_number(&self, tag: u32) -> Checked<u64> {
        number(&only(self.hardware(tag)?)?)
    }
}

/// A patch level as YYYYMM; some phones say YYYYMMDD.
const fn months(patch: u64) -> u64 {
    if patch > 999_999 { patch / 100 } else { patch }
}

/// The fields of an `AuthorizationList`, by tag. Some phones write one twice; what decides must stand there once.
fn list<'a>(any: &Any<'a>) -> Checked<BTreeMap<u32, &'a [u8]>> {
    let mut out = BTreeMap::new();
    for field in elements(any.data)? {
        let tag = field.tag().0;
        let again = out.insert(tag, field.data).is_some();
        if field.class() != Class::ContextSpecific || (again && DECIDE.contains(&tag)) {
            return Err(DAMAGED);
        }
    }
    Ok(out)
}
