//! A check: one question, one permit, one search, one entry in the account, one answer.
//!
//! The order is fixed: policy decides, the store is read under the permit, the answer is drafted, the account is made
//! durable, and only then does the answer leave. Refused and empty checks take the same way.

use crate::ClientError;
use crate::account::{self, Line};
use crate::answer::{self, Draft};
use crate::cover::{self, Covered};
use crate::device::{Device, Refusal, View, Why};
use crate::env::Stopwatch;
use crate::{linked, withheld, words};
use beatcheck_audit::{Asked, Consulted, EntryKind, Shown};
use beatcheck_model::{
    Answer, AnswerError, Hit, LinkedQuery, Outcome, PersonQuery, Query, Reason, RecordKind, Timestamp, VehicleQuery,
};
use beatcheck_policy::{ClockState, Denied, Permit};
use beatcheck_store::{AskedAbout, StoreError, Told};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Checks whose accounts share one write to disk.
const GROUP: usize = 64;
/// Bytes of an unreadable question that the account keeps.
const MAX_UNREADABLE: usize = 1024;
/// Bytes of a reason, and of an incident's number, that the account keeps.
const MAX_WHY: usize = 1024;
/// Times that a check is made while the rules change under it.
const UNDER_WAY_TRIES: u32 = 4;

/// What is asked: a query, or something that could not be read as one (a line of a batch).
#[derive(Clone, Debug)]
pub enum Question {
    /// A query.
    Query(Query),
    /// Not a query: it is put on record and answered `cannot_say`.
    Unreadable {
        /// As it came; kept in the account up to 1 KiB.
        text: String,
        /// What is wrong with it, in words without its content.
        problem: String,
    },
}

/// One check to be made.
#[derive(Clone, Debug)]
pub struct CheckRequest {
    /// The question.
    pub question: Question,
    /// The stated purpose; policy names the allowed ones.
    pub purpose: String,
    /// Why, in the officer's own words; policy may want it for this purpose.
    pub reason: String,
    /// Number of the incident; policy may want it for this purpose.
    pub incident: String,
}

impl CheckRequest {
    /// A check of a query.
    #[must_use]
    pub fn new(query: Query, purpose: &str) -> Self {
        Self {
            question: Question::Query(query),
            purpose: purpose.into(),
            reason: String::new(),
            incident: String::new(),
        }
    }

    /// With a reason in the officer's own words, and the number of an incident; empty where there is none.
    #[must_use]
    pub fn because(self, reason: &str, incident: &str) -> Self {
        Self { reason: reason.into(), incident: incident.into(), ..self }
    }

    /// A check of a registration mark.
    #[must_use]
    pub fn vehicle(vrm: &str, purpose: &str) -> Self {
        Self::new(Query::Vehicle(VehicleQuery { vrm: Some(vrm.into()), ..VehicleQuery::default() }), purpose)
    }

    /// What is linked with a record that an answer has shown.
    #[must_use]
    pub fn linked(of: RecordKind, record: &str, purpose: &str) -> Self {
        Self::new(Query::Linked(LinkedQuery { of, record: record.into() }), purpose)
    }

    /// A check of a person.
    #[must_use]
    pub fn person(query: PersonQuery, purpose: &str) -> Self {
        Self::new(Query::Person(query), purpose)
    }
}

/// What is kept beside the account to notice that an answer has changed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ToldAnswer {
    pub shown: Vec<(String, String, u32)>,
}

impl ToldAnswer {
    pub(crate) fn of(hits: &[Hit], ids: &BTreeMap<String, String>) -> Self {
        let hex = |name: &str| ids.get(name).cloned().unwrap_or_default();
        Self {
            shown: hits
                .iter()
                .filter(|h| h.outcome != Outcome::NoTrace)
                .map(|h| (hex(&h.compartment), h.id.clone(), h.version))
                .collect(),
        }
    }
}

/// What is kept of the question.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ToldQuestion {
    pub query: Query,
    pub purpose: String,
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub incident: String,
}

/// An answer that is not on record yet.
struct Pending {
    answer: Answer,
    line: Line,
}

impl Device {
    /// Makes one check; see [`Device::check_many`].
    ///
    /// # Errors
    /// As [`Device::check_many`].
    pub fn check(&self, request: &CheckRequest) -> Result<Answer, ClientError> {
        let mut answers = self.check_many(std::slice::from_ref(request))?;
        answers.pop().ok_or_else(|| ClientError::Account("no answer was made".into()))
    }

    /// Makes checks, in order. The accounts of up to 64 of them share one write to disk; no answer is returned before
    /// its own account is durable.
    ///
    /// A refused or invalid check is an answer too (`cannot_say`, with `error`): it is on record like any other.
    ///
    /// # Errors
    /// [`ClientError::Account`] if the account cannot be written, and store errors: then there is no answer.
    pub fn check_many(&self, requests: &[CheckRequest]) -> Result<Vec<Answer>, ClientError> {
        if self.is_wiped() {
            return Err(ClientError::Wiped);
        }
        let mut out = Vec::with_capacity(requests.len());
        for group in requests.chunks(GROUP) {
            out.append(&mut self.check_group(group)?);
        }
        Ok(out)
    }

    /// Makes a few checks with one write to the account. If policy, grant or trust change while it is under way, what was
    /// drafted under the old ones does not leave: it is made again under the new, and both are on record.
    fn check_group(&self, group: &[CheckRequest]) -> Result<Vec<Answer>, ClientError> {
        let mut tries = 0;
        loop {
            tries += 1;
            self.tick()?;
            self.used_now();
            let view = self.view();
            let now = self.now();
            let mut answers = Vec::with_capacity(group.len());
            let mut lines = Vec::with_capacity(group.len());
            let mut asked = Vec::with_capacity(group.len());
            for request in group {
                let subject = self.subject(&request.question);
                let Pending { answer, line } = self.draft(&view, request, now, subject, &asked)?;
                answers.push(answer);
                lines.push(line);
                asked.push(subject);
            }
            self.env.step("check/drafted");
            self.note_clock(&view, &mut lines);
            let watch = Stopwatch::start();
            let first = self.account(&view, now, lines)?;
            let account_us = watch.micros();
            for (i, a) in answers.iter_mut().enumerate() {
                a.audit_seq = first + i as u64;
                a.account_us = account_us;
            }
            self.env.step("check/accounted");
            let in_force = self.view();
            if in_force.same_rules(&view) {
                return Ok(answers);
            }
            if tries == UNDER_WAY_TRIES {
                return Err(ClientError::Account("the rules keep changing: check again".into()));
            }
        }
    }

    /// That the clock stands behind what the hub has signed goes on record, once while it does.
    fn note_clock(&self, view: &View, lines: &mut Vec<Line>) {
        let Some(policy) = &view.policy else { return };
        let behind = matches!(self.time.state(&policy.clock), ClockState::Behind { .. });
        if behind && !self.clock_noted.swap(behind, Ordering::SeqCst) {
            // Last, so that the checks have the numbers that follow from the first.
            lines.push(Line::of(EntryKind::ClockBehind { clock: self.env.now() }));
        } else if !behind {
            self.clock_noted.store(false, Ordering::SeqCst);
        }
    }

    fn draft(
        &self,
        view: &Arc<View>,
        request: &CheckRequest,
        now: Timestamp,
        subject: [u8; 16],
        before: &[[u8; 16]],
    ) -> Result<Pending, ClientError> {
        let watch = Stopwatch::start();
        let (kind, searches) = match &request.question {
            Question::Query(q) => (q.kind(), q.searches()),
            Question::Unreadable { .. } => (RecordKind::Vehicle, &[RecordKind::Vehicle][..]),
        };
        let why = Why {
            purpose: &request.purpose,
            reason: &request.reason,
            incident: &request.incident,
            subject: Some(subject),
            before,
        };
        let permit = match self.barred(view) {
            Some(error) => Err(Refusal::Barred(error)),
            None => self.permit(view, &why, now),
        };
        let marks = matches!(&request.question, Question::Query(Query::Vehicle(q)) if asks_for_a_whole_mark(q));
        let mut covered = cover::of(&self.sight(view, marks), permit.as_ref().ok(), searches, now);
        let mut error = None;
        let mut found = Found::default();
        match (&permit, &request.question) {
            (Err(Refusal::Store(e)), _) => return Err(ClientError::Account(e.to_string())),
            (Err(Refusal::Denied(d)), _) => {
                error = Some(AnswerError { code: d.code().into(), text: d.to_string() });
            }
            (Err(Refusal::Barred(e)), _) => error = Some(e.clone()),
            (Err(Refusal::RolledBack), _) => {
                let text = "files of this device were put back: sync, and if that does not help wipe and enrol it anew";
                error = Some(AnswerError { code: "rolled_back".into(), text: text.into() });
            }
            (Err(Refusal::NothingYet), _) => {
                let text = "this device has no data yet: connect and sync".into();
                error = Some(AnswerError { code: "not_synced".into(), text });
            }
            (Ok(_), Question::Unreadable { problem, .. }) => {
                error = Some(AnswerError { code: answer::INVALID_QUERY.into(), text: problem.clone() });
            }
            (Ok(permit), Question::Query(query)) => match self.search(permit, &covered, query, now) {
                Ok(f) => found = f,
                Err(SearchError::Invalid(text)) => {
                    error = Some(AnswerError { code: answer::INVALID_QUERY.into(), text })
                }
                Err(SearchError::Withheld(text)) => {
                    error = Some(AnswerError { code: answer::FIELD_WITHHELD.into(), text })
                }
                Err(SearchError::Store(e)) => return Err(e.into()),
            },
        }
        let unusual: Vec<String> = match &permit {
            Ok(p) => p.unusual().iter().map(|w| (*w).to_owned()).collect(),
            Err(Refusal::Denied(Denied::UnusualUse { what })) => what.clone(),
            Err(_) => Vec::new(),
        };
        found.notes.extend(unusual.iter().map(|what| words::unusual(what)));
        if self.journal_is_long(view).map_err(|e| ClientError::Account(e.to_string()))? {
            found.notes.push(words::journal_low());
        }
        let glass = view.glass.until.filter(|_| permit.as_ref().is_ok_and(Permit::break_glass));
        found.notes.extend(glass.map(words::break_glass));
        if error.as_ref().is_some_and(|e| e.code == answer::INVALID_QUERY || e.code == answer::FIELD_WITHHELD) {
            // No source was consulted, whatever there would be to search: neither answer nor account names one (rule 1).
            covered.clear();
        }
        let reference = account::reference(&self.env)?;
        let draft = Draft { kind, reference: reference.clone(), found, covered: &covered, error, now };
        let ids: BTreeMap<String, String> =
            covered.iter().map(|c| (c.shown.compartment.clone(), c.id.to_string())).collect();
        let mut answer = answer::compose(draft);
        answer.took_us = watch.micros();
        let flags = (unusual, glass.is_some());
        let line = Line {
            kind: entry(&answer, request, &covered, &ids, flags),
            told: told(&answer, request, &ids),
            asked: Some(AskedAbout { at: now, subject }),
        };
        Ok(Pending { answer, line })
    }

    /// Searches under a permit: no account is written here; the callers are a check, and the watch for late hits.
    pub(crate) fn search(
        &self,
        permit: &Permit,
        covered: &[Covered],
        query: &Query,
        now: Timestamp,
    ) -> Result<Found, SearchError> {
        let (query, left_out) = withheld::without_hidden(query, permit).map_err(SearchError::Withheld)?;
        let mut found = self.search_allowed(permit, covered, &query, now)?;
        found.notes.extend(left_out);
        Ok(found)
    }

    fn search_allowed(
        &self,
        permit: &Permit,
        covered: &[Covered],
        query: &Query,
        now: Timestamp,
    ) -> Result<Found, SearchError> {
        let today = now.date();
        let page = |n: Option<u32>| answer::Page::new(permit.max_results(), n);
        match query {
            Query::Vehicle(q) => {
                let mut plan = beatcheck_search::plan_vehicle(q).map_err(SearchError::invalid)?;
                plan.rows = page(q.page).end();
                let found = self.shelf.vehicles(permit, &plan)?;
                let listed = self.shelf.listed(permit, &plan);
                let found = answer::vehicle_hits(&plan, &found, covered, today, page(q.page));
                Ok(answer::with_listed(found, &listed, &plan, covered))
            }
            Query::Person(q) => {
                let plan = beatcheck_search::plan_person(q, today).map_err(SearchError::invalid)?;
                let found = self.shelf.persons(permit, &plan)?;
                Ok(answer::person_hits(plan, &found, covered, today, permit, page(q.page)))
            }
            Query::Linked(q) => linked::search(&self.shelf, permit, covered, q, today, permit.max_results()),
        }
    }
}

/// Whether a question can be answered from a list of marks: it gives a mark, and nothing of it is left open.
fn asks_for_a_whole_mark(q: &VehicleQuery) -> bool {
    q.vrm.as_deref().is_some_and(|v| !v.trim().is_empty() && !v.contains(['?', '*']))
}

/// What a search found.
#[derive(Default)]
pub(crate) struct Found {
    pub hits: Vec<Hit>,
    pub total: u64,
    /// The best outcome of all that was found, on whatever page it stands.
    pub outcome: Option<Outcome>,
    /// What must stand above everything else; empty if nothing.
    pub banner: String,
    /// What is to be said of the question.
    pub notes: Vec<Reason>,
}

/// Why a search could not be made.
pub(crate) enum SearchError {
    Invalid(String),
    /// It asks only by what may not be seen.
    Withheld(String),
    Store(StoreError),
}

impl SearchError {
    pub(crate) fn invalid(e: beatcheck_search::InvalidQuery) -> Self {
        Self::Invalid(e.to_string())
    }
}

impl From<StoreError> for SearchError {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

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

fn entry(
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
fn told(answer: &Answer, request: &CheckRequest, ids: &BTreeMap<String, String>) -> Option<Told> {
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
