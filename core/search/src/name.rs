//! Names as comparable tokens, and their sound.
//!
//! One function for what is asked and for what is recorded, so that both meet: accents, case, apostrophes and hyphens go,
//! Latin letters with no decomposition are spelt out (ß, ø, ł, æ), and other scripts stay as they are (no
//! transliteration is guessed). What was typed is kept for display elsewhere.
//!
//! Particles (`de`, `van`, `al`) stay tokens of their own, because `Van` and `Le` are also surnames; the scorer ignores
//! one that does not agree. `Mc` and `Mac` are joined to what follows, as the two spellings `Mc Donald` and `McDonald`
//! are one name. A lone `O` is not joined (`O Neill`): it may be an initial; the remaining `neill` is one edit away.

use rphonetic::{DoubleMetaphone, Encoder};
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Most tokens taken of one text; further ones are ignored.
pub const MAX_TOKENS: usize = 12;

/// Longest token, in characters; the rest of a longer one is cut off.
pub const MAX_TOKEN_CHARS: usize = 40;

/// Length of a sound key, in characters.
const PHONETIC_LEN: usize = 6;

/// The comparable tokens of a name, in order, at most [`MAX_TOKENS`] of at most [`MAX_TOKEN_CHARS`] characters.
///
/// Takes time linear in the text; never fails; applied to its own output joined by spaces it gives the same tokens.
///
/// ```
/// use beatcheck_search::name_tokens;
/// assert_eq!(name_tokens("Seán O’Neill-Strauß"), ["sean", "oneill", "strauss"]);
/// assert_eq!(name_tokens("Mc Donald"), ["mcdonald"]);
/// assert_eq!(name_tokens("Łukasz van der Berg"), ["lukasz", "van", "der", "berg"]);
/// ```
#[must_use]
pub fn name_tokens(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut raw = raw_tokens(text).into_iter();
    while out.len() < MAX_TOKENS {
        let Some(mut token) = raw.next() else { break };
        if matches!(token.as_str(), "mc" | "mac") {
            token.extend(raw.next());
        }
        out.push(token.chars().take(MAX_TOKEN_CHARS).collect());
    }
    out
}

/// Tokens before joining; twice as many, for joining may halve them.
fn raw_tokens(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut token = String::new();
    let mut after_latin = true; // whether an accent here belongs to a Latin letter, or to none
    let mut len = 0;
    let folded = text.chars().filter(|&c| !is_joiner(c)).nfkd().flat_map(char::to_lowercase);
    for c in folded.chain(std::iter::once(' ')) {
        if is_joiner(c) || (is_accent(c) && after_latin) {
            continue;
        }
        if c.is_alphanumeric() || is_combining_mark(c) {
            if !is_accent(c) {
                after_latin = is_latin(c);
            }
            // Twice the limit, as composing below shortens it.
            if len < 4 * MAX_TOKEN_CHARS {
                len += 1;
                match spelt_out(c) {
                    Some(s) => token.push_str(s),
                    None => token.push(c),
                }
            }
            continue;
        }
        after_latin = true;
        len = 0;
        if !token.is_empty() {
            out.push(token.nfc().take(MAX_TOKEN_CHARS).collect());
            token.clear();
            if out.len() == 2 * MAX_TOKENS {
                break;
            }
        }
    }
    out
}

/// Characters that join what stands on either side: apostrophes in their many forms, and invisible ones.
fn is_joiner(c: char) -> bool {
    matches!(
        c,
        '\'' | '`' | '´' | '’' | '‘' | '‛' | '′' | 'ʹ' | 'ʻ' | 'ʼ' | 'ʽ' | 'ʾ' | 'ʿ' | '＇' | '\u{00AD}' | '\u{200B}'
            ..='\u{200F}' | '\u{2060}' | '\u{FEFF}'
    )
}

fn is_accent(c: char) -> bool {
    matches!(c, '\u{0300}'..='\u{036F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

fn is_latin(c: char) -> bool {
    c < '\u{0250}' || spelt_out(c).is_some()
}

/// Latin letters that do not decompose, as usually written without them.
fn spelt_out(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'ø' => "o",
        'ł' => "l",
        'æ' => "ae",
        'œ' => "oe",
        'đ' | 'ð' | 'ɗ' => "d",
        'þ' => "th",
        'ħ' => "h",
        'ı' => "i",
        'ŋ' => "ng",
        'ŧ' => "t",
        'ə' | 'ǝ' => "e",
        'ɓ' => "b",
        'ƙ' | 'ĸ' => "k",
        'ƴ' => "y",
        _ => return None,
    })
}

/// The sound of a token: its primary Double Metaphone code, at most 6 characters; empty where it has none.
///
/// Double Metaphone knows the sounds of Latin letters: a token with any other letter, or with none, has no key, and
/// then nothing sounds like it. Expects a token of [`name_tokens`].
///
/// ```
/// use beatcheck_search::phonetic_key;
/// assert_eq!(phonetic_key("smith"), phonetic_key("smyth"));
/// assert_eq!(phonetic_key("мария"), "");
/// ```
#[must_use]
pub fn phonetic_key(token: &str) -> String {
    static ENCODER: LazyLock<DoubleMetaphone> = LazyLock::new(|| DoubleMetaphone::new(Some(PHONETIC_LEN)));
    // The encoder slices by bytes: only ASCII letters may reach it.
    if token.is_empty() || token.len() > 4 * MAX_TOKEN_CHARS || !token.bytes().all(|b| b.is_ascii_alphabetic()) {
        return String::new();
    }
    ENCODER.encode(token)
}

/// Whether a token is a particle, which carries little of a name by itself.
pub(crate) fn is_particle(token: &str) -> bool {
    matches!(
        token,
        "de" | "da"
            | "do"
            | "dos"
            | "das"
            | "di"
            | "du"
            | "del"
            | "della"
            | "la"
            | "le"
            | "van"
            | "von"
            | "der"
            | "den"
            | "ten"
            | "ter"
            | "zu"
            | "bin"
            | "ibn"
            | "bint"
            | "al"
            | "el"
            | "ul"
            | "abu"
            | "st"
            | "y"
            | "e"
            | "o"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_by_table() {
        for (text, tokens) in [
            ("O'Neill", vec!["oneill"]),
            ("O´Neill", vec!["oneill"]),
            ("D’ANGELO", vec!["dangelo"]),
            ("Smith-Jones", vec!["smith", "jones"]),
            ("J.P. Müller", vec!["j", "p", "muller"]),
            ("Søren Ærø", vec!["soren", "aero"]),
            ("STRAẞE", vec!["strasse"]),
            ("İlker Işık", vec!["ilker", "isik"]),
            ("Nguyễn", vec!["nguyen"]),
            ("al-Ḥasan", vec!["al", "hasan"]),
            ("Mac Leod", vec!["macleod"]),
            ("Mc", vec!["mc"]),
            ("Мария Йовович", vec!["мария", "йовович"]),
            ("हिन्दी", vec!["हिन्दी"]),
            ("김 민준", vec!["김", "민준"]),
            ("ｗｉｄｅ", vec!["wide"]),
            ("", vec![]),
            ("- ' -", vec![]),
            ("\u{301}\u{301}", vec![]),
        ] {
            assert_eq!(name_tokens(text), tokens, "{text}");
        }
    }

    #[test]
    fn limits() {
        let many = name_tokens(&"ab ".repeat(3000));
        assert_eq!(many.len(), MAX_TOKENS);
        let long = name_tokens(&"a".repeat(10_240));
        assert_eq!(long, ["a".repeat(MAX_TOKEN_CHARS)]);
    }

    #[test]
    fn sounds() {
        assert_eq!(phonetic_key("catherine"), phonetic_key("kathryn"));
        assert_ne!(phonetic_key("smith"), phonetic_key("jones"));
        assert_eq!(phonetic_key("ab1"), "");
        assert_eq!(phonetic_key(""), "");
    }
}
