//! Identifiers: the forms under which one number is written, and what its check letter says.
//!
//! A PNC ID is `YYYY/NNNNNNNL` or, short, `YY/N..L`; a CRO number is `NNNNNN/YYL`, or `SFYY/N..L` where only a file is held.
//! The check letter is `ZABCDEFGHJKLMNPQRTUVWXY` at (year in two digits, then serial) mod 23 (as the Ministry of Justice's open
//! person-record service reads them; `DOMAIN.md`). Any other number is compared by its letters and digits alone.

use crate::person::normalise_identifier;

const LETTERS: &[u8; 23] = b"ZABCDEFGHJKLMNPQRTUVWXY";
/// Digits of a serial number, written out in full.
const PNC_SERIAL: usize = 7;
const CRO_SERIAL: usize = 6;

/// A kind of number that has a check letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// Police National Computer ID.
    Pnc,
    /// Criminal Records Office number.
    Cro,
    /// Criminal Records Office number of a file only.
    CroFile,
}

impl Checked {
    /// What officers call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pnc => "PNC ID",
            Self::Cro | Self::CroFile => "CRO number",
        }
    }
}

/// One way to read what was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reading {
    kind: Checked,
    year: String,
    /// Without leading zeros, but never empty.
    serial: String,
    /// Digits of it that were written, leading zeros included.
    written: usize,
    letter: u8,
}

impl Reading {
    fn new(kind: Checked, year: &str, serial: &str, letter: u8) -> Option<Self> {
        let year = year.get(year.len().checked_sub(2)?..)?;
        let most = if kind == Checked::Cro { CRO_SERIAL } else { PNC_SERIAL };
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        let bare = serial.trim_start_matches('0');
        let bare = if bare.is_empty() { "0" } else { bare };
        let fits = digits(year) && digits(serial) && bare.len() <= most && letter.is_ascii_uppercase();
        fits.then(|| Self {
            kind,
            year: year.to_owned(),
            serial: bare.to_owned(),
            written: serial.len().min(most),
            letter,
        })
    }

    fn key(&self) -> String {
        let Self { kind, year, serial, letter, .. } = self;
        let letter = char::from(*letter);
        match kind {
            Checked::Pnc => format!("{year}/{serial}{letter}"),
            Checked::Cro => format!("{serial}/{year}{letter}"),
            Checked::CroFile => format!("SF{year}/{serial}{letter}"),
        }
    }

    fn right_letter(&self) -> u8 {
        let serial = match self.kind {
            Checked::Pnc => format!("{:0>1$}", self.serial, PNC_SERIAL),
            Checked::Cro => format!("{:0>1$}", self.serial, CRO_SERIAL),
            Checked::CroFile => self.serial.clone(),
        };
        let number: u64 = format!("{}{serial}", self.year).parse().unwrap_or_default();
        LETTERS[(number % LETTERS.len() as u64) as usize]
    }

    fn is_right(&self) -> bool {
        self.right_letter() == self.letter
    }

    /// The same with one character other, or two neighbouring digits exchanged, wherever the check letter then fits.
    fn near(&self) -> Vec<(Self, String)> {
        let mut out = Vec::new();
        let letter = Self { letter: self.right_letter(), ..self.clone() };
        out.push((
            letter,
            format!(
                "check letter {} on the record, {} asked",
                char::from(self.right_letter()),
                char::from(self.letter)
            ),
        ));
        let width = if self.kind == Checked::Cro { CRO_SERIAL } else { PNC_SERIAL };
        let digits: Vec<u8> = format!("{}{:0>width$}", self.year, self.serial).into_bytes();
        let mut put = |digits: &[u8], said: String| {
            let (Ok(year), Ok(serial)) = (std::str::from_utf8(&digits[..2]), std::str::from_utf8(&digits[2..])) else {
                return;
            };
            out.extend(Self::new(self.kind, year, serial, self.letter).filter(Self::is_right).map(|r| (r, said)));
        };
        // Leading zeros were perhaps never typed: no digit is said to be wrong that nobody saw.
        let unseen = |i: usize| (2..2 + width - self.written).contains(&i);
        for i in (0..digits.len()).filter(|i| !unseen(*i)) {
            for other in (b'0'..=b'9').filter(|o| *o != digits[i]) {
                let mut near = digits.clone();
                near[i] = other;
                let (part, at) = if i < 2 { ("year", i + 1) } else { ("number", i - 1 - (width - self.written)) };
                put(
                    &near,
                    format!(
                        "digit {at} of its {part}: {} on the record, {} asked",
                        char::from(other),
                        char::from(digits[i])
                    ),
                );
            }
            if i + 1 < digits.len() && i != 1 && digits[i] != digits[i + 1] {
                let mut near = digits.clone();
                near.swap(i, i + 1);
                put(
                    &near,
                    format!(
                        "{}{} on the record, {}{} asked",
                        char::from(near[i]),
                        char::from(near[i + 1]),
                        char::from(digits[i]),
                        char::from(digits[i + 1])
                    ),
                );
            }
        }
        out
    }
}

/// An identifier as asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AskedIdentifier {
    /// The forms under which records hold it ([`identifier_keys`]).
    pub keys: Vec<String>,
    /// Forms one slip away, each with the slip in words: only where the check letter shows that something is wrong.
    pub near: Vec<(String, String)>,
    /// The kind of number of which the check letter does not fit.
    pub misfit: Option<Checked>,
}

impl AskedIdentifier {
    /// Reads what was typed; `None` if no letter or digit is in it.
    ///
    /// ```
    /// use beatcheck_search::AskedIdentifier;
    /// let right = AskedIdentifier::read("2004/0000001L").unwrap();
    /// assert!(right.misfit.is_none() && right.near.is_empty());
    /// let wrong = AskedIdentifier::read("04/2L").unwrap();
    /// assert!(wrong.misfit.is_some() && wrong.near.iter().any(|(key, _)| key == "04/1L"));
    /// ```
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let keys = identifier_keys(text);
        if keys.is_empty() {
            return None;
        }
        let readings = readings(text);
        if readings.is_empty() || readings.iter().any(Reading::is_right) {
            return Some(Self { keys, ..Self::default() });
        }
        let mut near: Vec<(String, String)> = Vec::new();
        for (reading, said) in readings.iter().flat_map(Reading::near) {
            let key = reading.key();
            if !keys.contains(&key) && !near.iter().any(|(k, _)| *k == key) {
                near.push((key, said));
            }
        }
        Some(Self { keys, near, misfit: readings.first().map(|r| r.kind) })
    }

    /// What is other in a recorded identifier that is one slip from the one asked.
    #[must_use]
    pub fn slip(&self, held: &str) -> Option<&str> {
        let held = identifier_keys(held);
        self.near.iter().find(|(k, _)| held.contains(k)).map(|(_, said)| said.as_str())
    }

    /// Whether a recorded identifier is the one asked.
    #[must_use]
    pub fn is(&self, held: &str) -> bool {
        identifier_keys(held).iter().any(|k| self.keys.contains(k))
    }
}

/// The forms under which an identifier is indexed and looked up: those of a PNC ID or CRO number without padding and
/// century, or else its letters and digits. Two identifiers are one if they share a form. Empty if nothing is left.
///
/// ```
/// use beatcheck_search::identifier_keys;
/// assert_eq!(identifier_keys("2004/0000001L"), identifier_keys("04/1l"));
/// assert_eq!(identifier_keys("b 12-7"), ["B127"]);
/// ```
#[must_use]
pub fn identifier_keys(text: &str) -> Vec<String> {
    let readings = readings(text);
    let plain = Some(normalise_identifier(text)).filter(|p| !p.is_empty());
    // With a stroke it is what it looks like; without one it may be another kind of number.
    let plain = plain.filter(|_| readings.is_empty() || !text.contains('/'));
    let mut out: Vec<String> = plain.into_iter().chain(readings.iter().map(Reading::key)).collect();
    out.sort_unstable();
    out.dedup();
    out
}

/// Longest text that is read as a number with a check letter, in bytes.
const LONGEST: usize = 20;

fn readings(text: &str) -> Vec<Reading> {
    let text: String =
        text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_uppercase).take(LONGEST + 1).collect();
    let Some((body, letter)) = text.is_ascii().then(|| text.split_at_checked(text.len().saturating_sub(1))).flatten()
    else {
        return Vec::new();
    };
    let Some(letter) = letter.bytes().next().filter(|_| text.len() <= LONGEST) else { return Vec::new() };
    let (file, body) = match body.strip_prefix("SF") {
        Some(rest) => (true, rest),
        None => (false, body),
    };
    let mut out = Vec::new();
    match (file, body.split_once('/')) {
        (true, Some((year, serial))) if year.len() == 2 => {
            out.extend(Reading::new(Checked::CroFile, year, serial, letter))
        }
        (true, None) if body.len() > 2 => {
            out.extend(body.split_at_checked(2).and_then(|(y, s)| Reading::new(Checked::CroFile, y, s, letter)));
        }
        (false, Some((a, b))) => {
            if matches!(a.len(), 2 | 4) {
                out.extend(Reading::new(Checked::Pnc, a, b, letter));
            }
            if b.len() == 2 {
                out.extend(Reading::new(Checked::Cro, b, a, letter));
            }
        }
        // Only the full form can be told from another number without its stroke.
        (false, None) if body.len() == 4 + PNC_SERIAL => {
            out.extend(body.split_at_checked(4).and_then(|(y, s)| Reading::new(Checked::Pnc, y, s, letter)));
        }
        (false, None) if body.len() == CRO_SERIAL + 2 => {
            out.extend(body.split_at_checked(CRO_SERIAL).and_then(|(s, y)| Reading::new(Checked::Cro, y, s, letter)));
        }
        _ => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn check_letters() {
        // Of the generated fixtures and of the published rule, by hand: 04 0000001 mod 23 = 11.
        for (text, fits) in [("2004/0000001L", true), ("04/1L", true), ("04/1M", false), ("2021/0007920C", true)] {
            assert_eq!(AskedIdentifier::read(text).unwrap().misfit.is_none(), fits, "{text}");
        }
        assert_eq!(AskedIdentifier::read("--"), None);
        assert_eq!(AskedIdentifier::read("B127").unwrap().keys, ["B127"]);
    }

    #[test]
    fn forms_of_one_number() {
        assert_eq!(identifier_keys("000123/01X"), identifier_keys("123/01x"));
        assert!(identifier_keys("20010000123X").contains(&"01/123X".to_owned()));
        assert!(identifier_keys("SF39/12345X").contains(&"SF39/12345X".to_owned()));
        assert_ne!(identifier_keys("2001/0000123X"), identifier_keys("2001/0000124X"));
    }

    #[test]
    fn a_wrong_character_is_named() {
        let asked = AskedIdentifier::read("2004/0000002L").unwrap();
        assert_eq!(asked.misfit, Some(Checked::Pnc));
        assert_eq!(asked.slip("04/1L"), Some("digit 7 of its number: 1 on the record, 2 asked"));
        assert_eq!(asked.slip("2004/0000002M"), Some("check letter M on the record, L asked"));
        assert_eq!(asked.slip("2004/0000002L"), None);
        assert!(asked.is("04/2L"));
    }

    proptest! {
        #[test]
        fn one_wrong_digit_of_a_pnc_id_is_always_found(year in 0_u8..100, serial in 1_u32..9_999_999, at in 0_usize..9, other in b'0'..=b'9') {
            let mut reading = Reading::new(Checked::Pnc, &format!("{year:02}"), &serial.to_string(), b'A').unwrap();
            reading.letter = reading.right_letter();
            let mut digits = format!("{year:02}{serial:07}").into_bytes();
            prop_assume!(digits[at] != other);
            digits[at] = other;
            let text = String::from_utf8(digits).unwrap();
            let typed = format!("{}/{}{}", &text[..2], &text[2..], char::from(reading.letter));
            let asked = AskedIdentifier::read(&typed).unwrap();
            // Read as a CRO number it may fit: then nothing is wrong with it.
            prop_assert!(asked.misfit.is_none() || asked.slip(&reading.key()).is_some(), "{typed}");
            prop_assert!(asked.near.len() < 100);
        }

        #[test]
        fn any_text(text in ".{0,40}") {
            if let Some(asked) = AskedIdentifier::read(&text) {
                prop_assert!(asked.is(&text) && asked.slip(&text).is_none());
            }
        }
    }
}
