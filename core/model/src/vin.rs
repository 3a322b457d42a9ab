//! Vehicle identification numbers: shape and check digit.
//!
//! The check digit (position 9) is mandatory only in North America and China: a wrong one is a reason to look twice,
//! never a reason to reject (DOMAIN: 49 CFR 565.15 gives weights and transliteration).

/// Length of a modern VIN, in characters. Older chassis numbers are shorter and are legal.
pub const VIN_LEN: usize = 17;

/// The check digit that the 17 characters of `vin` ought to bear at position 9; `None` if it is not 17 characters of
/// `A-Z0-9` without `I`, `O`, `Q`.
///
/// ```
/// assert_eq!(beatcheck_model::vin::check_digit("1M8GDM9AXKP042788"), Some('X'));
/// ```
#[must_use]
pub fn check_digit(vin: &str) -> Option<char> {
    const WEIGHTS: [u32; VIN_LEN] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    if vin.len() != VIN_LEN {
        return None;
    }
    let mut sum = 0;
    for (c, w) in vin.bytes().zip(WEIGHTS) {
        let v = match c {
            b'0'..=b'9' => u32::from(c - b'0'),
            b'A'..=b'H' => u32::from(c - b'A') + 1,
            b'J'..=b'N' => u32::from(c - b'J') + 1,
            b'P' => 7,
            b'R' => 9,
            b'S'..=b'Z' => u32::from(c - b'S') + 2,
            _ => return None,
        };
        sum += v * w;
    }
    match sum % 11 {
        10 => Some('X'),
        d => char::from_digit(d, 10),
    }
}

/// Whether `vin` has 17 legal characters and the right check digit at position 9.
///
/// ```
/// assert!(beatcheck_model::vin::is_checked("1M8GDM9AXKP042788"));
/// assert!(!beatcheck_model::vin::is_checked("1M8GDM9A1KP042788"));
/// ```
#[must_use]
pub fn is_checked(vin: &str) -> bool {
    check_digit(vin).is_some_and(|d| vin.chars().nth(8) == Some(d))
}
