//! Ending what takes long: a sync, a watch, a question to the hub.
//!
//! Who works listens from before it begins; who wants it ended says so once, to all who listen then. What ends early has
//! changed nothing half: transactions are taken back, frames that came are kept.

use tokio::sync::watch;

/// Where it is said.
#[derive(Debug, Default)]
pub(crate) struct Halting(watch::Sender<u64>);

impl Halting {
    /// Listens from now on: what was said before does not count.
    pub(crate) fn listen(&self) -> Halt {
        Halt(self.0.subscribe())
    }

    /// Says it to all who listen.
    pub(crate) fn halt(&self) {
        self.0.send_modify(|times| *times = times.wrapping_add(1));
    }
}

/// Where it is heard. A clone hears what its original had not heard yet.
#[derive(Clone, Debug)]
pub(crate) struct Halt(watch::Receiver<u64>);

impl Halt {
    /// Whether it was said and not yet heard with [`Halt::come`].
    pub(crate) fn has_come(&self) -> bool {
        // Nobody can say it any more: the device is gone.
        self.0.has_changed().unwrap_or(true)
    }

    /// Waits until it is said.
    pub(crate) async fn come(&mut self) {
        let _ = self.0.changed().await;
    }
}

#[cfg(test)]
mod tests {
    use super::Halting;

    #[test]
    fn it_is_heard_by_who_listened_before() {
        let halting = Halting::default();
        let early = halting.listen();
        halting.halt();
        assert!(early.has_come() && early.clone().has_come());
        assert!(!halting.listen().has_come(), "who comes later begins anew");
    }
}
