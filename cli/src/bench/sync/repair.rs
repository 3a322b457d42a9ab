//! Line: one bad row in the store, found and repaired.

use crate::bench::figure::Figure;

const CASE: &str = "one bad row repaired";
const BYTES_GOAL: f64 = 64_000.0;

/// The place for the measurement: damage a stored row of `device`, sync, and report the bytes that the repair took.
pub(super) fn repair_line() -> Vec<Figure> {
    vec![Figure::not_measured(CASE, "wire", "B", "the store has no repair of a range yet").goal(Some(BYTES_GOAL))]
}
