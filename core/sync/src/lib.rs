//! Sync as a pure state machine: events in, instructions out. No sockets, no SQL, no clock, no randomness.
//!
//! The client's loop does what [`Do`] says and reports with [`Event`]; the simulator in `tests/` is the only other
//! loop. Because nothing here waits or fails by itself, every order of arrival, loss and restart can be tried.
//!
//! The way: send what waits in the journal; ask for the head; if it or the grant moved, fetch the grant, then the
//! manifest set, then the manifests that changed; for each compartment choose the route with the fewest bytes, fetch
//! the frames that are not staged yet, apply, verify; only then move the trust state forward.

mod event;
mod fault;
mod machine;
mod route;
mod verify;

pub use event::{ApplyFault, Do, Event, Held, HeldCompartment, Trust, Want};
pub use fault::{FetchFault, SyncFault};
pub use machine::{FIRST_WAIT_MS, MAX_IN_FLIGHT, MAX_REFETCH, MAX_TRIES, MAX_WAIT_S, Machine, Outcome};
pub use route::{Route, RouteKind, choose};
