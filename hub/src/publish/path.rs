//! The cheapest way from one state to another: watermarks are places, deltas lead between them.

use beatcheck_wire::Delta;
use std::collections::BTreeMap;

/// What a delta costs a device, in bytes.
pub(crate) fn cost(d: &Delta) -> u64 {
    d.segments.iter().map(|s| u64::from(s.bytes)).sum()
}

/// The deltas that lead from `held` to `to` with the fewest bytes, and among equals in the fewest steps; none if no way
/// leads there.
pub(crate) fn cheapest<'a>(
    deltas: impl Iterator<Item = &'a Delta>,
    held: u64,
    to: u64,
) -> Option<(u64, Vec<&'a Delta>)> {
    let mut deltas: Vec<&Delta> = deltas.filter(|d| held < d.to && d.to <= to && d.from < d.to).collect();
    deltas.sort_by_key(|d| d.to);
    // All steps lead upwards: in the order of where they end, the best way to each place is known before it is left.
    let mut best: BTreeMap<u64, (u64, usize, Option<&Delta>, u64)> = BTreeMap::from([(held, (0, 0, None, held))]);
    for d in deltas {
        let before = best.range(d.from..d.to).min_by_key(|(_, (bytes, steps, ..))| (*bytes, *steps));
        let Some((at, (bytes, steps, ..))) = before else { continue };
        let way = (bytes + cost(d), steps + 1, Some(d), *at);
        let known = best.get(&d.to);
        if known.is_none_or(|k| (way.0, way.1) < (k.0, k.1)) {
            best.insert(d.to, way);
        }
    }
    let bytes = best.get(&to)?.0;
    let (mut way, mut at) = (Vec::new(), to);
    while let Some((_, _, Some(d), before)) = best.get(&at) {
        way.push(*d);
        at = *before;
    }
    way.reverse();
    Some((bytes, way))
}

#[cfg(test)]
mod tests {
    use super::*;
    use beatcheck_wire::{Hash32, SegmentRef};

    pub(super) fn delta(from: u64, to: u64, bytes: u32) -> Delta {
        let s = SegmentRef { hash: Hash32::default(), bytes, frames: 1, rows: 1, key_epoch: 1 };
        Delta { from, to, segments: vec![s] }
    }

    #[test]
    fn the_fewest_bytes_and_into_the_middle_of_a_longer_step() {
        let all = [delta(0, 4, 10), delta(4, 8, 10), delta(0, 8, 15), delta(8, 9, 3), delta(5, 9, 30)];
        let ends = |held, to| {
            let (bytes, way) = cheapest(all.iter(), held, to)?;
            Some((bytes, way.iter().map(|d| (d.from, d.to)).collect::<Vec<_>>()))
        };
        assert_eq!(ends(0, 9), Some((18, vec![(0, 8), (8, 9)])));
        assert_eq!(ends(4, 9), Some((13, vec![(4, 8), (8, 9)])));
        assert_eq!(ends(2, 8), Some((15, vec![(0, 8)])), "a delta may be entered half-way");
        assert_eq!(ends(9, 9), Some((0, vec![])));
        assert_eq!(ends(9, 10), None);
        let gap = [delta(0, 4, 10), delta(5, 9, 10)];
        assert!(cheapest(gap.iter(), 0, 9).is_none());
    }
}
