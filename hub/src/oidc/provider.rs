//! The provider's own documents: discovery and keys, fetched over https with the force's own authority, bounded, kept for
//! an hour, and fetched again when a token names a key that is not among them, at most once a minute.

use super::Setting;
use crate::HubError;
use beatcheck_model::Timestamp;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Uri;
use hyper::body::Bytes;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jsonwebtoken::jwk::JwkSet;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Largest document that is read.
const MAX_BYTES: usize = 256 * 1024;
/// Most keys that are looked at.
const MAX_KEYS: usize = 64;
/// For one document, connection and all.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Seconds for which keys are used before they are fetched again.
const KEEP_S: i64 = 3600;
/// Seconds between two fetches for the sake of a key that is not there: anybody can write a key's name into a token.
const AGAIN_S: i64 = 60;

/// Seconds after a failure in which the provider is not asked again.
const FAILED_S: i64 = 10;
/// Who may wait for it at one time: a provider that hangs must not take the hub's places for everybody else.
const MAX_WAITING: u32 = 8;

/// What discovery says, as far as we use it.
#[derive(Debug, Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// Keys that were fetched for one setting.
#[derive(Clone)]
struct Kept {
    setting: Setting,
    /// None: it could not be had.
    keys: Option<Arc<JwkSet>>,
    at: Timestamp,
}

/// The keys of the provider, shared by all who serve.
#[derive(Default)]
pub(crate) struct Provider {
    kept: Mutex<Option<Kept>>,
    waiting: AtomicU32,
}

impl Provider {
    /// The provider's keys; with `anew` those kept are not enough, unless they are just fetched.
    pub(super) fn keys(&self, setting: &Setting, now: Timestamp, anew: bool) -> Result<Arc<JwkSet>, HubError> {
        let _place = Place::take(&self.waiting)?;
        // Held while fetching: the others wait for the same answer rather than ask for it too.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(k) = kept.as_ref().filter(|k| k.setting == *setting) {
            let age = now.secs_since(k.at);
            match &k.keys {
                Some(keys) if (0..if anew { AGAIN_S } else { KEEP_S }).contains(&age) => return Ok(Arc::clone(keys)),
                None if (0..FAILED_S).contains(&age) => {
                    return Err(HubError::Unreachable("the identity provider: it has just failed".into()));
                }
                _ => {}
            }
        }
        let keys = fetch_keys(setting).map(Arc::new);
        *kept = Some(Kept { setting: setting.clone(), keys: keys.as_ref().ok().cloned(), at: now });
        keys
    }
}

/// A place among those who wait, given back at the end.
struct Place<'a>(&'a AtomicU32);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicU32) -> Result<Self, HubError> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::SeqCst) >= MAX_WAITING {
            return Err(HubError::Unreachable("the identity provider: too many wait for it".into()));
        }
        Ok(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Fetches discovery and keys.
pub(super) fn fetch_keys(setting: &Setting) -> Result<JwkSet, HubError> {
    let refused = |text: &str| HubError::Refused(format!("the identity provider: {text}"));
    let url = format!("{}/.well-known/openid-configuration", setting.issuer.trim_end_matches('/'));
    let found: Discovery = read(&get(&url, setting.ca_pem.as_deref())?)?;
    if found.issuer != setting.issuer {
        return Err(refused("its discovery names another issuer than the one that was set"));
    }
    super::safe_url(&found.jwks_uri)?;
    let keys: JwkSet = read(&get(&found.jwks_uri, setting.ca_pem.as_deref())?)?;
    if keys.keys.is_empty() || keys.keys.len() > MAX_KEYS {
        return Err(refused("it has no keys, or more than 64"));
    }
    Ok(keys)
}

fn read<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T, HubError> {
    serde_json::from_slice(bytes)
        .map_err(|_| HubError::Refused("the identity provider: a document of it does not read".into()))
}

/// Gets one document. Blocks: for threads that may. Redirects are not followed.
fn get(url: &str, ca_pem: Option<&str>) -> Result<Vec<u8>, HubError> {
    let failed = |text: String| HubError::Unreachable(format!("the identity provider: {text}"));
    let uri: Uri = url.parse().map_err(|_| failed("its address does not read".into()))?;
    let mut roots = RootCertStore::empty();
    for der in CertificateDer::pem_slice_iter(ca_pem.unwrap_or_default().as_bytes()) {
        let der = der.map_err(|e| HubError::Tls(e.to_string()))?;
        roots.add(der).map_err(|e| HubError::Tls(e.to_string()))?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| HubError::Tls(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_all_versions().build();
    let asked = async {
        let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
        let answer = client.get(uri).await.map_err(|e| failed(cause(&e)))?;
        if !answer.status().is_success() {
            return Err(failed(format!("it answered with status {}", answer.status().as_u16())));
        }
        let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await;
        Ok(body.map_err(|_| failed("its answer broke off or is over 256 KiB".into()))?.to_bytes().to_vec())
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(HubError::io("starting to ask the identity provider"))?;
    runtime.block_on(async {
        tokio::time::timeout(TIMEOUT, asked).await.map_err(|_| failed("it did not answer within 10 seconds".into()))?
    })
}

/// The innermost reason: the outer ones say no more than that it failed.
fn cause(e: &dyn std::error::Error) -> String {
    let mut inner = e;
    while let Some(next) = inner.source() {
        inner = next;
    }
    inner.to_string()
}
