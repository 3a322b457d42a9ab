//! Decides what an officer may look at: the only place where a [`Permit`] comes from.
//!
//! Pure: the policy, the grant, the times and what is held are handed in. `beatcheck-store` reads nothing without a
//! `&Permit`, and no other crate can construct one, so an unchecked read does not compile (rule 7).

mod decide;

pub use decide::{Contact, Denied, Permit, Request, decide};
