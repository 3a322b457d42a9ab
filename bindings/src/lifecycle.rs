//! Cancelling, pausing, closing.

use crate::{ApiError, Device, Lifecycle};

#[uniffi::remote(Enum)]
pub enum Lifecycle {
    Open,
    Paused,
    Closed,
    Wiped,
}

#[uniffi::export]
impl Device {
    /// Ends a sync or a watch that is running, soon: its report names the fault `cancelled`. What was applied is in force, what
    /// was fetched is kept for the next one, and nothing is half done. Without one it does nothing. Returns at once.
    pub fn cancel_sync(&self) {
        self.inner.cancel_sync();
    }

    /// Before the system suspends the app: cancels a sync and waits until nothing is being written and no transaction holds a
    /// lock on a file. Until [`Device::resume`] everything else is refused with [`ApiError::Suspended`], code `paused`. Blocks,
    /// commonly for milliseconds, at most 20 s. Keys stay in memory: [`Device::lock`] forgets them. Twice is once.
    ///
    /// # Errors
    /// [`ApiError::Suspended`] with code `still_busy` if something was still under way after 20 s; it is paused all the same.
    pub fn pause(&self) -> Result<(), ApiError> {
        Ok(self.inner.pause()?)
    }

    /// After a pause. On a device that is not paused it does nothing.
    ///
    /// # Errors
    /// [`ApiError::Suspended`] with code `closed`.
    pub fn resume(&self) -> Result<(), ApiError> {
        Ok(self.inner.resume()?)
    }

    /// Closes the device for good: as [`Device::pause`], and files are closed and keys forgotten. Everything later is refused
    /// with [`ApiError::Suspended`], code `closed`. Twice is once. (Not named `close`: in Kotlin that lets go of the object.)
    pub fn shut_down(&self) {
        self.inner.close();
    }

    /// Whether the device can be used. Never waits.
    #[must_use]
    pub fn lifecycle(&self) -> Lifecycle {
        self.inner.lifecycle()
    }
}
