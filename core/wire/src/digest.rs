//! The multiset digest of what is stored: LtHash (Bellare and Micciancio 1997; parameters as in Lewi et al. 2019,
//! 1,024 lanes of 16 bits), over BLAKE3's extendable output.
//!
//! Adding and removing rows commute, so hub and device compute the same digest however the rows arrived, and a change
//! costs one row, not the table. Rows are unique by id, so the multiset is a set.

use crate::{Hash32, WireError};
use beatcheck_model::Record;

const LANES: usize = 1024;
/// Bytes of a digest's state.
pub const STATE_BYTES: usize = LANES * 2;
const CONTEXT: &str = "beatcheck 2026 stored row v1";

/// The canonical bytes of a record: what is stored, and what is hashed.
///
/// # Errors
/// [`WireError::Malformed`] if it cannot be encoded.
pub fn canonical(record: &Record) -> Result<Vec<u8>, WireError> {
    let mut out = vec![crate::RECORD_SCHEMA];
    out = postcard::to_extend(record, out).map_err(|_| WireError::Malformed("record"))?;
    Ok(out)
}

/// Reads what [`canonical`] writes.
///
/// # Errors
/// [`WireError::UnknownVersion`] or [`WireError::Malformed`].
pub fn from_canonical(bytes: &[u8]) -> Result<Record, WireError> {
    match bytes.split_first() {
        // What is hashed takes nothing appended.
        Some((&crate::RECORD_SCHEMA, rest)) => match postcard::take_from_bytes(rest) {
            Ok((record, [])) => Ok(record),
            _ => Err(WireError::Malformed("record")),
        },
        Some((&found, _)) => Err(WireError::UnknownVersion { what: "record", found, known: crate::RECORD_SCHEMA }),
        None => Err(WireError::Truncated),
    }
}

/// A running digest over rows.
///
/// ```
/// use beatcheck_wire::digest::RowDigest;
/// let (mut a, mut b) = (RowDigest::default(), RowDigest::default());
/// a.add(b"x"); a.add(b"y"); a.remove(b"x");
/// b.add(b"y");
/// assert_eq!(a.finish(), b.finish());
/// ```
#[derive(Clone)]
pub struct RowDigest {
    lanes: Box<[u16; LANES]>,
}

impl Default for RowDigest {
    fn default() -> Self {
        Self { lanes: Box::new([0; LANES]) }
    }
}

impl RowDigest {
    fn apply(&mut self, row: &[u8], f: impl Fn(u16, u16) -> u16) {
        let mut out = [0_u8; STATE_BYTES];
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(row);
        hasher.finalize_xof().fill(&mut out);
        for (lane, b) in self.lanes.iter_mut().zip(out.chunks_exact(2)) {
            *lane = f(*lane, u16::from_le_bytes([b[0], b[1]]));
        }
    }

    /// Adds a row's canonical bytes.
    pub fn add(&mut self, row: &[u8]) {
        self.apply(row, u16::wrapping_add);
    }

    /// Removes a row's canonical bytes, which must have been added.
    pub fn remove(&mut self, row: &[u8]) {
        self.apply(row, u16::wrapping_sub);
    }

    /// The digest as manifests carry it.
    #[must_use]
    pub fn finish(&self) -> Hash32 {
        Hash32::of(&self.to_bytes())
    }

    /// The state, to be kept between changes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.lanes.iter().flat_map(|l| l.to_le_bytes()).collect()
    }

    /// A state kept by [`RowDigest::to_bytes`].
    ///
    /// # Errors
    /// [`WireError::Malformed`] if it is not [`STATE_BYTES`] long.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.len() != STATE_BYTES {
            return Err(WireError::Malformed("digest state"));
        }
        let mut out = Self::default();
        for (lane, b) in out.lanes.iter_mut().zip(bytes.chunks_exact(2)) {
            *lane = u16::from_le_bytes([b[0], b[1]]);
        }
        Ok(out)
    }
}
