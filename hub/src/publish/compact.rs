//! Compaction: the deltas of single publishes become deltas of hours, those become days, and in the end a snapshot.
//!
//! When an hour is over by the hub's clock, its deltas are superseded by one that is cut anew from the history, so that a
//! record that changed ten times is in it once; likewise days. The finer ones stay for a while, since a device that was
//! away for ten minutes is served best by them. All that is kept can lead a device to the newest state for fewer bytes
//! than the snapshot; what cannot is dropped.

use super::path::cheapest;
use crate::HubError;
use beatcheck_model::Timestamp;
use beatcheck_wire::{Delta, MAX_DELTAS, WireError};
use rusqlite::{Connection, params};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// How long the deltas of single publishes are kept once their hour is over.
const KEEP_MINUTES_MS: i64 = 2 * HOUR_MS;
/// The same of hours, once their day is over.
const KEEP_HOURS_MS: i64 = 2 * DAY_MS;
/// How long those of days are kept.
const KEEP_DAYS_MS: i64 = 30 * DAY_MS;
/// Deltas of one hour, at most: a hub that publishes every few seconds merges them before the hour is over.
const MAX_UNMERGED: usize = 48;
/// Deltas merged at one catalogue, at most; the next one goes on.
pub(super) const MAX_MERGES: usize = 64;
/// Age from which a snapshot is cut anew if anything changed since.
const SNAPSHOT_AGE_MS: i64 = 7 * DAY_MS;
/// A snapshot is cut anew when the way from the old one costs more than one in so many of its bytes.
const WAY_TO_SNAPSHOT: u64 = 2;

/// What a delta spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tier {
    /// One publish.
    Minutes = 0,
    /// An hour.
    Hour = 1,
    /// A day.
    Day = 2,
}

impl Tier {
    const fn of(number: u8) -> Self {
        match number {
            0 => Self::Minutes,
            1 => Self::Hour,
            _ => Self::Day,
        }
    }
}

/// A delta as the hub keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) tier: Tier,
    /// When its last watermark was published.
    pub(super) at: Timestamp,
    pub(super) delta: Delta,
}

/// Deltas to be superseded by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) tier: Tier,
    pub(super) at: Timestamp,
    pub(super) from: u64,
    pub(super) to: u64,
    /// If there is only one, it is taken as it is.
    pub(super) only: Option<Delta>,
}

/// All deltas that are kept of a compartment, by where they end.
pub(super) fn load(conn: &Connection, compartment: i64) -> Result<Vec<Kept>, HubError> {
    let mut stmt = conn.prepare_cached(
        "SELECT tier, at, from_seq, to_seq, segments FROM delta WHERE compartment = ?1 ORDER BY to_seq, tier, from_seq",
    )?;
    let mut rows = stmt.query([compartment])?;
    let mut out = Vec::new();
    while let Some(r) = rows.next()? {
        let segments = postcard::from_bytes(r.get_ref(4)?.as_blob().map_err(rusqlite::Error::from)?)
            .map_err(|_| WireError::Malformed("delta"))?;
        let delta = Delta { from: r.get(2)?, to: r.get(3)?, segments };
        out.push(Kept { tier: Tier::of(r.get(0)?), at: Timestamp(r.get(1)?), delta });
    }
    Ok(out)
}

/// Keeps these and no others.
pub(super) fn save(conn: &Connection, compartment: i64, kept: &[Kept]) -> Result<(), HubError> {
    conn.execute("DELETE FROM delta WHERE compartment = ?1", [compartment])?;
    let mut insert = conn.prepare_cached(
        "INSERT OR REPLACE INTO delta (compartment, tier, from_seq, to_seq, at, segments) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for k in kept {
        let segments = postcard::to_allocvec(&k.delta.segments).map_err(|_| WireError::Malformed("delta"))?;
        insert.execute(params![compartment, k.tier as u8, k.delta.from, k.delta.to, k.at.0, segments])?;
    }
    Ok(())
}

/// The next deltas that one of the tier above is to supersede; none if all is as it should be.
pub(super) fn next_run(kept: &[Kept], now: Timestamp) -> Option<Run> {
    [(Tier::Minutes, Tier::Hour, HOUR_MS), (Tier::Hour, Tier::Day, DAY_MS)]
        .into_iter()
        .find_map(|(tier, above, span)| run_of(kept, now, tier, above, span))
}

fn run_of(kept: &[Kept], now: Timestamp, tier: Tier, above: Tier, span: i64) -> Option<Run> {
    let mut open: Vec<&Kept> = kept.iter().filter(|k| k.tier == tier && !superseded(kept, k)).collect();
    open.sort_by_key(|k| k.delta.to);
    let first = open.first()?;
    let period = first.at.0.div_euclid(span);
    let mut run: Vec<&Kept> = Vec::new();
    for k in &open {
        let follows = run.last().is_none_or(|last| last.delta.to == k.delta.from);
        if !follows || k.at.0.div_euclid(span) != period {
            break;
        }
        run.push(k);
    }
    let over = (period + 1).saturating_mul(span) <= now.0;
    if !over && run.len() <= MAX_UNMERGED {
        return None;
    }
    let last = run.last()?;
    let only = (run.len() == 1).then(|| first.delta.clone());
    Some(Run { tier: above, at: last.at, from: first.delta.from, to: last.delta.to, only })
}

/// Whether a delta of a tier above spans this one.
fn superseded(kept: &[Kept], k: &Kept) -> bool {
    kept.iter().any(|a| a.tier > k.tier && a.delta.from <= k.delta.from && k.delta.to <= a.delta.to)
}

/// Where the way leads to, and what it is compared with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Goal {
    pub(super) now: Timestamp,
    /// Watermark of the snapshot, when it was cut, and its bytes.
    pub(super) snapshot: (u64, Timestamp, u64),
    pub(super) watermark: u64,
}

impl Goal {
    /// Whether the snapshot is to be cut anew, if these are the ways from it.
    pub(super) fn wants_snapshot(&self, kept: &[Kept]) -> bool {
        let (from, at, bytes) = self.snapshot;
        if from == self.watermark {
            return false;
        }
        let way = cheapest(kept.iter().map(|k| &k.delta), from, self.watermark);
        way.is_none_or(|(cost, _)| cost * WAY_TO_SNAPSHOT > bytes) || self.now.0 - at.0 > SNAPSHOT_AGE_MS
    }

    /// Drops what has had its time or is no shorter way than the snapshot; what is in the manifest itself (from `recent`
    /// on) stays. The rest is what the catalogue lists; none if there are too many that are needed: then a new snapshot
    /// is the way.
    pub(super) fn prune(&self, kept: &mut Vec<Kept>, recent: &[Delta]) -> Option<Vec<Delta>> {
        let is_recent = |k: &Kept| k.tier == Tier::Minutes && recent.contains(&k.delta);
        let all = kept.clone();
        let age = |k: &Kept| self.now.0 - k.at.0;
        kept.retain(|k| {
            let in_time = match k.tier {
                Tier::Minutes => age(k) < KEEP_MINUTES_MS || !superseded(&all, k),
                Tier::Hour => age(k) < KEEP_HOURS_MS || !superseded(&all, k),
                Tier::Day => age(k) < KEEP_DAYS_MS,
            };
            let way = cheapest(all.iter().map(|k| &k.delta), k.delta.from, self.watermark);
            is_recent(k) || in_time && way.is_some_and(|(cost, _)| cost <= self.snapshot.2)
        });
        loop {
            let listed = kept.iter().filter(|k| !is_recent(k));
            if listed.count() <= MAX_DELTAS {
                break;
            }
            // The finer of two ways first, then what lies before the snapshot, the oldest first.
            let spare = kept.iter().position(|k| !is_recent(k) && superseded(kept, k));
            let spare = spare.or_else(|| kept.iter().position(|k| !is_recent(k) && k.delta.to <= self.snapshot.0));
            kept.remove(spare?);
        }
        let listed: Vec<Delta> = kept.iter().filter(|k| !is_recent(k)).map(|k| k.delta.clone()).collect();
        cheapest(listed.iter().chain(recent), self.snapshot.0, self.watermark)?;
        Some(listed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use beatcheck_wire::{Hash32, SegmentRef};

    fn kept(tier: Tier, minute: i64, from: u64, to: u64, bytes: u32) -> Kept {
        let s = SegmentRef { hash: Hash32::default(), bytes, frames: 1, rows: 1, key_epoch: 1 };
        Kept { tier, at: Timestamp(minute * 60_000), delta: Delta { from, to, segments: vec![s] } }
    }

    /// Carries out all that is due, as publishing does; a merged delta costs half of what it supersedes.
    fn merge(all: &mut Vec<Kept>, minute: i64) -> usize {
        let mut merged = 0;
        while let Some(run) = next_run(all, Timestamp(minute * 60_000)) {
            let spanned = all.iter().filter(|k| k.tier < run.tier && run.from <= k.delta.from && k.delta.to <= run.to);
            let bytes: u64 = spanned.map(|k| super::super::path::cost(&k.delta)).sum();
            let new = kept(run.tier, run.at.0 / 60_000, run.from, run.to, (bytes / 2) as u32);
            all.push(run.only.map_or(new.clone(), |delta| Kept { delta, ..new }));
            merged += 1;
        }
        merged
    }

    #[test]
    fn an_hour_is_merged_when_it_is_over_and_a_single_delta_is_taken_as_it_is() {
        let mut all = vec![kept(Tier::Minutes, 10, 0, 5, 100), kept(Tier::Minutes, 50, 5, 8, 100)];
        assert_eq!(next_run(&all, Timestamp(59 * 60_000)), None);
        all.push(kept(Tier::Minutes, 65, 8, 9, 100));
        let run = next_run(&all, Timestamp(60 * 60_000)).unwrap();
        assert_eq!((run.tier, run.from, run.to, run.only), (Tier::Hour, 0, 8, None));
        assert_eq!(merge(&mut all, 119), 1);
        assert_eq!(merge(&mut all, 120), 1);
        assert!(all.contains(&kept(Tier::Hour, 65, 8, 9, 100)), "as it is");
        assert_eq!(merge(&mut all, 24 * 60), 1);
        assert_eq!(all.iter().filter(|k| k.tier == Tier::Day).map(|k| (k.delta.from, k.delta.to)).next(), Some((0, 9)));
        assert_eq!(merge(&mut all, 90 * 24 * 60), 0);
    }

    #[test]
    fn a_gap_is_never_bridged_and_a_hasty_hour_is_merged_early() {
        let mut all = vec![kept(Tier::Minutes, 1, 0, 5, 10), kept(Tier::Minutes, 2, 6, 8, 10)];
        merge(&mut all, 60);
        let hours: Vec<_> = all.iter().filter(|k| k.tier == Tier::Hour).map(|k| (k.delta.from, k.delta.to)).collect();
        assert_eq!(hours, [(0, 5), (6, 8)]);
        let mut all: Vec<Kept> = (0..50).map(|n| kept(Tier::Minutes, 1, n, n + 1, 10)).collect();
        assert_eq!(merge(&mut all, 2), 1);
    }

    #[test]
    fn a_publish_every_minute_for_nine_days_stays_within_what_a_catalogue_lists() {
        let mut all: Vec<Kept> = Vec::new();
        let mut goal = Goal { now: Timestamp(0), snapshot: (0, Timestamp(0), 1_000_000), watermark: 0 };
        let (mut snapshots, mut most) = (0, 0);
        for minute in 1..=9 * 24 * 60_u64 {
            all.push(kept(Tier::Minutes, minute as i64, minute - 1, minute, 100));
            (goal.now, goal.watermark) = (Timestamp(minute as i64 * 60_000), minute);
            // As often as a catalogue is cut, with four deltas in the manifest.
            if minute % 30 != 0 {
                continue;
            }
            merge(&mut all, minute as i64);
            if goal.wants_snapshot(&all) {
                goal.snapshot = (minute, goal.now, 1_000_000);
                snapshots += 1;
            }
            let mut minutes: Vec<&Kept> = all.iter().filter(|k| k.tier == Tier::Minutes).collect();
            minutes.sort_by_key(|k| k.delta.to);
            let recent: Vec<Delta> = minutes.iter().rev().take(4).rev().map(|k| k.delta.clone()).collect();
            let listed = goal.prune(&mut all, &recent).expect("there is a way from the snapshot");
            assert!(listed.len() <= MAX_DELTAS);
            most = most.max(listed.len());
        }
        assert_eq!(snapshots, 1, "once a week");
        assert!(all.len() <= MAX_DELTAS + 4 && most > 60, "{most}");
    }

    #[test]
    fn what_costs_more_than_the_snapshot_is_dropped() {
        let mut all = vec![
            kept(Tier::Minutes, 1, 0, 1, 600),
            kept(Tier::Minutes, 2, 1, 2, 600),
            kept(Tier::Minutes, 3, 2, 3, 600),
        ];
        let goal = Goal { now: Timestamp(4 * 60_000), snapshot: (3, Timestamp(0), 1_300), watermark: 3 };
        let listed = goal.prune(&mut all, &[]).unwrap();
        assert_eq!(listed.iter().map(|d| d.from).collect::<Vec<_>>(), [1, 2]);
        let goal = Goal { snapshot: (1, Timestamp(0), 1_300), ..goal };
        assert!(goal.wants_snapshot(&all), "1,200 bytes of way from a snapshot of 1,300");
    }
}
