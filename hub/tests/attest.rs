//! Attestations of the test's own making: one that is right for each kind of phone, and every way of failing.
#![allow(clippy::unwrap_used)]

mod serve_common;

use beatcheck_hub::AttestationSetting;
use beatcheck_wire::enrol::attestation_challenge;
use ciborium::Value as Cbor;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    PublicKeyData as _,
};
use ring::digest::{SHA256, digest};
use serve_common::{Answer, Fixture, Wanting};
use std::time::Duration;

const PACKAGE: &str = "uk.police.force.beatcheck";
const SIGNER: [u8; 32] = [0xab; 32];
const APP: &str = "TEAMID.uk.police.force.beatcheck";

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
struct Phone {
    challenge: Vec<u8>,
    levels: [u8; 2],
    origin: u32,
    purposes: Vec<u32>,
    locked: bool,
    boot: u8,
    patch: u32,
    package: String,
    signer: Vec<u8>,
    root_of_trust: bool,
}

impl Phone {
    fn of(wanting: &Wanting) -> Self {
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

    fn description(&self) -> Vec<u8> {
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
struct Authority {
    root_pem: String,
    root: Vec<u8>,
    middle: Vec<u8>,
    middle_pem: String,
    issuer: Issuer<'static, KeyPair>,
    days: (i64, i64),
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

fn params(fx: &Fixture, name: &str, days: (i64, i64)) -> CertificateParams {
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
    fn new(fx: &Fixture, middle_is_ca: bool) -> Self {
        let days = (-10, 100);
        let ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let (root_key, middle_key) = (key(), key());
        let mut root = params(fx, "Test root", days);
        root.is_ca = ca.clone();
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

    fn leaf(&self, fx: &Fixture, of: &KeyPair, oid: &[u64], content: Vec<u8>) -> Vec<u8> {
        let mut leaf = params(fx, "Android Keystore Key", self.days);
        leaf.custom_extensions = vec![CustomExtension::from_oid_content(oid, content)];
        leaf.signed_by(of, &self.issuer).unwrap().der().to_vec()
    }

    fn android(&self, fx: &Fixture, of: &KeyPair, phone: &Phone) -> Vec<Vec<u8>> {
        let leaf = self.leaf(fx, of, &[1, 3, 6, 1, 4, 1, 11129, 2, 1, 17], phone.description());
        vec![leaf, self.middle.clone(), self.root.clone()]
    }
}

fn joined(chain: &[Vec<u8>]) -> Vec<u8> {
    chain.iter().flat_map(|c| [&u32::try_from(c.len()).unwrap().to_le_bytes(), c.as_slice()].concat()).collect()
}

fn setting(authority: &Authority) -> AttestationSetting {
    AttestationSetting {
        android_roots_pem: Some(authority.root_pem.clone()),
        android_package: Some(PACKAGE.into()),
        android_signer: Some(SIGNER.iter().map(|b| format!("{b:02X}")).collect()),
        apple_roots_pem: Some(authority.root_pem.clone()),
        apple_app: Some(APP.into()),
        ..AttestationSetting::default()
    }
}

fn wanting(fx: &Fixture, vault: &str) -> Wanting {
    let mut wanting = Wanting::new(&fx.hub.enrol_code("1234", "patrol").unwrap().code);
    wanting.request.vault = vault.into();
    wanting
}

async fn enrol(fx: &Fixture, wanting: &mut Wanting, attestation: Vec<u8>) -> Answer {
    wanting.request.attestation = attestation;
    fx.stranger().post("/v1/enrol", wanting.bytes()).await
}

fn why(answer: &Answer, what: &str) -> String {
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "bad_attestation"), "{what}");
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    json["text"].as_str().unwrap().replace("the phone's attestation is refused: ", "")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_vault_shows_that_it_has_the_key_and_only_where_policy_lets_it_in() {
    let fx = Fixture::start().await;
    let mut desk = wanting(&fx, "desk");
    let good = desk.request.attestation.clone();
    let of_another = serve_common::desk_attestation(&key(), &desk.request.secret);
    for bad in [vec![], of_another, serve_common::desk_attestation(&desk.key, &[1; 16])] {
        let said = why(&enrol(&fx, &mut desk, bad).await, "desk");
        assert_eq!(said, "the desk vault's signature does not verify");
    }
    let policy = |allow: bool| {
        format!("[roles.patrol]\ncompartments=['*']\npurposes=['warrant']\n[limits]\nallow_desk_vault={allow}\n")
    };
    fx.hub.policy_set(&policy(false)).unwrap();
    enrol(&fx, &mut desk, good.clone()).await.refused(403, "vault_not_allowed");
    fx.hub.policy_set(&policy(true)).unwrap();
    assert_eq!(enrol(&fx, &mut desk, good).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn phones_are_refused_until_their_roots_are_set_or_the_operator_lets_them_in_on_their_word() {
    let fx = Fixture::start().await;
    for vault in ["android-keystore", "secure-enclave", "other"] {
        enrol(&fx, &mut wanting(&fx, vault), vec![]).await.refused(403, "vault_not_allowed");
    }
    let unverified = AttestationSetting { unverified: true, ..AttestationSetting::default() };
    assert!(unverified.android_word().contains("UNVERIFIED") && unverified.apple_word().contains("UNVERIFIED"));
    fx.hub.attestation_set(&unverified).unwrap();
    assert_eq!(enrol(&fx, &mut wanting(&fx, "android-keystore"), vec![]).await.status, 200);
    enrol(&fx, &mut wanting(&fx, "other"), vec![]).await.refused(403, "vault_not_allowed");

    let authority = Authority::new(&fx, true);
    fx.hub.attestation_set(&AttestationSetting { unverified: true, ..setting(&authority) }).unwrap();
    why(&enrol(&fx, &mut wanting(&fx, "android-keystore"), vec![]).await, "with roots, a word is not enough");
    assert_eq!(fx.hub.attestation().unwrap().android_package.as_deref(), Some(PACKAGE));

    let refused = |s: AttestationSetting| fx.hub.attestation_set(&s).unwrap_err().to_string();
    assert!(refused(AttestationSetting { android_signer: None, ..setting(&authority) }).contains("any app"));
    assert!(refused(AttestationSetting { apple_app: None, ..setting(&authority) }).contains("any app"));
    assert!(refused(AttestationSetting { android_level: "software".into(), ..setting(&authority) }).contains("tee"));
    assert!(refused(AttestationSetting { android_patch: Some(202_613), ..setting(&authority) }).contains("YYYYMM"));
    assert!(
        refused(AttestationSetting { android_roots_pem: Some("x".into()), ..setting(&authority) }).contains("root")
    );
    let pem = Authority::new(&fx, true).middle_pem;
    assert!(refused(AttestationSetting { apple_roots_pem: Some(pem), ..setting(&authority) }).contains("itself"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_android_phone_shows_where_its_key_lives() {
    let fx = Fixture::start().await;
    let authority = Authority::new(&fx, true);
    fx.hub.attestation_set(&setting(&authority)).unwrap();
    let mut w = wanting(&fx, "android-keystore");
    let phone = Phone::of(&w);
    let chain = authority.android(&fx, &w.key, &phone);

    type Change = fn(&mut Phone);
    let bad: [(&str, Change, &str); 14] = [
        ("challenge", |p| p.challenge[0] ^= 1, "enrolment code"),
        ("software", |p| p.levels = [0, 0], "as secure"),
        ("hardware attests to a software key", |p| p.levels = [1, 0], "as secure"),
        ("no such level", |p| p.levels = [3, 3], "as secure"),
        ("imported", |p| p.origin = 2, "not made in"),
        ("attests others", |p| p.purposes = vec![7], "something else"),
        ("signs and decrypts", |p| p.purposes = vec![2, 1], "something else"),
        ("unlocked", |p| p.locked = false, "unlocked"),
        ("another system", |p| p.boot = 1, "maker's"),
        ("unverified boot", |p| p.boot = 2, "maker's"),
        ("no word of the boot", |p| p.root_of_trust = false, "vouch"),
        ("another app", |p| p.package.push('x'), "another app"),
        ("another signer", |p| p.signer[0] ^= 1, "another app"),
        ("no challenge", |p| p.challenge.clear(), "enrolment code"),
    ];
    for (what, change, says) in bad {
        let mut changed = phone.clone();
        change(&mut changed);
        let changed = joined(&authority.android(&fx, &w.key, &changed));
        let said = why(&enrol(&fx, &mut w, changed).await, what);
        assert!(said.contains(says), "{what}: {said}");
    }

    let other = Authority::new(&fx, true);
    let no_authority = Authority::new(&fx, false);
    let ended = Authority { days: (-5, -1), ..Authority::new(&fx, true) };
    let to_come = Authority { days: (1, 9), ..Authority::new(&fx, true) };
    let mut cut = joined(&chain);
    cut.pop();
    let mut damaged = chain.clone();
    let at = damaged[0].len() - 20;
    damaged[0][at] ^= 1;
    // A key that the hardware attests to signs a description of another that lives nowhere.
    let honest = key();
    let honest_leaf = authority.android(&fx, &honest, &phone).remove(0);
    let forger = Authority {
        issuer: Issuer::new(params(&fx, "Android Keystore Key", (-1, 1)), honest),
        ..Authority::new(&fx, true)
    };
    let forged = vec![forger.android(&fx, &w.key, &phone).remove(0), honest_leaf, chain[1].clone(), chain[2].clone()];
    let chains = [
        ("nothing", vec![], "none"),
        ("cut off", cut, "cut off"),
        ("no certificate", joined(&[b"certificate".to_vec()]), "does not read"),
        ("too many", joined(&vec![chain[1].clone(); 9]), "too many"),
        ("another root", joined(&other.android(&fx, &w.key, &phone)), "root"),
        ("another root, not shown", joined(&other.android(&fx, &w.key, &phone)[..2]), "root"),
        ("swapped", joined(&[chain[0].clone(), other.middle.clone(), other.root.clone()]), "by the next"),
        ("altered", joined(&damaged), "by the next"),
        ("another key", joined(&authority.android(&fx, &key(), &phone)), "another key"),
        (
            "no description",
            joined(&[authority.leaf(&fx, &w.key, &[1, 2, 3, 4], vec![5, 0]), chain[1].clone()]),
            "describe",
        ),
        ("signed by what it attests to", joined(&forged), "no authority"),
    ];
    for (what, attestation, says) in chains {
        let said = why(&enrol(&fx, &mut w, attestation).await, what);
        assert!(said.contains(says), "{what}: {said}");
    }
    for (what, authority, says) in
        [("no authority", no_authority, "no authority"), ("ended", ended, "ended"), ("to come", to_come, "to come")]
    {
        fx.hub.attestation_set(&setting(&authority)).unwrap();
        let attestation = joined(&authority.android(&fx, &w.key, &phone));
        let said = why(&enrol(&fx, &mut w, attestation).await, what);
        assert!(said.contains(says), "{what}: {said}");
    }

    // What the operator asks for beyond that.
    let good = joined(&chain);
    let strongbox = AttestationSetting { android_level: "strongbox".into(), ..setting(&authority) };
    let patched = AttestationSetting { android_patch: Some(202_611), ..setting(&authority) };
    let serial = serial_of(&chain[1]);
    let list = format!(r#"{{"entries": {{"{serial}": {{"status": "REVOKED"}}}}}}"#);
    let revoked = AttestationSetting { android_revoked_json: Some(list), ..setting(&authority) };
    for (what, asked, says) in
        [("strongbox", strongbox, "as secure"), ("patched", patched, "updates"), ("revoked", revoked, "revoked")]
    {
        fx.hub.attestation_set(&asked).unwrap();
        let said = why(&enrol(&fx, &mut w, good.clone()).await, what);
        assert!(said.contains(says), "{what}: {said}");
    }
    fx.hub.attestation_set(&setting(&authority)).unwrap();
    assert_eq!(enrol(&fx, &mut w, good).await.status, 200);

    let mut strong = wanting(&fx, "android-keystore");
    let phone = Phone { levels: [2, 2], patch: 20_261_105, purposes: vec![2, 3], ..Phone::of(&strong) };
    fx.hub
        .attestation_set(&AttestationSetting {
            android_level: "strongbox".into(),
            android_patch: Some(202_611),
            ..setting(&authority)
        })
        .unwrap();
    // Without the root, which the hub has.
    let chain = joined(&authority.android(&fx, &strong.key, &phone)[..2]);
    assert_eq!(enrol(&fx, &mut strong, chain).await.status, 200);
}

/// A certificate's serial number as Google's list writes it.
fn serial_of(der: &[u8]) -> String {
    // Certificate, TBSCertificate, version: 4 + 4 + 5 bytes of heads for lengths of two bytes; then the number.
    let at = der.windows(5).position(|w| w == [0xa0, 3, 2, 1, 2]).unwrap() + 5;
    let hex: String = der[at + 2..at + 2 + usize::from(der[at + 1])].iter().map(|b| format!("{b:02x}")).collect();
    hex.trim_start_matches('0').to_owned()
}

/// What App Attest would hand out.
#[derive(Clone)]
struct Attested {
    app: String,
    counter: u32,
    environment: [u8; 16],
    client: Vec<u8>,
    format: &'static str,
    other_credential: bool,
}

impl Attested {
    fn of(w: &Wanting) -> Self {
        let client = [attestation_challenge(&w.request.secret).as_slice(), w.key.der_bytes()].concat();
        let environment = *b"appattest\0\0\0\0\0\0\0";
        Self { app: APP.into(), counter: 0, environment, client, format: "apple-appattest", other_credential: false }
    }

    fn object(&self, fx: &Fixture, authority: &Authority) -> Vec<u8> {
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

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_apple_vouches_for_says_that_the_key_is_its() {
    let fx = Fixture::start().await;
    let authority = Authority::new(&fx, true);
    fx.hub.attestation_set(&setting(&authority)).unwrap();
    let mut w = wanting(&fx, "secure-enclave");
    let good = Attested::of(&w);
    type Change = fn(&mut Attested);
    let bad: [(&str, Change, &str); 7] = [
        ("another app", |a| a.app.push('x'), "another app"),
        ("used before", |a| a.counter = 1, "used before"),
        ("development", |a| a.environment = *b"appattestdevelop", "environment"),
        ("another code", |a| a.client[0] ^= 1, "code and key"),
        ("another key", |a| a.client[40] ^= 1, "code and key"),
        ("another format", |a| a.format = "packed", "App Attest"),
        ("another credential", |a| a.other_credential = true, "differ"),
    ];
    for (what, change, says) in bad {
        let mut changed = good.clone();
        change(&mut changed);
        let said = why(&enrol(&fx, &mut w, changed.object(&fx, &authority)).await, what);
        assert!(said.contains(says), "{what}: {said}");
    }
    let other = Authority::new(&fx, true);
    let said = why(&enrol(&fx, &mut w, good.object(&fx, &other)).await, "another root");
    assert!(said.contains("root"), "{said}");
    for (what, bytes) in [("nothing", vec![]), ("no CBOR", vec![0xff; 40]), ("deep", vec![0x81; 60_000])] {
        let said = why(&enrol(&fx, &mut w, bytes).await, what);
        assert!(said.contains("does not read"), "{what}: {said}");
    }
    let object = good.object(&fx, &authority);
    for cut in (0..object.len()).step_by(37) {
        why(&enrol(&fx, &mut w, object[..cut].to_vec()).await, "cut off");
    }
    assert_eq!(enrol(&fx, &mut w, object).await.status, 200);

    let mut w = wanting(&fx, "secure-enclave");
    fx.hub.attestation_set(&AttestationSetting { apple_development: true, ..setting(&authority) }).unwrap();
    let in_development = Attested { environment: *b"appattestdevelop", ..Attested::of(&w) };
    let object = in_development.object(&fx, &authority);
    assert_eq!(enrol(&fx, &mut w, object).await.status, 200);
}
