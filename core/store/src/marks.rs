//! All marks of a vehicle compartment in RAM, for questions of which only part is known.
//!
//! 16 bytes a vehicle: eight characters, which no UK mark exceeds, the rid, and its place by the last two; longer marks stand
//! apart. It is read from the encrypted index when a partial question first needs it, and is good for one state of the file.

use crate::StoreError;
use beatcheck_search::VrmPattern;
use rusqlite::Connection;
use std::ops::Range;

const PACKED: usize = 8;
/// Pairs of letters or digits.
const SLOTS: usize = 36 * 36;
/// Marks from which on two threads look.
const SPLIT: usize = 200_000;
/// Marks looked at together.
const RUN: usize = 32;

#[derive(Debug)]
pub(crate) struct Marks {
    packed: Vec<[u8; PACKED]>,
    rids: Vec<u32>,
    long: Vec<(String, u32)>,
    /// In `packed`, by their last two characters, and where each two begin.
    by_end: Vec<u32>,
    ends: Vec<u32>,
}

impl Marks {
    pub(crate) fn load(conn: &Connection) -> Result<Self, StoreError> {
        let mut out =
            Self { packed: Vec::new(), rids: Vec::new(), long: Vec::new(), by_end: Vec::new(), ends: Vec::new() };
        let mut statement = conn.prepare_cached("SELECT key,rid FROM vrm ORDER BY key,rid")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let key = row.get_ref(0)?.as_str().map_err(|_| StoreError::Corrupt)?;
            let rid = u32::try_from(row.get::<_, i64>(1)?).map_err(|_| StoreError::Corrupt)?;
            if key.len() <= PACKED {
                let mut bytes = [0; PACKED];
                bytes[..key.len()].copy_from_slice(key.as_bytes());
                out.packed.push(bytes);
                out.rids.push(rid);
            } else {
                out.long.push((key.to_owned(), rid));
            }
        }
        out.sort_ends();
        Ok(out)
    }

    /// Counts, then places: marks by their last two characters.
    fn sort_ends(&mut self) {
        let end = |m: &[u8; PACKED]| slot(&m[..m.iter().position(|b| *b == 0).unwrap_or(PACKED)]);
        let mut starts = vec![0_u32; SLOTS + 1];
        self.packed.iter().filter_map(end).for_each(|s| starts[s + 1] += 1);
        for i in 0..SLOTS {
            starts[i + 1] += starts[i];
        }
        self.ends.clone_from(&starts);
        self.by_end = vec![0; starts[SLOTS] as usize];
        for (i, m) in self.packed.iter().enumerate() {
            if let Some(s) = end(m) {
                self.by_end[starts[s] as usize] = i as u32;
                starts[s] += 1;
            }
        }
    }

    /// Rids of the marks of this shape that `wanted` lets pass, at most `most`.
    ///
    /// What begins so lies together; what ends so is found by its last two characters; else every mark is looked at, eight
    /// characters at once, on two threads where there are many.
    pub(crate) fn matching(
        &self,
        pattern: &VrmPattern,
        wanted: &(dyn Fn(u32) -> bool + Sync),
        most: usize,
    ) -> Vec<i64> {
        let fits = |i: usize| {
            let mark = &self.packed[i];
            let len = mark.iter().position(|b| *b == 0).unwrap_or(PACKED);
            std::str::from_utf8(&mark[..len]).is_ok_and(|m| pattern.matches(m)) && wanted(self.rids[i])
        };
        let masks = Masks::of(pattern);
        let prefix = pattern.prefix().as_bytes();
        let head = prefix.len().min(PACKED);
        let from = self.packed.partition_point(|m| &m[..head] < prefix);
        let to = from + self.packed[from..].partition_point(|m| &m[..head] <= prefix);
        let ending = self.ending(pattern).filter(|e| e.len() < to - from);
        let found: Vec<usize> = match ending {
            Some(ending) => ending.iter().map(|i| *i as usize).filter(|i| fits(*i)).take(most).collect(),
            None if to - from < SPLIT => self.scan(from..to, &masks, &fits, most),
            None => {
                let middle = from.midpoint(to);
                let (mut first, second) = std::thread::scope(|s| {
                    let second = s.spawn(|| self.scan(middle..to, &masks, &fits, most));
                    (self.scan(from..middle, &masks, &fits, most), second.join().unwrap_or_default())
                });
                first.extend(second);
                first.truncate(most);
                first
            }
        };
        let mut out: Vec<i64> = found.into_iter().map(|i| self.rids[i].into()).collect();
        let long = self.long.iter().filter(|(m, rid)| pattern.matches(m) && wanted(*rid));
        out.extend(long.take(most - out.len()).map(|(_, rid)| i64::from(*rid)));
        out
    }

    fn scan(&self, range: Range<usize>, masks: &Masks, fits: &impl Fn(usize) -> bool, most: usize) -> Vec<usize> {
        let mut out = Vec::new();
        let mut at = range.start;
        for run in self.packed[range].chunks(RUN) {
            // Nearly no run holds what is sought: all of it is looked at together, without a branch.
            if masks.any(run) {
                let found = run.iter().enumerate().filter(|(i, m)| masks.may_match(**m) && fits(at + i));
                out.extend(found.map(|(i, _)| at + i).take(most - out.len()));
                if out.len() == most {
                    break;
                }
            }
            at += run.len();
        }
        out
    }

    /// The marks with the last two characters of the pattern, if both are known.
    fn ending(&self, pattern: &VrmPattern) -> Option<&[u32]> {
        let slot = slot(pattern.suffix().as_bytes())?;
        self.by_end.get(*self.ends.get(slot)? as usize..*self.ends.get(slot + 1)? as usize)
    }
}

/// The slot of a mark's last two characters; `None` for one that has not two.
fn slot(mark: &[u8]) -> Option<usize> {
    let code = |b: u8| match b {
        b'0'..=b'9' => Some(usize::from(b - b'0')),
        b'A'..=b'Z' => Some(usize::from(b - b'A') + 10),
        _ => None,
    };
    let [.., a, b] = mark else { return None };
    Some(code(*a)? * 36 + code(*b)?)
}

/// What a mark must hold to be of a shape, as eight bytes compared at once: the longest known piece of it, at each place
/// where that may stand. It may let others pass.
struct Masks {
    places: Vec<(u64, u64)>,
    /// Two known characters side by side, each eight times over.
    pair: Option<(u64, u64)>,
}

/// Each byte the same.
fn eightfold(b: u8) -> u64 {
    u64::from_le_bytes([b; PACKED])
}

/// Sets the high bit of each byte that is zero, and perhaps of some above one.
fn zero_bytes(v: u64) -> u64 {
    v.wrapping_sub(0x0101_0101_0101_0101) & !v & 0x8080_8080_8080_8080
}

impl Masks {
    fn of(pattern: &VrmPattern) -> Self {
        let text = pattern.as_str();
        let pieces: Vec<&str> = text.split('*').collect();
        let known = |p: &str| p.bytes().filter(|b| *b != b'?').count();
        let Some((at, piece)) = pieces.iter().enumerate().max_by_key(|(_, p)| known(p)) else {
            return Self { places: Vec::new(), pair: None };
        };
        let pair = piece.as_bytes().array_windows().find(|w: &&[u8; 2]| !w.contains(&b'?'));
        let pair = pair.map(|[a, b]| (eightfold(*a), eightfold(*b)));
        let (first, last) = (at == 0, at + 1 == pieces.len());
        let mut out = Vec::new();
        for shift in 0..=PACKED.saturating_sub(piece.len()) {
            if first && shift > 0 {
                break;
            }
            let (mut mask, mut value) = ([0_u8; PACKED], [0_u8; PACKED]);
            for (i, b) in piece.bytes().enumerate().filter(|(i, b)| *b != b'?' && shift + i < PACKED) {
                (mask[shift + i], value[shift + i]) = (0xFF, b);
            }
            if last && let Some(end) = mask.get_mut(shift + piece.len()) {
                // Nothing follows.
                *end = 0xFF;
            }
            out.push((u64::from_le_bytes(mask), u64::from_le_bytes(value)));
        }
        Self { places: out, pair }
    }

    /// Whether any of these marks may match.
    fn any(&self, marks: &[[u8; PACKED]]) -> bool {
        let Some((a, b)) = self.pair else { return true };
        let found = marks.iter().fold(0, |found, m| {
            let m = u64::from_le_bytes(*m);
            found | (zero_bytes(m ^ a) & (zero_bytes(m ^ b) >> 8))
        });
        found != 0
    }

    fn may_match(&self, mark: [u8; PACKED]) -> bool {
        let mark = u64::from_le_bytes(mark);
        self.places.iter().any(|(mask, value)| mark & mask == *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn marks(all: &[String]) -> Marks {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(include_str!("../migrations/records_vehicles.sql")).unwrap();
        for (i, mark) in all.iter().enumerate() {
            conn.execute("INSERT INTO vrm VALUES(?1,?2)", (mark, i as i64)).unwrap();
        }
        Marks::load(&conn).unwrap()
    }

    proptest! {
        #[test]
        fn every_mark_of_a_shape_is_found(
            all in proptest::collection::vec("[A-C1-3]{1,10}", 0..60),
            text in "[A-C1-3?*]{1,8}",
        ) {
            if let Some(pattern) = VrmPattern::read(&text) {
                let marks = marks(&all);
                let mut found = marks.matching(&pattern, &|rid| rid % 7 != 0, 1000);
                found.sort_unstable();
                let expected: Vec<i64> = (0..all.len()).filter(|i| i % 7 != 0 && pattern.matches(&all[*i])).map(|i| i as i64).collect();
                prop_assert_eq!(found, expected, "{}", text);
                prop_assert!(marks.matching(&pattern, &|_| true, 2).len() <= 2);
            }
        }
    }
}
