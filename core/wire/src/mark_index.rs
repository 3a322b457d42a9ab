//! A compact exact index of registration marks: which marks a compartment lists, long before its rows have arrived.
//!
//! Marks of one shape (letters and digits in the same places, such as `LLDDLLL`) are numbers of one mixed radix. Sorted,
//! their steps are nearly geometric, and Golomb-Rice coding of the steps comes within a few hundredths of a bit of what
//! information theory asks of marks that are spread evenly: 300,000 of the current British shape take 1.69 bytes each, of
//! mixed shapes 1.8 (`examples/sizes.rs`). It is exact: nothing is found that is not listed. Marks of rare or long shapes are
//! written out.
//!
//! ```text
//! 1 byte   version (1)
//! varint   number of shapes
//!   each   1 byte length (1 to 11), 2 bytes shape (bit i set: character i is a letter), little endian
//!          varint number of marks, 1 byte Rice parameter k (0 to 52), varint number of bytes, the bits (lowest first)
//! varint   number of marks that are written out
//!   each   1 byte length (1 to 32), the characters; sorted, none twice, none of a shape above
//! ```
//! A mark's number counts from its first character, a letter with radix 26 and A as 0, a digit with radix 10. A step d
//! (the first mark's number, then the differences less 1) is d >> k ones, a zero, and the k low bits of d, lowest first.
//! The bits end in the byte in which the last step ends, filled up with zeros.

use crate::WireError;
use crate::columns::{Reader, put_varint};
use std::collections::BTreeMap;

const VERSION: u8 = 1;
/// Longest mark that is a number; 11 letters are less than 2^52.
const MAX_NUMBERED: usize = 11;
/// Longest mark at all, in bytes; a longer one is left out, and is not found until its row has arrived.
pub const MAX_MARK: usize = 32;
/// Fewest marks for which a shape is worth its head.
const MIN_SHAPE: usize = 4;
/// Marks of one index, at most: decoded, they take 8 bytes each. An index of more is refused, so none is to be published.
pub const MAX_MARKS: usize = 4_000_000;
/// Largest Rice parameter; every number of a shape is below 2 to this power.
const MAX_RICE: u8 = 52;
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
    /// An index of these marks, which are normalised (`A-Z0-9`); one that is longer than [`MAX_MARK`], or empty, is left
    /// out.
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
        for mark in marks.into_iter().filter(|m| (1..=MAX_MARK).contains(&m.len())) {
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
        let (mut coded, mut total) = (BTreeMap::<Shape, Vec<u64>>::new(), 0);
        for _ in 0..r.varint()? {
            let head = r.bytes(3)?;
            let shape = (head[0], u16::from_le_bytes([head[1], head[2]]));
            let length = usize::from(shape.0);
            if length == 0 || length > MAX_NUMBERED || shape.1 >> length != 0 || coded.contains_key(&shape) {
                return Err(BAD);
            }
            let n = count(&mut total, r.varint()?)?;
            let k = r.bytes(1)?[0];
            let len = usize::try_from(r.varint()?).map_err(|_| WireError::Truncated)?;
            coded.insert(shape, unrice(r.bytes(len)?, k, n, capacity(shape))?);
        }
        // Sorted as text, marks of one shape are sorted as numbers too.
        let (mut rare, mut written, mut last) = (BTreeMap::<Shape, Vec<u64>>::new(), Vec::new(), "");
        for _ in 0..count(&mut total, r.varint()?)? {
            let len = usize::from(r.bytes(1)?[0]);
            if len > MAX_MARK {
                return Err(WireError::OverLimit("length of a mark"));
            }
            let mark = std::str::from_utf8(r.bytes(len)?).map_err(|_| BAD)?;
            if mark <= last {
                return Err(BAD);
            }
            last = mark;
            match number(mark) {
                Some((shape, _)) if coded.contains_key(&shape) => return Err(BAD),
                Some((shape, n)) => rare.entry(shape).or_default().push(n),
                None => written.push(mark.to_owned()),
            }
        }
        if !r.0.is_empty() {
            return Err(BAD);
        }
        coded.append(&mut rare);
        Ok(Self { shapes: coded, written })
    }
}

/// A count of marks that are to come, if with those before they are not too many.
fn count(total: &mut usize, n: u64) -> Result<usize, WireError> {
    let n = usize::try_from(n).ok().filter(|n| *n <= MAX_MARKS - *total);
    let n = n.ok_or(WireError::OverLimit("number of marks"))?;
    *total += n;
    Ok(n)
}

/// How many marks a shape has at all.
fn capacity(shape: Shape) -> u64 {
    (0..shape.0).map(|i| if shape.1 >> i & 1 == 1 { 26 } else { 10 }).product()
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
    let k = (0..=MAX_RICE).min_by_key(|k| size(*k)).unwrap_or(0);
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

/// The `n` numbers below `capacity` that these bits are. The work is in proportion to the bits, each of which is read once.
fn unrice(bytes: &[u8], k: u8, n: usize, capacity: u64) -> Result<Vec<u64>, WireError> {
    let least = n.checked_mul(usize::from(k) + 1);
    if n == 0 || k > MAX_RICE || least.is_none_or(|least| least.div_ceil(8) > bytes.len()) {
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
            if high > capacity >> k {
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
        out.push(next.filter(|n| *n < capacity).ok_or(BAD)?);
    }
    // What follows the last step is zeros to the end of its byte.
    let ends = at.div_ceil(8) == bytes.len();
    let filled = bytes.last().is_some_and(|b| b >> ((at - 1) % 8) >> 1 == 0);
    if ends && filled { Ok(out) } else { Err(BAD) }
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
