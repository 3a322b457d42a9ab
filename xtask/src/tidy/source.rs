//! What may not stand in a line: clocks where they must be passed in, paths of a machine, things left undone.
//!
//! Rust is read through the lexer, so that an essay may discuss what code may not do. Tests are excused where the rule
//! is about what ships: they may print, read the clock and look for the forbidden word in an answer.

use super::lexer::{self, Class};
use super::{File, Finding, RULES};

/// Where time and randomness come from; below core/client they are arguments.
const SOURCES_OF_CHANCE: &[&str] = &[
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "getrandom",
    "SystemRandom",
    "OsRng",
    "thread_rng",
];
/// The crates that may name none of them.
const INJECTED: &[&str] =
    &["core/model/", "core/wire/", "core/search/", "core/policy/", "core/audit/", "core/sync/", "core/store/"];
/// Beginnings of paths that exist on somebody's machine only. In halves, so that this file does not find itself.
const MACHINE_PATHS: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];
/// A place that exists everywhere but belongs to whoever comes first: a test may name it, a program asks the system.
const SHARED_PATH: &str = concat!("/tm", "p/");
const UNFINISHED: &[&str] = &["todo!", "unimplemented!", "dbg!"];
const PRINTING: &[&str] = &["println!", "print!"];
/// Who may print: commands, and build scripts, which speak to cargo that way.
const PRINTERS: &[&str] = &["cli/", "xtask/"];

/// The rules that look at single lines.
pub(super) fn findings(file: &File) -> Vec<Finding> {
    let mut found = Vec::new();
    let rust = file.path.ends_with(".rs");
    let test_file = is_test_path(&file.path);
    let code = if rust { lexer::view(&file.text, &[Class::Code]) } else { String::new() };
    let written = if rust { lexer::view(&file.text, &[Class::Code, Class::Text]) } else { file.text.clone() };
    let in_tests = lexer::test_lines(&code);
    let mut code_lines = code.lines();
    for (index, (raw, written)) in file.text.lines().zip(written.lines()).enumerate() {
        let code = code_lines.next().unwrap_or_default();
        let test = test_file || in_tests.get(index).copied().unwrap_or(false);
        let mut find = |rule: &'static str, what: String| {
            found.push(Finding { path: file.path.clone(), line: index + 1, rule, what });
        };
        for path in MACHINE_PATHS.iter().filter(|path| has_path(raw, path)) {
            find("machine-path", format!("`{path}` is on one machine: make it relative, or a setting"));
        }
        if !test && names_programs(&file.path) && has_path(written, SHARED_PATH) {
            find("machine-path", format!("`{SHARED_PATH}` is shared by all: ask for a temporary directory"));
        }
        if !test
            && is_program_text(&file.path)
            && (written.contains("\"clear\"") || lexer::word_in(code, "Outcome::Clear"))
        {
            find("never-clear", "an empty answer is `no_trace`, and says which sources were asked".into());
        }
        if !rust {
            continue;
        }
        for word in UNFINISHED.iter().filter(|word| lexer::word_in(code, word)) {
            find(
                "unfinished",
                format!("`{word}` is not for the repository: finish it, or return an error that says so"),
            );
        }
        if lexer::word_in(code, "unsafe") {
            find("unsafe", "write it without, or take a well-kept crate that did".into());
        }
        if !test && !prints(&file.path) {
            for word in PRINTING.iter().filter(|word| lexer::word_in(code, word)) {
                find("stdout", format!("`{word}` in a library: return it, or use tracing"));
            }
        }
        if !test && INJECTED.iter().any(|prefix| file.path.starts_with(prefix)) {
            for word in SOURCES_OF_CHANCE.iter().filter(|word| lexer::word_in(code, word)) {
                find(
                    "injected",
                    format!("`{word}`: take the time or the random bytes as an argument; core/client has them"),
                );
            }
        }
    }
    found
}

/// Takes out what an allowance excuses, and adds what is wrong with allowances.
pub(super) fn without_allowed(files: &[File], mut findings: Vec<Finding>) -> Vec<Finding> {
    for file in files {
        for (line, allowed) in allowances(file) {
            let (rule, reason) = allowed.split_once(')').unwrap_or((allowed.as_str(), ""));
            let wrong = if !RULES.iter().any(|(name, _)| *name == rule) {
                Some(format!("`{rule}` is not a rule: see cargo xtask help"))
            } else if reason.trim_end_matches("-->").trim().len() < 4 {
                Some("say why, after the bracket".to_owned())
            } else {
                let before = findings.len();
                findings.retain(|one| {
                    one.path != file.path || one.rule != rule || (one.line != line && one.line != line + 1)
                });
                (findings.len() == before).then(|| format!("nothing here breaks `{rule}`: take the allowance out"))
            };
            findings.extend(wrong.map(|what| Finding { path: file.path.clone(), line, rule: "allowance", what }));
        }
    }
    findings
}

/// Every allowance in a file: its line, and what stands after the opening bracket.
fn allowances(file: &File) -> Vec<(usize, String)> {
    let rust = file.path.ends_with(".rs");
    let text = if rust { lexer::view(&file.text, &[Class::Comment]) } else { file.text.clone() };
    let mark = if rust || file.path.ends_with(".kt") || file.path.ends_with(".swift") {
        "// tidy: allow("
    } else if file.path.ends_with(".md") {
        "<!-- tidy: allow("
    } else {
        "# tidy: allow("
    };
    let after = |line: &str| {
        // In Rust the comment itself must begin so; prose that mentions the form is not an allowance.
        if rust {
            line.trim_start().strip_prefix(mark).map(str::to_owned)
        } else {
            line.split_once(mark).map(|(_, rest)| rest.to_owned())
        }
    };
    text.lines().enumerate().filter_map(|(index, line)| after(line).map(|rest| (index + 1, rest))).collect()
}

fn is_test_path(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.split('/').any(|part| matches!(part, "tests" | "benches" | "examples"))
        || name == "tests.rs"
        || name.ends_with("_test.rs")
        || name.ends_with("_tests.rs")
        || name.starts_with("test_")
}

/// Whether a path names what runs, as against what is read.
fn names_programs(path: &str) -> bool {
    let extension = path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension);
    path.starts_with("script/")
        || path.starts_with(".ci/")
        || matches!(extension, Some("rs" | "sh" | "py" | "kt" | "swift" | "toml"))
}

/// Whether a path holds what can reach an officer's eyes.
fn is_program_text(path: &str) -> bool {
    [".rs", ".py", ".json", ".jsonl", ".toml", ".kt", ".swift", ".sql"].iter().any(|end| path.ends_with(end))
}

fn prints(path: &str) -> bool {
    PRINTERS.iter().any(|prefix| path.starts_with(prefix)) || path == "build.rs" || path.ends_with("/build.rs")
}

/// Whether an absolute path beginning with `start` stands in the line; `a/b/` holds no `/b/`.
fn has_path(line: &str, start: &str) -> bool {
    let continues = |byte: u8| byte.is_ascii_alphanumeric() || b"._-~}*)".contains(&byte);
    line.match_indices(start).any(|(at, _)| at == 0 || !continues(line.as_bytes()[at - 1]))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{file, rules_found};
    use super::*;

    fn found(path: &str, text: &str) -> Vec<&'static str> {
        let files = [file(path, text)];
        let found = findings(&files[0]);
        rules_found(&without_allowed(&files, found))
    }

    #[test]
    fn clocks_and_chance_are_passed_in() {
        for word in SOURCES_OF_CHANCE {
            for prefix in INJECTED {
                assert_eq!(found(&format!("{prefix}src/lib.rs"), &format!("fn f() {{ {word}(); }}")), ["injected"]);
            }
            let text = format!("fn f() {{ {word}(); }}");
            for path in ["core/client/src/clock.rs", "hub/src/lib.rs", "core/sync/tests/a.rs", "core/sync/benches/a.rs"]
            {
                assert!(found(path, &text).is_empty(), "{path}: {word}");
            }
            assert!(
                found("core/sync/src/lib.rs", &format!("//! not {word}\n#[cfg(test)]\nmod tests {{ {text} }}"))
                    .is_empty()
            );
        }
    }

    #[test]
    fn machine_paths_are_found_in_any_file() {
        for path in MACHINE_PATHS {
            for name in ["README.md", "script/x", "core/wire/src/lib.rs", "core/wire/tests/a.rs", "fixtures/a.csv"] {
                assert_eq!(found(name, &format!("// see {path}x")), ["machine-path"], "{name}");
            }
            assert!(found("README.md", &format!("a{path}x b}}{path}x ..{path}x")).is_empty());
        }
        let shared = format!("let a = \"{SHARED_PATH}x\";");
        assert_eq!(found("hub/src/lib.rs", &shared), ["machine-path"]);
        assert_eq!(found("script/demo", &shared), ["machine-path"]);
        assert!(found("hub/tests/a.rs", &shared).is_empty() && found("docs/a.md", &shared).is_empty());
    }

    #[test]
    fn nothing_is_left_unfinished() {
        for word in UNFINISHED {
            assert_eq!(found("hub/src/lib.rs", &format!("fn f() {{ {word}() }}")), ["unfinished"]);
            assert_eq!(found("hub/tests/a.rs", &format!("fn f() {{ {word}() }}")), ["unfinished"]);
            assert!(found("hub/src/lib.rs", &format!("// {word}()\nconst A: &str = \"{word}()\";")).is_empty());
        }
    }

    #[test]
    fn no_outcome_is_called_clear() {
        assert_eq!(found("cli/src/a.rs", "const A: &str = \"clear\";"), ["never-clear"]);
        assert_eq!(found("cli/src/a.rs", "fn f() -> Outcome { Outcome::Clear }"), ["never-clear"]);
        assert_eq!(found("fixtures/a.json", "{\"outcome\": \"clear\"}"), ["never-clear"]);
        assert!(found("cli/src/a.rs", "// never \"clear\"\nlet a = \"unclear\"; v.clear();").is_empty());
        assert!(found("tests/a.rs", "assert!(!text.contains(\"clear\"));").is_empty());
    }

    #[test]
    fn libraries_do_not_print() {
        for text in ["fn f() { println!(\"a\"); }", "fn f() { print!(\"a\"); }"] {
            assert_eq!(found("hub/src/lib.rs", text), ["stdout"]);
            for path in ["cli/src/main.rs", "xtask/src/main.rs", "build.rs", "tests/a.rs"] {
                assert!(found(path, text).is_empty(), "{path}");
            }
        }
        assert!(found("hub/src/lib.rs", "fn f() { eprintln!(\"a\"); }").is_empty());
    }

    #[test]
    fn unsafe_code_is_found_and_prose_is_not() {
        for text in
            ["fn f() { unsafe { g() } }", "#[unsafe(no_mangle)] fn f() {}", "#[cfg(test)] mod t { unsafe fn f() {} }"]
        {
            assert_eq!(found("hub/src/lib.rs", text), ["unsafe"]);
        }
        assert!(
            found("hub/src/lib.rs", "#![forbid(unsafe_code)]\n// unsafe\n/* unsafe */ const A: &str = \"unsafe\";")
                .is_empty()
        );
    }

    #[test]
    fn an_allowance_excuses_its_line_or_the_next() {
        let print = "fn f() { println!(\"a\"); }";
        assert!(found("hub/src/a.rs", &format!("{print} // tidy: allow(stdout) the caller pipes it")).is_empty());
        assert!(found("hub/src/a.rs", &format!("// tidy: allow(stdout) the caller pipes it\n{print}")).is_empty());
        assert_eq!(
            found("hub/src/a.rs", &format!("// tidy: allow(stdout) the caller pipes it\n\n{print}")),
            ["stdout", "allowance"]
        );
        let path = MACHINE_PATHS[0];
        let clear = "let a = \"clear\"";
        assert_eq!(found("ios/A.swift", clear), ["never-clear"]);
        assert!(found("ios/A.swift", &format!("// tidy: allow(never-clear) must not appear\n{clear}")).is_empty());
        assert!(found("a.md", &format!("<!-- tidy: allow(machine-path) as an example -->\n{path}x")).is_empty());
        assert!(found("script/a", &format!("cd {path}x # tidy: allow(machine-path) as an example")).is_empty());
    }

    #[test]
    fn an_allowance_must_be_right() {
        let print = "fn f() { println!(\"a\"); }";
        assert_eq!(found("hub/src/a.rs", &format!("// tidy: allow(stdout)\n{print}")), ["stdout", "allowance"]);
        assert_eq!(found("hub/src/a.rs", &format!("// tidy: allow(stdoot) because\n{print}")), ["stdout", "allowance"]);
        assert_eq!(found("hub/src/a.rs", "// tidy: allow(stdout) because\nfn f() {}"), ["allowance"]);
        assert!(found("hub/src/a.rs", "//! Write `// tidy: allow(stdout) why`.").is_empty());
    }
}
