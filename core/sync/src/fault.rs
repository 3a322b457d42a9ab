//! What can go wrong in a sync, with a code for the app and words for who reads them.

use beatcheck_wire::{CompartmentId, Hash32, WireError};

/// Why a fetch did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchFault {
    /// No connection, a dropped one, a timeout, a server error: worth another try.
    Transient(String),
    /// The hub asks for patience (429 or 503 with Retry-After), in seconds.
    Busy(u32),
    /// The hub refused, with its code and words.
    Refused {
        /// The hub's code.
        code: String,
        /// Its words.
        text: String,
    },
    /// What is asked for is not there.
    NotFound,
}

/// Why a sync, or a part of it, failed. What was held before is untouched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyncFault {
    /// The hub could not be reached.
    #[error("the hub could not be reached: {0}")]
    Unreachable(String),
    /// The hub asks for more patience than one sync has.
    #[error("the hub is busy and asks to come back in {s} s: nothing needs to be done")]
    Busy {
        /// Seconds to wait before the next sync.
        s: u32,
    },
    /// The hub refused.
    #[error("the hub refused ({code}): {text}")]
    Refused {
        /// The hub's code.
        code: String,
        /// Its words.
        text: String,
    },
    /// The head's time is over.
    #[error(
        "the hub's head expired at {0}: data stays as it is and is shown as stale; ask the hub's operator to publish"
    )]
    HeadExpired(beatcheck_model::Timestamp),
    /// A head older than the one known, or another of the same number.
    #[error(
        "the hub showed an older state, or another of the same number (head {found}, known {known}): refused as a replay"
    )]
    HeadReplayed {
        /// Version shown.
        found: u64,
        /// Version known.
        known: u64,
    },
    /// A grant or policy older than the one known.
    #[error("the hub showed an older {what} ({found}, known {known}): refused as a replay")]
    Replayed {
        /// `grant`, `policy` or `manifest`.
        what: &'static str,
        /// Version shown.
        found: u64,
        /// Version known.
        known: u64,
    },
    /// The roots that came do not continue the one that is trusted.
    #[error("the hub's root {found} does not follow root {known}, which this device trusts: enrol it anew")]
    RootGap {
        /// Version shown.
        found: u64,
        /// Version trusted.
        known: u64,
    },
    /// The grant asks for a wipe that nobody ordered who may.
    #[error(
        "the hub asks for this device to be erased, without an order signed by the wipe keys: nothing is erased, and nothing \
         may be used until the hub lifts that or orders it soundly"
    )]
    WipeUnsigned,
    /// A manifest or set that no valid head names.
    #[error("the {0} is not the one that the head names: refused")]
    NotNamed(&'static str),
    /// A document for somebody else.
    #[error("the grant is for another device: refused")]
    WrongDevice,
    /// A key of the grant is missing or is not the one that the grant names.
    #[error("the grant lacks the key for compartment {0}")]
    KeyMissing(CompartmentId),
    /// Bytes could not be verified or decoded.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A segment did not have its content after refetching.
    #[error("segment {0} arrived damaged again and again: its source is not to be trusted")]
    SegmentDamaged(Hash32),
    /// What was stored was not what the manifest says, twice.
    #[error("compartment {0} could not be brought to the published state: the old one stays in use")]
    Diverged(CompartmentId),
    /// No space.
    #[error("no space left on the device: free some, then sync again; what was held is untouched")]
    NoSpace,
    /// The store failed otherwise.
    #[error("the store: {0}")]
    Store(String),
    /// Somebody on this device ended the sync: what was fetched is kept, what was applied is in force.
    #[error("the sync was cancelled on this device: what was fetched is kept for the next one")]
    Cancelled,
}

impl SyncFault {
    /// The stable code (`docs/cli.md`).
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "hub_unreachable",
            Self::Busy { .. } => "hub_busy",
            Self::Refused { .. } => "hub_refused",
            Self::HeadExpired(_) => "head_expired",
            Self::HeadReplayed { .. } | Self::Replayed { .. } => "replayed",
            Self::RootGap { .. } => "root_gap",
            Self::WipeUnsigned => "wipe_unsigned",
            Self::NotNamed(_) => "not_named_by_head",
            Self::WrongDevice => "wrong_device",
            Self::KeyMissing(_) => "key_missing",
            Self::Wire(WireError::BadSignature(_)) => "bad_signature",
            Self::Wire(WireError::UnknownVersion { .. }) => "unknown_version",
            Self::Wire(_) => "malformed",
            Self::SegmentDamaged(_) => "segment_damaged",
            Self::Diverged(_) => "diverged",
            Self::NoSpace => "no_space",
            Self::Store(_) => "store",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether trying again later, unchanged, may help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Busy { .. })
    }
}
