//! Given names that are one name: short forms (`Bill` for William) and common spellings or transliterations (Mohammed).
//!
//! The table is `nicknames.txt`, compiled in. It is small on purpose: only what an English-speaking force meets daily.
//! A name may stand in several classes (`alex`), and classes are not merged: Alexander and Alexandra are not one name.

use std::collections::HashMap;
use std::sync::LazyLock;

struct Table {
    classes: Vec<Vec<&'static str>>,
    of: HashMap<&'static str, Vec<usize>>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table { classes: Vec::new(), of: HashMap::new() };
    for line in include_str!("nicknames.txt").lines().filter(|l| !l.starts_with('#')) {
        let class: Vec<_> = line.split_whitespace().collect();
        for name in &class {
            table.of.entry(name).or_default().push(table.classes.len());
        }
        table.classes.push(class);
    }
    table
});

/// Whether two tokens are forms of one given name by the table; a name that is not in it is in no class, not even its
/// own. Expects tokens of [`crate::name_tokens`].
///
/// ```
/// use beatcheck_search::same_nickname_class;
/// assert!(same_nickname_class("bill", "william"));
/// assert!(same_nickname_class("muhammad", "mohammed"));
/// assert!(!same_nickname_class("bill", "robert"));
/// ```
#[must_use]
pub fn same_nickname_class(a: &str, b: &str) -> bool {
    match (TABLE.of.get(a), TABLE.of.get(b)) {
        (Some(a), Some(b)) => a.iter().any(|c| b.contains(c)),
        _ => false,
    }
}

/// Every other form of a name, sorted, each once.
pub(crate) fn other_forms(name: &str) -> Vec<&'static str> {
    let mut out: Vec<_> = TABLE.of.get(name).into_iter().flatten().flat_map(|&c| &TABLE.classes[c]).copied().collect();
    out.retain(|n| *n != name);
    out.sort_unstable();
    out.dedup();
    out
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
        assert!(other_forms("bill").contains(&"william") && !other_forms("bill").contains(&"bill"));
    }

    #[test]
    fn the_table_holds_tokens() {
        for name in TABLE.of.keys() {
            assert_eq!(crate::name_tokens(name), [*name]);
        }
    }
}
