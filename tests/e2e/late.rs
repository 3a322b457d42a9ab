//! The late hit: what an officer was told has changed, and the officer hears of it.

use crate::support::{List, PURPOSE, TestHub, check, events, sync};
use beatcheck::{Outcome, PersonQuery, SyncEvent};
use std::collections::BTreeSet;

fn told(device: &beatcheck::Device) -> Vec<String> {
    let mut out = Vec::new();
    while let Some(e) = device.next_event() {
        if let SyncEvent::LateHit { hit } = e {
            out.push(hit.change);
        }
    }
    out
}

#[test]
fn a_hit_that_appears_is_corrected_and_withdrawn_is_told_each_time() {
    let hub = TestHub::start();
    let list = List::vehicles("cars", "cars").car("AA11AAA", "Red").car("BB22BBB", "Red");
    hub.publish(&list);
    let device = hub.enrol("phone");
    sync(&device);
    let none = check(&device, "XX99XXX");
    assert_eq!(none.outcome, Outcome::NoTrace);
    assert_eq!(check(&device, "BB22BBB").outcome, Outcome::Hit);

    let list = list.car("XX99XXX", "Grey");
    hub.publish(&list);
    let late = sync(&device).late_hits;
    assert_eq!(late.len(), 1, "{late:?}");
    assert_eq!((late[0].change.as_str(), &late[0].reference), ("appeared", &none.reference));
    assert!(late[0].text.contains(&none.reference) && late[0].text.contains("XX99XXX"), "{}", late[0].text);
    assert!(late[0].text.contains("Check again"));
    assert_eq!((late[0].asked, late[0].at > late[0].asked), (none.at, true));
    assert_eq!(told(&device), ["appeared"]);
    assert_eq!(device.status().unwrap().late_hits, late);
    assert!(sync(&device).late_hits.is_empty(), "told once");

    let list = list.without("XX99XXX").car("XX99XXX", "Black");
    hub.publish(&list);
    assert_eq!(sync(&device).late_hits[0].change, "corrected");
    let list = list.without("XX99XXX");
    hub.publish(&list);
    let late = sync(&device).late_hits;
    assert_eq!((late.len(), late[0].change.as_str(), &late[0].reference), (1, "withdrawn", &none.reference));
    hub.publish(&list.without("BB22BBB"));
    assert_eq!(sync(&device).late_hits[0].change, "withdrawn");
    assert_eq!(told(&device), ["corrected", "withdrawn", "withdrawn"]);

    let status = device.status().unwrap();
    assert_eq!(status.late_hits.len(), 4);
    let account = hub.account(&status.device);
    let late: Vec<_> = events(&account, "late_hit").iter().map(|e| e["change"].as_str().unwrap()).collect();
    assert_eq!(late, ["appeared", "corrected", "withdrawn", "withdrawn"]);
    let first = status.late_hits.last().unwrap();
    assert_eq!(account[first.audit_seq as usize - 1]["reference"], none.reference.as_str());
    // And it survives a restart.
    drop(device);
    assert_eq!(hub.reopen("phone").unwrap().status().unwrap().late_hits.len(), 4);
}

#[test]
fn a_person_who_appears_is_told() {
    let hub = TestHub::start();
    let list = List::persons("folk", "folk").row(&[("id", "1"), ("given", "Ann"), ("surname", "Other")]);
    hub.publish(&list);
    let device = hub.enrol("phone");
    sync(&device);
    let query = PersonQuery {
        surname: Some("Brannigan".into()),
        given: Some("Declan".into()),
        dob: Some("1980-02-03".into()),
        ..PersonQuery::default()
    };
    assert_eq!(device.check_person(query, PURPOSE.into()).unwrap().outcome, Outcome::NoTrace);
    let row = [("id", "2"), ("given", "Declan"), ("surname", "Brannigan"), ("dob", "1980-02-03")];
    hub.publish(&list.row(&row));
    let late = sync(&device).late_hits;
    assert_eq!((late.len(), late[0].change.as_str()), (1, "appeared"));
}

/// A sync that is broken off does not ask hundreds of questions again first: a pause would wait for it. The next one does, though
/// it brings nothing itself, and goes on where the other was.
#[test]
fn a_sync_that_is_broken_off_leaves_late_hits_to_the_next() {
    const ASKED: usize = 200;
    let hub = TestHub::start();
    let mark = |n: usize| format!("LA{n:03}TE");
    let list = List::vehicles("cars", "cars").car("AA11AAA", "Red");
    hub.publish(&list);
    let device = hub.enrol("phone");
    sync(&device);
    for n in 0..ASKED {
        assert_eq!(check(&device, &mark(n)).outcome, Outcome::NoTrace);
    }
    // Who breaks it off may come too late: then it is tried again, with another change.
    let first = ["Blue", "Grey", "White", "Black", "Green"].into_iter().find_map(|colour| {
        hub.publish(&(0..ASKED).fold(list.clone(), |l, n| l.car(&mark(n), colour)));
        let _ = device.next_events(1000, 0);
        let report = std::thread::scope(|s| {
            let syncing = s.spawn(|| device.sync().unwrap());
            // Applied, and not yet at its end.
            while !device.next_events(1, 60_000).iter().any(|e| matches!(e, SyncEvent::Usable { .. })) {}
            device.cancel_sync();
            syncing.join().unwrap()
        });
        assert!(report.complete || report.fault.as_ref().is_some_and(|f| f.code == "cancelled"), "{report:?}");
        (report.late_hits.len() < ASKED).then_some(report)
    });
    let first = first.expect("all were told, each time: this shows nothing");
    assert_eq!((first.compartments.len(), first.complete), (1, false));
    let mut told: BTreeSet<String> = first.late_hits.iter().map(|l| l.reference.clone()).collect();
    // From another process, even.
    drop(device);
    let device = hub.reopen("phone").unwrap();
    let second = device.sync().unwrap();
    assert!(second.complete && second.fault.is_none(), "{second:?}");
    assert!(second.compartments.is_empty(), "it brings nothing");
    assert!(second.late_hits.iter().all(|l| told.insert(l.reference.clone())), "twice");
    assert_eq!(told.len(), ASKED);
    // What it put on record is sent by the one after it.
    assert_eq!(sync(&device).late_hits, []);
    let on_record = events(&hub.account(&device.status().unwrap().device), "late_hit").len();
    assert!(on_record >= ASKED && on_record.is_multiple_of(ASKED), "{on_record}");
}
