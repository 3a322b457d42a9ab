//! What time does: staleness, the lease, and clocks that are set back.

use crate::support::{List, PURPOSE, TestHub, core_check, core_sync, events, fault, now};
use beatcheck_client::{CheckRequest, Device, FixedClock};
use beatcheck_model::{CoverageState, Outcome, Timestamp};
use std::sync::Arc;

const HOUR: i64 = 3600;

/// A hub whose clock stands still, and a device beside it that holds its one car.
fn begun() -> (Timestamp, TestHub, Arc<beatcheck_hub::FixedClock>, Arc<FixedClock>, Device) {
    let start = now();
    let hub_clock = Arc::new(beatcheck_hub::FixedClock::new(start));
    let hub = TestHub::with_clock(hub_clock.clone());
    hub.publish(&List::vehicles("cars", "cars").car("AB12CDE", "Red"));
    let clock = Arc::new(FixedClock::new(start));
    let device = hub.enrol_core("phone", &clock);
    assert!(core_sync(&device).complete);
    (start, hub, hub_clock, clock, device)
}

#[test]
fn a_lease_ends_and_no_clock_brings_it_back() {
    let (start, hub, hub_clock, clock, device) = begun();
    assert_eq!(device.status().unwrap().lease_ends, Some(start.plus_secs(72 * HOUR)));
    clock.set(start.plus_secs(71 * HOUR));
    assert_eq!(core_check(&device, "AB12CDE").outcome, Outcome::Hit);

    clock.set(start.plus_secs(73 * HOUR));
    let ended = |when: &str, device: &Device| {
        let a = core_check(device, "AB12CDE");
        assert_eq!(a.error.as_ref().map(|e| e.code.as_str()), Some("lease_ended"), "{when}: {}", a.text);
        assert!(a.outcome == Outcome::CannotSay && a.hits.is_empty());
        assert!(a.text.contains("lease ended") && a.text.contains("connect and sync"), "{}", a.text);
        assert!(a.coverage.iter().all(|c| c.state == CoverageState::Withheld));
        assert!(device.status().unwrap().lease_ended);
    };
    ended("73 h", &device);
    clock.turn(start.plus_secs(HOUR));
    ended("set back", &device);
    drop(device);
    let device = hub.open_core("phone", &clock);
    ended("set back and opened again", &device);
    let reported = device.status().unwrap().device;

    // The hub's word makes it good, but only a head that is of now.
    clock.turn(start.plus_secs(73 * HOUR));
    clock.set(start.plus_secs(74 * HOUR));
    hub_clock.set(start.plus_secs(74 * HOUR));
    let report = core_sync(&device);
    assert_eq!(fault(&report).0, "head_expired", "nobody signed a head since");
    ended("the hub's head is old", &device);
    hub.hub.resign_head().unwrap();
    assert!(core_sync(&device).complete);
    assert_eq!(core_check(&device, "AB12CDE").outcome, Outcome::Hit);
    core_sync(&device);
    let account = hub.account(&reported);
    let refused = events(&account, "check").into_iter().filter(|c| c["error"] == "lease_ended").count();
    assert_eq!(refused, 4, "refused checks are on record");
}

#[test]
fn an_expired_head_makes_stale_and_says_so() {
    let (_, _hub, hub_clock, clock, device) = begun();
    let fresh = core_check(&device, "AB12CDE");
    assert_eq!(fresh.coverage[0].state, CoverageState::Current);
    assert!(!fresh.text.contains("STALE"));

    let expires = device.status().unwrap().head_expires.unwrap();
    clock.set(expires.plus_secs(1));
    hub_clock.set(expires.plus_secs(1));
    let stale = core_check(&device, "AB12CDE");
    assert_eq!((stale.outcome, stale.coverage[0].state), (Outcome::Hit, CoverageState::Stale));
    assert!(stale.text.contains("STALE"), "{}", stale.text);
    let report = core_sync(&device);
    let (code, text) = fault(&report);
    assert!(code == "head_expired" && text.contains("stale") && text.contains("publish"), "{code}: {text}");
    assert!(report.journal_pending == 0 && !report.complete);
    let none = core_check(&device, "ZZ99ZZZ");
    assert_eq!(none.outcome, Outcome::NoTrace);
    assert!(none.text.contains("STALE"));
    assert_eq!(core_check(&device, "AB12CDE").hits.len(), 1, "the data stays");
}

#[test]
fn an_old_or_overdue_or_refused_extract_is_stale() {
    let start = now();
    let hub_clock = Arc::new(beatcheck_hub::FixedClock::new(start));
    let hub = TestHub::with_clock(hub_clock.clone());
    let clock = Arc::new(FixedClock::new(start));
    let mut due = List::vehicles("due", "due").car("AB12CDE", "Red");
    due.extra = "due_every_hours = 2";
    hub.ingest(&due).unwrap();
    let fine = List::vehicles("fine", "fine").car("AB12CDE", "Red");
    hub.publish(&fine);
    let device = hub.enrol_core("phone", &clock);
    core_sync(&device);
    let states = |device: &Device| {
        let a = core_check(device, "AB12CDE");
        let of = |n: &str| a.coverage.iter().find(|c| c.source == n).unwrap().state;
        (of("due"), of("fine"))
    };
    assert_eq!(states(&device), (CoverageState::Current, CoverageState::Current));
    let move_to = |s: i64| {
        hub_clock.set(start.plus_secs(s));
        clock.set(start.plus_secs(s));
        hub.hub.publish(&mut |_| {}).unwrap();
        let report = core_sync(&device);
        assert!(report.complete, "{report:?}");
    };
    move_to(2 * HOUR + 60);
    assert_eq!(states(&device), (CoverageState::Stale, CoverageState::Current), "overdue");
    let (mapping, extract) = fine.write(hub.dir.path());
    std::fs::write(&extract, "").unwrap();
    let refused = hub.ingest_files(&mapping, &extract).unwrap_err().to_string();
    assert!(refused.contains("nothing was changed"), "{refused}");
    move_to(2 * HOUR + 120);
    assert_eq!(states(&device).1, CoverageState::Stale, "refused");
    hub.publish(&fine);
    move_to(2 * HOUR + 180);
    assert_eq!(states(&device).1, CoverageState::Current, "a good one mends it");
    move_to(30 * HOUR);
    assert_eq!(states(&device).1, CoverageState::Stale, "older than policy's 24 hours");
}

#[test]
fn too_old_is_withheld_where_policy_says_so() {
    let start = now();
    let hub = TestHub::with_clock(Arc::new(beatcheck_hub::FixedClock::new(start)));
    let policy =
        "[roles.patrol]\ncompartments = ['*']\npurposes = ['traffic_stop']\n[limits]\nstale_withhold_hours = 5\n";
    hub.hub.policy_set(policy).unwrap();
    hub.publish(&List::vehicles("cars", "cars").car("AB12CDE", "Red"));
    let clock = Arc::new(FixedClock::new(start));
    let device = hub.enrol_core("phone", &clock);
    core_sync(&device);
    clock.set(start.plus_secs(6 * HOUR));
    let a = device.check(&CheckRequest::vehicle("AB12CDE", PURPOSE)).unwrap();
    assert_eq!((a.outcome, a.coverage[0].state), (Outcome::CannotSay, CoverageState::Withheld));
    assert!(a.text.contains("NOT searched") && a.text.contains("withheld"), "{}", a.text);
}
