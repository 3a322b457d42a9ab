//! Segments on disk, as `DIR/ab/HASH`; the least recently used go first.
//!
//! What is put here has just been hashed. It is not hashed again with every reading: the device does that, and trusts
//! nobody. But what an earlier run has left is, once: in a car the power goes away, and a file of zeros under a good name
//! would cost every device a request until it is evicted. The order of use survives a restart as the files' times.

use crate::RelayError;
use beatcheck_wire::Hash32;
use beatcheck_wire::segment::MAX_SEGMENT;
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// What a file takes on disk is counted in blocks of this size, so that many small ones are not free.
const BLOCK: u64 = 4096;
/// How often at most the time of a file in use is set.
const TOUCH_EVERY: Duration = Duration::from_secs(600);
/// Ending of a file that is being written.
const PARTIAL: &str = "partial";

/// The cache. Its methods block on the disk.
pub(crate) struct Cache {
    dir: PathBuf,
    max_bytes: u64,
    index: Mutex<Index>,
    /// Held locked for as long as the cache is open.
    _lock: File,
}

#[derive(Default)]
struct Index {
    entries: HashMap<Hash32, Entry>,
    /// By the number of the last use.
    by_use: BTreeMap<u64, Hash32>,
    uses: u64,
    /// Of all entries, in whole blocks.
    bytes: u64,
}

struct Entry {
    used: u64,
    bytes: u64,
    touched: Option<Instant>,
    /// Hashed in this run.
    checked: bool,
}

impl Index {
    fn insert(&mut self, hash: Hash32, len: u64, checked: bool) {
        self.remove(&hash);
        self.uses += 1;
        let bytes = blocks(len);
        self.entries.insert(hash, Entry { used: self.uses, bytes, touched: None, checked });
        self.by_use.insert(self.uses, hash);
        self.bytes += bytes;
    }

    fn remove(&mut self, hash: &Hash32) {
        if let Some(entry) = self.entries.remove(hash) {
            self.by_use.remove(&entry.used);
            self.bytes -= entry.bytes;
        }
    }
}

fn blocks(len: u64) -> u64 {
    len.div_ceil(BLOCK).max(1) * BLOCK
}

impl Cache {
    /// Opens the cache in `dir`, with what an earlier run has left there.
    pub(crate) fn open(dir: &Path, max_bytes: u64) -> Result<Self, RelayError> {
        let failed = || RelayError::io(format!("the cache in {}", dir.display()));
        make_private_dir(dir).map_err(failed())?;
        let lock = File::create(dir.join("lock")).map_err(failed())?;
        if lock.try_lock().is_err() {
            return Err(RelayError::InUse { dir: dir.into() });
        }
        let mut found = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(failed())?.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|n| is_prefix(n)) else { continue };
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                scan(&entry.path(), name, &mut found);
            }
        }
        found.sort();
        let mut index = Index::default();
        found.iter().for_each(|(_, hash, len)| index.insert(*hash, *len, false));
        let cache = Self { dir: dir.into(), max_bytes, index: Mutex::new(index), _lock: lock };
        cache.make_room(0);
        Ok(cache)
    }

    /// A segment, if it is here. One that cannot be read is forgotten.
    pub(crate) fn get(&self, hash: &Hash32) -> Option<Bytes> {
        let (checked, touch) = {
            let mut index = self.index();
            index.uses += 1;
            let now = index.uses;
            let entry = index.entries.get_mut(hash)?;
            let before = std::mem::replace(&mut entry.used, now);
            let touch = entry.touched.is_none_or(|t| t.elapsed() > TOUCH_EVERY);
            if touch {
                entry.touched = Some(Instant::now());
            }
            let checked = entry.checked;
            index.by_use.remove(&before);
            index.by_use.insert(now, *hash);
            (checked, touch)
        };
        let path = self.path(hash);
        let read = || -> std::io::Result<Vec<u8>> {
            let file = File::open(&path)?;
            if touch {
                // For the order after a restart only. A directory that cannot be written to still serves.
                let _ = file.set_modified(SystemTime::now());
            }
            let mut bytes = Vec::new();
            file.take(MAX_SEGMENT as u64 + 1).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        match read() {
            Ok(bytes) if bytes.len() <= MAX_SEGMENT && (checked || Hash32::of(&bytes) == *hash) => {
                if let Some(entry) = self.index().entries.get_mut(hash) {
                    entry.checked = true;
                }
                Some(bytes.into())
            }
            _ => {
                self.index().remove(hash);
                let _ = std::fs::remove_file(&path);
                tracing::warn!("a cached segment could not be read, or is damaged: it is forgotten");
                None
            }
        }
    }

    /// Keeps a segment whose hash was looked at. If the disk will not have it, it is not kept: that is no error.
    pub(crate) fn put(&self, hash: &Hash32, bytes: &[u8]) {
        let size = blocks(bytes.len() as u64);
        if size > self.max_bytes {
            return;
        }
        // The same again takes its own place.
        self.index().remove(hash);
        self.make_room(size);
        let path = self.path(hash);
        let partial = path.with_extension(PARTIAL);
        let write = || -> std::io::Result<()> {
            if let Some(parent) = path.parent() {
                make_private_dir(parent)?;
            }
            std::fs::write(&partial, bytes)?;
            std::fs::rename(&partial, &path)
        };
        match write() {
            Ok(()) => self.index().insert(*hash, bytes.len() as u64, true),
            Err(e) => {
                let _ = std::fs::remove_file(&partial);
                tracing::warn!(error = %e, "a segment could not be kept");
            }
        }
    }

    /// How many segments there are, and what they take on disk.
    pub(crate) fn size(&self) -> (usize, u64) {
        let index = self.index();
        (index.entries.len(), index.bytes)
    }

    /// Evicts until so many bytes fit.
    fn make_room(&self, size: u64) {
        loop {
            let oldest = {
                let mut index = self.index();
                if index.bytes.saturating_add(size) <= self.max_bytes {
                    return;
                }
                let Some(hash) = index.by_use.first_key_value().map(|(_, hash)| *hash) else { return };
                index.remove(&hash);
                hash
            };
            if let Err(e) = std::fs::remove_file(self.path(&oldest)) {
                tracing::warn!(error = %e, "an evicted segment could not be removed");
            }
        }
    }

    fn path(&self, hash: &Hash32) -> PathBuf {
        let name = hash.to_string();
        self.dir.join(&name[..2]).join(name)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The files of one subdirectory that are segments, with their times; what an earlier run did not finish is removed.
fn scan(dir: &Path, prefix: &str, found: &mut Vec<(SystemTime, Hash32, u64)>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let (name, Ok(meta)) = (entry.file_name(), entry.metadata()) else { continue };
        let name = name.to_string_lossy();
        let hash = Hash32::from_hex(&name).filter(|h| meta.is_file() && h.to_string() == name);
        match hash.filter(|_| name.starts_with(prefix) && meta.len() <= MAX_SEGMENT as u64) {
            Some(hash) => found.push((meta.modified().unwrap_or(SystemTime::UNIX_EPOCH), hash, meta.len())),
            None if entry.path().extension().is_some_and(|e| e == PARTIAL) => {
                let _ = std::fs::remove_file(entry.path());
            }
            // Not ours: it is left alone.
            None => {}
        }
    }
}

fn is_prefix(name: &str) -> bool {
    name.len() == 2 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn make_private_dir(dir: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(n: u8, len: usize) -> (Hash32, Vec<u8>) {
        let bytes = vec![n; len];
        (Hash32::of(&bytes), bytes)
    }

    fn files(dir: &Path) -> usize {
        let subdirectories = std::fs::read_dir(dir).unwrap().flatten().filter(|e| e.path().is_dir());
        subdirectories.map(|d| std::fs::read_dir(d.path()).unwrap().count()).sum()
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path(), 3 * BLOCK).unwrap();
        let all: Vec<_> = (0..4).map(|n| segment(n, 100 + usize::from(n))).collect();
        all[..3].iter().for_each(|(hash, bytes)| cache.put(hash, bytes));
        assert_eq!((cache.size(), files(dir.path())), ((3, 3 * BLOCK), 3));
        assert!(cache.get(&all[0].0).is_some(), "used again: the second is now the oldest");
        cache.put(&all[3].0, &all[3].1);
        let there: Vec<bool> = all.iter().map(|(hash, _)| cache.get(hash).is_some()).collect();
        assert_eq!(there, [true, false, true, true]);
        assert_eq!((cache.size(), files(dir.path())), ((3, 3 * BLOCK), 3), "the evicted file is gone");

        let (hash, bytes) = segment(9, 4 * BLOCK as usize);
        cache.put(&hash, &bytes);
        assert!(cache.get(&hash).is_none() && cache.size().0 == 3, "what never fits evicts nothing");
        let (hash, bytes) = segment(8, 2 * BLOCK as usize);
        cache.put(&hash, &bytes);
        cache.put(&hash, &bytes);
        assert_eq!(cache.size(), (2, 3 * BLOCK), "twice the same is kept once");
    }

    #[test]
    fn a_restart_keeps_what_was_there_in_its_order() {
        let dir = tempfile::tempdir().unwrap();
        let all: Vec<_> = (0..3).map(|n| segment(n, 50)).collect();
        {
            let cache = Cache::open(dir.path(), 10 * BLOCK).unwrap();
            all.iter().for_each(|(hash, bytes)| cache.put(hash, bytes));
            assert!(matches!(Cache::open(dir.path(), 1), Err(RelayError::InUse { .. })), "one relay, one directory");
            // Two of one time would be in any order.
            let at = |n: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(n);
            for (n, (hash, _)) in [(30, &all[0]), (10, &all[1]), (20, &all[2])] {
                File::options().write(true).open(cache.path(hash)).unwrap().set_modified(at(n)).unwrap();
            }
            std::fs::write(cache.path(&all[0].0).with_extension(PARTIAL), b"half").unwrap();
            std::fs::write(dir.path().join("notes.txt"), b"not ours").unwrap();
        }
        let cache = Cache::open(dir.path(), 2 * BLOCK).unwrap();
        let there: Vec<bool> = all.iter().map(|(hash, _)| cache.get(hash).is_some()).collect();
        assert_eq!(there, [true, false, true], "the smaller limit evicts the oldest");
        assert_eq!(files(dir.path()), 2, "the unfinished file is gone");
        assert!(dir.path().join("notes.txt").exists());
    }

    #[test]
    fn what_an_earlier_run_left_is_looked_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let (hash, bytes) = segment(1, 5000);
        let path = {
            let cache = Cache::open(dir.path(), 10 * BLOCK).unwrap();
            cache.put(&hash, &bytes);
            cache.path(&hash)
        };
        std::fs::write(&path, vec![0; 5000]).unwrap();
        let cache = Cache::open(dir.path(), 10 * BLOCK).unwrap();
        assert!(cache.get(&hash).is_none() && !path.exists() && cache.size() == (0, 0));
        cache.put(&hash, &bytes);
        std::fs::write(&path, vec![0; 5000]).unwrap();
        assert!(cache.get(&hash).is_some(), "this run has hashed it: the device will see");
        std::fs::remove_file(&path).unwrap();
        assert!(cache.get(&hash).is_none() && cache.size() == (0, 0));
    }
}
