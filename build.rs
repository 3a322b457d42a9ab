//! Stamps the shipped library: version and commit, and the linker's arguments that phones need.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=.git/HEAD");
    // Built from an archive there is no repository: the stamp says so.
    let commit = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok();
    let commit = commit.filter(|o| o.status.success()).and_then(|o| String::from_utf8(o.stdout).ok());
    println!("cargo:rustc-env=BEATCHECK_COMMIT={}", commit.as_deref().map_or("unknown", str::trim));
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
