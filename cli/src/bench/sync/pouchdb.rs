//! PouchDB, by `script/sync-baselines`, where node and npm are there; where they are not, the table says so.
//!
//! It has the same records, up to a number, and plain HTTP: no TLS, no encryption at rest and no index to search by, all
//! of which is to its advantage.

use super::world::World;
use crate::bench::doing;
use crate::bench::figure::Figure;
use crate::exit::Failure;
use serde::Deserialize;
use std::path::Path;
use std::process::{Command, Stdio};

/// Its name in the table.
pub(super) const NAME: &str = "PouchDB";
/// Documents that it replicates, at most.
const DOCUMENTS: u64 = 100_000;
const SCRIPT: &str = "script/sync-baselines";
const CASE: &str = "PouchDB beside express-pouchdb";

/// One replication.
#[derive(Clone, Debug, Deserialize)]
struct Replication {
    rows: u64,
    seconds: f64,
    cpu_s: f64,
    rows_per_s: f64,
    bytes_down: u64,
    bytes_up: u64,
    bytes_per_row: f64,
}

/// What the script prints.
#[derive(Clone, Debug, Deserialize)]
struct Said {
    first: Replication,
    delta: Replication,
    poll: Replication,
}

/// What was measured, or why nothing was.
pub(super) struct Measured(Result<Said, String>);

impl Measured {
    /// Left out by the caller's wish.
    pub(super) fn skipped() -> Self {
        Self(Err("left out (--skip pouchdb)".to_owned()))
    }

    /// Runs the script on records of this world.
    pub(super) fn run(world: &World) -> Result<Self, Failure> {
        if !Path::new(SCRIPT).exists() {
            return Ok(Self(Err(format!("{SCRIPT} is not here: run the bench in a checkout"))));
        }
        let (records, count) = world.json_lines(DOCUMENTS)?;
        let _bar = doing("replicating with PouchDB");
        let mut script = Command::new(SCRIPT);
        script.arg("--records").arg(&records).args(["--docs", &count.to_string()]);
        let done = script.stdin(Stdio::null()).stderr(Stdio::piped()).output();
        let said = match done {
            Err(e) => Err(format!("{SCRIPT} did not start: {e}")),
            Ok(done) if done.status.success() => {
                serde_json::from_slice(&done.stdout).map_err(|e| format!("what {SCRIPT} printed: {e}"))
            }
            Ok(done) => {
                let text = String::from_utf8_lossy(&done.stderr);
                Err(text.lines().last().unwrap_or("the script failed and gave no reason").to_owned())
            }
        };
        Ok(Self(said))
    }

    pub(super) fn value(&self, of: fn(&Self) -> f64) -> Result<f64, String> {
        self.0.as_ref().map(|_| of(self)).map_err(Clone::clone)
    }

    pub(super) fn rows_per_s(&self) -> f64 {
        self.0.as_ref().map_or(f64::NAN, |s| s.first.rows_per_s)
    }

    pub(super) fn bytes_per_row(&self) -> f64 {
        self.0.as_ref().map_or(f64::NAN, |s| s.first.bytes_per_row)
    }

    /// Its own figures.
    pub(super) fn figures(&self) -> Vec<Figure> {
        let said = match &self.0 {
            Ok(said) => said,
            Err(why) => return vec![Figure::not_measured(CASE, "rows a second", "1/s", why)],
        };
        let (first, delta) = (&said.first, &said.delta);
        let rows = |r: &Replication| r.rows as usize;
        vec![
            Figure::lower(CASE, "first replication", first.seconds, "s").n(rows(first)),
            Figure::lower(CASE, "first replication CPU", first.cpu_s, "s").n(rows(first)),
            Figure::higher(CASE, "rows a second", first.rows_per_s, "1/s").n(rows(first)),
            // What its client could take in from a server that is never waited for.
            Figure::higher(CASE, "rows a client's CPU second", first.rows as f64 / first.cpu_s, "1/s").n(rows(first)),
            Figure::lower(CASE, "wire a row", first.bytes_per_row, "B").n(rows(first)),
            Figure::lower(CASE, "wire a changed row, 1% together", delta.bytes_per_row, "B").n(rows(delta)),
            Figure::lower(CASE, "poll without change", (said.poll.bytes_down + said.poll.bytes_up) as f64, "B"),
        ]
    }
}
