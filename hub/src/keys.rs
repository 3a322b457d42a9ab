//! The hub's keys: separate files from the start, so that each can move to a place of its own.
//!
//! What serves devices day and night needs `publish.key`, `grant.key`, `audit.key` and `db.key`. The root, policy and
//! wipe keys may be kept elsewhere: the hub verifies with what its root document says, and only who signs needs the file.

use crate::HubError;
use beatcheck_audit::AuditKeyPair;
use beatcheck_wire::envelope::SigningKey;
use std::io::Write;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Every key of the hub but the CA's and the database's.
pub struct Keys {
    dir: PathBuf,
    root: Option<SigningKey>,
    policy: Option<SigningKey>,
    wipe: [Option<SigningKey>; 2],
    /// Signs heads, sets and manifests.
    pub publish: SigningKey,
    /// Signs grants.
    pub grant: SigningKey,
    /// Opens journal entries.
    pub audit: AuditKeyPair,
}

/// Names of the key files (32 random bytes in hexadecimal each).
pub(crate) const KEY_FILES: [&str; 8] =
    ["root.key", "policy.key", "publish.key", "grant.key", "audit.key", "db.key", WIPE_FILES[0], WIPE_FILES[1]];
/// The two wipe keys: for two persons.
pub(crate) const WIPE_FILES: [&str; 2] = ["wipe-a.key", "wipe-b.key"];

impl Keys {
    pub(crate) fn load(dir: &Path) -> Result<Self, HubError> {
        let sign = |name: &str| read_signing_key(&dir.join(name));
        // Only a file that is not there is away: one that cannot be read is a fault.
        let maybe = |name: &str| if dir.join(name).exists() { sign(name).map(Some) } else { Ok(None) };
        Ok(Self {
            dir: dir.into(),
            root: maybe("root.key")?,
            policy: maybe("policy.key")?,
            wipe: [maybe(WIPE_FILES[0])?, maybe(WIPE_FILES[1])?],
            publish: sign("publish.key")?,
            grant: sign("grant.key")?,
            audit: AuditKeyPair::from_seed(&*read_key(&dir.join("audit.key"))?),
        })
    }

    /// Signs the root document.
    ///
    /// # Errors
    /// [`HubError::Key`] if it is kept elsewhere.
    pub fn root(&self) -> Result<&SigningKey, HubError> {
        self.root.as_ref().ok_or_else(|| self.away("root.key"))
    }

    /// Signs policy.
    ///
    /// # Errors
    /// [`HubError::Key`] if it is kept elsewhere.
    pub fn policy(&self) -> Result<&SigningKey, HubError> {
        self.policy.as_ref().ok_or_else(|| self.away("policy.key"))
    }

    /// Sign orders to wipe: two (0 and 1), for two persons.
    ///
    /// # Errors
    /// [`HubError::Key`] if it is kept elsewhere.
    pub fn wipe(&self, which: usize) -> Result<&SigningKey, HubError> {
        let name = WIPE_FILES.get(which).copied().unwrap_or_default();
        self.wipe.get(which).and_then(Option::as_ref).ok_or_else(|| self.away(name))
    }

    fn away(&self, name: &str) -> HubError {
        let path = self.dir.join(name);
        HubError::Key {
            path,
            reason: "it is not here: sign where it is kept (`--key FILE`), then push the result".into(),
        }
    }
}

/// Reads a signing key from a file of 64 hexadecimal digits.
///
/// # Errors
/// [`HubError::Key`].
pub fn read_signing_key(path: &Path) -> Result<SigningKey, HubError> {
    Ok(SigningKey::from_seed(read_key(path)?.as_slice())?)
}

/// Fills from the system's randomness.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], HubError> {
    let mut out = [0; N];
    getrandom::fill(&mut out).map_err(|e| HubError::Refused(format!("no randomness from the system: {e}")))?;
    Ok(out)
}

pub(crate) fn read_key(path: &Path) -> Result<Zeroizing<[u8; 32]>, HubError> {
    let bad = |reason: &str| HubError::Key { path: path.into(), reason: reason.into() };
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|e| bad(&e.to_string()))?);
    let text = text.trim();
    if text.len() != 64 || !text.is_ascii() {
        return Err(bad("not 64 hexadecimal digits"));
    }
    let mut key = Zeroizing::new([0; 32]);
    for (i, b) in key.iter_mut().enumerate() {
        *b = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| bad("not 64 hexadecimal digits"))?;
    }
    Ok(key)
}

/// Writes a secret to a new file that only its owner can read.
pub(crate) fn write_secret(path: &Path, text: &str) -> Result<(), HubError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(HubError::io(format!("writing {}", path.display())))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(HubError::io(format!("writing {}", path.display())))
}
