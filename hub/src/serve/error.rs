//! What a device is told when it is not given what it asked for.

use crate::HubError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A refusal with a stable code (`docs/protocol.md`); texts name no person and repeat nothing that was sent.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) text: String,
    /// For a gap in a journal: the number that should come.
    pub(crate) expected: Option<u64>,
    /// For one that comes too often or finds no room: seconds to wait.
    pub(crate) retry_after_s: Option<u32>,
}

/// Seconds to wait where nothing else is said.
const RETRY_AFTER_S: u32 = 60;

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Self { status, code, text: text.into(), expected: None, retry_after_s: None }
    }

    pub(crate) fn after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("no such {what}"))
    }

    pub(crate) fn malformed(what: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", format!("the {what} does not read"))
    }
}

impl From<HubError> for ApiError {
    fn from(e: HubError) -> Self {
        if let HubError::Db(rusqlite::Error::SqliteFailure(f, _)) = &e
            && matches!(f.code, rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
        {
            tracing::warn!("the database is busy");
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "the hub is busy: try again later");
        }
        if let HubError::Refused(text) = e {
            return Self::new(StatusCode::FORBIDDEN, "refused", text);
        }
        tracing::error!(error = %e, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the hub could not do this: its log says why")
    }
}

impl From<rusqlite::Error> for ApiError {
    fn from(e: rusqlite::Error) -> Self {
        HubError::from(e).into()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = serde_json::json!({ "code": self.code, "text": self.text });
        if let Some(n) = self.expected {
            body["expected"] = n.into();
        }
        let mut response = (self.status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(self.retry_after_s.unwrap_or(RETRY_AFTER_S)));
        }
        response
    }
}
