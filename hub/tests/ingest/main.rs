//! Ingest and publish through the hub's public surface: what an extract does, and what it may never do.

#![allow(clippy::unwrap_used)]

mod captures;
mod published;
mod rules;
mod sizes;
mod sources;
mod support;
mod ways;
