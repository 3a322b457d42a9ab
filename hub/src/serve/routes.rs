//! The routes of protocol 1. Bodies are binary (postcard, signed documents, segments); refusals are JSON.

use super::ApiError;
use super::auth::{self, Asker, ENROL, JOURNAL, LOGOUT, NONCE, PROTOCOL_HEADER, Peer, RENEW, SHIFT};
use super::catch_up::{self, MAX_SYNC_BYTES};
use super::pace::{self, MAX_IN_FLIGHT, Pace};
use super::pieces::Pieces;
use super::range::{Ranged, ranged};
use super::repair::{self, MAX_ROWS_BYTES, MAX_SUMS_BYTES, SumsCache};
use super::seen::Seen;
use crate::enrol::Device;
use crate::oidc::token_of_form;
use crate::{Hub, HubError};
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Extension, FromRef, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use beatcheck_wire::journal::MAX_BATCH_BYTES;
use beatcheck_wire::kept::MAX_CHUNK_BYTES;
use beatcheck_wire::segment::MAX_SEGMENT;
use beatcheck_wire::{CompartmentId, Hash32, PROTOCOL_VERSION};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

const MAX_ENROL_BYTES: usize = 64 * 1024;
const MAX_RENEW_BYTES: usize = 16 * 1024;
/// An ID token and its length.
const MAX_SHIFT_BYTES: usize = 16 * 1024;
/// The signature and the lengths around a batch.
const MAX_UPLOAD_BYTES: usize = MAX_BATCH_BYTES + 1024;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// A full batch over a rural 2G link (18 kbit/s up) takes a quarter of an hour.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(20 * 60);
const GRANT_HEADER: HeaderName = HeaderName::from_static("x-beatcheck-grant");

/// Segments are ciphertext: any cache may carry them (SYNC: caches that need not be trusted).
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// Manifests name sources and sizes: only the device's own cache.
const IMMUTABLE_PRIVATE: &str = "private, max-age=31536000, immutable";

pub(super) type Answer = Result<Response, ApiError>;
pub(super) type Posted = Result<Bytes, BytesRejection>;

const SYNC: &str = "/v1/sync";
const KEPT: &str = "/v1/kept-account";

/// What all requests share.
pub(crate) struct Shared {
    pub(super) hub: Hub,
    /// Places for questions that are held open.
    pub(super) held: Semaphore,
    /// Places for requests that are worked on.
    pub(super) in_flight: Semaphore,
    pub(super) pace: Pace,
    pub(super) seen: Seen,
    pub(super) sums: SumsCache,
    /// Set once the server stops: nobody is to be held any longer.
    pub(super) closing: watch::Sender<bool>,
}

impl Shared {
    pub(super) fn new(hub: Hub, connections: usize) -> Self {
        Self {
            hub,
            held: Semaphore::new((connections * catch_up::HELD_QUARTERS / 4).max(1)),
            in_flight: Semaphore::new(MAX_IN_FLIGHT),
            pace: Pace::default(),
            seen: Seen::default(),
            sums: SumsCache::default(),
            closing: watch::channel(false).0,
        }
    }
}

impl FromRef<Arc<Shared>> for Hub {
    fn from_ref(shared: &Arc<Shared>) -> Self {
        shared.hub.clone()
    }
}

/// All routes, behind the checks that every request passes.
pub(crate) fn router(shared: Arc<Shared>) -> axum::Router {
    axum::Router::new()
        .route(SYNC, post(catch_up::sync).layer(DefaultBodyLimit::max(MAX_SYNC_BYTES)))
        .route("/v1/sums", post(repair::sums).layer(DefaultBodyLimit::max(MAX_SUMS_BYTES)))
        .route("/v1/rows", post(repair::rows).layer(DefaultBodyLimit::max(MAX_ROWS_BYTES)))
        .route("/v1/catalogue/{hash}", get(catalogue))
        .route("/v1/head", get(head))
        .route("/v1/set/{hash}", get(set))
        .route("/v1/manifest/{hash}", get(manifest))
        .route("/v1/segment/{hash}", get(segment))
        .route("/v1/grant", get(grant))
        .route(JOURNAL, post(journal).layer(DefaultBodyLimit::max(MAX_UPLOAD_BYTES)))
        .route(KEPT, post(kept_account).layer(DefaultBodyLimit::max(MAX_CHUNK_BYTES)))
        .route(RENEW, post(renew).layer(DefaultBodyLimit::max(MAX_RENEW_BYTES)))
        .route(LOGOUT, post(logout).layer(DefaultBodyLimit::max(MAX_SHIFT_BYTES)))
        .route(NONCE, post(nonce).layer(DefaultBodyLimit::max(0)))
        .route(SHIFT, post(shift).layer(DefaultBodyLimit::max(MAX_SHIFT_BYTES)))
        .route(ENROL, post(enrol).layer(DefaultBodyLimit::max(MAX_ENROL_BYTES)))
        .fallback(|| async { ApiError::not_found("route") })
        .method_not_allowed_fallback(|| async {
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", "this route does not take this method")
        })
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), gate))
        .with_state(shared)
}

/// What every request passes: protocol, room, certificate, pace, a time limit; and what every response bears.
async fn gate(
    State(shared): State<Arc<Shared>>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let limit = if path == JOURNAL { UPLOAD_TIMEOUT } else { REQUEST_TIMEOUT };
    let mut asker = String::new();
    let answer = async {
        auth::check_protocol(request.headers())?;
        let room = pace::room(&shared.in_flight).await?;
        if path != ENROL && path != LOGOUT {
            let (hub, method, path) = (shared.hub.clone(), method.clone(), path.clone());
            let known = blocking(move || auth::admit(&hub, peer, &method, &path)).await?;
            asker = match &known {
                Asker::Device(device) => device.id.to_string(),
                Asker::Relay => "relay".into(),
            };
            if let Asker::Device(device) = &known {
                shared.seen.note(device.id, shared.hub.now());
                shared.pace.admit(device.id, request.uri().path().starts_with(SEGMENT))?;
                request.extensions_mut().insert(device.clone());
            }
            request.extensions_mut().insert(known);
        }
        // These two mostly wait, for something newer or for bytes: they take no place from those that work.
        let _room = (path != SYNC && path != JOURNAL).then_some(room);
        tokio::time::timeout(limit, next.run(request))
            .await
            .map_err(|_| ApiError::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "the request took too long"))
    };
    let mut response = answer.await.unwrap_or_else(ApiError::into_response);
    let version = HeaderValue::from(u16::from(PROTOCOL_VERSION));
    response.headers_mut().insert(PROTOCOL_HEADER, version);
    // Paths hold hashes only; a path that is no route may hold anything, and is not logged.
    let route = path.split('/').nth(2).filter(|r| ROUTES.contains(r)).unwrap_or("other");
    tracing::info!(%method, route, status = response.status().as_u16(), device = asker, "answered");
    response
}

const SEGMENT: &str = "/v1/segment/";
const ROUTES: &[&str] = &[
    "sync",
    "kept-account",
    "head",
    "set",
    "manifest",
    "catalogue",
    "segment",
    "grant",
    "sums",
    "rows",
    "journal",
    "renew",
    "enrol",
    "nonce",
    "shift",
    "logout",
];

/// Runs database work where it may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => Err(HubError::Tls("a request's work was broken off".into()).into()),
    }
}

async fn enrol(State(hub): State<Hub>, body: Posted) -> Answer {
    let request = decode("enrolment request", body)?;
    blocking(move || encode(&hub.enrol(&request)?)).await
}

async fn renew(State(hub): State<Hub>, Extension(device): Extension<Device>, body: Posted) -> Answer {
    let request = decode("renewal", body)?;
    blocking(move || encode(&hub.renew(device.id, &request)?)).await
}

async fn nonce(State(hub): State<Hub>, Extension(device): Extension<Device>) -> Answer {
    blocking(move || encode(&hub.login_nonce(&device)?)).await
}

async fn logout(State(hub): State<Hub>, body: Posted) -> Answer {
    let body = body.map_err(|_| ApiError::malformed("logout"))?;
    blocking(move || {
        hub.logged_out(token_of_form(&body)?)?;
        Ok(([(header::CACHE_CONTROL, "no-store")], StatusCode::OK).into_response())
    })
    .await
}

async fn shift(State(hub): State<Hub>, Extension(device): Extension<Device>, body: Posted) -> Answer {
    let request = decode("shift request", body)?;
    blocking(move || encode(&hub.start_shift(&device, &request)?)).await
}

async fn journal(State(hub): State<Hub>, Extension(device): Extension<Device>, body: Posted) -> Answer {
    let upload = decode("journal upload", body)?;
    blocking(move || encode(&hub.take_journal(&device, &upload)?)).await
}

async fn kept_account(State(hub): State<Hub>, Extension(device): Extension<Device>, body: Posted) -> Answer {
    let chunk = decode("piece of a kept account", body)?;
    blocking(move || encode(&hub.take_kept(&device, &chunk)?)).await
}

async fn grant(State(hub): State<Hub>, Extension(device): Extension<Device>) -> Answer {
    blocking(move || encode(&hub.grant_for(device.id)?)).await
}

async fn head(State(hub): State<Hub>, Extension(device): Extension<Device>, headers: HeaderMap) -> Answer {
    blocking(move || {
        let (grant, _) = hub.current_grant(device.id)?;
        let grant_version = HeaderValue::from(grant.grant_version);
        let Some((_, bytes)) = hub.current_head()? else {
            let refusal =
                ApiError::new(StatusCode::NOT_FOUND, "nothing_published", "the hub has published nothing yet");
            return Ok(([(GRANT_HEADER, grant_version)], refusal).into_response());
        };
        let tag = etag(&Hash32::of(&bytes));
        let same = headers.get(header::IF_NONE_MATCH).is_some_and(|have| {
            have.to_str().is_ok_and(|have| have.split(',').any(|t| t.trim().trim_start_matches("W/") == tag))
        });
        let mut response =
            if same { StatusCode::NOT_MODIFIED.into_response() } else { binary(bytes, "private, no-cache") };
        let headers = response.headers_mut();
        headers.insert(GRANT_HEADER, grant_version);
        headers.insert(header::ETAG, error_free(&tag));
        Ok(response)
    })
    .await
}

async fn set(State(hub): State<Hub>, Path(hash): Path<String>) -> Answer {
    let hash = parse(&hash, "manifest set")?;
    blocking(move || {
        let bytes = hub.set_bytes(&hash)?.ok_or_else(|| ApiError::not_found("manifest set"))?;
        Ok(binary(bytes, IMMUTABLE_PRIVATE))
    })
    .await
}

async fn manifest(State(hub): State<Hub>, Extension(device): Extension<Device>, Path(hash): Path<String>) -> Answer {
    let hash = parse(&hash, "manifest")?;
    blocking(move || {
        let bytes = hub.manifest_bytes(&hash)?.ok_or_else(|| ApiError::not_found("manifest"))?;
        let owner = hub.compartment_of_manifest(&hash)?.ok_or_else(|| ApiError::not_found("manifest"))?;
        granted(&hub, &device, owner)?;
        Ok(binary(bytes, IMMUTABLE_PRIVATE))
    })
    .await
}

async fn catalogue(State(hub): State<Hub>, Extension(device): Extension<Device>, Path(hash): Path<String>) -> Answer {
    let hash = parse(&hash, "catalogue")?;
    blocking(move || {
        let (owner, bytes) = hub.catalogue_bytes(&hash)?.ok_or_else(|| ApiError::not_found("catalogue"))?;
        granted(&hub, &device, owner)?;
        Ok(binary(bytes, IMMUTABLE_PRIVATE))
    })
    .await
}

async fn segment(
    State(hub): State<Hub>,
    Extension(asker): Extension<Asker>,
    Path(hash): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let hash = parse(&hash, "segment")?;
    blocking(move || {
        let compartment = hub.compartment_of_segment(&hash)?.ok_or_else(|| ApiError::not_found("segment"))?;
        if let Asker::Device(device) = &asker {
            granted(&hub, device, compartment)?;
        }
        let bytes = std::fs::read(hub.segment_path(&hash)).map_err(HubError::io("reading a segment"))?;
        if bytes.len() > MAX_SEGMENT {
            return Err(HubError::Wire(beatcheck_wire::WireError::OverLimit("segment")).into());
        }
        let len = bytes.len();
        let asked = headers.get(header::RANGE).and_then(|v| v.to_str().ok());
        // A range of something else than this would be of no use to anyone; content under a hash never changes.
        let mut response = match ranged(asked, len) {
            Ranged::Whole => binary(Body::new(Pieces(bytes.into())), IMMUTABLE),
            Ranged::Part(range) => {
                let content_range = format!("bytes {}-{}/{len}", range.start, range.end - 1);
                let mut part = binary(Body::new(Pieces(Bytes::from(bytes).slice(range))), IMMUTABLE);
                *part.status_mut() = StatusCode::PARTIAL_CONTENT;
                part.headers_mut().insert(header::CONTENT_RANGE, error_free(&content_range));
                part
            }
            Ranged::Unsatisfiable => {
                let refusal =
                    ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "bad_range", "these bytes are not in the segment");
                ([(header::CONTENT_RANGE, format!("bytes */{len}"))], refusal).into_response()
            }
        };
        response.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        response.headers_mut().insert(header::ETAG, error_free(&etag(&hash)));
        Ok(response)
    })
    .await
}

/// Refuses what the device's grant does not hold.
pub(super) fn granted(hub: &Hub, device: &Device, compartment: CompartmentId) -> Result<(), ApiError> {
    let (grant, _) = hub.current_grant(device.id)?;
    if grant.compartments.iter().any(|c| c.id == compartment) {
        return Ok(());
    }
    Err(ApiError::new(StatusCode::FORBIDDEN, "not_granted", "this compartment is not in the device's grant"))
}

fn parse(hash: &str, what: &str) -> Result<Hash32, ApiError> {
    Hash32::from_hex(hash).ok_or_else(|| ApiError::not_found(what))
}

pub(super) fn decode<T: DeserializeOwned>(what: &str, body: Posted) -> Result<T, ApiError> {
    let bytes = body.map_err(|e| match e.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("the {what} is over its limit"))
        }
        _ => ApiError::malformed(what),
    })?;
    postcard::from_bytes(&bytes).map_err(|_| ApiError::malformed(what))
}

pub(super) fn encode<T: Serialize>(value: &T) -> Answer {
    let bytes =
        postcard::to_allocvec(value).map_err(|_| HubError::from(beatcheck_wire::WireError::Malformed("answer")))?;
    Ok(binary(bytes, "no-store"))
}

fn binary(bytes: impl Into<Body>, cache: &'static str) -> Response {
    let mut response = Response::new(bytes.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

fn etag(hash: &Hash32) -> String {
    format!("\"{hash}\"")
}

/// A header of digits, hexadecimal and punctuation, which always is one.
fn error_free(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
