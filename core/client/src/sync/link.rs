//! A way to the hub that outlives one sync: the runtime and the connection of a watch, or of a single sync.

use crate::ClientError;
use crate::device::{Device, decode, doc};
use crate::tls;
use crate::transport::Transport;
use rustls::pki_types::CertificateDer;
use std::sync::Arc;

/// A runtime: two threads, gone when it is.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, ClientError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(ClientError::io("starting the network"))
}

/// Runtime and connection.
pub(crate) struct Link {
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) transport: Arc<Transport>,
}

impl Link {
    /// A way to the hub with this device's certificate; connects when first used.
    pub(crate) fn new(device: &Device) -> Result<Self, ClientError> {
        let get = |name: &str| -> Result<Vec<u8>, ClientError> { device.state.get(name)?.ok_or(ClientError::Keyring) };
        let hub = String::from_utf8(get(doc::HUB)?).map_err(|_| ClientError::Keyring)?;
        let ca = CertificateDer::from(get(doc::CA)?);
        let certificates: Vec<Vec<u8>> = decode(&get(doc::CERTIFICATES)?)?;
        let transport = Arc::new(Transport::new(&hub, tls::config(&ca, &certificates, &device.vault)?)?);
        Ok(Self { runtime: runtime()?, transport })
    }
}
