//! Real input: two captures of New Zealand Police's list of stolen vehicles, taken in as if they were of now.

use crate::support::{PURPOSE, TestHub, core_sync, not_tested, now, repo};
use beatcheck_client::{CheckRequest, Device, FixedClock};
use beatcheck_model::{Answer, Outcome};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// What a list says, read here with nothing of ours.
struct Plain {
    rows: Vec<csv::StringRecord>,
    usable: BTreeSet<String>,
    /// Rows without a usable mark.
    spoilt: usize,
}

/// `NA`, 1.00E+24 (read as a number), Aug-44 and 8-Dec (read as days).
fn is_spoilt(plate: &str) -> bool {
    let p = plate.trim().to_ascii_uppercase();
    let month =
        |t: &str| ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"].contains(&t);
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    matches!(p.as_str(), "" | "NA" | "N/A" | "NONE" | "UNKNOWN")
        || p.contains("E+")
        || p.contains("E-")
        || p.split_once('-').is_some_and(|(a, b)| (month(a) && digits(b)) || (digits(a) && month(b)))
}

fn read(path: &Path) -> Plain {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    let good = rows.iter().filter(|r| !is_spoilt(&r[0]));
    let usable: BTreeSet<String> =
        good.map(|r| r[0].to_ascii_uppercase().chars().filter(char::is_ascii_alphanumeric).collect()).collect();
    let spoilt = rows.iter().filter(|r| is_spoilt(&r[0])).count();
    Plain { rows, usable, spoilt }
}

/// New, changed and gone rows: rows of one mark that say another thing are changed; the rest came or went.
fn difference(a: &Plain, b: &Plain) -> (u64, u64, u64) {
    let mut marks: BTreeMap<String, BTreeMap<Vec<String>, i64>> = BTreeMap::new();
    for (plain, one) in [(a, -1), (b, 1)] {
        for r in &plain.rows {
            let content = r.iter().map(|c| c.trim().to_owned()).collect();
            *marks.entry(r[0].trim().to_owned()).or_default().entry(content).or_default() += one;
        }
    }
    let (mut new, mut changed, mut gone) = (0, 0, 0);
    for contents in marks.values() {
        let came = contents.values().filter(|n| **n > 0).sum::<i64>() as u64;
        let went = -contents.values().filter(|n| **n < 0).sum::<i64>() as u64;
        changed += came.min(went);
        new += came - came.min(went);
        gone += went - came.min(went);
    }
    (new, changed, gone)
}

fn captures() -> (PathBuf, PathBuf, bool) {
    let real = repo("../shared/data/nz-police-stolen-vehicles");
    if real.join("2024-05.csv").exists() {
        return (real.join("2024-04.csv"), real.join("2024-05.csv"), true);
    }
    not_tested(&format!("the real captures, which are not in {}: synthetic lists stand in", real.display()));
    (repo("fixtures/small/hot-list-a.csv"), repo("fixtures/small/hot-list-b.csv"), false)
}

fn all(device: &Device, marks: impl Iterator<Item = impl AsRef<str>>) -> Vec<(String, Answer)> {
    let marks: Vec<String> = marks.map(|m| m.as_ref().to_owned()).collect();
    let requests: Vec<_> = marks.iter().map(|m| CheckRequest::vehicle(m, PURPOSE)).collect();
    marks.into_iter().zip(device.check_many(&requests).unwrap()).collect()
}

/// Size of a file compressed by a command, if there is one.
fn squeezed(program: &str, arguments: &[&str], path: &Path) -> String {
    match Command::new(program).args(arguments).arg(path).output() {
        Ok(out) if out.status.success() => out.stdout.len().to_string(),
        _ => format!("(no {program} here)"),
    }
}

#[test]
fn the_delta_is_the_real_difference() {
    let (first, second, real) = captures();
    let (a, b) = (read(&first), read(&second));
    let mapping = repo("fixtures/mappings/nz-police-stolen-vehicles.toml");
    let hub = TestHub::start();
    let device = hub.enrol_core("real", &Arc::new(FixedClock::new(now().plus_secs(5))));

    let ingest = |path: &Path, plain: &Plain| {
        let r = hub.ingest_files(&mapping, path).unwrap();
        hub.hub.publish(&mut |_| {}).unwrap();
        eprintln!("{}: {r:?}", path.display());
        assert_eq!(r.rows_read, plain.rows.len() as u64);
        assert_eq!((r.accepted, r.rejected), (plain.rows.len() as u64, 0), "no row is lost");
        assert_eq!(r.unusable_vrm, plain.spoilt as u64, "rows without a usable mark are kept and counted");
        core_sync(&device)
    };
    let one = ingest(&first, &a);
    assert!(one.complete, "{one:?}");
    assert_eq!((one.compartments[0].route.as_str(), one.compartments[0].rows), ("snapshot", a.rows.len() as u64));
    // What a spreadsheet made of a mark, typed as it stands or as it normalises; no row of the list has it unspoilt.
    let spoilt = a.rows.iter().map(|r| r[0].to_owned()).filter(|p| is_spoilt(p));
    let typed = ["NA", "na", "N/A", "100E24", "1.00E+24", "AUG44", "Aug-44"].map(str::to_owned);
    for (mark, answer) in all(&device, spoilt.chain(typed)) {
        let read: String = mark.to_ascii_uppercase().chars().filter(char::is_ascii_alphanumeric).collect();
        assert!(!a.usable.contains(&read), "{mark} is on the list unspoilt");
        assert!(answer.hits.is_empty() && answer.outcome != Outcome::Hit, "{mark}: {}", answer.text);
        assert_eq!(answer.coverage[0].unsearchable, a.spoilt as u64);
    }
    let two = ingest(&second, &b);
    assert!(two.complete, "{two:?}");
    let delta = &two.compartments[0];
    let (new, changed, gone) = difference(&a, &b);
    assert_eq!(delta.route, "deltas");
    assert_eq!((delta.inserted, delta.updated, delta.deleted), (new, changed, gone));
    assert_eq!(delta.rows, b.rows.len() as u64);
    let added: BTreeSet<_> = b.usable.difference(&a.usable).collect();
    let recovered: BTreeSet<_> = a.usable.difference(&b.usable).collect();
    eprintln!(
        "delta: {new} rows new, {changed} changed, {gone} gone. Of distinct usable marks {} were added and {} are gone; \
         the rest are rows of marks that are on the list more than once, and rows without a usable mark ({} -> {})",
        added.len(),
        recovered.len(),
        a.spoilt,
        b.spoilt
    );
    if real {
        assert_eq!((added.len(), recovered.len(), new, changed, gone), (1286, 1208, 1291, 4, 1239));
    }
    for (name, path, report) in [("first sync", &first, &one), ("delta", &second, &two)] {
        let plain = std::fs::read(path).unwrap();
        let zstd = zstd::bulk::compress(&plain, 19).unwrap().len();
        eprintln!(
            "{name}: {} B down and {} B up on the wire, {} B of segments; the CSV: {} B, gzip -9 {} B, zstd -19 {zstd} B",
            report.bytes_down,
            report.bytes_up,
            report.compartments[0].bytes,
            plain.len(),
            squeezed("gzip", &["-9", "-c"], path),
        );
    }

    for (mark, answer) in all(&device, b.usable.iter()) {
        assert_eq!(answer.outcome, Outcome::Hit, "{mark}: {}", answer.text);
        assert_eq!(answer.hits[0].vrm.as_deref(), Some(mark.as_str()));
        assert_eq!(answer.coverage[0].unsearchable, b.spoilt as u64);
    }
    for (mark, answer) in all(&device, recovered.iter()) {
        assert_ne!(answer.outcome, Outcome::Hit, "{mark}: {}", answer.text);
    }
}
