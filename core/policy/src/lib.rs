//! Decides what an officer may look at: the only place where a [`Permit`] comes from.
//!
//! Pure: the policy, the grant, the times, what is held and what was asked before are handed in. `beatcheck-store` reads
//! nothing without a `&Permit`, and no other crate can construct one, so an unchecked read does not compile (rule 7).

mod decide;
mod denied;
mod permit;
mod version;

pub use decide::{ClockState, Contact, Request, Usage, decide};
pub use denied::Denied;
pub use permit::{Permit, Withheld};
pub use version::is_app_version;
