//! The way to the hub: one connection, and one fetch of a segment however many ask for it.
//!
//! A fetch is a task of its own, so that it ends, and is kept, even if the device that began it has gone. It takes the
//! whole segment: only that can be held against its hash, and nothing is kept or served before it was. After the hub
//! could not be reached, it is not tried again for a moment: devices should learn quickly that they must ask it themselves.

use crate::RelayError;
use crate::cache::Cache;
use beatcheck_wire::segment::MAX_SEGMENT;
use beatcheck_wire::{Hash32, PROTOCOL_VERSION};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls_pki_types::ServerName;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

/// Longest wait for a connection to the hub.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest time for one segment.
const FETCH: Duration = Duration::from_secs(45);
/// Segments that are fetched at one time; who asks for another is told to come back.
const MAX_FLIGHTS: usize = 32;
/// After a failed connection the hub is left alone for so long.
const REST: Duration = Duration::from_secs(2);
/// A connection that carried nothing for so long is asked whether it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Longest refusal of the hub that is read.
const MAX_REFUSAL: usize = 4096;

/// Why there is no segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The hub has no such segment.
    NotFound,
    /// The hub refuses this relay.
    Refused,
    /// No connection, or a broken one.
    Unreachable,
    /// What came is not the segment, or the hub failed.
    Garbled,
    /// The hub asks for patience, in seconds, or too much is fetched already.
    Busy(u32),
}

type Fetched = Result<Bytes, Fault>;
type Flight = watch::Receiver<Option<Fetched>>;

/// The hub, and what is being fetched from it.
pub(crate) struct Upstream {
    link: Link,
    cache: Arc<Cache>,
    flights: Mutex<HashMap<Hash32, Flight>>,
}

impl Upstream {
    pub(crate) fn new(hub: &str, config: Arc<rustls::ClientConfig>, cache: Arc<Cache>) -> Result<Self, RelayError> {
        Ok(Self { link: Link::new(hub, config)?, cache, flights: Mutex::default() })
    }

    /// A segment from the hub, verified and kept. Joins a fetch that is under way.
    pub(crate) async fn segment(self: &Arc<Self>, hash: Hash32) -> Fetched {
        let mut flight = match self.flight(hash) {
            Ok(flight) => flight,
            Err(fault) => return Err(fault),
        };
        let landed = flight.wait_for(Option::is_some).await;
        // A task that ended without a word was broken off.
        landed.ok().and_then(|fetched| fetched.clone()).unwrap_or(Err(Fault::Unreachable))
    }

    fn flight(self: &Arc<Self>, hash: Hash32) -> Result<Flight, Fault> {
        let mut flights = self.flights();
        if let Some(flight) = flights.get(&hash) {
            return Ok(flight.clone());
        }
        if flights.len() >= MAX_FLIGHTS {
            return Err(Fault::Busy(1));
        }
        let (tell, told) = watch::channel(None);
        flights.insert(hash, told.clone());
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let landing = Landing { upstream: &this, hash };
            let fetched = this.fetch(&hash).await;
            // The cache has it before the flight is taken off the list: who comes in between must not fetch again.
            drop(landing);
            let _ = tell.send(Some(fetched));
        });
        Ok(told)
    }

    async fn fetch(&self, hash: &Hash32) -> Fetched {
        let cache = Arc::clone(&self.cache);
        let wanted = *hash;
        // Somebody's fetch may have landed between the caller's look at the cache and now.
        if let Ok(Some(there)) = tokio::task::spawn_blocking(move || cache.get(&wanted)).await {
            return Ok(there);
        }
        let bytes = timeout(FETCH, self.link.get(hash)).await.unwrap_or(Err(Fault::Unreachable))?;
        if bytes.len() > MAX_SEGMENT || Hash32::of(&bytes) != *hash {
            tracing::warn!("the hub sent something that is not the segment asked for");
            return Err(Fault::Garbled);
        }
        let (cache, kept) = (Arc::clone(&self.cache), bytes.clone());
        if tokio::task::spawn_blocking(move || cache.put(&wanted, &kept)).await.is_err() {
            tracing::error!("keeping a segment was broken off");
        }
        Ok(bytes)
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Hash32, Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a flight off the list, however its task ends.
struct Landing<'a> {
    upstream: &'a Upstream,
    hash: Hash32,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.upstream.flights().remove(&self.hash);
    }
}

/// One HTTP/2 connection, made when it is needed.
struct Link {
    host: String,
    port: u16,
    config: Arc<rustls::ClientConfig>,
    open: tokio::sync::Mutex<Open>,
}

#[derive(Default)]
struct Open {
    sender: Option<SendRequest<Empty<Bytes>>>,
    failed: Option<Instant>,
}

impl Link {
    fn new(hub: &str, config: Arc<rustls::ClientConfig>) -> Result<Self, RelayError> {
        let uri: hyper::Uri = hub.parse().map_err(|_| RelayError::Hub)?;
        if uri.scheme_str() != Some("https") || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(RelayError::Hub);
        }
        let host = uri.host().ok_or(RelayError::Hub)?.trim_matches(['[', ']']).to_owned();
        Ok(Self { host, port: uri.port_u16().unwrap_or(443), config, open: tokio::sync::Mutex::default() })
    }

    async fn get(&self, hash: &Hash32) -> Fetched {
        let mut sender = self.sender().await?;
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let request = Request::get(format!("https://{host}:{}/v1/segment/{hash}", self.port))
            .header(crate::answer::PROTOCOL_HEADER, u16::from(PROTOCOL_VERSION))
            .body(Empty::new())
            .map_err(|_| Fault::Garbled)?;
        let response = match sender.send_request(request).await {
            Ok(response) => response,
            Err(e) => {
                tracing::debug!(error = %e, "the connection to the hub broke");
                self.open.lock().await.sender = None;
                return Err(Fault::Unreachable);
            }
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let limit = if status == StatusCode::OK { MAX_SEGMENT } else { MAX_REFUSAL };
        let body = Limited::new(response.into_body(), limit).collect().await.map(|b| b.to_bytes());
        match status {
            StatusCode::OK => body.map_err(|_| Fault::Garbled),
            StatusCode::NOT_FOUND => Err(Fault::NotFound),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                let after = headers.get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse().ok());
                Err(Fault::Busy(after.unwrap_or(1)))
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::UPGRADE_REQUIRED => {
                let code = body.ok().and_then(|b| serde_json::from_slice::<serde_json::Value>(&b).ok());
                let code = code.as_ref().and_then(|v| v["code"].as_str()).unwrap_or_default();
                tracing::warn!(status = status.as_u16(), code, "the hub refuses this relay");
                Err(Fault::Refused)
            }
            _ => {
                tracing::warn!(status = status.as_u16(), "the hub could not answer");
                Err(Fault::Garbled)
            }
        }
    }

    async fn sender(&self) -> Result<SendRequest<Empty<Bytes>>, Fault> {
        // Held while connecting, so that many who wait make one connection.
        let mut open = self.open.lock().await;
        if let Some(sender) = open.sender.as_ref().filter(|s| !s.is_closed()) {
            return Ok(sender.clone());
        }
        if open.failed.is_some_and(|at| at.elapsed() < REST) {
            return Err(Fault::Unreachable);
        }
        match timeout(CONNECT, self.connect()).await {
            Ok(Ok(sender)) => {
                *open = Open { sender: Some(sender.clone()), failed: None };
                Ok(sender)
            }
            failed => {
                let why = failed.map_or_else(|_| "no connection in time".into(), |e| e.err().unwrap_or_default());
                tracing::warn!("the hub could not be reached: {why}");
                *open = Open { sender: None, failed: Some(Instant::now()) };
                Err(Fault::Unreachable)
            }
        }
    }

    async fn connect(&self) -> Result<SendRequest<Empty<Bytes>>, String> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|e| e.to_string())?;
        // Small requests go out at once; a socket that refuses the option still works.
        let _ = tcp.set_nodelay(true);
        let name = ServerName::try_from(self.host.clone()).map_err(|e| e.to_string())?;
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(&self.config));
        let tls = connector.connect(name, tcp).await.map_err(|e| e.to_string())?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(2 << 20)
            .handshake(TokioIo::new(tls))
            .await
            .map_err(|e| e.to_string())?;
        tokio::spawn(async move {
            if let Err(e) = connection.await {
                tracing::debug!(error = %e, "the connection to the hub ended");
            }
        });
        Ok(sender)
    }
}
