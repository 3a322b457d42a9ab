//! Bench `captures`: two real lists of one source, a month apart, and what they cost on the wire.

use super::figure::Figure;
use super::job::Job;
use super::main_job::{segment_bytes, synced, wire};
use super::step::io;
use super::{Setting, sizes};
use crate::exit::Failure;
use std::path::Path;

const MAPPING: &str = include_str!("../../../fixtures/mappings/nz-police-stolen-vehicles.toml");
const OLDER: &str = "2024-04.csv";
const NEWER: &str = "2024-05.csv";

pub(super) fn run(setting: &Setting<'_>) -> Result<Vec<Figure>, Failure> {
    let (older, newer) = (setting.data.join(OLDER), setting.data.join(NEWER));
    if !older.exists() || !newer.exists() {
        let text = format!("note: no captures in {}: nothing to measure (--data says where)", setting.data.display());
        crate::complain(&text);
        return Ok(Vec::new());
    }
    let (old, new) = (sizes::read(&older)?, sizes::read(&newer)?);
    let mapping = setting.dir.join("mapping.toml");
    std::fs::write(&mapping, MAPPING).map_err(io("writing the mapping"))?;
    let mut out = Vec::new();
    out.extend(plain(OLDER, &older, &old)?);
    out.extend(plain(NEWER, &newer, &new)?);
    let patch = sizes::zstd_patch(&old, &new)?;
    let job = Job::begin(setting.dir)?;
    let mut server = None;
    for (case, list, packed, peer) in [
        ("first sync", &older, sizes::zstd_19(&old)?, "the CSV, zstd -19"),
        ("delta sync", &newer, patch, "the newer CSV, zstd -19 --patch-from the older"),
    ] {
        job.ingest(&mapping, list)?;
        let (published, _) = job.publish()?;
        if server.is_none() {
            let serving = job.serve()?;
            job.enrol(&serving)?;
            server = Some(serving);
        }
        let (report, cost) = job.sync()?;
        synced(&report)?;
        out.push(wire(&report, case).peer(peer, packed));
        out.push(Figure::lower(case, "segments", segment_bytes(&published), "B").peer(peer, packed));
        let count =
            |of: fn(&beatcheck_client::CompartmentChange) -> u64| report.compartments.iter().map(of).sum::<u64>();
        let changes = count(|c| c.inserted + c.updated + c.deleted);
        out.push(Figure::lower(case, "added", count(|c| c.inserted) as f64, "rows"));
        out.push(Figure::lower(case, "changed", count(|c| c.updated) as f64, "rows"));
        out.push(Figure::lower(case, "gone", count(|c| c.deleted) as f64, "rows"));
        let a_change = (report.bytes_down + report.bytes_up) as f64 / changes.max(1) as f64;
        out.push(Figure::lower(case, "wire a change", a_change, "B").n(changes as usize));
        out.push(Figure::lower(case, "time", cost.wall_s * 1e3, "ms"));
    }
    Ok(out)
}

/// A list as it is, and as others would send it whole.
fn plain(case: &str, path: &Path, content: &[u8]) -> Result<Vec<Figure>, Failure> {
    let mut out = vec![Figure::lower(case, "size", content.len() as f64, "B")];
    if let Some(bytes) = sizes::gzip_9(path) {
        out.push(Figure::lower(case, "gzip -9", bytes, "B"));
    }
    out.push(Figure::lower(case, "zstd -19", sizes::zstd_19(content)?, "B"));
    Ok(out)
}
