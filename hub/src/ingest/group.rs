//! Which row of an extract is which held record, where several rows share a key.
//!
//! Within a key, a row that says what a held record says *is* that record; the others take the free occurrence
//! numbers, lowest first, in the order of the extract. So the identity of a duplicate does not depend on the order in
//! which a source happens to write its rows, and one that is edited changes one record only. Decided here without
//! touching anything; done in `apply`.

use std::collections::{HashMap, HashSet, VecDeque};

/// Hash of a row's content, without id and version.
pub(super) type Content = [u8; 16];

/// A record of the key, current or gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) occurrence: u32,
    /// `None` once gone.
    pub(super) content: Option<Content>,
    pub(super) version: u32,
    pub(super) seq: u64,
    pub(super) unsearchable: bool,
}

/// A row of the extract with the key; without content if it is damaged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Incoming {
    /// Its number in the extract.
    pub(super) n: u64,
    pub(super) content: Option<Content>,
}

/// What is to be done for one key.
#[derive(Debug, Default)]
pub(super) struct Decision {
    /// Rows that become a new version of an occurrence, with what is or was held there.
    pub(super) upserts: Vec<(Incoming, u32, Option<Held>)>,
    /// Records that are gone.
    pub(super) removals: Vec<Held>,
    /// Rows that say what is held.
    pub(super) unchanged: u64,
    /// Records kept as they were because a row of their key is damaged.
    pub(super) kept: u64,
    /// Rows that repeat another row of the extract exactly.
    pub(super) duplicates: u64,
}

/// Decides for one key.
pub(super) fn decide(held: &[Held], rows: &[Incoming]) -> Decision {
    let mut out = Decision::default();
    let mut by_content: HashMap<Content, VecDeque<Held>> = HashMap::new();
    for h in held {
        if let Some(c) = h.content {
            by_content.entry(c).or_default().push_back(*h);
        }
    }
    let (mut taken, mut seen) = (HashSet::new(), HashSet::new());
    let (mut open, mut damaged) = (Vec::new(), 0_usize);
    for row in rows {
        let Some(content) = row.content else {
            damaged += 1;
            continue;
        };
        if !seen.insert(content) {
            out.duplicates += 1;
        }
        match by_content.get_mut(&content).and_then(VecDeque::pop_front) {
            Some(h) => {
                taken.insert(h.occurrence);
                out.unchanged += 1;
            }
            None => open.push(*row),
        }
    }
    let at: HashMap<u32, Held> = held.iter().map(|h| (h.occurrence, *h)).collect();
    let mut next = 0;
    for row in open {
        while taken.contains(&next) {
            next += 1;
        }
        taken.insert(next);
        out.upserts.push((row, next, at.get(&next).copied()));
    }
    for h in held.iter().filter(|h| h.content.is_some() && !taken.contains(&h.occurrence)) {
        if damaged > 0 {
            damaged -= 1;
            out.kept += 1;
        } else {
            out.removals.push(*h);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(occurrence: u32, content: Option<u8>) -> Held {
        Held { occurrence, content: content.map(|c| [c; 16]), version: 1, seq: 1, unsearchable: false }
    }

    fn rows(contents: &[Option<u8>]) -> Vec<Incoming> {
        contents.iter().enumerate().map(|(i, c)| Incoming { n: i as u64, content: c.map(|c| [c; 16]) }).collect()
    }

    fn summary(d: &Decision) -> (Vec<(u64, u32)>, Vec<u32>, u64, u64) {
        let upserts = d.upserts.iter().map(|(r, o, _)| (r.n, *o)).collect();
        (upserts, d.removals.iter().map(|h| h.occurrence).collect(), d.unchanged, d.kept)
    }

    #[test]
    fn occurrences_do_not_depend_on_order() {
        let two = [held(0, Some(1)), held(1, Some(2))];
        assert_eq!(summary(&decide(&two, &rows(&[Some(2), Some(1)]))), (vec![], vec![], 2, 0));
        assert_eq!(summary(&decide(&two, &rows(&[Some(2), Some(3)]))), (vec![(1, 0)], vec![], 1, 0));
        assert_eq!(summary(&decide(&two, &rows(&[Some(2)]))), (vec![], vec![0], 1, 0));
        assert_eq!(summary(&decide(&two, &rows(&[Some(3)]))), (vec![(0, 0)], vec![1], 0, 0));
        assert_eq!(summary(&decide(&[], &rows(&[Some(1), Some(1)]))), (vec![(0, 0), (1, 1)], vec![], 0, 0));
        assert_eq!(decide(&[], &rows(&[Some(1), Some(1)])).duplicates, 1);
    }

    #[test]
    fn a_gone_occurrence_is_taken_up_again_and_counts_on() {
        let d = decide(&[held(0, None), held(1, Some(2))], &rows(&[Some(2), Some(1)]));
        assert_eq!(summary(&d), (vec![(1, 0)], vec![], 1, 0));
        assert_eq!(d.upserts[0].2.map(|h| h.version), Some(1));
    }

    #[test]
    fn a_damaged_row_deletes_nothing() {
        let two = [held(0, Some(1)), held(1, Some(2))];
        assert_eq!(summary(&decide(&two, &rows(&[None]))), (vec![], vec![1], 0, 1));
        assert_eq!(summary(&decide(&two, &rows(&[Some(2), None]))), (vec![], vec![], 1, 1));
        assert_eq!(summary(&decide(&two, &rows(&[Some(9), None]))), (vec![(0, 0)], vec![], 0, 1));
    }
}
