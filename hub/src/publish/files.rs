//! Segments on disk: `DIR/segments/ab/<hash>`, written once, whole or not at all.

use crate::{Hub, HubError, keys};
use beatcheck_wire::Hash32;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

impl Hub {
    /// Where the segment with this hash lies, or would lie.
    #[must_use]
    pub fn segment_path(&self, hash: &Hash32) -> PathBuf {
        let name = hash.to_string();
        self.dir().join("segments").join(&name[..2]).join(name)
    }

    /// Writes a segment so that it survives a power cut, or leaves nothing under its name.
    pub(super) fn store_segment(&self, hash: &Hash32, bytes: &[u8]) -> Result<(), HubError> {
        let path = self.segment_path(hash);
        let dir = path.parent().unwrap_or(self.dir());
        let failed = || HubError::io(format!("writing {}", path.display()));
        std::fs::create_dir_all(dir).map_err(failed())?;
        let suffix = u64::from_le_bytes(keys::random()?);
        let partial = dir.join(format!(".{suffix:016x}.partial"));
        let written = File::create_new(&partial)
            .and_then(|mut f| f.write_all(bytes).and_then(|()| f.sync_all()))
            .and_then(|()| std::fs::rename(&partial, &path))
            .and_then(|()| File::open(dir)?.sync_all());
        if written.is_err() {
            let _ = std::fs::remove_file(&partial);
        }
        written.map_err(failed())
    }
}
