//! Bench `main`: the main job on made-up vehicles and as many persons.

use super::checks::{Goals, Session, first_answer, scan_us, throughput};
use super::figure::Figure;
use super::job::{self, Job, Serving};
use super::queries::{self, Asked, Known, Rows};
use super::step::Cost;
use super::{Setting, doing, sizes};
use crate::exit::Failure;
use beatcheck_client::SyncReport;
use beatcheck_fixtures::{FixtureError, Spec, mutate_csv};
use serde_json::Value;
use std::path::Path;
use std::time::Instant;

/// The same rows in every run of one size.
const SEED: u64 = 20_260_430;
/// Shares of rows that change, go and come: together 1%.
const CHANGED: f64 = 0.006;
const GONE: f64 = 0.002;
const NEW: f64 = 0.002;
/// Questions of each kind: vehicles, persons, processes.
const VEHICLES: usize = 1000;
const PERSONS: usize = 400;
const PROCESSES: usize = 20;
/// Questions handed over at once.
const MANY: usize = 5000;

const ZSTD: &str = "the CSV, zstd -19";
const PATCH: &str = "the newer CSV, zstd -19 --patch-from the older";

/// A source of the job.
struct Source {
    kind: &'static str,
    mapping: &'static str,
    first: &'static str,
    next: &'static str,
    seed: u64,
}

const SOURCES: [Source; 2] = [
    Source { kind: "vehicles", mapping: "vehicles.toml", first: "vehicles.csv", next: "vehicles-next.csv", seed: 1 },
    Source { kind: "persons", mapping: "persons.toml", first: "persons.csv", next: "persons-next.csv", seed: 2 },
];

pub(super) fn run(setting: &Setting<'_>) -> Result<Vec<Figure>, Failure> {
    let fixtures = setting.dir.join("fixtures");
    let mut out = make_up(setting.size, &fixtures)?;
    let job = Job::begin(setting.dir)?;
    let server = first_syncs(&job, setting.size, &fixtures, &mut out)?;
    deltas(&job, &fixtures, &mut out)?;
    poll(&job, &mut out)?;
    checks(&job, setting.size, &fixtures, &mut out)?;
    account_up(&job, &mut out)?;
    watched(&job, &fixtures, &mut out)?;
    out.push(Figure::lower("server, all syncs", "CPU", server.cpu_s(), "s"));
    out.push(Figure::lower("server, all syncs", "peak memory", server.peak_kb() as f64 / 1024.0, "MiB"));
    drop(server);
    let rows = setting.size as f64 * 2.0;
    let database = sizes::on_disk(&job.hub.join("hub.db")) as f64;
    out.push(Figure::lower("hub", "database a record", database / rows, "B"));
    Ok(out)
}

fn failed(e: FixtureError) -> Failure {
    Failure::new("fixtures", e.to_string())
}

fn make_up(size: u64, dir: &Path) -> Result<Vec<Figure>, Failure> {
    let begun = Instant::now();
    let spec = Spec { persons: size, vehicles: size, seed: SEED };
    job::make_up(&spec, dir)?;
    let seconds = begun.elapsed().as_secs_f64();
    for s in &SOURCES {
        mutate_csv(&dir.join(s.first), &dir.join(s.next), s.seed, CHANGED, GONE, NEW).map_err(failed)?;
    }
    Ok(vec![Figure::lower("make up both", "time", seconds, "s")])
}

/// Ingests, publishes and syncs one source after the other, so that each has its own figures.
fn first_syncs(job: &Job, size: u64, dir: &Path, out: &mut Vec<Figure>) -> Result<Serving, Failure> {
    let mut server = None;
    for s in &SOURCES {
        let csv = sizes::read(&dir.join(s.first))?;
        let bar = doing("compressing, for comparison");
        let packed = sizes::zstd_19(&csv)?;
        drop(bar);
        let case = |step: &str| format!("{step} {}", s.kind);
        out.push(Figure::lower(&case("extract of"), "size", csv.len() as f64, "B"));
        let (_, cost) = job.ingest(&dir.join(s.mapping), &dir.join(s.first))?;
        out.extend(rate(&cost, &case("ingest"), size));
        let (published, cost) = job.publish()?;
        out.extend(rate(&cost, &case("publish"), size));
        let bytes = segment_bytes(&published);
        out.push(Figure::lower(&case("publish"), "segments", bytes, "B").peer(ZSTD, packed));
        if server.is_none() {
            let serving = job.serve()?;
            let cost = job.enrol(&serving)?;
            out.push(Figure::lower("enrol", "time", cost.wall_s * 1e3, "ms"));
            server = Some(serving);
        }
        let before = job.store_bytes();
        let (report, cost) = job.sync()?;
        synced(&report)?;
        let stored = job.store_bytes().saturating_sub(before) as f64;
        let case = case("first sync of");
        out.extend(rate(&cost, &case, size));
        out.push(wire(&report, &case).peer(ZSTD, packed));
        out.push(Figure::lower(&case, "store a record", stored / size as f64, "B"));
    }
    server.ok_or_else(|| Failure::new("io", "nothing was served"))
}

/// Costs of a step over all rows of a source, and its rows a second.
fn rate(cost: &Cost, case: &str, rows: u64) -> Vec<Figure> {
    let mut out = cost.figures(case);
    if cost.wall_s > 0.0 {
        out.push(Figure::higher(case, "rows a second", rows as f64 / cost.wall_s, "1/s"));
    }
    out
}

/// A bench of a sync that did not end well would say nothing.
pub(super) fn synced(report: &SyncReport) -> Result<(), Failure> {
    match report.fault.iter().chain(&report.failed).next() {
        Some(f) => Err(Failure::new("io", format!("the sync failed: {}", f.text))),
        None if !report.complete => Err(Failure::new("io", "the sync is not complete")),
        None => Ok(()),
    }
}

/// Bytes of a sync on the wire, both ways, TLS and handshake included.
pub(super) fn wire(report: &SyncReport, case: &str) -> Figure {
    Figure::lower(case, "wire", (report.bytes_down + report.bytes_up) as f64, "B")
}

/// Bytes of the segments that a publish cut.
pub(super) fn segment_bytes(published: &Value) -> f64 {
    let compartments = published["compartments"].as_array().map(Vec::as_slice).unwrap_or_default();
    compartments.iter().filter_map(|c| c["bytes"].as_f64()).sum()
}

/// MATCHING.md's goals, for stores of at most so many persons.
fn person_goals(size: u64) -> Goals {
    match size {
        0..=100_000 => Goals { p50_us: Some(2e3), p99_us: Some(5e3), right: None },
        100_001..=1_000_000 => Goals { p50_us: Some(5e3), p99_us: Some(15e3), right: None },
        _ => Goals::default(),
    }
}

fn checks(job: &Job, size: u64, dir: &Path, out: &mut Vec<Figure>) -> Result<(), Failure> {
    let (vehicles, persons) = (sizes::read(&dir.join(SOURCES[0].next))?, sizes::read(&dir.join(SOURCES[1].next))?);
    let (vehicles, persons) = (Rows::new(&vehicles)?, Rows::new(&persons)?);
    let mark = Goals { p50_us: Some(50.0), p99_us: Some(1e3), right: Some(1.0) };
    let found = Goals { right: Some(1.0), ..Goals::default() };
    let person = person_goals(size);
    let kinds: [(&str, Goals, &Rows<'_>, Vec<Asked>); 7] = [
        ("check mark, recorded", mark, &vehicles, queries::marks(&vehicles, VEHICLES)),
        ("check mark, unknown", mark, &vehicles, queries::unknown_marks(&vehicles, VEHICLES)),
        ("check mark, 0 and O, 1 and I mixed up", found, &vehicles, queries::folded_marks(&vehicles, VEHICLES)),
        ("check VIN", found, &vehicles, queries::vins(&vehicles, VEHICLES)),
        ("check name and birth", person, &persons, queries::persons(&persons, PERSONS, Known::NameAndBirth)),
        ("check name misspelt and birth", person, &persons, queries::persons(&persons, PERSONS, Known::Misspelt)),
        ("check name", person, &persons, queries::persons(&persons, PERSONS, Known::Name)),
    ];
    let mut session = Session::begin(job)?;
    for (case, goals, rows, asked) in &kinds {
        let _bar = doing(case);
        let timed = session.time(asked)?;
        out.extend(timed.figures(case, *goals, scan_us(rows, asked)));
    }
    let cost = session.end()?;
    out.push(Figure::lower("all checks, one process", "peak memory", cost.peak_kb as f64 / 1024.0, "MiB"));
    let _bar = doing("many at once");
    out.extend(throughput(job, &queries::marks(&vehicles, MANY), "many marks at once")?);
    let many = queries::persons(&persons, MANY / 5, Known::NameAndBirth);
    out.extend(throughput(job, &many, "many names and births at once")?);
    out.push(first_answer(job, &queries::marks(&vehicles, PROCESSES), PROCESSES)?);
    Ok(())
}

/// The account of all those checks goes up.
fn account_up(job: &Job, out: &mut Vec<Figure>) -> Result<(), Failure> {
    let (report, cost) = job.sync()?;
    synced(&report)?;
    let sent = report.journal_sent.max(1) as f64;
    out.push(Figure::lower("account up", "time", cost.wall_s, "s"));
    out.push(
        Figure::lower("account up", "wire an entry", report.bytes_up as f64 / sent, "B")
            .n(report.journal_sent as usize),
    );
    Ok(())
}

/// The next extract of each source, with 1% changed.
fn deltas(job: &Job, dir: &Path, out: &mut Vec<Figure>) -> Result<(), Failure> {
    for s in &SOURCES {
        let (old, new) = (sizes::read(&dir.join(s.first))?, sizes::read(&dir.join(s.next))?);
        let bar = doing("making a patch, for comparison");
        let patch = sizes::zstd_patch(&old, &new)?;
        drop(bar);
        let rows = new.iter().filter(|b| **b == b'\n').count() as u64;
        let case = |step: &str| format!("{step} 1% of {}", s.kind);
        let (_, cost) = job.ingest(&dir.join(s.mapping), &dir.join(s.next))?;
        out.extend(rate(&cost, &case("ingest"), rows));
        let (published, cost) = job.publish()?;
        out.extend(cost.figures(&case("publish")));
        out.push(Figure::lower(&case("publish"), "segments", segment_bytes(&published), "B").peer(PATCH, patch));
        let (report, cost) = job.sync()?;
        synced(&report)?;
        let case = case("delta sync of");
        let changes: u64 = report.compartments.iter().map(|c| c.inserted + c.updated + c.deleted).sum();
        let bytes = wire(&report, &case);
        let a_change = bytes.value / changes.max(1) as f64;
        out.extend(cost.figures(&case));
        out.push(bytes.peer(PATCH, patch));
        out.push(Figure::lower(&case, "wire a change", a_change, "B").n(changes as usize));
    }
    Ok(())
}

/// A delta after many checks: what officers were told is asked again, for late hits.
fn watched(job: &Job, dir: &Path, out: &mut Vec<Figure>) -> Result<(), Failure> {
    let (s, third) = (&SOURCES[0], dir.join("vehicles-third.csv"));
    mutate_csv(&dir.join(s.next), &third, 3, CHANGED, GONE, NEW).map_err(failed)?;
    job.ingest(&dir.join(s.mapping), &third)?;
    job.publish()?;
    let (report, cost) = job.sync()?;
    synced(&report)?;
    let case = "delta sync of 1% of vehicles, late hits watched for";
    out.extend(cost.figures(case));
    out.push(Figure::higher(case, "late hits told", report.late_hits.len() as f64, ""));
    Ok(())
}

/// A sync when there is nothing new.
fn poll(job: &Job, out: &mut Vec<Figure>) -> Result<(), Failure> {
    let (report, cost) = job.sync()?;
    synced(&report)?;
    out.push(Figure::lower("sync, nothing new", "requests", f64::from(report.requests), ""));
    out.push(wire(&report, "sync, nothing new"));
    out.push(Figure::lower("sync, nothing new", "time", cost.wall_s * 1e3, "ms"));
    Ok(())
}
