//! The keyring: every software key of the device in one small blob, wrapped by one vault key (ADR 15).
//!
//! ```text
//! "BCKR"  1 byte version (2)  4 bytes generation  wrapped blob
//! ```
//! There are two tiers. The blob itself is the *base*: state, account, staging. The vault alone opens it, so that a locked
//! device still hands in its account and still hears that it is to be erased. In it, each compartment's keys are sealed one by
//! one under the *records key*, which is kept only under the officer's PIN or a biometric check ([`Protection`]); where policy
//! wants a shift key, under both together. So one compartment can be forgotten without unlocking any.
//!
//! Withdrawing a compartment writes the blob anew without its keys, under a *new* vault key, and destroys the old vault key:
//! whatever copies of the old blob survive on flash, nothing can open them. That costs the same whatever the compartment's
//! size, and so does every other change of keys: no record file is written again.

mod protection;

pub(crate) use protection::{MAX_PIN, PinTry, Protection};

use crate::home::Home;
use crate::vault::{KeyUse, KeyVault, VaultError};
use crate::{ClientError, Env};
use beatcheck_model::Timestamp;
use beatcheck_store::Key;
use beatcheck_wire::{CompartmentId, DeviceId, OrderId};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const MAGIC: &[u8; 4] = b"BCKR";
const VERSION: u8 = 2;
const HEAD: usize = 9;
const NONCE: usize = 12;
const WITH_SHIFT: &str = "beatcheck 2026 records key in a shift v1";

/// Keys of one compartment: of its local file, and of the segments it comes in.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct CompartmentKeys {
    #[zeroize(skip)]
    pub id: CompartmentId,
    /// Name of the file of the current generation; `None` until there is one.
    #[zeroize(skip)]
    pub file: Option<[u8; 16]>,
    /// Key of that file.
    pub file_key: [u8; 32],
    /// Segment keys by epoch.
    pub epochs: Vec<(u32, [u8; 32])>,
}

/// What is known of the keys while the device is open. Of compartments, nothing while it is locked.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Keys {
    #[zeroize(skip)]
    pub device: DeviceId,
    pub state: [u8; 32],
    pub journal: [u8; 32],
    pub staging: [u8; 32],
    pub compartments: Vec<CompartmentKeys>,
}

impl Keys {
    pub(crate) fn compartment(&self, id: &CompartmentId) -> Option<&CompartmentKeys> {
        self.compartments.iter().find(|c| c.id == *id)
    }

    pub(crate) fn compartment_mut(&mut self, id: &CompartmentId) -> Option<&mut CompartmentKeys> {
        self.compartments.iter_mut().find(|c| c.id == *id)
    }
}

/// One compartment's keys as they are kept.
#[derive(Clone, Serialize, Deserialize)]
struct SealedKeys {
    id: CompartmentId,
    file: Option<[u8; 16]>,
    sealed: Vec<u8>,
}

/// A shift that is on, with the hub's key for it.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct ShiftKept {
    #[zeroize(skip)]
    pub shift: OrderId,
    pub key: [u8; 32],
    #[zeroize(skip)]
    pub ends: Timestamp,
}

/// What the blob holds.
#[derive(Serialize, Deserialize)]
struct Stored {
    device: DeviceId,
    state: Zeroizing<[u8; 32]>,
    journal: Zeroizing<[u8; 32]>,
    staging: Zeroizing<[u8; 32]>,
    protection: Protection,
    /// Whether compartments are sealed under the shift key too.
    in_shift: bool,
    shift: Option<ShiftKept>,
    sealed: Vec<SealedKeys>,
}

/// The keys, and how they are kept.
pub(crate) struct Keyring {
    pub keys: Keys,
    pub protection: Protection,
    pub shift: Option<ShiftKept>,
    in_shift: bool,
    generation: u32,
    sealed: Vec<SealedKeys>,
    /// The records key, while the officer is let in.
    records: Option<Zeroizing<[u8; 32]>>,
}

fn label(generation: u32) -> String {
    format!("wrap-{generation}")
}

/// Label of the TLS key in the vault.
pub(crate) const TLS_LABEL: &str = "tls";
/// Label of the receipt key in the vault.
pub(crate) const RECEIPT_LABEL: &str = "receipt";

impl Keyring {
    /// New keys for a new device; nothing is written yet.
    pub(crate) fn create(env: &Env, device: DeviceId) -> Result<Self, ClientError> {
        let keys = Keys {
            device,
            state: env.random()?,
            journal: env.random()?,
            staging: env.random()?,
            compartments: Vec::new(),
        };
        let records = Zeroizing::new(env.random()?);
        Ok(Self {
            keys,
            protection: Protection::open(&records),
            shift: None,
            in_shift: false,
            generation: 0,
            sealed: Vec::new(),
            records: Some(records),
        })
    }

    /// Reads and unwraps the base. What needs no officer is unlocked with it; the rest by [`Keyring::let_in`].
    pub(crate) fn load(home: &Home, vault: &dyn KeyVault) -> Result<Self, ClientError> {
        let bytes = match std::fs::read(home.keyring()) {
            Ok(b) => b,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && home.last_words().exists() => {
                return Err(ClientError::Wiped);
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(ClientError::NotEnrolled { home: home.path().into() });
            }
            Err(e) => return Err(ClientError::io("reading the keyring")(e)),
        };
        let (head, wrapped) = bytes.split_at_checked(HEAD).ok_or(ClientError::Keyring)?;
        if &head[..4] != MAGIC || head[4] != VERSION {
            return Err(ClientError::Keyring);
        }
        let generation = u32::from_le_bytes([head[5], head[6], head[7], head[8]]);
        let plain = Zeroizing::new(vault.unwrap(label(generation), wrapped.to_vec())?);
        let stored: Stored = postcard::from_bytes(&plain).map_err(|_| ClientError::Keyring)?;
        if generation > 1 {
            // A crash between writing this keyring and destroying what the one before was wrapped by: it is finished here,
            // or a copy of the old one on flash could still be opened.
            // Where the vault cannot do it now, the next opening tries again, and checks are answered meanwhile.
            if let Err(e) = vault.destroy(label(generation - 1)) {
                tracing::warn!(error = %e, "a superseded vault key could not be destroyed");
            }
        }
        let keys = Keys {
            device: stored.device,
            state: *stored.state,
            journal: *stored.journal,
            staging: *stored.staging,
            compartments: Vec::new(),
        };
        let mut ring = Self {
            keys,
            protection: stored.protection,
            shift: stored.shift,
            in_shift: stored.in_shift,
            generation,
            sealed: stored.sealed,
            records: None,
        };
        if let Some(records) = ring.protection.unprotected() {
            ring.let_in(records)?;
        }
        Ok(ring)
    }

    /// Unlocks with the records key: opens what is sealed under it, unless that needs a shift that is not on.
    pub(crate) fn let_in(&mut self, records: Zeroizing<[u8; 32]>) -> Result<(), ClientError> {
        self.records = Some(records);
        self.keys.compartments.clear();
        if self.is_open() {
            let key = self.sealing_key().ok_or(ClientError::Keyring)?;
            let open = self.sealed.iter().map(|s| open(&key, s)).collect::<Result<Vec<_>, _>>()?;
            self.keys.compartments = open;
        }
        Ok(())
    }

    /// Forgets the records key and all that it opened.
    pub(crate) fn lock(&mut self) {
        self.records = None;
        self.keys.compartments.clear();
    }

    /// Forgets the keys of compartments in memory; they stay as they are kept.
    pub(crate) fn close_compartments(&mut self) {
        self.keys.compartments.clear();
    }

    /// Whether compartments' keys are here.
    pub(crate) fn is_open(&self) -> bool {
        self.records.is_some() && (!self.in_shift || self.shift.is_some())
    }

    /// Whether the officer was let in, whether or not a shift is on.
    pub(crate) fn is_let_in(&self) -> bool {
        self.records.is_some()
    }

    /// The records key, while the officer is let in.
    pub(crate) fn records_key(&self) -> Option<&Zeroizing<[u8; 32]>> {
        self.records.as_ref()
    }

    /// Whether compartments are sealed under the shift key too.
    pub(crate) const fn is_in_shift(&self) -> bool {
        self.in_shift
    }

    /// Seals under the shift key too from now on, or no longer; takes effect when it is written. Only while it is open.
    pub(crate) fn seal_in_shift(&mut self, on: bool) {
        if self.is_open() && (!on || self.shift.is_some()) {
            self.in_shift = on;
        }
    }

    /// Compartments and their files, whether or not their keys are here.
    pub(crate) fn files(&self) -> Vec<(CompartmentId, Option<[u8; 16]>)> {
        match self.is_open() {
            true => self.keys.compartments.iter().map(|c| (c.id, c.file)).collect(),
            false => self.sealed.iter().map(|s| (s.id, s.file)).collect(),
        }
    }

    /// Forgets the keys of compartments that are not to be kept; for good once it is written under a new vault key.
    pub(crate) fn retain(&mut self, keep: impl Fn(&CompartmentId) -> bool) {
        self.keys.compartments.retain(|c| keep(&c.id));
        self.sealed.retain(|s| keep(&s.id));
    }

    fn sealing_key(&self) -> Option<Zeroizing<[u8; 32]>> {
        let records = self.records.as_ref()?;
        match (self.in_shift, &self.shift) {
            (false, _) => Some(records.clone()),
            (true, None) => None,
            (true, Some(shift)) => {
                let both = Zeroizing::new([records.as_slice(), &shift.key].concat());
                Some(Zeroizing::new(blake3::derive_key(WITH_SHIFT, &both)))
            }
        }
    }

    fn write(&mut self, home: &Home, vault: &dyn KeyVault, env: &Env) -> Result<(), ClientError> {
        if self.is_open() {
            let key = self.sealing_key().ok_or(ClientError::Keyring)?;
            let all = self.keys.compartments.iter();
            self.sealed = all.map(|c| seal(&key, c, env.random()?)).collect::<Result<_, ClientError>>()?;
        }
        let stored = Stored {
            device: self.keys.device,
            state: Zeroizing::new(self.keys.state),
            journal: Zeroizing::new(self.keys.journal),
            staging: Zeroizing::new(self.keys.staging),
            protection: self.protection.clone(),
            in_shift: self.in_shift,
            shift: self.shift.clone(),
            sealed: self.sealed.clone(),
        };
        let plain = Zeroizing::new(postcard::to_allocvec(&stored).map_err(|_| ClientError::Keyring)?);
        let mut out = MAGIC.to_vec();
        out.push(VERSION);
        out.extend_from_slice(&self.generation.to_le_bytes());
        out.extend_from_slice(&vault.wrap(label(self.generation), plain.to_vec())?);
        Ok(beatcheck_store::write_atomic(&home.keyring(), &out)?)
    }

    /// Writes the keyring under the vault key it has, or a first one.
    pub(crate) fn save(&mut self, home: &Home, vault: &dyn KeyVault, env: &Env) -> Result<(), ClientError> {
        if self.generation == 0 {
            return self.rotate(home, vault, env);
        }
        self.write(home, vault, env)
    }

    /// Writes the keyring under a new vault key and destroys the old one: keys that were taken out are gone for good.
    pub(crate) fn rotate(&mut self, home: &Home, vault: &dyn KeyVault, env: &Env) -> Result<(), ClientError> {
        let old = self.generation;
        self.generation += 1;
        vault.create(label(self.generation), KeyUse::Wrap)?;
        env.step("keys/created");
        if let Err(e) = self.write(home, vault, env) {
            self.generation = old;
            return Err(e);
        }
        env.step("keys/written");
        if old > 0 {
            vault.destroy(label(old))?;
        }
        env.step("keys/destroyed");
        Ok(())
    }
}

/// Labels of the vault keys that may open the keyring in `home` or what it protects, without opening it: a crash may have left
/// the one before, or the one after. None but those of a PIN if there is no keyring.
pub(crate) fn labels(home: &Home) -> Vec<String> {
    let mut out: Vec<String> = protection::LABELS.map(str::to_owned).into();
    if let Some((generation, _)) = peek(home) {
        let near = [generation.saturating_add(1), generation, generation.saturating_sub(1)];
        out.extend(near.into_iter().map(label));
    }
    out
}

/// Whether the vault's key for the keyring in `home` is gone, or another one: then nothing opens it any more.
///
/// # Errors
/// What the vault says that says neither yes nor no: it is locked, or fails.
pub(crate) fn is_lost(home: &Home, vault: &dyn KeyVault) -> Result<bool, ClientError> {
    let Some((generation, wrapped)) = peek(home) else { return Ok(true) };
    match vault.unwrap(label(generation), wrapped).map(Zeroizing::new) {
        Ok(_) => Ok(false),
        Err(VaultError::NoSuchKey | VaultError::NotOurs) => Ok(true),
        Err(e) => Err(e.into()),
    }
}

/// Generation and wrapped blob of the keyring in `home`.
fn peek(home: &Home) -> Option<(u32, Vec<u8>)> {
    let bytes = std::fs::read(home.keyring()).ok()?;
    let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
    let generation = u32::from_le_bytes([head[5], head[6], head[7], head[8]]);
    (&head[..4] == MAGIC).then(|| (generation, rest.to_vec()))
}

fn seal(key: &[u8; 32], c: &CompartmentKeys, nonce: [u8; NONCE]) -> Result<SealedKeys, ClientError> {
    let plain = Zeroizing::new(postcard::to_allocvec(&(c.file_key, &c.epochs)).map_err(|_| ClientError::Keyring)?);
    Ok(SealedKeys { id: c.id, file: c.file, sealed: seal_bytes(key, &c.id.0, &plain, nonce)? })
}

fn open(key: &[u8; 32], s: &SealedKeys) -> Result<CompartmentKeys, ClientError> {
    let plain = open_bytes(key, &s.id.0, &s.sealed).ok_or(ClientError::Keyring)?;
    let (file_key, epochs) = postcard::from_bytes(&plain).map_err(|_| ClientError::Keyring)?;
    Ok(CompartmentKeys { id: s.id, file: s.file, file_key, epochs })
}

/// Nonce, ciphertext and tag; bound to `about`.
fn seal_bytes(key: &[u8; 32], about: &[u8], plain: &[u8], nonce: [u8; NONCE]) -> Result<Vec<u8>, ClientError> {
    let key = UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| ClientError::Keyring)?;
    let mut body = plain.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(about), &mut body)
        .map_err(|_| ClientError::Keyring)?;
    Ok([nonce.as_slice(), &body].concat())
}

fn open_bytes(key: &[u8; 32], about: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let key = UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).ok()?;
    let (nonce, body) = sealed.split_first_chunk::<NONCE>()?;
    let mut body = Zeroizing::new(body.to_vec());
    let n = key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(about), &mut body).ok()?.len();
    body.truncate(n);
    Some(body)
}

/// A key as the store takes it.
pub(crate) fn key(bytes: &[u8; 32]) -> Key {
    Zeroizing::new(*bytes)
}
