//! The table of grades: what may be called certain, strong, fair or weak, so that it can be read, said and contested.

use crate::assign::{NameFit, PartFit};
use crate::dob::DobFit;
use crate::place::PlaceFit;
use crate::token::TokenLevel;
use beatcheck_model::Grade;

/// Odds in bits, over all persons searched, from which a candidate that disagrees in something may be called possible, where
/// policy says nothing else. Of people who are not there, fewer come so far the higher it is; `docs/matching.md` has the shares.
pub(crate) const POSSIBLE_FROM: f64 = -3.0;
/// Bits above it from which such a candidate may be called fair, and strong.
const FAIR_ABOVE: f64 = 2.0;
const STRONG_ABOVE: f64 = 5.0;

/// What agrees of the name, in the classes that grades depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameClass {
    NotAsked,
    /// Surname and given name as asked.
    Full,
    /// Both agree, one of them not to the letter.
    FullNear,
    /// A surname alone, as asked.
    Surname,
    SurnameNear,
    /// A given name alone, as asked.
    Given,
    GivenNear,
    /// The surname agrees, the given name does not.
    GivenDiffers,
    /// The given name agrees, the surname does not.
    SurnameDiffers,
    /// Nothing agrees.
    None,
}

/// Whether all that was asked and is recorded agrees, to the letter. Such a candidate is possible however many namesakes
/// there are: the officer asked no more.
pub(crate) fn agrees_wholly(class: NameClass, dob: DobFit) -> bool {
    use NameClass::{Full, Given, NotAsked, Surname};
    matches!(class, Full | Surname | Given | NotAsked)
        && matches!(
            dob,
            DobFit::NotAsked
                | DobFit::Unknown
                | DobFit::Exact
                | DobFit::FirstOfJanuary
                | DobFit::YearMonth
                | DobFit::Year
                | DobFit::About
                | DobFit::Aged
        )
}

/// The best grade for a candidate of whom something disagrees, by the odds in bits that it is the person asked about and
/// not one of so many strangers; `None` makes it a near miss.
pub(crate) fn most_by_chance(odds: f64, possible_from: f64) -> Option<Grade> {
    match odds {
        o if o >= possible_from + STRONG_ABOVE => Some(Grade::Strong),
        o if o >= possible_from + FAIR_ABOVE => Some(Grade::Fair),
        o if o >= possible_from => Some(Grade::Weak),
        _ => None,
    }
}

pub(crate) fn classify(fit: &NameFit) -> NameClass {
    use PartFit::*;
    // A surname known only by its first letter is not evidence enough to carry a match, nor is one that is hardly alike.
    let weak_surname = matches!(fit.surname, Agrees { level: TokenLevel::Initial | TokenLevel::Alike, .. });
    let given = match fit.given {
        Agrees { level: TokenLevel::Alike, .. } => Differs,
        given => given,
    };
    match (fit.surname, given) {
        (Agrees { .. }, Agrees { .. }) if weak_surname => NameClass::SurnameDiffers,
        (Agrees { .. }, _) if weak_surname => NameClass::None,
        (Agrees { complete: true, .. }, Agrees { complete: true, .. }) => NameClass::Full,
        (Agrees { .. }, Agrees { .. }) => NameClass::FullNear,
        (Agrees { complete: true, .. }, NotAsked | Unknown) => NameClass::Surname,
        (Agrees { .. }, NotAsked | Unknown) => NameClass::SurnameNear,
        (Agrees { .. }, Differs) => NameClass::GivenDiffers,
        (NotAsked | Unknown, Agrees { complete: true, .. }) => NameClass::Given,
        (NotAsked | Unknown, Agrees { level, .. }) if level > TokenLevel::Initial => NameClass::GivenNear,
        (Differs, Agrees { level, .. }) if level > TokenLevel::Initial => NameClass::SurnameDiffers,
        _ => NameClass::None,
    }
}

/// The table of grades; `None` is not shown. Bits decide only where the rarity of the name does.
pub(crate) fn grade(class: NameClass, dob: DobFit, bits: f64, fit: Option<&NameFit>) -> Option<Grade> {
    use Grade::*;
    #[derive(Clone, Copy)]
    enum D {
        Exact,
        Near,
        /// All that both sides know agrees.
        Part,
        Unknown,
        YearOnly,
        YearNear,
        Differs,
    }
    let d = match dob {
        DobFit::Exact => D::Exact,
        DobFit::Swapped | DobFit::OneDigit | DobFit::Transposed => D::Near,
        DobFit::FirstOfJanuary | DobFit::YearMonth | DobFit::Year | DobFit::About => D::Part,
        // An age is a guess: that it agrees is no evidence that could raise a grade.
        DobFit::NotAsked | DobFit::Unknown | DobFit::Aged => D::Unknown,
        DobFit::YearOnly => D::YearOnly,
        DobFit::YearNear => D::YearNear,
        DobFit::Differs => D::Differs,
    };
    let rare = bits >= 8.0;
    let surname_close =
        fit.is_some_and(|f| matches!(f.surname, PartFit::Agrees { level, .. } if level >= TokenLevel::Prefix));
    let given_close =
        fit.is_some_and(|f| matches!(f.given, PartFit::Agrees { level, .. } if level >= TokenLevel::Near1));
    match (class, d) {
        (NameClass::Full, D::Exact) => Some(Certain),
        (NameClass::Full, D::Near | D::Part) => Some(Strong),
        (NameClass::Full, D::Unknown | D::YearOnly) => Some(Fair),
        (NameClass::Full, D::YearNear) => Some(Weak),
        // Another date altogether: only where hardly anybody else bears such a name (about 1 in 8,000).
        (NameClass::Full | NameClass::FullNear, D::Differs) => (bits >= 13.0).then_some(Weak),

        (NameClass::FullNear | NameClass::Surname, D::Exact) => Some(Strong),
        (NameClass::FullNear | NameClass::Surname, D::Near | D::Part) => Some(Fair),
        (NameClass::FullNear, D::Unknown) => Some(if rare { Fair } else { Weak }),
        (NameClass::Surname, D::Unknown) => Some(Fair),
        (NameClass::FullNear | NameClass::Surname, D::YearOnly) => Some(Weak),
        (NameClass::FullNear | NameClass::Surname, D::YearNear) => rare.then_some(Weak),
        (NameClass::Surname, D::Differs) => None,

        (NameClass::SurnameNear | NameClass::Given, D::Exact) => Some(Fair),
        (NameClass::SurnameNear | NameClass::Given, D::Near | D::Part | D::Unknown) => Some(Weak),
        (NameClass::GivenNear, D::Exact | D::Near | D::Part) => Some(Weak),
        (NameClass::GivenNear, D::Unknown) => given_close.then_some(Weak),
        (NameClass::SurnameNear | NameClass::Given | NameClass::GivenNear, _) => None,

        (NameClass::GivenDiffers, D::Exact) => Some(Fair),
        (NameClass::GivenDiffers, D::Near) => Some(Weak),
        (NameClass::GivenDiffers, D::Part) => surname_close.then_some(Weak),
        // A surname changes with marriage; the date of birth does not.
        (NameClass::SurnameDiffers, D::Exact) => Some(Weak),
        (NameClass::SurnameDiffers, D::Near) => given_close.then_some(Weak),
        (NameClass::GivenDiffers | NameClass::SurnameDiffers | NameClass::None, _) => None,

        (NameClass::NotAsked, D::Exact) => Some(Fair),
        (NameClass::NotAsked, D::Near | D::Part) => Some(Weak),
        (NameClass::NotAsked, _) => None,
    }
}

/// An address that agrees wholly raises a grade where nothing disagrees, never to the best: families share addresses and
/// names. Asked alone it shows who is recorded there.
pub(crate) fn by_place(grade: Option<Grade>, class: NameClass, dob: DobFit, place: PlaceFit) -> Option<Grade> {
    match (grade, place) {
        (Some(Grade::Weak), PlaceFit::Whole) if details_agree(class, dob) => Some(Grade::Fair),
        (Some(Grade::Fair), PlaceFit::Whole) if details_agree(class, dob) => Some(Grade::Strong),
        (None, PlaceFit::Whole) if details_agree(class, dob) && class == NameClass::NotAsked => Some(Grade::Weak),
        (grade, _) => grade,
    }
}

/// Whether name and date agree with the record as far as both are known, misspellings and slips allowed.
pub(crate) fn details_agree(class: NameClass, dob: DobFit) -> bool {
    !matches!(class, NameClass::GivenDiffers | NameClass::SurnameDiffers | NameClass::None)
        && !matches!(dob, DobFit::YearOnly | DobFit::YearNear | DobFit::Differs)
}

pub(crate) fn identified_grade(class: NameClass, dob: DobFit) -> Grade {
    let near_name = matches!(class, NameClass::FullNear | NameClass::SurnameNear | NameClass::GivenNear);
    let near_dob = matches!(dob, DobFit::Swapped | DobFit::OneDigit | DobFit::Transposed);
    if near_name || near_dob { Grade::Strong } else { Grade::Certain }
}

pub(crate) fn lower(grade: Grade) -> Grade {
    match grade {
        Grade::Certain => Grade::Strong,
        Grade::Strong => Grade::Fair,
        Grade::Fair | Grade::Weak => Grade::Weak,
    }
}
