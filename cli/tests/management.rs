//! Device management by the real binary: policies signed elsewhere and rolled out, orders, roots.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // a test that cannot go on should stop where it stands

#[allow(dead_code)] // each test uses its part of it
mod support;

use serde_json::{Value, json};
use support::{Serving, World, golden, repository};

const TEXT: &str = "note = 'Shorter leases.'\n[roles.patrol]\ncompartments = ['*']\npurposes = ['warrant', 'other']\n\
                    [limits]\nlease_hours = 8\nroaming_mb_per_day = 50\n";

#[test]
fn a_policy_is_written_looked_at_signed_elsewhere_and_rolled_out() {
    let w = World::new();
    w.hub();
    w.write("policy.toml", TEXT);
    golden("hub-policy-lint", &w.json(&["hub", "policy", "lint", "--data", "hub", "policy.toml"]));
    assert_eq!(w.json(&["hub", "policy", "lint", "policy.toml"])["usable"], true, "without a hub");
    w.write("bad.toml", "[roles.patrol]\ncompartments = []\npurposes = []\n[limits]\nlease_hour = 8\n");
    let bad = w.run(&["hub", "policy", "lint", "bad.toml", "--json"]);
    assert_eq!((bad.exit, &bad.json()["usable"], bad.err.is_empty()), (8, &json!(false), false));
    assert_eq!(bad.json()["findings"][0]["field"], "limits.lease_hour");

    let diff = w.json(&["hub", "policy", "diff", "--data", "hub", "policy.toml"]);
    golden("hub-policy-diff", &diff);
    assert_eq!((&diff["from"], &diff["loosens"]), (&json!(1), &json!(1)));
    assert_eq!(diff["changes"][0]["field"], "limits.roaming_mb_per_day", "what loosens first");
    let shown = w.ok(&["hub", "policy", "diff", "--data", "hub", "policy.toml"]).out;
    assert!(shown.contains("tightens  limits.lease_hours: 72 -> 8"), "{shown}");

    // The key goes to a safe; from then on only what it signs there is taken.
    std::fs::rename(w.path("hub/keys/policy.key"), w.path("policy.key")).unwrap();
    w.fails(&["hub", "policy", "set", "--data", "hub", "policy.toml"], 6, "hub_key");
    assert_eq!(w.json(&["hub", "status", "--data", "hub"])["keys_elsewhere"], json!(["policy.key"]));
    let sign = ["hub", "policy", "sign", "--key", "policy.key", "--out", "two", "policy.toml"];
    w.fails(&sign, 8, "refused");
    golden("hub-policy-sign", &w.json(&[&sign[..], &["--policy-version", "2"]].concat()));
    w.fails(&[&sign[..], &["--policy-version", "2"]].concat(), 1, "io");
    assert_eq!(w.json(&["hub", "policy", "diff", "--data", "hub", "two"])["tightens"], diff["tightens"]);
    let push = ["hub", "policy", "push", "--data", "hub", "--share", "10", "--by", "4711", "two"];
    assert_eq!(w.json(&push), json!({"policy_version": 2}));
    w.fails(&push, 8, "refused");
    assert_eq!(w.json(&["hub", "policy", "show", "--data", "hub"])["policy_version"], 1);
    let stage = ["hub", "policy", "stage", "--data", "hub", "--share", "100", "2"];
    let serving = Serving::start(&w, "127.0.0.1:0");
    w.enrol("phone", &serving.url);
    let has = || {
        w.ok(&["device", "sync", "--home", "phone"]);
        w.json(&["device", "status", "--home", "phone"])["policy_version"].clone()
    };
    let before = has();
    assert_eq!(w.json(&stage), json!({"policy_version": 2, "share_percent": 100}));
    assert!(before == json!(1) || before == json!(2), "by its place in the roll-out");
    assert_eq!(has(), json!(2));
    w.fails(&stage, 8, "refused");
    let status = w.json(&["hub", "policy", "status", "--data", "hub"]);
    golden("hub-policy-status", &status);
    assert_eq!((&status["in_force"], &status["versions"][0]["pushed_by"]), (&json!(2), &json!("4711")));
    let history = w.json(&["hub", "policy", "history", "--data", "hub"]);
    golden("hub-policy-history", &history);
    assert_eq!(history["versions"][0]["steps"].as_array().unwrap().len(), 2);

    w.ok(&["hub", "policy", "show", "--data", "hub", "2", "--out", "again"]);
    assert_eq!(std::fs::read(w.path("again")).unwrap(), std::fs::read(w.path("two")).unwrap(), "for MDM");
    w.fails(&["hub", "policy", "rollback", "--data", "hub", "1"], 6, "hub_key");
    std::fs::rename(w.path("policy.key"), w.path("hub/keys/policy.key")).unwrap();
    let back = w.json(&["hub", "policy", "rollback", "--data", "hub", "1"]);
    assert_eq!(back, json!({"policy_version": 3, "as": 1}));
    for command in ["status", "history"] {
        assert!(w.ok(&["hub", "policy", command, "--data", "hub"]).out.contains("As version 1 again."));
    }
}

#[test]
fn orders_are_made_listed_taken_back_and_obeyed() {
    let w = World::new();
    w.hub();
    let serving = Serving::start(&w, "127.0.0.1:0");
    let id = w.enrol("phone", &serving.url)["device"].as_str().unwrap().to_owned();
    let list = w.json(&["hub", "status", "--data", "hub"])["compartments"][0]["name"].as_str().unwrap().to_owned();
    let purge = ["hub", "purge", "--data", "hub", "--device", &id, "--compartment", &list];
    golden("hub-purge", &w.json(&purge));
    w.fails(&["hub", "purge", "--data", "hub", "--device", &id, "--compartment", "none"], 8, "refused");

    let proposed = w.json(&["hub", "wipe-all", "propose", "--data", "hub", "--by", "alice"]);
    let order = proposed["order"].as_str().unwrap();
    let approve = ["hub", "wipe-all", "approve", "--data", "hub", "--order", order, "--by"];
    w.fails(&[&approve[..], &["Alice"]].concat(), 8, "refused");
    assert_eq!(w.json(&[&approve[..], &["bob"]].concat()), json!({"order": order, "state": "open"}));
    w.ok(&["hub", "cancel", "--data", "hub", "--order", order, "--by", "bob"]);
    w.fails(&["hub", "cancel", "--data", "hub", "--order", order], 8, "refused");
    let orders = w.json(&["hub", "orders", "--data", "hub", "--device", &id]);
    golden("hub-orders", &orders);
    let states: Vec<&Value> = orders["orders"].as_array().unwrap().iter().map(|o| &o["state"]).collect();
    assert_eq!(states.len(), 2);
    assert!(states.contains(&&json!("cancelled")) && states.contains(&&json!("open")), "{states:?}");
    assert_eq!(w.json(&["hub", "orders", "--data", "hub", "--open"])["orders"].as_array().unwrap().len(), 1);
    assert!(w.ok(&["hub", "orders", "--data", "hub"]).out.contains("fleet wipe"));

    // A real device obeys: the purge, then the wipe that another person approved.
    w.ok(&["device", "sync", "--home", "phone"]);
    w.ok(&["device", "sync", "--home", "phone"]);
    let state = |kind: &str| {
        let orders = w.json(&["hub", "orders", "--data", "hub"]);
        let of = orders["orders"].as_array().unwrap().iter().find(|o| o["kind"] == kind).unwrap();
        of["state"].clone()
    };
    assert_eq!(state("purge"), "obeyed");

    let withdraw = ["--data", "hub", "--device", &id, "--compartment", &list];
    w.ok(&[&["hub", "withdraw"][..], &withdraw].concat());
    w.ok(&[&["hub", "restore"][..], &withdraw].concat());
    w.fails(&[&["hub", "restore"][..], &withdraw].concat(), 8, "refused");

    // In the next second, so that it is the newest.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let proposed = w.json(&["hub", "wipe-all", "propose", "--data", "hub", "--by", "alice"]);
    let order = proposed["order"].as_str().unwrap();
    w.ok(&["device", "sync", "--home", "phone"]);
    w.ok(&["hub", "wipe-all", "approve", "--data", "hub", "--order", order, "--by", "bob"]);
    assert_eq!(w.run(&["device", "sync", "--home", "phone"]).exit, 7, "erased");
    w.run(&["device", "sync", "--home", "phone"]);
    assert_eq!(state("fleet_wipe"), "obeyed");
}

#[test]
fn the_root_steps_with_its_key_elsewhere() {
    let w = World::new();
    w.hub();
    golden("hub-root", &w.json(&["hub", "root", "show", "--data", "hub"]));
    let serving = Serving::start(&w, "127.0.0.1:0");
    w.enrol("old", &serving.url);
    w.ok(&["device", "sync", "--home", "old"]);
    std::fs::rename(w.path("hub/keys/root.key"), w.path("root.key")).unwrap();
    w.fails(&["hub", "root", "rotate", "--data", "hub", "--keys", "grant"], 6, "hub_key");
    let made = w.json(&["hub", "root", "key", "--out", "root-2.key"]);
    golden("hub-root-key", &made);
    let public = made["public"].as_str().unwrap();
    let draft =
        ["hub", "root", "draft", "--data", "hub", "--keys", "publish,grant", "--root", public, "--out", "draft"];
    assert_eq!(w.json(&draft), json!({"draft": "draft"}));
    let sign = ["hub", "root", "sign", "--key", "root.key", "--out", "step", "draft"];
    w.fails(&sign, 8, "refused");
    assert_eq!(w.json(&[&sign[..], &["--new-key", "root-2.key"]].concat()), json!({"step": "step"}));
    assert_eq!(w.json(&["hub", "root", "push", "--data", "hub", "step"]), json!({"root_version": 2}));
    w.fails(&["hub", "root", "push", "--data", "hub", "step"], 8, "refused");
    let shown = w.json(&["hub", "root", "show", "--data", "hub"]);
    assert_eq!((&shown["version"], &shown["keys"][0]["here"]), (&json!(2), &json!(false)));
    // A device of the old root follows, and fetches no data for it; a new one comes in under the new root.
    w.enrol("phone", &serving.url);
    for home in ["old", "phone"] {
        let synced = w.json(&["device", "sync", "--home", home]);
        let bytes =
            synced["compartments"].as_array().unwrap().iter().map(|c| c["bytes"].as_u64().unwrap()).sum::<u64>();
        assert_eq!((&synced["complete"], bytes == 0), (&json!(true), home == "old"), "{synced}");
    }
    w.ok(&["device", "sync", "--home", "old"]);
    let shown = w.json(&["hub", "root", "show", "--data", "hub"]);
    assert_eq!((&shown["trusted_by"], &shown["devices"]), (&json!(2), &json!(2)));
    assert_eq!(w.run(&["hub", "root", "rotate", "--data", "hub", "--keys", "audit"]).exit, 2);
}

#[test]
fn the_schema_is_the_one_in_docs() {
    let w = World::new();
    let said = w.ok(&["hub", "policy", "schema"]).out;
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/policy.schema.json");
    if std::env::var_os("BEATCHECK_BLESS").is_some() {
        std::fs::write(&path, &said).unwrap();
    }
    let kept = std::fs::read_to_string(repository("docs/policy.schema.json")).unwrap();
    assert_eq!(said, kept, "BEATCHECK_BLESS=1 writes it");
}
