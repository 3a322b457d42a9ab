//! What time it is on a device whose clock anyone can set (ADR 16).
//!
//! At each contact the hub says its time, over TLS: that is an anchor. Until the machine is started anew, the time is the
//! anchor's and what the machine has been running since, sleep included; the clock on the wall is not asked, so that setting
//! it neither extends a lease nor ends one. After a restart there is only the clock on the wall, which may not stand behind what
//! is known, and which is believed for as long as policy allows, over all restarts together, until the hub is heard again.

use crate::env::{Boot, Env};
use beatcheck_model::Timestamp;
use beatcheck_policy::ClockState;
use beatcheck_wire::policy::ClockRule;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How far what is known may advance before it is written down again, in milliseconds.
const STEP_MS: i64 = 60_000;
/// By how much the beginning of a start may seem to move while the wall is kept right, in milliseconds.
const BEGAN_SLACK_MS: u64 = 60_000;
/// What a restart costs at least, in milliseconds: so that many short runs come to an end too.
const RESTART_MS: i64 = 60_000;

/// What is known of the time. Kept in the state file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    /// The highest time that was shown or counted by: never goes back but by the hub's own word.
    high: Timestamp,
    /// The highest time that the hub has signed.
    signed: Timestamp,
    /// What the hub said last, and when that was on the machine's own count.
    anchor: Option<(Timestamp, Boot)>,
    /// When the machine was started, by the clock on the wall at that moment: tells starts apart where the system does not.
    began: Timestamp,
    /// The highest time known when the start was first seen that is counted now.
    floor: Timestamp,
    /// Milliseconds of running without an anchor since the last one.
    unsure_ms: i64,
    /// Up to where they are counted.
    counted: Option<Boot>,
}

impl Known {
    /// The anchor, and how many milliseconds ago that was; none if there is none, or the machine was started anew since.
    fn since_anchor(&self, wall: Timestamp, boot: &Boot) -> Option<(Timestamp, i64)> {
        let (at, then) = self.anchor?;
        let ms = boot.since(&then)?;
        // Without a name for the start, one that seems to lie elsewhere is another; a wall that was turned costs the allowance.
        let began = wall.0.saturating_sub(boot.ms);
        let moved = boot.id == [0; 16] && began.abs_diff(self.began.0) > BEGAN_SLACK_MS;
        (!moved).then_some((at, ms))
    }
}

/// Keeps the time.
pub(crate) struct Timekeeper {
    env: Env,
    inner: Mutex<Inner>,
}

struct Inner {
    known: Known,
    written: Known,
}

/// The time at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// The time.
    pub now: Timestamp,
    /// To be written down, if it has advanced enough.
    pub keep: Option<Known>,
}

impl Timekeeper {
    pub(crate) fn new(env: Env, known: Known) -> Self {
        Self { env, inner: Mutex::new(Inner { known, written: known }) }
    }

    /// The time, which never runs backwards but by the hub's word.
    pub(crate) fn read(&self) -> Reading {
        let (wall, boot) = (self.env.now(), self.env.boot());
        let mut inner = self.inner();
        let known = &mut inner.known;
        let anchored = known.since_anchor(wall, &boot).map(|(at, ms)| Timestamp(at.0.saturating_add(ms)));
        let mut believed = anchored.unwrap_or(wall);
        if anchored.is_none() && known.anchor.is_some() {
            let more = known.counted.and_then(|counted| boot.since(&counted)).unwrap_or_else(|| {
                known.floor = known.high;
                boot.ms.max(RESTART_MS)
            });
            known.unsure_ms = known.unsure_ms.saturating_add(more);
            known.counted = Some(boot);
            // Whatever the wall says, this much has passed since.
            believed = believed.max(Timestamp(known.floor.0.saturating_add(boot.ms)));
        }
        known.high = known.high.max(believed);
        let now = known.high;
        let due = now.0 > inner.written.high.0.saturating_add(STEP_MS)
            || inner.known.unsure_ms > inner.written.unsure_ms.saturating_add(STEP_MS)
            || inner.known.counted.map(|b| b.id) != inner.written.counted.map(|b| b.id);
        let keep = due.then_some(inner.known);
        if due {
            inner.written = inner.known;
        }
        Reading { now, keep }
    }

    /// The hub said what time it is, on a connection that is the hub's: the highest word there is, even where it leads back
    /// from a clock that had been set far ahead. Not behind what it has signed.
    pub(crate) fn hub_said(&self, time: Timestamp) {
        let (wall, boot) = (self.env.now(), self.env.boot());
        let mut inner = self.inner();
        // Within a start in which it was heard before, time still does not run backwards.
        let counted = inner.known.since_anchor(wall, &boot).map(|(at, ms)| Timestamp(at.0.saturating_add(ms)));
        let at = time.max(inner.known.signed).max(counted.unwrap_or_default());
        let began = Timestamp(wall.0.saturating_sub(boot.ms));
        inner.known = Known { high: at, anchor: Some((at, boot)), began, unsure_ms: 0, counted: None, ..inner.known };
    }

    /// The hub has signed a document with this time.
    pub(crate) fn hub_signed(&self, time: Timestamp) {
        let known = &mut self.inner().known;
        known.signed = known.signed.max(time);
        known.high = known.high.max(time);
    }

    /// The highest time that the hub has signed, if any.
    pub(crate) fn signed(&self) -> Option<Timestamp> {
        Some(self.inner().known.signed).filter(|t| *t != Timestamp::default())
    }

    /// What is known, to be written down now.
    pub(crate) fn known(&self) -> Known {
        let mut inner = self.inner();
        inner.written = inner.known;
        inner.known
    }

    /// What is to be thought of the clock.
    pub(crate) fn state(&self, rule: &ClockRule) -> ClockState {
        let (wall, boot) = (self.env.now(), self.env.boot());
        let known = self.inner().known;
        if wall.plus_secs(rule.behind_tolerance_s.into()) < known.signed {
            return ClockState::Behind { highest: known.signed };
        }
        let anchored = known.anchor.is_none() || known.since_anchor(wall, &boot).is_some();
        let allowed_ms = i64::from(rule.reboot_allowance_minutes) * 60_000;
        if anchored || known.unsure_ms <= allowed_ms { ClockState::Sound } else { ClockState::Unsure }
    }

    /// Whether the time is the hub's, counted on; and how many minutes without that were used since the last contact.
    pub(crate) fn anchored(&self) -> (bool, u32) {
        let (wall, boot) = (self.env.now(), self.env.boot());
        let known = self.inner().known;
        let anchored = known.since_anchor(wall, &boot).is_some();
        (anchored, u32::try_from(known.unsure_ms / 60_000).unwrap_or(u32::MAX))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::FixedClock;
    use std::sync::Arc;

    const HOUR: i64 = 3600;

    fn keeper() -> (Arc<FixedClock>, Timekeeper, Timestamp) {
        let start = Timestamp(1_700_000_000_000);
        let clock = Arc::new(FixedClock::new(start));
        let keeper = Timekeeper::new(Env::with_clock(clock.clone()), Known::default());
        keeper.hub_signed(start);
        keeper.hub_said(start);
        (clock, keeper, start)
    }

    #[test]
    fn an_anchored_time_does_not_ask_the_wall() {
        let (clock, keeper, start) = keeper();
        clock.set(start.plus_secs(HOUR));
        assert_eq!(keeper.read().now, start.plus_secs(HOUR));
        clock.turn(start.plus_secs(900 * HOUR));
        assert_eq!(keeper.read().now, start.plus_secs(HOUR), "set forward: no lease ends");
        clock.turn(start.plus_secs(-900 * HOUR));
        assert_eq!(keeper.read().now, start.plus_secs(HOUR), "set back: none is extended");
        assert!(matches!(keeper.state(&ClockRule::default()), ClockState::Behind { highest } if highest == start));
        clock.turn(start.plus_secs(-60));
        assert_eq!(keeper.state(&ClockRule::default()), ClockState::Sound, "within the tolerance");
    }

    #[test]
    fn a_restart_leaves_the_wall_and_an_allowance() {
        let (clock, keeper, start) = keeper();
        let rule = ClockRule { reboot_allowance_minutes: 10, ..ClockRule::default() };
        clock.set(start.plus_secs(HOUR));
        keeper.read();
        clock.reboot();
        clock.turn(start);
        assert_eq!(keeper.read().now, start.plus_secs(HOUR), "never backwards");
        assert_eq!((keeper.state(&rule), keeper.anchored().0), (ClockState::Sound, false));
        // Each further restart costs a minute at least, however short the run.
        for n in 2..=10 {
            clock.reboot();
            keeper.read();
            assert_eq!(keeper.state(&rule), ClockState::Sound, "restart {n}");
        }
        clock.reboot();
        keeper.read();
        assert_eq!(keeper.state(&rule), ClockState::Unsure);
        keeper.hub_said(start.plus_secs(2 * HOUR));
        assert_eq!((keeper.state(&rule), keeper.anchored()), (ClockState::Sound, (true, 0)));
    }

    #[test]
    fn time_since_the_restart_counts_and_is_kept() {
        let (clock, keeper, start) = keeper();
        let rule = ClockRule { reboot_allowance_minutes: 10, ..ClockRule::default() };
        clock.reboot();
        clock.set(start.plus_secs(9 * 60));
        let kept = keeper.read().keep.unwrap_or_default();
        let again = Timekeeper::new(keeper.env.clone(), kept);
        assert_eq!(again.state(&rule), ClockState::Sound);
        clock.set(start.plus_secs(12 * 60));
        again.read();
        assert_eq!(again.state(&rule), ClockState::Unsure);
    }

    #[test]
    fn the_hub_leads_back_from_a_clock_that_ran_ahead() {
        let (clock, keeper, start) = keeper();
        clock.reboot();
        clock.turn(start.plus_secs(9000 * HOUR));
        assert_eq!(keeper.read().now, start.plus_secs(9000 * HOUR));
        keeper.hub_said(start.plus_secs(HOUR));
        assert_eq!(keeper.read().now, start.plus_secs(HOUR));
        keeper.hub_said(start.plus_secs(-HOUR));
        assert_eq!(keeper.read().now, start.plus_secs(HOUR), "nor from its own word");
        clock.reboot();
        keeper.hub_said(start.plus_secs(-HOUR));
        assert_eq!(keeper.read().now, start, "not behind what it has signed");
    }
}
