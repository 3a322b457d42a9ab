//! Files that were put back: yesterday's, or some of them; and what a vault without a counter cannot show.

use crate::support::{List, TestHub, check, events, sync};
use beatcheck::{Answer, Outcome};
use beatcheck_client as client;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Copies what lies in a home, but not its vault (that is hardware on a phone).
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for e in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(e.file_name());
        match e.metadata().unwrap().is_dir() {
            true if e.file_name() == "vault" => {}
            true => copy(&e.path(), &target),
            false => drop(std::fs::copy(e.path(), target).unwrap()),
        }
    }
}

/// Puts a copy in the place of what is in a home now.
fn put_back(saved: &Path, home: &Path) {
    for e in std::fs::read_dir(home).unwrap().flatten().filter(|e| e.file_name() != "vault") {
        match e.metadata().unwrap().is_dir() {
            true => std::fs::remove_dir_all(e.path()).unwrap(),
            false => std::fs::remove_file(e.path()).unwrap(),
        }
    }
    copy(saved, home);
}

/// One file of a database, with its log.
fn put_back_one(saved: &Path, home: &Path, name: &str) {
    for suffix in ["", "-wal", "-shm"] {
        let file = format!("{name}{suffix}");
        let _ = std::fs::remove_file(home.join(&file));
        if saved.join(&file).exists() {
            std::fs::copy(saved.join(&file), home.join(&file)).unwrap();
        }
    }
}

fn refused(a: &Answer) -> bool {
    a.outcome == Outcome::CannotSay && a.hits.is_empty() && a.error.as_ref().is_some_and(|e| e.code == "rolled_back")
}

/// A device with data, and its files of before the last sync.
fn yesterday() -> (TestHub, PathBuf, PathBuf, String) {
    let hub = TestHub::start();
    hub.publish(&List::vehicles("cars", "cars").car("AA11AAA", "Red"));
    let device = hub.enrol("phone");
    sync(&device);
    check(&device, "AA11AAA");
    let id = device.status().unwrap().device;
    drop(device);
    let (home, saved) = (hub.path("phone"), hub.path("saved"));
    copy(&home, &saved);
    let device = hub.reopen("phone").unwrap();
    assert!(!device.status().unwrap().rolled_back, "opening again is no rollback");
    check(&device, "AA11AAA");
    sync(&device);
    drop(device);
    (hub, home, saved, id)
}

fn journal_fault(hub: &TestHub, id: &str) -> Option<String> {
    hub.hub.status().unwrap().devices.into_iter().find(|d| d.id == id).unwrap().journal_fault
}

#[test]
fn yesterdays_files_are_found_out_and_answer_nothing() {
    let (hub, home, saved, id) = yesterday();
    put_back(&saved, &home);
    let device = hub.reopen("phone").unwrap();
    assert!(device.status().unwrap().rolled_back);
    assert!(refused(&check(&device, "AA11AAA")));
    // Nor after a restart, and the hub, which has acknowledged more than this account holds, does not go on with it.
    drop(device);
    let device = hub.reopen("phone").unwrap();
    let _ = device.sync().unwrap();
    assert!(refused(&check(&device, "AA11AAA")));
    assert!(journal_fault(&hub, &id).is_some(), "and it is told");
}

#[test]
fn a_state_that_was_put_back_alone_counts_again_once_the_hub_was_heard() {
    let (hub, home, saved, id) = yesterday();
    put_back_one(&saved, &home, "state.db");
    let device = hub.reopen("phone").unwrap();
    assert!(device.status().unwrap().rolled_back && refused(&check(&device, "AA11AAA")));
    sync(&device);
    assert!(!device.status().unwrap().rolled_back);
    assert_eq!(check(&device, "AA11AAA").outcome, Outcome::Hit);
    let account = hub.account(&id);
    let told = events(&account, "rolled_back");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0]["counter"].as_u64() > told[0]["known"].as_u64());
    assert_eq!(journal_fault(&hub, &id), None);
}

#[test]
fn a_journal_whose_tail_was_cut_is_found_out() {
    let (mut hub, home, saved, id) = yesterday();
    // Offline: the hub has acknowledged nothing of what is cut.
    copy(&home, &saved);
    hub.stop();
    let device = hub.reopen("phone").unwrap();
    (0..3).for_each(|_| drop(check(&device, "AA11AAA")));
    drop(device);
    drop(hub.reopen("phone").unwrap());
    put_back_one(&saved, &home, "journal.db");
    let device = hub.reopen("phone").unwrap();
    assert!(device.status().unwrap().rolled_back && refused(&check(&device, "AA11AAA")));
    drop(device);
    // What is missing was never sent: the hub can only be told that something is.
    hub.serve();
    let device = hub.reopen("phone").unwrap();
    sync(&device);
    assert_eq!(check(&device, "AA11AAA").outcome, Outcome::Hit);
    assert_eq!(events(&hub.account(&id), "rolled_back").len(), 1);
}

/// The desk's vault without its counter, as every phone's is today; or with one that fails now and then.
struct Counting {
    inner: client::FileVault,
    none: bool,
    fails: AtomicBool,
}

impl client::KeyVault for Counting {
    fn kind(&self) -> String {
        self.inner.kind()
    }
    fn create(&self, label: String, key_use: client::KeyUse) -> Result<Vec<u8>, client::VaultError> {
        self.inner.create(label, key_use)
    }
    fn public_key(&self, label: String) -> Result<Vec<u8>, client::VaultError> {
        self.inner.public_key(label)
    }
    fn sign(&self, label: String, message: Vec<u8>) -> Result<Vec<u8>, client::VaultError> {
        self.inner.sign(label, message)
    }
    fn wrap(&self, label: String, plain: Vec<u8>) -> Result<Vec<u8>, client::VaultError> {
        self.inner.wrap(label, plain)
    }
    fn unwrap(&self, label: String, wrapped: Vec<u8>) -> Result<Vec<u8>, client::VaultError> {
        self.inner.unwrap(label, wrapped)
    }
    fn mix(&self, label: String, input: Vec<u8>) -> Result<Vec<u8>, client::VaultError> {
        self.inner.mix(label, input)
    }
    fn counter(&self, label: String) -> Result<u64, client::VaultError> {
        if self.none {
            return Err(client::VaultError::Unsupported);
        }
        if self.fails.load(Ordering::SeqCst) {
            return Err(client::VaultError::Failed);
        }
        self.inner.counter(label)
    }
    fn attest(&self, label: String, nonce: Vec<u8>) -> Result<Vec<u8>, client::VaultError> {
        self.inner.attest(label, nonce)
    }
    fn destroy(&self, label: String) -> Result<(), client::VaultError> {
        self.inner.destroy(label)
    }
}

fn vault(hub: &TestHub, none: bool) -> Arc<Counting> {
    let inner = client::FileVault::open(hub.path("phone").join("vault")).unwrap();
    Arc::new(Counting { inner, none, fails: AtomicBool::new(false) })
}

fn enrol(hub: &TestHub, vault: Arc<Counting>) -> client::Device {
    let o = hub.options("phone");
    let options = client::EnrolOptions {
        home: o.home.into(),
        hub: o.hub,
        code: o.code,
        ca_pem: o.ca_pem,
        pin: None,
        app_version: o.app_version,
        asset: o.asset,
        id_token: o.id_token,
    };
    client::Device::enrol(&options, vault, client::Env::system()).unwrap()
}

fn open(hub: &TestHub, vault: Arc<Counting>) -> client::Device {
    client::Device::open(&hub.path("phone"), vault, client::Env::system(), None).unwrap()
}

#[test]
fn without_a_counter_only_the_hub_can_tell() {
    let hub = TestHub::start();
    hub.publish(&List::vehicles("cars", "cars").car("AA11AAA", "Red"));
    let device = enrol(&hub, vault(&hub, true));
    device.sync(&|_| {}).unwrap();
    let id = device.status().unwrap().device;
    drop(device);
    let (home, saved) = (hub.path("phone"), hub.path("saved"));
    copy(&home, &saved);
    let ask = client::CheckRequest::vehicle("AA11AAA", crate::support::PURPOSE);
    let device = open(&hub, vault(&hub, true));
    device.check(&ask).unwrap();
    device.sync(&|_| {}).unwrap();
    drop(device);
    put_back(&saved, &home);
    let device = open(&hub, vault(&hub, true));
    assert!(!device.status().unwrap().rolled_back, "all files agree with each other");
    assert_eq!(device.check(&ask).unwrap().outcome, Outcome::Hit);
    assert_eq!(journal_fault(&hub, &id), None);
    device.sync(&|_| {}).unwrap();
    // It has acknowledged entries that this account tells otherwise.
    assert!(journal_fault(&hub, &id).is_some());
}

#[test]
fn a_vault_that_fails_to_count_is_no_rollback() {
    let hub = TestHub::start();
    hub.publish(&List::vehicles("cars", "cars").car("AA11AAA", "Red"));
    let v = vault(&hub, false);
    drop(enrol(&hub, v.clone()));
    for fails in [true, true, false, true, false, false] {
        v.fails.store(fails, Ordering::SeqCst);
        let device = open(&hub, v.clone());
        assert!(!device.status().unwrap().rolled_back);
    }
}

#[test]
fn a_crash_between_state_and_counter_is_no_rollback_and_leaves_no_slack() {
    let (hub, home, saved, _) = yesterday();
    // The state was raised, the vault's counter was not: as many times as there are copies of before.
    let counter = home.join("vault/state.counter");
    let before = std::fs::read(&counter).unwrap();
    let device = hub.reopen("phone").unwrap();
    drop(device);
    std::fs::write(&counter, before).unwrap();
    let device = hub.reopen("phone").unwrap();
    assert!(!device.status().unwrap().rolled_back);
    drop(device);
    // And still one step back is seen: nothing is tolerated.
    std::fs::remove_dir_all(&saved).unwrap();
    copy(&home, &saved);
    drop(hub.reopen("phone").unwrap());
    put_back_one(&saved, &home, "state.db");
    assert!(hub.reopen("phone").unwrap().status().unwrap().rolled_back);
}
