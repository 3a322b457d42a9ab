//! What goes back to the browser, and the headers that every answer bears.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use maud::Markup;

/// No script or style but our own files, nothing from elsewhere, in nobody's frame.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                   form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// An answer.
pub(crate) enum Reply {
    /// A page.
    Page(StatusCode, Markup),
    /// Somewhere else, with a GET.
    To(String),
    /// A file to keep: name, kind, bytes.
    File(&'static str, &'static str, Vec<u8>),
    /// A file of our own.
    Asset(&'static str, &'static [u8]),
    /// As another, with a cookie.
    Cookie(Box<Self>, String),
}

impl Reply {
    pub(crate) fn ok(page: Markup) -> Self {
        Self::Page(StatusCode::OK, page)
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = match self {
            Self::Cookie(inner, cookie) => {
                let mut response = inner.into_response();
                if let Ok(value) = cookie.parse() {
                    response.headers_mut().append("set-cookie", value);
                }
                return response;
            }
            Self::Page(status, page) => with(status, "text/html; charset=utf-8", page.into_string().into()),
            Self::Asset(kind, bytes) => {
                let mut response = with(StatusCode::OK, kind, bytes.into());
                header(&mut response, "cache-control", "private, max-age=300");
                response
            }
            Self::File(name, kind, bytes) => {
                let mut response = with(StatusCode::OK, kind, bytes.into());
                header(&mut response, "content-disposition", &format!("attachment; filename=\"{name}\""));
                response
            }
            Self::To(place) => {
                let mut response = with(StatusCode::SEE_OTHER, "text/plain", Body::empty());
                header(&mut response, "location", &place);
                response
            }
        };
        for (name, value) in [
            ("content-security-policy", CSP),
            ("strict-transport-security", "max-age=63072000"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
        ] {
            header(&mut response, name, value);
        }
        if !response.headers().contains_key("cache-control") {
            header(&mut response, "cache-control", "no-store");
        }
        response
    }
}

fn with(status: StatusCode, kind: &str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    header(&mut response, "content-type", kind);
    response
}

fn header(response: &mut Response<Body>, name: &'static str, value: &str) {
    // A place that cannot stand in a header is left out; ours all can.
    if let Ok(value) = value.parse() {
        response.headers_mut().insert(name, value);
    }
}
