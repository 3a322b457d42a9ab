//! Everything CI does, step by step, stopping at the first that fails.
//!
//! The cheap steps come first, so that a forgotten `cargo fmt` costs a second and not ten minutes. No test is switched
//! off; what takes long is a command of its own that the README names. Advisories are left out unless asked for: they need
//! the network, and a check that depends on the day cannot be repeated.

use std::io::{BufRead, BufReader, Write};
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
    Doc,
}

impl Step {
    const ALL: [Self; 8] =
        [Self::Fmt, Self::Tidy, Self::Clippy, Self::Deny, Self::Test, Self::Api, Self::Python, Self::Doc];

    fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Tidy => "tidy",
            Self::Clippy => "clippy",
            Self::Deny => "deny",
            Self::Test => "test",
            Self::Api => "api",
            Self::Python => "python",
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

/// Tests counted from what `cargo test` printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Totals {
    /// Adds a `test result:` line; other lines change nothing.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for part in counts.split(';') {
            let Some((number, what)) = part.trim().split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

/// Runs the chosen steps; true if all passed. The last line printed is the tests' totals.
pub(crate) fn run(root: &Path, options: &Options) -> bool {
    let began = Instant::now();
    let earlier = options.since.map_or(Duration::ZERO, |since| {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(Duration::from_secs(since))
    });
    let mut totals = None;
    let mut times: Vec<(Step, Duration)> = Vec::new();
    let mut failed = None;
    for &step in &options.steps {
        println!("== {}", step.name());
        let step_began = Instant::now();
        let passed = match step {
            Step::Test => {
                let (passed, counted) = test(root);
                totals = Some(counted);
                passed
            }
            other => run_one(root, other, options.online),
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
        Step::Test => test(root).0,
        Step::Api => super::api::run(root, false),
        Step::Python => super::python::run(root),
        Step::Doc => succeeds(cargo(root).args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings")),
    }
}

fn test(root: &Path) -> (bool, Totals) {
    let mut totals = Totals::default();
    let mut command = cargo(root);
    command.args(["test", "--workspace", "--no-fail-fast"]).stdout(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(problem) => {
            eprintln!("xtask: cargo test did not start: {problem}");
            return (false, totals);
        }
    };
    if let Some(output) = child.stdout.take() {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        // Bytes, not `lines()`: a test may print what is not UTF-8, and that must not end the reading.
        while output.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            totals.add(&String::from_utf8_lossy(&line));
            // A reader that went away (`| head`) does not stop the tests from being counted.
            let _ = std::io::stdout().write_all(&line);
            line.clear();
        }
    }
    let passed = child.wait().is_ok_and(|status| status.success());
    // No test at all is a failure: a run that found nothing to do must not look like one that passed.
    (passed && totals.failed == 0 && totals.passed > 0, totals)
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
    fn totals_are_summed_over_binaries() {
        let mut totals = Totals::default();
        for line in [
            "running 4 tests\n",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
            "test result: FAILED. 2 passed; 5 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s\n",
            "a test that prints 9 passed; 9 failed\n",
        ] {
            totals.add(line);
        }
        assert_eq!(totals, Totals { passed: 5, failed: 5, ignored: 1 });
    }

    #[test]
    fn options_choose_steps() {
        assert_eq!(Options::parse(&[]).unwrap().steps, Step::ALL);
        assert_eq!(Options::parse(&["--only", "deny", "--online"]).unwrap().steps, [Step::Deny]);
        assert_eq!(
            Options::parse(&["--from", "test"]).unwrap().steps,
            [Step::Test, Step::Api, Step::Python, Step::Doc]
        );
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
