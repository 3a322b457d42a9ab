//! Who of a compartment is worth scoring: weights of names and dates summed up block by block.
//!
//! Each token asked gives every person at most one weight, that of the nearest of their tokens in that part of the name;
//! who bears none loses what disagreement costs. Given and surname as asked and exchanged are summed side by side. Sums
//! stand in arrays of one block (65,536 rids, so they stay in the cache) that are used again for the next; nothing grows
//! with the number of persons but the postings read, and these are bounded.

use super::index::{Index, Near};
use super::place::Placed;
use crate::StoreError;
use crate::records::births::sex_code;
use crate::records::keys::{pack, unpack};
use crate::records::postings::{self, BLOCK_BITS};
use beatcheck_model::Sex;
use beatcheck_search::{
    DOB_BITS_MOST, DobQuery, FURTHER_MOST, HEIGHT_AGREES, HEIGHT_DIFFERS, HeightBand, LEFT_OVER, NameRole, NameWeights,
    PreparedToken, SEX_AGREES, SEX_DIFFERS, SWAPPED, SumCounts, TokenLevel, dob_bits, heights_agree,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Persons taken for one token asked in one part of a name, at most: of the best levels first, so that exact bearers come
/// before like-sounding ones.
const POSTINGS_MAX: u64 = 200_000;
/// Vocabulary tokens taken for one token asked in one part of a name, at most.
const NEAR_MAX: usize = 4_000;
/// Steps of a bit in which scores are sorted, as integers.
const STEPS: f32 = 1000.0;

/// A score in thousandths of a bit, and the rid.
pub(crate) type Ranked = (i32, Reverse<i64>);

/// What is counted of a compartment on the way.
#[derive(Default)]
pub(crate) struct Counted {
    pub(crate) sums: SumCounts,
    /// Persons born on the day asked.
    pub(crate) same_day: u64,
}

/// What a token is to its part of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    First,
    Further,
    /// All of the part written as one: it may stand for the others, and costs nothing where it is not found.
    Joined,
}

/// A token asked, and where it may fall.
pub(crate) struct Text {
    pub(crate) token: PreparedToken,
    /// Part of the name it was asked as; `None` for any.
    pub(crate) role: Option<NameRole>,
    pub(crate) kind: Kind,
}

/// A token asked, and what is near it in one compartment.
pub(crate) struct Asked<'t> {
    pub(crate) text: &'t Text,
    pub(crate) near: Vec<Near>,
}

/// What speaks for a person beside the names.
pub(crate) struct Beside<'a> {
    pub(crate) dob: Option<&'a DobQuery>,
    pub(crate) sex: Option<Sex>,
    pub(crate) height: Option<HeightBand>,
    /// Who has an address as asked.
    pub(crate) placed: &'a [Placed],
    /// Who bears the identifier asked, with its weight.
    pub(crate) identified: &'a [i64],
    pub(crate) identifier_bits: f32,
}

/// One way to read the question, as given or exchanged: lists of a token within a block, greatest weight first.
type Lists<'i> = Vec<(f32, &'i [u8])>;

#[derive(Default)]
struct Block<'i> {
    /// By reading, then by token asked.
    lists: [Vec<Lists<'i>>; 2],
    identified: Vec<u16>,
    /// By key asked of an address: its number, encoded places.
    placed: Vec<(usize, &'i [u8])>,
    /// Who has given the date asked on some occasion.
    born: Vec<u16>,
}

/// The best `keep` persons of a compartment, best first, and whether there were more. `counted` hears of every person that
/// agrees at all.
pub(crate) fn rank<'i>(
    index: &'i Index,
    asked: &[Asked<'_>],
    weights: &NameWeights,
    beside: &'i Beside<'i>,
    keep: usize,
    counted: &mut Counted,
) -> Result<(Vec<Ranked>, bool), StoreError> {
    let mut blocks: BTreeMap<u16, Block<'_>> = BTreeMap::new();
    let swappable = asked.iter().any(|a| a.text.role.is_some());
    let mut base = [0.0_f32, SWAPPED as f32];
    for (reading, base) in base.iter_mut().enumerate().take(1 + usize::from(swappable)) {
        for (i, a) in asked.iter().enumerate() {
            let differs = match a.text.kind {
                // What the part's own tokens lost comes back with it.
                Kind::Joined => asked
                    .iter()
                    .filter(|o| o.text.role == a.text.role && o.text.kind != Kind::Joined)
                    .map(|o| differs(o.text, reading, weights))
                    .sum(),
                _ => differs(a.text, reading, weights),
            };
            if a.text.kind != Kind::Joined {
                *base += differs;
            }
            for (weight, at) in weighed(index, a, reading, weights) {
                for (number, bytes) in index.blocks(at) {
                    let lists = &mut blocks.entry(number).or_default().lists[reading];
                    lists.resize_with(lists.len().max(i + 1), Vec::new);
                    lists[i].push((weight - differs, bytes));
                }
            }
        }
    }
    for rid in beside.identified {
        let number = u16::try_from(postings::block_of(*rid)).map_err(|_| StoreError::Corrupt)?;
        blocks.entry(number).or_default().identified.push(postings::place_of(*rid));
    }
    for (i, placed) in beside.placed.iter().enumerate() {
        for (number, bytes) in &placed.blocks {
            blocks.entry(*number).or_default().placed.push((i, bytes));
        }
    }
    if let Some(dob) = beside.dob {
        for (rid, dates) in &index.births.more {
            if dates.iter().any(|d| brings_in(dob, asked.is_empty(), *d)) {
                let number = u16::try_from(postings::block_of((*rid).into())).map_err(|_| StoreError::Corrupt)?;
                blocks.entry(number).or_default().born.push(postings::place_of((*rid).into()));
            }
        }
        for number in 0..index.births.len().div_ceil(1 << BLOCK_BITS) {
            blocks.entry(number as u16).or_default();
        }
    }
    let mut sums = Sums::new(swappable);
    let mut best = Best { heap: BinaryHeap::with_capacity(keep + 1), keep, more: false };
    for (number, block) in &blocks {
        for (reading, lists) in block.lists.iter().enumerate() {
            for list in lists {
                sums.next_list();
                for (weight, bytes) in list {
                    postings::each(bytes, |place| sums.add(reading, place, *weight))?;
                }
            }
        }
        sums.next_list();
        block.identified.iter().for_each(|place| sums.add(0, *place, beside.identifier_bits));
        for (i, placed) in beside.placed.iter().enumerate() {
            let weight = weights.place_bits(&placed.key) as f32;
            for reading in 0..sums.readings {
                sums.next_list();
                for (_, bytes) in block.placed.iter().filter(|(of, _)| *of == i) {
                    postings::each(bytes, |place| sums.add(reading, place, weight))?;
                }
            }
        }
        sums.next_list();
        block.born.iter().for_each(|place| sums.add(0, *place, 0.0));
        if let Some(dob) = beside.dob {
            counted.same_day += born(index, *number, asked.is_empty(), dob, &mut sums);
        }
        let rid_of = |place: u16| i64::from(*number) << BLOCK_BITS | i64::from(place);
        sums.drain(base, |place, bits| {
            counted.sums.add(bits.into());
            best.offer(rid_of(place), bits, |rid| beside_bits(index, rid, beside));
        });
    }
    let mut out: Vec<Ranked> = best.heap.into_iter().map(|r| r.0).collect();
    out.sort_unstable_by(|a, b| b.cmp(a));
    Ok((out, best.more))
}

/// Whether a date brings a person in, whatever the names: the same day, or, where no name was asked, whatever speaks for it.
fn brings_in(asked: &DobQuery, nameless: bool, held: u32) -> bool {
    let same = match asked {
        DobQuery::Exact(d) | DobQuery::Digits(d) => pack(*d) == held,
        _ => false,
    };
    held != 0 && (same || (nameless && dob_bits(asked, &[unpack(held)]) > 0.0))
}

/// Brings in who of a block is born as asked; how many were born that very day.
fn born(index: &Index, number: u16, nameless: bool, asked: &DobQuery, sums: &mut Sums) -> u64 {
    let day = match asked {
        DobQuery::Exact(d) | DobQuery::Digits(d) => pack(*d),
        _ => 0,
    };
    let mut same = 0;
    let from = usize::from(number) << BLOCK_BITS;
    for rid in from..index.births.len().min(from + (1 << BLOCK_BITS)) {
        let date = index.births.date(rid);
        same += u64::from(day != 0 && date == day);
        if brings_in(asked, nameless, date) {
            sums.add(0, (rid - from) as u16, 0.0);
        }
    }
    same
}

/// Most bits that sex and height add.
const LOOKS_MOST: f32 = (SEX_AGREES + HEIGHT_AGREES) as f32;

/// What a person's dates, sex and height say for those asked.
fn beside_bits(index: &Index, rid: i64, beside: &Beside<'_>) -> f32 {
    let sex = match (beside.sex, index.births.sex(rid as usize)) {
        (None | Some(Sex::Unknown | Sex::Other), _) | (_, 0 | 3) => 0.0,
        (Some(asked), held) if sex_code(asked) == held => SEX_AGREES,
        _ => SEX_DIFFERS,
    };
    let height = match (beside.height, u16::from(index.births.height(rid as usize))) {
        (None, _) | (_, 0) => 0.0,
        (Some(asked), held) if heights_agree(asked, (held, held)) => HEIGHT_AGREES,
        _ => HEIGHT_DIFFERS,
    };
    births(index, rid, beside.dob) + (sex + height) as f32
}

/// What a person's dates say for the one asked.
fn births(index: &Index, rid: i64, asked: Option<&DobQuery>) -> f32 {
    let Some(asked) = asked else { return 0.0 };
    let first = index.births.date(rid as usize);
    if first == 0 {
        return 0.0;
    }
    let bits = dob_bits(asked, &[unpack(first)]);
    let more = index.births.more.get(&(rid as u32)).into_iter().flatten();
    more.map(|d| dob_bits(asked, &[unpack(*d)])).fold(bits, f64::max) as f32
}

/// What a token loses that is not found, in this reading.
fn differs(a: &Text, reading: usize, weights: &NameWeights) -> f32 {
    let key = a.token.key();
    let bits = NameRole::ALL.into_iter().filter(|r| falls_on(a, *r, reading)).map(|r| weights.differs(&key, r));
    let bits = bits.fold(f64::NEG_INFINITY, f64::max).max(-20.0);
    (if a.kind == Kind::First { bits } else { bits.max(LEFT_OVER) }) as f32
}

fn falls_on(a: &Text, role: NameRole, reading: usize) -> bool {
    a.role.is_none_or(|asked| (asked == role) != (reading == 1))
}

/// The vocabulary tokens to take for one token asked, with their weights in bits, greatest first. Who lacks the part of
/// the name neither agrees nor differs.
fn weighed(index: &Index, a: &Asked<'_>, reading: usize, weights: &NameWeights) -> Vec<(f32, usize)> {
    let key = a.text.token.key();
    let mut near: Vec<(TokenLevel, &Near)> =
        a.near.iter().filter(|n| falls_on(a.text, n.role, reading)).map(|n| (n.level, n)).collect();
    near.sort_unstable_by_key(|(level, n)| (Reverse(*level), n.bearers, n.at));
    let mut left = POSTINGS_MAX;
    let mut out: Vec<(f32, usize)> = Vec::new();
    for (level, n) in near.into_iter().take(NEAR_MAX) {
        // A whole list is taken or none: part of one would find some namesakes and hide the rest. The first always is.
        if u64::from(n.bearers) > left && !out.is_empty() {
            continue;
        }
        left = left.saturating_sub(n.bearers.into());
        let most = if a.text.kind == Kind::Further && a.text.role.is_some() { FURTHER_MOST } else { f64::MAX };
        out.push((weights.bits(&key, n.role, level).min(most) as f32, n.at));
    }
    if a.text.kind != Kind::Joined {
        let parts = NameRole::ALL.into_iter().filter(|r| falls_on(a.text, *r, reading));
        out.extend(parts.filter_map(|r| index.nameless(r)).map(|at| (0.0, at)));
    }
    out.sort_by(|a, b| b.0.total_cmp(&a.0));
    out
}

/// The best so far.
struct Best {
    heap: BinaryHeap<Reverse<Ranked>>,
    keep: usize,
    more: bool,
}

impl Best {
    /// `dob` is asked only of who could come in with the best date there is.
    fn offer(&mut self, rid: i64, names: f32, dob: impl FnOnce(i64) -> f32) {
        let full = self.heap.len() >= self.keep;
        let least = self.heap.peek().map_or(i32::MIN, |r| r.0.0);
        self.more |= full;
        if full && ((names + DOB_BITS_MOST as f32 + LOOKS_MOST + 1.0) * STEPS) as i32 <= least {
            return;
        }
        let ranked = (((names + dob(rid)) * STEPS) as i32, Reverse(rid));
        if full && self.heap.peek().is_some_and(|r| ranked <= r.0) {
            return;
        }
        self.heap.push(Reverse(ranked));
        if self.heap.len() > self.keep {
            self.heap.pop();
        }
    }
}

/// Sums of one block, by reading.
struct Sums {
    sum: [Vec<f32>; 2],
    readings: usize,
    /// The list that last counted for a place: a later weight of the same list is no greater and does not count.
    last: Vec<u32>,
    list: u32,
    touched: Vec<u16>,
}

impl Sums {
    fn new(swappable: bool) -> Self {
        let size = 1 << BLOCK_BITS;
        let second = if swappable { vec![0.0; size] } else { Vec::new() };
        let readings = 1 + usize::from(swappable);
        Self { sum: [vec![0.0; size], second], readings, last: vec![0; size], list: 0, touched: Vec::new() }
    }

    fn next_list(&mut self) {
        self.list += 1;
    }

    fn add(&mut self, reading: usize, place: u16, weight: f32) {
        let at = usize::from(place);
        if self.last[at] == self.list {
            return;
        }
        if self.last[at] == 0 {
            self.touched.push(place);
        }
        self.last[at] = self.list;
        self.sum[reading][at] += weight;
    }

    fn drain(&mut self, base: [f32; 2], mut f: impl FnMut(u16, f32)) {
        for place in self.touched.drain(..) {
            let at = usize::from(place);
            let mut bits = base[0] + std::mem::take(&mut self.sum[0][at]);
            if self.readings > 1 {
                bits = bits.max(base[1] + std::mem::take(&mut self.sum[1][at]));
            }
            self.last[at] = 0;
            f(place, bits);
        }
    }
}
