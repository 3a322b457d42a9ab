//! Locked and unlocked, tries at a PIN, and shifts.

use crate::support::{List, PURPOSE, TestHub, core_check, core_sync, events, now};
use beatcheck_client::{
    CheckRequest, ClientError, Device, EnrolOptions, Env, FileVault, FixedClock, KeyUse, KeyVault, Unlock, VaultError,
};
use beatcheck_model::{Answer, Outcome};
use beatcheck_wire::DeviceId;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const MARK: &str = "AB12CDE";
const PIN: &str = "482915";
const HOUR: i64 = 3600;

/// The desk vault, with a biometric check, and with counts of what it was asked for.
pub struct Counted {
    inner: FileVault,
    pub mixed: AtomicU32,
    finger: AtomicBool,
}

impl Counted {
    pub fn at(dir: &Path) -> Arc<Self> {
        let inner = FileVault::open(dir.join("vault")).unwrap();
        Arc::new(Self { inner, mixed: 0.into(), finger: true.into() })
    }
}

impl KeyVault for Counted {
    fn kind(&self) -> String {
        self.inner.kind()
    }
    fn create(&self, label: String, key_use: KeyUse) -> Result<Vec<u8>, VaultError> {
        self.inner.create(label, if key_use == KeyUse::WrapPresence { KeyUse::Wrap } else { key_use })
    }
    fn public_key(&self, label: String) -> Result<Vec<u8>, VaultError> {
        self.inner.public_key(label)
    }
    fn sign(&self, label: String, message: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        self.inner.sign(label, message)
    }
    fn wrap(&self, label: String, plain: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        self.inner.wrap(label, plain)
    }
    fn unwrap(&self, label: String, wrapped: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        if label == "presence" && !self.finger.load(Ordering::SeqCst) {
            return Err(VaultError::Locked);
        }
        self.inner.unwrap(label, wrapped)
    }
    fn mix(&self, label: String, input: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        self.mixed.fetch_add(1, Ordering::SeqCst);
        self.inner.mix(label, input)
    }
    fn counter(&self, label: String) -> Result<u64, VaultError> {
        self.inner.counter(label)
    }
    fn attest(&self, label: String, nonce: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        self.inner.attest(label, nonce)
    }
    fn destroy(&self, label: String) -> Result<(), VaultError> {
        self.inner.destroy(label)
    }
}

fn rules(rest: &str) -> String {
    format!("[roles.patrol]\ncompartments = ['*']\npurposes = ['traffic_stop']\n{rest}")
}

struct World {
    hub: TestHub,
    hub_clock: Arc<beatcheck_hub::FixedClock>,
    clock: Arc<FixedClock>,
    vault: Arc<Counted>,
}

impl World {
    fn begun(policy: &str, pin: Option<&str>) -> (Self, Device) {
        let start = now();
        let hub_clock = Arc::new(beatcheck_hub::FixedClock::new(start));
        let hub = TestHub::with_clock(hub_clock.clone());
        hub.hub.policy_set(&rules(policy)).unwrap();
        hub.publish(&List::vehicles("cars", "cars").car(MARK, "Red"));
        let clock = Arc::new(FixedClock::new(start));
        let vault = Counted::at(&hub.path("phone"));
        let o = hub.options("phone");
        let options = EnrolOptions {
            home: o.home.into(),
            hub: o.hub,
            code: o.code,
            ca_pem: o.ca_pem,
            pin: pin.map(str::to_owned),
            app_version: o.app_version,
            asset: o.asset,
            id_token: o.id_token,
        };
        let device = Device::enrol(&options, vault.clone(), Env::with_clock(clock.clone())).unwrap();
        let world = Self { hub, hub_clock, clock, vault };
        assert!(core_sync(&device).complete);
        (world, device)
    }

    fn open(&self, pin: Option<&str>) -> Result<Device, ClientError> {
        Device::open(&self.hub.path("phone"), self.vault.clone(), Env::with_clock(self.clock.clone()), pin)
    }

    fn pass(&self, seconds: i64) {
        let later = beatcheck_client::Clock::now(&*self.clock).plus_secs(seconds);
        self.clock.set(later);
        self.hub_clock.set(later);
    }
}

fn code(a: &Answer) -> &str {
    a.error.as_ref().map_or("", |e| e.code.as_str())
}

#[test]
fn a_locked_device_answers_nothing_and_hears_everything() {
    let (w, device) = World::begun("", Some(PIN));
    assert_eq!(core_check(&device, MARK).outcome, Outcome::Hit);
    device.lock("officer").unwrap();
    let locked = core_check(&device, MARK);
    assert_eq!((code(&locked), locked.outcome), ("locked", Outcome::CannotSay), "{}", locked.text);
    assert!(locked.hits.is_empty() && locked.text.contains("unlock"), "{}", locked.text);
    drop(device);
    // Opened without the PIN: as locked.
    let device = w.open(None).unwrap();
    assert!(!device.is_unlocked());
    assert_eq!(code(&core_check(&device, MARK)), "locked");
    // Policy, a withdrawal of nothing, a new list: the first is obeyed, the last waits for the officer.
    w.hub.hub.policy_set(&rules("[limits]\nmax_results = 3\n")).unwrap();
    w.hub.publish(&List::vehicles("more", "more").car("ZZ99ZZZ", "Blue"));
    let report = core_sync(&device);
    assert!(report.fault.is_none() && !report.complete && report.journal_pending == 0, "{report:?}");
    let mut waits = report.deferred.clone();
    waits.sort();
    assert_eq!(waits, ["cars", "more"]);
    let version = w.hub.hub.policy_current().unwrap().0.policy_version;
    assert_eq!(device.status().unwrap().policy_version, version);
    device.unlock(Unlock::Pin(PIN)).unwrap();
    assert_eq!(core_check(&device, MARK).outcome, Outcome::Hit);
    let report = core_sync(&device);
    assert!(report.complete, "{report:?}");
    assert_eq!(core_check(&device, "ZZ99ZZZ").outcome, Outcome::Hit, "the keys that came while it was locked");
    let account = w.hub.account(&device.status().unwrap().device);
    let refused = events(&account, "check").iter().filter(|c| c["error"] == "locked").count();
    assert_eq!((refused, events(&account, "locked").len(), events(&account, "unlocked").len()), (2, 1, 1));
}

#[test]
fn a_locked_device_is_withdrawn_from_and_wiped() {
    let (w, device) = World::begun("", Some(PIN));
    w.hub.publish(&List::vehicles("more", "more").car("ZZ99ZZZ", "Blue"));
    assert!(core_sync(&device).complete);
    device.lock("officer").unwrap();
    w.hub.hub.policy_set("[roles.patrol]\ncompartments = ['more']\npurposes = ['traffic_stop']\n").unwrap();
    assert_eq!(core_sync(&device).withdrawn, ["cars"]);
    device.unlock(Unlock::Pin(PIN)).unwrap();
    assert_eq!(core_check(&device, MARK).outcome, Outcome::NoTrace);
    assert_eq!(core_check(&device, "ZZ99ZZZ").outcome, Outcome::Hit, "the other's keys are kept");
    device.lock("officer").unwrap();
    let id = device.status().unwrap().device;
    w.hub.hub.order_wipe(DeviceId::from_hex(&id).unwrap()).unwrap();
    assert!(core_sync(&device).wiped, "lost and locked, it still hears that");
    assert!(matches!(w.open(Some(PIN)), Err(ClientError::Wiped)));
}

#[test]
fn each_guess_costs_the_vault_an_operation_and_they_are_counted() {
    let policy = "[unlock]\nfree_attempts = 3\nbackoff_s = 60\n";
    let (w, device) = World::begun(policy, Some(PIN));
    drop(device);
    let before = w.vault.mixed.load(Ordering::SeqCst);
    for n in 1..=3 {
        assert!(matches!(w.open(Some("000000")), Err(ClientError::Pin)), "try {n}");
    }
    assert_eq!(w.vault.mixed.load(Ordering::SeqCst) - before, 3, "one for each");
    // Neither the right one, nor a restart of app or phone, nor a clock set forward gets around the wait.
    let waits = |why: &str| match w.open(Some(PIN)) {
        Err(ClientError::PinWait { seconds }) => seconds,
        other => panic!("{why}: {:?}", other.map(|_| ())),
    };
    assert!((55..=60).contains(&waits("at once")));
    w.clock.turn(now().plus_secs(90 * 24 * HOUR));
    assert!(waits("the clock set forward") > 50);
    w.clock.reboot();
    assert!(waits("restarted") > 50);
    assert_eq!(w.vault.mixed.load(Ordering::SeqCst) - before, 3, "a wait costs no guess");
    w.clock.turn(now());
    w.pass(61);
    assert!(matches!(w.open(Some("111111")), Err(ClientError::Pin)));
    assert!(waits("doubled") > 100);
    w.pass(121);
    let device = w.open(Some(PIN)).unwrap();
    assert_eq!(core_check(&device, MARK).outcome, Outcome::Hit);
    assert_eq!(device.status().unwrap().unlock.wrong_pins, 0);
    core_sync(&device);
    let account = w.hub.account(&device.status().unwrap().device);
    let tries: Vec<_> = events(&account, "pin_refused").iter().map(|e| e["attempts"].as_u64().unwrap()).collect();
    assert_eq!(tries, [1, 2, 3, 4]);
}

#[test]
fn older_files_do_not_give_tries_back() {
    let (w, device) = World::begun("[unlock]\nfree_attempts = 3\nbackoff_s = 3600\n", Some(PIN));
    drop(device);
    let state = w.hub.path("phone").join("state.db");
    let (before, mixed) = (std::fs::read(&state).unwrap(), w.vault.mixed.load(Ordering::SeqCst));
    for n in 0..4 {
        let tried = w.open(Some("000000")).map(|_| ()).unwrap_err();
        match n {
            0 => assert!(matches!(tried, ClientError::Pin), "{tried}"),
            // The file knows of none; the vault has counted, and no guess is made.
            _ => assert!(matches!(tried, ClientError::PinWait { .. }), "{n}: {tried}"),
        }
        for beside in ["state.db-wal", "state.db-shm"] {
            let _ = std::fs::remove_file(w.hub.path("phone").join(beside));
        }
        std::fs::write(&state, &before).unwrap();
    }
    assert_eq!(w.vault.mixed.load(Ordering::SeqCst) - mixed, 1, "one guess, however often files are put back");
}

#[test]
fn too_many_wrong_pins_erase_it_where_policy_says_so() {
    let policy = "[unlock]\nfree_attempts = 100\nwipe_after_attempts = 4\n";
    let (w, device) = World::begun(policy, Some(PIN));
    let id = device.status().unwrap().device;
    drop(device);
    for _ in 0..3 {
        assert!(matches!(w.open(Some("000000")), Err(ClientError::Pin)));
    }
    assert!(matches!(w.open(Some("000000")), Err(ClientError::Wiped)));
    assert!(matches!(w.open(Some(PIN)), Err(ClientError::Wiped)), "the right one comes too late");
    assert!(!w.hub.path("phone").join("records").exists());
    Device::send_last_words(&w.hub.path("phone"), w.vault.clone(), Env::system()).unwrap();
    let account = w.hub.account(&id);
    assert_eq!(account.last().unwrap()["by"], "attempts");
}

#[test]
fn a_copied_home_opens_nowhere_else() {
    let (w, device) = World::begun("", Some(PIN));
    drop(device);
    let (from, to) = (w.hub.path("phone"), w.hub.path("copied"));
    copy(&from, &to);
    std::fs::remove_dir_all(to.join("vault")).unwrap();
    let other = Counted::at(&to);
    let opened = Device::open(&to, other, Env::with_clock(w.clock.clone()), Some(PIN));
    assert!(matches!(opened, Err(ClientError::Vault(VaultError::NoSuchKey))), "{:?}", opened.map(|_| ()));
    assert!(w.open(Some(PIN)).is_ok(), "the original does");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn policy_wants_a_pin_a_longer_one_and_a_lock_when_idle() {
    let policy = "[unlock]\npin_required = true\npin_min_length = 6\nidle_lock_minutes = 5\n";
    let (w, device) = World::begun(policy, None);
    assert_eq!(code(&core_check(&device, MARK)), "pin_needed");
    assert!(matches!(device.set_pin(None, "12345"), Err(ClientError::PinShort { least: 6 })));
    device.set_pin(None, PIN).unwrap();
    assert_eq!(core_check(&device, MARK).outcome, Outcome::Hit);
    w.pass(4 * 60);
    assert_eq!(core_check(&device, MARK).outcome, Outcome::Hit, "in use");
    w.pass(5 * 60);
    assert_eq!(code(&core_check(&device, MARK)), "locked", "left alone");
    device.unlock(Unlock::Pin(PIN)).unwrap();
    w.hub.hub.policy_set(&rules("[unlock]\npin_min_length = 8\n")).unwrap();
    assert!(core_sync(&device).complete);
    assert_eq!(code(&core_check(&device, MARK)), "pin_needed", "shorter than policy wants now");
    assert!(matches!(device.set_pin(Some("999999"), "48291537"), Err(ClientError::Pin)));
    device.set_pin(Some(PIN), "48291537").unwrap();
    assert_eq!(core_check(&device, MARK).outcome, Outcome::Hit);
    drop(device);
    assert!(matches!(w.open(Some(PIN)), Err(ClientError::Pin)), "the old one");
    assert!(w.open(Some("48291537")).is_ok());
}

#[test]
fn a_biometric_check_may_stand_for_the_pin_until_policy_says_no() {
    let (w, device) = World::begun("", Some(PIN));
    device.set_biometric(true).unwrap();
    device.lock("officer").unwrap();
    w.vault.finger.store(false, Ordering::SeqCst);
    assert!(matches!(device.unlock(Unlock::Biometric), Err(ClientError::Vault(VaultError::Locked))));
    w.vault.finger.store(true, Ordering::SeqCst);
    device.unlock(Unlock::Biometric).unwrap();
    assert_eq!(core_check(&device, MARK).outcome, Outcome::Hit);
    w.hub.hub.policy_set(&rules("[unlock]\nbiometric_allowed = false\n")).unwrap();
    core_sync(&device);
    device.tick().unwrap();
    assert!(!device.status().unwrap().unlock.biometric, "its key is destroyed");
    assert!(matches!(w.vault.unwrap("presence".into(), vec![0; 60]), Err(VaultError::NoSuchKey)));
    device.lock("officer").unwrap();
    assert!(device.unlock(Unlock::Biometric).is_err());
    device.unlock(Unlock::Pin(PIN)).unwrap();
    core_sync(&device);
    let account = w.hub.account(&device.status().unwrap().device);
    let changes: Vec<_> = events(&account, "unlock_changed").iter().map(|e| e["change"].clone()).collect();
    assert_eq!(changes, ["pin_set", "biometric_on", "biometric_off"]);
}

#[test]
fn a_shift_key_makes_the_store_ciphertext_until_the_next_shift() {
    let (mut w, device) = World::begun("[session]\nshift_key = true\nmax_hours = 8\n", Some(PIN));
    let record_files = |w: &World| {
        let all = std::fs::read_dir(w.hub.path("phone").join("records")).unwrap().flatten();
        let databases = all.filter(|e| e.path().extension().is_some_and(|x| x == "db"));
        databases.map(|e| (e.file_name(), std::fs::read(e.path()).unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(code(&core_check(&device, MARK)), "shift_needed");
    device.shift_start(None).unwrap();
    assert_eq!(core_check(&device, MARK).outcome, Outcome::Hit);
    let files = record_files(&w);
    drop(device);
    let device = w.open(Some(PIN)).unwrap();
    assert_eq!(core_check(&device, MARK).outcome, Outcome::Hit, "an app that was ended goes on within the shift");
    device.shift_end("officer").unwrap();
    assert_eq!(code(&core_check(&device, MARK)), "locked");
    device.unlock(Unlock::Pin(PIN)).unwrap();
    assert!(!device.is_unlocked(), "the PIN alone opens nothing");
    assert_eq!(code(&core_check(&device, MARK)), "shift_needed");
    w.hub.stop();
    assert!(device.shift_start(None).is_err(), "nor without the hub");
    w.hub.serve();
    device.shift_start(None).unwrap();
    assert_eq!(core_check(&device, MARK).outcome, Outcome::Hit);
    assert_eq!(record_files(&w), files, "keys were wrapped anew, and no record file was written");
    w.pass(8 * HOUR + 1);
    assert_eq!(code(&core_check(&device, MARK)), "locked", "it ends by itself");
    assert!(device.shift().is_none());
    device.unlock(Unlock::Pin(PIN)).unwrap();
    device.shift_start(None).unwrap();
    core_sync(&device);
    let account = w.hub.account(&device.status().unwrap().device);
    let ended: Vec<_> = events(&account, "shift_ended").iter().map(|e| e["why"].clone()).collect();
    assert_eq!((events(&account, "shift_started").len(), ended), (3, vec!["officer".into(), "time".into()]));
}

#[test]
fn a_shift_that_ends_erases_where_policy_says_so() {
    let (w, device) = World::begun("[session]\nshift_key = true\nat_end = 'erase'\n", Some(PIN));
    device.shift_start(None).unwrap();
    assert_eq!(core_check(&device, MARK).outcome, Outcome::Hit);
    device.shift_end("officer").unwrap();
    let left = std::fs::read_dir(w.hub.path("phone").join("records")).map_or(0, |d| d.flatten().count());
    assert_eq!(left, 0, "files of records");
    device.unlock(Unlock::Pin(PIN)).unwrap();
    device.shift_start(None).unwrap();
    let a = device.check(&CheckRequest::vehicle(MARK, PURPOSE)).unwrap();
    assert_eq!(a.outcome, Outcome::CannotSay, "{}", a.text);
    assert!(core_sync(&device).complete);
    assert_eq!(core_check(&device, MARK).outcome, Outcome::Hit, "fetched again");
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_is_not_dumpable() {
    let (_w, _device) = World::begun("", None);
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let core = limits.lines().find(|l| l.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    assert_eq!(rustix::process::dumpable_behavior().unwrap(), rustix::process::DumpableBehavior::NotDumpable);
}
