//! Bench `bindings`: what a language costs. The same device is asked the same questions by Rust and by each binding in turn.
//!
//! A *runner* is a program in the binding's language (`script/bench-bindings` builds them); how it is called and what it
//! writes stands in `docs/benches.md`. Rounds go from language to language, so that what else the machine does falls on
//! all of them.

mod asked;
mod pauses;
mod rust;

use super::figure::{Figure, percentile};
use super::job::{self, Job, Serving};
use super::queries::Rows;
use super::step::io;
use super::{Setting, doing, sizes};
use crate::exit::Failure;
use asked::Question;
use beatcheck_fixtures::Spec;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// The same rows in every run of one size.
const SEED: u64 = 20_260_430;
/// Questions of each kind in one round.
const VEHICLES: usize = 2000;
const PERSONS: usize = 500;
/// Rounds: each language is asked in each.
const ROUNDS: usize = 3;
/// Questions of each kind before any is counted.
pub(super) const WARM: usize = 200;
/// A whole check from Kotlin takes at most so many times what it takes from Rust.
const GOAL: f64 = 1.2;
const RUST: &str = "Rust";

/// How bindings are run.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BindingsArgs {
    /// A program that asks in another language, may be given again (bench `bindings`; `script/bench-bindings` builds them)
    #[arg(long, value_name = "LANGUAGE=COMMAND", value_parser = runner)]
    runner: Vec<(String, String)>,
}

fn runner(text: &str) -> Result<(String, String), String> {
    let (language, command) = text.split_once('=').ok_or("it has the form LANGUAGE=COMMAND")?;
    if language.is_empty() || command.trim().is_empty() {
        return Err("it has the form LANGUAGE=COMMAND".into());
    }
    Ok((language.into(), command.into()))
}

/// One line of what a runner writes.
#[derive(Debug, Deserialize)]
#[serde(tag = "case", rename_all = "lowercase")]
enum Line {
    Call { metric: String, ns: (f64, f64) },
    Vehicle { us: Vec<f64> },
    Person { us: Vec<f64> },
    Answers { all: Vec<String> },
}

/// What one language took, over all rounds.
#[derive(Default)]
pub(super) struct Took {
    /// Nanoseconds of calls that do nothing: median and 99th of a hundred, a pair a round.
    pub(super) calls: BTreeMap<String, Vec<(f64, f64)>>,
    pub(super) vehicle_us: Vec<f64>,
    pub(super) person_us: Vec<f64>,
    /// Answers of the last round, in short.
    pub(super) answers: Vec<String>,
}

impl Took {
    fn read(&mut self, report: &str, language: &str) -> Result<(), Failure> {
        for line in report.lines() {
            let line = serde_json::from_str(line)
                .map_err(|e| Failure::new("input", format!("what the runner of {language} wrote: {e}")))?;
            match line {
                Line::Call { metric, ns } => self.calls.entry(metric).or_default().push(ns),
                Line::Vehicle { us } => self.vehicle_us.extend(us),
                Line::Person { us } => self.person_us.extend(us),
                Line::Answers { all } => self.answers = all,
            }
        }
        Ok(())
    }
}

pub(super) fn run(setting: &Setting<'_>) -> Result<Vec<Figure>, Failure> {
    let runners = &setting.bindings.runner;
    if runners.is_empty() {
        crate::complain(
            "only Rust is measured: script/bench-bindings builds the other languages' programs and names them",
        );
    }
    let (job, serving, questions) = prepare(setting)?;
    let vault = job.home.join("vault");
    let list = setting.dir.join("questions.tsv");
    std::fs::write(&list, asked::write(&questions)).map_err(io("writing the questions"))?;
    let mut took: Vec<(&str, Took)> = vec![(RUST, Took::default())];
    took.extend(runners.iter().map(|(language, _)| (language.as_str(), Took::default())));
    for round in 0..ROUNDS {
        for (n, (language, took)) in took.iter_mut().enumerate() {
            let _bar = doing(&format!("round {} of {ROUNDS}: {language}", round + 1));
            if n == 0 {
                rust::ask(&job.home, &vault, &questions, took)?;
            } else {
                let report = setting.dir.join(format!("{language}-{round}.jsonl"));
                start(&runners[n - 1], &[&job.home, &vault, &list, &report])?;
                let text = std::fs::read_to_string(&report).map_err(io("reading what a runner wrote"))?;
                took.read(&text, language)?;
            }
        }
    }
    same_answers(&took, questions.len())?;
    let mut out = figures(&mut took);
    out.extend(pauses::measure(&job, &serving, setting.dir)?);
    Ok(out)
}

/// A hub, a device with both lists, and what it is asked.
fn prepare(setting: &Setting<'_>) -> Result<(Job, Serving, Vec<Question>), Failure> {
    let fixtures = setting.dir.join("fixtures");
    job::make_up(&Spec { persons: setting.size, vehicles: setting.size, seed: SEED }, &fixtures)?;
    let job = Job::begin(setting.dir)?;
    for kind in ["vehicles", "persons"] {
        job.ingest(&fixtures.join(format!("{kind}.toml")), &fixtures.join(format!("{kind}.csv")))?;
    }
    job.publish()?;
    let serving = job.serve()?;
    job.enrol(&serving)?;
    let (report, _) = job.sync()?;
    if !report.complete {
        return Err(Failure::new("io", format!("the first sync is not complete: {:?}", report.fault)));
    }
    let (vehicles, persons) =
        (sizes::read(&fixtures.join("vehicles.csv"))?, sizes::read(&fixtures.join("persons.csv"))?);
    let questions = asked::make(&Rows::new(&vehicles)?, VEHICLES, &Rows::new(&persons)?, PERSONS);
    Ok((job, serving, questions))
}

fn start((language, command): &(String, String), paths: &[&Path; 4]) -> Result<(), Failure> {
    let mut words = command.split_whitespace();
    let program = words.next().unwrap_or_default();
    let status = Command::new(program).args(words).args(paths).status().map_err(io("starting a runner"))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new("io", format!("the runner of {language} ended with {status}")))
}

/// A language that was told something else is not measured but broken.
fn same_answers(took: &[(&str, Took)], asked: usize) -> Result<(), Failure> {
    let ours = &took[0].1.answers;
    for (language, other) in took {
        if other.answers.len() != asked || other.answers != *ours {
            let n = ours.iter().zip(&other.answers).filter(|(a, b)| a != b).count();
            let text = format!(
                "{language} was answered {} of {asked} questions, {n} otherwise than Rust",
                other.answers.len()
            );
            return Err(Failure::new("io", text));
        }
    }
    Ok(())
}

fn figures(took: &mut [(&str, Took)]) -> Vec<Figure> {
    let mut out = Vec::new();
    for (case, of, goal) in [
        ("vehicle check", (|t| &mut t.vehicle_us) as fn(&mut Took) -> &mut Vec<f64>, true),
        ("person check", |t| &mut t.person_us, true),
    ] {
        for (metric, p) in [("asked to answered p50", 0.5), ("asked to answered p99", 0.99)] {
            let rust = percentile(of(&mut took[0].1), p);
            for (language, t) in took.iter_mut() {
                let n = of(t).len();
                let figure = Figure::lower(&format!("{case}, {language}"), metric, percentile(of(t), p), "us").n(n);
                let goal = (goal && p == 0.5 && *language == "Kotlin").then_some(rust * GOAL);
                out.push(if *language == RUST { figure } else { figure.peer(RUST, rust).goal(goal) });
            }
        }
    }
    for (language, t) in took.iter() {
        for (call, ns) in &t.calls {
            let (mut p50, mut p99): (Vec<f64>, Vec<f64>) = ns.iter().copied().unzip();
            let case = format!("a call of {call}, {language}");
            out.push(Figure::lower(&case, "p50", percentile(&mut p50, 0.5), "ns"));
            out.push(Figure::lower(&case, "p99", percentile(&mut p99, 0.5), "ns"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Took, runner, same_answers};

    #[test]
    fn a_runner_has_a_language_and_a_command() {
        assert_eq!(runner("Kotlin=java -jar x.jar").unwrap(), ("Kotlin".into(), "java -jar x.jar".into()));
        assert!(runner("java -jar x.jar").is_err() && runner("=x").is_err() && runner("Kotlin= ").is_err());
    }

    #[test]
    fn what_a_runner_writes_is_read_and_compared() {
        let (mut ours, mut other) = (Took::default(), Took::default());
        let report = "{\"case\":\"call\",\"metric\":\"version()\",\"n\":9,\"ns\":[5.0,7.0]}\n{\"case\":\"vehicle\",\"us\":[1.5,2]}\n\
                      {\"case\":\"answers\",\"all\":[\"Hit:1\"]}\n";
        ours.read(report, "Rust").unwrap();
        other.read(&report.replace("Hit:1", "NoTrace:0"), "Kotlin").unwrap();
        assert_eq!((ours.vehicle_us.len(), ours.calls["version()"][0]), (2, (5.0, 7.0)));
        assert!(same_answers(&[("Rust", ours), ("Kotlin", other)], 1).is_err(), "another answer is noticed");
        assert!(Took::default().read("{\"case\":\"other\"}", "Kotlin").is_err());
    }
}
