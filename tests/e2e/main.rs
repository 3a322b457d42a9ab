//! The contracts of the shipped library: end to end, through the public surface, against a real hub on loopback.
//!
//! Two modules reach below what an app can call: where time must pass, `beatcheck_client` is used in place of the thin skin
//! over it, with a clock that stands still until it is set; and `machine` hands documents of the real hub to the sync's state
//! machine in an order that no hub would send them in.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::print_stderr)]

mod at_rest;
mod attacks;
mod captures;
mod device_faults;
mod enforce;
mod enforce_mdm;
mod enforce_time;
mod hub_faults;
mod kill;
mod late;
mod lifecycle;
mod machine;
mod matching;
mod no_space;
mod offline;
mod policy_fields;
mod proxy;
mod recover;
mod relay;
mod relay_support;
mod rollback;
mod roots;
mod rules;
mod session;
mod support;
mod sync;
mod time;
mod watch;
mod wipe;
mod wipe_kill;
