//! Bench `hostile`: questions made to be slow, or to break something. The goal is a bounded time and an answer to each.

use super::Setting;
use super::figure::{Figure, percentile};
use super::job::{Job, make_up};
use super::step::io;
use crate::exit::Failure;
use beatcheck_fixtures::Spec;
use beatcheck_model::Outcome;
use serde_json::{Value, json};
use std::fmt::Write as _;

const SEED: u64 = 20_261_124;
/// The longest field that is accepted, in bytes.
const LONG: usize = 10_240;
/// Times that each question is asked.
const TIMES: usize = 20;
const GOAL_US: f64 = 50_000.0;
/// Aliases of each person in a list of its own.
const ALIASES: usize = 100;
const PERSONS: usize = 200;
const MAPPING: &str = "format = 1
[source]
name = 'aliases'
kind = 'person'
compartment = 'aliases'
offline_allowed = true
key = ['id']
[source.as_of]
ingest_time = true
[dates]
formats = ['%Y-%m-%d']
[fields]
given = 'given'
surname = 'surname'
dob = 'dob'
aliases = { column = 'aliases', split = ';', part_split = '|', parts = ['given', 'surname', 'kind'] }
";

pub(super) fn run(setting: &Setting<'_>) -> Result<Vec<Figure>, Failure> {
    let fixtures = setting.dir.join("fixtures");
    let spec = Spec { persons: setting.size, vehicles: setting.size, seed: SEED };
    make_up(&spec, &fixtures)?;
    let (mapping, list) = (setting.dir.join("aliases.toml"), setting.dir.join("aliases.csv"));
    std::fs::write(&mapping, MAPPING).map_err(io("writing a mapping"))?;
    std::fs::write(&list, aliases()).map_err(io("writing a list"))?;
    let job = Job::begin(setting.dir)?;
    let mut server = None;
    for (mapping, list) in [("vehicles.toml", "vehicles.csv"), ("persons.toml", "persons.csv")] {
        job.bring(&fixtures.join(mapping), &fixtures.join(list), &mut server)?;
    }
    job.bring(&mapping, &list, &mut server)?;
    drop(server);
    let mut all = Vec::new();
    let mut out = Vec::new();
    for (case, question) in questions() {
        let (answers, _) = job.ask((0..TIMES).map(|_| question.to_string()))?;
        // The first answer of a process opens files and loads indexes: it counts, but as a figure of its own.
        let mut took: Vec<f64> = answers.iter().skip(1).map(|a| a.took_us as f64).collect();
        all.extend_from_slice(&took);
        let refused = answers.iter().filter(|a| a.outcome == Outcome::CannotSay).count() as f64 / answers.len() as f64;
        out.push(Figure::lower(&case, "search p99", percentile(&mut took, 0.99), "us").n(took.len()));
        out.push(Figure::lower(&case, "refused as invalid", refused, "share").n(answers.len()));
    }
    let n = all.len();
    out.push(Figure::lower("all of them", "search p99", percentile(&mut all, 0.99), "us").goal(Some(GOAL_US)).n(n));
    out.push(Figure::lower("all of them", "search at most", percentile(&mut all, 1.0), "us").n(n));
    Ok(out)
}

/// Persons with a hundred aliases each.
fn aliases() -> String {
    let mut out = String::from("id,given,surname,dob,aliases\n");
    for i in 0..PERSONS {
        let all: Vec<String> = (0..ALIASES).map(|n| format!("Alias{n}x{i}|Other{}|alias", n * 7 + i)).collect();
        let _ = writeln!(out, "A{i},Many{i},Names,1980-01-{:02},{}", 1 + i % 28, all.join(";"));
    }
    out
}

fn questions() -> Vec<(String, Value)> {
    let name = |t: String| json!({"kind": "person", "name": t});
    let person = |surname: &str, given: &str| json!({"kind": "person", "surname": surname, "given": given});
    let vrm = |t: &str| json!({"kind": "vehicle", "vrm": t});
    let mut out: Vec<(String, Value)> = [
        ("one name of 10 kB", name("a".repeat(LONG))),
        ("10 kB of one-letter names", name("a ".repeat(LONG / 2))),
        ("10 kB of beginnings", name("ab* ".repeat(LONG / 4))),
        ("10 kB of commonest names", person(&"smith jones khan ".repeat(LONG / 17), &"mohammed david john ".repeat(LONG / 20))),
        ("10 kB of marks on one letter", name(format!("a{}", "\u{301}".repeat(LONG / 2 - 1)))),
        ("10 kB of ligatures that unfold", name("\u{FDFA}".repeat(LONG / 3))),
        ("10 kB of ideographs", name("\u{4E00}".repeat(LONG / 3))),
        ("more than 10 kB", name("a".repeat(LONG + 1))),
        ("initials", person("s", "j")),
        ("two letters and *", person("sm*", "jo*")),
        ("commonest given names", person("", "mohammed david")),
        ("a year", json!({"kind": "person", "dob": "1984"})),
        ("an address of 10 kB", json!({"kind": "person", "address": "road ".repeat(LONG / 5)})),
        ("a hundred aliases", person("other300", "alias3x100")),
        ("many of a hundred aliases", person("names", "alias*")),
        ("every field", json!({"kind": "person", "surname": "smith jones", "given": "john", "name": "anne marie van der berg", "dob": "~1984", "sex": "f", "height": "170", "address": "road", "postcode": "B1", "identifier": "2004/0000002L"})),
        ("* alone", vrm("*")),
        ("? x 50", vrm(&"?".repeat(50))),
        ("? x 5 and two known", vrm("A?????B")),
        ("*A*B*", vrm("*A*B*")),
        ("*1*", vrm("*1*2*3*4*5*")),
        ("a mark of 10 kB", vrm(&"A".repeat(LONG))),
        ("looks of 10 kB", json!({"kind": "vehicle", "vrm": "A*1*", "make": "ford ".repeat(LONG / 5), "colour": "red ".repeat(LONG / 4)})),
    ]
    .map(|(case, q)| (case.to_owned(), q))
    .into();
    for plane in 0..=16_u32 {
        // Letters of the plane if it has any, spread over it.
        let chars = (0..0xFFFE_u32).step_by(61).filter_map(|i| char::from_u32(plane << 16 | i));
        let text: String = chars.take(LONG / 4).collect();
        let end = text.char_indices().map(|(i, _)| i).take_while(|i| *i <= LONG - 4).last().unwrap_or(0);
        out.push((format!("plane {plane} of Unicode"), name(text[..end].to_owned())));
    }
    out
}
