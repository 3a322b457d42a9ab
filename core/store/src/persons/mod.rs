//! Persons worth scoring: by name tokens near those asked, by date of birth, by identifier.
//!
//! The vocabulary is scored, not the people: each token asked is compared with every distinct token once, and the
//! postings of those that agree give the persons. A rough sum of weights in bits picks the best [`RANKED_MAX`], whose rows
//! alone are read and decrypted. `beatcheck-search` then scores these properly; what is not among them is not shown, so
//! the sum errs on the generous side: a date of birth or an identifier alone brings a person in.

mod dob;
mod rank;
pub(crate) mod vocab;

use crate::pool::Read;
use crate::records::{self, Compartment};
use crate::{Candidate, StoreError};
use beatcheck_model::Body;
use beatcheck_search::{PersonPlan, PreparedToken, index_tokens, prepare_token};
use beatcheck_wire::CompartmentId;
use rank::{Extra, Ranked};
use std::collections::HashMap;
use std::sync::Arc;
use vocab::Vocab;

/// Person candidates of one check, at most.
pub const RANKED_MAX: usize = 300;
/// Tokens of a question that are looked up, at most.
const ASKED_MAX: usize = 16;
/// Persons with one identifier, at most.
const IDENT_MAX: usize = 100;
/// Weight of an identifier, in bits: above all that names and dates can bring together.
const IDENT_BITS: f32 = 100.0;

/// Persons that may answer a check, and what is needed to score them.
#[derive(Clone, Debug, Default)]
pub struct PersonCandidates {
    /// The likeliest first, at most [`RANKED_MAX`]. Not scored, and expired ones included.
    pub candidates: Vec<Candidate>,
    /// For the tokens asked and those of the candidates: the share of persons bearing it, over the permitted
    /// compartments, above 0 and at most 1. A token that nobody bears is not in it.
    pub rarity: HashMap<String, f64>,
    /// Persons in the permitted compartments.
    pub persons: u64,
    /// Whether there were more than are here: the question is too general to find one person by.
    pub more: bool,
}

struct Asked<'c> {
    compartment: CompartmentId,
    read: Read<'c>,
    vocab: Arc<Vocab>,
}

pub(crate) fn candidates(
    permitted: &[(CompartmentId, Arc<Compartment>)],
    plan: &PersonPlan,
) -> Result<PersonCandidates, StoreError> {
    let mut texts: Vec<&String> = Vec::new();
    for t in plan.surname.iter().chain(&plan.any).chain(&plan.given) {
        if !texts.contains(&t) && texts.len() < ASKED_MAX {
            texts.push(t);
        }
    }
    let prepared: Vec<PreparedToken> = texts.iter().map(|t| prepare_token(t)).collect();
    let mut asked: Vec<Asked<'_>> = Vec::new();
    let mut ranked: Vec<(Ranked, usize)> = Vec::new();
    let mut out = PersonCandidates::default();
    for (compartment, held) in permitted {
        let mut read = held.read()?;
        let vocab = held.vocabulary(&mut read)?;
        let extra = extra(&read, plan)?;
        let (best, more) = rank::rank(read.conn()?, &vocab, &prepared, extra, RANKED_MAX)?;
        ranked.extend(best.into_iter().map(|r| (r, asked.len())));
        out.more |= more;
        out.persons += vocab.persons;
        // Kept open: the rows must be of the state that was ranked.
        asked.push(Asked { compartment: *compartment, read, vocab });
    }
    ranked.sort_by(|a, b| b.0.0.cmp(&a.0.0).then(a.1.cmp(&b.1)).then(b.0.1.cmp(&a.0.1)));
    out.more |= ranked.len() > RANKED_MAX;
    ranked.truncate(RANKED_MAX);
    for ((_, rid), at) in ranked {
        let from = &asked[at];
        let record = records::by_rid(from.read.conn()?, rid.0)?.ok_or(StoreError::Corrupt)?;
        out.candidates.push(Candidate { compartment: from.compartment, record });
    }
    out.rarity = rarity(&asked, &texts, &out);
    Ok(out)
}

/// Who is found by date of birth or identifier.
fn extra(read: &Read<'_>, plan: &PersonPlan) -> Result<Extra, StoreError> {
    let conn = read.conn()?;
    let mut lists = Vec::new();
    if let Some(dob) = &plan.dob {
        lists.push(dob::rids(conn, dob)?);
    }
    if let Some(identifier) = &plan.identifier {
        let mut statement =
            conn.prepare_cached(&format!("SELECT rid FROM ident WHERE key=?1 ORDER BY rid LIMIT {IDENT_MAX}"))?;
        let found = statement.query_map([identifier], |r| Ok((r.get(0)?, IDENT_BITS)))?;
        lists.push(found.collect::<Result<_, _>>()?);
    }
    Ok(Extra { lists })
}

fn rarity(asked: &[Asked<'_>], texts: &[&String], out: &PersonCandidates) -> HashMap<String, f64> {
    let mut tokens: HashMap<String, f64> = texts.iter().map(|t| ((*t).clone(), 0.0)).collect();
    for candidate in &out.candidates {
        if let Body::Person(p) = &candidate.record.body {
            tokens.extend(index_tokens(p).into_iter().map(|t| (t, 0.0)));
        }
    }
    for (token, share) in &mut tokens {
        let bearers: u64 = asked.iter().map(|a| u64::from(a.vocab.bearers(token))).sum();
        *share = (bearers as f64 / out.persons.max(1) as f64).min(1.0);
    }
    tokens.retain(|_, share| *share > 0.0);
    tokens
}
