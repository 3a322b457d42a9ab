//! Zip files: written so that the same input gives the same bytes, and read back whole.
//!
//! It stops at a map from path to bytes; packages of a few dozen entries need no more. No times, no owners: a package built twice from
//! one source must have one checksum.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Cursor, Read, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;

/// What a package holds, by path with forward slashes.
pub(super) type Entries = BTreeMap<String, Vec<u8>>;

/// More than any entry of ours has: a zip bomb is refused and not unpacked.
const MOST: u64 = 1 << 30;

/// A zip file of these entries, in the order of their paths.
pub(super) fn zip(entries: &Entries) -> Result<Vec<u8>, String> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644);
    for (path, bytes) in entries {
        if let Some(problem) = bad_path(path) {
            return Err(problem);
        }
        writer.start_file(path.as_str(), options).map_err(|problem| format!("{path}: {problem}"))?;
        writer.write_all(bytes).map_err(|problem| format!("{path}: {problem}"))?;
    }
    writer.finish().map(Cursor::into_inner).map_err(|problem| problem.to_string())
}

/// Everything in a zip file; folders are left out.
pub(super) fn read(bytes: &[u8]) -> Result<Entries, String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|problem| problem.to_string())?;
    let mut entries = Entries::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).map_err(|problem| problem.to_string())?;
        let path = file.name().map_err(|problem| problem.to_string())?.into_owned();
        if file.is_dir() {
            continue;
        }
        if let Some(problem) = bad_path(&path) {
            return Err(problem);
        }
        if file.size() > MOST {
            return Err(format!("{path}: is larger than anything we pack"));
        }
        let mut content = Vec::new();
        (&mut file).take(MOST).read_to_end(&mut content).map_err(|problem| format!("{path}: {problem}"))?;
        if entries.insert(path.clone(), content).is_some() {
            return Err(format!("{path}: is there twice"));
        }
    }
    Ok(entries)
}

fn bad_path(path: &str) -> Option<String> {
    let bad = path.is_empty()
        || path.contains('\\')
        || path.split('/').any(|part| part.is_empty() || part == "." || part == "..");
    bad.then(|| format!("`{path}` is no path for a package"))
}

/// Adds every file below a folder, under `prefix`.
pub(super) fn add_folder(entries: &mut Entries, prefix: &str, folder: &Path) -> Result<(), String> {
    let listed = std::fs::read_dir(folder).map_err(|problem| format!("{}: {problem}", folder.display()))?;
    for item in listed {
        let path = item.map_err(|problem| format!("{}: {problem}", folder.display()))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let inside = if prefix.is_empty() { name.into_owned() } else { format!("{prefix}/{name}") };
        if path.is_dir() {
            add_folder(entries, &inside, &path)?;
        } else if entries.insert(inside.clone(), super::read(&path)?).is_some() {
            return Err(format!("{inside}: two files want this place"));
        }
    }
    Ok(())
}

/// How many bytes it has when compressed as stores and packages do.
pub(super) fn deflated(bytes: &[u8]) -> usize {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    // Writing to a vector cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().map_or(0, |written| written.len())
}

/// SHA-256 in hexadecimal: for a package, what `swift package compute-checksum` prints.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Entries {
        [("a/b.txt".to_owned(), b"hello ".repeat(100)), ("z".to_owned(), Vec::new())].into()
    }

    #[test]
    fn what_was_packed_comes_out_and_the_bytes_do_not_depend_on_when() {
        let packed = zip(&sample()).unwrap();
        assert_eq!(read(&packed).unwrap(), sample());
        assert_eq!(packed, zip(&sample()).unwrap());
        assert!(packed.len() < 400, "it is compressed");
    }

    #[test]
    fn paths_that_leave_the_package_are_refused() {
        for path in ["/etc/x", "a/../b", "", "a//b", "a\\b", "./a"] {
            assert!(zip(&[(path.to_owned(), Vec::new())].into()).is_err(), "{path:?} was packed");
        }
        // Written by somebody else.
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        writer.start_file("../x", SimpleFileOptions::default()).unwrap();
        let packed = writer.finish().unwrap().into_inner();
        assert!(read(&packed).is_err());
    }

    #[test]
    fn damage_is_an_error() {
        let packed = zip(&sample()).unwrap();
        assert!(read(&packed[..packed.len() - 10]).is_err());
        assert!(read(b"no zip").is_err());
        let mut damaged = packed.clone();
        // Inside the first entry's compressed bytes.
        damaged[40] ^= 0xff;
        assert!(read(&damaged).is_err());
    }

    #[test]
    fn folders_are_walked_and_two_files_cannot_share_a_place() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("values")).unwrap();
        std::fs::write(dir.path().join("values/strings.xml"), "x").unwrap();
        let mut entries = Entries::new();
        add_folder(&mut entries, "res", dir.path()).unwrap();
        assert_eq!(entries.keys().collect::<Vec<_>>(), ["res/values/strings.xml"]);
        assert!(add_folder(&mut entries, "res", dir.path()).is_err());
    }

    #[test]
    fn checksum_is_sha256() {
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
