//! Its client: one HTTP/2 connection over TLS, every byte counted, pages parsed and written to the store as they come.
//!
//! It runs as a step, a process of its own, like our sync: time and processor time are then of the same kind.

use super::certs::ClientFiles;
use super::{record, unpack};
use crate::bench::step::io;
use crate::exit::Failure;
use beatcheck_model::RecordKind;
use beatcheck_store::{Checkpoint, Compartment, Key, StoreError};
use beatcheck_wire::Hash32;
use beatcheck_wire::batch::{Change, Op};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Pages fetched before they are wanted.
const AHEAD: usize = 2;
/// Tries at a page whose connection broke.
const TRIES: u32 = 5;

/// What a client is to do.
#[derive(Serialize, Deserialize)]
pub(in crate::bench::sync) struct Spec {
    pub(in crate::bench::sync) port: u16,
    pub(in crate::bench::sync) files: ClientFiles,
    /// Where the record files go.
    pub(in crate::bench::sync) home: PathBuf,
    pub(in crate::bench::sync) sources: Vec<Source>,
}

/// A compartment to be provisioned: its pages, and what must then be stored.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::bench::sync) struct Source {
    pub(in crate::bench::sync) kind: RecordKind,
    pub(in crate::bench::sync) pages: usize,
    pub(in crate::bench::sync) rows: u64,
    pub(in crate::bench::sync) digest: Hash32,
}

/// What it took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::bench::sync) struct Taken {
    pub(in crate::bench::sync) down: u64,
    pub(in crate::bench::sync) up: u64,
    pub(in crate::bench::sync) requests: u64,
    pub(in crate::bench::sync) rows: u64,
}

/// Name of a page.
pub(in crate::bench::sync) fn page(kind: RecordKind, n: usize) -> String {
    format!("{}-{n}", kind.as_str())
}

#[derive(Default)]
struct Meter {
    down: AtomicU64,
    up: AtomicU64,
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

/// A connection that is made anew after a break.
struct Link {
    port: u16,
    config: Arc<rustls::ClientConfig>,
    open: Option<SendRequest<Full<Bytes>>>,
    meter: Arc<Meter>,
    requests: u64,
}

fn broken(e: impl std::fmt::Display) -> Failure {
    Failure::new("io", format!("the alternative's connection: {e}"))
}

impl Link {
    fn new(port: u16, files: &ClientFiles) -> Result<Self, Failure> {
        Ok(Self { port, config: Arc::new(files.config()?), open: None, meter: Arc::default(), requests: 0 })
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        let tcp = TcpStream::connect(("127.0.0.1", self.port)).await.map_err(broken)?;
        let _ = tcp.set_nodelay(true);
        let name = ServerName::try_from("127.0.0.1").map_err(broken)?;
        let counted = Counted { inner: tcp, meter: Arc::clone(&self.meter) };
        let tls = tokio_rustls::TlsConnector::from(Arc::clone(&self.config));
        let stream = tls.connect(name, counted).await.map_err(broken)?;
        let (send, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(2 << 20)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        // It ends with the last sender; a break shows in the request.
        tokio::spawn(async move { drop(connection.await) });
        Ok(send)
    }

    async fn once(&mut self, name: &str, tag: Option<&str>) -> Result<Option<Bytes>, Failure> {
        let mut send = match self.open.take() {
            Some(open) if !open.is_closed() => open,
            _ => self.connect().await?,
        };
        self.requests += 1;
        let mut request = Request::get(format!("https://127.0.0.1:{}/v1/{name}", self.port));
        if let Some(tag) = tag {
            request = request.header("if-none-match", format!("\"{tag}\""));
        }
        let request = request.body(Full::new(Bytes::new())).map_err(broken)?;
        let response = send.send_request(request).await.map_err(broken)?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(broken)?.to_bytes();
        self.open = Some(send);
        match status {
            StatusCode::OK => Ok(Some(body)),
            StatusCode::NOT_MODIFIED => Ok(None),
            other => Err(broken(format!("{name} was answered with {other}"))),
        }
    }

    /// A file, from its beginning again where the connection broke: `None` if it has not changed since `tag`.
    async fn get(&mut self, name: &str, tag: Option<&str>) -> Result<Option<Bytes>, Failure> {
        let mut tries = 1;
        loop {
            match self.once(name, tag).await {
                Err(_) if tries < TRIES => tries += 1,
                other => return other,
            }
        }
    }

    fn taken(&self, rows: u64) -> Taken {
        let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
        Taken { down: read(&self.meter.down), up: read(&self.meter.up), requests: self.requests, rows }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let made = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    made.map_err(io("starting the alternative's client"))
}

/// Fetches one file over a connection of its own, as a sync of changes or a poll would; parses nothing.
pub(in crate::bench::sync) fn fetch(
    port: u16,
    files: &ClientFiles,
    name: &str,
    tag: Option<&str>,
) -> Result<(Option<Bytes>, Taken), Failure> {
    let mut link = Link::new(port, files)?;
    let body = runtime()?.block_on(link.get(name, tag))?;
    Ok((body, link.taken(0)))
}

/// Provisions what the spec says into files of its own.
pub(in crate::bench::sync) fn provision(spec: &Spec) -> Result<Taken, Failure> {
    std::fs::create_dir_all(&spec.home).map_err(io("making a directory"))?;
    let runtime = runtime()?;
    let mut link = Link::new(spec.port, &spec.files)?;
    let names: Vec<String> = spec.sources.iter().flat_map(|s| (0..s.pages).map(|n| page(s.kind, n))).collect();
    let (to, from) = sync_channel::<Result<Bytes, Failure>>(AHEAD);
    std::thread::scope(|s| {
        let fetching = s.spawn(move || {
            runtime.block_on(async {
                for name in &names {
                    let body = link.get(name, None).await.map(Option::unwrap_or_default);
                    let stop = body.is_err();
                    // Nobody receives any more: the writer has said why.
                    if to.send(body).is_err() || stop {
                        break;
                    }
                }
            });
            link
        });
        let mut rows = 0;
        for source in &spec.sources {
            let mut pages = from.iter().take(source.pages);
            rows += write(&spec.home, source, &mut pages)?;
        }
        drop(from);
        let link = fetching.join().map_err(|_| broken("the fetching thread ended early"))?;
        Ok(link.taken(rows))
    })
}

/// Builds one compartment from its pages.
fn write(
    home: &Path,
    source: &Source,
    pages: &mut dyn Iterator<Item = Result<Bytes, Failure>>,
) -> Result<u64, Failure> {
    let mut failed = None;
    let mut now: std::vec::IntoIter<Change> = Vec::new().into_iter();
    let mut seq = 0;
    let mut changes = std::iter::from_fn(|| {
        loop {
            if let Some(change) = now.next() {
                return Some(Ok(change));
            }
            match pages.next()?.and_then(|bytes| parse(&bytes, &mut seq)) {
                Ok(changes) => now = changes.into_iter(),
                Err(e) => {
                    failed = Some(e);
                    return Some(Err(StoreError::Closed));
                }
            }
        }
    });
    let expect = Checkpoint {
        watermark: source.rows,
        manifest_version: 1,
        digest: source.digest,
        rows: source.rows,
        unsearchable: 0,
    };
    let path = home.join(format!("{}.db", source.kind.as_str()));
    let built = Compartment::build(&path, &Key::new([7; 32]), source.kind, &mut changes, &expect, &mut |_| true);
    match (built, failed) {
        (_, Some(e)) => Err(e),
        (Err(e), None) => Err(Failure::new("store", format!("the alternative's store: {e}"))),
        (Ok(_), None) => Ok(source.rows),
    }
}

fn parse(bytes: &[u8], seq: &mut u64) -> Result<Vec<Change>, Failure> {
    let lines = unpack(bytes)?;
    let rows = lines.split(|b| *b == b'\n').filter(|l| !l.is_empty());
    rows.map(|line| {
        *seq += 1;
        Ok(Change { seq: *seq, op: Op::Upsert(Box::new(record(line)?)) })
    })
    .collect()
}
