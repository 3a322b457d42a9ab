//! Heights: a band in centimetres, as recorded and as an officer judges it.

use crate::error::InvalidQuery;

/// How far an officer's estimate may be from what is recorded, in centimetres.
pub const HEIGHT_SLACK_CM: u16 = 5;
/// Bits for a height that agrees: half of all people are of middle height, and estimates err.
pub const HEIGHT_AGREES: f64 = 0.8;
/// Bits for one that does not.
pub const HEIGHT_DIFFERS: f64 = -2.0;
/// Heights that are read, in centimetres.
const LEAST: u16 = 50;
const MOST: u16 = 250;

/// A band of heights in centimetres, both ends in it.
pub type HeightBand = (u16, u16);

/// Reads a height: `172`, `172cm`, `1.72`, `170-175`, `5'8"`, `5ft 8`, `5ft8-5ft10`.
///
/// # Errors
/// [`InvalidQuery`] with code `invalid_height` for any other text, or a height outside 50 to 250 cm.
///
/// ```
/// use beatcheck_search::parse_height;
/// assert_eq!(parse_height("170-175"), Ok((170, 175)));
/// assert_eq!(parse_height("5'10\""), Ok((178, 178)));
/// ```
pub fn parse_height(text: &str) -> Result<HeightBand, InvalidQuery> {
    const BAD: InvalidQuery = InvalidQuery::INVALID_HEIGHT;
    let text: String = text.chars().take(32).collect::<String>().to_lowercase();
    let mut parts = text.split(['-', '\u{2013}']).map(one);
    let (first, second, none) = (parts.next().flatten(), parts.next(), parts.next().is_none());
    match (first, second, none) {
        (Some(a), None, _) => Ok((a, a)),
        (Some(a), Some(Some(b)), true) if a <= b => Ok((a, b)),
        _ => Err(BAD),
    }
}

fn one(text: &str) -> Option<u16> {
    let text = text.trim().trim_end_matches("cm").trim_end_matches('m').trim();
    let cm = match text.split_once(['\'', '\u{2019}']).or_else(|| text.split_once("ft")) {
        Some((feet, inches)) => {
            let inches = inches.trim().trim_end_matches(['"', '\u{201D}', '\'']).trim_end_matches("in").trim();
            let inches: u16 = if inches.is_empty() { 0 } else { inches.parse().ok().filter(|i| *i < 12)? };
            let feet: u16 = feet.trim().parse().ok().filter(|f| *f < 9)?;
            (f64::from(feet * 12 + inches) * 2.54).round() as u16
        }
        None => match text.split_once(['.', ',']) {
            Some((m, cm)) if cm.len() == 2 => {
                m.parse::<u16>().ok().filter(|m| *m < 3)? * 100 + cm.parse::<u16>().ok()?
            }
            Some(_) => return None,
            None => text.parse().ok()?,
        },
    };
    (LEAST..=MOST).contains(&cm).then_some(cm)
}

/// Whether two bands agree within [`HEIGHT_SLACK_CM`].
#[must_use]
pub fn heights_agree(a: HeightBand, b: HeightBand) -> bool {
    a.0 <= b.1 + HEIGHT_SLACK_CM && b.0 <= a.1 + HEIGHT_SLACK_CM
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (text, band) in [
            ("172", (172, 172)),
            (" 172 cm ", (172, 172)),
            ("1.72m", (172, 172)),
            ("170-175", (170, 175)),
            ("170\u{2013}175", (170, 175)),
            ("5'8\"", (173, 173)),
            ("5ft", (152, 152)),
            ("5ft 8in - 5ft 10in", (173, 178)),
        ] {
            assert_eq!(parse_height(text), Ok(band), "{text}");
        }
        for text in ["", "tall", "17", "300", "175-170", "1-2-3", "5'13", "1.7", "9'1", "-", "99999999"] {
            assert_eq!(parse_height(text).map_err(|e| e.code), Err("invalid_height"), "{text}");
        }
        assert!(heights_agree((170, 175), (180, 180)) && !heights_agree((170, 175), (181, 190)));
    }
}
