//! The rules of the domain, as an officer meets them.

use crate::support::{List, PURPOSE, TestHub, check, core_check, core_sync, now, sync, vrm};
use beatcheck::{CoverageState, Disclosure, Grade, Outcome, PersonQuery, WarningsState};
use beatcheck_client::SyncProgress;

/// Rule 1: `clear` stands nowhere but in "not 'clear'".
fn never_clear(text: &str) {
    let rest = text.to_lowercase().replace("not 'clear'", "");
    assert!(!rest.contains("clear"), "{text}");
}

fn person(surname: &str, given: &str, dob: &str) -> PersonQuery {
    let some = |t: &str| (!t.is_empty()).then(|| t.to_owned());
    PersonQuery { surname: some(surname), given: some(given), dob: some(dob), ..PersonQuery::default() }
}

#[test]
fn rule_1_an_empty_answer_says_what_was_not_searched() {
    let hub = TestHub::start();
    let device = hub.enrol("phone");
    let nothing = check(&device, "AA11AAA");
    assert_eq!((nothing.outcome, nothing.warnings_state), (Outcome::CannotSay, WarningsState::NotLoaded));
    assert!(nothing.text.contains("Warnings not loaded: assume unknown"), "{}", nothing.text);
    never_clear(&nothing.text);

    let mut quiet = List::vehicles("quiet", "quiet").car("QQ11QQQ", "Red");
    quiet.extra = "warnings = false";
    hub.publish(&quiet);
    sync(&device);
    let none = check(&device, "AA11AAA");
    assert_eq!((none.outcome, none.warnings_state), (Outcome::NoTrace, WarningsState::NotLoaded));
    assert!(none.text.contains("NO TRACE in the sources searched") && none.text.contains("as of"), "{}", none.text);
    never_clear(&none.text);
    let hit = check(&device, "QQ11QQQ");
    assert!(hit.text.contains("Warnings not loaded: assume unknown"), "a hit too: {}", hit.text);

    // A second source, granted but not here yet: its segments cannot be had.
    hub.publish(&List::vehicles("loud", "loud").car("LL11LLL", "Red"));
    let segments = hub.hub.dir().join("segments");
    std::fs::rename(&segments, segments.with_extension("away")).unwrap();
    let report = device.sync().unwrap();
    assert!(!report.complete);
    let partly = check(&device, "LL11LLL");
    assert_eq!(partly.outcome, Outcome::NoTrace);
    let of = |n: &str, a: &beatcheck::Answer| a.coverage.iter().find(|c| c.source == n).unwrap().clone();
    assert_eq!((of("loud", &partly).state, of("loud", &partly).as_of), (CoverageState::Missing, None));
    assert_eq!(of("quiet", &partly).state, CoverageState::Current);
    assert!(partly.text.contains("NOT searched: loud (not on this device yet)"), "{}", partly.text);
    assert!(partly.text.contains("assume unknown"));
    never_clear(&partly.text);
    std::fs::rename(segments.with_extension("away"), &segments).unwrap();
    sync(&device);
    let loaded = check(&device, "LL11LLL");
    assert_eq!((loaded.outcome, loaded.warnings_state), (Outcome::Hit, WarningsState::Loaded));
    let refused = device.check_vehicle(vrm("LL11LLL"), "curiosity".into()).unwrap();
    assert!(refused.coverage.len() == 2 && refused.coverage.iter().all(|c| c.state == CoverageState::Withheld));
    never_clear(&refused.text);
    never_clear(&loaded.confirm);
}

#[test]
fn rules_2_and_4_danger_first_and_silent_markers_unspoken() {
    let hub = TestHub::start();
    let cars = List::vehicles("cars", "cars").row(&[
        ("id", "1"),
        ("vrm", "AA11AAA"),
        ("make", "Ford"),
        ("markers", "NI|No insurance|Ask for papers|speakable|;OB|Observe only kestrel|Do not stop kestrel|silent|;FI|Firearms carried|Armed support|speakable|2024-01-02"),
    ]);
    hub.ingest(&cars).unwrap();
    let folk = List::persons("folk", "folk")
        .row(&[("id", "1"), ("given", "Michael"), ("surname", "Thornbury"), ("dob", "1980-05-06")])
        .row(&[
            ("id", "2"),
            ("given", "Michael"),
            ("surname", "Thornbery"),
            ("markers", "FI|FIREARMS|Armed support|speakable|"),
        ]);
    hub.publish(&folk);
    let device = hub.enrol("phone");
    sync(&device);
    let a = check(&device, "AA11AAA");
    let codes: Vec<_> = a.hits[0].markers.iter().map(|m| m.code.as_str()).collect();
    assert_eq!(codes[0], "FI", "danger leads: {codes:?}");
    assert!(a.text.starts_with("Firearms carried since 2024-01-02. Armed support."), "{}", a.text);
    let silent = a.hits[0].markers.iter().find(|m| m.code == "OB").unwrap();
    assert_eq!(silent.disclosure, Disclosure::Silent);
    assert!(!a.text.contains("kestrel") && !a.banner.contains("kestrel"), "{}", a.text);
    assert!(a.confirm.contains("Confirm with control") && a.text.contains(&a.confirm));

    let a = device.check_person(person("Thornbury", "Michael", "1980-05-06"), PURPOSE.into()).unwrap();
    assert_eq!(a.outcome, Outcome::Possible);
    assert!(a.hits[0].title.contains("Michael Thornbury"), "a weak armed namesake does not stand first: {}", a.text);
    assert!(a.hits.len() > 1, "the namesake is a candidate: {}", a.text);
    assert!(a.hits[1].grade < a.hits[0].grade);
    assert!(a.banner.contains("FIREARMS") && a.text.starts_with(&a.banner), "{}", a.text);
}

#[test]
fn rule_3_a_possible_match_is_not_a_match() {
    let hub = TestHub::start();
    hub.ingest(&List::vehicles("cars", "cars").car("BD51SMR", "Red").car("ABC1O0X9", "Blue")).unwrap();
    let folk = List::persons("folk", "folk").row(&[
        ("id", "1"),
        ("given", "Declan"),
        ("surname", "Brannigan"),
        ("dob", "1980-02-03"),
        ("identifiers", "pnc_id|2019/7654321Q"),
    ]);
    hub.publish(&folk);
    let device = hub.enrol("phone");
    sync(&device);
    let ask = |q: PersonQuery| device.check_person(q, PURPOSE.into()).unwrap();
    let name = ask(person("Brannigan", "Declan", "1980-02-03"));
    assert_eq!(name.outcome, Outcome::Possible, "name and date of birth are never a hit");
    assert!(name.hits[0].grade >= Grade::Strong && !name.hits[0].reasons.is_empty());
    assert!(name.text.contains("POSSIBLE MATCH") && !name.text.contains('%'), "{}", name.text);
    let swapped = ask(person("Branigan", "Declan", "1980-03-02"));
    assert_eq!(swapped.outcome, Outcome::Possible);
    let id = |surname: &str, given: &str, dob: &str| {
        ask(PersonQuery { identifier: Some("2019/7654321Q".into()), ..person(surname, given, dob) })
    };
    let agrees = id("Brannigan", "Declan", "1980-02-03");
    assert_eq!(agrees.outcome, Outcome::Hit, "{}", agrees.text);
    let differs = id("Okonkwo", "Blessing", "1999-12-31");
    assert_eq!(differs.outcome, Outcome::Possible, "{}", differs.text);
    assert!(differs.text.contains("disagree"), "{}", differs.text);

    assert_eq!(check(&device, "BD51SMR").outcome, Outcome::Hit);
    assert_eq!(check(&device, "bd51 smr").outcome, Outcome::Hit);
    let near = check(&device, "ABC100X9");
    assert_eq!(near.outcome, Outcome::Possible, "{}", near.text);
    assert!(near.confirm.contains("make and colour"));
}

#[test]
fn rule_5_every_answer_says_where_it_is_from() {
    let hub = TestHub::start();
    let list = List::vehicles("cars", "cars").car("AA11AAA", "Red");
    hub.publish(&list);
    hub.publish(&list.without("AA11AAA").car("AA11AAA", "Blue"));
    let device = hub.enrol("phone");
    sync(&device);
    let a = check(&device, "AA11AAA");
    let (hit, status) = (&a.hits[0], hub.hub.status().unwrap());
    let at_hub = &status.compartments[0];
    assert_eq!((hit.source.as_str(), hit.compartment.as_str(), hit.source_key.as_str()), ("cars", "cars", "AA11AAA"));
    assert_eq!(hit.version, 2, "the second state of the record");
    assert_eq!((hit.as_of, a.coverage[0].as_of), (at_hub.as_of, at_hub.as_of));
    assert_eq!((a.coverage[0].watermark, a.coverage[0].records), (at_hub.watermark, at_hub.rows));
    assert!(a.text.contains(&at_hub.as_of.unwrap().to_string()) && a.text.contains(&a.reference));
    let held = &device.status().unwrap().compartments[0];
    assert_eq!((held.digest.as_ref(), held.manifest_version), (at_hub.digest.as_ref(), at_hub.manifest_version));
    // The account names the same, so that the hub can find what was shown.
    sync(&device);
    let account = hub.account(&device.status().unwrap().device);
    let entry = &account[a.audit_seq as usize - 1];
    assert_eq!((&entry["shown"][0]["id"], &entry["shown"][0]["version"]), (&hit.id.clone().into(), &2.into()));
    assert_eq!(entry["consulted"][0]["manifest_version"], at_hub.manifest_version);
}

#[test]
fn rule_10_checks_go_on_during_a_sync() {
    let hub = TestHub::start();
    let list = |n: usize, colour: &str| {
        (0..n).fold(List::vehicles("cars", "cars"), |l, i| l.car(&format!("AB{i:05}C"), colour))
    };
    hub.publish(&list(100, "Red"));
    let device = hub.enrol("phone");
    sync(&device);
    hub.publish(&list(12_000, "Blue"));
    let mut during = 0;
    std::thread::scope(|s| {
        let syncing = s.spawn(|| assert!(device.sync().unwrap().complete));
        while !syncing.is_finished() {
            let a = check(&device, "AB00007C");
            assert_eq!((a.outcome, a.hits.len()), (Outcome::Hit, 1));
            during += u32::from(!syncing.is_finished());
        }
    });
    assert!(during > 10, "{during}");
    assert!(check(&device, "AB11999C").hits[0].title.starts_with("Blue"));
}

/// Rule 10, without a clock: the sync stands still in the midst of its work until a check on another thread is answered.
/// If a check had to wait for the sync, neither would ever end.
#[test]
fn rule_10_a_sync_that_stands_still_holds_up_no_check() {
    let hub = TestHub::start();
    hub.publish(&List::vehicles("cars", "cars").car("AA11AAA", "Red"));
    let device = hub.enrol_core("phone", &std::sync::Arc::new(beatcheck_client::FixedClock::new(now())));
    assert!(core_sync(&device).complete);
    hub.publish(&(0..5_000).fold(List::vehicles("more", "more"), |l, i| l.car(&format!("AB{i:05}C"), "Blue")));
    let asked = std::sync::Mutex::new(Vec::new());
    let report = device
        .sync(&|progress| {
            let answer = std::thread::scope(|s| s.spawn(|| core_check(&device, "AA11AAA")).join().unwrap());
            asked.lock().unwrap().push((progress, answer.outcome));
        })
        .unwrap();
    assert!(report.complete, "{report:?}");
    let asked = asked.into_inner().unwrap();
    assert!(asked.iter().all(|(_, outcome)| *outcome == Outcome::Hit), "{asked:?}");
    let applying = |p: &SyncProgress| matches!(p, SyncProgress::Applying { .. });
    assert!(asked.iter().filter(|(p, _)| applying(p)).count() >= 2, "while rows are written: {asked:?}");
    assert!(asked.iter().any(|(p, _)| matches!(p, SyncProgress::Fetched { .. })), "and fetched: {asked:?}");
}

/// Rule 6: each entry names who asked, the first ones too, when there is no grant on the device yet.
#[test]
fn rule_6_entries_before_the_first_sync_name_officer_and_role() {
    let hub = TestHub::start();
    hub.publish(&List::vehicles("cars", "cars").car("AA11AAA", "Red"));
    let device = hub.enrol("early");
    let early = check(&device, "AA11AAA");
    assert_eq!(early.outcome, Outcome::CannotSay);
    sync(&device);
    let account = hub.account(&device.status().unwrap().device);
    assert!(account.len() >= 2, "{account:?}");
    for entry in &account {
        assert_eq!((&entry["officer"], &entry["role"]), (&"officer-early".into(), &"patrol".into()), "{entry}");
    }
}

/// Rule 1: a question that could not be read was put to no source, and no sentence says otherwise.
#[test]
fn rule_1_a_question_that_asks_for_nothing_searches_nothing() {
    let hub = TestHub::start();
    hub.publish(&List::vehicles("cars", "cars").car("AA11AAA", "Red"));
    let device = hub.enrol("phone");
    sync(&device);
    let none = check(&device, "--");
    assert_eq!((none.outcome, none.warnings_state), (Outcome::CannotSay, WarningsState::NotLoaded));
    assert_eq!(none.error.as_ref().map(|e| e.code.as_str()), Some("invalid_query"));
    assert!(none.coverage.is_empty() && !none.text.contains("Searched"), "{}", none.text);
    assert!(none.text.contains("Nothing was searched: correct the question"), "{}", none.text);
}
