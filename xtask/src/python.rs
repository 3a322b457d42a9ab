//! Drives the shipped library through its generated Python binding: built, generated afresh, and run against a real hub.

use crate::check::{cargo, clean, succeeds};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds, generates and runs it; true if all passed.
pub(crate) fn run(root: &Path) -> bool {
    // The whole workspace, and not only what is needed: another choice of packages is another choice of features, and
    // would compile dependencies anew that the tests have just compiled.
    let mut build = cargo(root);
    build.args(["build", "--workspace"]);
    if !succeeds(&mut build) {
        return false;
    }
    let built = target(root).join("debug");
    let library = format!("{}beatcheck{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let out = target(root).join("bindings/python");
    // From nothing: a binding left over from another build must not be what is tested.
    let _ = std::fs::remove_dir_all(&out);
    let mut generate = clean(Command::new(built.join("beatcheck-bindgen")), root);
    generate
        .arg("generate")
        .arg(built.join(&library))
        .args(["--language", "python", "--no-format", "--out-dir"])
        .arg(&out);
    if !succeeds(&mut generate) {
        return false;
    }
    if let Err(problem) = std::fs::copy(built.join(&library), out.join(&library)) {
        eprintln!("xtask: the library could not be laid beside its binding: {problem}");
        return false;
    }
    let mut smoke = clean(Command::new("python3"), root);
    smoke.arg("tests/python/smoke.py").arg(&out).arg(built.join("beatcheck"));
    succeeds(&mut smoke)
}

/// Where cargo builds to: the same rule as cargo's, as far as this workspace uses it.
pub(crate) fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir))
}
