//! Segments: something compressed in AEAD frames, named by the hash of its ciphertext: a batch, a compartment's
//! dictionary, or a part of its mark index.
//!
//! ```text
//! offset  bytes  what
//! 0       4      "BCSG"
//! 4       1      format version (2)
//! 5       16     salt, random: the segment's key is HKDF-SHA-256(salt, compartment key of the epoch)
//! 21      2      number of frames, little endian
//! 23      ..     frames: each 16,384 bytes, the last one shorter; AES-256-GCM ciphertext and its 16-byte tag
//! ```
//! The plain frames, put together, are one byte that says what it is ([`Content`]) and one zstd frame.
//!
//! A dictionary is trained on the compartment's own records, so it is as secret as they are: it travels as a segment,
//! under the compartment's key, and is signed by being named in a signed manifest.
//!
//! A frame's nonce is its index (little endian, padded with zeros to 12 bytes) and its associated data is the header
//! and the index: a frame can neither be moved nor taken from another segment, and a segment cannot be cut short. A
//! cache that holds one learns its size and nothing else. Frames are the unit of resuming.

use crate::batch::{self, Change, Context};
use crate::{Hash32, WireError};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf;

const MAGIC: &[u8; 4] = b"BCSG";
const VERSION: u8 = 2;
/// Bytes before the first frame.
pub const HEADER: usize = 23;
/// Largest frame as it travels, tag included.
pub const FRAME: usize = 16 * 1024;
const TAG: usize = 16;
/// Largest segment as it travels.
pub const MAX_SEGMENT: usize = 256 * 1024;
/// Largest batch after decompression: what a device must be able to hold in memory.
pub const MAX_PLAIN: usize = 16 * 1024 * 1024;
/// zstd level: segments are written once and read by every device.
const LEVEL: i32 = 15;
/// The same for what fits in a frame or two, where the time is nothing.
const SMALL_LEVEL: i32 = 19;
/// Plain bytes up to which a batch is small.
const SMALL: usize = 64 * 1024;
/// Largest dictionary, in bytes.
pub const MAX_DICTIONARY: usize = 32 * 1024;
/// What one segment can carry once compressed.
const MAX_PAYLOAD: usize = (MAX_SEGMENT - HEADER) / FRAME * (FRAME - TAG);

/// What a segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Content {
    /// A batch of changes.
    Batch = 0,
    /// A batch compressed with the compartment's dictionary.
    BatchWithDictionary = 1,
    /// A dictionary.
    Dictionary = 2,
    /// A part of a mark index; the parts in their order are one.
    MarkIndex = 3,
}

impl Content {
    const fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Batch,
            1 => Self::BatchWithDictionary,
            2 => Self::Dictionary,
            3 => Self::MarkIndex,
            _ => return None,
        })
    }
}

struct Okm;
impl hkdf::KeyType for Okm {
    fn len(&self) -> usize {
        32
    }
}

fn frame_key(key: &[u8; 32], salt: &[u8]) -> LessSafeKey {
    let mut out = [0; 32];
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(key);
    // Both cannot fail: the length is one block, and 32 bytes is AES-256's key size.
    if let Ok(okm) = prk.expand(&[b"beatcheck segment v2"], Okm) {
        let _ = okm.fill(&mut out);
    }
    let unbound = UnboundKey::new(&AES_256_GCM, &out);
    zeroize::Zeroize::zeroize(&mut out);
    LessSafeKey::new(unbound.unwrap_or_else(|_| unreachable!("32 bytes are an AES-256 key")))
}

fn nonce(index: u16) -> Nonce {
    let mut n = [0; 12];
    n[..2].copy_from_slice(&index.to_le_bytes());
    Nonce::assume_unique_for_key(n)
}

fn aad(header: &[u8], index: u16) -> Aad<[u8; HEADER + 2]> {
    let mut a = [0; HEADER + 2];
    a[..HEADER].copy_from_slice(header);
    a[HEADER..].copy_from_slice(&index.to_le_bytes());
    Aad::from(a)
}

/// A segment ready to be stored and listed.
#[derive(Debug)]
pub struct Sealed {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Their hash: its name.
    pub hash: Hash32,
    /// Number of frames.
    pub frames: u16,
    /// Changes in it.
    pub rows: u32,
    /// Size of the batch before compression.
    pub plain_bytes: usize,
}

/// How batches are sealed.
#[derive(Clone, Copy, Debug)]
pub struct SealAs<'a> {
    /// Kind and source of the records.
    pub context: Context<'a>,
    /// Bytes of an id that name a row ([`batch::encode`]).
    pub prefix: u8,
    /// The compartment's dictionary, if it has one.
    pub dictionary: Option<&'a [u8]>,
    /// The compartment's key of the epoch.
    pub key: &'a [u8; 32],
}

/// Seals `changes` into as many segments as they need, in order. `salt` is asked for fresh random bytes.
///
/// # Errors
/// [`WireError::OverLimit`] if one single change exceeds a segment; others as [`batch::encode`].
pub fn seal(
    how: &SealAs<'_>,
    changes: &[Change],
    salt: &mut dyn FnMut() -> [u8; 16],
) -> Result<Vec<Sealed>, WireError> {
    let content = if how.dictionary.is_some() { Content::BatchWithDictionary } else { Content::Batch };
    let mut out = Vec::new();
    let (mut rest, mut take) = (changes, 4096_usize);
    while !rest.is_empty() {
        take = take.clamp(1, rest.len());
        let (now, later) = rest.split_at(take);
        let plain = batch::encode(&how.context, how.prefix, now)?;
        let packed = pack(content, &plain, how.dictionary)?;
        if plain.len() > MAX_PLAIN || packed.len() > MAX_PAYLOAD {
            if take == 1 {
                return Err(WireError::OverLimit("a single record"));
            }
            take /= 2;
            continue;
        }
        // Aim the next one at nine tenths of a full segment.
        let aim = MAX_PAYLOAD * 9 / 10;
        let next = take.saturating_mul(aim) / packed.len().max(1);
        out.push(seal_one(&packed, plain.len(), now.len() as u32, how.key, salt()));
        rest = later;
        take = next.clamp(take / 2 + 1, take * 4);
    }
    Ok(out)
}

/// Seals a dictionary or a mark index, in as many segments as it needs (none for no bytes); `rows` is noted with each.
///
/// # Errors
/// [`WireError::OverLimit`] for a dictionary over [`MAX_DICTIONARY`]; [`WireError::Malformed`] for a batch, which
/// [`seal`] is for.
pub fn seal_bytes(
    content: Content,
    bytes: &[u8],
    rows: u32,
    key: &[u8; 32],
    salt: &mut dyn FnMut() -> [u8; 16],
) -> Result<Vec<Sealed>, WireError> {
    match content {
        Content::Dictionary if bytes.len() > MAX_DICTIONARY => return Err(WireError::OverLimit("dictionary")),
        Content::Dictionary | Content::MarkIndex => {}
        Content::Batch | Content::BatchWithDictionary => return Err(WireError::Malformed("segment's content")),
    }
    // What does not shrink grows by a few bytes for each 128 KiB.
    let parts = bytes.chunks(MAX_PAYLOAD - 1024);
    parts.map(|p| Ok(seal_one(&pack(content, p, None)?, p.len(), rows, key, salt()))).collect()
}

fn pack(content: Content, plain: &[u8], dictionary: Option<&[u8]>) -> Result<Vec<u8>, WireError> {
    let failed = |_| WireError::Malformed("batch");
    let level = if plain.len() <= SMALL { SMALL_LEVEL } else { LEVEL };
    let mut compressor = match dictionary {
        Some(d) => zstd::bulk::Compressor::with_dictionary(level, d).map_err(failed)?,
        None => zstd::bulk::Compressor::new(level).map_err(failed)?,
    };
    // Frames are authenticated, and the decompressor is given its limit: neither is needed twice.
    compressor.include_checksum(false).map_err(failed)?;
    compressor.include_dictid(false).map_err(failed)?;
    let packed = compressor.compress(plain).map_err(failed)?;
    let mut out = Vec::with_capacity(packed.len() + 1);
    out.push(content as u8);
    out.extend_from_slice(&packed);
    Ok(out)
}

fn seal_one(packed: &[u8], plain_bytes: usize, rows: u32, key: &[u8; 32], salt: [u8; 16]) -> Sealed {
    let frames = packed.len().div_ceil(FRAME - TAG).max(1) as u16;
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(MAGIC);
    header[4] = VERSION;
    header[5..21].copy_from_slice(&salt);
    header[21..].copy_from_slice(&frames.to_le_bytes());
    let key = frame_key(key, &salt);
    let mut bytes = header.to_vec();
    for (i, chunk) in packed.chunks(FRAME - TAG).enumerate() {
        let mut buf = chunk.to_vec();
        // Sealing fails only beyond 2^36 bytes.
        let _ = key.seal_in_place_append_tag(nonce(i as u16), aad(&header, i as u16), &mut buf);
        bytes.extend_from_slice(&buf);
    }
    Sealed { hash: Hash32::of(&bytes), bytes, frames, rows, plain_bytes }
}

/// The byte range of frame `index` in a segment of `bytes` bytes; frame 0 brings the header with it.
#[must_use]
pub fn frame_range(bytes: u32, index: u16) -> std::ops::Range<u32> {
    let start = if index == 0 { 0 } else { HEADER as u32 + u32::from(index) * FRAME as u32 };
    let end = (HEADER as u32 + (u32::from(index) + 1) * FRAME as u32).min(bytes);
    start.min(end)..end
}

/// What is needed to read batches.
#[derive(Clone, Copy, Debug)]
pub struct OpenAs<'a> {
    /// Kind and source of the records.
    pub context: Context<'a>,
    /// The compartment's dictionary, if it has one.
    pub dictionary: Option<&'a [u8]>,
    /// The compartment's key of the segment's epoch.
    pub key: &'a [u8; 32],
}

/// Opens a whole segment of changes whose bytes were asked for by `hash`.
///
/// # Errors
/// [`WireError::HashMismatch`] if these are not the bytes; [`WireError::BadFrame`] for a wrong key or an altered frame;
/// [`WireError::WrongKind`] if it holds something else or needs a dictionary that is not given; others if what is
/// inside does not decode.
pub fn open(bytes: &[u8], hash: &Hash32, how: &OpenAs<'_>) -> Result<Vec<Change>, WireError> {
    let (content, packed) = decrypt(bytes, hash, how.key)?;
    let dictionary = match content {
        Content::Batch => None,
        Content::BatchWithDictionary if how.dictionary.is_some() => how.dictionary,
        _ => return Err(WireError::WrongKind("batch whose dictionary is here")),
    };
    let plain = unpack(&packed, dictionary, MAX_PLAIN);
    batch::decode(&how.context, &plain.ok_or(WireError::Malformed("compressed batch"))?)
}

/// Opens a dictionary or a part of a mark index.
///
/// # Errors
/// As [`open`].
pub fn open_bytes(expect: Content, bytes: &[u8], hash: &Hash32, key: &[u8; 32]) -> Result<Vec<u8>, WireError> {
    let limit = match expect {
        Content::Dictionary => MAX_DICTIONARY,
        _ => MAX_SEGMENT,
    };
    let (content, packed) = decrypt(bytes, hash, key)?;
    if content != expect {
        return Err(WireError::WrongKind("segment of this content"));
    }
    unpack(&packed, None, limit).ok_or(WireError::Malformed("compressed segment"))
}

/// What one zstd frame holds, if that is at most `limit` bytes. No more than it says of itself is allocated.
fn unpack(packed: &[u8], dictionary: Option<&[u8]>, limit: usize) -> Option<Vec<u8>> {
    let says = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten().and_then(|n| usize::try_from(n).ok());
    let limit = says.unwrap_or(limit).min(limit);
    let mut z = zstd::bulk::Decompressor::with_dictionary(dictionary.unwrap_or_default()).ok()?;
    z.decompress(packed, limit).ok()
}

/// The content byte, and what is compressed.
fn decrypt(bytes: &[u8], hash: &Hash32, key: &[u8; 32]) -> Result<(Content, Vec<u8>), WireError> {
    if Hash32::of(bytes) != *hash {
        return Err(WireError::HashMismatch);
    }
    if bytes.len() > MAX_SEGMENT {
        return Err(WireError::OverLimit("segment"));
    }
    let (header, body) = bytes.split_at_checked(HEADER).ok_or(WireError::Truncated)?;
    if &header[..4] != MAGIC {
        return Err(WireError::WrongKind("segment"));
    }
    if header[4] != VERSION {
        return Err(WireError::UnknownVersion { what: "segment", found: header[4], known: VERSION });
    }
    let frames = u16::from_le_bytes([header[21], header[22]]);
    if body.len().div_ceil(FRAME) != usize::from(frames) {
        return Err(WireError::Truncated);
    }
    let key = frame_key(key, &header[5..21]);
    let mut packed = Vec::with_capacity(body.len());
    for (i, chunk) in body.chunks(FRAME).enumerate() {
        let mut buf = chunk.to_vec();
        let plain =
            key.open_in_place(nonce(i as u16), aad(header, i as u16), &mut buf).map_err(|_| WireError::BadFrame)?;
        packed.extend_from_slice(plain);
    }
    if packed.is_empty() {
        return Err(WireError::Truncated);
    }
    let rest = packed.split_off(1);
    Ok((Content::of(packed[0]).ok_or(WireError::WrongKind("segment of a known content"))?, rest))
}
