//! `bench crowd`: thousands of phones at one hub: they connect all at once, ask whether there is anything new, wait for it,
//! and are told.
//!
//! Each phone has keys of its own and has enrolled; it speaks HTTP/2 over TLS with its own certificate, as the device core
//! does, but holds no store: the hub is what is measured. The hub is a process of its own; the phones share its processors.

mod phone;

use super::figure::{Figure, percentile};
use super::job::{Job, Serving, make_up};
use super::phones::{self, Trust, broken};
use super::step::io;
use super::{Setting, doing};
use crate::exit::Failure;
use beatcheck_fixtures::{Spec, mutate_csv};
use beatcheck_hub::{Hub, SystemClock};
use phone::Caller;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const RECORDS: u64 = 2_000;
const SEED: u64 = 20_261_126;
/// Of them, in the publication that all are told of.
const CHANGED: f64 = 0.01;
/// Phones that ask, or connect, at one time.
const AT_ONCE: usize = 64;
/// How often each asks whether there is anything new.
const ROUNDS: u32 = 3;
/// Polls a second that a fleet of 150,000 comes to, each asking every five minutes.
const GOAL_POLLS: f64 = 500.0;
/// What a phone that waits is given to wait, and how long it is looked at while all of them do.
const HOLD_S: u16 = 25;
const SETTLE: Duration = Duration::from_secs(4);
const LOOK: Duration = Duration::from_secs(5);

pub(super) fn run(setting: &Setting<'_>) -> Result<Vec<Figure>, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(io("starting threads"))?;
    runtime.block_on(crowd(setting.dir, setting.devices))
}

async fn crowd(dir: &Path, devices: u32) -> Result<Vec<Figure>, Failure> {
    let fixtures = dir.join("fixtures");
    make_up(&Spec { persons: RECORDS, vehicles: RECORDS, seed: SEED }, &fixtures)?;
    let (mapping, first, next) =
        (fixtures.join("vehicles.toml"), fixtures.join("vehicles.csv"), fixtures.join("vehicles-next.csv"));
    mutate_csv(&first, &next, SEED, CHANGED, 0.0, 0.0).map_err(|e| Failure::new("fixtures", e.to_string()))?;
    let job = Job::begin(dir)?;
    job.ingest(&mapping, &first)?;
    job.publish()?;
    let hub = Hub::open(&job.hub, Arc::new(SystemClock))?;
    let trust = Trust::of(&hub)?;
    let server = job.serve()?;
    let port = server.port()?;
    let mut callers = enrol_all(&hub, &trust, port, devices).await?;

    let mut out = Vec::new();
    let empty_kb = server.now_kb();
    storm(&mut callers, &server, &mut out).await?;
    let each_kb = server.now_kb().saturating_sub(empty_kb) as f64 / f64::from(devices);
    polls(&mut callers, &server, &mut out).await?;
    job.ingest(&mapping, &next)?;
    out.push(Figure::lower("connected", "memory of the hub, each", each_kb, "KiB").n(callers.len()));
    told(callers, &server, &job, &mut out).await?;
    Ok(out)
}

async fn enrol_all(hub: &Hub, trust: &Trust, port: u16, devices: u32) -> Result<Vec<Caller>, Failure> {
    let bar = doing(&format!("enrolling {devices} devices"));
    let places = Arc::new(Semaphore::new(4));
    let mut running = JoinSet::new();
    for n in 0..devices {
        let (hub, trust, places) = (hub.clone(), trust.clone(), Arc::clone(&places));
        running.spawn(async move {
            let _place = places.acquire().await.map_err(broken)?;
            let phone = phones::enrol(hub, &trust, port, n).await?;
            Ok::<_, Failure>(Caller::new(phone, trust, port))
        });
    }
    let mut callers = Vec::new();
    while let Some(done) = running.join_next().await {
        callers.push(done.map_err(broken)??);
        bar.rows("enrolling devices", callers.len() as u64, u64::from(devices));
    }
    Ok(callers)
}

/// What all have done, some at a time.
#[derive(Default)]
struct Done {
    took_s: f64,
    /// Milliseconds of each.
    each_ms: Vec<f64>,
    cpu_s: f64,
    /// How often the hub had no room.
    busy: u32,
}

/// Lets every phone do the same, so many at a time.
async fn all<F, W>(callers: &mut Vec<Caller>, server: &Serving, at_once: usize, work: W) -> Result<Done, Failure>
where
    W: Fn(Caller) -> F,
    F: Future<Output = Result<(Caller, u32), Failure>> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(at_once));
    let (began, cpu) = (Instant::now(), server.cpu_s());
    let mut running = JoinSet::new();
    for caller in callers.drain(..) {
        let (places, work) = (Arc::clone(&places), work(caller));
        running.spawn(async move {
            let _place = places.acquire().await.map_err(broken)?;
            let began = Instant::now();
            let (caller, busy) = work.await?;
            Ok::<_, Failure>((caller, busy, began.elapsed().as_secs_f64() * 1e3))
        });
    }
    let (mut each_ms, mut busy) = (Vec::new(), 0);
    while let Some(done) = running.join_next().await {
        let (caller, refused, ms) = done.map_err(broken)??;
        callers.push(caller);
        each_ms.push(ms);
        busy += refused;
    }
    Ok(Done { took_s: began.elapsed().as_secs_f64(), each_ms, cpu_s: server.cpu_s() - cpu, busy })
}

impl Done {
    fn add(&mut self, more: Self) {
        self.took_s += more.took_s;
        self.each_ms.extend(more.each_ms);
        self.cpu_s += more.cpu_s;
        self.busy += more.busy;
    }

    fn figures(mut self, case: &str, goal: Option<f64>, out: &mut Vec<Figure>) {
        let n = self.each_ms.len();
        let (p50, p99) = (percentile(&mut self.each_ms, 0.5), percentile(&mut self.each_ms, 0.99));
        out.push(Figure::higher(case, "a second", n as f64 / self.took_s, "").goal(goal).n(n));
        out.push(Figure::lower(case, "p50", p50, "ms").n(n));
        out.push(Figure::lower(case, "p99", p99, "ms").n(n));
        out.push(Figure::lower(case, "processor of the hub, each", self.cpu_s * 1e3 / n as f64, "ms").n(n));
        out.push(Figure::lower(case, "refused for want of room", f64::from(self.busy), ""));
    }
}

/// The start of a shift: everybody connects and asks for what there is.
async fn storm(callers: &mut Vec<Caller>, server: &Serving, out: &mut Vec<Figure>) -> Result<(), Failure> {
    let _bar = doing("all connect at once");
    let done = all(callers, server, AT_ONCE, |mut caller| async move {
        caller.connect().await?;
        let busy = caller.ask_until_heard().await?;
        Ok((caller, busy))
    });
    done.await?.figures("all connect, and ask for what there is", None, out);
    Ok(())
}

/// Is there anything new? There is not.
async fn polls(callers: &mut Vec<Caller>, server: &Serving, out: &mut Vec<Figure>) -> Result<(), Failure> {
    let _bar = doing("all ask whether there is anything new");
    let mut done = Done::default();
    for _ in 0..ROUNDS {
        let round = all(callers, server, AT_ONCE, |mut caller| async move {
            let busy = caller.ask_until_heard().await?;
            Ok((caller, busy))
        });
        done.add(round.await?);
    }
    done.figures("a poll without change", Some(GOAL_POLLS), out);
    Ok(())
}

/// All wait; then something is published.
async fn told(callers: Vec<Caller>, server: &Serving, job: &Job, out: &mut Vec<Figure>) -> Result<(), Failure> {
    let _bar = doing("all wait for something new");
    let n = callers.len();
    let mut waiting = JoinSet::new();
    for mut caller in callers {
        waiting.spawn(async move {
            let heard = caller.wait(HOLD_S).await?;
            Ok::<_, Failure>((Instant::now(), heard))
        });
    }
    tokio::time::sleep(SETTLE).await;
    let mut turned_away = 0_u32;
    while let Some(done) = waiting.try_join_next() {
        done.map_err(broken)??;
        turned_away += 1;
    }
    let (cpu, kb) = (server.cpu_s(), server.now_kb());
    tokio::time::sleep(LOOK).await;
    let idle = (server.cpu_s() - cpu) / LOOK.as_secs_f64() * 100.0;
    let case = "all wait";
    out.push(Figure::lower(case, "not held", f64::from(turned_away), "").n(n));
    out.push(Figure::lower(case, "processor of the hub", idle, "% of one").n(n));
    out.push(Figure::lower(case, "memory of the hub", kb as f64 / 1024.0, "MiB").n(n));

    let cpu = server.cpu_s();
    tokio::task::block_in_place(|| job.publish())?;
    let published = Instant::now();
    let (mut after, mut news) = (Vec::new(), 0);
    while let Some(done) = waiting.join_next().await {
        let (at, heard) = done.map_err(broken)??;
        after.push(at.saturating_duration_since(published).as_secs_f64() * 1e3);
        news += usize::from(heard);
    }
    let case = "told of a publication";
    let held = after.len().max(1);
    let last = after.iter().copied().fold(0.0, f64::max);
    out.push(Figure::higher(case, "who waited and were told", news as f64, "").goal(Some(after.len() as f64)));
    out.push(Figure::lower(case, "p50", percentile(&mut after, 0.5), "ms").n(held));
    out.push(Figure::lower(case, "last", last, "ms").n(held));
    let each = (server.cpu_s() - cpu) * 1e3 / held as f64;
    out.push(Figure::lower(case, "processor of the hub, each", each, "ms").n(held));
    Ok(())
}
