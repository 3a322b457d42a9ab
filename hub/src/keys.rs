//! The hub's keys: separate files from the start, so that each can move to a place of its own.

use crate::HubError;
use beatcheck_audit::AuditKeyPair;
use beatcheck_wire::envelope::SigningKey;
use std::io::Write;
use std::path::Path;
use zeroize::Zeroizing;

/// Every key of the hub but the CA's and the database's.
pub struct Keys {
    /// Signs the root document.
    pub root: SigningKey,
    /// Signs policy.
    pub policy: SigningKey,
    /// Signs heads, sets and manifests.
    pub publish: SigningKey,
    /// Signs grants.
    pub grant: SigningKey,
    /// Opens journal entries.
    pub audit: AuditKeyPair,
    /// Sign orders to wipe: two, for two persons.
    pub wipe: [SigningKey; 2],
}

/// Names of the key files (32 random bytes in hexadecimal each).
pub(crate) const KEY_FILES: [&str; 8] =
    ["root.key", "policy.key", "publish.key", "grant.key", "audit.key", "db.key", "wipe-a.key", "wipe-b.key"];

impl Keys {
    pub(crate) fn load(dir: &Path) -> Result<Self, HubError> {
        let sign = |name: &str| -> Result<SigningKey, HubError> {
            Ok(SigningKey::from_seed(read_key(&dir.join(name))?.as_slice())?)
        };
        Ok(Self {
            root: sign("root.key")?,
            policy: sign("policy.key")?,
            publish: sign("publish.key")?,
            grant: sign("grant.key")?,
            wipe: [sign("wipe-a.key")?, sign("wipe-b.key")?],
            audit: AuditKeyPair::from_seed(&*read_key(&dir.join("audit.key"))?),
        })
    }
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
