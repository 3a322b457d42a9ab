//! The driver number of Great Britain: an identifier that is also a description.
//!
//! 16 characters: the surname's first five (padded with 9, `Mac` written `MC`), the decade of birth, the month (50 more for
//! women), the day, the last digit of the year, two initials (9 where there is none), and three that say nothing here
//! (`DOMAIN.md`). So it is a question by itself, and it shows where details given beside it disagree.

use beatcheck_model::{PartialDate, Sex};

/// Youngest age in years at which a number is issued (a provisional licence is, three months before 16).
const YOUNGEST: u16 = 15;
const STEM: usize = 5;

/// What a driver number says of its holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverNumber {
    /// The surname's first letters, `a-z`, at most five.
    pub stem: String,
    /// Whether that is all of the surname.
    pub whole: bool,
    /// First initial, `a-z`, if there is one.
    pub initial: Option<char>,
    /// Date of birth.
    pub dob: PartialDate,
    /// Sex.
    pub sex: Sex,
}

impl DriverNumber {
    /// Reads a normalised identifier (`A-Z0-9`); `None` if it has not this shape. The century is the last in which the holder
    /// would be at least 15 by `today`.
    ///
    /// ```
    /// use beatcheck_model::{PartialDate, Sex};
    /// let d = beatcheck_search::DriverNumber::read("MORGA753116SM9IJ", PartialDate::new(2026, 1, 1)).unwrap();
    /// assert_eq!((d.stem.as_str(), d.dob, d.sex), ("morga", PartialDate::new(1976, 3, 11), Sex::Female));
    /// ```
    #[must_use]
    pub fn read(text: &str, today: PartialDate) -> Option<Self> {
        let b = text.as_bytes();
        if b.len() != 16 || !text.is_ascii() {
            return None;
        }
        let digit = |i: usize| b[i].is_ascii_digit().then(|| b[i] - b'0');
        let letters = b[..STEM].iter().take_while(|c| c.is_ascii_uppercase()).count();
        let padded = b[letters..STEM].iter().all(|c| *c == b'9');
        let initials = b[11..13].iter().all(|c| c.is_ascii_uppercase() || *c == b'9');
        let tail = b[13].is_ascii_alphanumeric() && b[14].is_ascii_alphanumeric() && b[15].is_ascii_alphanumeric();
        if letters == 0 || !padded || !initials || !tail {
            return None;
        }
        let month = digit(6)? * 10 + digit(7)?;
        let (sex, month) = if month > 50 { (Sex::Female, month - 50) } else { (Sex::Male, month) };
        let day = digit(8)? * 10 + digit(9)?;
        let year = 1900 + u16::from(digit(5)? * 10 + digit(10)?);
        let dob = |year| PartialDate::new(year, month, day);
        let latest = dob(year + 100);
        let later = year + 100 + YOUNGEST <= today.year && latest.is_possible();
        let dob = if later { latest } else { dob(year) };
        (dob.is_full() && dob.is_possible()).then(|| Self {
            stem: text[..letters].to_ascii_lowercase(),
            whole: letters < STEM,
            initial: Some(char::from(b[11]).to_ascii_lowercase()).filter(char::is_ascii_alphabetic),
            dob,
            sex,
        })
    }

    /// Whether a surname, as tokens, gives these letters.
    #[must_use]
    pub fn fits_surname(&self, tokens: &[String]) -> bool {
        let joined = tokens.concat();
        let name = match joined.strip_prefix("mac") {
            Some(rest) if self.stem.starts_with("mc") => format!("mc{rest}"),
            _ => joined,
        };
        if self.whole { name == self.stem } else { name.starts_with(&self.stem) }
    }

    /// The token to look a surname up by; `None` where it could be written in two ways.
    pub(crate) fn surname_token(&self) -> Option<String> {
        match (self.stem.starts_with("mc"), self.whole) {
            (true, _) => None,
            (_, true) => Some(self.stem.clone()),
            (_, false) => Some(format!("{}*", self.stem)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        let today = PartialDate::new(2026, 11, 24);
        let read = |t: &str| DriverNumber::read(t, today);
        let d = read("LI999001020A99AB").unwrap();
        assert_eq!((d.stem.as_str(), d.whole, d.dob, d.sex), ("li", true, PartialDate::new(2000, 1, 2), Sex::Male));
        assert_eq!(d.initial, Some('a'));
        assert!(d.fits_surname(&["li".into()]) && !d.fits_surname(&["lim".into()]));
        let mac = read("MCDON803024J99AB").unwrap();
        assert!(mac.fits_surname(&["macdonald".into()]) && mac.fits_surname(&["mcdonald".into()]));
        assert_eq!(mac.dob, PartialDate::new(1984, 3, 2));
        for text in [
            "",
            "MORGA753116SM9I",
            "12345753116SM9IJ",
            "MORGA799116SM9IJ",
            "MORGA702306SM9IJ",
            "MO9GA753116SM9IJ",
            "ÄÖÜßÄÖÜß",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
