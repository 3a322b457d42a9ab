//! How many tests passed, read from what the tests themselves print: cargo's, and those of our scripts.

use crate::limit::{self, Watchdog};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// Tests counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
}

/// Who prints the totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Printed {
    /// `cargo test`: a `test result:` line for each binary.
    ByCargo,
    /// A script of ours: its last line is `name: N passed, M failed`, the name may be left out.
    ByScript,
}

impl Totals {
    /// The sum of both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            ignored: self.ignored + other.ignored,
        }
    }

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

    /// Reads a script's last line.
    fn of_script(line: &str) -> Option<Self> {
        let counts = line.split_once(": ").map_or(line, |(_, counts)| counts).trim_end();
        let (passed, failed) = counts.split_once(" passed, ")?;
        let failed = failed.split_once(" failed")?.0;
        Some(Self { passed: passed.parse().ok()?, failed: failed.parse().ok()?, ignored: 0 })
    }
}

/// Runs it, shows what it prints as it prints it, and counts. No test at all is a failure: a run that found nothing to do
/// must not look like one that passed. A script may instead say in its last line that it was `NOT RUN:` and why. What takes
/// longer than [`limit::STEP`] is ended, with all that it started, and has failed.
pub(crate) fn counted(mut command: Command, printed: Printed) -> (bool, Totals) {
    let mut totals = Totals::default();
    let mut child = match command.stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(problem) => {
            eprintln!("xtask: {} did not start: {problem}", command.get_program().to_string_lossy());
            return (false, totals);
        }
    };
    let watchdog = Watchdog::over(&child, limit::STEP);
    let mut last = String::new();
    if let Some(output) = child.stdout.take() {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        // Bytes, not `lines()`: a test may print what is not UTF-8, and that must not end the reading.
        while output.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line);
            if printed == Printed::ByCargo {
                totals.add(&text);
            } else if !text.trim().is_empty() {
                last = text.into_owned();
            }
            // A reader that went away (`| head`) does not stop the tests from being counted.
            let _ = std::io::stdout().write_all(&line);
            line.clear();
        }
    }
    let ended_well = child.wait().is_ok_and(|status| status.success());
    if watchdog.bit() {
        eprintln!(
            "xtask: ended after {} minutes: a test hangs, of those that are not reported above",
            limit::STEP.as_secs() / 60
        );
    }
    if printed == Printed::ByScript {
        totals = Totals::of_script(&last).unwrap_or_default();
    }
    let not_run = printed == Printed::ByScript && last.contains(": NOT RUN: ");
    (ended_well && totals.failed == 0 && (totals.passed > 0 || not_run), totals)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(text: &str) -> (bool, Totals) {
        let mut shell = Command::new("sh");
        shell.args(["-c", text]);
        counted(shell, Printed::ByScript)
    }

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
    fn a_script_is_counted_by_its_last_line() {
        let passed = |n| Totals { passed: n, ..Totals::default() };
        assert_eq!(script("echo 9 passed, 9 failed; echo kotlin: 12 passed, 0 failed"), (true, passed(12)));
        assert_eq!(script("echo 12 passed, 0 failed; echo"), (true, passed(12)));
    }

    #[test]
    fn a_script_that_failed_or_counted_nothing_is_no_success() {
        for text in [
            "echo kotlin: 11 passed, 1 failed",
            "echo kotlin: 12 passed, 0 failed; exit 1",
            "echo kotlin: 0 passed, 0 failed",
            "echo 12 passed, 0 failed; echo done",
            "echo swift: NOT RUN: no toolchain; exit 1",
            "true",
        ] {
            assert!(!script(text).0, "{text} was taken for a success");
        }
    }

    #[test]
    fn what_cannot_run_here_says_so_in_its_last_line() {
        assert_eq!(script("echo swift: NOT RUN: no toolchain, see above"), (true, Totals::default()));
    }
}
