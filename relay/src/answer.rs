//! The one route: a segment or a part of it, from the cache or through it. Everything else is refused as the hub would.
//!
//! Nothing is logged of who asked for what. At debug there is a line for an answer, with neither device nor hash: a car's
//! log would otherwise be a list of who was near it.

use crate::cache::Cache;
use crate::upstream::{Fault, Upstream};
use beatcheck_wire::{Hash32, PROTOCOL_VERSION};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Body;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// The header by which both sides say which protocol they speak.
pub(crate) const PROTOCOL_HEADER: HeaderName = HeaderName::from_static("x-beatcheck-protocol");
const SEGMENT: &str = "/v1/segment/";
/// What lies under a hash never changes, and is ciphertext: any further cache may carry it.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// Longest time for an answer; the fetch behind it goes on.
const REQUEST: Duration = Duration::from_secs(60);
/// When to ask again after the hub could not be reached, in seconds.
const RETRY_S: u32 = 5;
/// Longest wait that is asked for.
const MAX_RETRY_S: u32 = 60;

/// What answers are made of.
pub(crate) struct Answers {
    pub(crate) cache: Arc<Cache>,
    pub(crate) upstream: Arc<Upstream>,
}

type Answer = Response<Full<Bytes>>;

impl Answers {
    /// Answers one request of a peer that TLS has verified; `device`: whether it is one.
    pub(crate) async fn answer<B: Body>(&self, request: Request<B>, device: bool) -> Answer {
        let mut response = match tokio::time::timeout(REQUEST, self.segment(&request, device)).await {
            Ok(response) => response,
            Err(_) => refusal(StatusCode::REQUEST_TIMEOUT, "too_slow", "the request took too long"),
        };
        response.headers_mut().insert(PROTOCOL_HEADER, HeaderValue::from(u16::from(PROTOCOL_VERSION)));
        tracing::debug!(status = response.status().as_u16(), "answered");
        response
    }

    async fn segment<B: Body>(&self, request: &Request<B>, device: bool) -> Answer {
        let version = request.headers().get(PROTOCOL_HEADER);
        if version.is_some_and(|v| v.as_bytes() != PROTOCOL_VERSION.to_string().as_bytes()) {
            let text = format!("this relay speaks protocol {PROTOCOL_VERSION}: update the app or the relay");
            return refusal(StatusCode::UPGRADE_REQUIRED, "wrong_protocol", &text);
        }
        if !device {
            return refusal(StatusCode::FORBIDDEN, "unknown_device", "this certificate is no device's");
        }
        let hash = request.uri().path().strip_prefix(SEGMENT).filter(|_| request.method() == Method::GET);
        let Some(hash) = hash.and_then(Hash32::from_hex) else {
            return refusal(StatusCode::NOT_FOUND, "not_found", "a relay has segments and nothing else");
        };
        if !request.body().is_end_stream() {
            return refusal(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "this request takes no body");
        }
        let range = request.headers().get(header::RANGE).and_then(|v| v.to_str().ok());
        let cache = Arc::clone(&self.cache);
        let kept = tokio::task::spawn_blocking(move || cache.get(&hash)).await.ok().flatten();
        let fetched = match kept {
            Some(bytes) => Ok(bytes),
            None => self.upstream.segment(hash).await,
        };
        match fetched {
            Ok(bytes) => part(bytes, &hash, range),
            Err(fault) => refused(fault),
        }
    }
}

/// The segment, or the one range of it that was asked for.
fn part(bytes: Bytes, hash: &Hash32, range: Option<&str>) -> Answer {
    let len = bytes.len();
    let mut response = match ranged(range, len) {
        None => Response::new(Full::new(bytes)),
        Some(Some(range)) => {
            let content_range = text(&format!("bytes {}-{}/{len}", range.start, range.end - 1));
            let mut response = Response::new(Full::new(bytes.slice(range)));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            response.headers_mut().insert(header::CONTENT_RANGE, content_range);
            response
        }
        Some(None) => {
            let what = "these bytes are not in the segment";
            let mut response = refusal(StatusCode::RANGE_NOT_SATISFIABLE, "bad_range", what);
            response.headers_mut().insert(header::CONTENT_RANGE, text(&format!("bytes */{len}")));
            return response;
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(IMMUTABLE));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::ETAG, text(&format!("\"{hash}\"")));
    response
}

/// One byte range (RFC 9110, section 14) of a body of `len` bytes: none for the whole, which is also the answer to several
/// ranges or another unit; none within for bytes that are not there.
fn ranged(header: Option<&str>, len: usize) -> Option<Option<Range<usize>>> {
    let number = |s: &str| -> Option<usize> {
        (!s.is_empty() && s.bytes().all(|b| b.is_ascii_digit())).then(|| s.parse().unwrap_or(usize::MAX))
    };
    let (first, last) = header?.trim().strip_prefix("bytes=")?.trim().split_once('-')?;
    let range = match (number(first), number(last)) {
        (Some(first), None) if last.is_empty() => first..len,
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(len),
        (None, Some(suffix)) if first.is_empty() => len.saturating_sub(suffix)..len,
        _ => return None,
    };
    Some((range.start < range.end).then_some(range))
}

/// The hub's refusal, or that it was not reached, as the device is told.
fn refused(fault: Fault) -> Answer {
    let gateway = StatusCode::BAD_GATEWAY;
    let (status, code, text, retry_s) = match fault {
        Fault::NotFound => return refusal(StatusCode::NOT_FOUND, "not_found", "no such segment"),
        Fault::Refused => return refusal(StatusCode::FORBIDDEN, "relay_refused", "the hub refuses this relay"),
        Fault::Unreachable => (gateway, "hub_unreachable", "this relay cannot reach the hub", RETRY_S),
        Fault::Garbled => (gateway, "hub_garbled", "the hub did not give this relay the segment", RETRY_S),
        Fault::Busy(s) => (StatusCode::SERVICE_UNAVAILABLE, "busy", "try again later", s.min(MAX_RETRY_S)),
    };
    let mut response = refusal(status, code, text);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_s));
    response
}

fn refusal(status: StatusCode, code: &str, text: &str) -> Answer {
    let body = serde_json::json!({ "code": code, "text": text }).to_string();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A header of digits, hexadecimal and punctuation, which always is one.
fn text(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, Empty};

    /// What is in the cache is `kept`; the hub cannot be reached.
    fn answers(dir: &std::path::Path, kept: &[u8]) -> Answers {
        let cache = Arc::new(Cache::open(dir, 1 << 20).unwrap());
        cache.put(&Hash32::of(kept), kept);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let upstream = Upstream::new(&format!("https://{closed}"), Arc::new(config), Arc::clone(&cache)).unwrap();
        Answers { cache, upstream: Arc::new(upstream) }
    }

    #[tokio::test]
    async fn a_segment_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let kept = vec![7; 5000];
        let (hash, answers) = (Hash32::of(&kept), answers(dir.path(), &kept));
        let path = format!("/v1/segment/{hash}");
        let get = |path: &str| Request::get(path).body(Empty::<Bytes>::new()).unwrap();
        let whole = answers.answer(get(&path), true).await;
        let header = |r: &Answer, name: &str| r.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
        assert_eq!((whole.status().as_u16(), header(&whole, "etag")), (200, Some(format!("\"{hash}\""))));
        assert_eq!(header(&whole, "cache-control").as_deref(), Some(IMMUTABLE));
        assert_eq!(header(&whole, "x-beatcheck-protocol").as_deref(), Some("1"));
        let mut part = get(&path);
        part.headers_mut().insert("range", HeaderValue::from_static("bytes=4990-6000"));
        let part = answers.answer(part, true).await;
        assert_eq!(header(&part, "content-range").as_deref(), Some("bytes 4990-4999/5000"));
        assert_eq!((part.status().as_u16(), part.into_body().collect().await.unwrap().to_bytes().len()), (206, 10));
        let mut beyond = get(&path);
        beyond.headers_mut().insert("range", HeaderValue::from_static("bytes=5000-"));
        let mut older = get(&path);
        older.headers_mut().insert("x-beatcheck-protocol", HeaderValue::from_static("0"));
        let post = Request::post(&path).body(Empty::<Bytes>::new()).unwrap();
        for (request, device, status, code) in [
            (beyond, true, 416, "bad_range"),
            (older, true, 426, "wrong_protocol"),
            (get(&path), false, 403, "unknown_device"),
            (post, true, 404, "not_found"),
            (get("/v1/head"), true, 404, "not_found"),
            (get("/v1/segment/abc"), true, 404, "not_found"),
            (get(&format!("{path}/x")), true, 404, "not_found"),
        ] {
            let answer = answers.answer(request, device).await;
            assert_eq!((answer.status().as_u16(), refusal_code(answer).await.as_str()), (status, code));
        }
        let with_body = Request::get(&path).body(Full::new(Bytes::from_static(b"x"))).unwrap();
        assert_eq!(refusal_code(answers.answer(with_body, true).await).await, "too_large");
    }

    #[tokio::test]
    async fn what_is_not_here_and_cannot_be_fetched_is_said_to_be_so() {
        let dir = tempfile::tempdir().unwrap();
        let answers = answers(dir.path(), b"kept");
        let path = format!("/v1/segment/{}", Hash32([9; 32]));
        let answer = answers.answer(Request::get(path).body(Empty::<Bytes>::new()).unwrap(), true).await;
        assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (502, "5"));
        assert_eq!(refusal_code(answer).await, "hub_unreachable");
        for (fault, status) in [(Fault::NotFound, 404), (Fault::Refused, 403), (Fault::Garbled, 502)] {
            assert_eq!(refused(fault).status().as_u16(), status);
        }
        assert_eq!(refused(Fault::Busy(4000)).headers()["retry-after"].to_str().unwrap(), "60");
    }

    async fn refusal_code(answer: Answer) -> String {
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice::<serde_json::Value>(&body).unwrap()["code"].as_str().unwrap().to_owned()
    }

    #[test]
    fn ranges_as_the_hub_has_them() {
        let cases = [
            ("bytes=0-99", Some(Some(0..100))),
            ("bytes=990-", Some(Some(990..1000))),
            ("bytes=990-4000", Some(Some(990..1000))),
            ("bytes=-10", Some(Some(990..1000))),
            ("bytes=-4000", Some(Some(0..1000))),
            ("bytes=0-99999999999999999999999", Some(Some(0..1000))),
            ("bytes=1000-", Some(None)),
            ("bytes=1000-1001", Some(None)),
            ("bytes=-0", Some(None)),
            ("bytes=5-4", None),
            ("bytes=0-1,5-6", None),
            ("lines=0-1", None),
            ("bytes=", None),
            ("bytes=-", None),
            ("bytes=+1-2", None),
        ];
        for (header, want) in cases {
            assert_eq!(ranged(Some(header), 1000), want, "{header}");
        }
        assert_eq!(ranged(None, 1000), None);
        assert_eq!(ranged(Some("bytes=0-0"), 0), Some(None));
    }
}
