//! A relay: a cache near by that is asked for segments before the hub is, and that nobody trusts.
//!
//! What it sends is looked at before it is staged: where a whole segment was asked for, against its hash. A part cannot be
//! (the rest of it is staged already), and shows when the segment is opened; then the hub is asked for that one. Whatever
//! goes wrong with a relay costs one request more, to the hub, and never the sync. After [`RELAY_STRIKES`] such costs it is
//! left alone until the next sync. The fault itself is nobody's business but the log's: there is always the hub.

use super::{Note, fetch};
use crate::ClientError;
use crate::device::{Device, doc};
use crate::transport::{LinkFault, Meter, Transport};
use beatcheck_sync::{Event, Want};
use beatcheck_wire::Hash32;
use beatcheck_wire::segment::FRAME;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Failures of a relay in one sync after which it is not asked any more in it.
pub(crate) const RELAY_STRIKES: u32 = 3;
/// Longest wait for a connection to a relay: it is near, or it is not there.
const CONNECT: Duration = Duration::from_secs(3);
/// Longest time for one answer of a relay, from the question to its last byte: one that trickles must not hold up a sync.
const PATIENCE: Duration = Duration::from_secs(20);

/// The relay of one sync.
pub(super) struct Relay {
    transport: Transport,
    strikes: AtomicU32,
    doubts: Mutex<Doubts>,
}

#[derive(Default)]
struct Doubts {
    /// Segments of which it gave parts that nothing could be held against.
    unproven: BTreeSet<Hash32>,
    /// Segments that were found damaged: the hub's own are wanted.
    damaged: BTreeSet<Hash32>,
}

impl Device {
    /// Sets the relay that is asked for segments before the hub is, as `https://HOST[:PORT]`; `None`: none. It holds from
    /// the next sync on. A relay cannot read or alter anything; see `docs/protocol.md` for what it can do and learn.
    ///
    /// # Errors
    /// [`ClientError::Tls`] if this is no such address, [`ClientError::Wiped`], or what the store says.
    pub fn set_relay(&self, relay: Option<&str>) -> Result<(), ClientError> {
        if self.is_wiped() {
            return Err(ClientError::Wiped);
        }
        if relay.is_some_and(|url| !is_address(url)) {
            return Err(ClientError::Tls("the relay's address is not of the form https://HOST:PORT".into()));
        }
        Ok(self.state.put_all(&[(doc::RELAY, relay.map(str::as_bytes))])?)
    }

    /// The relay that was set, if one is.
    ///
    /// # Errors
    /// [`ClientError::Wiped`], or what the store says.
    pub fn relay(&self) -> Result<Option<String>, ClientError> {
        if self.is_wiped() {
            return Err(ClientError::Wiped);
        }
        let Some(url) = self.state.get(doc::RELAY)? else { return Ok(None) };
        Ok(Some(String::from_utf8(url).map_err(|_| ClientError::Keyring)?))
    }

    /// The relay for one sync. One that cannot be used is none.
    pub(super) fn relay_link(&self) -> Option<Arc<Relay>> {
        let transport = self.relay().and_then(|set| set.map(|_| self.way_to(doc::RELAY)).transpose());
        match transport {
            Ok(transport) => transport.map(|t| Arc::new(Relay::new(t))),
            Err(e) => {
                tracing::warn!(error = %e, "the relay that is set cannot be used");
                None
            }
        }
    }
}

/// Frames from the relay, if there is one that may be asked: whether they are on their way to the machine. If not, the
/// hub is to be asked.
pub(super) async fn frames(relay: Option<&Relay>, want: &Want, notes: &mpsc::Sender<Note>) -> bool {
    let (Some(relay), Want::Frames { segment, total, bytes, .. }) = (relay, want) else { return false };
    if !relay.may_be_asked(segment) {
        return false;
    }
    let frames = match relay.ask(want, bytes.len()).await {
        Ok(frames) => frames,
        Err(fault) => {
            relay.strike(&fault);
            return false;
        }
    };
    if bytes.start == 0 && bytes.end == *total {
        let all: Vec<u8> = frames.iter().flat_map(|(_, frame)| frame).copied().collect();
        if Hash32::of(&all) != *segment {
            relay.strike(&LinkFault::Broken("it sent something else than the segment".into()));
            return false;
        }
    } else {
        relay.doubts().unproven.insert(*segment);
    }
    for (index, bytes) in frames {
        if notes.send(Note::Event(Event::Frame { segment: *segment, index, bytes })).await.is_err() {
            break; // The receiver is gone only when the sync has ended.
        }
    }
    true
}

impl Relay {
    fn new(transport: Transport) -> Self {
        Self { transport, strikes: AtomicU32::new(0), doubts: Mutex::default() }
    }

    /// What went over the wire to and from the relay.
    pub(super) fn meter(&self) -> &Meter {
        &self.transport.meter
    }

    /// A segment was found damaged: for the rest of the sync, the hub's is wanted.
    pub(super) fn distrust(&self, segment: Hash32) {
        let unproven = {
            let mut doubts = self.doubts();
            doubts.damaged.insert(segment);
            doubts.unproven.remove(&segment)
        };
        if unproven {
            self.strike(&LinkFault::Broken("a segment that came in parts was damaged".into()));
        }
    }

    fn may_be_asked(&self, segment: &Hash32) -> bool {
        self.strikes.load(Ordering::Relaxed) < RELAY_STRIKES && !self.doubts().damaged.contains(segment)
    }

    /// All frames of a want, held back until the last has come.
    async fn ask(&self, want: &Want, bytes: usize) -> Result<Vec<(u16, Vec<u8>)>, LinkFault> {
        let silent = |what: &str| LinkFault::Broken(what.into());
        timeout(CONNECT, self.transport.ready()).await.map_err(|_| silent("no connection in time"))??;
        // There is room for all of them, so that the fetch never waits for whoever takes them out.
        let (keep, mut kept) = mpsc::channel(bytes / FRAME + 2);
        let Want::Frames { segment, total, first, .. } = want else { return Ok(Vec::new()) };
        let mut cut = fetch::Frames::new(*segment, *total, *first, &keep);
        match timeout(PATIENCE, fetch::range(&self.transport, want, &mut cut)).await {
            Ok(done) => done?,
            Err(_) => {
                self.transport.drop_link().await;
                return Err(silent("no answer in time"));
            }
        };
        let mut frames = Vec::new();
        while let Ok(note) = kept.try_recv() {
            if let Note::Event(Event::Frame { index, bytes, .. }) = note {
                frames.push((index, bytes));
            }
        }
        Ok(frames)
    }

    fn strike(&self, fault: &LinkFault) {
        let strikes = self.strikes.fetch_add(1, Ordering::Relaxed) + 1;
        // Its own words are a stranger's: they stay out of the log.
        let why = match fault {
            LinkFault::Broken(why) => why.clone(),
            LinkFault::Status { status, .. } => format!("status {status}"),
        };
        tracing::info!(strikes, why, "the relay did not help: the hub is asked");
    }

    fn doubts(&self) -> MutexGuard<'_, Doubts> {
        self.doubts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `https://HOST[:PORT]`, with nothing behind it.
fn is_address(url: &str) -> bool {
    let Ok(uri) = url.parse::<hyper::Uri>() else { return false };
    let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
    let authority = uri.authority().is_some_and(|a| !a.as_str().contains('@') && !a.host().is_empty());
    uri.scheme_str() == Some("https") && bare && authority
}

#[cfg(test)]
mod tests {
    use super::{RELAY_STRIKES, Relay, is_address};
    use crate::transport::{LinkFault, Transport};
    use beatcheck_wire::Hash32;

    fn relay() -> Relay {
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        Relay::new(Transport::new("https://car", config).unwrap())
    }

    #[test]
    fn a_damaged_segment_is_wanted_from_the_hub() {
        let (relay, [a, b]) = (relay(), [Hash32([1; 32]), Hash32([2; 32])]);
        relay.distrust(a);
        assert!(!relay.may_be_asked(&a) && relay.may_be_asked(&b));
        for _ in 0..RELAY_STRIKES {
            relay.distrust(a);
        }
        assert!(relay.may_be_asked(&b), "whoever it came from, it was not the relay: no strike");
    }

    #[test]
    fn it_is_left_alone_after_so_many_failures() {
        let (relay, hash) = (relay(), Hash32([1; 32]));
        relay.strike(&LinkFault::Broken("gone".into()));
        relay.strike(&LinkFault::Status { status: 502, code: "x".into(), text: String::new(), retry_after_s: None });
        assert!(relay.may_be_asked(&hash));
        // A part that was good to look at and damaged when opened counts as well, once.
        relay.doubts().unproven.insert(Hash32([2; 32]));
        relay.distrust(Hash32([2; 32]));
        assert!(!relay.may_be_asked(&hash));
    }

    #[test]
    fn only_a_bare_https_address_is_one() {
        for good in ["https://car", "https://10.0.0.5:8444", "https://[::1]:8444/", "https://station.example:1"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["", "car:8444", "http://car:1", "https://car/x", "https://car?x", "https://me@car", "https://", "/"]
        {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
