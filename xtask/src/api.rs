//! What is written about the bindings is what the built library says: the snapshot of the surface and the reference.
//!
//! Both are generated anew and compared with what is committed, so that a change of the surface is seen in a review and the
//! reference cannot grow old. What makes them is `beatcheck-bindgen` (`bindings/generate`).
//!
//! With `BEATCHECK_ARTIFACTS=DIR` the library and the generator in that folder are used, and nothing is built.

use crate::check::{cargo, clean, succeeds};
use crate::python::target;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

const SNAPSHOT: &str = "bindings/api.txt";
const REFERENCE: &str = "docs/api";

/// Compares, or writes if `write`; true if all is well.
pub(crate) fn run(root: &Path, write: bool) -> bool {
    let built = match std::env::var_os("BEATCHECK_ARTIFACTS").filter(|dir| !dir.is_empty()) {
        Some(dir) => root.join(dir),
        None => {
            // The whole workspace, as in `python`: another choice of packages would compile dependencies anew.
            if !succeeds(cargo(root).args(["build", "--workspace"])) {
                return false;
            }
            target(root).join("debug")
        }
    };
    let fresh = target(root).join("bindings/api");
    if !generate(root, &built, &fresh) {
        return false;
    }
    if write {
        return match take_over(root, &fresh) {
            Ok(()) => {
                println!("written: {SNAPSHOT} and {REFERENCE}");
                true
            }
            Err(problem) => {
                eprintln!("xtask: {problem}");
                false
            }
        };
    }
    let same = [SNAPSHOT, REFERENCE].map(|path| same(&root.join(path), &fresh.join(path)));
    if same.contains(&false) {
        println!(
            "\napi: what is committed (-) is not what the library says (+). If the change is meant, take it over and commit it \
             with what caused it:\n\n    cargo xtask api --write"
        );
        return false;
    }
    println!("api: {SNAPSHOT} and {REFERENCE} are what the library says");
    true
}

/// Generates both below `fresh`, under the names that they have in the checkout.
fn generate(root: &Path, built: &Path, fresh: &Path) -> bool {
    let library = built.join(format!("{}beatcheck{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX));
    // From nothing: a page left over from another run must not be compared.
    let _ = std::fs::remove_dir_all(fresh);
    if let Err(problem) = std::fs::create_dir_all(fresh.join("bindings")) {
        eprintln!("xtask: {}: {problem}", fresh.display());
        return false;
    }
    let tool = || clean(Command::new(built.join("beatcheck-bindgen")), root);
    succeeds(tool().arg("api").arg(&library).arg("--out").arg(fresh.join(SNAPSHOT)))
        && succeeds(tool().arg("reference").arg(&library).arg("--out").arg(fresh.join(REFERENCE)))
}

/// Whether a file or folder is as committed; prints how it differs. A page too many is a difference too.
fn same(committed: &Path, fresh: &Path) -> bool {
    if !committed.exists() {
        println!("api: {} is missing", committed.display());
        return false;
    }
    let mut diff = Command::new("git");
    diff.args(["--no-pager", "diff", "--no-index", "--no-color", "--no-ext-diff", "--"]).arg(committed).arg(fresh);
    succeeds(&mut diff)
}

/// Puts what was generated in the place of what is there; a page that is no more goes.
fn take_over(root: &Path, fresh: &Path) -> io::Result<()> {
    std::fs::copy(fresh.join(SNAPSHOT), root.join(SNAPSHOT))?;
    let (from, to) = (fresh.join(REFERENCE), root.join(REFERENCE));
    std::fs::create_dir_all(&to)?;
    let pages = files(&from)?;
    for gone in files(&to)?.difference(&pages) {
        std::fs::remove_file(to.join(gone))?;
    }
    for page in &pages {
        std::fs::copy(from.join(page), to.join(page))?;
    }
    Ok(())
}

fn files(dir: &Path) -> io::Result<BTreeSet<PathBuf>> {
    std::fs::read_dir(dir)?.map(|entry| Ok(PathBuf::from(entry?.file_name()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkout and what was generated, alike.
    fn both() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let (root, fresh) = (dir.path().join("root"), dir.path().join("fresh"));
        for place in [&root, &fresh] {
            std::fs::create_dir_all(place.join("bindings")).unwrap();
            std::fs::create_dir_all(place.join(REFERENCE)).unwrap();
            std::fs::write(place.join(SNAPSHOT), "function a()\n").unwrap();
            std::fs::write(place.join(REFERENCE).join("README.md"), "# A\n").unwrap();
        }
        (dir, root, fresh)
    }

    fn alike(root: &Path, fresh: &Path) -> [bool; 2] {
        [SNAPSHOT, REFERENCE].map(|path| same(&root.join(path), &fresh.join(path)))
    }

    #[test]
    fn a_changed_signature_is_seen_and_taken_over() {
        let (_dir, root, fresh) = both();
        assert_eq!(alike(&root, &fresh), [true, true]);
        std::fs::write(fresh.join(SNAPSHOT), "function a(b: u32)\n").unwrap();
        assert_eq!(alike(&root, &fresh), [false, true]);
        take_over(&root, &fresh).unwrap();
        assert_eq!(alike(&root, &fresh), [true, true]);
    }

    #[test]
    fn a_page_too_many_or_too_few_is_seen_and_put_right() {
        let (_dir, root, fresh) = both();
        std::fs::write(root.join(REFERENCE).join("old.md"), "# Old\n").unwrap();
        assert_eq!(alike(&root, &fresh), [true, false]);
        std::fs::write(fresh.join(REFERENCE).join("new.md"), "# New\n").unwrap();
        take_over(&root, &fresh).unwrap();
        assert_eq!(alike(&root, &fresh), [true, true]);
        assert!(!root.join(REFERENCE).join("old.md").exists());
    }

    #[test]
    fn what_was_never_committed_is_missing() {
        let (_dir, root, fresh) = both();
        std::fs::remove_dir_all(root.join(REFERENCE)).unwrap();
        assert_eq!(alike(&root, &fresh), [true, false]);
    }
}
