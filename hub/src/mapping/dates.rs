//! Dates as extracts write them. Only the digits count: a date that no calendar has is kept as it stands.

use beatcheck_model::PartialDate;

/// The formats of a mapping, in order.
#[derive(Debug, Clone)]
pub struct DateFormats(Vec<Vec<Token>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Year,
    Month,
    MonthName,
    Day,
    Ignored,
    Literal(char),
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl Default for DateFormats {
    /// `%Y-%m-%d`, `%Y-%m` and `%Y`.
    fn default() -> Self {
        use Token::{Day, Literal, Month, Year};
        let dash = Literal('-');
        Self(vec![vec![Year, dash, Month, dash, Day], vec![Year, dash, Month], vec![Year]])
    }
}

impl DateFormats {
    /// Reads format strings: `%Y %m %d %b %B` and, read over, `%H %M %S`; anything else stands for itself.
    ///
    /// # Errors
    /// What is wrong with which format (its index comes first).
    pub(super) fn new<'a>(formats: impl Iterator<Item = &'a str>) -> Result<Self, (usize, String)> {
        formats.enumerate().map(|(i, f)| tokens(f).map_err(|e| (i, e))).collect::<Result<_, _>>().map(Self)
    }

    /// The date that `text` is. Of several formats the first that gives a day the calendar has; failing that, the first
    /// that fits. `Ok(None)` if the text is empty or all its digits are 0.
    ///
    /// # Errors
    /// `()` if no format fits.
    #[allow(clippy::result_unit_err)]
    pub fn parse(&self, text: &str) -> Result<Option<PartialDate>, ()> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let mut fits = self.0.iter().filter_map(|f| read(f, text));
        let Some(first) = fits.next() else { return Err(()) };
        let date = if plausible(first) { first } else { fits.find(|d| plausible(*d)).unwrap_or(first) };
        match (date.year, date.month, date.day) {
            (0, 0, 0) => Ok(None),
            (0, ..) => Err(()),
            _ => Ok(Some(date)),
        }
    }
}

fn plausible(d: PartialDate) -> bool {
    d.month <= 12 && d.day <= 31 && d.is_possible()
}

fn tokens(format: &str) -> Result<Vec<Token>, String> {
    let (mut out, mut chars) = (Vec::new(), format.chars());
    while let Some(c) = chars.next() {
        out.push(match c {
            '%' => match chars.next() {
                Some('Y') => Token::Year,
                Some('m') => Token::Month,
                Some('d') => Token::Day,
                Some('b' | 'B') => Token::MonthName,
                Some('H' | 'M' | 'S') => Token::Ignored,
                Some('%') => Token::Literal('%'),
                Some('y') => return Err("two-digit years (%y) leave the century open: use four digits (%Y)".into()),
                other => {
                    let name = other.map_or_else(String::new, |c| c.to_string());
                    return Err(format!("%{name} is not known: use %Y %m %d %b %H %M %S"));
                }
            },
            c => Token::Literal(c),
        });
    }
    let count = |t: &[Token]| out.iter().filter(|x| t.contains(x)).count();
    let (year, month, day) = (count(&[Token::Year]), count(&[Token::Month, Token::MonthName]), count(&[Token::Day]));
    if year != 1 || month > 1 || day > 1 || day > month {
        return Err("a format holds %Y once, and at most one month and, with a month, one day".into());
    }
    Ok(out)
}

fn read(format: &[Token], text: &str) -> Option<PartialDate> {
    let (mut rest, mut date) = (text, PartialDate::default());
    for (i, token) in format.iter().enumerate() {
        let fixed = !matches!(format.get(i + 1), None | Some(Token::Literal(_)));
        match token {
            Token::Literal(c) => rest = rest.strip_prefix(*c)?,
            Token::Year => date.year = digits(&mut rest, 4, 4)?,
            Token::Month => date.month = digits(&mut rest, if fixed { 2 } else { 1 }, 2)? as u8,
            Token::Day => date.day = digits(&mut rest, if fixed { 2 } else { 1 }, 2)? as u8,
            Token::Ignored => drop(digits(&mut rest, 1, 2)?),
            Token::MonthName => {
                let len = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
                let (word, tail) = rest.split_at(len);
                let word = word.to_ascii_lowercase();
                let n = MONTHS.iter().position(|m| *m == word || (word.len() == 3 && m.starts_with(&word)))?;
                (date.month, rest) = (n as u8 + 1, tail);
            }
        }
    }
    rest.is_empty().then_some(date)
}

fn digits(rest: &mut &str, min: usize, max: usize) -> Option<u16> {
    let n = rest.bytes().take(max).take_while(u8::is_ascii_digit).count();
    if n < min {
        return None;
    }
    let (head, tail) = rest.split_at(n);
    *rest = tail;
    head.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(formats: &[&str], text: &str) -> Result<Option<String>, ()> {
        DateFormats::new(formats.iter().copied()).unwrap().parse(text).map(|d| d.map(|d| d.to_string()))
    }

    #[test]
    fn reads_what_extracts_write() {
        let ok = |s: &str| Ok(Some(s.to_owned()));
        assert_eq!(parse(&["%m/%d/%Y"], "4/5/2024"), ok("2024-04-05"));
        assert_eq!(parse(&["%d/%m/%Y"], "30/02/1984"), ok("1984-02-30"));
        assert_eq!(parse(&["%d/%m/%Y", "%m/%d/%Y"], "04/25/2024"), ok("2024-04-25"));
        assert_eq!(parse(&["%Y%m%d"], "20240405"), ok("2024-04-05"));
        assert_eq!(parse(&["%d %b %Y %H:%M:%S"], "7 Mar 1984 00:00:00"), ok("1984-03-07"));
        assert_eq!(parse(&["%Y-%m-%d", "%Y-%m", "%Y"], "1984"), ok("1984"));
        assert_eq!(parse(&["%Y-%m-%d"], "1984-00-00"), ok("1984"));
        assert_eq!(parse(&["%Y-%m-%d"], "0000-00-00"), Ok(None));
        assert_eq!(parse(&["%Y-%m-%d"], " "), Ok(None));
        assert_eq!(parse(&["%Y-%m-%d"], "yesterday"), Err(()));
        assert_eq!(parse(&["%Y"], "19845"), Err(()));
    }

    #[test]
    fn refuses_formats_that_mislead() {
        for bad in ["%d/%m/%y", "%d/%m", "%Q", "%Y %Y", "%Y-%d", "%"] {
            assert!(DateFormats::new([bad].into_iter()).is_err(), "{bad}");
        }
    }
}
