//! What a server does by itself while it serves.

use super::routes::Shared;
use super::seen::WRITE_EVERY;
use crate::{Hub, HubError};
use std::sync::Arc;
use std::time::Duration;

const HEAD_CHECK: Duration = Duration::from_secs(60);
const RETAIN_EVERY: Duration = Duration::from_secs(24 * 3600);
/// Who drops old entries, as the log of looks has it.
const BY: &str = "the hub, by policy";

/// Writes when devices were last heard of, now and then.
pub(super) async fn write_contacts(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(WRITE_EVERY).await;
        write_down(&shared).await;
    }
}

/// Writes it now.
pub(super) async fn write_down(shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    match tokio::task::spawn_blocking(move || shared.seen.write(&shared.hub)).await {
        Ok(Ok(())) => {}
        Ok(Err(e)) => tracing::warn!(error = %e, "when devices were last heard of could not be written"),
        Err(_) => tracing::warn!("when devices were last heard of could not be written"),
    }
}

/// Looks after the head.
pub(super) async fn keep_head_fresh(hub: Hub) {
    loop {
        tokio::time::sleep(HEAD_CHECK).await;
        refresh_head(hub.clone()).await;
    }
}

/// Signs the head anew when less than half of its life is left.
pub(super) async fn refresh_head(hub: Hub) {
    let done = tokio::task::spawn_blocking(move || -> Result<bool, HubError> {
        let Some((head, _)) = hub.current_head()? else { return Ok(false) };
        let (life, left) = (head.expires.secs_since(head.issued), head.expires.secs_since(hub.now()));
        if left * 2 >= life {
            return Ok(false);
        }
        hub.resign_head()?;
        Ok(true)
    })
    .await;
    match done {
        Ok(Ok(true)) => tracing::info!("the head was signed anew"),
        Ok(Ok(false)) => {}
        Ok(Err(e)) => tracing::error!(error = %e, "the head could not be signed anew"),
        Err(_) => tracing::error!("the head could not be signed anew"),
    }
}

/// Drops what policy no longer keeps of the account: at the start, and daily. A policy that asks for it and a server that runs
/// are enough; where the audit key is kept elsewhere, `hub account retain` is run there.
pub(super) async fn retain(hub: Hub) {
    loop {
        let hub = hub.clone();
        match tokio::task::spawn_blocking(move || hub.retain(hub.now(), BY)).await {
            Ok(Ok(_)) => {}
            Ok(Err(e)) => {
                tracing::warn!(error = %e, "entries that policy does not keep were not dropped: run `hub account retain`");
            }
            Err(_) => tracing::error!("entries that policy does not keep were not dropped"),
        }
        tokio::time::sleep(RETAIN_EVERY).await;
    }
}
