//! Which segments bring a compartment from what is held to what is published, with the fewest bytes.
//!
//! Watermarks are places, deltas are ways: one leads from any watermark from its `from` on, and before its `to`, to its
//! `to`. The hub lays them in tiers that overlap (minutes, hours, days), so there are many ways; as all lead forward, the
//! cheapest one to each place is found by going through the places in their order once.

use crate::HeldCompartment;
use beatcheck_wire::{Catalogue, Delta, Manifest, SegmentRef};
use std::collections::BTreeMap;

/// How the store takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// Only the manifest moved (a newer extract without changes): nothing to fetch.
    Touch,
    /// Changes on top of what is held, in one transaction.
    Deltas,
    /// A new generation beside the old, then a swap.
    Snapshot,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// How.
    pub kind: RouteKind,
    /// Watermark that must be held at least (deltas only).
    pub from: u64,
    /// What to fetch, in the order of applying.
    pub segments: Vec<SegmentRef>,
}

impl Route {
    /// Bytes on the wire if nothing is staged.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        bytes_of(&self.segments)
    }
}

pub(crate) fn bytes_of(segments: &[SegmentRef]) -> u64 {
    segments.iter().map(|s| u64::from(s.bytes)).sum()
}

/// Changes that a store applies in one transaction, at most: with more, the snapshot is the way, however few their bytes.
pub const MAX_APPLY_ROWS: u64 = 500_000;

/// The route with the fewest bytes; of two equal ones the one without a new generation. `held` is `None` where nothing is
/// held or it cannot be trusted, and a suspect compartment counts as such.
///
/// `None` says that the manifest's own deltas do not reach back to what is held, or are too many rows: the answer takes the
/// catalogue. With a
/// catalogue that was decoded for this manifest there is always an answer.
#[must_use]
pub fn choose(manifest: &Manifest, catalogue: Option<&Catalogue>, held: Option<&HeldCompartment>) -> Option<Route> {
    let held = held.filter(|h| !h.suspect);
    if let Some(h) = held.filter(|h| h.watermark == manifest.watermark && h.digest == manifest.digest) {
        return Some(Route { kind: RouteKind::Touch, from: h.watermark, segments: Vec::new() });
    }
    let older = catalogue.map(|c| c.deltas.as_slice()).unwrap_or_default();
    let steps = held
        .filter(|h| h.watermark < manifest.watermark)
        .and_then(|h| cheapest(&manifest.recent, older, h.watermark, manifest.watermark))
        .map(|(from, segments)| Route { kind: RouteKind::Deltas, from, segments })
        .filter(|r| r.segments.iter().map(|s| u64::from(s.rows)).sum::<u64>() <= MAX_APPLY_ROWS);
    let whole = catalogue.and_then(|c| {
        let (_, after) = cheapest(&manifest.recent, older, c.snapshot.watermark, manifest.watermark)?;
        let mut segments = c.snapshot.segments.clone();
        segments.extend(after);
        Some(Route { kind: RouteKind::Snapshot, from: 0, segments })
    });
    match (steps, whole) {
        (Some(steps), Some(whole)) if whole.bytes() < steps.bytes() => Some(whole),
        (Some(steps), _) => Some(steps),
        (None, whole) => whole,
    }
}

/// Bytes and steps so far; the watermark before, and the delta from there.
type Reached = (u64, u32, Option<(u64, usize)>);

/// The cheapest way from one watermark to another: the first delta's `from`, and all segments in order.
fn cheapest(recent: &[Delta], older: &[Delta], start: u64, end: u64) -> Option<(u64, Vec<SegmentRef>)> {
    let deltas: Vec<&Delta> = older.iter().chain(recent).collect();
    let mut reached: BTreeMap<u64, Reached> = BTreeMap::from([(start, (0, 0, None))]);
    let mut at = start;
    while at < end {
        let (bytes, steps, _) = reached[&at];
        for (n, d) in deltas.iter().enumerate().filter(|(_, d)| d.from <= at && at < d.to && d.to <= end) {
            let cost = (bytes.saturating_add(bytes_of(&d.segments)), steps + 1);
            let better = reached.get(&d.to).is_none_or(|(bytes, steps, _)| cost < (*bytes, *steps));
            if better {
                reached.insert(d.to, (cost.0, cost.1, Some((at, n))));
            }
        }
        at = *reached.range(at + 1..).next()?.0;
    }
    let mut way = Vec::new();
    let mut back = end;
    while let Some((_, _, Some((before, n)))) = reached.get(&back) {
        way.push(deltas[*n]);
        back = *before;
    }
    way.reverse();
    let from = way.first().map_or(start, |d| d.from);
    Some((from, way.into_iter().flat_map(|d| d.segments.iter().copied()).collect()))
}
