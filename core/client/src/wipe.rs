//! Erasing a device: keys first, then files; what waits of the account survives until the hub has it (rule 12).

use crate::device::Device;
use crate::keyring::{RECEIPT_LABEL, TLS_LABEL};
use crate::sync::last_words::LastWords;
use crate::{ClientError, Home};
use beatcheck_audit::EntryKind;
use serde::{Deserialize, Serialize};

/// What came of a wipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WipeReport {
    /// Everything but the entries below is gone, and the key that opened it is destroyed.
    pub wiped: bool,
    /// Journal entries (ciphertext) that still wait to be sent: run a sync when the hub can be reached.
    pub journal_pending: u64,
}

/// Files and directories of a home, in the order in which they go.
fn erase_files(home: &Home) {
    let _ = std::fs::remove_dir_all(home.records());
    let _ = std::fs::remove_dir_all(home.staging());
    for db in [home.state(), home.journal()] {
        let _ = beatcheck_store::shred_file(&db);
    }
    let mut reserve = home.journal().into_os_string();
    reserve.push(".reserve");
    let _ = std::fs::remove_file(reserve);
}

impl Device {
    /// Erases this device; whatever is under way on it, no further check is answered. `by` says who wanted it: `officer` or `order`. Entries of the account that wait are tried
    /// once more by the caller's next [`Device::send_last_words`]; until then only their ciphertext is kept.
    ///
    /// # Errors
    /// If the account cannot be saved (then nothing is erased), or the vault cannot destroy the key.
    pub fn wipe(&self, by: &str) -> Result<WipeReport, ClientError> {
        let view = self.view();
        let line = crate::account::Line::of(EntryKind::Wiped { by: by.into(), order: None });
        self.account(&view, self.now(), vec![line])?;
        let words = LastWords::collect(self)?;
        let journal_pending = words.entries.len() as u64;
        words.save(&self.home)?;
        self.ring().destroy(&self.home, &*self.vault)?;
        self.close_for_good();
        erase_files(&self.home);
        Ok(WipeReport { wiped: true, journal_pending })
    }
}

/// Forgets the identity of a wiped device whose account has reached the hub.
pub(crate) fn forget(home: &Home, vault: &dyn crate::KeyVault) -> Result<(), ClientError> {
    vault.destroy(TLS_LABEL.into())?;
    vault.destroy(RECEIPT_LABEL.into())?;
    erase_files(home);
    std::fs::remove_file(home.last_words()).map_err(ClientError::io("removing the last entries"))
}
