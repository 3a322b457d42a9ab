//! Dates as records and officers give them, and instants as the account needs them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A calendar date of which parts may be unknown, kept by its digits.
///
/// It is *not* checked against the calendar: records and officers give impossible dates (30 February), and these are
/// compared digit by digit like any other, never refused. Zero means that a part is unknown.
///
/// ```
/// use beatcheck_model::PartialDate;
/// let d: PartialDate = "1984-03".parse().unwrap();
/// assert_eq!((d.year, d.month, d.day), (1984, 3, 0));
/// assert_eq!(d.to_string(), "1984-03");
/// assert_eq!("1984-02-30".parse::<PartialDate>().unwrap().to_string(), "1984-02-30");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub struct PartialDate {
    /// Four-digit year, 0 if unknown.
    pub year: u16,
    /// Month as written, 1 to 12 when possible, 0 if unknown.
    pub month: u8,
    /// Day of the month as written, 0 if unknown.
    pub day: u8,
}

impl PartialDate {
    /// A full date; no check is made against the calendar.
    #[must_use]
    pub const fn new(year: u16, month: u8, day: u8) -> Self {
        Self { year, month, day }
    }

    /// Whether year, month and day are all known.
    #[must_use]
    pub const fn is_full(self) -> bool {
        self.year != 0 && self.month != 0 && self.day != 0
    }

    /// Whether the calendar has such a day (only asked of full dates; a partial one is possible).
    #[must_use]
    pub fn is_possible(self) -> bool {
        !self.is_full() || jiff::civil::Date::new(self.year as i16, self.month as i8, self.day as i8).is_ok()
    }
}

impl fmt::Display for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.year, self.month, self.day) {
            (y, 0, _) => write!(f, "{y:04}"),
            (y, m, 0) => write!(f, "{y:04}-{m:02}"),
            (y, m, d) => write!(f, "{y:04}-{m:02}-{d:02}"),
        }
    }
}

impl fmt::Debug for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a date in any of the forms `YYYY`, `YYYY-MM`, `YYYY-MM-DD`. Carries no part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a date: write YYYY, YYYY-MM or YYYY-MM-DD")]
pub struct DateError;

impl FromStr for PartialDate {
    type Err = DateError;

    fn from_str(s: &str) -> Result<Self, DateError> {
        let mut parts = s.trim().split('-');
        let mut next = |len: usize| -> Result<u16, DateError> {
            match parts.next() {
                None => Ok(0),
                Some(p) if p.len() == len && p.bytes().all(|b| b.is_ascii_digit()) => p.parse().map_err(|_| DateError),
                Some(_) => Err(DateError),
            }
        };
        let (year, month, day) = (next(4)?, next(2)?, next(2)?);
        if year == 0 || parts.next().is_some() {
            return Err(DateError);
        }
        Ok(Self { year, month: month as u8, day: day as u8 })
    }
}

/// An instant, in whole milliseconds since 1970-01-01T00:00:00Z. Written as RFC 3339 in UTC.
///
/// ```
/// use beatcheck_model::Timestamp;
/// let t: Timestamp = "2024-04-12T08:00:00Z".parse().unwrap();
/// assert_eq!(t.to_string(), "2024-04-12T08:00:00Z");
/// assert_eq!(t.plus_secs(60).to_string(), "2024-04-12T08:01:00Z");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This instant moved by a number of seconds; saturates at the ends of time.
    #[must_use]
    pub const fn plus_secs(self, secs: i64) -> Self {
        Self(self.0.saturating_add(secs.saturating_mul(1000)))
    }

    /// Seconds from `earlier` to this instant, negative if it is later; rounded towards zero.
    #[must_use]
    pub const fn secs_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0) / 1000
    }

    /// The calendar date in UTC.
    #[must_use]
    pub fn date(self) -> PartialDate {
        let text = self.to_string();
        text.get(..10).and_then(|d| d.parse().ok()).unwrap_or_default()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(t) => write!(f, "{t}"),
            Err(_) => f.write_str("out of range"),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(s: &str) -> Result<Self, TimeError> {
        let t: jiff::Timestamp = s.trim().parse().map_err(|_| TimeError)?;
        Ok(Self(t.as_millisecond()))
    }
}

/// A text that is not an RFC 3339 instant. Carries no part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time: write RFC 3339, for example 2024-05-17T06:00:00Z")]
pub struct TimeError;

/// In a human-readable encoding (JSON) the RFC 3339 text, in a binary one the milliseconds.
impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(self) } else { s.serialize_i64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
        } else {
            i64::deserialize(d).map(Self)
        }
    }
}
