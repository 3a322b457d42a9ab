//! Events, pulled.

use crate::Device;
use beatcheck_client as client;
use client::{DeviceEvent, LateHit, SyncProgress};

/// Something that happened on a device.
#[derive(Clone, Debug, PartialEq, uniffi::Enum)]
pub enum SyncEvent {
    /// Connecting to the hub.
    Connecting,
    /// Bytes fetched, of those planned so far.
    Fetched {
        /// Fetched.
        bytes: u64,
        /// Planned.
        of: u64,
        /// Bytes a second of late.
        bytes_per_s: u64,
    },
    /// Rows being applied.
    Applying {
        /// Compartment's name.
        compartment: String,
        /// Rows done.
        rows: u64,
        /// Of so many.
        of: u64,
    },
    /// A compartment answers from its new state.
    Usable {
        /// Compartment's name.
        compartment: String,
    },
    /// A compartment's list of marks answers: what is on it is possible, until its records have come.
    MarksUsable {
        /// Compartment's name.
        compartment: String,
    },
    /// Waiting before the next try.
    Waiting {
        /// Milliseconds.
        ms: u64,
    },
    /// An answer given earlier has changed: tell the officer.
    LateHit {
        /// What.
        hit: LateHit,
    },
    /// A sync ended.
    Finished {
        /// Whether all that is published for this device is held.
        complete: bool,
        /// Code of the fault that ended it, if one did: `hub_unreachable`, `cancelled`, ...
        fault: Option<String>,
    },
    /// Another policy is in force: purposes and limits may have changed, so read the status again.
    PolicyChanged {
        /// Its version.
        policy_version: u64,
    },
    /// Records can no longer be read: show the unlock screen.
    Locked,
    /// Records can be read.
    Unlocked,
    /// The device was wiped: send what is left of its account ([`crate::send_last_words`]), show the enrolment screen.
    Wiped,
}

impl From<DeviceEvent> for SyncEvent {
    fn from(event: DeviceEvent) -> Self {
        match event {
            DeviceEvent::Progress(progress) => match progress {
                SyncProgress::Connecting => Self::Connecting,
                SyncProgress::Fetched { bytes, of, bytes_per_s } => Self::Fetched { bytes, of, bytes_per_s },
                SyncProgress::Applying { compartment, rows, of } => Self::Applying { compartment, rows, of },
                SyncProgress::Usable { compartment } => Self::Usable { compartment },
                SyncProgress::MarksUsable { compartment } => Self::MarksUsable { compartment },
                SyncProgress::Waiting { ms } => Self::Waiting { ms },
                SyncProgress::LateHit(hit) => Self::LateHit { hit },
            },
            DeviceEvent::Finished { complete, fault } => Self::Finished { complete, fault },
            DeviceEvent::PolicyChanged { policy_version } => Self::PolicyChanged { policy_version },
            DeviceEvent::Locked => Self::Locked,
            DeviceEvent::Unlocked => Self::Unlocked,
            DeviceEvent::Wiped => Self::Wiped,
        }
    }
}

#[uniffi::export]
impl Device {
    /// The next event, oldest first; none if there is none now. At most 256 wait: beyond, the oldest go. Each is also in a
    /// report or in the status.
    #[must_use]
    pub fn next_event(&self) -> Option<SyncEvent> {
        self.inner.events(1, 0).pop().map(SyncEvent::from)
    }

    /// Events, oldest first, at most `most`; waits up to `wait_ms` milliseconds for the first. For a thread of its own that
    /// hands them on. After [`Device::shut_down`] it returns at once.
    #[must_use]
    pub fn next_events(&self, most: u32, wait_ms: u32) -> Vec<SyncEvent> {
        self.inner.events(most, wait_ms).into_iter().map(SyncEvent::from).collect()
    }
}
