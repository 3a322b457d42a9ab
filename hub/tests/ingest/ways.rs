//! Every way to a state leads to that state: random histories, and each delta from each watermark to which it applies.

use crate::support::{Desk, Device, changes, dictionary};
use beatcheck_model::Timestamp;
use beatcheck_wire::batch::Op;
use beatcheck_wire::mark_index::MarkIndex;
use beatcheck_wire::segment::{self, Content};
use beatcheck_wire::{Delta, MAX_RECENT, Manifest};
use std::collections::{BTreeMap, BTreeSet};

const HOUR_S: i64 = 3600;

/// A small generator whose stream is the seed's (Knuth's MMIX constants).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

type List = BTreeMap<u64, (String, String, u64)>;

fn ingest(desk: &Desk, list: &List) {
    let rows: Vec<String> = list
        .iter()
        .map(|(id, (plate, make, day))| format!("{id},{plate},{make},{:02}/05/2024", day % 28 + 1))
        .collect();
    desk.rows(&rows.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
}

fn wait(desk: &Desk, seconds: i64) {
    desk.clock.set(desk.hub.now().plus_secs(seconds));
}

fn row(dice: &mut Dice, id: u64) -> (String, String, u64) {
    let makes = ["Ford", "Seat", "Opel", "Kia", "BMW"];
    (format!("AB{id}CDE"), makes[dice.below(5) as usize].into(), dice.below(28))
}

/// One publish's worth of changes, some of which undo earlier ones.
fn change(dice: &mut Dice, list: &mut List, gone: &mut List) {
    for _ in 0..=dice.below(8) {
        let ids: Vec<u64> = list.keys().copied().collect();
        let id = ids[dice.below(ids.len().min(60) as u64) as usize];
        match dice.below(6) {
            0 => gone.extend(list.remove(&id).map(|r| (id, r))),
            1 => {
                if let Some((id, r)) = gone.pop_first() {
                    list.insert(id, r);
                }
            }
            2 => {
                let new = 100_000 + dice.below(1_000_000);
                list.insert(new, row(dice, new));
            }
            3 => drop(list.get_mut(&id).map(|r| r.2 = dice.below(28))),
            _ => drop(list.get_mut(&id).map(|r| r.1 = row(dice, 0).1)),
        }
    }
}

/// All that was published: the rows at each watermark.
#[derive(Default)]
struct Published(BTreeMap<u64, Device>);

impl Published {
    /// Follows the newest delta of the manifest, which must give what the manifest says.
    fn follow(&mut self, desk: &Desk, m: &Manifest) {
        if self.0.contains_key(&m.watermark) {
            return;
        }
        let device = match self.0.last_key_value() {
            None => Device::start(desk, m),
            Some((_, last)) => {
                let mut device = last.clone();
                device.step(&desk.hub, m, m.recent.last().unwrap());
                device
            }
        };
        device.check(m);
        self.0.insert(m.watermark, device);
    }

    /// Applies every delta at every watermark to which it applies; the number of these ways.
    fn try_all_ways(&self, desk: &Desk, m: &Manifest, deltas: &[Delta]) -> usize {
        let mut ways = 0;
        for d in deltas {
            for (_, device) in self.0.range(d.from..d.to) {
                let mut device = device.clone();
                device.step(&desk.hub, m, d);
                assert!(device.rows == self.0[&d.to].rows, "{} to {} from {}", d.from, d.to, device.watermark);
                ways += 1;
            }
        }
        ways
    }
}

#[test]
fn every_delta_from_every_watermark_gives_the_state_it_leads_to() {
    for seed in [1, 2] {
        let (desk, mut dice) = (Desk::new(), Dice(seed));
        let mut list: List = (0..700).map(|id| (id, row(&mut dice, id))).collect();
        let (mut gone, mut published) = (List::new(), Published::default());
        ingest(&desk, &list);
        desk.publish();
        published.follow(&desk, &desk.manifest());
        let (mut patches, mut ways, mut catalogues, mut longest) = (0, 0, 0, 0);
        for _ in 0..45 {
            change(&mut dice, &mut list, &mut gone);
            ingest(&desk, &list);
            wait(&desk, 600 + dice.below(5_000) as i64);
            let report = desk.publish();
            let m = desk.manifest();
            assert!(m.recent.len() <= MAX_RECENT);
            published.follow(&desk, &m);
            let Some(c) = report.compartments.first() else { continue };
            patches += c.patches;
            if c.catalogue {
                let deltas = desk.catalogue(&m).deltas;
                catalogues += 1;
                longest =
                    longest.max(deltas.iter().map(|d| published.0.range(d.from..d.to).count()).max().unwrap_or(0));
                ways += published.try_all_ways(&desk, &m, &deltas);
                ways += published.try_all_ways(&desk, &m, &m.recent);
                let start = Device::start(&desk, &m);
                assert!(start.rows == published.0[&start.watermark].rows, "the snapshot is a published state");
            }
        }
        println!(
            "seed {seed}: {patches} patches, {catalogues} catalogues, {ways} ways, at most {longest} steps in one"
        );
        assert!(patches > 20 && ways > 50 && catalogues > 2 && longest >= 2);
    }
}

fn bytes(deltas: &[Delta]) -> u64 {
    deltas.iter().flat_map(|d| &d.segments).map(|s| u64::from(s.bytes)).sum()
}

#[test]
fn an_hour_and_a_day_cost_less_than_their_minutes() {
    let (desk, mut dice) = (Desk::new(), Dice(3));
    desk.clock.set("2024-06-01T00:01:00Z".parse::<Timestamp>().unwrap());
    let mut list: List = (0..3_000).map(|id| (id, row(&mut dice, id))).collect();
    ingest(&desk, &list);
    desk.publish();
    let mut published = Published::default();
    published.follow(&desk, &desk.manifest());
    let first = desk.manifest();
    let mut minutes = Vec::new();
    // Half an hour apart, for 26 hours: the same forty rows change again and again.
    for n in 0..52_u64 {
        for id in 0..10 {
            list.get_mut(&((n * 7 + id) % 40)).unwrap().1 = format!("Make {}", n % 9);
        }
        ingest(&desk, &list);
        wait(&desk, HOUR_S / 2);
        let snapshot = desk.publish().compartments[0].snapshot;
        let m = desk.manifest();
        published.follow(&desk, &m);
        minutes.push(m.recent.last().unwrap().clone());
        assert!(!snapshot, "the way stays shorter than half of a snapshot");
    }
    let m = desk.manifest();
    let catalogue = desk.catalogue(&m);
    assert_eq!(catalogue.snapshot.watermark, first.watermark);
    let day = catalogue.deltas.iter().filter(|d| d.from == first.watermark).max_by_key(|d| d.to).unwrap();
    let own = published.0.range(day.from..day.to).count();
    println!(
        "{} publishes: {} B; the day of {own}: {} B; catalogue: {} deltas, {} B",
        minutes.len(),
        bytes(&minutes),
        bytes(std::slice::from_ref(day)),
        catalogue.deltas.len(),
        m.catalogue.bytes
    );
    assert!(own > 40 && bytes(std::slice::from_ref(day)) * 10 < bytes(&minutes[..own]));
    assert!(published.try_all_ways(&desk, &m, &catalogue.deltas) > 50);
    // A week later with changes since: a new snapshot, and in the end what nothing names is gone from the disk.
    let old = catalogue.snapshot.segments[0];
    wait(&desk, 8 * 24 * HOUR_S);
    list.get_mut(&1).unwrap().1 = "Other".into();
    ingest(&desk, &list);
    assert!(desk.publish().compartments[0].snapshot);
    assert!(desk.hub.segment_path(&old.hash).exists(), "devices on their way may finish");
    wait(&desk, 7 * 24 * HOUR_S + 60);
    desk.publish();
    assert!(!desk.hub.segment_path(&old.hash).exists());
    assert_eq!(desk.hub.compartment_of_segment(&old.hash).unwrap(), None);
    let m = desk.manifest();
    Device::start(&desk, &m).check(&m);
}

#[test]
fn a_dictionary_stays_and_is_sealed_anew_with_a_new_epoch() {
    let (desk, mut dice) = (Desk::new(), Dice(4));
    let mut list: List = (0..600).map(|id| (id, row(&mut dice, id))).collect();
    ingest(&desk, &list);
    desk.publish();
    let first = desk.manifest();
    let mut device = Device::start(&desk, &first);
    let plain = dictionary(&desk.hub, &first).unwrap();
    assert!(plain.len() <= 16 * 1024);
    list.get_mut(&1).unwrap().1 = "Other".into();
    ingest(&desk, &list);
    desk.publish();
    desk.hub.rotate_epoch(&first.compartment).unwrap();
    list.get_mut(&2).unwrap().1 = "Other".into();
    ingest(&desk, &list);
    assert!(desk.publish().compartments[0].dictionary_bytes > 0);
    let m = desk.manifest();
    assert_eq!(m.dictionary.unwrap().key_epoch, 2);
    assert_eq!(dictionary(&desk.hub, &m).unwrap(), plain);
    let changed: usize = m.recent.iter().map(|d| device.step(&desk.hub, &m, d)).sum();
    assert_eq!(changed, 2);
    device.check(&m);
    let old = desk.hub.compartment_keys(&m.compartment).unwrap()[0].key;
    let s = m.dictionary.unwrap();
    let sealed = std::fs::read(desk.hub.segment_path(&s.hash)).unwrap();
    assert!(segment::open_bytes(Content::Dictionary, &sealed, &s.hash, &old).is_err());
}

#[test]
fn the_index_lists_the_marks_and_no_others() {
    let desk = Desk::new();
    desk.rows(&["1,AB12CDE,Ford,01/05/2024", "2,NA,Ford,01/05/2024", "3,K1,Ford,01/05/2024"]).unwrap();
    desk.publish();
    let m = desk.manifest();
    let parts = desk.catalogue(&m).index;
    let key = desk.hub.compartment_keys(&m.compartment).unwrap()[0].key;
    let open = |s: &beatcheck_wire::SegmentRef| {
        let bytes = std::fs::read(desk.hub.segment_path(&s.hash)).unwrap();
        segment::open_bytes(Content::MarkIndex, &bytes, &s.hash, &key).unwrap()
    };
    let index = MarkIndex::decode(&parts.iter().flat_map(open).collect::<Vec<u8>>()).unwrap();
    assert_eq!((index.len(), index.contains("AB12CDE"), index.contains("K1")), (2, true, true));
}

#[test]
fn rows_are_named_by_four_bytes_and_new_ones_derive_their_ids() {
    let (desk, mut dice) = (Desk::new(), Dice(5));
    let mut list: List = (0..300).map(|id| (id, row(&mut dice, id))).collect();
    ingest(&desk, &list);
    desk.publish();
    let first = desk.manifest();
    let names: BTreeSet<_> = changes(&desk.hub, &first, &desk.catalogue(&first).snapshot.segments)
        .into_iter()
        .filter_map(|c| match c.op {
            Op::Upsert(r) => Some((r.id, beatcheck_wire::record_id("list", first.kind, &[&r.source_key], 0))),
            _ => None,
        })
        .collect();
    assert_eq!(names.len(), 300);
    assert!(names.iter().all(|(id, derived)| id == derived));
    list.get_mut(&1).unwrap().1 = "Other".into();
    list.remove(&2);
    ingest(&desk, &list);
    desk.publish();
    let m = desk.manifest();
    let rows: Vec<usize> =
        changes(&desk.hub, &m, &m.recent[0].segments).iter().map(|c| c.op.row().prefix().len()).collect();
    assert_eq!(rows, [4, 4]);
}
