//! Serving devices near by: TLS 1.3 with their certificates, HTTP/2 or 1.1, everything bounded.

use crate::RelayError;
use crate::answer::Answers;
use crate::cache::Cache;
use crate::identity::{self, Identity};
use crate::upstream::Upstream;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

/// Connections at one time; more wait in the system's queue.
pub const MAX_CONNECTIONS: usize = 128;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// A connection is asked to end after this time: a certificate that has ended since then is looked at again.
const CONNECTION_AGE: Duration = Duration::from_secs(600);
/// How long answers in flight may take once the connection is asked to end: a segment over a poor link.
const DRAIN: Duration = Duration::from_secs(300);
/// The same at shutdown.
const SHUTDOWN_DRAIN: Duration = Duration::from_secs(5);
const MAX_STREAMS: u32 = 32;

/// How a relay is to run.
#[derive(Clone, Debug)]
pub struct RelayOptions {
    /// Directory of the cache; made if it is missing.
    pub dir: PathBuf,
    /// Address of the hub, as `https://HOST:PORT`.
    pub hub: String,
    /// Directory that `beatcheck hub relay add` has filled.
    pub identity: PathBuf,
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Bytes that the cache may take on disk ([`crate::DEFAULT_MAX_BYTES`]).
    pub max_bytes: u64,
}

/// A relay that is bound to its port and not yet answering.
pub struct Relay {
    listener: TcpListener,
    address: SocketAddr,
    tls: TlsAcceptor,
    answers: Arc<Answers>,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Relay {
    /// Reads the identity, opens the cache and binds the port. The hub is not asked: it may be out of reach now.
    ///
    /// # Errors
    /// [`RelayError::Identity`] for files that are missing, damaged or have ended; [`RelayError::Hub`] for an address that
    /// is none; [`RelayError::InUse`] if another relay has the directory; [`RelayError::Io`] if the port is taken.
    pub async fn bind(options: &RelayOptions) -> Result<Self, RelayError> {
        let identity = Identity::load(&options.identity)?;
        let (dir, max_bytes) = (options.dir.clone(), options.max_bytes);
        let cache = tokio::task::spawn_blocking(move || Cache::open(&dir, max_bytes))
            .await
            .map_err(|e| RelayError::Tls(e.to_string()))??;
        let (segments, bytes) = cache.size();
        tracing::info!(segments, bytes, "the cache is open");
        let cache = Arc::new(cache);
        let upstream = Arc::new(Upstream::new(&options.hub, identity.client, Arc::clone(&cache))?);
        let failed = || RelayError::io(format!("listening on {}", options.listen));
        let listener = TcpListener::bind(options.listen).await.map_err(failed())?;
        let address = listener.local_addr().map_err(failed())?;
        let answers = Arc::new(Answers { cache, upstream });
        Ok(Self { listener, address, tls: TlsAcceptor::from(identity.server), answers })
    }

    /// The address it is bound to.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown` completes, then lets answers in flight end.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { listener, address, tls, answers } = self;
        tracing::info!(%address, "relaying");
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let (stop, stopped) = watch::channel(());
        let mut shutdown = pin!(shutdown);
        loop {
            let accept = async {
                // The place first: beyond the limit, connections wait in the system's queue.
                let place = Arc::clone(&places).acquire_owned().await;
                (place, listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                () = &mut shutdown => break,
                a = accept => a,
            };
            let Ok((socket, _)) = accepted else {
                // Out of file handles, most likely: wait, rather than spin.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let (tls, answers, stopped) = (tls.clone(), Arc::clone(&answers), stopped.clone());
            tokio::spawn(async move {
                connection(socket, tls, answers, stopped).await;
                drop(place);
            });
        }
        drop(listener);
        drop(stopped);
        let _ = stop.send(());
        // Every connection holds a receiver; the channel closes with the last of them.
        let _ = tokio::time::timeout(SHUTDOWN_DRAIN, stop.closed()).await;
        tracing::info!("stopped relaying");
    }
}

async fn connection(socket: TcpStream, tls: TlsAcceptor, answers: Arc<Answers>, mut stopped: watch::Receiver<()>) {
    let _ = socket.set_nodelay(true);
    let stream = match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(socket)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(e)) => return tracing::debug!(error = %e, "a handshake failed"),
        Err(_) => return tracing::debug!("a handshake took too long"),
    };
    let session = stream.get_ref().1;
    let device = identity::is_device(session.peer_certificates());
    let h2 = session.alpn_protocol() == Some(b"h2");
    let builder = Builder::new(TokioExecutor::new());
    // By what TLS agreed on: guessing from the first bytes would wait for them without limit.
    let mut builder = if h2 { builder.http2_only() } else { builder.http1_only() };
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(MAX_HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_BYTES as u32)
        .keep_alive_interval(HEADER_TIMEOUT)
        .keep_alive_timeout(HEADER_TIMEOUT);
    let service = hyper::service::service_fn(move |request| {
        let answers = Arc::clone(&answers);
        async move { Ok::<_, Infallible>(answers.answer(request, device).await) }
    });
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let drain = tokio::select! {
        _ = serving.as_mut() => return,
        () = tokio::time::sleep(CONNECTION_AGE) => DRAIN,
        _ = stopped.changed() => SHUTDOWN_DRAIN,
    };
    serving.as_mut().graceful_shutdown();
    tokio::select! {
        _ = tokio::time::timeout(drain, serving.as_mut()) => {}
        // The relay stops while an old connection drains.
        () = async { let _ = stopped.changed().await; tokio::time::sleep(SHUTDOWN_DRAIN).await } => {}
    }
}
