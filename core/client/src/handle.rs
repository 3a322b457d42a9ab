//! A device as an app holds it: it can be paused and closed while other threads use it, and says what happens.
//!
//! A phone's system suspends an app with little warning and kills one that is suspended while a database is being written
//! (on Apple's, where the files lie in a container that apps share). So there is a gate: whoever wants something of the
//! device goes through it, and a pause closes it, ends what takes long, and waits until everybody is out.
//!
//! It stops here: what the device does behind the gate is [`Device`]'s.

use crate::events::{DeviceEvent, Events};
use crate::{ClientError, Device, Network, SyncOptions, SyncReport};
use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longest wait of a pause for what is under way. A phone's system gives an app about this long, and a biometric question
/// may stand open for longer.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a pause says again that what takes long is to end: work may begin to listen after it was said.
const AGAIN: Duration = Duration::from_millis(20);

/// Whether a device can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// It can.
    Open,
    /// Not until it is resumed.
    Paused,
    /// Not any more: open it anew.
    Closed,
    /// It was wiped: enrol it anew.
    Wiped,
}

struct Gate {
    /// None once closed.
    device: Option<Arc<Device>>,
    paused: bool,
    /// How many are behind it.
    inside: usize,
}

/// What was said last, so that a change is an event once.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Said {
    unlocked: bool,
    policy_version: u64,
    wiped: bool,
}

/// A device behind a gate. Safe to call from any thread.
pub struct Handle {
    gate: Mutex<Gate>,
    left: Condvar,
    events: Events,
    said: Mutex<Said>,
}

/// The device, as long as this is held: a pause and a close wait for it.
pub struct Using<'a> {
    handle: &'a Handle,
    device: Arc<Device>,
}

impl Deref for Using<'_> {
    type Target = Device;

    fn deref(&self) -> &Device {
        &self.device
    }
}

impl Drop for Using<'_> {
    fn drop(&mut self) {
        self.handle.tell(&self.device);
        let mut gate = self.handle.gate();
        gate.inside -= 1;
        drop(gate);
        self.handle.left.notify_all();
    }
}

fn said(device: &Device) -> Said {
    Said {
        unlocked: device.is_unlocked(),
        policy_version: device.view().policy.as_ref().map_or(0, |p| p.policy_version),
        wiped: device.is_wiped(),
    }
}

impl Handle {
    /// Puts a device behind a gate that stands open.
    #[must_use]
    pub fn new(device: Device) -> Self {
        Self {
            said: Mutex::new(said(&device)),
            gate: Mutex::new(Gate { device: Some(Arc::new(device)), paused: false, inside: 0 }),
            left: Condvar::new(),
            events: Events::default(),
        }
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The device, to be used now. Do not keep it: a pause waits until it is let go.
    ///
    /// # Errors
    /// [`ClientError::Paused`], [`ClientError::Closed`].
    pub fn using(&self) -> Result<Using<'_>, ClientError> {
        let mut gate = self.gate();
        let device = Arc::clone(gate.device.as_ref().ok_or(ClientError::Closed)?);
        if gate.paused {
            return Err(ClientError::Paused);
        }
        gate.inside += 1;
        drop(gate);
        Ok(Using { handle: self, device })
    }

    /// Whether it can be used.
    #[must_use]
    pub fn lifecycle(&self) -> Lifecycle {
        let gate = self.gate();
        match &gate.device {
            None => Lifecycle::Closed,
            Some(device) if device.is_wiped() => Lifecycle::Wiped,
            Some(_) if gate.paused => Lifecycle::Paused,
            Some(_) => Lifecycle::Open,
        }
    }

    /// Ends a sync or a watch that is running, soon: its report names the fault `cancelled`. What was applied is in force,
    /// what was fetched is kept, and nothing is half done. Without one it does nothing.
    pub fn cancel_sync(&self) {
        let device = self.gate().device.clone();
        if let Some(device) = device {
            device.halting.halt();
        }
    }

    /// Lets nobody in any more, ends what takes long and waits until everybody is out: afterwards nothing is being written
    /// and no lock on a file is held by a transaction. Keys stay in memory; [`Device::lock`] forgets them. Twice is once.
    ///
    /// # Errors
    /// [`ClientError::StillBusy`] if somebody was not out after 20 s (an officer before a biometric question): it is paused
    /// all the same, for everybody else.
    pub fn pause(&self) -> Result<(), ClientError> {
        let mut gate = self.gate();
        gate.paused = true;
        let Some(device) = gate.device.clone() else { return Ok(()) };
        if self.wait(gate, &device) { Ok(()) } else { Err(ClientError::StillBusy) }
    }

    /// Lets everybody in again.
    ///
    /// # Errors
    /// [`ClientError::Closed`].
    pub fn resume(&self) -> Result<(), ClientError> {
        let mut gate = self.gate();
        gate.device.as_ref().ok_or(ClientError::Closed)?;
        gate.paused = false;
        Ok(())
    }

    /// As [`Handle::pause`], and for good: files are closed and keys forgotten, at the latest when whoever is still inside
    /// comes out. Who waits for events is sent home. Twice is once.
    pub fn close(&self) {
        let mut gate = self.gate();
        let Some(device) = gate.device.take() else { return };
        self.events.close();
        gate.paused = true;
        self.wait(gate, &device);
    }

    /// Waits until nobody is inside; false if that took too long.
    fn wait(&self, mut gate: MutexGuard<'_, Gate>, device: &Device) -> bool {
        let until = Instant::now() + PATIENCE;
        while gate.inside > 0 {
            if Instant::now() >= until {
                return false;
            }
            device.halting.halt();
            gate = self.left.wait_timeout(gate, AGAIN).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// As [`Device::sync_with`], with its events put where they are pulled.
    ///
    /// # Errors
    /// As [`Device::sync_with`], and those of [`Handle::using`].
    pub fn sync(&self, options: &SyncOptions) -> Result<SyncReport, ClientError> {
        let device = self.using()?;
        let report = device.sync_with(options, &|p| self.events.put(DeviceEvent::Progress(p)))?;
        self.finished(&device, &report);
        Ok(report)
    }

    /// As [`Device::watch`], with its events put where they are pulled. Ends by `stop`, [`Handle::cancel_sync`], a pause, or
    /// a wipe.
    ///
    /// # Errors
    /// As [`Device::watch`], and those of [`Handle::using`].
    pub fn watch(&self, network: Network, stop: &dyn Fn() -> bool) -> Result<(), ClientError> {
        let device = self.using()?;
        let options = SyncOptions { network, hold_s: 0 };
        let progress = |p| self.events.put(DeviceEvent::Progress(p));
        device.watch(&options, &progress, &mut |report| self.finished(&device, report), stop)
    }

    fn finished(&self, device: &Device, report: &SyncReport) {
        self.tell(device);
        self.events.put(DeviceEvent::finished(report));
    }

    /// Puts what has changed since it was last said.
    fn tell(&self, device: &Device) {
        let mut last = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock: who read earlier must not say later what is not so any more.
        let now = said(device);
        let before = std::mem::replace(&mut *last, now);
        if now.wiped && !before.wiped {
            return self.events.put(DeviceEvent::Wiped);
        }
        if now.policy_version != before.policy_version && !now.wiped {
            self.events.put(DeviceEvent::PolicyChanged { policy_version: now.policy_version });
        }
        if now.unlocked != before.unlocked && !now.wiped {
            self.events.put(if now.unlocked { DeviceEvent::Unlocked } else { DeviceEvent::Locked });
        }
    }

    /// Events, oldest first, at most `most`; waits up to `wait_ms` for the first. After a close what still waits comes, then
    /// nothing, at once.
    #[must_use]
    pub fn events(&self, most: u32, wait_ms: u32) -> Vec<DeviceEvent> {
        self.events.take(most as usize, Duration::from_millis(wait_ms.into()))
    }
}
