//! How the records key is kept from who merely holds the phone: under a PIN, or under the vault's biometric check.
//!
//! A PIN is short. What makes it worth something is that no guess can be tried without this vault: the PIN goes through a
//! memory-hard function, the result through the vault ([`KeyVault::mix`]), and only what comes back opens the records key. A
//! copied store cannot be guessed at elsewhere, however fast; here, tries are counted ([`crate::attempts`]).

use super::{NONCE, open_bytes, seal_bytes};
use crate::vault::{KeyUse, KeyVault, VaultError};
use crate::{ClientError, Env};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const SALT: usize = 16;
/// Argon2id: 19 MiB, 2 passes, 1 lane (OWASP's password storage recommendation).
const ARGON: (u32, u32, u32) = (19 * 1024, 2, 1);
const WITH_PIN: &str = "beatcheck 2026 key of a PIN and a vault v1";
const ABOUT: &[u8] = b"records key";
/// Label of the vault key behind the biometric check.
const PRESENCE_LABEL: &str = "presence";
/// Labels of all vault keys that may stand behind it.
pub(super) const LABELS: [&str; 3] = ["pin-a", "pin-b", PRESENCE_LABEL];
/// Longest PIN, in bytes: what is hashed is bounded.
pub(crate) const MAX_PIN: usize = 256;

/// The records key as it is kept.
#[derive(Clone, Default, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Protection {
    /// Without a PIN: as it is, in the blob that the vault wraps.
    bare: Option<[u8; 32]>,
    #[zeroize(skip)]
    pin: Option<PinLock>,
    /// Wrapped by the vault's key behind the biometric check.
    #[zeroize(skip)]
    presence: Option<Vec<u8>>,
}

/// The records key under a PIN.
#[derive(Clone, Serialize, Deserialize)]
struct PinLock {
    salt: [u8; SALT],
    /// Number of the vault key that is mixed in; 0 where the vault has no such function.
    mix: u32,
    /// Characters of the PIN: policy may want more.
    chars: u32,
    /// What the vault's counter of tries said when it was set; none where it has none.
    tries_from: Option<u64>,
    sealed: Vec<u8>,
}

/// What came of a try.
pub(crate) enum PinTry {
    /// The records key.
    Right(Zeroizing<[u8; 32]>),
    /// Not this PIN.
    Wrong,
}

/// A PIN and the one after it never share a key: a change that is cut short leaves the one before.
fn mix_label(n: u32) -> String {
    LABELS[n as usize % 2].to_owned()
}

impl Protection {
    /// Without any: the vault alone.
    pub(crate) fn open(records: &[u8; 32]) -> Self {
        Self { bare: Some(*records), pin: None, presence: None }
    }

    /// The records key, where no officer is needed for it.
    pub(crate) fn unprotected(&self) -> Option<Zeroizing<[u8; 32]>> {
        self.bare.map(Zeroizing::new)
    }

    /// Whether a PIN is set.
    pub(crate) const fn has_pin(&self) -> bool {
        self.pin.is_some()
    }

    /// Characters of the PIN; 0 if none is set.
    pub(crate) fn pin_chars(&self) -> u32 {
        self.pin.as_ref().map_or(0, |p| p.chars)
    }

    /// What the vault's counter of tries said when the PIN was set.
    pub(crate) fn tries_from(&self) -> Option<u64> {
        self.pin.as_ref().and_then(|p| p.tries_from)
    }

    /// Whether each guess at the PIN needs the vault.
    pub(crate) fn pin_is_mixed(&self) -> bool {
        self.pin.as_ref().is_some_and(|p| p.mix > 0)
    }

    /// Whether the biometric check may stand for the PIN.
    pub(crate) const fn has_presence(&self) -> bool {
        self.presence.is_some()
    }

    /// Tries a PIN: one pass of the memory-hard function, and one call of the vault.
    pub(crate) fn try_pin(&self, vault: &dyn KeyVault, pin: &str) -> Result<PinTry, ClientError> {
        let Some(lock) = &self.pin else { return Ok(PinTry::Wrong) };
        let key = derive(vault, pin, &lock.salt, lock.mix)?;
        let Some(records) = open_bytes(&key, ABOUT, &lock.sealed) else { return Ok(PinTry::Wrong) };
        let records = records.first_chunk::<32>().ok_or(ClientError::Keyring)?;
        Ok(PinTry::Right(Zeroizing::new(*records)))
    }

    /// The records key after the vault's biometric check.
    pub(crate) fn by_presence(&self, vault: &dyn KeyVault) -> Result<Zeroizing<[u8; 32]>, ClientError> {
        let wrapped = self.presence.as_ref().ok_or(VaultError::Unsupported)?;
        let plain = Zeroizing::new(vault.unwrap(PRESENCE_LABEL.into(), wrapped.clone())?);
        Ok(Zeroizing::new(*plain.first_chunk::<32>().ok_or(ClientError::Keyring)?))
    }

    /// Sets a PIN in place of what is there. The vault key of the one before is named: it is to be destroyed once the keyring
    /// is written.
    pub(crate) fn set_pin(
        &mut self,
        vault: &dyn KeyVault,
        env: &Env,
        records: &[u8; 32],
        pin: &str,
        tries_from: Option<u64>,
    ) -> Result<Option<String>, ClientError> {
        let old = self.pin.as_ref().map_or(0, |p| p.mix);
        let next = old + 1;
        let mix = match vault.create(mix_label(next), KeyUse::Mix) {
            Ok(_) => next,
            Err(VaultError::Unsupported) => 0,
            Err(e) => return Err(e.into()),
        };
        let salt = env.random()?;
        let key = derive(vault, pin, &salt, mix)?;
        let nonce: [u8; NONCE] = env.random()?;
        let chars = u32::try_from(pin.chars().count()).unwrap_or(u32::MAX);
        self.pin = Some(PinLock { salt, mix, chars, tries_from, sealed: seal_bytes(&key, ABOUT, records, nonce)? });
        self.bare.zeroize();
        self.bare = None;
        Ok((old > 0).then(|| mix_label(old)))
    }

    /// Lets the biometric check stand for the PIN.
    pub(crate) fn set_presence(&mut self, vault: &dyn KeyVault, records: &[u8; 32]) -> Result<(), ClientError> {
        vault.create(PRESENCE_LABEL.into(), KeyUse::WrapPresence)?;
        self.presence = Some(vault.wrap(PRESENCE_LABEL.into(), records.to_vec())?);
        Ok(())
    }

    /// No longer: whatever copies of the wrapped key survive, nothing opens them.
    pub(crate) fn drop_presence(&mut self, vault: &dyn KeyVault) -> Result<(), ClientError> {
        vault.destroy(PRESENCE_LABEL.into())?;
        self.presence = None;
        Ok(())
    }
}

fn derive(vault: &dyn KeyVault, pin: &str, salt: &[u8; SALT], mix: u32) -> Result<Zeroizing<[u8; 32]>, ClientError> {
    if pin.len() > MAX_PIN {
        return Err(ClientError::Pin);
    }
    let (m, t, p) = ARGON;
    let params = argon2::Params::new(m, t, p, Some(32)).map_err(|_| ClientError::Pin)?;
    let mut slow = Zeroizing::new([0; 32]);
    argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
        .hash_password_into(pin.as_bytes(), salt, &mut *slow)
        .map_err(|_| ClientError::Pin)?;
    let mixed = match mix {
        0 => Zeroizing::new(Vec::new()),
        n => Zeroizing::new(vault.mix(mix_label(n), slow.to_vec())?),
    };
    let both = Zeroizing::new([slow.as_slice(), &mixed].concat());
    Ok(Zeroizing::new(blake3::derive_key(WITH_PIN, &both)))
}
