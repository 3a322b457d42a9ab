//! One entry of each kind as JSON, and one sealed, in `golden/`: what an auditor must still be able to read in years.
//!
//! The sealed golden is not made anew and compared: how a library draws randomness is its own affair. That it opens,
//! and to what, is what counts. `BEATCHECK_BLESS=1` writes all files anew.
#![allow(clippy::unwrap_used, missing_docs)]

use beatcheck_audit::{Asked, AuditError, AuditKeyPair, Consulted, Entry, EntryKind, Shown, open, seal};
use beatcheck_model::{Outcome, PersonQuery, Query, Timestamp, VehicleQuery};
use beatcheck_wire::{CompartmentId, DeviceId};
use std::path::PathBuf;

const DEVICE: DeviceId = CompartmentId([0xDE; 16]);
const SEQ: u64 = 3;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn bless() -> bool {
    std::env::var_os("BEATCHECK_BLESS").is_some_and(|v| v == "1")
}

fn check(asked: Asked, error: Option<&str>) -> EntryKind {
    EntryKind::Check {
        reference: "K7-42".into(),
        purpose: "traffic_stop".into(),
        asked,
        outcome: if error.is_some() { Outcome::CannotSay } else { Outcome::Possible },
        error: error.map(str::to_owned),
        reason: error.is_none().then(|| "driver gave no name".into()),
        incident: error.is_none().then(|| "INC-77".into()),
        unusual: if error.is_none() { vec!["same_subject".into()] } else { vec![] },
        break_glass: false,
        shown: vec![shown()],
        consulted: vec![consulted()],
    }
}

fn shown() -> Shown {
    Shown { compartment: "c0".repeat(16), id: "01".repeat(16), version: 100, outcome: Outcome::Hit }
}

fn consulted() -> Consulted {
    Consulted {
        compartment: "c0".repeat(16),
        name: "stolen".into(),
        watermark: 5200,
        manifest_version: 7,
        state: "current".into(),
    }
}

fn entries() -> Vec<(&'static str, Entry)> {
    let person = PersonQuery { surname: Some("Szczęsny".into()), dob: Some("1984".into()), ..PersonQuery::default() };
    let vehicle = VehicleQuery { vrm: Some("AB01CDE".into()), ..VehicleQuery::default() };
    let kinds = [
        ("check_vehicle", check(Asked::Query(Box::new(Query::Vehicle(vehicle))), None)),
        ("check_person", check(Asked::Query(Box::new(Query::Person(person))), None)),
        ("check_refused", check(Asked::Unreadable { text: "{what?".into() }, Some("invalid_query"))),
        ("late_hit", EntryKind::LateHit { reference: "K7-42".into(), change: "appeared".into(), shown: vec![shown()] }),
        ("withdrawn", EntryKind::CompartmentWithdrawn { compartment: "c0".repeat(16), name: "stolen".into() }),
        ("policy_applied", EntryKind::PolicyApplied { version: 2 }),
        ("synced", EntryKind::Synced { consulted: vec![consulted()] }),
        ("diverged", EntryKind::Diverged { compartment: "c0".repeat(16), name: "stolen".into() }),
        (
            "repaired",
            EntryKind::Repaired { compartment: "c0".repeat(16), name: "stolen".into(), rows: 15, rebuilt: false },
        ),
        ("enrolled", EntryKind::Enrolled {}),
        ("wiped", EntryKind::Wiped { by: "order".into(), order: Some("0e".repeat(16)) }),
        ("purged", EntryKind::Purged { compartment: "c0".repeat(16), name: "stolen".into(), order: "0d".repeat(16) }),
        ("unlocked", EntryKind::Unlocked { by: "pin".into(), counter: Some(9) }),
        ("locked", EntryKind::Locked { why: "idle".into() }),
        ("pin_refused", EntryKind::PinRefused { attempts: 2 }),
        ("unlock_changed", EntryKind::UnlockChanged { change: "pin_set".into() }),
        ("shift_started", EntryKind::ShiftStarted { shift: "51".repeat(16), ends: Timestamp(1_704_207_845_000) }),
        ("shift_ended", EntryKind::ShiftEnded { shift: "51".repeat(16), why: "time".into(), erased: true }),
        (
            "break_glass",
            EntryKind::BreakGlass { reason: "no signal, stop in hand".into(), until: Timestamp(1_704_168_245_000) },
        ),
        ("policy_refused", EntryKind::PolicyRefused { code: "replayed".into(), from: "mdm".into() }),
        ("managed", EntryKind::Managed { changed: vec!["lease_ceiling_hours".into()] }),
        ("rolled_back", EntryKind::RolledBack { counter: 9, known: 4 }),
        ("clock_behind", EntryKind::ClockBehind { clock: Timestamp(1_704_000_000_000) }),
        ("root_adopted", EntryKind::RootAdopted { version: 2 }),
        ("succeeds", EntryKind::Succeeds { device: "de".repeat(16), kept_bytes: 4096 }),
    ];
    let entry = |kind| Entry {
        format: 1,
        at: Timestamp(1_704_164_645_000),
        not_before: Some(Timestamp(1_704_160_000_000)),
        officer: "officer-4711".into(),
        role: "patrol".into(),
        policy_version: 1,
        grant_version: 12,
        kind,
    };
    kinds.map(|(name, kind)| (name, entry(kind))).into()
}

#[test]
fn entries_as_an_auditor_reads_them() {
    for (name, entry) in entries() {
        let made = serde_json::to_string_pretty(&entry).unwrap() + "\n";
        let file = path(&format!("{name}.json"));
        if bless() {
            std::fs::create_dir_all(path("")).unwrap();
            std::fs::write(&file, &made).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(kept, made, "{name}");
        assert_eq!(serde_json::from_str::<Entry>(&kept).unwrap(), entry, "{name}");
    }
}

#[test]
fn fields_of_a_newer_writer_are_ignored() {
    let (_, entry) = entries().remove(4);
    let mut json = serde_json::to_value(&entry).unwrap();
    json["weather"] = "rain".into();
    assert_eq!(serde_json::from_value::<Entry>(json).unwrap(), entry);
}

#[test]
fn the_sealed_entry_opens_in_its_place_only() {
    let (_, entry) = entries().remove(0);
    let key = AuditKeyPair::from_seed(&[1; 32]);
    let file = path("sealed_entry.bin");
    if bless() {
        let mut fixed = |bytes: &mut [u8]| bytes.fill(0x42);
        std::fs::create_dir_all(path("")).unwrap();
        std::fs::write(&file, seal(&entry, &key.public(), DEVICE, SEQ, &mut fixed).unwrap()).unwrap();
    }
    let kept = std::fs::read(&file).unwrap();
    assert_eq!(open(&kept, &key, DEVICE, SEQ), Ok(entry));
    assert_eq!(kept[0], 1, "the seal's version");
    assert_eq!(open(&kept, &key, DEVICE, SEQ + 1), Err(AuditError::Open));
    assert_eq!(open(&kept, &key, CompartmentId([0xDF; 16]), SEQ), Err(AuditError::Open));
    for at in 0..kept.len() {
        let mut altered = kept.clone();
        altered[at] ^= 0x80;
        // The top bit of an X25519 point is ignored (RFC 7748), but HPKE hashes the bytes as they came.
        assert_eq!(open(&altered, &key, DEVICE, SEQ), Err(AuditError::Open), "byte {at}");
    }
}
