//! How many bytes a mark takes in the index: `cargo run -p beatcheck-wire --example sizes`.
//!
//! Marks of the current British shape are drawn from what is issued: area letters, age identifiers from 02 and 51 on, and
//! three letters without I and Q. They are random; what is real is more alike and takes less.
#![allow(clippy::print_stdout)]

use beatcheck_wire::mark_index::MarkIndex;
use std::collections::BTreeSet;

const MARKS: usize = 300_000;
/// First letters of areas, and letters that follow them.
const AREAS: [(char, &str); 19] = [
    ('A', "ABCDEFGHJKMNOPRSTUVWXY"),
    ('B', "ABCDEFGHJKLMNOPRSTUVWXY"),
    ('C', "ABCDEFGHJKLMNOPRSTUVWXY"),
    ('D', "ABCDEFGHJKLMNOPRSTUVWXY"),
    ('E', "ABCEFGJKLMNOPRSTUVWXY"),
    ('F', "ABCDEFGHJKLMNPRSTVWXY"),
    ('G', "ABCDEFGHJKLMNOPRSTUVWXY"),
    ('H', "ABCDEFGHJKLMNOPRSTUVWXY"),
    ('K', "ABCDEFGHJKLMNOPRSTUVWXY"),
    ('L', "ABCDEFGHJKLMNOPRSTUVWXY"),
    ('M', "ABCDEFGHJKLMNOPRSTUVWXY"),
    ('N', "ABCDEFGHJKLMNOPRSTUVWXY"),
    ('O', "ABCDEFGHJKLMOPRTUVWXY"),
    ('P', "ABCDEFGHJKLMNOPRSTUVWXY"),
    ('R', "ABCDEFGHJKLMNOPRSTVWXY"),
    ('S', "ABCDEFGHJKLMNOPRSTUVWXY"),
    ('V', "ABCEFGHJKLMNOPRSTUVXY"),
    ('W', "ABDEFGHJKLMNOPRSTUVWXY"),
    ('Y', "ABCDEFGHJKLMNOPRSTUVWXY"),
];
const LETTERS: &[u8] = b"ABCDEFGHJKLMNOPRSTUVWXYZ";

/// splitmix64, from a fixed seed: the numbers below must come out the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % n as u64) as usize
    }

    fn letter(&mut self) -> char {
        char::from(LETTERS[self.below(LETTERS.len())])
    }

    fn current(&mut self) -> String {
        let (first, seconds) = AREAS[self.below(AREAS.len())];
        let second = char::from(seconds.as_bytes()[self.below(seconds.len())]);
        // 02 to 26 in March, 51 to 75 in September.
        let year = self.below(25);
        let age = if self.below(2) == 0 { year + 2 } else { year + 51 };
        let rest: String = (0..3).map(|_| self.letter()).collect();
        format!("{first}{second}{age:02}{rest}")
    }

    /// Two in three of the current shape; prefix, suffix and dateless marks, of Northern Ireland too, and foreign ones.
    fn mixed(&mut self) -> String {
        let digits = self.below(999) + 1;
        let letters: String = (0..3).map(|_| self.letter()).collect();
        match self.below(30) {
            0..=19 => self.current(),
            20..=23 => format!("{}{digits}{letters}", self.letter()),
            24..=25 => format!("{letters}{digits}{}", self.letter()),
            26..=27 => format!("{letters}{}", self.below(9999) + 1),
            28 => format!("{}{}", &letters[..2], self.below(9999) + 1),
            _ => {
                let shape = self.below(64);
                let foreign = (0..6).map(|i| {
                    let letter = shape >> i & 1 == 1;
                    if letter { self.letter() } else { char::from(b'0' + self.below(10) as u8) }
                });
                foreign.collect()
            }
        }
    }
}

fn draw(mut one: impl FnMut() -> String) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    while out.len() < MARKS {
        out.insert(one());
    }
    out
}

fn main() {
    let mut random = Random(1);
    let current = draw(|| random.current());
    let mixed = draw(|| random.mixed());
    for (name, marks) in [("current shape", current), ("mixed shapes", mixed)] {
        let bytes = MarkIndex::of(marks.iter().map(String::as_str)).encode().len();
        println!("{name}: {MARKS} marks, {bytes} bytes, {:.3} each", bytes as f64 / MARKS as f64);
    }
}
