//! Roots that step: every key of the hub changes under a running device, which follows, and trusts the old ones no more.

use crate::support::{List, PURPOSE, TestHub, check, events, now, sync};
use beatcheck::Outcome;
use beatcheck_client as client;
use beatcheck_hub::RootKey;
use beatcheck_wire::DeviceId;
use beatcheck_wire::envelope::SigningKey;
use std::sync::Arc;

/// A key out of the hub's directory, as whoever stole it before would have it.
fn stolen(hub: &TestHub, name: &str) -> SigningKey {
    let hex = std::fs::read_to_string(hub.hub.dir().join("keys").join(name)).unwrap();
    let seed: Vec<u8> = (0..32).map(|i| u8::from_str_radix(&hex.trim()[2 * i..2 * i + 2], 16).unwrap()).collect();
    SigningKey::from_seed(&seed).unwrap()
}

#[test]
fn a_device_follows_every_key_and_opens_what_the_old_ones_signed() {
    let mut hub = TestHub::start();
    let cars = List::vehicles("cars", "cars").car("AA11AAA", "Red");
    hub.publish(&cars);
    let device = hub.enrol("phone");
    sync(&device);
    let id = device.status().unwrap().device;
    let old_wipe = stolen(&hub, "wipe-a.key");
    // The grant key stays as it is: what it signed is held on, under a root that is another one.
    let keys = [RootKey::Root, RootKey::Policy, RootKey::Publish, RootKey::Wipe].into();
    assert_eq!(hub.hub.root_rotate(&keys, "test").unwrap(), 2);
    assert_eq!(hub.hub.root_rotate(&keys, "test").unwrap(), 3);
    sync(&device);
    assert_eq!(check(&device, "AA11AAA").outcome, Outcome::Hit);
    drop(device);
    let device = hub.reopen("phone").unwrap();
    assert_eq!(check(&device, "AA11AAA").outcome, Outcome::Hit, "after a restart too");
    hub.publish(&cars.car("BB22BBB", "Blue"));
    sync(&device);
    assert_eq!(check(&device, "BB22BBB").outcome, Outcome::Hit, "what the new keys sign is taken");
    let account = hub.account(&id);
    let adopted: Vec<u64> = events(&account, "root_adopted").iter().map(|e| e["version"].as_u64().unwrap()).collect();
    assert_eq!(adopted, [2, 3], "step by step, and once");

    // What was stolen before is worth nothing now, and the new keys' order is obeyed.
    let device_id = DeviceId::from_hex(&id).unwrap();
    assert!(hub.hub.order_wipe_with(device_id, "thief", &old_wipe).is_err());
    hub.stop();
    hub.serve();
    hub.hub.order_wipe_by(device_id, "test").unwrap();
    assert!(device.sync().unwrap().wiped);
}

#[test]
fn a_grant_that_asks_for_a_wipe_without_an_order_that_counts_erases_nothing() {
    let hub = TestHub::start();
    hub.publish(&List::vehicles("cars", "cars").car("AA11AAA", "Red"));
    // Its clock stood ahead when it was enrolled: by what it knows, the order to all is from before.
    let clock = Arc::new(client::FixedClock::new(now().plus_secs(600)));
    let device = hub.enrol_core("phone", &clock);
    let ask = client::CheckRequest::vehicle("AA11AAA", PURPOSE);
    device.sync(&|_| {}).unwrap();
    assert_eq!(device.check(&ask).unwrap().outcome, Outcome::Hit);
    let order = hub.hub.propose_fleet_wipe("one").unwrap();
    assert!(!device.sync(&|_| {}).unwrap().wiped, "one person's word is none");
    assert_eq!(device.check(&ask).unwrap().outcome, Outcome::Hit);
    hub.hub.approve_fleet_wipe(order, "two").unwrap();
    let withheld = |device: &client::Device| {
        let a = device.check(&ask).unwrap();
        assert!(a.hits.is_empty() && a.error.as_ref().is_some_and(|e| e.code == "withdrawn"), "{a:?}");
    };
    for _ in 0..2 {
        let report = device.sync(&|_| {}).unwrap();
        assert!(!report.wiped && report.fault.as_ref().is_some_and(|f| f.code == "wipe_unsigned"), "{report:?}");
        withheld(&device);
    }
    drop(device);
    let device = hub.open_core("phone", &clock);
    withheld(&device);
    // An order that names it is obeyed all the same; or it is lifted, and everything is there again.
    hub.hub.cancel_order(order, "test").unwrap();
    device.sync(&|_| {}).unwrap();
    assert_eq!(device.check(&ask).unwrap().outcome, Outcome::Hit);
    let id = DeviceId::from_hex(&device.status().unwrap().device).unwrap();
    hub.hub.order_wipe_by(id, "test").unwrap();
    assert!(device.sync(&|_| {}).unwrap().wiped);
}

#[test]
fn two_persons_erase_every_device() {
    let hub = TestHub::start();
    hub.publish(&List::vehicles("cars", "cars").car("AA11AAA", "Red"));
    let devices = [hub.enrol("one"), hub.enrol("two")];
    devices.iter().for_each(|d| drop(sync(d)));
    let order = hub.hub.propose_fleet_wipe("one").unwrap();
    hub.hub.approve_fleet_wipe(order, "two").unwrap();
    for (device, name) in devices.iter().zip(["one", "two"]) {
        assert!(device.sync().unwrap().wiped);
        let home = hub.path(name).to_string_lossy().into_owned();
        beatcheck::send_last_words(home, hub.vault(name)).unwrap();
    }
    let orders = hub.hub.orders(&beatcheck_hub::OrderFilter::default()).unwrap();
    assert!(orders[0].receipts == 2 && orders[0].obeyed.is_some(), "{orders:?}");
}
