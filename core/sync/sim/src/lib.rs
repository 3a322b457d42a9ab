//! The other loop of the sync's state machine: a seeded simulator with a model hub, a model device and a hostile link.
//!
//! A seed is a story: a hub that changes records, publishes, withdraws and forgets; a device that restarts, rots and is
//! out of reach for days; a link that drops, damages, replays and forges. Documents, segments and digests are the real
//! ones. What must hold at every step is in `invariants.rs`: nothing half-applied or unverified is visible, nothing that
//! was withdrawn or has expired is shown, nothing goes backwards, nothing staged is fetched again, a set is committed
//! only when all of it is held, later epochs stay closed to old keys, and instructions are bounded. When the link heals,
//! one sync brings the hub's state.
//!
//! A broken rule is a panic, whose seed replays it exactly: no clock, no hash map's order.
// Its panics are what it finds: what cannot be unwrapped here is a broken rule or a broken model.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod device;
mod hub;
mod invariants;
mod link;
mod rng;
mod run;
mod totals;
mod world;

pub use link::Chaos;
pub use rng::Rng;
pub use run::{Failure, run, story};
pub use totals::Totals;
pub use world::{End, World};
