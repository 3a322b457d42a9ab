//! Numbers for those who look at how checks are used, not at who made them: no person, no officer, no device.
//!
//! Counts are kept by UTC day and by one property at a time. A cell (a day, and a value) of fewer than [`SMALL`] is not told. Where
//! one that is told would give it away, because it is the only one left out of a sum or because the ones left out make up fewer
//! than [`SMALL`] together, the next smallest is left out too. Sums over days are sums of cells that are told: asking for two spans
//! and subtracting gives nothing that asking for the days would not. Who knows much from elsewhere may still conclude something.

use super::DAY_MS;
use crate::{Hub, HubError};
use beatcheck_model::Timestamp;
use rusqlite::{Connection, params};
use serde::Serialize;
use std::collections::BTreeMap;

/// Fewer than this in a cell are not told.
pub const SMALL: u64 = 5;
/// Days in one answer, at most: the latest ones.
const MAX_DAYS: i64 = 400;

/// A sum for one value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// Which: a purpose, a role, an hour of the day (UTC), a day.
    pub value: String,
    /// How many, of the days that are told.
    pub n: u64,
    /// Days that are left out because too few were made on them.
    pub left_out: u64,
}

/// Numbers over whole days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Aggregates {
    /// From the beginning of this day, UTC.
    pub since: Timestamp,
    /// To the beginning of this one.
    pub until: Timestamp,
    /// Fewer than this in a day are not told.
    pub small: u64,
    /// Checks by day.
    pub by_day: Vec<Cell>,
    /// Checks by hour of the day, UTC.
    pub by_hour: Vec<Cell>,
    /// Checks by role.
    pub by_role: Vec<Cell>,
    /// Checks by purpose.
    pub by_purpose: Vec<Cell>,
    /// Checks by outcome.
    pub by_outcome: Vec<Cell>,
    /// Refused checks by the code of the refusal.
    pub refused: Vec<Cell>,
    /// Checks that were out of the ordinary, by what was.
    pub unusual: Vec<Cell>,
    /// Break-glass: times that it was opened, and checks under it.
    pub break_glass: Vec<Cell>,
    /// Late hits, by what changed.
    pub late_hits: Vec<Cell>,
    /// Entries that are not counted yet.
    pub waiting: u64,
}

impl Hub {
    /// Numbers over the days that touch the span from `since` to `until`; small ones are not told.
    ///
    /// # Errors
    /// [`HubError::Key`] if the audit key is elsewhere; [`HubError::Db`].
    pub fn aggregates(&self, since: Timestamp, until: Timestamp) -> Result<Aggregates, HubError> {
        let waiting = self.index_up_to(super::index::BEFORE_A_SEARCH)?.waiting;
        let to = until.0.saturating_sub(1).div_euclid(DAY_MS).saturating_add(1);
        let from = since.0.div_euclid(DAY_MS).max(to - MAX_DAYS);
        let conn = self.conn()?;
        let (by_hour, by_day) = read(&conn, from, to, "hour")?;
        let of = |what| read(&conn, from, to, what).map(|r| r.0);
        Ok(Aggregates {
            since: Timestamp(from.saturating_mul(DAY_MS)),
            until: Timestamp(to.saturating_mul(DAY_MS)),
            small: SMALL,
            by_day,
            by_hour,
            by_role: of("role")?,
            by_purpose: of("purpose")?,
            by_outcome: of("outcome")?,
            refused: of("refused")?,
            unusual: of("unusual")?,
            break_glass: of("break_glass")?,
            late_hits: of("late_hit")?,
            waiting,
        })
    }
}

/// Sums by value, and by day.
fn read(conn: &Connection, from: i64, to: i64, what: &str) -> Result<(Vec<Cell>, Vec<Cell>), HubError> {
    let mut stmt = conn.prepare_cached(
        "SELECT day, value, n FROM account_count WHERE day >= ?1 AND day < ?2 AND what = ?3 ORDER BY day, value",
    )?;
    let mut rows = stmt.query(params![from, to, what])?;
    let mut days: BTreeMap<i64, Vec<(String, u64)>> = BTreeMap::new();
    while let Some(r) = rows.next()? {
        days.entry(r.get(0)?).or_default().push((r.get(1)?, r.get(2)?));
    }
    let (mut by_value, mut by_day) = (BTreeMap::<String, Cell>::new(), Vec::new());
    for (day, cells) in days {
        let value = Timestamp(day.saturating_mul(DAY_MS)).date().to_string();
        let mut whole = Cell { value, ..Cell::default() };
        for ((value, _), told) in cells.iter().zip(told(&cells)) {
            let cell =
                by_value.entry(value.clone()).or_insert_with(|| Cell { value: value.clone(), ..Cell::default() });
            match told {
                Some(n) => (cell.n, whole.n) = (cell.n + n, whole.n + n),
                None => (cell.left_out, whole.left_out) = (cell.left_out + 1, whole.left_out + 1),
            }
        }
        by_day.push(whole);
    }
    Ok((by_value.into_values().collect(), by_day))
}

/// Which of a day's cells are told.
fn told(cells: &[(String, u64)]) -> Vec<Option<u64>> {
    let mut out: Vec<Option<u64>> = cells.iter().map(|(_, n)| (*n >= SMALL).then_some(*n)).collect();
    loop {
        let left: Vec<u64> = cells.iter().zip(&out).filter(|(_, o)| o.is_none()).map(|(c, _)| c.1).collect();
        let gives_away = left.len() == 1 || (!left.is_empty() && left.iter().sum::<u64>() < SMALL);
        let next = out.iter().enumerate().filter_map(|(i, n)| n.map(|n| (n, i))).min();
        match next {
            Some((_, i)) if gives_away => out[i] = None,
            _ => return out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(counts: &[u64]) -> Vec<Option<u64>> {
        told(&counts.iter().map(|n| (String::new(), *n)).collect::<Vec<_>>())
    }

    #[test]
    fn a_small_cell_is_not_told_and_not_to_be_had_by_subtracting() {
        assert_eq!(of(&[9, 7, 5]), [Some(9), Some(7), Some(5)]);
        assert_eq!(of(&[9, 7, 2]), [Some(9), None, None], "one alone would be the difference to a sum");
        assert_eq!(of(&[9, 7, 3, 4]), [Some(9), Some(7), None, None]);
        assert_eq!(of(&[9, 7, 1, 1]), [Some(9), None, None, None], "two that are known to be one each");
        assert_eq!(of(&[2]), [None]);
        assert_eq!(of(&[]), []);
    }
}
