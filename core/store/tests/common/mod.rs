//! Records, changes and permits for the tests of this crate.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

use beatcheck_model::{Body, Identifier, Name, PartialDate, Person, Record, RecordId, RecordKind, Timestamp, Vehicle};
use beatcheck_policy::{Contact, Permit, Request, decide};
use beatcheck_store::{Checkpoint, Compartment, Key, StoreError};
use beatcheck_wire::batch::{Change, Op};
use beatcheck_wire::digest::{RowDigest, canonical};
use beatcheck_wire::patch::{Patch, RowRef};
use beatcheck_wire::policy::Policy;
use beatcheck_wire::{CompartmentId, Grant, GrantedCompartment};
use std::collections::BTreeMap;
use std::path::Path;

pub fn key(n: u8) -> Key {
    Key::new([n; 32])
}

pub fn compartment(n: u8) -> CompartmentId {
    CompartmentId([n; 16])
}

pub fn id(n: u32) -> RecordId {
    let mut out = [7; 16];
    // Ids do not come in the order of numbers.
    out[..4].copy_from_slice(&n.wrapping_mul(0x9E37_79B1).to_be_bytes());
    RecordId(out)
}

pub fn record(n: u32, version: u32, body: Body) -> Record {
    Record {
        id: id(n),
        version,
        source_key: format!("K{n}"),
        created: None,
        updated: None,
        review: None,
        expires: None,
        handling: String::new(),
        flags: vec![],
        body,
    }
}

pub fn vehicle(n: u32, version: u32, vrm: &str, vin: &str) -> Record {
    let vrm = (!vrm.is_empty()).then(|| vrm.to_owned());
    let vehicle = Vehicle { vrm, vin: vin.into(), make: format!("MAKE{version}"), ..Vehicle::default() };
    record(n, version, Body::Vehicle(vehicle))
}

pub fn person(n: u32, version: u32, given: &str, surname: &str, dob: PartialDate, pnc: &str) -> Record {
    let person = Person {
        names: vec![Name { given: given.into(), surname: surname.into(), kind: "primary".into() }],
        dobs: vec![dob],
        identifiers: vec![Identifier { kind: "pnc_id".into(), value: pnc.into() }],
        ..Person::default()
    };
    record(n, version, Body::Person(person))
}

pub fn upsert(seq: u64, record: Record) -> Change {
    Change { seq, op: Op::Upsert(Box::new(record)) }
}

pub fn delete(seq: u64, n: u32) -> Change {
    Change { seq, op: Op::Delete { row: named(id(n)), version: 9, at: Timestamp(0) } }
}

/// A reference to a row of [`id`], of any length: four bytes of these are enough.
pub fn named(id: RecordId) -> RowRef {
    RowRef::new(id, 4 + id.0[0] % 13)
}

/// What turns `old` into `new`, and `also` these fields.
pub fn patch(seq: u64, old: &Record, new: &Record, also: u64) -> Change {
    let fields = Patch::diff(old, new).unwrap() | also;
    Change { seq, op: Op::Patch(Patch { row: named(new.id), ..Patch::of(new, fields) }) }
}

/// The same changes with a patch for two of three upserts of rows that are there.
pub fn with_patches(batches: &[Vec<Change>]) -> Vec<Vec<Change>> {
    let mut hub = Published::default();
    let mut one = |c: &Change| {
        let held = hub.rows.get(&c.op.row().range().0);
        let out = match (&c.op, held) {
            (Op::Upsert(new), Some(old)) if !c.seq.is_multiple_of(3) => patch(c.seq, old, new, c.seq & 0x7F),
            _ => c.clone(),
        };
        hub.apply(std::slice::from_ref(c));
        out
    };
    batches.iter().map(|b| b.iter().map(&mut one).collect()).collect()
}

/// The hub's side: what is published, and what a manifest would say of it.
#[derive(Clone, Default)]
pub struct Published {
    pub rows: BTreeMap<RecordId, Record>,
    pub watermark: u64,
}

impl Published {
    pub fn of(changes: &[Change]) -> Self {
        let mut out = Self::default();
        out.apply(changes);
        out
    }

    pub fn apply(&mut self, changes: &[Change]) {
        for c in changes {
            self.watermark = self.watermark.max(c.seq);
            match &c.op {
                Op::Upsert(r) => drop(self.rows.insert(r.id, (**r).clone())),
                Op::Delete { row, .. } => {
                    let (first, last) = row.range();
                    let found = self.rows.range(first..=last).next().map(|(id, _)| *id);
                    found.map(|id| self.rows.remove(&id));
                }
                Op::Patch(p) => {
                    let (first, last) = p.row.range();
                    let (_, held) = self.rows.range_mut(first..=last).next().expect("patched rows are there");
                    p.apply(held).unwrap();
                }
            }
        }
    }

    pub fn checkpoint(&self) -> Checkpoint {
        let mut digest = RowDigest::default();
        self.rows.values().for_each(|r| digest.add(&canonical(r).unwrap()));
        Checkpoint {
            watermark: self.watermark,
            manifest_version: self.watermark + 1,
            digest: digest.finish(),
            rows: self.rows.len() as u64,
            unsearchable: 0,
        }
    }
}

pub fn stream(changes: &[Change]) -> impl Iterator<Item = Result<Change, StoreError>> + '_ {
    changes.iter().cloned().map(Ok)
}

pub fn build(path: &Path, kind: RecordKind, changes: &[Change]) -> Result<Compartment, StoreError> {
    let expect = Published::of(changes).checkpoint();
    Compartment::build(path, &key(1), kind, &mut stream(changes), &expect, &mut |_| true)
}

/// All of it is what its checkpoint says, and is found by its keys.
pub fn whole(c: &Compartment) {
    let found = c.scrub().unwrap();
    assert!(found.whole && found.keys_agree && found.rows == c.checkpoint().unwrap().rows, "{found:?}");
}

/// Leave to read the compartments numbered 1 to `count`.
pub fn permit(count: u8) -> Permit {
    let granted = |n: u8| GrantedCompartment {
        id: compartment(n),
        name: format!("c{n}"),
        source: format!("c{n}"),
        kind: RecordKind::Vehicle,
        warnings: true,
        epochs: vec![],
    };
    let grant = Grant {
        grant_version: 1,
        device: compartment(99),
        officer: "officer".into(),
        role: "patrol".into(),
        issued: Timestamp(0),
        policy_version: 1,
        compartments: (1..=count).map(granted).collect(),
        wipe: false,
        purges: Vec::new(),
        suspended: false,
    };
    let request = Request::new("traffic_stop", Timestamp(0), Contact { at: Timestamp(0) });
    decide(&Policy::initial(Timestamp(0)), &grant, request).expect("permitted")
}

/// Inputs that once failed stay in the repository (`tests/regressions`).
pub fn regressions() -> Option<Box<dyn proptest::test_runner::FailurePersistence>> {
    Some(Box::new(proptest::test_runner::FileFailurePersistence::WithSource("regressions")))
}

/// A name-like word, by number: consonants and vowels in turn.
pub fn word(mut n: u32, syllables: u32) -> String {
    let mut out = String::new();
    for _ in 0..syllables {
        out.push(b"bcdfghjklmnprstvw"[(n % 17) as usize] as char);
        out.push(b"aeiou"[(n / 17 % 5) as usize] as char);
        n = n / 85 + n.wrapping_mul(7919) % 31;
    }
    out
}
