//! Laws that hold for any values: of batches, of patches, of mark indexes, of sums by range.
#![allow(clippy::unwrap_used)]

#[path = "properties/dice.rs"]
mod dice;

use beatcheck_model::*;
use beatcheck_wire::batch::{self, Change, Context};
use beatcheck_wire::mark_index::{MAX_MARK, MarkIndex};
use beatcheck_wire::patch::{MIN_PREFIX, Patch, RowRef, WHOLE_ID};
use beatcheck_wire::ranges::{RANGES, RangeSums, SumsAnswer, ids_of, range_of};
use beatcheck_wire::segment::{self, Content, OpenAs, SealAs};
use beatcheck_wire::{Catalogue, Hash32, Manifest, WireError};
use dice::{Dice, SOURCE};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn kinds() -> impl Strategy<Value = RecordKind> {
    (0..RecordKind::ALL.len()).prop_map(|i| RecordKind::ALL[i])
}

fn throws() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..1500)
}

/// Marks of the shapes that occur, and of some that do not.
fn marks() -> impl Strategy<Value = Vec<String>> {
    let mark = prop_oneof![
        4 => "[A-C][A-Z][0-9]{2}[A-Z]{3}",
        2 => "[A-Z][0-9]{1,3}[A-Z]{3}",
        2 => "[A-Z]{1,3}[0-9]{1,4}",
        1 => "[A-Z0-9]{1,14}",
        1 => "[0-9]{11,12}",
        1 => "[A-ZÄ-]{1,40}",
    ];
    proptest::collection::vec(mark, 0..300)
}

fn decode_error(bytes: &[u8]) -> Option<WireError> {
    MarkIndex::decode(bytes).err()
}

proptest! {
    #[test]
    fn changes_come_back_as_they_were(kind in kinds(), throws in throws(), prefix in MIN_PREFIX..=WHOLE_ID) {
        let context = Context { kind, source: SOURCE };
        let changes = Dice(&throws).changes(kind, prefix);
        let bytes = batch::encode(&context, prefix, &changes).unwrap();
        let back = batch::decode(&context, &bytes).unwrap();
        prop_assert_eq!(&back, &changes);
        // What is derived depends on the source: another one gives other ids, never an error.
        let other = Context { kind, source: "other" };
        prop_assert_eq!(batch::decode(&other, &bytes).unwrap().len(), changes.len());
        for dictionary in [None, Some(&throws[..])] {
            let how = SealAs { context, prefix, dictionary, key: &[7; 32] };
            let open = OpenAs { context, dictionary, key: &[7; 32] };
            let sealed = segment::seal(&how, &changes, &mut || [1; 16]).unwrap();
            let back: Vec<Change> =
                sealed.iter().flat_map(|s| segment::open(&s.bytes, &s.hash, &open).unwrap()).collect();
            prop_assert_eq!(&back, &changes);
        }
    }

    #[test]
    fn a_damaged_batch_is_refused_or_another(
        kind in kinds(), throws in throws(), hits in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..4),
    ) {
        let context = Context { kind, source: SOURCE };
        let mut bytes = batch::encode(&context, 5, &Dice(&throws).changes(kind, 5)).unwrap();
        let n = bytes.len();
        for (at, value) in hits {
            bytes[at % n] = value;
        }
        if let Ok(changes) = batch::decode(&context, &bytes) {
            let again = batch::encode(&context, bytes[3], &changes).unwrap();
            prop_assert!(again.len() <= bytes.len());
            prop_assert_eq!(batch::decode(&context, &again), Ok(changes));
        }
    }

    #[test]
    fn a_patch_brings_the_old_version_to_the_new(kind in kinds(), a in throws(), b in throws(), len in 0_u8..20) {
        let id = RecordId([3; 16]);
        let (old, new) = (Record { id, ..Dice(&a).record(kind) }, Record { id, ..Dice(&b).record(kind) });
        let mut patch = Patch::of(&new, Patch::diff(&old, &new).unwrap());
        patch.row = RowRef::new(id, len);
        let mut held = old.clone();
        patch.apply(&mut held).unwrap();
        prop_assert_eq!(&held, &new);
        prop_assert_eq!(Patch::diff(&held, &new), Some(0));
        // Another record stays as it is.
        let mut other = Record { id: RecordId([4; 16]), ..old };
        let before = other.clone();
        prop_assert!(patch.apply(&mut other).is_err());
        prop_assert_eq!(other, before);
    }

    #[test]
    fn absorbing_is_applying_in_turn(
        kind in kinds(), a in throws(), b in throws(), c in throws(), fields in any::<[u64; 2]>(),
    ) {
        let id = RecordId([3; 16]);
        let version = |throws: &[u8]| Record { id, ..Dice(throws).record(kind) };
        let (first, second) = (Patch::of(&version(&b), fields[0]), Patch::of(&version(&c), fields[1]));
        let mut in_turn = version(&a);
        first.apply(&mut in_turn).unwrap();
        second.apply(&mut in_turn).unwrap();
        let mut both = first;
        both.absorb(&second);
        let mut at_once = version(&a);
        both.apply(&mut at_once).unwrap();
        prop_assert_eq!(at_once, in_turn);
    }

    #[test]
    fn the_union_of_steps_leads_from_any_version_between(
        kind in kinds(), steps in proptest::collection::vec((throws(), any::<u64>()), 1..6),
    ) {
        let id = RecordId([3; 16]);
        let mut versions = vec![Record { id, version: 0, ..Dice(&[]).record(kind) }];
        for (n, (throws, fields)) in steps.iter().enumerate() {
            // A step changes some fields, and takes the others along.
            let mut next = versions[n].clone();
            let new = Record { id, version: n as u32 + 1, ..Dice(throws).record(kind) };
            Patch::of(&new, *fields).apply(&mut next).unwrap();
            versions.push(next);
        }
        let newest = versions.last().unwrap();
        let union = versions.windows(2).fold(0, |all, pair| all | Patch::diff(&pair[0], &pair[1]).unwrap());
        let patch = Patch::of(newest, union);
        for version in &versions {
            let mut held = version.clone();
            patch.apply(&mut held).unwrap();
            prop_assert_eq!(&held, newest);
        }
    }

    #[test]
    fn an_index_lists_exactly_its_marks(marks in marks(), asked in marks()) {
        let index = MarkIndex::of(marks.iter().map(String::as_str));
        let listed: BTreeSet<&str> = marks.iter().map(String::as_str).filter(|m| m.len() <= MAX_MARK).collect();
        prop_assert_eq!(index.len(), listed.len());
        prop_assert_eq!(index.is_empty(), listed.is_empty());
        let bytes = index.encode();
        let back = MarkIndex::decode(&bytes).unwrap();
        prop_assert_eq!(&back, &index);
        prop_assert_eq!(back.encode(), bytes);
        for mark in marks.iter().chain(&asked) {
            prop_assert_eq!(back.contains(mark), listed.contains(mark.as_str()), "{}", mark);
        }
        // In parts, as it travels.
        let mut whole = Vec::new();
        for part in segment::seal_bytes(Content::MarkIndex, &index.encode(), 0, &[7; 32], &mut || [1; 16]).unwrap() {
            whole.extend(segment::open_bytes(Content::MarkIndex, &part.bytes, &part.hash, &[7; 32]).unwrap());
        }
        prop_assert_eq!(MarkIndex::decode(&whole), Ok(index));
    }

    #[test]
    fn a_damaged_index_is_refused_or_another(
        marks in marks(), at in any::<usize>(), value in any::<u8>(), cut in any::<usize>(),
    ) {
        let mut bytes = MarkIndex::of(marks.iter().map(String::as_str)).encode();
        let n = bytes.len();
        prop_assert!(decode_error(&bytes[..cut % n]).is_some(), "the end is known");
        bytes[at % n] = value;
        if let Ok(index) = MarkIndex::decode(&bytes) {
            prop_assert_eq!(MarkIndex::decode(&index.encode()), Ok(index));
        }
    }

    #[test]
    fn sums_tell_the_ranges_that_differ(
        rows in proptest::collection::btree_map(any::<u32>(), any::<u8>(), 0..40),
        changed in any::<proptest::sample::Index>(),
    ) {
        let id = |n: &u32| RecordId(Hash32::of(&n.to_le_bytes()).0[..16].try_into().unwrap());
        let (mut hub, mut device) = (RangeSums::default(), RangeSums::default());
        rows.iter().for_each(|(n, row)| hub.add(&id(n), &[*row]));
        let damaged = (!rows.is_empty()).then(|| rows.keys().nth(changed.index(rows.len())).unwrap());
        for (n, row) in rows.iter().rev() {
            device.add(&id(n), &[row.wrapping_add(u8::from(Some(n) == damaged))]);
        }
        let parts = SumsAnswer { sums: hub.over_all() }.differing(&device.over_all()).unwrap();
        let expected: Vec<u16> = damaged.map(|n| range_of(&id(n))).into_iter().collect();
        let mut found = Vec::new();
        for first in parts {
            let below = SumsAnswer { sums: hub.below(first) }.differing(&device.below(first)).unwrap();
            found.extend(below.into_iter().map(|second| u16::from_be_bytes([first, second])));
        }
        prop_assert_eq!(&found, &expected);
        for range in found {
            let ((low, high), id) = (ids_of(range), id(damaged.unwrap()));
            prop_assert!(low <= id && id <= high && range_of(&low) == range && range_of(&high) == range);
        }
        let short = SumsAnswer { sums: vec![0; 255] };
        prop_assert_eq!(short.differing(&device.over_all()), Err(WireError::Malformed("list of sums")));
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in throws()) {
        let _ = MarkIndex::decode(&bytes);
        let _ = MarkIndex::decode(&[&[1, 1], &bytes[..]].concat());
        if let Ok((mut manifest, _)) = postcard::take_from_bytes::<Manifest>(&bytes) {
            let _ = manifest.validate();
            manifest.catalogue.hash = Hash32::of(&bytes);
            let _ = Catalogue::decode(&bytes, &manifest);
        }
    }
}

#[test]
fn ranges_cut_all_ids() {
    assert_eq!(ids_of(0).0, RecordId([0; 16]));
    assert_eq!(ids_of(u16::MAX).1, RecordId([0xff; 16]));
    assert_eq!(RANGES, usize::from(u16::MAX) + 1);
}

#[test]
fn the_rarest_and_the_densest_shapes_come_back() {
    // All that a shape has; the first and the last of the largest; ends of each.
    let all: Vec<String> = (0..1000).map(|n| format!("{n:03}")).collect();
    let edges =
        ["AAAAAAAAAAA", "AAAAAAAAAAB", "ZZZZZZZZZZY", "ZZZZZZZZZZZ", "00000000000", "99999999999"].map(String::from);
    for marks in [&all[..], &edges[..], &[all.clone(), edges.to_vec()].concat()] {
        let index = MarkIndex::of(marks.iter().map(String::as_str));
        let bytes = index.encode();
        assert_eq!(MarkIndex::decode(&bytes).unwrap(), index);
        assert!(marks.iter().all(|m| index.contains(m)));
    }
    assert!(MarkIndex::of(all.iter().map(String::as_str)).encode().len() < 140, "a bit each, all being there");
}

#[test]
fn a_patch_of_fields_that_no_kind_has_is_not_written() {
    let record = Dice(&[1; 200]).record(RecordKind::Vehicle);
    let mut patch = Patch::of(&record, u64::MAX);
    assert_eq!(patch.fields, (1 << 18) - 1, "seven common fields and eleven of a vehicle");
    let context = Context { kind: RecordKind::Vehicle, source: SOURCE };
    let change = |patch: &Patch| [Change { seq: 1, op: batch::Op::Patch(patch.clone()) }];
    assert!(batch::encode(&context, 4, &change(&patch)).is_ok());
    patch.fields |= 1 << 18;
    assert_eq!(batch::encode(&context, 4, &change(&patch)), Err(WireError::Malformed("batch")));
}

#[test]
fn long_contents_are_cut_into_parts_within_their_limits() {
    let mut noise = Vec::new();
    (0..20_000_u32).for_each(|n| noise.extend_from_slice(&Hash32::of(&n.to_le_bytes()).0));
    for bytes in [noise, vec![0; 640_000]] {
        let sealed = segment::seal_bytes(Content::MarkIndex, &bytes, 7, &[7; 32], &mut || [1; 16]).unwrap();
        let mut whole = Vec::new();
        for s in &sealed {
            assert!(s.bytes.len() <= segment::MAX_SEGMENT && s.rows == 7);
            let frames = (s.bytes.len() - segment::HEADER).div_ceil(segment::FRAME);
            assert_eq!(usize::from(s.frames), frames);
            whole.extend(segment::open_bytes(Content::MarkIndex, &s.bytes, &s.hash, &[7; 32]).unwrap());
        }
        assert!(sealed.len() == 3 && whole == bytes);
    }
    let dictionary = vec![0; segment::MAX_DICTIONARY + 1];
    let sealed = segment::seal_bytes(Content::Dictionary, &dictionary, 0, &[7; 32], &mut || [1; 16]);
    assert_eq!(sealed.err(), Some(WireError::OverLimit("dictionary")));
}
