//! How long a pause takes in the worst moments: while a first sync builds what was fetched. A phone's system gives an app
//! seconds, and iOS kills one that is suspended with a lock on a file.

use crate::bench::figure::{Figure, percentile};
use crate::bench::job::{Job, Serving};
use crate::exit::Failure;
use beatcheck_client::{ClientError, Device, DeviceEvent, Env, FileVault, Handle, Network, SyncOptions, SyncProgress};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Pauses, each later in the sync than the one before.
const PAUSES: u32 = 12;
/// Longest wait for a sync's next sign.
const PATIENCE_MS: u32 = 120_000;

/// Another device of the same hub, paused again and again in its first sync.
pub(super) fn measure(job: &Job, serving: &Serving, dir: &Path) -> Result<Vec<Figure>, Failure> {
    let other = job.beside(dir.join("paused"));
    other.enrol(serving)?;
    let vault = Arc::new(FileVault::open(other.home.join("vault")).map_err(ClientError::from)?);
    let handle = Handle::new(Device::open(&other.home, vault, Env::system(), None)?);
    let options = SyncOptions { network: Network::Unmetered, hold_s: 0 };
    let mut took_ms = Vec::new();
    for n in 0..PAUSES {
        // What the sync before has said.
        drop(handle.events(u32::MAX, 0));
        let done = std::thread::scope(|s| {
            let syncing = s.spawn(|| handle.sync(&options));
            applying(&handle, n);
            let begun = Instant::now();
            handle.pause()?;
            took_ms.push(begun.elapsed().as_secs_f64() * 1e3);
            let report = syncing.join().map_err(|_| Failure::new("io", "a sync panicked"))?;
            handle.resume()?;
            // A sync that had not begun when the pause came was refused.
            Ok::<bool, Failure>(report.is_ok_and(|r| r.complete))
        })?;
        if done {
            break;
        }
    }
    let n = took_ms.len();
    let case = "pause in a first sync, Rust";
    Ok(vec![
        Figure::lower(case, "p50", percentile(&mut took_ms, 0.5), "ms").n(n),
        Figure::lower(case, "longest", percentile(&mut took_ms, 1.0), "ms").n(n),
    ])
}

/// Waits until rows are being applied, and then a while that grows with `n`.
fn applying(handle: &Handle, n: u32) {
    let mut seen = 0;
    while seen <= n / 3 {
        let events = handle.events(u32::MAX, PATIENCE_MS);
        if events.is_empty() {
            return;
        }
        for event in events {
            match event {
                DeviceEvent::Progress(SyncProgress::Applying { .. }) => seen += 1,
                DeviceEvent::Finished { .. } => return,
                _ => {}
            }
        }
    }
    std::thread::sleep(Duration::from_millis(u64::from(n % 3) * 150));
}
