//! The vocabulary of Beatcheck: records, identifiers, provenance and outcomes.
//!
//! Everything else speaks in these words. This crate does no I/O, reads no clock and imports nothing of ours; it
//! holds shapes and the few rules that belong to a value itself (how a date is written, which check letter a VIN must
//! bear). How values are *compared* is `beatcheck-search`; how they travel is `beatcheck-wire`.
//!
//! Terms are those of the glossary (`GLOSSARY.md`): a *nominal* is a person record, an *officer* is who asks, a
//! *compartment* is the unit of permission, distribution, key and shredding.

pub mod answer;
pub mod date;
pub mod ids;
pub mod query;
pub mod record;
pub mod vin;

pub use answer::*;
pub use date::{DateError, PartialDate, TimeError, Timestamp};
pub use ids::*;
pub use query::*;
pub use record::*;
