//! Who an officer is: a provider of the test's own making on loopback, and tokens that are wrong in every way.
#![allow(clippy::unwrap_used)]

mod serve_common;

use axum::Router;
use axum::routing::get;
use beatcheck_hub::IdentitySetting;
use beatcheck_wire::enrol::{LoginNonce, ShiftRequest, login_nonce};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use serve_common::{Answer, Device, Fixture, Wanting};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

const CLIENT: &str = "beatcheck";

/// A provider with one elliptic key and one Edwards key.
struct Provider {
    issuer: String,
    key: EcdsaKeyPair,
    edwards: Ed25519KeyPair,
    keys: Arc<Mutex<Value>>,
    fetches: Arc<AtomicU32>,
}

fn b64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let n = chunk.iter().enumerate().fold(0_u32, |n, (i, b)| n | u32::from(*b) << (16 - 8 * i));
        (0..=chunk.len()).for_each(|i| out.push(char::from(ALPHABET[(n >> (18 - 6 * i)) as usize & 63])));
    }
    out
}

fn new_key() -> EcdsaKeyPair {
    let rng = ring::rand::SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &rng).unwrap()
}

fn jwk(kid: &str, key: &EcdsaKeyPair) -> Value {
    let point = key.public_key().as_ref();
    json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid,
           "x": b64(&point[1..33]), "y": b64(&point[33..])})
}

impl Provider {
    async fn start() -> Self {
        let (key, rng) = (new_key(), ring::rand::SystemRandom::new());
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&rng).unwrap();
        let edwards = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": b64(edwards.public_key().as_ref())});
        let keys = Arc::new(Mutex::new(json!({"keys": [jwk("one", &key), ed]})));
        let fetches = Arc::new(AtomicU32::new(0));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let found = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/jwks")});
        let (served, counted) = (Arc::clone(&keys), Arc::clone(&fetches));
        let router =
            Router::new().route("/.well-known/openid-configuration", get(|| async move { axum::Json(found) })).route(
                "/jwks",
                get(|| async move {
                    counted.fetch_add(1, Ordering::SeqCst);
                    axum::Json(served.lock().unwrap().clone())
                }),
            );
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { issuer, key, edwards, keys, fetches }
    }

    fn setting(&self) -> IdentitySetting {
        IdentitySetting {
            issuer: self.issuer.clone(),
            client_id: CLIENT.into(),
            claim: "officer".into(),
            ca_pem: None,
            at_enrolment: true,
        }
    }

    /// What an ID token for this officer says now.
    fn claims(&self, fx: &Fixture, officer: &str, nonce: &str) -> Value {
        let now = fx.hub.now().0 / 1000;
        json!({"iss": self.issuer, "aud": CLIENT, "sub": format!("sub-{officer}"), "sid": format!("sid-{officer}"),
               "officer": officer, "nonce": nonce, "iat": now, "exp": now + 300})
    }

    fn sign(&self, claims: &Value) -> String {
        sign(&self.key, &json!({"alg": "ES256", "kid": "one", "typ": "JWT"}), claims)
    }
}

fn signed_part(header: &Value, claims: &Value) -> String {
    format!("{}.{}", b64(header.to_string().as_bytes()), b64(claims.to_string().as_bytes()))
}

fn sign(key: &EcdsaKeyPair, header: &Value, claims: &Value) -> String {
    let part = signed_part(header, claims);
    let signature = key.sign(&ring::rand::SystemRandom::new(), part.as_bytes()).unwrap();
    format!("{part}.{}", b64(signature.as_ref()))
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(name)
    } else {
        claims.as_object_mut().unwrap().insert(name.into(), value)
    };
    claims
}

async fn nonce(device: &Device) -> String {
    postcard::from_bytes::<LoginNonce>(&device.http.post("/v1/nonce", vec![]).await.body).unwrap().nonce
}

async fn shift(device: &Device, id_token: &str) -> Answer {
    let request = ShiftRequest { id_token: id_token.into() };
    device.http.post("/v1/shift", postcard::to_allocvec(&request).unwrap()).await
}

/// A hub whose shifts need an identity, and a device that came in before enrolment did.
async fn world() -> (Fixture, Provider, Device) {
    let (fx, provider) = (Fixture::start().await, Provider::start().await);
    let policy = "[roles.patrol]\ncompartments = ['*']\npurposes = ['warrant']\n[session]\nidentity_at_start = true\n";
    fx.hub.policy_set(policy).unwrap();
    let device = fx.enrol("1234").await;
    fx.hub.identity_set(Some(&provider.setting())).unwrap();
    (fx, provider, device)
}

#[tokio::test(flavor = "multi_thread")]
async fn enrolment_needs_the_officer_whom_the_code_is_for() {
    let (fx, provider, _) = world().await;
    let code = fx.hub.enrol_code("1234", "patrol").unwrap().code;
    let mut wanting = Wanting::new(&code);
    let mine = login_nonce(&wanting.request.secret);
    let try_with = async |wanting: &Wanting| fx.stranger().post("/v1/enrol", wanting.bytes()).await;
    try_with(&wanting).await.refused(403, "identity_needed");
    wanting.request.id_token = provider.sign(&provider.claims(&fx, "2345", &mine));
    try_with(&wanting).await.refused(403, "wrong_officer");
    wanting.request.id_token = provider.sign(&provider.claims(&fx, "1234", &login_nonce(&[7; 16])));
    try_with(&wanting).await.refused(403, "bad_nonce");
    wanting.request.id_token = provider.sign(&provider.claims(&fx, "1234", &mine));
    assert_eq!(try_with(&wanting).await.status, 200);
    assert_eq!(try_with(&wanting).await.status, 200, "the answer was lost: the same again");

    let before = provider.fetches.load(Ordering::SeqCst);
    let mut stranger = Wanting::new(&code);
    stranger.request.secret = [9; 16];
    stranger.request.id_token = sign(&new_key(), &json!({"alg": "ES256", "kid": "x"}), &json!({}));
    fx.wait(61);
    try_with(&stranger).await.refused(403, "bad_code");
    assert_eq!(provider.fetches.load(Ordering::SeqCst), before, "without a code of ours, nobody is asked anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_starts_one_shift_on_one_device_within_ten_minutes() {
    let (fx, provider, device) = world().await;
    fx.hub.identity_set(Some(&IdentitySetting { at_enrolment: false, ..provider.setting() })).unwrap();
    let other = fx.enrol("1234").await;
    shift(&device, "").await.refused(403, "identity_needed");
    let token = provider.sign(&provider.claims(&fx, "1234", &nonce(&device).await));
    shift(&other, &token).await.refused(403, "bad_nonce");
    assert_eq!(shift(&device, &token).await.status, 200);
    shift(&device, &token).await.refused(403, "bad_nonce");
    assert!(fx.hub.shifts(Some(device.id), 1).unwrap()[0].identified);

    let late = provider.sign(&with(provider.claims(&fx, "1234", &nonce(&device).await), "exp", json!(9e9)));
    fx.wait(601);
    shift(&device, &late).await.refused(403, "bad_nonce");

    let first = nonce(&device).await;
    for _ in 0..4 {
        fx.wait(1);
        nonce(&device).await;
    }
    shift(&device, &provider.sign(&provider.claims(&fx, "1234", &first))).await.refused(403, "bad_nonce");
    let edwards =
        signed_part(&json!({"alg": "EdDSA", "kid": "ed"}), &provider.claims(&fx, "1234", &nonce(&device).await));
    let edwards = format!("{edwards}.{}", b64(provider.edwards.sign(edwards.as_bytes()).as_ref()));
    assert_eq!(shift(&device, &edwards).await.status, 200, "another algorithm");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_wrong_in_any_way_are_refused() {
    let (fx, provider, device) = world().await;
    let good = provider.claims(&fx, "1234", &nonce(&device).await);
    let now = fx.hub.now().0 / 1000;
    let header = json!({"alg": "ES256", "kid": "one"});
    let signed = provider.sign(&good);
    let (head, signature) = signed.rsplit_once('.').unwrap();
    let altered = format!("{}.{signature}", signed_part(&header, &with(good.clone(), "officer", json!("2345"))));
    let none = format!("{}.", signed_part(&json!({"alg": "none"}), &good));
    let secret = signed_part(&json!({"alg": "HS256", "kid": "one"}), &good);
    let mac = ring::hmac::sign(
        &ring::hmac::Key::new(ring::hmac::HMAC_SHA256, provider.key.public_key().as_ref()),
        secret.as_bytes(),
    );
    let bad = [
        ("altered", altered),
        ("cut", head.to_owned()),
        ("nothing", "a.b.c".into()),
        ("unsigned", none),
        ("a public key as a secret", format!("{secret}.{}", b64(mac.as_ref()))),
        ("another's key", sign(&new_key(), &header, &good)),
        ("another kind of key", sign(&provider.key, &json!({"alg": "ES256", "kid": "ed"}), &good)),
        ("another token", sign(&provider.key, &json!({"alg": "ES256", "kid": "one", "typ": "at+jwt"}), &good)),
        ("issuer", provider.sign(&with(good.clone(), "iss", json!("https://elsewhere.example")))),
        ("audience", provider.sign(&with(good.clone(), "aud", json!("another")))),
        ("no audience", provider.sign(&with(good.clone(), "aud", Value::Null))),
        ("several", provider.sign(&with(good.clone(), "aud", json!([CLIENT, "another"])))),
        ("asked by another", provider.sign(&with(good.clone(), "azp", json!("another")))),
        ("expired", provider.sign(&with(good.clone(), "exp", json!(now - 61)))),
        ("no end", provider.sign(&with(good.clone(), "exp", Value::Null))),
        ("an end that is no number", provider.sign(&with(good.clone(), "exp", json!("9999999999")))),
        ("old", provider.sign(&with(with(good.clone(), "iat", json!(now - 961)), "exp", json!(now + 60)))),
        ("of tomorrow", provider.sign(&with(good.clone(), "iat", json!(now + 86_400)))),
        ("not yet", provider.sign(&with(good.clone(), "nbf", json!(now + 600)))),
        ("nobody", provider.sign(&with(good.clone(), "sub", Value::Null))),
        ("long", format!("{signed}{}", "A".repeat(13 * 1024))),
    ];
    for (what, token) in bad {
        let answer = shift(&device, &token).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "bad_id_token"), "{what}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("1234"), "{what} names the officer");
    }
    shift(&device, &provider.sign(&with(good.clone(), "officer", json!("2345")))).await.refused(403, "wrong_officer");
    let again = provider.claims(&fx, "1234", &nonce(&device).await);
    let both = with(with(again, "aud", json!([CLIENT, "another"])), "azp", json!(CLIENT));
    assert_eq!(shift(&device, &provider.sign(&both)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_fetched_and_made_up_ones_do_not_make_the_hub_ask_on_and_on() {
    let (fx, provider, device) = world().await;
    let token = provider.sign(&provider.claims(&fx, "1234", &nonce(&device).await));
    assert_eq!(shift(&device, &token).await.status, 200);
    assert_eq!(provider.fetches.load(Ordering::SeqCst), 1);

    let next = new_key();
    *provider.keys.lock().unwrap() = json!({"keys": [jwk("two", &next)]});
    fx.wait(61);
    let by_next = |claims: &Value| sign(&next, &json!({"alg": "ES256", "kid": "two"}), claims);
    let claims = provider.claims(&fx, "1234", &nonce(&device).await);
    assert_eq!(shift(&device, &by_next(&claims)).await.status, 200);
    assert_eq!(provider.fetches.load(Ordering::SeqCst), 2);
    let claims = provider.claims(&fx, "1234", &nonce(&device).await);
    shift(&device, &provider.sign(&claims)).await.refused(403, "bad_id_token");
    for n in 0..20 {
        let made_up = sign(&next, &json!({"alg": "ES256", "kid": format!("x{n}")}), &claims);
        shift(&device, &made_up).await.refused(403, "bad_id_token");
    }
    assert_eq!(provider.fetches.load(Ordering::SeqCst), 2, "once a minute");
    assert_eq!(shift(&device, &by_next(&claims)).await.status, 200, "what is refused for its key uses no nonce up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_at_the_provider_ends_the_shift_and_refuses_until_the_next() {
    let (fx, provider, device) = world().await;
    fx.ingest("stolen", &["AB12CDE"]);
    fx.publish();
    let token = provider.sign(&provider.claims(&fx, "1234", &nonce(&device).await));
    assert_eq!(shift(&device, &token).await.status, 200);
    let (in_shift, _) = device.grant().await;
    assert!(!in_shift.suspended);

    let now = fx.hub.now().0 / 1000;
    let events = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    let logout = json!({"iss": provider.issuer, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": "t1",
                        "sub": "sub-1234", "sid": "sid-1234", "events": events});
    let send = async |token: String| {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let body = format!("logout_token={token}").into_bytes();
        fx.stranger().try_send(hyper::Method::POST, "/oidc/logout", &form, body).await.unwrap()
    };
    for (what, claims) in [
        ("an ID token", provider.claims(&fx, "1234", "00")),
        ("no event", with(logout.clone(), "events", json!({}))),
        ("a nonce", with(logout.clone(), "nonce", json!("00"))),
        ("nobody", with(with(logout.clone(), "sub", Value::Null), "sid", Value::Null)),
        ("no name of its own", with(logout.clone(), "jti", Value::Null)),
        ("for another", with(logout.clone(), "aud", json!("another"))),
    ] {
        let answer = send(provider.sign(&claims)).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "bad_id_token"), "{what}");
    }
    shift(&device, &provider.sign(&logout)).await.refused(403, "bad_id_token");
    assert_eq!(
        send(provider.sign(&with(with(logout.clone(), "sid", json!("x")), "jti", json!("t0")))).await.status,
        200
    );
    assert!(!device.grant().await.0.suspended, "another session of theirs");

    assert_eq!(send(provider.sign(&logout)).await.status, 200);
    let (out, _) = device.grant().await;
    assert!(out.suspended && out.grant_version > in_shift.grant_version);
    assert_eq!(out.compartments, in_shift.compartments, "what it holds stays, and opens again");
    assert_eq!(fx.hub.shifts(Some(device.id), 1).unwrap()[0].why.as_deref(), Some("logout"));

    let token = provider.sign(&provider.claims(&fx, "1234", &nonce(&device).await));
    assert_eq!(shift(&device, &token).await.status, 200);
    assert!(!device.grant().await.0.suspended);
    send(provider.sign(&logout)).await.refused(400, "token_used");
    assert!(!device.grant().await.0.suspended, "an old one ends no new shift");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_or_unsafe_is_said_to_be() {
    let (fx, provider, device) = world().await;
    let set = |issuer: &str, ca: Option<&str>| {
        let setting = IdentitySetting { issuer: issuer.into(), ca_pem: ca.map(Into::into), ..provider.setting() };
        fx.hub.identity_set(Some(&setting)).map_err(|e| e.to_string())
    };
    assert!(set("http://idp.force.example", None).unwrap_err().contains("https"));
    assert!(set("ftp://127.0.0.1", None).unwrap_err().contains("https"));
    assert!(set("https://idp.force.example", None).unwrap_err().contains("--ca"));
    set("http://127.0.0.1:1", None).unwrap();
    let token = provider.sign(&provider.claims(&fx, "1234", "00"));
    shift(&device, &token).await.refused(503, "identity_unreachable");
    let hub = fx.hub.clone();
    let tested = tokio::task::spawn_blocking(move || hub.identity_test().unwrap_err().to_string()).await.unwrap();
    assert!(tested.starts_with("the identity provider: "), "{tested}");

    // It answers, and calls itself something else.
    set(&provider.issuer.replace("127.0.0.1", "localhost"), None).unwrap();
    shift(&device, &token).await.refused(503, "identity_unreachable");

    fx.hub.identity_set(Some(&provider.setting())).unwrap();
    let hub = fx.hub.clone();
    let tested = tokio::task::spawn_blocking(move || hub.identity_test().unwrap()).await.unwrap();
    assert_eq!(tested.keys, ["one", "ed"]);
    fx.hub.identity_set(None).unwrap();
    assert_eq!(fx.hub.identity().unwrap(), None);
    shift(&device, &token).await.refused(403, "no_identity_provider");
    let answer = fx.stranger().post("/oidc/logout", b"logout_token=a.b.c".to_vec()).await;
    answer.refused(404, "not_found");
}
