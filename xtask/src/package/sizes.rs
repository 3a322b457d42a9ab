//! How big the shipped library is, and how that changed: docs/sizes.jsonl, a line for each measurement, and docs/sizes.md, drawn from it.
//!
//! A line is added when somebody asks for it (`--record`), so that the history has the sizes of commits that mattered and not
//! of every trial. It stops at measuring: no limit is set here.

use super::{Origin, archive, output};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::Command;

const HISTORY: &str = "docs/sizes.jsonl";
const TABLE: &str = "docs/sizes.md";
const BEGIN: &str = "<!-- from here on written by `cargo xtask package sizes` -->";
/// So many parts of a library are named; the rest is summed.
const PARTS: usize = 16;

/// One measurement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    /// Of the commit, not of the measurement: a repeated one is the same line.
    date: String,
    /// Twelve digits; a plus after them says that something was not committed.
    commit: String,
    target: String,
    file: String,
    by: String,
    bytes: usize,
    /// Deflated, as stores and packages compress; equal to `bytes` for a package.
    compressed: usize,
    /// What weighs most in it, where that is known: part and bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parts: Vec<(String, u64)>,
}

/// Something measured: target, what it is, its bytes.
pub(super) type Measured = (String, String, Vec<u8>);

/// Prints the sizes; with `record` they join the history.
pub(super) fn report(root: &Path, origin: &Origin, measured: &[Measured], record: bool) -> Result<(), String> {
    let git = |args: &[&str]| output(Command::new("git").args(args).current_dir(root));
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).ok_or("git knows no commit here")?;
    let date = git(&["show", "-s", "--format=%cs", "HEAD"]).ok_or("git knows no date here")?;
    let changed = git(&["status", "--porcelain", "--", ".", ":!docs"]).is_none_or(|status| !status.is_empty());
    let parts = match origin {
        Origin::Proof => super::cache()?.join("phones/out/android/arm64-v8a/libbeatcheck.map"),
        Origin::Kit(_) => super::target(root).join("package/native/arm64-v8a/libbeatcheck.map"),
    };
    let mut lines = Vec::new();
    for (target, file, bytes) in measured {
        let line = Line {
            date: date.clone(),
            commit: format!("{commit}{}", if changed { "+" } else { "" }),
            target: target.clone(),
            file: file.clone(),
            by: origin.words().to_owned(),
            bytes: bytes.len(),
            compressed: archive::deflated(bytes).min(bytes.len()),
            parts: if target == "android arm64-v8a" {
                heaviest(&std::fs::read_to_string(&parts).unwrap_or_default())
            } else {
                Vec::new()
            },
        };
        println!("{:<28} {:<18} {:>11} bytes, {:>11} compressed", line.target, line.file, line.bytes, line.compressed);
        lines.push(line);
    }
    if !record {
        return Ok(());
    }
    let mut history = history(root)?;
    history.retain(|old| {
        !lines.iter().any(|new| (&new.commit, &new.target, &new.by) == (&old.commit, &old.target, &old.by))
    });
    history.extend(lines);
    let text: Vec<String> = history.iter().filter_map(|line| serde_json::to_string(line).ok()).collect();
    super::write(&root.join(HISTORY), (text.join("\n") + "\n").as_bytes())?;
    write_table(root)
}

fn history(root: &Path) -> Result<Vec<Line>, String> {
    let Ok(text) = std::fs::read_to_string(root.join(HISTORY)) else { return Ok(Vec::new()) };
    parse(&text)
}

fn parse(text: &str) -> Result<Vec<Line>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            serde_json::from_str(line).map_err(|problem| format!("{HISTORY}:{}: {problem}", number + 1))
        })
        .collect()
}

/// Draws docs/sizes.md anew below its mark; what stands above it is its authors'.
pub(super) fn write_table(root: &Path) -> Result<(), String> {
    let path = root.join(TABLE);
    let text = super::text(&path)?;
    let head = text.split(BEGIN).next().filter(|head| head.len() < text.len());
    let head = head.ok_or_else(|| format!("{TABLE} has lost the line `{BEGIN}`"))?;
    super::write(&path, format!("{head}{BEGIN}\n\n{}", tables(&history(root)?)).as_bytes())
}

fn tables(history: &[Line]) -> String {
    let mut latest: Vec<&Line> = Vec::new();
    for line in history {
        latest.retain(|old| (&old.target, &old.by) != (&line.target, &line.by));
        latest.push(line);
    }
    latest.sort_by(|a, b| (&a.target, &a.by).cmp(&(&b.target, &b.by)));
    let mut text = "## Today\n\n".to_owned();
    text += "| target | file | bytes | compressed | built by | commit |\n|---|---|---:|---:|---|---|\n";
    for line in &latest {
        text += &format!(
            "| {} | {} | {} | {} | {} | {} {} |\n",
            line.target,
            line.file,
            grouped(line.bytes as u64),
            grouped(line.compressed as u64),
            line.by,
            line.commit,
            line.date
        );
    }
    if let Some(line) = latest.iter().find(|line| !line.parts.is_empty()) {
        text += &format!(
            "\n## What weighs most\n\nIn {} for {}, {}.\n\n| part | bytes |\n|---|---:|\n",
            line.file, line.target, line.commit
        );
        for (part, bytes) in &line.parts {
            text += &format!("| {part} | {} |\n", grouped(*bytes));
        }
    }
    text += "\n## History\n\n| commit | target | bytes | compressed | change |\n|---|---|---:|---:|---:|\n";
    for (number, line) in history.iter().enumerate().rev() {
        let before = history[..number].iter().rev().find(|old| (&old.target, &old.by) == (&line.target, &line.by));
        let change = before.map_or_else(String::new, |before| {
            let sign = if line.bytes >= before.bytes { "+" } else { "-" };
            format!("{sign}{}", grouped(line.bytes.abs_diff(before.bytes) as u64))
        });
        text += &format!(
            "| {} {} | {} | {} | {} | {change} |\n",
            line.commit,
            line.date,
            line.target,
            grouped(line.bytes as u64),
            grouped(line.compressed as u64)
        );
    }
    text
}

/// 1234567 as 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The parts of a linked library from its linker's map (lld's form), heaviest first: a crate, or a C library, and its bytes.
fn heaviest(map: &str) -> Vec<(String, u64)> {
    let mut parts = std::collections::BTreeMap::<String, u64>::new();
    for line in map.lines() {
        // VMA, LMA, size, alignment, and then `file:(section)` where an input's section is meant.
        let mut words = line.split_whitespace();
        let (Some(address), Some(size), Some(file)) = (words.next(), words.nth(1), words.nth(1)) else { continue };
        let Some((file, _)) = file.split_once(":(") else { continue };
        // Debug sections and the like lie at no address: they are not loaded.
        let Ok(size) = u64::from_str_radix(size, 16) else { continue };
        if address != "0" {
            *parts.entry(part(file)).or_default() += size;
        }
    }
    let mut parts: Vec<(String, u64)> = parts.into_iter().filter(|(_, bytes)| *bytes > 0).collect();
    parts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let rest: u64 = parts.iter().skip(PARTS).map(|(_, bytes)| bytes).sum();
    if parts.len() > PARTS {
        let count = parts.len() - PARTS;
        parts.truncate(PARTS);
        parts.push((format!("{count} others"), rest));
    }
    parts
}

/// Whose an object file is: a Rust crate, or the C that a crate brings.
fn part(file: &str) -> String {
    if file == "<internal>" {
        return "the linker's tables".to_owned();
    }
    // `libCRATE-HASH.rlib(MEMBER)`, or what link-time optimisation made of a crate: `beatcheck.CRATE-HASH.CRATE...rcgu.o`.
    let (path, member) = file.strip_suffix(')').and_then(|file| file.rsplit_once('(')).unwrap_or((file, ""));
    let name = path.rsplit('/').next().unwrap_or(path);
    let archive =
        [".rlib", ".a"].iter().find_map(|end| name.strip_suffix(end)).and_then(|name| name.strip_prefix("lib"));
    let whose = |name: &str| name.split(['-', '.']).next().unwrap_or(name).to_owned();
    match archive {
        Some(archive) if member.ends_with(".rcgu.o") => whose(archive),
        Some(archive) => format!("C of {}", whose(archive)),
        None if name.ends_with(".rcgu.o") => {
            let module = name.split_once('.').map_or(name, |(_, rest)| rest);
            // The library itself has its hash first, as nothing was put before it.
            whose(if module.contains('-') { module } else { name })
        }
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(commit: &str, bytes: usize) -> Line {
        Line {
            date: "2026-11-25".into(),
            commit: commit.into(),
            target: "android arm64-v8a".into(),
            file: "libbeatcheck.so".into(),
            by: "compile proof".into(),
            bytes,
            compressed: bytes / 2,
            parts: vec![("tokio".into(), 77)],
        }
    }

    #[test]
    fn the_history_survives_and_a_broken_line_is_named() {
        let text = serde_json::to_string(&line("abc", 10)).unwrap();
        assert_eq!(parse(&format!("{text}\n\n{text}\n")).unwrap(), [line("abc", 10), line("abc", 10)]);
        assert!(parse(&format!("{text}\n{{}}\n")).unwrap_err().contains("sizes.jsonl:2"));
    }

    #[test]
    fn tables_show_the_latest_and_what_changed() {
        let text = tables(&[line("abc", 7_000_000), line("def", 6_500_000)]);
        assert!(text.contains(
            "| android arm64-v8a | libbeatcheck.so | 6,500,000 | 3,250,000 | compile proof | def 2026-11-25 |"
        ));
        assert!(text.contains("| def 2026-11-25 | android arm64-v8a | 6,500,000 | 3,250,000 | -500,000 |"));
        assert!(text.contains("| abc 2026-11-25 | android arm64-v8a | 7,000,000 | 3,500,000 |  |"));
        assert!(text.contains("| tokio | 77 |"));
    }

    #[test]
    fn a_linkers_map_is_summed_by_part() {
        let map = "             VMA              LMA     Size Align Out     In      Symbol\n\
             270 270 30 8 .text\n\
             270 270 10 8 /t/deps/rustcA/liblibsqlite3_sys-0f.rlib(0f-sqlcipher.o):(.text.a)\n\
             280 280 8 8 /t/deps/beatcheck.h2-0f.h2.0f-cgu.7.rcgu.o.rcgu.o:(.text._ZN2h2)\n\
             290 290 8 8 /t/deps/beatcheck.h2-0f.h2.0f-cgu.1.rcgu.o.rcgu.o:(.text._ZN2h2)\n\
             290 290 1 8 /t/deps/beatcheck.beatcheck.0f-cgu.3.rcgu.o:(.text._ZN9)\n\
             291 291 1 8 /t/deps/beatcheck.36xo6c.rcgu.o:(.text._ZN9)\n\
             298 298 4 8 /t/deps/rustcA/libstd-0f.rlib(std-0f.std.0f-cgu.0.rcgu.o):(.text)\n\
             2a0 2a0 2 8 <internal>:(.rela.dyn)\n\
             0 0 ff 1 <internal>:(.comment)\n";
        let expected =
            [("C of libsqlite3_sys", 16), ("h2", 16), ("std", 4), ("beatcheck", 2), ("the linker's tables", 2)];
        assert_eq!(heaviest(map), expected.map(|(part, bytes)| (part.to_owned(), bytes)));
    }

    #[test]
    fn the_table_keeps_what_stands_above_its_mark() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(TABLE);
        super::super::write(&path, format!("# Sizes\nwords\n{BEGIN}\nold").as_bytes()).unwrap();
        super::super::write(&dir.path().join(HISTORY), serde_json::to_string(&line("abc", 10)).unwrap().as_bytes())
            .unwrap();
        write_table(dir.path()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# Sizes\nwords\n") && text.contains("| abc ") && !text.contains("old"));
        super::super::write(&path, b"# Sizes").unwrap();
        assert!(write_table(dir.path()).unwrap_err().contains("lost the line"));
    }
}
