//! A way to the hub that outlives one sync: the runtime and the connection of a watch, or of a single sync.

use crate::ClientError;
use crate::device::{Device, decode, doc};
use crate::enrol::refusal;
use crate::halt::Halt;
use crate::tls;
use crate::transport::Transport;
use beatcheck_sync::SyncFault;
use hyper::Method;
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
    /// There until it is dropped.
    runtime: Option<tokio::runtime::Runtime>,
    handle: tokio::runtime::Handle,
    pub(crate) transport: Arc<Transport>,
}

impl Link {
    /// A way to the hub; connects when first used.
    pub(crate) fn new(device: &Device) -> Result<Self, ClientError> {
        let runtime = runtime()?;
        let handle = runtime.handle().clone();
        Ok(Self { runtime: Some(runtime), handle, transport: Arc::new(device.way_to(doc::HUB)?) })
    }

    /// Where its requests run.
    pub(crate) fn runtime(&self) -> &tokio::runtime::Handle {
        &self.handle
    }

    /// Asks the hub one thing, and waits for it as long as nobody ends that.
    pub(crate) fn ask(&self, halt: &mut Halt, path: &str, body: Vec<u8>) -> Result<Vec<u8>, ClientError> {
        let answered = self.handle.block_on(async {
            tokio::select! {
                answer = self.transport.call(Method::POST, path, body) => Some(answer),
                () = halt.come() => None,
            }
        });
        answered.ok_or(SyncFault::Cancelled)?.map_err(refusal)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // A name that is being looked up cannot be broken off, and nobody wants to wait for it.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
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
