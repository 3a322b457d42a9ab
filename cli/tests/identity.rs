//! Officers, the identity provider and attestation, as an operator says them. `cli.rs` says how goldens are written anew.
#![allow(clippy::unwrap_used)]
#![allow(dead_code)] // Of what the command's tests share, this needs a part.

mod support;

use support::{World, golden};

#[test]
fn officers_are_suspended_and_restored() {
    let w = World::new();
    w.ok(&["hub", "init", "--data", "hub"]);
    let enrol =
        ["hub", "enrol", "--data", "hub", "--officer", "1234", "--role", "patrol", "--asset", "PHONE-7", "--json"];
    w.ok(&enrol);
    let suspend = ["hub", "officer", "suspend", "1234", "--data", "hub", "--by", "sgt.miller", "--why", "left"];
    assert!(w.ok(&suspend).out.contains("is suspended"));
    golden("hub-officer-list", &w.json(&["hub", "officer", "list", "--data", "hub"]));
    let refused = w.run(&enrol);
    assert_eq!((refused.exit, refused.error_code().as_str()), (8, "refused"));
    w.ok(&["hub", "officer", "restore", "1234", "--data", "hub"]);
    let again = w.run(&["hub", "officer", "restore", "1234", "--data", "hub", "--json"]);
    assert_eq!((again.exit, again.error_code().as_str()), (8, "refused"));
    let unknown = w.run(&["hub", "officer", "suspend", "9999", "--data", "hub", "--json"]);
    assert_eq!((unknown.exit, unknown.out.contains("9999")), (8, false));
    w.ok(&enrol);
}

#[test]
fn the_provider_and_what_phones_must_show_are_set_and_shown() {
    let w = World::new();
    w.ok(&["hub", "init", "--data", "hub"]);
    assert!(w.ok(&["hub", "identity", "show", "--data", "hub"]).out.contains("code alone"));
    let set =
        |issuer| ["hub", "identity", "set", "--data", "hub", "--issuer", issuer, "--client-id", "beatcheck", "--json"];
    assert_eq!(w.run(&set("http://login.force.example")).error_code(), "refused");
    w.ok(&set("http://127.0.0.1:1"));
    golden("hub-identity-show", &w.json(&["hub", "identity", "show", "--data", "hub"]));
    let away = w.run(&["hub", "identity", "test", "--data", "hub", "--json"]);
    assert_eq!((away.exit, away.error_code().as_str()), (5, "identity_unreachable"));
    w.ok(&["hub", "identity", "clear", "--data", "hub"]);

    let shown = w.ok(&["hub", "attestation", "show", "--data", "hub"]).out;
    assert!(shown.contains("refused: no roots"), "{shown}");
    let said = w.ok(&["hub", "attestation", "set", "--data", "hub", "--unverified"]).out;
    assert!(said.contains("UNVERIFIED"), "{said}");
    golden("hub-attestation", &w.json(&["hub", "attestation", "show", "--data", "hub"]));
    let said = w.ok(&["hub", "attestation", "set", "--data", "hub", "--unverified", "false"]).out;
    assert!(!said.contains("UNVERIFIED"), "{said}");
    w.write("roots.pem", "no certificate");
    let bad = ["hub", "attestation", "set", "--data", "hub", "--android-roots", "roots.pem", "--json"];
    assert_eq!(w.run(&bad).error_code(), "refused");
}

#[test]
fn the_nonce_of_a_log_in_follows_from_the_code() {
    let w = World::new();
    w.ok(&["hub", "init", "--data", "hub"]);
    let code = w.json(&["hub", "enrol", "--data", "hub", "--officer", "1234", "--role", "patrol"]);
    let code = code["code"].as_str().unwrap();
    let nonce = w.json(&["device", "login-nonce", "--code", code]);
    let text = nonce["nonce"].as_str().unwrap();
    assert!(text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(w.ok(&["device", "login-nonce", "--code", &code.to_lowercase()]).out.trim(), text);
    let wrong = w.run(&["device", "login-nonce", "--code", "ABC", "--json"]);
    assert_eq!((wrong.exit, wrong.error_code().as_str()), (2, "enrol_code"));
}
