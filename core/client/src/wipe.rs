//! Erasing a device: keys first, then files; what waits of the account survives until the hub has it (rule 12).
//!
//! A wipe may be killed between any two of its steps. What it intends is written down first, and an opening that finds
//! that goes on with it:
//!
//! ```text
//! intent          wipe.bin: from here on it will be done
//! records         their keys leave the keyring, which goes under a new vault key; their files, staged frames
//! account         the entry `wiped`, once (a mark in the same transaction)
//! last words      pending-journal.bin: what the hub has not acknowledged, as ciphertext; the keys can go now
//! keys            every vault key but those that sign for the account; the keyring
//! files           state, journal, escrow; the intent, last
//! ... once the hub has acknowledged everything: the TLS and receipt keys, and the last words
//! ```

use crate::account::Line;
use crate::device::{Device, decode, encode};
use crate::keyring::{self, RECEIPT_LABEL, TLS_LABEL};
use crate::sync::last_words::LastWords;
use crate::{ClientError, Env, Home, KeyVault, VaultError, recover};
use beatcheck_audit::EntryKind;
use beatcheck_store::StoreError;
use beatcheck_wire::OrderId;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What came of a wipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WipeReport {
    /// Everything but the entries below is gone, and the key that opened it is destroyed.
    pub wiped: bool,
    /// Journal entries (ciphertext) that still wait to be sent: run a sync when the hub can be reached.
    pub journal_pending: u64,
}

/// Name of the mark that a wipe was put on record.
const ONCE: &str = "wiped";
const VERSION: u8 = 1;

/// That a wipe was begun, and why.
#[derive(Serialize, Deserialize)]
struct Intent {
    version: u8,
    by: String,
    order: Option<OrderId>,
}

impl Intent {
    fn save(&self, home: &Home) -> Result<(), ClientError> {
        Ok(beatcheck_store::write_atomic(&home.wipe_intent(), &encode(self)?)?)
    }

    /// What was intended. The file is there whole or not at all; one that cannot be read still says that there was a wipe.
    fn read(home: &Home) -> Self {
        let read = std::fs::read(home.wipe_intent()).ok().and_then(|b| decode::<Self>(&b).ok());
        read.unwrap_or(Self { version: VERSION, by: "officer".into(), order: None })
    }
}

impl Device {
    /// Erases this device; whatever is under way on it, no further check is answered. `by` says who wanted it: `officer`,
    /// `order` or `attempts`. Entries of the account that wait are tried once more by the caller's next
    /// [`Device::send_last_words`]; until then only their ciphertext is kept.
    ///
    /// # Errors
    /// If the account cannot be saved, or the vault cannot destroy a key. Records are unreadable all the same, the device
    /// answers nothing more, and the next [`Device::open`] goes on with it.
    pub fn wipe(&self, by: &str) -> Result<WipeReport, ClientError> {
        self.wipe_for(by, None)
    }

    /// The same, obeying an order, of which a receipt is given.
    pub(crate) fn wipe_for(&self, by: &str, order: Option<OrderId>) -> Result<WipeReport, ClientError> {
        let intent = Intent { version: VERSION, by: by.into(), order };
        if let Err(e) = intent.save(&self.home) {
            // A full disk must not keep a device from being erased: what can be fetched again makes room.
            tracing::warn!(code = e.code(), "a wipe makes room for itself");
            let _ = std::fs::remove_dir_all(self.home.staging());
            let _ = std::fs::remove_dir_all(self.home.records());
            intent.save(&self.home)?;
        }
        self.erase(&intent)
    }

    fn erase(&self, intent: &Intent) -> Result<WipeReport, ClientError> {
        let view = self.view();
        self.close_for_good();
        self.env.step("wipe: closed");
        {
            let mut ring = self.ring();
            ring.retain(|_| false);
            ring.shift = None;
            ring.keys.staging = self.env.random()?;
            match ring.rotate(&self.home, &*self.vault, &self.env) {
                Err(ClientError::Store(StoreError::Full)) => {
                    let _ = std::fs::remove_dir_all(self.home.records());
                    ring.rotate(&self.home, &*self.vault, &self.env)?;
                }
                other => other?,
            }
        }
        self.env.step("wipe: records' keys");
        let _ = std::fs::remove_dir_all(self.home.records());
        self.env.step("wipe: records");
        let _ = std::fs::remove_dir_all(self.home.staging());
        self.env.step("wipe: staged");
        let order = intent.order.map(|o| o.to_string());
        let line = Line::of(EntryKind::Wiped { by: intent.by.clone(), order });
        self.account_once(&view, ONCE, intent.order, line)?;
        self.env.step("wipe: account");
        let words = LastWords::collect(self, &view)?;
        let journal_pending = words.entries.len() as u64;
        words.save(&self.home)?;
        self.env.step("wipe: last words");
        destroy(&self.home, &*self.vault, &self.env)?;
        Ok(WipeReport { wiped: true, journal_pending })
    }
}

/// The rest of a wipe, for which nothing needs to be read any more: all keys but those that sign for the account, all files
/// but its last words.
pub(crate) fn destroy(home: &Home, vault: &dyn KeyVault, env: &Env) -> Result<(), ClientError> {
    for label in keyring::labels(home) {
        vault.destroy(label)?;
        env.step("wipe: key");
    }
    remove(&home.keyring())?;
    env.step("wipe: keyring");
    erase_files(home, env);
    remove(&home.wipe_intent())?;
    env.step("wipe: done");
    Ok(())
}

/// Goes on with a wipe that was begun; what an opening then says.
pub(crate) fn go_on(home: &Home, vault: &Arc<dyn KeyVault>, env: &Env, pin: Option<&str>) -> ClientError {
    match try_go_on(home, vault, env, pin) {
        Ok(()) => ClientError::Wiped,
        Err(e) => e,
    }
}

fn try_go_on(home: &Home, vault: &Arc<dyn KeyVault>, env: &Env, pin: Option<&str>) -> Result<(), ClientError> {
    if !home.last_words().exists() && home.keyring().exists() {
        match Device::load(home.path(), Arc::clone(vault), env.clone(), pin) {
            Ok(device) => return device.erase(&Intent::read(home)).map(drop),
            Err(e @ (ClientError::Pin | ClientError::Vault(VaultError::Locked | VaultError::Failed))) => {
                // Another time; what needs no key can go now.
                let _ = std::fs::remove_dir_all(home.records());
                let _ = std::fs::remove_dir_all(home.staging());
                return Err(e);
            }
            Err(e) => {
                // The account cannot be opened here: its file is kept for the hub, which can.
                tracing::warn!(code = e.code(), "an interrupted wipe found no account that opens");
                recover::keep_account(home)?;
                vault.destroy(TLS_LABEL.into())?;
                vault.destroy(RECEIPT_LABEL.into())?;
            }
        }
    }
    destroy(home, &**vault, env)
}

/// Everything in a home but its keyring, its intent, its last words and an account that is kept for the hub.
fn erase_files(home: &Home, env: &Env) {
    let _ = std::fs::remove_dir_all(home.records());
    let _ = std::fs::remove_dir_all(home.staging());
    for db in [home.state(), home.journal()] {
        let _ = beatcheck_store::shred_file(&db);
        env.step("wipe: file");
    }
    let mut reserve = home.journal().into_os_string();
    reserve.push(".reserve");
    let _ = std::fs::remove_file(reserve);
    let _ = std::fs::remove_file(home.escrow());
    env.step("wipe: files");
}

/// Removes a file; one that is not there is removed.
pub(crate) fn remove(path: &std::path::Path) -> Result<(), ClientError> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(ClientError::io("removing a file")(e)),
        _ => Ok(()),
    }
}

/// Forgets the identity of a wiped device whose account has reached the hub.
pub(crate) fn forget(home: &Home, vault: &dyn KeyVault, env: &Env) -> Result<(), ClientError> {
    vault.destroy(TLS_LABEL.into())?;
    env.step("wipe: TLS key");
    vault.destroy(RECEIPT_LABEL.into())?;
    env.step("wipe: receipt key");
    erase_files(home, env);
    remove(&home.last_words())
}
