//! Stamps the shipped library: version and commit, and the linker's arguments that phones need.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // HEAD names a branch and stays as it is when that branch has a new commit: its log does not. In a worktree both are elsewhere. A file
    // that is not there is not named, or cargo would build anew each time.
    for path in ["HEAD", "logs/HEAD"] {
        let found = git(&["rev-parse", "--git-path", path]);
        if let Some(path) = found.filter(|path| std::path::Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    // Built from an archive there is no repository: the stamp says so.
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    println!("cargo:rustc-env=BEATCHECK_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
    match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("android") => {
            // Android 15 devices with 16 KiB pages refuse libraries aligned to less.
            println!("cargo:rustc-cdylib-link-arg=-Wl,-z,max-page-size=16384");
            println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libbeatcheck.so");
        }
        Ok("ios" | "macos") => {
            println!("cargo:rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libbeatcheck.dylib");
        }
        _ => {}
    }
}

/// What git says, or nothing where there is no repository or no git.
fn git(words: &[&str]) -> Option<String> {
    let said = Command::new("git").args(words).output().ok().filter(|said| said.status.success())?;
    Some(String::from_utf8(said.stdout).ok()?.trim().to_owned())
}
