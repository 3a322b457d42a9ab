//! A way to the hub that breaks when told to: a TCP proxy on loopback that counts, cuts, and forwards nothing more.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Shared between the proxy's threads and the test.
#[derive(Default)]
struct Gauge {
    /// Bytes that came down so far.
    down: AtomicU64,
    /// Bytes that may still come down before everything breaks off.
    left: AtomicU64,
    /// Set: it breaks off once, and then nothing does.
    once: AtomicBool,
}

/// The proxy; its threads end with their connections.
pub struct Proxy {
    pub port: u16,
    gauge: Arc<Gauge>,
}

/// Nothing breaks.
pub const WHOLE: u64 = u64::MAX / 2;

impl Proxy {
    /// A proxy in front of a hub, which lets everything through.
    pub fn before(hub: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let gauge = Arc::new(Gauge::default());
        gauge.left.store(WHOLE, Ordering::SeqCst);
        let shared = Arc::clone(&gauge);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // The hub may have stopped: then this connection breaks, and the next one is tried again.
                let Ok(server) = TcpStream::connect(hub) else { continue };
                let (up, down) = ((client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client));
                let gauge = Arc::clone(&shared);
                std::thread::spawn(move || pump(up.0, up.1, None));
                std::thread::spawn(move || pump(down.0, down.1, Some(&gauge)));
            }
        });
        Self { port, gauge }
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// From now on, so many bytes come down, then every connection breaks.
    pub fn cut_after(&self, bytes: u64) {
        self.gauge.left.store(bytes, Ordering::SeqCst);
    }

    /// After so many bytes every connection breaks, once; what connects later is whole.
    pub fn cut_once_after(&self, bytes: u64) {
        self.gauge.once.store(true, Ordering::SeqCst);
        self.cut_after(bytes);
    }

    /// Whether what was to break once has broken.
    pub fn has_broken(&self) -> bool {
        !self.gauge.once.load(Ordering::SeqCst)
    }

    /// Bytes that came down so far.
    pub fn down(&self) -> u64 {
        self.gauge.down.load(Ordering::SeqCst)
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, gauge: Option<&Gauge>) {
    let mut buffer = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        let mut pass = n;
        if let Some(g) = gauge {
            let left = g.left.load(Ordering::SeqCst);
            pass = n.min(usize::try_from(left).unwrap_or(usize::MAX));
            g.left.fetch_sub(pass as u64, Ordering::SeqCst);
            g.down.fetch_add(pass as u64, Ordering::SeqCst);
        }
        let sent = to.write_all(&buffer[..pass]);
        if let (true, Some(g)) = (pass < n, gauge)
            && g.once.swap(false, Ordering::SeqCst)
        {
            g.left.store(WHOLE, Ordering::SeqCst);
        }
        if sent.is_err() || pass < n {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
