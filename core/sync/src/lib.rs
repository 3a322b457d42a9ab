//! Sync as a pure state machine: events in, instructions out. No sockets, no SQL, no clock, no randomness.
//!
//! The client's loop does what [`Do`] says and reports with [`Event`]; the simulator in `sim/` is the only other
//! loop. Because nothing here waits or fails by itself, every order of arrival, loss and restart can be tried.
//!
//! The way: send what waits in the journal; ask for the head; if it or the grant moved, fetch the grant, then the
//! manifest set, then the manifests that changed. Each compartment that changed is a work: choose the route with the
//! fewest bytes, fetch the frames that are not staged yet, apply, verify. Works share the link in the order of their
//! urgency, and the next one's frames are fetched while the first is being applied. Only when all is done does the trust
//! state move forward.

mod applying;
mod documents;
mod event;
mod fault;
mod fetching;
mod machine;
mod route;
mod trust;
mod verify;
mod work;

pub use event::{ApplyFault, Do, Event, Held, HeldCompartment, Limits, Want};
pub use fault::{FetchFault, SyncFault};
pub use machine::{
    FIRST_WAIT_MS, MAX_APPLYING, MAX_IN_FLIGHT, MAX_REFETCH, MAX_RESTARTS, MAX_TRIES, MAX_WAIT_S, Machine, Outcome,
};
pub use route::{MAX_APPLY_ROWS, Route, RouteKind, choose};
pub use trust::Trust;
