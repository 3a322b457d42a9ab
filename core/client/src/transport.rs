//! The only place that opens a socket: one HTTP/2 connection over TLS 1.3 to the hub or a relay, with every byte counted.

use crate::ClientError;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// Longest wait for a connection and its handshake.
const CONNECT: Duration = Duration::from_secs(15);
/// Longest silence within a request.
pub(crate) const SILENCE: Duration = Duration::from_secs(30);
/// Largest answer read into memory.
pub(crate) const MAX_BODY: usize = 8 * 1024 * 1024;
/// Version of the protocol in every request.
const PROTOCOL_HEADER: &str = "x-beatcheck-protocol";

/// Bytes on the wire, TLS included.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub down: AtomicU64,
    pub up: AtomicU64,
    pub requests: AtomicU64,
}

/// A reading of a meter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub down: u64,
    pub up: u64,
    pub requests: u32,
}

impl Meter {
    /// What it shows now.
    pub(crate) fn now(&self) -> Reading {
        Reading {
            down: self.down.load(Ordering::Relaxed),
            up: self.up.load(Ordering::Relaxed),
            requests: u32::try_from(self.requests.load(Ordering::Relaxed)).unwrap_or(u32::MAX),
        }
    }
}

impl Reading {
    /// What was added since an earlier reading.
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self { down: self.down - before.down, up: self.up - before.up, requests: self.requests - before.requests }
    }
}

struct Counted {
    inner: TcpStream,
    meter: Arc<Meter>,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        self.meter.down.fetch_add((buf.filled().len() - before) as u64, Ordering::Relaxed);
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<std::io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, data);
        if let Poll::Ready(Ok(n)) = &polled {
            self.meter.up.fetch_add(*n as u64, Ordering::Relaxed);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Why a request brought no answer.
#[derive(Clone, Debug)]
pub(crate) enum LinkFault {
    /// No connection, a broken one, or silence.
    Broken(String),
    /// The hub answered with a refusal or an error.
    Status { status: u16, code: String, text: String, retry_after_s: Option<u32> },
}

impl LinkFault {
    fn broken(what: &str, e: impl std::fmt::Display) -> Self {
        Self::Broken(format!("{what}: {e}"))
    }
}

/// A way to the hub; connects when first asked and again after a break.
pub(crate) struct Transport {
    host: String,
    port: u16,
    config: Arc<rustls::ClientConfig>,
    link: Mutex<Option<SendRequest<Full<Bytes>>>>,
    pub meter: Arc<Meter>,
}

impl Transport {
    /// A way to `https://HOST[:PORT]`.
    pub(crate) fn new(hub: &str, config: rustls::ClientConfig) -> Result<Self, ClientError> {
        let bad = || ClientError::Tls("the hub's address is not of the form https://HOST:PORT".into());
        let uri: hyper::Uri = hub.parse().map_err(|_| bad())?;
        if uri.scheme_str() != Some("https") || !matches!(uri.path(), "" | "/") {
            return Err(bad());
        }
        Ok(Self {
            host: uri.host().ok_or_else(bad)?.trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(443),
            config: Arc::new(config),
            link: Mutex::new(None),
            meter: Arc::default(),
        })
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, LinkFault> {
        let work = async {
            let tcp = TcpStream::connect((self.host.as_str(), self.port))
                .await
                .map_err(|e| LinkFault::broken("no connection", e))?;
            // Small requests go out at once; a socket that refuses the option still works.
            let _ = tcp.set_nodelay(true);
            let name = ServerName::try_from(self.host.clone()).map_err(|e| LinkFault::broken("bad host name", e))?;
            let counted = Counted { inner: tcp, meter: Arc::clone(&self.meter) };
            let tls = tokio_rustls::TlsConnector::from(Arc::clone(&self.config))
                .connect(name, counted)
                .await
                .map_err(|e| LinkFault::broken("TLS handshake failed", e))?;
            let (send, connection) = http2::Builder::new(TokioExecutor::new())
                .initial_stream_window_size(1 << 20)
                .initial_connection_window_size(2 << 20)
                .handshake(TokioIo::new(tls))
                .await
                .map_err(|e| LinkFault::broken("HTTP/2 handshake failed", e))?;
            tokio::spawn(async move {
                if let Err(e) = connection.await {
                    tracing::debug!(error = %e, "the connection ended");
                }
            });
            Ok(send)
        };
        timeout(CONNECT, work).await.map_err(|_| LinkFault::Broken("no connection in time".into()))?
    }

    async fn sender(&self) -> Result<SendRequest<Full<Bytes>>, LinkFault> {
        let mut link = self.link.lock().await;
        if let Some(open) = link.as_ref().filter(|l| !l.is_closed()) {
            return Ok(open.clone());
        }
        let fresh = self.connect().await?;
        *link = Some(fresh.clone());
        Ok(fresh)
    }

    /// Connects, if there is no connection.
    pub(crate) async fn ready(&self) -> Result<(), LinkFault> {
        self.sender().await.map(drop)
    }

    /// Sends a request; the answer's head has come when this returns, its body has not.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, String)],
        body: Vec<u8>,
    ) -> Result<Response<Incoming>, LinkFault> {
        let mut sender = self.sender().await?;
        let uri = format!("https://{}:{}{path}", self.authority(), self.port);
        let mut request = Request::builder().method(method).uri(uri).header(PROTOCOL_HEADER, "1");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|e| LinkFault::broken("request", e))?;
        self.meter.requests.fetch_add(1, Ordering::Relaxed);
        let response = timeout(SILENCE, sender.send_request(request)).await;
        let response = match response {
            Ok(Ok(r)) => r,
            Ok(Err(e)) => {
                self.drop_link().await;
                return Err(LinkFault::broken("the connection broke", e));
            }
            Err(_) => {
                self.drop_link().await;
                return Err(LinkFault::Broken("the hub did not answer in time".into()));
            }
        };
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let retry_after_s = response.headers().get("retry-after").and_then(|v| v.to_str().ok()?.parse().ok());
        let body = self.body(response).await.unwrap_or_default();
        #[derive(serde::Deserialize)]
        struct Refusal {
            code: String,
            text: String,
        }
        let (code, text) = match serde_json::from_slice::<Refusal>(&body) {
            Ok(r) => (r.code, r.text),
            Err(_) => (format!("http_{status}"), "it gave no reason".into()),
        };
        Err(LinkFault::Status { status, code, text, retry_after_s })
    }

    fn authority(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }

    /// Forgets a broken connection, so that the next request makes a new one.
    pub(crate) async fn drop_link(&self) {
        *self.link.lock().await = None;
    }

    /// Reads a whole body, up to [`MAX_BODY`].
    pub(crate) async fn body(&self, response: Response<Incoming>) -> Result<Vec<u8>, LinkFault> {
        let mut body = response.into_body();
        let mut out = Vec::new();
        while let Some(chunk) = self.chunk(&mut body).await? {
            if out.len() + chunk.len() > MAX_BODY {
                return Err(LinkFault::Broken("the hub's answer is too long".into()));
            }
            out.extend_from_slice(&chunk);
        }
        Ok(out)
    }

    /// The next piece of a body; `None` at its end.
    pub(crate) async fn chunk(&self, body: &mut Incoming) -> Result<Option<Bytes>, LinkFault> {
        loop {
            match timeout(SILENCE, body.frame()).await {
                Err(_) => {
                    self.drop_link().await;
                    return Err(LinkFault::Broken("silence in the middle of an answer".into()));
                }
                Ok(None) => return Ok(None),
                Ok(Some(Err(e))) => {
                    self.drop_link().await;
                    return Err(LinkFault::broken("the connection broke", e));
                }
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// A request with a small body and a whole answer.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Vec<u8>, LinkFault> {
        let response = self.send(method, path, &[("content-type", "application/octet-stream".into())], body).await?;
        self.body(response).await
    }
}
