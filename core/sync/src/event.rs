//! What goes in and what comes out.

use crate::{FetchFault, Route, RouteKind, SyncFault};
use beatcheck_model::Timestamp;
use beatcheck_wire::policy::Policy;
use beatcheck_wire::{
    CompartmentId, DeviceId, Grant, GrantBundle, Hash32, Manifest, OrderId, Root, RootStep, SegmentRef,
};
use std::collections::{BTreeMap, BTreeSet};

/// What is held and known when a sync begins.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// This device.
    pub device: DeviceId,
    /// When it was enrolled, by its own clock: an order to all that is older does not mean it.
    pub enrolled: Timestamp,
    /// Purge orders that were obeyed: what they named may have come again.
    pub purged: BTreeSet<OrderId>,
    /// Highest head version committed.
    pub head_version: u64,
    /// Hash of that head's bytes, if it is known: of one version there is only one head.
    pub head_hash: Option<Hash32>,
    /// Manifest set committed.
    pub set_hash: Hash32,
    /// The grant in force.
    pub grant: Option<Grant>,
    /// Version of the policy in force.
    pub policy_version: u64,
    /// When it was signed.
    pub policy_issued: Timestamp,
    /// The device is locked: account up; policy, withdrawals, purges and wipes down, and nothing else.
    pub control_only: bool,
    /// A grant came while it was locked, whose keys could not be kept: it is asked for again, whatever its version.
    pub grant_owed: bool,
    /// Compartments in the store.
    pub compartments: BTreeMap<CompartmentId, HeldCompartment>,
    /// Dictionaries kept, by hash of their segment.
    pub dictionaries: BTreeSet<Hash32>,
    /// Compartments whose mark index answers already.
    pub indexed: BTreeSet<CompartmentId>,
}

impl Held {
    /// Whether the grant in force is to be asked for again.
    #[must_use]
    pub const fn asks_again(&self) -> bool {
        self.grant_owed && !self.control_only
    }
}

/// One compartment in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldCompartment {
    /// Manifest version applied.
    pub manifest_version: u64,
    /// Hash of that manifest.
    pub manifest_hash: Hash32,
    /// Watermark.
    pub watermark: u64,
    /// Digest of what is stored, as its checkpoint says.
    pub digest: Hash32,
    /// A scrub found other rows than the digest says: it is repaired before anything else.
    pub suspect: bool,
}

/// What one sync may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that may be fetched by this sync for what is not urgent (snapshots, indexes); none: no limit.
    pub budget_bytes: Option<u64>,
    /// Requests in flight, at most; 0 counts as 1.
    pub in_flight: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { budget_bytes: None, in_flight: crate::MAX_IN_FLIGHT }
    }
}

/// A thing to ask the hub for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// The head.
    Head,
    /// This device's grant.
    Grant,
    /// The manifest set.
    Set(Hash32),
    /// A manifest.
    Manifest(CompartmentId, Hash32),
    /// A manifest's catalogue.
    Catalogue(CompartmentId, Hash32),
    /// Frames of a segment: `bytes` is the range to ask for, `first` the index of its first frame.
    Frames {
        /// Segment.
        segment: Hash32,
        /// Its whole size.
        total: u32,
        /// First frame of the range.
        first: u16,
        /// Byte range, end exclusive.
        bytes: std::ops::Range<u32>,
    },
}

/// An instruction.
#[derive(Debug)]
pub enum Do {
    /// Send the journal up, with what is held now; report [`Event::JournalDone`] whatever comes of it.
    SendJournal,
    /// Ask the hub; report the matching event, or [`Event::Failed`].
    Fetch(Want),
    /// The link is to rest for so long; then report [`Event::Woke`]. Several waits may be pending; what needs no link goes
    /// on meanwhile.
    Wait {
        /// Milliseconds.
        ms: u64,
    },
    /// Put a verified grant, its keys and its policy in force; compartments it no longer names are withdrawn first.
    /// Report [`Event::GrantAdopted`].
    AdoptGrant {
        /// Decoded.
        grant: Box<Grant>,
        /// Decoded.
        policy: Box<Policy>,
        /// As it came.
        bundle: Box<GrantBundle>,
    },
    /// Trust this root from now on: what follows is signed by its keys. It is kept before anything else is done, and what is
    /// stored under the keys before it stays readable.
    AdoptRoot(Box<Root>),
    /// Put a verified grant in force that allows nothing, and erase nothing: it asks for a wipe that no wipe key ordered.
    Hold {
        /// As it came.
        bundle: Box<GrantBundle>,
    },
    /// Say which frames of these segments of a compartment are staged: [`Event::Staged`].
    Inspect(CompartmentId, Vec<(Hash32, u16)>),
    /// Keep a frame.
    Stage {
        /// Segment.
        segment: Hash32,
        /// Frame.
        index: u16,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// Forget the staged frames of a segment, and the dictionary that was kept of it, if it is one.
    DropSegment(Hash32),
    /// What is on its way for a compartment, told when a route is chosen and whenever it changes: for showing coverage and
    /// progress. Nothing is to be reported.
    Planned {
        /// Which.
        compartment: CompartmentId,
        /// How.
        kind: RouteKind,
        /// All bytes of the route, whether or not some are staged.
        bytes: u64,
    },
    /// Keep a dictionary whose frames are all staged, and forget the frames. Nothing is to be reported: if it turns out to
    /// be damaged when it is used, that is [`ApplyFault::Segment`] with its hash.
    KeepDictionary {
        /// Whose.
        compartment: CompartmentId,
        /// Which.
        segment: SegmentRef,
    },
    /// Put a mark index in use whose segments are staged; report [`Event::Indexed`] or [`Event::ApplyFailed`].
    ApplyIndex {
        /// The manifest.
        manifest: Box<Manifest>,
        /// The index's parts, in order.
        segments: Vec<SegmentRef>,
    },
    /// Compare what is stored with the hub's sums at the held watermark and fetch the rows that differ; report
    /// [`Event::Repaired`], or [`Event::ApplyFailed`] with [`ApplyFault::Other`] where the hub could not be asked.
    Repair(CompartmentId),
    /// Bring a compartment to its manifest's state by a route; report [`Event::Applied`] or [`Event::ApplyFailed`]. Several
    /// may run at the same time, never two for one compartment.
    Apply {
        /// The manifest.
        manifest: Box<Manifest>,
        /// Hash of its bytes.
        manifest_hash: Hash32,
        /// How.
        route: Route,
    },
    /// Every check has passed: the trust state moves forward.
    Commit {
        /// New head version.
        head_version: u64,
        /// The head's bytes, for its expiry and pace.
        head: Vec<u8>,
        /// New manifest set; none where a compartment failed, so that the next sync looks again.
        set_hash: Option<Hash32>,
    },
    /// The hub was heard of, with a valid head: the lease starts anew.
    Contact,
    /// Erase this device: an order that the wipe keys have signed says so.
    Wipe(OrderId),
    /// The sync is over.
    Done(crate::Outcome),
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// The head came, with the hub's hint at this device's grant version.
    Head {
        /// As it came.
        bytes: Vec<u8>,
        /// From the response's header.
        grant_hint: Option<u64>,
        /// Steps from the root that is trusted to the newest, oldest first.
        roots: Vec<RootStep>,
    },
    /// The grant came.
    Grant(GrantBundle),
    /// The grant is in force.
    GrantAdopted,
    /// The manifest set came.
    Set(Vec<u8>),
    /// A manifest came.
    Manifest(CompartmentId, Vec<u8>),
    /// A catalogue came.
    Catalogue(CompartmentId, Vec<u8>),
    /// What is staged of each segment asked about.
    Staged(CompartmentId, Vec<(Hash32, Vec<bool>)>),
    /// One whole frame came.
    Frame {
        /// Segment.
        segment: Hash32,
        /// Frame.
        index: u16,
        /// Its bytes, the first one with the segment's header.
        bytes: Vec<u8>,
    },
    /// A range was delivered to its end.
    FramesEnd {
        /// Segment.
        segment: Hash32,
    },
    /// A compartment has the state of its manifest.
    Applied(CompartmentId),
    /// A compartment's mark index is in use.
    Indexed(CompartmentId),
    /// A repair ended.
    Repaired {
        /// Which.
        compartment: CompartmentId,
        /// What is stored now has the digest of its checkpoint.
        whole: bool,
    },
    /// It has not, or its index or repair failed; the state before is untouched.
    ApplyFailed {
        /// Which.
        compartment: CompartmentId,
        /// Why.
        why: ApplyFault,
    },
    /// The journal was sent, or could not be.
    JournalDone,
    /// A fetch failed.
    Failed(Want, FetchFault),
    /// A wait is over.
    Woke,
    /// What an instruction asked for could not be done at all: the sync ends at once, whatever else is being done.
    Broken(SyncFault),
}

/// Why a compartment could not be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplyFault {
    /// A staged segment is not what it should be.
    Segment(Hash32),
    /// What would be stored has another digest.
    Digest,
    /// Another reason, for which a retry is no help.
    Other(SyncFault),
}
