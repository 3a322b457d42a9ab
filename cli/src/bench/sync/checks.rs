//! Line: a check while a sync works, beside the same checks when nothing happens.
//!
//! One process, one device, two threads: one syncs, one asks for vehicles at an even pace. Counted are the checks that
//! overlap the store's work (from the last byte fetched until the new state is usable), not those that wait for the link. Each
//! is timed from asked to answered, its entry in the account on the disk. Hub and device share this machine's cores, which
//! a phone does not have to.

use super::extract::Edit;
use super::world::{KINDS, World};
use crate::bench::doing;
use crate::bench::figure::{Figure, percentile};
use crate::bench::job::Job;
use crate::exit::Failure;
use beatcheck_client::{CheckRequest, ClientError, Device, Env, FileVault, SyncProgress};
use beatcheck_model::{Outcome, RecordKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const PURPOSE: &str = "traffic_stop";
/// Marks that are asked for, over and over.
const MARKS: usize = 500;
/// Checks before any is counted, and checks when nothing happens.
const WARM: usize = 100;
const IDLE: usize = 1000;
/// Between two checks, so that the account does not outgrow what a shift would bring.
const PACE: Duration = Duration::from_millis(1);
/// How much slower p99 may be and still count as not measurably slower.
const SLOWER: f64 = 1.1;
/// Checks that must overlap the work before their p99 says anything.
const ENOUGH: usize = 100;
/// Every so many rows of the largest delta change.
const DELTA_EACH: usize = 5;

/// The desk's device in this process.
pub(super) fn open(job: &Job) -> Result<Device, Failure> {
    let vault = FileVault::open(job.home.join("vault")).map_err(ClientError::from)?;
    Ok(Device::open(&job.home, Arc::new(vault), Env::system(), None)?)
}

/// A new generation of persons is built while vehicles are asked for.
pub(super) fn while_building(world: &World, device: &Job) -> Result<Vec<Figure>, Failure> {
    let persons = world.extract(RecordKind::Person).len();
    measure(world, device, &format!("check while {persons} persons are built"))
}

/// The largest delta is applied to the very compartment that is asked.
pub(super) fn while_applying(world: &mut World, device: &Job) -> Result<Vec<Figure>, Failure> {
    // What came since is not part of what is measured.
    super::world::sync(device)?;
    let rows = world.extract(KINDS[0]).len() / DELTA_EACH;
    if let Err(why) = world.change(KINDS[0], Edit::Field, rows)? {
        return Ok(vec![Figure::not_measured("check while a delta is applied", "p99", "us", &why)]);
    }
    measure(world, device, &format!("check while a delta of {rows} vehicles is applied"))
}

/// When the store was at work.
#[derive(Default)]
struct Work {
    from: Option<Instant>,
    to: Option<Instant>,
}

struct Check {
    asked: Instant,
    us: f64,
    search_us: f64,
}

fn ask(device: &Device, mark: &str) -> Result<Check, Failure> {
    let request = CheckRequest::vehicle(mark, PURPOSE);
    let asked = Instant::now();
    let answer = device.check(&request)?;
    let us = asked.elapsed().as_secs_f64() * 1e6;
    if answer.outcome != Outcome::Hit {
        return Err(Failure::new("io", "a recorded mark was not answered with a hit"));
    }
    Ok(Check { asked, us, search_us: answer.took_us as f64 })
}

fn measure(world: &World, device: &Job, case: &str) -> Result<Vec<Figure>, Failure> {
    let _bar = doing(case);
    let marks = world.extract(RecordKind::Vehicle).some("vrm", MARKS)?;
    let device = open(device)?;
    let mut endless = marks.iter().cycle();
    let mut next = || {
        std::thread::sleep(PACE);
        endless.next().map_or(Err(Failure::new("io", "there are no marks to ask for")), |m| ask(&device, m))
    };
    for _ in 0..WARM {
        next()?;
    }
    let idle = (0..IDLE).map(|_| next()).collect::<Result<Vec<Check>, Failure>>()?;

    let (work, done) = (Mutex::new(Work::default()), AtomicBool::new(false));
    let busy = std::thread::scope(|s| -> Result<Vec<Check>, Failure> {
        let syncing = s.spawn(|| {
            let report = device.sync(&|p| {
                let mut work = work.lock().unwrap_or_else(PoisonError::into_inner);
                match p {
                    SyncProgress::Fetched { .. } => work.from = Some(Instant::now()),
                    SyncProgress::Usable { .. } => work.to = Some(Instant::now()),
                    _ => {}
                }
            });
            done.store(true, Ordering::SeqCst);
            report
        });
        let mut busy = Vec::new();
        while !done.load(Ordering::SeqCst) {
            busy.push(next()?);
        }
        let report = syncing.join().map_err(|_| Failure::new("io", "the syncing thread ended early"))??;
        crate::bench::main_job::synced(&report)?;
        Ok(busy)
    })?;
    let work = work.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (Some(from), Some(to)) = (work.from, work.to) else {
        return Ok(vec![Figure::not_measured(case, "p99", "us", "the sync said nothing of its work")]);
    };
    let during = busy.into_iter().filter(|c| c.asked < to && c.asked + Duration::from_secs_f64(c.us / 1e6) > from);
    Ok(figures(case, idle, during.collect(), to.duration_since(from)))
}

fn figures(case: &str, idle: Vec<Check>, during: Vec<Check>, work: Duration) -> Vec<Figure> {
    let n = during.len();
    let of =
        |checks: &[Check], p, us: fn(&Check) -> f64| percentile(&mut checks.iter().map(us).collect::<Vec<f64>>(), p);
    let mut out = vec![Figure::lower(case, "store at work", work.as_secs_f64() * 1e3, "ms")];
    for (metric, p, us) in [
        ("asked to answered p50", 0.5, (|c| c.us) as fn(&Check) -> f64),
        ("asked to answered p99", 0.99, |c| c.us),
        ("search p50", 0.5, |c| c.search_us),
        ("search p99", 0.99, |c| c.search_us),
    ] {
        if p > 0.9 && n < ENOUGH {
            let why = format!("{n} checks overlapped the work, and {ENOUGH} are needed: give more --records");
            out.push(Figure::not_measured(case, metric, "us", &why));
            continue;
        }
        let quiet = of(&idle, p, us);
        let goal = (metric == "asked to answered p99").then_some(quiet * SLOWER);
        out.push(
            Figure::lower(case, metric, of(&during, p, us), "us").goal(goal).n(n).other("the same, idle", Ok(quiet)),
        );
    }
    out
}
