//! Vehicles: the plan of a question, and what a record answers to it.
//!
//! Rule 3 of `PRODUCT.md`: the mark as written is a hit; a look-alike is only possible unless the plate's format leaves
//! one reading, and it prompts to compare make and colour. A VIN as written is a hit; its check digit is mandatory only
//! in North America and China, so a wrong one is a warning (`beatcheck_model::vin`). Where mark and VIN were both given
//! and the record has both, they must agree: a mark on another car's VIN is how a clone looks.

use crate::error::InvalidQuery;
use crate::look::{LookQuery, parse_look};
use crate::near::{NearMark, Slip, near_marks};
use crate::pattern::VrmPattern;
use crate::reason::reason;
use crate::slip::{folded_reason, near_reason};
use crate::vrm::{VIN_TAIL_MIN, decide_by_format, fold_vrm, normalise_vin, normalise_vrm};
use beatcheck_model::{Grade, MAX_FIELD_BYTES, Outcome, Reason, Vehicle, VehicleQuery, vin};

/// What to look up for a vehicle: each field that is set is a key to ask the store for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VehiclePlan {
    /// The mark as written, normalised.
    pub vrm: Option<String>,
    /// The one reading that the plate's format leaves, where the mark as written is none (`decide_by_format`).
    pub vrm_decided: Option<String>,
    /// The look-alike key of the mark (`fold_vrm`); set whenever `vrm` is.
    pub vrm_folded: Option<String>,
    /// The VIN, normalised.
    pub vin: Option<String>,
    /// The end under which to look for a VIN of which only the last characters were given.
    pub vin_tail: Option<String>,
    /// Part of a mark, where not all of it was seen; then the three above are `None`.
    pub pattern: Option<VrmPattern>,
    /// Marks one slip from the one asked, to be looked up only where nothing else is found.
    pub near: Vec<NearMark>,
    /// What it looks like.
    pub look: LookQuery,
    /// Of those of which part of the mark agrees, how many rows are to be read at least: up to the end of the page asked.
    pub rows: usize,
}

/// How a vehicle record answers a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct VehicleMatch {
    /// 0 to 1, for sorting only.
    pub score: f64,
    /// How well it agrees, in a word.
    pub grade: Grade,
    /// `Hit` or `Possible`.
    pub outcome: Outcome,
    /// Why, strongest first; never empty.
    pub reasons: Vec<Reason>,
}

/// Plans a vehicle check. A blank field counts as not given.
///
/// # Errors
/// [`InvalidQuery`] if neither a mark nor a VIN was given, if one that was given cannot be normalised (it is not
/// silently dropped), or if a field is longer than [`MAX_FIELD_BYTES`].
///
/// ```
/// use beatcheck_model::VehicleQuery;
/// let plan = beatcheck_search::plan_vehicle(&VehicleQuery { vrm: Some("bd5i smr".into()), ..Default::default() }).unwrap();
/// assert_eq!(plan.vrm.as_deref(), Some("BD5ISMR"));
/// assert_eq!(plan.vrm_decided.as_deref(), Some("BD51SMR"));
/// ```
pub fn plan_vehicle(q: &VehicleQuery) -> Result<VehiclePlan, InvalidQuery> {
    let typed = field(q.vrm.as_deref())?;
    let pattern = typed.filter(|t| VrmPattern::is_meant(t));
    let pattern = pattern.map(|t| VrmPattern::read(t).ok_or(InvalidQuery::INVALID_PATTERN)).transpose()?;
    let typed = typed.filter(|_| pattern.is_none());
    let vrm = typed.map(|t| normalise_vrm(t).ok_or(InvalidQuery::INVALID_VRM)).transpose()?;
    let vin = field(q.vin.as_deref())?.map(|t| normalise_vin(t).ok_or(InvalidQuery::INVALID_VIN)).transpose()?;
    if vrm.is_none() && vin.is_none() && pattern.is_none() {
        return Err(InvalidQuery::NOTHING_ASKED);
    }
    Ok(VehiclePlan {
        vrm_decided: vrm.as_deref().and_then(decide_by_format),
        vrm_folded: vrm.as_deref().map(fold_vrm),
        near: vrm.as_deref().map(near_marks).unwrap_or_default(),
        vrm,
        vin_tail: vin.as_deref().and_then(tail_asked).map(str::to_owned),
        vin,
        pattern,
        look: parse_look(q)?,
        rows: 0,
    })
}

/// A field's text if it is not blank.
pub(crate) fn field(text: Option<&str>) -> Result<Option<&str>, InvalidQuery> {
    match text {
        Some(t) if t.len() > MAX_FIELD_BYTES => Err(InvalidQuery::FIELD_TOO_LONG),
        Some(t) if t.trim().is_empty() => Ok(None),
        t => Ok(t),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Agreement {
    /// Not asked, or the record has none.
    Neutral,
    Differs,
    Part,
    Near,
    Folded,
    Decided,
    Exact,
}

/// Compares a record with a plan; `None` if neither its mark nor its VIN answers to it.
///
/// | mark | VIN | outcome, grade |
/// |---|---|---|
/// | as written | agrees, not asked or not recorded | hit, certain |
/// | decided by format | the same | hit, strong |
/// | look-alike | not asked or not recorded | possible, fair |
/// | one slip away, or part of it asked | not asked or not recorded | possible, weak |
/// | look-alike, one slip away, or part of it | equal | hit, strong |
/// | not asked or not recorded | equal | hit, certain |
/// | look-alike, one slip away, part, not asked | ends so | possible, fair or strong |
/// | differs | ends so | possible, weak |
/// | agrees | differs, or the reverse | possible, fair |
///
/// A record whose mark is `None` (damaged in the extract) is never found by mark.
///
/// What it looks like is said with each. Where the mark was read in part or is one slip away, or only the end of the VIN was
/// given, a vehicle that looks otherwise is not shown; a hit that does is graded strong at most, never taken away.
#[must_use]
pub fn score_vehicle(plan: &VehiclePlan, v: &Vehicle) -> Option<VehicleMatch> {
    use Agreement::*;
    let mark = match (&plan.vrm, &v.vrm) {
        (Some(asked), Some(held)) if asked == held => Exact,
        (Some(_), Some(held)) if plan.vrm_decided.as_ref() == Some(held) => Decided,
        (Some(_), Some(held)) if plan.vrm_folded.as_deref() == Some(&fold_vrm(held)) => Folded,
        (Some(_), Some(held)) if near(plan, held).is_some() => Near,
        (None, Some(held)) if plan.pattern.as_ref().is_some_and(|p| p.matches(held)) => Part,
        (Some(_), Some(_)) => Differs,
        (None, Some(_)) if plan.pattern.is_some() => Differs,
        _ => Neutral,
    };
    let number = match (&plan.vin, normalise_vin(&v.vin)) {
        (Some(asked), Some(held)) if *asked == held => Exact,
        (Some(asked), Some(held)) if plan.vin_tail.is_some() && held.ends_with(asked.as_str()) => Part,
        (Some(_), Some(_)) => Differs,
        _ => Neutral,
    };
    let mut reasons = Vec::new();
    match mark {
        Exact => reasons.push(reason("vrm_exact")),
        Decided => reasons.push(reason("vrm_format_decided")),
        Folded => reasons.push(folded_reason(plan.vrm.as_deref()?, v.vrm.as_deref()?)),
        Near => reasons.push(near_reason(plan.vrm.as_deref()?, near(plan, v.vrm.as_deref()?)?)),
        Part => reasons.push(reason("vrm_part")),
        Differs | Neutral => {}
    }
    if number == Exact {
        reasons.push(reason("vin_exact"));
        if plan.vin.as_deref().is_some_and(|n| n.len() == vin::VIN_LEN && !vin::is_checked(n)) {
            reasons.push(reason("vin_check_digit"));
        }
    }
    if number == Part {
        reasons.push(reason("vin_tail"));
    }
    let (outcome, grade, score) = match (mark, number) {
        (Exact, Exact) => (Outcome::Hit, Grade::Certain, 1.0),
        (Exact, Neutral | Part) => (Outcome::Hit, Grade::Certain, 0.98),
        (Neutral, Exact) => (Outcome::Hit, Grade::Certain, 0.97),
        (Decided | Folded | Near | Part, Exact) => (Outcome::Hit, Grade::Strong, 0.95),
        (Decided, Neutral | Part) => (Outcome::Hit, Grade::Strong, 0.9),
        (Folded, Part) => (Outcome::Possible, Grade::Strong, 0.66),
        (Neutral, Part) => (Outcome::Possible, Grade::Fair, 0.55),
        (Near | Part, Part) => (Outcome::Possible, Grade::Fair, 0.58),
        (Differs, Part) => {
            reasons.push(reason("vrm_differs"));
            (Outcome::Possible, Grade::Weak, 0.32)
        }
        (Folded, Neutral) => (Outcome::Possible, Grade::Fair, 0.6),
        (Differs, Exact) => {
            reasons.push(reason("vrm_differs"));
            (Outcome::Possible, Grade::Fair, 0.7)
        }
        (Exact | Decided, Differs) => {
            reasons.push(reason("vin_differs"));
            (Outcome::Possible, Grade::Fair, 0.65)
        }
        (Near, Neutral) => (Outcome::Possible, Grade::Weak, near(plan, v.vrm.as_deref()?).map_or(0.2, near_score)),
        (Part, Neutral) => (Outcome::Possible, Grade::Weak, 0.4),
        (Near | Part, Differs) => return None,
        (Folded, Differs) => {
            reasons.push(reason("vin_differs"));
            (Outcome::Possible, Grade::Weak, 0.3)
        }
        (Differs | Neutral, Differs | Neutral | Folded | Decided | Near) | (_, Folded | Decided | Near) => {
            return None;
        }
    };
    let look = plan.look.fit(v);
    if look.differs() && (mark == Near || mark == Part || (mark == Neutral && number == Part)) && number != Exact {
        return None;
    }
    reasons.extend(look.reasons());
    let grade = if look.differs() { grade.min(Grade::Strong) } else { grade };
    // Within one kind of agreement, those that look as asked come first.
    let score = score + 0.01 * look.share();
    Some(VehicleMatch { score, grade, outcome, reasons })
}

/// The end to look for, where what was given may be one.
fn tail_asked(vin: &str) -> Option<&str> {
    let at = vin.len().checked_sub(VIN_TAIL_MIN).filter(|_| vin.len() < vin::VIN_LEN)?;
    vin.get(at..)
}

fn near<'p>(plan: &'p VehiclePlan, held: &str) -> Option<&'p NearMark> {
    plan.near.iter().find(|n| n.mark == held)
}

/// Only sorts: what looks alike before what sounds alike.
fn near_score(near: &NearMark) -> f64 {
    match near.slip {
        Slip::LooksAlike => 0.28,
        Slip::Exchanged => 0.26,
        Slip::SoundsAlike => 0.24,
        Slip::Mistyped => 0.22,
        Slip::Missing | Slip::Extra => 0.2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(vrm: &str, vin: &str) -> VehiclePlan {
        plan_vehicle(&VehicleQuery { vrm: Some(vrm.into()), vin: Some(vin.into()), ..Default::default() })
            .expect("a plan")
    }

    fn car(vrm: Option<&str>, vin: &str) -> Vehicle {
        Vehicle { vrm: vrm.map(Into::into), vin: vin.into(), ..Vehicle::default() }
    }

    fn told(m: Option<VehicleMatch>) -> Option<(Outcome, Grade, Vec<String>)> {
        m.map(|m| (m.outcome, m.grade, m.reasons.into_iter().map(|r| r.code).collect()))
    }

    fn expect(outcome: Outcome, grade: Grade, codes: &[&str]) -> Option<(Outcome, Grade, Vec<String>)> {
        Some((outcome, grade, codes.iter().map(|&c| c.to_owned()).collect()))
    }

    const GOOD: &str = "1M8GDM9AXKP042788";
    const BAD: &str = "1M8GDM9A1KP042788";

    #[test]
    fn marks() {
        let held = car(Some("BD51SMR"), "");
        let certain = expect(Outcome::Hit, Grade::Certain, &["vrm_exact"]);
        assert_eq!(told(score_vehicle(&plan("bd51 smr", ""), &held)), certain);
        let decided = expect(Outcome::Hit, Grade::Strong, &["vrm_format_decided"]);
        assert_eq!(told(score_vehicle(&plan("BD5I SMR", ""), &held)), decided);
        assert_eq!(told(score_vehicle(&plan("BD57 SMR", ""), &held)), None);
        assert_eq!(told(score_vehicle(&plan("NA", ""), &car(None, ""))), None);
        // As written it fits a format (Northern Ireland), so nothing is decided.
        let m = score_vehicle(&plan("IO123", ""), &car(Some("10123"), "")).expect("folded");
        assert_eq!((m.outcome, m.grade), (Outcome::Possible, Grade::Fair));
        assert!(m.reasons[0].text.contains("character 1") && m.reasons[0].text.contains("make and colour"));
    }

    #[test]
    fn one_slip_away_is_possible_and_says_which_character() {
        let m = score_vehicle(&plan("BX63 KYT", ""), &car(Some("BX68KYT"), "")).expect("near");
        assert_eq!((m.outcome, m.grade), (Outcome::Possible, Grade::Weak));
        assert!(m.reasons[0].text.contains("character 4, 8 on the record, 3 asked (looks alike)"), "{:?}", m.reasons);
        let two = score_vehicle(&plan("BX13 KYT", ""), &car(Some("BX30KYT"), "")).expect("near");
        assert!(two.reasons[0].text.contains("characters 3 and 4, 30 on the record, 13 asked (sounds alike)"));
        assert_eq!(told(score_vehicle(&plan("BX63 KYT", ""), &car(Some("BX67KYT"), ""))), None);
        // With the VIN as written the slip is in the mark.
        let hit = expect(Outcome::Hit, Grade::Strong, &["vrm_near", "vin_exact"]);
        assert_eq!(told(score_vehicle(&plan("BX63 KYT", GOOD), &car(Some("BX68KYT"), GOOD))), hit);
    }

    #[test]
    fn the_end_of_a_vin_is_possible() {
        let ends = expect(Outcome::Possible, Grade::Fair, &["vin_tail"]);
        assert_eq!(told(score_vehicle(&plan("", "042788"), &car(None, GOOD))), ends);
        assert_eq!(told(score_vehicle(&plan("", "KP042788"), &car(Some("A1"), GOOD))), ends);
        assert_eq!(told(score_vehicle(&plan("", "042789"), &car(None, GOOD))), None);
        assert_eq!(told(score_vehicle(&plan("", "42788"), &car(None, GOOD))), None, "too short to say anything");
        let other = expect(Outcome::Possible, Grade::Weak, &["vin_tail", "vrm_differs"]);
        assert_eq!(told(score_vehicle(&plan("BX63KYT", "042788"), &car(Some("A1"), GOOD))), other);
        let chassis = expect(Outcome::Hit, Grade::Certain, &["vin_exact"]);
        assert_eq!(told(score_vehicle(&plan("", "042788"), &car(None, "042788"))), chassis);
    }

    #[test]
    fn part_of_a_mark_is_possible() {
        let part = expect(Outcome::Possible, Grade::Weak, &["vrm_part"]);
        for seen in ["BX6? KYT", "BX*", "*KYT", "*3K*"] {
            assert_eq!(told(score_vehicle(&plan(seen, ""), &car(Some("BX63KYT"), ""))), part, "{seen}");
        }
        assert_eq!(told(score_vehicle(&plan("BX*", ""), &car(Some("XB63KYT"), ""))), None);
        assert_eq!(told(score_vehicle(&plan("BX*", ""), &car(None, ""))), None);
        let by_vin = expect(Outcome::Hit, Grade::Certain, &["vin_exact"]);
        assert_eq!(told(score_vehicle(&plan("BX*", GOOD), &car(None, GOOD))), by_vin);
    }

    #[test]
    fn one_character_too_many_or_too_few() {
        for (asked, held, said) in [
            ("BX63 KY", "BX63KYT", "character 7 of the record, T, was not asked"),
            ("BX633 KYT", "BX63KYT", "character 5 asked, 3, is not on the record"),
            ("X63 KYT", "BX63KYT", "character 1 of the record, B, was not asked"),
        ] {
            let m = score_vehicle(&plan(asked, ""), &car(Some(held), "")).expect("near");
            assert_eq!((m.outcome, m.grade), (Outcome::Possible, Grade::Weak));
            assert!(m.reasons[0].text.contains(said), "{asked}: {:?}", m.reasons);
        }
    }

    #[test]
    fn what_it_looks_like_filters_parts_and_is_said_of_hits() {
        let looks = |vrm: &str| {
            let q = VehicleQuery {
                vrm: Some(vrm.into()),
                make: Some("vw golf".into()),
                colour: Some("silver".into()),
                ..Default::default()
            };
            plan_vehicle(&q).expect("a plan")
        };
        let golf = |make: &str, colour: &str| {
            let (make, colour) = (make.to_owned(), colour.to_owned());
            Vehicle { vrm: Some("BX63KYT".into()), make, model: "Golf".into(), colour, ..Vehicle::default() }
        };
        let part = expect(Outcome::Possible, Grade::Weak, &["vrm_part", "make_agrees", "colour_near"]);
        assert_eq!(told(score_vehicle(&looks("BX*KYT"), &golf("Volkswagen", "Grey"))), part);
        assert_eq!(told(score_vehicle(&looks("BX*KYT"), &golf("Volkswagen", "Red"))), None);
        let unsaid = Vehicle { model: String::new(), ..golf("", "") };
        assert_eq!(
            told(score_vehicle(&looks("BX*KYT"), &unsaid)),
            expect(Outcome::Possible, Grade::Weak, &["vrm_part"])
        );
        let hit = expect(Outcome::Hit, Grade::Strong, &["vrm_exact", "make_agrees", "colour_differs"]);
        assert_eq!(told(score_vehicle(&looks("BX63KYT"), &golf("Volkswagen", "Red"))), hit);
        let q = VehicleQuery { colour: Some("red".into()), ..Default::default() };
        assert_eq!(plan_vehicle(&q).map_err(|e| e.code), Err("nothing_asked"));
    }

    #[test]
    fn numbers() {
        let exact = expect(Outcome::Hit, Grade::Certain, &["vin_exact"]);
        assert_eq!(told(score_vehicle(&plan("", GOOD), &car(None, &GOOD.to_lowercase()))), exact);
        let warned = expect(Outcome::Hit, Grade::Certain, &["vin_exact", "vin_check_digit"]);
        assert_eq!(told(score_vehicle(&plan("", BAD), &car(None, BAD))), warned);
        assert_eq!(told(score_vehicle(&plan("", GOOD), &car(None, ""))), None);
    }

    #[test]
    fn mark_and_number_that_disagree_are_only_possible() {
        let one = expect(Outcome::Possible, Grade::Fair, &["vrm_exact", "vin_differs"]);
        assert_eq!(told(score_vehicle(&plan("BD51SMR", GOOD), &car(Some("BD51SMR"), BAD))), one);
        let other = expect(Outcome::Possible, Grade::Fair, &["vin_exact", "vrm_differs"]);
        assert_eq!(told(score_vehicle(&plan("BD51SMR", GOOD), &car(Some("A1"), GOOD))), other);
    }

    #[test]
    fn questions_that_cannot_be_searched() {
        let code = |vrm: &str, vin: &str| {
            let q = VehicleQuery { vrm: Some(vrm.into()), vin: Some(vin.into()), ..Default::default() };
            plan_vehicle(&q).map_err(|e| e.code).err()
        };
        assert_eq!(code(" ", ""), Some("nothing_asked"));
        assert_eq!(code("??", ""), Some("invalid_vrm"));
        assert_eq!(code("*", ""), Some("invalid_vrm"));
        assert_eq!(code("A1", &"9".repeat(21)), Some("invalid_vin"));
        assert_eq!(code(&" ".repeat(MAX_FIELD_BYTES + 1), ""), Some("field_too_long"));
    }
}
