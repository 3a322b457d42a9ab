//! What is wrong at the device: codes, roles, PINs, purposes, questions.

use crate::support::{List, PURPOSE, TestHub, check, events, sync, vrm};
use beatcheck::{ApiError, Device, Outcome, PersonQuery, VehicleQuery};

#[test]
fn enrolment_says_what_is_wrong_with_it() {
    let hub = TestHub::start();
    hub.publish(&List::vehicles("cars", "cars").car("AA11AAA", "Red"));
    let e = hub.hub.enrol_code("officer", "chief").unwrap_err().to_string();
    assert!(e.contains("'chief'") && e.contains("patrol"), "says which there are: {e}");

    let options = hub.options("phone");
    let mut typo = options.clone();
    typo.code.pop();
    let e = Device::enrol(typo, hub.vault("phone")).err().unwrap();
    assert!(e.code() == "enrol_code" && e.to_string().contains("typing error"), "{e:?}");
    let mut bad = options.clone();
    bad.ca_pem = "not a certificate".into();
    let e = Device::enrol(bad, hub.vault("phone")).err().unwrap();
    assert!(e.to_string().contains("ca.pem"), "{e}");
    let mut bad = options.clone();
    bad.hub = "http://localhost".into();
    assert!(Device::enrol(bad, hub.vault("phone")).err().unwrap().to_string().contains("https://"));
    assert!(!hub.path("phone").join("keyring.bin").exists());
    assert_eq!(hub.reopen("phone").err().unwrap().code(), "not_enrolled");

    let device = Device::enrol(options.clone(), hub.vault("phone")).unwrap();
    let e = Device::enrol(options.clone(), hub.vault("phone")).err().unwrap();
    assert_eq!(e.code(), "already_enrolled");
    // Somebody else with the same code.
    let mut second = options;
    second.home = hub.path("thief").to_string_lossy().into_owned();
    let e = Device::enrol(second, hub.vault("thief")).err().unwrap();
    assert!(e.code() == "hub_refused" && e.to_string().contains("has been used"), "{e:?}");
    sync(&device);
    assert_eq!(check(&device, "AA11AAA").outcome, Outcome::Hit);
}

#[test]
fn policy_may_refuse_the_desks_vault() {
    let hub = TestHub::start();
    let policy = "[roles.patrol]\ncompartments=['*']\npurposes=['warrant']\n[limits]\nallow_desk_vault=false\n";
    hub.hub.policy_set(policy).unwrap();
    let e = Device::enrol(hub.options("phone"), hub.vault("phone")).err().unwrap();
    assert!(e.code() == "hub_refused" && e.to_string().contains("use a phone"), "{e:?}");
}

#[test]
fn a_pin_is_needed_at_each_opening() {
    let hub = TestHub::start();
    let mut options = hub.options("phone");
    options.pin = Some("246813".into());
    let home = options.home.clone();
    drop(Device::enrol(options, hub.vault("phone")).unwrap());
    // Without it the device is there, for management to reach, and answers nothing.
    let locked = Device::open(home.clone(), hub.vault("phone"), None).unwrap();
    assert_eq!(check(&locked, "AA11AAA").error.unwrap().code, "locked");
    drop(locked);
    for pin in [Some("246814".to_owned()), Some(String::new())] {
        let e = Device::open(home.clone(), hub.vault("phone"), pin).err().unwrap();
        assert!(matches!(&e, ApiError::Locked { code, .. } if code == "pin"), "{e:?}");
        assert!(e.to_string().contains("PIN"));
    }
    Device::open(home, hub.vault("phone"), Some("246813".into())).unwrap();
}

#[test]
fn questions_that_cannot_be_asked_are_answered_and_on_record() {
    let hub = TestHub::start();
    hub.ingest(&List::vehicles("cars", "cars").car("AA11AAA", "Red")).unwrap();
    let folk = List::persons("folk", "folk").row(&[
        ("id", "1"),
        ("given", "Ann"),
        ("surname", "Other"),
        ("dob", "1990-01-31"),
    ]);
    hub.publish(&folk);
    let device = hub.enrol("phone");
    let before = check(&device, "AA11AAA");
    assert_eq!((before.outcome, before.error.as_ref().unwrap().code.as_str()), (Outcome::CannotSay, "not_synced"));
    assert!(before.text.contains("connect and sync"), "{}", before.text);
    sync(&device);

    let vehicle = |v: Option<&str>, vin: Option<&str>| VehicleQuery {
        vrm: v.map(Into::into),
        vin: vin.map(Into::into),
        ..VehicleQuery::default()
    };
    let long = "A".repeat(12_000);
    for q in [vehicle(None, None), vehicle(Some(""), None), vehicle(Some("--"), None), vehicle(Some(&long), None)] {
        let a = device.check_vehicle(q, PURPOSE.into()).unwrap();
        assert_eq!((a.outcome, a.error.as_ref().map(|e| e.code.as_str())), (Outcome::CannotSay, Some("invalid_query")));
        assert!(a.text.starts_with("CANNOT SAY") && !a.text.contains("AAAA"), "{}", a.text);
    }
    let a = device.check_person(PersonQuery::default(), PURPOSE.into()).unwrap();
    assert_eq!(a.error.unwrap().code, "invalid_query");
    let wrong = device.check_vehicle(vrm("AA11AAA"), "curiosity".into()).unwrap();
    assert_eq!(
        (wrong.outcome, wrong.error.as_ref().unwrap().code.as_str()),
        (Outcome::CannotSay, "purpose_not_allowed")
    );
    assert!(wrong.text.contains("traffic_stop") && wrong.hits.is_empty(), "says which there are: {}", wrong.text);
    assert!(!device.status().unwrap().purposes.is_empty());

    // An impossible date of birth is what was said, not a mistake of the officer's: it is searched by what is near.
    for dob in ["31.02.1990", "1990-13-31", "1990-02-31", "99/99/1990"] {
        let q = PersonQuery {
            surname: Some("Other".into()),
            given: Some("Ann".into()),
            dob: Some(dob.into()),
            ..PersonQuery::default()
        };
        let a = device.check_person(q, PURPOSE.into()).unwrap();
        assert!(a.error.is_none() && a.outcome == Outcome::Possible, "{dob}: {}", a.text);
    }
    sync(&device);
    let account = hub.account(&device.status().unwrap().device);
    let errors: Vec<_> = events(&account, "check").iter().filter_map(|c| c["error"].as_str()).collect();
    let mut wanted = vec!["not_synced"];
    wanted.extend(["invalid_query"; 5]);
    wanted.push("purpose_not_allowed");
    assert_eq!(errors, wanted);
    assert_eq!(events(&account, "check").len(), 11);
}
