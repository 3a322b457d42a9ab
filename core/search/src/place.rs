//! Addresses: their words, and postcodes in whole or in part.
//!
//! A UK postcode is an outward part (district, such as `B15`) and an inward part of a digit and two letters. Officers know a
//! street, a town, a district. People move: an address that agrees says much, one that does not says little.

use crate::error::InvalidQuery;
use crate::name::name_tokens;
use beatcheck_model::Address;

/// Words of an address that are indexed or asked, at most.
pub const PLACE_WORDS_MAX: usize = 10;

/// What is asked of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlaceQuery {
    /// Words, each to be found in one address ([`place_words`]).
    pub words: Vec<String>,
    /// Postcode or part of one.
    pub postcode: Option<Postcode>,
}

impl PlaceQuery {
    /// The keys to look up, each with whether keys that begin so count too.
    #[must_use]
    pub fn keys(&self) -> Vec<(String, bool)> {
        let code = self.postcode.as_ref().map(|p| match p {
            Postcode::Full(..) | Postcode::Other(_) => (p.key(), false),
            Postcode::District(d) => (format!(">{d}"), false),
            Postcode::Begins(..) => (p.key(), true),
        });
        code.into_iter().chain(self.words.iter().map(|w| (w.clone(), false))).collect()
    }
}

/// A postcode, or part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Postcode {
    /// Outward and inward part.
    Full(String, String),
    /// Outward part alone.
    District(String),
    /// Outward part and the beginning of the inward one.
    Begins(String, String),
    /// Of another country, or damaged: letters and digits.
    Other(String),
}

impl Postcode {
    /// Reads a postcode in any spacing and case; `None` if no letter or digit is in it.
    ///
    /// ```
    /// use beatcheck_search::Postcode;
    /// assert_eq!(Postcode::read("b152tt"), Some(Postcode::Full("B15".into(), "2TT".into())));
    /// assert_eq!(Postcode::read("B15"), Some(Postcode::District("B15".into())));
    /// assert_eq!(Postcode::read("B15 2"), Some(Postcode::Begins("B15".into(), "2".into())));
    /// ```
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let spaced = text.trim().split_once(char::is_whitespace).map(|(a, b)| (plain(a), plain(b)));
        let all = plain(text);
        if all.is_empty() {
            return None;
        }
        let at = all.len().saturating_sub(3);
        let full = all.split_at_checked(at).filter(|(o, i)| is_outward(o) && is_inward(i) && i.len() == 3);
        if let Some((o, i)) = full {
            return Some(Self::Full(o.to_owned(), i.to_owned()));
        }
        match spaced {
            Some((o, i)) if is_outward(&o) && is_inward(&i) => Some(Self::Begins(o, i)),
            _ if is_outward(&all) => Some(Self::District(all)),
            _ => Some(Self::Other(all)),
        }
    }

    fn key(&self) -> String {
        match self {
            Self::Full(o, i) | Self::Begins(o, i) => format!("={o} {i}"),
            Self::District(d) => format!("={d}"),
            Self::Other(t) => format!("={t}"),
        }
    }

    fn district(&self) -> Option<&str> {
        match self {
            Self::Full(d, _) | Self::Begins(d, _) | Self::District(d) => Some(d),
            Self::Other(_) => None,
        }
    }
}

/// Longest text that is read as a postcode, in characters.
const POSTCODE_MAX: usize = 12;

fn plain(text: &str) -> String {
    text.chars().flat_map(char::to_uppercase).filter(char::is_ascii_alphanumeric).take(POSTCODE_MAX).collect()
}

/// One or two letters, a digit, and perhaps a digit or letter.
fn is_outward(t: &str) -> bool {
    let letters = t.bytes().take_while(u8::is_ascii_uppercase).count();
    let rest = t.as_bytes().get(letters..).unwrap_or_default();
    (1..=2).contains(&letters) && (1..=2).contains(&rest.len()) && rest[0].is_ascii_digit()
}

/// A digit, then at most two letters.
fn is_inward(t: &str) -> bool {
    let b = t.as_bytes();
    matches!(b.len(), 1..=3) && b[0].is_ascii_digit() && b[1..].iter().all(u8::is_ascii_uppercase)
}

/// The comparable words of an address: those of a name, with the usual short forms written out the same way.
///
/// ```
/// assert_eq!(beatcheck_search::place_words("Flat 2, 40 Church Rd."), ["flat", "2", "40", "church", "road"]);
/// ```
#[must_use]
pub fn place_words(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in name_tokens(text) {
        let word = match word.as_str() {
            "rd" => "road",
            "str" | "street" => "st",
            "ave" | "av" => "avenue",
            "ln" => "lane",
            "cl" => "close",
            "dr" => "drive",
            "ct" => "court",
            "cres" => "crescent",
            "gdns" | "gdn" => "gardens",
            "pl" => "place",
            "sq" => "square",
            "terr" | "ter" => "terrace",
            "apt" | "apartment" => "flat",
            "saint" => "st",
            _ => word.as_str(),
        };
        if !out.iter().any(|w| w == word) && out.len() < PLACE_WORDS_MAX {
            out.push(word.to_owned());
        }
    }
    out
}

/// Reads what was asked of an address: words with or without a postcode among them, and a postcode apart.
///
/// # Errors
/// [`InvalidQuery`] if a postcode was given apart and holds no letter or digit.
pub fn parse_place(address: Option<&str>, postcode: Option<&str>) -> Result<Option<PlaceQuery>, InvalidQuery> {
    let postcode = postcode.map(|t| Postcode::read(t).ok_or(InvalidQuery::INVALID_POSTCODE)).transpose()?;
    let mut out = PlaceQuery { words: Vec::new(), postcode };
    if let Some(text) = address {
        let mut text = text.trim().to_owned();
        if out.postcode.is_none()
            && let Some((rest, code)) = split_postcode(&text)
        {
            (text, out.postcode) = (rest, Some(code));
        }
        out.words = place_words(&text);
    }
    Ok((out != PlaceQuery::default()).then_some(out))
}

/// An address that ends in a full postcode, in two.
fn split_postcode(text: &str) -> Option<(String, Postcode)> {
    let words: Vec<&str> = text.split_whitespace().collect();
    for n in [2, 1] {
        let at = words.len().checked_sub(n)?;
        let code = words[at..].join(" ");
        // A house number and a street may look like one where nothing stands between.
        if let Some(code @ Postcode::Full(..)) = Postcode::read(&code).filter(|_| n == 1 || words[at + 1].len() == 3) {
            return Some((words[..at].join(" "), code));
        }
    }
    None
}

/// The keys under which addresses are indexed: words, full postcodes (`=B15 2TT`) and districts (`>B15`); sorted, each once.
#[must_use]
pub fn place_keys(addresses: &[Address]) -> Vec<String> {
    let mut out = Vec::new();
    for a in addresses {
        out.extend(place_words(&a.text));
        if let Some(code) = Postcode::read(&a.postcode) {
            out.extend(code.district().map(|d| format!(">{d}")));
            out.push(code.key());
        }
    }
    out.sort_unstable();
    out.dedup();
    out
}

/// How a record's addresses agree with the one asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PlaceFit {
    NotAsked,
    /// The record has none.
    Unknown,
    Differs,
    /// Some of what was asked is in one address.
    Part,
    /// All of it is.
    Whole,
}

impl PlaceFit {
    pub(crate) fn code(self) -> Option<&'static str> {
        match self {
            Self::NotAsked | Self::Unknown => None,
            Self::Differs => Some("address_differs"),
            Self::Part => Some("address_part"),
            Self::Whole => Some("address_agrees"),
        }
    }
}

/// Bits lost where no address agrees: people move.
pub(crate) const PLACE_DIFFERS: f64 = -1.5;
/// No address says more than this, in bits: several people live at one.
const PLACE_MOST: f64 = 16.0;

/// The best agreement among a record's addresses, with its bits. `bits` gives those of a key asked.
pub(crate) fn fit_place(asked: Option<&PlaceQuery>, held: &[Address], bits: impl Fn(&str) -> f64) -> (PlaceFit, f64) {
    let Some(asked) = asked else { return (PlaceFit::NotAsked, 0.0) };
    let mut best = (PlaceFit::Unknown, 0.0);
    for address in held {
        let keys = place_keys(std::slice::from_ref(address));
        if keys.is_empty() {
            continue;
        }
        let (mut sum, mut found, mut all) = (0.0, 0, 0);
        for (key, begins) in asked.keys() {
            all += 1;
            // A record without a postcode does not differ in it.
            let unknown = key.starts_with(['=', '>']) && address.postcode.is_empty();
            if keys.iter().any(|k| *k == key || (begins && k.starts_with(&key))) {
                (sum, found) = (sum + bits(&key), found + 1);
            } else if unknown {
                all -= 1;
            }
        }
        let fit = match found {
            0 => (PlaceFit::Differs, PLACE_DIFFERS),
            n if n == all => (PlaceFit::Whole, sum.min(PLACE_MOST)),
            _ => (PlaceFit::Part, (sum - 1.0).clamp(0.0, PLACE_MOST / 2.0)),
        };
        if best.0 == PlaceFit::Unknown || (fit.0, fit.1) > (best.0, best.1) {
            best = fit;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(text: &str, postcode: &str) -> Address {
        Address { text: text.into(), postcode: postcode.into(), kind: String::new() }
    }

    fn fit(asked: (&'static str, &'static str), held: &[Address]) -> PlaceFit {
        let given = |t: &'static str| Some(t).filter(|t| !t.is_empty());
        let q = parse_place(given(asked.0), given(asked.1)).unwrap();
        fit_place(q.as_ref(), held, |_| 5.0).0
    }

    #[test]
    fn fits() {
        let home = [address("Flat 2, 40 Church Road, Birmingham", "B15 2TT"), address("1 High Street", "")];
        for (asked, expected) in [
            (("40 church rd", ""), PlaceFit::Whole),
            (("", "B15"), PlaceFit::Whole),
            (("", "B15 2"), PlaceFit::Whole),
            (("", "b152tt"), PlaceFit::Whole),
            (("", "B1"), PlaceFit::Differs),
            (("40 Church Road B15 2TT", ""), PlaceFit::Whole),
            (("41 Church Road", ""), PlaceFit::Part),
            (("1 High St", "M1 1AA"), PlaceFit::Whole),
            (("Elsewhere", ""), PlaceFit::Differs),
        ] {
            assert_eq!(fit(asked, &home), expected, "{asked:?}");
        }
        assert_eq!(fit(("x", ""), &[]), PlaceFit::Unknown);
        assert_eq!(parse_place(None, Some("--")).map_err(|e| e.code), Err("invalid_postcode"));
        assert_eq!(parse_place(Some(" , "), None), Ok(None));
    }

    proptest! {
        #[test]
        fn what_is_recorded_is_found_as_recorded(text in ".{0,60}", code in "[A-Z]{1,2}[0-9]{1,2} [0-9][A-Z]{2}|.{0,14}") {
            let held = [address(&text, &code)];
            let q = PlaceQuery { words: place_words(&text), postcode: Postcode::read(&code) };
            let (fit, _) = fit_place(Some(&q), &held, |_| 1.0);
            prop_assert!(fit == PlaceFit::Whole || place_keys(&held).is_empty());
            prop_assert!(place_keys(&held).len() <= PLACE_WORDS_MAX + 2);
        }
    }
}
