//! Rule 3 of `PRODUCT.md` for persons, case by case, through the public surface.

use beatcheck_model::{Address, Grade, Identifier, Name, Outcome, PartialDate, Person, PersonQuery, Sex};
use beatcheck_search::{
    LevelCounts, NameRole, NameWeights, PersonMatch, TokenLevel, plan_person, prepare_token, score_person,
};

const TODAY: PartialDate = PartialDate { year: 2026, month: 11, day: 24 };

fn name(given: &str, surname: &str) -> Name {
    Name { given: given.into(), surname: surname.into(), kind: "primary".into() }
}

fn person(given: &str, surname: &str, dob: &str) -> Person {
    Person {
        names: vec![name(given, surname)],
        dobs: dob.parse().into_iter().collect(),
        sex: Sex::Male,
        ..Person::default()
    }
}

/// `surname|given|dob|identifier|sex|name|address|height|age`, trailing ones left out.
fn ask(fields: &str, p: &Person) -> Option<PersonMatch> {
    let mut f = fields.split('|').map(|t| Some(t.to_owned()).filter(|t| !t.is_empty()));
    let mut next = || f.next().flatten();
    let q = PersonQuery {
        surname: next(),
        given: next(),
        dob: next(),
        identifier: next(),
        sex: next().and_then(|s| beatcheck_model::sex_text::parse(&s)),
        name: next(),
        address: next(),
        height: next(),
        age: next(),
        ..PersonQuery::default()
    };
    let plan = plan_person(&q, TODAY).expect("a plan");
    score_person(&plan, p, &weights(&plan))
}

/// A store of 10,000 in which one in a hundred bears a common name, and a handful any other.
fn weights(plan: &beatcheck_search::PersonPlan) -> NameWeights {
    let tokens: Vec<_> = plan.surname.iter().chain(&plan.given).chain(&plan.any).map(|t| prepare_token(t)).collect();
    let counted = tokens.iter().map(|t| {
        let mut counts = LevelCounts::default();
        for role in NameRole::ALL {
            let common = matches!(t.text(), "smith" | "john" | "david");
            counts.add(role, TokenLevel::Exact, if common { 100 } else { 2 });
            counts.add(role, TokenLevel::Near1, 10);
        }
        (t, counts)
    });
    NameWeights::new(10_000, counted)
}

fn codes(m: &PersonMatch) -> Vec<&str> {
    m.reasons.iter().map(|r| r.code.as_str()).collect()
}

#[track_caller]
fn shown(fields: &str, p: &Person, grade: Grade, expected: &[&str]) -> PersonMatch {
    let m = ask(fields, p).expect("shown");
    assert_eq!((codes(&m).as_slice(), m.grade), (expected, grade), "{fields}");
    assert!(m.score > 0.0 && m.score < 1.0);
    m
}

/// Shown as the nearest there is, and as no match.
#[track_caller]
fn near_miss(fields: &str, p: &Person) {
    let m = ask(fields, p).expect("shown");
    assert_eq!((m.outcome, m.grade), (Outcome::NoTrace, Grade::Weak), "{fields}");
}

#[test]
fn names_and_date_are_possible_however_well_they_agree() {
    let p = person("John", "Smith", "1984-03-02");
    let m = shown("Smith|John|1984-03-02", &p, Grade::Certain, &["surname_exact", "given_exact", "dob_exact"]);
    assert_eq!((m.outcome, m.matched_name, m.identifier_conflict), (Outcome::Possible, Some(0), false));
    shown("Smith|John|1984-02-03", &p, Grade::Strong, &["surname_exact", "given_exact", "dob_day_month_swapped"]);
    shown("Smith|John|1984-03-12", &p, Grade::Strong, &["surname_exact", "given_exact", "dob_one_digit"]);
    shown("Smith|John|1984-03-20", &p, Grade::Strong, &["surname_exact", "given_exact", "dob_digits_transposed"]);
    shown("Smith|John|1984", &p, Grade::Strong, &["surname_exact", "given_exact", "dob_year"]);
    shown("Smith|John|~1983", &p, Grade::Strong, &["surname_exact", "given_exact", "dob_year_near"]);
    shown("Smith|John|1984-12-25", &p, Grade::Fair, &["surname_exact", "given_exact", "dob_year"]);
    shown("Smith|John", &p, Grade::Fair, &["surname_exact", "given_exact"]);
    shown("Smith", &p, Grade::Fair, &["surname_exact"]);
    shown("|John", &p, Grade::Weak, &["given_exact"]);
    shown("||1984-03-02", &p, Grade::Fair, &["dob_exact"]);
    shown("||1984", &p, Grade::Weak, &["dob_year"]);
}

#[test]
fn impossible_dates_agree_by_their_digits() {
    let p = person("John", "Smith", "1984-02-30");
    shown("Smith|John|1984-02-30", &p, Grade::Certain, &["surname_exact", "given_exact", "dob_exact"]);
    shown("Smith|John|1984-02-20", &p, Grade::Strong, &["surname_exact", "given_exact", "dob_one_digit"]);
}

#[test]
fn levels_of_names_are_said() {
    let dob = "1984-03-02";
    for (record, asked, expected) in [
        (("John", "Smyth"), "Smith|John", ["surname_near", "given_exact"]),
        (("Peter", "Phillips"), "Filips|Peter", ["surname_sound", "given_exact"]),
        (("William", "Garner"), "Garner|Bill", ["surname_exact", "given_nickname"]),
        (("Muhammad", "Garner"), "Garner|Mohammed", ["surname_exact", "given_nickname"]),
        (("Jonh", "Garner"), "Garner|John", ["surname_exact", "given_near"]),
        (("John", "Garner"), "Garner|J", ["surname_exact", "given_initial"]),
        (("John", "Smith-Jones"), "Jones Brown|John", ["surname_part", "given_exact"]),
    ] {
        let p = person(record.0, record.1, dob);
        shown(&format!("{asked}|{dob}"), &p, Grade::Strong, &[expected[0], expected[1], "dob_exact"]);
    }
    let p = person("John", "Garner", dob);
    shown("John|Garner|1984-03-02", &p, Grade::Strong, &["surname_exact", "given_exact", "names_swapped", "dob_exact"]);
}

#[test]
fn spellings_that_are_one_name() {
    let dob = "1984-03-02";
    for (record, asked) in [
        (("Sean", "O'Neill"), "ONEILL|Seán"),
        (("Mary Anne", "Smith-Jones"), "Smithjones|Maryanne"),
        (("Maryanne", "Smithjones"), "Smith Jones|Mary Anne"),
        (("John", "McDonald"), "Mc Donald|John"),
        (("Jan", "van der Berg"), "Berg|Jan"),
        (("Jan", "Berg"), "van Berg|Jan"),
        (("John Paul George", "Smith"), "Smith|John"),
        (("John Paul", "Smith"), "Smith|Paul"),
        (("Van", "Le"), "Le|Van"),
    ] {
        let p = person(record.0, record.1, dob);
        shown(&format!("{asked}|{dob}"), &p, Grade::Certain, &["surname_exact", "given_exact", "dob_exact"]);
    }
}

#[test]
fn a_whole_name_in_any_order() {
    let p = person("John Paul", "Smith", "1984-03-02");
    for asked in ["John Smith", "smith, john", "Paul John SMITH"] {
        let fields = format!("||1984-03-02|||{asked}");
        shown(&fields, &p, Grade::Certain, &["surname_exact", "given_exact", "dob_exact"]);
    }
    shown("|||||Smith", &p, Grade::Fair, &["surname_exact"]);
    assert_eq!(ask("|||||John Garner", &p), None);
    assert_eq!(ask("|||||Garner", &p), None);
}

#[test]
fn a_beginning_of_a_name() {
    let p = person("John", "Garner", "1984-03-02");
    shown("Garn*|Joh*|1984", &p, Grade::Fair, &["surname_prefix", "given_prefix", "dob_year"]);
    shown("Gran*|Joh*|1984", &p, Grade::Fair, &["surname_near_two", "given_prefix", "dob_year"]);
    near_miss("Smi*|Joh*|1984", &p);
}

#[test]
fn aliases_and_other_dates() {
    let mut p = person("John", "Smith", "1984-03-02");
    p.names.push(name("Peter", "Garner"));
    p.dobs.push(PartialDate::new(1961, 7, 9));
    let expected = ["surname_exact", "given_exact", "alias", "dob_exact", "dob_other"];
    let m = shown("Garner|Peter|1961-07-09", &p, Grade::Strong, &expected);
    assert_eq!(m.matched_name, Some(1));
}

#[test]
fn what_disagrees_is_not_shown_or_weak() {
    let p = person("John", "Smith", "1984-03-02");
    near_miss("Smith|John|1961-11-25", &p);
    let rare = person("Peter", "Garner", "1984-03-02");
    shown("Garner|Peter|1961-11-25", &rare, Grade::Weak, &["surname_exact", "given_exact", "dob_differs"]);
    near_miss("Smith|Peter", &p);
    near_miss("Garner|John", &p);
    near_miss("Garner|Peter|1984-03-02", &p);
    assert_eq!(ask("|Peter|1984", &p), None);
    assert_eq!(ask("||1961-11-25", &p), None);
    shown("Smith|Peter|1984-03-02", &p, Grade::Fair, &["surname_exact", "given_differs", "dob_exact"]);
    shown("Smith|Peter|1984", &p, Grade::Weak, &["surname_exact", "given_differs", "dob_year"]);
    let expected = ["surname_exact", "given_exact", "dob_exact", "sex_differs"];
    shown("Smith|John|1984-03-02||f", &p, Grade::Strong, &expected);
}

#[test]
fn what_is_missing_is_neutral() {
    let none = Person { sex: Sex::Unknown, ..person("John", "Smith", "") };
    shown("Smith|John|1984-03-02||m", &none, Grade::Fair, &["surname_exact", "given_exact"]);
    assert_eq!(ask("Smith", &Person::default()), None);
    let single = person("Mohammed", "", "1984-03-02");
    assert!(ask("Mohammed||1984-03-02", &single).is_some());
}

#[test]
fn better_agreement_and_rarer_names_score_higher() {
    let smith = person("John", "Smith", "1984-03-02");
    let garner = person("Peter", "Garner", "1984-03-02");
    let score = |f: &str, p: &Person| ask(f, p).map_or(0.0, |m| m.score);
    let order =
        ["Smith|John|1984-03-02", "Smith|Jonh|1984-03-02", "Smith|John|1984-02-03", "Smith|John|1984", "Smith|John"];
    let scores: Vec<f64> = order.iter().map(|f| score(f, &smith)).collect();
    assert!(scores.windows(2).all(|w| w[0] > w[1]), "{scores:?}");
    assert!(score("Garner|Peter", &garner) > score("Smith|John", &smith));
}

#[test]
fn identifiers() {
    let mut p = person("John", "Smith", "1984-03-02");
    p.identifiers.push(Identifier { kind: "pnc_id".into(), value: "2001/0000123X".into() });
    let m = shown("|||2001/0000123x", &p, Grade::Certain, &["identifier_exact"]);
    assert_eq!(m.outcome, Outcome::Hit);
    let all = ["identifier_exact", "surname_exact", "given_exact", "dob_exact"];
    assert_eq!(shown("Smith|John|1984-03-02|20010000123X", &p, Grade::Certain, &all).outcome, Outcome::Hit);
    let near = ["identifier_exact", "surname_near", "given_exact"];
    assert_eq!(shown("Smyth|John||20010000123X", &p, Grade::Strong, &near).outcome, Outcome::Hit);

    for asked in [
        "Garner|Peter||20010000123X",
        "Smith|John|1961-11-25|20010000123X",
        "Smith|Peter||20010000123X",
        "|||20010000123X|f",
    ] {
        let m = ask(asked, &p).expect("never hidden");
        assert!(m.identifier_conflict && m.outcome == Outcome::Possible, "{asked}");
        let said = m.reasons.iter().find(|r| r.code == "identifier_details_disagree").expect("said");
        assert_eq!(said.text, "belongs to John Smith, born 1984-03-02; details disagree");
    }
    assert_eq!(ask("|||19990000123X", &p), None);
    let m = ask("Smith|John|1984-03-02|19990000123X", &p).expect("by its details");
    assert!(m.outcome == Outcome::Possible && m.grade == Grade::Strong && codes(&m).contains(&"identifier_not_held"));
}

#[test]
fn an_address_raises_what_agrees_and_is_no_match_by_itself() {
    let mut p = person("John", "Smith", "1984-03-02");
    p.addresses =
        vec![Address { text: "40 Church Road, Birmingham".into(), postcode: "B15 2TT".into(), kind: "home".into() }];
    shown("Smith|John|||||40 church rd", &p, Grade::Strong, &["surname_exact", "given_exact", "address_agrees"]);
    shown("Smith|John|||||Elsewhere 7", &p, Grade::Fair, &["surname_exact", "given_exact", "address_differs"]);
    let alone = shown("||||||church road B15 2TT", &p, Grade::Weak, &["address_agrees"]);
    assert_eq!(alone.outcome, Outcome::Possible);
    assert!(ask("||||||41 Elsewhere", &p).is_none());
    // The date of birth tells a father from a son at one address.
    let son = ask("Smith|John|2009-07-19||||40 church road", &p).expect("a near miss");
    assert_ne!(son.outcome, Outcome::Possible);
}

#[test]
fn height_and_age_count_a_little() {
    let mut p = person("John", "Smith", "1984-03-02");
    p.height_band = "180-185".into();
    let plain = ask("Smith|John", &p).expect("shown");
    let tall = shown("Smith|John||||||178", &p, Grade::Fair, &["surname_exact", "given_exact", "height_agrees"]);
    let short = shown("Smith|John||||||160-165", &p, Grade::Fair, &["surname_exact", "given_exact", "height_differs"]);
    assert!(tall.score > plain.score && plain.score > short.score);
    shown("Smith|John|||||||40-45", &p, Grade::Fair, &["surname_exact", "given_exact", "dob_age"]);
    near_miss("Smith|John|||||||20-25", &p);
}

/// Rule 3: twins share surname, date of birth and address. Each is possible for the other, graded by what disagrees.
#[test]
fn a_twin_is_not_the_other() {
    let (paul, mark) = (person("Paul", "Varney", "1984-03-02"), person("Mark", "Varney", "1984-03-02"));
    let asked = "Varney|Paul|1984-03-02";
    let own = shown(asked, &paul, Grade::Certain, &["surname_exact", "given_exact", "dob_exact"]);
    let twin = ask(asked, &mark).expect("shown");
    assert!(own.score > twin.score && twin.grade <= Grade::Fair, "{twin:?}");
    assert_eq!(codes(&twin), ["surname_exact", "given_differs", "dob_exact"]);
    // That they live together is no evidence for one of them.
    let mut at_home = mark;
    at_home.addresses = vec![Address { text: "40 Church Road".into(), ..Address::default() }];
    let there = ask("Varney|Paul|1984-03-02||||40 church road", &at_home).expect("shown");
    assert!(codes(&there).contains(&"address_agrees") && there.grade <= twin.grade, "{there:?}");
}

/// Rule 3: two persons of one name and birthday are both possible, neither a hit; only an identifier tells them apart.
#[test]
fn a_shared_name_and_birthday_is_never_a_hit() {
    let mut one = person("John", "Smith", "1984-03-02");
    let mut other = one.clone();
    one.identifiers = vec![Identifier { kind: "pnc_id".into(), value: "2004/0000001L".into() }];
    other.identifiers = vec![Identifier { kind: "pnc_id".into(), value: "2021/0007920C".into() }];
    for p in [&one, &other] {
        assert_eq!(ask("Smith|John|1984-03-02", p).expect("shown").outcome, Outcome::Possible);
    }
    let asked = "Smith|John|1984-03-02|04/1L";
    assert_eq!(ask(asked, &one).expect("shown").outcome, Outcome::Hit);
    let namesake = ask(asked, &other).expect("shown");
    assert_eq!(namesake.outcome, Outcome::Possible);
    assert!(codes(&namesake).contains(&"identifier_not_held"));
}

/// Rule 3: who gives another's number and their own name: it belongs to somebody else, and is said to.
#[test]
fn a_borrowed_identity_says_whose_it_is() {
    let mut p = person("John", "Smith", "1984-03-02");
    p.identifiers = vec![Identifier { kind: "driver_number".into(), value: "SMITH803024J99AB".into() }];
    let m = ask("Kowalska|Anna|1991-07-11|SMITH803024J99AB|f", &p).expect("shown");
    assert_eq!((m.outcome, m.identifier_conflict), (Outcome::Possible, true));
    assert!(m.reasons.iter().any(|r| r.text == "belongs to John Smith, born 1984-03-02; details disagree"), "{m:?}");
}

/// Dates of 1 January stand for an unknown day in many records: there, the day is no more than a year.
#[test]
fn a_first_of_january_says_no_more_than_its_year() {
    let p = person("Ahmed", "Karimi", "1990-01-01");
    let m =
        shown("Karimi|Ahmed|1990-01-01", &p, Grade::Strong, &["surname_exact", "given_exact", "dob_first_of_january"]);
    let exact = ask("Karimi|Ahmed|1990-02-01", &person("Ahmed", "Karimi", "1990-02-01")).expect("shown");
    assert!(m.score < exact.score && exact.grade == Grade::Certain);
    // And a real date is not contradicted by it.
    shown("Karimi|Ahmed|1990-06-17", &p, Grade::Fair, &["surname_exact", "given_exact", "dob_year"]);
}

#[test]
fn a_mistyped_number_names_the_character() {
    let mut p = person("John", "Smith", "1984-03-02");
    p.identifiers = vec![Identifier { kind: "pnc_id".into(), value: "2004/0000001L".into() }];
    let m = ask("Smith|John||2004/0000002L", &p).expect("shown");
    assert_eq!((m.outcome, m.grade), (Outcome::Possible, Grade::Strong));
    let said = m.reasons.iter().find(|r| r.code == "identifier_near").expect("said");
    assert_eq!(said.text, "an identifier one slip away: digit 7 of its number: 1 on the record, 2 asked");
    // Alone it is possible too: the check letter proves that what was asked is nobody's.
    assert_eq!(ask("|||2004/0000002L", &p).expect("shown").outcome, Outcome::Possible);
}
