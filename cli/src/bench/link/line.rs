//! One direction of a link with the packets that are under way in it.

use super::pipe::{Fate, Micros, Pipe, Totals};
use std::collections::VecDeque;

/// Most packets under way in one direction: above what any profile's rate and delay can hold.
const MAX_UNDER_WAY: usize = 8192;

/// A pipe and the packets in it.
#[derive(Debug)]
pub(super) struct Line {
    pipe: Pipe,
    under_way: VecDeque<(Micros, Vec<u8>)>,
}

impl Line {
    pub(super) const fn new(pipe: Pipe) -> Self {
        Self { pipe, under_way: VecDeque::new() }
    }

    /// Puts a packet in.
    pub(super) fn put(&mut self, now: Micros, packet: &[u8]) {
        if let Fate::Arrives(at) = self.pipe.offer(now, packet.len()) {
            if self.under_way.len() < MAX_UNDER_WAY {
                self.under_way.push_back((at, packet.to_vec()));
            } else {
                self.pipe.turned_away(packet.len());
            }
        }
    }

    /// Takes out the next packet that has arrived.
    pub(super) fn take(&mut self, now: Micros) -> Option<Vec<u8>> {
        if self.next()? > now {
            return None;
        }
        let (_, packet) = self.under_way.pop_front()?;
        self.pipe.delivered(packet.len());
        Some(packet)
    }

    /// When the next packet arrives.
    pub(super) fn next(&self) -> Option<Micros> {
        self.under_way.front().map(|(at, _)| *at)
    }

    /// How many packets have yet to arrive.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    pub(super) const fn totals(&self) -> Totals {
        self.pipe.totals()
    }
}

#[cfg(test)]
mod tests {
    use super::super::pipe::Count;
    use super::super::profile::Shape;
    use super::*;

    const PLAIN: Shape = Shape { kbit_s: None, delay_ms: 0, jitter_ms: 0, loss: 0.0, outage: None };

    #[test]
    fn a_line_hands_over_in_order_and_in_time() {
        let mut line = Line::new(Pipe::new(Shape { delay_ms: 10, ..PLAIN }, 1, 0));
        line.put(0, b"first");
        line.put(5_000, b"second");
        assert_eq!((line.next(), line.take(9_999)), (Some(10_000), None));
        assert_eq!(line.take(20_000).as_deref(), Some(&b"first"[..]));
        assert_eq!(line.take(20_000).as_deref(), Some(&b"second"[..]));
        assert_eq!((line.take(20_000), line.next()), (None, None));
        let totals = line.totals();
        assert_eq!((totals.sent, totals.delivered), (Count { packets: 2, bytes: 11 }, Count { packets: 2, bytes: 11 }));
        for i in 0..MAX_UNDER_WAY + 5 {
            line.put(30_000 + i as u64, b"x");
        }
        assert_eq!(line.totals().full.packets, 5);
    }
}
