//! Line: an empty device until it holds everything, over loopback: time, processor time, bytes.
//!
//! Each client is a process of its own. The loopback is no phone's link: what a link adds is bytes by its rate, so bytes
//! and processor time are what counts here.

use super::json::client::{Spec, Taken};
use super::json::server::Server;
use super::world::{KINDS, World, sync, wire};
use super::{ZSTD_JSON, pouchdb};
use crate::bench::figure::Figure;
use crate::bench::job::Job;
use crate::bench::step::{self, Cost, io};
use crate::bench::{doing, sizes};
use crate::exit::Failure;
use std::ffi::OsStr;

/// Processor seconds for a million records; fewer records have their share of it, down to where the start of a process counts.
const CPU_GOAL_S: f64 = 30.0;
const MILLION: f64 = 1e6;
const GOAL_FROM: u64 = 100_000;

/// What provisioning took, ours.
pub(super) struct Provisioned {
    pub(super) device: Job,
    /// Bytes down, uncut.
    pub(super) down: u64,
}

pub(super) fn run(
    world: &mut World,
    server: &Server,
    records: u64,
    pouch: Option<&pouchdb::Measured>,
) -> Result<(Vec<Figure>, Provisioned), Failure> {
    let (taken, theirs) = alternative(world, server)?;
    let device = world.enrol()?;
    let (report, ours) = sync(&device)?;
    let held: u64 = report.compartments.iter().map(|c| c.rows).sum();
    if held != records || taken.rows != records {
        return Err(Failure::new("io", format!("{held} and {} of {records} records came", taken.rows)));
    }
    let (bytes, rows) = (wire(&report), records as f64);
    let their_bytes = (taken.down + taken.up) as f64;
    let case = format!("provision {} records", crate::bench::figure::short(rows));
    let with = |f: Figure, pouch_value: fn(&pouchdb::Measured) -> f64| match pouch {
        Some(p) => f.other(pouchdb::NAME, p.value(pouch_value)),
        None => f,
    };
    let mut out = vec![
        Figure::lower(&case, "time", ours.wall_s, "s").other(ZSTD_JSON, Ok(theirs.wall_s)),
        Figure::lower(&case, "CPU", ours.cpu_s, "s")
            .goal((records >= GOAL_FROM).then_some(CPU_GOAL_S * rows / MILLION))
            .other(ZSTD_JSON, Ok(theirs.cpu_s)),
        with(
            Figure::higher(&case, "rows a second", rows / ours.wall_s, "1/s")
                .other(ZSTD_JSON, Ok(rows / theirs.wall_s)),
            pouchdb::Measured::rows_per_s,
        ),
        Figure::lower(&case, "wire", bytes, "B").other(ZSTD_JSON, Ok(their_bytes)),
        with(
            Figure::lower(&case, "wire a row", bytes / rows, "B").other(ZSTD_JSON, Ok(their_bytes / rows)),
            pouchdb::Measured::bytes_per_row,
        ),
    ];
    let mib = |cost: &Cost| cost.peak_kb as f64 / 1024.0;
    out.push(Figure::lower(&case, "peak memory", mib(&ours), "MiB").other(ZSTD_JSON, Ok(mib(&theirs))));
    let stored = device.store_bytes() as f64 / rows;
    let their_stored = sizes::on_disk(&world.dir.join(HOME)) as f64 / rows;
    out.push(Figure::lower(&case, "store a row", stored, "B").other(ZSTD_JSON, Ok(their_stored)));
    std::fs::remove_dir_all(world.dir.join(HOME)).map_err(io("removing the alternative's store"))?;
    Ok((out, Provisioned { device, down: report.bytes_down }))
}

/// Where the alternative's client keeps its store.
const HOME: &str = "alternative";

/// Makes the alternative's pages and provisions its client from them.
fn alternative(world: &World, server: &Server) -> Result<(Taken, Cost), Failure> {
    let bar = doing("writing the records as JSON, for comparison");
    let sources = KINDS.into_iter().map(|k| world.pages(k, server)).collect::<Result<Vec<_>, _>>()?;
    drop(bar);
    let spec = Spec { port: server.port(), files: server.files().clone(), home: world.dir.join(HOME), sources };
    provision_at(world, &spec)
}

/// Runs the alternative's client as a step.
pub(super) fn provision_at(world: &World, spec: &Spec) -> Result<(Taken, Cost), Failure> {
    let _bar = doing("provisioning from JSON, for comparison");
    let path = world.dir.join("fetch.json");
    std::fs::write(&path, crate::output::json(spec)?).map_err(io("writing what to fetch"))?;
    let (out, cost) = step::run(&[OsStr::new("bench"), OsStr::new("--fetch-json"), path.as_os_str()])?;
    let taken = serde_json::from_str(&out).map_err(|e| Failure::new("io", format!("what a step said: {e}")))?;
    Ok((taken, cost))
}
