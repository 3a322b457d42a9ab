//! Serving devices: axum on rustls, one port, mutual TLS.
//!
//! Every request reads the database, so what another process publishes, revokes or sets is in force at once. A
//! background task signs the head anew before it expires. Bounds: connections, handshake, headers, bodies, requests
//! and the age of a connection each have theirs, as constants here, in `routes` and in `pace`.

mod auth;
mod catch_up;
mod chores;
mod error;
mod pace;
mod pieces;
mod range;
mod repair;
mod room;
mod routes;
mod seen;
mod tls;

pub(crate) use auth::wrong_protocol;
pub(crate) use error::ApiError;
pub use pace::{BURST, MAX_IN_FLIGHT, REFILL_PER_S};
pub use room::MAX_CONNECTIONS;

use crate::{Hub, HubError};
use auth::Peer;
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection is asked to end after this time, so that no silent one holds its place for ever.
const CONNECTION_AGE: Duration = Duration::from_secs(600);
/// The same for one without a certificate: it can only enrol.
const STRANGER_AGE: Duration = Duration::from_secs(30);
/// How long requests in flight may take once the connection is asked to end.
const DRAIN: Duration = Duration::from_secs(20 * 60);
/// The same at shutdown.
const SHUTDOWN_DRAIN: Duration = Duration::from_secs(10);
const MAX_STREAMS: u32 = 64;

/// Where and as what to serve.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Names and addresses for the server's certificate, beside `localhost`, the loopback addresses and those given
    /// to `init`.
    pub names: Vec<String>,
    /// Connections at one time, at most. Nothing: as many as this process may open files for, up to [`MAX_CONNECTIONS`].
    /// Three of four may be held by devices that wait for something newer.
    pub connections: Option<usize>,
}

/// A hub that is bound to its port and not yet answering.
pub struct Server {
    hub: Hub,
    names: Vec<String>,
    listener: TcpListener,
    address: SocketAddr,
    tls: TlsAcceptor,
    connections: usize,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Serves `hub` until `shutdown` completes; `ready` is told once it is bound.
///
/// # Errors
/// As [`Server::bind`].
pub async fn serve(
    hub: Hub,
    options: ServeOptions,
    ready: impl FnOnce(&Server),
    shutdown: impl Future<Output = ()>,
) -> Result<(), HubError> {
    let server = Server::bind(hub, options).await?;
    ready(&server);
    server.run(shutdown).await;
    Ok(())
}

impl Server {
    /// Binds the port, makes the server's certificate, and signs the head anew if it needs it.
    ///
    /// # Errors
    /// [`HubError::Io`] if the port is taken, [`HubError::Tls`] for a name that cannot stand in a certificate,
    /// [`HubError::Key`] if the authority's key is not there, [`HubError::Refused`] if there is no room for so many
    /// connections.
    pub async fn bind(hub: Hub, options: ServeOptions) -> Result<Self, HubError> {
        let connections = room::connections(options.connections)?;
        let tls = acceptor(&hub, &options.names).await?;
        chores::refresh_head(hub.clone()).await;
        let failed = || HubError::io(format!("listening on {}", options.listen));
        let listener = TcpListener::bind(options.listen).await.map_err(failed())?;
        let address = listener.local_addr().map_err(failed())?;
        Ok(Self { hub, names: options.names, listener, address, tls, connections })
    }

    /// The address it is bound to.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// How many connections it takes at one time.
    #[must_use]
    pub const fn connections(&self) -> usize {
        self.connections
    }

    /// Answers until `shutdown` completes, then lets requests in flight end.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { hub, names, listener, address, mut tls, connections } = self;
        tracing::info!(%address, connections, "serving");
        let shared = Arc::new(routes::Shared::new(hub.clone(), connections));
        let router = routes::router(Arc::clone(&shared));
        let places = Arc::new(Semaphore::new(connections));
        let (stop, stopped) = watch::channel(());
        let heads = tokio::spawn(chores::keep_head_fresh(hub.clone()));
        let others = tokio::spawn(catch_up::watch_other_processes(hub.clone()));
        let contacts = tokio::spawn(chores::write_contacts(Arc::clone(&shared)));
        let retention = tokio::spawn(chores::retain(hub.clone()));
        let mut made = Instant::now();
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
            if made.elapsed() > tls::SERVER_CERT_USE {
                match acceptor(&hub, &names).await {
                    Ok(new) => (tls, made) = (new, Instant::now()),
                    Err(e) => tracing::error!(error = %e, "the server's certificate could not be renewed"),
                }
            }
            let (tls, router, stopped) = (tls.clone(), router.clone(), stopped.clone());
            tokio::spawn(async move {
                connection(socket, tls, router, stopped).await;
                drop(place);
            });
        }
        heads.abort();
        others.abort();
        contacts.abort();
        retention.abort();
        // Those who are held are answered, rather than waited for.
        shared.closing.send_replace(true);
        drop(listener);
        drop(stopped);
        let _ = stop.send(());
        // Every connection holds a receiver; the channel closes with the last of them.
        let _ = tokio::time::timeout(SHUTDOWN_DRAIN, stop.closed()).await;
        chores::write_down(&shared).await;
        tracing::info!("stopped serving");
    }
}

async fn acceptor(hub: &Hub, names: &[String]) -> Result<TlsAcceptor, HubError> {
    let (hub, names) = (hub.clone(), names.to_vec());
    let config = tokio::task::spawn_blocking(move || tls::server_config(&hub, &names))
        .await
        .map_err(|e| HubError::Tls(e.to_string()))??;
    Ok(TlsAcceptor::from(config))
}

async fn connection(socket: TcpStream, tls: TlsAcceptor, router: Router, mut stopped: watch::Receiver<()>) {
    let _ = socket.set_nodelay(true);
    let stream = match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(socket)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(e)) => return tracing::debug!(error = %e, "a handshake failed"),
        Err(_) => return tracing::debug!("a handshake took too long"),
    };
    let session = stream.get_ref().1;
    let peer = Peer::of(session.peer_certificates());
    let h2 = session.alpn_protocol() == Some(b"h2");
    let age = if peer.is_stranger() { STRANGER_AGE } else { CONNECTION_AGE };

    let builder = Builder::new(TokioExecutor::new());
    // By what TLS agreed on: guessing from the first bytes would wait for them without limit.
    let mut builder = if h2 { builder.http2_only() } else { builder.http1_only() };
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(16 * 1024)
        .keep_alive_interval(HEADER_TIMEOUT)
        .keep_alive_timeout(HEADER_TIMEOUT);
    let service = hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request)
    });
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let drain = tokio::select! {
        _ = serving.as_mut() => return,
        () = tokio::time::sleep(age) => DRAIN,
        _ = stopped.changed() => SHUTDOWN_DRAIN,
    };
    serving.as_mut().graceful_shutdown();
    tokio::select! {
        _ = tokio::time::timeout(drain, serving.as_mut()) => {}
        // The server stops while an old connection drains.
        () = async { let _ = stopped.changed().await; tokio::time::sleep(SHUTDOWN_DRAIN).await } => {}
    }
}
