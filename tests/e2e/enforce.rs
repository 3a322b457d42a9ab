//! What policy says, and the device does: fields, what a check owes, leases, break-glass, unusual use.

use crate::support::{List, PURPOSE, TestHub, core_check, core_sync, events, now};
use beatcheck_client::{CheckRequest, Device, FixedClock};
use beatcheck_model::{
    Answer, CoverageState, LinkedQuery, Outcome, PersonQuery, Query, RecordKind, Timestamp, VehicleQuery,
};
use std::sync::Arc;

pub const HOUR: i64 = 3600;
pub const MARK: &str = "AB12CDE";

/// A policy for patrol officers: what hangs on the role, and the rest.
pub fn rules(role: &str, rest: &str) -> String {
    format!("[roles.patrol]\ncompartments = ['*']\npurposes = ['traffic_stop', 'warrant']\n{role}\n{rest}")
}

/// A hub whose clock stands still, with this policy, and a device beside it.
pub fn begun(policy: &str, lists: &[List]) -> (Timestamp, TestHub, Arc<FixedClock>, Device) {
    let start = now();
    let hub = TestHub::with_clock(Arc::new(beatcheck_hub::FixedClock::new(start)));
    hub.hub.policy_set(policy).unwrap();
    lists.iter().for_each(|l| drop(hub.publish(l)));
    let clock = Arc::new(FixedClock::new(start));
    let device = hub.enrol_core("phone", &clock);
    assert!(core_sync(&device).complete);
    (start, hub, clock, device)
}

pub fn cars() -> List {
    List::vehicles("cars", "cars").car(MARK, "Red")
}

pub fn code(a: &Answer) -> &str {
    a.error.as_ref().map_or("", |e| e.code.as_str())
}

pub fn note<'a>(a: &'a Answer, code: &str) -> &'a str {
    a.notes.iter().find(|n| n.code == code).map_or("", |n| n.text.as_str())
}

pub fn ask(device: &Device, query: Query) -> Answer {
    device.check(&CheckRequest::new(query, PURPOSE)).unwrap()
}

pub fn nominals() -> List {
    List::persons("nominals", "nominals").row(&[
        ("id", "SECRET-KEY-1"),
        ("given", "Roisin"),
        ("surname", "Connors"),
        ("dob", "1984-03-02"),
        ("address", "40 Hiddenroad Lane"),
        ("postcode", "B15 2TT"),
        ("identifiers", "pnc_id|84/7777777X"),
        ("summary", "whispered intelligence"),
        ("photo_ref", "photo-4711"),
        ("links", "keeper|AB12CDE|AB12CDE"),
        ("markers", "VI|Violent|Take care|speakable|2020-01-01"),
    ])
}

pub fn person(f: impl FnOnce(&mut PersonQuery)) -> Query {
    let mut q = PersonQuery::default();
    f(&mut q);
    Query::Person(q)
}

#[test]
fn hidden_fields_are_neither_shown_nor_found_by() {
    let mut car = List::vehicles("cars", "cars");
    car =
        car.row(&[("id", MARK), ("vrm", MARK), ("make", "Ford"), ("vin", "WVWZZZ1JZXW000001"), ("area", "Hiddenarea")]);
    let hide = "hide = ['address', 'identifiers', 'intelligence', 'events', 'links', 'photo']";
    let (_, hub, _, device) = begun(&rules(hide, ""), &[nominals(), car]);
    let secrets =
        ["Hiddenroad", "B15", "7777777", "whispered", "photo-4711", "SECRET-KEY", "000001", "Hiddenarea", "Keeper"];
    let clean = |a: &Answer, when: &str| {
        let json = serde_json::to_string(a).unwrap();
        for secret in secrets {
            assert!(!json.contains(secret), "{when}: {secret} in {json}");
        }
    };
    let some = |t: &str| Some(t.to_owned());
    let by_name = ask(&device, person(|q| q.name = some("Roisin Connors")));
    clean(&by_name, "by name");
    assert_eq!(by_name.hits.len(), 1);
    assert!(by_name.hits[0].markers.iter().any(|m| m.code == "VI"), "an officer's safety is never hidden");
    clean(&core_check(&device, MARK), "by mark");

    let refused = [
        person(|q| q.address = some("40 Hiddenroad Lane")),
        person(|q| q.postcode = some("B15 2TT")),
        person(|q| q.identifier = some("84/7777777X")),
        Query::Vehicle(VehicleQuery { vin: some("WVWZZZ1JZXW000001"), ..VehicleQuery::default() }),
        Query::Linked(LinkedQuery { of: RecordKind::Person, record: by_name.hits[0].id.clone() }),
    ];
    for query in refused {
        let a = ask(&device, query.clone());
        assert_eq!((code(&a), a.outcome), ("field_withheld", Outcome::CannotSay), "{query:?}: {}", a.text);
        assert!(a.hits.is_empty() && a.coverage.is_empty(), "{query:?}");
        clean(&a, "refused");
    }
    // Beside something else it is left out, and makes no difference: neither a right one nor a wrong one.
    let beside = |address: &str| {
        let a = ask(&device, person(|q| (q.surname, q.address) = (some("Connors"), some(address))));
        assert!(note(&a, "field_left_out").contains("address"), "{}", a.text);
        clean(&a, "beside");
        serde_json::to_string(&a.hits).unwrap()
    };
    assert_eq!(beside("40 Hiddenroad Lane"), beside("1 Other Street"));

    // The control: the same questions where nothing is hidden.
    hub.hub.policy_set(&rules("", "")).unwrap();
    assert!(core_sync(&device).complete);
    let shown = serde_json::to_string(&ask(&device, person(|q| q.address = some("40 Hiddenroad Lane")))).unwrap();
    for secret in ["Hiddenroad", "7777777", "whispered", "SECRET-KEY"] {
        assert!(shown.contains(secret), "{secret}: {shown}");
    }
    let linked = LinkedQuery { of: RecordKind::Person, record: by_name.hits[0].id.clone() };
    assert_eq!(ask(&device, Query::Linked(linked)).hits.len(), 2);
}

#[test]
fn a_purpose_is_owed_a_reason_and_the_account_keeps_it() {
    let policy = rules("", "[purposes.warrant]\nowes = 'either'\n");
    let (_, hub, _, device) = begun(&policy, &[cars()]);
    let bare = CheckRequest::vehicle(MARK, "warrant");
    assert_eq!(code(&device.check(&bare).unwrap()), "reason_owed");
    let given = device.check(&bare.clone().because(" seen leaving the scene ", "INC-77")).unwrap();
    assert_eq!(given.outcome, Outcome::Hit);
    core_sync(&device);
    let account = hub.account(&device.status().unwrap().device);
    let checks = events(&account, "check");
    assert_eq!((&checks[0]["error"], &checks[0]["reason"]), (&"reason_owed".into(), &serde_json::Value::Null));
    assert_eq!((&checks[1]["reason"], &checks[1]["incident"]), (&"seen leaving the scene".into(), &"INC-77".into()));
}

#[test]
fn a_lease_of_its_own_and_a_break_glass() {
    let policy = rules(
        "",
        "[compartments.nominals]\nlease_hours = 8\n[break_glass]\ncompartments = ['cars', 'nominals']\nminutes = 60\ntimes = 1\n",
    );
    let (start, hub, clock, device) = begun(&policy, &[cars(), nominals()]);
    let early = device.break_glass("no signal").unwrap_err();
    assert!(early.code() == "break_glass" && early.to_string().contains("has not ended"), "{early}");
    clock.set(start.plus_secs(9 * HOUR));
    let by_name = || ask(&device, person(|q| q.name = Some("Roisin Connors".into())));
    let a = by_name();
    assert_eq!((a.outcome, a.coverage[0].state), (Outcome::CannotSay, CoverageState::Withheld));
    assert_eq!(a.coverage[0].withheld.as_deref(), Some("lease"));
    assert!(a.text.contains("its lease ended: connect and sync"), "{}", a.text);
    assert_eq!(core_check(&device, MARK).outcome, Outcome::Hit, "the others' goes on");

    clock.set(start.plus_secs(73 * HOUR));
    assert_eq!(code(&by_name()), "lease_ended");
    assert!(device.break_glass("  ").unwrap_err().to_string().contains("reason"));
    let glass = device.break_glass("vehicle failing to stop").unwrap();
    assert_eq!((glass.times_left, glass.compartments.len()), (0, 2));
    let broken = by_name();
    assert_eq!(broken.hits.len(), 1);
    assert!(broken.text.starts_with("BREAK-GLASS: "), "{}", broken.text);
    let json = serde_json::to_string(&broken).unwrap();
    assert!(!json.contains("Hiddenroad") && !json.contains("7777777"), "warnings only: {json}");
    assert_eq!(code(&ask(&device, person(|q| q.postcode = Some("B15 2TT".into())))), "field_withheld");
    assert!(core_check(&device, MARK).text.starts_with("BREAK-GLASS: "));
    assert!(device.break_glass("again").unwrap_err().to_string().contains("as often"));
    let name = device.status().unwrap().device;
    drop(device);
    let device = hub.open_core("phone", &clock);
    assert_eq!(core_check(&device, MARK).outcome, Outcome::Hit, "it outlives the process");
    clock.set(start.plus_secs(74 * HOUR + 1));
    clock.turn(start);
    assert_eq!(code(&core_check(&device, MARK)), "lease_ended", "its hour is over, whatever the clock says");
    assert!(device.status().unwrap().break_glass_until.is_none());

    let late = Arc::new(beatcheck_hub::FixedClock::new(start.plus_secs(80 * HOUR)));
    beatcheck_hub::Hub::open(hub.hub.dir(), late).unwrap().resign_head().unwrap();
    clock.turn(start.plus_secs(80 * HOUR));
    assert!(core_sync(&device).complete);
    assert!(device.status().unwrap().break_glass_until.is_none(), "closed by contact");
    core_sync(&device);
    let account = hub.account(&name);
    assert_eq!(events(&account, "break_glass").len(), 1);
    assert_eq!(events(&account, "break_glass")[0]["reason"], "vehicle failing to stop");
    let under = events(&account, "check").into_iter().filter(|c| c["break_glass"] == true).count();
    assert_eq!(under, 4, "each check that stood on it says so");
}

#[test]
fn unusual_use_is_flagged_and_refused_only_where_policy_says_so() {
    let lists = [(0..9).fold(cars(), |l, i| l.car(&format!("ZZ{i:02}ZZZ"), "Blue"))];
    let policy = |refuse| {
        rules("", &format!("[unusual_use]\nchecks_per_hour = 6\nsame_subject_per_day = 2\nrefuse = {refuse}\n"))
    };
    let (start, hub, clock, device) = begun(&policy(false), &lists);
    let many = |marks: &[&str]| {
        let requests: Vec<_> = marks.iter().map(|m| CheckRequest::vehicle(m, PURPOSE)).collect();
        device.check_many(&requests).unwrap()
    };
    // In one group, too.
    let same = many(&[MARK, "ab12 cde", MARK]);
    assert!(note(&same[1], "same_subject").is_empty());
    assert!(note(&same[2], "same_subject").contains("again and again"), "{}", same[2].text);
    assert_eq!(same[2].outcome, Outcome::Hit, "flagged, not refused");
    let more = many(&["ZZ00ZZZ", "ZZ01ZZZ", "ZZ02ZZZ", "ZZ03ZZZ"]);
    assert!(note(&more[2], "many_checks").is_empty());
    assert!(note(&more[3], "many_checks").contains("many checks"), "{}", more[3].text);
    clock.set(start.plus_secs(2 * HOUR));
    let later = many(&["ZZ04ZZZ", MARK]);
    assert!(note(&later[0], "many_checks").is_empty(), "an hour is over");
    assert!(note(&later[1], "same_subject").contains("again and again"), "a day is not");

    hub.hub.policy_set(&policy(true)).unwrap();
    assert!(core_sync(&device).complete);
    let refused = many(&[MARK]);
    assert_eq!(code(&refused[0]), "unusual_use", "{}", refused[0].text);
    clock.set(start.plus_secs(27 * HOUR));
    assert_eq!(many(&[MARK])[0].outcome, Outcome::Hit);
    core_sync(&device);
    let account = hub.account(&device.status().unwrap().device);
    let flagged: Vec<String> =
        events(&account, "check").iter().map(|c| c["unusual"].to_string()).filter(|u| u != "null").collect();
    let same = "[\"same_subject\"]";
    assert_eq!(flagged, [same, "[\"many_checks\"]", same, same]);
}
