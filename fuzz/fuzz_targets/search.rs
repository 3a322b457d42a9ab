//! What an officer types: names, marks, dates, identifiers, and whole questions as JSON.
#![no_main]

use beatcheck_model::{Address, Identifier, Name, PartialDate, Person, Query, Vehicle};
use beatcheck_search::{
    AskedIdentifier, MAX_TOKEN_CHARS, MAX_TOKENS, decide_by_format, fold_vrm, name_tokens, normalise_identifier,
    normalise_vin, normalise_vrm, parse_age, parse_dob, parse_height, parse_place, phonetic_key, plan_person, plan_vehicle,
    prepare_token, score_person, score_vehicle, token_level, uk_format,
};
use libfuzzer_sys::fuzz_target;

fn plan(query: &Query) {
    match query {
        Query::Vehicle(q) => {
            if let Ok(plan) = plan_vehicle(q) {
                let make = q.colour.clone().unwrap_or_default();
                let _ = score_vehicle(&plan, &Vehicle { vrm: q.vrm.clone(), make, ..Vehicle::default() });
            }
        }
        Query::Person(q) => {
            if let Ok(plan) = plan_person(q, PartialDate::new(2026, 11, 24)) {
                let name = Name {
                    given: q.given.clone().unwrap_or_default(),
                    surname: q.surname.clone().unwrap_or_default(),
                    kind: String::new(),
                };
                let dobs = q.dob.as_ref().and_then(|d| d.parse().ok()).into_iter().collect();
                let person = Person {
                    names: vec![name],
                    dobs,
                    addresses: vec![Address {
                        text: q.address.clone().unwrap_or_default(),
                        postcode: q.postcode.clone().unwrap_or_default(),
                        kind: String::new(),
                    }],
                    identifiers: q
                        .identifier
                        .iter()
                        .map(|i| Identifier { kind: String::new(), value: i.clone() })
                        .collect(),
                    height_band: q.height.clone().unwrap_or_default(),
                    ..Person::default()
                };
                let _ = score_person(&plan, &person, &beatcheck_search::NameWeights::default());
            }
        }
        Query::Linked(_) => {}
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(query) = serde_json::from_slice::<Query>(bytes) {
        plan(&query);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let tokens = name_tokens(text);
    assert!(tokens.len() <= MAX_TOKENS);
    for token in &tokens {
        assert!(!token.is_empty() && token.chars().count() <= MAX_TOKEN_CHARS, "{token:?}");
        let _ = phonetic_key(token);
        let _ = token_level(&prepare_token(token), &tokens[0], &phonetic_key(&tokens[0]));
    }
    assert_eq!(name_tokens(text), tokens, "the same text has the same tokens");
    if let Some(vrm) = normalise_vrm(text) {
        assert_eq!(normalise_vrm(&vrm).as_ref(), Some(&vrm), "normalising twice is normalising once");
        assert_eq!(fold_vrm(&fold_vrm(&vrm)), fold_vrm(&vrm));
        let _ = (decide_by_format(&vrm), uk_format(&vrm));
    }
    if let Some(vin) = normalise_vin(text) {
        assert_eq!(normalise_vin(&vin).as_ref(), Some(&vin), "normalising twice is normalising once");
    }
    let _ = (parse_dob(text), parse_age(text, PartialDate::new(2024, 2, 29)), parse_height(text));
    let _ = parse_place(Some(text), None);
    if let Some(asked) = AskedIdentifier::read(text) {
        assert!(asked.is(text) && asked.slip(text).is_none(), "a number is itself");
    }
    let identifier = normalise_identifier(text);
    assert_eq!(normalise_identifier(&identifier), identifier, "normalising twice is normalising once");
});
