//! The account by the real binary: real checks of a real device, searched, rebuilt, exported, verified.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // a test that cannot go on should stop where it stands

#[allow(dead_code)] // each test uses its part of it
mod support;

use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use support::{Serving, World, golden};

const BY: [&str; 6] = ["--data", "hub", "--by", "auditor-1", "--why", "dip sample"];

/// A command of `hub account`, by a reader.
fn line<'a>(of: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [&["hub", "account"][..], of, &BY, more].concat()
}

#[test]
fn what_was_asked_is_found_rebuilt_exported_and_each_look_is_on_record() {
    let w = World::new();
    w.hub();
    let serving = Serving::start(&w, "127.0.0.1:0");
    let device = w.enrol("phone", &serving.url)["device"].as_str().unwrap().to_owned();
    w.ok(&["device", "sync", "--home", "phone"]);
    let list = std::fs::read_to_string(support::repository("fixtures/small/hot-list-a.csv")).unwrap();
    // The first row's mark was spoilt by a spreadsheet, as such marks are.
    let mark = list.lines().nth(2).unwrap().split(',').next().unwrap().trim_matches('"').to_owned();
    let check = ["device", "check", "vehicle", "--home", "phone", "--purpose", "traffic_stop"];
    let hit = w.json(&[&check[..], &[&mark]].concat());
    assert_eq!(hit["outcome"], "hit", "{hit}");
    w.json(&[&check[..], &["ZZ99 ZZZ"]].concat());
    w.ok(&["device", "sync", "--home", "phone"]);
    let reference = hit["reference"].as_str().unwrap();

    let found = w.json(&line(&["search"], &["--reference", reference]));
    golden("hub-account-search", &found);
    assert_eq!((found["rows"].as_array().unwrap().len(), &found["total"]), (1, &json!(1)));
    let shown = &found["rows"][0]["entry"]["shown"][0];
    let record = shown["id"].as_str().unwrap();
    assert!(
        w.json(&line(&["who", record], &[]))["rows"]
            .as_array()
            .unwrap()
            .iter()
            .any(|r| r["entry"]["reference"] == reference)
    );
    let did = w.json(&line(&["officer", "OFFICER-1234"], &["--rows", "1"]));
    assert_eq!(did["rows"].as_array().unwrap().len(), 1);
    let next = did["next"].as_str().unwrap();
    assert_ne!(w.json(&line(&["officer", "OFFICER-1234"], &["--after", next]))["rows"][0], did["rows"][0]);
    let rebuilt = w.json(&line(&["rebuild", reference], &[]));
    golden("hub-account-rebuild", &rebuilt);
    assert_eq!((&rebuilt["answers"][0]["whole"], rebuilt["answers"].as_array().unwrap().len()), (&json!(true), 1));
    assert!(w.ok(&line(&["rebuild", reference], &[])).out.contains("unchanged since"));
    assert!(w.ok(&line(&["search"], &["--event", "check"])).out.contains("2 entries match."));

    // Nobody's own; nobody without a reason.
    let own =
        ["hub", "account", "officer", "OFFICER-1234", "--data", "hub", "--by", "officer-1234", "--why", "curious"];
    let withheld = w.json(&own);
    assert!(withheld["rows"].as_array().unwrap().is_empty() && withheld["withheld"].as_u64().unwrap() >= 2);
    assert!(w.ok(&own).out.contains("somebody else must review them"));
    let own = ["hub", "account", "rebuild", reference, "--data", "hub", "--by", "OFFICER-1234", "--why", "curious"];
    w.fails(&own, 8, "refused");
    w.fails(&["hub", "account", "search", "--data", "hub", "--by", "x", "--why", " "], 8, "refused");
    assert_eq!(w.run(&["hub", "account", "search", "--data", "hub", "--by", "x"]).exit, 2);

    let export = line(&["export"], &["--event", "check", "--out", "checks.csv"]);
    golden("hub-account-export", &w.json(&export));
    let csv = std::fs::read_to_string(w.path("checks.csv")).unwrap();
    assert_eq!((csv.lines().count(), csv.contains(reference)), (3, true));
    assert_eq!(std::fs::metadata(w.path("checks.csv")).unwrap().permissions().mode() & 0o777, 0o600);
    w.fails(&export, 1, "io");
    w.ok(&line(&["export"], &["--format", "json", "--out", "all.json"]));
    let all: Value = serde_json::from_slice(&std::fs::read(w.path("all.json")).unwrap()).unwrap();
    assert!(all["entries"].as_array().unwrap().len() > 2);

    let verified = w.json(&["hub", "account", "verify", "--data", "hub", "--open"]);
    golden("hub-account-verify", &verified);
    assert_eq!(
        (&verified["devices"][0]["unbroken"], &verified["devices"][0]["device"]),
        (&json!(true), &json!(device))
    );
    golden("hub-account-index", &w.json(&["hub", "account", "index", "--data", "hub", "--anew"]));
    golden("hub-account-retain", &w.json(&["hub", "account", "retain", "--data", "hub", "--by", "nightly"]));
    golden("hub-account-numbers", &w.json(&["hub", "account", "numbers", "--data", "hub", "--since", "now"]));
    assert!(w.ok(&["hub", "account", "numbers", "--data", "hub", "--since", "now"]).out.contains("is not told"));

    let log = ["hub", "account", "log", "--data", "hub", "--by", "chief", "--why", "monthly review"];
    let looks = w.json(&log);
    golden("hub-account-log", &looks);
    assert_eq!((&looks["unbroken"], &looks["contains_head"]), (&json!(true), &Value::Null));
    let rows = looks["rows"].as_array().unwrap();
    assert!(rows.iter().any(|l| l["action"] == "rebuild" && l["subject"] == format!("reference {reference}")));
    let head = format!("{}:{}", looks["head"]["n"], looks["head"]["hash"].as_str().unwrap());
    assert_eq!(w.json(&[&log[..], &["--head", &head]].concat())["contains_head"], true);
    let other = format!("1:{}", "0".repeat(64));
    let said = w.run(&[&log[..], &["--head", &other, "--json"]].concat());
    assert_eq!((said.exit, &said.json()["contains_head"]), (1, &json!(false)));

    for command in ["search", "who", "officer", "rebuild", "export", "verify", "retain", "log", "numbers", "index"] {
        assert!(w.ok(&["hub", "account", command, "--help"]).out.contains("Example"), "{command}");
    }
}
