//! A limit on how long one step's tests may take, so that a run that hangs ends and says where: a job that is cut off from
//! outside says nothing.

use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// Longest that one step's tests may take. A whole run took 28 minutes with its dependencies to build and other work beside
/// it; continuous integration is ended after 90.
pub(crate) const STEP: Duration = Duration::from_secs(45 * 60);

/// Ends a process and all that it started when it takes too long; until it is dropped.
pub(crate) struct Watchdog {
    done: Option<mpsc::Sender<()>>,
    waiting: Option<std::thread::JoinHandle<bool>>,
}

impl Watchdog {
    pub(crate) fn over(child: &Child, limit: Duration) -> Self {
        let pid = child.id();
        let (done, is_done) = mpsc::channel();
        let waiting = std::thread::spawn(move || {
            let late = is_done.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
            if late {
                end(pid);
                // Somebody who was let go by his parent may hold the pipe that we read: nothing more is to be had.
                if is_done.recv_timeout(Duration::from_secs(10)) == Err(RecvTimeoutError::Timeout) {
                    eprintln!("xtask: ended after {} minutes, and something still runs", limit.as_secs() / 60);
                    std::process::exit(1);
                }
            }
            late
        });
        Self { done: Some(done), waiting: Some(waiting) }
    }

    /// True if the process was ended for the time that it took. Afterwards nothing is ended any more.
    pub(crate) fn bit(mut self) -> bool {
        drop(self.done.take());
        self.waiting.take().is_some_and(|thread| thread.join().unwrap_or(false))
    }
}

/// Ends a process and its descendants, itself first, so that it starts no more. Where there is no /proc to find them in,
/// it alone is ended.
fn end(pid: u32) {
    let mut found = vec![pid];
    let mut looked = 0;
    while let Some(&parent) = found.get(looked) {
        found.extend(children(Path::new("/proc"), parent));
        looked += 1;
    }
    let pids: Vec<String> = found.iter().map(u32::to_string).collect();
    if let Err(problem) = Command::new("kill").arg("-KILL").args(&pids).status() {
        eprintln!("xtask: what hangs could not be ended: {problem}");
    }
}

fn children(proc: &Path, parent: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir(proc) else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let stat = std::fs::read_to_string(proc.join(pid.to_string()).join("stat")).unwrap_or_default();
        // pid (name) state ppid ...; a name may hold brackets and blanks.
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok()) == Some(parent)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::process::Stdio;

    fn shell(text: &str) -> Child {
        Command::new("sh").args(["-c", text]).stdout(Stdio::piped()).spawn().unwrap()
    }

    #[test]
    fn what_hangs_is_ended_with_all_that_it_started() {
        // A grandchild that holds the pipe: reading to its end would take an hour.
        let mut child = shell("sh -c 'sleep 3600 & wait' & wait");
        let watchdog = Watchdog::over(&child, Duration::from_millis(300));
        let mut text = String::new();
        child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        assert!(!child.wait().unwrap().success());
        assert!(watchdog.bit());
    }

    #[test]
    fn what_ends_in_time_is_left_alone() {
        let mut child = shell("echo done");
        let watchdog = Watchdog::over(&child, Duration::from_secs(600));
        assert!(child.wait().unwrap().success());
        assert!(!watchdog.bit());
    }
}
