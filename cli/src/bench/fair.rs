//! Bench `fair`: whether names of one origin, or of one length, are found less often, or are taken for others more often.
//!
//! Made-up persons, whose names come from nineteen lists; the same errors for all. Strangers come from the same lists and
//! are not in the store. A rate is held against the mean of all groups: above 1.5 times it, `docs/matching.md` owes an
//! explanation.

use super::Setting;
use super::figure::Figure;
use super::job::{Job, make_up};
use super::step::io;
use crate::exit::Failure;
use beatcheck_fixtures::{Spec, name_origin};
use beatcheck_model::{Answer, Grade, Outcome};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

const SEED: u64 = 20_261_124;
/// Persons of each origin that are asked for, and strangers of each.
const EACH: usize = 300;
/// Strangers are rows beyond the store, one for so many persons, so that rare origins have enough.
const STRANGERS: u64 = 3;
/// A group's rate of false matches, at most, beside the mean.
const FAIR: f64 = 1.5;
const MEAN: &str = "the mean of all";

struct Person {
    key: String,
    given: String,
    surname: String,
    dob: String,
    origin: &'static str,
}

#[derive(Clone, Copy, Default)]
struct Group {
    asked: usize,
    first: usize,
    strangers: usize,
    possible: usize,
    fair: usize,
    by_year: usize,
}

pub(super) fn run(setting: &Setting<'_>) -> Result<Vec<Figure>, Failure> {
    let fixtures = setting.dir.join("fixtures");
    let beyond = setting.size / STRANGERS;
    let spec = Spec { persons: setting.size + beyond, vehicles: 0, seed: SEED };
    make_up(&spec, &fixtures)?;
    let list = setting.dir.join("persons.csv");
    let (present, strangers) = split(&fixtures.join("persons-plain.csv"), &list, setting.size)?;
    let mapping = setting.dir.join("mapping.toml");
    std::fs::write(&mapping, include_str!("../../../fixtures/mappings/persons.toml"))
        .map_err(io("writing the mapping"))?;
    let job = Job::begin(setting.dir)?;
    let mut server = None;
    job.bring(&mapping, &list, &mut server)?;
    drop(server);
    let mut lines: Vec<Value> = present.iter().enumerate().map(|(i, p)| wrong(p, i)).collect();
    lines.extend(
        strangers.iter().map(|p| json!({"kind": "person", "given": p.given, "surname": p.surname, "dob": p.dob})),
    );
    lines.extend(
        strangers.iter().map(|p| json!({"kind": "person", "given": p.given, "surname": p.surname, "dob": &p.dob[..4]})),
    );
    let (answers, _) = job.ask(lines.iter().map(Value::to_string))?;
    let (found, rest) = answers.split_at(present.len());
    let (whole, year) = rest.split_at(strangers.len());
    let mut out = Vec::new();
    let length = |p: &Person| match p.given.chars().count() + p.surname.chars().count() {
        0..=9 => "up to 9 letters",
        10..=13 => "10 to 13 letters",
        14..=18 => "14 to 18 letters",
        _ => "19 letters and more",
    };
    for name in [&(|p: &Person| p.origin) as &dyn Fn(&Person) -> &'static str, &length] {
        let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
        for (p, a) in present.iter().zip(found) {
            let g = groups.entry(name(p)).or_default();
            g.asked += 1;
            g.first += usize::from(a.hits.first().is_some_and(|h| h.source_key == p.key));
        }
        for ((p, a), year) in strangers.iter().zip(whole).zip(year) {
            let g = groups.entry(name(p)).or_default();
            g.strangers += 1;
            g.possible += usize::from(a.outcome != Outcome::NoTrace);
            g.fair += usize::from(fair(a));
            g.by_year += usize::from(fair(year));
        }
        out.extend(figures(&groups));
    }
    Ok(out)
}

fn fair(a: &Answer) -> bool {
    a.hits.iter().any(|h| h.outcome != Outcome::NoTrace && h.grade >= Grade::Fair)
}

fn figures(groups: &BTreeMap<&str, Group>) -> Vec<Figure> {
    let rate = |part: usize, of: usize| part as f64 / of.max(1) as f64;
    // Each group counts alike, however many bear its names.
    let mean = |f: &dyn Fn(&Group) -> f64| groups.values().map(f).sum::<f64>() / groups.len().max(1) as f64;
    type Rate = fn(&Group) -> (usize, usize);
    let rates: [(&'static str, Rate); 3] = [
        ("stranger shown as possible", |g| (g.possible, g.strangers)),
        ("stranger shown as fair or better", |g| (g.fair, g.strangers)),
        ("the same, year of birth only", |g| (g.by_year, g.strangers)),
    ];
    let mut out = Vec::new();
    for (name, g) in groups {
        let first = mean(&|g| rate(g.first, g.asked));
        out.push(
            Figure::higher(name, "recall@1, one error", rate(g.first, g.asked), "share").peer(MEAN, first).n(g.asked),
        );
        for (metric, of) in rates {
            let one = |g: &Group| {
                let (part, all) = of(g);
                rate(part, all)
            };
            let all = mean(&one);
            out.push(
                Figure::lower(name, metric, one(g), "share").goal(Some(all * FAIR)).peer(MEAN, all).n(g.strangers),
            );
        }
    }
    out
}

/// Writes the first `size` rows as the extract; up to [`EACH`] persons of each origin of them, and of the rest.
fn split(from: &Path, to: &Path, size: u64) -> Result<(Vec<Person>, Vec<Person>), Failure> {
    let file = std::fs::File::open(from).map_err(|e| Failure::input(from, &e))?;
    let mut out = BufWriter::new(std::fs::File::create(to).map_err(io("writing the list"))?);
    let mut taken: [BTreeMap<&str, usize>; 2] = Default::default();
    let mut persons: [Vec<Person>; 2] = Default::default();
    for (i, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(io("reading the persons"))?;
        let row = (i as u64).checked_sub(1);
        if row.is_none_or(|r| r < size) {
            writeln!(out, "{line}").map_err(io("writing the list"))?;
        }
        let Some(row) = row else { continue };
        let cells: Vec<&str> = line.split(',').take(4).collect();
        let [key, given, surname, dob] = cells.as_slice() else { continue };
        // What all are asked with: a whole name and date.
        if dob.len() != 10 || surname.chars().count() < 3 || given.is_empty() || line.starts_with('"') {
            continue;
        }
        let side = usize::from(row >= size);
        let origin = name_origin(SEED, row);
        let count = taken[side].entry(origin).or_default();
        if *count < EACH {
            *count += 1;
            let [key, given, surname, dob] = [key, given, surname, dob].map(|c| (*c).to_owned());
            persons[side].push(Person { key, given, surname, dob, origin });
        }
    }
    out.flush().map_err(io("writing the list"))?;
    Ok(persons.into())
}

/// A question with one error, the same mix for every group: a letter exchanged, left out, doubled or replaced in the surname
/// or the given name, or day and month swapped.
fn wrong(p: &Person, i: usize) -> Value {
    let (mut given, mut surname, mut dob) = (p.given.clone(), p.surname.clone(), p.dob.clone());
    let name = if i.is_multiple_of(2) { &mut surname } else { &mut given };
    let mut letters: Vec<char> = name.chars().collect();
    let at = 1 + (i / 10) % (letters.len().max(3) - 2);
    match i / 2 % 5 {
        _ if letters.len() < 3 => dob = swapped(&p.dob),
        0 => letters.swap(at - 1, at),
        1 => drop(letters.remove(at)),
        2 => letters.insert(at, letters[at]),
        3 => letters[at] = if letters[at] == 'e' { 'o' } else { 'e' },
        _ => dob = swapped(&p.dob),
    }
    *name = letters.into_iter().collect();
    json!({"kind": "person", "given": given, "surname": surname, "dob": dob})
}

fn swapped(dob: &str) -> String {
    format!("{}-{}-{}", &dob[..4], &dob[8..], &dob[5..7])
}
