//! A step: one line of the command, run as a process of its own, with the time and memory it took.

use crate::args::Cli;
use crate::exit::{Exit, Failure};
use crate::output::Context;
use clap::Parser;
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// What a step took.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Cost {
    /// Seconds from the first to the last of its work, without the start of the process.
    pub(super) wall_s: f64,
    /// Seconds of processor time in all its threads, its start included.
    pub(super) cpu_s: f64,
    /// Most memory held at once, in kB; 0 where the system does not say.
    pub(super) peak_kb: u64,
}

/// A failure to read or write while doing `what`.
pub(super) fn io(what: &str) -> impl FnOnce(std::io::Error) -> Failure + use<> {
    let what = what.to_owned();
    move |e| Failure::new("io", format!("{what}: {e}"))
}

/// In the child: runs `line` as if it had been typed, and writes what it took to `report`.
pub(super) fn run_here(report: &Path, line: &[OsString]) -> Result<Exit, Failure> {
    let line = std::iter::once(OsStr::new("beatcheck")).chain(line.iter().map(OsString::as_os_str));
    let cli = Cli::try_parse_from(line).map_err(|e| Failure::new("usage", e.to_string()))?;
    let begun = Instant::now();
    let done = crate::run(cli.command, &Context::new(&cli.global));
    let wall_s = begun.elapsed().as_secs_f64();
    let me = std::process::id();
    let cost = Cost { wall_s, cpu_s: cpu_s(me).unwrap_or(0.0), peak_kb: memory_kb(me, "VmHWM").unwrap_or(0) };
    let text = crate::output::json(&cost)?;
    std::fs::write(report, text).map_err(|e| Failure::new("io", format!("writing {}: {e}", report.display())))?;
    done
}

/// A line of `/proc/PID/status`, in kB: `VmHWM` the most memory held, `VmRSS` the memory held now.
pub(super) fn memory_kb(pid: u32, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find(|l| l.strip_prefix(name).is_some_and(|l| l.starts_with(':')))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Processor time from `/proc/PID/stat`: user and system, in hundredths of a second on every Linux.
pub(super) fn cpu_s(pid: u32) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets and may hold anything; the counters come 11 fields after it.
    let after = text.rsplit_once(')')?.1;
    let ticks = after.split_ascii_whitespace().skip(11).take(2);
    Some(ticks.filter_map(|t| t.parse::<u64>().ok()).sum::<u64>() as f64 / 100.0)
}

/// A step that is running; its stdin, stdout are pipes.
pub(super) struct Running {
    pub(super) child: Child,
    report: tempfile::TempPath,
    line: String,
}

/// Starts `line`; `input` says whether it will be fed.
pub(super) fn start(line: &[&OsStr], input: bool) -> Result<Running, Failure> {
    let exe = std::env::current_exe().map_err(io("finding this program"))?;
    let report = tempfile::NamedTempFile::new().map_err(io("making a temporary file"))?.into_temp_path();
    let child = Command::new(exe)
        .arg("bench")
        .arg("--step")
        .arg(&report)
        .arg("--")
        .args(line)
        .arg("--json")
        .stdin(if input { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .spawn()
        .map_err(io("starting a step"))?;
    let line = line.iter().take(2).map(|p| p.to_string_lossy()).collect::<Vec<_>>().join(" ");
    Ok(Running { child, report, line })
}

impl Running {
    /// Waits for its end: what it printed, and what it took.
    pub(super) fn finish(self) -> Result<(String, Cost), Failure> {
        let Self { child, report, line } = self;
        let done = child.wait_with_output().map_err(io("waiting for a step"))?;
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        if !done.status.success() {
            let said = text.lines().last().unwrap_or_default();
            return Err(Failure::new("io", format!("the step `{line}` failed ({}): {said}", done.status)));
        }
        let cost = std::fs::read_to_string(&report).map_err(io("reading what a step took"))?;
        let cost = serde_json::from_str(&cost).map_err(|e| Failure::new("io", format!("what `{line}` took: {e}")))?;
        Ok((text, cost))
    }
}

/// Runs `line` to its end.
pub(super) fn run<S: AsRef<OsStr>>(line: &[S]) -> Result<(String, Cost), Failure> {
    let line: Vec<&OsStr> = line.iter().map(AsRef::as_ref).collect();
    start(&line, false)?.finish()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_its_memory_and_time() {
        let me = std::process::id();
        assert!(memory_kb(me, "VmHWM").unwrap() >= memory_kb(me, "VmRSS").unwrap() / 2);
        assert!(memory_kb(me, "Vm").is_none());
        assert!(cpu_s(me).is_some_and(|s| (0.0..1e6).contains(&s)));
        assert!(cpu_s(u32::MAX).is_none());
    }
}
