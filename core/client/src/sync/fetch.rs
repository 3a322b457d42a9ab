//! Asking the hub: each want is one request in a task of its own, which reports events.
//!
//! The head is asked for by saying what is held ([`beatcheck_wire::catch_up`]): what else came with the answer is kept
//! by its hash, and a later want that it satisfies costs no request. It is checked like anything else.

use super::relay::{self, Relay};
use super::{Note, Run};
use crate::transport::{LinkFault, Transport};
use beatcheck_sync::{Event, FetchFault, Want};
use beatcheck_wire::catch_up::{CatchUpAnswer, CatchUpRequest, VERSION};
use beatcheck_wire::segment::{FRAME, HEADER, frame_range};
use beatcheck_wire::{GrantBundle, Hash32};
use hyper::Method;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// Seconds to wait where a busy hub does not say.
pub(super) const DEFAULT_RETRY_S: u32 = 5;

/// What came with an answer and was not asked for yet. Bounded by what one answer may be.
#[derive(Default)]
pub(super) struct Arrived {
    by_hash: BTreeMap<Hash32, Vec<u8>>,
    grant: Option<GrantBundle>,
}

/// What every fetch of a sync knows.
pub(super) struct Asking {
    pub(super) transport: Arc<Transport>,
    pub(super) question: CatchUpRequest,
    /// Whom the hub tells the time.
    pub(super) time: Arc<crate::clock::Timekeeper>,
    /// The head that is held, for an answer that says it is still the one.
    pub(super) head: Option<Vec<u8>>,
    pub(super) arrived: Mutex<Arrived>,
    /// A cache near by that is asked for segments first, if one is set.
    pub(super) relay: Option<Arc<Relay>>,
    /// What had come of a frame when its link dropped: the next request goes on behind it.
    pub(super) partial: Mutex<BTreeMap<(Hash32, u16), Vec<u8>>>,
}

/// Parts of frames that are kept, at most: more than there are ranges in flight.
const MAX_PARTIAL: usize = 16;

impl Asking {
    fn arrived<T>(&self, f: impl FnOnce(&mut Arrived) -> T) -> T {
        f(&mut self.arrived.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn partial<T>(&self, f: impl FnOnce(&mut BTreeMap<(Hash32, u16), Vec<u8>>) -> T) -> T {
        f(&mut self.partial.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps what had come of a frame. It is not proven: if it is wrong, the segment is found damaged like any other.
    fn keep_partial(&self, frames: Frames<'_>) {
        let (at, bytes) = ((frames.segment, frames.index), frames.frame);
        self.partial(|p| {
            if !bytes.is_empty() && p.len() < MAX_PARTIAL {
                p.insert(at, bytes);
            }
        });
    }

    async fn catch_up(&self) -> Result<Event, LinkFault> {
        let broken = |what: &str| LinkFault::Broken(what.to_owned());
        let body = postcard::to_allocvec(&self.question).map_err(|_| broken("the question does not encode"))?;
        let bytes = self.transport.call(Method::POST, "/v1/sync", body).await?;
        let answer: CatchUpAnswer =
            postcard::from_bytes(&bytes).map_err(|_| broken("the hub's answer does not decode"))?;
        if answer.version != VERSION {
            return Err(broken("the hub's answer has another version: update the app or the hub"));
        }
        self.time.hub_said(answer.time);
        let head = answer.head.or_else(|| self.head.clone()).ok_or_else(|| broken("the hub's answer has no head"))?;
        self.arrived(|a| {
            let all = answer.documents.into_iter().chain(answer.segments);
            a.by_hash = all.map(|bytes| (Hash32::of(&bytes), bytes)).collect();
            a.grant = answer.grant;
        });
        Ok(Event::Head { bytes: head, grant_hint: Some(answer.grant_version), roots: answer.roots })
    }

    /// What lies under a hash: from what came along, or by a request.
    async fn document(&self, route: &str, hash: &Hash32) -> Result<Vec<u8>, LinkFault> {
        match self.arrived(|a| a.by_hash.remove(hash)) {
            Some(bytes) => Ok(bytes),
            None => self.transport.call(Method::GET, &format!("/v1/{route}/{hash}"), Vec::new()).await,
        }
    }

    async fn fetch(&self, want: &Want, notes: &mpsc::Sender<Note>) -> Result<Event, LinkFault> {
        Ok(match want {
            Want::Head => self.catch_up().await?,
            Want::Grant => match self.arrived(|a| a.grant.take()) {
                Some(bundle) => Event::Grant(bundle),
                None => {
                    let bytes = self.transport.call(Method::GET, "/v1/grant", Vec::new()).await?;
                    let bundle = postcard::from_bytes(&bytes);
                    Event::Grant(bundle.map_err(|_| LinkFault::Broken("the grant does not decode".into()))?)
                }
            },
            Want::Set(hash) => Event::Set(self.document("set", hash).await?),
            Want::Manifest(id, hash) => Event::Manifest(*id, self.document("manifest", hash).await?),
            Want::Catalogue(id, hash) => Event::Catalogue(*id, self.document("catalogue", hash).await?),
            Want::Frames { segment, total, first, bytes } => {
                let whole = self.arrived(|a| a.by_hash.remove(segment)).filter(|w| w.len() == *total as usize);
                if let Some(whole) = whole {
                    let mut frames = Frames::new(*segment, *total, *first, notes);
                    frames.take(whole.get(bytes.start as usize..bytes.end as usize).unwrap_or_default()).await?;
                } else if !relay::frames(self.relay.as_deref(), want, notes).await {
                    let begun = self.partial(|p| p.remove(&(*segment, *first))).unwrap_or_default();
                    let mut frames = Frames { frame: begun, ..Frames::new(*segment, *total, *first, notes) };
                    if let Err(fault) = range(&self.transport, want, &mut frames).await {
                        self.keep_partial(frames);
                        return Err(fault);
                    }
                }
                Event::FramesEnd { segment: *segment }
            }
        })
    }
}

/// Cuts what comes into frames, and reports each.
pub(super) struct Frames<'a> {
    segment: Hash32,
    total: u32,
    index: u16,
    frame: Vec<u8>,
    notes: &'a mpsc::Sender<Note>,
}

impl<'a> Frames<'a> {
    pub(super) fn new(segment: Hash32, total: u32, index: u16, notes: &'a mpsc::Sender<Note>) -> Self {
        Self { segment, total, index, frame: Vec::new(), notes }
    }

    async fn take(&mut self, mut data: &[u8]) -> Result<(), LinkFault> {
        while !data.is_empty() {
            let size = frame_range(self.total, self.index).len();
            if self.frame.capacity() == 0 {
                self.frame.reserve_exact(FRAME + HEADER);
            }
            let take = (size - self.frame.len()).min(data.len());
            self.frame.extend_from_slice(&data[..take]);
            data = &data[take..];
            if self.frame.len() == size {
                let (segment, index, bytes) = (self.segment, self.index, std::mem::take(&mut self.frame));
                let frame = Note::Event(Event::Frame { segment, index, bytes });
                self.notes.send(frame).await.map_err(|_| LinkFault::Broken("the sync has ended".into()))?;
                self.index += 1;
            }
        }
        Ok(())
    }
}

/// Frames of a segment by a range request, from where `frames` stands; to the hub or to a relay.
pub(super) async fn range(transport: &Transport, want: &Want, frames: &mut Frames<'_>) -> Result<(), LinkFault> {
    let Want::Frames { segment, bytes, .. } = want else { return Ok(()) };
    let start = bytes.start as usize + frames.frame.len();
    let range = format!("bytes={start}-{}", bytes.end.saturating_sub(1));
    let path = format!("/v1/segment/{segment}");
    let response = transport.send(Method::GET, &path, &[("range", range)], Vec::new()).await?;
    // A cache that ignores ranges sends the whole: skip to what was asked for.
    let mut skip = if response.status() == 206 { 0 } else { start };
    let mut left = (bytes.end as usize).saturating_sub(start);
    let mut body = response.into_body();
    while left > 0 {
        let Some(chunk) = transport.chunk(&mut body).await? else {
            return Err(LinkFault::Broken("the segment ended too early".into()));
        };
        let mut data = &chunk[skip.min(chunk.len())..];
        skip -= chunk.len() - data.len();
        data = &data[..data.len().min(left)];
        left -= data.len();
        frames.take(data).await?;
    }
    Ok(())
}

impl Run<'_> {
    /// Starts a request.
    pub(super) fn spawn_fetch(&self, want: Want) {
        let (asking, notes) = (Arc::clone(&self.asking), self.notes.clone());
        tokio::spawn(async move {
            let event = match asking.fetch(&want, &notes).await {
                Ok(event) => event,
                Err(fault) => Event::Failed(want, fault_of(fault)),
            };
            // The receiver is gone only when the sync has ended.
            let _ = notes.send(Note::Event(event)).await;
        });
    }
}

fn fault_of(fault: LinkFault) -> FetchFault {
    match fault {
        LinkFault::Broken(why) => FetchFault::Transient(why),
        LinkFault::Status { status: 429 | 503, retry_after_s, .. } => {
            FetchFault::Busy(retry_after_s.unwrap_or(DEFAULT_RETRY_S))
        }
        LinkFault::Status { status: 404, code, .. } if code == "not_found" => FetchFault::NotFound,
        LinkFault::Status { status: 500.., text, .. } => FetchFault::Transient(text),
        LinkFault::Status { code, text, .. } => FetchFault::Refused { code, text },
    }
}
