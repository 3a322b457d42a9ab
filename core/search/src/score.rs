//! Persons: whether a candidate is shown, how well it agrees, and why.
//!
//! Two things are decided apart. The *score* adds weights of evidence in bits (see `assign` and `dob`) and sorts. The
//! *grade* follows from a table of what agrees, so that it can be read, said and contested: an officer is told 'strong'
//! because the surname and the date of birth are the same. Where something disagrees, the odds over all persons searched
//! may lower it, or make it a near miss, and never raise it. Names and dates alone are never more than possible (rule 3 of `PRODUCT.md`): a hit needs an
//! identifier, and details that do not disagree with it. A missing field is neutral, a disagreeing one costs.

use crate::assign::{Asked, NameFit, PartFit};
use crate::dob::{DobFit, best_fit};
use crate::grade::{
    NameClass, POSSIBLE_FROM, agrees_wholly, by_place, classify, details_agree, grade, identified_grade, lower,
    most_by_chance,
};
use crate::height::{HEIGHT_AGREES, HEIGHT_DIFFERS, heights_agree, parse_height};
use crate::person::PersonPlan;
use crate::place::fit_place;
use crate::reason::{reason, reason_saying};
use crate::token::TokenLevel;
use crate::weigh::NameWeights;
use beatcheck_model::{Grade, Name, Outcome, Person, Reason, Sex};

/// How a person record answers a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PersonMatch {
    /// 0 to 1, for sorting only; never a probability that may be shown.
    pub score: f64,
    /// How well it agrees, in a word.
    pub grade: Grade,
    /// `Hit` only if the identifier asked is on the record and no detail given disagrees; `NoTrace` for a near miss, which is
    /// no match but is shown as the nearest there is; else `Possible`.
    pub outcome: Outcome,
    /// Why, in words that can be said: identifier first, then names, date of birth, sex. Never empty.
    pub reasons: Vec<Reason>,
    /// Which of the record's names agreed, by index.
    pub matched_name: Option<usize>,
    /// The identifier asked is this record's, and the details asked disagree with it.
    pub identifier_conflict: bool,
}

/// A plan made ready to score many candidates.
#[derive(Clone, Debug)]
pub struct PersonScorer<'a> {
    plan: &'a PersonPlan,
    asked: Asked,
    possible_from: f64,
}

/// Scores one candidate; see [`PersonScorer::score`], which is cheaper for many.
#[must_use]
pub fn score_person(plan: &PersonPlan, p: &Person, weights: &NameWeights) -> Option<PersonMatch> {
    PersonScorer::new(plan).score(p, weights)
}

/// Bits of an identifier that is this record's, and of one that is not on it.
const IDENTIFIER: f64 = 30.0;
const IDENTIFIER_NOT_HELD: f64 = -3.0;
/// Bits of an identifier one slip from the one asked, whose check letter does not fit: some twenty numbers are so near.
const IDENTIFIER_NEAR: f64 = 22.0;
/// Bits for a sex that agrees.
pub const SEX_AGREES: f64 = 1.0;
/// Bits for one that does not: it is written wrong now and then.
pub const SEX_DIFFERS: f64 = -4.0;
const ALIAS: f64 = -1.0;
/// Bits from which a record that is no match is shown as a near miss.
const NEAR_MISS: f64 = 1.0;

struct BestName {
    index: Option<usize>,
    fit: Option<NameFit>,
    class: NameClass,
    grade: Option<Grade>,
}

impl<'a> PersonScorer<'a> {
    /// Prepares the tokens of a plan.
    #[must_use]
    pub fn new(plan: &'a PersonPlan) -> Self {
        Self { plan, asked: Asked::new(plan), possible_from: POSSIBLE_FROM }
    }

    /// Draws the line between a possible match and a near miss at these odds in bits, instead of at -3 (policy's
    /// `possible_odds_bits`).
    #[must_use]
    pub fn possible_from(mut self, bits: f64) -> Self {
        self.possible_from = bits;
        self
    }

    /// Scores a candidate; `None` if it does not agree enough to be shown.
    ///
    /// `weights` are those of this question over the persons searched. All names and dates of the record are tried and the best counts; an alias is said to be one. A
    /// record that bears the identifier asked is always shown, however much its details disagree.
    #[must_use]
    pub fn score(&self, p: &Person, weights: &NameWeights) -> Option<PersonMatch> {
        let (dob, dob_index) = best_fit(self.plan.dob.as_ref(), &p.dobs);
        let best = self.best_name(p, dob, weights);
        let bears = self.plan.identifier.as_ref().map(|id| p.identifiers.iter().any(|i| id.is(&i.value)));
        let slip = self.plan.identifier.as_ref().filter(|_| bears == Some(false));
        let slip = slip.and_then(|id| p.identifiers.iter().find_map(|i| id.slip(&i.value)));
        let (place, place_bits) = fit_place(self.plan.place.as_ref(), &p.addresses, |key| weights.place_bits(key));
        let height = self.plan.height.zip(parse_height(&p.height_band).ok()).map(|(a, b)| heights_agree(a, b));
        let sex = match (self.plan.sex, p.sex) {
            (None, _) | (_, Sex::Unknown | Sex::Other) | (Some(Sex::Unknown | Sex::Other), _) => None,
            (Some(asked), held) => Some(asked == held),
        };
        let names = best.fit.map_or(0.0, |f| f.bits);
        let surplus = (names - weights.sum_most(names)).max(0.0);
        let dob_bits = match dob {
            DobFit::Exact | DobFit::FirstOfJanuary => dob.bits().min(weights.day_most()),
            _ => dob.bits(),
        };
        let mut bits = names
            + dob_bits
            + sex.map_or(0.0, |s| if s { SEX_AGREES } else { SEX_DIFFERS })
            + height.map_or(0.0, |h| if h { HEIGHT_AGREES } else { HEIGHT_DIFFERS })
            + place_bits;
        let mut reasons = Vec::new();
        let (outcome, grade, conflict) = if bears == Some(true) {
            bits += IDENTIFIER;
            reasons.push(reason("identifier_exact"));
            let agree = details_agree(best.class, dob) && sex != Some(false);
            if agree {
                (Outcome::Hit, identified_grade(best.class, dob), false)
            } else {
                let text = format!("belongs to {}; details disagree", describe(p));
                reasons.push(reason_saying("identifier_details_disagree", text));
                (Outcome::Possible, Grade::Fair, true)
            }
        } else {
            if let Some(slip) = slip {
                bits += IDENTIFIER_NEAR;
                reasons.push(reason_saying("identifier_near", format!("an identifier one slip away: {slip}")));
            } else if bears == Some(false) {
                bits += IDENTIFIER_NOT_HELD;
            }
            let nearly = slip.is_some() && details_agree(best.class, dob) && sex != Some(false);
            match by_place(best.grade, best.class, dob, place) {
                // The check letter says that the number asked is wrong, and this one is right.
                _ if nearly => (Outcome::Possible, Grade::Strong, false),
                Some(grade) => {
                    let odds = bits - surplus - (weights.persons().max(1) as f64).log2();
                    let most = if agrees_wholly(best.class, dob) {
                        Some(Grade::Certain)
                    } else {
                        most_by_chance(odds, self.possible_from)
                    };
                    let outcome = if most.is_some() { Outcome::Possible } else { Outcome::NoTrace };
                    let grade = grade.min(most.unwrap_or(Grade::Weak));
                    let grade = if sex == Some(false) { lower(grade) } else { grade };
                    let most = if bears == Some(false) { Grade::Strong } else { Grade::Certain };
                    (outcome, grade.min(most), false)
                }
                None if bits >= NEAR_MISS => (Outcome::NoTrace, Grade::Weak, false),
                None => return None,
            }
        };
        if let (Some(fit), Some(i)) = (best.fit, best.index) {
            name_reasons(&fit, &mut reasons);
            if is_alias(p, i) && best.class != NameClass::None {
                reasons.push(reason("alias"));
            }
        }
        if let Some(code) = dob.code() {
            reasons.push(dob_reason(dob, code));
            if dob_index > 0 && dob != DobFit::Differs {
                reasons.push(reason("dob_other"));
            }
        }
        reasons.extend(sex.map(|s| reason(if s { "sex_agrees" } else { "sex_differs" })));
        reasons.extend(place.code().map(reason));
        reasons.extend(height.map(|h| reason(if h { "height_agrees" } else { "height_differs" })));
        if bears == Some(false) && slip.is_none() {
            reasons.push(reason("identifier_not_held"));
        }
        let matched_name = best.index.filter(|_| !matches!(best.class, NameClass::NotAsked | NameClass::None));
        Some(PersonMatch { score: squash(bits), grade, outcome, reasons, matched_name, identifier_conflict: conflict })
    }

    fn best_name(&self, p: &Person, dob: DobFit, weights: &NameWeights) -> BestName {
        let mut best = BestName { index: None, fit: None, class: NameClass::NotAsked, grade: None };
        if self.asked.is_empty() {
            best.grade = grade(NameClass::NotAsked, dob, 0.0, None);
            return best;
        }
        for (i, name) in p.names.iter().enumerate() {
            let mut fit = self.asked.fit(name, weights);
            if is_alias(p, i) {
                fit.bits += ALIAS;
            }
            let class = classify(&fit);
            let mut graded = grade(class, dob, fit.bits, Some(&fit));
            if fit.swapped || is_alias(p, i) {
                graded = graded.map(|g| g.min(Grade::Strong));
            }
            if best.fit.is_none_or(|b| (graded, fit.bits) > (best.grade, b.bits)) {
                best = BestName { index: Some(i), fit: Some(fit), class, grade: graded };
            }
        }
        best
    }
}

fn is_alias(p: &Person, i: usize) -> bool {
    i > 0 || p.names.get(i).is_some_and(|n| n.kind == "alias")
}

/// The record's subject in a few words: primary name and date of birth.
fn describe(p: &Person) -> String {
    let name = p.names.first().map(|Name { given, surname, .. }| format!("{given} {surname}").trim().to_owned());
    let name = name.filter(|n| !n.is_empty()).unwrap_or_else(|| "a person without a recorded name".to_owned());
    match p.dobs.first() {
        Some(dob) => format!("{name}, born {dob}"),
        None => name,
    }
}

fn name_reasons(fit: &NameFit, reasons: &mut Vec<Reason>) {
    let surname = match fit.surname {
        PartFit::NotAsked | PartFit::Unknown => None,
        PartFit::Differs => Some("surname_differs"),
        PartFit::Agrees { level: TokenLevel::Exact, part: true, .. } => Some("surname_part"),
        PartFit::Agrees { level, .. } => Some(match level {
            TokenLevel::Exact => "surname_exact",
            TokenLevel::Near1 => "surname_near",
            TokenLevel::Nickname => "surname_variant",
            TokenLevel::Prefix => "surname_prefix",
            TokenLevel::Near2 => "surname_near_two",
            TokenLevel::Sound => "surname_sound",
            TokenLevel::Within => "surname_within",
            TokenLevel::Alike => "surname_alike",
            TokenLevel::Initial => "surname_initial",
        }),
    };
    let given = match fit.given {
        PartFit::NotAsked | PartFit::Unknown => None,
        PartFit::Differs => Some("given_differs"),
        PartFit::Agrees { level, .. } => Some(match level {
            TokenLevel::Exact => "given_exact",
            TokenLevel::Near1 => "given_near",
            TokenLevel::Nickname => "given_nickname",
            TokenLevel::Prefix => "given_prefix",
            TokenLevel::Near2 => "given_near_two",
            TokenLevel::Sound => "given_sound",
            TokenLevel::Within => "given_within",
            TokenLevel::Alike => "given_alike",
            TokenLevel::Initial => "given_initial",
        }),
    };
    reasons.extend(surname.into_iter().chain(given).map(reason));
    if fit.swapped {
        reasons.push(reason("names_swapped"));
    }
}

fn dob_reason(dob: DobFit, code: &'static str) -> Reason {
    match dob {
        DobFit::YearOnly => reason_saying(code, "year of birth only; day or month differ".to_owned()),
        DobFit::About => reason_saying(code, "year of birth within two of the one asked".to_owned()),
        _ => reason(code),
    }
}

/// Bits to 0..1, keeping their order over the range that occurs (-20 to 90).
fn squash(bits: f64) -> f64 {
    1.0 / (1.0 + (-(bits - 12.0) / 6.0).exp())
}
