//! The XCFramework: a static library for each slice, the C header of the binding, and its module map.
//!
//! With Xcode there are three slices: devices, simulators and Macs (on which an app's developer runs tests); without, the two for arm64
//! that script/check-phones compiled. It stops at a zip and its checksum; `swift` writes the package that names them.

use super::archive::{self, Entries};
use super::{Options, Origin, inspect, sizes, swift};
use crate::check::{cargo, clean, succeeds};
use std::path::{Path, PathBuf};
use std::process::Command;

const FRAMEWORK: &str = "Beatcheck.xcframework";
const LIBRARY: &str = "libbeatcheck.a";
/// The module that the generated Swift imports. In a folder of its own: Xcode puts the headers of all packages into one.
pub(super) const MODULE: &str = "beatcheckFFI";
const NOTICE: &str = "Beatcheck.xcframework/COMPILE-PROOF-NOT-FOR-RELEASE.txt";
/// The oldest iOS that it is built for. script/phones.d/phones.sh has the same.
const IOS: &str = "16.0";

const ARM64: u32 = 0x0100_000c;
const X86_64: u32 = 0x0100_0007;

/// A slice: its identifier, LC_BUILD_VERSION's platform, its processors, and Rust's targets.
struct Slice {
    id: &'static str,
    platform: u32,
    processors: &'static [u32],
    targets: &'static [&'static str],
}

const SLICES: &[Slice] = &[
    Slice { id: "ios-arm64", platform: inspect::IOS, processors: &[ARM64], targets: &["aarch64-apple-ios"] },
    Slice {
        id: "ios-arm64_x86_64-simulator",
        platform: inspect::IOS_SIMULATOR,
        processors: &[ARM64, X86_64],
        targets: &["aarch64-apple-ios-sim", "x86_64-apple-ios"],
    },
    Slice {
        id: "macos-arm64_x86_64",
        platform: inspect::MACOS,
        processors: &[ARM64, X86_64],
        targets: &["aarch64-apple-darwin", "x86_64-apple-darwin"],
    },
];

/// Those of a compile proof. The simulator's is for Macs of today alone, and is named as Xcode names such a one.
const PROOFS: &[Slice] = &[
    Slice { id: "ios-arm64", platform: inspect::IOS, processors: &[ARM64], targets: &["aarch64-apple-ios"] },
    Slice {
        id: "ios-arm64-simulator",
        platform: inspect::IOS_SIMULATOR,
        processors: &[ARM64],
        targets: &["aarch64-apple-ios-sim"],
    },
];

pub(super) fn package(root: &Path, options: &Options) -> Result<(), String> {
    let kit = super::output(Command::new("xcodebuild").arg("-version"));
    let (origin, mut entries) = match kit {
        Some(version) => with_xcode(root, options, version.lines().next().unwrap_or("Xcode"))?,
        None => {
            let built =
                super::compile_proof(root, options, "ios", &PROOFS.iter().map(|slice| slice.id).collect::<Vec<_>>())?;
            let unstripped = super::cache()?.join("phones/target-phones/aarch64-apple-ios/release").join(LIBRARY);
            let headers = headers(root, options, &unstripped)?;
            let libraries = PROOFS.iter().map(|slice| super::read(&built.join(slice.id).join(LIBRARY)));
            (Origin::Proof, laid_out(libraries.collect::<Result<_, _>>()?, &headers)?)
        }
    };
    for (name, text) in super::licences(root)? {
        entries.insert(format!("{FRAMEWORK}/{name}"), text);
    }
    if origin == Origin::Proof {
        entries.insert(NOTICE.to_owned(), super::notice(&[]).into_bytes());
    }

    let name = format!("{FRAMEWORK}-{}{}.zip", super::version(root)?, origin.label());
    let file = options.out(root).join(&name);
    let packed = archive::zip(&entries)?;
    let checksum = archive::sha256(&packed);
    super::write(&file, &packed)?;
    super::write(&file.with_file_name(format!("{name}.checksum")), format!("{checksum}\n").as_bytes())?;

    let problems = problems(&name, &archive::read(&packed)?, &inspect::traces(root));
    super::judged(&name, &entries, &problems)?;
    println!("{}\nchecksum: {checksum}", file.display());
    swift::package(root, options, &origin, &file, &checksum)?;
    let mut measured = Vec::new();
    for slice in known() {
        if let Some(library) = entries.get(&format!("{FRAMEWORK}/{}/{LIBRARY}", slice.id)) {
            measured.push((slice.id.to_owned(), LIBRARY.to_owned(), library.clone()));
        }
    }
    measured.push(("ios".to_owned(), "XCFramework, zip".to_owned(), packed));
    sizes::report(root, &origin, &measured, options.record)
}

/// Every slice that a framework of ours may have, each once.
fn known() -> impl Iterator<Item = &'static Slice> {
    SLICES.iter().chain(PROOFS.iter().filter(|proof| SLICES.iter().all(|slice| slice.id != proof.id)))
}

/// The binding's header and module map, as a folder that has `beatcheckFFI/` in it: those given, or generated from a library.
fn headers(root: &Path, options: &Options, library: &Path) -> Result<PathBuf, String> {
    let generated = super::target(root).join("package/swift");
    let source = match &options.headers {
        Some(folder) => root.join(folder),
        None => {
            let _ = std::fs::remove_dir_all(&generated);
            let mut generate = match std::env::var_os("BEATCHECK_ARTIFACTS") {
                Some(dir) => clean(Command::new(Path::new(&dir).join("beatcheck-bindgen")), root),
                None => cargo(root),
            };
            if std::env::var_os("BEATCHECK_ARTIFACTS").is_none() {
                generate.args(["run", "--quiet", "--locked", "--package", "beatcheck-bindgen", "--"]);
            }
            generate.arg("generate").arg(library).args(["--language", "swift", "--no-format", "--out-dir"]);
            if !succeeds(generate.arg(&generated)) {
                return Err("the binding could not be generated".to_owned());
            }
            generated
        }
    };
    let header = super::read(&source.join(format!("{MODULE}.h")))?;
    // The generator's name for it, and the one that compilers look for.
    let map = [source.join(format!("{MODULE}.modulemap")), source.join("module.modulemap")]
        .into_iter()
        .find(|path| path.exists())
        .ok_or_else(|| format!("{} holds no module map", source.display()))?;
    let out = super::target(root).join("package/headers");
    let _ = std::fs::remove_dir_all(&out);
    super::write(&out.join(MODULE).join(format!("{MODULE}.h")), &header)?;
    super::write(&out.join(MODULE).join("module.modulemap"), &super::read(&map)?)?;
    Ok(out)
}

/// The layout that `xcodebuild -create-xcframework` makes, for a compile proof's slices and their libraries.
fn laid_out(libraries: Vec<Vec<u8>>, headers: &Path) -> Result<Entries, String> {
    let mut entries = Entries::new();
    entries.insert(format!("{FRAMEWORK}/Info.plist"), info(PROOFS).into_bytes());
    for (slice, library) in PROOFS.iter().zip(libraries) {
        entries.insert(format!("{FRAMEWORK}/{}/{LIBRARY}", slice.id), library);
        archive::add_folder(&mut entries, &format!("{FRAMEWORK}/{}/Headers", slice.id), headers)?;
    }
    Ok(entries)
}

/// The framework's property list, as Xcode writes it.
fn info(slices: &[Slice]) -> String {
    let mut libraries = String::new();
    for slice in slices {
        let processors: String = slice.processors.iter().fold(String::new(), |all, processor| {
            all + &format!("\t\t\t\t<string>{}</string>\n", if *processor == ARM64 { "arm64" } else { "x86_64" })
        });
        let (platform, variant) = match slice.platform {
            inspect::IOS_SIMULATOR => {
                ("ios", "\t\t\t<key>SupportedPlatformVariant</key>\n\t\t\t<string>simulator</string>\n")
            }
            inspect::MACOS => ("macos", ""),
            _ => ("ios", ""),
        };
        libraries += &format!(
            "\t\t<dict>\n\t\t\t<key>BinaryPath</key>\n\t\t\t<string>{LIBRARY}</string>\n\t\t\t<key>HeadersPath</key>\n\t\t\t\
             <string>Headers</string>\n\t\t\t<key>LibraryIdentifier</key>\n\t\t\t<string>{}</string>\n\t\t\t<key>LibraryPath</key>\n\t\t\t\
             <string>{LIBRARY}</string>\n\t\t\t<key>SupportedArchitectures</key>\n\t\t\t<array>\n{processors}\t\t\t</array>\n\t\t\t\
             <key>SupportedPlatform</key>\n\t\t\t<string>{platform}</string>\n{variant}\t\t</dict>\n",
            slice.id
        );
    }
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>AvailableLibraries</key>
	<array>
{libraries}	</array>
	<key>CFBundlePackageType</key>
	<string>XFWK</string>
	<key>XCFrameworkFormatVersion</key>
	<string>1.0</string>
</dict>
</plist>
"#
    )
}

/// Builds every slice with Xcode, and lets it put the framework together.
fn with_xcode(root: &Path, options: &Options, version: &str) -> Result<(Origin, Entries), String> {
    let work = super::target(root).join("package/xcode");
    let framework = work.join(FRAMEWORK);
    let _ = std::fs::remove_dir_all(&work);
    let mut create = clean(Command::new("xcodebuild"), root);
    create.arg("-create-xcframework");
    let mut header_folder = None;
    for slice in SLICES {
        let mut built = Vec::new();
        for target in slice.targets {
            println!("package: {target} with {version}");
            let mut build = cargo(root);
            build.args([
                "rustc",
                "--locked",
                "--release",
                "--package",
                "beatcheck",
                "--lib",
                "--crate-type",
                "staticlib",
            ]);
            build.arg("--target").arg(target).env("IPHONEOS_DEPLOYMENT_TARGET", IOS);
            let flags = format!("CARGO_TARGET_{}_RUSTFLAGS", target.replace('-', "_").to_uppercase());
            if !succeeds(build.env(flags, super::remapped(root))) {
                return Err(format!(
                    "{target} does not build; `rustup target add {target}` brings its standard library"
                ));
            }
            built.push(super::target(root).join(target).join("release").join(LIBRARY));
        }
        if header_folder.is_none() {
            header_folder = Some(headers(root, options, &built[0])?);
        }
        let library = work.join(slice.id).join(LIBRARY);
        super::write(&library, b"")?;
        let mut join = clean(Command::new("lipo"), root);
        if !succeeds(join.arg("-create").args(&built).arg("-output").arg(&library)) {
            return Err(format!("{}: lipo failed", slice.id));
        }
        if !succeeds(clean(Command::new("strip"), root).arg("-S").arg(&library)) {
            return Err(format!("{}: strip failed", slice.id));
        }
        create.arg("-library").arg(&library).arg("-headers").args(&header_folder);
    }
    if !succeeds(create.arg("-output").arg(&framework)) {
        return Err("xcodebuild could not put the framework together".to_owned());
    }
    let mut entries = Entries::new();
    archive::add_folder(&mut entries, FRAMEWORK, &framework)?;
    Ok((Origin::Kit(version.to_owned()), entries))
}

/// Everything that is wrong with a framework of this name.
pub(super) fn problems(name: &str, entries: &Entries, traces: &[String]) -> Vec<String> {
    let mut problems = super::label_problems(name, entries, NOTICE);
    let info =
        entries.get(&format!("{FRAMEWORK}/Info.plist")).map_or("", |bytes| std::str::from_utf8(bytes).unwrap_or(""));
    for needed in ["<string>XFWK</string>", "<key>XCFrameworkFormatVersion</key>"] {
        if !info.contains(needed) {
            problems.push(format!("Info.plist: has no {needed}"));
        }
    }
    for slice in known() {
        let folder = format!("{FRAMEWORK}/{}", slice.id);
        let there = entries.keys().any(|path| path.starts_with(&format!("{folder}/")));
        if there != info.contains(&format!("<string>{}</string>", slice.id)) {
            problems.push(format!("{}: Info.plist and the folders do not agree", slice.id));
        }
        if !there {
            if slice.platform == inspect::IOS {
                problems.push(format!("{}: is missing, and every device needs it", slice.id));
            }
            continue;
        }
        let header = entries.get(&format!("{folder}/Headers/{MODULE}/{MODULE}.h"));
        let named = header.map(|text| inspect::functions_named(text)).unwrap_or_default();
        if named.is_empty() {
            problems.push(format!("{}: has no header that names the library's functions", slice.id));
        }
        let map = entries.get(&format!("{folder}/Headers/{MODULE}/module.modulemap"));
        if !map.is_some_and(|map| String::from_utf8_lossy(map).contains(&format!("module {MODULE} "))) {
            problems.push(format!("{}: has no module map for {MODULE}", slice.id));
        }
        match entries.get(&format!("{folder}/{LIBRARY}")).map(|bytes| inspect::Static::read(bytes)) {
            None => problems.push(format!("{}: has no {LIBRARY}", slice.id)),
            Some(Err(problem)) => problems.push(format!("{}: {problem}", slice.id)),
            Some(Ok(library)) => {
                problems.extend(library.problems(slice.id, slice.platform, slice.processors));
                // In Mach-O a C name has an underscore before it.
                let missing: Vec<&String> =
                    named.iter().filter(|name| !library.exports().contains(&format!("_{name}"))).collect();
                if let Some(first) = missing.first() {
                    problems.push(format!("{}: lacks {} functions of its header: {first}...", slice.id, missing.len()));
                } else {
                    println!(
                        "{}: {} objects, all {} functions of the header",
                        slice.id,
                        library.objects(),
                        named.len()
                    );
                }
            }
        }
    }
    for (path, bytes) in entries {
        if !path.starts_with(&format!("{FRAMEWORK}/")) {
            problems.push(format!("{path}: lies outside the framework"));
        }
        if let Some(trace) = inspect::trace_in(bytes, traces) {
            problems.push(format!("{path}: carries a path of the machine that built it: {trace}"));
        }
    }
    problems
}

#[cfg(test)]
mod tests;
