//! Questions by what a role may not see. Answering them would tell it: whoever asks for an address and gets a name knows
//! where that person lives. So a part of a question that is hidden is left out, with a note; a question of nothing else is
//! refused.

use beatcheck_model::{Query, Reason};
use beatcheck_policy::Permit;
use beatcheck_wire::policy::Hidden;

/// The question without what is hidden, and what is to be said of that.
///
/// # Errors
/// In words, if nothing is left to ask.
pub(crate) fn without_hidden(query: &Query, permit: &Permit) -> Result<(Query, Vec<Reason>), String> {
    let (mut query, mut left_out) = (query.clone(), Vec::new());
    let hides = |what| permit.hides_any(what);
    let mut drop_if = |hidden: bool, field: &mut Option<String>, name: &'static str| {
        if hidden && field.take().is_some_and(|t| !t.trim().is_empty()) {
            left_out.push(name);
        }
    };
    let empty = match &mut query {
        Query::Linked(_) if hides(Hidden::Links) => {
            return Err("your role does not see what records are linked with: ask control".into());
        }
        Query::Linked(_) => false,
        Query::Vehicle(q) => {
            drop_if(hides(Hidden::Identifiers), &mut q.vin, "the VIN");
            [&q.vrm, &q.vin, &q.make, &q.colour, &q.body_type, &q.year].iter().all(|f| f.is_none())
        }
        Query::Person(q) => {
            drop_if(hides(Hidden::Identifiers), &mut q.identifier, "the identifier");
            drop_if(hides(Hidden::Address), &mut q.address, "the address");
            drop_if(hides(Hidden::Address), &mut q.postcode, "the postcode");
            [&q.surname, &q.given, &q.name, &q.dob, &q.identifier, &q.age, &q.address, &q.postcode]
                .iter()
                .all(|f| f.is_none())
        }
    };
    if empty && !left_out.is_empty() {
        return Err(format!(
            "your role may not search by {}: ask by something else, or ask control",
            left_out.join(", ")
        ));
    }
    let note = |what: &&str| Reason {
        code: "field_left_out".into(),
        text: format!("{what} was left out: your role may not search by it"),
    };
    Ok((query, left_out.iter().map(note).collect()))
}
