//! Fetched frames that wait for the rest of their segment.
//!
//! All of it is ciphertext that can be fetched again, so this may be quick and forgetful where the databases may not: a
//! staging area that does not open is started afresh. Names are keyed hashes: without the staging key nobody can tell
//! which published segments a device has asked for.

use crate::{Key, StoreError};
use beatcheck_wire::Hash32;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// RAM for pages, in bytes.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// Milliseconds of fetching that a killed process may lose, and a frame. On a slow link a frame takes longer than this, so
/// that each is kept as it comes; on a fast one what is lost is fetched again in no time.
pub const FLUSH_EVERY_MS: u64 = 200;

/// The staging area: a directory of its own. Shared between threads, held by one process at a time.
pub struct Staging {
    db: sled::Db,
    key: Key,
    /// When frames were last made durable, as the caller counts milliseconds; 0 for not yet.
    flushed: AtomicU64,
}

impl std::fmt::Debug for Staging {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Staging")
    }
}

impl Staging {
    /// Opens the directory, or creates it. A damaged one is emptied. Takes tens of milliseconds: open it when a sync
    /// starts, not before a check.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while another process holds it; [`StoreError::Io`]; [`StoreError::Full`].
    pub fn open(path: &Path, key: &Key) -> Result<Self, StoreError> {
        let open = || sled::Config::new().path(path).cache_capacity(CACHE_BYTES).mode(sled::Mode::LowSpace).open();
        let db = match open() {
            Err(sled::Error::Corruption { .. } | sled::Error::ReportableBug(_) | sled::Error::Unsupported(_)) => {
                std::fs::remove_dir_all(path).map_err(StoreError::io("emptying the staging area"))?;
                open()
            }
            other => other,
        };
        Ok(Self { db: db.map_err(failed)?, key: key.clone(), flushed: AtomicU64::new(0) })
    }

    /// Keeps one frame of a segment; again is harmless. In RAM at first: see [`Staging::flush_if_due`].
    ///
    /// # Errors
    /// [`StoreError::Full`] or [`StoreError::Io`].
    pub fn put_frame(&self, segment: &Hash32, index: u16, bytes: &[u8]) -> Result<(), StoreError> {
        self.db.insert(self.name(segment, index), bytes).map_err(failed)?;
        Ok(())
    }

    /// Which of a segment's frames are here, by index.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn frames(&self, segment: &Hash32, count: u16) -> Result<Vec<bool>, StoreError> {
        (0..count).map(|i| self.db.contains_key(self.name(segment, i)).map_err(failed)).collect()
    }

    /// The whole segment, if all its frames are here. Its hash is the reader's to check.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn segment(&self, segment: &Hash32, count: u16) -> Result<Option<Vec<u8>>, StoreError> {
        let mut out = Vec::new();
        for i in 0..count {
            match self.db.get(self.name(segment, i)).map_err(failed)? {
                Some(frame) => out.extend_from_slice(&frame),
                None => return Ok(None),
            }
        }
        Ok(Some(out))
    }

    /// Forgets a segment's frames.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn drop_segment(&self, segment: &Hash32, count: u16) -> Result<(), StoreError> {
        for i in 0..count {
            self.db.remove(self.name(segment, i)).map_err(failed)?;
        }
        Ok(())
    }

    /// Forgets the frames of many segments at once: hash, and number of frames.
    ///
    /// # Errors
    /// [`StoreError::Io`]; all of them are there then, or none.
    pub fn drop_all_of(&self, segments: &[(Hash32, u16)]) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (segment, count) in segments {
            (0..*count).for_each(|i| batch.remove(&self.name(segment, i)));
        }
        self.db.apply_batch(batch).map_err(failed)
    }

    /// Makes what was put durable, if [`FLUSH_EVERY_MS`] have gone by since that was last done; whether it was. To be
    /// called after each [`Staging::put_frame`]. `now_ms` counts milliseconds from any moment; if it runs backwards, it
    /// is time.
    ///
    /// # Errors
    /// As [`Staging::flush`].
    pub fn flush_if_due(&self, now_ms: u64) -> Result<bool, StoreError> {
        let last = self.flushed.load(Ordering::Relaxed);
        if last != 0 && now_ms >= last && now_ms - last < FLUSH_EVERY_MS {
            return Ok(false);
        }
        self.flush()?;
        self.flushed.store(now_ms, Ordering::Relaxed);
        Ok(true)
    }

    /// Forgets everything.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn clear(&self) -> Result<(), StoreError> {
        self.db.clear().map_err(failed)?;
        self.flush()
    }

    /// Bytes taken on the disk; shrinks some time after frames are dropped. 0 if it cannot be told.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.db.size_on_disk().unwrap_or(0)
    }

    /// Hands everything to the operating system; what is lost in a power cut is fetched again.
    ///
    /// # Errors
    /// [`StoreError::Full`] or [`StoreError::Io`].
    pub fn flush(&self) -> Result<(), StoreError> {
        self.db.flush().map_err(failed)?;
        Ok(())
    }

    /// Removes a staging area that is not open.
    ///
    /// # Errors
    /// [`StoreError::Io`] if it is there and cannot be removed.
    pub fn remove(path: &Path) -> Result<(), StoreError> {
        match std::fs::remove_dir_all(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(StoreError::io("removing the staging area")(e)),
            _ => Ok(()),
        }
    }

    fn name(&self, segment: &Hash32, index: u16) -> [u8; 32] {
        let mut input = [0; 34];
        input[..32].copy_from_slice(&segment.0);
        input[32..].copy_from_slice(&index.to_le_bytes());
        *blake3::keyed_hash(&self.key, &input).as_bytes()
    }
}

/// The words of sled 0.34 for a lock that somebody else holds: it has no kind of error for that. A test holds them.
const LOCKED: &str = "could not acquire lock";

fn failed(e: sled::Error) -> StoreError {
    let source = match e {
        sled::Error::Io(e) if e.kind() == io::ErrorKind::Other && e.to_string().starts_with(LOCKED) => {
            return StoreError::Busy;
        }
        sled::Error::Io(e) => e,
        sled::Error::Corruption { .. } => io::Error::new(io::ErrorKind::InvalidData, "damaged"),
        _ => io::Error::other("internal failure"),
    };
    StoreError::io("the staging area")(source)
}
