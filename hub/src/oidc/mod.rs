//! Who an officer is, said by the force's identity provider (OpenID Connect).

use crate::serve::ApiError;
use crate::{Hub, HubError};
use axum::http::StatusCode;

/// Whom the provider named.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    /// Its own name for them (`sub`).
    pub(crate) subject: String,
    /// Its session (`sid`), where it says so.
    pub(crate) session: String,
}

/// The identity in an ID token, if it is this officer's and bears a nonce that `nonce` takes.
pub(crate) fn identify(
    _hub: &Hub,
    _id_token: &str,
    _officer: &str,
    _nonce: impl FnOnce(&str) -> Result<bool, HubError>,
) -> Result<Identity, ApiError> {
    Err(ApiError::new(
        StatusCode::FORBIDDEN,
        "no_identity_provider",
        "policy wants to know who the officer is, and the hub has no identity provider: ask device management",
    ))
}
