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
    /// A way to the hub; connects when first used.
    pub(crate) fn new(device: &Device) -> Result<Self, ClientError> {
        Ok(Self { runtime: runtime()?, transport: Arc::new(device.way_to(doc::HUB)?) })
    }
}

impl Device {
    /// A way to whoever's address stands in this document, with this device's certificate.
    pub(super) fn way_to(&self, address: &str) -> Result<Transport, ClientError> {
        let get = |name: &str| -> Result<Vec<u8>, ClientError> { self.state.get(name)?.ok_or(ClientError::Keyring) };
        let url = String::from_utf8(get(address)?).map_err(|_| ClientError::Keyring)?;
        let ca = CertificateDer::from(get(doc::CA)?);
        let certificates: Vec<Vec<u8>> = decode(&get(doc::CERTIFICATES)?)?;
        Transport::new(&url, tls::config(&ca, &certificates, &self.vault)?)
    }
}
