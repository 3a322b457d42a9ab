//! The checks of this house, as one command.
//!
//! `cargo xtask check` is what CI runs, no more and no less; `cargo xtask tidy` is the part of it that is ours: which
//! crate may use which, who may read a clock, how long a file may grow, which words may not appear. A rule that only
//! a document states is forgotten by the third contributor, so each one here is code with a bad example beside it.
//!
//! `cargo xtask package` is the other thing it does: it lays out what app developers take home, and judges that too.
//! This crate is used by no other crate.

#![allow(clippy::print_stdout)] // a command's output is its purpose

mod api;
mod check;
mod limit;
mod package;
mod python;
mod tidy;
mod totals;

use std::path::PathBuf;
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  tidy                 the house's own rules, over every file git knows or would add
  check [OPTIONS]      everything CI does, in order, with the time of each step:
                       fmt, tidy, clippy, deny, test, api, python, kotlin, swift,
                       guides, doc
      --only STEP      that step alone
      --from STEP      that step and those after it
      --online         let `deny` fetch the advisory database and check against it
      --since SECONDS  count the total time from this Unix time (script/test uses it)
  api [--write]        bindings/api.txt and docs/api are what the library says: compares them, or writes them
  deny [--online]      bans, licences and sources of dependencies; advisories with --online
  package android      an AAR and its POM, by the NDK at ANDROID_NDK_HOME; without one, by script/check-phones: a compile
                       proof, not for release, and called so (docs/packaging.md)
      --classes DIR    where Maven compiled the modules to (target/android, by script/test-kotlin)
      --library DIR    the Android library's module (android/library)
  package ios          an XCFramework, zipped, and its checksum, by Xcode; without it a compile proof
      --headers DIR    the generated beatcheckFFI.h, its module map and beatcheck.swift (generated otherwise)
      --swift DIR      the Swift package's sources (ios/Sources)
      --url ADDRESS    where the zip will lie, for Package.swift
      --out DIR        for both: where to (target/package)
      --built          for both: a compile proof of what script/check-phones has already built
      --record         for both: add the sizes to docs/sizes.jsonl and write docs/sizes.md
  package sizes        write docs/sizes.md from docs/sizes.jsonl
  package verify FILE  judge an AAR or an XCFramework's zip as the commands above do
  help                 this text, and the rules of tidy

Exit code: 0 all well, 1 something was found or a step failed, 2 bad usage.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let root = workspace_root();
    let passed = match words.as_slice() {
        ["tidy"] => tidy::run(&root),
        ["api"] => api::run(&root, false),
        ["api", "--write"] => api::run(&root, true),
        ["deny"] => check::run_one(&root, check::Step::Deny, false),
        ["deny", "--online"] => check::run_one(&root, check::Step::Deny, true),
        ["check", options @ ..] => match check::Options::parse(options) {
            Ok(options) => check::run(&root, &options),
            Err(problem) => return usage(&problem),
        },
        ["package", words @ ..] => match package::run(&root, words) {
            Ok(passed) => passed,
            Err(problem) => return usage(&problem),
        },
        [] | ["help" | "--help" | "-h"] => {
            println!("{HELP}\n\nRules of tidy (excuse a line with `// tidy: allow(RULE) reason` on it or above it):");
            for (rule, meaning) in tidy::RULES {
                println!("  {rule:<18} {meaning}");
            }
            true
        }
        other => return usage(&format!("`{}` is not a command", other.join(" "))),
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn usage(problem: &str) -> ExitCode {
    eprintln!("xtask: {problem}\n\n{HELP}");
    ExitCode::from(2)
}

/// The checkout this crate was built from: its manifest's parent, so that the working directory does not matter.
fn workspace_root() -> PathBuf {
    let manifest =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    manifest.parent().map_or_else(|| PathBuf::from("."), PathBuf::from)
}
