//! The linked view: what a record is linked with, and what says to be linked with it.
//!
//! A link names the other record by its key in its own source. A record's id is a hash of source, kind and key, so the ids
//! that the other end can have are computed, one for each permitted source, and looked up; what points back is found by an
//! index of the keys. Only the permitted is looked at: what is withheld is as if it were not there. Addresses and events are
//! particulars of the record itself, which stands first.

use crate::answer::{self, Judged};
use crate::check::{Found, SearchError};
use crate::cover::Covered;
use crate::subject::capital;
use beatcheck_model::{Body, Grade, Link, LinkedQuery, Outcome, PartialDate, Reason, Record, RecordId};
use beatcheck_policy::Permit;
use beatcheck_search::{InvalidQuery, name_tokens, normalise_vrm};
use beatcheck_store::{Candidate, Shelf};

/// Links of one record that are followed, at most.
const LINKS_MAX: usize = 100;

pub(crate) fn search(
    shelf: &Shelf,
    permit: &Permit,
    covered: &[Covered],
    query: &LinkedQuery,
    today: PartialDate,
    most: usize,
) -> Result<Found, SearchError> {
    let id =
        RecordId::from_hex(query.record.trim()).ok_or_else(|| SearchError::invalid(InvalidQuery::INVALID_RECORD))?;
    let mut start = None;
    for c in covered.iter().filter(|c| c.kind == query.of) {
        if let Some(record) = shelf.record(permit, &c.id, &id)?.filter(|r| !answer::expired(r, today)) {
            start = Some(Candidate { compartment: c.id, record });
            break;
        }
    }
    let Some(start) = start else { return Ok(Found::default()) };
    let mut found: Vec<(Candidate, Vec<Reason>)> = Vec::new();
    let mut missing = 0;
    let said = Reason { code: "linked_start".into(), text: "the record whose links were asked".into() };
    found.push((start.clone(), vec![said]));
    for link in links(&start.record).iter().take(LINKS_MAX) {
        let ends = follow(shelf, permit, covered, link)?;
        missing += u64::from(ends.is_empty());
        for end in ends {
            put(&mut found, end, "linked_to", format!("{} of the record asked", capital(&link.kind)));
        }
    }
    for other in shelf.linking(permit, &start.record.source_key)? {
        let back =
            links(&other.record).iter().find(|l| l.target_key == start.record.source_key && fits(l, &start.record));
        if let Some(link) = back {
            let text = format!("says of the record asked: {}", capital(&link.kind));
            put(&mut found, other, "linked_from", text);
        }
    }
    found.retain(|(c, _)| !answer::expired(&c.record, today));
    let total = found.len() as u64;
    let judged =
        |reasons| Judged { matched: None, outcome: Outcome::Possible, grade: Grade::Strong, score: 0.5, reasons };
    let hits = found.into_iter().take(most).filter_map(|(c, r)| answer::hit(&c, judged(r), covered, today)).collect();
    let notes = match missing {
        0 => Vec::new(),
        n => vec![Reason {
            code: "links_not_held".into(),
            text: format!("{n} of its links lead to records that are not held here: they stand among its particulars"),
        }],
    };
    Ok(Found { hits, total, outcome: Some(Outcome::Possible), notes, ..Found::default() })
}

/// Each record once, with every reason.
fn put(found: &mut Vec<(Candidate, Vec<Reason>)>, c: Candidate, code: &str, text: String) {
    let reason = Reason { code: code.into(), text };
    match found.iter_mut().find(|(f, _)| f.compartment == c.compartment && f.record.id == c.record.id) {
        Some((_, reasons)) if !reasons.contains(&reason) => reasons.push(reason),
        Some(_) => {}
        None => found.push((c, vec![reason])),
    }
}

fn links(record: &Record) -> &[Link] {
    match &record.body {
        Body::Vehicle(v) => &v.links,
        Body::Person(p) => &p.links,
        Body::Variant(_) => &[],
    }
}

/// The permitted records that a link leads to: of any source that has a record of this key that fits.
fn follow(shelf: &Shelf, permit: &Permit, covered: &[Covered], link: &Link) -> Result<Vec<Candidate>, SearchError> {
    let key: Vec<&str> = link.target_key.split('|').collect();
    let mut out = Vec::new();
    if link.target_key.is_empty() {
        return Ok(out);
    }
    for c in covered {
        // Of a key that a source repeats, the first is followed.
        let id = beatcheck_wire::record_id(&c.shown.source, c.kind, &key, 0);
        if let Some(record) = shelf.record(permit, &c.id, &id)?.filter(|r| fits(link, r)) {
            out.push(Candidate { compartment: c.id, record });
        }
    }
    Ok(out)
}

/// Whether a record is the one that a link describes in words: keys of two sources may be alike.
fn fits(link: &Link, record: &Record) -> bool {
    if link.text.is_empty() {
        return true;
    }
    match &record.body {
        Body::Variant(_) => false,
        Body::Vehicle(v) => v.vrm.is_none() || v.vrm == normalise_vrm(&link.text),
        Body::Person(p) => {
            let asked = name_tokens(&link.text);
            let held = p.names.iter().flat_map(|n| [&n.given, &n.surname]).flat_map(|t| name_tokens(t));
            held.into_iter().any(|t| asked.contains(&t))
        }
    }
}
