use super::*;

const ARM64: u32 = 0x0100_000c;

type Fault = fn(&mut Shared);

fn good() -> Shared {
    Shared {
        machine: header::EM_AARCH64,
        is_library: true,
        loaded: vec![(PAGE, 0), (4 * PAGE, 0)],
        soname: Some("libbeatcheck.so".into()),
        needed: vec!["libc.so".into(), "libm.so".into()],
        read_only_relocations: true,
        ..Shared::default()
    }
}

#[test]
fn a_library_for_phones_passes_and_each_fault_is_found() {
    assert_eq!(good().problems("arm64-v8a", "libbeatcheck.so"), Vec::<String>::new());
    let faults: [(&str, Fault); 11] = [
        ("for ELF machine", |s| s.machine = header::EM_X86_64),
        ("no shared library", |s| s.is_library = false),
        ("loads nothing", |s| s.loaded.clear()),
        ("aligned to 4096", |s| s.loaded[1].0 = 4096),
        ("page's beginning", |s| s.loaded[0].1 = 4096),
        ("soname", |s| s.soname = None),
        ("libcrypto.so", |s| s.needed.push("libcrypto.so".into())),
        ("run path", |s| s.run_paths = 1),
        ("text relocations", |s| s.text_relocations = true),
        ("executable stack", |s| s.stack_executable = true),
        ("not stripped", |s| s.symbol_table = true),
    ];
    for (said, fault) in faults {
        let mut library = good();
        fault(&mut library);
        let problems = library.problems("arm64-v8a", "libbeatcheck.so");
        assert!(problems.len() == 1 && problems[0].contains(said), "{said}: {problems:?}");
    }
    assert!(!good().problems("x86_64", "libbeatcheck.so").is_empty());
    assert!(!good().problems("mips", "libbeatcheck.so").is_empty());
}

#[test]
#[cfg(target_os = "linux")]
fn a_real_file_is_read() {
    // This test is an ELF program: no library, for another machine or with small pages, and with its symbols.
    let read = Shared::read(&std::fs::read(std::env::current_exe().unwrap()).unwrap()).unwrap();
    assert!(!read.loaded.is_empty() && read.needed.iter().any(|name| name.starts_with("libc.so")));
    assert!(read.symbol_table && !read.is_library && read.soname.is_none());
    assert!(Shared::read(b"\x7fELF and no more").is_err());
}

/// A Mach-O object with nothing in it but where it is for.
pub(in crate::package) fn object(processor: u32, platform: Option<u32>) -> Vec<u8> {
    let build: Vec<u32> = platform.map_or(Vec::new(), |platform| vec![0x32, 24, platform, 0x0010_0000, 0x0010_0000, 0]);
    let commands = u32::from(platform.is_some());
    let head = [0xfeed_facf, processor, 0, 1, commands, commands * 24, 0, 0];
    head.iter().chain(&build).flat_map(|word| word.to_le_bytes()).collect()
}

/// An archive as `ar` writes it.
pub(in crate::package) fn archive(members: &[&[u8]]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (number, member) in members.iter().enumerate() {
        let name = format!("o{number}.o/");
        bytes.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, "644", member.len()).bytes());
        bytes.extend_from_slice(member);
        if member.len() % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    bytes
}

#[test]
fn an_archive_for_ios_passes_and_others_are_found() {
    let good = archive(&[&object(ARM64, Some(IOS)), &object(ARM64, None)]);
    let read = Static::read(&good).unwrap();
    assert_eq!((read.objects(), read.problems("ios-arm64", IOS, &[ARM64])), (2, Vec::new()));

    let simulator = Static::read(&archive(&[&object(ARM64, Some(IOS_SIMULATOR))])).unwrap();
    assert!(simulator.problems("ios-arm64", IOS, &[ARM64]).iter().any(|problem| problem.contains("platform")));
    let intel = Static::read(&archive(&[&object(0x0100_0007, Some(IOS))])).unwrap();
    assert!(intel.problems("ios-arm64", IOS, &[ARM64])[0].contains("processor"));
    let silent = Static::read(&archive(&[&object(ARM64, None)])).unwrap();
    assert!(silent.problems("ios-arm64", IOS, &[ARM64])[0].contains("no object says"));
    assert!(Static::default().problems("ios-arm64", IOS, &[ARM64])[0].contains("empty"));
    assert!(Static::read(&archive(&[b"not an object"])).is_err());
    assert!(Static::read(b"!<arch>\nbroken").is_err());
}

#[test]
fn a_machines_paths_are_found_with_what_is_around_them() {
    let traces = traces(Path::new("/somewhere/checkout"));
    let with = |path: String| [b"\0\0panicked at ".as_slice(), path.as_bytes(), b"\0tail"].concat();
    let found = trace_in(&with("/somewhere/checkout/core/x.rs".into()), &traces);
    assert_eq!(found.as_deref(), Some("/somewhere/checkout/core/x.rs"));
    assert!(trace_in(&with(format!("/{}/me/x.rs", "Users")), &traces).is_some());
    assert_eq!(trace_in(&with("/crates/tokio/src/x.rs".into()), &traces), None);
}

#[test]
fn functions_are_named_by_headers_and_by_class_files() {
    let header = b"uint64_t uniffi_beatcheck_fn_method_device_sync(uint64_t p);\nvoid ffi_beatcheck_rustbuffer_free(RustBuffer b);";
    let found = functions_named(header);
    assert_eq!(
        found.iter().map(String::as_str).collect::<Vec<_>>(),
        ["ffi_beatcheck_rustbuffer_free", "uniffi_beatcheck_fn_method_device_sync"]
    );
    // The length 0x0027 before it ends in an apostrophe, 0x0041 in a letter.
    assert_eq!(functions_named(b"\x01\0Auniffi_beatcheck_fn_func_version\x01").len(), 1);
    assert!(functions_named(b"package uniffi_beatcheck_things; beatcheck").is_empty());
}
