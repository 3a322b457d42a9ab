//! A plain HTTP client over TLS 1.3: one connection, kept open; HTTP/1.1 as a browser may, or HTTP/2 as a phone does.

use crate::exit::Failure;
use beatcheck_hub::Hub;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use std::sync::Arc;
use tokio::net::TcpStream;

/// A failure on the way.
pub(in crate::bench) fn broken(e: impl std::fmt::Display) -> Failure {
    Failure::new("io", format!("a connection to the hub: {e}"))
}

/// The hub's authority, which every client trusts.
#[derive(Clone)]
pub(in crate::bench) struct Trust(Arc<rustls::RootCertStore>);

/// What came back.
pub(in crate::bench) struct Answer {
    pub(in crate::bench) status: StatusCode,
    pub(in crate::bench) headers: HeaderMap,
    pub(in crate::bench) body: Bytes,
}

/// An open connection.
pub(in crate::bench) struct Link(Sender);

enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

/// Chain and key of a device.
pub(in crate::bench) type Identity<'a> = (Vec<CertificateDer<'static>>, &'a rcgen::KeyPair);

impl Trust {
    pub(in crate::bench) fn of(hub: &Hub) -> Result<Self, Failure> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(hub.dir().join("ca.pem")).map_err(broken)?).map_err(broken)?;
        Ok(Self(Arc::new(roots)))
    }

    /// Connects; with a device's certificate if it has one.
    pub(in crate::bench) async fn connect(&self, port: u16, device: Option<Identity<'_>>) -> Result<Link, Failure> {
        let (send, connection) =
            http1::handshake(TokioIo::new(self.tls(port, device, &[]).await?)).await.map_err(broken)?;
        // It ends with its sender; a break shows in the request.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Link(Sender::One(send)))
    }

    /// The same by HTTP/2, as a phone connects.
    pub(in crate::bench) async fn connect_as_phone(&self, port: u16, device: Identity<'_>) -> Result<Link, Failure> {
        let stream = TokioIo::new(self.tls(port, Some(device), &[b"h2"]).await?);
        let (send, connection) = http2::handshake(TokioExecutor::new(), stream).await.map_err(broken)?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(Link(Sender::Two(send)))
    }

    async fn tls(
        &self,
        port: u16,
        device: Option<Identity<'_>>,
        alpn: &[&[u8]],
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Failure> {
        let builder = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(broken)?
            .with_root_certificates(Arc::clone(&self.0));
        let mut config = match device {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into())
                .map_err(broken)?,
        };
        config.alpn_protocols = alpn.iter().map(|p| p.to_vec()).collect();
        let tcp = TcpStream::connect(("127.0.0.1", port)).await.map_err(broken)?;
        let _ = tcp.set_nodelay(true);
        let name = ServerName::try_from("localhost").map_err(broken)?;
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(broken)
    }
}

impl Link {
    /// Asks, and reads the whole answer.
    pub(in crate::bench) async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, Failure> {
        let mut request = Request::new(Full::new(body.into()));
        *request.method_mut() = method;
        match &self.0 {
            Sender::One(_) => {
                *request.uri_mut() = path.parse().map_err(broken)?;
                request.headers_mut().insert("host", HeaderValue::from_static("localhost"));
            }
            Sender::Two(_) => *request.uri_mut() = format!("https://localhost{path}").parse().map_err(broken)?,
        }
        for (name, value) in headers {
            request.headers_mut().insert(name, HeaderValue::from_str(value).map_err(broken)?);
        }
        let response = match &mut self.0 {
            Sender::One(send) => {
                send.ready().await.map_err(broken)?;
                send.send_request(request).await
            }
            Sender::Two(send) => {
                send.ready().await.map_err(broken)?;
                send.send_request(request).await
            }
        };
        let (parts, body) = response.map_err(broken)?.into_parts();
        let body = body.collect().await.map_err(broken)?.to_bytes();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }
}
