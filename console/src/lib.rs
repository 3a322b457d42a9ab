//! The hub's console: fleet, policy, sources and the account, as pages for those who answer for them.
//!
//! It has a port and logins of its own and asks the hub's library for everything; the devices' port knows nothing of it. Pages
//! are rendered here and work without script. Whatever shows or does something is noted in the console's own log first.
//! Nothing comes from another host, and the headers say so to the browser (`reply`).

mod chart;
mod gate;
mod pages;
mod password;
mod reply;
mod session;

pub use password::hash_password;
pub use session::{IDLE, LONGEST, MAX_SESSIONS, REQUESTS, WRONG_A_MINUTE, WRONG_A_MINUTE_ALL};

use beatcheck_hub::{Hub, HubError};
use gate::Shared;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// Connections at one time; more wait in the system's queue.
pub const MAX_CONNECTIONS: usize = 128;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// A browser opens another connection when this one has ended.
const CONNECTION_AGE: Duration = Duration::from_secs(300);
const DRAIN: Duration = Duration::from_secs(10);

/// Where and as what to serve.
#[derive(Clone, Debug)]
pub struct ConsoleOptions {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Names for the certificate, beside those that the hub has.
    pub names: Vec<String>,
}

/// Serves the console of `hub` until `shutdown` completes; `ready` is told the address once it is bound.
///
/// # Errors
/// [`HubError::Io`] if the port is taken, [`HubError::Tls`] or [`HubError::Key`] if there can be no certificate.
pub async fn serve(
    hub: Hub,
    options: ConsoleOptions,
    ready: impl FnOnce(SocketAddr),
    shutdown: impl Future<Output = ()>,
) -> Result<(), HubError> {
    let config = {
        let hub = hub.clone();
        tokio::task::spawn_blocking(move || hub.page_tls(&options.names))
            .await
            .map_err(|e| HubError::Tls(e.to_string()))??
    };
    let tls = TlsAcceptor::from(config);
    let failed = |source| HubError::Io { what: format!("listening on {}", options.listen), source };
    let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
    ready(listener.local_addr().map_err(failed)?);
    let router = gate::router(Arc::new(Shared::new(hub)));
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut shutdown = pin!(shutdown);
    loop {
        let accept = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = &mut shutdown => return Ok(()),
            a = accept => a,
        };
        let Ok((socket, _)) = accepted else {
            // Out of file handles, most likely: wait, rather than spin.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (tls, router) = (tls.clone(), router.clone());
        tokio::spawn(async move {
            connection(socket, tls, router).await;
            drop(place);
        });
    }
}

async fn connection(socket: TcpStream, tls: TlsAcceptor, router: axum::Router) {
    let _ = socket.set_nodelay(true);
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(socket)).await else {
        return tracing::debug!("a handshake failed");
    };
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(32).max_header_list_size(16 * 1024);
    let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        router.clone().oneshot(request)
    });
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = serving.as_mut() => return,
        () = tokio::time::sleep(CONNECTION_AGE) => {}
    }
    serving.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(DRAIN, serving).await;
}
