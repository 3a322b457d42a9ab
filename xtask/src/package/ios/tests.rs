use super::*;
use crate::package::inspect::tests::{archive as ar, object};

fn sample_headers() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| super::super::write(&dir.path().join(path), text.as_bytes()).unwrap();
    write("beatcheckFFI/beatcheckFFI.h", "uint32_t ffi_beatcheck_uniffi_contract_version(void);");
    write("beatcheckFFI/module.modulemap", "module beatcheckFFI {\n    header \"beatcheckFFI.h\"\n    export *\n}");
    dir
}

fn path(end: &str) -> String {
    format!("{FRAMEWORK}/{end}")
}

type Fault = Box<dyn Fn(&mut Entries)>;

fn framework() -> Entries {
    let library = |platform| ar(&[&object(ARM64, Some(platform))]);
    laid_out(vec![library(inspect::IOS), library(inspect::IOS_SIMULATOR)], sample_headers().path()).unwrap()
}

#[test]
fn the_layout_is_xcodes_and_all_but_the_symbols_passes() {
    let entries = framework();
    let paths: Vec<&str> = entries.keys().map(|path| &path["Beatcheck.xcframework/".len()..]).collect();
    assert_eq!(
        paths,
        [
            "Info.plist",
            "ios-arm64-simulator/Headers/beatcheckFFI/beatcheckFFI.h",
            "ios-arm64-simulator/Headers/beatcheckFFI/module.modulemap",
            "ios-arm64-simulator/libbeatcheck.a",
            "ios-arm64/Headers/beatcheckFFI/beatcheckFFI.h",
            "ios-arm64/Headers/beatcheckFFI/module.modulemap",
            "ios-arm64/libbeatcheck.a"
        ]
    );
    // The sample's objects are for the right systems and define nothing: that is what is left to say.
    let problems = problems("Beatcheck.xcframework.zip", &entries, &[]);
    assert_eq!(
        problems,
        ["ios-arm64", "ios-arm64-simulator"]
            .map(|id| format!("{id}: lacks 1 functions of its header: ffi_beatcheck_uniffi_contract_version..."))
    );
}

#[test]
fn each_fault_of_a_framework_is_found() {
    let simulators = ar(&[&object(ARM64, Some(inspect::IOS_SIMULATOR))]);
    let faults: [(&str, Fault); 10] = [
        (
            "for platform Some(7)",
            Box::new(move |e| drop(e.insert(path("ios-arm64/libbeatcheck.a"), simulators.clone()))),
        ),
        ("XFWK", Box::new(|e| drop(e.insert(path("Info.plist"), Vec::new())))),
        ("do not agree", Box::new(|e| drop(e.insert(path("macos-arm64_x86_64/libbeatcheck.a"), Vec::new())))),
        ("every device needs it", Box::new(|e| e.retain(|path, _| !path.contains("ios-arm64/")))),
        ("no header", Box::new(|e| drop(e.remove(&path("ios-arm64/Headers/beatcheckFFI/beatcheckFFI.h"))))),
        ("no module map", Box::new(|e| drop(e.remove(&path("ios-arm64/Headers/beatcheckFFI/module.modulemap"))))),
        ("no libbeatcheck.a", Box::new(|e| drop(e.remove(&path("ios-arm64/libbeatcheck.a"))))),
        ("processor", Box::new(|e| drop(e.insert(path("ios-arm64/libbeatcheck.a"), ar(&[&object(X86_64, Some(2))]))))),
        ("outside", Box::new(|e| drop(e.insert("x".into(), Vec::new())))),
        ("its name does not say", Box::new(|e| drop(e.insert(NOTICE.into(), Vec::new())))),
    ];
    for (said, fault) in faults {
        let mut entries = framework();
        fault(&mut entries);
        let problems = problems("Beatcheck.xcframework.zip", &entries, &[]).join("\n");
        assert!(problems.contains(said), "{said}: {problems}");
    }
}

#[test]
fn headers_come_from_a_folder_as_the_generator_names_them() {
    let source = tempfile::tempdir().unwrap();
    let write = |path: &str| super::super::write(&source.path().join(path), path.as_bytes()).unwrap();
    write("beatcheckFFI.h");
    let options = Options { headers: Some(source.path().into()), ..Options::default() };
    let root = tempfile::tempdir().unwrap();
    assert!(headers(root.path(), &options, Path::new("none")).unwrap_err().contains("no module map"));
}
