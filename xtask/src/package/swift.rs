//! The Swift package beside the XCFramework: Package.swift with the framework's checksum, the generated binding, and the sources of ios/.
//!
//! SwiftPM takes a binary by address and checksum, so this is what an app's developer adds. It stops at a zip: whoever publishes
//! unpacks it into a repository of its own, and puts the framework's zip where the address says.

use super::archive::{self, Entries};
use super::ios::MODULE;
use super::{Options, Origin, inspect};
use std::path::Path;

/// Without `--url`: an address that cannot be anybody's, so that nothing is fetched by mistake.
const NOWHERE: &str = "https://release.invalid";
const NOTICE: &str = "COMPILE-PROOF-NOT-FOR-RELEASE.txt";
/// The binding as UniFFI generates it, and what it is called in the package.
const BINDING: &str = "Sources/BeatcheckCore/beatcheck.swift";
/// Targets of ios/Sources for apps, in the order in which each may use those before it. Others there are for tests.
const TARGETS: &[&str] = &["Beatcheck", "BeatcheckApple"];

/// Writes the package that goes with the framework's zip.
pub(super) fn package(
    root: &Path,
    options: &Options,
    origin: &Origin,
    framework: &Path,
    checksum: &str,
) -> Result<(), String> {
    let sources = options.swift.as_ref().map_or_else(|| root.join("ios/Sources"), |dir| root.join(dir));
    let binding =
        options.headers.as_ref().map_or_else(|| super::target(root).join("package/swift"), |dir| root.join(dir));
    let framework = framework.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let url = format!("{}/{framework}", options.url.as_deref().unwrap_or(NOWHERE).trim_end_matches('/'));
    let (mut entries, gaps) = gathered(&sources, &super::read(&binding.join("beatcheck.swift"))?, &url, checksum)?;
    if let (Some(gap), Origin::Kit(_)) = (gaps.first(), origin) {
        return Err(format!("with Xcode it would be a release, and there is no {gap}"));
    }
    for (name, text) in super::licences(root)? {
        entries.insert(name.to_owned(), text);
    }
    if *origin == Origin::Proof {
        entries.insert(NOTICE.to_owned(), super::notice(&gaps).into_bytes());
    }
    let name = format!("beatcheck-swift-{}{}.zip", super::version(root)?, origin.label());
    let file = options.out(root).join(&name);
    let packed = archive::zip(&entries)?;
    super::write(&file, &packed)?;
    super::judged(&name, &entries, &problems(&name, &archive::read(&packed)?, &inspect::traces(root)))?;
    for gap in &gaps {
        println!("missing, and said so inside: {gap}");
    }
    println!("{}", file.display());
    Ok(())
}

/// Package.swift and its sources, and which targets are missing because this checkout has not their sources.
fn gathered(sources: &Path, binding: &[u8], url: &str, checksum: &str) -> Result<(Entries, Vec<String>), String> {
    let mut entries = Entries::new();
    entries.insert(BINDING.to_owned(), binding.to_vec());
    let mut gaps = Vec::new();
    let mut targets = Vec::new();
    for target in TARGETS {
        if sources.join(target).is_dir() {
            archive::add_folder(&mut entries, &format!("Sources/{target}"), &sources.join(target))?;
            targets.push(*target);
        } else {
            gaps.push(format!("Sources/{target}"));
        }
    }
    entries.insert("Package.swift".to_owned(), manifest(&targets, url, checksum).into_bytes());
    Ok((entries, gaps))
}

/// Package.swift. ios/Package.swift is another: that of a checkout, with tests, which finds its library in a folder.
fn manifest(targets: &[&str], url: &str, checksum: &str) -> String {
    let mut products = String::new();
    let mut sources = String::new();
    let mut below = vec!["BeatcheckCore"];
    for target in targets {
        let dependencies: Vec<String> = below.iter().map(|name| format!("\"{name}\"")).collect();
        sources += &format!("        .target(name: \"{target}\", dependencies: [{}]),\n", dependencies.join(", "));
        products += &format!("        .library(name: \"{target}\", targets: [\"{target}\"]),\n");
        below.push(target);
    }
    if products.is_empty() {
        products += "        .library(name: \"BeatcheckCore\", targets: [\"BeatcheckCore\"]),\n";
    }
    format!(
        r#"// swift-tools-version:6.0
// Written by `cargo xtask package ios`. The address is where the zip is to be found, and its checksum must be this.
import PackageDescription

let package = Package(
    name: "Beatcheck",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [
{products}    ],
    targets: [
        .binaryTarget(
            name: "{MODULE}",
            url: "{url}",
            checksum: "{checksum}"
        ),
        // What UniFFI generates, as it is.
        .target(name: "BeatcheckCore", dependencies: ["{MODULE}"]),
{sources}    ]
)
"#
    )
}

/// Everything that is wrong with a Swift package of this name.
pub(super) fn problems(name: &str, entries: &Entries, traces: &[String]) -> Vec<String> {
    let mut problems = super::label_problems(name, entries, NOTICE);
    let gaps = entries.get(NOTICE).map(|notice| super::gaps(notice)).unwrap_or_default();
    let manifest = entries.get("Package.swift").map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default();
    let value = |key: &str| manifest.split(&format!("{key}: \"")).nth(1).and_then(|rest| rest.split('"').next());
    if !value("checksum").is_some_and(|sum| sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        problems.push("Package.swift: has no SHA-256 of the framework".to_owned());
    }
    let url = value("url").unwrap_or_default();
    if !(url.starts_with("https://") && url.ends_with(".zip")) {
        problems.push(format!("Package.swift: `{url}` is no address of a zip"));
    }
    if name.contains(super::PROOF) != url.contains(super::PROOF) {
        problems.push("Package.swift: names a framework of another kind".to_owned());
    }
    if !name.contains(super::PROOF) && url.starts_with(NOWHERE) {
        problems.push("Package.swift: a release needs the address where it will lie: --url".to_owned());
    }
    if entries.get(BINDING).is_none_or(|text| inspect::functions_named(text).is_empty()) {
        problems.push(format!("{BINDING}: names no function of the library"));
    }
    for target in TARGETS {
        let there = entries.keys().any(|path| path.starts_with(&format!("Sources/{target}/")));
        if there != manifest.contains(&format!(".target(name: \"{target}\"")) {
            problems.push(format!("{target}: Package.swift and the folders do not agree"));
        }
        if !there && !gaps.contains(&format!("Sources/{target}")) {
            problems.push(format!("Sources/{target}: is missing"));
        }
    }
    for (path, bytes) in entries {
        if let Some(trace) = inspect::trace_in(bytes, traces) {
            problems.push(format!("{path}: carries a path of the machine that built it: {trace}"));
        }
    }
    problems
}

#[cfg(test)]
mod tests;
