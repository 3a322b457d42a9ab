//! What is published: a device that applies it holds exactly what the manifest says.

use crate::support::{Desk, Device, NOW, open_with};
use beatcheck_model::Timestamp;

fn list(range: std::ops::Range<u32>, make: &str) -> Vec<String> {
    range.map(|i| format!("{i},AB{i}CDE,{make} number {},01/05/2024", i.wrapping_mul(2_654_435_761))).collect()
}

fn ingest(desk: &Desk, rows: &[String]) {
    desk.rows(&rows.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
}

#[test]
fn snapshot_then_deltas_then_a_snapshot_again() {
    let desk = Desk::new();
    let mut rows = list(0..4_000, "Ford");
    ingest(&desk, &rows);
    let report = desk.publish();
    assert!(report.compartments[0].snapshot && !report.compartments[0].delta);
    let first = desk.manifest();
    assert!(report.compartments[0].catalogue && report.compartments[0].dictionary_bytes > 0);
    let mut device = Device::start(&desk, &first);
    assert_eq!(device.rows.len(), 4_000);
    device.check(&first);

    // A small change: one delta, the same catalogue.
    rows[7] = "7,AB7CDE,Seat,01/05/2024".into();
    rows.remove(100);
    rows.push("9999,NEW1,Seat,01/05/2024".into());
    ingest(&desk, &rows);
    let report = desk.publish();
    let c = &report.compartments[0];
    assert!(!c.snapshot && c.delta && !c.catalogue);
    assert_eq!((c.segment_rows, c.patches), (3, 1));
    let second = desk.manifest();
    assert_eq!(second.catalogue, first.catalogue);
    assert_eq!((second.manifest_version, second.recent.len(), second.recent[0].from), (2, 1, first.watermark));
    assert_eq!(device.step(&desk.hub, &second, &second.recent[0]), 3);
    device.check(&second);
    // The history hands out the same: all of a state, or what came after another.
    let records = |after, at| {
        let mut out = Vec::new();
        let mut take = |r| {
            out.push(r);
            Ok(())
        };
        desk.hub.records_at("stolen", after, at, &mut take).unwrap();
        out
    };
    let mut whole = records(0, second.watermark);
    whole.sort_unstable_by_key(|r| r.id);
    assert!(whole.iter().eq(device.rows.values()));
    assert_eq!(records(first.watermark, second.watermark).len(), 2, "one changed, one new; what is gone is not there");
    assert_eq!(records(0, first.watermark).len(), 4_000);

    // A large one: a new snapshot; the way from the one before stays open.
    rows.truncate(2_500);
    let changed: Vec<String> = list(5_000..7_000, "Opel");
    rows.splice(..400, changed);
    ingest(&desk, &rows);
    let report = desk.publish();
    assert!(report.compartments[0].snapshot && report.compartments[0].delta);
    let third = desk.manifest();
    assert_eq!(desk.catalogue(&third).snapshot.watermark, third.watermark);
    device.step(&desk.hub, &third, &third.recent[1]);
    device.check(&third);
    let fresh = Device::start(&desk, &third);
    fresh.check(&third);
    assert_eq!((third.rows, third.digest), desk.hub.digest_at("stolen", third.watermark).unwrap());
    assert_eq!((second.rows, second.digest), desk.hub.digest_at("stolen", second.watermark).unwrap());
    assert_eq!(third.previous, beatcheck_wire::Hash32::of(&signed(&desk, &second)));
}

/// The signed bytes of a manifest, found again by content.
fn signed(desk: &Desk, m: &beatcheck_wire::Manifest) -> Vec<u8> {
    let third = desk.manifest();
    let bytes = desk.hub.manifest_bytes(&third.previous).unwrap().unwrap();
    let found: beatcheck_wire::Manifest = postcard::from_bytes(&bytes[beatcheck_wire::envelope::OVERHEAD..]).unwrap();
    assert_eq!(found, *m);
    bytes
}

#[test]
fn a_delta_is_the_net_change() {
    let desk = Desk::new();
    let rows = list(0..500, "Ford");
    ingest(&desk, &rows);
    desk.publish();
    let m = desk.manifest();
    let mut device = Device::start(&desk, &m);
    // Comes and goes, changes twice, goes and comes back: one row of the three is in the delta as it is now.
    let mut more = rows.clone();
    more.push("900,NEW9,Seat,01/05/2024".into());
    more[1] = "1,AB1CDE,Once,01/05/2024".into();
    more.remove(2);
    ingest(&desk, &more);
    let mut last = rows.clone();
    last[1] = "1,AB1CDE,Twice,01/05/2024".into();
    ingest(&desk, &last);
    desk.publish();
    let m = desk.manifest();
    assert_eq!(device.step(&desk.hub, &m, &m.recent[0]), 2);
    device.check(&m);
}

#[test]
fn what_comes_and_goes_leaves_an_empty_delta() {
    let desk = Desk::new();
    let rows = list(0..20, "Ford");
    ingest(&desk, &rows);
    desk.publish();
    let first = desk.manifest();
    ingest(&desk, &list(0..21, "Ford"));
    ingest(&desk, &rows);
    desk.publish();
    let m = desk.manifest();
    assert!(m.watermark > first.watermark && m.recent[0].segments.is_empty());
    assert_eq!((m.rows, m.digest), (first.rows, first.digest));
}

#[test]
fn nothing_new_means_no_manifest_and_a_newer_time_means_no_segment() {
    let desk = Desk::new();
    let row = b"id,plate,make,since\n1,AB1,Ford,01/05/2024\n";
    desk.offer(row, None, false).unwrap();
    let one = desk.publish();
    let two = desk.publish();
    assert!(two.compartments.is_empty() && two.head_version == one.head_version + 1);
    let (head, bytes) = desk.hub.current_head().unwrap().unwrap();
    let now: Timestamp = NOW.parse().unwrap();
    assert_eq!((head.issued, head.expires, head.ask_again_s), (now, now.plus_secs(24 * 3600), 300));
    desk.clock.set(now.plus_secs(3600));
    let again = desk.hub.resign_head().unwrap();
    let (newer, _) = desk.hub.current_head().unwrap().unwrap();
    assert!(again != bytes && newer.set_hash == head.set_hash && newer.head_version == head.head_version + 1);

    desk.offer(row, Some("2024-05-30T00:00:00Z"), false).unwrap();
    let three = desk.publish();
    assert_eq!((three.compartments[0].segments, three.compartments[0].bytes), (0, 0));
    assert_eq!(desk.manifest().as_of.to_string(), "2024-05-30T00:00:00Z");
}

#[test]
fn a_new_epoch_closes_new_segments_to_the_old_key() {
    let desk = Desk::new();
    let rows = list(0..100, "Ford");
    ingest(&desk, &rows);
    desk.publish();
    let c = desk.hub.compartments().unwrap().remove(0);
    assert_eq!(c.current_epoch, 1);
    desk.hub.rotate_epoch(&c.id).unwrap();
    ingest(&desk, &list(0..102, "Ford"));
    desk.publish();
    let m = desk.manifest();
    let snapshot = desk.catalogue(&m).snapshot;
    assert_eq!((m.key_epoch, snapshot.segments[0].key_epoch, m.recent[0].segments[0].key_epoch), (2, 1, 2));
    let keys = desk.hub.compartment_keys(&c.id).unwrap();
    let s = &m.recent[0].segments[0];
    assert_eq!(open_with(&desk.hub, &m, s, &keys[0].key), Err(beatcheck_wire::WireError::BadFrame));
    assert!(open_with(&desk.hub, &m, s, &keys[1].key).is_ok());
}
