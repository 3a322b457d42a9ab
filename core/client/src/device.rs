//! An enrolled device, opened: what an app holds.

use crate::clock::Timekeeper;
use crate::cover::Sight;
use crate::env::Boot;
use crate::halt::Halting;
use crate::home::Home;
use crate::integrity::{Integrity, ScrubState};
use crate::keyring::{self, Keyring};
use crate::roots::Trusted;
use crate::sync::OnItsWay;
use crate::unlock::Unlock;
use crate::vault::KeyVault;
pub(crate) use crate::view::{HeldMeta, View, doc};
use crate::{ClientError, Env};
use beatcheck_model::{AnswerError, Timestamp};
use beatcheck_policy::{Contact, Denied, Permit, Request, Usage};
use beatcheck_store::{Compartment, Journal, Shelf, State, StoreError};
use beatcheck_wire::envelope::{self, DocKind, VerifyKey};
use beatcheck_wire::policy::Policy;
use beatcheck_wire::{CompartmentId, DeviceId, Hash32, Root};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Tries at opening while a sync in another process swaps files.
const OPEN_TRIES: u32 = 5;

/// An enrolled device. Safe to call from any thread: checks run beside each other and beside a sync.
pub struct Device {
    pub(crate) home: Home,
    pub(crate) vault: Arc<dyn KeyVault>,
    pub(crate) env: Env,
    pub(crate) ring: Mutex<Keyring>,
    pub(crate) device: DeviceId,
    pub(crate) state: State,
    pub(crate) journal: Journal,
    pub(crate) shelf: Shelf,
    pub(crate) trusted: RwLock<Arc<Trusted>>,
    /// Officer and role as enrolled: the account's, until a grant says them.
    pub(crate) enrolled_as: (String, String),
    /// What is on its way.
    pub(crate) on_its_way: Mutex<BTreeMap<CompartmentId, OnItsWay>>,
    /// Where the scrub stands.
    pub(crate) scrub: Mutex<ScrubState>,
    view: RwLock<Arc<View>>,
    /// One reload after the other: an older state must not replace a newer one.
    reloading: Mutex<()>,
    pub(crate) time: Arc<Timekeeper>,
    /// That the clock stands behind is on record.
    pub(crate) clock_noted: AtomicBool,
    /// One policy after the other, whichever way it comes: none goes back behind another.
    pub(crate) adopting: Mutex<()>,
    /// The policy that was refused last, so that it is on record once.
    pub(crate) refused_policy: Mutex<Option<Hash32>>,
    /// One try at a PIN after the other.
    pub(crate) trying: Mutex<()>,
    /// When the officer last did something.
    pub(crate) used: Mutex<Boot>,
    wiped: AtomicBool,
    /// Where it is said that what takes long is to end.
    pub(crate) halting: Halting,
    /// Held while entries are written, and alone while a wipe closes the device: no answer leaves whose entry would come too late.
    pub(crate) writing: RwLock<()>,
    /// Files were put back, and the hub was not heard since.
    pub(crate) rolled_back: AtomicBool,
    /// What the vault's counter said last.
    pub(crate) counter: Mutex<Option<u64>>,
}

pub(crate) fn encode<T: Serialize>(v: &T) -> Result<Vec<u8>, ClientError> {
    postcard::to_allocvec(v).map_err(|_| ClientError::Wire(beatcheck_wire::WireError::Malformed("state")))
}

pub(crate) fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, ClientError> {
    postcard::from_bytes(bytes).map_err(|_| ClientError::Wire(beatcheck_wire::WireError::Malformed("state")))
}

impl Device {
    /// Opens the device enrolled in `home`; a wipe that was interrupted is finished. With the right `pin` it is unlocked; where
    /// one is set and none is given it is open and locked ([`Device::unlock`]).
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`], [`ClientError::Wiped`], for a wrong PIN as [`Device::unlock`], or what the vault or store
    /// says.
    pub fn open(home: &Path, vault: Arc<dyn KeyVault>, env: Env, pin: Option<&str>) -> Result<Self, ClientError> {
        beatcheck_store::assert_sqlite_version()?;
        let mut tries = 0;
        loop {
            match Self::open_once(home, Arc::clone(&vault), env.clone(), pin) {
                Err(ClientError::Vault(_) | ClientError::Keyring)
                    if tries < OPEN_TRIES && Home::new(home).keyring().exists() =>
                {
                    tries += 1;
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
                other => return other,
            }
        }
    }

    fn open_once(home: &Path, vault: Arc<dyn KeyVault>, env: Env, pin: Option<&str>) -> Result<Self, ClientError> {
        let home = Home::new(home);
        if home.wipe_intent().exists() {
            return Err(crate::wipe::go_on(&home, &vault, &env, pin));
        }
        Self::load(home.path(), vault, env, pin)
    }

    /// Opens what is there, whether or not it is being wiped.
    pub(crate) fn load(
        home: &Path,
        vault: Arc<dyn KeyVault>,
        env: Env,
        pin: Option<&str>,
    ) -> Result<Self, ClientError> {
        let home = Home::new(home);
        let ring = Keyring::load(&home, &*vault)?;
        let keys = &ring.keys;
        let state = State::open(&home.state(), &keyring::key(&keys.state))?;
        let journal = Journal::open(&home.journal(), &keyring::key(&keys.journal), keys.device)?;
        let get = |name: &str| -> Result<Vec<u8>, ClientError> { state.get(name)?.ok_or(ClientError::Keyring) };
        let trusted = Trusted::read(&state)?;
        crate::escrow::keep(&home, keys.device, &keys.journal, &trusted.root.audit_key)?;
        let rolled_back = state.get(doc::ROLLED_BACK)?.is_some();
        let enrolled_as = decode(&get(doc::OFFICER)?)?;
        let device = Self {
            device: keys.device,
            enrolled_as,
            on_its_way: Mutex::default(),
            scrub: Mutex::default(),
            view: RwLock::default(),
            reloading: Mutex::default(),
            time: Arc::new(Timekeeper::new(
                env.clone(),
                state.get(doc::CLOCK)?.map(|b| decode(&b)).transpose()?.unwrap_or_default(),
            )),
            home,
            vault,
            env,
            ring: Mutex::new(ring),
            state,
            journal,
            shelf: Shelf::new(),
            clock_noted: AtomicBool::new(false),
            adopting: Mutex::default(),
            refused_policy: Mutex::default(),
            trying: Mutex::default(),
            used: Mutex::default(),
            wiped: AtomicBool::new(false),
            halting: Halting::default(),
            writing: RwLock::default(),
            rolled_back: AtomicBool::new(rolled_back),
            counter: Mutex::default(),
            trusted: RwLock::new(Arc::new(trusted)),
        };
        device.reload()?;
        device.journal_fits()?;
        device.used_now();
        device.count_state()?;
        crate::harden::harden();
        let (let_in, has_pin) = {
            let ring = device.ring();
            (ring.is_let_in(), ring.protection.has_pin())
        };
        match pin {
            Some(pin) if has_pin => device.unlock(Unlock::Pin(pin))?,
            _ if let_in => device.open_records()?,
            _ => {}
        }
        device.tick_shift(&device.view())?;
        Ok(device)
    }

    /// Opens the files of records whose keys are here.
    pub(crate) fn open_records(&self) -> Result<(), ClientError> {
        if !self.ring().is_open() {
            return Ok(());
        }
        self.open_compartments()?;
        self.open_indexes()?;
        self.recall_arriving()
    }

    /// Reads the documents in force from the state file, verifying their signatures again.
    pub(crate) fn reload(&self) -> Result<(), ClientError> {
        let _one = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let trusted = self.trusted();
        let signed = |name: &str, kind: DocKind, key: fn(&Root) -> VerifyKey| -> Result<Option<Vec<u8>>, ClientError> {
            let Some(bytes) = self.state.get(name)? else { return Ok(None) };
            Ok(Some(envelope::open_bytes(kind, &bytes, &trusted.stored(key))?.to_vec()))
        };
        let mut view = View {
            grant: signed(doc::GRANT, DocKind::Grant, |r| r.grant_key)?.map(|b| decode(&b)).transpose()?,
            policy: match signed(doc::POLICY, DocKind::Policy, |r| r.policy_key)? {
                Some(b) => Some(Policy::from_canonical(&b)?),
                None => None,
            },
            head: signed(doc::HEAD, DocKind::Head, |r| r.publish_key)?.map(|b| decode(&b)).transpose()?,
            held: BTreeMap::new(),
            suspect: BTreeSet::new(),
            contact: self.state.get(doc::CONTACT)?.map(|b| decode(&b)).transpose()?.unwrap_or_default(),
            managed: self.state.get(doc::MANAGED)?.map(|b| decode(&b)).transpose()?.unwrap_or_default(),
            glass: self.state.get(doc::GLASS)?.map(|b| decode(&b)).transpose()?.unwrap_or_default(),
            app_version: self.app_version()?,
        };
        for (name, bytes) in self.state.keys_with_prefix(doc::HELD)? {
            if let Some(id) = CompartmentId::from_hex(&name[doc::HELD.len()..]) {
                view.held.insert(id, decode(&bytes)?);
            }
        }
        for (name, bytes) in self.state.keys_with_prefix(doc::INTEGRITY)? {
            let known: Integrity = decode(&bytes)?;
            view.suspect.extend(CompartmentId::from_hex(&name[doc::INTEGRITY.len()..]).filter(|_| known.suspect));
        }
        let signed = [
            view.grant.as_ref().map(|g| g.issued),
            view.policy.as_ref().map(|p| p.issued),
            view.head.as_ref().map(|h| h.issued),
        ];
        signed.into_iter().flatten().for_each(|t| self.time.hub_signed(t));
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
        Ok(())
    }

    fn open_compartments(&self) -> Result<(), ClientError> {
        let view = self.view();
        let ring = self.ring();
        let mut lost = false;
        for c in view.grant.iter().flat_map(|g| &g.compartments) {
            let Some(keys) = ring.keys.compartment(&c.id) else { continue };
            let Some(file) = keys.file else { continue };
            match Compartment::open(&self.home.record_file(&file), &keyring::key(&keys.file_key), c.kind) {
                Ok(open) => self.shelf.put(c.id, Arc::new(open)),
                Err(e @ (StoreError::Corrupt | StoreError::Io { .. })) => {
                    // Answers say that it is missing; the next sync fetches it anew.
                    tracing::warn!(compartment = %c.id, error = %e, "a compartment's file cannot be opened");
                    lost = true;
                }
                Err(e) => return Err(e.into()),
            }
        }
        if lost {
            self.state.put_all(&[(doc::SET_HASH, None)])?;
        }
        Ok(())
    }

    /// The name by which policy knows a compartment.
    pub(crate) fn name(&self, id: &CompartmentId) -> String {
        let view = self.view();
        let granted = view.grant.iter().flat_map(|g| &g.compartments).find(|c| c.id == *id);
        granted.map_or_else(|| id.to_string(), |c| c.name.clone())
    }

    /// What coverage is told from: with `marks`, a compartment of which only the list of marks is here counts as searched.
    pub(crate) fn sight(&self, view: &Arc<View>, marks: bool) -> Sight {
        Sight {
            view: Arc::clone(view),
            loaded: self.shelf.ids(),
            indexed: if marks { self.shelf.indexed() } else { Vec::new() },
            on_its_way: self.arriving(|all| all.clone()),
        }
    }

    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn ring(&self) -> MutexGuard<'_, Keyring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time, which never runs backwards on this device: a clock set back does not extend a lease (rule 8).
    pub(crate) fn now(&self) -> Timestamp {
        let read = self.time.read();
        // Best effort: the account has the time of each check too, and a full disk must not stop the clock.
        if let Some(bytes) = read.keep.and_then(|known| encode(&known).ok()) {
            let _ = self.state.put_all(&[(doc::CLOCK, Some(&bytes))]);
        }
        read.now
    }

    /// After a wipe: nothing is on the shelf, nothing is permitted, nothing is answered.
    pub(crate) fn close_for_good(&self) {
        let _alone = self.writing.write().unwrap_or_else(PoisonError::into_inner);
        self.wiped.store(true, Ordering::SeqCst);
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::default();
        for id in self.shelf.ids() {
            self.shelf.take(&id);
        }
    }

    /// Whether this device was wiped while it was open.
    pub(crate) fn is_wiped(&self) -> bool {
        self.wiped.load(Ordering::SeqCst)
    }

    /// Asks policy for a permit.
    pub(crate) fn permit(&self, view: &View, why: &Why<'_>, now: Timestamp) -> Result<Permit, Refusal> {
        if self.is_rolled_back() {
            return Err(Refusal::RolledBack);
        }
        let (Some(policy), Some(grant)) = (&view.policy, &view.grant) else { return Err(Refusal::NothingYet) };
        let as_of: Vec<_> = view.held.iter().map(|(id, m)| (*id, m.as_of)).collect();
        let journal_bytes = self.journal.stats().map_err(Refusal::Store)?.pending_bytes;
        let usage = match &why.subject {
            Some(subject) => self.usage(policy, subject, why.before, now).map_err(Refusal::Store)?,
            None => Usage::default(),
        };
        let request = Request {
            reason: why.reason,
            incident: why.incident,
            clock: self.time.state(&policy.clock),
            journal_bytes,
            as_of: &as_of,
            app_version: &view.app_version,
            lease_ceiling_hours: view.managed.lease_ceiling_hours,
            usage,
            break_glass: view.glass.until,
            ..Request::new(why.purpose, now, Contact { at: view.contact })
        };
        beatcheck_policy::decide(policy, grant, request).map_err(Refusal::Denied)
    }
}

/// Why an officer checks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Why<'a> {
    pub purpose: &'a str,
    pub reason: &'a str,
    pub incident: &'a str,
    /// What it is about, for a check that is to be counted: use that is out of the ordinary is noticed by it.
    pub subject: Option<[u8; 16]>,
    /// What was asked in the same go before it, and is not on record yet.
    pub before: &'a [[u8; 16]],
}

/// Why there is no permit.
pub(crate) enum Refusal {
    /// Policy says no.
    Denied(Denied),
    /// No grant yet: nothing was ever synced.
    NothingYet,
    /// Files were put back, and the hub was not heard since.
    RolledBack,
    /// It is locked, or no shift is on.
    Barred(AnswerError),
    /// The store failed.
    Store(StoreError),
}
