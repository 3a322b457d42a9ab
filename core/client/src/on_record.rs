//! A check as the account names it.

use crate::answer;
use crate::cover::Covered;
use crate::question::{CheckRequest, Question, ToldAnswer, ToldQuestion};
use beatcheck_audit::{Asked, Consulted, EntryKind, Shown};
use beatcheck_model::{Answer, Hit, Outcome};
use beatcheck_store::Told;
use std::collections::BTreeMap;

/// Bytes of an unreadable question that the account keeps.
const MAX_UNREADABLE: usize = 1024;
/// Bytes of a reason, and of an incident's number, that the account keeps.
const MAX_WHY: usize = 1024;

/// The compartments as the account names them.
pub(crate) fn consulted(covered: &[Covered]) -> Vec<Consulted> {
    covered
        .iter()
        .map(|c| Consulted {
            compartment: c.id.to_string(),
            name: c.shown.compartment.clone(),
            watermark: c.shown.watermark,
            manifest_version: c.manifest_version,
            state: answer::state_word(c.shown.state).into(),
        })
        .collect()
}

/// The records as the account names them.
pub(crate) fn shown(hits: &[Hit], ids: &BTreeMap<String, String>) -> Vec<Shown> {
    hits.iter()
        .map(|h| Shown {
            compartment: ids.get(&h.compartment).cloned().unwrap_or_default(),
            id: h.id.clone(),
            version: h.version,
            outcome: h.outcome,
        })
        .collect()
}

pub(crate) fn entry(
    answer: &Answer,
    request: &CheckRequest,
    covered: &[Covered],
    ids: &BTreeMap<String, String>,
    (unusual, break_glass): (Vec<String>, bool),
) -> EntryKind {
    let given = |text: &str| Some(bounded(text.trim(), MAX_WHY)).filter(|t| !t.is_empty());
    let asked = match &request.question {
        Question::Query(q) => Asked::Query(Box::new(q.clone())),
        Question::Unreadable { text, .. } => Asked::Unreadable { text: bounded(text, MAX_UNREADABLE) },
    };
    EntryKind::Check {
        reference: answer.reference.clone(),
        purpose: request.purpose.clone(),
        asked,
        outcome: answer.outcome,
        error: answer.error.as_ref().map(|e| e.code.clone()),
        reason: given(&request.reason),
        incident: given(&request.incident),
        unusual,
        break_glass,
        shown: shown(&answer.hits, ids),
        consulted: consulted(covered),
    }
}

/// The beginning of a text, of so many bytes at most.
fn bounded(text: &str, most: usize) -> String {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// What is kept to notice a late hit: only of checks that were answered.
pub(crate) fn told(answer: &Answer, request: &CheckRequest, ids: &BTreeMap<String, String>) -> Option<Told> {
    let Question::Query(query) = &request.question else { return None };
    if answer.outcome == Outcome::CannotSay && answer.error.is_some() {
        return None;
    }
    let question = ToldQuestion {
        query: query.clone(),
        purpose: request.purpose.clone(),
        reason: request.reason.clone(),
        incident: request.incident.clone(),
    };
    Some(Told {
        reference: answer.reference.clone(),
        at: answer.at,
        query_json: serde_json::to_string(&question).ok()?,
        told_json: serde_json::to_string(&ToldAnswer::of(&answer.hits, ids)).ok()?,
    })
}
