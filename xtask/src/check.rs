//! Everything CI does, step by step, stopping at the first that fails.
//!
//! The cheap steps come first, so that a forgotten `cargo fmt` costs a second and not ten minutes. No test is switched
//! off; what takes long is a command of its own that the README names. Advisories are left out unless asked for: they need
//! the network, and a check that depends on the day cannot be repeated.

use crate::totals::{Printed, Totals, counted};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One step of `check`, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Fmt,
    Tidy,
    Clippy,
    Deny,
    Test,
    Api,
    Python,
    Kotlin,
    Swift,
    Guides,
    Doc,
}

impl Step {
    const ALL: [Self; 11] = [
        Self::Fmt,
        Self::Tidy,
        Self::Clippy,
        Self::Deny,
        Self::Test,
        Self::Api,
        Self::Python,
        Self::Kotlin,
        Self::Swift,
        Self::Guides,
        Self::Doc,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Tidy => "tidy",
            Self::Clippy => "clippy",
            Self::Deny => "deny",
            Self::Test => "test",
            Self::Api => "api",
            Self::Python => "python",
            Self::Kotlin => "kotlin",
            Self::Swift => "swift",
            Self::Guides => "guides",
            Self::Doc => "doc",
        }
    }

    fn named(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|step| step.name() == name).ok_or_else(|| format!("`{name}` is not a step"))
    }
}

/// What `check` was asked to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    steps: Vec<Step>,
    online: bool,
    since: Option<u64>,
}

impl Options {
    /// Reads the words after `check`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self, String> {
        let mut options = Self { steps: Step::ALL.to_vec(), online: false, since: None };
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let mut value = || words.next().copied().ok_or_else(|| format!("{word} needs a value"));
            match word {
                "--only" => options.steps = vec![Step::named(value()?)?],
                "--from" => {
                    let first = Step::named(value()?)?;
                    options.steps.retain(|step| *step >= first);
                }
                "--online" => options.online = true,
                "--since" => {
                    options.since = Some(value()?.parse().map_err(|_| "--since needs a Unix time".to_owned())?)
                }
                _ => return Err(format!("check does not know `{word}`")),
            }
        }
        Ok(options)
    }
}

/// Runs the chosen steps; true if all passed. The last line printed is the tests' totals.
pub(crate) fn run(root: &Path, options: &Options) -> bool {
    let began = Instant::now();
    let earlier = options.since.map_or(Duration::ZERO, |since| {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(Duration::from_secs(since))
    });
    let mut totals: Option<Totals> = None;
    let mut times: Vec<(Step, Duration)> = Vec::new();
    let mut failed = None;
    for &step in &options.steps {
        println!("== {}", step.name());
        let step_began = Instant::now();
        let passed = match tests(root, step) {
            Some((passed, counted)) => {
                totals = Some(totals.unwrap_or_default().and(counted));
                passed
            }
            None => run_one(root, step, options.online),
        };
        times.push((step, step_began.elapsed()));
        if !passed {
            failed = Some(step);
            break;
        }
    }
    println!("\nstep         seconds");
    for (step, time) in &times {
        let mark = if failed == Some(*step) { "  FAILED" } else { "" };
        println!("{:<8} {:>11.1}{mark}", step.name(), time.as_secs_f64());
    }
    println!("{:<8} {:>11.1}", "total", (began.elapsed() + earlier).as_secs_f64());
    if let Some(step) = failed {
        println!("check failed at `{0}`; when it is mended: cargo xtask check --from {0}", step.name());
    }
    match totals {
        Some(Totals { passed, failed, ignored: 0 }) => println!("{passed} passed, {failed} failed"),
        Some(Totals { passed, failed, ignored }) => {
            println!("{passed} passed, {failed} failed ({ignored} long ones not run)")
        }
        None => println!("0 passed, 0 failed (tests not run)"),
    }
    failed.is_none()
}

/// Runs one step; true if it passed.
pub(crate) fn run_one(root: &Path, step: Step, online: bool) -> bool {
    match step {
        Step::Fmt => succeeds(cargo(root).args(["fmt", "--all", "--check"])),
        Step::Tidy => super::tidy::run(root),
        Step::Clippy => succeeds(cargo(root).args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
        Step::Deny => deny(root, online),
        Step::Api => super::api::run(root, false),
        Step::Python => super::python::run(root),
        Step::Test | Step::Kotlin | Step::Swift | Step::Guides => tests(root, step).is_some_and(|(passed, _)| passed),
        Step::Doc => succeeds(cargo(root).args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings")),
    }
}

/// The steps that count tests, and what they ran.
fn tests(root: &Path, step: Step) -> Option<(bool, Totals)> {
    let script = |words: &[&str]| {
        // A debug build of the whole workspace is what the steps before have left, and what the scripts build too.
        if !succeeds(cargo(root).args(["build", "--workspace"])) {
            return (false, Totals::default());
        }
        counted(scripted(root, words), Printed::ByScript)
    };
    match step {
        Step::Test => {
            let mut command = cargo(root);
            command.args(["test", "--workspace", "--no-fail-fast"]);
            Some(counted(command, Printed::ByCargo))
        }
        Step::Kotlin => Some(script(&["script/test-kotlin"])),
        Step::Swift => {
            let (passed, counted) = script(&["script/test-swift", "--if-possible"]);
            // Where the toolchain is, Apple's files are looked at as well.
            let apple = || succeeds(&mut scripted(root, &["script/check-apple-files"]));
            Some((passed && (counted.passed == 0 || apple()), counted))
        }
        Step::Guides => Some(script(&["script/follow-guides", "--if-possible"])),
        _ => None,
    }
}

/// A script and its words, told where the library, the command and the generator are.
fn scripted(root: &Path, words: &[&str]) -> Command {
    let mut command = clean(Command::new(root.join(words[0])), root);
    command.args(&words[1..]).env("BEATCHECK_ARTIFACTS", super::python::target(root).join("debug"));
    command
}

fn deny(root: &Path, online: bool) -> bool {
    let Some(program) = cargo_deny() else {
        eprintln!("xtask: cargo-deny is not installed: run script/bootstrap --checks");
        return false;
    };
    let mut command = clean(Command::new(program), root);
    if !online {
        command.arg("--offline");
    }
    command.args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]);
    if online {
        command.arg("advisories");
    }
    succeeds(&mut command)
}

/// The cargo-deny that script/bootstrap installed, else one on the path.
fn cargo_deny() -> Option<PathBuf> {
    let ours = cache().map(|cache| cache.join("bin/cargo-deny"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    ours.into_iter().chain(std::env::split_paths(&path).map(|dir| dir.join("cargo-deny"))).find(|file| file.is_file())
}

/// Where tools are kept outside the checkout. The same rule stands in script/bootstrap.
fn cache() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("BEATCHECK_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("beatcheck")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/beatcheck")))
}

pub(crate) fn cargo(root: &Path) -> Command {
    clean(Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())), root)
}

/// `cargo run` tells us about our own package in the environment; passed on, that makes the build scripts of some
/// dependencies (ring's, for one) believe that they must run again.
pub(crate) fn clean(mut command: Command, root: &Path) -> Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command.current_dir(root).stdin(Stdio::null());
    command
}

pub(crate) fn succeeds(command: &mut Command) -> bool {
    match command.status() {
        Ok(status) => status.success(),
        Err(problem) => {
            eprintln!("xtask: {} did not start: {problem}", command.get_program().to_string_lossy());
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_choose_steps() {
        assert_eq!(Options::parse(&[]).unwrap().steps, Step::ALL);
        assert_eq!(Options::parse(&["--only", "deny", "--online"]).unwrap().steps, [Step::Deny]);
        assert_eq!(Options::parse(&["--from", "test"]).unwrap().steps, Step::ALL[4..]);
        assert_eq!(Options::parse(&["--since", "17"]).unwrap().since, Some(17));
    }

    #[test]
    fn bad_usage_is_said() {
        for words in [["--only", "tets"], ["--from", ""], ["--since", "noon"], ["--fast", ""]] {
            assert!(Options::parse(&words).is_err(), "{words:?} was accepted");
        }
        assert_eq!(Options::parse(&["--only"]).unwrap_err(), "--only needs a value");
    }
}
