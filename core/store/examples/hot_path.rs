//! The questions that `script/hot-path` counts instructions of, over a store that is the same on every machine.
//!
//! `hot_path make DIR` builds it; `hot_path ask DIR KIND` asks the questions of one kind in a function of its own, which is
//! all that is counted.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/common/mod.rs"]
mod common;

use beatcheck_model::{Body, PartialDate, RecordKind};
use beatcheck_search::{DobQuery, PersonPlan, VehiclePlan, VrmPattern, fold_vrm, near_marks};
use beatcheck_store::{Compartment, Shelf};
use beatcheck_wire::batch::Change;
use common::*;
use std::path::Path;
use std::sync::Arc;

const ROWS: u32 = 20_000;
const QUESTIONS: u32 = 50;

fn dob(n: u32) -> PartialDate {
    PartialDate::new(1940 + (n % 65) as u16, 1 + (n / 65 % 12) as u8, 1 + (n / 780 % 28) as u8)
}

/// Few names are common and many rare.
fn names(n: u32) -> (String, String) {
    let skewed = |n: u32, of: f64| ((f64::from(n.wrapping_mul(0x9E37_79B1)) / f64::from(u32::MAX)).powi(4) * of) as u32;
    (word(skewed(n.wrapping_mul(31), 2_000.0), 2), word(skewed(n, 9_000.0), 3))
}

fn mark(n: u32) -> String {
    let letter = |n: u32| char::from(b"ABCDEFGHJKLMNOPRSTUVWXY"[(n % 23) as usize]);
    let n = n.wrapping_mul(0x9E37_79B1) >> 4;
    format!(
        "{}{}{:02}{}{}{}",
        letter(n),
        letter(n / 23),
        n / 529 % 90,
        letter(n / 7),
        letter(n / 161),
        letter(n / 3703)
    )
}

fn make(dir: &Path) {
    let persons: Vec<Change> = (0..ROWS)
        .map(|n| {
            let (given, surname) = names(n);
            upsert(1, person(n, 1, &given, &surname, dob(n), &format!("{:02}/{n}A", n % 90)))
        })
        .collect();
    let vehicles: Vec<Change> =
        (0..ROWS).map(|n| upsert(1, vehicle(n, 1, &mark(n), &format!("WVWZZZ1JZ{n:08}")))).collect();
    build(&dir.join("persons"), RecordKind::Person, &persons).unwrap();
    build(&dir.join("vehicles"), RecordKind::Vehicle, &vehicles).unwrap();
}

#[inline(never)]
fn questions(shelf: &Shelf, kind: &str) -> usize {
    let permit = permit(2);
    let mut found = 0;
    for i in 0..QUESTIONS {
        let n = i.wrapping_mul(7919) % ROWS;
        let asked = mark(n);
        let folded = Some(fold_vrm(&asked));
        let vehicles = |plan: VehiclePlan| shelf.vehicles(&permit, &plan).unwrap().candidates.len();
        found += match kind {
            "person" => {
                let (given, mut surname) = names(n);
                surname.pop();
                let plan = PersonPlan {
                    surname: vec![surname],
                    given: vec![given],
                    dob: Some(DobQuery::Exact(dob(n))),
                    ..PersonPlan::default()
                };
                let found = shelf.persons(&permit, &plan).unwrap();
                let scorer = beatcheck_search::PersonScorer::new(&plan);
                let score = |b: &Body| match b {
                    Body::Person(p) => scorer.score(p, &found.weights).is_some(),
                    _ => false,
                };
                found.candidates.iter().filter(|c| score(&c.record.body)).count()
            }
            "mark" => vehicles(VehiclePlan { vrm: Some(asked), vrm_folded: folded, ..VehiclePlan::default() }),
            "slip" => {
                let asked = near_marks(&asked).swap_remove(0).mark;
                let near = near_marks(&asked);
                vehicles(VehiclePlan {
                    vrm_folded: Some(fold_vrm(&asked)),
                    vrm: Some(asked),
                    near,
                    ..VehiclePlan::default()
                })
            }
            _ => {
                let pattern = VrmPattern::read(&format!("*{}*", &asked[2..5]));
                vehicles(VehiclePlan { pattern, ..VehiclePlan::default() })
            }
        };
    }
    found
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["make", dir] => make(Path::new(dir)),
        ["ask", dir, kind] => {
            let shelf = Shelf::new();
            for (n, of) in [(1, RecordKind::Person), (2, RecordKind::Vehicle)] {
                let path = Path::new(dir).join(format!("{}s", of.as_str()));
                shelf.put(compartment(n), Arc::new(Compartment::open(&path, &key(1), of).unwrap()));
            }
            shelf.warm().unwrap();
            // What the first question of a process loads is not counted.
            std::hint::black_box(questions(&shelf, kind));
            println!("{}", the_counted_run(&shelf, kind));
        }
        _ => println!("hot_path make DIR | hot_path ask DIR person|mark|slip|part"),
    }
}

/// What is counted; not a tail call, which the counting would not see return.
#[inline(never)]
fn the_counted_run(shelf: &Shelf, kind: &str) -> usize {
    std::hint::black_box(questions(shelf, kind))
}
