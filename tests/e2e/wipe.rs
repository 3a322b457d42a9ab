//! Withdrawal, wiping, and what survives of the account.

use crate::support::{List, TestHub, check, events, fault, sync};
use beatcheck::{ApiError, CoverageState, Outcome, send_last_words};
use beatcheck_wire::DeviceId;
use std::path::Path;

fn record_files(home: &Path) -> usize {
    std::fs::read_dir(home.join("records"))
        .map_or(0, |d| d.flatten().filter(|e| e.path().extension().is_some_and(|x| x == "db")).count())
}

const ALL: &str = "[roles.patrol]\ncompartments = ['*']\npurposes = ['traffic_stop']\n";
const LESS: &str = "[roles.patrol]\ncompartments = ['keep']\npurposes = ['traffic_stop']\n";

/// The desk vault's file of the key that wraps the first keyring.
const OLD_KEY: &str = "wrap-1.wrap";

#[test]
fn a_withdrawn_compartment_is_gone_with_a_receipt_and_comes_back() {
    let hub = TestHub::start();
    hub.ingest(&List::vehicles("kept", "keep").car("AA11AAA", "Red")).unwrap();
    hub.publish(&List::vehicles("taken", "take").car("BB22BBB", "Red"));
    let device = hub.enrol("phone");
    let home = hub.path("phone");
    sync(&device);
    assert_eq!(record_files(&home), 2);
    assert_eq!(check(&device, "BB22BBB").outcome, Outcome::Hit);
    let keyring = std::fs::read(home.join("keyring.bin")).unwrap();
    assert!(home.join("vault").join(OLD_KEY).exists(), "the key that is to be destroyed");

    hub.hub.policy_set(LESS).unwrap();
    let report = sync(&device);
    assert_eq!(report.withdrawn, ["take"]);
    let gone = check(&device, "BB22BBB");
    assert!(gone.outcome == Outcome::NoTrace && gone.hits.is_empty(), "{}", gone.text);
    assert!(gone.coverage.iter().all(|c| c.compartment == "keep"));
    assert_eq!(check(&device, "AA11AAA").outcome, Outcome::Hit);
    assert_eq!(record_files(&home), 1, "its file is unlinked");
    // The old wrapped keys, kept by flash, open no more: their vault key is destroyed.
    let now = std::fs::read(home.join("keyring.bin")).unwrap();
    drop(device);
    std::fs::write(home.join("keyring.bin"), keyring).unwrap();
    assert!(hub.reopen("phone").is_err());
    std::fs::write(home.join("keyring.bin"), now).unwrap();
    // As if it had crashed before the old key was destroyed: opening finishes that.
    std::fs::write(home.join("vault").join(OLD_KEY), [7; 32]).unwrap();
    let device = hub.reopen("phone").unwrap();
    assert!(!home.join("vault").join(OLD_KEY).exists(), "the superseded key is destroyed");
    assert_eq!(check(&device, "BB22BBB").outcome, Outcome::NoTrace);
    sync(&device);
    let status = device.status().unwrap();
    let account = hub.account(&status.device);
    let receipts = events(&account, "compartment_withdrawn");
    assert_eq!((receipts.len(), receipts[0]["name"].as_str()), (1, Some("take")));
    let at_hub = hub.hub.status().unwrap().devices.into_iter().find(|d| d.id == status.device).unwrap();
    assert!(at_hub.held.iter().all(|h| h.name.as_deref() != Some("take")), "{:?}", at_hub.held);

    hub.hub.policy_set(ALL).unwrap();
    sync(&device);
    assert_eq!(check(&device, "BB22BBB").outcome, Outcome::Hit);
    assert_eq!(record_files(&home), 2);
}

#[test]
fn a_withdrawal_that_a_crash_cut_short_still_gets_its_receipt() {
    let hub = TestHub::start();
    hub.ingest(&List::vehicles("kept", "keep").car("AA11AAA", "Red")).unwrap();
    hub.publish(&List::vehicles("taken", "take").car("BB22BBB", "Red"));
    let device = hub.enrol("phone");
    let id = device.status().unwrap().device;
    sync(&device);
    drop(device);
    let state = hub.path("phone").join("state.db");
    let before = std::fs::read(&state).unwrap();
    hub.hub.policy_set(LESS).unwrap();
    assert_eq!(sync(&hub.reopen("phone").unwrap()).withdrawn, ["take"]);
    // The keys are gone, and the state does not know it yet: as after a crash between the two.
    std::fs::write(&state, before).unwrap();
    let device = hub.reopen("phone").unwrap();
    assert!(check(&device, "BB22BBB").hits.is_empty());
    assert_eq!(sync(&device).withdrawn, ["take"], "it is finished");
    let account = hub.account(&id);
    let receipts = events(&account, "compartment_withdrawn");
    assert!(receipts.len() == 2 && receipts.iter().all(|r| r["name"] == "take"), "{receipts:?}");
    assert!(receipts[1]["grant_version"].as_u64() > account[0]["grant_version"].as_u64());
}

#[test]
fn a_wiped_device_keeps_its_account_until_the_hub_has_it() {
    let mut hub = TestHub::start();
    hub.publish(&List::vehicles("cars", "cars").car("AA11AAA", "Red"));
    let device = hub.enrol("phone");
    let home = hub.path("phone").to_string_lossy().into_owned();
    sync(&device);
    let id = device.status().unwrap().device;
    hub.stop();
    let references: Vec<String> = (0..70).map(|_| check(&device, "AA11AAA").reference).collect();
    let wiped = device.wipe().unwrap();
    assert!(wiped.wiped && wiped.journal_pending >= 71, "{wiped:?}");
    let dead = device.check_vehicle(crate::support::vrm("AA11AAA"), "traffic_stop".into()).unwrap_err();
    assert!(matches!(&dead, ApiError::NotEnrolled { code, .. } if code == "wiped"), "{dead:?}");
    drop(device);
    assert_eq!(record_files(Path::new(&home)), 0);
    for gone in ["keyring.bin", "state.db", "journal.db", "staging"] {
        assert!(!Path::new(&home).join(gone).exists(), "{gone} is still there");
    }
    let closed = hub.reopen("phone").err().unwrap();
    assert!(matches!(&closed, ApiError::NotEnrolled { code, .. } if code == "wiped"), "{closed:?}");

    // No signal: nothing is lost, and it can be tried again.
    let vault = hub.vault("phone");
    let offline = send_last_words(home.clone(), vault.clone()).unwrap_err();
    assert!(matches!(&offline, ApiError::Hub { code, .. } if code == "hub_unreachable"), "{offline:?}");
    hub.serve();
    let again = beatcheck::Device::enrol(hub.options("phone"), vault.clone()).err().unwrap();
    assert!(again.to_string().contains("sync first"), "{again}");
    assert_eq!(send_last_words(home.clone(), vault.clone()).unwrap(), wiped.journal_pending);
    let account = hub.account(&id);
    let checks = events(&account, "check");
    assert!(checks.iter().map(|c| c["reference"].as_str().unwrap()).eq(references.iter().map(String::as_str)));
    let last = account.last().unwrap();
    assert_eq!((&last["event"], &last["by"]), (&"wiped".into(), &"officer".into()));
    assert_eq!(hub.hub.status().unwrap().devices.iter().find(|d| d.id == id).unwrap().state, "wiped");
    assert!(send_last_words(home, vault.clone()).is_err(), "there is nothing more to send");
    // The phone can be enrolled anew, as another device.
    let device = beatcheck::Device::enrol(hub.options("phone"), vault).unwrap();
    assert_ne!(device.status().unwrap().device, id);
    sync(&device);
}

#[test]
fn device_management_orders_a_wipe() {
    let hub = TestHub::start();
    hub.publish(&List::vehicles("cars", "cars").car("AA11AAA", "Red"));
    let device = hub.enrol("phone");
    sync(&device);
    check(&device, "AA11AAA");
    let id = device.status().unwrap().device;
    hub.hub.order_wipe(DeviceId::from_hex(&id).unwrap()).unwrap();
    let report = device.sync().unwrap();
    assert!(report.wiped && !report.complete, "{report:?}");
    assert!(device.sync().is_err(), "a wiped device does not sync");
    drop(device);
    let home = hub.path("phone");
    assert!(!home.join("keyring.bin").exists() && record_files(&home) == 0);
    let sent = send_last_words(home.to_string_lossy().into_owned(), hub.vault("phone")).unwrap();
    assert_eq!(sent, report.journal_pending);
    let account = hub.account(&id);
    assert_eq!(account.last().unwrap()["by"], "order");
    assert_eq!(events(&account, "check").len(), 1);
}

#[test]
fn a_revoked_device_hears_of_it_and_still_hands_in_its_account() {
    let hub = TestHub::start();
    hub.publish(&List::vehicles("cars", "cars").car("AA11AAA", "Red"));
    let device = hub.enrol("phone");
    sync(&device);
    let id = device.status().unwrap().device;
    check(&device, "AA11AAA");
    hub.hub.revoke(DeviceId::from_hex(&id).unwrap()).unwrap();
    let report = device.sync().unwrap();
    let (code, text) = fault(&report);
    assert!(code == "hub_refused" && text.contains("revoked"), "{code}: {text}");
    assert_eq!(report.journal_pending, 0);
    assert_eq!(events(&hub.account(&id), "check").len(), 1);
    // What it holds stays bound by the lease; new keys it never gets.
    let a = check(&device, "AA11AAA");
    assert!(a.coverage.iter().all(|c| c.state != CoverageState::Missing));
    device.sync().unwrap();
    assert_eq!(events(&hub.account(&id), "check").len(), 2);
}
