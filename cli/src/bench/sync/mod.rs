//! Bench `sync`: the sync against the goals that it was designed for, and beside what a force would otherwise have.
//!
//! A line of the table is a file here, so that each can be changed with what it measures. The alternatives are measured in
//! the same run, on the same records and the same machine:
//!
//! * `json`: zstd'd JSON over HTTPS into the same encrypted store; what a good team would build in a month;
//! * PouchDB, a sync that can be had ready made, from a server of its protocol.
//!
//! What cannot be measured says why, in the table and in JSON; it is never left out in silence.

mod changed_row;
mod checks;
mod cut;
mod extract;
mod json;
mod poll;
mod pouchdb;
mod provision;
mod proxy;
mod repair;
mod withdrawal;
mod world;

use super::figure::Figure;
use super::{Setting, doing};
use crate::exit::{Exit, Failure};
use crate::output::Context;
use beatcheck_model::RecordKind;
use json::{client, server::Server};
use std::path::Path;
use world::World;

/// Fewest records: below that, handshakes and documents are all there is to see.
pub(super) const RECORDS_MIN: u64 = 2_000;
/// What `--million` provisions.
const MILLION: u64 = 1_000_000;
/// What can be left out.
pub(super) const PARTS: [&str; 6] = ["pouchdb", "changes", "cut", "checks", "withdrawal", "poll"];

/// Names of the alternative in the table.
const ZSTD_JSON: &str = "JSON, zstd";
const MERGE_PATCH: &str = "JSON merge patch, zstd";

/// Goals whose measurement needs an emulated link: `bench link` has them.
const ELSEWHERE: [(&str, &str, &str, f64); 3] = [
    ("provision over slow 4G", "time by the link's floor", "x", 1.3),
    ("first vehicle answer while provisioning, 3G average", "time", "s", 10.0),
    ("first vehicle answer while provisioning, edge lossy", "time", "s", 40.0),
];
const ELSEWHERE_WHY: &str = "this bench runs over the plain loopback: see `bench link`";

pub(super) fn run(setting: &Setting<'_>) -> Result<Vec<Figure>, Failure> {
    let wanted = |part: &str| !setting.skip.iter().any(|s| s == part);
    let left_out = |case: &str| Figure::not_measured(case, "all", "", "left out (--skip)");
    let mut world = World::begin(setting.dir, setting.records)?;
    let server = Server::start(&setting.dir.join("json"))?;
    // A device that holds the vehicles and will be asked about them while the persons come.
    let asked = world.enrol()?;
    world::sync(&asked)?;
    world.publish(RecordKind::Person)?;

    let pouch = if wanted("pouchdb") { pouchdb::Measured::run(&world)? } else { pouchdb::Measured::skipped() };
    let (provisioned, first) = provision::run(&mut world, &server, setting.records, Some(&pouch))?;
    let cut = if wanted("cut") { cut::run(&mut world, &server, &first)? } else { vec![left_out(cut::CASE)] };
    let mut checks = if wanted("checks") { checks::while_building(&world, &asked)? } else { Vec::new() };
    let mut out = match wanted("changes") {
        true => changed_row::run(&mut world, &first.device, &server)?,
        false => vec![left_out("changed row")],
    };
    match wanted("poll") {
        true => out.extend(poll::run(&first.device, &server)?),
        false => out.push(left_out("poll without change")),
    }
    out.extend(provisioned);
    if setting.million {
        out.extend(million(setting.dir)?);
    }
    out.extend(pouch.figures());
    out.extend(cut);
    out.extend(repair::run(&first.device)?);
    match wanted("withdrawal") {
        // The device that was provisioned: it holds both kinds at their newest.
        true => out.extend(withdrawal::run(&world, &first.device)?),
        false => out.push(left_out(withdrawal::CASE)),
    }
    match wanted("checks") {
        true => checks.extend(checks::while_applying(&mut world, &asked)?),
        false => checks.push(left_out("check during a sync")),
    }
    out.extend(checks);
    out.extend(
        ELSEWHERE
            .map(|(case, metric, unit, goal)| Figure::not_measured(case, metric, unit, ELSEWHERE_WHY).goal(Some(goal))),
    );
    Ok(out)
}

/// Provisioning alone, of a million records, in a world of its own.
fn million(dir: &Path) -> Result<Vec<Figure>, Failure> {
    let _bar = doing("a million records");
    let dir = dir.join("million");
    std::fs::create_dir_all(&dir).map_err(super::step::io("making a directory"))?;
    let mut world = World::begin(&dir, MILLION)?;
    world.publish(RecordKind::Person)?;
    let server = Server::start(&dir.join("json"))?;
    Ok(provision::run(&mut world, &server, MILLION, None)?.0)
}

/// Runs the alternative's client as a step: `--fetch-json`.
pub(super) fn fetch_json(path: &Path, context: &Context) -> Result<Exit, Failure> {
    let text = std::fs::read_to_string(path).map_err(|e| Failure::input(path, &e))?;
    let spec: client::Spec =
        serde_json::from_str(&text).map_err(|e| Failure::new("input", format!("{}: {e}", path.display())))?;
    let taken = client::provision(&spec)?;
    context.emit(&taken, |s| s.line(&format!("{} records in {} requests", taken.rows, taken.requests)))?;
    Ok(Exit::Done)
}
