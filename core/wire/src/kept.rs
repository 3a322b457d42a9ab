//! The account of a device whose hardware key is lost, handed in by the device that it became.
//!
//! What is handed in is the old device's journal file as it lies there, and the key that opens it, sealed to the hub's
//! audit key when the old device was enrolled. It travels in pieces; each says where it belongs, so that a broken upload
//! goes on where it ended, and the same piece twice is the same as once.

use crate::DeviceId;
use serde::{Deserialize, Serialize};

/// Version of both forms.
pub const VERSION: u8 = 1;
/// Bytes of one piece, at most.
pub const MAX_PIECE: usize = 512 * 1024;
/// Bytes of a piece with what is said of it, at most.
pub const MAX_CHUNK_BYTES: usize = MAX_PIECE + 4 * 1024;
/// Bytes of a sealed key, at most.
pub const MAX_ESCROW: usize = 1024;
/// Bytes of all pieces, at most: a journal may not grow larger before checks are refused.
pub const MAX_KEPT_BYTES: u64 = 640 * 1024 * 1024;

/// A piece of a kept account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptChunk {
    /// [`VERSION`].
    pub version: u8,
    /// Whose account it is: the device that this one was before.
    pub former: DeviceId,
    /// The journal file's key, sealed to the hub's audit key.
    pub escrow: Vec<u8>,
    /// Bytes of the journal file.
    pub journal: u64,
    /// Bytes of its write-ahead log, which follow those.
    pub wal: u64,
    /// Where this piece begins.
    pub offset: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl KeptChunk {
    /// Whether it is within its limits.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let total = self.journal.checked_add(self.wal).filter(|t| *t <= MAX_KEPT_BYTES);
        let end = self.offset.checked_add(self.bytes.len() as u64);
        self.bytes.len() <= MAX_PIECE
            && self.escrow.len() <= MAX_ESCROW
            && matches!((total, end), (Some(total), Some(end)) if end <= total)
    }
}

/// What the hub has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptAck {
    /// Bytes from the first on; all of them: it is handed in.
    pub have: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_lies_within_what_is_announced() {
        let chunk = |offset, len: usize| KeptChunk {
            version: VERSION,
            former: DeviceId::default(),
            escrow: vec![],
            journal: 100,
            wal: 20,
            offset,
            bytes: vec![0; len],
        };
        assert!(chunk(0, 120).is_sound() && chunk(120, 0).is_sound());
        assert!(!chunk(1, 120).is_sound() && !chunk(u64::MAX, 1).is_sound());
        assert!(!KeptChunk { wal: u64::MAX, ..chunk(0, 1) }.is_sound());
        assert!(!KeptChunk { journal: MAX_KEPT_BYTES, ..chunk(0, 1) }.is_sound());
        assert!(!KeptChunk { escrow: vec![0; MAX_ESCROW + 1], ..chunk(0, 1) }.is_sound());
    }
}
