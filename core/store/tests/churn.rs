//! A hundred thousand random changes, delta by delta, leave the answers of a compartment built afresh from what is left.
//!
//! The goal of the matching design: an index that is kept right without a rebuild. `records.rs` has the small cases, with
//! every kind of key; here it is the number that matters: blocks that fill and empty, words that come and go.

#![allow(clippy::unwrap_used)]

mod common;

use beatcheck_model::{Address, Body, PartialDate, Record, RecordKind, Sex};
use beatcheck_search::{
    AskedIdentifier, DobQuery, LookQuery, PersonPlan, PersonScorer, VehiclePlan, VrmPattern, fold_vrm, near_marks,
    parse_place,
};
use beatcheck_store::{Candidate, Compartment, PersonCandidates, Shelf};
use beatcheck_wire::batch::Change;
use beatcheck_wire::patch::Patch;
use common::*;
use std::sync::Arc;
use tempfile::tempdir;

/// Records that live at some time; ids above are never used.
const IDS: u32 = 8_000;
const CHANGES: u32 = 100_000;
const DELTA: usize = 2_000;
/// Questions of each kind asked of both.
const QUESTIONS: u64 = 150;

/// Candidates in any order, and what else must be the same.
type Found = (Vec<Candidate>, Vec<String>);

/// xorshift64*: the same changes on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n
    }

    fn word(&mut self, kinds: u64) -> String {
        const SYLLABLES: [&str; 12] = ["mar", "el", "son", "ka", "li", "ber", "to", "win", "ash", "ro", "den", "vi"];
        let n = self.below(kinds);
        [n % 12, n / 12 % 12, n / 144 % 12].map(|i| SYLLABLES[i as usize]).concat()
    }

    fn mark(&mut self) -> String {
        let letter = |n: u64| char::from(b'A' + n as u8);
        let (a, b, n, c) = (self.below(4), self.below(6), self.below(70), self.below(24));
        format!("{}{}{n:02}{}KY", letter(a), letter(b), letter(c))
    }
}

fn any_person(r: &mut Random, n: u32, version: u32) -> Record {
    let dob = PartialDate::new(1950 + r.below(50) as u16, r.below(13) as u8, r.below(29) as u8);
    let mut out =
        person(n, version, &r.word(300), &r.word(1_700), dob, &format!("{:02}/{}A", r.below(90), r.below(4_000)));
    if let Body::Person(p) = &mut out.body {
        p.sex = [Sex::Male, Sex::Female, Sex::Unknown][r.below(3) as usize];
        p.height_band = format!("{}", 155 + r.below(40));
        let postcode = format!("B{} {}AA", 1 + r.below(40), r.below(9));
        p.addresses =
            vec![Address { text: format!("{} {} Road", r.below(200), r.word(400)), postcode, kind: String::new() }];
    }
    out
}

fn any_vehicle(r: &mut Random, n: u32, version: u32) -> Record {
    let mut out = vehicle(n, version, &r.mark(), &format!("WVWZZZ1JZXW{:06}", r.below(9_000)));
    if let Body::Vehicle(v) = &mut out.body {
        (v.make, v.colour) = (r.word(60), ["Red", "Blue", "Silver", "Grey", ""][r.below(5) as usize].into());
        v.year = 1990 + r.below(35) as u16;
    }
    out
}

fn answers_are_those_of_a_fresh_build(
    kind: RecordKind,
    make: fn(&mut Random, u32, u32) -> Record,
    ask: fn(&Shelf, &mut Random) -> Found,
) {
    let mut r = Random(0x9E37_79B9_7F4A_7C15);
    // A quarter deletions; of the rest half change some fields of what is there, half all.
    let mut hub = Published::default();
    let mut change = |seq: u32| {
        let n = r.below(IDS.into()) as u32;
        let out = match (r.below(8), hub.rows.get(&id(n))) {
            (0 | 1, _) => delete(seq.into(), n),
            (2..=4, Some(old)) => {
                let mut new = old.clone();
                Patch::of(&make(&mut r, n, seq), r.below(1 << 21)).apply(&mut new).unwrap();
                patch(seq.into(), old, &new, 0)
            }
            _ => upsert(seq.into(), make(&mut r, n, seq)),
        };
        hub.apply(std::slice::from_ref(&out));
        out
    };
    let first: Vec<Change> = (1..=DELTA as u32).map(&mut change).collect();
    let dir = tempdir().unwrap();
    let moved = build(&dir.path().join("moved"), kind, &first).unwrap();
    moved.warm().unwrap();
    let mut published = Published::of(&first);
    let rest: Vec<Change> = (DELTA as u32 + 1..=CHANGES).map(&mut change).collect();
    for delta in rest.chunks(DELTA) {
        let from = published.watermark;
        published.apply(delta);
        moved.apply(from, &mut stream(delta), &published.checkpoint()).unwrap();
    }
    let scrubbed = moved.scrub().unwrap();
    assert!(scrubbed.whole && scrubbed.keys_agree, "{scrubbed:?}");
    let left: Vec<Change> = published.rows.values().map(|r| upsert(published.watermark, r.clone())).collect();
    let expect = published.checkpoint();
    let fresh =
        Compartment::build(&dir.path().join("f"), &key(1), kind, &mut stream(&left), &expect, &mut |_| true).unwrap();
    let shelves = [moved, fresh].map(|c| {
        let shelf = Shelf::new();
        shelf.put(compartment(1), Arc::new(c));
        shelf
    });
    let mut found = 0;
    for seed in 1..=QUESTIONS {
        let [a, b] = shelves.each_ref().map(|s| ask(s, &mut Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))));
        let sorted = |mut c: Vec<Candidate>| {
            c.sort_by_key(|c| c.record.id);
            c
        };
        found += a.0.len();
        assert_eq!(a.1, b.1, "question {seed}");
        assert_eq!(sorted(a.0), sorted(b.0), "question {seed}");
    }
    assert!(found as u64 > QUESTIONS, "{found} found: the questions ask for nobody");
}

#[test]
fn vehicles_after_a_hundred_thousand_changes() {
    answers_are_those_of_a_fresh_build(RecordKind::Vehicle, any_vehicle, |shelf, r| {
        let mark = r.mark();
        let look = LookQuery { make: vec![r.word(60)], colour: vec!["silver".into()], ..LookQuery::default() };
        // Fewer than a list can hold: of more, either may show others.
        let plans = [
            VehiclePlan {
                vrm_folded: Some(fold_vrm(&mark)),
                near: near_marks(&mark),
                vrm: Some(mark.clone()),
                ..VehiclePlan::default()
            },
            VehiclePlan {
                pattern: VrmPattern::read(&format!("{}*{}", &mark[..3], &mark[5..])),
                ..VehiclePlan::default()
            },
            VehiclePlan { pattern: VrmPattern::read(&format!("{}*Y", &mark[..1])), look, ..VehiclePlan::default() },
            VehiclePlan { vin_tail: Some(format!("{:06}", r.below(9_000))), ..VehiclePlan::default() },
        ];
        let found = plans.iter().flat_map(|p| shelf.vehicles(&permit(1), p).unwrap().candidates).collect();
        (found, Vec::new())
    });
}

#[test]
fn persons_after_a_hundred_thousand_changes() {
    answers_are_those_of_a_fresh_build(RecordKind::Person, any_person, |shelf, r| {
        let dob = PartialDate::new(1950 + r.below(50) as u16, 1 + r.below(12) as u8, 1 + r.below(28) as u8);
        let place = parse_place(Some(&format!("{} {} rd", r.below(200), r.word(400))), None).unwrap();
        let code = parse_place(None, Some(&format!("B{} {}", 1 + r.below(40), r.below(9)))).unwrap();
        let plans = [
            PersonPlan {
                surname: vec![r.word(1_700)],
                given: vec![r.word(300)],
                dob: Some(DobQuery::Exact(dob)),
                ..PersonPlan::default()
            },
            PersonPlan { any: vec![r.word(1_700)], place, ..PersonPlan::default() },
            PersonPlan { place: code, sex: Some(Sex::Female), height: Some((180, 185)), ..PersonPlan::default() },
            PersonPlan {
                identifier: AskedIdentifier::read(&format!("{:02}/{}A", r.below(90), r.below(4_000))),
                ..PersonPlan::default()
            },
        ];
        let (mut out, mut said) = (Vec::new(), Vec::new());
        for plan in plans {
            let found = shelf.persons(&permit(1), &plan).unwrap();
            // Of a list that is cut, ties at its end fall as the rows lie; how well the best agrees does not.
            let best = best(&plan, &found);
            if found.more {
                said.push(format!("{best:?}"));
            } else {
                said.push(format!("{best:?} {:?}", found.weights));
                out.extend(found.candidates);
            }
        }
        (out, said)
    });
}

/// The best score among the candidates.
fn best(plan: &PersonPlan, found: &PersonCandidates) -> Option<f64> {
    let scorer = PersonScorer::new(plan);
    let scores = found.candidates.iter().filter_map(|c| match &c.record.body {
        Body::Person(p) => scorer.score(p, &found.weights).map(|m| m.score),
        _ => None,
    });
    scores.max_by(f64::total_cmp)
}
