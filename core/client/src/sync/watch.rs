//! Staying in contact: sync after sync over one connection, the hub holding each question until it has something new.
//!
//! For the foreground: what the hub publishes or withdraws is here a moment later. Between two syncs, idle time is used
//! to read stored rows again.

use super::link::Link;
use super::{SyncOptions, SyncProgress, SyncReport};
use crate::ClientError;
use crate::device::Device;
use beatcheck_wire::catch_up::MAX_HOLD_S;
use std::time::{Duration, Instant};

/// Milliseconds of scrubbing after a sync that brought nothing.
const SCRUB_MS: u64 = 50;
/// First and longest wait after a sync that failed.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Shortest time between two syncs of which the hub held none; one that has no room to hold any is asked ever less often.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST_UNHELD: Duration = Duration::from_secs(30);
/// Time after a sync that left something for another network, or that a compartment failed in: the hub would not hold a
/// question about it, and each costs bytes.
const UNFINISHED: Duration = Duration::from_secs(60);
/// How often `stop` is asked while waiting.
const TICK: Duration = Duration::from_millis(100);

impl Device {
    /// Syncs again and again until `stop` says so; `told` gets every report. The first sync asks without waiting, the
    /// following ones let the hub hold the question for up to `options.hold_s` seconds (0: 25). A sync that fails is
    /// told like any other, and followed by another after a while that grows to a minute, or as long as the hub asks for; one
    /// that left something undone (a budget, a compartment that failed) after a minute. While another process syncs this
    /// device it waits until that has ended.
    ///
    /// Returns when `stop` answers true (asked ten times a second between syncs; a held question is not broken off), when it
    /// is cancelled ([`crate::Handle::cancel_sync`], which breaks it off), or when the device was wiped: what is left of its account is then for the caller to send ([`Device::send_last_words`]).
    ///
    /// # Errors
    /// As [`Device::sync`], but for [`ClientError::SyncRunning`].
    pub fn watch(
        &self,
        options: &SyncOptions,
        progress: &dyn Fn(SyncProgress),
        told: &mut dyn FnMut(&SyncReport),
        stop: &dyn Fn() -> bool,
    ) -> Result<(), ClientError> {
        let link = Link::new(self)?;
        let hold_s = if options.hold_s == 0 { MAX_HOLD_S } else { options.hold_s.min(MAX_HOLD_S) };
        let (mut first, mut wait, mut unheld) = (true, FIRST_WAIT, SHORTEST);
        let halt = self.halting.listen();
        let stop = || stop() || halt.has_come();
        while !stop() {
            self.tick()?;
            let began = Instant::now();
            let held = SyncOptions { hold_s: if first { 0 } else { hold_s }, ..*options };
            let report = match self.sync_over(&link, &held, progress) {
                Err(ClientError::SyncRunning) => {
                    self.wait(SHORTEST, &stop)?;
                    continue;
                }
                other => other?,
            };
            told(&report);
            if report.wiped {
                return Ok(());
            }
            let pause = if report.fault.is_some() {
                let pause = wait.max(Duration::from_secs(self.patience_s()?.into()));
                wait = (wait * 2).min(LONGEST_WAIT);
                first = true;
                pause
            } else {
                let took = began.elapsed();
                // It was to wait, had nothing new, and did not wait: it holds as many already as it can.
                let no_room = !first && report.compartments.is_empty() && took < Duration::from_secs(hold_s.into()) / 2;
                (first, wait) = (false, FIRST_WAIT);
                if report.compartments.is_empty() {
                    self.scrub(SCRUB_MS, false)?;
                }
                let short = if no_room { unheld } else { SHORTEST };
                unheld = if no_room { (unheld * 2).min(LONGEST_UNHELD) } else { SHORTEST };
                if report.complete { short.saturating_sub(began.elapsed()) } else { UNFINISHED }
            };
            self.wait(pause, &stop)?;
        }
        Ok(())
    }

    /// Lets time pass, and locks when it is time to, until `stop` says so.
    fn wait(&self, pause: Duration, stop: &dyn Fn() -> bool) -> Result<(), ClientError> {
        let until = Instant::now() + pause;
        while Instant::now() < until && !stop() {
            self.tick()?;
            std::thread::sleep(TICK.min(until.saturating_duration_since(Instant::now())));
        }
        Ok(())
    }
}
