//! Nothing that can be typed, up to the longest field, makes this crate fail; and normalising is idempotent.

use beatcheck_model::{
    Address, Identifier, MAX_FIELD_BYTES, Name, PartialDate, Person, PersonQuery, Vehicle, VehicleQuery,
};
use beatcheck_search::*;
use proptest::prelude::*;

/// Any text, and text of the characters that matter here.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,60}",
        any::<String>(),
        "[a-zA-Z' -]{0,40}",
        "[àéøßŁæİ\u{301}\u{308}ǅｱﬀ가हि' -]{0,40}",
        "[OI01ABZ]{0,9}"
    ]
}

fn one_text(t: &str) -> Result<(), TestCaseError> {
    let tokens = name_tokens(t);
    prop_assert!(tokens.len() <= MAX_TOKENS);
    prop_assert!(tokens.iter().all(|t| !t.is_empty() && t.chars().count() <= MAX_TOKEN_CHARS));
    prop_assert_eq!(&name_tokens(&tokens.join(" ")), &tokens);
    for t in &tokens {
        prop_assert!(phonetic_key(t).len() <= 6);
    }
    if let Some(mark) = normalise_vrm(t) {
        prop_assert_eq!(normalise_vrm(&mark), Some(mark.clone()));
        prop_assert_eq!(fold_vrm(&fold_vrm(&mark)), fold_vrm(&mark));
        if let Some(decided) = decide_by_format(&mark) {
            prop_assert_ne!(&decided, &mark);
            prop_assert_eq!(fold_vrm(&decided), fold_vrm(&mark));
            prop_assert!(uk_format(&decided).is_some() && uk_format(&mark).is_none());
        }
    }
    if let Some(vin) = normalise_vin(t) {
        prop_assert_eq!(normalise_vin(&vin), Some(vin));
    }
    let id = normalise_identifier(t);
    prop_assert_eq!(normalise_identifier(&id), id);
    let _ = (parse_dob(t), phonetic_key(t), decide_by_format(t), uk_format(t), fold_vrm(t));
    Ok(())
}

proptest! {
    #[test]
    fn normalising_any_text(t in text()) {
        one_text(&t)?;
    }

    #[test]
    fn normalising_long_text(t in text(), n in 1_usize..2000) {
        let mut long = t.repeat(n);
        long.truncate((0..=MAX_FIELD_BYTES.min(long.len())).rev().find(|&i| long.is_char_boundary(i)).unwrap_or(0));
        one_text(&long)?;
    }

    #[test]
    fn sounds_of_any_letters(t in "[a-z]{0,40}") {
        prop_assert_eq!(phonetic_key(&t), phonetic_key(&t));
    }

    #[test]
    fn levels_are_symmetric_where_they_must_be(a in "[a-e]{1,7}", b in "[a-e]{1,7}") {
        let ab = token_level(&prepare_token(&a), &b, &phonetic_key(&b));
        let ba = token_level(&prepare_token(&b), &a, &phonetic_key(&a));
        prop_assert_eq!(ab, ba);
        prop_assert_eq!(ab == Some(TokenLevel::Exact), a == b);
    }

    #[test]
    fn a_sketch_hides_nothing_that_agrees(a in "[a-eA-Eéя]{1,7}[*]?", b in "[a-eéя]{1,9}", c in text(), d in text()) {
        for (asked, held) in [(&a, &b), (&b, &b), (&c, &d), (&c, &c)] {
            for held in name_tokens(held).iter().chain([&b]) {
                let key = phonetic_key(held);
                for asked in name_tokens(asked).iter().chain([asked]) {
                    let asked = prepare_token(asked);
                    if token_level(&asked, held, &key).is_some() {
                        prop_assert!(asked.may_agree(&TokenSketch::new(held, &key)), "{} {held}", asked.text());
                    }
                }
            }
        }
    }

    #[test]
    fn scoring_any_person(s in text(), g in text(), n in text(), d in text(), i in text(), hs in text(), hg in text()) {
        let held = Person {
            addresses: vec![Address { text: n.clone(), postcode: i.clone(), kind: String::new() }],
            identifiers: vec![Identifier { kind: String::new(), value: hg.clone() }],
            height_band: d.clone(),
            names: vec![Name { given: hg, surname: hs.clone(), kind: String::new() }],
            ..Person::default()
        };
        let _ = index_names(&held);
        let mut q = PersonQuery {
            address: Some(hs),
            surname: Some(s),
            given: Some(g),
            name: Some(n),
            identifier: Some(i),
            ..PersonQuery::default()
        };
        for dob in [None, Some(d)] {
            q.dob = dob;
            for persons in [0, 1, 1_000_000, u64::MAX] {
                if let Ok(plan) = plan_person(&q, PartialDate::new(2026, 11, 24))
                    && let Some(m) = score_person(&plan, &held, &NameWeights::new(persons, []))
                {
                    prop_assert!((0.0..=1.0).contains(&m.score) && !m.reasons.is_empty());
                }
            }
        }
    }

    #[test]
    fn any_text_as_the_other_fields(t in text(), s in text()) {
        let today = PartialDate::new(2024, 2, 29);
        let _ = (parse_age(&t, today), parse_height(&t), DriverNumber::read(&normalise_identifier(&t), today));
        prop_assert!(identifier_keys(&t).len() <= 3);
        let place = parse_place(Some(&t), Some(&s));
        prop_assert!(place.is_err() || place.is_ok_and(|p| p.is_none_or(|p| p.keys().len() <= PLACE_WORDS_MAX + 1)));
        let q = VehicleQuery { make: Some(t.clone()), body_type: Some(t.clone()), year: Some(t), ..VehicleQuery::default() };
        if let Ok(look) = parse_look(&q) {
            prop_assert!(look.years.is_none_or(|(from, to)| from <= to && look.year(from) == LookFit::Agrees));
            // As asked is as asked, however it is written.
            let fit = |f: LookFit| matches!(f, LookFit::Agrees | LookFit::Neutral);
            let text = q.make.as_deref().unwrap_or_default();
            prop_assert!(fit(look.make(text)) && fit(look.body(text)));
        }
    }

    #[test]
    fn scoring_any_vehicle(m in text(), n in text(), held in text(), vin in text(), look in text()) {
        let v = Vehicle { vrm: normalise_vrm(&held), vin, make: held, colour: look.clone(), ..Vehicle::default() };
        let (make, colour) = (Some(look.clone()), Some(look));
        if let Ok(plan) = plan_vehicle(&VehicleQuery { vrm: Some(m), vin: Some(n), make, colour, ..VehicleQuery::default() })
            && let Some(found) = score_vehicle(&plan, &v)
        {
            prop_assert!(!found.reasons.is_empty());
        }
    }
}
