//! Line: a sync when nothing has changed: over a connection of its own, handshake with it, and over one that is kept, as a
//! device in the foreground has it.

use super::json::{client, server::Server};
use super::world::{sync, wire};
use super::{ZSTD_JSON, checks};
use crate::bench::figure::Figure;
use crate::bench::job::Job;
use crate::bench::main_job::synced;
use crate::exit::Failure;
use beatcheck_client::{SyncOptions, SyncReport};
use std::cell::{Cell, RefCell};

const CASE: &str = "poll without change";
const REQUESTS_GOAL: f64 = 1.0;
const BYTES_GOAL: f64 = 1_000.0;
/// Syncs over one connection; the last one counts.
const KEPT: usize = 3;

/// The last of some polls over one connection, each held for a second.
fn kept(device: &Job) -> Result<SyncReport, Failure> {
    let (device, seen, last) = (checks::open(device)?, Cell::new(0), RefCell::new(None));
    let options = SyncOptions { hold_s: 1, ..SyncOptions::default() };
    let mut told = |report: &SyncReport| {
        seen.set(seen.get() + 1);
        *last.borrow_mut() = Some(report.clone());
    };
    device.watch(&options, &|_| (), &mut told, &|| seen.get() >= KEPT)?;
    let report = last.into_inner().ok_or_else(|| Failure::new("io", "the watch told nothing"))?;
    synced(&report)?;
    Ok(report)
}

pub(super) fn run(device: &Job, server: &Server) -> Result<Vec<Figure>, Failure> {
    // What is still to be said of the syncs before goes up first: a poll has nothing to say.
    sync(device)?;
    let (report, cost) = sync(device)?;
    let kept = kept(device)?;
    let tag = "changes";
    server.put(tag, b"")?;
    let (body, taken) = client::fetch(server.port(), server.files(), tag, Some(tag))?;
    if body.is_some() {
        return Err(Failure::new("io", "the alternative answered a poll with content"));
    }
    Ok(vec![
        Figure::lower(CASE, "requests", f64::from(report.requests), "")
            .goal(Some(REQUESTS_GOAL))
            .other(ZSTD_JSON, Ok(taken.requests as f64)),
        Figure::lower(CASE, "wire, connection kept", wire(&kept), "B").goal(Some(BYTES_GOAL)),
        Figure::lower(CASE, "wire", wire(&report), "B")
            .goal(Some(BYTES_GOAL))
            .other(ZSTD_JSON, Ok((taken.down + taken.up) as f64)),
        Figure::lower(CASE, "time", cost.wall_s * 1e3, "ms"),
    ])
}
