//! Its server: hyper on rustls, files of one directory under their names, with an entity tag.

use super::certs::{self, ClientFiles};
use crate::bench::step::io;
use crate::exit::Failure;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

/// A server in threads of its own; it stops when this goes.
pub(in crate::bench::sync) struct Server {
    // Held for its threads.
    _runtime: Runtime,
    dir: PathBuf,
    port: u16,
    files: ClientFiles,
}

impl Server {
    /// Serves what lies in `dir`, on a free port of the loopback.
    pub(in crate::bench::sync) fn start(dir: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(dir).map_err(io("making a directory"))?;
        let (config, files) = certs::make()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(io("starting the alternative's server"))?;
        let listener =
            runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).map_err(io("binding the alternative's server"))?;
        let port = listener.local_addr().map_err(io("binding the alternative's server"))?.port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let from: Arc<Path> = dir.into();
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(connection(socket, acceptor.clone(), Arc::clone(&from)));
            }
        });
        Ok(Self { _runtime: runtime, dir: dir.to_owned(), port, files })
    }

    /// Puts a file where it is served.
    pub(in crate::bench::sync) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        std::fs::write(self.dir.join(name), bytes).map_err(io("writing a page"))
    }

    pub(in crate::bench::sync) const fn port(&self) -> u16 {
        self.port
    }

    /// What a client needs to be let in.
    pub(in crate::bench::sync) const fn files(&self) -> &ClientFiles {
        &self.files
    }
}

async fn connection(socket: TcpStream, tls: TlsAcceptor, dir: Arc<Path>) {
    let _ = socket.set_nodelay(true);
    let Ok(stream) = tls.accept(socket).await else { return };
    let service = service_fn(move |request: Request<Incoming>| {
        let dir = Arc::clone(&dir);
        async move { Ok::<_, Infallible>(answer(&request, &dir)) }
    });
    // A client that goes away in the middle is the bench's own doing.
    let _ = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

fn answer(request: &Request<Incoming>, dir: &Path) -> Response<Full<Bytes>> {
    let empty = |status| {
        let mut response = Response::new(Full::new(Bytes::new()));
        *response.status_mut() = status;
        response
    };
    let name = request.uri().path().strip_prefix("/v1/").unwrap_or_default();
    let known = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let Some(bytes) = known.then(|| std::fs::read(dir.join(name)).ok()).flatten() else {
        return empty(StatusCode::NOT_FOUND);
    };
    let Ok(tag) = HeaderValue::from_str(&format!("\"{name}\"")) else { return empty(StatusCode::NOT_FOUND) };
    if request.headers().get(IF_NONE_MATCH) == Some(&tag) {
        let mut response = empty(StatusCode::NOT_MODIFIED);
        response.headers_mut().insert(ETAG, tag);
        return response;
    }
    let mut response = Response::new(Full::new(Bytes::from(bytes)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("zstd"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(ETAG, tag);
    response
}
