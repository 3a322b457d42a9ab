//! Persons worth scoring: by name tokens near those asked, by date of birth, by identifier.
//!
//! The vocabulary is scored, not the people: each token asked is compared with every distinct token once, and the
//! postings of those that agree give the persons. The sum of the weights in bits picks the best [`RANKED_MAX`], whose rows
//! alone are read and decrypted. `beatcheck-search` then scores these properly, name by name; the sum may only be too
//! generous, to who has several names. What is not among them is not shown.

pub(crate) mod index;
mod place;
mod rank;

use crate::pool::Read;
use crate::records::{self, Compartment};
use crate::{Candidate, StoreError};
use beatcheck_search::{DobQuery, LevelCounts, NameRole, NameWeights, PersonPlan, prepare_token_with};
use beatcheck_wire::CompartmentId;
use index::Index;
use place::Placed;
use rank::{Asked, Beside, Counted, Kind, Ranked, Text};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Person candidates of one check, at most.
pub const RANKED_MAX: usize = 64;
/// Tokens of a question that are looked up, at most.
const ASKED_MAX: usize = 16;
/// Persons with one identifier, at most.
const IDENT_MAX: usize = 50;
/// Weight of an identifier, in bits: above all that names and dates can bring together.
const IDENT_BITS: f32 = 200.0;

/// Persons that may answer a check, and what is needed to score them.
#[derive(Clone, Debug, Default)]
pub struct PersonCandidates {
    /// The likeliest first, at most [`RANKED_MAX`]. Not scored, and expired ones included.
    pub candidates: Vec<Candidate>,
    /// What an agreement of names says, over the persons of the permitted compartments.
    pub weights: NameWeights,
    /// Persons in the permitted compartments.
    pub persons: u64,
    /// Other forms of the names asked, by the hub's tables: the plan must have them to be scored by ([`PersonPlan::variants`]).
    pub variants: BTreeMap<String, Vec<String>>,
    /// Whether there were more than are here: the question is too general to find one person by.
    pub more: bool,
}

struct Place<'c, 't> {
    compartment: CompartmentId,
    read: Read<'c>,
    index: Arc<Index>,
    asked: Vec<Asked<'t>>,
    identified: Vec<i64>,
    placed: Vec<Placed>,
}

pub(crate) fn candidates(
    permitted: &[(CompartmentId, Arc<Compartment>)],
    plan: &PersonPlan,
) -> Result<PersonCandidates, StoreError> {
    let tokens = tokens(plan);
    let mut counts = vec![LevelCounts::default(); tokens.len()];
    let mut places: Vec<Place<'_, '_>> = Vec::new();
    let mut out = PersonCandidates::default();
    for (compartment, held) in permitted {
        // Kept open: the rows must be of the state that was ranked.
        let mut read = held.read()?;
        let index = held.index(&mut read)?;
        let mut asked = Vec::with_capacity(tokens.len());
        for (t, counts) in tokens.iter().zip(&mut counts) {
            let (near, counted) = index.near(&t.token);
            counts.merge(&counted);
            asked.push(Asked { text: t, near });
        }
        let identified = identified(&read, plan)?;
        let placed = plan.place.as_ref().map(|p| place::placed(read.conn()?, p)).transpose()?.unwrap_or_default();
        out.persons += index.persons;
        places.push(Place { compartment: *compartment, read, index, asked, identified, placed });
    }
    let counted = place::counted(places.iter().flat_map(|p| &p.placed));
    out.weights = NameWeights::new(out.persons, tokens.iter().map(|t| &t.token).zip(counts)).with_places(counted);
    let mut ranked: Vec<(Ranked, usize)> = Vec::new();
    let mut counted = Counted::default();
    for (i, p) in places.iter().enumerate() {
        let beside = Beside {
            dob: plan.dob.as_ref(),
            sex: plan.sex,
            height: plan.height,
            placed: &p.placed,
            identified: &p.identified,
            identifier_bits: IDENT_BITS,
        };
        let (best, more) = rank::rank(&p.index, &p.asked, &out.weights, &beside, RANKED_MAX, &mut counted)?;
        ranked.extend(best.into_iter().map(|r| (r, i)));
        out.more |= more;
    }
    let day = matches!(plan.dob, Some(DobQuery::Exact(_) | DobQuery::Digits(_)));
    out.weights = out.weights.with_sums(counted.sums).with_same_day(day.then_some(counted.same_day));
    ranked.sort_by(|a, b| b.0.0.cmp(&a.0.0).then(a.1.cmp(&b.1)).then(b.0.1.cmp(&a.0.1)));
    out.more |= ranked.len() > RANKED_MAX;
    ranked.truncate(RANKED_MAX);
    for ((_, rid), at) in ranked {
        let from = &places[at];
        let record = records::by_rid(from.read.conn()?, rid.0)?.ok_or(StoreError::Corrupt)?;
        out.candidates.push(Candidate { compartment: from.compartment, record });
    }
    Ok(out)
}

/// The tokens to look up, each once for a part of the name.
fn tokens(plan: &PersonPlan) -> Vec<Text> {
    let mut out: Vec<Text> = Vec::new();
    let parts = [(Some(NameRole::Surname), &plan.surname), (Some(NameRole::Given), &plan.given), (None, &plan.any)];
    for (role, texts) in parts {
        let joined =
            (role.is_some() && texts.len() > 1 && !texts.iter().any(|t| t.ends_with('*'))).then(|| texts.concat());
        // Of a name in any order at least two tokens are to be found: given and surname.
        let firsts = if role.is_some() { 1 } else { 2 };
        let kind = |i: usize| if i < firsts { Kind::First } else { Kind::Further };
        let all = texts.iter().enumerate().map(|(i, t)| (t.clone(), kind(i)));
        for (text, kind) in all.chain(joined.map(|t| (t, Kind::Joined))) {
            let also = plan.variants.get(&text).map(Vec::as_slice).unwrap_or_default();
            let token = prepare_token_with(&text, also);
            if out.len() < ASKED_MAX && !out.iter().any(|t| t.role == role && t.token.key() == text) {
                out.push(Text { token, role, kind });
            }
        }
    }
    out
}

/// Who bears the identifier asked, or one that is a slip away from it.
fn identified(read: &Read<'_>, plan: &PersonPlan) -> Result<Vec<i64>, StoreError> {
    let Some(identifier) = &plan.identifier else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    let mut statement =
        read.conn()?.prepare_cached(&format!("SELECT rid FROM ident WHERE key=?1 ORDER BY rid LIMIT {IDENT_MAX}"))?;
    for key in identifier.keys.iter().chain(identifier.near.iter().map(|(key, _)| key)) {
        for rid in statement.query_map([key], |r| r.get::<_, i64>(0))? {
            let rid = rid?;
            if !out.contains(&rid) && out.len() < IDENT_MAX {
                out.push(rid);
            }
        }
    }
    Ok(out)
}
