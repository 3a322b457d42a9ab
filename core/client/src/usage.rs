//! Use that is out of the ordinary: many checks, or one subject again and again. Counted here, judged by policy.
//!
//! What is kept beside the account is when each check was made and a keyed hash of what it was about: equal subjects can be
//! counted, and nobody without this device's keys can tell which they were.

use crate::check::Question;
use crate::device::Device;
use beatcheck_model::{PersonQuery, Query, Timestamp};
use beatcheck_policy::Usage;
use beatcheck_search::{name_tokens, normalise_vrm};
use beatcheck_store::StoreError;
use beatcheck_wire::policy::Policy;

/// Time for which checks are counted, in seconds.
pub(crate) const COUNTED_S: i64 = 24 * 3600;
const HOUR_S: i64 = 3600;
const CONTEXT: &str = "beatcheck 2026 subject of a check v1";

impl Device {
    /// What a question is about, as it is counted: a mark, a name with its date of birth, an identifier, a record.
    pub(crate) fn subject(&self, question: &Question) -> [u8; 16] {
        let key = blake3::derive_key(CONTEXT, &self.ring().keys.journal);
        let hash = blake3::keyed_hash(&key, words(question).as_bytes());
        let mut out = [0; 16];
        out.copy_from_slice(&hash.as_bytes()[..16]);
        out
    }

    /// What was checked before; asks nothing of the journal where policy has no limit.
    pub(crate) fn usage(
        &self,
        policy: &Policy,
        subject: &[u8; 16],
        before: &[[u8; 16]],
        now: Timestamp,
    ) -> Result<Usage, StoreError> {
        let (rule, mut usage) = (&policy.unusual_use, Usage::default());
        let count = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        let same = before.iter().filter(|b| *b == subject).count() as u64;
        if rule.checks_per_hour.is_some() {
            usage.last_hour = count(self.journal.asked_since(now.plus_secs(-HOUR_S), subject)?.0 + before.len() as u64);
        }
        if rule.same_subject_per_day.is_some() {
            usage.same_subject_today = count(self.journal.asked_since(now.plus_secs(-COUNTED_S), subject)?.1 + same);
        }
        Ok(usage)
    }
}

/// The subject in words that are equal for equal subjects, however they were written.
fn words(question: &Question) -> String {
    match question {
        Question::Unreadable { .. } => String::new(),
        Question::Query(Query::Vehicle(q)) => {
            let mark = q.vrm.as_deref().and_then(normalise_vrm).unwrap_or_default();
            format!("v|{mark}|{}", q.vin.as_deref().unwrap_or_default().trim().to_ascii_uppercase())
        }
        Question::Query(Query::Person(q)) => person(q),
        Question::Query(Query::Linked(q)) => format!("r|{}", q.record.trim().to_ascii_lowercase()),
    }
}

fn person(q: &PersonQuery) -> String {
    let mut tokens: Vec<String> =
        [&q.name, &q.given, &q.surname].into_iter().flatten().flat_map(|t| name_tokens(t)).collect();
    tokens.sort();
    tokens.dedup();
    let identifier = q.identifier.as_deref().unwrap_or_default().to_ascii_uppercase().replace(' ', "");
    if tokens.is_empty() {
        return format!("p|{identifier}|{}|{}", q.dob.as_deref().unwrap_or_default(), place(q));
    }
    format!("p|{}|{}", tokens.join(" "), q.dob.as_deref().unwrap_or_default())
}

fn place(q: &PersonQuery) -> String {
    [&q.address, &q.postcode].into_iter().flatten().map(|t| t.to_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use beatcheck_model::VehicleQuery;

    fn vrm(text: &str) -> Question {
        Question::Query(Query::Vehicle(VehicleQuery { vrm: Some(text.into()), ..VehicleQuery::default() }))
    }

    fn named(name: &str, dob: &str) -> Question {
        let q = PersonQuery { name: Some(name.into()), dob: Some(dob.into()), ..PersonQuery::default() };
        Question::Query(Query::Person(q))
    }

    #[test]
    fn the_same_subject_is_the_same_however_it_is_written() {
        assert_eq!(words(&vrm("bd51 smr")), words(&vrm("BD51SMR")));
        assert_ne!(words(&vrm("BD51SMR")), words(&vrm("BD51SMS")));
        assert_eq!(words(&named("Roisin CONNORS", "1984")), words(&named("connors  roisin", "1984")));
        assert_ne!(words(&named("Roisin Connors", "1984")), words(&named("Roisin Connors", "1985")));
    }
}
