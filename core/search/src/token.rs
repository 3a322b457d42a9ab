//! How near one name token is to another: the levels on which all of the scoring stands.
//!
//! A person search scores the vocabulary, not the people: every distinct token once for every token asked. Tens of
//! thousands of calls a question make the order of the tests matter. Cheap ones stand first, and an edit distance is
//! computed only where lengths and letter sets leave it possible (one edit takes at most one letter away and brings at
//! most one, so letter sets of tokens `d` edits apart differ by at most `d` each way).

use crate::name::phonetic_key;
use crate::nickname::forms;
use rapidfuzz::distance::{jaro_winkler, osa};
use std::sync::Arc;

/// What of a token tells most others apart from it without looking at its text: kept with the vocabulary, 16 bytes a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenSketch {
    letters: u64,
    sound: u32,
    chars: u8,
    /// The first letter, as a bit's number.
    first: u8,
}

impl TokenSketch {
    /// Sketches a token of the vocabulary; `phonetic` is its [`phonetic_key`].
    #[must_use]
    pub fn new(token: &str, phonetic: &str) -> Self {
        let (letters, chars) = letters(token);
        let first = token.chars().next().map_or(0, |c| letter_bit(c).trailing_zeros() as u8);
        Self { letters, sound: sound_of(phonetic), chars: chars.min(255) as u8, first }
    }
}

/// A sound key as a number, 0 for none. Six letters at most do not overflow it; if they did, two sounds would only share one.
fn sound_of(phonetic: &str) -> u32 {
    phonetic.bytes().fold(0, |h: u32, b| h.wrapping_mul(31).wrapping_add(b.into()))
}

/// How well two tokens agree. Ordered: better is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum TokenLevel {
    /// One is the other's first letter alone.
    Initial,
    /// Jaro-Winkler similarity of at least 0.8 under the same first letter: more like than chance, and not much more.
    Alike,
    /// One stands whole within the other (Bella, Arabella; Wood, Woodward).
    Within,
    /// They sound alike (equal [`phonetic_key`]).
    Sound,
    /// Two edits apart, or Jaro-Winkler similarity of at least 0.92.
    Near2,
    /// It begins as asked, where only a beginning was asked (`smi*`).
    Prefix,
    /// Forms of one given name ([`crate::same_nickname_class`]).
    Nickname,
    /// One letter more, less or other, or two neighbours exchanged.
    Near1,
    /// Equal.
    Exact,
}

impl TokenLevel {
    /// All levels, the weakest first; a level's number is its place here.
    pub const ALL: [Self; 9] = [
        Self::Initial,
        Self::Alike,
        Self::Within,
        Self::Sound,
        Self::Near2,
        Self::Prefix,
        Self::Nickname,
        Self::Near1,
        Self::Exact,
    ];
}

/// The asked token's letters, ready to be compared with many.
struct Comparers {
    osa: osa::BatchComparator<char>,
    jaro_winkler: jaro_winkler::BatchComparator<char>,
}

impl std::fmt::Debug for Comparers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Comparers")
    }
}

/// A token asked, with what is worth computing once for all comparisons.
#[derive(Clone, Debug)]
pub struct PreparedToken {
    text: String,
    prefix: bool,
    chars: usize,
    letters: u64,
    phonetic: String,
    sound: u32,
    first: u8,
    forms: &'static [&'static str],
    /// Further forms, by tables that came from a hub.
    also: Arc<[String]>,
    /// First letters of `forms`, as in `letters`.
    form_initials: u64,
    comparers: Arc<Comparers>,
}

impl PreparedToken {
    /// The token itself, without the `*` of a beginning.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The token as the plan has it, with the `*` of a beginning.
    #[must_use]
    pub fn key(&self) -> String {
        if self.prefix { format!("{}*", self.text) } else { self.text.clone() }
    }

    /// Whether only a beginning was asked (`smi*`): every token that begins so agrees.
    #[must_use]
    pub fn is_prefix(&self) -> bool {
        self.prefix
    }

    /// Its sound key ([`phonetic_key`]), empty if it has none.
    #[must_use]
    pub fn phonetic(&self) -> &str {
        &self.phonetic
    }

    /// The other forms of this given name by the table of nicknames, sorted; for candidates by look-up.
    #[must_use]
    pub fn forms(&self) -> &[&'static str] {
        self.forms
    }
}

/// Prepares a token of a plan, or of [`crate::name_tokens`], for many comparisons. One that ends in `*` is a beginning.
#[must_use]
pub fn prepare_token(t: &str) -> PreparedToken {
    prepare_token_with(t, &[])
}

/// As [`prepare_token`], with further forms of the name that are not in the compiled tables.
///
/// ```
/// use beatcheck_search::{TokenLevel, phonetic_key, prepare_token_with, token_level};
/// let asked = prepare_token_with("yehudit", &["judy".to_owned()]);
/// assert_eq!(token_level(&asked, "judy", &phonetic_key("judy")), Some(TokenLevel::Nickname));
/// ```
#[must_use]
pub fn prepare_token_with(t: &str, also: &[String]) -> PreparedToken {
    let (t, prefix) = t.strip_suffix('*').map_or((t, false), |t| (t, true));
    let (letters, chars) = letters(t);
    let forms = if prefix { &[] } else { forms(t) };
    let all = forms.iter().copied().chain(also.iter().map(String::as_str));
    let form_initials = all.filter_map(|f| f.chars().next()).fold(0, |m, c| m | letter_bit(c));
    let comparers = Arc::new(Comparers {
        osa: osa::BatchComparator::new(t.chars()),
        jaro_winkler: jaro_winkler::BatchComparator::new(t.chars()),
    });
    let phonetic = phonetic_key(t);
    let (sound, first) = (sound_of(&phonetic), TokenSketch::new(t, "").first);
    PreparedToken {
        text: t.to_owned(),
        prefix,
        chars,
        letters,
        phonetic,
        sound,
        first,
        forms,
        also: also.into(),
        form_initials,
        comparers,
    }
}

impl PreparedToken {
    /// Whether a token with this sketch can agree at all. It may say yes where [`token_level`] finds nothing, never no where it
    /// finds something.
    #[must_use]
    pub fn may_agree(&self, v: &TokenSketch) -> bool {
        let (q, chars) = (self, usize::from(v.chars));
        let (mine, theirs) = (q.letters & !v.letters, v.letters & !q.letters);
        if q.prefix {
            return mine.count_ones() <= 1 && chars + 1 >= q.chars;
        }
        let apart = mine.count_ones().max(theirs.count_ones());
        let same_initial = q.first == v.first;
        (apart <= 2 && chars.abs_diff(q.chars) <= 2)
            || mine == 0
            || theirs == 0
            || (same_initial && (apart <= 5 || chars == 1 || q.chars == 1))
            || (q.sound == v.sound && q.sound != 0)
            || q.form_initials >> v.first & 1 != 0
    }
}

/// The best level at which a token of the vocabulary agrees with the one asked, `None` if they are unrelated.
///
/// `vocab_phonetic` is the vocabulary token's [`phonetic_key`], kept with the vocabulary; empty if it has none. Tokens
/// of three letters or fewer have no near ones among themselves: half of them are one edit apart.
///
/// ```
/// use beatcheck_search::{TokenLevel, phonetic_key, prepare_token, token_level};
/// let asked = prepare_token("smith");
/// assert_eq!(token_level(&asked, "smyth", &phonetic_key("smyth")), Some(TokenLevel::Near1));
/// assert_eq!(token_level(&asked, "jones", &phonetic_key("jones")), None);
/// ```
#[must_use]
pub fn token_level(q: &PreparedToken, vocab: &str, vocab_phonetic: &str) -> Option<TokenLevel> {
    level_with(q, vocab, || vocab_phonetic == q.phonetic)
}

/// As [`token_level`], where the other's sound is not at hand: it is computed only if nothing better agrees.
pub(crate) fn token_level_alone(q: &PreparedToken, other: &str) -> Option<TokenLevel> {
    level_with(q, other, || phonetic_key(other) == q.phonetic)
}

/// Shortest sound key that says anything: `L` is Lee, Leah, Lou and Ali.
const MIN_PHONETIC: usize = 2;
const JARO_WINKLER: f64 = 0.92;
const ALIKE: f64 = 0.8;

fn level_with(q: &PreparedToken, v: &str, sounds: impl FnOnce() -> bool) -> Option<TokenLevel> {
    let (mask, chars) = letters(v);
    if chars == 0 || q.chars == 0 {
        return None;
    }
    if q.prefix {
        return prefix_level(q, v, mask, chars);
    }
    if mask == q.letters && q.text == v {
        return Some(TokenLevel::Exact);
    }
    if chars == 1 || q.chars == 1 {
        return (q.text.chars().next() == v.chars().next()).then_some(TokenLevel::Initial);
    }
    let apart = (q.letters & !mask).count_ones().max((mask & !q.letters).count_ones());
    let (short, long) = (chars.min(q.chars), chars.max(q.chars));
    let mut edits = usize::MAX;
    if apart <= 2 && long - short <= 2 && short >= 3 && long >= 4 {
        edits = q.comparers.osa.distance(v.chars());
    }
    if edits <= 1 {
        return Some(TokenLevel::Near1);
    }
    let form = |q: &PreparedToken| q.forms.binary_search(&v).is_ok() || q.also.iter().any(|f| f == v);
    if q.form_initials & v.chars().next().map_or(0, letter_bit) != 0 && form(q) {
        return Some(TokenLevel::Nickname);
    }
    if edits == 2 && short >= 5 {
        return Some(TokenLevel::Near2);
    }
    let same_initial = q.text.chars().next() == v.chars().next();
    let mut alike = 0.0;
    if same_initial && short >= 3 && apart <= 5 {
        alike = q.comparers.jaro_winkler.similarity(v.chars());
    }
    if alike >= JARO_WINKLER && short >= 4 && long - short <= 4 && same_start(&q.text, v) {
        return Some(TokenLevel::Near2);
    }
    if q.phonetic.len() >= MIN_PHONETIC && sounds() {
        return Some(TokenLevel::Sound);
    }
    let within =
        short >= 3 && (q.letters & !mask == 0 && v.contains(&q.text) || mask & !q.letters == 0 && q.text.contains(v));
    if within {
        return Some(TokenLevel::Within);
    }
    (alike >= ALIKE).then_some(TokenLevel::Alike)
}

/// A beginning agrees with what begins so, or, from three letters on and with the same first letter, with what is one
/// edit from beginning so.
fn prefix_level(q: &PreparedToken, v: &str, mask: u64, chars: usize) -> Option<TokenLevel> {
    if v.starts_with(&q.text) {
        return Some(TokenLevel::Prefix);
    }
    let possible = (q.letters & !mask).count_ones() <= 1 && q.chars >= 3 && chars + 1 >= q.chars;
    if !possible || q.text.chars().next() != v.chars().next() {
        return None;
    }
    let near = (q.chars - 1..=q.chars + 1).any(|n| {
        let head = v.char_indices().nth(n).and_then(|(end, _)| v.get(..end)).unwrap_or(v);
        q.comparers.osa.distance(head.chars()) <= 1
    });
    near.then_some(TokenLevel::Near2)
}

/// Whether the first two bytes are equal: no pair without that reaches the similarity asked with few exceptions, and
/// those are found by edits.
fn same_start(a: &str, b: &str) -> bool {
    a.as_bytes().get(..2) == b.as_bytes().get(..2)
}

/// The set of letters and the number of characters of a token, in one pass.
fn letters(t: &str) -> (u64, usize) {
    let mut mask = 0;
    let mut chars = 0;
    for b in t.bytes() {
        if !b.is_ascii() {
            return t.chars().fold((0, 0), |(m, n), c| (m | letter_bit(c), n + 1));
        }
        mask |= letter_bit(char::from(b));
        chars += 1;
    }
    (mask, chars)
}

/// A letter's bit. Rare characters share bits, which only makes sets look more alike than they are: nothing is missed.
fn letter_bit(c: char) -> u64 {
    1 << (u32::from(c) & 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(a: &str, b: &str) -> Option<TokenLevel> {
        let one = token_level(&prepare_token(a), b, &phonetic_key(b));
        assert_eq!(one, token_level_alone(&prepare_token(a), b));
        one
    }

    #[test]
    fn levels_by_table() {
        use TokenLevel::*;
        for (a, b, expected) in [
            ("smith", "smith", Some(Exact)),
            ("smith", "smtih", Some(Near1)),
            ("smith", "smiths", Some(Near1)),
            ("jon", "john", Some(Near1)),
            ("tom", "tim", None),
            ("bill", "william", Some(Nickname)),
            ("robert", "bob", Some(Nickname)),
            ("macdonald", "mcdonnald", Some(Near2)),
            ("christophe", "christopherson", Some(Near2)),
            ("phillips", "filips", Some(Sound)),
            ("schmidt", "smith", None),
            ("wood", "woodwards", Some(Within)),
            ("j", "john", Some(Initial)),
            ("john", "j", Some(Initial)),
            ("j", "k", None),
            ("smith", "patel", None),
            ("мария", "марья", Some(Near1)),
            ("smi*", "smith", Some(Prefix)),
            ("smi*", "smi", Some(Prefix)),
            ("smit*", "simtson", Some(Near2)),
            ("smi*", "jones", None),
            ("", "a", None),
        ] {
            let found = level(a, b);
            if expected.is_some() || found.is_some_and(|l| l > Sound) {
                assert_eq!(found, expected, "{a} {b}");
            }
        }
        assert!(
            Initial < Alike
                && Alike < Within
                && Within < Sound
                && Sound < Near2
                && Near2 < Nickname
                && Nickname < Near1
                && Near1 < Exact
        );
    }
}
