//! `bench fleet`: how fast the console's pages come with 5,000 devices, beside the same pages with 50 in the same run.
//!
//! Nothing is put into the database by hand: each device has keys of its own, enrols with a code over TLS as any does, and
//! hands in a signed batch of its account over a connection with its own certificate. Then somebody logs in to the real
//! console over HTTPS and asks for every page. All of it runs in this process, so client and hub share its processors.

mod device;
mod pages;

use super::figure::{Figure, percentile, short};
use super::job::{Job, make_up};
use super::phones::{Trust, broken};
use super::step::io;
use super::{Setting, doing};
use crate::exit::Failure;
use crate::output::Screen;
use beatcheck_fixtures::Spec;
use beatcheck_hub::{FleetFilter, Hub, ServeOptions, Server, SystemClock};
use pages::{Page, World};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Devices of the fleet that stands beside it.
const FEW: u32 = 50;
/// How often each page is asked for.
const REQUESTS: usize = 30;
/// Devices that enrol at one time.
const AT_ONCE: usize = 4;
/// Purges that wait, so that there are orders to be shown.
const PURGES: u64 = 100;
/// A page takes no longer than this, at the median.
const GOAL_MS: f64 = 200.0;
const RECORDS: u64 = 500;
const SEED: u64 = 20_261_125;

/// A port of the loopback that is free.
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// What a fleet of one size took.
struct Taken {
    enrolled_s: f64,
    /// Seconds to open and index the whole account, and its entries.
    indexed_s: f64,
    entries: u64,
    /// By page: milliseconds of each request, and bytes of the page.
    pages: Vec<(Page, Vec<f64>, usize)>,
}

pub(super) fn run(setting: &Setting<'_>) -> Result<Vec<Figure>, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(io("starting threads"))?;
    let few = runtime.block_on(fleet(&setting.dir.join("few"), FEW))?;
    let many = runtime.block_on(fleet(&setting.dir.join("many"), setting.devices))?;
    let small: &'static str = "50 devices";
    let case = format!("fleet of {}", setting.devices);
    let each = |taken: &Taken, n: u32| taken.enrolled_s * 1e3 / f64::from(n);
    let index = |taken: &Taken| taken.indexed_s * 1e3 / taken.entries.max(1) as f64;
    let mut out = vec![
        Figure::lower(&case, "enrolled, with a batch of its account, each", each(&many, setting.devices), "ms")
            .peer(small, each(&few, FEW))
            .n(setting.devices as usize),
        Figure::lower(&case, "account opened and indexed, an entry", index(&many), "ms")
            .peer(small, index(&few))
            .n(usize::try_from(many.entries).unwrap_or(usize::MAX)),
    ];
    for ((page, mut times, bytes), (_, mut beside, small_bytes)) in many.pages.into_iter().zip(few.pages) {
        let n = times.len();
        let (median, p95) = (percentile(&mut times, 0.5), percentile(&mut times, 0.95));
        let (median_few, p95_few) = (percentile(&mut beside, 0.5), percentile(&mut beside, 0.95));
        out.push(Figure::lower(page.name, "median", median, "ms").goal(Some(GOAL_MS)).peer(small, median_few).n(n));
        out.push(Figure::lower(page.name, "p95", p95, "ms").peer(small, p95_few).n(n));
        out.push(Figure::lower(page.name, "size", bytes as f64, "bytes").peer(small, small_bytes as f64).n(n));
    }
    Ok(out)
}

/// Makes a fleet of so many devices, and asks for every page.
async fn fleet(dir: &Path, devices: u32) -> Result<Taken, Failure> {
    std::fs::create_dir_all(dir).map_err(io("making a directory"))?;
    let fixtures = dir.join("fixtures");
    make_up(&Spec { persons: RECORDS, vehicles: RECORDS, seed: SEED }, &fixtures)?;
    let job = Job::begin(dir)?;
    for kind in ["vehicles", "persons"] {
        job.ingest(&fixtures.join(format!("{kind}.toml")), &fixtures.join(format!("{kind}.csv")))?;
    }
    job.publish()?;
    let hub = Hub::open(&job.hub, Arc::new(SystemClock))?;
    let trust = Trust::of(&hub)?;

    let server = Server::bind(hub.clone(), ServeOptions { listen: ANY, names: Vec::new(), connections: None }).await?;
    let port = server.local_addr().port();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    let begun = Instant::now();
    let some = enrol_all(&hub, &trust, port, devices).await?;
    let enrolled_s = begun.elapsed().as_secs_f64();
    drop(stop);
    let _ = serving.await;

    for device in hub.fleet(&FleetFilter { limit: PURGES, ..FleetFilter::default() })?.0 {
        hub.order_purge(device.id, "vehicles", "bench")?;
    }
    // A search would do it bit by bit, and the pages' times be those of the index.
    let begun = Instant::now();
    let entries = hub.account_index()?.entries;
    let indexed_s = begun.elapsed().as_secs_f64();

    let world = World::begin(hub, trust, some).await?;
    let mut pages = Vec::new();
    for page in pages::PAGES {
        let _bar = doing(&format!("{devices} devices: {}", page.name));
        let (times, bytes) = world.time(page, REQUESTS).await?;
        pages.push((*page, times, bytes));
    }
    world.end().await;
    Ok(Taken { enrolled_s, indexed_s, entries, pages })
}

/// Enrols all and lets each hand in its account; one of them, to be looked at.
async fn enrol_all(hub: &Hub, trust: &Trust, port: u16, devices: u32) -> Result<device::Known, Failure> {
    let bar = doing(&format!("enrolling {devices} devices"));
    let compartments = hub.compartments()?;
    let mut known = None;
    let mut running = tokio::task::JoinSet::new();
    for n in 0..devices {
        if running.len() >= AT_ONCE
            && let Some(done) = running.join_next().await
        {
            known = Some(done.map_err(broken)??);
        }
        running.spawn(device::begin(hub.clone(), trust.clone(), port, n, compartments.clone()));
        bar.rows("enrolling devices", u64::from(n), u64::from(devices));
    }
    while let Some(done) = running.join_next().await {
        known = Some(done.map_err(broken)??);
    }
    known.ok_or_else(|| Failure::new("usage", "--devices is at least 1"))
}

/// For people: a line a page.
pub(super) fn table(screen: &mut Screen, figures: &[Figure]) {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for f in figures {
        let beside = f.peer_value.map(short).unwrap_or_default();
        match (f.metric, rows.last_mut()) {
            ("p95" | "size", Some(row)) => row.extend([short(f.value), beside]),
            ("median", _) => {
                let met = if f.missed() { "MISSED" } else { "met" };
                rows.push(vec![f.case.clone(), met.to_owned(), short(f.value), beside]);
            }
            _ => screen.line(&format!(
                "{}: {} {} {}; {beside} with 50 devices",
                f.case,
                f.metric,
                short(f.value),
                f.unit
            )),
        }
    }
    let head = ["page", "goal 200 ms", "median ms", "with 50", "p95 ms", "with 50", "bytes", "with 50"];
    screen.table(&head, &rows);
}
