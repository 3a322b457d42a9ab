//! Line: one bad row in the store, found by reading it all again, and repaired.
//!
//! A bit of one stored row is flipped behind the device's back. Found means that a scrub says so; repaired, that the next
//! sync fetched the rows that differ, and that another scrub finds nothing.

use super::checks;
use super::world::compartment;
use crate::bench::doing;
use crate::bench::figure::Figure;
use crate::bench::job::Job;
use crate::bench::main_job::synced;
use crate::exit::Failure;
use beatcheck_model::RecordKind;
use std::time::Instant;

const CASE: &str = "one bad row";
const BYTES_GOAL: f64 = 64_000.0;
/// Which row; any is as good.
const ROW: u64 = 777;
/// How long a store may take to be seen through in idle time, in hours.
const FOUND_GOAL_H: f64 = 24.0;
/// Milliseconds of scrubbing between two held questions of a watch, and how long each is held: what idle time there is.
const IDLE_SHARE: f64 = 50.0 / 25_000.0;

/// Damages a stored row of a device that is up to date, and has it found and mended.
pub(super) fn run(job: &Job) -> Result<Vec<Figure>, Failure> {
    let _bar = doing(CASE);
    let device = checks::open(job)?;
    let name = compartment(RecordKind::Person);
    device.flip_stored_row(name, ROW)?;
    let began = Instant::now();
    let seen = device.scrub(0, true)?;
    let scrub_s = began.elapsed().as_secs_f64();
    if seen.suspect != [name] {
        return Err(Failure::new("io", format!("the scrub found {:?} and not the row that was damaged", seen.suspect)));
    }
    let report = device.sync(&|_| ())?;
    synced(&report)?;
    let mended = report.mended.first().filter(|m| !m.rebuilt);
    let mended = mended.ok_or_else(|| Failure::new("io", "the row was not mended by itself"))?;
    if !device.scrub(0, true)?.suspect.is_empty() {
        return Err(Failure::new("io", "what was mended is still not what was published"));
    }
    let rows = seen.rows as f64;
    Ok(vec![
        Figure::lower(CASE, "all rows read again", scrub_s, "s").n(seen.rows as usize),
        Figure::higher(CASE, "rows read again a second", rows / scrub_s, "1/s"),
        Figure::lower(CASE, "found at rest, while watching", scrub_s / IDLE_SHARE / 3600.0, "h")
            .goal(Some(FOUND_GOAL_H)),
        Figure::lower(CASE, "repaired, rows fetched", mended.rows as f64, ""),
        Figure::lower(CASE, "repaired, the hub's answers", mended.bytes as f64, "B"),
        Figure::lower(CASE, "repaired, whole sync", (report.bytes_down + report.bytes_up) as f64, "B")
            .goal(Some(BYTES_GOAL)),
    ])
}
