//! Given names that are one name: short forms (`Bill` for William) and common spellings or transliterations (Mohammed).
//!
//! The tables are those of `core/search/data`, compiled in; its README says where each is from. A name may stand in several classes (`alex`), and classes are not merged: Alexander and Alexandra are not one name.

use std::collections::HashMap;
use std::sync::LazyLock;

struct Table {
    /// The other forms of each name, sorted.
    forms: HashMap<&'static str, Vec<&'static str>>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut forms: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut add = |a, b| {
        if a != b {
            forms.entry(a).or_default().push(b);
            forms.entry(b).or_default().push(a);
        }
    };
    let lines = |text: &'static str| text.lines().filter(|l| !l.starts_with('#'));
    for line in lines(include_str!("../data/given-names.txt")) {
        let class: Vec<_> = line.split_whitespace().collect();
        for (i, a) in class.iter().enumerate() {
            class.iter().skip(i + 1).for_each(|b| add(a, b));
        }
    }
    for line in lines(include_str!("../data/nicknames-en.txt")) {
        let mut names = line.split_whitespace();
        let Some(formal) = names.next() else { continue };
        names.for_each(|form| add(formal, form));
    }
    for f in forms.values_mut() {
        f.sort_unstable();
        f.dedup();
    }
    Table { forms }
});

/// Whether two tokens are forms of one given name by the table; a name that is not in it is in no class, not even its
/// own. Expects tokens of [`crate::name_tokens`].
///
/// ```
/// use beatcheck_search::same_nickname_class;
/// assert!(same_nickname_class("bill", "william"));
/// assert!(same_nickname_class("muhammad", "mohammed"));
/// assert!(!same_nickname_class("bill", "thomas"));
/// ```
#[must_use]
pub fn same_nickname_class(a: &str, b: &str) -> bool {
    forms(a).binary_search(&b).is_ok()
}

/// Every other form of a name, sorted, each once.
pub(crate) fn forms(name: &str) -> &'static [&'static str] {
    TABLE.forms.get(name).map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        for (a, b) in
            [("william", "liam"), ("will", "billy"), ("md", "mohammad"), ("bob", "robert"), ("peggy", "margaret")]
        {
            assert!(same_nickname_class(a, b) && same_nickname_class(b, a), "{a} {b}");
        }
        assert!(!same_nickname_class("alexander", "alexandra"));
        assert!(!same_nickname_class("xyz", "xyz"));
        assert!(forms("bill").contains(&"william") && !forms("bill").contains(&"bill"));
        // Forms of Aaron both, and not of each other.
        assert!(same_nickname_class("aaron", "ronnie") && !same_nickname_class("erin", "ronnie"));
    }

    #[test]
    fn the_table_holds_tokens() {
        for name in TABLE.forms.keys() {
            assert_eq!(crate::name_tokens(name), [*name]);
        }
    }
}
