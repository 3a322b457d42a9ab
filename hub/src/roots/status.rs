//! Which root is in force, and where its keys are.

use super::draft::{RootKey, named, next_dir};
use crate::{Hub, HubError};
use beatcheck_model::Timestamp;
use beatcheck_wire::enrol::fingerprint;
use beatcheck_wire::envelope::VerifyKey;
use serde::Serialize;

/// The root in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RootStatus {
    /// Its version.
    pub version: u64,
    /// When it was drafted.
    pub issued: Timestamp,
    /// The first 16 bytes of SHA-256 over the root key, in hexadecimal: what enrolment codes and MDM name it by.
    pub fingerprint: String,
    /// The keys that it names.
    pub keys: Vec<RootKeyStatus>,
    /// Whether a draft waits to be pushed.
    pub drafted: bool,
    /// Devices that said they trust this version, of those that are neither revoked nor erased.
    pub trusted_by: u64,
    /// Devices that are neither revoked nor erased.
    pub devices: u64,
}

/// One key of the root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RootKeyStatus {
    /// The name of its file.
    pub name: String,
    /// Its public half, in hexadecimal.
    pub public: String,
    /// Whether its file is in the hub's directory; where it is not, it is kept elsewhere.
    pub here: bool,
}

impl Hub {
    /// Which root is in force, and where its keys are.
    ///
    /// # Errors
    /// [`HubError::Db`] or [`HubError::Wire`].
    pub fn root_status(&self) -> Result<RootStatus, HubError> {
        let root = self.trust()?;
        let mut keys = Vec::new();
        for key in RootKey::ALL {
            for (i, public) in named(&root, key).into_iter().enumerate() {
                let name =
                    key.files().get(i).map_or_else(|| format!("{} {}", key.as_str(), i + 1), |f| (*f).to_owned());
                let path = self.dir().join("keys").join(&name);
                let here = path.exists() && crate::read_signing_key(&path)?.verify_key() == public;
                keys.push(RootKeyStatus { name, public: hex(&public), here });
            }
        }
        let (devices, trusted_by) = self.conn()?.query_row(
            "SELECT COUNT(*), COALESCE(SUM(reported_root = ?1), 0) FROM device WHERE revoked IS NULL AND wiped IS NULL",
            [root.root_version],
            |r| Ok((r.get(0)?, r.get(1)?)),
        )?;
        Ok(RootStatus {
            version: root.root_version,
            issued: root.issued,
            fingerprint: fingerprint(&root.root_key).iter().map(|b| format!("{b:02x}")).collect(),
            keys,
            drafted: next_dir(self).exists(),
            trusted_by,
            devices,
        })
    }
}

fn hex(key: &VerifyKey) -> String {
    key.0.iter().map(|b| format!("{b:02x}")).collect()
}
