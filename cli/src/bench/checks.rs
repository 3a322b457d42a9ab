//! Checks, one at a time and many at once, through `device batch` and through the start of a process.

use super::figure::{Figure, percentile};
use super::job::Job;
use super::queries::{Asked, Rows, cells};
use super::step::{self, Cost, Running, io};
use crate::exit::Failure;
use beatcheck_model::{Answer, Outcome};
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout};
use std::time::Instant;

/// Questions asked before any is counted.
const WARM: usize = 20;
/// Scans of the extract that the peer's figure stands for.
const SCANS: usize = 30;
/// Name of the peer: the simplest thing that answers the same question from the same rows, unencrypted.
pub(super) const SCAN: &str = "scan of the plain CSV in RAM";

/// Answers of one kind of question.
pub(super) struct Timed {
    search_us: Vec<f64>,
    account_us: Vec<f64>,
    round_us: Vec<f64>,
    right: usize,
    hits: usize,
    asked: usize,
}

/// Asks one question at a time in one process; every answer is on record before the next is asked.
pub(super) struct Session {
    step: Running,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Session {
    pub(super) fn begin(job: &Job) -> Result<Self, Failure> {
        let mut step = job.batch()?;
        let (Some(to), Some(from)) = (step.child.stdin.take(), step.child.stdout.take()) else {
            return Err(Failure::new("io", "a step has no pipes"));
        };
        Ok(Self { step, to, from: BufReader::new(from) })
    }

    fn ask(&mut self, line: &str) -> Result<(Answer, f64), Failure> {
        let begun = Instant::now();
        self.to.write_all(format!("{line}\n").as_bytes()).and_then(|()| self.to.flush()).map_err(io("asking"))?;
        let mut answer = String::new();
        self.from.read_line(&mut answer).map_err(io("reading an answer"))?;
        let round_us = begun.elapsed().as_secs_f64() * 1e6;
        let answer = serde_json::from_str(&answer).map_err(|e| Failure::new("io", format!("an answer: {e}")))?;
        Ok((answer, round_us))
    }

    /// Asks all of them.
    pub(super) fn time(&mut self, asked: &[Asked]) -> Result<Timed, Failure> {
        for a in asked.iter().rev().take(WARM) {
            self.ask(&a.line)?;
        }
        let mut t = Timed {
            search_us: Vec::new(),
            account_us: Vec::new(),
            round_us: Vec::new(),
            right: 0,
            hits: 0,
            asked: asked.len(),
        };
        for a in asked {
            let (answer, round_us) = self.ask(&a.line)?;
            t.search_us.push(answer.took_us as f64);
            t.account_us.push(answer.account_us as f64);
            t.round_us.push(round_us);
            t.right += usize::from(right(a, &answer));
            t.hits += usize::from(answer.outcome == Outcome::Hit);
        }
        Ok(t)
    }

    /// Ends the process: what it took.
    pub(super) fn end(self) -> Result<Cost, Failure> {
        let Self { step, to, from } = self;
        drop((to, from));
        Ok(step.finish()?.1)
    }
}

/// Whether the record asked for is among those shown; or, where there is none, whether nothing was said to be a hit.
fn right(asked: &Asked, answer: &Answer) -> bool {
    match &asked.key {
        Some(key) => answer.hits.iter().any(|h| h.source_key == *key),
        None => answer.error.is_none() && matches!(answer.outcome, Outcome::NoTrace | Outcome::Possible),
    }
}

/// Goals of one kind of question.
#[derive(Clone, Copy, Default)]
pub(super) struct Goals {
    pub(super) p50_us: Option<f64>,
    pub(super) p99_us: Option<f64>,
    pub(super) right: Option<f64>,
}

impl Timed {
    /// The figures of this kind of question.
    pub(super) fn figures(mut self, case: &str, goals: Goals, peer_us: f64) -> Vec<Figure> {
        let n = self.asked;
        let share = |part: usize| part as f64 / n.max(1) as f64;
        let mut us = |metric, p: f64, of: fn(&mut Self) -> &mut Vec<f64>| {
            Figure::lower(case, metric, percentile(of(&mut self), p), "us").n(n)
        };
        let mut out = vec![
            us("search p50", 0.5, |t| &mut t.search_us).goal(goals.p50_us).peer(SCAN, peer_us),
            us("search p99", 0.99, |t| &mut t.search_us).goal(goals.p99_us),
            us("account p50", 0.5, |t| &mut t.account_us),
            us("account p99", 0.99, |t| &mut t.account_us),
            us("asked to answered p50", 0.5, |t| &mut t.round_us),
        ];
        out.push(Figure::higher(case, "answered right", share(self.right), "share").goal(goals.right).n(n));
        out.push(Figure::higher(case, "said to be a hit", share(self.hits), "share").n(n));
        out
    }
}

/// What the peer takes: the first row in which every cell is as asked, or the end of the list.
pub(super) fn scan_us(rows: &Rows<'_>, asked: &[Asked]) -> f64 {
    let every = (asked.len() / SCANS).max(1);
    let scan = |a: &Asked| {
        let begun = Instant::now();
        let same = |row: &&str| {
            let cells = cells(row);
            a.plain.iter().all(|(i, v)| cells.get(*i) == Some(&v.as_str()))
        };
        std::hint::black_box(rows.text.lines().find(same));
        begun.elapsed().as_secs_f64() * 1e6
    };
    let mut took: Vec<f64> = asked.iter().step_by(every).take(SCANS).map(scan).collect();
    percentile(&mut took, 0.5)
}

/// Checks a second when all are handed over at once.
pub(super) fn throughput(job: &Job, asked: &[Asked], case: &str) -> Result<Vec<Figure>, Failure> {
    let mut step = job.batch()?;
    let (Some(mut to), Some(from)) = (step.child.stdin.take(), step.child.stdout.take()) else {
        return Err(Failure::new("io", "a step has no pipes"));
    };
    let lines: String = asked.iter().map(|a| format!("{}\n", a.line)).collect();
    let begun = Instant::now();
    let answered = std::thread::scope(|s| {
        // Fed from a thread: with nobody reading, both pipes would fill.
        let feeding = s.spawn(move || to.write_all(lines.as_bytes()));
        let answered = BufReader::new(from).lines().map_while(Result::ok).filter(|l| !l.is_empty()).count();
        match feeding.join() {
            Ok(fed) => fed.map(|()| answered).map_err(io("asking")),
            Err(_) => Err(Failure::new("io", "asking failed")),
        }
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    let (_, cost) = step.finish()?;
    if answered != asked.len() {
        return Err(Failure::new("io", format!("{answered} of {} questions were answered", asked.len())));
    }
    let mut out = vec![Figure::higher(case, "checks a second", answered as f64 / seconds, "1/s").n(answered)];
    out.extend(cost.figures(case).into_iter().filter(|f| f.metric != "time"));
    Ok(out)
}

/// From the start of a process to its answer, which is on record: the median of some.
pub(super) fn first_answer(job: &Job, asked: &[Asked], times: usize) -> Result<Figure, Failure> {
    let mut took = Vec::new();
    for a in asked.iter().take(times) {
        let Some((_, mark)) = a.plain.first() else { continue };
        let purpose = ["--purpose", "traffic_stop"];
        let line = ["device", "check", "vehicle", mark, "--home"].map(std::ffi::OsStr::new);
        let line = [&line[..], &[job.home.as_os_str()], &purpose.map(std::ffi::OsStr::new)].concat();
        let begun = Instant::now();
        step::run(&line)?;
        took.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let n = took.len();
    Ok(Figure::lower("a process for one check", "start to end p50", percentile(&mut took, 0.5), "ms").n(n))
}

impl Cost {
    /// Time, processor time and memory of a step.
    pub(super) fn figures(&self, case: &str) -> Vec<Figure> {
        let mut out = vec![Figure::lower(case, "time", self.wall_s, "s"), Figure::lower(case, "CPU", self.cpu_s, "s")];
        if self.peak_kb > 0 {
            out.push(Figure::lower(case, "peak memory", self.peak_kb as f64 / 1024.0, "MiB"));
        }
        out
    }
}
