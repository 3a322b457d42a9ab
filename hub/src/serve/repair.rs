//! Repair: sums by range of ids, and the rows of a few ranges, of any state that was published.
//!
//! The history has every version, so the state at a watermark is read from it. Sums cost a pass over a compartment: they
//! are computed once, one at a time, and the last few stay in memory.

use super::ApiError;
use super::routes::{Answer, Posted, Shared, blocking, decode, encode, granted};
use crate::enrol::Device;
use crate::publish::{StateAt, rows_of_ranges, sums_at};
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use beatcheck_wire::ranges::{MAX_REPAIR_RANGES, RangeSums, RowsAnswer, RowsRequest, SumsAnswer, SumsRequest};
use beatcheck_wire::{CompartmentId, WireError};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Sizes of the questions: a compartment, a watermark, and at most 64 ranges.
pub(super) const MAX_SUMS_BYTES: usize = 64;
pub(super) const MAX_ROWS_BYTES: usize = 512;
/// Sums kept in memory: half a megabyte each.
const MAX_SUMS: usize = 4;

/// The sums of the last few states that were asked for.
#[derive(Default)]
pub(super) struct SumsCache(Mutex<VecDeque<((CompartmentId, u64), Arc<RangeSums>)>>);

impl SumsCache {
    /// The sums of a state; computed under the lock, so that a crowd that asks for one state costs one pass.
    fn get(&self, compartment: CompartmentId, at: &StateAt<'_>) -> Result<Arc<RangeSums>, ApiError> {
        let key = (compartment, at.watermark);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, sums)) = kept.iter().find(|(k, _)| *k == key) {
            return Ok(Arc::clone(sums));
        }
        let sums = Arc::new(sums_at(at)?);
        kept.push_front((key, Arc::clone(&sums)));
        kept.truncate(MAX_SUMS);
        Ok(sums)
    }
}

fn no_such_state() -> ApiError {
    let text = "the hub has no such state of this compartment: sync first";
    ApiError::new(StatusCode::NOT_FOUND, "no_such_state", text)
}

/// `POST /v1/sums`.
pub(super) async fn sums(
    State(shared): State<Arc<Shared>>,
    Extension(device): Extension<Device>,
    body: Posted,
) -> Answer {
    let request: SumsRequest = decode("question", body)?;
    blocking(move || {
        granted(&shared.hub, &device, request.compartment)?;
        let conn = shared.hub.conn()?;
        let at = StateAt::find(&conn, &request.compartment, request.watermark)?.ok_or_else(no_such_state)?;
        let sums = shared.sums.get(request.compartment, &at)?;
        encode(&SumsAnswer { sums: request.first.map_or_else(|| sums.over_all(), |first| sums.below(first)) })
    })
    .await
}

/// `POST /v1/rows`.
pub(super) async fn rows(
    State(shared): State<Arc<Shared>>,
    Extension(device): Extension<Device>,
    body: Posted,
) -> Answer {
    let request: RowsRequest = decode("question", body)?;
    if request.ranges.len() > MAX_REPAIR_RANGES {
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "more ranges than one repair may fetch"));
    }
    if request.ranges.windows(2).any(|w| w[0] >= w[1]) {
        return Err(ApiError::malformed("question"));
    }
    blocking(move || {
        granted(&shared.hub, &device, request.compartment)?;
        let conn = shared.hub.conn()?;
        let at = StateAt::find(&conn, &request.compartment, request.watermark)?.ok_or_else(no_such_state)?;
        match rows_of_ranges(&at, &request.ranges) {
            Ok((key_epoch, segments)) => encode(&RowsAnswer { key_epoch, segments }),
            Err(crate::HubError::Wire(WireError::OverLimit(_))) => Err(ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "these ranges hold too many rows: ask for fewer, or take the snapshot",
            )),
            Err(e) => Err(e.into()),
        }
    })
    .await
}
