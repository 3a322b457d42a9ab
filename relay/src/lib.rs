//! A cache of segments for a patrol car or a station: devices near it fetch from it, and it fetches each segment once.
//!
//! It is not trusted. It holds ciphertext under hashes and no key to any of it; a device looks at what it gets as if a
//! stranger had sent it. At worst a relay is silent or sends what does not bear its name: that costs a device another
//! request, to the hub. What it can learn is which device's certificate asked, when, and for how many bytes.
//!
//! * `cache`: segments on disk, the least recently used go first;
//! * `upstream`: the way to the hub, one fetch of a segment however many ask for it;
//! * `serve`, `answer`: TLS 1.3 with devices' certificates, and the one route that there is;
//! * `identity`: what the hub issued to it (`beatcheck hub relay add`).
//!
//! It stands on `core/wire` alone. What it has in common with the hub's server is small and is written here again: a
//! program that meets strangers in a car park should hold nothing of the hub's.

mod answer;
mod cache;
mod error;
mod identity;
mod serve;
mod upstream;

pub use error::RelayError;
pub use serve::{MAX_CONNECTIONS, Relay, RelayOptions};

/// Bytes that the cache may take on disk where nothing else is said: 2 GiB.
pub const DEFAULT_MAX_BYTES: u64 = 2 << 30;
