//! The keyring: every software key of the device in one small blob, wrapped by one vault key.
//!
//! ```text
//! "BCKR"  1 byte version (1)  4 bytes generation  1 byte PIN flag  [16 bytes salt]  wrapped blob
//! ```
//! Withdrawing a compartment writes the blob anew without its keys, under a *new* vault key, and destroys the old
//! vault key: whatever copies of the old blob survive on flash, nothing can open them. That costs the same whatever
//! the compartment's size. Rotating only a software key would shred nothing.
//!
//! With a PIN the blob is also sealed under a key derived from it (Argon2id), inside the vault's wrapping.

use crate::home::Home;
use crate::vault::{KeyUse, KeyVault, VaultError};
use crate::{ClientError, Env};
use beatcheck_store::Key;
use beatcheck_wire::{CompartmentId, DeviceId};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const MAGIC: &[u8; 4] = b"BCKR";
const VERSION: u8 = 1;
const SALT: usize = 16;

/// Argon2id: 19 MiB, 2 passes, 1 lane (OWASP's password storage recommendation).
const ARGON: (u32, u32, u32) = (19 * 1024, 2, 1);

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

/// What the blob holds.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
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

/// The keys, and how they are kept.
pub(crate) struct Keyring {
    pub keys: Keys,
    generation: u32,
    pin: Option<(Zeroizing<[u8; 32]>, [u8; SALT])>,
}

fn label(generation: u32) -> String {
    format!("wrap-{generation}")
}

/// Label of the TLS key in the vault.
pub(crate) const TLS_LABEL: &str = "tls";
/// Label of the receipt key in the vault.
pub(crate) const RECEIPT_LABEL: &str = "receipt";

fn derive(pin: &str, salt: &[u8; SALT]) -> Result<Zeroizing<[u8; 32]>, ClientError> {
    let (m, t, p) = ARGON;
    let params = argon2::Params::new(m, t, p, Some(32)).map_err(|_| ClientError::Pin)?;
    let mut out = Zeroizing::new([0; 32]);
    argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
        .hash_password_into(pin.as_bytes(), salt, &mut *out)
        .map_err(|_| ClientError::Pin)?;
    Ok(out)
}

fn sealer(key: &[u8; 32]) -> Result<LessSafeKey, ClientError> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| ClientError::Keyring)
}

impl Keyring {
    /// New keys for a new device; nothing is written yet.
    pub(crate) fn create(env: &Env, device: DeviceId, pin: Option<&str>) -> Result<Self, ClientError> {
        let keys = Keys {
            device,
            state: env.random()?,
            journal: env.random()?,
            staging: env.random()?,
            compartments: Vec::new(),
        };
        let pin = match pin {
            None => None,
            Some(pin) => {
                let salt = env.random()?;
                Some((derive(pin, &salt)?, salt))
            }
        };
        Ok(Self { keys, generation: 0, pin })
    }

    /// Reads and unwraps the keyring.
    pub(crate) fn load(home: &Home, vault: &dyn KeyVault, pin: Option<&str>) -> Result<Self, ClientError> {
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
        let (head, rest) = bytes.split_at_checked(10).ok_or(ClientError::Keyring)?;
        if &head[..4] != MAGIC || head[4] != VERSION {
            return Err(ClientError::Keyring);
        }
        let generation = u32::from_le_bytes([head[5], head[6], head[7], head[8]]);
        let (pin, wrapped) = match head[9] {
            0 => (None, rest),
            _ => {
                let (salt, wrapped) = rest.split_first_chunk::<SALT>().ok_or(ClientError::Keyring)?;
                (Some((derive(pin.ok_or(ClientError::Pin)?, salt)?, *salt)), wrapped)
            }
        };
        let mut plain = Zeroizing::new(vault.unwrap(label(generation), wrapped.to_vec())?);
        if let Some((key, _)) = &pin {
            let nonce = Nonce::assume_unique_for_key(nonce_of(&plain)?);
            let body = &mut plain[12..];
            let n = sealer(key)?.open_in_place(nonce, Aad::empty(), body).map_err(|_| ClientError::Pin)?.len();
            let open = Zeroizing::new(plain[12..12 + n].to_vec());
            plain = open;
        }
        let keys = postcard::from_bytes(&plain).map_err(|_| ClientError::Keyring)?;
        if generation > 1 {
            // A crash between writing this keyring and destroying what the one before was wrapped by: it is finished here,
            // or a copy of the old one on flash could still be opened.
            // Where the vault cannot do it now, the next opening tries again, and checks are answered meanwhile.
            if let Err(e) = vault.destroy(label(generation - 1)) {
                tracing::warn!(error = %e, "a superseded vault key could not be destroyed");
            }
        }
        Ok(Self { keys, generation, pin })
    }

    fn write(&self, home: &Home, vault: &dyn KeyVault, env: &Env) -> Result<(), ClientError> {
        let mut plain = Zeroizing::new(postcard::to_allocvec(&self.keys).map_err(|_| ClientError::Keyring)?);
        let mut out = MAGIC.to_vec();
        out.push(VERSION);
        out.extend_from_slice(&self.generation.to_le_bytes());
        out.push(u8::from(self.pin.is_some()));
        if let Some((key, salt)) = &self.pin {
            out.extend_from_slice(salt);
            let nonce: [u8; 12] = env.random()?;
            sealer(key)?
                .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut *plain)
                .map_err(|_| ClientError::Keyring)?;
            plain = Zeroizing::new([nonce.as_slice(), &plain].concat());
        }
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
        if let Err(e) = self.write(home, vault, env) {
            self.generation = old;
            return Err(e);
        }
        if old > 0 {
            vault.destroy(label(old))?;
        }
        Ok(())
    }
}

/// Labels of the vault keys that may have wrapped the keyring in `home`, without opening it: a crash may have left the one
/// before, or the one after. None if there is no keyring.
pub(crate) fn labels(home: &Home) -> Vec<String> {
    let Some((generation, _)) = peek(home) else { return Vec::new() };
    [generation.saturating_add(1), generation, generation.saturating_sub(1)].into_iter().map(label).collect()
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
    let (head, rest) = bytes.split_first_chunk::<10>()?;
    let generation = u32::from_le_bytes([head[5], head[6], head[7], head[8]]);
    let rest = if head[9] == 0 { rest } else { rest.get(SALT..)? };
    (&head[..4] == MAGIC).then(|| (generation, rest.to_vec()))
}

fn nonce_of(plain: &[u8]) -> Result<[u8; 12], ClientError> {
    plain.first_chunk::<12>().copied().ok_or(ClientError::Keyring)
}

/// A key as the store takes it.
pub(crate) fn key(bytes: &[u8; 32]) -> Key {
    Zeroizing::new(*bytes)
}
