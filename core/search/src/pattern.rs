//! Part of a mark: `?` for one character not seen, `*` for any number of them.

use crate::vrm::MAX_VRM_LEN;

/// Characters that must be known: with fewer, half of a store answers.
pub const PATTERN_KNOWN_MIN: usize = 2;

/// A mark of which some characters are not known. `BX*` starts so, `*KYT` ends so, `*63*` contains it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VrmPattern {
    /// `A-Z0-9?*`, no two `*` side by side.
    text: String,
}

impl VrmPattern {
    /// Whether a text as typed asks for part of a mark.
    #[must_use]
    pub fn is_meant(typed: &str) -> bool {
        typed.contains(['?', '*'])
    }

    /// Reads a pattern as typed; other characters than letters, digits, `?` and `*` are left out. `None` where fewer than
    /// [`PATTERN_KNOWN_MIN`] characters are known, or the whole is longer than a mark with a few `*` can be.
    ///
    /// ```
    /// use beatcheck_search::VrmPattern;
    /// let p = VrmPattern::read("bx6? k*").unwrap();
    /// assert!(p.matches("BX63KYT") && !p.matches("BX63AKY"));
    /// assert_eq!(VrmPattern::read("*"), None);
    /// ```
    #[must_use]
    pub fn read(typed: &str) -> Option<Self> {
        let mut text = String::new();
        let mut known = 0;
        for c in typed.chars().flat_map(char::to_uppercase) {
            match c {
                '*' if text.ends_with('*') => {}
                '?' | '*' => text.push(c),
                c if c.is_ascii_alphanumeric() => {
                    known += 1;
                    text.push(c);
                }
                _ => {}
            }
            if text.len() > 2 * MAX_VRM_LEN {
                return None;
            }
        }
        (known >= PATTERN_KNOWN_MIN).then_some(Self { text })
    }

    /// The characters before the first that is not known.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.text.split(['?', '*']).next().unwrap_or_default()
    }

    /// The characters after the last that is not known.
    #[must_use]
    pub fn suffix(&self) -> &str {
        self.text.rsplit(['?', '*']).next().unwrap_or_default()
    }

    /// As it is compared: `A-Z0-9?*`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a normalised mark has this shape. Time grows with the product of the lengths, both of which are bounded.
    #[must_use]
    pub fn matches(&self, mark: &str) -> bool {
        let (p, m) = (self.text.as_bytes(), mark.as_bytes());
        let (mut i, mut j) = (0, 0);
        // Where the last `*` stood, and from where on it is tried again.
        let mut star: Option<(usize, usize)> = None;
        while j < m.len() {
            match p.get(i) {
                Some(b'*') => {
                    star = Some((i, j));
                    i += 1;
                }
                Some(c) if *c == b'?' || *c == m[j] => {
                    i += 1;
                    j += 1;
                }
                _ => match &mut star {
                    Some((at, from)) => {
                        *from += 1;
                        (i, j) = (*at + 1, *from);
                    }
                    None => return false,
                },
            }
        }
        p[i..].iter().all(|c| *c == b'*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shapes_by_table() {
        for (pattern, mark, matches) in [
            ("BX63 KYT?", "BX63KYT", false),
            ("BX63KY?", "BX63KYT", true),
            ("BX*", "BX63KYT", true),
            ("*KYT", "BX63KYT", true),
            ("*63*", "BX63KYT", true),
            ("*63*", "BX36KYT", false),
            ("B*K*T", "BX63KYT", true),
            ("??63???", "BX63KYT", true),
            ("??63??", "BX63KYT", false),
            ("**AB**", "AB", true),
        ] {
            assert_eq!(VrmPattern::read(pattern).is_some_and(|p| p.matches(mark)), matches, "{pattern} {mark}");
        }
        for nothing in ["*", "?", &"?".repeat(50), "A*", "", &"A?".repeat(40)] {
            assert_eq!(VrmPattern::read(nothing), None, "{nothing}");
        }
        assert_eq!(VrmPattern::read("bx6*").map(|p| p.prefix().to_owned()).as_deref(), Some("BX6"));
    }

    proptest! {
        #[test]
        fn a_mark_with_some_characters_hidden_still_matches(mark in "[A-Z0-9]{3,9}", hidden in any::<u16>()) {
            let typed: String = mark.chars().enumerate().map(|(i, c)| if hidden >> i & 1 == 1 { '?' } else { c }).collect();
            if let Some(p) = VrmPattern::read(&typed) {
                prop_assert!(p.matches(&mark));
            }
            let ends = format!("*{}", &mark[1..]);
            prop_assert!(VrmPattern::read(&ends).unwrap().matches(&mark));
        }

        #[test]
        fn any_text_is_read_or_refused(typed in any::<String>(), mark in "[A-Z0-9]{0,16}") {
            if let Some(p) = VrmPattern::read(&typed) {
                let _ = p.matches(&mark);
            }
        }
    }
}
