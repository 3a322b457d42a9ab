//! How the tokens of a name as asked fall on the tokens of one name of a record.
//!
//! Each token asked may take one token of the record, and the assignment of greatest weight counts: middle names and the
//! second half of a double surname then need no rules of their own. What a pair says is in `weigh`.

use crate::name::{is_particle, name_tokens};
use crate::person::PersonPlan;
use crate::token::{PreparedToken, TokenLevel, prepare_token, prepare_token_with, token_level_alone};
use crate::weigh::{FURTHER_MOST, LEFT_OVER, NameRole, NameWeights, SWAPPED};
use beatcheck_model::Name;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Surname,
    Given,
    Any,
}

impl Role {
    /// The part of a recorded name; only what is asked can be of any.
    fn of_name(self) -> NameRole {
        if self == Self::Surname { NameRole::Surname } else { NameRole::Given }
    }
}

/// How one part of the name agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartFit {
    NotAsked,
    /// The record has no such part.
    Unknown,
    Agrees {
        /// Best level among its tokens.
        level: TokenLevel,
        /// Every token asked was found, as asked.
        complete: bool,
        /// A token asked was not found at all.
        part: bool,
    },
    Differs,
}

/// How a name agrees.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NameFit {
    pub(crate) bits: f64,
    pub(crate) swapped: bool,
    pub(crate) surname: PartFit,
    pub(crate) given: PartFit,
}

/// A name as asked, ready to be compared with many.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    tokens: Vec<AskedToken>,
    /// Tokens of a part of several, joined: `smith jones` is also `smithjones`.
    joined: Vec<AskedToken>,
}

#[derive(Clone, Debug)]
struct AskedToken {
    token: PreparedToken,
    key: String,
    role: Role,
    particle: bool,
    first: bool,
}

struct HeldToken {
    text: String,
    role: Role,
    particle: bool,
    first: bool,
}

/// Bits lost by a token asked that was not found where the record has no other left.
const NOT_HELD: f64 = -0.5;

impl Asked {
    pub(crate) fn new(plan: &PersonPlan) -> Self {
        let prepare = |t: &str| prepare_token_with(t, plan.variants.get(t).map(Vec::as_slice).unwrap_or_default());
        let mut tokens = Vec::new();
        let mut joined = Vec::new();
        for (role, part) in [(Role::Surname, &plan.surname), (Role::Given, &plan.given), (Role::Any, &plan.any)] {
            let all_particles = part.iter().all(|t| is_particle(t));
            for (i, t) in part.iter().enumerate() {
                let particle = !all_particles && is_particle(t);
                tokens.push(AskedToken { token: prepare(t), key: t.clone(), role, particle, first: i == 0 });
            }
            if part.len() > 1 && role != Role::Any && !part.iter().any(|t| t.ends_with('*')) {
                let key = part.concat();
                joined.push(AskedToken { token: prepare_token(&key), key, role, particle: false, first: true });
            }
        }
        Self { tokens, joined }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    fn has(&self, role: Role) -> bool {
        self.tokens.iter().any(|t| t.role == role)
    }

    /// The best fit with a name of a record, straight or swapped.
    pub(crate) fn fit(&self, name: &Name, weights: &NameWeights) -> NameFit {
        let mut held = Vec::new();
        let mut asked: Vec<&AskedToken> = self.tokens.iter().collect();
        for (role, text) in [(Role::Surname, &name.surname), (Role::Given, &name.given)] {
            self.hold(role, name_tokens(text), &mut asked, &mut held);
        }
        let pairs = Pairs::new(&asked, &held, weights);
        let mut best = summarise(&asked, &held, &pairs, false, weights);
        let lone = |role: Role| self.has(role) && !held.iter().any(|h| h.role == role);
        if (self.has(Role::Surname) && self.has(Role::Given)) || lone(Role::Surname) || lone(Role::Given) {
            let swapped = summarise(&asked, &held, &pairs, true, weights);
            let agrees = |p: PartFit| matches!(p, PartFit::Agrees { level, .. } if level > TokenLevel::Initial);
            let found = [swapped.surname, swapped.given].into_iter().filter(|&p| agrees(p)).count();
            let differs = [swapped.surname, swapped.given].contains(&PartFit::Differs);
            if found > 0 && !differs && swapped.bits > best.bits {
                best = swapped;
            }
        }
        best
    }

    /// Adds a part's tokens; where both sides joined are equal but divided otherwise, the joined ones.
    fn hold<'a>(&'a self, role: Role, part: Vec<String>, asked: &mut Vec<&'a AskedToken>, held: &mut Vec<HeldToken>) {
        let mine = asked.iter().filter(|t| t.role == role).count();
        let whole = part.concat();
        let joined = self.joined.iter().find(|t| t.role == role);
        let asked_whole = joined.or_else(|| self.tokens.iter().find(|t| t.role == role && mine == 1));
        if let Some(token) =
            asked_whole.filter(|t| mine != part.len() && !t.token.is_prefix() && same_whole(&t.token, &whole))
        {
            asked.retain(|t| t.role != role);
            asked.push(token);
            held.push(HeldToken { text: whole, role, particle: false, first: true });
            return;
        }
        let all_particles = part.iter().all(|t| is_particle(t));
        for (i, text) in part.into_iter().enumerate() {
            let particle = !all_particles && is_particle(&text);
            held.push(HeldToken { text, role, particle, first: i == 0 });
        }
    }
}

/// Whether a part divided in another way is the same, or one letter from it (`Yam In`, Yasmin).
fn same_whole(asked: &PreparedToken, held: &str) -> bool {
    asked.text() == held || (held.len() > 5 && token_level_alone(asked, held) >= Some(TokenLevel::Near1))
}

/// Levels and weights of every pair of tokens.
struct Pairs {
    held: usize,
    cells: Vec<Option<(TokenLevel, f64)>>,
}

impl Pairs {
    fn new(asked: &[&AskedToken], held: &[HeldToken], weights: &NameWeights) -> Self {
        let mut cells = Vec::with_capacity(asked.len() * held.len());
        for a in asked {
            for h in held {
                let level = token_level_alone(&a.token, &h.text)
                    .filter(|&l| l == TokenLevel::Exact || !(a.particle || h.particle));
                cells.push(level.map(|level| {
                    let mut bits = weights.bits(&a.key, h.role.of_name(), level);
                    if a.particle || h.particle {
                        bits = bits.min(1.0);
                    } else if !a.first && a.role != Role::Any {
                        bits = bits.min(FURTHER_MOST);
                    }
                    if h.role == Role::Given && a.role == Role::Given && a.first && !h.first {
                        bits -= 1.0;
                    }
                    // Never below a token that is not found: a near one is better than none.
                    (level, bits.max(0.1))
                }));
            }
        }
        Self { held: held.len(), cells }
    }

    fn get(&self, asked: usize, held: usize) -> Option<(TokenLevel, f64)> {
        self.cells.get(asked * self.held + held).copied().flatten()
    }
}

/// Where a token asked may fall.
fn allowed(asked: Role, held: Role, swapped: bool) -> bool {
    asked == Role::Any || (asked == held) != swapped
}

/// For each token asked the token of the record it takes, by greatest total weight.
fn assign(asked: &[&AskedToken], held: &[HeldToken], pairs: &Pairs, swapped: bool) -> Vec<Option<usize>> {
    let weight = |i: usize, j: usize| {
        let (a, h) = (asked.get(i)?, held.get(j)?);
        if allowed(a.role, h.role, swapped) { pairs.get(i, j).map(|(_, w)| w) } else { None }
    };
    if asked.len() <= 4 && held.len() <= 6 {
        let mut best = (-1.0, vec![None; asked.len()]);
        search(0, 0, 0.0, &mut vec![None; asked.len()], held.len(), &weight, &mut best);
        return best.1;
    }
    // More tokens than a name has: best pair first. At most 36 x 24 pairs.
    let mut open: Vec<(f64, usize, usize)> = (0..asked.len())
        .flat_map(|i| (0..held.len()).map(move |j| (i, j)))
        .filter_map(|(i, j)| Some((weight(i, j)?, i, j)))
        .collect();
    open.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let mut taken = vec![None; asked.len()];
    for (_, i, j) in open {
        if taken[i].is_none() && !taken.contains(&Some(j)) {
            taken[i] = Some(j);
        }
    }
    taken
}

/// Tries every assignment from token `i` on; `used` has a bit for each token of the record.
fn search(
    i: usize,
    used: u32,
    total: f64,
    now: &mut Vec<Option<usize>>,
    held: usize,
    weight: &dyn Fn(usize, usize) -> Option<f64>,
    best: &mut (f64, Vec<Option<usize>>),
) {
    if i == now.len() {
        if total > best.0 {
            *best = (total, now.clone());
        }
        return;
    }
    for j in 0..held {
        if used >> j & 1 == 0
            && let Some(w) = weight(i, j)
        {
            now[i] = Some(j);
            search(i + 1, used | 1 << j, total + w, now, held, weight, best);
        }
    }
    now[i] = None;
    search(i + 1, used, total, now, held, weight, best);
}

#[derive(Default)]
struct Tally {
    best: Option<TokenLevel>,
    inexact: bool,
}

impl Tally {
    fn add(&mut self, level: TokenLevel) {
        self.best = self.best.max(Some(level));
        self.inexact |= level != TokenLevel::Exact;
    }
}

fn summarise(
    asked: &[&AskedToken],
    held: &[HeldToken],
    pairs: &Pairs,
    swapped: bool,
    weights: &NameWeights,
) -> NameFit {
    let taken = assign(asked, held, pairs, swapped);
    let mut bits = if swapped { SWAPPED } else { 0.0 };
    let (mut surname, mut given) = (Tally::default(), Tally::default());
    // Tokens not found: asked as surname, as given name, as either.
    let mut missing = [0_usize; 3];
    for (i, a) in asked.iter().enumerate() {
        match taken[i].and_then(|j| Some((j, pairs.get(i, j)?))) {
            Some((j, (level, w))) => {
                bits += w;
                let as_surname = match a.role {
                    Role::Any => held[j].role == Role::Surname,
                    role => role == Role::Surname,
                };
                if !a.particle {
                    if as_surname { surname.add(level) } else { given.add(level) }
                }
            }
            None if !a.particle => missing[a.role as usize] += 1,
            None => {}
        }
    }
    let is_asked = |role: Role| asked.iter().any(|a| a.role == role);
    let target = |role: Role| match (role, swapped) {
        (Role::Surname, true) => Role::Given,
        (Role::Given, true) => Role::Surname,
        (role, _) => role,
    };
    let holds = |role: Role| held.iter().any(|h| h.role == role && !h.particle);
    let left =
        |role: Role| held.iter().enumerate().any(|(j, h)| h.role == role && !h.particle && !taken.contains(&Some(j)));
    let part = |tally: &Tally, role: Role| {
        let any_missing = missing[Role::Any as usize];
        let lost = if is_asked(role) { missing[role as usize] } else { any_missing };
        match tally.best {
            Some(level) => PartFit::Agrees { level, complete: !tally.inexact && lost == 0, part: lost > 0 },
            None if !is_asked(role) && any_missing == 0 => PartFit::NotAsked,
            None if !holds(target(role)) => PartFit::Unknown,
            None => PartFit::Differs,
        }
    };
    let mut fit = NameFit { bits, swapped, surname: part(&surname, Role::Surname), given: part(&given, Role::Given) };
    for (role, fitted) in [(Role::Surname, fit.surname), (Role::Given, fit.given)] {
        if let PartFit::Agrees { part: true, .. } = fitted {
            let lost = missing[if is_asked(role) { role } else { Role::Any } as usize].min(2);
            fit.bits += lost as f64 * if left(target(role)) { LEFT_OVER } else { NOT_HELD };
        }
    }
    for (role, fitted) in [(Role::Surname, fit.surname), (Role::Given, fit.given)] {
        // Of a whole name in any order the part that was not found is not known: the first token stands for it.
        let of = |r: Role| asked.iter().find(|a| a.role == r && !a.particle);
        if fitted == PartFit::Differs
            && let Some(a) = of(role).or_else(|| of(Role::Any))
        {
            fit.bits += weights.differs(&a.key, role.of_name());
        }
    }
    fit
}
