//! Bytes: of files on disk, and of the same content as other tools would send it.

use super::step::io;
use crate::exit::Failure;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Level of the compression that sizes are held against.
const LEVEL: i32 = 19;
/// Window for a patch: the whole older file must be within reach.
const PATCH_WINDOW_LOG: u32 = 27;

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|e| Failure::input(path, &e))
}

/// Bytes of `content` under zstd -19.
pub(super) fn zstd_19(content: &[u8]) -> Result<f64, Failure> {
    Ok(zstd::bulk::compress(content, LEVEL).map_err(io("compressing"))?.len() as f64)
}

/// Bytes of `new` under zstd -19 given `old`, as `zstd --patch-from` makes them: the peer of a delta that knows both
/// files whole, and that only a device with the very same older file could use.
pub(super) fn zstd_patch(old: &[u8], new: &[u8]) -> Result<f64, Failure> {
    let made = || -> std::io::Result<usize> {
        let mut encoder = zstd::Encoder::with_ref_prefix(Vec::new(), LEVEL, old)?;
        encoder.window_log(PATCH_WINDOW_LOG)?;
        encoder.long_distance_matching(true)?;
        encoder.write_all(new)?;
        Ok(encoder.finish()?.len())
    };
    Ok(made().map_err(io("making a patch"))? as f64)
}

/// Bytes of a file under `gzip -9`, where that program is there.
pub(super) fn gzip_9(path: &Path) -> Option<f64> {
    let mut gzip = Command::new("gzip");
    let done = gzip.args(["-9", "-n", "-c"]).arg(path).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    done.status.success().then_some(done.stdout.len() as f64)
}

/// Bytes of all files under `path`, their lengths added up; 0 if it is not there.
pub(super) fn on_disk(path: &Path) -> u64 {
    let Ok(meta) = std::fs::symlink_metadata(path) else { return 0 };
    if !meta.is_dir() {
        return meta.len();
    }
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    entries.flatten().map(|e| on_disk(&e.path())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_is_smaller_than_the_file() {
        let old: Vec<u8> = (0..40_000_u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let mut new = old.clone();
        new[50_000] ^= 1;
        let (whole, patch) = (zstd_19(&new).unwrap(), zstd_patch(&old, &new).unwrap());
        assert!(patch * 20.0 < whole, "{patch} of {whole}");
    }

    #[test]
    fn directories_are_added_up() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("in")).unwrap();
        std::fs::write(dir.path().join("in/a"), [0; 10]).unwrap();
        std::fs::write(dir.path().join("b"), [0; 5]).unwrap();
        assert_eq!((on_disk(dir.path()), on_disk(&dir.path().join("none"))), (15, 0));
    }
}
