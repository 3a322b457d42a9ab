//! A plain HTTP/1.1 client over TLS 1.3: one connection, kept open.

use crate::exit::Failure;
use beatcheck_hub::Hub;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use std::sync::Arc;
use tokio::net::TcpStream;

/// A failure on the way.
pub(super) fn broken(e: impl std::fmt::Display) -> Failure {
    Failure::new("io", format!("the fleet's connection: {e}"))
}

/// The hub's authority, which every client trusts.
#[derive(Clone)]
pub(super) struct Trust(Arc<rustls::RootCertStore>);

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// An open connection.
pub(super) struct Link(SendRequest<Full<Bytes>>);

impl Trust {
    pub(super) fn of(hub: &Hub) -> Result<Self, Failure> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(hub.dir().join("ca.pem")).map_err(broken)?).map_err(broken)?;
        Ok(Self(Arc::new(roots)))
    }

    /// Connects; with a device's certificate if it has one.
    pub(super) async fn connect(
        &self,
        port: u16,
        device: Option<(Vec<CertificateDer<'static>>, &rcgen::KeyPair)>,
    ) -> Result<Link, Failure> {
        let builder = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(broken)?
            .with_root_certificates(Arc::clone(&self.0));
        let config = match device {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into())
                .map_err(broken)?,
        };
        let tcp = TcpStream::connect(("127.0.0.1", port)).await.map_err(broken)?;
        let _ = tcp.set_nodelay(true);
        let name = ServerName::try_from("localhost").map_err(broken)?;
        let tls = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(broken)?;
        let (send, connection) = http1::handshake(TokioIo::new(tls)).await.map_err(broken)?;
        // It ends with its sender; a break shows in the request.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Link(send))
    }
}

impl Link {
    /// Asks, and reads the whole answer.
    pub(super) async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, Failure> {
        self.0.ready().await.map_err(broken)?;
        let mut request = Request::new(Full::new(body.into()));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().map_err(broken)?;
        request.headers_mut().insert("host", HeaderValue::from_static("localhost"));
        for (name, value) in headers {
            request.headers_mut().insert(name, HeaderValue::from_str(value).map_err(broken)?);
        }
        let (parts, body) = self.0.send_request(request).await.map_err(broken)?.into_parts();
        let body = body.collect().await.map_err(broken)?.to_bytes();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }
}
