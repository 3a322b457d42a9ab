//! The AAR and its Maven POM.
//!
//! Classes come from where Maven compiled android/core and android/library to; manifest, consumer rules and resources from the
//! module's sources; the native library from an NDK or from script/check-phones. It stops at two files: a repository to put them
//! into is its owner's.

use super::archive::{self, Entries};
use super::{Options, Origin, inspect, sizes};
use crate::check::{cargo, succeeds};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const SONAME: &str = "libbeatcheck.so";
const NOTICE: &str = "META-INF/org.beatcheck/COMPILE-PROOF-NOT-FOR-RELEASE.txt";
/// The oldest Android that it is built for: 8.0. script/phones.d/phones.sh has the same.
const API: &str = "26";

/// ABI, Rust's target, and what the NDK's compiler is called for it.
const ABIS: [(&str, &str, &str); 3] = [
    ("arm64-v8a", "aarch64-linux-android", "aarch64-linux-android"),
    ("armeabi-v7a", "armv7-linux-androideabi", "armv7a-linux-androideabi"),
    ("x86_64", "x86_64-linux-android", "x86_64-linux-android"),
];

/// Modules whose classes go into the AAR: Maven's name, the folder in android/, and what only it holds.
const MODULES: &[(&str, &str, &str)] = &[
    ("beatcheck-core", "core", "org/beatcheck/ffi/"),
    ("beatcheck-android-library", "library", "org/beatcheck/android/"),
];

/// ABI, and where its library lies.
type Libraries = Vec<(&'static str, PathBuf)>;

pub(super) fn package(root: &Path, options: &Options) -> Result<(), String> {
    let module = options.library.as_ref().map_or_else(|| root.join("android/library"), |dir| root.join(dir));
    let built = options.classes.as_ref().map_or_else(|| super::target(root).join("android"), |dir| root.join(dir));
    let ndk = std::env::var_os("ANDROID_NDK_HOME");
    // What costs nothing is looked for before what takes minutes.
    let (mut entries, gaps) = gathered(&module, &built)?;
    if let (Some(gap), Some(_)) = (gaps.first(), &ndk) {
        return Err(format!("with an NDK it would be a release, and there is no {gap}"));
    }
    let (origin, libraries) = match ndk {
        Some(ndk) => with_ndk(root, Path::new(&ndk))?,
        None => {
            let built = super::compile_proof(root, options, "android", &ABIS.map(|(abi, ..)| abi))?;
            (Origin::Proof, ABIS.iter().map(|(abi, ..)| (*abi, built.join(abi).join(SONAME))).collect())
        }
    };
    let mut measured = Vec::new();
    for (abi, path) in libraries {
        let bytes = super::read(&path)?;
        measured.push((format!("android {abi}"), SONAME.to_owned(), bytes.clone()));
        entries.insert(format!("jni/{abi}/{SONAME}"), bytes);
    }
    for (name, text) in super::licences(root)? {
        entries.insert(format!("META-INF/org.beatcheck/{name}"), text);
    }
    if origin == Origin::Proof {
        entries.insert(NOTICE.to_owned(), super::notice(&gaps).into_bytes());
    }

    let version = super::version(root)?;
    let stem = format!("beatcheck-android-{version}{}", origin.label());
    let file = options.out(root).join(format!("{stem}.aar"));
    let packed = archive::zip(&entries)?;
    super::write(&file, &packed)?;
    let parent = module.parent().unwrap_or(root).join("pom.xml");
    if parent.exists() {
        super::write(&file.with_extension("pom"), pom(&version, &origin, &super::text(&parent)?)?.as_bytes())?;
    } else {
        println!("package: no POM: android/pom.xml, which has the versions, is not in this checkout");
    }

    let problems = problems(&format!("{stem}.aar"), &archive::read(&packed)?, &inspect::traces(root));
    super::judged(&format!("{stem}.aar"), &entries, &problems)?;
    for gap in &gaps {
        println!("missing, and said so inside: {gap}");
    }
    println!("{}\n{}", file.display(), archive::sha256(&packed));
    measured.push(("android".to_owned(), "AAR".to_owned(), packed));
    sizes::report(root, &origin, &measured, options.record)
}

/// Everything but the native libraries, and what of it is missing because its sources are not in this checkout.
fn gathered(module: &Path, built: &Path) -> Result<(Entries, Vec<String>), String> {
    let mut gaps = Vec::new();
    let mut entries = if module.is_dir() {
        from_module(&module.join("src/main"))?
    } else {
        gaps.extend(["AndroidManifest.xml", "proguard.txt", "R.txt"].map(str::to_owned));
        Entries::new()
    };
    let mut classes = Entries::new();
    for (name, source, holds) in MODULES {
        let source = if *source == "library" { module.to_path_buf() } else { module.with_file_name(source) };
        let folder = built.join(name).join("classes");
        if folder.is_dir() {
            archive::add_folder(&mut classes, "", &folder)?;
        } else if source.is_dir() {
            return Err(format!("{} is not there: script/test-kotlin compiles it", folder.display()));
        } else {
            gaps.push((*holds).to_owned());
        }
    }
    if classes.is_empty() {
        gaps.push("classes.jar".to_owned());
    } else {
        entries.insert("classes.jar".to_owned(), archive::zip(&classes)?);
    }
    Ok((entries, gaps))
}

/// Manifest, consumer rules, resources and their table, from a module's src/main.
fn from_module(main: &Path) -> Result<Entries, String> {
    let mut entries = Entries::new();
    entries.insert("AndroidManifest.xml".to_owned(), super::read(&main.join("AndroidManifest.xml"))?);
    let rules = [main.to_path_buf(), main.join("../..")].map(|dir| dir.join("consumer-rules.pro"));
    let rules = rules.iter().find(|path| path.exists()).ok_or("the module has no consumer-rules.pro")?;
    entries.insert("proguard.txt".to_owned(), super::read(rules)?);
    archive::add_folder(&mut entries, "res", &main.join("res"))?;
    let table = resource_table(&entries)?;
    entries.insert("R.txt".to_owned(), table.into_bytes());
    Ok(entries)
}

/// R.txt: every resource by type and name. Numbers are given when the app is built, so each is 0 here.
fn resource_table(entries: &Entries) -> Result<String, String> {
    let mut lines = BTreeSet::new();
    for (path, bytes) in entries.iter().filter(|(path, _)| path.starts_with("res/")) {
        let parts: Vec<&str> = path.split('/').collect();
        let &[_, folder, file] = parts.as_slice() else {
            return Err(format!("{path}: resources lie two folders deep"));
        };
        let kind = folder.split('-').next().unwrap_or(folder);
        if kind == "values" {
            let text = std::str::from_utf8(bytes).map_err(|_| format!("{path}: is not UTF-8"))?;
            for (element, name) in named_values(text) {
                let kind = match element.as_str() {
                    "string-array" | "integer-array" => "array",
                    "item" | "declare-styleable" | "attr" => {
                        return Err(format!("{path}: `{element}` is not written to R.txt yet: teach resource_table"));
                    }
                    other => other,
                };
                lines.insert(format!("int {kind} {} 0x0", name.replace(['.', '-'], "_")));
            }
        } else {
            let name = file.split('.').next().unwrap_or(file);
            lines.insert(format!("int {kind} {name} 0x0"));
        }
    }
    Ok(lines.into_iter().map(|line| line + "\n").collect())
}

/// The named children of `<resources>`: element and name, comments left out.
fn named_values(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut depth = 0_i32;
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let Some(end) = rest.find('>') else { break };
        let tag = &rest[1..end];
        rest = &rest[end + 1..];
        if tag.starts_with(['?', '!']) {
            continue;
        }
        if tag.starts_with('/') {
            depth -= 1;
            continue;
        }
        if depth == 1 {
            let element = tag.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default();
            let name = tag.split("name=\"").nth(1).and_then(|value| value.split('"').next());
            found.extend(name.map(|name| (element.to_owned(), name.to_owned())));
        }
        if !tag.ends_with('/') {
            depth += 1;
        }
    }
    found
}

/// Builds every ABI with an NDK.
fn with_ndk(root: &Path, ndk: &Path) -> Result<(Origin, Libraries), String> {
    let properties = super::text(&ndk.join("source.properties"))?;
    let revision = properties.lines().find_map(|line| line.strip_prefix("Pkg.Revision = "));
    let revision = revision.ok_or("the NDK's source.properties names no revision")?.trim();
    let host = if cfg!(target_os = "macos") { "darwin-x86_64" } else { "linux-x86_64" };
    let bin = ndk.join("toolchains/llvm/prebuilt").join(host).join("bin");
    let out = super::target(root).join("package/native");
    let commands = out.join("bin");
    let mut libraries = Vec::new();
    for (abi, target, compiler) in &ABIS {
        println!("package: {abi} with NDK {revision}");
        let real = bin.join(format!("{compiler}{API}-clang"));
        if !real.exists() {
            return Err(format!("{} is not there", real.display()));
        }
        // OpenSSL writes its compiler's name and its own place into the library: neither may be this machine's.
        let cc = format!("{compiler}{API}-clang");
        wrapper(&commands.join(&cc), &root.join("script/phones.d/cc-clean"), &real)?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path =
            std::env::join_paths([commands.clone(), bin.clone()].into_iter().chain(std::env::split_paths(&path)));
        let name = target.replace('-', "_");
        let mut build = cargo(root);
        build.args(["rustc", "--locked", "--release", "--package", "beatcheck", "--lib", "--crate-type", "cdylib"]);
        build.arg("--target").arg(target).env("PATH", path.map_err(|problem| problem.to_string())?);
        build.env(format!("CC_{name}"), &cc).env(format!("AR_{name}"), "llvm-ar");
        build.env(format!("RANLIB_{name}"), "llvm-ranlib").env("BEATCHECK_CHECKOUT", root);
        build.env(format!("CARGO_TARGET_{}_LINKER", name.to_uppercase()), &cc);
        // Which part weighs what, for docs/sizes.md.
        let map = out.join(abi).join("libbeatcheck.map");
        super::write(&map, b"")?;
        let flags = format!("{} -Clink-arg=-Wl,-Map={}", super::remapped(root), map.display());
        build.env(format!("CARGO_TARGET_{}_RUSTFLAGS", name.to_uppercase()), flags);
        if !succeeds(&mut build) {
            return Err(format!("{target} does not build; `rustup target add {target}` brings its standard library"));
        }
        let linked = super::target(root).join(target).join("release").join(SONAME);
        let stripped = out.join(abi).join(SONAME);
        super::write(&stripped, b"")?;
        let mut strip = std::process::Command::new(bin.join("llvm-strip"));
        if !succeeds(strip.arg("--strip-unneeded").arg("-o").arg(&stripped).arg(&linked)) {
            return Err(format!("{abi}: llvm-strip failed"));
        }
        libraries.push((*abi, stripped));
    }
    Ok((Origin::Kit(format!("NDK {revision}")), libraries))
}

/// A command with the compiler's name that goes through script/phones.d/cc-clean.
fn wrapper(file: &Path, clean: &Path, real: &Path) -> Result<(), String> {
    let text = format!("#!/bin/sh\nexec \"{}\" \"{}\" \"$@\"\n", clean.display(), real.display());
    super::write(file, text.as_bytes())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))
            .map_err(|problem| format!("{}: {problem}", file.display()))?;
    }
    Ok(())
}

/// What a build tool must bring beside the AAR; versions are those that the modules were compiled with.
fn pom(version: &str, origin: &Origin, parent: &str) -> Result<String, String> {
    let of = |property: &str| {
        let found = parent.split(&format!("<{property}>")).nth(1).and_then(|rest| rest.split('<').next());
        found.map(str::trim).ok_or_else(|| format!("android/pom.xml names no <{property}>"))
    };
    let description = match origin {
        Origin::Proof => "Compile proof, not for release.",
        Origin::Kit(_) => "Encrypted offline offender and stolen-vehicle checks for patrol officers.",
    };
    let mut dependencies = String::new();
    for (group, artifact, property, kind) in [
        ("org.jetbrains.kotlin", "kotlin-stdlib", "kotlin.version", "jar"),
        ("org.jetbrains.kotlinx", "kotlinx-coroutines-core", "coroutines.version", "jar"),
        // With the native part for each ABI, which only the AAR carries.
        ("net.java.dev.jna", "jna", "jna.version", "aar"),
    ] {
        dependencies += &format!(
            "    <dependency>\n      <groupId>{group}</groupId>\n      <artifactId>{artifact}</artifactId>\n      \
             <version>{}</version>\n      <type>{kind}</type>\n      <scope>compile</scope>\n    </dependency>\n",
            of(property)?
        );
    }
    Ok(format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>org.beatcheck</groupId>
  <artifactId>beatcheck-android</artifactId>
  <version>{version}{}</version>
  <packaging>aar</packaging>
  <name>Beatcheck for Android</name>
  <description>{description}</description>
  <licenses>
    <license><name>MIT</name></license>
    <license><name>Apache-2.0</name></license>
  </licenses>
  <dependencies>
{dependencies}  </dependencies>
</project>
"#,
        origin.label()
    ))
}

/// Everything that is wrong with an AAR of this name.
pub(super) fn problems(name: &str, entries: &Entries, traces: &[String]) -> Vec<String> {
    let mut problems = super::label_problems(name, entries, NOTICE);
    let gaps = entries.get(NOTICE).map(|notice| super::gaps(notice)).unwrap_or_default();
    for needed in ["AndroidManifest.xml", "classes.jar", "proguard.txt", "R.txt", "META-INF/org.beatcheck/LICENSE-MIT"]
    {
        let lacks = entries.get(needed).is_none_or(|bytes| bytes.is_empty() && needed != "R.txt");
        if lacks && !gaps.contains(needed) {
            problems.push(format!("{needed}: is missing or empty"));
        }
    }
    let libraries: Vec<_> = entries.iter().filter(|(path, _)| path.starts_with("jni/")).collect();
    if !libraries.iter().any(|(path, _)| path.starts_with("jni/arm64-v8a/")) {
        problems.push("jni/arm64-v8a: is missing, and every phone of today needs it".to_owned());
    }
    let classes = entries.get("classes.jar").map_or_else(|| Ok(Entries::new()), |jar| archive::read(jar));
    let classes = classes.unwrap_or_else(|problem| {
        problems.push(format!("classes.jar: {problem}"));
        Entries::new()
    });
    for (_, _, wanted) in MODULES {
        if !classes.keys().any(|path| path.starts_with(wanted)) && !gaps.contains(*wanted) {
            problems.push(format!("classes.jar: holds nothing of {wanted}"));
        }
    }
    let named: BTreeSet<String> = classes.values().flat_map(|class| inspect::functions_named(class)).collect();
    if named.is_empty() && !gaps.contains("org/beatcheck/ffi/") {
        problems.push("classes.jar: calls nothing of the native library".to_owned());
    }
    for (path, bytes) in libraries {
        let abi = path.split('/').nth(1).unwrap_or_default();
        match (path.ends_with(&format!("/{SONAME}")), inspect::Shared::read(bytes)) {
            (false, _) => problems.push(format!("{path}: is not {SONAME}")),
            (_, Err(problem)) => problems.push(format!("{path}: {problem}")),
            (_, Ok(library)) => {
                problems.extend(library.problems(abi, SONAME));
                let missing: Vec<&String> = named.difference(library.exports()).collect();
                if let Some(first) = missing.first() {
                    problems
                        .push(format!("{path}: lacks {} functions that the classes call: {first}...", missing.len()));
                }
            }
        }
    }
    let known = ["AndroidManifest.xml", "classes.jar", "proguard.txt", "R.txt"];
    for path in entries.keys() {
        if !known.contains(&path.as_str()) && !["res/", "jni/", "META-INF/"].iter().any(|dir| path.starts_with(dir)) {
            problems.push(format!("{path}: has no place in an AAR"));
        }
    }
    for (path, bytes) in entries.iter().chain(&classes) {
        if let Some(trace) = inspect::trace_in(bytes, traces) {
            problems.push(format!("{path}: carries a path of the machine that built it: {trace}"));
        }
    }
    problems
}

#[cfg(test)]
mod tests;
