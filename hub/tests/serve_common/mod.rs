//! A hub on loopback, and devices made of other people's TLS and HTTP: what our own client gets wrong shows elsewhere.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use beatcheck_hub::{FixedClock, Hub, IngestOptions, InitOptions, ServeOptions, Server};
use beatcheck_model::Timestamp;
use beatcheck_wire::enrol::{EnrolCode, EnrolRequest, EnrolResponse};
use beatcheck_wire::envelope::{self, DocKind, VerifyKey};
use beatcheck_wire::{CompartmentId, DeviceId, Grant, GrantBundle, Root};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

pub const START: &str = "2026-11-20T08:00:00Z";

pub struct Fixture {
    pub dir: tempfile::TempDir,
    pub hub: Hub,
    pub clock: Arc<FixedClock>,
    pub addr: SocketAddr,
    connections: Option<usize>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    task: Option<tokio::task::JoinHandle<()>>,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn code(&self) -> String {
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert!(json["text"].as_str().is_some_and(|t| !t.is_empty()));
        json["code"].as_str().unwrap().to_owned()
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
    pub fn refused(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.code().as_str()), (status, code));
    }
}

pub struct Device {
    pub id: DeviceId,
    pub key: rcgen::KeyPair,
    pub receipt: EcdsaKeyPair,
    pub certificates: Vec<CertificateDer<'static>>,
    pub root: Root,
    pub http: Http,
}

#[derive(Clone)]
pub struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
}

impl Http {
    pub fn new(ca: &Path, addr: SocketAddr, identity: Option<(Vec<CertificateDer<'static>>, &rcgen::KeyPair)>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                builder.with_client_auth_cert(chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into()).unwrap()
            }
        };
        let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_all_versions().build();
        Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            base: format!("https://localhost:{}", addr.port()),
        }
    }

    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, hyper_util::client::legacy::Error> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.client.request(request.body(Full::new(body.into())).unwrap()).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        assert_eq!(parts.headers["x-beatcheck-protocol"], "1");
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.try_send(Method::GET, path, &[], vec![]).await.unwrap()
    }
    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.try_send(Method::GET, path, headers, vec![]).await.unwrap()
    }
    pub async fn post(&self, path: &str, body: Vec<u8>) -> Answer {
        self.try_send(Method::POST, path, &[], body).await.unwrap()
    }
}

impl Fixture {
    pub async fn start() -> Self {
        Self::with_connections(None).await
    }

    pub async fn with_connections(connections: Option<usize>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::new(START.parse().unwrap()));
        let data = dir.path().join("hub");
        let hub = Hub::init(&data, &InitOptions { names: vec!["hub.test".into()] }, clock.clone()).unwrap();
        let addr = "127.0.0.1:0".parse().unwrap();
        let mut out = Self { dir, hub, clock, addr, connections, stop: None, task: None };
        out.restart().await;
        out
    }

    /// Serves, again if it was stopped; on a port of its own each time.
    pub async fn restart(&mut self) {
        if self.task.is_some() {
            self.stop().await;
        }
        let listen = "127.0.0.1:0".parse().unwrap();
        let options = ServeOptions { listen, names: vec![], connections: self.connections };
        let server = Server::bind(self.hub.clone(), options).await.unwrap();
        self.addr = server.local_addr();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        self.stop = Some(stop);
        self.task = Some(tokio::spawn(server.run(async {
            let _ = stopped.await;
        })));
    }

    pub async fn stop(&mut self) {
        drop(self.stop.take());
        self.task.take().unwrap().await.unwrap();
    }

    pub fn ca(&self) -> std::path::PathBuf {
        self.hub.dir().join("ca.pem")
    }

    pub fn stranger(&self) -> Http {
        Http::new(&self.ca(), self.addr, None)
    }

    pub fn wait(&self, seconds: i64) {
        self.clock.set(self.hub.now().plus_secs(seconds));
    }

    /// A vehicle list of one source, in a compartment of its name.
    pub fn ingest(&self, source: &str, marks: &[&str]) {
        let mapping = self.dir.path().join(format!("{source}.toml"));
        std::fs::write(
            &mapping,
            format!(
                "format = 1\n[source]\nname = '{source}'\nkind = 'vehicle'\ncompartment = '{source}'\n\
                 offline_allowed = true\ntitle = 'Test list'\nkey = ['vrm']\n[fields]\nvrm = 'vrm'\nmake = 'make'\n"
            ),
        )
        .unwrap();
        let extract = self.dir.path().join(format!("{source}.csv"));
        let rows: String = marks.iter().map(|m| format!("{m},FORD\n")).collect();
        std::fs::write(&extract, format!("vrm,make\n{rows}")).unwrap();
        let options = IngestOptions { mapping: &mapping, extract: &extract, as_of: Some(self.hub.now()), force: true };
        self.hub.ingest(&options, &mut |_| {}).unwrap();
    }

    pub fn publish(&self) {
        self.hub.publish(&mut |_| {}).unwrap();
    }

    pub async fn enrol(&self, officer: &str) -> Device {
        let code = self.hub.enrol_code(officer, "patrol").unwrap().code;
        let wanting = Wanting::new(&code);
        let answer = self.stranger().post("/v1/enrol", wanting.bytes()).await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
        wanting.in_with(self, &answer)
    }
}

/// A device that holds a code.
pub struct Wanting {
    pub request: EnrolRequest,
    pub key: rcgen::KeyPair,
    pub receipt: EcdsaKeyPair,
}

impl Wanting {
    pub fn new(code: &str) -> Self {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let csr = rcgen::CertificateParams::default().serialize_request(&key).unwrap();
        let rng = ring::rand::SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &rng).unwrap();
        let receipt = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &rng).unwrap();
        let secret = EnrolCode::parse(code).unwrap().secret;
        let request = EnrolRequest {
            version: beatcheck_wire::enrol::VERSION,
            secret,
            csr: csr.der().to_vec(),
            receipt_key: receipt.public_key().as_ref().to_vec(),
            vault: "desk".into(),
            attestation: desk_attestation(&key, &secret),
            app_version: "test".into(),
            asset: String::new(),
            id_token: String::new(),
        };
        Self { request, key, receipt }
    }

    pub fn bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(&self.request).unwrap()
    }

    pub fn in_with(self, fx: &Fixture, answer: &Answer) -> Device {
        let response: EnrolResponse = postcard::from_bytes(&answer.body).unwrap();
        let certificates: Vec<_> = response.certificates.into_iter().map(CertificateDer::from).collect();
        let http = Http::new(&fx.ca(), fx.addr, Some((certificates.clone(), &self.key)));
        let root: Root = postcard::take_from_bytes(&response.root[envelope::OVERHEAD..]).unwrap().0;
        let verified: Root = envelope::open(DocKind::Root, &response.root, &[root.root_key]).unwrap();
        Device { id: response.device, key: self.key, receipt: self.receipt, certificates, root: verified, http }
    }
}

impl Device {
    pub async fn grant(&self) -> (Grant, GrantBundle) {
        let answer = self.http.get("/v1/grant").await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
        assert_eq!(answer.header("cache-control"), "no-store");
        let bundle: GrantBundle = postcard::from_bytes(&answer.body).unwrap();
        (envelope::open(DocKind::Grant, &bundle.grant, &[self.root.grant_key]).unwrap(), bundle)
    }

    pub fn trusted(&self) -> [VerifyKey; 1] {
        [self.root.publish_key]
    }
}

pub fn hash_path(kind: &str, hash: &beatcheck_wire::Hash32) -> String {
    format!("/v1/{kind}/{hash}")
}

pub fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn id(n: u8) -> CompartmentId {
    CompartmentId([n; 16])
}

/// What the desk vault attests: that it has the key.
pub fn desk_attestation(key: &rcgen::KeyPair, secret: &[u8; 16]) -> Vec<u8> {
    rcgen::SigningKey::sign(key, &beatcheck_wire::enrol::attestation_challenge(secret)).unwrap()
}
