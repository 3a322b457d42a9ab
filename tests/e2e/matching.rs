//! What an officer can ask, through the shipped library: every field of a question, and what is linked with an answer.

use crate::support::*;
use beatcheck::{Answer, Outcome, PersonQuery, RecordKind, VehicleQuery};

fn text(t: &str) -> Option<String> {
    Some(t.to_owned()).filter(|t| !t.is_empty())
}

fn reasons(a: &Answer, hit: usize) -> Vec<&str> {
    a.hits[hit].reasons.iter().map(|r| r.code.as_str()).collect()
}

fn titles(a: &Answer) -> Vec<&str> {
    a.hits.iter().map(|h| h.title.as_str()).collect()
}

#[test]
fn what_a_vehicle_looks_like_narrows_part_of_a_mark() {
    let hub = TestHub::start();
    let car = |l: List, id: &'static str, make: &str, model: &str, colour: &str, kind: &str, year: &str| {
        l.row(&[
            ("id", id),
            ("vrm", id),
            ("make", make),
            ("model", model),
            ("colour", colour),
            ("body_type", kind),
            ("year", year),
        ])
    };
    let list = List::vehicles("cars", "cars");
    let list = car(list, "BX63AKY", "Volkswagen", "Golf", "Silver", "Hatchback", "2013");
    let list = car(list, "BX13BKY", "Volkswagen", "Golf", "Red", "Hatchback", "2013");
    let list = car(list, "BX14CKY", "Ford", "Focus", "Grey", "Stationwagon", "2014");
    hub.publish(&list);
    let device = hub.enrol("phone");
    sync(&device);
    let ask = |vrm: &str, make: &str, colour: &str, body_type: &str, year: &str| {
        let [vrm, make, colour, body_type, year] = [vrm, make, colour, body_type, year].map(text);
        let q = VehicleQuery { vrm, make, colour, body_type, year, ..VehicleQuery::default() };
        device.check_vehicle(q, PURPOSE.into()).unwrap()
    };
    let found = |a: Answer| a.hits.iter().filter_map(|h| h.vrm.clone()).collect::<Vec<_>>().join(" ");
    assert_eq!(ask("BX*KY", "", "", "", "").hits.len(), 3);
    assert_eq!(found(ask("BX*KY", "vw golf", "silver", "", "")), "BX63AKY");
    assert_eq!(
        found(ask("BX*KY", "", "grey", "", "")),
        "BX14CKY BX63AKY",
        "the colour itself before the one taken for it"
    );
    assert_eq!(found(ask("BX*KY", "", "", "estate", "~2015")), "BX14CKY");
    assert_eq!(found(ask("BX*KY", "toyota", "", "", "")), "");
    // A mark as written stands, and what looks otherwise is said: false plates show so.
    let hit = ask("BX63 AKY", "ford", "", "", "");
    assert_eq!((hit.outcome, reasons(&hit, 0)), (Outcome::Hit, vec!["vrm_exact", "make_differs"]));
    let alone = ask("", "golf", "silver", "", "");
    assert_eq!(alone.error.unwrap().code, "invalid_query");
    let year = ask("BX*KY", "", "", "", "soon");
    assert!(year.error.unwrap().text.contains("2010-2014"));
}

#[test]
fn every_field_of_a_person_counts() {
    let hub = TestHub::start();
    let folk = List::persons("folk", "folk")
        .row(&[
            ("id", "1"),
            ("given", "Declan"),
            ("surname", "Brannigan"),
            ("dob", "1980-02-03"),
            ("sex", "m"),
            ("height_band", "180-185"),
            ("address", "40 Church Road, Birmingham"),
            ("postcode", "B15 2TT"),
            ("identifiers", "pnc_id|2004/0000001L;driver_number|BRANN802030D99AB"),
        ])
        .row(&[
            ("id", "2"),
            ("given", "Declan"),
            ("surname", "Brannigan"),
            ("dob", "2001-07-09"),
            ("height_band", "165"),
        ]);
    hub.publish(&folk);
    let device = hub.enrol("phone");
    sync(&device);
    let ask = |q: PersonQuery| device.check_person(q, PURPOSE.into()).unwrap();
    let named = || PersonQuery { surname: text("Brannigan"), given: text("Declan"), ..PersonQuery::default() };
    for q in [
        PersonQuery { age: text("40-50"), ..named() },
        PersonQuery { height: text("6ft"), ..named() },
        PersonQuery { address: text("church rd"), ..named() },
        PersonQuery { postcode: text("b15"), ..named() },
        PersonQuery { address: text("40 church road B15 2TT"), ..PersonQuery::default() },
    ] {
        let a = ask(q.clone());
        assert_eq!(a.outcome, Outcome::Possible, "{q:?}");
        assert_eq!(titles(&a)[0], "Declan Brannigan, born 1980-02-03", "{q:?}");
    }
    // One character of a number is wrong: the check letter shows it, and the answer names it.
    let a = ask(PersonQuery { identifier: text("2004/0000002L"), ..named() });
    assert!(a.text.contains("Note: the check letter of this PNC ID does not fit"), "{}", a.text);
    assert_eq!(a.hits[0].reasons[0].code, "identifier_near");
    // A driver number that is nobody's on record is still a description.
    let a = ask(PersonQuery { identifier: text("BRANN802030D98CD"), ..PersonQuery::default() });
    assert_eq!((a.notes[0].code.as_str(), titles(&a)[0]), ("driver_number", "Declan Brannigan, born 1980-02-03"));
    let a = ask(PersonQuery { identifier: text("BRANN802030D99AB"), dob: text("1985-01-01"), ..named() });
    assert!(a.text.contains("another date of birth than the one given"), "{}", a.text);
    assert_eq!(a.outcome, Outcome::Possible, "the details disagree with the number");
    assert_eq!(ask(PersonQuery { age: text("40"), ..PersonQuery::default() }).error.unwrap().code, "invalid_query");
}

#[test]
fn from_a_person_to_vehicles_and_back_as_permitted() {
    let hub = TestHub::start();
    let cars = List::vehicles("cars", "cars")
        .row(&[("id", "V1"), ("vrm", "BX63KYT"), ("make", "Ford"), ("links", "keeper|P1|Declan Brannigan")])
        .row(&[("id", "V2"), ("vrm", "BX13AAA"), ("make", "Audi")]);
    hub.ingest(&cars).unwrap();
    let secret = List::vehicles("secret", "secret").row(&[
        ("id", "V9"),
        ("vrm", "SE11CRT"),
        ("links", "user|P1|Declan Brannigan"),
    ]);
    hub.ingest(&secret).unwrap();
    let folk = List::persons("folk", "folk")
        .row(&[
            ("id", "P1"),
            ("given", "Declan"),
            ("surname", "Brannigan"),
            ("address", "40 Church Road"),
            ("links", "associate|P2|Rowan Petrie;drives|V2|BX13 AAA;drives|V9|SE11 CRT"),
        ])
        .row(&[("id", "P2"), ("given", "Rowan"), ("surname", "Petrie")])
        // Another source's key may be the same: its words tell them apart.
        .row(&[("id", "P3"), ("given", "Ida"), ("surname", "Moss"), ("links", "associate|P1|Somebody Else")]);
    hub.publish(&folk);
    let device = hub.enrol("phone");
    sync(&device);
    let who =
        device.check_person(PersonQuery { name: text("Declan Brannigan"), ..PersonQuery::default() }, PURPOSE.into());
    let id = who.unwrap().hits[0].id.clone();
    let linked = |of, id: &str| device.check_linked(of, id.to_owned(), PURPOSE.into()).unwrap();
    let a = linked(RecordKind::Person, &id);
    assert_eq!(a.outcome, Outcome::Possible);
    assert_eq!(titles(&a), ["Declan Brannigan", "Rowan Petrie", "Audi", "no description recorded", "Ford"]);
    assert!(a.hits[0].details.iter().any(|d| d.value.starts_with("40 Church Road")));
    assert!(a.coverage.len() == 3, "vehicles and persons were searched");
    let car = a.hits.iter().find(|h| h.vrm.as_deref() == Some("BX63KYT")).unwrap();
    assert!(a.hits.iter().any(|h| h.reasons[0].text == "Associate of the record asked"));
    let back = linked(RecordKind::Vehicle, &car.id);
    assert_eq!(titles(&back), ["Ford", "Declan Brannigan"]);
    assert_eq!(back.hits[1].reasons[0].text, "Keeper of the record asked");
    // What is withdrawn is not followed, and not hinted at but by what the person's own record says.
    let policy = format!("[roles.patrol]\ncompartments=['cars', 'folk']\npurposes=['{PURPOSE}']\n");
    hub.hub.policy_set(&policy).unwrap();
    sync(&device);
    let less = linked(RecordKind::Person, &id);
    assert_eq!(titles(&less), ["Declan Brannigan", "Rowan Petrie", "Audi", "Ford"]);
    assert_eq!(less.notes[0].code, "links_not_held");
    assert_eq!(linked(RecordKind::Person, &"0".repeat(32)).outcome, Outcome::NoTrace);
    assert_eq!(linked(RecordKind::Person, "x").error.unwrap().code, "invalid_query");
    sync(&device);
    let account = hub.account(&device.status().unwrap().device);
    assert!(
        account.iter().any(|e| e["asked"]["kind"] == "linked" && e["shown"].as_array().is_some_and(|s| s.len() == 5))
    );
}

#[test]
fn a_force_chooses_where_a_possible_match_begins() {
    let hub = TestHub::start();
    let folk = (0..60).fold(List::persons("folk", "folk"), |l, i| {
        let (id, given) = (format!("P{i}"), ["Ann", "Bea", "Cas", "Dan"][i % 4]);
        l.row(&[("id", &id), ("given", given), ("surname", "Brannigan"), ("dob", &format!("19{:02}-04-05", 20 + i))])
    });
    hub.publish(&folk);
    let device = hub.enrol("phone");
    sync(&device);
    let ask = || {
        let (surname, given, dob) = (text("Branigan"), text("Ann"), text("1924-04-15"));
        device.check_person(PersonQuery { surname, given, dob, ..PersonQuery::default() }, PURPOSE.into()).unwrap()
    };
    assert_eq!(ask().outcome, Outcome::Possible);
    let policy = |bits: i32| {
        let text = format!(
            "[roles.patrol]\ncompartments=['*']\npurposes=['{PURPOSE}']\n[limits]\npossible_odds_bits={bits}\n"
        );
        hub.hub.policy_set(&text)
    };
    policy(12).unwrap();
    sync(&device);
    let a = ask();
    assert_eq!((a.outcome, a.hits[0].outcome), (Outcome::NoTrace, Outcome::NoTrace), "now a near miss");
    assert!(policy(13).unwrap_err().to_string().contains("possible_odds_bits"));
}

#[test]
fn a_hub_adds_forms_of_names_and_takes_them_away() {
    let hub = TestHub::start();
    hub.ingest(&List::persons("folk", "folk").row(&[("id", "1"), ("given", "Oisin"), ("surname", "Brannigan")]))
        .unwrap();
    let (mapping, extract) = (repo("fixtures/mappings/name-variants.toml"), hub.path("forms.csv"));
    let table = |rows: &str| {
        std::fs::write(&extract, format!("id,forms\n{rows}")).unwrap();
        hub.ingest_files(&mapping, &extract).unwrap();
        hub.hub.publish(&mut |_| {}).unwrap();
    };
    table("1,oisin xavi\n");
    let device = hub.enrol("phone");
    sync(&device);
    let ask = || {
        let (surname, given) = (text("Brannigan"), text("Xavi"));
        device.check_person(PersonQuery { surname, given, ..PersonQuery::default() }, PURPOSE.into()).unwrap()
    };
    let a = ask();
    assert_eq!(reasons(&a, 0), ["surname_exact", "given_nickname"]);
    assert!(a.coverage.iter().all(|c| c.compartment == "folk"), "a table is no source of persons");
    table("1,oisin osheen\n");
    sync(&device);
    assert_eq!(reasons(&ask(), 0), ["surname_exact", "given_differs"], "the delta took the form away");
    table("1,oisin xavi\n");
    sync(&device);
    assert_eq!(reasons(&ask(), 0)[1], "given_nickname");
    // A role that may not hold the table searches without it.
    hub.hub.policy_set(&format!("[roles.patrol]\ncompartments=['folk']\npurposes=['{PURPOSE}']\n")).unwrap();
    sync(&device);
    assert_eq!(reasons(&ask(), 0)[1], "given_differs");
}

#[test]
fn a_list_has_pages_and_says_which_name_agreed() {
    let hub = TestHub::start();
    let cars = (0..90).fold(List::vehicles("cars", "cars"), |l, i| l.car(&format!("BX{i:02}KYT"), "Red"));
    hub.ingest(&cars).unwrap();
    let folk = List::persons("folk", "folk").row(&[
        ("id", "1"),
        ("given", "Declan"),
        ("surname", "Brannigan"),
        ("aliases", "Rowan|Petrie|alias"),
    ]);
    hub.publish(&folk);
    let device = hub.enrol("phone");
    sync(&device);
    let page = |page| {
        let q = VehicleQuery { vrm: text("BX*KYT"), page, ..VehicleQuery::default() };
        device.check_vehicle(q, PURPOSE.into()).unwrap()
    };
    let marks = |a: &Answer| a.hits.iter().filter_map(|h| h.vrm.clone()).collect::<std::collections::BTreeSet<_>>();
    let pages = [None, Some(2), Some(3), Some(4), Some(5), Some(6)].map(page);
    assert_eq!(pages.each_ref().map(|p| p.hits.len()), [20, 20, 20, 20, 10, 0]);
    assert!(pages.iter().all(|p| p.total == 90 && p.outcome == Outcome::Possible), "an empty page is no 'no trace'");
    let all: std::collections::BTreeSet<String> = pages.iter().flat_map(marks).collect();
    assert_eq!(all.len(), 90);
    assert_eq!(marks(&page(Some(1))), marks(&pages[0]));
    // Rule 2 does not end with a page: a danger further down is said on the first.
    hub.hub
        .policy_set(&format!("[roles.patrol]\ncompartments=['*']\npurposes=['{PURPOSE}']\n[limits]\nmax_results=1\n"))
        .unwrap();
    let armed = List::vehicles("armed", "armed").row(&[
        ("id", "1"),
        ("vrm", "BX99KYT"),
        ("markers", "FI|Firearms carried|Armed support|speakable|"),
    ]);
    hub.publish(&armed);
    sync(&device);
    let first = page(None);
    assert!(first.hits.len() == 1 && first.hits[0].markers.is_empty());
    assert_eq!(first.banner, "One weak candidate carries FIREARMS CARRIED.");
    let alias = PersonQuery { name: text("Rowan Petrie"), ..PersonQuery::default() };
    let a = device.check_person(alias, PURPOSE.into()).unwrap();
    let first = &a.hits[0].details[0];
    assert_eq!((first.label.as_str(), first.value.as_str()), ("Matched name", "Rowan Petrie"));
}
