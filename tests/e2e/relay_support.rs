//! A relay on loopback in a thread of its own, a wire that counts, and a peer made of other people's TLS.

use crate::support::TestHub;
use beatcheck_relay::{Relay, RelayOptions};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A relay in a thread of its own, until it is stopped or dropped.
pub struct TestRelay {
    pub options: RelayOptions,
    running: Option<(tokio::sync::oneshot::Sender<()>, std::thread::JoinHandle<()>)>,
}

impl TestRelay {
    pub fn start(hub: &TestHub, name: &str, upstream: &str) -> Self {
        let identity = hub.path(&format!("{name}-identity"));
        hub.hub.relay_add(name, &[], &identity).unwrap();
        let options = RelayOptions {
            dir: hub.path(&format!("{name}-cache")),
            hub: upstream.into(),
            identity,
            listen: "127.0.0.1:0".parse().unwrap(),
            max_bytes: beatcheck_relay::DEFAULT_MAX_BYTES,
        };
        let mut out = Self { options, running: None };
        out.serve();
        out
    }

    pub fn serve(&mut self) {
        let options = self.options.clone();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let relay = Relay::bind(&options).await.unwrap();
                tell.send(relay.local_addr()).unwrap();
                relay
                    .run(async {
                        let _ = stopped.await;
                    })
                    .await;
            });
        });
        self.options.listen = told.recv().unwrap();
        self.running = Some((stop, thread));
    }

    pub fn stop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            thread.join().unwrap();
        }
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.options.listen.port())
    }

    /// The cached segments.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut out = Vec::new();
        for entry in std::fs::read_dir(&self.options.dir).unwrap().flatten().filter(|e| e.path().is_dir()) {
            out.extend(std::fs::read_dir(entry.path()).unwrap().flatten().map(|e| e.path()));
        }
        out.sort();
        out
    }
}

impl Drop for TestRelay {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Carries connections to `to`, and counts the bytes that come back. Ends with the test's process.
pub fn counting(to: SocketAddr) -> (SocketAddr, Arc<AtomicU64>) {
    fn pump(mut from: TcpStream, mut to: TcpStream, count: Option<Arc<AtomicU64>>) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            count.iter().for_each(|c| _ = c.fetch_add(n as u64, Ordering::SeqCst));
            if to.write_all(&buffer[..n]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Both);
    }
    let (listener, down) = (TcpListener::bind("127.0.0.1:0").unwrap(), Arc::new(AtomicU64::new(0)));
    let (address, counter) = (listener.local_addr().unwrap(), Arc::clone(&down));
    std::thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let Ok(far) = TcpStream::connect(to) else { continue };
            let (near_too, far_too, counter) =
                (near.try_clone().unwrap(), far.try_clone().unwrap(), Arc::clone(&counter));
            std::thread::spawn(move || pump(near, far, None));
            std::thread::spawn(move || pump(far_too, near_too, Some(counter)));
        }
    });
    (address, down)
}

/// One request with other people's TLS: status and body.
pub fn ask(
    at: SocketAddr,
    ca: &str,
    identity: Option<(&Path, &Path)>,
    line: &str,
) -> Result<(u16, String), std::io::Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let chain = vec![CertificateDer::from_pem_file(cert).unwrap()];
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap()).unwrap()
        }
    };
    let session = rustls::ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
    let mut stream = rustls::StreamOwned::new(session, TcpStream::connect(at)?);
    write!(stream, "{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(e) if answer.is_empty() => return Err(e),
        _ => {}
    }
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|s| s.parse().ok());
    Ok((status.unwrap_or_else(|| panic!("{text}")), text))
}
