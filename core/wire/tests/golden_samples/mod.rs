//! What the goldens are made of: fixed values, fixed keys, nobody's data.

use beatcheck_model::*;
use beatcheck_wire::batch::{self, Change, Op};
use beatcheck_wire::digest;
use beatcheck_wire::enrol::{self, EnrolCode, EnrolRequest, EnrolResponse};
use beatcheck_wire::envelope::{DocKind, SigningKey};
use beatcheck_wire::journal::{self, Held, JournalBatch, JournalUpload, SealedEntry};
use beatcheck_wire::policy::{Policy, Role};
use beatcheck_wire::*;

pub(crate) const DEVICE: DeviceId = CompartmentId([0xDE; 16]);
pub(crate) const COMPARTMENT: CompartmentId = CompartmentId([0xC0; 16]);
pub(crate) const COMPARTMENT_KEY: [u8; 32] = [0x22; 32];
/// 2024-01-02T03:04:05Z.
const AT: Timestamp = Timestamp(1_704_164_645_000);

/// The key whose seed is 32 times this byte: 1 root, 2 publish, 3 grant, 4 policy.
pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32]).unwrap()
}

pub(crate) fn root() -> Root {
    Root {
        root_version: 1,
        root_key: key(1).verify_key(),
        publish_key: key(2).verify_key(),
        grant_key: key(3).verify_key(),
        policy_key: key(4).verify_key(),
        audit_key: [0xA0; 32],
        ca_sha256: [0xCA; 32],
    }
}

pub(crate) fn head() -> Head {
    Head {
        head_version: 300,
        issued: AT,
        expires: AT.plus_secs(24 * 3600),
        set_hash: Hash32::of(b"the bytes of a manifest set"),
        ask_again_s: 300,
    }
}

pub(crate) fn manifest_set() -> ManifestSet {
    let second = (CompartmentId([0xC1; 16]), Hash32::of(b"the bytes of another manifest"));
    ManifestSet { manifests: vec![(COMPARTMENT, Hash32::of(b"the bytes of a manifest")), second] }
}

fn segment_ref(name: &str, bytes: u32, frames: u16) -> SegmentRef {
    SegmentRef { hash: Hash32::of(name.as_bytes()), bytes, frames, rows: 1000, key_epoch: 2 }
}

pub(crate) fn manifest() -> Manifest {
    Manifest {
        compartment: COMPARTMENT,
        manifest_version: 7,
        previous: Hash32::of(b"the manifest before"),
        key_epoch: 2,
        schema: RECORD_SCHEMA,
        source: "stolen_vehicles".into(),
        kind: RecordKind::Vehicle,
        as_of: AT,
        due_by: Some(AT.plus_secs(7200)),
        last_refused: false,
        warnings: true,
        watermark: 5200,
        rows: 1990,
        unsearchable: 3,
        digest: Hash32::of(b"the state of the digest"),
        snapshot: Snapshot {
            watermark: 5000,
            segments: vec![segment_ref("part 1", 200_000, 13), segment_ref("part 2", 150_000, 10)],
        },
        deltas: vec![
            Delta { from: 4900, to: 5100, segments: vec![segment_ref("delta 1", 900, 1)] },
            Delta { from: 5100, to: 5200, segments: vec![segment_ref("delta 2", 700, 1)] },
        ],
    }
}

pub(crate) fn grant() -> Grant {
    Grant {
        grant_version: 12,
        device: DEVICE,
        officer: "officer-4711".into(),
        role: "patrol".into(),
        issued: AT,
        policy_version: 1,
        compartments: vec![GrantedCompartment {
            id: COMPARTMENT,
            name: "stolen".into(),
            source: "stolen_vehicles".into(),
            kind: RecordKind::Vehicle,
            warnings: true,
            epochs: vec![(2, Hash32::of(&COMPARTMENT_KEY))],
        }],
        wipe: false,
    }
}

pub(crate) fn policy() -> Policy {
    let mut policy = Policy::initial(AT);
    let desk = Role { compartments: vec!["stolen".into()], purposes: vec!["welfare".into()] };
    policy.roles.insert("desk".into(), desk);
    policy.limits.stale_withhold_hours = Some(48);
    policy
}

pub(crate) fn grant_bundle() -> GrantBundle {
    GrantBundle {
        grant: key(3).sign(DocKind::Grant, &grant()).unwrap(),
        keys: vec![CompartmentKey { compartment: COMPARTMENT, epoch: 2, key: COMPARTMENT_KEY }],
        policy: key(4).sign_bytes(DocKind::Policy, &policy().to_canonical().unwrap()),
    }
}

fn record(n: u8, body: Body) -> Record {
    Record {
        id: RecordId([n; 16]),
        version: u32::from(n) * 100,
        source_key: format!("key-{n}"),
        created: Some(PartialDate::new(2019, 0, 0)),
        updated: Some(PartialDate::new(2023, 12, 31)),
        review: None,
        expires: Some(PartialDate::new(2030, 6, 0)),
        handling: if n == 1 { "H2".into() } else { String::new() },
        flags: vec![FLAG_SYNTHETIC.into()],
        body,
    }
}

fn marker(code: &str, disclosure: Disclosure) -> Marker {
    Marker {
        code: code.into(),
        text: "what it says".into(),
        action: "what to do".into(),
        disclosure,
        since: Some(PartialDate::new(2021, 5, 4)),
        until: None,
    }
}

fn link() -> Link {
    Link { kind: "keeper".into(), target_key: "key-2".into(), text: "registered keeper".into() }
}

fn vehicle(n: u8) -> Record {
    let vehicle = Vehicle {
        vrm: Some(format!("AB{n:02}CDE")),
        vrm_as_written: format!("ab{n:02} cde"),
        vin: "SAMPLEVIN00000001".into(),
        make: "FORD".into(),
        model: "FOCUS".into(),
        colour: "BLUE".into(),
        body_type: "HATCHBACK".into(),
        year: 2018,
        area: "North".into(),
        markers: vec![marker("LOS", Disclosure::Speakable)],
        links: vec![link()],
    };
    record(n, Body::Vehicle(vehicle))
}

fn person(n: u8) -> Record {
    let person = Person {
        names: vec![
            Name { given: "Test Given".into(), surname: "Szczęsny".into(), kind: "primary".into() },
            Name { given: String::new(), surname: "Nobody".into(), kind: "alias".into() },
        ],
        dobs: vec![PartialDate::new(1984, 2, 30), PartialDate::new(1985, 0, 0)],
        sex: Sex::Female,
        ethnic_appearance: "W9".into(),
        ethnicity_self: "NS".into(),
        height_band: "160-169".into(),
        identifiers: vec![Identifier { kind: "custody".into(), value: "00/0000/00/000001X".into() }],
        addresses: vec![Address { text: "1 Example Street".into(), postcode: "ZZ99 9ZZ".into(), kind: "home".into() }],
        markers: vec![marker("VIO", Disclosure::Speakable), marker("MH", Disclosure::Silent)],
        statuses: vec![Status { code: "WANTED".into(), text: "wanted".into(), ..Status::default() }],
        summary: "Nobody at all.".into(),
        events: vec![Event {
            kind: "stop".into(),
            date: Some(PartialDate::new(2022, 1, 1)),
            text: "an event".into(),
            outcome: "none".into(),
        }],
        links: vec![link()],
        photo_ref: "photo-1".into(),
    };
    record(n, Body::Person(person))
}

pub(crate) fn records() -> [(&'static str, Record); 2] {
    [("vehicle", vehicle(1)), ("person", person(2))]
}

/// Name, kind, changes and salt: in each two upserts around a deletion, and no optional value in the second.
pub(crate) fn batches() -> [(&'static str, RecordKind, Vec<Change>, [u8; 16]); 2] {
    let changes = |first: Record, mut third: Record| {
        (third.created, third.updated, third.expires, third.flags) = (None, None, None, Vec::new());
        if let Body::Vehicle(v) = &mut third.body {
            v.vrm = None;
        }
        let gone = Op::Delete { id: RecordId([9; 16]), version: 4, at: AT };
        vec![
            Change { seq: 5101, op: Op::Upsert(Box::new(first)) },
            Change { seq: 5150, op: gone },
            Change { seq: 5200, op: Op::Upsert(Box::new(third)) },
        ]
    };
    [
        ("vehicle", RecordKind::Vehicle, changes(vehicle(1), vehicle(3)), [0x51; 16]),
        ("person", RecordKind::Person, changes(person(2), person(4)), [0x52; 16]),
    ]
}

pub(crate) fn journal_batch() -> JournalBatch {
    let previous = journal::genesis(DEVICE);
    let (mut last, mut entries) = (previous, Vec::new());
    for seq in 1..=2 {
        // Not a real seal: what is in it is `beatcheck-audit`'s golden.
        let sealed = vec![seq as u8; 40];
        last = journal::link(&last, seq, &sealed);
        entries.push(SealedEntry { seq, hash: last, sealed });
    }
    let digest = Hash32::of(b"the state of the digest");
    JournalBatch {
        version: 1,
        device: DEVICE,
        previous,
        entries,
        held: vec![Held { compartment: COMPARTMENT, manifest_version: 7, watermark: 5200, digest }],
        policy_version: 1,
        grant_version: 12,
        at: AT,
        wiped: false,
    }
}

pub(crate) fn journal_upload() -> JournalUpload {
    // ECDSA signatures are random: this one only has the size of one.
    JournalUpload { batch: postcard::to_allocvec(&journal_batch()).unwrap(), signature: vec![0x5A; 70] }
}

pub(crate) fn enrol_code() -> EnrolCode {
    let secret = [0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99];
    EnrolCode { secret, root_fingerprint: enrol::fingerprint(&key(1).verify_key()) }
}

pub(crate) fn enrol_request() -> EnrolRequest {
    let mut receipt_key = vec![0x04];
    receipt_key.extend_from_slice(&[0x77; 64]);
    EnrolRequest {
        version: PROTOCOL_VERSION,
        secret: enrol_code().secret,
        csr: vec![0x30; 8],
        receipt_key,
        vault: "desk".into(),
        attestation: Vec::new(),
        app_version: "0.1.0".into(),
    }
}

pub(crate) fn enrol_response() -> EnrolResponse {
    EnrolResponse {
        device: DEVICE,
        certificates: vec![vec![0x30; 8], vec![0x31; 8]],
        renew_after: AT.plus_secs(20 * 24 * 3600),
        root: key(1).sign(DocKind::Root, &root()).unwrap(),
        officer: "PC-4711".into(),
        role: "patrol".into(),
    }
}

/// Forms that must be refused: the first part of a name says what it claims to be.
pub(crate) fn invalid() -> Vec<(&'static str, Vec<u8>)> {
    let publish = key(2);
    let signed = publish.sign(DocKind::Head, &head()).unwrap();
    let (_, kind, changes, salt) = batches()[0].clone();
    let batch = batch::encode(kind, &changes).unwrap();
    let sealed = segment::seal(kind, &changes, &COMPARTMENT_KEY, &mut || salt).unwrap().remove(0).bytes;
    let record = digest::canonical(&vehicle(1)).unwrap();
    let with = |bytes: &[u8], at: usize, value: u8| {
        let mut b = bytes.to_vec();
        b[at] = value;
        b
    };
    let cut = |bytes: &[u8], n: usize| bytes[..bytes.len() - n].to_vec();
    let gap = {
        let mut m = manifest();
        m.deltas[1].from = 5101;
        publish.sign(DocKind::Manifest, &m).unwrap()
    };
    let text = enrol_code().to_text();
    let policy = policy().to_canonical().unwrap();
    let newer_policy = String::from_utf8(policy.clone()).unwrap().replace("\"format\":1", "\"format\":2");
    vec![
        ("head-empty", Vec::new()),
        ("head-cut_in_signature", signed[..70].to_vec()),
        ("head-is_a_manifest", publish.sign(DocKind::Manifest, &manifest()).unwrap()),
        ("head-newer_version", with(&signed, 3, 2)),
        ("head-unknown_key", key(9).sign(DocKind::Head, &head()).unwrap()),
        ("head-altered", with(&signed, signed.len() - 1, 0)),
        ("head-signed_but_short", publish.sign_bytes(DocKind::Head, &[1, 2])),
        ("manifest-gap_between_deltas", gap),
        ("policy-newer_format", newer_policy.into_bytes()),
        ("policy-cut", cut(&policy, 1)),
        ("segment-empty", Vec::new()),
        ("segment-not_one", with(&sealed, 0, b'X')),
        ("segment-newer_version", with(&sealed, 4, 2)),
        ("segment-another_salt", with(&sealed, 5, 0)),
        ("segment-frame_missing", with(&sealed, 21, 2)),
        ("segment-altered", with(&sealed, 40, sealed[40] ^ 1)),
        ("segment-cut", cut(&sealed, 1)),
        ("batch-empty", Vec::new()),
        ("batch-newer_version", with(&batch, 0, 2)),
        ("batch-newer_schema", with(&batch, 1, 2)),
        ("batch-unknown_kind", with(&batch, 2, 2)),
        ("batch-more_upserts_than_changes", with(&batch, 4, 4)),
        ("batch-unknown_change", with(&batch, 5, 7)),
        ("batch-cut", cut(&batch, 1)),
        ("batch-too_long", [batch.clone(), vec![0]].concat()),
        ("batch-endless_varint", [&batch[..3], &[0xFF; 11]].concat()),
        ("record-empty", Vec::new()),
        ("record-newer_schema", with(&record, 0, 2)),
        ("record-cut", cut(&record, 1)),
        ("code-letter_u", text.replacen(|c: char| c.is_ascii_alphanumeric(), "U", 1).into_bytes()),
        ("code-short", text.as_bytes()[..47].to_vec()),
        ("code-long", format!("{text}0").into_bytes()),
        ("code-nonzero_padding", format!("{}1", &text[..47]).into_bytes()),
    ]
}
