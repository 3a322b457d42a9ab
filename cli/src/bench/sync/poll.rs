//! Line: a sync when nothing has changed.

use super::ZSTD_JSON;
use super::json::{client, server::Server};
use super::world::{sync, wire};
use crate::bench::figure::Figure;
use crate::bench::job::Job;
use crate::exit::Failure;

const CASE: &str = "poll without change";
const REQUESTS_GOAL: f64 = 1.0;
const BYTES_GOAL: f64 = 1_000.0;

pub(super) fn run(device: &Job, server: &Server) -> Result<Vec<Figure>, Failure> {
    // What is still to be said of the syncs before goes up first: a poll has nothing to say.
    sync(device)?;
    let (report, cost) = sync(device)?;
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
        Figure::lower(CASE, "wire", wire(&report), "B")
            .goal(Some(BYTES_GOAL))
            .other(ZSTD_JSON, Ok((taken.down + taken.up) as f64)),
        Figure::lower(CASE, "time", cost.wall_s * 1e3, "ms"),
    ])
}
