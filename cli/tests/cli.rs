//! The real binary, end to end, against a real hub on loopback: exit codes, JSON shapes, and what is said.
//!
//! `BEATCHECK_BLESS=1 cargo test -p beatcheck-cli` writes the goldens anew: look at the difference, and change
//! `docs/cli.md` with it.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // a test that cannot go on should stop where it stands

mod support;

use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use support::{Serving, World, golden, repository, shape};

const CHECK: [&str; 6] = ["device", "check", "vehicle", "--home", "phone", "--purpose"];

/// Marks of a list that can be typed.
fn marks(list: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(repository(&format!("fixtures/small/{list}"))).unwrap();
    let first = text.lines().skip(1).filter_map(|l| l.split(',').next());
    first.filter(|m| m.len() >= 5 && m.bytes().all(|b| b.is_ascii_alphanumeric())).map(str::to_owned).collect()
}

fn outcome(answer: &Value) -> &str {
    answer["outcome"].as_str().unwrap()
}

#[test]
fn the_main_job_from_nothing_to_a_wipe() {
    let w = World::new();
    golden("hub-init", &w.json(&["hub", "init", "--data", "hub"]));
    let ingested = w.ingest("hot-list-a.csv");
    golden("hub-ingest", &ingested);
    assert_eq!(
        (&ingested["rows_read"], &ingested["added"], &ingested["removed"]),
        (&json!(300), &json!(300), &json!(0))
    );
    let persons = [repository("fixtures/mappings/synthetic-persons.toml"), repository("fixtures/small/persons.csv")];
    w.ok(&["hub", "ingest", "--data", "hub", "--mapping", &persons[0], "--as-of", "now", &persons[1]]);
    golden("hub-publish", &w.json(&["hub", "publish", "--data", "hub"]));
    let serving = Serving::start(&w, "127.0.0.1:0");
    golden("hub-serve", &serving.said);
    golden("hub-enrol", &w.json(&["hub", "enrol", "--data", "hub", "--officer", "OFFICER-1234", "--role", "patrol"]));
    golden("device-enrol", &w.enrol("phone", &serving.url));

    // Before the first sync: refused to guess, and on record.
    let early = w.run(&[&CHECK[..], &["warrant", "AB1234", "--json"]].concat());
    assert_eq!((early.exit, early.json()["error"]["code"].as_str()), (4, Some("not_synced")));
    let synced = w.json(&["device", "sync", "--home", "phone"]);
    golden("device-sync", &synced);
    assert_eq!((&synced["complete"], synced["compartments"].as_array().unwrap().len()), (&json!(true), 2));

    let mark = marks("hot-list-a.csv").into_iter().next().unwrap();
    let lower = mark.to_lowercase();
    let hit = w.json(&[&CHECK[..], &["traffic_stop", &lower]].concat());
    golden("answer-hit", &hit);
    assert_eq!((outcome(&hit), hit["hits"][0]["vrm"].as_str()), ("hit", Some(mark.as_str())));
    assert!(hit["text"].as_str().unwrap().starts_with("Reported stolen"), "danger first: {}", hit["text"]);
    let spaced = w.json(&[&CHECK[..], &["traffic_stop", &mark[..2], &mark[2..]]].concat());
    assert_eq!(outcome(&spaced), "hit", "a mark in two words");
    let none = w.json(&[&CHECK[..], &["welfare", "ZZ99 ZZZ"]].concat());
    golden("answer-no-trace", &none);
    assert_eq!(outcome(&none), "no_trace");
    let person = ["device", "check", "person", "--home", "phone", "--purpose", "stop_search", "--surname", "wright"];
    let possible = w.json(&[&person[..], &["--given", "jerome", "--dob", "1983-10-27", "--sex", "m"]].concat());
    golden("answer-possible", &possible);
    assert_eq!((outcome(&possible), possible["hits"][0]["source_key"].as_str()), ("possible", Some("P0000001")));
    let refused = w.run(&[&CHECK[..], &["curiosity", &mark, "--json"]].concat());
    assert_eq!((refused.exit, outcome(&refused.json())), (3, "cannot_say"));
    golden("answer-refused", &refused.json());
    let invalid = w.run(&[&CHECK[..], &["warrant", "--json"]].concat());
    assert_eq!((invalid.exit, invalid.json()["error"]["code"].as_str()), (2, Some("invalid_query")));

    golden("device-scrub", &w.json(&["device", "scrub", "--home", "phone"]));
    golden("device-status", &w.json(&["device", "status", "--home", "phone"]));
    w.ok(&["device", "sync", "--home", "phone"]);
    let status = w.json(&["hub", "status", "--data", "hub"]);
    golden("hub-status", &status);
    assert_eq!(status["devices"][0]["held"][0]["digest"], "agrees");
    let journal = w.json(&["hub", "journal", "--data", "hub", "--verify"]);
    golden("hub-journal", &journal);
    let entries = journal["entries"].as_array().unwrap();
    let checks = entries.iter().filter(|e| e["entry"]["event"] == "check").count();
    assert_eq!(checks, 7, "one entry for every check, the refused and the invalid one too");
    let reference = hit["reference"].as_str().unwrap();
    let quoted = w.json(&["hub", "journal", "--data", "hub", "--reference", reference]);
    assert_eq!(quoted["entries"].as_array().unwrap().len(), 1);
    assert_eq!(quoted["entries"][0]["entry"]["officer"], "OFFICER-1234");

    golden("device-wipe", &w.json(&["device", "wipe", "--home", "phone"]));
    w.fails(&["device", "status", "--home", "phone"], 7, "wiped");
    let last = w.json(&["device", "sync", "--home", "phone"]);
    assert_eq!((&last["wiped"], &last["journal_sent"]), (&json!(true), &json!(1)));
    w.fails(&["device", "status", "--home", "phone"], 7, "not_enrolled");
    let journal = w.json(&["hub", "journal", "--data", "hub", "--verify"]);
    assert_eq!(journal["devices"][0]["unbroken"], true);
    assert_eq!(journal["entries"].as_array().unwrap().last().unwrap()["entry"]["event"], "wiped");
    assert_eq!(serving.stop(Signal::TERM), Some(0), "SIGTERM is a good end");
}

#[test]
fn without_the_hub_it_answers_and_when_the_hub_returns_it_says_what_changed() {
    let w = World::new();
    w.hub();
    let serving = Serving::start(&w, "127.0.0.1:0");
    let address = serving.address();
    w.enrol("phone", &serving.url);
    w.ok(&["device", "sync", "--home", "phone"]);
    assert_eq!(serving.stop(Signal::INT), Some(0), "SIGINT is a good end");

    let failed = w.run(&["device", "sync", "--home", "phone", "--json"]);
    assert_eq!((failed.exit, failed.json()["fault"]["code"].as_str()), (5, Some("hub_unreachable")));
    assert_eq!(shape(&failed.json()).get(".fault.text"), Some(&"text"));
    let (old, new) = (marks("hot-list-a.csv"), marks("hot-list-b.csv"));
    let (gone, come) = (old.difference(&new).next().unwrap(), new.difference(&old).next().unwrap());
    assert_eq!(outcome(&w.json(&[&CHECK[..], &["warrant", gone]].concat())), "hit");
    let told = w.json(&[&CHECK[..], &["warrant", come]].concat());
    assert_eq!(outcome(&told), "no_trace");

    w.ingest("hot-list-b.csv");
    w.ok(&["hub", "publish", "--data", "hub"]);
    let serving = Serving::start(&w, &address);
    let synced = w.json(&["device", "sync", "--home", "phone"]);
    golden("device-sync-late", &synced);
    let change = &synced["compartments"][0];
    assert_eq!(change["route"], "deltas");
    assert!(change["rows"].as_u64() > change["inserted"].as_u64(), "only what changed came down");
    let late = synced["late_hits"].as_array().unwrap();
    let appeared = late.iter().find(|l| l["reference"] == told["reference"]).unwrap();
    assert_eq!(appeared["change"], "appeared");
    assert_eq!(outcome(&w.json(&[&CHECK[..], &["warrant", come]].concat())), "hit");
    assert_eq!(outcome(&w.json(&[&CHECK[..], &["warrant", gone]].concat())), "no_trace");
    let shown = w.ok(&["device", "status", "--home", "phone"]).out;
    assert!(shown.starts_with("CHANGED SINCE YOU WERE TOLD"), "{shown}");

    // A day later without contact the answer says how old it is; four days later the lease has ended.
    let day = |days: i64| beatcheck_hub::Clock::now(&beatcheck_hub::SystemClock).plus_secs(days * 86_400).to_string();
    let stale = w.json(&[&CHECK[..], &["warrant", come, "--now", &day(2)]].concat());
    assert_eq!((outcome(&stale), stale["coverage"][0]["state"].as_str()), ("hit", Some("stale")));
    let ended = w.run(&[&CHECK[..], &["warrant", come, "--now", &day(4), "--json"]].concat());
    assert_eq!((ended.exit, ended.json()["error"]["code"].as_str()), (3, Some("lease_ended")));
    drop(serving);
}

#[test]
fn a_batch_answers_every_line_in_order() {
    let w = World::new();
    w.hub();
    let serving = Serving::start(&w, "127.0.0.1:0");
    w.enrol("phone", &serving.url);
    w.ok(&["device", "sync", "--home", "phone"]);
    let mark = marks("hot-list-a.csv").into_iter().next().unwrap();
    let line = ["device", "batch", "--home", "phone", "--purpose", "traffic_stop"];

    let input = format!(
        "{{\"id\":{{\"n\":1}},\"kind\":\"vehicle\",\"vrm\":\"{mark}\"}}\n\n\
         not a query\n\
         {{\"id\":\"x\",\"kind\":\"vehicle\",\"vrm\":\"{mark}\",\"purpose\":\"curiosity\"}}\n\
         {{\"id\":3,\"kind\":\"vehicle\"}}\n\
         {{\"id\":4,\"kind\":\"person\",\"dob\":\"1984-02-31\"}}"
    );
    let answers = w.batch(&line, &input);
    golden("batch-line", &answers[0]);
    let told: Vec<_> = answers.iter().map(|a| (&a["id"], outcome(a), a["error"]["code"].as_str())).collect();
    assert_eq!(told[0], (&json!({"n": 1}), "hit", None));
    assert_eq!(told[1], (&Value::Null, "cannot_say", Some("invalid_query")));
    assert_eq!(told[2], (&json!("x"), "cannot_say", Some("purpose_not_allowed")));
    assert_eq!(told[3], (&json!(3), "cannot_say", Some("invalid_query")));
    // No source of persons is held: that cannot be answered, but an impossible date is no error.
    assert_eq!(told[4], (&json!(4), "cannot_say", None));
    assert_eq!(answers.len(), 5);
    let numbers: Vec<u64> = answers.iter().map(|a| a["audit_seq"].as_u64().unwrap()).collect();
    assert!(numbers.windows(2).all(|n| n[1] == n[0] + 1), "{numbers:?}");

    // More lines than a chunk, in order.
    let many: String = (0..300).map(|i| format!("{{\"id\":{i},\"kind\":\"vehicle\",\"vrm\":\"{mark}\"}}\n")).collect();
    let ids: Vec<u64> = w.batch(&line, &many).iter().map(|a| a["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (0..300).collect::<Vec<u64>>());

    // One line at a time: each is answered while stdin stays open.
    let mut child = w.start(&line);
    let (mut to, mut from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    for i in 0..3 {
        writeln!(to, "{{\"id\":{i},\"kind\":\"vehicle\",\"vrm\":\"{mark}\"}}").unwrap();
        let mut answer = String::new();
        from.read_line(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("{{\"id\":{i},\"kind\":\"vehicle\",\"outcome\":\"hit\"")), "{answer}");
    }
    drop(to);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    w.ok(&["device", "sync", "--home", "phone"]);
    let journal = w.json(&["hub", "journal", "--data", "hub", "--verify"]);
    let checks = journal["entries"].as_array().unwrap().iter().filter(|e| e["entry"]["event"] == "check").count();
    assert_eq!(checks, 5 + 300 + 3);
}

#[test]
fn what_management_orders_the_device_does() {
    let w = World::new();
    w.hub();
    let serving = Serving::start(&w, "127.0.0.1:0");
    w.write("pin", "471100\n");
    let code = w.code();
    let enrol = ["device", "enrol", "--home", "phone", "--hub", &serving.url, "--ca", "hub/ca.pem", "--code", &code];
    let enrolled = w.json(&[&enrol[..], &["--pin-file", "pin"]].concat());
    // Without the PIN it is locked: management reaches it, and nothing is answered.
    let locked = w.json(&["device", "sync", "--home", "phone"]);
    assert_eq!((&locked["locked"], locked["deferred"].as_array().unwrap().len()), (&json!(true), 1));
    w.write("wrong", "000000\n");
    w.fails(&["device", "sync", "--home", "phone", "--pin-file", "wrong"], 6, "pin");
    let sync = ["device", "sync", "--home", "phone", "--pin-file", "pin"];
    w.ok(&sync);
    w.fails(&[&enrol[..], &["--pin-file", "pin"]].concat(), 7, "already_enrolled");
    let again = ["device", "enrol", "--home", "other", "--hub", &serving.url, "--ca", "hub/ca.pem", "--code", &code];
    w.fails(&again, 8, "hub_refused");

    let policy = w.json(&["hub", "policy", "show", "--data", "hub"]);
    golden("hub-policy", &policy);
    w.write("policy.toml", "[roles.patrol]\ncompartments = ['*']\npurposes = ['warrant']\n");
    assert_eq!(w.json(&["hub", "policy", "set", "--data", "hub", "policy.toml"]), json!({"policy_version": 2}));
    w.write("policy.toml", "[roles.patrol]\ncompartments = ['*']\npurpose = ['warrant']\n");
    w.fails(&["hub", "policy", "set", "--data", "hub", "policy.toml"], 8, "refused");
    w.ok(&sync);
    let refused = w.run(&[&CHECK[..], &["traffic_stop", "AB1234", "--pin-file", "pin"]].concat());
    assert_eq!(refused.exit, 3);
    assert!(refused.out.contains("allowed: warrant") && !refused.err.is_empty(), "{}", refused.out);

    let device = enrolled["device"].as_str().unwrap();
    let ordered = w.json(&["hub", "wipe", "--data", "hub", "--device", device]);
    golden("hub-wipe", &ordered);
    assert_eq!((&ordered["device"], &ordered["state"]), (&json!(device), &json!("wipe_ordered")));
    let wiped = w.run(&[&sync[..], &["--json"]].concat());
    assert_eq!((wiped.exit, &wiped.json()["wiped"]), (7, &json!(true)), "{}", wiped.err);
    let journal = w.json(&["hub", "journal", "--data", "hub", "--device", device, "--verify"]);
    let last = journal["entries"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["entry"]["event"], &last["entry"]["by"]), (&json!("wiped"), &json!("order")));

    let enrolled = w.enrol("second", &serving.url);
    w.ok(&["hub", "revoke", "--data", "hub", "--device", enrolled["device"].as_str().unwrap()]);
    let revoked = w.run(&["device", "sync", "--home", "second", "--json"]);
    assert_eq!((revoked.exit, revoked.json()["fault"]["code"].as_str()), (8, Some("hub_refused")));
}

#[test]
fn a_relay_stands_between_a_device_and_the_hub() {
    let w = World::new();
    w.hub();
    let serving = Serving::start(&w, "127.0.0.1:0");
    w.enrol("phone", &serving.url);
    golden("hub-relay-add", &w.json(&["hub", "relay", "add", "car-7", "--data", "hub", "--out", "car-7"]));
    w.fails(&["hub", "relay", "add", "car-7", "--data", "hub", "--out", "car-7"], 8, "refused");
    golden("hub-relay-list", &w.json(&["hub", "relay", "list", "--data", "hub"]));
    let line = ["relay", "--dir", "cache", "--hub", &serving.url, "--listen", "127.0.0.1:0", "--identity"];
    w.fails(&[&line[..], &["nowhere"]].concat(), 2, "input");
    let relay = Serving::run(&w, &[&line[..], &["car-7"]].concat());
    golden("relay", &relay.said);
    w.fails(&[&line[..], &["car-7"]].concat(), 1, "io");

    let device = ["device", "relay", "--home", "phone"];
    assert_eq!(w.json(&device)["relay"], Value::Null);
    w.fails(&[&device[..], &["http://car-7"]].concat(), 5, "tls");
    golden("device-relay", &w.json(&[&device[..], &[&relay.url]].concat()));
    assert_eq!(w.json(&device)["relay"], relay.url.as_str(), "kept");
    let synced = w.json(&["device", "sync", "--home", "phone"]);
    assert_eq!(synced["complete"], true);
    assert!(
        synced["relay_bytes"].as_u64() > Some(5000) && synced["relay_bytes"].as_u64() < synced["bytes_down"].as_u64()
    );
    assert_eq!(w.json(&[&device[..], &["--off"]].concat())["relay"], Value::Null);
    assert_eq!(relay.stop(Signal::TERM), Some(0), "SIGTERM is a good end");

    let revoked = w.json(&["hub", "relay", "revoke", "car-7", "--data", "hub"]);
    assert_eq!((&revoked["relay"], &revoked["state"]), (&json!("car-7"), &json!("revoked")));
    assert_eq!(w.json(&["hub", "relay", "list", "--data", "hub"])["relays"][0]["state"], "revoked");
    w.fails(&["hub", "relay", "revoke", "car-8", "--data", "hub"], 8, "refused");
}

#[test]
fn what_cannot_be_taken_in_is_said_and_nothing_is_lost() {
    let w = World::new();
    w.fails(&["hub", "status", "--data", "nowhere"], 6, "not_a_hub");
    w.hub();
    w.fails(&["hub", "init", "--data", "hub"], 8, "already_a_hub");
    w.fails(&["hub", "enrol", "--data", "hub", "--officer", "1", "--role", "chief"], 8, "refused");

    let mapping = repository("fixtures/mappings/persons.toml");
    w.write(
        "persons.csv",
        "id,given,surname,dob,sex,address\n1,Ann,Other,1984-03-02,f,Here\n2,Bob\n3,Cy,Third,soon,m,There\n",
    );
    let persons = ["hub", "ingest", "--data", "hub", "--mapping", &mapping, "persons.csv", "--as-of"];
    let taken = w.json(&[&persons[..], &["2026-04-30T06:00:00Z"]].concat());
    assert_eq!((&taken["accepted"], &taken["rejected"]), (&json!(1), &json!(2)));
    let rejects = w.json(&["hub", "rejects", "--data", "hub", "--limit", "1"]);
    golden("hub-rejects", &rejects);
    assert_eq!((&rejects["total"], rejects["rejects"].as_array().unwrap().len()), (&json!(2), 1));
    let shown = w.ok(&["hub", "rejects", "--data", "hub"]).out;
    assert!(shown.contains("line 3") && shown.contains("2,Bob"), "{shown}");
    w.fails(&[&persons[..], &["2026-04-29T06:00:00Z"]].concat(), 8, "refused");

    let text = std::fs::read_to_string(repository("fixtures/small/hot-list-a.csv")).unwrap();
    w.write("short.csv", &text.lines().take(20).map(|l| format!("{l}\n")).collect::<String>());
    let cars = repository("fixtures/mappings/nz-police-stolen-vehicles.toml");
    let short = ["hub", "ingest", "--data", "hub", "--mapping", &cars, "--as-of", "now", "short.csv"];
    w.fails(&short, 8, "extract");
    assert!(w.json(&[&short[..], &["--force"]].concat())["removed"].as_u64() > Some(200));
    w.write("mapping.toml", "format = 1\nsource = 'none'\n");
    let bad = ["hub", "ingest", "--data", "hub", "--mapping", "mapping.toml", "--as-of", "now", "short.csv"];
    w.fails(&bad, 8, "mapping");
}

#[test]
fn a_simulation_counts_and_its_seeds_replay() {
    let w = World::new();
    let told = w.json(&["sim", "--seeds", "40..60"]);
    assert_eq!((&told["seeds"], &told["failure"], &told["failed_seed"]), (&json!(20), &json!(null), &json!(null)));
    assert!(told["syncs"].as_u64() > Some(60) && told["checks"].as_u64() > Some(0), "{told}");
    assert_eq!(w.json(&["sim", "--seeds", "40..60"]), told, "the same seeds are the same stories");
    assert_eq!(w.run(&["sim", "--seeds", "60..40"]).exit, 2);
}

#[test]
fn bad_usage_is_told_from_the_rest() {
    let w = World::new();
    for line in [
        &["hub"][..],
        &["device", "check", "vehicle", "AB1234", "--home", "phone"],
        &["device", "check", "person", "--sex", "q", "--home", "phone", "--purpose", "warrant"],
        &["device", "status", "--home", "phone", "--now", "yesterday"],
        &["hub", "revoke", "--data", "hub", "--device", "12"],
    ] {
        let ran = w.run(line);
        assert_eq!((ran.exit, ran.out.is_empty(), ran.err.is_empty()), (2, true, false), "{line:?}");
    }
    let ran = w.fails(&["device", "frob"], 2, "usage");
    golden("error", &ran.json());
    w.fails(&["device", "status", "--home", "phone"], 7, "not_enrolled");
    assert!(!w.path("phone").exists(), "looking makes nothing");
    w.fails(&["device", "enrol", "--home", "phone", "--hub", "x", "--code", "C", "--ca", "none.pem"], 2, "input");
    assert_eq!(w.run(&["--version"]).exit, 0);
    assert!(w.ok(&["--help"]).out.contains("Exit codes"));
}

#[test]
fn fixtures_are_the_same_for_the_same_seed() {
    let w = World::new();
    let make = |out: &str| w.json(&["fixtures", "--out", out, "--persons", "20", "--vehicles", "30", "--seed", "7"]);
    golden("fixtures", &make("a"));
    make("b");
    let read = |dir: &str| std::fs::read(w.path(dir).join("persons.csv")).unwrap();
    assert_eq!(read("a"), read("b"));
    w.fails(&["fixtures", "--out", "c", "--persons", "6000000"], 2, "usage");
}

#[test]
fn every_key_of_every_golden_is_documented() {
    let docs = std::fs::read_to_string(repository("docs/cli.md")).unwrap();
    let words: BTreeSet<&str> = docs.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let mut goldens = 0;
    for entry in std::fs::read_dir(repository("cli/tests/golden")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(docs.contains(name), "docs/cli.md does not point to {name}");
        let value: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for key in shape(&value).keys() {
            let last = key.rsplit('.').next().unwrap().trim_end_matches("[]");
            assert!(words.contains(last), "{name}: {key} is not in docs/cli.md");
        }
        goldens += 1;
    }
    assert!(goldens > 15);
}
