//! What went wrong inside a file is found by a scrub and mended by its ranges; a repair that is not right changes nothing.

#![allow(clippy::unwrap_used)]

mod common;

use beatcheck_model::{Address, Body, Link, PartialDate, Record, RecordKind};
use beatcheck_search::{
    AskedIdentifier, DobQuery, LookQuery, PersonPlan, VehiclePlan, VrmPattern, fold_vrm, parse_place,
};
use beatcheck_store::{Candidate, Compartment, Scrub, ScrubResult, ScrubStep, Shelf, StoreError};
use beatcheck_wire::batch::Change;
use beatcheck_wire::ranges::{RangeSums, range_of};
use common::*;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use tempfile::tempdir;

const ROWS: u32 = 300;

fn mark(n: u32) -> String {
    format!("AB{:02}C{}", n % 100, n / 100)
}

fn a_vehicle(n: u32) -> Record {
    let mut out = vehicle(n, 1, &mark(n), &format!("WVWZZZ1JZXW{n:06}"));
    if let Body::Vehicle(v) = &mut out.body {
        v.colour = ["Red", "Blue"][n as usize % 2].into();
        v.links = vec![Link { kind: "keeper".into(), target_key: format!("K{}", n % 9), text: String::new() }];
    }
    out
}

fn a_person(n: u32) -> Record {
    let dob = PartialDate::new(1950 + (n % 50) as u16, 1 + (n % 12) as u8, 1 + (n % 28) as u8);
    let mut out = person(n, 1, &word(n % 40, 2), &word(n, 3), dob, &format!("80/{n}A"));
    if let Body::Person(p) = &mut out.body {
        let postcode = format!("B{} 1AA", 1 + n % 9);
        p.addresses = vec![Address { text: format!("{n} Church Road"), postcode, kind: String::new() }];
        p.dobs.push(PartialDate::new(1990, 1, 1 + (n % 28) as u8));
    }
    out
}

/// The file through a connection of one's own, for what this crate never does.
fn raw(path: &Path) -> Connection {
    let raw = Connection::open(path).unwrap();
    let key: String = key(1).iter().map(|b| format!("{b:02x}")).collect();
    raw.execute_batch(&format!("PRAGMA key=\"x'{key}'\"; PRAGMA cipher_hmac_algorithm=HMAC_SHA256;")).unwrap();
    raw
}

struct Bench {
    dir: tempfile::TempDir,
    kind: RecordKind,
    held: Arc<Compartment>,
    hub: Published,
    shelf: Shelf,
}

impl Bench {
    fn of(kind: RecordKind) -> Self {
        let make = if kind == RecordKind::Vehicle { a_vehicle } else { a_person };
        let changes: Vec<Change> = (0..ROWS).map(|n| upsert(1, make(n))).collect();
        let dir = tempdir().unwrap();
        let held = Arc::new(build(&dir.path().join("c"), kind, &changes).unwrap());
        let shelf = Shelf::new();
        shelf.put(compartment(1), held.clone());
        let bench = Self { dir, kind, held, hub: Published::of(&changes), shelf };
        // With everything in RAM that may be there.
        bench.held.warm().unwrap();
        answers(kind, &bench.shelf).unwrap();
        bench
    }

    /// As another process has it open, with what it read in RAM.
    fn elsewhere(&self) -> Shelf {
        let held = Compartment::open(&self.dir.path().join("c"), &key(1), self.kind).unwrap();
        let _ = held.warm();
        let shelf = Shelf::new();
        shelf.put(compartment(1), Arc::new(held));
        let _ = answers(self.kind, &shelf);
        shelf
    }

    fn raw(&self, sql: &str) -> usize {
        raw(&self.dir.path().join("c")).execute(sql, []).unwrap()
    }

    /// The sums of the hub.
    fn sums(&self) -> RangeSums {
        let mut out = RangeSums::default();
        for r in self.hub.rows.values() {
            out.add(&r.id, &beatcheck_wire::digest::canonical(r).unwrap());
        }
        out
    }

    /// The ranges in which the two differ.
    fn differing(&self, own: &RangeSums) -> Vec<u16> {
        let hub = self.sums();
        (0..=255_u8)
            .flat_map(|first| {
                let both = hub.below(first).into_iter().zip(own.below(first));
                let differ = both.enumerate().filter(|(_, (a, b))| a != b);
                differ.map(|(second, _)| u16::from_be_bytes([first, second as u8])).collect::<Vec<_>>()
            })
            .collect()
    }

    fn rows_of(&self, ranges: &[u16]) -> Vec<Record> {
        self.hub.rows.values().filter(|r| ranges.contains(&range_of(&r.id))).cloned().collect()
    }

    fn whole(&self) {
        let found = self.held.scrub().unwrap();
        assert_eq!(found, ScrubResult { whole: true, rows: ROWS.into(), keys_agree: true });
        assert_eq!(self.held.checkpoint().unwrap(), self.hub.checkpoint());
    }
}

/// What is found by every kind of key.
fn answers(kind: RecordKind, shelf: &Shelf) -> Result<Vec<Candidate>, StoreError> {
    let mut out = Vec::new();
    for n in 0..ROWS {
        if kind == RecordKind::Vehicle {
            let look = LookQuery { colour: vec!["red".into()], ..LookQuery::default() };
            let pattern = VrmPattern::read(&format!("*{}*", &mark(n)[2..5]));
            let plans = [
                VehiclePlan { vrm_folded: Some(fold_vrm(&mark(n))), vrm: Some(mark(n)), ..VehiclePlan::default() },
                VehiclePlan { vin: Some(format!("WVWZZZ1JZXW{n:06}")), ..VehiclePlan::default() },
                VehiclePlan { vin_tail: Some(format!("{n:06}")), ..VehiclePlan::default() },
                VehiclePlan { pattern, look, ..VehiclePlan::default() },
            ];
            for plan in &plans {
                out.extend(shelf.vehicles(&permit(1), plan)?.candidates);
            }
            continue;
        }
        let name = beatcheck_search::name_tokens(&word(n, 3));
        let place = parse_place(Some(&format!("{n} Church Road")), None).unwrap();
        let dob = PartialDate::new(1990, 1, 1 + (n % 28) as u8);
        let plans = [
            PersonPlan { surname: name.clone(), dob: Some(DobQuery::Exact(dob)), ..PersonPlan::default() },
            PersonPlan { surname: name, place, ..PersonPlan::default() },
            PersonPlan { identifier: AskedIdentifier::read(&format!("80/{n}A")), ..PersonPlan::default() },
        ];
        for plan in &plans {
            out.extend(shelf.persons(&permit(1), plan)?.candidates);
        }
    }
    for n in 0..9 {
        out.extend(shelf.linking(&permit(1), &format!("K{n}"))?);
    }
    out.sort_by_key(|c| c.record.id);
    Ok(out)
}

/// Damage; whether rows are wrong and whether keys are.
type Damage = (&'static str, bool, bool);

fn found_and_mended(kind: RecordKind, damages: &[Damage]) {
    let whole = Bench::of(kind);
    let before = answers(kind, &whole.shelf).unwrap();
    whole.whole();
    let (checkpoint, sums) = whole.held.range_sums().unwrap();
    assert_eq!((checkpoint, whole.differing(&sums)), (whole.hub.checkpoint(), vec![]));
    for (sql, rows_wrong, keys_wrong) in damages {
        let bench = Bench::of(kind);
        assert!(bench.raw(sql) > 0, "{sql}");
        let elsewhere = bench.elsewhere();
        let _ = answers(kind, &bench.shelf);
        let mut cursor = Scrub::default();
        let found = loop {
            if let ScrubStep::Done(found) = bench.held.scrub_slice(&mut cursor, 17).unwrap() {
                break found;
            }
        };
        assert_eq!((found.whole, found.keys_agree), (!rows_wrong, !keys_wrong), "{sql}");
        let ranges = bench.differing(cursor.sums());
        // Rows that are right beside a digest that is not theirs: no range differs.
        let no_row = sql.contains("meta");
        assert_eq!(ranges.is_empty(), !rows_wrong || no_row, "{sql}");
        assert_eq!(bench.differing(&bench.held.range_sums().unwrap().1), ranges, "{sql}");
        if no_row {
            assert_eq!(bench.held.repair(&[], &[]).unwrap(), 0);
        } else if *rows_wrong {
            // Rows that are not the right ones, or not all, or too many: nothing changes.
            let right = bench.rows_of(&ranges);
            let mut stranger = right.first().cloned().unwrap_or_else(|| a_vehicle(1));
            stranger.id.0 = [0xEE; 16];
            [stranger.id.0[0], stranger.id.0[1]] = ranges[0].to_be_bytes();
            let mut wrong = vec![right.iter().cloned().chain([stranger.clone()]).collect::<Vec<_>>()];
            if !right.is_empty() {
                wrong.push(right[1..].to_vec());
                wrong.push(right.iter().map(|r| Record { version: 7, ..r.clone() }).collect());
            }
            for wrong in wrong {
                let refused = bench.held.repair(&ranges, &wrong);
                assert!(matches!(refused, Err(StoreError::DigestMismatch)), "{refused:?} {sql}");
                assert_eq!(bench.held.scrub().unwrap(), found, "{sql}");
            }
            let elsewhere = Record { id: beatcheck_model::RecordId([0xEE; 16]), ..stranger };
            let twice: Vec<Record> = right.iter().chain(&right).cloned().collect();
            for wrong in [vec![elsewhere], twice].into_iter().filter(|w| !w.is_empty()) {
                let refused = bench.held.repair(&ranges, &wrong);
                assert!(matches!(refused, Err(StoreError::Wire(_))), "{refused:?} {sql}");
            }
            assert_eq!(bench.held.scrub().unwrap(), found, "{sql}");
            assert!(bench.held.repair(&ranges, &right).unwrap() > 0, "{sql}");
        } else {
            // The rows are right: their keys are mended from them, or with the ranges of those concerned.
            if sql.contains("UPDATE vrm") {
                let mut ranges: Vec<u16> = (8..11).map(|n| range_of(&id(n))).collect();
                ranges.sort_unstable();
                assert_eq!(bench.held.repair(&ranges, &bench.rows_of(&ranges)).unwrap(), 0, "{sql}");
            } else {
                assert!(bench.held.mend_keys().unwrap() > 0, "{sql}");
            }
            assert_eq!(bench.held.mend_keys().unwrap(), 0, "{sql}");
        }
        bench.whole();
        // Not compared by `assert_eq`, which would print them all.
        assert!(answers(kind, &bench.shelf).unwrap() == before, "other answers: {sql}");
        assert!(answers(kind, &elsewhere).unwrap() == before, "other answers of another process: {sql}");
        // The kept digest is right too: the next delta fits.
        let mut hub = bench.hub.clone();
        let old = hub.rows.values().next().unwrap().clone();
        let delta = [patch(2, &old, &Record { version: 2, handling: "x".into(), ..old.clone() }, 0)];
        hub.apply(&delta);
        bench.held.apply(1, &mut stream(&delta), &hub.checkpoint()).unwrap();
        let scrubbed = bench.held.scrub().unwrap();
        assert!(scrubbed.whole && scrubbed.keys_agree, "{sql}");
    }
}

#[test]
fn damage_to_vehicles_is_found_and_mended() {
    found_and_mended(
        RecordKind::Vehicle,
        &[
            // A byte of a row: of its end, of its mark, and of the schema.
            ("UPDATE rec SET row=CAST(substr(row,1,length(row)-1)||x'07' AS BLOB) WHERE rid=77", true, true),
            ("UPDATE rec SET row=CAST(replace(row,x'4142','AX') AS BLOB) WHERE rid=77", true, true),
            ("UPDATE rec SET row=CAST(x'09'||substr(row,2) AS BLOB) WHERE rid=77", true, true),
            ("DELETE FROM rec WHERE rid=78", true, true),
            ("DELETE FROM rec WHERE rid=300", true, true),
            ("INSERT INTO rec(id,row) SELECT x'00112233445566778899AABBCCDDEEFF',row FROM rec WHERE rid=5", true, true),
            ("UPDATE rec SET id=x'00112233445566778899AABBCCDDEEFF' WHERE rid=6", true, false),
            ("UPDATE meta SET v=zeroblob(2048) WHERE k='digest'", true, false),
            ("UPDATE vrm SET key='AB99X9' WHERE rid=9", false, true),
            ("UPDATE vrm SET rid=11 WHERE key='AB09C0'", false, true),
            ("UPDATE vrm SET rid=9999 WHERE key='AB09C0'", false, true),
            ("DELETE FROM vin WHERE rid=9", false, true),
            ("INSERT INTO folded VALUES('AB1234',12)", false, true),
            ("DELETE FROM link WHERE key='K3'", false, true),
        ],
    );
}

#[test]
fn damage_to_persons_is_found_and_mended() {
    found_and_mended(
        RecordKind::Person,
        &[
            ("UPDATE rec SET row=CAST(x'01'||substr(row,2,30)||x'05' AS BLOB) WHERE rid=77", true, true),
            ("DELETE FROM rec WHERE rid=78", true, true),
            ("DELETE FROM rec WHERE rid=300", true, true),
            ("DELETE FROM ident WHERE rid=9", false, true),
        ],
    );
}

#[test]
fn a_scrub_in_slices_holds_up_no_writer_and_begins_again_when_the_state_moves() {
    let mut bench = Bench::of(RecordKind::Vehicle);
    let mut cursor = Scrub::default();
    assert_eq!(bench.held.scrub_slice(&mut cursor, 100).unwrap(), ScrubStep::More);
    assert_eq!((cursor.rows(), cursor.restarts()), (100, 0));
    // A writer at every third slice, five times: among rows, and among keys.
    let (mut slices, mut writes) = (0, 0_u64);
    let found = loop {
        slices += 1;
        assert!(slices < 1_000, "it comes to an end");
        if let ScrubStep::Done(found) = bench.held.scrub_slice(&mut cursor, 100).unwrap() {
            break found;
        }
        if slices % 3 == 0 && writes < 5 {
            writes += 1;
            let at = bench.hub.watermark;
            let old = bench.hub.rows.values().nth(writes as usize).unwrap().clone();
            let mut new = Record { version: old.version + 1, ..old.clone() };
            let Body::Vehicle(v) = &mut new.body else { unreachable!() };
            v.vrm = Some(format!("NEW{writes}"));
            let delta = [patch(at + 1, &old, &new, 0), upsert(at + 1, a_vehicle(ROWS + writes as u32))];
            bench.hub.apply(&delta);
            let wal = bench.dir.path().join("c-wal");
            bench.held.apply(at, &mut stream(&delta), &bench.hub.checkpoint()).unwrap();
            // Nobody reads: all of the log goes into the file.
            let (busy, log, done): (i64, i64, i64) = raw(&bench.dir.path().join("c"))
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
                .unwrap();
            assert_eq!((busy, log, done, wal.metadata().unwrap().len()), (0, 0, 0, 0), "a transaction is held");
        }
    };
    let rows = u64::from(ROWS) + writes;
    assert_eq!((cursor.restarts(), writes), (5, 5));
    assert_eq!(found, ScrubResult { whole: true, rows, keys_agree: true });
    assert!(bench.differing(cursor.sums()).is_empty());
    // Once more with the same cursor: from the beginning, to the same end.
    let again = loop {
        if let ScrubStep::Done(found) = bench.held.scrub_slice(&mut cursor, usize::MAX).unwrap() {
            break found;
        }
    };
    assert_eq!(again, found);
}

#[test]
fn damage_between_two_slices_is_found_by_the_next_scrub_at_the_latest() {
    let bench = Bench::of(RecordKind::Person);
    let mut cursor = Scrub::default();
    bench.held.scrub_slice(&mut cursor, 100).unwrap();
    bench.raw("DELETE FROM rec WHERE rid=5");
    bench.raw("DELETE FROM rec WHERE rid=250");
    for whole in [false, false] {
        let found = loop {
            if let ScrubStep::Done(found) = bench.held.scrub_slice(&mut cursor, 100).unwrap() {
                break found;
            }
        };
        assert_eq!(found.whole, whole);
    }
    assert_eq!(cursor.rows(), u64::from(ROWS) - 2);
}

#[test]
fn a_repair_has_its_limit() {
    let bench = Bench::of(RecordKind::Vehicle);
    let ranges: Vec<u16> = (0..=beatcheck_wire::ranges::MAX_REPAIR_RANGES as u16).collect();
    assert!(matches!(bench.held.repair(&ranges, &[]), Err(StoreError::Wire(_))));
    bench.whole();
}
