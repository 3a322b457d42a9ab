//! Bench `plates`: marks as an officer sees, hears or types them, over made-up vehicles.
//!
//! The truth set: recorded marks of each class, each with one error of each kind. The classes of characters are those of
//! the design's table, written here apart from the search's own; letters heard and seen by their alphabets. A slip that
//! gives a mark which some other vehicle bears counts as not found: the other one is then a hit.

use super::Setting;
use super::figure::{Figure, percentile};
use super::job::{Job, make_up};
use super::step::io;
use crate::exit::Failure;
use beatcheck_fixtures::{MarkClass, Spec, mark_class};
use beatcheck_model::{Answer, Outcome};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;

const SEED: u64 = 20_261_124;
/// Marks of each class that are asked for.
const EACH: usize = 300;
/// Questions of each kind whose time is taken.
const TIMED: usize = 1000;
const RECALL: f64 = 0.99;
const EXACT_US: [f64; 2] = [50.0, 1_000.0];
const PART_US: f64 = 10_000.0;

const SEEN: [&str; 12] = ["0DOQ", "1IL", "2Z7", "38B", "4A", "5S", "6G", "7TY", "EFP", "HKMNRW", "UV", "CG"];
const HEARD: [&str; 6] = ["BCDEGPTV", "MN", "FSX", "AJKH8", "IY59", "QUW"];

/// A recorded vehicle.
struct Row {
    key: String,
    mark: String,
    class: MarkClass,
    make: String,
    colour: String,
}

pub(super) fn run(setting: &Setting<'_>) -> Result<Vec<Figure>, Failure> {
    let fixtures = setting.dir.join("fixtures");
    let spec = Spec { persons: 0, vehicles: setting.size, seed: SEED };
    make_up(&spec, &fixtures)?;
    let job = Job::begin(setting.dir)?;
    let mut server = None;
    let (_, cost) = job.bring(&fixtures.join("vehicles.toml"), &fixtures.join("vehicles.csv"), &mut server)?;
    drop(server);
    let mut out = cost.figures("first sync");
    out.push(Figure::lower("store", "size a vehicle", job.store_bytes() as f64 / setting.size as f64, "B"));
    let (rows, all) = read(&fixtures.join("vehicles.csv"), setting.size)?;
    timed(&job, &rows, &all, &mut out)?;
    slips(&job, &rows, &mut out)?;
    Ok(out)
}

/// Up to [`EACH`] vehicles of every class, spread over the whole list.
fn read(path: &Path, size: u64) -> Result<(Vec<Row>, BTreeSet<String>), Failure> {
    let mut wanted: BTreeMap<u64, MarkClass> = BTreeMap::new();
    let mut counts: BTreeMap<MarkClass, usize> = BTreeMap::new();
    // A step that has no factor in common with the size meets every row once.
    let step = (1..).map(|k| size * 618 / 1000 + k).find(|s| gcd(*s, size) == 1).unwrap_or(1);
    for i in 0..size.min(400_000) {
        let row = (u128::from(i) * u128::from(step) % u128::from(size)) as u64;
        let class = mark_class(SEED, row);
        let count = counts.entry(class).or_default();
        if *count < EACH {
            *count += 1;
            wanted.insert(row, class);
        }
    }
    let file = std::fs::File::open(path).map_err(|e| Failure::input(path, &e))?;
    let (mut rows, mut unknown) = (Vec::new(), BTreeSet::new());
    for (i, line) in BufReader::new(file).lines().skip(1).enumerate() {
        let line = line.map_err(io("reading the vehicles"))?;
        let cells: Vec<&str> = line.split(',').collect();
        let mark: String = cells.get(1).unwrap_or(&"").chars().filter(char::is_ascii_alphanumeric).collect();
        // A year that was never issued: nobody bears such a mark.
        if i % 1009 == 0 && mark.len() == 7 {
            unknown.insert(format!("{}99{}", &mark[..2], &mark[4..]));
        }
        if let Some(class) = wanted.get(&(i as u64)) {
            let cell = |n: usize| cells.get(n).map(|c| (*c).to_owned()).unwrap_or_default();
            rows.push(Row { key: cell(0), mark, class: *class, make: cell(3), colour: cell(5) });
        }
    }
    Ok((rows, unknown))
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// One question and the key of the vehicle asked for.
type Asked<'a> = (Value, Option<&'a Row>);
/// A case, its questions, and goals for the median and for p99.
type Kind<'a> = (&'static str, Vec<Asked<'a>>, Option<[f64; 2]>);

fn timed(job: &Job, rows: &[Row], unknown: &BTreeSet<String>, out: &mut Vec<Figure>) -> Result<(), Failure> {
    let current: Vec<&Row> = rows.iter().filter(|r| r.mark.len() == 7 && r.mark.is_ascii()).collect();
    let some = |f: &dyn Fn(&Row) -> Value| {
        current.iter().cycle().take(TIMED).map(|r| (f(r), Some(*r))).collect::<Vec<Asked<'_>>>()
    };
    let vrm = |text: String| json!({"kind": "vehicle", "vrm": text});
    let kinds: [Kind<'_>; 8] = [
        (
            "mark as written",
            rows.iter().cycle().take(TIMED).map(|r| (vrm(r.mark.clone()), Some(r))).collect(),
            Some(EXACT_US),
        ),
        (
            "mark that nobody bears",
            unknown.iter().cycle().take(TIMED).map(|m| (vrm(m.clone()), None)).collect(),
            Some([f64::INFINITY, PART_US]),
        ),
        ("starts, BX63*", some(&|r| vrm(format!("{}*", &r.mark[..4]))), Some([f64::INFINITY, PART_US])),
        ("ends, *KYT", some(&|r| vrm(format!("*{}", &r.mark[4..]))), Some([f64::INFINITY, PART_US])),
        ("contains, *63K*", some(&|r| vrm(format!("*{}*", &r.mark[2..5]))), Some([f64::INFINITY, PART_US])),
        (
            "two not seen, B?63K?T",
            some(&|r| vrm(format!("{}?{}?{}", &r.mark[..1], &r.mark[2..5], &r.mark[6..]))),
            Some([f64::INFINITY, PART_US]),
        ),
        (
            "BX*T with make and colour",
            some(
                &|r| json!({"kind": "vehicle", "vrm": format!("{}*{}", &r.mark[..2], &r.mark[6..]), "make": r.make, "colour": r.colour}),
            ),
            Some([f64::INFINITY, PART_US]),
        ),
        (
            "one slip, by ear or eye",
            some(&|r| vrm(slip(r, 0, 1).unwrap_or_else(|| r.mark.clone()))),
            Some([f64::INFINITY, PART_US]),
        ),
    ];
    for (case, asked, goals) in kinds {
        let (answers, peak) = job.ask(asked.iter().map(|(q, _)| q.to_string()))?;
        // The first loads what is kept in RAM for questions of this kind: it is a figure of its own.
        let first = answers.first().map_or(0.0, |a| a.took_us as f64 / 1e3);
        let mut took: Vec<f64> = answers.iter().skip(1).map(|a| a.took_us as f64).collect();
        let n = took.len();
        let found = share(&asked, &answers, usize::MAX);
        let goal = |i: usize| goals.map(|g| g[i]).filter(|g| g.is_finite());
        out.push(Figure::lower(case, "search p50", percentile(&mut took, 0.5), "us").goal(goal(0)).n(n));
        out.push(Figure::lower(case, "search p99", percentile(&mut took, 0.99), "us").goal(goal(1)).n(n));
        out.push(Figure::lower(case, "first answer", first, "ms"));
        out.push(Figure::lower(case, "peak memory", peak as f64 / 1024.0, "MiB"));
        if asked.iter().any(|(_, r)| r.is_some()) {
            out.push(Figure::higher(case, "among those shown", found, "share").n(asked.len()));
        }
    }
    Ok(())
}

/// Share of questions whose vehicle is among the first so many.
fn share(asked: &[Asked<'_>], answers: &[Answer], first: usize) -> f64 {
    let right = asked
        .iter()
        .zip(answers)
        .filter(|((_, row), a)| row.is_some_and(|r| a.hits.iter().take(first).any(|h| h.source_key == r.key)));
    right.count() as f64 / asked.iter().filter(|a| a.1.is_some()).count().max(1) as f64
}

const SLIPS: [&str; 5] = ["seen", "heard", "exchanged", "one too few", "one too many"];

/// The mark with one error of a kind, if it can have one; `at` chooses which of several.
fn slip(row: &Row, kind: usize, at: usize) -> Option<String> {
    let bytes = row.mark.as_bytes();
    let mut out: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut replaced = |classes: &[&str]| {
        for (i, c) in bytes.iter().enumerate() {
            for other in classes.iter().filter(|k| k.as_bytes().contains(c)).flat_map(|k| k.bytes()).filter(|o| o != c)
            {
                let mut mark = bytes.to_vec();
                mark[i] = other;
                out.insert(mark);
            }
        }
    };
    match kind {
        0 => replaced(&SEEN),
        1 => replaced(&HEARD),
        2 => {
            for i in 0..bytes.len() - 1 {
                let mut mark = bytes.to_vec();
                mark.swap(i, i + 1);
                out.insert(mark);
            }
        }
        // Too few or too many only of marks whose length is known.
        3 if row.class == MarkClass::Current => {
            for i in 0..bytes.len() {
                let mut mark = bytes.to_vec();
                mark.remove(i);
                out.insert(mark);
            }
        }
        4 if row.class == MarkClass::Current => {
            for i in 0..bytes.len() {
                let mut mark = bytes.to_vec();
                mark.insert(i, bytes[i]);
                out.insert(mark);
            }
        }
        _ => {}
    }
    out.remove(bytes);
    // O and 0, I and 1 are drawn alike: those are not slips.
    let drawn = |m: &[u8]| {
        m.iter()
            .map(|c| match c {
                b'O' => b'0',
                b'I' => b'1',
                c => *c,
            })
            .collect::<Vec<u8>>()
    };
    let usable: Vec<Vec<u8>> = out.into_iter().filter(|m| drawn(m) != drawn(bytes)).collect();
    let chosen = usable.get(at % usable.len().max(1))?;
    String::from_utf8(chosen.clone()).ok()
}

fn slips(job: &Job, rows: &[Row], out: &mut Vec<Figure>) -> Result<(), Failure> {
    let mut asked: Vec<(Asked<'_>, usize)> = Vec::new();
    for (i, row) in rows.iter().enumerate().filter(|(_, r)| r.mark.len() > 3 && r.mark.is_ascii()) {
        for kind in 0..SLIPS.len() {
            let text = slip(row, kind, i.wrapping_mul(7919));
            asked.extend(text.map(|t| ((json!({"kind": "vehicle", "vrm": t}), Some(row)), kind)));
        }
    }
    let (answers, _) = job.ask(asked.iter().map(|((q, _), _)| q.to_string()))?;
    let mut groups: BTreeMap<String, (usize, usize, usize)> = BTreeMap::new();
    for (((_, row), kind), a) in asked.iter().zip(&answers) {
        let Some(row) = row else { continue };
        let found = usize::from(a.hits.iter().take(5).any(|h| h.source_key == row.key));
        let other = usize::from(found == 0 && a.outcome == Outcome::Hit);
        for case in [format!("slip: {}", SLIPS[*kind]), format!("class: {:?}", row.class)] {
            let group = groups.entry(case).or_default();
            *group = (group.0 + 1, group.1 + found, group.2 + other);
        }
    }
    for (case, (n, found, other)) in groups {
        out.push(Figure::higher(&case, "recall@5", found as f64 / n as f64, "share").goal(Some(RECALL)).n(n));
        out.push(Figure::lower(&case, "is another's mark", other as f64 / n as f64, "share").n(n));
    }
    Ok(())
}
