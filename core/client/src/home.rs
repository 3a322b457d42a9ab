//! Where things lie in a device's home directory. Names of record files are random: they tell nothing.

use std::path::{Path, PathBuf};

/// Accounts of lost devices that wait in one home, at most: the home is cleared, and cleared again, without any sync between.
const MAX_KEPT: u32 = 8;

/// A device's directory.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

impl Home {
    /// The home at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The wrapped keys.
    pub(crate) fn keyring(&self) -> PathBuf {
        self.0.join("keyring.bin")
    }

    /// Trust state, grant, policy.
    pub(crate) fn state(&self) -> PathBuf {
        self.0.join("state.db")
    }

    /// The account.
    pub(crate) fn journal(&self) -> PathBuf {
        self.0.join("journal.db")
    }

    /// Record files.
    pub(crate) fn records(&self) -> PathBuf {
        self.0.join("records")
    }

    /// One record file.
    pub(crate) fn record_file(&self, name: &[u8; 16]) -> PathBuf {
        let hex: String = name.iter().map(|b| format!("{b:02x}")).collect();
        self.records().join(format!("{hex}.db"))
    }

    /// Fetched frames.
    pub(crate) fn staging(&self) -> PathBuf {
        self.0.join("staging")
    }

    /// That a wipe was begun: there until it is done.
    pub(crate) fn wipe_intent(&self) -> PathBuf {
        self.0.join("wipe.bin")
    }

    /// The journal's key, sealed to the hub.
    pub(crate) fn escrow(&self) -> PathBuf {
        self.0.join("journal-escrow.bin")
    }

    /// Where accounts of devices lie that could not be opened any more, until they are handed in; the first one first.
    pub(crate) fn kept(&self) -> impl Iterator<Item = PathBuf> {
        let home = self.0.clone();
        (0..MAX_KEPT).map(move |n| home.join(format!("kept-account-{n}")))
    }

    /// Sealed entries that a wiped device still has to send.
    pub(crate) fn last_words(&self) -> PathBuf {
        self.0.join("pending-journal.bin")
    }
}
