//! The signed documents: root, head, manifest set, manifest and grant (SYNC: objects); and the catalogue, which a signed
//! manifest names by its hash.

use crate::envelope::VerifyKey;
use crate::{Hash32, WireError};
use beatcheck_model::{RecordKind, Timestamp};
use serde::{Deserialize, Serialize};

/// Compartments on one device, at most.
pub const MAX_COMPARTMENTS: usize = 64;

/// Opaque name of a compartment: caches and manifest sets tell nothing by it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct CompartmentId(pub [u8; 16]);

impl std::fmt::Display for CompartmentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl std::fmt::Debug for CompartmentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl CompartmentId {
    /// Reads the 32 hexadecimal digits that `Display` writes.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        beatcheck_model::RecordId::from_hex(text).map(|r| Self(r.0))
    }
}

/// Name of a device, random, given at enrolment.
pub type DeviceId = CompartmentId;

/// The hub's trust keys. Signed by the root key, whose fingerprint came in the enrolment code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// Counts the published forms; only moves forward.
    pub root_version: u64,
    /// The root key itself.
    pub root_key: VerifyKey,
    /// Signs heads, manifest sets and manifests.
    pub publish_key: VerifyKey,
    /// Signs grants.
    pub grant_key: VerifyKey,
    /// Signs policy.
    pub policy_key: VerifyKey,
    /// X25519 public key to which journal entries are sealed.
    pub audit_key: [u8; 32],
    /// SHA-256 of the CA certificate (DER) that signs the hub's and the devices' certificates.
    pub ca_sha256: [u8; 32],
    /// When it was signed.
    pub issued: Timestamp,
    /// Sign orders to wipe: one of them for one device, two of them for all (see [`WipeOrder`]). At most [`MAX_WIPE_KEYS`].
    pub wipe_keys: Vec<VerifyKey>,
}

/// Wipe keys of a root, at most.
pub const MAX_WIPE_KEYS: usize = 8;
/// Steps from one root to the newest that a device follows in one sync, at most.
pub const MAX_ROOT_STEPS: usize = 16;

/// The next root, as the one before it vouches for it: two envelopes of [`Root`] with the same payload.
///
/// A device that holds version N takes version N + 1, and no other, if the root key of N signed it *and* its own root key
/// did: the first says that it is meant, the second that the new key is held by who claims it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootStep {
    /// Signed by the root key of the version before.
    pub by_old: Vec<u8>,
    /// Signed by the root key that it names.
    pub by_new: Vec<u8>,
}

/// What is current: the smallest thing to ask for, and all that a poll without change needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Counts the signings; only moves forward.
    pub head_version: u64,
    /// When it was signed.
    pub issued: Timestamp,
    /// From when on data under it is stale.
    pub expires: Timestamp,
    /// Hash of the manifest set's bytes.
    pub set_hash: Hash32,
    /// When to ask next, in seconds. Whoever schedules the sync is to add jitter: the core hands the number on.
    pub ask_again_s: u32,
}

/// The manifests that a head names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestSet {
    /// Compartment and hash of its manifest's bytes, sorted by compartment.
    pub manifests: Vec<(CompartmentId, Hash32)>,
}

/// One segment as a manifest lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRef {
    /// Hash of its bytes, and its name.
    pub hash: Hash32,
    /// Its size in bytes.
    pub bytes: u32,
    /// Number of frames.
    pub frames: u16,
    /// Rows in it.
    pub rows: u32,
    /// Which of the compartment's keys opens it.
    pub key_epoch: u32,
}

/// The full state at a watermark.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Hub sequence up to which it is complete.
    pub watermark: u64,
    /// Its parts, in order.
    pub segments: Vec<SegmentRef>,
}

/// The changes between two watermarks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// It applies to a state at this watermark or later, before `to`.
    pub from: u64,
    /// The watermark after it.
    pub to: u64,
    /// Its parts, in order.
    pub segments: Vec<SegmentRef>,
}

/// Where a catalogue is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogueRef {
    /// Hash of its bytes.
    pub hash: Hash32,
    /// Its size in bytes.
    pub bytes: u32,
    /// Bytes of all segments of the snapshot in it: what the longest way costs.
    pub snapshot_bytes: u64,
}

/// What a compartment consists of now.
///
/// Small, because a device that is nearly up to date needs no more than this: the newest deltas stand in it, and all
/// older ways are in the catalogue that it names by hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Compartment.
    pub compartment: CompartmentId,
    /// Counts the published forms; only moves forward.
    pub manifest_version: u64,
    /// Hash of the manifest before this one; zero for the first.
    pub previous: Hash32,
    /// Key epoch in which new segments are written.
    pub key_epoch: u32,
    /// Schema of the records.
    pub schema: u8,
    /// Source, as shown in answers.
    pub source: String,
    /// Kind of its records.
    pub kind: RecordKind,
    /// The extract's own time (rule 1).
    pub as_of: Timestamp,
    /// When the next extract is overdue, if the source has an interval.
    pub due_by: Option<Timestamp>,
    /// Whether the last extract was refused, so that the source is stale whatever its age.
    pub last_refused: bool,
    /// Whether the source carries warnings about its kind of subject.
    pub warnings: bool,
    /// Highest hub sequence contained.
    pub watermark: u64,
    /// Records after applying all.
    pub rows: u64,
    /// Records that cannot be found by their mark.
    pub unsearchable: u64,
    /// Digest of those records (BLAKE3 of the LtHash state).
    pub digest: Hash32,
    /// The dictionary with which segments are compressed, itself a segment.
    pub dictionary: Option<SegmentRef>,
    /// The newest deltas, oldest first, contiguous, the last one ending at the watermark. At most [`MAX_RECENT`].
    pub recent: Vec<Delta>,
    /// Snapshot, mark index and older deltas.
    pub catalogue: CatalogueRef,
}

/// Deltas that stand in a manifest itself, at most.
pub const MAX_RECENT: usize = 8;
/// Deltas in a catalogue, at most.
pub const MAX_DELTAS: usize = 96;

/// The ways to a compartment's state from further away. Not signed: a signed manifest names it by its hash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    /// Full state.
    pub snapshot: Snapshot,
    /// Which marks the compartment listed when this catalogue was made, in parts (vehicles only; may be empty).
    pub index: Vec<SegmentRef>,
    /// Deltas of minutes, hours and days. They overlap: a device takes those that cost it the fewest bytes.
    pub deltas: Vec<Delta>,
}

/// Whether a segment as listed has as many frames as its bytes make, and is within its limit.
fn consistent(s: &SegmentRef) -> bool {
    let body = (s.bytes as usize).saturating_sub(crate::segment::HEADER);
    let frames = body.div_ceil(crate::segment::FRAME);
    s.bytes as usize <= crate::segment::MAX_SEGMENT && frames != 0 && usize::from(s.frames) == frames
}

impl Catalogue {
    /// Its bytes.
    ///
    /// # Errors
    /// [`WireError::Malformed`].
    pub fn encode(&self) -> Result<Vec<u8>, WireError> {
        postcard::to_allocvec(self).map_err(|_| WireError::Malformed("catalogue"))
    }

    /// Reads a catalogue that was asked for by what a manifest says of it.
    ///
    /// # Errors
    /// [`WireError::HashMismatch`]; [`WireError::Malformed`] if what must hold of any catalogue does not: steps forward,
    /// segments within their limits, no step beyond the manifest's watermark, and a way from the snapshot to it.
    pub fn decode(bytes: &[u8], manifest: &Manifest) -> Result<Self, WireError> {
        let bad = Err(WireError::Malformed("catalogue"));
        if Hash32::of(bytes) != manifest.catalogue.hash {
            return Err(WireError::HashMismatch);
        }
        let (out, _) = postcard::take_from_bytes::<Self>(bytes).map_err(|_| WireError::Malformed("catalogue"))?;
        let segments = out.deltas.iter().flat_map(|d| &d.segments);
        if !out.snapshot.segments.iter().chain(&out.index).chain(segments).all(consistent)
            || out.deltas.len() > MAX_DELTAS
        {
            return bad;
        }
        if out.deltas.iter().any(|d| d.from >= d.to || d.to > manifest.watermark) {
            return bad;
        }
        let mut reached = out.snapshot.watermark;
        for _ in 0..=out.deltas.len() + manifest.recent.len() {
            let all = out.deltas.iter().chain(&manifest.recent);
            let next = all.filter(|d| d.from <= reached && reached < d.to).map(|d| d.to).max();
            let Some(next) = next else { break };
            reached = next;
        }
        if reached == manifest.watermark { Ok(out) } else { bad }
    }
}

impl Manifest {
    /// Checks what must hold of any manifest, whoever signed it: contiguous deltas that end at the watermark, counts
    /// within limits, and as many frames as the bytes of a segment make.
    ///
    /// # Errors
    /// [`WireError::Malformed`].
    pub fn validate(&self) -> Result<(), WireError> {
        let segments = self.recent.iter().flat_map(|d| &d.segments).chain(&self.dictionary);
        let contiguous = self.recent.windows(2).all(|pair| pair[0].to == pair[1].from);
        let forward = self.recent.iter().all(|d| d.from < d.to);
        let ends = self.recent.last().is_none_or(|d| d.to == self.watermark);
        let whole = segments.into_iter().all(consistent);
        if contiguous && forward && ends && whole && self.recent.len() <= MAX_RECENT {
            Ok(())
        } else {
            Err(WireError::Malformed("manifest"))
        }
    }
}

/// A compartment in a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedCompartment {
    /// Opaque name.
    pub id: CompartmentId,
    /// Name by which policy and officers know it.
    pub name: String,
    /// Source.
    pub source: String,
    /// Kind of its records.
    pub kind: RecordKind,
    /// Whether it carries warnings.
    pub warnings: bool,
    /// Key epochs the device is given, oldest first, with the BLAKE3 hash of each key: the keys travel beside the
    /// signed grant, so that the grant can be kept without them.
    pub epochs: Vec<(u32, Hash32)>,
}

/// What one device may hold and do now. Over mutual TLS only, never cached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Counts this device's grants; only moves forward.
    pub grant_version: u64,
    /// The device.
    pub device: DeviceId,
    /// The officer whose device it is.
    pub officer: String,
    /// The officer's role in policy.
    pub role: String,
    /// When it was issued: hub time, and the start of the lease.
    pub issued: Timestamp,
    /// Version of the policy that it stands on.
    pub policy_version: u64,
    /// What may be held.
    pub compartments: Vec<GrantedCompartment>,
    /// Set: nothing may be used any more, and a wipe order comes beside the grant. By itself it erases nothing: only the wipe
    /// keys can.
    pub wipe: bool,
    /// What is to be erased and may be fetched again: each is obeyed once, with a receipt.
    pub purges: Vec<PurgeOrder>,
    /// Set: the officer is suspended or has left; nothing is granted until that is lifted.
    pub suspended: bool,
}

/// Name of an order, random: its receipt bears it.
pub type OrderId = CompartmentId;

/// Purge orders in one grant, at most.
pub const MAX_PURGES: usize = 64;

/// An order to erase what is held of one compartment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgeOrder {
    /// Its name.
    pub order: OrderId,
    /// What.
    pub compartment: CompartmentId,
}

/// An order to wipe, signed by a wipe key: not the key that signs grants, so that who steals that one cannot erase a force.
///
/// One signature is enough for a device that it names; an order to all devices is obeyed only if two *different* wipe keys
/// have signed the same bytes, so that it takes two persons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WipeOrder {
    /// Its name.
    pub order: OrderId,
    /// Which device; none: all.
    pub device: Option<DeviceId>,
    /// When it was made. A device that was enrolled later is not meant.
    pub issued: Timestamp,
    /// After this time it is not obeyed any more, so that an old order does not erase a device that was given back.
    pub expires: Timestamp,
}

/// A compartment key, which travels beside the grant.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct CompartmentKey {
    /// Compartment.
    #[zeroize(skip)]
    pub compartment: CompartmentId,
    /// Epoch.
    pub epoch: u32,
    /// The key.
    pub key: [u8; 32],
}

impl std::fmt::Debug for CompartmentKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CompartmentKey({}, epoch {}, ...)", self.compartment, self.epoch)
    }
}

/// The answer to a request for the grant: signed grant, its keys, and the signed policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantBundle {
    /// The signed grant.
    pub grant: Vec<u8>,
    /// The keys that its epochs name.
    pub keys: Vec<CompartmentKey>,
    /// The signed policy that it stands on.
    pub policy: Vec<u8>,
    /// Signed wipe orders, each with one signature; two of the same payload for an order to all. At most [`MAX_WIPE_KEYS`].
    pub wipe_orders: Vec<Vec<u8>>,
}
