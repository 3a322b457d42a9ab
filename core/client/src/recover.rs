//! A device whose hardware key is lost: it cannot be opened any more, and what it had not sent is not lost all the same.
//!
//! The vault says that the keyring's key is not there, or is another one (a restored phone, a cleared lock screen, the
//! device's home on other hardware). Nothing here can be read again. [`Device::recover`] puts the journal file and its
//! escrowed key aside as they are, and clears the rest, so that the device can be enrolled anew; the account of the new
//! device begins with whom it succeeds, and its syncs hand the kept file to the hub, which alone can open it.

use crate::device::Device;
use crate::escrow::Escrow;
use crate::keyring::{self, RECEIPT_LABEL, TLS_LABEL};
use crate::{ClientError, Home, KeyVault, wipe};
use beatcheck_wire::DeviceId;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What was kept of a device that cannot be opened any more. Enrol anew, then sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovered {
    /// Which it was, in hexadecimal; none if no escrow was left to say so.
    pub device: Option<String>,
    /// Bytes of its account that wait to be handed in.
    pub kept_bytes: u64,
}

const JOURNAL: &str = "journal.db";

/// A kept account as it lies in the home.
pub(crate) struct Kept {
    pub(crate) dir: PathBuf,
    pub(crate) escrow: Option<Escrow>,
    pub(crate) journal: PathBuf,
    pub(crate) wal: PathBuf,
    /// Bytes of the two.
    pub(crate) sizes: [u64; 2],
}

impl Kept {
    /// What is kept, if anything is.
    pub(crate) fn find(home: &Home) -> Option<Self> {
        let dir = home.kept().find(|dir| dir.join(JOURNAL).exists())?;
        let (journal, wal) = (dir.join(JOURNAL), dir.join("journal.db-wal"));
        let size = |p: &Path| std::fs::metadata(p).map_or(0, |m| m.len());
        let sizes = [size(&journal), size(&wal)];
        Some(Self { dir: dir.clone(), escrow: Escrow::read(&dir.join("escrow.bin")), journal, wal, sizes })
    }

    pub(crate) const fn bytes(&self) -> u64 {
        self.sizes[0] + self.sizes[1]
    }

    pub(crate) fn device(&self) -> Option<DeviceId> {
        self.escrow.as_ref().map(|e| e.device)
    }
}

impl Device {
    /// Clears a home whose hardware key is lost, and keeps its account for the hub. Can be called again if it was
    /// interrupted.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`] if there is no device; [`ClientError::NotLost`] if its keys are there: then nothing is
    /// touched; or what the vault or the file system says.
    pub fn recover(home: &Path, vault: Arc<dyn KeyVault>) -> Result<Recovered, ClientError> {
        let home = Home::new(home);
        if !home.keyring().exists() {
            return Err(ClientError::NotEnrolled { home: home.path().into() });
        }
        if !keyring::is_lost(&home, &*vault)? {
            return Err(ClientError::NotLost);
        }
        keep_account(&home)?;
        beatcheck_store::shred_file(&home.state())?;
        for dir in [home.records(), home.staging()] {
            let _ = std::fs::remove_dir_all(dir);
        }
        // A new device gets new keys: nothing of the lost one signs for it.
        for label in [TLS_LABEL, RECEIPT_LABEL] {
            vault.destroy(label.into())?;
        }
        // The keyring last: its presence is what makes this a device to be recovered.
        wipe::remove(&home.keyring())?;
        let kept = Kept::find(&home);
        let device = kept.as_ref().and_then(Kept::device).map(|d| d.to_string());
        Ok(Recovered { device, kept_bytes: kept.map_or(0, |k| k.bytes()) })
    }
}

/// Puts the journal and its escrowed key aside, as they are.
pub(crate) fn keep_account(home: &Home) -> Result<(), ClientError> {
    let failed = || ClientError::io("keeping the account");
    // One whose journal is not there yet was interrupted: it is gone on with.
    let Some(dir) = home.kept().find(|dir| !dir.join(JOURNAL).exists()) else {
        return Err(ClientError::Account("too many accounts wait to be handed in: enrol, and sync".into()));
    };
    if !home.journal().exists() {
        return Ok(());
    }
    std::fs::create_dir_all(&dir).map_err(failed())?;
    let beside = |path: PathBuf, suffix: &str| {
        let mut name = path.into_os_string();
        name.push(suffix);
        PathBuf::from(name)
    };
    let moves =
        [(home.escrow(), "escrow.bin"), (beside(home.journal(), "-wal"), "journal.db-wal"), (home.journal(), JOURNAL)];
    for (from, to) in moves {
        match std::fs::rename(from, dir.join(to)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed()(e)),
            _ => {}
        }
    }
    for rest in ["-shm", ".reserve"] {
        wipe::remove(&beside(home.journal(), rest))?;
    }
    Ok(())
}
