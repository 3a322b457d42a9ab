//! Pace: how often one device may ask, and how many requests are answered at a time.
//!
//! A device has a bucket of tokens that fills by itself. What costs the hub a computation costs one; a segment is a file
//! that is read, and a snapshot is hundreds of them, so it costs an eighth. A device that keeps to what the head says
//! never notices.

use super::ApiError;
use axum::http::StatusCode;
use beatcheck_wire::DeviceId;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Requests that a device may make at once.
pub const BURST: f64 = 120.0;
/// Requests a second that it may make for ever.
pub const REFILL_PER_S: f64 = 4.0;
/// What a segment costs, as a part of another request.
const SEGMENT_COST: f64 = 0.125;
/// Devices whose buckets are remembered, about; one that is forgotten begins with a full bucket.
const MAX_BUCKETS: usize = 100_000;
/// Requests worked on at one time, over all devices. Those that wait for something newer are not worked on.
pub const MAX_IN_FLIGHT: usize = 256;
/// How long a request waits for room, in line with the others. Who comes again later only makes the line longer.
const ROOM_WITHIN: Duration = Duration::from_secs(5);
/// Seconds after which one that found no room asks again.
const BUSY_RETRY_S: u32 = 5;

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// Takes `cost`, or says how many seconds it takes until that is there.
    fn take(&mut self, cost: f64, now: Instant) -> Result<(), f64> {
        let filled = self.tokens + now.saturating_duration_since(self.at).as_secs_f64() * REFILL_PER_S;
        (self.tokens, self.at) = (filled.min(BURST), now);
        if self.tokens >= cost {
            self.tokens -= cost;
            return Ok(());
        }
        Err((cost - self.tokens) / REFILL_PER_S)
    }
}

/// The devices of late and those before them: when the first are half of what may be kept, they become the second, and
/// what was in the second and did not ask since is forgotten.
#[derive(Default)]
struct Buckets {
    late: HashMap<DeviceId, Bucket>,
    before: HashMap<DeviceId, Bucket>,
}

impl Buckets {
    fn take(&mut self, device: DeviceId, cost: f64, now: Instant) -> Result<(), f64> {
        if self.late.len() >= MAX_BUCKETS / 2 && !self.late.contains_key(&device) {
            self.before = std::mem::take(&mut self.late);
        }
        let known = self.before.remove(&device).unwrap_or(Bucket { tokens: BURST, at: now });
        self.late.entry(device).or_insert(known).take(cost, now)
    }
}

/// Buckets of all devices.
#[derive(Default)]
pub(super) struct Pace(Mutex<Buckets>);

impl Pace {
    /// Counts one request, or refuses it and says when to come again.
    pub(super) fn admit(&self, device: DeviceId, segment: bool) -> Result<(), ApiError> {
        let cost = if segment { SEGMENT_COST } else { 1.0 };
        // A poisoned lock holds numbers only: they are as good as before.
        let mut buckets = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        buckets.take(device, cost, Instant::now()).map_err(|wait_s| {
            let text = "this device asks too often: wait as long as the answer says";
            let refusal = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_often", text);
            refusal.after(wait_s.ceil().max(1.0) as u32)
        })
    }
}

/// A place among the requests that are worked on.
pub(super) async fn room(places: &Semaphore) -> Result<SemaphorePermit<'_>, ApiError> {
    match tokio::time::timeout(ROOM_WITHIN, places.acquire()).await {
        Ok(Ok(place)) => Ok(place),
        _ => Err(busy()),
    }
}

/// The refusal when no room is left.
pub(super) fn busy() -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "the hub is busy: try again later").after(BUSY_RETRY_S)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_room_waits_in_line_and_is_then_told_to_come_again() {
        let places = Semaphore::new(1);
        let first = room(&places).await.unwrap();
        let began = tokio::time::Instant::now();
        let refused = room(&places).await.unwrap_err();
        assert_eq!((refused.status, refused.code), (StatusCode::SERVICE_UNAVAILABLE, "busy"));
        assert_eq!((refused.retry_after_s, began.elapsed() >= ROOM_WITHIN), (Some(BUSY_RETRY_S), true));
        let (second, ()) = tokio::join!(room(&places), async {
            tokio::time::sleep(ROOM_WITHIN / 2).await;
            drop(first);
        });
        assert!(second.is_ok());
    }

    #[test]
    fn a_bucket_empties_and_fills() {
        let now = Instant::now();
        let (a, b) = (beatcheck_wire::CompartmentId([1; 16]), beatcheck_wire::CompartmentId([2; 16]));
        let mut buckets = Buckets::default();
        assert!((0..120).all(|_| buckets.take(a, 1.0, now).is_ok()));
        let wait = buckets.take(a, 1.0, now).err();
        assert!(wait.is_some_and(|s| (0.24..0.26).contains(&s)), "{wait:?}");
        assert!(buckets.take(b, 1.0, now).is_ok(), "another device has its own");
        let later = now + Duration::from_secs(2);
        assert!((0..8).all(|_| buckets.take(a, 1.0, later).is_ok()));
        assert!(buckets.take(a, 1.0, later).is_err());
        let long = now + Duration::from_secs(3600);
        assert_eq!((0..2000).filter(|_| buckets.take(a, SEGMENT_COST, long).is_ok()).count(), 960);
    }
}
