//! What a native library says of itself: its processor, pages, names and symbols, and whether a machine's paths are in it.
//!
//! Reading and judging are apart: the judgement works on what was read, so that a test can show each fault without a
//! toolchain that makes it. It stops at formats; what a package must hold is said by `android` and `ios`.

use goblin::elf::{Elf, dynamic, header, program_header};
use goblin::mach::load_command::CommandVariant;
use goblin::mach::{MachO, MultiArch, fat};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A page of today's and tomorrow's Android phones. What is aligned to less is refused by Android 15 on phones with such pages.
const PAGE: u64 = 16 * 1024;

/// Android's own libraries that ours may ask for.
const SYSTEM: &[&str] = &["libc.so", "libdl.so", "liblog.so", "libm.so"];

/// A shared library for Android, as far as it is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shared {
    machine: u16,
    is_library: bool,
    /// Alignment of each loaded segment, and how far its address and its place in the file are apart within a page.
    loaded: Vec<(u64, u64)>,
    soname: Option<String>,
    needed: Vec<String>,
    run_paths: usize,
    text_relocations: bool,
    stack_executable: bool,
    read_only_relocations: bool,
    symbol_table: bool,
    exports: BTreeSet<String>,
}

impl Shared {
    /// Reads one; anything that is no ELF file is an error.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let elf = Elf::parse(bytes).map_err(|problem| format!("no ELF library: {problem}"))?;
        let segments = |kind: u32| elf.program_headers.iter().filter(move |header| header.p_type == kind);
        let flags = |tag: u64| {
            let entries = elf.dynamic.iter().flat_map(|table| &table.dyns);
            entries.filter(|entry| entry.d_tag == tag).fold(0, |all, entry| all | entry.d_val)
        };
        let exports = elf.dynsyms.iter().filter(|symbol| symbol.st_shndx != 0 && symbol.st_bind() != 0);
        Ok(Self {
            machine: elf.header.e_machine,
            is_library: elf.header.e_type == header::ET_DYN && elf.interpreter.is_none(),
            loaded: segments(program_header::PT_LOAD)
                .map(|s| (s.p_align, s.p_vaddr.wrapping_sub(s.p_offset) % PAGE))
                .collect(),
            soname: elf.soname.map(str::to_owned),
            needed: elf.libraries.iter().map(|&name| name.to_owned()).collect(),
            run_paths: elf.rpaths.len() + elf.runpaths.len(),
            text_relocations: flags(dynamic::DT_FLAGS) & dynamic::DF_TEXTREL != 0
                || elf.dynamic.iter().flat_map(|table| &table.dyns).any(|entry| entry.d_tag == dynamic::DT_TEXTREL),
            stack_executable: segments(program_header::PT_GNU_STACK).any(|s| s.p_flags & program_header::PF_X != 0),
            read_only_relocations: segments(program_header::PT_GNU_RELRO).next().is_some(),
            symbol_table: !elf.syms.is_empty(),
            exports: exports.filter_map(|symbol| elf.dynstrtab.get_at(symbol.st_name)).map(str::to_owned).collect(),
        })
    }

    /// What is wrong with it as `jni/ABI/SONAME`.
    pub(super) fn problems(&self, abi: &str, soname: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let mut must = |holds: bool, what: String| {
            if !holds {
                problems.push(format!("jni/{abi}/{soname}: {what}"));
            }
        };
        let machine = match abi {
            "arm64-v8a" => Some(header::EM_AARCH64),
            "armeabi-v7a" => Some(header::EM_ARM),
            "x86_64" => Some(header::EM_X86_64),
            _ => None,
        };
        must(machine.is_some(), "Android has no such ABI that we build for".into());
        must(machine.is_none_or(|machine| machine == self.machine), format!("is for ELF machine {}", self.machine));
        must(self.is_library, "is no shared library".into());
        must(!self.loaded.is_empty(), "loads nothing".into());
        for (align, apart) in &self.loaded {
            must(
                align % PAGE == 0 && *align > 0,
                format!("a segment is aligned to {align} bytes, and {PAGE} are needed"),
            );
            must(*apart == 0, "a segment's address and place in the file do not share a page's beginning".into());
        }
        must(self.soname.as_deref() == Some(soname), format!("its soname is {:?}", self.soname));
        for name in &self.needed {
            must(SYSTEM.contains(&name.as_str()), format!("asks for {name}, which is none of Android's libraries"));
        }
        must(self.run_paths == 0, "carries a run path".into());
        must(!self.text_relocations, "has text relocations, which Android refuses".into());
        must(!self.stack_executable, "asks for an executable stack".into());
        must(self.read_only_relocations, "has no relocations that are read-only after loading (RELRO)".into());
        must(!self.symbol_table, "is not stripped".into());
        problems
    }

    pub(super) fn exports(&self) -> &BTreeSet<String> {
        &self.exports
    }
}

/// A static library for Apple's systems, as far as it is judged: a line for each kind of object in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Static {
    objects: usize,
    /// Processor and platform (LC_BUILD_VERSION's numbers) of its objects.
    kinds: BTreeSet<(u32, Option<u32>)>,
    /// Names defined for others.
    exports: BTreeSet<String>,
}

/// LC_BUILD_VERSION's number of iOS on a device.
pub(super) const IOS: u32 = 2;
/// Of the simulator.
pub(super) const IOS_SIMULATOR: u32 = 7;
/// Of a Mac.
pub(super) const MACOS: u32 = 1;

impl Static {
    /// Reads one, or the several that `lipo` joined; a member that is no Mach-O object is an error.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut found = Self::default();
        if bytes.starts_with(&fat::FAT_MAGIC.to_be_bytes()) {
            let joined = MultiArch::new(bytes).map_err(|problem| format!("no joined library: {problem}"))?;
            for part in joined.arches().map_err(|problem| problem.to_string())? {
                found.add(part.slice(bytes))?;
            }
        } else {
            found.add(bytes)?;
        }
        Ok(found)
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), String> {
        let found = self;
        let archive = goblin::archive::Archive::parse(bytes).map_err(|problem| format!("no archive: {problem}"))?;
        for index in 0..archive.len() {
            let Some(member) = archive.get_at(index) else { continue };
            let name = member.extended_name();
            let start = usize::try_from(member.offset).map_err(|_| "an offset past memory".to_owned())?;
            let content = start.checked_add(member.size()).and_then(|end| bytes.get(start..end));
            let content = content.ok_or_else(|| format!("{name}: reaches past the archive's end"))?;
            let object = MachO::parse(content, 0).map_err(|problem| format!("{name}: no Mach-O object: {problem}"))?;
            let platform = object.load_commands.iter().find_map(|command| match command.command {
                CommandVariant::BuildVersion(version) => Some(version.platform),
                _ => None,
            });
            found.kinds.insert((object.header.cputype(), platform));
            found.objects += 1;
            for (name, symbol) in object.symbols().flatten() {
                if symbol.is_global() && !symbol.is_undefined() && !symbol.is_stab() {
                    found.exports.insert(name.to_owned());
                }
            }
        }
        Ok(())
    }

    /// What is wrong with it as the library of a slice for this platform and these processors.
    pub(super) fn problems(&self, slice: &str, platform: u32, processors: &[u32]) -> Vec<String> {
        let mut problems = Vec::new();
        if self.objects == 0 {
            problems.push(format!("{slice}: the archive is empty"));
        }
        // Assembly carries no platform in every toolchain: none is accepted, another is not.
        for (processor, for_platform) in &self.kinds {
            if !processors.contains(processor) {
                problems.push(format!("{slice}: holds objects for processor {processor:#x}"));
            }
            if for_platform.is_some_and(|found| found != platform) {
                problems
                    .push(format!("{slice}: holds objects for platform {for_platform:?}, and it is for {platform}"));
            }
        }
        if self.objects > 0 && !self.kinds.iter().any(|(_, found)| *found == Some(platform)) {
            problems.push(format!("{slice}: no object says that it is for platform {platform}"));
        }
        problems
    }

    pub(super) fn exports(&self) -> &BTreeSet<String> {
        &self.exports
    }

    pub(super) fn objects(&self) -> usize {
        self.objects
    }
}

/// What gives away whose machine built something: its folders, and where people's folders are on any machine.
pub(super) fn traces(root: &Path) -> Vec<String> {
    let mut traces: Vec<String> = ["home", "root", "Users"].iter().map(|name| format!("/{name}/")).collect();
    let own = [Some(root.to_path_buf()), std::env::var_os("HOME").map(PathBuf::from), super::cache().ok()];
    for path in own.into_iter().flatten() {
        let path = path.to_string_lossy().into_owned();
        // A root folder of `/` would be found everywhere.
        if path.len() > 3 {
            traces.push(path);
        }
    }
    traces
}

/// The first place where one of the traces stands, with what is around it.
pub(super) fn trace_in(bytes: &[u8], traces: &[String]) -> Option<String> {
    let printable = |byte: &u8| byte.is_ascii_graphic();
    for trace in traces {
        if let Some(at) = find(bytes, trace.as_bytes()) {
            let start = bytes[..at].iter().rposition(|byte| !printable(byte)).map_or(0, |before| before + 1);
            let end = bytes[at..].iter().position(|byte| !printable(byte)).map_or(bytes.len(), |length| at + length);
            let (start, end) = (start.max(at.saturating_sub(40)), end.min(at + 100));
            return Some(String::from_utf8_lossy(&bytes[start..end]).into_owned());
        }
    }
    None
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == first) {
        let at = from + at;
        if bytes[at..].starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// The functions of the library that a binding's text or class files name.
pub(super) fn functions_named(bytes: &[u8]) -> BTreeSet<String> {
    let of_a_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let mut found = BTreeSet::new();
    for word in bytes.split(|byte| !of_a_name(byte)) {
        // `ffi_beatcheck_` and `uniffi_beatcheck_`: what the generator calls them. In a class file a name's length stands
        // before it and may look like a letter.
        for prefix in ["uniffi_beatcheck_", "ffi_beatcheck_"] {
            if let Some(at) = find(word, prefix.as_bytes()) {
                let name = String::from_utf8_lossy(&word[at..]).into_owned();
                if ["fn_", "checksum_", "rustbuffer_", "rust_future_"]
                    .iter()
                    .any(|kind| name[prefix.len()..].starts_with(kind))
                    || name.ends_with("_contract_version")
                {
                    found.insert(name);
                }
                break;
            }
        }
    }
    found
}

#[cfg(test)]
pub(in crate::package) mod tests;
