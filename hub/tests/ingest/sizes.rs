//! What a changed row costs on the wire, on generated rows. The figures are printed; the tests hold the goals of SYNC.

use crate::support::{Desk, Device, changes};
use beatcheck_fixtures::{Spec, generate};
use beatcheck_wire::batch::{Context, Op};
use beatcheck_wire::segment::{SealAs, seal};
use std::path::{Path, PathBuf};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn read(path: &Path) -> Vec<Vec<String>> {
    let mut csv = csv::Reader::from_path(path).unwrap();
    let head = csv.headers().unwrap().iter().map(str::to_owned).collect();
    let rows = csv.records().map(|r| r.unwrap().iter().map(str::to_owned).collect());
    std::iter::once(head).chain(rows).collect()
}

/// A hub with one generated list, and its rows.
struct Generated {
    desk: Desk,
    mapping: PathBuf,
    file: PathBuf,
    rows: Vec<Vec<String>>,
}

impl Generated {
    fn new(kind: &str, count: u64) -> Self {
        let desk = Desk::new();
        generate(&Spec { persons: count, vehicles: count, seed: 7 }, desk.dir.path(), &mut |_, _| {}).unwrap();
        let file = desk.dir.path().join(format!("{kind}.csv"));
        let rows = read(&file);
        Self { desk, mapping: repository(&format!("fixtures/mappings/synthetic-{kind}.toml")), file, rows }
    }

    /// Ingests the first `count` rows and publishes them.
    fn publish(&self, count: usize) -> beatcheck_hub::PublishedCompartment {
        let mut csv = csv::Writer::from_path(&self.file).unwrap();
        self.rows[..=count].iter().for_each(|r| csv.write_record(r).unwrap());
        csv.flush().unwrap();
        self.desk.offer_file(&self.mapping, &self.file, Some("2024-06-01T00:00:00Z"), false).unwrap();
        self.desk.publish().compartments.remove(0)
    }
}

#[test]
fn a_changed_row_costs_what_sync_allows() {
    let mut g = Generated::new("vehicles", 12_000);
    let colour = g.rows[0].iter().position(|c| c == "colour").unwrap();
    let mut count = 10_000;
    let first = g.publish(count);
    assert!(first.dictionary_bytes > 0);
    let mut device = Device::start(&g.desk, &g.desk.manifest());
    println!("snapshot of {count}: {} B a row, dictionary {} B", first.bytes / 10_000, first.dictionary_bytes);
    for n in [1, 20, 100, 1_000] {
        for i in 0..n {
            let other = g.rows[(i * 7 + 3) % 9_000 + 900][colour].clone();
            let cell = &mut g.rows[i * 9 + 1][colour];
            *cell = match (*cell == other, cell.as_str()) {
                (false, _) => other,
                (true, "Gold") => "Brown".into(),
                (true, _) => "Gold".into(),
            };
        }
        let c = g.publish(count);
        let m = g.desk.manifest();
        let delta = m.recent.last().unwrap();
        let bytes: u32 = delta.segments.iter().map(|s| s.bytes).sum();
        device.step(&g.desk.hub, &m, delta);
        println!("{n} colours: {} patches, {bytes} B, {:.1} B a row", c.patches, f64::from(bytes) / n as f64);
        assert_eq!((c.segment_rows, c.patches), (n as u64, n as u64));
        assert!(n < 20 || f64::from(bytes) / n as f64 <= 25.0);
    }
    device.check(&g.desk.manifest());
    for n in [1, 20, 100, 1_000] {
        count += n;
        let c = g.publish(count);
        let m = g.desk.manifest();
        let delta = m.recent.last().unwrap();
        let bytes: u32 = delta.segments.iter().map(|s| s.bytes).sum();
        device.step(&g.desk.hub, &m, delta);
        println!("{n} new rows: {bytes} B, {:.1} B a row", f64::from(bytes) / n as f64);
        assert_eq!((c.segment_rows, c.patches), (n as u64, 0));
    }
    device.check(&g.desk.manifest());
}

#[test]
fn dictionaries_and_snapshots() {
    for kind in ["vehicles", "persons"] {
        let g = Generated::new(kind, 10_000);
        g.publish(10_000);
        let m = g.desk.manifest();
        let all = changes(&g.desk.hub, &m, &g.desk.catalogue(&m).snapshot.segments);
        let derived = |c: &&beatcheck_wire::batch::Change| match &c.op {
            Op::Upsert(r) => {
                let key: Vec<&str> = r.source_key.split('|').collect();
                (0..4).any(|n| beatcheck_wire::record_id(&m.source, m.kind, &key, n) == r.id)
            }
            _ => false,
        };
        let derived = all.iter().filter(derived).count();
        assert!(derived * 100 >= all.len() * 99, "{derived} of {}", all.len());
        let dictionary = crate::support::dictionary(&g.desk.hub, &m).unwrap();
        let size = |dictionary: Option<&[u8]>, n: usize| -> usize {
            let context = Context { kind: m.kind, source: &m.source };
            let how = SealAs { context, prefix: 4, dictionary, key: &[7; 32] };
            seal(&how, &all[..n], &mut || [1; 16]).unwrap().iter().map(|s| s.bytes.len()).sum()
        };
        for n in [1, 20, 100, 1_000, 10_000] {
            let (with, without) = (size(Some(&dictionary), n), size(None, n));
            println!(
                "{kind}: {n} whole rows, {without} B without and {with} B with a dictionary of {} B",
                dictionary.len()
            );
        }
        assert!(size(Some(&dictionary), 1) < size(None, 1));
    }
}
