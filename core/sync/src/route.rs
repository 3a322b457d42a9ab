//! Which segments bring a compartment from what is held to what is published, with the fewest bytes.

use crate::HeldCompartment;
use beatcheck_wire::{Manifest, SegmentRef};

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
        self.segments.iter().map(|s| u64::from(s.bytes)).sum()
    }
}

/// The best route; `held` is `None` where nothing is held or it cannot be trusted.
#[must_use]
pub fn choose(manifest: &Manifest, held: Option<&HeldCompartment>) -> Route {
    let after = |mark: u64| -> Vec<SegmentRef> {
        manifest.deltas.iter().filter(|d| d.to > mark).flat_map(|d| d.segments.iter().copied()).collect()
    };
    let mut segments = manifest.snapshot.segments.clone();
    segments.extend(after(manifest.snapshot.watermark));
    let whole = Route { kind: RouteKind::Snapshot, from: 0, segments };
    let Some(held) = held else { return whole };
    if held.watermark == manifest.watermark {
        return if held.digest == manifest.digest {
            Route { kind: RouteKind::Touch, from: held.watermark, segments: Vec::new() }
        } else {
            whole
        };
    }
    let Some(from) = manifest.deltas.iter().find(|d| d.to > held.watermark).map(|d| d.from) else { return whole };
    if held.watermark > manifest.watermark || from > held.watermark {
        return whole;
    }
    let steps = Route { kind: RouteKind::Deltas, from, segments: after(held.watermark) };
    if steps.bytes() <= whole.bytes() { steps } else { whole }
}
