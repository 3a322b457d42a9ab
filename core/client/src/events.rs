//! What an app may want to hear, pulled and not pushed: no callback comes in on a thread that the app does not know.

use crate::{SyncProgress, SyncReport};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Events that wait to be pulled, at most: beyond, the oldest go (each is also in a report or in the status).
pub const MAX_EVENTS: usize = 256;

/// Something that happened on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceEvent {
    /// A sync goes on.
    Progress(SyncProgress),
    /// A sync ended.
    Finished {
        /// Whether all that is published for this device is held.
        complete: bool,
        /// Code of the fault that ended it.
        fault: Option<String>,
    },
    /// Another policy is in force.
    PolicyChanged {
        /// Its version.
        policy_version: u64,
    },
    /// Records can no longer be read.
    Locked,
    /// Records can be read.
    Unlocked,
    /// The device was wiped.
    Wiped,
}

impl DeviceEvent {
    /// The end of a sync.
    #[must_use]
    pub fn finished(report: &SyncReport) -> Self {
        Self::Finished { complete: report.complete, fault: report.fault.as_ref().map(|f| f.code.clone()) }
    }
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<DeviceEvent>,
    closed: bool,
}

/// A bounded queue, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Events {
    waiting: Mutex<Waiting>,
    came: Condvar,
}

impl Events {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn put(&self, event: DeviceEvent) {
        let mut waiting = self.lock();
        if waiting.events.len() == MAX_EVENTS {
            waiting.events.pop_front();
        }
        waiting.events.push_back(event);
        drop(waiting);
        self.came.notify_one();
    }

    /// Nothing comes any more: who waits goes home. What waits can still be pulled.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.came.notify_all();
    }

    /// Up to `most`, oldest first; waits up to `patience` for the first.
    pub(crate) fn take(&self, most: usize, patience: Duration) -> Vec<DeviceEvent> {
        let until = Instant::now() + patience;
        let mut waiting = self.lock();
        while waiting.events.is_empty() && !waiting.closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            waiting = self.came.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let n = most.min(waiting.events.len());
        waiting.events.drain(..n).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{DeviceEvent, Events, MAX_EVENTS};
    use std::time::Duration;

    #[test]
    fn the_oldest_go_when_nobody_pulls() {
        let events = Events::default();
        for policy_version in 0..MAX_EVENTS as u64 + 3 {
            events.put(DeviceEvent::PolicyChanged { policy_version });
        }
        let got = events.take(usize::MAX, Duration::ZERO);
        assert_eq!(got.len(), MAX_EVENTS);
        assert_eq!(got[0], DeviceEvent::PolicyChanged { policy_version: 3 });
    }

    #[test]
    fn who_waits_is_woken_by_an_event_and_by_the_end() {
        let events = std::sync::Arc::new(Events::default());
        let waits = std::thread::spawn({
            let events = std::sync::Arc::clone(&events);
            move || (events.take(9, Duration::from_secs(600)), events.take(9, Duration::from_secs(600)))
        });
        events.put(DeviceEvent::Locked);
        while !events.lock().events.is_empty() {
            std::thread::yield_now();
        }
        events.close();
        assert_eq!(waits.join().unwrap(), (vec![DeviceEvent::Locked], vec![]));
    }
}
