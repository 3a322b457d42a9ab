//! What an app developer takes home: an AAR for Android, an XCFramework for iOS, and the record of how big they are.
//!
//! Where an NDK or Xcode is, they build it. Where they are not, what `script/check-phones` compiled is packed and labelled, in the file's
//! name and inside: a compile proof, not for release. Every package is read back and judged after it was written, by rules that know
//! nothing of how it was made. Nothing is published from here.

mod android;
mod archive;
mod inspect;
mod ios;
mod sizes;
mod swift;

use crate::check::{clean, succeeds};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What such a package is called, in its name and inside.
const PROOF: &str = "compile-proof-not-for-release";

const NOTICE: &str = "\
Compile proof, not for release.

This package was made on a machine without an Android NDK or Xcode. Its native library was compiled against stand-in headers and
has never been loaded, on a phone or anywhere else. It shows that the sources compile and how a package is laid out, and no more. Do not
put it into an app. docs/packaging.md says what was checked, and how a package for release is built.
";

/// How a notice names what is not in the package.
const MISSING: &str = "missing: ";

/// What is licensed with the library, for whoever passes it on.
const THIRD_PARTIES: &str = "\
Beatcheck is licensed under MIT or Apache-2.0, at your option (LICENSE-MIT, LICENSE-APACHE).

It contains, among others, SQLite (public domain), SQLCipher (BSD-3-Clause, Zetetic LLC), on Android OpenSSL (Apache-2.0) and LLVM's
libunwind (Apache-2.0 WITH LLVM-exception), ring (Apache-2.0 AND ISC), zstd (BSD-3-Clause) and UniFFI (MPL-2.0, unchanged; its source:
https://crates.io/crates/uniffi). `cargo deny list` in the repository
names every part and its licence.
";

/// What built the native library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An NDK or Xcode, by the name and version it gives itself.
    Kit(String),
    /// script/check-phones.
    Proof,
}

impl Origin {
    fn label(&self) -> String {
        match self {
            Self::Kit(_) => String::new(),
            Self::Proof => format!("-{PROOF}"),
        }
    }

    fn words(&self) -> &str {
        match self {
            Self::Kit(name) => name,
            Self::Proof => "compile proof",
        }
    }
}

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Where packages go; target/package otherwise.
    out: Option<PathBuf>,
    /// Where Maven compiled the Kotlin modules to; target/android otherwise.
    classes: Option<PathBuf>,
    /// A folder with the generated beatcheckFFI.h and its module map; generated otherwise.
    headers: Option<PathBuf>,
    /// The Android library's module; android/library otherwise.
    library: Option<PathBuf>,
    /// The Swift package's sources; ios/Sources otherwise.
    swift: Option<PathBuf>,
    /// Where the XCFramework's zip will lie, for Package.swift.
    url: Option<String>,
    /// A compile proof of what script/check-phones has already built.
    built: bool,
    /// Add the sizes to docs/sizes.jsonl.
    record: bool,
}

impl Options {
    /// Reads the words after `package android` and `package ios`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let mut folder = || words.next().map(PathBuf::from).ok_or_else(|| format!("{word} needs a folder"));
            match word {
                "--out" => options.out = Some(folder()?),
                "--classes" => options.classes = Some(folder()?),
                "--headers" => options.headers = Some(folder()?),
                "--library" => options.library = Some(folder()?),
                "--swift" => options.swift = Some(folder()?),
                "--url" => options.url = Some(words.next().ok_or("--url needs an address")?.to_string()),
                "--built" => options.built = true,
                "--record" => options.record = true,
                other => return Err(format!("`{other}` is not an option of package")),
            }
        }
        Ok(options)
    }

    fn out(&self, root: &Path) -> PathBuf {
        self.out.as_ref().map_or_else(|| target(root).join("package"), |dir| root.join(dir))
    }
}

/// Runs `package WORDS`. `Err` inside `Ok` is a fault that was found; the outer one is bad usage.
pub(crate) fn run(root: &Path, words: &[&str]) -> Result<bool, String> {
    let done = match words {
        ["android", options @ ..] => android::package(root, &Options::parse(options)?),
        ["ios", options @ ..] => ios::package(root, &Options::parse(options)?),
        ["sizes"] => sizes::write_table(root),
        ["verify", file] => verify(root, Path::new(file)),
        other => return Err(format!("`package {}` is not a command", other.join(" "))),
    };
    Ok(match done {
        Ok(()) => true,
        Err(problem) => {
            eprintln!("xtask: package: {problem}");
            false
        }
    })
}

/// Judges a package that lies somewhere, as the commands judge what they have just made.
fn verify(root: &Path, file: &Path) -> Result<(), String> {
    let entries = archive::read(&std::fs::read(file).map_err(|problem| format!("{}: {problem}", file.display()))?)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let problems = if name.ends_with(".aar") {
        android::problems(&name, &entries, &inspect::traces(root))
    } else if entries.contains_key("Package.swift") {
        swift::problems(&name, &entries, &inspect::traces(root))
    } else {
        ios::problems(&name, &entries, &inspect::traces(root))
    };
    judged(&name, &entries, &problems)
}

/// Prints what a package holds and what is wrong with it.
fn judged(name: &str, entries: &archive::Entries, problems: &[String]) -> Result<(), String> {
    println!("{name}:");
    for (path, bytes) in entries {
        println!("  {:>10}  {path}", bytes.len());
    }
    if problems.is_empty() {
        println!("verified: {} entries, nothing to say", entries.len());
        return Ok(());
    }
    for problem in problems {
        eprintln!("  {problem}");
    }
    Err(format!("{name}: {} to put right", problems.len()))
}

/// What every package must say of itself, or must not.
fn label_problems(name: &str, entries: &archive::Entries, notice: &str) -> Vec<String> {
    match (entries.contains_key(notice), name.contains(PROOF)) {
        (true, false) => vec![format!("holds {notice}, and its name does not say so")],
        (false, true) => vec![format!("is called a compile proof, and holds no {notice}")],
        _ => Vec::new(),
    }
}

/// The notice of a compile proof, with what is missing in it because the checkout has not its sources.
fn notice(gaps: &[String]) -> String {
    gaps.iter().fold(NOTICE.to_owned(), |text, gap| format!("{text}\n{MISSING}{gap}"))
}

/// What a notice says is missing. Only a compile proof has a notice, so nothing else may lack anything.
fn gaps(notice: &[u8]) -> BTreeSet<String> {
    String::from_utf8_lossy(notice).lines().filter_map(|line| line.strip_prefix(MISSING)).map(str::to_owned).collect()
}

/// The licence texts, by their names.
fn licences(root: &Path) -> Result<Vec<(&'static str, Vec<u8>)>, String> {
    let mut texts = vec![("THIRD-PARTIES.txt", THIRD_PARTIES.as_bytes().to_vec())];
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        texts.push((name, read(&root.join(name))?));
    }
    Ok(texts)
}

/// The workspace's version, which is every package's.
fn version(root: &Path) -> Result<String, String> {
    let manifest: toml::Table =
        text(&root.join("Cargo.toml"))?.parse().map_err(|problem| format!("Cargo.toml: {problem}"))?;
    let found = manifest.get("workspace").and_then(|w| w.get("package")).and_then(|p| p.get("version"));
    found.and_then(toml::Value::as_str).map(str::to_owned).ok_or_else(|| "Cargo.toml names no version".to_owned())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|problem| format!("{}: {problem}", path.display()))
}

fn text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|problem| format!("{}: {problem}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| std::fs::write(path, bytes)).map_err(|problem| format!("{}: {problem}", path.display()))
}

/// Where cargo builds to: the same rule as cargo's, as far as this workspace uses it.
fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir))
}

/// The cache outside the checkout (script/bootstrap has the rule).
fn cache() -> Result<PathBuf, String> {
    if let Some(dir) = std::env::var_os("BEATCHECK_CACHE") {
        return Ok(dir.into());
    }
    let parent = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")));
    parent.map(|dir| dir.join("beatcheck")).ok_or_else(|| "neither XDG_CACHE_HOME nor HOME is set".to_owned())
}

/// Builds with script/check-phones, or takes what it has built; gives back where its results lie, in these folders.
fn compile_proof(root: &Path, options: &Options, platform: &str, folders: &[&str]) -> Result<PathBuf, String> {
    let results = cache()?.join("phones/out").join(platform);
    if options.built {
        // Written last, where everything about a target was found well.
        return match folders.iter().find(|folder| !results.join(folder).join("said").exists()) {
            Some(folder) => Err(format!("script/check-phones {platform} has not built {folder}")),
            None => Ok(results),
        };
    }
    println!("package: no kit for {platform} here: script/check-phones compiles a proof");
    if !succeeds(clean(Command::new(root.join("script/check-phones")), root).arg(platform)) {
        return Err("script/check-phones failed".to_owned());
    }
    Ok(results)
}

/// Flags that cut this machine's folders out of the texts of panics.
fn remapped(root: &Path) -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let registries = home.map(|home| home.join("registry/src")).and_then(|dir| std::fs::read_dir(dir).ok());
    let mut flags = format!("--remap-path-prefix={}=/beatcheck", root.display());
    for registry in registries.into_iter().flatten().flatten() {
        flags += &format!(" --remap-path-prefix={}=/crates", registry.path().display());
    }
    flags
}

/// What a command prints, if it runs and succeeds.
fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_bad_ones_named() {
        let options = Options::parse(&["--out", "x", "--record", "--classes", "y"]).unwrap();
        assert_eq!((options.out, options.classes, options.record), (Some("x".into()), Some("y".into()), true));
        assert_eq!(Options::parse(&["--out"]).unwrap_err(), "--out needs a folder");
        assert!(Options::parse(&["--fast"]).is_err());
        assert!(run(Path::new("."), &["windows"]).is_err());
    }

    #[test]
    fn a_proof_says_so_twice_or_is_refused() {
        let with: archive::Entries = [("NOTICE".to_owned(), Vec::new())].into();
        let without = archive::Entries::new();
        assert!(label_problems(&format!("b{}.aar", Origin::Proof.label()), &with, "NOTICE").is_empty());
        assert!(label_problems("b.aar", &without, "NOTICE").is_empty());
        assert_eq!(label_problems("b.aar", &with, "NOTICE").len(), 1);
        assert_eq!(label_problems(&format!("b{}.aar", Origin::Proof.label()), &without, "NOTICE").len(), 1);
    }

    #[test]
    fn a_notice_names_what_is_missing() {
        let gaps = ["R.txt".to_owned(), "classes.jar".to_owned()];
        assert_eq!(super::gaps(notice(&gaps).as_bytes()), gaps.into());
        assert!(super::gaps(NOTICE.as_bytes()).is_empty());
    }

    #[test]
    fn the_version_is_the_workspaces() {
        assert_eq!(version(&crate::workspace_root()).unwrap(), env!("CARGO_PKG_VERSION"));
    }
}
