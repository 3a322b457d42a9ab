//! The server over real TLS: who is let in, and what they get.
#![allow(clippy::unwrap_used)]

mod serve_common;

use beatcheck_hub::{Hub, HubError, SystemClock};
use beatcheck_wire::batch::Context;
use beatcheck_wire::envelope::{self, DocKind};
use beatcheck_wire::policy::Policy;
use beatcheck_wire::segment::OpenAs;
use beatcheck_wire::{Catalogue, Hash32, Head, Manifest, ManifestSet};
use hyper::{Method, StatusCode};
use rustls_pki_types::CertificateDer;
use serve_common::{Fixture, Http, Wanting, hash_path};
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_lets_one_device_in_once() {
    let mut fx = Fixture::start().await;
    let code = fx.hub.enrol_code("officer-4711", "patrol").unwrap();
    assert_eq!(code.expires, fx.hub.now().plus_secs(beatcheck_hub::CODE_LIFE_S));
    let (first, second) = (Wanting::new(&code.code), Wanting::new(&code.code));
    let stranger = fx.stranger();
    let answer = stranger.post("/v1/enrol", first.bytes()).await;
    assert_eq!(answer.status, StatusCode::OK);
    // The answer was lost: the same request gets the same device.
    let again = stranger.post("/v1/enrol", first.bytes()).await;
    assert_eq!(again.body, answer.body);
    stranger.post("/v1/enrol", second.bytes()).await.refused(403, "code_used");
    let device = first.in_with(&fx, &answer);
    let cert = device.certificates[0].as_ref();
    assert!(!cert.windows(12).any(|w| w == b"officer-4711"));
    assert_eq!(device.grant().await.0.officer, "officer-4711");
    // The root that came is the one whose fingerprint the code carries, and names the authority.
    let parsed = beatcheck_wire::enrol::EnrolCode::parse(&code.code).unwrap();
    assert_eq!(beatcheck_wire::enrol::fingerprint(&device.root.root_key), parsed.root_fingerprint);
    let ca = ring::digest::digest(&ring::digest::SHA256, &device.certificates[1]);
    assert_eq!(ca.as_ref(), device.root.ca_sha256);
    fx.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_codes_run_out_and_right_ones_expire() {
    let mut fx = Fixture::start().await;
    let code = fx.hub.enrol_code("o", "patrol").unwrap().code;
    let stranger = fx.stranger();
    let mut wrong = Wanting::new(&code);
    wrong.request.secret[0] ^= 1;
    for _ in 0..5 {
        stranger.post("/v1/enrol", wrong.bytes()).await.refused(403, "bad_code");
    }
    let right = Wanting::new(&code);
    let limited = stranger.post("/v1/enrol", right.bytes()).await;
    limited.refused(429, "too_many_codes");
    assert_eq!(limited.header("retry-after"), "60");
    fx.wait(61);
    let mut forged = Wanting::new(&code);
    let last = forged.request.csr.len() - 3;
    forged.request.csr[last] ^= 1;
    stranger.post("/v1/enrol", forged.bytes()).await.refused(400, "bad_request_key");
    fx.wait(24 * 3600);
    stranger.post("/v1/enrol", right.bytes()).await.refused(403, "code_expired");
    stranger.post("/v1/enrol", vec![1, 2, 3]).await.refused(400, "malformed");
    stranger.post("/v1/enrol", vec![0; 70_000]).await.refused(413, "too_large");
    fx.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_role_is_refused_by_name_and_the_desk_vault_by_policy() {
    let mut fx = Fixture::start().await;
    let refused = fx.hub.enrol_code("o", "chief").unwrap_err();
    assert!(matches!(&refused, HubError::Refused(t) if t.contains("'chief'") && t.contains("patrol")), "{refused}");
    let code = fx.hub.enrol_code("o", "patrol").unwrap().code;
    let toml = "[roles.patrol]\ncompartments=['*']\npurposes=['warrant']\n[limits]\nallow_desk_vault=false\n";
    assert_eq!(fx.hub.policy_set(toml).unwrap(), 2);
    fx.stranger().post("/v1/enrol", Wanting::new(&code).bytes()).await.refused(403, "vault_not_allowed");
    // Not newer, or with a slip in it: refused, and nothing changes.
    assert!(fx.hub.policy_set(&format!("policy_version = 2\n{toml}")).is_err());
    assert!(fx.hub.policy_set(&toml.replace("allow_desk", "alow_desk")).is_err());
    assert_eq!(fx.hub.policy_current().unwrap().0.policy_version, 2);
    fx.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_other_route_wants_a_certificate_of_this_hub() {
    let mut fx = Fixture::start().await;
    let device = fx.enrol("o").await;
    let zero = hash_path("segment", &Hash32::default());
    for path in ["/v1/head", "/v1/grant", &zero, "/v1/health", "/"] {
        fx.stranger().get(path).await.refused(401, "no_certificate");
    }
    fx.stranger().post("/v1/journal", vec![]).await.refused(401, "no_certificate");
    device.http.get("/v1/health").await.refused(404, "not_found");
    device.http.get("/v1/journal").await.refused(405, "wrong_method");
    let old = device.http.get_with("/v1/head", &[("x-beatcheck-protocol", "2")]).await;
    old.refused(426, "wrong_protocol");
    device.http.get("/v1/head").await.refused(404, "nothing_published");

    // Another hub's device, even with the same id in its certificate, does not get through the handshake.
    let other = Fixture::start().await;
    let foreign = other.enrol("o").await;
    let http = Http::new(&fx.ca(), fx.addr, Some((foreign.certificates.clone(), &foreign.key)));
    assert!(http.try_send(Method::GET, "/v1/head", &[], vec![]).await.is_err());
    // Nor does one that signed its own.
    let key = rcgen::KeyPair::generate().unwrap();
    let own = rcgen::CertificateParams::default().self_signed(&key).unwrap();
    let http = Http::new(&fx.ca(), fx.addr, Some((vec![own.der().clone()], &key)));
    assert!(http.try_send(Method::GET, "/v1/head", &[], vec![]).await.is_err());
    fx.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_publishes_is_served_in_ranges_and_by_hash() {
    let mut fx = Fixture::start().await;
    let device = fx.enrol("o").await;
    let before = device.grant().await.0;
    assert!(before.compartments.is_empty());
    {
        // A second opening of the directory, as another process would have.
        let clock = Arc::clone(&fx.clock);
        fx.hub = Hub::open(fx.hub.dir(), clock).unwrap();
        fx.ingest("stolen", &["AB12CDE", "CD34EFG"]);
        fx.publish();
    }
    let (grant, bundle) = device.grant().await;
    assert_eq!(grant.compartments.len(), 1);
    assert!(grant.grant_version > before.grant_version);
    let (c, key) = (&grant.compartments[0], &bundle.keys[0]);
    assert_eq!((c.name.as_str(), c.source.as_str()), ("stolen", "stolen"));
    assert_eq!(c.epochs, vec![(key.epoch, Hash32::of(&key.key))]);
    let policy = envelope::open_bytes(DocKind::Policy, &bundle.policy, &[device.root.policy_key]).unwrap();
    assert_eq!(Policy::from_canonical(policy).unwrap().policy_version, grant.policy_version);

    let head = device.http.get("/v1/head").await;
    assert_eq!(head.header("x-beatcheck-grant"), grant.grant_version.to_string());
    let unchanged = device.http.get_with("/v1/head", &[("if-none-match", head.header("etag"))]).await;
    assert_eq!((unchanged.status, unchanged.body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(unchanged.header("x-beatcheck-grant"), head.header("x-beatcheck-grant"));
    let head: Head = envelope::open(DocKind::Head, &head.body, &device.trusted()).unwrap();
    let set = device.http.get(&hash_path("set", &head.set_hash)).await;
    assert_eq!(Hash32::of(&set.body), head.set_hash);
    let set: ManifestSet = envelope::open(DocKind::ManifestSet, &set.body, &device.trusted()).unwrap();
    let manifest = device.http.get(&hash_path("manifest", &set.manifests[0].1)).await;
    let manifest: Manifest = envelope::open(DocKind::Manifest, &manifest.body, &device.trusted()).unwrap();
    let path = hash_path("catalogue", &manifest.catalogue.hash);
    let catalogue = device.http.get(&path).await;
    assert!(catalogue.header("cache-control").contains("immutable"));
    let catalogue = Catalogue::decode(&catalogue.body, &manifest).unwrap();
    device.http.get(&hash_path("catalogue", &Hash32::default())).await.refused(404, "not_found");
    let segment = catalogue.snapshot.segments[0];
    let path = hash_path("segment", &segment.hash);
    let whole = device.http.get(&path).await;
    assert_eq!(whole.status, StatusCode::OK);
    assert!(whole.header("cache-control").contains("immutable"));
    let context = Context { kind: manifest.kind, source: &manifest.source };
    let how = OpenAs { context, dictionary: None, key: &key.key };
    assert_eq!(beatcheck_wire::segment::open(&whole.body, &segment.hash, &how).unwrap().len(), 2);
    let part = device.http.get_with(&path, &[("range", "bytes=5-20")]).await;
    assert_eq!((part.status, part.body.as_ref()), (StatusCode::PARTIAL_CONTENT, &whole.body[5..21]));
    assert_eq!(part.header("content-range"), format!("bytes 5-20/{}", whole.body.len()));
    let beyond = device.http.get_with(&path, &[("range", "bytes=999999-")]).await;
    beyond.refused(416, "bad_range");
    assert_eq!(beyond.header("content-range"), format!("bytes */{}", whole.body.len()));
    device.http.get(&hash_path("segment", &Hash32::default())).await.refused(404, "not_found");
    device.http.get("/v1/segment/xyz").await.refused(404, "not_found");

    // A withdrawn compartment is refused at once, and its key epoch has moved on.
    fx.hub.withdraw_compartment(device.id, "stolen").unwrap();
    device.http.get(&path).await.refused(403, "not_granted");
    device.http.get(&hash_path("manifest", &set.manifests[0].1)).await.refused(403, "not_granted");
    device.http.get(&hash_path("catalogue", &manifest.catalogue.hash)).await.refused(403, "not_granted");
    let (after, bundle) = device.grant().await;
    assert!(after.compartments.is_empty() && bundle.keys.is_empty() && after.grant_version > grant.grant_version);
    assert_eq!(fx.hub.compartment_keys(&set.manifests[0].0).unwrap().len(), 2);
    fx.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_follows_role_and_policy_and_counts_only_changes() {
    let mut fx = Fixture::start().await;
    fx.ingest("stolen", &["AB12CDE"]);
    fx.ingest("watched", &["CD34EFG"]);
    fx.publish();
    let device = fx.enrol("o").await;
    let (first, _) = device.grant().await;
    assert_eq!(first.compartments.len(), 2);
    fx.wait(60);
    let (second, _) = device.grant().await;
    assert_eq!((second.grant_version, second.issued), (first.grant_version, first.issued.plus_secs(60)));
    let policy = "[roles.patrol]\ncompartments=['*']\npurposes=['warrant']\n\
                  [roles.traffic]\ncompartments=['stolen','nowhere']\npurposes=['traffic_stop']\n";
    fx.hub.policy_set(policy).unwrap();
    fx.hub.set_role(device.id, "traffic").unwrap();
    let (third, bundle) = device.grant().await;
    let names: Vec<_> = third.compartments.iter().map(|c| c.name.as_str()).collect();
    assert_eq!((names, third.policy_version, third.role.as_str()), (vec!["stolen"], 2, "traffic"));
    assert!(third.grant_version > second.grant_version && !third.wipe);
    assert_eq!(bundle.keys.len(), 1);
    let epochs = |name: &str| {
        let c = fx.hub.compartments().unwrap().into_iter().find(|c| c.name == name).unwrap();
        fx.hub.compartment_keys(&c.id).unwrap().len()
    };
    assert_eq!((epochs("stolen"), epochs("watched")), (1, 2));
    assert!(fx.hub.set_role(device.id, "chief").is_err());

    fx.hub.order_wipe(device.id).unwrap();
    let (last, bundle) = device.grant().await;
    assert!(last.wipe && last.compartments.is_empty() && bundle.keys.is_empty());
    fx.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_renewed_by_the_old_one() {
    let mut fx = Fixture::start().await;
    let device = fx.enrol("o").await;
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let csr = rcgen::CertificateParams::default().serialize_request(&key).unwrap().der().to_vec();
    let request = postcard::to_allocvec(&beatcheck_wire::enrol::RenewRequest { csr }).unwrap();
    fx.stranger().post("/v1/renew", request.clone()).await.refused(401, "no_certificate");
    let answer = device.http.post("/v1/renew", request).await;
    let response: beatcheck_wire::enrol::EnrolResponse = postcard::from_bytes(&answer.body).unwrap();
    assert_eq!(response.device, device.id);
    let days = response.renew_after.secs_since(beatcheck_hub::Clock::now(&SystemClock)) / 86_400;
    assert!((19..=20).contains(&days), "{days}");
    let chain: Vec<_> = response.certificates.into_iter().map(CertificateDer::from).collect();
    let renewed = Http::new(&fx.ca(), fx.addr, Some((chain, &key)));
    assert_eq!(renewed.get("/v1/grant").await.status, StatusCode::OK);

    fx.hub.revoke(device.id).unwrap();
    renewed.get("/v1/grant").await.refused(403, "revoked");
    device.http.get("/v1/head").await.refused(403, "revoked");
    assert!(fx.hub.revoke(serve_common::id(9)).is_err());
    fx.stop().await;
}

/// A certificate as the hub's authority could have issued it.
fn certificate(
    fx: &Fixture,
    key: &rcgen::KeyPair,
    name: &str,
    ended_days_ago: i64,
    usage: rcgen::ExtendedKeyUsagePurpose,
) -> Vec<CertificateDer<'static>> {
    let read = |file: &str| std::fs::read_to_string(fx.hub.dir().join(file)).unwrap();
    let ca_key = rcgen::KeyPair::from_pem(&read("keys/ca.key")).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_pem(&read("ca.pem"), ca_key).unwrap();
    let mut p = rcgen::CertificateParams::default();
    p.distinguished_name = rcgen::DistinguishedName::new();
    p.distinguished_name.push(rcgen::DnType::CommonName, name);
    p.extended_key_usages = vec![usage];
    let end_s = beatcheck_hub::Clock::now(&SystemClock).0 / 1000 - ended_days_ago * 86_400;
    let end = rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(end_s as u64);
    (p.not_before, p.not_after) = (end - std::time::Duration::from_secs(30 * 86_400), end);
    vec![p.signed_by(key, &issuer).unwrap().der().clone()]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_certificate_only_renews_and_hands_in() {
    let mut fx = Fixture::start().await;
    let device = fx.enrol("o").await;
    let csr = rcgen::CertificateParams::default().serialize_request(&device.key).unwrap().der().to_vec();
    let renewal = postcard::to_allocvec(&beatcheck_wire::enrol::RenewRequest { csr }).unwrap();
    let client = rcgen::ExtendedKeyUsagePurpose::ClientAuth;
    for (days_ago, renewed) in [(1, true), (59, true), (61, false)] {
        let chain = certificate(&fx, &device.key, &device.id.to_string(), days_ago, client.clone());
        let http = Http::new(&fx.ca(), fx.addr, Some((chain, &device.key)));
        http.get("/v1/grant").await.refused(403, "certificate_ended");
        // Not a batch, but it was looked at.
        http.post("/v1/journal", vec![0xff; 40]).await.refused(400, "malformed");
        let answer = http.post("/v1/renew", renewal.clone()).await;
        assert_eq!(answer.status == StatusCode::OK, renewed, "{days_ago} days");
    }
    // Of this authority, but of no device; and one that is for servers only.
    for (name, status) in [("Beatcheck hub", 403), (&"ab".repeat(16), 403)] {
        let chain = certificate(&fx, &device.key, name, -1, client.clone());
        let http = Http::new(&fx.ca(), fx.addr, Some((chain, &device.key)));
        http.get("/v1/grant").await.refused(status, "unknown_device");
    }
    let server = rcgen::ExtendedKeyUsagePurpose::ServerAuth;
    let chain = certificate(&fx, &device.key, &device.id.to_string(), -1, server);
    let http = Http::new(&fx.ca(), fx.addr, Some((chain, &device.key)));
    assert!(http.try_send(Method::GET, "/v1/grant", &[], vec![]).await.is_err());
    fx.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_ran_out_is_signed_anew_at_start() {
    let mut fx = Fixture::start().await;
    fx.ingest("stolen", &["AB12CDE"]);
    fx.publish();
    fx.stop().await;
    let (old, _) = fx.hub.current_head().unwrap().unwrap();
    fx.wait(48 * 3600);
    let options = beatcheck_hub::ServeOptions {
        listen: "127.0.0.1:0".parse().unwrap(),
        names: vec!["hub2.test".into()],
        connections: None,
    };
    let (told, address) = tokio::sync::oneshot::channel();
    let ready = move |s: &beatcheck_hub::Server| told.send(s.local_addr()).unwrap();
    let done = async { assert!(address.await.is_ok_and(|a| a.port() != 0)) };
    beatcheck_hub::serve(fx.hub.clone(), options, ready, done).await.unwrap();
    let (new, _) = fx.hub.current_head().unwrap().unwrap();
    assert!(new.head_version > old.head_version && new.expires > fx.hub.now());
    assert_eq!(new.set_hash, old.set_hash);
    let bad = beatcheck_hub::ServeOptions {
        listen: "127.0.0.1:0".parse().unwrap(),
        names: vec!["bad name\u{e9}".into()],
        connections: None,
    };
    assert!(matches!(beatcheck_hub::Server::bind(fx.hub.clone(), bad).await, Err(HubError::Tls(_))));
}
