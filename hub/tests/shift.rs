//! Shifts, and officers who are suspended: over HTTPS, from outside.
#![allow(clippy::unwrap_used)]

mod serve_common;

use beatcheck_hub::EnrolFor;
use beatcheck_wire::enrol::{LoginNonce, ShiftRequest, ShiftStarted};
use serve_common::{Device, Fixture, Wanting};

async fn start(device: &Device) -> ShiftStarted {
    let answer = device.http.post("/v1/shift", no_token()).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(answer.header("cache-control"), "no-store");
    postcard::from_bytes(&answer.body).unwrap()
}

fn no_token() -> Vec<u8> {
    postcard::to_allocvec(&ShiftRequest { id_token: String::new() }).unwrap()
}

fn policy(session: &str) -> String {
    format!("[roles.patrol]\ncompartments = ['*']\npurposes = ['warrant']\n[session]\n{session}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shift_starts_and_brings_the_device_its_own_key_again() {
    let fx = Fixture::start().await;
    fx.hub.policy_set(&policy("shift_key = true\nmax_hours = 8")).unwrap();
    let (one, other) = (fx.enrol("1234").await, fx.enrol("2345").await);
    let first = start(&one).await;
    assert_eq!(first.ends, first.started.plus_secs(8 * 3600));
    fx.wait(60);
    let second = start(&one).await;
    assert_eq!(first.key, second.key, "what was sealed in one shift opens in the next");
    assert_ne!(first.shift, second.shift);
    assert_ne!(start(&other).await.key, first.key);

    let rows = fx.hub.shifts(Some(one.id), 10).unwrap();
    assert_eq!(rows.iter().map(|r| r.why.as_deref()).collect::<Vec<_>>(), [None, Some("next")]);
    assert_eq!(rows[1].ended, Some(second.started));
    assert_eq!(fx.hub.shifts(None, 10).unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_shift_for_the_revoked_and_the_suspended() {
    let fx = Fixture::start().await;
    let (one, other) = (fx.enrol("1234").await, fx.enrol("2345").await);
    let key = start(&one).await.key;
    start(&other).await;
    fx.hub.officer_suspend("1234", "sgt", "left").unwrap();
    one.http.post("/v1/shift", no_token()).await.refused(403, "suspended");
    assert_eq!(fx.hub.shifts(Some(one.id), 1).unwrap()[0].why.as_deref(), Some("suspended"));
    fx.hub.officer_restore("1234", "sgt").unwrap();
    assert_eq!(start(&one).await.key, key);
    fx.hub.revoke(other.id).unwrap();
    other.http.post("/v1/shift", no_token()).await.refused(403, "revoked");
    assert_eq!(fx.hub.shifts(Some(other.id), 1).unwrap()[0].why.as_deref(), Some("revoked"));
    fx.stranger().post("/v1/shift", no_token()).await.refused(401, "no_certificate");
    fx.hub.order_wipe(one.id).unwrap();
    one.http.post("/v1/shift", no_token()).await.refused(403, "wipe_ordered");
}

#[tokio::test(flavor = "multi_thread")]
async fn nonces_are_random_and_a_shift_that_owes_an_identity_needs_one() {
    let fx = Fixture::start().await;
    let device = fx.enrol("1234").await;
    let nonce = |body: &[u8]| postcard::from_bytes::<LoginNonce>(body).unwrap().nonce;
    let one = nonce(&device.http.post("/v1/nonce", vec![]).await.body);
    let two = nonce(&device.http.post("/v1/nonce", vec![]).await.body);
    assert_ne!(one, two);
    assert_eq!(one.len(), 64);
    fx.hub.policy_set(&policy("identity_at_start = true")).unwrap();
    device.http.post("/v1/shift", no_token()).await.refused(403, "no_identity_provider");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_officer_loses_the_grant_and_the_keys_change() {
    let fx = Fixture::start().await;
    fx.ingest("stolen", &["AB12CDE"]);
    fx.publish();
    let (one, other) = (fx.enrol("1234").await, fx.enrol("2345").await);
    let (before, _) = one.grant().await;
    assert_eq!((before.compartments.len(), before.suspended), (1, false));
    let epoch = |g: &beatcheck_wire::Grant| g.compartments[0].epochs.iter().map(|e| e.0).max().unwrap();
    let epoch_before = epoch(&before);

    fx.hub.officer_suspend("1234", "sgt", "under review").unwrap();
    let (after, bundle) = one.grant().await;
    assert!(after.suspended && after.compartments.is_empty() && bundle.keys.is_empty());
    assert!(after.grant_version > before.grant_version);
    let (of_other, _) = other.grant().await;
    assert!(!of_other.suspended && epoch(&of_other) > epoch_before, "what is written later is closed to them");
    let listed = fx.hub.officers().unwrap();
    assert_eq!((listed[0].officer.as_str(), listed[0].why.as_deref()), ("1234", Some("under review")));
    assert!(listed[0].suspended.is_some() && listed[1].suspended.is_none());

    let states: Vec<_> = fx.hub.status().unwrap().devices.into_iter().map(|d| (d.state, d.attested)).collect();
    assert!(states.contains(&("suspended", "file".into())) && states.contains(&("active", "file".into())));
    assert!(fx.hub.enrol_code("1234", "patrol").is_err(), "no code while suspended");
    fx.hub.officer_restore("1234", "sgt").unwrap();
    let (again, _) = one.grant().await;
    assert_eq!((again.compartments.len(), again.suspended), (1, false));
    let refused = fx.hub.officer_suspend("9999", "sgt", "").unwrap_err().to_string();
    assert!(!refused.contains("9999") && refused.contains("officer list"), "{refused}");
    assert!(fx.hub.officer_restore("1234", "sgt").is_err(), "restored already");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_for_one_officer_one_device_and_a_quarter_of_an_hour() {
    let fx = Fixture::start().await;
    let whom = EnrolFor { officer: "1234", role: "patrol", asset: Some("PHONE-7") };
    let code = fx.hub.enrol_code_for(&whom).unwrap().code;
    let mut wanting = Wanting::new(&code);
    fx.stranger().post("/v1/enrol", wanting.bytes()).await.refused(403, "wrong_asset");
    wanting.request.asset = "PHONE-8".into();
    fx.stranger().post("/v1/enrol", wanting.bytes()).await.refused(403, "wrong_asset");
    wanting.request.asset = "phone-7".into();
    assert_eq!(fx.stranger().post("/v1/enrol", wanting.bytes()).await.status, 200);

    let late = Wanting::new(&fx.hub.enrol_code("1234", "patrol").unwrap().code);
    fx.wait(beatcheck_hub::CODE_LIFE_S + 1);
    assert_eq!(beatcheck_hub::CODE_LIFE_S, 900);
    fx.stranger().post("/v1/enrol", late.bytes()).await.refused(403, "code_expired");

    let held = Wanting::new(&fx.hub.enrol_code("1234", "patrol").unwrap().code);
    fx.hub.officer_suspend("1234", "sgt", "").unwrap();
    fx.stranger().post("/v1/enrol", held.bytes()).await.refused(403, "suspended");
}
