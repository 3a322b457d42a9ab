//! One direction of a link: what becomes of a packet that is put in at a given time.
//!
//! Pure and seeded: no clock, no socket, so that its rate, delay and loss are tested in virtual time, and the same
//! packets at the same times meet the same fate under the same seed. (Real TCP does not send at the same times twice:
//! figures of two runs differ a little.) A packet waits in a queue, is sent at the link's rate, may be lost on the air
//! (having used it all the same), and arrives after the delay, never before one that was sent earlier.

use super::profile::Shape;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Largest IP packet on the link, in bytes: what is left inside a tunnel of a mobile network or a VPN.
pub(super) const MTU: usize = 1400;
/// The queue in front of the link holds what the link sends in this time ...
const QUEUE_MS: u64 = 1000;
/// ... but never fewer than so many full packets. Mobile networks queue rather than drop; a shallow queue would lose
/// packets by itself, and the profile's loss would no longer be the loss.
const QUEUE_PACKETS: u64 = 64;
/// Microseconds since the link began.
pub(super) type Micros = u64;

/// Packets and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

impl Count {
    const fn add(&mut self, len: usize) {
        self.packets += 1;
        self.bytes += len as u64;
    }

    /// What was counted since `before`.
    pub(super) const fn since(self, before: Self) -> Self {
        Self { packets: self.packets.saturating_sub(before.packets), bytes: self.bytes.saturating_sub(before.bytes) }
    }

    /// Both.
    pub(super) const fn plus(self, other: Self) -> Self {
        Self { packets: self.packets + other.packets, bytes: self.bytes + other.bytes }
    }
}

/// What went into one direction and what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Put in by the sender, whatever became of it.
    pub(super) sent: Count,
    /// Handed to the receiver.
    pub(super) delivered: Count,
    /// Lost on the air.
    pub(super) lost: Count,
    /// Turned away by a full queue.
    pub(super) full: Count,
    /// Met an outage.
    pub(super) outage: Count,
}

impl Totals {
    /// What happened since `before`.
    pub(super) const fn since(self, before: Self) -> Self {
        Self {
            sent: self.sent.since(before.sent),
            delivered: self.delivered.since(before.delivered),
            lost: self.lost.since(before.lost),
            full: self.full.since(before.full),
            outage: self.outage.since(before.outage),
        }
    }

    /// Both.
    pub(super) const fn plus(self, other: Self) -> Self {
        Self {
            sent: self.sent.plus(other.sent),
            delivered: self.delivered.plus(other.delivered),
            lost: self.lost.plus(other.lost),
            full: self.full.plus(other.full),
            outage: self.outage.plus(other.outage),
        }
    }
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It arrives at this time.
    Arrives(Micros),
    Lost,
    /// The queue was full.
    Full,
    /// There was no signal.
    Outage,
}

/// The link's state in one direction.
#[derive(Debug)]
pub(super) struct Pipe {
    shape: Shape,
    rng: ChaCha8Rng,
    /// When the last packet of the queue will have been sent.
    free_at: Micros,
    /// When the last packet arrives.
    last: Micros,
    totals: Totals,
}

impl Pipe {
    /// A pipe; `direction` keeps the two of a link from losing the same packets.
    pub(super) fn new(shape: Shape, seed: u64, direction: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(direction);
        Self { shape, rng, free_at: 0, last: 0, totals: Totals::default() }
    }

    pub(super) const fn totals(&self) -> Totals {
        self.totals
    }

    /// Puts in a packet of `len` bytes. Times must not go back.
    pub(super) fn offer(&mut self, now: Micros, len: usize) -> Fate {
        self.totals.sent.add(len);
        let fate = self.fate(now, len);
        match fate {
            Fate::Arrives(_) => {}
            Fate::Lost => self.totals.lost.add(len),
            Fate::Full => self.totals.full.add(len),
            Fate::Outage => self.totals.outage.add(len),
        }
        fate
    }

    /// A packet that was to arrive has been handed over.
    pub(super) const fn delivered(&mut self, len: usize) {
        self.totals.delivered.add(len);
    }

    /// A packet that was to arrive found no room to wait in.
    #[cfg(any(target_os = "linux", test))]
    pub(super) const fn turned_away(&mut self, len: usize) {
        self.totals.full.add(len);
    }

    fn fate(&mut self, now: Micros, len: usize) -> Fate {
        if self.back_at(now).is_some() {
            return Fate::Outage;
        }
        if !self.has_room(now, len) {
            return Fate::Full;
        }
        let air = self.shape.kbit_s.map_or(0, |kbit_s| (len as u64 * 8000).div_ceil(kbit_s.max(1)));
        let sent = self.free_at.max(now) + air;
        self.free_at = sent;
        // Both are drawn for each packet that is sent, so that one packet's fate does not move the next one's.
        let (lost, jitter) = (self.draw() < self.shape.loss, self.draw());
        if self.back_at(sent).is_some() {
            return Fate::Outage;
        }
        if lost {
            return Fate::Lost;
        }
        let spread = self.shape.jitter_ms * 2000;
        let least = (self.shape.delay_ms * 1000).saturating_sub(self.shape.jitter_ms * 1000);
        self.last = self.last.max(sent + least + (jitter * spread as f64) as u64);
        Fate::Arrives(self.last)
    }

    /// Whether the queue takes a packet of `len` bytes now.
    pub(super) fn has_room(&self, now: Micros, len: usize) -> bool {
        let waiting = |kbit_s: u64| self.free_at.saturating_sub(now) * kbit_s / 8000;
        self.shape.kbit_s.is_none_or(|kbit_s| waiting(kbit_s) + len as u64 <= queue_bytes(kbit_s))
    }

    /// In an outage, when the signal is back.
    pub(super) fn back_at(&self, at: Micros) -> Option<Micros> {
        let outage = self.shape.outage?;
        let (up, round) = (outage.up_s * 1_000_000, (outage.up_s + outage.down_s) * 1_000_000);
        let into = at.checked_rem(round)?;
        (into >= up).then_some(at - into + round)
    }

    /// Evenly from 0 to below 1.
    fn draw(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Most bytes that wait in front of a link of that rate.
fn queue_bytes(kbit_s: u64) -> u64 {
    (kbit_s * QUEUE_MS / 8).max(QUEUE_PACKETS * MTU as u64)
}

#[cfg(test)]
mod tests;
