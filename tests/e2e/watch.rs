//! Staying in contact: what a phone that watches is told, by a hub with room and by one without, and beside another process.

use crate::support::{AtLast, List, TestHub, check, core_check, core_sync, events, raise_at_last, sync};
use crate::sync::{PATIENCE, cars, clock, mark};
use beatcheck::{Network, Outcome};
use beatcheck_client as client;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A hub with room to hold one question: the second phone that watches asks after 1 s, 2 s, 4 s, and is told what it then hears.
#[test]
fn a_hub_that_has_no_room_to_hold_a_question_is_asked_less_often() {
    let mut hub = TestHub::start();
    hub.stop();
    hub.connections = Some(2);
    hub.serve();
    hub.publish(&cars(10));
    let clock = clock();
    let (held, turned_away) = (hub.enrol_core("held", &clock), hub.enrol_core("turned-away", &clock));
    let stop = AtomicBool::new(false);
    let counts = [std::sync::Mutex::new(0), std::sync::Mutex::new(0)];
    let watch = |device: &client::Device, count: &std::sync::Mutex<u32>| {
        let mut told = |r: &client::SyncReport| *count.lock().unwrap() += u32::from(r.complete);
        device.watch(&client::SyncOptions::default(), &|_| {}, &mut told, &|| stop.load(Ordering::SeqCst)).unwrap();
    };
    std::thread::scope(|scope| {
        let ends = raise_at_last(&stop);
        let seen = |n: usize, least: u32| {
            let began = Instant::now();
            while *counts[n].lock().unwrap() < least {
                assert!(began.elapsed() < PATIENCE);
                std::thread::sleep(Duration::from_millis(20));
            }
        };
        scope.spawn(|| watch(&held, &counts[0]));
        seen(0, 1);
        // Its second question, a second later, takes the one place.
        std::thread::sleep(Duration::from_millis(2500));
        scope.spawn(|| watch(&turned_away, &counts[1]));
        seen(1, 1);
        std::thread::sleep(Duration::from_secs(6));
        let asked = *counts[1].lock().unwrap();
        assert!((1..=5).contains(&asked), "{asked} times in six seconds");
        hub.publish(&cars(11));
        seen(1, asked + 1);
        drop(ends);
        // What the first waits for is answered, and it ends.
        hub.publish(&cars(12));
    });
    assert_eq!(core_check(&turned_away, &mark(10)).outcome, Outcome::Hit);
}

#[test]
fn a_watch_waits_while_another_process_syncs() {
    let hub = TestHub::start();
    hub.publish(&cars(10));
    let clock = clock();
    let first = hub.enrol_core("phone", &clock);
    assert!(core_sync(&first).complete);
    // Two openings of one home are to each other as two processes.
    let second = hub.open_core("phone", &clock);
    let (reports, stop) = (std::sync::Mutex::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let ends = raise_at_last(&stop);
        let holding = scope.spawn(|| {
            let options = client::SyncOptions { hold_s: 25, ..Default::default() };
            loop {
                match first.sync_with(&options, &|_| {}) {
                    Err(client::ClientError::SyncRunning) => std::thread::sleep(Duration::from_millis(1)),
                    other => break other.unwrap(),
                }
            }
        });
        while !matches!(second.sync(&|_| {}), Err(client::ClientError::SyncRunning)) {
            assert!(!holding.is_finished());
            std::thread::sleep(Duration::from_millis(50));
        }
        let watching = scope.spawn(|| {
            let options = client::SyncOptions { hold_s: 1, ..Default::default() };
            let mut told = |r: &client::SyncReport| *reports.lock().unwrap() += u32::from(r.complete);
            second.watch(&options, &|_| {}, &mut told, &|| stop.load(Ordering::SeqCst))
        });
        std::thread::sleep(Duration::from_millis(300));
        assert!(!watching.is_finished(), "it waits");
        assert_eq!(*reports.lock().unwrap(), 0);
        hub.publish(&cars(11));
        assert!(holding.join().unwrap().complete);
        let began = Instant::now();
        while *reports.lock().unwrap() == 0 {
            assert!(began.elapsed() < PATIENCE && !watching.is_finished());
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(ends);
        watching.join().unwrap().unwrap();
    });
    assert_eq!(core_check(&second, &mark(10)).outcome, Outcome::Hit);
}

#[test]
fn a_withdrawal_reaches_who_watches_and_comes_back() {
    let hub = TestHub::start();
    hub.ingest(&List::vehicles("kept", "keep").car("AA11AAA", "Red")).unwrap();
    hub.publish(&List::vehicles("taken", "take").car("BB22BBB", "Red"));
    let device = hub.enrol("phone");
    sync(&device);
    let id = beatcheck_wire::DeviceId::from_hex(&device.status().unwrap().device).unwrap();
    assert_eq!(check(&device, "BB22BBB").outcome, Outcome::Hit);
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| device.watch(Network::Unmetered).unwrap());
        // Also the question that the hub holds.
        let ends = AtLast(|| device.cancel_sync());
        std::thread::sleep(Duration::from_millis(500));
        hub.hub.withdraw_compartment(id, "take").unwrap();
        let began = Instant::now();
        while check(&device, "BB22BBB").outcome == Outcome::Hit {
            assert!(began.elapsed() < PATIENCE && !watching.is_finished());
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(check(&device, "AA11AAA").outcome, Outcome::Hit, "the other one stays");
        device.stop_watch();
        // The question that is held ends with the next change.
        hub.publish(&List::vehicles("kept", "keep").car("AA11AAA", "Blue"));
        watching.join().unwrap();
        drop(ends);
    });
    sync(&device);
    let account = hub.account(&device.status().unwrap().device);
    assert_eq!(events(&account, "compartment_withdrawn").len(), 1);
}
