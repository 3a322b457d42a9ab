//! Persons: the plan of a question, and the keys under which a record is found.

use crate::dob::{DobQuery, parse_age, parse_dob};
use crate::driver::DriverNumber;
use crate::error::InvalidQuery;
use crate::height::{HeightBand, parse_height};
use crate::identifier::AskedIdentifier;
use crate::name::{MAX_TOKENS, name_tokens};
use crate::place::{PlaceQuery, parse_place};
use crate::reason::{reason, reason_saying};
use crate::vehicle::field;
use crate::vrm::alphanumeric;
use crate::weigh::NameRole;
use beatcheck_model::{PartialDate, Person, PersonQuery, Reason, Sex};
use std::collections::BTreeMap;

/// Longest identifier that is searched for, in characters after normalising.
pub const MAX_IDENTIFIER_LEN: usize = 64;

/// What to look up for a person. Tokens are those of [`name_tokens`]; one that ends in `*` is a beginning of two letters
/// or more, for [`crate::prepare_token`] to read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PersonPlan {
    /// Tokens of the surname.
    pub surname: Vec<String>,
    /// Tokens of the given names.
    pub given: Vec<String>,
    /// Tokens of a whole name in any order.
    pub any: Vec<String>,
    /// Date of birth.
    pub dob: Option<DobQuery>,
    /// Sex, where it is to count; never `Unknown`.
    pub sex: Option<Sex>,
    /// Identifier.
    pub identifier: Option<AskedIdentifier>,
    /// What the identifier says of its holder, if it is a driver number.
    pub driver: Option<DriverNumber>,
    /// Height, in centimetres.
    pub height: Option<HeightBand>,
    /// Address or part of one.
    pub place: Option<PlaceQuery>,
    /// Other forms of tokens of this plan, by tables that came from a hub.
    pub variants: BTreeMap<String, Vec<String>>,
    /// What is to be said of the question itself: a check letter that does not fit, details that a number contradicts.
    pub notes: Vec<Reason>,
}

/// Plans a person check, made on the day `today`. A blank field counts as not given; a sex, an age or a height alone is not
/// enough to search by. A driver number is also a question: where no name and no date of birth were given, its own are asked.
///
/// # Errors
/// [`InvalidQuery`] if nothing usable was given, a date of birth was given that [`parse_dob`] does not read (or an age, a
/// height, a postcode), or a field is longer than `MAX_FIELD_BYTES` (an identifier: [`MAX_IDENTIFIER_LEN`] characters; it is never cut short).
///
/// ```
/// use beatcheck_model::{PartialDate, PersonQuery};
/// use beatcheck_search::plan_person;
/// let today = PartialDate::new(2026, 11, 24);
/// let plan = plan_person(&PersonQuery { surname: Some("O'Neill".into()), ..Default::default() }, today).unwrap();
/// assert_eq!(plan.surname, ["oneill"]);
/// assert_eq!(plan_person(&PersonQuery::default(), today).unwrap_err().code, "nothing_asked");
/// ```
pub fn plan_person(q: &PersonQuery, today: PartialDate) -> Result<PersonPlan, InvalidQuery> {
    let tokens = |text: &Option<String>| Ok(field(text.as_deref())?.map(asked_tokens).unwrap_or_default());
    let typed = field(q.identifier.as_deref())?;
    let normal = typed.map(normalise_identifier).unwrap_or_default();
    if normal.len() > MAX_IDENTIFIER_LEN {
        return Err(InvalidQuery::FIELD_TOO_LONG);
    }
    let dob = field(q.dob.as_deref())?.map(parse_dob).transpose()?;
    let age = field(q.age.as_deref())?.map(|t| parse_age(t, today)).transpose()?;
    if dob.is_some() && age.is_some() {
        return Err(InvalidQuery::DOB_AND_AGE);
    }
    let aged = age.is_some();
    let mut plan = PersonPlan {
        surname: tokens(&q.surname)?,
        given: tokens(&q.given)?,
        any: tokens(&q.name)?,
        dob: dob.or(age),
        sex: q.sex.filter(|s| *s != Sex::Unknown),
        identifier: typed.and_then(AskedIdentifier::read),
        driver: DriverNumber::read(&normal, today),
        height: field(q.height.as_deref())?.map(parse_height).transpose()?,
        place: parse_place(field(q.address.as_deref())?, field(q.postcode.as_deref())?)?,
        variants: BTreeMap::new(),
        notes: Vec::new(),
    };
    let born = plan.dob.is_some() && !aged;
    if !(plan.is_named() || born || plan.identifier.is_some() || plan.place.is_some()) {
        return Err(InvalidQuery::NOTHING_ASKED);
    }
    if let Some(kind) = plan.identifier.as_ref().and_then(|i| i.misfit) {
        let text =
            format!("the check letter of this {} does not fit: one character is wrong, read it again", kind.name());
        plan.notes.push(reason_saying("check_letter", text));
    }
    if let Some(driver) = plan.driver.clone() {
        plan.read_driver(&driver);
    }
    Ok(plan)
}

impl PersonPlan {
    /// Whether any part of a name is asked.
    #[must_use]
    pub fn is_named(&self) -> bool {
        !(self.surname.is_empty() && self.given.is_empty() && self.any.is_empty())
    }

    /// Asks what the number says where nothing else was asked; says where it contradicts what was.
    fn read_driver(&mut self, driver: &DriverNumber) {
        if !self.is_named() && self.dob.is_none() {
            self.surname.extend(driver.surname_token());
            self.given.extend(driver.initial.map(String::from));
            self.dob = Some(DobQuery::Exact(driver.dob));
            self.sex = self.sex.or(Some(driver.sex));
            self.notes.push(reason("driver_number"));
            return;
        }
        if !self.surname.is_empty() && !driver.fits_surname(&self.surname) {
            self.notes.push(reason("driver_number_surname"));
        }
        if self.dob.as_ref().is_some_and(|asked| crate::dob::contradicts(asked, driver.dob)) {
            self.notes.push(reason("driver_number_dob"));
        }
        if self.sex.is_some_and(|s| s != driver.sex) {
            self.notes.push(reason("driver_number_sex"));
        }
    }
}

/// Tokens of a name as asked, in which `*` after a letter marks a beginning (`Smi*`). After a single letter it adds nothing:
/// that is an initial.
fn asked_tokens(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for piece in text.split_inclusive('*') {
        let mut tokens = name_tokens(piece);
        let beginning = piece.strip_suffix('*').is_some_and(|p| p.ends_with(char::is_alphanumeric));
        if let Some(last) = tokens.last_mut()
            && beginning
            && last.chars().nth(1).is_some()
        {
            last.push('*');
        }
        out.extend(tokens);
        if out.len() >= MAX_TOKENS {
            break;
        }
    }
    out.truncate(MAX_TOKENS);
    out
}

/// The comparable form of an identifier: NFKC, upper case, only `A-Z0-9`. Empty if nothing is left. Idempotent.
///
/// ```
/// assert_eq!(beatcheck_search::normalise_identifier("2001/0000123x"), "20010000123X");
/// ```
#[must_use]
pub fn normalise_identifier(text: &str) -> String {
    alphanumeric(text, usize::MAX).unwrap_or_default()
}

/// The tokens under which a person is indexed, with the part of the name each stands in, sorted and each once. A part that
/// no name of the record has is there as an empty token: who has no recorded surname does not differ from the one asked.
/// Tokens of one name are there joined as well: `van der Merwe` is found as `Vandermerwe`.
#[must_use]
pub fn index_names(p: &Person) -> Vec<(NameRole, String)> {
    let mut out: Vec<(NameRole, String)> = Vec::new();
    for (role, texts) in [
        (NameRole::Surname, p.names.iter().map(|n| &n.surname).collect::<Vec<_>>()),
        (NameRole::Given, p.names.iter().map(|n| &n.given).collect()),
    ] {
        let before = out.len();
        for text in texts {
            let tokens = name_tokens(text);
            if tokens.len() > 1 {
                out.push((role, tokens.concat()));
            }
            out.extend(tokens.into_iter().map(|t| (role, t)));
        }
        if out.len() == before {
            out.push((role, String::new()));
        }
    }
    out.sort_unstable();
    out.dedup();
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use beatcheck_model::{MAX_FIELD_BYTES, Name};

    const TODAY: PartialDate = PartialDate { year: 2026, month: 11, day: 24 };

    fn code(q: PersonQuery) -> Option<&'static str> {
        plan_person(&q, TODAY).map_err(|e| e.code).err()
    }

    #[test]
    fn a_driver_number_is_a_question_and_a_witness() {
        let number = Some("MORGA753116SM9IJ".to_owned());
        let alone =
            plan_person(&PersonQuery { identifier: number.clone(), ..Default::default() }, TODAY).expect("a plan");
        assert_eq!((alone.surname, alone.given), (vec!["morga*".to_owned()], vec!["s".to_owned()]));
        assert_eq!(alone.dob, Some(DobQuery::Exact(PartialDate::new(1976, 3, 11))));
        assert_eq!(alone.sex, Some(Sex::Female));
        let q = PersonQuery {
            identifier: number,
            surname: Some("Smith".into()),
            dob: Some("1976-03-12".into()),
            sex: Some(Sex::Male),
            ..Default::default()
        };
        let plan = plan_person(&q, TODAY).expect("a plan");
        let said: Vec<&str> = plan.notes.iter().map(|n| n.code.as_str()).collect();
        assert_eq!(said, ["driver_number_surname", "driver_number_dob", "driver_number_sex"]);
        assert_eq!(plan.surname, ["smith"]);
    }

    #[test]
    fn plans() {
        let q = PersonQuery {
            surname: Some("Smith".into()),
            given: Some(" ".into()),
            dob: Some("".into()),
            sex: Some(Sex::Unknown),
            identifier: Some("--".into()),
            ..Default::default()
        };
        let plan = plan_person(&q, TODAY).expect("a plan");
        assert_eq!(plan, PersonPlan { surname: vec!["smith".into()], ..Default::default() });
    }

    #[test]
    fn beginnings() {
        for (text, tokens) in
            [("Smi*", vec!["smi*"]), ("J* Mc Don*", vec!["j", "mcdon*"]), ("* smith *", vec!["smith"]), ("**", vec![])]
        {
            assert_eq!(asked_tokens(text), tokens, "{text}");
        }
    }

    #[test]
    fn refusals() {
        assert_eq!(code(PersonQuery { sex: Some(Sex::Male), ..Default::default() }), Some("nothing_asked"));
        assert_eq!(code(PersonQuery { age: Some("30".into()), ..Default::default() }), Some("nothing_asked"));
        assert_eq!(code(PersonQuery { height: Some("172".into()), ..Default::default() }), Some("nothing_asked"));
        assert_eq!(code(PersonQuery { postcode: Some("B15".into()), ..Default::default() }), None);
        let both = PersonQuery { dob: Some("1984".into()), age: Some("30".into()), ..Default::default() };
        assert_eq!(code(both), Some("dob_and_age"));
        assert_eq!(code(PersonQuery { name: Some("?!".into()), ..Default::default() }), Some("nothing_asked"));
        let long = "a".repeat(MAX_FIELD_BYTES + 1);
        assert_eq!(code(PersonQuery { name: Some(long.clone()), ..Default::default() }), Some("field_too_long"));
        assert_eq!(code(PersonQuery { dob: Some("soon".into()), ..Default::default() }), Some("invalid_dob"));
        let id = Some("9".repeat(MAX_IDENTIFIER_LEN + 1));
        assert_eq!(code(PersonQuery { identifier: id, ..Default::default() }), Some("field_too_long"));
    }

    #[test]
    fn indexed_under_every_name_once() {
        let name =
            |given: &str, surname: &str| Name { given: given.into(), surname: surname.into(), kind: String::new() };
        let p = Person { names: vec![name("Ann Marie", "Smith"), name("Annie", "Smith-Jones")], ..Default::default() };
        let found: Vec<(NameRole, String)> = index_names(&p);
        let of = |role| found.iter().filter(|t| t.0 == role).map(|t| t.1.as_str()).collect::<Vec<_>>();
        assert_eq!(of(NameRole::Surname), ["jones", "smith", "smithjones"]);
        assert_eq!(of(NameRole::Given), ["ann", "annie", "annmarie", "marie"]);
        assert_eq!(index_names(&Person::default()).iter().filter(|t| t.1.is_empty()).count(), 2);
    }
}
