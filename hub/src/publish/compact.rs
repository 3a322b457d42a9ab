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
