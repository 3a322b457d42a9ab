//! A compact exact index of registration marks: which marks a compartment lists, long before its rows have arrived.
//!
//! Marks of one shape (letters and digits in the same places, such as `LLDDLLL`) are numbers of one mixed radix. Sorted,
//! their steps are nearly geometric, and Golomb-Rice coding of the steps comes within a few hundredths of a bit of what
//! information theory asks: 300,000 marks of the current British shape take 1.7 bytes each. It is exact: nothing is found
//! that is not listed. Marks of rare or long shapes are written out.
//!
//! ```text
//! 1 byte   version (1)
//! varint   number of shapes
//!   each   1 byte length, 2 bytes shape (bit i set: character i is a letter), little endian
//!          varint number of marks, 1 byte Rice parameter k, varint number of bytes, the bits (lowest first)
//! varint   number of marks that are written out
//!   each   1 byte length, the characters; sorted
//! ```
//! A step d (the first mark's number, then the differences less 1) is d >> k ones, a zero, and k low bits.

use crate::WireError;
use crate::columns::{Reader, put_varint};
use std::collections::BTreeMap;

const VERSION: u8 = 1;
/// Longest mark that is a number; 11 letters are less than 2^52.
const MAX_NUMBERED: usize = 11;
/// Longest mark at all; a longer one is left out, and is not found until its row has arrived.
pub const MAX_MARK: usize = 32;
/// Fewest marks for which a shape is worth its head.
const MIN_SHAPE: usize = 4;
/// Marks of one index, at most.
pub const MAX_MARKS: usize = 4_000_000;
/// Ones before the zero of one step, at most: a longer run is a malformed index.
const MAX_UNARY: u64 = 1 << 24;
const BAD: WireError = WireError::Malformed("mark index");

/// Length, and which characters are letters.
type Shape = (u8, u16);

/// An index, decoded: a lookup is a binary search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarkIndex {
    shapes: BTreeMap<Shape, Vec<u64>>,
    written: Vec<String>,
}

/// A mark as a number of its shape; none for other characters than capitals and digits, or one too long.
fn number(mark: &str) -> Option<(Shape, u64)> {
    if mark.is_empty() || mark.len() > MAX_NUMBERED {
        return None;
    }
    let (mut letters, mut n) = (0_u16, 0_u64);
    for (i, b) in mark.bytes().enumerate() {
        match b {
            b'A'..=b'Z' => {
                letters |= 1 << i;
                n = n * 26 + u64::from(b - b'A');
            }
            b'0'..=b'9' => n = n * 10 + u64::from(b - b'0'),
            _ => return None,
        }
    }
    Some(((mark.len() as u8, letters), n))
}

impl MarkIndex {
    /// An index of these marks, which are normalised (`A-Z0-9`); one that is longer than [`MAX_MARK`] is left out.
    ///
    /// ```
    /// use beatcheck_wire::mark_index::MarkIndex;
    /// let index = MarkIndex::of(["BD51SMR", "K1"]);
    /// assert!(index.contains("BD51SMR") && !index.contains("BD51SMS"));
    /// assert_eq!(MarkIndex::decode(&index.encode()).unwrap(), index);
    /// ```
    #[must_use]
    pub fn of<'a>(marks: impl IntoIterator<Item = &'a str>) -> Self {
        let mut out = Self::default();
        for mark in marks.into_iter().filter(|m| m.len() <= MAX_MARK) {
            match number(mark) {
                Some((shape, n)) => out.shapes.entry(shape).or_default().push(n),
                None => out.written.push(mark.to_owned()),
            }
        }
        for numbers in out.shapes.values_mut() {
            numbers.sort_unstable();
            numbers.dedup();
        }
        out.written.sort_unstable();
        out.written.dedup();
        out
    }

    /// Whether this mark is listed.
    #[must_use]
    pub fn contains(&self, mark: &str) -> bool {
        match number(mark) {
            Some((shape, n)) => self.shapes.get(&shape).is_some_and(|v| v.binary_search(&n).is_ok()),
            None => self.written.binary_search_by(|w| w.as_str().cmp(mark)).is_ok(),
        }
    }

    /// How many marks it lists.
    #[must_use]
    pub fn len(&self) -> usize {
        self.written.len() + self.shapes.values().map(Vec::len).sum::<usize>()
    }

    /// Whether it lists none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let rare = |v: &Vec<u64>| v.len() < MIN_SHAPE;
        let mut written = self.written.clone();
        for (shape, numbers) in self.shapes.iter().filter(|(_, v)| rare(v)) {
            written.extend(numbers.iter().map(|n| spell(*shape, *n)));
        }
        written.sort_unstable();
        let mut out = vec![VERSION];
        put_varint(&mut out, self.shapes.values().filter(|v| !rare(v)).count() as u64);
        for (shape, numbers) in self.shapes.iter().filter(|(_, v)| !rare(v)) {
            out.push(shape.0);
            out.extend_from_slice(&shape.1.to_le_bytes());
            put_varint(&mut out, numbers.len() as u64);
            let (k, bits) = rice(numbers);
            out.push(k);
            put_varint(&mut out, bits.len() as u64);
            out.extend_from_slice(&bits);
        }
        put_varint(&mut out, written.len() as u64);
        for mark in &written {
            out.push(mark.len() as u8);
            out.extend_from_slice(mark.as_bytes());
        }
        out
    }

    /// Reads what [`MarkIndex::encode`] wrote.
    ///
    /// # Errors
    /// [`WireError::UnknownVersion`], [`WireError::Truncated`], [`WireError::OverLimit`] or [`WireError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader(bytes);
        let found = r.bytes(1)?[0];
        if found != VERSION {
            return Err(WireError::UnknownVersion { what: "mark index", found, known: VERSION });
        }
        let mut out = Self::default();
        for _ in 0..r.varint()? {
            let head = r.bytes(3)?;
            let shape = (head[0], u16::from_le_bytes([head[1], head[2]]));
            if usize::from(shape.0) > MAX_NUMBERED {
                return Err(BAD);
            }
            let n = r.varint()? as usize;
            if n > MAX_MARKS {
                return Err(WireError::OverLimit("number of marks"));
            }
            let k = r.bytes(1)?[0];
            let len = usize::try_from(r.varint()?).map_err(|_| WireError::Truncated)?;
            let bits = r.bytes(len)?;
            let numbers = unrice(bits, k, n)?;
            if out.shapes.insert(shape, numbers).is_some() {
                return Err(BAD);
            }
        }
        for _ in 0..r.varint()? {
            let len = usize::from(r.bytes(1)?[0]);
            if len > MAX_MARK {
                return Err(WireError::OverLimit("length of a mark"));
            }
            let mark = std::str::from_utf8(r.bytes(len)?).map_err(|_| BAD)?;
            match number(mark) {
                Some((shape, n)) => out.shapes.entry(shape).or_default().push(n),
                None => out.written.push(mark.to_owned()),
            }
        }
        if !r.0.is_empty() {
            return Err(BAD);
        }
        for numbers in out.shapes.values_mut() {
            numbers.sort_unstable();
            numbers.dedup();
        }
        out.written.sort_unstable();
        out.written.dedup();
        Ok(out)
    }
}

/// The mark that a number of a shape stands for.
fn spell(shape: Shape, mut n: u64) -> String {
    let mut out = vec![0; usize::from(shape.0)];
    for i in (0..out.len()).rev() {
        let (radix, first) = if shape.1 >> i & 1 == 1 { (26, b'A') } else { (10, b'0') };
        out[i] = first + (n % radix) as u8;
        n /= radix;
    }
    out.into_iter().map(char::from).collect()
}

/// The steps between sorted numbers: the first number, then each difference less 1.
fn steps(numbers: &[u64]) -> impl Iterator<Item = u64> + '_ {
    let mut last = None;
    numbers.iter().map(move |n| {
        let step = last.map_or(*n, |l: u64| n - l - 1);
        last = Some(*n);
        step
    })
}

/// The parameter and the bits.
fn rice(numbers: &[u64]) -> (u8, Vec<u8>) {
    // The first step is the shape's first mark: it may be far away and must not set the parameter, but it is unary too.
    let size = |k: u8| -> u64 {
        steps(numbers).map(|s| (s >> k).saturating_add(u64::from(k) + 1)).fold(0, u64::saturating_add)
    };
    let k = (0..=52).min_by_key(|k| size(*k)).unwrap_or(0);
    let mut bits = Bits::default();
    for step in steps(numbers) {
        for _ in 0..step >> k {
            bits.push(true);
        }
        bits.push(false);
        for i in 0..k {
            bits.push(step >> i & 1 == 1);
        }
    }
    (k, bits.bytes)
}

fn unrice(bytes: &[u8], k: u8, n: usize) -> Result<Vec<u64>, WireError> {
    if k > 52 || n.checked_mul(usize::from(k) + 1).is_none_or(|least| least > bytes.len().saturating_mul(8)) {
        return Err(BAD);
    }
    let mut at = 0_usize;
    let mut bit = || -> Result<bool, WireError> {
        let byte = bytes.get(at / 8).ok_or(WireError::Truncated)?;
        let set = byte >> (at % 8) & 1 == 1;
        at += 1;
        Ok(set)
    };
    let mut out: Vec<u64> = Vec::with_capacity(n);
    for _ in 0..n {
        let mut high = 0_u64;
        while bit()? {
            high += 1;
            if high > MAX_UNARY {
                return Err(BAD);
            }
        }
        let mut low = 0_u64;
        for i in 0..k {
            low |= u64::from(bit()?) << i;
        }
        let step = high << k | low;
        let next = match out.last() {
            None => Some(step),
            Some(last) => last.checked_add(step).and_then(|s| s.checked_add(1)),
        };
        out.push(next.filter(|n| *n < 1 << 53).ok_or(BAD)?);
    }
    Ok(out)
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u8,
}

impl Bits {
    fn push(&mut self, bit: bool) {
        if self.used == 0 {
            self.bytes.push(0);
        }
        if let (true, Some(last)) = (bit, self.bytes.last_mut()) {
            *last |= 1 << self.used;
        }
        self.used = (self.used + 1) % 8;
    }
}
