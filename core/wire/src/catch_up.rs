//! Catching up in one request: what a device holds goes up, all that it lacks comes down, as far as it fits.
//!
//! The answer is a bundle of what could each be fetched by itself: nothing in it is trusted for being in it, and every
//! document and segment passes the checks that it would pass otherwise. What does not fit is fetched by its hash. A hub
//! that knows nothing newer holds the question open for as long as it was asked to (a long poll).

use crate::{CompartmentId, GrantBundle, Hash32, RootStep};
use beatcheck_model::Timestamp;
use serde::{Deserialize, Serialize};

/// Version of both forms.
pub const VERSION: u8 = 2;
/// Bytes of segments that one answer brings, at most, whatever is asked for.
pub const MAX_ANSWER_BYTES: u32 = 256 * 1024;
/// Longest time for which a hub holds the question open, in seconds: shorter than the silence that a device endures.
pub const MAX_HOLD_S: u16 = 25;

/// What is held of one compartment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldAt {
    /// Compartment.
    pub compartment: CompartmentId,
    /// Hash of the manifest that was applied.
    pub manifest: Hash32,
    /// Watermark.
    pub watermark: u64,
}

/// The question.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatchUpRequest {
    /// [`VERSION`].
    pub version: u8,
    /// Hash of the head that is held; zeros if none.
    pub head: Hash32,
    /// The manifest set that is held whole; zeros if none.
    pub set: Hash32,
    /// Version of the grant in force; 0 if none.
    pub grant_version: u64,
    /// What is held.
    pub held: Vec<HeldAt>,
    /// Bytes of segments that may come with the answer.
    pub max_bytes: u32,
    /// Seconds for which the hub may wait for something newer; 0 for an answer at once.
    pub hold_s: u16,
    /// Version of the root that is trusted.
    pub root_version: u64,
    /// Version of the policy in force, which may have come another way than through a sync; 0 if none.
    pub policy_version: u64,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatchUpAnswer {
    /// [`VERSION`].
    pub version: u8,
    /// This device's grant version.
    pub grant_version: u64,
    /// The hub's time: TLS says that it is the hub's. It anchors the device's clock.
    pub time: Timestamp,
    /// The way from the root that is trusted to the newest, oldest first; empty if that is the one. At most
    /// [`MAX_ROOT_STEPS`](crate::MAX_ROOT_STEPS). What follows is signed by the newest one's keys.
    pub roots: Vec<RootStep>,
    /// The signed head; none if it is the one that is held.
    pub head: Option<Vec<u8>>,
    /// The grant, if another version is in force than the one held.
    pub grant: Option<GrantBundle>,
    /// Manifest set, manifests and catalogues that lead from the head to what is lacking.
    pub documents: Vec<Vec<u8>>,
    /// Segments of the shortest routes, the most urgent first.
    pub segments: Vec<Vec<u8>>,
}
