//! A TCP proxy on the loopback that cuts a connection once, and counts what went through.

use crate::bench::step::io;
use crate::exit::Failure;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Bytes passed on at a time.
const PIECE: usize = 8 * 1024;

#[derive(Default)]
struct Counts {
    down: AtomicU64,
    connections: AtomicU64,
    cut: AtomicBool,
    /// The bench is done: the next connection ends the listener.
    done: AtomicBool,
}

/// A proxy in threads of its own.
pub(super) struct Proxy {
    port: u16,
    counts: Arc<Counts>,
}

impl Proxy {
    /// Listens in front of `port`; cuts both sides once, when `after` bytes have come down.
    pub(super) fn start(port: u16, after: u64) -> Result<Self, Failure> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(io("binding a proxy"))?;
        let own = listener.local_addr().map_err(io("binding a proxy"))?.port();
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.done.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                shared.connections.fetch_add(1, Ordering::SeqCst);
                pass(client, server, &shared, after);
            }
        });
        Ok(Self { port: own, counts })
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    /// Bytes that came down through it.
    pub(super) fn down(&self) -> u64 {
        self.counts.down.load(Ordering::SeqCst)
    }

    /// Connections made, and whether one was cut.
    pub(super) fn connections(&self) -> (u64, bool) {
        (self.counts.connections.load(Ordering::SeqCst), self.counts.cut.load(Ordering::SeqCst))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.counts.done.store(true, Ordering::SeqCst);
        // Wakes the listener; if that fails, it ends with the process.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

/// Passes both ways until one side ends or the moment has come.
fn pass(client: TcpStream, server: TcpStream, counts: &Arc<Counts>, after: u64) {
    let (Ok(client_in), Ok(server_in)) = (client.try_clone(), server.try_clone()) else { return };
    for s in [&client, &server] {
        let _ = s.set_nodelay(true);
    }
    let _up = std::thread::spawn(move || copy(client_in, server_in, &mut |_| true));
    let counts = Arc::clone(counts);
    let _down = std::thread::spawn(move || {
        copy(server, client, &mut |n| {
            let down = counts.down.fetch_add(n as u64, Ordering::SeqCst) + n as u64;
            down < after || counts.cut.swap(true, Ordering::SeqCst)
        });
    });
}

/// Copies until an end, or until `goes_on` says no; then closes both sides at once, whatever is still under way.
fn copy(mut from: TcpStream, mut to: TcpStream, goes_on: &mut dyn FnMut(usize) -> bool) {
    let mut piece = [0; PIECE];
    while let Ok(n @ 1..) = from.read(&mut piece) {
        if to.write_all(&piece[..n]).is_err() || !goes_on(n) {
            break;
        }
    }
    // A side that is closed already says so.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_cuts_once_and_only_once() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for mut s in server.incoming().flatten() {
                let _ = s.write_all(&[7; 100_000]);
            }
        });
        let proxy = Proxy::start(port, 20_000).unwrap();
        let read = || {
            let mut all = Vec::new();
            let _ = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap().read_to_end(&mut all);
            all.len()
        };
        let (first, second) = (read(), read());
        assert!((20_000..30_000).contains(&first), "{first}");
        assert_eq!((second, proxy.connections()), (100_000, (2, true)));
        assert_eq!(proxy.down(), (first + second) as u64);
    }
}
