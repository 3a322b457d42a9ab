//! What an agreement of names says, in bits: log2(m/u), once for each token asked, part of the name and level.
//!
//! `u` is the share of the persons searched that agree at that level, counted over their vocabulary *for this question*: to
//! agree on a rare surname says more than on a common one, exactly, and one letter off a common name says little. `m` is
//! the share of true pairs that do (Fellegi and Sunter, 1969), for two cases that differ more than anything else: a token
//! that somebody bears is seldom a misspelling, one that nobody bears is nearly always one. The shares are set by hand: from
//! counts on the tuning half of the open evaluation set (`cargo run --example fit -- DIR`), raised where that set has hardly
//! a case, and settled by what the tuning half then found. No EM was run.

use crate::token::{PreparedToken, TokenLevel};
use std::collections::BTreeMap;

/// Part of a name that a recorded token stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum NameRole {
    /// Family name.
    Surname,
    /// Given or middle name.
    Given,
}

impl NameRole {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Surname, Self::Given];
}

const LEVELS: usize = TokenLevel::ALL.len();
type Table = [[f64; LEVELS]; 2];

/// How many persons agree with one token asked, by part of the name and level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LevelCounts([[u64; LEVELS]; 2]);

impl LevelCounts {
    /// Adds the bearers of one token of the vocabulary.
    pub fn add(&mut self, role: NameRole, level: TokenLevel, bearers: u64) {
        self.0[role as usize][level as usize] += bearers;
    }

    /// Adds those of another store.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().flatten().zip(other.0.iter().flatten()) {
            *mine += theirs;
        }
    }
}

/// Shares of true pairs at each level, in the order of [`TokenLevel::ALL`], and the share that disagrees.
struct Pairs {
    at: [f64; LEVELS],
    differs: f64,
}

/// By part of the name: where somebody bears the token asked, and where nobody does.
const KNOWN: [Pairs; 2] = [
    Pairs { at: [0.005, 0.008, 0.008, 0.008, 0.012, 0.9, 0.005, 0.02, 0.90], differs: 0.025 },
    Pairs { at: [0.015, 0.015, 0.020, 0.010, 0.020, 0.9, 0.060, 0.02, 0.80], differs: 0.035 },
];
const UNKNOWN: [Pairs; 2] = [
    Pairs { at: [0.010, 0.020, 0.020, 0.030, 0.080, 0.6, 0.020, 0.70, 0.70], differs: 0.15 },
    Pairs { at: [0.020, 0.030, 0.060, 0.040, 0.100, 0.6, 0.120, 0.55, 0.55], differs: 0.17 },
];

/// What is expected of a store too small to tell, and how many persons that expectation counts as.
const EXPECTED: [f64; LEVELS] = [0.08, 1e-2, 2e-3, 2e-3, 3e-3, 2e-2, 1e-3, 5e-4, 4e-4];
const EXPECTED_PERSONS: f64 = 500.0;
/// Bits lost where given and surname must be exchanged to agree.
pub const SWAPPED: f64 = -4.0;
/// Bits lost by a second or later token that is not found.
pub const LEFT_OVER: f64 = -1.5;
/// A second or later token of a part says no more than this, in bits: who is called Watkins-Lyall bears both or neither.
pub const FURTHER_MOST: f64 = 2.0;
/// Days on which somebody of 16 to 76 years may be born.
const DAYS: f64 = 22_000.0;
/// No agreement says more than this, in bits: the rarest surname is borne by some family.
const MOST: f64 = 17.0;

/// How many persons' names agree so well with those asked, by the sum of their weights in bits.
///
/// Weights are summed as if given name and surname were drawn apart. They are not: who bears a surname of some community
/// mostly bears one of its given names. So a sum says no more than the share of persons that reach it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SumCounts(Vec<u64>);

impl SumCounts {
    const FROM: f64 = -20.0;
    const STEP: f64 = 0.25;
    const STEPS: usize = 400;

    fn at(bits: f64) -> usize {
        (((bits - Self::FROM) / Self::STEP).max(0.0) as usize).min(Self::STEPS - 1)
    }

    /// Counts one person.
    pub fn add(&mut self, bits: f64) {
        if self.0.is_empty() {
            self.0 = vec![0; Self::STEPS];
        }
        self.0[Self::at(bits)] += 1;
    }

    /// Adds those of another store.
    pub fn merge(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }

    /// Persons that reach this sum, or miss it by no more than a step.
    #[must_use]
    pub fn at_least(&self, bits: f64) -> u64 {
        self.0.iter().skip(Self::at(bits).saturating_sub(1)).sum()
    }
}

/// Weights of a question's tokens over the persons it is asked of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NameWeights {
    persons: u64,
    tokens: BTreeMap<String, (Table, bool)>,
    /// Bits of each word or postcode asked of an address.
    places: BTreeMap<String, f64>,
    sums: SumCounts,
    /// Persons born on the day asked.
    same_day: Option<u64>,
}

impl NameWeights {
    /// Weighs the tokens asked by what the vocabularies of all `persons` hold.
    ///
    /// ```
    /// use beatcheck_search::{LevelCounts, NameRole, NameWeights, TokenLevel, prepare_token};
    /// let mut rare = LevelCounts::default();
    /// rare.add(NameRole::Surname, TokenLevel::Exact, 3);
    /// let mut common = LevelCounts::default();
    /// common.add(NameRole::Surname, TokenLevel::Exact, 9_000);
    /// let asked = [prepare_token("thornbury"), prepare_token("smith")];
    /// let weights = NameWeights::new(1_000_000, asked.iter().zip([rare, common]));
    /// let bits = |token| weights.bits(token, NameRole::Surname, TokenLevel::Exact);
    /// assert!(bits("thornbury") > bits("smith") + 7.0);
    /// ```
    pub fn new<'a>(persons: u64, counted: impl IntoIterator<Item = (&'a PreparedToken, LevelCounts)>) -> Self {
        let tokens = counted.into_iter().map(|(token, counts)| {
            // A beginning is a token of its own: whether somebody bears it says nothing of its spelling.
            let exact: u64 = counts.0.iter().map(|c| c[TokenLevel::Exact as usize]).sum();
            let known = token.is_prefix() || exact > 0;
            (token.key(), (table(persons, &counts, known), known))
        });
        Self { persons, tokens: tokens.collect(), places: BTreeMap::new(), sums: SumCounts::default(), same_day: None }
    }

    /// Weighs also what was asked of an address: each key with the number of persons who have it in one of theirs.
    #[must_use]
    pub fn with_places(mut self, counted: impl IntoIterator<Item = (String, u64)>) -> Self {
        let persons = self.persons.max(1) as f64;
        self.places =
            counted.into_iter().map(|(key, n)| (key, (persons / n.max(1) as f64).log2().clamp(0.0, MOST))).collect();
        self
    }

    /// Adds how many persons' names agree how well.
    #[must_use]
    pub fn with_sums(mut self, sums: SumCounts) -> Self {
        self.sums = sums;
        self
    }

    /// Adds how many persons were born on the day asked.
    #[must_use]
    pub fn with_same_day(mut self, persons: Option<u64>) -> Self {
        self.same_day = persons;
        self
    }

    /// What the same date of birth says at most, in bits: a day that stands for an unknown one is borne by many. A store too
    /// small to tell counts as one more person among some 22,000 days.
    #[must_use]
    pub fn day_most(&self) -> f64 {
        self.same_day.map_or(f64::MAX, |n| ((self.persons as f64 + DAYS) / (n as f64 + 1.0)).log2())
    }

    /// What a sum of name weights says at most, in bits: log2 of the persons for each one that reaches it. No limit where
    /// nobody was counted.
    #[must_use]
    pub fn sum_most(&self, bits: f64) -> f64 {
        match self.sums.at_least(bits) {
            0 => f64::MAX,
            n => (self.persons.max(1) as f64 / n as f64).log2().max(0.0),
        }
    }

    /// Bits for a word or postcode that is in an address as asked.
    #[must_use]
    pub fn place_bits(&self, key: &str) -> f64 {
        self.places.get(key).copied().unwrap_or(1.0)
    }

    /// Persons that were searched.
    #[must_use]
    pub fn persons(&self) -> u64 {
        self.persons
    }

    /// Bits for a token asked that agrees at a level with a token in this part of a name.
    #[must_use]
    pub fn bits(&self, asked: &str, role: NameRole, level: TokenLevel) -> f64 {
        match self.tokens.get(asked) {
            Some((table, _)) => table[role as usize][level as usize],
            None => weight(KNOWN[role as usize].at[level as usize], EXPECTED[level as usize]),
        }
    }

    /// Bits, below 0, for a token asked that nothing in this part of a name agrees with.
    #[must_use]
    pub fn differs(&self, asked: &str, role: NameRole) -> f64 {
        let known = self.tokens.get(asked).is_none_or(|(_, known)| *known);
        pairs(known)[role as usize].differs.log2()
    }
}

fn pairs(known: bool) -> &'static [Pairs; 2] {
    if known { &KNOWN } else { &UNKNOWN }
}

fn table(persons: u64, counts: &LevelCounts, known: bool) -> Table {
    let mut out = Table::default();
    for role in NameRole::ALL {
        for level in TokenLevel::ALL {
            let (r, l) = (role as usize, level as usize);
            let share = (counts.0[r][l] as f64 + EXPECTED[l] * EXPECTED_PERSONS) / (persons as f64 + EXPECTED_PERSONS);
            out[r][l] = weight(pairs(known)[r].at[l], share);
        }
    }
    out
}

fn weight(m: f64, u: f64) -> f64 {
    // Agreement never speaks against: where it is no likelier among true pairs, it says nothing.
    (m / u).log2().clamp(0.1, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::prepare_token;

    #[test]
    fn a_token_that_nobody_bears_is_a_misspelling() {
        let mut near = LevelCounts::default();
        near.add(NameRole::Surname, TokenLevel::Near1, 100);
        let mut borne = near;
        borne.add(NameRole::Surname, TokenLevel::Exact, 100);
        let asked = [prepare_token("smiht"), prepare_token("smith")];
        let w = NameWeights::new(100_000, asked.iter().zip([near, borne]));
        let bits = |t| w.bits(t, NameRole::Surname, TokenLevel::Near1);
        assert!(bits("smiht") > bits("smith") + 3.0);
        assert!(w.differs("smith", NameRole::Surname) < w.differs("smiht", NameRole::Surname));
        assert!(w.differs("smiht", NameRole::Surname) < 0.0);
    }

    #[test]
    fn stores_of_any_size_give_finite_weights() {
        let asked = prepare_token("smith");
        for persons in [0, 1, 10, u64::MAX] {
            let mut c = LevelCounts::default();
            c.add(NameRole::Given, TokenLevel::Exact, persons);
            let w = NameWeights::new(persons, [(&asked, c)]);
            for role in NameRole::ALL {
                for level in TokenLevel::ALL {
                    assert!((0.0..=MOST).contains(&w.bits("smith", role, level)));
                }
            }
        }
    }
}
