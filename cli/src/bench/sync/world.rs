//! What all lines of the table stand on: made-up records, a hub that serves, devices; and the same records for the alternative.

use super::extract::{Edit, Extract};
use super::json::{self, client, server::Server};
use crate::bench::job::{self, Job, Serving};
use crate::bench::main_job::synced;
use crate::bench::step::{Cost, io};
use crate::exit::Failure;
use beatcheck_client::SyncReport;
use beatcheck_fixtures::Spec;
use beatcheck_hub::{Hub, HubError, SystemClock};
use beatcheck_model::{Record, RecordId, RecordKind};
use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The same rows in every run of one size.
const SEED: u64 = 20_261_125;
/// New rows of each kind that are held back for batches.
const RESERVE: u64 = 2_000;

pub(super) const KINDS: [RecordKind; 2] = [RecordKind::Vehicle, RecordKind::Person];

/// Name of the compartment that the generated mapping gives a kind.
pub(super) const fn compartment(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Vehicle => "vehicles",
        RecordKind::Person | RecordKind::Variant => "persons",
    }
}

/// A hub, its server, and the extracts it is fed.
pub(super) struct World {
    pub(super) dir: PathBuf,
    pub(super) job: Job,
    pub(super) hub: Hub,
    pub(super) serving: Serving,
    extracts: [Extract; 2],
    /// Devices enrolled so far.
    devices: u32,
}

/// What one publish brought of one source.
pub(super) struct Published {
    pub(super) kind: RecordKind,
    /// Watermarks before it and with it.
    pub(super) from: u64,
    pub(super) to: u64,
}

impl World {
    /// Makes up `records`, half of each kind, and begins to serve a hub that has the vehicles and not yet the persons.
    pub(super) fn begin(dir: &Path, records: u64) -> Result<Self, Failure> {
        let fixtures = dir.join("fixtures");
        let half = records / 2;
        job::make_up(&Spec { persons: half + RESERVE, vehicles: half + RESERVE, seed: SEED }, &fixtures)?;
        let rows = usize::try_from(half).unwrap_or(usize::MAX);
        let extracts = [Extract::open(&fixtures, KINDS[0], rows)?, Extract::open(&fixtures, KINDS[1], rows)?];
        let job = Job::begin(dir)?;
        let hub = Hub::open(&job.hub, Arc::new(SystemClock))?;
        job.ingest(&extracts[0].mapping, &extracts[0].write()?)?;
        job.publish()?;
        let serving = job.serve()?;
        Ok(Self { dir: dir.to_owned(), job, hub, serving, extracts, devices: 0 })
    }

    pub(super) fn extract(&self, kind: RecordKind) -> &Extract {
        &self.extracts[usize::from(kind != KINDS[0])]
    }

    /// Takes in and publishes the extract of a kind as it is now.
    pub(super) fn publish(&self, kind: RecordKind) -> Result<Published, Failure> {
        let extract = self.extract(kind);
        let from = self.watermark(kind)?;
        let path = extract.write()?;
        self.job.ingest(&extract.mapping, &path)?;
        // Only its records are wanted any more.
        std::fs::remove_file(&path).map_err(io("removing an extract"))?;
        self.job.publish()?;
        Ok(Published { kind, from, to: self.watermark(kind)? })
    }

    /// Edits rows of a kind and publishes; or says why that could not be.
    pub(super) fn change(
        &mut self,
        kind: RecordKind,
        edit: Edit,
        n: usize,
    ) -> Result<Result<Published, String>, Failure> {
        if let Err(why) = self.extracts[usize::from(kind != KINDS[0])].edit(edit, n)? {
            return Ok(Err(why));
        }
        self.publish(kind).map(Ok)
    }

    fn watermark(&self, kind: RecordKind) -> Result<u64, Failure> {
        let all = self.hub.compartments()?;
        Ok(all.iter().find(|c| c.name == compartment(kind)).map_or(0, |c| c.watermark))
    }

    /// A new device, enrolled at an address that leads to the hub.
    pub(super) fn enrol_at(&mut self, url: &str) -> Result<Job, Failure> {
        self.devices += 1;
        let job = self.job.beside(self.dir.join(format!("device-{}", self.devices)));
        job.enrol_at(url)?;
        Ok(job)
    }

    /// A new device.
    pub(super) fn enrol(&mut self) -> Result<Job, Failure> {
        let url = format!("https://127.0.0.1:{}", self.serving.port()?);
        self.enrol_at(&url)
    }

    /// Hands out the records that are published of a kind, as the history has them.
    pub(super) fn records(
        &self,
        kind: RecordKind,
        each: &mut dyn FnMut(Record) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.records_between(kind, 0, self.watermark(kind)?, each)
    }

    /// Records of a kind at a watermark that came or changed after another.
    pub(super) fn records_between(
        &self,
        kind: RecordKind,
        after: u64,
        watermark: u64,
        each: &mut dyn FnMut(Record) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut failed = None;
        let read = self.hub.records_at(compartment(kind), after, watermark, &mut |r| {
            each(r).map_err(|e| {
                let text = e.to_string();
                failed = Some(e);
                HubError::Refused(text)
            })
        });
        match (failed, read) {
            (Some(e), _) => Err(e),
            (None, read) => Ok(read?),
        }
    }

    /// What a publish changed: each record's new form, and its old one if it had any.
    pub(super) fn changed(&self, p: &Published) -> Result<Vec<(Option<Record>, Record)>, Failure> {
        let mut new: BTreeMap<RecordId, (Option<Record>, Record)> = BTreeMap::new();
        self.records_between(p.kind, p.from, p.to, &mut |r| {
            new.insert(r.id, (None, r));
            Ok(())
        })?;
        self.records_between(p.kind, 0, p.from, &mut |r| {
            if let Some(entry) = new.get_mut(&r.id) {
                entry.0 = Some(r);
            }
            Ok(())
        })?;
        Ok(new.into_values().collect())
    }

    /// Writes the pages of a first sync to the alternative's server; what its client must then have.
    pub(super) fn pages(&self, kind: RecordKind, server: &Server) -> Result<client::Source, Failure> {
        let (mut lines, mut count, mut pages) = (Vec::new(), 0_usize, 0_usize);
        self.records(kind, &mut |r| {
            lines.extend_from_slice(&json::line(&r)?);
            count += 1;
            if count.is_multiple_of(json::PAGE) {
                server.put(&client::page(kind, pages), &json::pack(&lines)?)?;
                (lines, pages) = (Vec::new(), pages + 1);
            }
            Ok(())
        })?;
        if !lines.is_empty() {
            server.put(&client::page(kind, pages), &json::pack(&lines)?)?;
            pages += 1;
        }
        let (rows, digest) = self.hub.digest_at(compartment(kind), self.watermark(kind)?)?;
        Ok(client::Source { kind, pages, rows, digest })
    }

    /// Writes up to `n` records, of both kinds in turn, as JSON, one a line: what other tools are given. How many there are.
    pub(super) fn json_lines(&self, n: u64) -> Result<(PathBuf, u64), Failure> {
        let path = self.dir.join("records.jsonl");
        let file = std::fs::File::create(&path).map_err(io("writing records"))?;
        let mut out = BufWriter::new(file);
        let mut written = 0;
        for kind in KINDS {
            let mut left = n / 2;
            self.records(kind, &mut |r| {
                if left > 0 {
                    out.write_all(&json::line(&r)?).map_err(io("writing records"))?;
                    (left, written) = (left - 1, written + 1);
                }
                Ok(())
            })?;
        }
        out.flush().map_err(io("writing records"))?;
        Ok((path, written))
    }
}

/// Syncs a device that must then hold everything.
pub(super) fn sync(device: &Job) -> Result<(SyncReport, Cost), Failure> {
    let (report, cost) = device.sync()?;
    synced(&report)?;
    Ok((report, cost))
}

/// Bytes of a sync on the wire, both ways.
pub(super) const fn wire(report: &SyncReport) -> f64 {
    (report.bytes_down + report.bytes_up) as f64
}
