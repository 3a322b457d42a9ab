//! The house's own rules, over every file git tracks or would add.
//!
//! Each finding is one line, `path:line: rule: what to do`, so an editor can jump to it. A rule that must bend says so
//! where it bends: `tidy: allow(RULE) reason` in a comment on the line, or on the line above it. An allowance
//! without a reason, for an unknown rule, or that excuses nothing is itself a finding, so none outlives its cause.

mod docs;
mod layering;
mod lexer;
mod sizes;
mod source;

use std::fmt;
use std::path::Path;
use std::process::Command;

/// Every rule and what it holds, for `help` and to know an allowance from a misspelling.
pub(crate) const RULES: &[(&str, &str)] = &[
    ("layering", "a crate uses only the crates below it (ARCHITECTURE.md)"),
    ("owned-dependency", "rusqlite, sled, uniffi and the network crates are named only where they belong"),
    ("workspace-lints", "every crate takes the workspace's lints"),
    ("injected", "no clock and no randomness below core/client: they are passed in"),
    ("file-size", "a Rust file holds at most 400 lines, or stands with a reason in xtask/tidy-sizes.txt"),
    ("machine-path", "no path of somebody's machine in a tracked file"),
    ("unfinished", "no todo!, unimplemented! or dbg!"),
    ("never-clear", "no outcome is called clear: an empty answer is no trace"),
    ("stdout", "a library does not print"),
    ("unsafe", "no unsafe code"),
    ("adr-index", "every decision stands in docs/adr/README.md"),
    ("dead-link", "relative links in Markdown lead somewhere"),
    ("executable", "scripts can be run"),
    ("allowance", "every `tidy: allow` names a rule, gives a reason and is needed"),
];

/// One thing to put right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    rule: &'static str,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.what)
    }
}

/// One file as the rules see it: its path from the root with forward slashes, its text, and whether it can be run.
pub(crate) struct File {
    path: String,
    text: String,
    executable: bool,
}

/// Runs every rule and prints what was found; true if nothing was.
pub(crate) fn run(root: &Path) -> bool {
    match gather(root).and_then(|files| Ok((layering::crates(root)?, files))) {
        Ok((crates, files)) => {
            let findings = judge(&crates, &files, |path| root.join(path).exists());
            for finding in &findings {
                println!("{finding}");
            }
            match findings.len() {
                0 => println!("tidy: {} files, {} crates, nothing to say", files.len(), crates.len()),
                count => println!("tidy: {count} to put right"),
            }
            findings.is_empty()
        }
        Err(problem) => {
            eprintln!("xtask: tidy could not look: {problem}");
            false
        }
    }
}

/// All rules over what was gathered. `exists` answers for paths from the root (also for directories).
fn judge(crates: &[layering::Crate], files: &[File], exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = layering::findings(crates);
    findings.extend(sizes::findings(files));
    findings.extend(docs::findings(files, exists));
    for file in files {
        findings.extend(source::findings(file));
    }
    let mut findings = source::without_allowed(files, findings);
    findings.sort();
    findings.dedup();
    findings
}

/// Every text file git tracks or would add. What is not UTF-8 has no lines to speak of and is left out.
fn gather(root: &Path) -> Result<Vec<File>, String> {
    let output = Command::new("git")
        .args(["ls-files", "-co", "--exclude-standard", "-z"])
        .current_dir(root)
        .output()
        .map_err(|problem| format!("git did not start: {problem}"))?;
    if !output.status.success() {
        return Err(format!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let listed = String::from_utf8_lossy(&output.stdout);
    let mut paths: Vec<&str> = listed.split('\0').filter(|path| !path.is_empty()).collect();
    paths.sort_unstable();
    paths.dedup();
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let full = root.join(path);
        // A file deleted but not yet staged is still listed; it has nothing to be judged.
        let Ok(bytes) = std::fs::read(&full) else { continue };
        let Ok(text) = String::from_utf8(bytes) else { continue };
        files.push(File { path: path.to_owned(), text, executable: is_executable(&full) });
    }
    if files.is_empty() { Err("git listed no files".into()) } else { Ok(files) }
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|data| data.permissions().mode() & 0o111 != 0)
}

/// Where the file system keeps no such bit, git's index does; nothing can be said from here.
#[cfg(not(unix))]
fn is_executable(_: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn file(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.into(), executable: false }
    }

    pub(super) fn rules_found(findings: &[Finding]) -> Vec<&'static str> {
        findings.iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn a_finding_reads_as_an_editor_expects() {
        let finding = Finding { path: "hub/src/lib.rs".into(), line: 7, rule: "stdout", what: "use tracing".into() };
        assert_eq!(finding.to_string(), "hub/src/lib.rs:7: stdout: use tracing");
    }

    #[test]
    fn every_rule_is_reached_through_judge() {
        let paths = concat!("\"/wo", "rk/x\"");
        let bad = format!(
            "fn f() {{ let t = Instant::now(); to{}; println!(\"{{t:?}}\"); unsafe {{}} }}\nconst P: &str = {paths};\nconst C: &str = \"clear\";\n// tidy: allow(nothing) because\n",
            "do!()"
        );
        let files = [
            file("core/sync/src/lib.rs", &bad),
            file("core/sync/src/long.rs", &"\n".repeat(500)),
            file("docs/adr/README.md", "[gone](gone.md)"),
            file("docs/adr/0001-x.md", "# x"),
            file("script/x", "#!/bin/sh\n"),
        ];
        let crates =
            [layering::Crate::for_test("beatcheck-sync", "[dependencies]\nbeatcheck-store = {}\nsled = \"0.34\"\n")];
        let found = judge(&crates, &files, |_| false);
        for (rule, _) in RULES {
            assert!(found.iter().any(|finding| finding.rule == *rule), "{rule} cannot fail: {found:#?}");
        }
    }

    #[test]
    fn gathers_tracked_and_new_files_and_leaves_out_ignored_ones() {
        let dir = tempfile::tempdir().unwrap();
        let git = |args: &[&str]| {
            assert!(Command::new("git").args(args).current_dir(&dir).output().unwrap().status.success())
        };
        git(&["init", "-q"]);
        std::fs::write(dir.path().join(".gitignore"), "hidden\n").unwrap();
        std::fs::write(dir.path().join("hidden"), "x").unwrap();
        std::fs::write(dir.path().join("new.md"), "x").unwrap();
        std::fs::write(dir.path().join("binary"), [0xff, 0xfe]).unwrap();
        let paths: Vec<String> = gather(dir.path()).unwrap().into_iter().map(|file| file.path).collect();
        assert_eq!(paths, [".gitignore", "new.md"]);
        assert!(gather(&dir.path().join("nowhere")).is_err());
    }
}
