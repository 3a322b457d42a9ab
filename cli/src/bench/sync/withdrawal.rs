//! Line: from the hub's command to unreadable, on a device that syncs at once; and how long the shredding itself takes.
//!
//! Unreadable is what a check says: a thread asks for a vehicle of the compartment until it is no longer found. Shredding is
//! from the vault's new key (the first thing that is done) until the compartment's file is gone. The vault is the desk's, a
//! file: a phone's hardware takes its own time to make and destroy a key.

use super::checks;
use super::world::{KINDS, World, compartment};
use crate::bench::doing;
use crate::bench::figure::Figure;
use crate::bench::job::Job;
use crate::exit::Failure;
use beatcheck_client::{CheckRequest, ClientError, Device, Env, FileVault, KeyUse, KeyVault, VaultError};
use beatcheck_model::Outcome;
use beatcheck_wire::DeviceId;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub(super) const CASE: &str = "withdrawal";
const UNREADABLE_GOAL_MS: f64 = 5_000.0;
const SHRED_GOAL_MS: f64 = 200.0;
/// Longest wait for it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_micros(200);

/// The desk's vault, and when it last made a key.
struct Watched {
    vault: FileVault,
    made: Mutex<Option<Instant>>,
}

impl KeyVault for Watched {
    fn kind(&self) -> String {
        self.vault.kind()
    }
    fn create(&self, label: String, key_use: KeyUse) -> Result<Vec<u8>, VaultError> {
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.vault.create(label, key_use)
    }
    fn public_key(&self, label: String) -> Result<Vec<u8>, VaultError> {
        self.vault.public_key(label)
    }
    fn sign(&self, label: String, message: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        self.vault.sign(label, message)
    }
    fn wrap(&self, label: String, plain: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        self.vault.wrap(label, plain)
    }
    fn unwrap(&self, label: String, wrapped: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        self.vault.unwrap(label, wrapped)
    }
    fn mix(&self, label: String, input: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        self.vault.mix(label, input)
    }
    fn counter(&self, label: String) -> Result<u64, VaultError> {
        self.vault.counter(label)
    }
    fn attest(&self, label: String, nonce: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        self.vault.attest(label, nonce)
    }
    fn destroy(&self, label: String) -> Result<(), VaultError> {
        self.vault.destroy(label)
    }
}

pub(super) fn run(world: &World, job: &Job) -> Result<Vec<Figure>, Failure> {
    let _bar = doing("a withdrawal");
    let records = job.home.join("records");
    let vault = FileVault::open(job.home.join("vault")).map_err(ClientError::from)?;
    let vault = Arc::new(Watched { vault, made: Mutex::new(None) });
    let device = Device::open(&job.home, Arc::clone(&vault) as Arc<dyn KeyVault>, Env::system(), None)?;
    let id = DeviceId::from_hex(&device.status()?.device).ok_or_else(|| Failure::new("io", "the device has no id"))?;
    let mark = world.extract(KINDS[0]).some("vrm", 1)?;
    let request = CheckRequest::vehicle(mark.first().map_or("", String::as_str), "traffic_stop");
    if device.check(&request)?.outcome != Outcome::Hit {
        return Err(Failure::new("io", "the vehicle that is to be withdrawn is not found in the first place"));
    }
    // The vehicles' file is whichever goes.
    let before = databases(&records);
    let size: u64 = before.iter().filter_map(|p| p.metadata().ok()).map(|m| m.len()).max().unwrap_or(0);

    let begun = Instant::now();
    world.hub.withdraw_compartment(id, compartment(KINDS[0]))?;
    let ordered = begun.elapsed();
    let (unreadable, gone, report) = std::thread::scope(|s| {
        let asking = s.spawn(|| until(begun, || Ok(device.check(&request)?.outcome != Outcome::Hit)));
        let looking = s.spawn(|| until(begun, || Ok(databases(&records).len() < before.len())));
        let report = device.sync(&|_| ());
        let ended = |_| Failure::new("io", "a watching thread ended early");
        Ok::<_, Failure>((asking.join().map_err(ended)??, looking.join().map_err(ended)??, report?))
    })?;
    crate::bench::main_job::synced(&report)?;
    if !report.withdrawn.iter().any(|w| w == compartment(KINDS[0])) {
        return Err(Failure::new("io", "the sync did not say what was withdrawn"));
    }
    let made = vault.made.lock().unwrap_or_else(PoisonError::into_inner).map(|at| at.duration_since(begun));
    let ms = |d: Duration| d.as_secs_f64() * 1e3;
    let shredding = match made {
        Some(made) => {
            Figure::lower(CASE, "shredding (desk vault)", ms(gone.saturating_sub(made)), "ms").goal(Some(SHRED_GOAL_MS))
        }
        None => Figure::not_measured(CASE, "shredding (desk vault)", "ms", "the vault made no new key"),
    };
    drop(device);
    let again = checks::open(job)?.check(&request)?.outcome;
    if again == Outcome::Hit {
        return Err(Failure::new("io", "what was withdrawn is found again after the device is opened anew"));
    }
    Ok(vec![
        Figure::lower(CASE, "hub's command", ms(ordered), "ms"),
        Figure::lower(CASE, "command to unreadable", ms(unreadable), "ms").goal(Some(UNREADABLE_GOAL_MS)),
        shredding,
        Figure::lower(CASE, "size of the largest compartment held", size as f64, "B"),
    ])
}

/// Looks until it is so: how long after `begun`.
fn until(begun: Instant, mut so: impl FnMut() -> Result<bool, Failure>) -> Result<Duration, Failure> {
    while begun.elapsed() < PATIENCE {
        if so()? {
            return Ok(begun.elapsed());
        }
        std::thread::sleep(LOOK);
    }
    Err(Failure::new("io", "the withdrawal did not take hold"))
}

/// Record files, without what SQLite puts beside them.
fn databases(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "db")).collect()
}
