//! Space kept back for the account: a file of real blocks that is given up when the disk is full (rule 6).
//!
//! The content is incompressible, since some file systems store runs of zeros as nothing.

use crate::StoreError;
use crate::files;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
    bytes: u64,
}

impl Reserve {
    /// The reserve of a database at `path`; nothing is written yet.
    pub(crate) fn of(path: &Path, bytes: u64) -> Self {
        Self { path: files::with_suffix(path, ".reserve"), bytes }
    }

    /// Whether it is there in full.
    pub(crate) fn is_full(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|m| m.len() >= self.bytes)
    }

    /// Writes it, if it is not there and the disk has room for it; otherwise it stays low.
    pub(crate) fn fill(&self) {
        if !self.is_full() && self.write().is_err() {
            let _ = fs::remove_file(&self.path);
        }
    }

    /// Gives it up; whether there was anything to give.
    pub(crate) fn release(&self) -> bool {
        let released = fs::remove_file(&self.path).is_ok();
        // The blocks are free once the directory entry is gone for good.
        let _ = files::sync_dir(&self.path);
        released
    }

    fn write(&self) -> Result<(), StoreError> {
        let what = "writing the journal's reserve";
        let options = &mut OpenOptions::new();
        let mut f = files::private(options.write(true).create(true).truncate(true))
            .open(&self.path)
            .map_err(StoreError::io(what))?;
        let mut noise = blake3::Hasher::new_derive_key("beatcheck 2026 reserve noise").finalize_xof();
        let mut block = [0; 64 * 1024];
        let mut left = self.bytes as usize;
        while left > 0 {
            let n = left.min(block.len());
            noise.fill(&mut block[..n]);
            f.write_all(&block[..n]).map_err(StoreError::io(what))?;
            left -= n;
        }
        f.sync_all().map_err(StoreError::io(what))?;
        files::sync_dir(&self.path)
    }
}
