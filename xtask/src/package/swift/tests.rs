use super::*;

const CHECKSUM: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn sources(names: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        super::super::write(&dir.path().join(name).join("A.swift"), b"public struct A {}").unwrap();
    }
    dir
}

fn binding() -> Vec<u8> {
    b"ffi_beatcheck_uniffi_contract_version()".to_vec()
}

fn whole() -> Entries {
    let dir = sources(&["Beatcheck", "BeatcheckApple", "BeatcheckSoak"]);
    gathered(dir.path(), &binding(), "https://example.org/Beatcheck.xcframework-1.zip", CHECKSUM).unwrap().0
}

#[test]
fn a_package_for_apps_has_its_targets_and_the_checksum_and_no_tests() {
    let entries = whole();
    let paths: Vec<&str> = entries.keys().map(String::as_str).collect();
    assert_eq!(paths, ["Package.swift", "Sources/Beatcheck/A.swift", "Sources/BeatcheckApple/A.swift", BINDING]);
    let text = String::from_utf8(entries["Package.swift"].clone()).unwrap();
    for part in [
        &format!("checksum: \"{CHECKSUM}\""),
        "url: \"https://example.org/Beatcheck.xcframework-1.zip\"",
        ".target(name: \"BeatcheckApple\", dependencies: [\"BeatcheckCore\", \"Beatcheck\"])",
        ".library(name: \"Beatcheck\", targets: [\"Beatcheck\"])",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(problems("beatcheck-swift-1.zip", &entries, &[]), Vec::<String>::new());
}

#[test]
fn what_the_checkout_has_not_is_said_or_refused() {
    let url = format!("https://example.org/b{}.zip", Origin::Proof.label());
    let (mut entries, gaps) = gathered(sources(&["Beatcheck"]).path(), &binding(), &url, CHECKSUM).unwrap();
    assert_eq!(gaps, ["Sources/BeatcheckApple"]);
    let name = format!("b{}.zip", Origin::Proof.label());
    entries.insert(NOTICE.into(), super::super::notice(&gaps).into_bytes());
    assert_eq!(problems(&name, &entries, &[]), Vec::<String>::new());
    entries.insert(NOTICE.into(), super::super::notice(&[]).into_bytes());
    assert_eq!(problems(&name, &entries, &[]), ["Sources/BeatcheckApple: is missing"]);
}

#[test]
fn each_fault_of_a_package_is_found() {
    let with = |change: &dyn Fn(String) -> String| {
        let mut entries = whole();
        let text = String::from_utf8(entries["Package.swift"].clone()).unwrap();
        entries.insert("Package.swift".into(), change(text).into_bytes());
        problems("beatcheck-swift-1.zip", &entries, &[concat!("/ho", "me/").to_owned()]).join("\n")
    };
    assert!(with(&|text| text.replace(CHECKSUM, "abc")).contains("no SHA-256"));
    assert!(with(&|text| text.replace("https://", "http://")).contains("no address"));
    assert!(with(&|text| text.replace("https://example.org", NOWHERE)).contains("--url"));
    assert!(with(&|text| text.replace("framework-1", super::super::PROOF)).contains("another kind"));
    assert!(with(&|text| text.replace(".target(name: \"Beatcheck\"", "")).contains("do not agree"));
    assert!(with(&|text| text + concat!("// /ho", "me/me/x")).contains("carries a path"));
    let mut entries = whole();
    entries.remove(BINDING);
    assert!(problems("b.zip", &entries, &[]).join("\n").contains("names no function"));
}
