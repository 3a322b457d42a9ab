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
/// Of them, those that fall into the writing of indexes, after the last row of a list.
const AT_THE_END: u32 = 8;
/// Milliseconds by which each of those comes later than the one before.
const LATER_MS: u64 = 150;
/// Longest wait for a sync's next sign.
const PATIENCE_MS: u32 = 120_000;

/// Another device of the same hub, paused again and again in its first sync.
pub(super) fn measure(job: &Job, serving: &Serving, dir: &Path) -> Result<Vec<Figure>, Failure> {
    let other = job.beside(dir.join("paused"));
    other.enrol(serving)?;
    let vault = Arc::new(FileVault::open(other.home.join("vault")).map_err(ClientError::from)?);
    let handle = Handle::new(Device::open(&other.home, vault, Env::system(), None)?);
    let options = SyncOptions { network: Network::Unmetered, hold_s: 0 };
    let (mut took_ms, mut at_the_end_ms) = (Vec::new(), Vec::new());
    for n in 0..PAUSES + AT_THE_END {
        // What the sync before has said.
        drop(handle.events(u32::MAX, 0));
        let done = std::thread::scope(|s| {
            let syncing = s.spawn(|| handle.sync(&options));
            let late = n.checked_sub(PAUSES);
            match late {
                None => applying(&handle, n),
                Some(n) => all_rows(&handle, n),
            }
            let begun = Instant::now();
            handle.pause()?;
            let took = begun.elapsed().as_secs_f64() * 1e3;
            if late.is_some() { &mut at_the_end_ms } else { &mut took_ms }.push(took);
            let report = syncing.join().map_err(|_| Failure::new("io", "a sync panicked"))?;
            handle.resume()?;
            // A sync that had not begun when the pause came was refused.
            Ok::<bool, Failure>(report.is_ok_and(|r| r.complete))
        })?;
        if done {
            break;
        }
    }
    let mut out = Vec::new();
    for (case, mut ms) in
        [("pause in a first sync, Rust", took_ms), ("pause while indexes are written, Rust", at_the_end_ms)]
    {
        let n = ms.len();
        if n == 0 {
            out.push(Figure::not_measured(case, "p50", "ms", "the sync had come to its end before"));
            continue;
        }
        out.push(Figure::lower(case, "p50", percentile(&mut ms, 0.5), "ms").n(n));
        out.push(Figure::lower(case, "longest", percentile(&mut ms, 1.0), "ms").n(n));
    }
    Ok(out)
}

/// Waits until the rows of a list are all there, and then a while that grows with `n`.
fn all_rows(handle: &Handle, n: u32) {
    loop {
        let events = handle.events(u32::MAX, PATIENCE_MS);
        let there = events.iter().any(|event| match event {
            DeviceEvent::Progress(SyncProgress::Applying { rows, of, .. }) => rows >= of,
            DeviceEvent::Finished { .. } => true,
            _ => false,
        });
        if there || events.is_empty() {
            break;
        }
    }
    std::thread::sleep(Duration::from_millis(u64::from(n) * LATER_MS));
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
