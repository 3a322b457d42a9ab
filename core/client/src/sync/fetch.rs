//! Asking the hub: each want is one request in a task of its own, which reports events.

use super::{Run, relay};
use crate::transport::{LinkFault, Transport};
use beatcheck_sync::{Event, FetchFault, Want};
use beatcheck_wire::segment::{FRAME, HEADER};
use hyper::Method;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Seconds to wait where a busy hub does not say.
const DEFAULT_RETRY_S: u32 = 5;

impl Run<'_> {
    /// Starts a request.
    pub(super) fn spawn_fetch(&self, want: Want) {
        let (transport, events) = (Arc::clone(&self.transport), self.events.clone());
        let near = self.relay.clone();
        tokio::spawn(async move {
            let event = match relay::frames(near.as_deref(), &want, &events).await {
                Some(event) => event,
                None => match fetch(&transport, &want, &events).await {
                    Ok(event) => event,
                    Err(fault) => Event::Failed(want, fault_of(fault)),
                },
            };
            // The receiver is gone only when the sync has ended.
            let _ = events.send(event).await;
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

pub(super) async fn fetch(
    transport: &Transport,
    want: &Want,
    events: &mpsc::Sender<Event>,
) -> Result<Event, LinkFault> {
    let get = |path: String| async move { transport.call(Method::GET, &path, Vec::new()).await };
    Ok(match want {
        Want::Head => {
            let response = transport.send(Method::GET, "/v1/head", &[], Vec::new()).await?;
            let hint = response.headers().get("x-beatcheck-grant");
            let grant_hint = hint.and_then(|v| v.to_str().ok()?.parse().ok());
            Event::Head { bytes: transport.body(response).await?, grant_hint }
        }
        Want::Grant => {
            let bytes = get("/v1/grant".into()).await?;
            let bundle = postcard::from_bytes(&bytes);
            Event::Grant(bundle.map_err(|_| LinkFault::Broken("the grant does not decode".into()))?)
        }
        Want::Set(hash) => Event::Set(get(format!("/v1/set/{hash}")).await?),
        Want::Manifest(id, hash) => Event::Manifest(*id, get(format!("/v1/manifest/{hash}")).await?),
        Want::Frames { segment, total, first, bytes } => {
            let range = format!("bytes={}-{}", bytes.start, bytes.end.saturating_sub(1));
            let path = format!("/v1/segment/{segment}");
            let response = transport.send(Method::GET, &path, &[("range", range)], Vec::new()).await?;
            // A cache that ignores ranges sends the whole: skip to what was asked for.
            let mut skip = if response.status() == 206 { 0 } else { bytes.start as usize };
            let mut left = bytes.len();
            let mut body = response.into_body();
            let (mut index, mut frame) = (*first, Vec::with_capacity(FRAME + HEADER));
            while left > 0 {
                let Some(chunk) = transport.chunk(&mut body).await? else {
                    return Err(LinkFault::Broken("the segment ended too early".into()));
                };
                let mut data = &chunk[skip.min(chunk.len())..];
                skip -= chunk.len() - data.len();
                data = &data[..data.len().min(left)];
                left -= data.len();
                while !data.is_empty() {
                    let size = beatcheck_wire::segment::frame_range(*total, index).len();
                    let take = (size - frame.len()).min(data.len());
                    frame.extend_from_slice(&data[..take]);
                    data = &data[take..];
                    if frame.len() == size {
                        let bytes = std::mem::take(&mut frame);
                        if events.send(Event::Frame { segment: *segment, index, bytes }).await.is_err() {
                            return Err(LinkFault::Broken("the sync has ended".into()));
                        }
                        index += 1;
                    }
                }
            }
            Event::FramesEnd { segment: *segment }
        }
    })
}
