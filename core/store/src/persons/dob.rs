//! Rids by date of birth, each with a rough weight in bits.
//!
//! The weights are those of `beatcheck-search` in coarse steps; they only decide who is scored at all. Years are scanned
//! whole (a year is some 16,000 of a million persons), other years looked into only for the same day.

use crate::StoreError;
use crate::records::keys::ymd;
use beatcheck_model::PartialDate;
use beatcheck_search::{ABOUT_YEARS, DobQuery};
use rusqlite::Connection;

/// Rows read for one question, at most.
const ROWS_MAX: usize = 100_000;

/// A rid and the weight of its date of birth.
pub(crate) type Weighed = (i64, f32);

/// Every rid whose date of birth speaks for the one asked, unsorted; one with several dates may come several times.
pub(crate) fn rids(conn: &Connection, asked: &DobQuery) -> Result<Vec<Weighed>, StoreError> {
    let mut out = Vec::new();
    for (from, to) in ranges(asked) {
        let mut statement = conn.prepare_cached("SELECT ymd,rid FROM dob WHERE ymd BETWEEN ?1 AND ?2")?;
        let mut rows = statement.query((from, to))?;
        while let Some(row) = rows.next()? {
            if out.len() == ROWS_MAX {
                return Ok(out);
            }
            let bits = bits(asked, row.get(0)?);
            if bits > 0.0 {
                out.push((row.get(1)?, bits));
            }
        }
    }
    Ok(out)
}

/// Where to look, the likeliest first; ranges do not overlap.
fn ranges(asked: &DobQuery) -> Vec<(u32, u32)> {
    let years = |from: u16, to: u16| (u32::from(from) * 10_000, u32::from(to) * 10_000 + 9_999);
    match *asked {
        DobQuery::Exact(d) | DobQuery::Digits(d) if d.year != 0 => {
            let mut out = vec![years(d.year, d.year)];
            if d.month != 0 {
                out.extend(misread_years(d.year).map(|y| ymd(PartialDate { year: y, ..d })).map(|k| (k, k)));
            }
            out
        }
        // Without a year only the same day without a year can be found.
        DobQuery::Exact(d) | DobQuery::Digits(d) => vec![(ymd(d), ymd(d))],
        DobQuery::Year(y) | DobQuery::YearMonth(y, _) => vec![years(y, y)],
        DobQuery::About(y) => vec![years(y.saturating_sub(ABOUT_YEARS), y.saturating_add(ABOUT_YEARS))],
    }
}

/// Years one digit or one exchange of neighbours away.
fn misread_years(year: u16) -> impl Iterator<Item = u16> {
    let tens = year / 10 % 10;
    let units = year % 10;
    let century = year - year % 100;
    let other_units = (0..10).filter(move |u| *u != units).map(move |u| century + tens * 10 + u);
    let other_tens = (0..10).filter(move |t| *t != tens).map(move |t| century + t * 10 + units);
    // Where they differ in both digits; else it is the year itself.
    let exchanged = (tens != units).then_some(century + units * 10 + tens);
    other_units.chain(other_tens).chain(exchanged)
}

fn bits(asked: &DobQuery, held: u32) -> f32 {
    let (year, month, day) = (held / 10_000, held / 100 % 100, held % 100);
    let date = |d: PartialDate| {
        let (y, m, dd) = (u32::from(d.year), u32::from(d.month), u32::from(d.day));
        let same_year = y == year;
        match () {
            () if ymd(d) == held && d.is_full() => 14.0,
            () if same_year && m == day && dd == month && m != 0 && dd != 0 => 8.0,
            () if same_year && m == month && (dd == 0 || day == 0) && m != 0 => 9.0,
            () if same_year && (m == 0 || month == 0) => 6.0,
            () if same_year && m == month => 4.0,
            () if same_year && dd == day => 3.5,
            () if same_year => 1.0,
            // A misread year.
            () => 5.5,
        }
    };
    match *asked {
        DobQuery::Exact(d) | DobQuery::Digits(d) => date(d),
        DobQuery::YearMonth(y, m) => date(PartialDate::new(y, m, 0)),
        DobQuery::Year(y) => date(PartialDate::new(y, 0, 0)),
        DobQuery::About(y) => {
            if u32::from(y) == year {
                4.0
            } else {
                3.5
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_day_weighs_most_and_every_range_is_disjoint() {
        let asked = DobQuery::Exact(PartialDate::new(1984, 3, 2));
        let by_weight = [19_840_302, 19_840_300, 19_840_203, 19_840_000, 19_480_302, 19_840_309, 19_840_101];
        for pair in by_weight.windows(2) {
            assert!(bits(&asked, pair[0]) > bits(&asked, pair[1]), "{pair:?}");
        }
        for asked in [asked, DobQuery::Exact(PartialDate::new(1999, 3, 2)), DobQuery::About(1)] {
            let mut ranges = ranges(&asked);
            ranges.sort_unstable();
            assert!(ranges.windows(2).all(|w| w[0].1 < w[1].0), "{ranges:?}");
        }
    }
}
