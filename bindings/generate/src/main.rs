//! Generates the bindings for Kotlin, Swift and Python, and what is written about them, from the built library.
//!
//! `beatcheck-bindgen generate LIBRARY --language kotlin --out-dir DIR --no-format` and all else that UniFFI's own command
//! can do is passed on to it. Two commands are ours: `api` prints the surface as text for reviews, and `reference` writes
//! the reference for app developers (`docs/api`). `cargo xtask api --write` runs both.

mod codes;
mod held;
mod language;
mod links;
mod pages;
mod snapshot;
mod source;
mod surface;
#[cfg(test)]
mod tests;

use crate::held::Generated;
use crate::language::Language;
use crate::surface::Surface;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
beatcheck-bindgen api LIBRARY [--out FILE]          the surface as text, to stdout or into FILE
beatcheck-bindgen reference LIBRARY --out DIR       the reference in Markdown; run it at the root of the checkout
beatcheck-bindgen generate ...                      and others: UniFFI's own command (--help)

Exit code: 0 all well, 1 something is missing or does not fit (each on a line), 2 bad usage.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["api", library] => Surface::of_library(library).and_then(|s| print(&snapshot::text(&s))).map_err(one),
        ["api", library, "--out", file] => {
            Surface::of_library(library).and_then(|s| put(Path::new(file), &snapshot::text(&s))).map_err(one)
        }
        ["reference", library, "--out", out] => reference(library, Path::new(out)),
        ["api" | "reference", ..] => {
            eprintln!("{HELP}");
            return ExitCode::from(2);
        }
        _ => {
            uniffi::uniffi_bindgen_main();
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problems) => {
            for problem in &problems {
                eprintln!("{problem}");
            }
            eprintln!("beatcheck-bindgen: {} to put right", problems.len());
            ExitCode::from(1)
        }
    }
}

/// Writes the reference; nothing is written if there is anything to put right.
fn reference(library: &str, out: &Path) -> Result<(), Vec<String>> {
    let root = PathBuf::from(".");
    let mut surface = Surface::of_library(library).map_err(one)?;
    let mut source = source::Source::default();
    for dir in ["core/model/src", "core/client/src"] {
        source.add_dir(&root.join(dir)).map_err(one)?;
    }
    source.fill(&mut surface).map_err(one)?;
    let mut problems = surface.holes();
    let (explained, given, of_codes) = codes::of_checkout(&root).map_err(one)?;
    problems.extend(of_codes);
    let mut package = String::new();
    for language in Language::ALL {
        let generated = Generated::by_uniffi(library, language).map_err(one)?;
        problems.extend(generated.lacks(&surface).map_err(one)?);
        package = generated.package.unwrap_or(package);
    }
    let layout = source::read(&root.join("bindings/generate/pages.toml")).map_err(one)?;
    let sources =
        pages::Sources { surface: &surface, explained: &explained, given: &given, package: &package, root: &root };
    match pages::write(&layout, &sources) {
        Ok(pages) if problems.is_empty() => {
            std::fs::create_dir_all(out).map_err(|e| one(format!("{}: {e}", out.display())))?;
            pages.iter().try_for_each(|(file, text)| put(&out.join(file), text)).map_err(one)
        }
        Ok(_) => Err(problems),
        Err(more) => Err(problems.into_iter().chain(more).collect()),
    }
}

fn print(text: &str) -> Result<(), String> {
    std::io::stdout().write_all(text.as_bytes()).map_err(|e| format!("stdout: {e}"))
}

fn put(file: &Path, text: &str) -> Result<(), String> {
    std::fs::write(file, text).map_err(|e| format!("{}: {e}", file.display()))
}

fn one(problem: String) -> Vec<String> {
    vec![problem]
}
