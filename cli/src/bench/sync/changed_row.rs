//! Line: bytes of a changed row, by what changed and by how many came together.
//!
//! Two figures of ours: the segments that the device took, which is what a cache carries and what the goals are for, and a
//! whole sync on the wire with its handshake, documents and account, both ways. The alternative's are the same two: the body of its one request, and all of it.

use super::extract::Edit;
use super::json::{self, client, server::Server};
use super::world::{KINDS, Published, World, sync, wire};
use super::{MERGE_PATCH, ZSTD_JSON};
use crate::bench::doing;
use crate::bench::figure::Figure;
use crate::bench::job::Job;
use crate::exit::Failure;
use beatcheck_model::RecordKind;

const BATCHES: [usize; 4] = [1, 20, 100, 1000];
/// From how many rows together the goals hold.
const GOAL_FROM: usize = 20;
const FIELD_GOAL: f64 = 25.0;
const FULL_GOAL: f64 = 70.0;

/// Bytes of the alternative: the body, and all that was on the wire.
struct Sent {
    body: f64,
    wire: f64,
}

pub(super) fn run(world: &mut World, device: &Job, server: &Server) -> Result<Vec<Figure>, Failure> {
    let mut out = Vec::new();
    for kind in KINDS {
        for (edit, what, goal) in [
            (Edit::Field, if kind == RecordKind::Vehicle { "colour" } else { "marker's text" }, FIELD_GOAL),
            (Edit::New, "full row", FULL_GOAL),
        ] {
            for n in BATCHES {
                let case = format!("changed row, {}: {what}, {n} together", kind.as_str());
                let _bar = doing(&case);
                let goal = (n >= GOAL_FROM).then_some(goal);
                match world.change(kind, edit, n)? {
                    Ok(published) => out.extend(one(world, device, server, &case, &published, n, goal)?),
                    Err(why) => {
                        let unit = "B";
                        out.push(Figure::not_measured(&case, SEGMENTS, unit, &why).goal(goal));
                        out.push(Figure::not_measured(&case, WIRE, unit, &why));
                    }
                }
            }
        }
    }
    Ok(out)
}

const SEGMENTS: &str = "segments a row";
const WIRE: &str = "whole sync a row";

fn one(
    world: &World,
    device: &Job,
    server: &Server,
    case: &str,
    published: &Published,
    n: usize,
    goal: Option<f64>,
) -> Result<Vec<Figure>, Failure> {
    let (report, _) = sync(device)?;
    let changed: u64 = report.compartments.iter().map(|c| c.inserted + c.updated + c.deleted).sum();
    let segments: u64 = report.compartments.iter().map(|c| c.bytes).sum();
    let rows = world.changed(published)?;
    if changed != n as u64 || rows.len() != n {
        return Err(Failure::new("io", format!("{case}: {changed} rows changed, {} at the hub", rows.len())));
    }
    let mut lines = Vec::new();
    for (_, new) in &rows {
        lines.extend(json::line(new)?);
    }
    let full = send(server, &lines, n)?;
    // A row that was not there before has no field patch.
    let mut lines = Vec::new();
    for (old, new) in rows.iter().filter_map(|(old, new)| Some((old.as_ref()?, new))) {
        lines.extend(json::patch_line(old, new)?);
    }
    let patch = if lines.is_empty() { None } else { Some(send(server, &lines, n)?) };
    let a_row = |bytes: f64| bytes / n as f64;
    let figure = |metric, ours: f64, of: fn(&Sent) -> f64| {
        let f = Figure::lower(case, metric, a_row(ours), "B").n(n).other(ZSTD_JSON, Ok(a_row(of(&full))));
        match &patch {
            Some(p) => f.other(MERGE_PATCH, Ok(a_row(of(p)))),
            None => f,
        }
    };
    Ok(vec![figure(SEGMENTS, segments as f64, |s| s.body).goal(goal), figure(WIRE, wire(&report), |s| s.wire)])
}

/// Sends lines the alternative's way, over a connection of their own, as a sync does.
fn send(server: &Server, lines: &[u8], rows: usize) -> Result<Sent, Failure> {
    let packed = json::pack(lines)?;
    server.put("changes", &packed)?;
    let (body, taken) = client::fetch(server.port(), server.files(), "changes", None)?;
    let came = json::unpack(&body.unwrap_or_default())?;
    let lines = came.split(|b| *b == b'\n').filter(|l| !l.is_empty());
    if lines.count() != rows {
        return Err(Failure::new("io", "the alternative lost rows"));
    }
    Ok(Sent { body: packed.len() as f64, wire: (taken.down + taken.up) as f64 })
}
