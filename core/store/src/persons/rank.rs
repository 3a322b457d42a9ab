//! Who of a compartment is worth scoring: postings summed up block by block.
//!
//! Each token asked gives every person at most one weight, that of the nearest of their tokens. Sums stand in an array
//! of one block (65,536 rids, so it stays in the cache) that is used again for the next; nothing grows with the number
//! of persons but the postings read, and these are bounded.

use super::vocab::{Near, Vocab};
use crate::StoreError;
use crate::records::postings::{self, BLOCK_BITS};
use beatcheck_search::{PreparedToken, TokenLevel};
use rusqlite::Connection;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Rids taken for one token asked, at most: of the best levels first, so exact bearers come before like-sounding ones.
const POSTINGS_MAX: u64 = 200_000;
/// Vocabulary tokens taken for one token asked, at most.
const NEAR_MAX: usize = 2_000;

/// A rough score, in thousandths of a bit so that it sorts, and the rid.
pub(crate) type Ranked = (u32, Reverse<i64>);

/// What speaks for a rid whatever its names.
pub(crate) struct Extra {
    /// By rid: weights of dates and identifiers, the greatest of each counts once.
    pub(crate) lists: Vec<Vec<(i64, f32)>>,
}

/// Posting lists of one token asked within a block, the greatest weight first.
type Lists = Vec<(f32, Vec<u8>)>;

/// The best `keep` persons of a compartment, best first, and whether there were more.
pub(crate) fn rank(
    conn: &Connection,
    vocab: &Vocab,
    asked: &[PreparedToken],
    extra: Extra,
    keep: usize,
) -> Result<(Vec<Ranked>, bool), StoreError> {
    let mut blocks: BTreeMap<i64, Vec<Lists>> = BTreeMap::new();
    for (i, token) in asked.iter().enumerate() {
        for (weight, near) in weighed(vocab, token) {
            let mut statement = conn.prepare_cached("SELECT block,rids FROM posting WHERE tid=?1")?;
            let mut rows = statement.query([near.tid])?;
            while let Some(row) = rows.next()? {
                let lists = blocks.entry(row.get(0)?).or_default();
                lists.resize_with(lists.len().max(i + 1), Vec::new);
                lists[i].push((weight, row.get(1)?));
            }
        }
    }
    let mut extras: BTreeMap<i64, Vec<Vec<(u16, f32)>>> = BTreeMap::new();
    for (i, list) in extra.lists.into_iter().enumerate() {
        for (rid, weight) in list {
            let lists = extras.entry(postings::block_of(rid)).or_default();
            lists.resize_with(lists.len().max(i + 1), Vec::new);
            lists[i].push((postings::place_of(rid), weight));
        }
    }
    let mut sums = Sums::new();
    let mut best: BinaryHeap<Reverse<Ranked>> = BinaryHeap::with_capacity(keep + 1);
    let mut more = false;
    let all: std::collections::BTreeSet<i64> = blocks.keys().chain(extras.keys()).copied().collect();
    for block in all {
        for lists in blocks.get(&block).into_iter().flatten() {
            sums.next_list();
            for (weight, rids) in lists {
                postings::each(rids, |place| sums.add(place, *weight))?;
            }
        }
        for list in extras.get_mut(&block).into_iter().flatten() {
            list.sort_unstable_by(|a, b| b.1.total_cmp(&a.1));
            sums.next_list();
            for (place, weight) in list {
                sums.add(*place, *weight);
            }
        }
        sums.drain(|place, sum| {
            let rid = block << BLOCK_BITS | i64::from(place);
            best.push(Reverse(((sum * 1000.0) as u32, Reverse(rid))));
            if best.len() > keep {
                best.pop();
                more = true;
            }
        });
    }
    let mut best: Vec<Ranked> = best.into_iter().map(|r| r.0).collect();
    best.sort_unstable_by(|a, b| b.cmp(a));
    Ok((best, more))
}

/// The vocabulary tokens to take for one token asked, with their weights in bits, greatest first.
fn weighed(vocab: &Vocab, asked: &PreparedToken) -> Vec<(f32, Near)> {
    let near = vocab.near(asked);
    let bits = |bearers: u32| (vocab.persons.max(1) as f32 / bearers.max(1) as f32).log2().max(0.1);
    // A rare misspelling of a common name says no more than the name.
    let common = near.iter().filter(|n| n.level == TokenLevel::Exact).map(|n| bits(n.bearers)).next();
    let mut left = POSTINGS_MAX;
    let mut out: Vec<(f32, Near)> = Vec::new();
    for n in near.into_iter().take(NEAR_MAX) {
        // A whole list is taken or none: part of one would find some namesakes and hide the rest. The first always is.
        if u64::from(n.bearers) > left && !out.is_empty() {
            continue;
        }
        left = left.saturating_sub(n.bearers.into());
        out.push((share_of(n.level) * bits(n.bearers).min(common.unwrap_or(f32::MAX)), n));
    }
    out.sort_by(|a, b| b.0.total_cmp(&a.0));
    out
}

/// How much of a token's weight each level keeps.
fn share_of(level: TokenLevel) -> f32 {
    match level {
        TokenLevel::Exact => 1.0,
        TokenLevel::Near1 => 0.75,
        TokenLevel::Nickname => 0.7,
        TokenLevel::Prefix => 0.6,
        TokenLevel::Near2 => 0.5,
        TokenLevel::Sound => 0.45,
        TokenLevel::Initial => 0.2,
    }
}

/// Sums of one block.
struct Sums {
    sum: Vec<f32>,
    /// The list that last counted for a place: a later weight of the same list is no greater and does not count.
    last: Vec<u32>,
    list: u32,
    touched: Vec<u16>,
}

impl Sums {
    fn new() -> Self {
        let size = 1 << BLOCK_BITS;
        Self { sum: vec![0.0; size], last: vec![0; size], list: 0, touched: Vec::new() }
    }

    fn next_list(&mut self) {
        self.list += 1;
    }

    fn add(&mut self, place: u16, weight: f32) {
        let at = usize::from(place);
        if self.last[at] == self.list {
            return;
        }
        self.last[at] = self.list;
        if self.sum[at] == 0.0 {
            self.touched.push(place);
        }
        self.sum[at] += weight;
    }

    fn drain(&mut self, mut f: impl FnMut(u16, f32)) {
        for place in self.touched.drain(..) {
            f(place, std::mem::take(&mut self.sum[usize::from(place)]));
        }
    }
}
