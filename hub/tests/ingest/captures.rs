//! The two captures of a real police list, a month apart; without them, the fixtures in their shape.

use crate::support::{Desk, Device, counts};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Both extracts, and whether they are the real ones.
fn extracts() -> ([PathBuf; 2], bool) {
    let real = root().join("../shared/data/nz-police-stolen-vehicles");
    let files = [real.join("2024-04.csv"), real.join("2024-05.csv")];
    if files.iter().all(|f| f.exists()) {
        return (files, true);
    }
    eprintln!("\n*** THE REAL CAPTURES ARE NOT AT {}: using fixtures/small instead ***\n", real.display());
    let small = root().join("fixtures/small");
    ([small.join("hot-list-a.csv"), small.join("hot-list-b.csv")], false)
}

/// The rows of a file, by plate as written, each as its cells. A reading of the CSV of its own: no quotes but whole cells.
fn rows(path: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.records().map(|r| r.unwrap().iter().map(|c| c.trim().to_owned()).collect()).collect()
}

/// The plates that can be typed: upper case, letters and digits only, not `NA`.
fn usable(rows: &[Vec<String>]) -> BTreeSet<String> {
    let plates = rows.iter().map(|r| r[0].to_uppercase());
    plates.filter(|p| *p != "NA" && !p.is_empty() && p.chars().all(|c| c.is_ascii_alphanumeric())).collect()
}

/// Added, changed, removed, unchanged by multisets of rows under each plate.
fn difference(a: &[Vec<String>], b: &[Vec<String>]) -> (u64, u64, u64, u64) {
    let group = |rows: &[Vec<String>]| {
        let mut out: BTreeMap<String, HashMap<Vec<String>, u64>> = BTreeMap::new();
        for r in rows {
            *out.entry(r[0].clone()).or_default().entry(r.clone()).or_default() += 1;
        }
        out
    };
    let (a, b) = (group(a), group(b));
    let none = HashMap::new();
    let mut out = (0, 0, 0, 0);
    for plate in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
        let (x, y) = (a.get(plate).unwrap_or(&none), b.get(plate).unwrap_or(&none));
        let same: u64 = x.iter().map(|(r, n)| *n.min(y.get(r).unwrap_or(&0))).sum();
        let (gone, new) = (x.values().sum::<u64>() - same, y.values().sum::<u64>() - same);
        out.1 += gone.min(new);
        out.0 += new - gone.min(new);
        out.2 += gone - gone.min(new);
        out.3 += same;
    }
    out
}

#[test]
fn a_month_of_a_real_list_is_its_real_difference() {
    let (files, real) = extracts();
    let mapping = root().join("fixtures/mappings/nz-police-stolen-vehicles.toml");
    let desk = Desk::new();
    desk.clock.set("2026-12-01T00:00:00Z".parse().unwrap());
    let stated = Some("2026-12-01T00:00:00Z");
    let (a, b) = (rows(&files[0]), rows(&files[1]));

    let first = desk.offer_file(&mapping, &files[0], stated, false).unwrap();
    assert_eq!((first.rows_read, first.rejected, first.added), (a.len() as u64, 0, a.len() as u64));
    desk.publish();
    let old = desk.manifest();
    let snapshot = desk.catalogue(&old).snapshot;
    let mut device = Device::start(&desk, &old);
    device.check(&old);

    let second = desk.offer_file(&mapping, &files[1], stated, false).unwrap();
    assert_eq!(counts(&second), difference(&a, &b));
    let plates = |d: &Device| -> BTreeSet<String> {
        d.rows
            .values()
            .filter_map(|r| match &r.body {
                beatcheck_model::Body::Vehicle(v) => v.vrm.clone(),
                _ => None,
            })
            .collect()
    };
    assert_eq!(plates(&device), usable(&a));
    let before = plates(&device);
    let report = desk.publish();
    let new = desk.manifest();
    let delta = new.recent.iter().find(|d| d.from == old.watermark).expect("the way from April stays open");
    let changes = device.step(&desk.hub, &new, delta) as u64;
    assert_eq!(changes, second.added + second.changed + second.removed);
    device.check(&new);
    let after = plates(&device);
    assert_eq!(after, usable(&b));
    let (added, gone) = (after.difference(&before).count(), before.difference(&after).count());
    println!(
        "{} rows then {}: added {}, changed {}, removed {}, unchanged {}, repeated {}; usable plates +{added} -{gone}; \
         unusable {} then {}; delta {} B, snapshot {} B, published {:?}",
        a.len(),
        b.len(),
        second.added,
        second.changed,
        second.removed,
        second.unchanged,
        second.duplicates,
        old.unsearchable,
        new.unsearchable,
        delta.segments.iter().map(|s| s.bytes).sum::<u32>(),
        snapshot.segments.iter().map(|s| s.bytes).sum::<u32>(),
        report.compartments,
    );
    assert_eq!(old.unsearchable, first.unusable_vrm);
    if real {
        assert_eq!((added, gone), (1_286, 1_208));
        assert_eq!((first.rows_read, second.rows_read), (5_038, 5_090));
    }
    let again = desk.offer_file(&mapping, &files[1], stated, false).unwrap();
    assert_eq!((counts(&again), again.watermark), ((0, 0, 0, b.len() as u64), second.watermark));
}
