//! Dates of birth: what may be asked, and how well a record's date agrees.
//!
//! Nobody is missed for a date that cannot be: records and officers both give 30 February, and such dates are compared
//! by their digits like any other. Officers also know only a year, or about a year. The levels and their weights, in
//! bits (log2 of how much likelier the agreement is between two records of one person than by chance), follow
//! `MATCHING.md`: chance is one day in some 22,000 (60 years of adults).

use crate::error::InvalidQuery;
use beatcheck_model::PartialDate;
use unicode_normalization::UnicodeNormalization;

/// How far a year may be from one asked with `~`, in years either way.
pub const ABOUT_YEARS: u16 = 2;

/// Bits of the same day: no date of birth says more.
pub const DOB_BITS_MOST: f64 = 14.2;

/// A date of birth as asked.
#[derive(Clone, Debug, PartialEq)]
pub enum DobQuery {
    /// A day that the calendar has.
    Exact(PartialDate),
    /// A year.
    Year(u16),
    /// A year and a month, 1 to 12.
    YearMonth(u16, u8),
    /// A year give or take [`ABOUT_YEARS`].
    About(u16),
    /// A date that the calendar does not have, to be matched digit by digit.
    Digits(PartialDate),
    /// Born on one of these days or between them: an age in years. Both are full dates.
    Born(PartialDate, PartialDate),
}

/// How far an age may be from one asked with `~`, in years either way.
pub const ABOUT_AGE: u16 = 3;
/// Greatest age that is read, in years.
const AGE_MAX: u16 = 130;

/// Reads an age in years: `30`, `30-35`, or `~30` for about that age. It becomes the days between which somebody of that age
/// `today` was born.
///
/// # Errors
/// [`InvalidQuery`] with code `invalid_age` for any other text.
///
/// ```
/// use beatcheck_search::{DobQuery, parse_age};
/// use beatcheck_model::PartialDate;
/// let born = parse_age("30-35", PartialDate::new(2026, 11, 24)).unwrap();
/// assert_eq!(born, DobQuery::Born(PartialDate::new(1990, 11, 25), PartialDate::new(1996, 11, 24)));
/// ```
pub fn parse_age(text: &str, today: PartialDate) -> Result<DobQuery, InvalidQuery> {
    const BAD: InvalidQuery = InvalidQuery::INVALID_AGE;
    let text: String = text.trim().nfkc().take(16).collect();
    let years = |t: &str| t.trim().parse::<u16>().ok().filter(|y| *y <= AGE_MAX && !t.contains('+'));
    let (youngest, oldest) = match text.strip_prefix('~') {
        Some(about) => years(about).map(|y| (y.saturating_sub(ABOUT_AGE), y + ABOUT_AGE)).ok_or(BAD)?,
        None => {
            let (from, to) = text.split_once(['-', '\u{2013}']).unwrap_or((&text, &text));
            years(from).zip(years(to)).filter(|(from, to)| from <= to).ok_or(BAD)?
        }
    };
    // The day after the birthday on which they would be a year too old; the 28th stands for days that a month lacks.
    let day = |years: u16, d: u8| {
        let date = PartialDate::new(today.year.saturating_sub(years), today.month, d);
        if date.is_possible() { date } else { PartialDate::new(date.year, date.month, 28) }
    };
    let first = day(oldest + 1, today.day);
    let next = PartialDate::new(first.year, first.month, first.day + 1);
    let after = match (next.is_possible(), first.month) {
        (true, _) => next,
        (false, 12) => PartialDate::new(first.year + 1, 1, 1),
        (false, m) => PartialDate::new(first.year, m + 1, 1),
    };
    Ok(DobQuery::Born(after, day(youngest, today.day)))
}

/// Reads a date of birth: `1984-03-02`, `02/03/1984` (day first), `1984-03`, `03/1984`, `1984` or `~1984`.
///
/// Parts may be separated by `-`, `/`, `.` or a space; `00` is an unknown part. An impossible date is
/// [`DobQuery::Digits`], never an error.
///
/// # Errors
/// [`InvalidQuery`] with code `invalid_dob` for any other text, and for a date of which nothing is known.
///
/// ```
/// use beatcheck_search::{DobQuery, parse_dob};
/// use beatcheck_model::PartialDate;
/// assert_eq!(parse_dob("02/03/1984"), Ok(DobQuery::Exact(PartialDate::new(1984, 3, 2))));
/// assert_eq!(parse_dob("1984-02-30"), Ok(DobQuery::Digits(PartialDate::new(1984, 2, 30))));
/// assert_eq!(parse_dob("~1984"), Ok(DobQuery::About(1984)));
/// ```
pub fn parse_dob(text: &str) -> Result<DobQuery, InvalidQuery> {
    const BAD: InvalidQuery = InvalidQuery::INVALID_DOB;
    let text: String = text.trim().nfkc().take(32).collect();
    let (about, text) = match text.trim().strip_prefix('~') {
        Some(rest) => (true, rest.trim()),
        None => (false, text.trim()),
    };
    let mut numbers = Vec::with_capacity(3);
    for part in text.split(['-', '/', '.', ' ', '\u{2010}', '\u{2013}']) {
        if part.is_empty() || part.len() > 4 || numbers.len() == 3 || !part.bytes().all(|b| b.is_ascii_digit()) {
            return Err(BAD);
        }
        numbers.push((part.len(), part.parse::<u16>().map_err(|_| BAD)?));
    }
    let date = match *numbers.as_slice() {
        [(4, y)] if about && y != 0 => return Ok(DobQuery::About(y)),
        _ if about => return Err(BAD),
        [(4, y)] => PartialDate::new(y, 0, 0),
        [(4, y), (1 | 2, m)] | [(1 | 2, m), (4, y)] => PartialDate::new(y, m as u8, 0),
        [(4, y), (1 | 2, m), (1 | 2, d)] | [(1 | 2, d), (1 | 2, m), (4, y)] => PartialDate::new(y, m as u8, d as u8),
        _ => return Err(BAD),
    };
    match (date.year, date.month, date.day) {
        (0, 0, 0) => Err(BAD),
        (y, 0, 0) => Ok(DobQuery::Year(y)),
        (1.., m @ 1..=12, 0) => Ok(DobQuery::YearMonth(date.year, m)),
        _ if date.is_full() && date.is_possible() => Ok(DobQuery::Exact(date)),
        _ => Ok(DobQuery::Digits(date)),
    }
}

/// How a record's date agrees with the one asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DobFit {
    NotAsked,
    /// The record has none.
    Unknown,
    Exact,
    Swapped,
    OneDigit,
    Transposed,
    /// The same day, and it is 1 January: the day that stands for one that nobody knows.
    FirstOfJanuary,
    /// Year and month, all that both have.
    YearMonth,
    /// Year, all that both have.
    Year,
    /// Within the years asked with `~`.
    About,
    /// Of the age asked.
    Aged,
    /// The year agrees, and what is known beyond it does not.
    YearOnly,
    YearNear,
    Differs,
}

impl DobFit {
    /// Weight in bits: log2(m/u), m the share of true pairs at this level, u that of chance pairs.
    pub(crate) fn bits(self) -> f64 {
        match self {
            Self::NotAsked | Self::Unknown => 0.0,
            Self::Exact => DOB_BITS_MOST,
            Self::Swapped => 7.5,
            Self::OneDigit => 4.6,
            Self::Transposed => 4.6,
            // Set by hand between a year and a day: nothing open says how often it stands for an unknown day.
            Self::FirstOfJanuary => 8.5,
            Self::YearMonth => 9.3,
            Self::Year => 5.8,
            Self::About => 3.5,
            Self::Aged => 3.0,
            Self::YearOnly => 0.0,
            Self::YearNear => -2.0,
            Self::Differs => -4.6,
        }
    }

    /// Code of its reason; `None` where there is nothing to say.
    pub(crate) fn code(self) -> Option<&'static str> {
        Some(match self {
            Self::NotAsked | Self::Unknown => return None,
            Self::Exact => "dob_exact",
            Self::Swapped => "dob_day_month_swapped",
            Self::OneDigit => "dob_one_digit",
            Self::Transposed => "dob_digits_transposed",
            Self::FirstOfJanuary => "dob_first_of_january",
            Self::YearMonth => "dob_year_month",
            Self::Year | Self::YearOnly => "dob_year",
            Self::About | Self::YearNear => "dob_year_near",
            Self::Aged => "dob_age",
            Self::Differs => "dob_differs",
        })
    }
}

/// What a record's dates of birth say for the one asked, in bits: the best of them, below 0 if none agrees; 0 where the
/// record has none.
///
/// ```
/// use beatcheck_search::{dob_bits, parse_dob};
/// let asked = parse_dob("1984-03-02").unwrap();
/// let bits = |held: &str| dob_bits(&asked, &[held.parse().unwrap()]);
/// assert!(bits("1984-03-02") > bits("1984-02-03") && bits("1984-02-03") > bits("1991-07-11"));
/// ```
#[must_use]
pub fn dob_bits(asked: &DobQuery, held: &[PartialDate]) -> f64 {
    best_fit(Some(asked), held).0.bits()
}

/// Whether a date given and the one that a number holds cannot both be right.
pub(crate) fn contradicts(asked: &DobQuery, held: PartialDate) -> bool {
    use DobFit::{About, Aged, Exact, FirstOfJanuary, Unknown, Year, YearMonth};
    !matches!(fit(asked, held), Exact | FirstOfJanuary | YearMonth | Year | About | Aged | Unknown)
}

/// The best agreement among a record's dates, and which of them it is. A later date costs nothing but is said.
pub(crate) fn best_fit(asked: Option<&DobQuery>, held: &[PartialDate]) -> (DobFit, usize) {
    let Some(asked) = asked else { return (DobFit::NotAsked, 0) };
    let mut best = (DobFit::Unknown, 0);
    for (i, &date) in held.iter().enumerate().filter(|(_, d)| **d != PartialDate::default()) {
        let fit = fit(asked, date);
        if fit != DobFit::Unknown && (best.0 == DobFit::Unknown || fit.bits() > best.0.bits()) {
            best = (fit, i);
        }
    }
    best
}

fn fit(asked: &DobQuery, held: PartialDate) -> DobFit {
    match *asked {
        DobQuery::Exact(d) | DobQuery::Digits(d) => fit_date(d, held),
        DobQuery::YearMonth(y, m) => fit_date(PartialDate::new(y, m, 0), held),
        DobQuery::Year(y) => fit_date(PartialDate::new(y, 0, 0), held),
        DobQuery::About(_) | DobQuery::Born(..) if held.year == 0 => DobFit::Unknown,
        DobQuery::Born(from, to) => fit_age(from, to, held),
        DobQuery::About(y) => match y.abs_diff(held.year) {
            0..=ABOUT_YEARS => DobFit::About,
            d if d <= 2 * ABOUT_YEARS => DobFit::YearNear,
            _ => DobFit::Differs,
        },
    }
}

/// A date of which only the year is known is of that age if any day of the year is.
fn fit_age(from: PartialDate, to: PartialDate, held: PartialDate) -> DobFit {
    let within = if held.is_full() { from <= held && held <= to } else { (from.year..=to.year).contains(&held.year) };
    let off = from.year.saturating_sub(held.year).max(held.year.saturating_sub(to.year));
    match off {
        _ if within => DobFit::Aged,
        0..=2 => DobFit::YearNear,
        _ => DobFit::Differs,
    }
}

fn fit_date(a: PartialDate, b: PartialDate) -> DobFit {
    if a.is_full() && b.is_full() {
        if a == b {
            return if (a.month, a.day) == (1, 1) { DobFit::FirstOfJanuary } else { DobFit::Exact };
        }
        if a.year == b.year && a.month == b.day && a.day == b.month {
            return DobFit::Swapped;
        }
        // Two first days of January agree because nobody knew the day: another year is another year.
        let unknown_days = [a, b].iter().all(|d| (d.month, d.day) == (1, 1));
        match digit_difference(a, b) {
            _ if unknown_days => {}
            Difference::One => return DobFit::OneDigit,
            Difference::Transposed => return DobFit::Transposed,
            Difference::More => {}
        }
    }
    if a.year == 0 || b.year == 0 {
        // Without a year, day and month are all there is to compare.
        let differs = |x: u8, y: u8| x != 0 && y != 0 && x != y;
        return if differs(a.month, b.month) || differs(a.day, b.day) { DobFit::Differs } else { DobFit::Unknown };
    }
    match a.year.abs_diff(b.year) {
        0 if a.month == 0 || b.month == 0 => DobFit::Year,
        0 if a.month == b.month && (a.day == 0 || b.day == 0) => DobFit::YearMonth,
        0 => DobFit::YearOnly,
        1 => DobFit::YearNear,
        _ => DobFit::Differs,
    }
}

enum Difference {
    One,
    Transposed,
    More,
}

fn digit_difference(a: PartialDate, b: PartialDate) -> Difference {
    let (a, b) = (digits(a), digits(b));
    let mut at = (0..8).filter(|&i| a[i] != b[i]);
    match (at.next(), at.next(), at.next()) {
        (Some(_), None, None) => Difference::One,
        (Some(i), Some(j), None) if j == i + 1 && a[i] == b[j] && a[j] == b[i] => Difference::Transposed,
        _ => Difference::More,
    }
}

fn digits(d: PartialDate) -> [u16; 8] {
    let (y, m, d) = (d.year, u16::from(d.month), u16::from(d.day));
    [y / 1000 % 10, y / 100 % 10, y / 10 % 10, y % 10, m / 10 % 10, m % 10, d / 10 % 10, d % 10]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(y: u16, m: u8, d: u8) -> PartialDate {
        PartialDate::new(y, m, d)
    }

    #[test]
    fn forms() {
        for (text, dob) in [
            ("1984-03-02", DobQuery::Exact(day(1984, 3, 2))),
            (" 02/03/1984 ", DobQuery::Exact(day(1984, 3, 2))),
            ("2.3.1984", DobQuery::Exact(day(1984, 3, 2))),
            ("1984-03", DobQuery::YearMonth(1984, 3)),
            ("03/1984", DobQuery::YearMonth(1984, 3)),
            ("1984-03-00", DobQuery::YearMonth(1984, 3)),
            ("1984", DobQuery::Year(1984)),
            ("1984-00-00", DobQuery::Year(1984)),
            ("~1984", DobQuery::About(1984)),
            ("~ 1984", DobQuery::About(1984)),
            ("1984-02-30", DobQuery::Digits(day(1984, 2, 30))),
            ("1984-13-45", DobQuery::Digits(day(1984, 13, 45))),
            ("1984-13", DobQuery::Digits(day(1984, 13, 0))),
            ("99/99/9999", DobQuery::Digits(day(9999, 99, 99))),
            ("2000-02-29", DobQuery::Exact(day(2000, 2, 29))),
            ("1900-02-29", DobQuery::Digits(day(1900, 2, 29))),
        ] {
            assert_eq!(parse_dob(text), Ok(dob), "{text}");
        }
        for text in
            ["", "x", "84", "02/03/84", "1984-3-2-1", "~", "~1984-03", "0000", "00000", "1984--03", "-1984", "٢"]
        {
            assert_eq!(parse_dob(text).map_err(|e| e.code), Err("invalid_dob"), "{text}");
        }
    }

    #[test]
    fn ages() {
        let today = day(2026, 11, 24);
        let fit = |age: &str, held| fit(&parse_age(age, today).expect("an age"), held);
        for (age, held, expected) in [
            ("30", day(1996, 11, 24), DobFit::Aged),
            ("30", day(1995, 11, 25), DobFit::Aged),
            ("30", day(1995, 11, 24), DobFit::YearNear),
            ("30", day(1996, 11, 25), DobFit::YearNear),
            ("30", day(1996, 0, 0), DobFit::Aged),
            ("30-35", day(1992, 1, 1), DobFit::Aged),
            ("~30", day(1999, 1, 1), DobFit::Aged),
            ("30", day(1980, 1, 1), DobFit::Differs),
            ("30", day(0, 1, 1), DobFit::Unknown),
        ] {
            assert_eq!(fit(age, held), expected, "{age} {held}");
        }
        for text in ["", "old", "35-30", "-", "131", "+30", "30-", "1-2-3"] {
            assert_eq!(parse_age(text, today).map_err(|e| e.code), Err("invalid_age"), "{text}");
        }
        assert_eq!(parse_age("0", day(2024, 2, 29)), Ok(DobQuery::Born(day(2023, 3, 1), day(2024, 2, 29))));
        assert_eq!(parse_age("0", day(2026, 12, 31)), Ok(DobQuery::Born(day(2026, 1, 1), day(2026, 12, 31))));
    }

    #[test]
    fn fits() {
        let asked = |t: &str| parse_dob(t).expect("a date");
        for (q, held, expected) in [
            ("1984-03-02", day(1984, 3, 2), DobFit::Exact),
            ("1984-02-03", day(1984, 3, 2), DobFit::Swapped),
            ("1984-13-05", day(1984, 5, 13), DobFit::Swapped),
            ("1984-01-01", day(1984, 1, 1), DobFit::FirstOfJanuary),
            ("1984-01-01", day(1974, 1, 1), DobFit::Differs),
            ("1984-01-01", day(1985, 1, 1), DobFit::YearNear),
            ("1984-03-12", day(1984, 3, 2), DobFit::OneDigit),
            ("1984-02-30", day(1984, 2, 20), DobFit::OneDigit),
            ("1948-03-02", day(1984, 3, 2), DobFit::Transposed),
            ("1984-03-02", day(1984, 0, 0), DobFit::Year),
            ("1984-03-02", day(1984, 3, 0), DobFit::YearMonth),
            ("1984-03-02", day(1984, 11, 25), DobFit::YearOnly),
            ("1984-03-02", day(1985, 11, 25), DobFit::YearNear),
            ("1984-03-02", day(1961, 11, 25), DobFit::Differs),
            ("1984", day(1984, 11, 25), DobFit::Year),
            ("1984-11", day(1984, 11, 25), DobFit::YearMonth),
            ("1984-12", day(1984, 11, 25), DobFit::YearOnly),
            ("~1984", day(1986, 1, 1), DobFit::About),
            ("~1984", day(1987, 1, 1), DobFit::YearNear),
            ("~1984", day(1989, 1, 1), DobFit::Differs),
            ("~1984", day(0, 1, 1), DobFit::Unknown),
        ] {
            assert_eq!(fit(&asked(q), held), expected, "{q} {held}");
        }
        let q = asked("1984-03-02");
        assert_eq!(best_fit(Some(&q), &[day(1961, 1, 1), day(1984, 3, 2)]), (DobFit::Exact, 1));
        assert_eq!(best_fit(Some(&q), &[]), (DobFit::Unknown, 0));
        assert_eq!(best_fit(None, &[day(1984, 3, 2)]), (DobFit::NotAsked, 0));
    }
}
