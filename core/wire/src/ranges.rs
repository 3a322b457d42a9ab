//! Where two stores differ: sums of rows by range of ids, so that a repair fetches a few rows and not a compartment.
//!
//! Ids are hashes, so their first two bytes cut a compartment into 65,536 ranges of nearly equal size: 15 rows each of a
//! million. A device that finds its rows to be others than their digest says asks the hub for the 256 sums by first byte,
//! then for the 256 below each that differs, then for the rows of the ranges that differ. The sums only say *where*: what
//! comes out is proven by the compartment's digest like any other state, so they need no signature and no great strength.

use crate::{CompartmentId, WireError};
use beatcheck_model::RecordId;
use serde::{Deserialize, Serialize};

/// Ranges in all.
pub const RANGES: usize = 65_536;
/// Ranges whose rows one repair fetches, at most; more damage than that is rebuilt.
pub const MAX_REPAIR_RANGES: usize = 64;
/// First bytes whose 256 ranges one repair looks into, at most.
pub const MAX_REPAIR_PARTS: usize = 16;

/// Asks for 256 sums of the state at a watermark: by first byte, or below one first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SumsRequest {
    /// Compartment.
    pub compartment: CompartmentId,
    /// State.
    pub watermark: u64,
    /// The first byte; none for the sums over all.
    pub first: Option<u8>,
}

/// The 256 sums.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SumsAnswer {
    /// In the order of the byte.
    pub sums: Vec<u64>,
}

/// Asks for the rows of ranges, as segments of upserts sealed for the compartment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsRequest {
    /// Compartment.
    pub compartment: CompartmentId,
    /// State.
    pub watermark: u64,
    /// Ranges, rising; at most [`MAX_REPAIR_RANGES`].
    pub ranges: Vec<u16>,
}

/// The rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsAnswer {
    /// Which of the compartment's keys opens them.
    pub key_epoch: u32,
    /// Segments, in order; made for this answer and kept by nobody.
    pub segments: Vec<Vec<u8>>,
}

/// The range that an id falls into.
#[must_use]
pub const fn range_of(id: &RecordId) -> u16 {
    u16::from_be_bytes([id.0[0], id.0[1]])
}

/// The ids of a range: first and last.
#[must_use]
pub fn ids_of(range: u16) -> (RecordId, RecordId) {
    let [a, b] = range.to_be_bytes();
    let (mut first, mut last) = ([0; 16], [0xff; 16]);
    (first[0], first[1], last[0], last[1]) = (a, b, a, b);
    (RecordId(first), RecordId(last))
}

/// Running sums over rows: for each range the wrapping sum of 8 bytes of BLAKE3 over id and canonical bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct RangeSums(Vec<u64>);

impl std::fmt::Debug for RangeSums {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RangeSums")
    }
}

impl Default for RangeSums {
    fn default() -> Self {
        Self(vec![0; RANGES])
    }
}

impl RangeSums {
    /// Adds a row: its id as it is stored, and its canonical bytes.
    ///
    /// ```
    /// use beatcheck_model::RecordId;
    /// use beatcheck_wire::ranges::RangeSums;
    /// let (mut a, mut b) = (RangeSums::default(), RangeSums::default());
    /// a.add(&RecordId([3; 16]), b"row");
    /// b.add(&RecordId([3; 16]), b"rot");
    /// assert_eq!(a.over_all().iter().zip(b.over_all()).filter(|(x, y)| **x != *y).count(), 1);
    /// assert_ne!(a.below(3), b.below(3));
    /// assert_eq!(a.below(4), b.below(4));
    /// ```
    pub fn add(&mut self, id: &RecordId, row: &[u8]) {
        let mut hasher = blake3::Hasher::new_derive_key("beatcheck 2026 range sum v1");
        hasher.update(&id.0);
        hasher.update(row);
        let mut first = [0; 8];
        hasher.finalize_xof().fill(&mut first);
        let sum = &mut self.0[usize::from(range_of(id))];
        *sum = sum.wrapping_add(u64::from_le_bytes(first));
    }

    /// The sums by first byte.
    #[must_use]
    pub fn over_all(&self) -> Vec<u64> {
        self.0.chunks(256).map(|c| c.iter().fold(0, |a: u64, b| a.wrapping_add(*b))).collect()
    }

    /// The sums of the 256 ranges below a first byte.
    #[must_use]
    pub fn below(&self, first: u8) -> Vec<u64> {
        let start = usize::from(first) * 256;
        self.0[start..start + 256].to_vec()
    }
}

impl SumsAnswer {
    /// The places in which the hub's sums differ from the device's.
    ///
    /// # Errors
    /// [`WireError::Malformed`] if there are not 256.
    pub fn differing(&self, own: &[u64]) -> Result<Vec<u8>, WireError> {
        if self.sums.len() != 256 || own.len() != 256 {
            return Err(WireError::Malformed("list of sums"));
        }
        Ok((0..=255).filter(|i| self.sums[usize::from(*i)] != own[usize::from(*i)]).collect())
    }
}
