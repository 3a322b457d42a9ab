//! What an officer asks, and what is kept of it and of what they were told.

use beatcheck_model::{Hit, LinkedQuery, Outcome, PersonQuery, Query, RecordKind, VehicleQuery};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
