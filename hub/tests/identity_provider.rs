//! The same as `identity.rs` against a real, certified provider (`oidc-provider`), over https, with real log-ins: run by
//! `script/test-identity`, which installs it.
#![allow(clippy::unwrap_used)]

mod serve_common;

use beatcheck_hub::{Clock as _, IdentitySetting, SystemClock};
use beatcheck_wire::enrol::{LoginNonce, ShiftRequest, login_nonce};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256};
use serve_common::{Answer, Device, Fixture, Wanting};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The provider, in a process that ends with the test.
struct Provider {
    child: Child,
    issuer: String,
    ca_pem: String,
    ca: PathBuf,
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn script(name: &str) -> String {
    format!("{}/../tests/identity/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line.trim().to_owned()
}

impl Provider {
    fn start(fx: &Fixture) -> Self {
        let key = || KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let (ca_key, tls_key) = (key(), key());
        let mut ca = CertificateParams::default();
        ca.distinguished_name.push(DnType::CommonName, "Test provider's authority");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
        let server = CertificateParams::new(vec!["localhost".into()]).unwrap();
        let server = server.signed_by(&tls_key, &Issuer::new(ca, ca_key)).unwrap().pem();
        let file = |name: &str, text: &str| {
            let path = fx.dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = Command::new("node")
            .args([script("provider.js"), port.to_string()])
            .args([file("provider.pem", &server), file("provider.key", &tls_key.serialize_pem())])
            .arg(format!("https://localhost:{}/oidc/logout", fx.addr.port()))
            .env("NODE_EXTRA_CA_CERTS", fx.ca())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        assert_eq!(first_line(&mut child), "ready");
        let ca = file("provider-ca.pem", &ca_pem);
        Self { child, issuer: format!("https://localhost:{port}"), ca_pem, ca }
    }

    fn setting(&self, client: &str) -> IdentitySetting {
        IdentitySetting {
            issuer: self.issuer.clone(),
            client_id: client.into(),
            claim: "officer".into(),
            ca_pem: Some(self.ca_pem.clone()),
            at_enrolment: true,
        }
    }

    fn login(&self, account: &str, nonce: &str, more: &[&str]) -> Child {
        Command::new("node")
            .arg(script("login.js"))
            .args([&self.issuer, "--account", account, "--nonce", nonce])
            .args(more)
            .env("NODE_EXTRA_CA_CERTS", &self.ca)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn token(&self, account: &str, nonce: &str, more: &[&str]) -> String {
        let mut login = self.login(account, nonce, more);
        let token = first_line(&mut login);
        assert!(login.wait().unwrap().success());
        token
    }
}

async fn nonce(device: &Device) -> String {
    postcard::from_bytes::<LoginNonce>(&device.http.post("/v1/nonce", vec![]).await.body).unwrap().nonce
}

async fn shift(device: &Device, id_token: &str) -> Answer {
    let request = ShiftRequest { id_token: id_token.into() };
    device.http.post("/v1/shift", postcard::to_allocvec(&request).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and oidc-provider: script/test-identity"]
async fn officers_are_whom_a_certified_provider_names() {
    let fx = Fixture::start().await;
    fx.clock.set(SystemClock.now());
    fx.ingest("stolen", &["AB12CDE"]);
    fx.publish();
    let provider = Provider::start(&fx);
    fx.hub.identity_set(Some(&provider.setting("beatcheck"))).unwrap();
    let hub = fx.hub.clone();
    let found = tokio::task::spawn_blocking(move || hub.identity_test().unwrap()).await.unwrap();
    assert_eq!(found.keys.len(), 3);
    let policy = "[roles.patrol]\ncompartments = ['*']\npurposes = ['warrant']\n[session]\nidentity_at_start = true\n";
    fx.hub.policy_set(policy).unwrap();

    // Enrolment.
    let mut wanting = Wanting::new(&fx.hub.enrol_code("1234", "patrol").unwrap().code);
    let mine = login_nonce(&wanting.request.secret);
    let good = provider.token("1234", &mine, &[]);
    let mut tampered = good.clone();
    let at = good.find('.').unwrap() + 20;
    tampered.replace_range(at..=at, if &good[at..=at] == "A" { "B" } else { "A" });
    for (what, token, code) in [
        ("no token", String::new(), "identity_needed"),
        ("tampered", tampered, "bad_id_token"),
        ("another's log-in", provider.token("2345", &mine, &[]), "wrong_officer"),
        ("another nonce", provider.token("1234", "00", &[]), "bad_nonce"),
        ("for another app", provider.token("1234", &mine, &["--client", "another"]), "bad_id_token"),
    ] {
        wanting.request.id_token = token;
        let answer = fx.stranger().post("/v1/enrol", wanting.bytes()).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, code), "{what}");
    }
    wanting.request.id_token = good;
    let answer = fx.stranger().post("/v1/enrol", wanting.bytes()).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let device = wanting.in_with(&fx, &answer);

    // Shifts, by each algorithm that the provider signs with.
    let token = provider.token("1234", &nonce(&device).await, &[]);
    assert_eq!(shift(&device, &token).await.status, 200);
    shift(&device, &token).await.refused(403, "bad_nonce");
    for algorithm in ["PS256", "ES256", "EdDSA"] {
        let client = format!("beatcheck-{algorithm}");
        fx.hub.identity_set(Some(&provider.setting(&client))).unwrap();
        let token = provider.token("1234", &nonce(&device).await, &["--client", &client]);
        let answer = shift(&device, &token).await;
        assert_eq!(answer.status, 200, "{algorithm}: {:?}", answer.body);
    }
    fx.hub.identity_set(Some(&provider.setting("beatcheck"))).unwrap();
    let late = provider.token("1234", &nonce(&device).await, &[]);
    let now = fx.hub.now();
    fx.wait(17 * 60);
    shift(&device, &late).await.refused(403, "bad_id_token");
    fx.clock.set(now);

    // Out at the provider: it tells the hub, and the shift is over.
    fx.wait(1);
    let mut login = provider.login("1234", &nonce(&device).await, &["--logout"]);
    let token = first_line(&mut login);
    let answer = shift(&device, &token).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert!(!device.grant().await.0.suspended);
    login.stdin.take().unwrap().write_all(b"out\n").unwrap();
    assert!(login.wait().unwrap().success());
    for _ in 0..50 {
        if device.grant().await.0.suspended {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (out, _) = device.grant().await;
    assert!(out.suspended && out.compartments.len() == 1);
    assert_eq!(fx.hub.shifts(Some(device.id), 1).unwrap()[0].why.as_deref(), Some("logout"));
    let token = provider.token("1234", &nonce(&device).await, &[]);
    assert_eq!(shift(&device, &token).await.status, 200);
    assert!(!device.grant().await.0.suspended);

    // Suspended by the force: no token helps.
    let last = nonce(&device).await;
    fx.hub.officer_suspend("1234", "sgt", "left").unwrap();
    let (gone, bundle) = device.grant().await;
    assert!(gone.suspended && gone.compartments.is_empty() && bundle.keys.is_empty());
    shift(&device, &provider.token("1234", &last, &[])).await.refused(403, "suspended");
}
