//! Persons: the plan of a question, and the keys under which a record is found.

use crate::dob::{DobQuery, parse_dob};
use crate::error::InvalidQuery;
use crate::name::{MAX_TOKENS, name_tokens};
use crate::vehicle::field;
use crate::vrm::alphanumeric;
use crate::weigh::NameRole;
use beatcheck_model::{Person, PersonQuery, Sex};

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
    /// Identifier, by [`normalise_identifier`].
    pub identifier: Option<String>,
}

/// Plans a person check. A blank field counts as not given; a sex alone is not enough to search by.
///
/// # Errors
/// [`InvalidQuery`] if nothing usable was given, a date of birth was given that [`parse_dob`] does not read, or a field
/// is longer than `MAX_FIELD_BYTES` (an identifier: [`MAX_IDENTIFIER_LEN`] characters; it is never cut short).
///
/// ```
/// use beatcheck_model::PersonQuery;
/// use beatcheck_search::plan_person;
/// let plan = plan_person(&PersonQuery { surname: Some("O'Neill".into()), ..Default::default() }).unwrap();
/// assert_eq!(plan.surname, ["oneill"]);
/// assert_eq!(plan_person(&PersonQuery::default()).unwrap_err().code, "nothing_asked");
/// ```
pub fn plan_person(q: &PersonQuery) -> Result<PersonPlan, InvalidQuery> {
    let tokens = |text: &Option<String>| Ok(field(text.as_deref())?.map(asked_tokens).unwrap_or_default());
    let identifier = match field(q.identifier.as_deref())? {
        None => None,
        Some(t) => Some(normalise_identifier(t)).filter(|t| !t.is_empty()),
    };
    if identifier.as_ref().is_some_and(|t| t.len() > MAX_IDENTIFIER_LEN) {
        return Err(InvalidQuery::FIELD_TOO_LONG);
    }
    let plan = PersonPlan {
        surname: tokens(&q.surname)?,
        given: tokens(&q.given)?,
        any: tokens(&q.name)?,
        dob: field(q.dob.as_deref())?.map(parse_dob).transpose()?,
        sex: q.sex.filter(|s| *s != Sex::Unknown),
        identifier,
    };
    let named = !(plan.surname.is_empty() && plan.given.is_empty() && plan.any.is_empty());
    if named || plan.dob.is_some() || plan.identifier.is_some() { Ok(plan) } else { Err(InvalidQuery::NOTHING_ASKED) }
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

    fn code(q: PersonQuery) -> Option<&'static str> {
        plan_person(&q).map_err(|e| e.code).err()
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
        let plan = plan_person(&q).expect("a plan");
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
