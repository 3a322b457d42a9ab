//! Registration marks and VINs: their comparable forms, and what a mark's shape says.
//!
//! UK plates draw O and 0 alike, and I and 1 alike (SI 2001/561, Schedule 3). So a mark is kept as written *and* as a
//! folded key. A format is evidence for where letters and digits stand, never a reason to reject: foreign, military,
//! trade and misread plates exist. Shapes are those of the table in `MATCHING.md` (source: DVLA INF104, and the Road
//! Vehicles (Registration and Licensing) Regulations 2002); they say nothing of age, for a personal mark may be older
//! in shape than its car.

use unicode_normalization::UnicodeNormalization;

/// Longest registration mark, in characters after normalising. The longest in use anywhere are shorter.
pub const MAX_VRM_LEN: usize = 16;

/// Longest VIN or chassis number, in characters after normalising. A modern VIN has 17.
pub const MAX_VIN_LEN: usize = 20;

/// The families of UK marks that can be told by their shape. Where shapes overlap (trade `123AB` and dateless `123AB`)
/// the commoner family is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UkFormat {
    /// `LL DD LLL`, since September 2001: no I or Q, Z only in the last three.
    Current,
    /// `L D1-3 LLL`, 1983 to 2001: the year letter is never I, O, U or Z; Q means age unknown.
    Prefix,
    /// `LLL D1-3 L`, 1963 to 1983; early issues with fewer letters.
    Suffix,
    /// `L1-3 D1-4` or reversed, to 1963; neither I, Q nor Z.
    Dateless,
    /// `L2-3 D1-4` or reversed, with I or Z in the last two letters.
    NorthernIreland,
    /// `DDD D DDD` and `DDD X DDD`, the middle being the letter D or X.
    Diplomatic,
    /// Five digits.
    Trade,
    /// `DD LL DD`.
    Military,
}

/// The comparable form of a mark as typed: compatibility forms folded (NFKC), upper case, only `A-Z0-9` kept.
///
/// `None` if nothing is left or more than [`MAX_VRM_LEN`] characters are. Idempotent.
///
/// ```
/// use beatcheck_search::normalise_vrm;
/// assert_eq!(normalise_vrm(" bd51-smr ").as_deref(), Some("BD51SMR"));
/// assert_eq!(normalise_vrm("--"), None);
/// ```
#[must_use]
pub fn normalise_vrm(typed: &str) -> Option<String> {
    alphanumeric(typed, MAX_VRM_LEN)
}

/// The comparable form of a VIN or chassis number: NFKC, upper case, only `A-Z0-9`, at most [`MAX_VIN_LEN`] characters.
///
/// `None` if nothing is left or it is longer. The letters I, O and Q, which a modern VIN never has, are kept: older
/// chassis numbers have them. Idempotent.
#[must_use]
pub fn normalise_vin(typed: &str) -> Option<String> {
    alphanumeric(typed, MAX_VIN_LEN)
}

/// Fewest characters of a VIN's end that are searched for: officers read the last six to eight through the windscreen.
pub const VIN_TAIL_MIN: usize = 6;

/// The last [`VIN_TAIL_MIN`] characters of a normalised VIN or chassis number, under which its end is found; `None` for one
/// that is no longer than that.
///
/// ```
/// assert_eq!(beatcheck_search::vin_tail("WVWEX16R6CA000001"), Some("000001"));
/// assert_eq!(beatcheck_search::vin_tail("000001"), None);
/// ```
#[must_use]
pub fn vin_tail(vin: &str) -> Option<&str> {
    vin.len().checked_sub(VIN_TAIL_MIN).filter(|at| *at > 0).and_then(|at| vin.get(at..))
}

/// Upper-case `A-Z0-9` of a text, 1 to `max` of them; stops reading as soon as there are more.
pub(crate) fn alphanumeric(typed: &str, max: usize) -> Option<String> {
    let mut out = String::with_capacity(max.min(MAX_VIN_LEN));
    for c in typed.nfkc().flat_map(char::to_uppercase).filter(char::is_ascii_alphanumeric) {
        if out.len() == max {
            return None;
        }
        out.push(c);
    }
    (!out.is_empty()).then_some(out)
}

/// The look-alike key of a normalised mark: every O read as 0 and every I as 1. Two marks with one key look alike on a
/// plate. Idempotent.
///
/// ```
/// assert_eq!(beatcheck_search::fold_vrm("BDOISMR"), "BD01SMR");
/// ```
#[must_use]
pub fn fold_vrm(vrm: &str) -> String {
    vrm.chars().map(fold_char).collect()
}

fn fold_char(c: char) -> char {
    match c {
        'O' => '0',
        'I' => '1',
        c => c,
    }
}

/// The one mark that a UK plate with these characters can be, where the mark as written can be none.
///
/// Every O and 0, I and 1 is read either way. If the mark as written already fits a UK format, or if no reading or more
/// than one fits any, the format decides nothing: `None`. The result always differs from `vrm` and folds to the same
/// key.
///
/// ```
/// use beatcheck_search::decide_by_format;
/// assert_eq!(decide_by_format("BD5ISMR").as_deref(), Some("BD51SMR"));
/// assert_eq!(decide_by_format("BD51SMR"), None); // fits as it stands
/// assert_eq!(decide_by_format("1O123"), None); // 10123 (trade) or IO123 (Northern Ireland)
/// ```
#[must_use]
pub fn decide_by_format(vrm: &str) -> Option<String> {
    if vrm.len() > MAX_UK_LEN || uk_format(vrm).is_some() {
        return None;
    }
    let bytes = vrm.as_bytes();
    let open: Vec<usize> = (0..bytes.len()).filter(|&i| matches!(bytes[i], b'O' | b'0' | b'I' | b'1')).collect();
    let mut found = None;
    // At most 2^7 readings: no UK mark has more than 7 characters.
    for reading in 0_u32..1 << open.len() {
        let mut mark = bytes.to_vec();
        for (bit, &i) in open.iter().enumerate() {
            let letter = reading >> bit & 1 == 1;
            mark[i] = match (bytes[i], letter) {
                (b'O' | b'0', true) => b'O',
                (b'O' | b'0', false) => b'0',
                (_, true) => b'I',
                (_, false) => b'1',
            };
        }
        let Ok(mark) = String::from_utf8(mark) else { return None };
        if uk_format(&mark).is_some() && found.replace(mark).is_some() {
            return None;
        }
    }
    found
}

const MAX_UK_LEN: usize = 7;

/// The UK format that a normalised mark has the shape of, or `None`: foreign, damaged, or a word such as `NA`.
///
/// ```
/// use beatcheck_search::{UkFormat, uk_format};
/// assert_eq!(uk_format("A123BCD"), Some(UkFormat::Prefix));
/// assert_eq!(uk_format("NA"), None);
/// ```
#[must_use]
pub fn uk_format(vrm: &str) -> Option<UkFormat> {
    if vrm.len() > MAX_UK_LEN || !vrm.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
        return None;
    }
    // Runs of letters and digits in turn: `BD51SMR` is BD, 51, SMR.
    let mut runs: Vec<&str> = Vec::with_capacity(MAX_UK_LEN);
    let mut start = 0;
    for end in 1..=vrm.len() {
        if end == vrm.len() || is_digit_at(vrm, end) != is_digit_at(vrm, end - 1) {
            runs.push(&vrm[start..end]);
            start = end;
        }
    }
    let starts_with_digit = vrm.bytes().next()?.is_ascii_digit();
    match (starts_with_digit, runs.as_slice()) {
        (false, [a, n, b]) => letters_digits_letters(a, n, b),
        (false, [a, n]) | (true, [n, a]) => two_runs(a, n),
        (true, [a, m, b]) => match (a.len(), *m, b.len()) {
            (3, "D" | "X", 3) => Some(UkFormat::Diplomatic),
            (2, m, 2) if m.len() == 2 && !m.contains(['I', 'Q']) => Some(UkFormat::Military),
            _ => None,
        },
        (true, [n]) if n.len() == 5 => Some(UkFormat::Trade),
        _ => None,
    }
}

fn letters_digits_letters(a: &str, n: &str, b: &str) -> Option<UkFormat> {
    let one_to_three = n.len() <= 3 && !n.starts_with('0');
    match (a.len(), n.len(), b.len()) {
        (2, 2, 3) if !a.contains(['I', 'Q', 'Z']) && !b.contains(['I', 'Q']) => Some(UkFormat::Current),
        (1, _, 3) if one_to_three && !a.contains(['I', 'O', 'U', 'Z']) && !b.contains(['I', 'Q']) => {
            Some(UkFormat::Prefix)
        }
        (1..=3, _, 1) if one_to_three && !a.contains(['I', 'Q']) && !b.contains(['I', 'O', 'Q', 'U', 'Z']) => {
            Some(UkFormat::Suffix)
        }
        _ => None,
    }
}

/// Letters and a number that never starts with 0, in either order.
fn two_runs(letters: &str, number: &str) -> Option<UkFormat> {
    if letters.len() > 3 || number.len() > 4 || number.starts_with('0') || letters.contains('Q') {
        return None;
    }
    if !letters.contains(['I', 'Z']) {
        return Some(UkFormat::Dateless);
    }
    let code = letters.get(letters.len().saturating_sub(2)..)?;
    (code.len() == 2 && code.contains(['I', 'Z'])).then_some(UkFormat::NorthernIreland)
}

fn is_digit_at(vrm: &str, i: usize) -> bool {
    vrm.as_bytes().get(i).is_some_and(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_by_table() {
        use UkFormat::*;
        for (mark, format) in [
            ("BD51SMR", Some(Current)),
            ("OY02ZZO", Some(Current)),
            ("BZ51SMR", None),
            ("BD51SIR", None),
            ("QD51SMR", None),
            ("A123BCD", Some(Prefix)),
            ("Q1BCD", Some(Prefix)),
            ("O123BCD", None),
            ("A012BCD", None),
            ("ABC123A", Some(Suffix)),
            ("AB1C", Some(Suffix)),
            ("ABC123O", None),
            ("A1", Some(Dateless)),
            ("1234AB", Some(Dateless)),
            ("ABC123", Some(Dateless)),
            ("123ABC", Some(Dateless)),
            ("AB0123", None),
            ("AIG1234", Some(NorthernIreland)),
            ("1234XI", Some(NorthernIreland)),
            ("IJ9", Some(NorthernIreland)),
            ("I234", None),
            ("ZAB123", None),
            ("101D234", Some(Diplomatic)),
            ("101X234", Some(Diplomatic)),
            ("101A234", None),
            ("12345", Some(Trade)),
            ("123456", None),
            ("12AB34", Some(Military)),
            ("NA", None),
            ("UNKNOWN", None),
            ("", None),
            ("BD51SMRX", None),
            ("bd51smr", None),
            ("BD51 SM", None),
        ] {
            assert_eq!(uk_format(mark), format, "{mark}");
        }
    }

    #[test]
    fn format_decides_only_what_it_must() {
        for (typed, decided) in [
            ("BD5ISMR", Some("BD51SMR")),
            ("BDO1SMR", Some("BD01SMR")),
            ("0Y51ABC", Some("OY51ABC")),
            ("BD51S0R", Some("BD51SOR")),
            ("A12OBCD", Some("A120BCD")),
            ("ABCI23A", Some("ABC123A")),
            ("IOID234", Some("101D234")),
            ("12ABO4", Some("12AB04")),
            ("BD51SMR", None),
            ("OO51OOO", None),
            ("1O123", None),
            ("BDS1SMR", None),
            ("1234", None),
            ("NA", None),
            ("", None),
            ("É0", None),
        ] {
            assert_eq!(decide_by_format(typed).as_deref(), decided, "{typed}");
        }
    }

    #[test]
    fn normalising() {
        assert_eq!(normalise_vrm("ＢＤ５１ smr").as_deref(), Some("BD51SMR"));
        assert_eq!(normalise_vrm(&"A".repeat(16)).map(|m| m.len()), Some(16));
        assert_eq!(normalise_vrm(&"A".repeat(17)), None);
        assert_eq!(normalise_vrm("\u{0}\t"), None);
        assert_eq!(normalise_vin(" 1m8gdm9axkp042788 ").as_deref(), Some("1M8GDM9AXKP042788"));
        assert_eq!(normalise_vin(&"1".repeat(21)), None);
    }
}
