//! Sync on a bad link and with a bad store: one request where one is enough, marks before rows, repair, budgets.

use crate::proxy::{Proxy, WHOLE};
use crate::support::{List, PURPOSE, TestHub, check, core_check, core_sync, events, fault};
use crate::support::{raise_at_last, sync, vrm};
use beatcheck::{CoverageState, Network, Outcome, VehicleQuery};
use beatcheck_client as client;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a slow machine; never what is tested.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn mark(i: usize) -> String {
    let letter = |n: usize| char::from(b'A' + (n % 26) as u8);
    format!("{}{}{:02}{}{}{}", letter(i / 7), letter(i / 3), i % 99, letter(i), letter(i / 26), letter(i / 676))
}

/// Cars that do not compress well: each has a VIN of its own.
pub fn cars(n: usize) -> List {
    let mut list = List::vehicles("cars", "cars");
    for i in 0..n {
        let vin = format!("W{:016}", (i as u64).wrapping_mul(6_364_136_223_846_793_005) % 10_000_000_000_000_000);
        list = list.row(&[("id", &mark(i)), ("vrm", &mark(i)), ("vin", &vin), ("make", "Ford"), ("colour", "Red")]);
    }
    list
}

pub fn clock() -> Arc<client::FixedClock> {
    Arc::new(client::FixedClock::new(crate::support::now()))
}

#[test]
fn a_poll_without_change_is_one_small_request_and_a_change_another() {
    let hub = TestHub::start();
    hub.publish(&cars(800));
    let device = hub.enrol_core("phone", &clock());
    assert!(core_sync(&device).complete);
    let (reports, stop) = (std::sync::Mutex::new(Vec::new()), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let ends = raise_at_last(&stop);
        let watching = scope.spawn(|| {
            let options = client::SyncOptions { hold_s: 1, ..Default::default() };
            let mut told = |r: &client::SyncReport| reports.lock().unwrap().push(r.clone());
            device.watch(&options, &|_| {}, &mut told, &|| stop.load(Ordering::SeqCst)).unwrap();
        });
        let began = Instant::now();
        let seen = |n: usize| {
            while reports.lock().unwrap().len() < n {
                assert!(began.elapsed() < PATIENCE && !watching.is_finished());
                std::thread::sleep(Duration::from_millis(20));
            }
        };
        seen(3);
        let mut changed = cars(800);
        for row in changed.rows.iter_mut().take(30) {
            row.iter_mut().filter(|(n, _)| *n == "colour").for_each(|(_, v)| *v = "Blue".into());
        }
        hub.publish(&changed);
        while !reports.lock().unwrap().iter().any(|r| !r.compartments.is_empty()) {
            assert!(began.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(ends);
    });
    let reports = reports.into_inner().unwrap();
    let idle = &reports[1];
    assert!(idle.complete && idle.requests == 1, "{idle:?}");
    assert!(
        idle.bytes_down + idle.bytes_up <= 1024,
        "a poll without change: {} and {}",
        idle.bytes_down,
        idle.bytes_up
    );
    let change = reports.iter().find(|r| !r.compartments.is_empty()).unwrap();
    assert_eq!((change.compartments[0].updated, change.compartments[0].route.as_str()), (30, "deltas"));
    // One for the change, and one for the account of it.
    assert_eq!(change.requests, 2, "{change:?}");
    let hit = &core_check(&device, &mark(3)).hits[0];
    assert!(hit.title.contains("Blue"), "{}", hit.title);
}

#[test]
fn marks_answer_before_their_rows_have_come() {
    let hub = TestHub::start();
    hub.publish(&cars(4000));
    let proxy = Proxy::before(hub.addr);
    let mut options = hub.options("phone");
    options.hub = proxy.url();
    let device = beatcheck::Device::enrol(options, hub.vault("phone")).unwrap();
    // The list of marks comes first and is small; the rows do not all fit.
    proxy.cut_after(40_000);
    let report = device.sync().unwrap();
    assert_eq!(fault(&report).0, "hub_unreachable");
    for device in [device, hub.reopen("phone").unwrap()] {
        let listed = check(&device, &mark(17));
        assert_eq!(listed.outcome, Outcome::Possible, "{}", listed.text);
        assert_eq!((listed.hits.len(), listed.hits[0].reasons[0].code.as_str()), (1, "mark_listed"));
        assert_eq!(listed.coverage[0].state, CoverageState::MarksOnly);
        assert!(listed.coverage[0].arriving.is_some_and(|a| a.share_percent < 100), "{:?}", listed.coverage);
        assert!(listed.text.contains("On its way") && listed.text.contains("% has come"), "{}", listed.text);
        let other = check(&device, "ZZ99ZZZ");
        assert!(other.outcome == Outcome::NoTrace && other.text.contains("list of marks"), "{}", other.text);
        // What only rows can answer is not answered.
        let vin = VehicleQuery { vin: Some("W0000000000000000".into()), ..VehicleQuery::default() };
        let a = device.check_vehicle(vin, PURPOSE.into()).unwrap();
        assert_eq!((a.outcome, a.coverage[0].state), (Outcome::CannotSay, CoverageState::Missing), "{}", a.text);
        let part = device.check_vehicle(vrm("A*"), PURPOSE.into()).unwrap();
        assert_eq!(part.outcome, Outcome::CannotSay, "{}", part.text);
    }
    proxy.cut_after(WHOLE);
    let device = hub.reopen("phone").unwrap();
    let before = proxy.down();
    let report = sync(&device);
    assert!(proxy.down() - before < 40_000 + report.compartments[0].bytes, "what had come is not fetched again");
    let hit = check(&device, &mark(17));
    assert_eq!(
        (hit.outcome, hit.coverage[0].state, hit.coverage[0].arriving),
        (Outcome::Hit, CoverageState::Current, None)
    );
    // Who was told 'possible' hears of the record.
    assert!(report.late_hits.iter().any(|l| l.change == "appeared"), "{report:?}");
}

#[test]
fn a_row_that_rotted_is_found_and_mended_with_a_few_kilobytes() {
    let hub = TestHub::start();
    hub.publish(&cars(3000));
    let device = hub.enrol_core("phone", &clock());
    assert!(core_sync(&device).complete);
    device.flip_stored_row("cars", 1234).unwrap();
    let scrub = device.scrub(0, true).unwrap();
    assert_eq!((scrub.suspect, scrub.rows, scrub.complete), (vec!["cars".to_owned()], 3000, true));
    let status = &device.status().unwrap().compartments[0];
    assert!(status.suspect && status.state == CoverageState::Stale, "{status:?}");
    let report = core_sync(&device);
    assert!(report.complete && report.mended.len() == 1, "{report:?}");
    assert!(!report.mended[0].rebuilt && report.mended[0].bytes <= 64_000 && report.mended[0].rows >= 1, "{report:?}");
    let status = &device.status().unwrap().compartments[0];
    assert_eq!((status.suspect, status.repairs, status.rebuilds), (false, 1, 0));
    let scrub = device.scrub(0, true).unwrap();
    assert_eq!((scrub.suspect.len(), scrub.whole), (0, vec!["cars".to_owned()]));
    core_sync(&device);
    let account = hub.account(&device.status().unwrap().device);
    assert_eq!(
        (events(&account, "diverged").len(), events(&account, "repaired").len()),
        (1, 1),
        "the hub hears of both"
    );
}

#[test]
fn a_store_that_rotted_widely_is_built_anew() {
    let hub = TestHub::start();
    hub.publish(&cars(3000));
    let device = hub.enrol_core("phone", &clock());
    assert!(core_sync(&device).complete);
    for n in 0..200 {
        device.flip_stored_row("cars", n * 13).unwrap();
    }
    assert_eq!(device.scrub(0, true).unwrap().suspect, ["cars"]);
    let report = core_sync(&device);
    assert!(report.complete && report.mended.iter().any(|m| m.rebuilt), "{report:?}");
    assert_eq!(device.scrub(0, true).unwrap().whole, ["cars"]);
    let status = &device.status().unwrap().compartments[0];
    assert_eq!((status.suspect, status.repairs, status.rebuilds), (false, 0, 1));
}

#[test]
fn a_link_that_drops_in_a_repair_rebuilds_nothing() {
    let hub = TestHub::start();
    hub.publish(&cars(3000));
    let proxy = Proxy::before(hub.addr);
    let (mut dropped, cuts) = (0, (2_000..9_000).step_by(500).collect::<Vec<_>>());
    let mut device = hub.enrol_core_at("phone", proxy.url(), &clock());
    assert!(core_sync(&device).complete);
    for (n, cut) in cuts.into_iter().enumerate() {
        if n > 0 && n % 4 == 0 {
            // Another phone before this one has asked too often: a fast hub refuses sooner.
            assert_eq!(device.status().unwrap().compartments[0].rebuilds, 0);
            device = hub.enrol_core_at(&format!("phone{n}"), proxy.url(), &clock());
            assert!(core_sync(&device).complete);
        }
        device.flip_stored_row("cars", cut % 3000).unwrap();
        assert_eq!(device.scrub(0, true).unwrap().suspect, ["cars"]);
        proxy.cut_once_after(cut);
        let report = core_sync(&device);
        dropped += u32::from(report.failed.iter().any(|f| f.code == "hub_unreachable"));
        assert!(report.mended.iter().all(|m| !m.rebuilt), "{cut}: {report:?}");
        proxy.cut_after(WHOLE);
        let report = core_sync(&device);
        assert!(report.complete && report.mended.iter().all(|m| !m.rebuilt), "{cut}: {report:?}");
        assert!(!device.status().unwrap().compartments[0].suspect, "{cut}");
    }
    assert!(dropped > 0, "no cut fell into a repair");
    assert_eq!(device.status().unwrap().compartments[0].rebuilds, 0);
}

#[test]
fn a_budget_puts_snapshots_off_and_nothing_else() {
    let hub = TestHub::start();
    let policy = "[roles.patrol]\ncompartments=['*']\npurposes=['traffic_stop']\n[limits]\nmetered_mb_per_day=0\n";
    hub.hub.policy_set(policy).unwrap();
    hub.publish(&cars(500));
    let device = hub.enrol("phone");
    // The policy comes with the first sync; from the second on it counts.
    device.sync_over(Network::Metered, 0).unwrap();
    hub.publish(&List::vehicles("vans", "vans").car("BB22BBB", "Red"));
    let report = device.sync_over(Network::Metered, 0).unwrap();
    assert!(!report.complete && report.fault.is_none() && report.deferred == ["vans"], "{report:?}");
    assert_eq!(check(&device, "BB22BBB").hits.len(), 0);
    let mut changed = cars(500);
    changed.rows.truncate(499);
    hub.publish(&changed);
    let report = device.sync_over(Network::Metered, 0).unwrap();
    assert_eq!((report.compartments[0].deleted, report.compartments[0].route.as_str()), (1, "deltas"), "{report:?}");
    let report = device.sync_over(Network::Unmetered, 0).unwrap();
    assert!(report.complete && report.deferred.is_empty(), "{report:?}");
    assert_eq!(check(&device, "BB22BBB").outcome, Outcome::Hit);
}

#[test]
fn many_compartments_come_in_one_sync_each_usable_by_itself() {
    let hub = TestHub::start();
    for n in 0..24 {
        let list = List::vehicles(&format!("list{n}"), &format!("c{n}")).car(&format!("AA{n:02}AAA"), "Red");
        hub.ingest(&list).unwrap();
    }
    hub.hub.publish(&mut |_| {}).unwrap();
    let device = hub.enrol("phone");
    let report = sync(&device);
    assert_eq!(report.compartments.len(), 24);
    for n in 0..24 {
        assert_eq!(check(&device, &format!("AA{n:02}AAA")).outcome, Outcome::Hit);
    }
    sync(&device);
    // A poll without change and with nothing to account for, whatever the number.
    assert_eq!(device.sync().unwrap().requests, 1);
}

#[test]
fn a_dropped_link_costs_less_than_a_frame() {
    let hub = TestHub::start();
    hub.publish(&cars(6000));
    let proxy = Proxy::before(hub.addr);
    let fetched = |name: &str, cut: Option<u64>| {
        let mut options = hub.options(name);
        options.hub = proxy.url();
        let device = beatcheck::Device::enrol(options, hub.vault(name)).unwrap();
        let before = proxy.down();
        cut.into_iter().for_each(|bytes| proxy.cut_once_after(bytes));
        sync(&device);
        proxy.down() - before
    };
    let whole = fetched("whole", None);
    assert!(whole > 50_000, "enough to be cut in the midst of a frame: {whole}");
    for (name, share) in [("early", 40), ("later", 60), ("late", 85)] {
        let cut = fetched(name, Some(whole * share / 100));
        assert!(proxy.has_broken(), "{name}");
        // What had come of a frame is kept: a new handshake, and what was under way, are less than one.
        assert!(cut <= whole + beatcheck_wire::segment::FRAME as u64, "{name}: {cut} of {whole}");
    }
}

#[test]
fn a_hub_that_is_asked_too_often_is_given_time() {
    let hub = TestHub::start();
    hub.publish(&List::vehicles("cars", "cars").car("AA11AAA", "Red"));
    let device = hub.enrol_core("phone", &clock());
    let waited = AtomicBool::new(false);
    for _ in 0..400 {
        let report = device
            .sync(&|p| {
                if matches!(p, client::SyncProgress::Waiting { .. }) {
                    waited.store(true, Ordering::SeqCst);
                }
            })
            .unwrap();
        assert!(report.complete, "the wait that the hub asks for is kept, and then it answers: {report:?}");
        if waited.load(Ordering::SeqCst) {
            return;
        }
    }
    panic!("the hub never asked for patience");
}

#[test]
fn a_push_says_only_when_to_ask() {
    let hub = TestHub::start();
    hub.publish(&List::vehicles("cars", "cars").car("AA11AAA", "Red"));
    let device = hub.enrol("phone");
    sync(&device);
    for payload in [Vec::new(), b"{\"wipe\":true}".to_vec(), vec![0xff; 100_000]] {
        assert!(device.handle_push(payload).unwrap() < 10);
    }
    assert_eq!(check(&device, "AA11AAA").outcome, Outcome::Hit);
    let next = device.status().unwrap().next_sync.unwrap();
    assert!(next > crate::support::now(), "{next}");
}
