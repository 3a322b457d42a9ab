//! Bench `match`: a labelled set of persons and questions, asked of the whole device.
//!
//! The set is a directory with `persons.csv` (id, given, surname, dob, sex, address) and `queries.jsonl`: a line a question
//! with `task`, `half`, `given`, `surname`, `dob`, `truth` and `accept`, the ids that count as found. Questions of tasks
//! that begin with `absent` ask for somebody who is not there. Constants are tuned on the half `tune` only; figures are
//! of the other, unless `--half` says so.

use super::Setting;
use super::curve;
use super::figure::{Figure, percentile};
use super::job::Job;
use super::step::io;
use crate::exit::Failure;
use beatcheck_model::{Answer, Grade, Outcome};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

const MAPPING: &str = include_str!("../../../fixtures/mappings/persons.toml");
/// Share of people who are not there that may be shown above the threshold at which true ones are counted.
const FALSE_SHARE: f64 = 0.01;
/// From so many persons on the goals for a million apply.
const LARGE: u64 = 500_000;
/// Questions of one task below which a figure is too rough to be held against a goal.
const ENOUGH: usize = 300;

#[derive(Deserialize)]
struct Question {
    task: String,
    half: String,
    #[serde(default)]
    given: String,
    #[serde(default)]
    surname: String,
    #[serde(default)]
    dob: String,
    accept: Vec<String>,
}

/// Goals of `MATCHING.md`: task, recall@1 and @10 at 100,000, the same at a million.
const GOALS: [(&str, [f64; 4]); 5] = [
    ("name_dob", [0.97, 0.99, 0.95, 0.98]),
    ("name_year", [0.90, 0.98, 0.86, 0.94]),
    ("name", [0.83, 0.87, 0.78, 0.82]),
    ("part_year", [0.90, 0.97, 0.82, 0.92]),
    // Those for a variant of the given name with a year of birth.
    ("nickname_year", [0.88, 0.99, 0.78, 0.94]),
];
const TOLD_APART: [f64; 2] = [0.93, 0.88];
const LATENCY_US: [[f64; 2]; 2] = [[2_000.0, 5_000.0], [5_000.0, 15_000.0]];

pub(super) fn run(setting: &Setting<'_>) -> Result<Vec<Figure>, Failure> {
    let list = setting.data.join("persons.csv");
    let (Ok(asked), true) = (std::fs::read_to_string(setting.data.join("queries.jsonl")), list.exists()) else {
        let text = format!("note: no persons.csv and queries.jsonl in {}: --data says where", setting.data.display());
        crate::complain(&text);
        return Ok(Vec::new());
    };
    let mut questions = Vec::new();
    for line in asked.lines() {
        let q: Question =
            serde_json::from_str(line).map_err(|e| Failure::new("input", format!("queries.jsonl: {e}")))?;
        if q.half == setting.half {
            questions.push(q);
        }
    }
    let mapping = setting.dir.join("mapping.toml");
    std::fs::write(&mapping, MAPPING).map_err(io("writing the mapping"))?;
    let job = Job::begin(setting.dir)?;
    let mut server = None;
    let (report, cost) = job.bring(&mapping, &list, &mut server)?;
    drop(server);
    let persons: u64 = report.compartments.iter().map(|c| c.inserted).sum();
    let mut out = cost.figures("first sync");
    out.push(Figure::lower("store", "size a person", job.store_bytes() as f64 / persons.max(1) as f64, "B"));
    let lines =
        questions.iter().map(|q| json!({"kind": "person", "given": q.given, "surname": q.surname, "dob": q.dob}));
    let (answers, peak_kb) = job.ask(lines.map(|l| l.to_string()))?;
    out.push(Figure::lower("asking", "peak memory", peak_kb as f64 / 1024.0, "MiB"));
    // The first loads the index: what a check costs that comes before it is warm.
    let first_ms = answers.first().map_or(0.0, |a| a.took_us as f64 / 1e3);
    out.push(Figure::lower("asking", "first answer, index not loaded", first_ms, "ms"));
    if let Some(path) = setting.svg {
        draw(path, persons, &questions, &answers)?;
    }
    if let Some(path) = setting.misses {
        misses(path, &questions, &answers)?;
    }
    out.extend(figures(persons, &questions, &answers));
    Ok(out)
}

/// At which place, from 0, the person asked for stands.
fn place(q: &Question, a: &Answer) -> Option<usize> {
    a.hits.iter().position(|h| q.accept.contains(&h.source_key))
}

fn figures(persons: u64, questions: &[Question], answers: &[Answer]) -> Vec<Figure> {
    let large = usize::from(persons >= LARGE);
    let mut out = Vec::new();
    let mut by_task: BTreeMap<&str, Vec<(&Question, &Answer)>> = BTreeMap::new();
    for (q, a) in questions.iter().zip(answers) {
        by_task.entry(&q.task).or_default().push((q, a));
    }
    for (task, asked) in &by_task {
        let n = asked.len();
        let share = |found: usize| found as f64 / n.max(1) as f64;
        let among = |first: usize| asked.iter().filter(|(q, a)| place(q, a).is_some_and(|p| p < first)).count();
        if task.starts_with("absent") {
            let possible = asked.iter().filter(|(_, a)| a.outcome != Outcome::NoTrace).count();
            out.push(Figure::lower(task, "shown as possible", share(possible), "share").n(n));
            for (metric, least) in [
                ("shown as fair or better", Grade::Fair),
                ("shown as strong or better", Grade::Strong),
                ("shown as very strong", Grade::Certain),
            ] {
                let shown = asked.iter().filter(|(_, a)| a.hits.iter().any(|h| h.grade >= least)).count();
                out.push(Figure::lower(task, metric, share(shown), "share").n(n));
            }
            continue;
        }
        let goals = GOALS.iter().find(|(t, _)| t == task).filter(|_| n >= ENOUGH);
        let goal = |i: usize| goals.map(|(_, g)| g[2 * large + i]);
        out.push(Figure::higher(task, "recall@1", share(among(1)), "share").goal(goal(0)).n(n));
        out.push(Figure::higher(task, "recall@10", share(among(10)), "share").goal(goal(1)).n(n));
        if *task == "name_dob" {
            let told = asked.iter().filter(|(q, a)| {
                place(q, a).and_then(|p| a.hits.get(p)).is_some_and(|h| h.outcome != Outcome::NoTrace)
            });
            out.push(Figure::higher(task, "found as possible", share(told.count()), "share").n(n));
        }
        let mut took: Vec<f64> = asked.iter().map(|(_, a)| a.took_us as f64).collect();
        let [p50, p99] = LATENCY_US[large];
        out.push(Figure::lower(task, "check p50", percentile(&mut took, 0.5), "us").goal(Some(p50)).n(n));
        out.push(Figure::lower(task, "check p99", percentile(&mut took, 0.99), "us").goal(Some(p99)).n(n));
    }
    out.extend(told_apart(by_task.get("name_dob"), by_task.get("absent_name_dob"), TOLD_APART[large]));
    out
}

type Asked<'a> = Vec<(&'a Question, &'a Answer)>;

/// The share of true persons ranked first above the score that one in a hundred of those who are not there reaches.
fn told_apart(present: Option<&Asked<'_>>, absent: Option<&Asked<'_>>, goal: f64) -> Option<Figure> {
    let (present, absent) = (present?, absent?);
    let (scores, mut strangers) = scores(present, absent);
    let share = curve::recognised(&scores, present.len(), &mut strangers, FALSE_SHARE);
    Some(Figure::higher("name_dob", "told apart at 1% false", share, "share").goal(Some(goal)).n(present.len()))
}

/// Scores of true persons that stand first, and of whoever stands first where nobody should.
fn scores(present: &Asked<'_>, absent: &Asked<'_>) -> (Vec<f64>, Vec<f64>) {
    let first = |a: &Answer| a.hits.first().map_or(0.0, |h| h.score);
    let mine = present.iter().filter(|(q, a)| place(q, a) == Some(0)).map(|(_, a)| first(a)).collect();
    (mine, absent.iter().map(|(_, a)| first(a)).collect())
}

fn draw(path: &std::path::Path, persons: u64, questions: &[Question], answers: &[Answer]) -> Result<(), Failure> {
    let of = |task: &str| questions.iter().zip(answers).filter(|(q, _)| q.task == task).collect::<Asked<'_>>();
    let (present, absent) = (of("name_dob"), of("absent_name_dob"));
    let (scores, mut strangers) = scores(&present, &absent);
    let title = format!("Name and date of birth among {persons} persons");
    let drawn = curve::svg(&title, &scores, present.len(), &mut strangers);
    std::fs::write(path, drawn).map_err(io("writing the curve"))
}

/// Writes the questions whose person was not first, for whoever works on the matching. The persons are synthetic.
fn misses(path: &std::path::Path, questions: &[Question], answers: &[Answer]) -> Result<(), Failure> {
    let mut text = String::new();
    for (q, a) in questions.iter().zip(answers).filter(|(q, a)| place(q, a) != Some(0)) {
        let line = json!({
            "task": q.task, "given": q.given, "surname": q.surname, "dob": q.dob, "accept": q.accept,
            "place": place(q, a), "first": a.hits.iter().take(3).map(|h| (&h.title, &h.source_key, h.grade, h.score)).collect::<Vec<_>>(),
        });
        text.push_str(&format!("{line}\n"));
    }
    std::fs::write(path, text).map_err(io("writing the misses"))
}
