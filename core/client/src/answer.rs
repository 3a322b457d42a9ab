//! Makes hits of candidates, and words of hits. What an officer reads is written here and nowhere else.

use crate::check::Found;
use crate::cover::{self, Covered};
use crate::subject::{full_name, person_details, person_title, vehicle_details, vehicle_title};
use crate::words;
use beatcheck_model::{
    Answer, AnswerError, Body, CoverageState, Detail, Disclosure, Grade, Hit, Marker, Outcome, PartialDate, Reason,
    Record, RecordKind, ShownMarker, Timestamp, WarningsState,
};
use beatcheck_policy::Permit;
use beatcheck_search::{PersonPlan, VehiclePlan};
use beatcheck_store::{Candidate, PersonCandidates, VehicleCandidates};
use beatcheck_wire::CompartmentId;

/// Codes that mean danger, most urgent first (an agency's table would replace it; general knowledge of UK warning
/// signals). Markers with other codes follow in the source's order.
const DANGER: [&str; 9] = ["FI", "XP", "WE", "VI", "ES", "CO", "SH", "SU", "MN"];

/// Confirm before acting (rule 4; NCIC's hit confirmation: 10 minutes urgent, 1 hour routine).
const CONFIRM_HIT: &str = "Confirm with control that the record is still live and is this vehicle or person before you act: within 10 minutes if urgent, else within 1 hour. A hit alone is not grounds for arrest.";
const CONFIRM_POSSIBLE: &str = "Possible match only: compare the particulars (make and colour, or name, date of birth and address), then confirm with control before you act.";
const CONFIRM_NONE: &str =
    "No trace is not 'clear': check again when signal returns, and ask control where it matters.";
const CONFIRM_CANNOT: &str = "Nothing could be searched: ask control by radio.";
const CONFIRM_INVALID: &str = "Nothing was searched: correct the question and ask again, or ask control by radio.";

/// The word of a coverage state.
pub(crate) const fn state_word(state: CoverageState) -> &'static str {
    match state {
        CoverageState::Current => "current",
        CoverageState::Stale => "stale",
        CoverageState::Missing => "missing",
        CoverageState::Withheld => "withheld",
        CoverageState::MarksOnly => "marks_only",
    }
}

/// Places of a list in which a near miss may stand: they are strangers.
const NEAR_SHOWN: usize = 10;

/// Error code of a question that asks only by what may not be seen.
pub(crate) const FIELD_WITHHELD: &str = "field_withheld";

/// Error code of a question that could not be read or does not ask for anything.
pub(crate) const INVALID_QUERY: &str = "invalid_query";

fn urgency(code: &str) -> usize {
    DANGER.iter().position(|d| *d == code).unwrap_or(DANGER.len())
}

fn markers(markers: &[Marker], today: PartialDate) -> Vec<ShownMarker> {
    let live = markers.iter().filter(|m| m.until.is_none_or(|u| !u.is_full() || u >= today));
    let mut out: Vec<ShownMarker> = live
        .map(|m| ShownMarker {
            code: m.code.clone(),
            text: m.text.clone(),
            action: m.action.clone(),
            disclosure: m.disclosure,
            since: m.since,
        })
        .collect();
    out.sort_by_key(|m| urgency(&m.code));
    out
}

pub(crate) struct Judged {
    /// The name that agreed, where it is not the one in the title.
    pub matched: Option<String>,
    pub outcome: Outcome,
    pub grade: Grade,
    pub score: f64,
    pub reasons: Vec<Reason>,
}

pub(crate) fn hit(candidate: &Candidate, judged: Judged, covered: &[Covered], today: PartialDate) -> Option<Hit> {
    let record: &Record = &candidate.record;
    let c = covered.iter().find(|c| c.id == candidate.compartment)?;
    let (title, vrm, mut details) = match &record.body {
        Body::Vehicle(v) => (vehicle_title(v), v.vrm.clone(), vehicle_details(v)),
        Body::Person(p) => (person_title(p), None, person_details(p)),
        // Tables are never candidates.
        Body::Variant(_) => return None,
    };
    details.splice(0..0, judged.matched.map(|value| Detail { label: "Matched name".into(), value }));
    Some(Hit {
        id: record.id.to_string(),
        version: record.version,
        source_key: record.source_key.clone(),
        kind: record.body.kind(),
        outcome: judged.outcome,
        grade: judged.grade,
        score: judged.score,
        reasons: judged.reasons,
        markers: markers(record.body.markers(), today),
        flags: record.flags.clone(),
        source: c.shown.source.clone(),
        compartment: c.shown.compartment.clone(),
        as_of: c.shown.as_of,
        vrm,
        title,
        details,
    })
}

/// Which part of a list is shown.
#[derive(Clone, Copy)]
pub(crate) struct Page {
    most: usize,
    skip: usize,
}

impl Page {
    /// Page `n`, from 1, of `most` each.
    pub(crate) fn new(most: usize, n: Option<u32>) -> Self {
        Self { most, skip: most.saturating_mul(n.unwrap_or(1).saturating_sub(1) as usize) }
    }

    /// Places up to its end.
    pub(crate) fn end(self) -> usize {
        self.skip.saturating_add(self.most)
    }
}

/// A page of the vehicles, best first, and how many there are in all.
pub(crate) fn vehicle_hits(
    plan: &VehiclePlan,
    found: &VehicleCandidates,
    covered: &[Covered],
    today: PartialDate,
    page: Page,
) -> Found {
    let judged = found.candidates.iter().filter_map(|c| {
        let Body::Vehicle(v) = &c.record.body else { return None };
        let m = beatcheck_search::score_vehicle(plan, v)?;
        Some((c, Judged { matched: None, outcome: m.outcome, grade: m.grade, score: m.score, reasons: m.reasons }))
    });
    let out = best(judged, covered, today, page);
    let notes = if found.more { vec![too_many("give more of the mark, or make and colour")] } else { Vec::new() };
    Found { total: out.total + found.unread, notes, ..out }
}

/// Adds the sources that list the mark asked about while their records are still on their way: possible, confirm.
pub(crate) fn with_listed(
    mut found: Found,
    listed: &[(CompartmentId, &'static str)],
    plan: &VehiclePlan,
    covered: &[Covered],
) -> Found {
    for (id, by) in listed {
        let Some(c) = covered.iter().find(|c| c.id == *id) else { continue };
        let (mark, grade) = match *by {
            "vrm" => (&plan.vrm, Grade::Strong),
            "vrm_decided" => (&plan.vrm_decided, Grade::Fair),
            _ => (&plan.vrm_folded, Grade::Weak),
        };
        let text = "this mark is on the list; the record itself is still on its way: ask control for it";
        let folded = "a mark like it is on the list; the record itself is still on its way: ask control for it";
        let text = if *by == "vrm" { text } else { folded };
        found.hits.push(Hit {
            id: String::new(),
            version: 0,
            source_key: String::new(),
            kind: RecordKind::Vehicle,
            outcome: Outcome::Possible,
            grade,
            score: 0.0,
            reasons: vec![Reason { code: "mark_listed".into(), text: text.into() }],
            markers: Vec::new(),
            flags: Vec::new(),
            source: c.shown.source.clone(),
            compartment: c.shown.compartment.clone(),
            as_of: c.shown.as_of,
            vrm: mark.clone(),
            title: format!("listed by {}, particulars not here yet", c.shown.source),
            details: Vec::new(),
        });
        found.total += 1;
        found.outcome = Some(found.outcome.unwrap_or(Outcome::Possible));
    }
    found
}

/// Said of a list that was cut before it was scored: its end is arbitrary.
fn too_many(what: &str) -> Reason {
    Reason { code: "too_many".into(), text: format!("more agree than can be looked at: {what}") }
}

/// A page of the persons, best first, and how many there are in all.
pub(crate) fn person_hits(
    mut plan: PersonPlan,
    found: &PersonCandidates,
    covered: &[Covered],
    today: PartialDate,
    permit: &Permit,
    page: Page,
) -> Found {
    let mut notes = std::mem::take(&mut plan.notes);
    plan.variants.clone_from(&found.variants);
    let scorer = beatcheck_search::PersonScorer::new(&plan).possible_from(permit.possible_odds_bits().into());
    let judged = found.candidates.iter().filter_map(|c| {
        let Body::Person(p) = &c.record.body else { return None };
        let m = scorer.score(p, &found.weights)?;
        let matched = m.matched_name.filter(|i| *i > 0).and_then(|i| p.names.get(i)).map(full_name);
        Some((c, Judged { matched, outcome: m.outcome, grade: m.grade, score: m.score, reasons: m.reasons }))
    });
    let out = best(judged, covered, today, page);
    // Near misses are always more: only where the list is full of possible matches was one perhaps left out.
    if found.more && out.outcome == Some(Outcome::Possible) && out.total >= beatcheck_store::RANKED_MAX as u64 {
        notes.push(too_many("give a date of birth, an address or a height"));
    }
    Found { notes, ..out }
}

/// Between candidates confidence ranks (rule 2); ties in a fixed order. Near misses stand among the first ten only, and
/// only what is shown is put into words.
fn best<'c>(
    judged: impl Iterator<Item = (&'c Candidate, Judged)>,
    covered: &[Covered],
    today: PartialDate,
    page: Page,
) -> Found {
    let mut judged: Vec<_> = judged.filter(|(c, _)| !expired(&c.record, today)).collect();
    let first = |j: &Judged| u8::from(j.outcome != Outcome::Hit);
    judged.sort_by(|(a, ja), (b, jb)| {
        let by_confidence = first(ja).cmp(&first(jb)).then(jb.score.total_cmp(&ja.score)).then(jb.grade.cmp(&ja.grade));
        // By mark, as the store reads them: so that a later page goes on where the one before it ended.
        by_confidence.then_with(|| mark(&a.record).cmp(&mark(&b.record))).then_with(|| a.record.id.cmp(&b.record.id))
    });
    let mut place = 0;
    judged.retain(|(_, j)| {
        place += 1;
        place <= NEAR_SHOWN || j.outcome != Outcome::NoTrace
    });
    let total = judged.len() as u64;
    let told = |outcome| judged.iter().any(|(_, j)| j.outcome == outcome).then_some(outcome);
    let outcome = told(Outcome::Hit).or(told(Outcome::Possible));
    let banner = banner(&judged, today);
    let shown = judged.into_iter().skip(page.skip).take(page.most);
    Found {
        hits: shown.filter_map(|(c, j)| hit(c, j, covered, today)).collect(),
        total,
        outcome,
        banner,
        notes: Vec::new(),
    }
}

fn mark(record: &Record) -> Option<&str> {
    match &record.body {
        Body::Vehicle(v) => v.vrm.as_deref(),
        Body::Person(_) | Body::Variant(_) => None,
    }
}

pub(crate) fn expired(record: &Record, today: PartialDate) -> bool {
    record.expires.is_some_and(|e| e.is_full() && e < today)
}

/// What an answer is made of.
pub(crate) struct Draft<'a> {
    pub kind: RecordKind,
    pub reference: String,
    pub found: Found,
    pub covered: &'a [Covered],
    pub error: Option<AnswerError>,
    pub now: Timestamp,
}

/// Puts the answer together.
pub(crate) fn compose(draft: Draft<'_>) -> Answer {
    let Draft { kind, reference, found, covered, error, now } = draft;
    let searched = covered.iter().any(Covered::searched);
    let outcome = match found.outcome {
        _ if error.is_some() || !searched => Outcome::CannotSay,
        Some(outcome) => outcome,
        None => Outcome::NoTrace,
    };
    let warnings_state = if error.is_some() { WarningsState::NotLoaded } else { cover::warnings(covered) };
    let mut answer = Answer {
        kind,
        outcome,
        reference,
        warnings_state,
        confirm: confirm(outcome, error.as_ref()).into(),
        banner: found.banner,
        notes: found.notes,
        hits: found.hits,
        total: found.total,
        coverage: covered.iter().map(|c| c.shown.clone()).collect(),
        text: String::new(),
        at: now,
        audit_seq: 0,
        took_us: 0,
        account_us: 0,
        error,
    };
    answer.text = words::text(&answer);
    answer
}

fn confirm(outcome: Outcome, error: Option<&AnswerError>) -> &'static str {
    match outcome {
        Outcome::CannotSay if error.is_some_and(|e| e.code == INVALID_QUERY || e.code == FIELD_WITHHELD) => {
            CONFIRM_INVALID
        }
        Outcome::Hit => CONFIRM_HIT,
        Outcome::Possible => CONFIRM_POSSIBLE,
        Outcome::NoTrace => CONFIRM_NONE,
        Outcome::CannotSay => CONFIRM_CANNOT,
    }
}

/// A weaker candidate that carries danger does not rank first, but is not overlooked either, on whatever page it stands
/// (rule 2): 'one weak candidate carries FIREARMS'.
fn banner(judged: &[(&Candidate, Judged)], today: PartialDate) -> String {
    let mut carriers: Vec<Grade> = Vec::new();
    let mut said: Vec<(usize, String)> = Vec::new();
    let weaker = judged.iter().skip(1).filter(|(_, j)| j.grade <= Grade::Fair && j.outcome != Outcome::NoTrace);
    for (candidate, j) in weaker {
        let mut carried = markers(candidate.record.body.markers(), today);
        carried.retain(|m| m.disclosure == Disclosure::Speakable && urgency(&m.code) < DANGER.len());
        carriers.extend((!carried.is_empty()).then_some(j.grade));
        said.extend(carried.into_iter().map(|m| (urgency(&m.code), m.text.to_uppercase())));
    }
    said.sort();
    said.dedup();
    let said = said.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(", ");
    match carriers.as_slice() {
        [] => String::new(),
        [Grade::Weak] => format!("One weak candidate carries {said}."),
        [_] => format!("One other candidate carries {said}."),
        several => format!("{} other candidates carry {said}.", several.len()),
    }
}
