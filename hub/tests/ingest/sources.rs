//! What sources may do: their times, their compartments, their fields.

use crate::support::{Desk, MAPPING, NOW, counts};
use beatcheck_hub::HubError;
use beatcheck_model::{Body, Sex};

const ROW: &str = "id,plate,make,since\n1,AB1,Ford,01/05/2024\n";

#[test]
fn a_stated_time_never_goes_backwards() {
    let desk = Desk::new();
    desk.offer(ROW.as_bytes(), Some("2024-05-20T00:00:00Z"), false).unwrap();
    let error = desk.offer(ROW.as_bytes(), Some("2024-05-19T00:00:00Z"), false).unwrap_err();
    assert!(matches!(&error, HubError::Refused(t) if t.contains("older extract")), "{error}");
    assert!(!desk.hub.compartments().unwrap()[0].last_refused);
    let same = desk.offer(ROW.as_bytes(), Some("2024-05-20T00:00:00Z"), false).unwrap();
    assert_eq!((counts(&same), same.as_of_from.as_str()), ((0, 0, 0, 1), "stated"));
    let error = desk.offer(ROW.as_bytes(), Some("2024-06-03T00:00:00Z"), false).unwrap_err();
    assert!(error.to_string().contains("lies in the future"), "{error}");
}

#[test]
fn a_derived_time_that_goes_backwards_warns_and_the_later_one_stays() {
    let desk = Desk::new();
    desk.rows(&["1,AB1,Ford,01/05/2024", "2,AB2,Ford,09/05/2024"]).unwrap();
    let r = desk.rows(&["1,AB1,Ford,01/05/2024"]).unwrap();
    assert_eq!((r.removed, r.as_of.to_string().as_str()), (1, "2024-05-09T00:00:00Z"));
    assert!(r.warnings.iter().any(|w| w.contains("is before that of what is held")), "{:?}", r.warnings);
}

#[test]
fn the_time_comes_from_where_the_mapping_says() {
    let dated = "id,plate,make,since,at\n1,AB1,Ford,01/05/2024,2024-05-30T06:00:00Z\n";
    for (rule, expected, from) in [
        ("column = \"at\"", "2024-05-30T06:00:00Z", "column `at`"),
        ("file_name = '^(e)xtract'", "", ""),
        ("ingest_time = true", NOW, "the time of ingest"),
    ] {
        let desk = Desk::new();
        desk.remap("newest = \"since\"", rule);
        match desk.offer(dated.as_bytes(), None, false) {
            Ok(r) => assert_eq!((r.as_of.to_string().as_str(), r.as_of_from.as_str()), (expected, from)),
            Err(e) => assert!(expected.is_empty() && e.to_string().contains("--as-of"), "{e}"),
        }
    }
    let desk = Desk::with(&MAPPING.replace("[source.as_of]\nnewest = \"since\"\n", ""));
    let error = desk.offer(ROW.as_bytes(), None, false).unwrap_err();
    assert!(error.to_string().contains("state it with --as-of"), "{error}");
    desk.offer(ROW.as_bytes(), Some("2024-05-20T00:00:00Z"), false).unwrap();

    let desk = Desk::new();
    desk.remap("newest = \"since\"", "file_name = 'list-(.*)\\.csv'");
    let file = desk.dir.path().join("list-2024-05.csv");
    std::fs::write(&file, ROW).unwrap();
    let r = desk.offer_file(&desk.dir.path().join("mapping.toml"), &file, None, false).unwrap();
    assert_eq!(r.as_of.to_string(), "2024-05-01T00:00:00Z");
}

#[test]
fn dates_in_the_future_do_not_make_data_fresh() {
    let desk = Desk::new();
    let r = desk.rows(&["1,AB1,Ford,01/05/2024", "2,AB2,Ford,01/05/2042"]).unwrap();
    assert_eq!(r.as_of.to_string(), "2024-05-01T00:00:00Z");
    assert!(r.warnings[0].contains("future"));
}

#[test]
fn a_source_stays_in_its_compartment() {
    let desk = Desk::new();
    desk.offer(ROW.as_bytes(), None, false).unwrap();
    desk.remap("compartment = \"stolen\"", "compartment = \"other\"");
    let error = desk.offer(ROW.as_bytes(), None, false).unwrap_err().to_string();
    assert!(error.contains("is in compartment 'stolen'"), "{error}");
    desk.remap("compartment = \"other\"", "compartment = \"stolen\"");
    desk.remap("name = \"list\"", "name = \"second\"");
    let error = desk.offer(ROW.as_bytes(), None, false).unwrap_err().to_string();
    assert!(error.contains("belongs to source 'list'"), "{error}");
}

#[test]
fn nothing_goes_to_phones_unless_the_mapping_says_so() {
    let desk = Desk::with(&MAPPING.replace("offline_allowed = true\n", ""));
    desk.offer(ROW.as_bytes(), None, false).unwrap();
    let error = desk.hub.publish(&mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("'list'") && error.contains("offline_allowed = true"), "{error}");
    assert!(desk.hub.current_head().unwrap().is_none());
    assert!(!desk.hub.dir().join("segments").exists());
    desk.remap("kind = \"vehicle\"", "kind = \"vehicle\"\noffline_allowed = true");
    desk.offer(ROW.as_bytes(), None, false).unwrap();
    assert_eq!(desk.publish().compartments.len(), 1);
}

#[test]
fn a_person_is_read_in_every_field() {
    let desk = Desk::with(
        r#"
format = 1
[source]
name = "p"
kind = "person"
compartment = "persons"
key = ["id"]
validity_days = 10
handling = "P2"
flags = ["synthetic"]
[source.as_of]
ingest_time = true
[fields]
given = "given"
surname = "surname"
dob = "dob"
sex = "sex"
address = "address"
postcode = "postcode"
aliases = { column = "aliases", split = ";", part_split = "|", parts = ["surname", "given"] }
identifiers = [{ column = "pnc", kind = "pnc_id" }, { column = "ids" }]
markers = "markers"
statuses = "statuses"
events = "events"
links = "links"
updated = "updated"
"#,
    );
    let header = "id,given,surname,dob,sex,address,postcode,aliases,pnc,ids,markers,statuses,events,links,updated\n";
    let row = "7,Ann,O'Hara,1984-02-30,F,\"1 High St, Leeds\",LS1,Hara|Annie;Smith,2004/1X,cro|1/2,\
               FI|Firearms|Stand off|silent|2020-01;VI|Violent,wanted|Court||,arrest|2019|Theft|,keeper|V1|AB1,2024-05-25\n";
    let r = desk.offer(format!("{header}{row}").as_bytes(), None, false).unwrap();
    assert_eq!(r.accepted, 1);
    assert!(r.warnings[0].contains("time of ingest"));
    desk.remap("kind = \"person\"", "kind = \"person\"\noffline_allowed = true");
    desk.offer(format!("{header}{row}").as_bytes(), None, false).unwrap();
    desk.publish();
    let m = desk.manifest();
    assert!(m.warnings);
    let device = crate::support::Device::start(&desk, &m);
    device.check(&m);
    let record = device.rows.into_values().next().unwrap();
    assert_eq!((record.source_key.as_str(), record.handling.as_str()), ("7", "P2"));
    assert_eq!(record.flags, ["synthetic"]);
    assert_eq!(record.expires.unwrap().to_string(), "2024-06-04");
    let Body::Person(p) = record.body else { unreachable!() };
    let names: Vec<_> = p.names.iter().map(|n| (n.given.as_str(), n.surname.as_str(), n.kind.as_str())).collect();
    assert_eq!(names, [("Ann", "O'Hara", "primary"), ("Annie", "Hara", "alias"), ("", "Smith", "alias")]);
    assert_eq!((p.dobs[0].to_string().as_str(), p.sex), ("1984-02-30", Sex::Female));
    assert_eq!((p.addresses[0].text.as_str(), p.addresses[0].postcode.as_str()), ("1 High St, Leeds", "LS1"));
    let ids: Vec<_> = p.identifiers.iter().map(|i| (i.kind.as_str(), i.value.as_str())).collect();
    assert_eq!(ids, [("pnc_id", "2004/1X"), ("cro", "1/2")]);
    assert_eq!(p.markers[0].since.unwrap().to_string(), "2020-01");
    assert_eq!((p.markers[0].disclosure, p.markers[1].code.as_str()), (beatcheck_model::Disclosure::Silent, "VI"));
    assert_eq!((p.statuses[0].code.as_str(), p.events[0].text.as_str()), ("wanted", "Theft"));
    assert_eq!((p.links[0].target_key.as_str(), p.links[0].text.as_str()), ("V1", "AB1"));
}

#[test]
fn without_a_key_the_whole_row_is_the_key() {
    let desk = Desk::new();
    desk.remap("key = [\"id\"]", "key = []");
    desk.rows(&["1,AB1,Ford,01/05/2024", "1,AB1,Ford,01/05/2024"]).unwrap();
    let r = desk.rows(&["1,AB1,Fiat,01/05/2024", "1,AB1,Ford,01/05/2024"]).unwrap();
    assert_eq!(counts(&r), (1, 0, 1, 1));
}
