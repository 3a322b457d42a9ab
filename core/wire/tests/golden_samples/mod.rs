//! What the goldens are made of: fixed values, fixed keys, nobody's data.

use beatcheck_model::*;
use beatcheck_wire::batch::{Change, Context, Op};
use beatcheck_wire::enrol::{self, EnrolCode, EnrolRequest, EnrolResponse, ShiftStarted};
use beatcheck_wire::envelope::{DocKind, SigningKey};
use beatcheck_wire::journal::{self, DeviceReport, Held, JournalBatch, JournalUpload, Receipt, SealedEntry};
use beatcheck_wire::patch::{Patch, RowRef};
use beatcheck_wire::policy::{BreakGlass, CompartmentRule, Hidden, Owes, Policy, PurposeRule, Role};
use beatcheck_wire::*;

mod invalid;
mod sync;

pub(crate) use invalid::invalid;
pub(crate) use sync::*;

pub(crate) const DEVICE: DeviceId = CompartmentId([0xDE; 16]);
pub(crate) const COMPARTMENT: CompartmentId = CompartmentId([0xC0; 16]);
pub(crate) const COMPARTMENT_KEY: [u8; 32] = [0x22; 32];
/// The source of the golden batches.
pub(crate) const SOURCE: &str = "stolen_vehicles";
/// Bytes of an id that name a row in the golden batches.
pub(crate) const PREFIX: u8 = 5;
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
        issued: AT,
        wipe_keys: vec![key(5).verify_key(), key(6).verify_key()],
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
            source: SOURCE.into(),
            kind: RecordKind::Vehicle,
            warnings: true,
            epochs: vec![(2, Hash32::of(&COMPARTMENT_KEY))],
        }],
        wipe: false,
        purges: vec![PurgeOrder { order: CompartmentId([0x0D; 16]), compartment: COMPARTMENT }],
        suspended: false,
    }
}

pub(crate) fn wipe_order() -> WipeOrder {
    WipeOrder {
        order: CompartmentId([0x0E; 16]),
        device: Some(DEVICE),
        issued: AT,
        expires: AT.plus_secs(30 * 24 * 3600),
    }
}

pub(crate) fn root_step() -> RootStep {
    let next = Root { root_version: 2, root_key: key(7).verify_key(), ..root() };
    RootStep { by_old: key(1).sign(DocKind::Root, &next).unwrap(), by_new: key(7).sign(DocKind::Root, &next).unwrap() }
}

pub(crate) fn policy() -> Policy {
    let mut policy = Policy::initial(AT);
    let desk = Role {
        compartments: vec!["stolen".into()],
        purposes: vec!["welfare".into()],
        hide: vec![Hidden::Address, Hidden::Intelligence],
    };
    policy.roles.insert("desk".into(), desk);
    policy.purposes.insert("welfare".into(), PurposeRule { owes: Owes::Either });
    policy.compartments.insert("stolen".into(), CompartmentRule { lease_hours: Some(8), ..CompartmentRule::default() });
    policy.min_app_version = Some("0.1".into());
    policy.break_glass = Some(BreakGlass { compartments: vec!["stolen".into()], minutes: 60, times: 1 });
    policy.limits.stale_withhold_hours = Some(48);
    policy
}

pub(crate) fn grant_bundle() -> GrantBundle {
    GrantBundle {
        grant: key(3).sign(DocKind::Grant, &grant()).unwrap(),
        keys: vec![CompartmentKey { compartment: COMPARTMENT, epoch: 2, key: COMPARTMENT_KEY }],
        policy: key(4).sign_bytes(DocKind::Policy, &policy().to_canonical().unwrap()),
        wipe_orders: vec![key(5).sign(DocKind::WipeOrder, &wipe_order()).unwrap()],
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

/// The context of a golden batch.
pub(crate) const fn context(kind: RecordKind) -> Context<'static> {
    Context { kind, source: SOURCE }
}

/// Name, kind, changes and salt. In each: an upsert whose id is written out, a deletion, an upsert whose id follows from
/// its key and that has no optional value, a patch of some fields, a patch of none.
pub(crate) fn batches() -> [(&'static str, RecordKind, Vec<Change>, [u8; 16]); 3] {
    let changes = |first: Record, mut third: Record, patched: u64| {
        let kind = third.body.kind();
        (third.created, third.updated, third.expires, third.flags) = (None, None, None, Vec::new());
        if let Body::Vehicle(v) = &mut third.body {
            v.vrm = None;
        }
        third.source_key = "key|3".into();
        third.id = record_id(SOURCE, kind, &["key", "3"], 1);
        let row = |n: u8| RowRef::new(RecordId([n; 16]), PREFIX);
        let patch = |n: u8, fields: u64| {
            let mut new = first.clone();
            (new.id, new.version) = (RecordId([n; 16]), 17);
            Op::Patch(Patch { row: row(n), ..Patch::of(&new, fields) })
        };
        let ops = [
            Op::Upsert(Box::new(first.clone())),
            Op::Delete { row: row(9), version: 4, at: AT },
            Op::Upsert(Box::new(third)),
            patch(7, patched),
            patch(8, 0),
        ];
        let seqs = [5101, 5150, 5160, 5160, 5200];
        seqs.into_iter().zip(ops).map(|(seq, op)| Change { seq, op }).collect()
    };
    let variant = |n: u8| record(n, Body::Variant(Variant { forms: vec!["Bob".into(), "Robert".into()] }));
    // Of the common fields updated and flags; colour and markers of a vehicle, statuses of a person, forms.
    let fields = |body: u64| 1 << 2 | 1 << 6 | body << 7;
    [
        ("vehicle", RecordKind::Vehicle, changes(vehicle(1), vehicle(3), fields(1 << 5 | 1 << 9)), [0x51; 16]),
        ("person", RecordKind::Person, changes(person(2), person(4), fields(1 << 9)), [0x52; 16]),
        ("variant", RecordKind::Variant, changes(variant(5), variant(6), fields(1)), [0x53; 16]),
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
        version: journal::BATCH_VERSION,
        device: DEVICE,
        previous,
        entries,
        held: vec![Held { compartment: COMPARTMENT, manifest_version: 7, watermark: 5200, digest }],
        policy_version: 1,
        grant_version: 12,
        at: AT,
        wiped: false,
        receipts: vec![Receipt { order: CompartmentId([0x0D; 16]), at: AT }],
        report: DeviceReport {
            app_version: "0.1.0".into(),
            pending: 3,
            root_version: 1,
            counter: Some(9),
            unlocked: true,
            problems: vec!["clock_behind".into()],
        },
    }
}

pub(crate) fn journal_upload() -> JournalUpload {
    // ECDSA signatures are random: this one only has the size of one.
    JournalUpload { batch: postcard::to_allocvec(&journal_batch()).unwrap(), signature: vec![0x5A; 70] }
}

pub(crate) fn enrol_code() -> EnrolCode {
    let secret = [0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF];
    EnrolCode { secret, root_fingerprint: enrol::fingerprint(&key(1).verify_key()) }
}

pub(crate) fn enrol_request() -> EnrolRequest {
    let mut receipt_key = vec![0x04];
    receipt_key.extend_from_slice(&[0x77; 64]);
    EnrolRequest {
        version: enrol::VERSION,
        secret: enrol_code().secret,
        csr: vec![0x30; 8],
        receipt_key,
        vault: "desk".into(),
        attestation: Vec::new(),
        app_version: "0.1.0".into(),
        asset: "ASSET-1".into(),
        id_token: String::new(),
    }
}

pub(crate) fn shift_started() -> ShiftStarted {
    ShiftStarted { shift: CompartmentId([0x51; 16]), key: [0x52; 32], started: AT, ends: AT.plus_secs(12 * 3600) }
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
