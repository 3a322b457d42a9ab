//! Plain files: written whole or not at all, and removed with everything that belongs to them.

use crate::StoreError;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Replaces a file's content so that after a crash either the old or the new content is there, whole.
///
/// Writes `<path>.tmp`, makes it durable, renames it over `path` and makes the directory durable. On Unix only the owner
/// may read it (0600). Two writers of one path must not run at the same time.
///
/// # Errors
/// [`StoreError::Full`] or [`StoreError::Io`]; `path` then has its old content.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let temp = with_suffix(path, ".tmp");
    let write = || -> std::io::Result<()> {
        let mut f = private(OpenOptions::new().write(true).create(true).truncate(true)).open(&temp)?;
        f.write_all(bytes)?;
        f.sync_all()?;
        fs::rename(&temp, path)
    };
    write().map_err(|e| {
        let _ = fs::remove_file(&temp);
        StoreError::io("writing a file")(e)
    })?;
    sync_dir(path)
}

/// Unlinks a database with its `-wal` and `-shm`; what is not there is not missed.
///
/// Content is not overwritten: flash would keep a copy anyway. It is unreadable because its key is forgotten.
///
/// # Errors
/// [`StoreError::Io`] if a file is there and cannot be removed; the others are removed all the same.
pub fn shred_file(path: &Path) -> Result<(), StoreError> {
    let mut failed = None;
    for p in database_files(path) {
        match fs::remove_file(p) {
            Err(e) if e.kind() != ErrorKind::NotFound => failed = Some(e),
            _ => {}
        }
    }
    match failed {
        Some(e) => Err(StoreError::io("removing a file")(e)),
        None => sync_dir(path),
    }
}

/// The files of a SQLite database in WAL mode.
pub(crate) fn database_files(path: &Path) -> Vec<PathBuf> {
    vec![path.to_owned(), with_suffix(path, "-wal"), with_suffix(path, "-shm")]
}

/// `path` with something appended to its name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Creates an empty file that only its owner may read, if there is none. SQLite gives its side files the same mode.
pub(crate) fn create_private(path: &Path) -> Result<(), StoreError> {
    match private(OpenOptions::new().write(true).create_new(true)).open(path) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(StoreError::io("creating a file")(e)),
        _ => Ok(()),
    }
}

/// Makes a file's content durable, and its directory entry.
pub(crate) fn sync_file(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|f| f.sync_all()).map_err(StoreError::io("making a file durable"))?;
    sync_dir(path)
}

/// Writes out what was written to a file so far. A bulk load does so in pieces: all of it at once would keep the account,
/// whose every entry waits for the disk, waiting behind it.
///
/// Closing the handle lets go of the locks that this process holds on the file: only for one that nobody else knows yet.
pub(crate) fn write_out(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|f| f.sync_data()).map_err(StoreError::io("writing a file out"))
}

/// Makes the directory entry of `path` durable, where the system can.
pub(crate) fn sync_dir(path: &Path) -> Result<(), StoreError> {
    if !cfg!(unix) {
        return Ok(());
    }
    let dir = match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    match File::open(dir).and_then(|f| f.sync_all()) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(StoreError::io("making a directory durable")(e)),
        _ => Ok(()),
    }
}

/// Only the owner may read what is created.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}
