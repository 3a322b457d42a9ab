//! Processes of a run, each with an end: the work's own, the run's time limit, or a signal to the run.
//!
//! A bad link is where commands hang, and a bench that hangs with them measures nothing. So nothing here waits without
//! a limit, and whoever stops the run (SIGINT, SIGTERM) gets it stopped, with the namespaces cleared away.

use super::super::job::end;
use super::super::step::io;
use crate::exit::Failure;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;

/// How often a wait looks whether it is over.
const LOOK: Duration = Duration::from_millis(5);
/// Most of a child's output that is read, in bytes.
const MAX_OUTPUT: u64 = 4 << 20;

/// Set when the run is to stop.
pub(super) type Stop = Arc<AtomicBool>;

/// The flag that SIGINT and SIGTERM set from now on, in place of ending the process.
pub(super) fn stop_on_signal() -> Stop {
    static STOP: OnceLock<Stop> = OnceLock::new();
    let stop = STOP.get_or_init(|| {
        let stop = Stop::default();
        let flag = Arc::clone(&stop);
        // Without the thread the run can still be ended, only less tidily; the next run clears away what is left.
        let _ = std::thread::Builder::new().name("signals".into()).spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
            if let Ok(()) = runtime.block_on(signalled()) {
                flag.store(true, Ordering::Relaxed);
            }
        });
        stop
    });
    Arc::clone(stop)
}

#[cfg(unix)]
async fn signalled() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn signalled() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// Until when work may go on.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    stop: Stop,
    until: Instant,
}

impl Limit {
    pub(super) fn new(stop: Stop, time: Duration) -> Self {
        Self { stop, until: Instant::now() + time }
    }

    /// The same, but no longer than `time` from now.
    pub(super) fn within(&self, time: Duration) -> Self {
        Self { stop: Arc::clone(&self.stop), until: self.until.min(Instant::now() + time) }
    }

    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// # Errors
    /// When the run was stopped, or its time is over.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.stopped() {
            return Err(Failure::new("io", "stopped by a signal"));
        }
        if Instant::now() >= self.until {
            return Err(Failure::new(
                "io",
                "the time ran out: --timeout-min gives more, --vehicles makes the job smaller",
            ));
        }
        Ok(())
    }

    /// Waits until `done`, looking again and again; whether it was done in time.
    pub(super) fn wait(&self, mut done: impl FnMut() -> bool) -> bool {
        loop {
            if done() {
                return true;
            }
            if self.check().is_err() {
                return false;
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Sleeps, unless the limit comes first.
    pub(super) fn sleep(&self, time: Duration) {
        let until = Instant::now() + time;
        self.wait(|| Instant::now() >= until);
    }
}

/// How a child ended.
pub(super) struct Ended {
    /// It did so by itself, and said that all went well.
    pub(super) ok: bool,
    /// It was ended because its time was over.
    pub(super) late: bool,
    pub(super) out: String,
    pub(super) err: String,
}

impl Ended {
    /// The last line of what it complained of.
    pub(super) fn complaint(&self) -> &str {
        let line = |text: &'_ str| text.lines().last().map(str::trim).filter(|l| !l.is_empty()).is_some();
        let text = if line(&self.err) { &self.err } else { &self.out };
        text.lines().last().unwrap_or("it said nothing").trim()
    }
}

/// A child whose output goes to files, so that no full pipe can stop it. Ended when dropped.
pub(super) struct Process {
    child: Child,
    out: NamedTempFile,
    err: NamedTempFile,
}

/// Starts a process.
pub(super) fn start(mut command: Command) -> Result<Process, Failure> {
    let file = || NamedTempFile::new().map_err(io("making a temporary file"));
    let (out, err) = (file()?, file()?);
    // Opened anew, not cloned: a clone would share its place in the file, and reading would move the child's.
    let open = |f: &NamedTempFile| f.reopen().map(Stdio::from).map_err(io("opening a temporary file"));
    let name = command.get_program().to_string_lossy().into_owned();
    let child = command
        .stdin(Stdio::null())
        .stdout(open(&out)?)
        .stderr(open(&err)?)
        .spawn()
        .map_err(io(&format!("starting {name}")))?;
    Ok(Process { child, out, err })
}

impl Process {
    /// What it has printed so far.
    pub(super) fn said(&self) -> String {
        read(&self.out)
    }

    /// Whether it has ended.
    pub(super) fn ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end. A child that is late is ended.
    ///
    /// # Errors
    /// When the run was stopped.
    pub(super) fn finish(mut self, limit: &Limit) -> Result<Ended, Failure> {
        let late = !limit.wait(|| self.ended());
        if limit.stopped() {
            limit.check()?;
        }
        if late {
            end(&mut self.child);
        }
        let ok = !late && matches!(self.child.try_wait(), Ok(Some(status)) if status.success());
        Ok(Ended { ok, late, out: read(&self.out), err: read(&self.err) })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.ended() {
            end(&mut self.child);
        }
    }
}

/// Runs a process to its end.
pub(super) fn run(command: Command, limit: &Limit) -> Result<Ended, Failure> {
    start(command)?.finish(limit)
}

/// What stands in the file so far.
fn read(file: &NamedTempFile) -> String {
    let mut bytes = Vec::new();
    // What cannot be read was not said: the caller judges by what there is.
    let _ = file.reopen().and_then(|f| f.take(MAX_OUTPUT).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}
