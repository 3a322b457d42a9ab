//! Cancelling, pausing, closing, and the events that tell of it: through the shipped surface, against a real hub.

use crate::support::{List, PURPOSE, TestHub, raise_at_last};
use beatcheck::{ApiError, Device, Lifecycle, Network, Outcome, SyncEvent, VehicleQuery};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn stolen() -> List {
    List::vehicles("stolen", "stolen").car("BD51SMR", "Blue")
}

fn suspended<T: std::fmt::Debug>(result: Result<T, ApiError>, code: &str) {
    match result {
        Err(ApiError::Suspended { code: found, officer_text, log_text }) => {
            assert_eq!(found, code);
            assert!(!officer_text.is_empty() && log_text.starts_with(code), "{officer_text} / {log_text}");
        }
        other => panic!("{code} was expected: {other:?}"),
    }
}

fn found(device: &Device) {
    assert_eq!(check(device, "BD51SMR").unwrap().outcome, Outcome::Hit);
}

fn check(device: &Device, vrm: &str) -> Result<beatcheck::Answer, ApiError> {
    device.check_vehicle(VehicleQuery { vrm: Some(vrm.into()), ..VehicleQuery::default() }, PURPOSE.into())
}

/// Events until one is as wanted; panics when none comes for a while.
fn until(device: &Device, wanted: impl Fn(&SyncEvent) -> bool) -> Vec<SyncEvent> {
    let mut seen = Vec::new();
    while !seen.iter().any(&wanted) {
        let more = device.next_events(100, 30_000);
        assert!(!more.is_empty(), "no such event came: {seen:?}");
        seen.extend(more);
    }
    seen
}

#[test]
fn a_held_question_is_broken_off_and_nothing_is_lost() {
    let hub = TestHub::start();
    hub.publish(&stolen());
    let device = hub.enrol("a");
    assert!(device.sync().unwrap().complete);
    found(&device);
    let _ = device.next_events(1000, 0);
    // The hub would hold this one for 25 s.
    let watching = std::thread::spawn({
        let device = Arc::clone(&device);
        move || device.sync_over(Network::Unmetered, 25)
    });
    until(&device, |e| matches!(e, SyncEvent::Connecting));
    // It may be sending the account still: what it does is ended whatever it is.
    device.cancel_sync();
    let report = loop {
        if watching.is_finished() {
            break watching.join().unwrap().unwrap();
        }
        device.cancel_sync();
        std::thread::yield_now();
    };
    assert_eq!(report.fault.map(|f| f.code).as_deref(), Some("cancelled"));
    assert!(!report.complete);
    let events = until(&device, |e| matches!(e, SyncEvent::Finished { .. }));
    assert!(events.contains(&SyncEvent::Finished { complete: false, fault: Some("cancelled".into()) }), "{events:?}");
    let after = device.sync().unwrap();
    assert!(after.complete && after.journal_pending == 0, "{after:?}");
    let journal = hub.hub.verify_journal().unwrap();
    assert!(journal.iter().all(|d| d.unbroken), "{journal:?}");
}

#[test]
fn a_first_sync_that_is_cancelled_anywhere_goes_on_later() {
    let hub = TestHub::start();
    let marks: Vec<String> =
        (0..4000).map(|n| format!("BD{:02}{}", n % 100, ["SMA", "SMB", "SMC"][n / 100 % 3])).collect();
    let list = marks.iter().enumerate().fold(List::vehicles("stolen", "stolen"), |list, (n, vrm)| {
        list.row(&[("id", &format!("r{n}")), ("vrm", vrm), ("make", "Ford"), ("colour", "Blue")])
    });
    hub.publish(&list);
    let device = hub.enrol("a");
    let mut cancelled = 0;
    for after in 0..40 {
        let syncing = std::thread::spawn({
            let device = Arc::clone(&device);
            move || device.sync()
        });
        // Begun, and so much further.
        until(&device, |e| matches!(e, SyncEvent::Connecting));
        for _ in 0..after {
            let _ = device.next_events(1, 5);
        }
        device.cancel_sync();
        let report = syncing.join().unwrap().unwrap();
        let _ = device.next_events(1000, 0);
        cancelled += u32::from(report.fault.is_some_and(|f| f.code == "cancelled"));
        if report.complete {
            break;
        }
        assert_eq!(
            check(&device, "BD00SMA").unwrap().outcome == Outcome::Hit,
            device.status().unwrap().compartments.iter().any(|c| c.records > 0)
        );
    }
    assert!(cancelled > 0, "none was cancelled: this shows nothing");
    assert!(device.sync().unwrap().complete);
    assert_eq!(device.status().unwrap().compartments[0].records, 4000);
    assert!(device.scrub(0).unwrap() && !device.status().unwrap().compartments[0].suspect);
}

#[test]
fn a_watch_ends_when_it_is_cancelled() {
    let hub = TestHub::start();
    hub.publish(&stolen());
    let device = hub.enrol("a");
    let watching = std::thread::spawn({
        let device = Arc::clone(&device);
        move || device.watch(Network::Unmetered)
    });
    until(&device, |e| matches!(e, SyncEvent::Finished { complete: true, .. }));
    while !watching.is_finished() {
        device.cancel_sync();
        std::thread::yield_now();
    }
    watching.join().unwrap().unwrap();
}

#[test]
fn a_paused_device_waits_and_refuses_until_it_is_resumed() {
    let hub = TestHub::start();
    hub.publish(&stolen());
    let device = hub.enrol("a");
    device.sync().unwrap();
    let _ = device.next_events(1000, 0);
    let (busy, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|s| {
        let ends = raise_at_last(&stop);
        for _ in 0..4 {
            s.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    match check(&device, "BD51SMR") {
                        Ok(answer) => assert_eq!(answer.outcome, Outcome::Hit),
                        refused => suspended(refused, "paused"),
                    }
                    busy.store(true, Ordering::SeqCst);
                }
            });
        }
        let watching = s.spawn(|| device.watch(Network::Unmetered));
        // One that has not begun when the pause comes is refused, rightly.
        until(&device, |e| matches!(e, SyncEvent::Connecting));
        while !busy.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        device.pause().unwrap();
        device.pause().unwrap();
        watching.join().unwrap().unwrap();
        assert_eq!(device.lifecycle(), Lifecycle::Paused);
        // Nothing is written any more: the account stands still although four ask.
        let before =
            std::fs::metadata(hub.path("a").join("journal.db-wal")).map(|m| (m.len(), m.modified().unwrap())).ok();
        suspended(device.sync(), "paused");
        suspended(device.status(), "paused");
        let after =
            std::fs::metadata(hub.path("a").join("journal.db-wal")).map(|m| (m.len(), m.modified().unwrap())).ok();
        assert_eq!(before, after);
        device.resume().unwrap();
        found(&device);
        drop(ends);
    });
    assert_eq!(device.lifecycle(), Lifecycle::Open);
}

#[test]
fn a_closed_device_lets_go_of_everything_and_can_be_opened_anew() {
    let hub = TestHub::start();
    hub.publish(&stolen());
    let device = hub.enrol("a");
    device.sync().unwrap();
    let _ = device.next_events(1000, 0);
    let waiting = std::thread::spawn({
        let device = Arc::clone(&device);
        move || device.next_events(10, 600_000)
    });
    device.shut_down();
    device.shut_down();
    assert_eq!(waiting.join().unwrap(), [], "who waits for events is sent home");
    assert_eq!(device.lifecycle(), Lifecycle::Closed);
    suspended(check(&device, "BD51SMR"), "closed");
    suspended(device.resume(), "closed");
    let again = hub.reopen("a").unwrap();
    assert_eq!(check(&again, "BD51SMR").unwrap().outcome, Outcome::Hit);
}

#[test]
fn what_happens_is_told_once() {
    let hub = TestHub::start();
    hub.publish(&stolen());
    let device = hub.enrol("a");
    device.sync().unwrap();
    let events = device.next_events(1000, 0);
    assert_eq!(events.iter().filter(|e| matches!(e, SyncEvent::PolicyChanged { .. })).count(), 1, "{events:?}");
    assert!(matches!(events.last(), Some(SyncEvent::Finished { complete: true, fault: None })), "{events:?}");
    device.set_pin(None, "481516".into()).unwrap();
    device.lock().unwrap();
    assert!(device.unlock_with_pin("000000".into()).is_err());
    device.unlock_with_pin("481516".into()).unwrap();
    assert_eq!(device.next_events(1000, 0), [SyncEvent::Locked, SyncEvent::Unlocked]);
    device.wipe().unwrap();
    assert_eq!(device.next_events(1000, 0), [SyncEvent::Wiped]);
    assert_eq!(device.lifecycle(), Lifecycle::Wiped);
}

#[test]
fn a_binding_of_another_version_is_told_so() {
    beatcheck::binding_check(env!("CARGO_PKG_VERSION").into()).unwrap();
    let refused = beatcheck::binding_check("0.0.1".into()).unwrap_err();
    assert!(matches!(&refused, ApiError::Invalid { code, .. } if code == "binding"), "{refused:?}");
    assert!(refused.log_text().contains("0.0.1"), "{refused:?}");
}
