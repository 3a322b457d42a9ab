//! What phones would hand out, made here: certificates, Android's description of a key, Apple's attestation object.
#![allow(unreachable_pub)]

use crate::serve_common::{Fixture, Wanting};
use beatcheck_wire::enrol::attestation_challenge;
use ciborium::Value as Cbor;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    PublicKeyData as _,
};
use ring::digest::{SHA256, digest};
use std::time::Duration;

pub const PACKAGE: &str = "uk.police.force.beatcheck";
pub const SIGNER: [u8; 32] = [0xab; 32];
pub const APP: &str = "TEAMID.uk.police.force.beatcheck";

/// One DER element of any tag number, constructed or not, of any class.
fn tlv(class: u8, tag: u32, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    if tag < 31 {
        out.push(class | tag as u8);
    } else {
        out.push(class | 31);
        if tag > 127 {
            out.push(0x80 | (tag >> 7) as u8);
        }
        out.push((tag & 127) as u8);
    }
    match content.len() {
        n @ 0..128 => out.push(n as u8),
        n @ 128..256 => out.extend([0x81, n as u8]),
        n => out.extend([0x82, (n >> 8) as u8, n as u8]),
    }
    out.extend(content);
    out
}
fn seq(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x20, 16, &parts.concat())
}
fn set(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x20, 17, &parts.concat())
}
fn int(n: u32) -> Vec<u8> {
    let bytes = n.to_be_bytes();
    let from = bytes.iter().position(|b| *b != 0).unwrap_or(3);
    let lead: &[u8] = if bytes[from] > 127 { &[0] } else { &[] };
    tlv(0, 2, &[lead, &bytes[from..]].concat())
}
fn enumerated(n: u8) -> Vec<u8> {
    tlv(0, 10, &[n])
}
fn octets(bytes: &[u8]) -> Vec<u8> {
    tlv(0, 4, bytes)
}
/// `[tag] EXPLICIT`.
fn tagged(tag: u32, content: Vec<u8>) -> Vec<u8> {
    tlv(0xa0, tag, &content)
}

/// What Android's hardware says of a key.
#[derive(Clone)]
pub struct Phone {
    pub challenge: Vec<u8>,
    pub levels: [u8; 2],
    pub origin: u32,
    pub purposes: Vec<u32>,
    pub locked: bool,
    pub boot: u8,
    pub patch: u32,
    pub package: String,
    pub signer: Vec<u8>,
    pub root_of_trust: bool,
}

impl Phone {
    pub fn of(wanting: &Wanting) -> Self {
        Self {
            challenge: attestation_challenge(&wanting.request.secret).to_vec(),
            levels: [1, 1],
            origin: 0,
            purposes: vec![2],
            locked: true,
            boot: 0,
            patch: 202_610,
            package: PACKAGE.into(),
            signer: SIGNER.to_vec(),
            root_of_trust: true,
        }
    }

    pub fn description(&self) -> Vec<u8> {
        let package = seq(&[octets(self.package.as_bytes()), int(7)]);
        let application = octets(&seq(&[set(&[package]), set(&[octets(&self.signer)])]));
        let software = seq(&[tagged(701, int(1)), tagged(709, application)]);
        let purposes = set(&self.purposes.iter().map(|p| int(*p)).collect::<Vec<_>>());
        let locked = tlv(0, 1, &[if self.locked { 0xff } else { 0 }]);
        let trust = seq(&[octets(&[1; 32]), locked, enumerated(self.boot), octets(&[2; 32])]);
        let mut hardware = vec![tagged(1, purposes), tagged(2, int(3)), tagged(503, tlv(0, 5, &[]))];
        hardware.push(tagged(702, int(self.origin)));
        if self.root_of_trust {
            hardware.push(tagged(704, trust));
        }
        hardware.push(tagged(706, int(self.patch)));
        let [attested, keymaster] = self.levels.map(enumerated);
        let fields =
            [int(300), attested, int(300), keymaster, octets(&self.challenge), octets(&[]), software, seq(&hardware)];
        seq(&fields)
    }
}

/// A root, and an authority under it.
pub struct Authority {
    pub root_pem: String,
    pub root: Vec<u8>,
    pub middle: Vec<u8>,
    pub middle_pem: String,
    pub issuer: Issuer<'static, KeyPair>,
    pub days: (i64, i64),
}

pub fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

pub fn params(fx: &Fixture, name: &str, days: (i64, i64)) -> CertificateParams {
    let mut p = CertificateParams::default();
    p.distinguished_name.push(DnType::CommonName, name);
    let at = |days: i64| {
        let s = u64::try_from(fx.hub.now().0 / 1000 + days * 86_400).unwrap();
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(s)
    };
    (p.not_before, p.not_after) = (at(days.0), at(days.1));
    p
}

impl Authority {
    pub fn new(fx: &Fixture, middle_is_ca: bool) -> Self {
        let days = (-10, 100);
        let ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let (root_key, middle_key) = (key(), key());
        let mut root = params(fx, "Test root", days);
        root.is_ca = ca;
        let root_certificate = root.self_signed(&root_key).unwrap();
        let root_issuer = Issuer::new(root, root_key);
        let mut middle = params(fx, "Test authority", days);
        middle.is_ca = if middle_is_ca { ca } else { IsCa::ExplicitNoCa };
        let middle_certificate = middle.signed_by(&middle_key, &root_issuer).unwrap();
        Self {
            root_pem: root_certificate.pem(),
            root: root_certificate.der().to_vec(),
            middle: middle_certificate.der().to_vec(),
            middle_pem: middle_certificate.pem(),
            issuer: Issuer::new(middle, middle_key),
            days,
        }
    }

    pub fn leaf(&self, fx: &Fixture, of: &KeyPair, oid: &[u64], content: Vec<u8>) -> Vec<u8> {
        let mut leaf = params(fx, "Android Keystore Key", self.days);
        leaf.custom_extensions = vec![CustomExtension::from_oid_content(oid, content)];
        leaf.signed_by(of, &self.issuer).unwrap().der().to_vec()
    }

    pub fn android(&self, fx: &Fixture, of: &KeyPair, phone: &Phone) -> Vec<Vec<u8>> {
        let leaf = self.leaf(fx, of, &[1, 3, 6, 1, 4, 1, 11129, 2, 1, 17], phone.description());
        vec![leaf, self.middle.clone(), self.root.clone()]
    }
}

pub fn joined(chain: &[Vec<u8>]) -> Vec<u8> {
    chain.iter().flat_map(|c| [&u32::try_from(c.len()).unwrap().to_le_bytes(), c.as_slice()].concat()).collect()
}

/// A certificate's serial number as Google's list writes it.
pub fn serial_of(der: &[u8]) -> String {
    // Certificate, TBSCertificate, version: 4 + 4 + 5 bytes of heads for lengths of two bytes; then the number.
    let at = der.windows(5).position(|w| w == [0xa0, 3, 2, 1, 2]).unwrap() + 5;
    let hex: String = der[at + 2..at + 2 + usize::from(der[at + 1])].iter().map(|b| format!("{b:02x}")).collect();
    hex.trim_start_matches('0').to_owned()
}

/// What App Attest would hand out.
#[derive(Clone)]
pub struct Attested {
    pub app: String,
    pub counter: u32,
    pub environment: [u8; 16],
    pub client: Vec<u8>,
    pub format: &'static str,
    pub other_credential: bool,
}

impl Attested {
    pub fn of(w: &Wanting) -> Self {
        let client = [attestation_challenge(&w.request.secret).as_slice(), w.key.der_bytes()].concat();
        let environment = *b"appattest\0\0\0\0\0\0\0";
        Self { app: APP.into(), counter: 0, environment, client, format: "apple-appattest", other_credential: false }
    }

    pub fn object(&self, fx: &Fixture, authority: &Authority) -> Vec<u8> {
        let hash = |bytes: &[u8]| digest(&SHA256, bytes).as_ref().to_vec();
        let attested = key();
        let id = if self.other_credential { hash(b"other") } else { hash(attested.der_bytes()) };
        let data = [
            hash(self.app.as_bytes()).as_slice(),
            &[0x40],
            &self.counter.to_be_bytes(),
            &self.environment,
            &[0, 32],
            &id,
            &[0xa0],
        ]
        .concat();
        let nonce = hash(&[data.as_slice(), &hash(&self.client)].concat());
        let content = seq(&[tagged(1, octets(&nonce))]);
        let leaf = authority.leaf(fx, &attested, &[1, 2, 840, 113_635, 100, 8, 2], content);
        let text = |t: &str| Cbor::Text(t.into());
        let x5c = Cbor::Array(vec![Cbor::Bytes(leaf), Cbor::Bytes(authority.middle.clone())]);
        let statement = Cbor::Map(vec![(text("x5c"), x5c), (text("receipt"), Cbor::Bytes(vec![1]))]);
        let object = Cbor::Map(vec![
            (text("fmt"), text(self.format)),
            (text("attStmt"), statement),
            (text("authData"), Cbor::Bytes(data)),
        ]);
        let mut out = Vec::new();
        ciborium::into_writer(&object, &mut out).unwrap();
        out
    }
}
