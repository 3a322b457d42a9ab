//! Catching up: one question, and in one answer all that the device lacks, as far as it fits.
//!
//! The answer bundles what could each be fetched by itself. Nothing newer: the question is held open until there is
//! something, for as long as was asked. What this process changes wakes those that wait at once; what another process
//! changes is seen by one look at the database a second, whoever waits.

use super::routes::{Answer, Shared, blocking, encode};
use super::{ApiError, pace};
use crate::enrol::Device;
use crate::publish::cheapest;
use crate::{Hub, HubError};
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use beatcheck_wire::catch_up::{CatchUpAnswer, CatchUpRequest, HeldAt, MAX_ANSWER_BYTES, MAX_HOLD_S, VERSION};
use beatcheck_wire::envelope::OVERHEAD;
use beatcheck_wire::{CompartmentId, Grant, Hash32, MAX_COMPARTMENTS, Manifest, ManifestSet, WireError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A question of 64 compartments takes 4 KiB.
pub(super) const MAX_SYNC_BYTES: usize = 8 * 1024;
/// Of the connections, those whose questions are held open, in quarters; beyond it they are answered at once.
pub(super) const HELD_QUARTERS: usize = 3;
/// Largest catalogue that comes with an answer.
const MAX_CATALOGUE: u32 = 16 * 1024;
/// Bytes of catalogues in one answer, at most.
const MAX_CATALOGUES: u32 = 128 * 1024;
/// How often the database is looked at for what another process did, while anyone waits.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// `POST /v1/sync`.
pub(super) async fn sync(
    State(shared): State<Arc<Shared>>,
    Extension(device): Extension<Device>,
    body: super::routes::Posted,
) -> Answer {
    let request: CatchUpRequest = super::routes::decode("question", body)?;
    if request.version != VERSION {
        return Err(super::wrong_protocol());
    }
    if request.held.len() > MAX_COMPARTMENTS {
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "more compartments than may be held"));
    }
    let request = Arc::new(request);
    let until = Instant::now() + Duration::from_secs(request.hold_s.min(MAX_HOLD_S).into());
    let place = (request.hold_s > 0).then(|| shared.held.try_acquire().ok()).flatten();
    // Subscribed before the first look, so that nothing is missed in between.
    let mut changes = shared.hub.changes().subscribe();
    let mut closing = shared.closing.subscribe();
    loop {
        // All who waited wake at once: they take their turns.
        let room = shared.in_flight.acquire().await.map_err(|_| pace::busy())?;
        let (hub, device, request) = (shared.hub.clone(), device.clone(), Arc::clone(&request));
        let (answer, news) = blocking(move || answer(&hub, &device, &request)).await?;
        drop(room);
        if news || place.is_none() || Instant::now() >= until || *closing.borrow() {
            return encode(&answer);
        }
        tokio::select! {
            _ = changes.changed() => {}
            _ = closing.changed() => {}
            () = tokio::time::sleep_until(until) => {}
        }
    }
}

/// Looks once a second, while anyone waits, whether another process published something or changed a grant.
pub(super) async fn watch_other_processes(hub: Hub) {
    let mut seen = None;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if hub.changes().receiver_count() == 0 {
            seen = None;
            continue;
        }
        let look = hub.clone();
        let now = tokio::task::spawn_blocking(move || state(&look).ok()).await.ok().flatten();
        if now.is_some() && now != seen {
            // The first look finds nothing to compare with, and what came before it may have been missed.
            hub.changed();
            seen = now;
        }
    }
}

/// What changes whenever something is published, or said of any device.
fn state(hub: &Hub) -> Result<(u64, u64, u64), HubError> {
    let sql =
        "SELECT (SELECT COALESCE(MAX(version), 0) FROM head), (SELECT COALESCE(SUM(grant_version), 0) FROM device),
               (SELECT MAX(version) FROM root_document)";
    Ok(hub.conn()?.query_row(sql, [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?)
}

/// The answer, and whether it says anything that the device does not know.
fn answer(hub: &Hub, device: &Device, request: &CatchUpRequest) -> Result<(CatchUpAnswer, bool), ApiError> {
    // It may have been revoked while it waited.
    let known = hub.device(&*hub.conn()?, device.id)?;
    if known.is_none_or(|d| d.revoked) {
        return Err(ApiError::new(StatusCode::FORBIDDEN, "revoked", "device management has revoked this device"));
    }
    hub.note_policy(device.id, request.policy_version)?;
    let (grant, _) = hub.current_grant(device.id)?;
    let mut out = CatchUpAnswer {
        version: VERSION,
        grant_version: grant.grant_version,
        time: hub.now(),
        roots: match request.root_version {
            // It does not say, so it would be told for ever.
            0 => Vec::new(),
            from => hub.root_steps(from)?,
        },
        ..CatchUpAnswer::default()
    };
    if grant.grant_version != request.grant_version {
        out.grant = Some(hub.grant_for(device.id)?);
    }
    if let Some((head, bytes)) = hub.current_head()? {
        if Hash32::of(&bytes) != request.head {
            out.head = Some(bytes);
        }
        // Another grant may hold compartments whose manifests were of no use to the device before.
        if head.set_hash != request.set || out.grant.is_some() {
            bring(hub, &grant, &head.set_hash, request, &mut out)?;
        }
    }
    let news = !out.roots.is_empty() || out.grant.is_some() || out.head.is_some() || !out.documents.is_empty();
    Ok((out, news))
}

/// What leads from the head to what is lacking.
fn bring(
    hub: &Hub,
    grant: &Grant,
    set_hash: &Hash32,
    request: &CatchUpRequest,
    out: &mut CatchUpAnswer,
) -> Result<(), HubError> {
    let Some(bytes) = hub.set_bytes(set_hash)? else { return Ok(()) };
    let set: ManifestSet = read(&bytes)?;
    out.documents.push(bytes);
    let held: BTreeMap<CompartmentId, &HeldAt> = request.held.iter().map(|h| (h.compartment, h)).collect();
    let mut catalogues = MAX_CATALOGUES;
    let mut wanted = Vec::new();
    for (id, hash) in set.manifests {
        let granted = grant.compartments.iter().any(|c| c.id == id);
        let have = held.get(&id);
        if !granted || have.is_some_and(|h| h.manifest == hash) {
            continue;
        }
        let Some(bytes) = hub.manifest_bytes(&hash)? else { continue };
        let manifest: Manifest = read(&bytes)?;
        out.documents.push(bytes);
        let way = have.and_then(|h| cheapest(manifest.recent.iter(), h.watermark, manifest.watermark));
        if let Some((bytes, way)) = way {
            let segments: Vec<_> = way.iter().flat_map(|d| &d.segments).copied().collect();
            wanted.push((!manifest.warnings, bytes, segments));
        } else if manifest.catalogue.bytes <= MAX_CATALOGUE.min(catalogues)
            && let Some((_, bytes)) = hub.catalogue_bytes(&manifest.catalogue.hash)?
        {
            catalogues -= manifest.catalogue.bytes;
            out.documents.push(bytes);
        }
    }
    if *set_hash == request.set && out.documents.len() == 1 {
        out.documents.clear();
    }
    // Warnings first, then what is soonest done.
    wanted.sort_by_key(|(calm, bytes, _)| (*calm, *bytes));
    let mut room = request.max_bytes.min(MAX_ANSWER_BYTES);
    for s in wanted.iter().flat_map(|(.., segments)| segments) {
        if s.bytes > room {
            continue;
        }
        // A segment that is gone meanwhile is asked for by its hash and refused there.
        let Ok(bytes) = std::fs::read(hub.segment_path(&s.hash)) else { continue };
        room -= s.bytes;
        out.segments.push(bytes);
    }
    Ok(())
}

/// The content of a document that this hub signed itself.
fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, HubError> {
    let payload = bytes.get(OVERHEAD..).ok_or(WireError::Truncated)?;
    Ok(postcard::from_bytes(payload).map_err(|_| WireError::Malformed("document"))?)
}
