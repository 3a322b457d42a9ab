//! Marks that are one slip away from the one asked: misread, misheard, mistyped, or with two neighbours exchanged.
//!
//! Only slips with a reason are taken: characters that look alike (to eyes and cameras), that sound alike without the
//! spelling alphabet, that lie side by side on a keyboard, numbers that sound alike, neighbours exchanged (the tables of
//! `MATCHING.md`), and one character too many or too few where that makes a UK mark. Where the mark as asked has a UK shape, what has none is left out: digits stand where digits stand.

use crate::vrm::{UkFormat, fold_vrm, uk_format};

/// Near marks of one question, at most.
pub const NEAR_MARKS_MAX: usize = 200;

/// Why a mark is near.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slip {
    /// Two characters look alike.
    LooksAlike,
    /// Two neighbours are exchanged.
    Exchanged,
    /// Two characters, or two numbers, sound alike.
    SoundsAlike,
    /// Two characters lie side by side on a keyboard.
    Mistyped,
    /// The record has a character more than was asked.
    Missing,
    /// The record has a character less than was asked.
    Extra,
}

/// A mark one slip from the one asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMark {
    /// The mark, normalised.
    pub mark: String,
    /// The first character that differs, from 0.
    pub at: usize,
    /// Why.
    pub slip: Slip,
}

const LOOKS: [&str; 13] = ["0DOQ", "1IL", "2Z7", "38B", "4A", "5S", "6G", "7TY", "EFP", "HKMNRW", "UV", "CG", "B8"];
const SOUNDS: [&str; 6] = ["BCDEGPTV", "MN", "FSX", "AJKH8", "IY59", "QUW"];
const NUMBERS: [(&str, &str); 4] = [("13", "30"), ("15", "50"), ("16", "60"), ("17", "70")];
const KEYBOARD: [&str; 4] = ["1234567890", "QWERTYUIOP", "ASDFGHJKL", "ZXCVBNM"];

/// The marks one slip from a normalised mark, the likeliest slip first, at most [`NEAR_MARKS_MAX`]; none for a mark of three
/// characters or fewer, which is one slip from half of its kind. Marks that are drawn alike (O and 0, I and 1) are not
/// among them: [`fold_vrm`] finds those.
///
/// ```
/// use beatcheck_search::{Slip, near_marks};
/// let near = near_marks("BX63KYT");
/// let found = near.iter().find(|n| n.mark == "BX68KYT").unwrap();
/// assert_eq!((found.at, found.slip), (3, Slip::LooksAlike));
/// ```
#[must_use]
pub fn near_marks(asked: &str) -> Vec<NearMark> {
    if asked.len() < 4 || !asked.is_ascii() {
        return Vec::new();
    }
    let shaped = uk_format(asked).is_some();
    let mut out: Vec<NearMark> = Vec::new();
    let bytes = asked.as_bytes();
    let mut put = |mark: Vec<u8>, at: usize, slip: Slip| {
        let Ok(mark) = String::from_utf8(mark) else { return };
        let odd = shaped && uk_format(&mark).is_none();
        if !odd && mark != asked && fold_vrm(&mark) != fold_vrm(asked) && !out.iter().any(|n| n.mark == mark) {
            out.push(NearMark { mark, at, slip });
        }
    };
    let mut replace = |slip: Slip, classes: &dyn Fn(u8) -> Vec<u8>| {
        for (at, &c) in bytes.iter().enumerate() {
            for other in classes(c) {
                let mut mark = bytes.to_vec();
                mark[at] = other;
                put(mark, at, slip);
            }
        }
    };
    replace(Slip::LooksAlike, &|c| others(&LOOKS, c));
    replace(Slip::SoundsAlike, &|c| others(&SOUNDS, c));
    replace(Slip::Mistyped, &neighbours);
    for at in 0..bytes.len() - 1 {
        let mut mark = bytes.to_vec();
        mark.swap(at, at + 1);
        put(mark, at, Slip::Exchanged);
        for (a, b) in NUMBERS.into_iter().flat_map(|(a, b)| [(a, b), (b, a)]) {
            if &bytes[at..at + 2] == a.as_bytes() {
                let mut mark = bytes.to_vec();
                mark[at..at + 2].copy_from_slice(b.as_bytes());
                put(mark, at, Slip::SoundsAlike);
            }
        }
    }
    out.sort_by_key(|n| n.slip);
    out.extend(longer_or_shorter(asked));
    out.truncate(NEAR_MARKS_MAX);
    out
}

/// Current UK marks that have a character more or less: of other shapes half of the store would be near.
fn longer_or_shorter(asked: &str) -> Vec<NearMark> {
    let mut out: Vec<NearMark> = Vec::new();
    let mut put = |mark: Vec<u8>, at: usize, slip: Slip| {
        let Ok(mark) = String::from_utf8(mark) else { return };
        if uk_format(&mark) == Some(UkFormat::Current) && !out.iter().any(|n| n.mark == mark) {
            out.push(NearMark { mark, at, slip });
        }
    };
    let bytes = asked.as_bytes();
    match bytes.len() {
        6 => {
            for at in 0..=bytes.len() {
                for c in (b'A'..=b'Z').chain(b'0'..=b'9') {
                    let mut mark = bytes.to_vec();
                    mark.insert(at, c);
                    // Of a run of one character, the last is the one that was left out.
                    if mark.get(at + 1) != Some(&c) {
                        put(mark, at, Slip::Missing);
                    }
                }
            }
        }
        8 => {
            for at in 0..bytes.len() {
                let mut mark = bytes.to_vec();
                let c = mark.remove(at);
                if mark.get(at) != Some(&c) {
                    put(mark, at, Slip::Extra);
                }
            }
        }
        _ => {}
    }
    out
}

fn others(classes: &[&str], c: u8) -> Vec<u8> {
    classes.iter().filter(|k| k.as_bytes().contains(&c)).flat_map(|k| k.bytes()).filter(|o| *o != c).collect()
}

fn neighbours(c: u8) -> Vec<u8> {
    let mut out = Vec::new();
    for row in KEYBOARD {
        if let Some(i) = row.bytes().position(|k| k == c) {
            out.extend(i.checked_sub(1).and_then(|i| row.as_bytes().get(i)));
            out.extend(row.as_bytes().get(i + 1));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn slips_by_table() {
        for (asked, meant, slip) in [
            ("BX63KYT", "BX68KYT", Slip::LooksAlike),
            ("BX63KYT", "XB63KYT", Slip::Exchanged),
            ("BX63KYT", "DX63KYT", Slip::SoundsAlike),
            ("BX13KYT", "BX30KYT", Slip::SoundsAlike),
            ("BX63KYT", "BX64KYT", Slip::Mistyped),
            ("1234AB", "1234AP", Slip::SoundsAlike),
        ] {
            let found = near_marks(asked).into_iter().find(|n| n.mark == meant);
            assert_eq!(found.map(|n| n.slip), Some(slip), "{asked} {meant}");
        }
        assert!(near_marks("A1").is_empty() && near_marks("ÄÖÜß").is_empty());
        // A letter does not stand where this shape has a digit.
        assert!(near_marks("BX63KYT").iter().all(|n| uk_format(&n.mark).is_some()));
    }

    proptest! {
        #[test]
        fn each_is_one_slip_away_and_none_is_drawn_alike(asked in "[A-Z0-9]{1,16}") {
            let near = near_marks(&asked);
            prop_assert!(near.len() <= NEAR_MARKS_MAX);
            for n in &near {
                match n.slip {
                    Slip::Missing => prop_assert_eq!(n.mark.len(), asked.len() + 1),
                    Slip::Extra => prop_assert_eq!(n.mark.len() + 1, asked.len()),
                    _ => {
                        let differ = asked.bytes().zip(n.mark.bytes()).filter(|(a, b)| a != b).count();
                        prop_assert!(n.mark.len() == asked.len() && (1..=2).contains(&differ));
                        prop_assert!(asked.as_bytes()[n.at] != n.mark.as_bytes()[n.at]);
                    }
                }
                prop_assert_ne!(fold_vrm(&n.mark), fold_vrm(&asked));
            }
        }
    }
}
