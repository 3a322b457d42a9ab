//! Where namespaces or TUN are not to be had: a TCP proxy on loopback that puts chunks of bytes through the same pipes.
//!
//! It is a simulation, and says so. A chunk cannot be lost under a TCP connection, so one that the pipe loses is put in
//! again after a retransmission's time, with all that follows waiting behind it: loss shows as delay. There is no
//! congestion control, and what is counted is the payload without headers, acknowledgements or handshakes.

use super::super::step::io;
use super::network::{Board, tell};
use super::pipe::{Fate, Micros, Pipe};
use super::profile::Profile;
use crate::exit::Failure;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Payload of a full packet.
const CHUNK: usize = 1348;
/// Chunks of one connection and direction that are under way; then its sender waits.
const UNDER_WAY: usize = 1024;
/// Connections at once; more are turned away.
const CONNECTIONS: usize = 64;
/// Least time after which TCP sends again what was not acknowledged.
const LEAST_REPEAT_MS: u64 = 200;
/// How often a wait looks whether it is to end.
const LOOK: Duration = Duration::from_millis(20);
/// A full queue is asked again after this time.
const FULL: Duration = Duration::from_millis(5);

/// What all connections share.
struct Link {
    begun: Instant,
    down: Mutex<Pipe>,
    up: Mutex<Pipe>,
    repeat: Duration,
    board: Board,
    end: AtomicBool,
    connections: AtomicUsize,
}

/// The proxy of one run.
pub(super) struct Proxy {
    link: Arc<Link>,
    listener: Option<TcpListener>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy)]
enum Way {
    Down,
    Up,
}

impl Proxy {
    pub(super) fn begin(profile: &Profile, seed: u64) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(io("listening on loopback"))?;
        let address = listener.local_addr().map_err(io("listening on loopback"))?;
        let link = Link {
            begun: Instant::now(),
            down: Mutex::new(Pipe::new(profile.down(), seed, 0)),
            up: Mutex::new(Pipe::new(profile.up(), seed, 1)),
            repeat: Duration::from_millis((2 * profile.round_trip_ms()).max(LEAST_REPEAT_MS)),
            board: Board::default(),
            end: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
        };
        Ok(Self { link: Arc::new(link), listener: Some(listener), address, thread: None })
    }

    /// Leads to the hub at `url` from now on; the address to use in its stead.
    pub(super) fn lead_to(&mut self, url: &str) -> Result<String, Failure> {
        let hub = url.strip_prefix("https://").and_then(|a| a.parse().ok());
        let (Some(hub), Some(listener)) = (hub, self.listener.take()) else {
            return Err(Failure::new("io", "the hub's address cannot be led to"));
        };
        listener.set_nonblocking(true).map_err(io("listening on loopback"))?;
        let link = Arc::clone(&self.link);
        let accept = move || accept(&link, &listener, hub);
        self.thread = Some(std::thread::Builder::new().name("proxy".into()).spawn(accept).map_err(io("a thread"))?);
        Ok(format!("https://{}", self.address))
    }

    pub(super) fn board(&self) -> &Board {
        &self.link.board
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.link.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn accept(link: &Arc<Link>, listener: &TcpListener, hub: SocketAddr) {
    while !link.ended() {
        match listener.accept() {
            Ok((device, _)) if link.connections.load(Ordering::Relaxed) < CONNECTIONS => {
                // A hub that does not answer closes the device's connection, as it would without a proxy.
                let Ok(hub) = TcpStream::connect_timeout(&hub, Duration::from_secs(5)) else { continue };
                let _ = join(link, &device, &hub);
            }
            Ok(_) => {}
            Err(_) => std::thread::sleep(LOOK),
        }
    }
}

/// Four threads for each connection: a reader and a writer each way.
fn join(link: &Arc<Link>, device: &TcpStream, hub: &TcpStream) -> std::io::Result<()> {
    for (way, from, to) in [(Way::Up, device, hub), (Way::Down, hub, device)] {
        from.set_nonblocking(false)?;
        from.set_read_timeout(Some(LOOK))?;
        from.set_nodelay(true)?;
        let (sender, receiver) = sync_channel(UNDER_WAY);
        let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
        let (reader, writer) = (Arc::clone(link), Arc::clone(link));
        std::thread::Builder::new().spawn(move || {
            reader.connections.fetch_add(1, Ordering::Relaxed);
            reader.take_in(way, &mut from, &sender);
            reader.connections.fetch_sub(1, Ordering::Relaxed);
        })?;
        std::thread::Builder::new().spawn(move || writer.hand_over(way, &receiver, &mut to))?;
    }
    Ok(())
}

impl Link {
    fn ended(&self) -> bool {
        self.end.load(Ordering::Relaxed)
    }

    fn now(&self) -> Micros {
        self.begun.elapsed().as_micros() as Micros
    }

    fn pipe<T>(&self, way: Way, work: impl FnOnce(&mut Pipe) -> T) -> T {
        let pipe = match way {
            Way::Down => &self.down,
            Way::Up => &self.up,
        };
        let mut pipe = pipe.lock().unwrap_or_else(PoisonError::into_inner);
        let out = work(&mut pipe);
        let totals = pipe.totals();
        tell(&self.board, |told| match way {
            Way::Down => told.moved.down = totals,
            Way::Up => told.moved.up = totals,
        });
        out
    }

    fn take_in(&self, way: Way, from: &mut TcpStream, to: &SyncSender<(Micros, Vec<u8>)>) {
        let mut buffer = [0; CHUNK];
        while !self.ended() {
            match from.read(&mut buffer) {
                Ok(0) => return,
                Ok(len) => {
                    let Some(due) = self.put(way, len) else { return };
                    tell(&self.board, |told| told.under_way += 1);
                    if to.send((due, buffer[..len].to_vec())).is_err() {
                        tell(&self.board, |told| told.under_way = told.under_way.saturating_sub(1));
                        return;
                    }
                }
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => return,
            }
        }
    }

    /// Puts a chunk in until it gets through; when it arrives. None when the run ends first.
    fn put(&self, way: Way, len: usize) -> Option<Micros> {
        while !self.ended() {
            let now = self.now();
            // A sender that can see the queue, and that there is no signal, waits: nothing is sent in vain.
            let (fate, back) = self.pipe(way, |p| match p.back_at(now) {
                None if p.has_room(now, len) => (p.offer(now, len), None),
                None => (Fate::Full, None),
                back => (Fate::Outage, back),
            });
            match (fate, back) {
                (Fate::Arrives(at), _) => return Some(at),
                (Fate::Full, _) => std::thread::sleep(FULL),
                (Fate::Outage, Some(back)) => std::thread::sleep(Duration::from_micros(back - now).clamp(FULL, LOOK)),
                // Lost, or still in the queue when the signal went.
                (Fate::Lost | Fate::Outage, _) => std::thread::sleep(self.repeat),
            }
        }
        None
    }

    fn hand_over(&self, way: Way, from: &Receiver<(Micros, Vec<u8>)>, to: &mut TcpStream) {
        let mut open = true;
        // The rest is counted off even when nobody takes it.
        for (due, chunk) in from {
            while open && !self.ended() && self.now() < due {
                std::thread::sleep(Duration::from_micros(due.saturating_sub(self.now())).min(LOOK));
            }
            open = open && !self.ended() && to.write_all(&chunk).is_ok();
            if open {
                self.pipe(way, |p| p.delivered(chunk.len()));
            }
            tell(&self.board, |told| told.under_way = told.under_way.saturating_sub(1));
        }
        // The sender has closed: so does the receiver's side, after the last chunk.
        let _ = to.shutdown(Shutdown::Write);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server that gives back what it gets gives back through a proxy, and how long that took.
    fn echo(profile: &str, bytes: usize) -> (usize, Duration, Board) {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", server.local_addr().unwrap());
        let serving = std::thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            std::io::copy(&mut stream.try_clone().unwrap(), &mut stream).unwrap();
        });
        let mut proxy = Proxy::begin(Profile::named(profile).unwrap(), 3).unwrap();
        let address = proxy.lead_to(&url).unwrap();
        let begun = Instant::now();
        let mut stream = TcpStream::connect(address.strip_prefix("https://").unwrap()).unwrap();
        stream.write_all(&vec![7; bytes]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut back = Vec::new();
        stream.read_to_end(&mut back).unwrap();
        let took = begun.elapsed();
        serving.join().unwrap();
        (back.iter().filter(|b| **b == 7).count(), took, Arc::clone(proxy.board()))
    }

    #[test]
    fn all_bytes_pass_and_the_link_takes_its_time() {
        let (back, _, board) = echo("clean", 300_000);
        let told = super::super::network::read(&board);
        assert_eq!((back, told.under_way), (300_000, 0));
        assert_eq!((told.moved.up.delivered.bytes, told.moved.down.sent.bytes), (300_000, 300_000));
        // 30,000 B up at 330 kbit/s and down at 780 kbit/s, and 100 ms each way.
        let (back, took, _) = echo("3g-average", 30_000);
        let least = Duration::from_millis(30_000 * 8 / 330 + 200);
        assert!(back == 30_000 && took >= least && took < least * 4, "{took:?}");
    }

    #[test]
    fn an_address_that_is_none_is_refused() {
        let mut proxy = Proxy::begin(Profile::named("clean").unwrap(), 3).unwrap();
        assert!(proxy.lead_to("https://nowhere").is_err());
    }
}
