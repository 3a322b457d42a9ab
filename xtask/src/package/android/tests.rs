use super::*;

fn module() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| super::super::write(&dir.path().join(path), text.as_bytes()).unwrap();
    write("src/main/AndroidManifest.xml", "<manifest package=\"org.beatcheck.android\"/>");
    write("consumer-rules.pro", "-keep class org.beatcheck.ffi.** { *; }");
    write(
        "src/main/res/values/strings.xml",
        "<?xml version=\"1.0\"?>\n<!-- <string name=\"no\"/> -->\n<resources>\n<string name=\"sync.title\">On <b name=\"x\">it</b></string>\n\
         <string-array name=\"all\"><item>a</item></string-array>\n<color name=\"red\">#f00</color></resources>",
    );
    write("src/main/res/values-cy/strings.xml", "<resources><string name=\"sync.title\">x</string></resources>");
    write("src/main/res/xml/backup_rules.xml", "<full-backup-content/>");
    dir
}

#[test]
fn the_table_of_resources_names_each_once() {
    let dir = module();
    let entries = from_module(&dir.path().join("src/main")).unwrap();
    let table = String::from_utf8(entries["R.txt"].clone()).unwrap();
    assert_eq!(table, "int array all 0x0\nint color red 0x0\nint string sync_title 0x0\nint xml backup_rules 0x0\n");
    assert!(entries.contains_key("res/values-cy/strings.xml") && entries.contains_key("proguard.txt"));
    // What would be written wrongly is refused and not guessed.
    super::super::write(&dir.path().join("src/main/res/values/a.xml"), b"<resources><attr name=\"a\"/></resources>")
        .unwrap();
    assert!(from_module(&dir.path().join("src/main")).unwrap_err().contains("attr"));
}

#[test]
fn a_module_without_its_parts_is_refused() {
    let dir = module();
    std::fs::remove_file(dir.path().join("consumer-rules.pro")).unwrap();
    assert!(from_module(&dir.path().join("src/main")).unwrap_err().contains("consumer-rules.pro"));
    assert!(from_module(&dir.path().join("elsewhere")).is_err());
}

#[test]
fn classes_of_both_modules_are_merged_and_each_is_needed_where_its_sources_are() {
    let android = tempfile::tempdir().unwrap();
    let library = android.path().join("library");
    std::fs::create_dir(android.path().join("core")).unwrap();
    let built = tempfile::tempdir().unwrap();
    let write = |path: &str| super::super::write(&built.path().join(path), b"class").unwrap();
    assert!(gathered(&library, built.path()).unwrap_err().contains("script/test-kotlin"));
    write("beatcheck-core/classes/org/beatcheck/ffi/A.class");

    // This checkout has no library module: what is missing is said, and passes only in a proof that says it.
    let (entries, gaps) = gathered(&library, built.path()).unwrap();
    assert_eq!(gaps, ["AndroidManifest.xml", "proguard.txt", "R.txt", "org/beatcheck/android/"]);
    let lacking = |notice: Option<String>| {
        let mut entries = entries.clone();
        entries.extend(notice.map(|text| (NOTICE.to_owned(), text.into_bytes())));
        let problems = problems(&format!("b{}.aar", Origin::Proof.label()), &entries, &[]).join("\n");
        ["AndroidManifest.xml", "org/beatcheck/android/"].map(|gap| problems.contains(gap))
    };
    assert_eq!(lacking(Some(super::super::notice(&gaps))), [false, false]);
    assert_eq!(lacking(Some(super::super::notice(&[]))), [true, true]);
    assert_eq!(lacking(None), [true, true]);

    std::fs::rename(module().path(), &library).unwrap();
    assert!(gathered(&library, built.path()).unwrap_err().contains("script/test-kotlin"));
    write("beatcheck-android-library/classes/org/beatcheck/android/B.class");
    let (entries, gaps) = gathered(&library, built.path()).unwrap();
    let classes = archive::read(&entries["classes.jar"]).unwrap();
    assert_eq!(classes.keys().collect::<Vec<_>>(), ["org/beatcheck/android/B.class", "org/beatcheck/ffi/A.class"]);
    assert!(gaps.is_empty());
    write("beatcheck-android-library/classes/org/beatcheck/ffi/A.class");
    assert!(gathered(&library, built.path()).unwrap_err().contains("two files"));
}

#[test]
fn an_aar_that_lacks_something_or_carries_too_much_is_refused() {
    let class = b"uniffi_beatcheck_fn_func_version".to_vec();
    let classes: Entries =
        [("org/beatcheck/ffi/A.class".to_owned(), class), ("org/beatcheck/android/B.class".to_owned(), Vec::new())]
            .into();
    let mut entries = from_module(&module().path().join("src/main")).unwrap();
    entries.insert("classes.jar".into(), archive::zip(&classes).unwrap());
    entries.insert("META-INF/org.beatcheck/LICENSE-MIT".into(), b"text".to_vec());
    entries.insert("jni/arm64-v8a/libbeatcheck.so".into(), b"not a library".to_vec());
    let traces = [concat!("/ho", "me/").to_owned()];
    let said = |entries: &Entries, name: &str| problems(name, entries, &traces).join("\n");

    // All but the library, which no test can make without a toolchain, passes.
    let only = problems("b.aar", &entries, &traces);
    assert!(only.len() == 1 && only[0].contains("no ELF library"), "{only:?}");
    assert!(said(&entries, &format!("b{}.aar", Origin::Proof.label())).contains("holds no META-INF"));

    let mut worse = entries.clone();
    worse.insert("assets/x".into(), Vec::new());
    worse.insert("res/raw/x".into(), concat!("/ho", "me/me/x").into());
    worse.insert(NOTICE.into(), Vec::new());
    worse.remove("jni/arm64-v8a/libbeatcheck.so");
    worse.remove("proguard.txt");
    worse.insert("classes.jar".into(), archive::zip(&Entries::new()).unwrap());
    let said = said(&worse, "b.aar");
    for what in [
        "no place in an AAR",
        "res/raw/x: carries",
        "its name does not say",
        "arm64-v8a: is missing",
        "proguard.txt",
        "calls nothing",
    ] {
        assert!(said.contains(what), "{what}: {said}");
    }
}

#[test]
fn the_pom_takes_its_versions_from_the_modules() {
    let parent = "<kotlin.version>2.4.21</kotlin.version><coroutines.version> 1.11.0 </coroutines.version><jna.version>5</jna.version>";
    let text = pom("0.1.0", &Origin::Proof, parent).unwrap();
    for part in ["<version>0.1.0-compile-proof", "<version>1.11.0</version>", "<type>aar</type>", "not for release"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(pom("0.1.0", &Origin::Kit("NDK 28".into()), parent).unwrap().contains("<version>0.1.0</version>"));
    assert!(pom("0.1.0", &Origin::Proof, "").unwrap_err().contains("kotlin.version"));
}
