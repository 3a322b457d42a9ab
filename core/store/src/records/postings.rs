//! Posting blocks: which rids of one run of 65,536 bear a token, as the steps between them.
//!
//! One row for each (token, block) instead of one for each (token, rid): a name borne by 13,000 of a million persons is
//! read in 16 rows of 2 kB, and a change rewrites one of them. Steps are LEB128; the first counts from 0.

use crate::StoreError;

/// log2 of the rids in a block.
pub(crate) const BLOCK_BITS: u32 = 16;

/// The block of a rid.
pub(crate) fn block_of(rid: i64) -> i64 {
    rid >> BLOCK_BITS
}

/// The place of a rid in its block.
pub(crate) fn place_of(rid: i64) -> u16 {
    (rid & 0xFFFF) as u16
}

/// Encodes places, which must rise.
pub(crate) fn encode(places: &[u16]) -> Vec<u8> {
    let mut out = Vec::with_capacity(places.len() + places.len() / 2 + 1);
    let mut last = 0;
    for &p in places {
        let mut step = p - last;
        last = p;
        while step >= 0x80 {
            out.push(step as u8 | 0x80);
            step >>= 7;
        }
        out.push(step as u8);
    }
    out
}

/// Hands each place of a block to `f`, in order.
pub(crate) fn each(bytes: &[u8], mut f: impl FnMut(u16)) -> Result<(), StoreError> {
    let (mut last, mut step, mut shift) = (0_u32, 0_u32, 0_u32);
    for b in bytes {
        step |= u32::from(b & 0x7F) << shift;
        if b & 0x80 != 0 {
            shift += 7;
            if shift > 14 {
                return Err(StoreError::Corrupt);
            }
            continue;
        }
        last += step;
        (step, shift) = (0, 0);
        f(u16::try_from(last).map_err(|_| StoreError::Corrupt)?);
    }
    if shift == 0 { Ok(()) } else { Err(StoreError::Corrupt) }
}

/// The block with one place added or taken away; `None` if nothing is left in it.
pub(crate) fn edit(bytes: &[u8], place: u16, present: bool) -> Result<Option<Vec<u8>>, StoreError> {
    let mut places = Vec::with_capacity(bytes.len() + 1);
    each(bytes, |p| places.push(p))?;
    match (places.binary_search(&place), present) {
        (Err(at), true) => places.insert(at, place),
        (Ok(at), false) => {
            places.remove(at);
        }
        _ => {}
    }
    Ok((!places.is_empty()).then(|| encode(&places)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(bytes: &[u8]) -> Vec<u16> {
        let mut out = Vec::new();
        each(bytes, |p| out.push(p)).unwrap();
        out
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(set in proptest::collection::btree_set(any::<u16>(), 0..200), p in any::<u16>()) {
            let places: Vec<u16> = set.iter().copied().collect();
            let bytes = encode(&places);
            prop_assert_eq!(decode(&bytes), places);
            let mut with = set.clone();
            with.insert(p);
            let added = edit(&bytes, p, true).unwrap().unwrap();
            prop_assert_eq!(decode(&added), with.iter().copied().collect::<Vec<_>>());
            with.remove(&p);
            let removed = edit(&added, p, false).unwrap().unwrap_or_default();
            prop_assert_eq!(decode(&removed), with.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = each(&bytes, |_| ());
        }
    }
}
