//! The account: a chain without gaps, through reopening, several writers and a full disk.

#![allow(clippy::unwrap_used)]

mod common;

use beatcheck_store::{Journal, Made, RESERVE_BYTES, StoreError};
use beatcheck_wire::journal::{MAX_ENTRY_BYTES, SealedEntry, genesis, verify_chain};
use common::*;
use std::path::Path;
use tempfile::tempdir;

fn open(path: &Path) -> Journal {
    Journal::open(path, &key(2), compartment(50)).unwrap()
}

fn add(journal: &Journal, count: usize) -> Result<u64, StoreError> {
    journal
        .append(count, &mut |i, seq| Ok(Made { sealed: format!("sealed {i} {seq}").into_bytes(), ..Made::default() }))
}

#[test]
fn a_chain_from_the_device_through_acknowledgement_and_reopening() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("j");
    let journal = open(&path);
    assert_eq!(journal.previous_link().unwrap(), (0, genesis(compartment(50))));
    assert_eq!(add(&journal, 3).unwrap(), 1);
    assert_eq!(add(&journal, 0).unwrap(), 4);
    assert_eq!(add(&journal, 2).unwrap(), 4);
    let all = journal.pending(10, usize::MAX).unwrap();
    let end = verify_chain(journal.previous_link().unwrap(), &all).unwrap();
    assert_eq!(end.0, 5);
    assert_eq!(journal.pending(2, usize::MAX).unwrap(), all[..2]);
    assert_eq!(journal.pending(10, 1).unwrap(), all[..1], "one at least");
    assert_eq!(journal.pending(10, all[0].sealed.len() * 2).unwrap(), all[..2]);
    assert_eq!(journal.ack(2).unwrap(), 2);
    assert_eq!(journal.ack(2).unwrap(), 0);
    assert_eq!(journal.ack(1).unwrap(), 0);
    drop(journal);
    let journal = open(&path);
    assert_eq!(journal.previous_link().unwrap(), (2, all[1].hash));
    let stats = journal.stats().unwrap();
    assert_eq!((stats.last_seq, stats.acked, stats.pending, stats.reserve_low), (5, 2, 3, false));
    assert_eq!(stats.pending_bytes, all[2..].iter().map(|e| e.sealed.len() as u64).sum::<u64>());
    assert_eq!(journal.ack(99).unwrap(), 3, "never beyond the last");
    assert_eq!(journal.previous_link().unwrap(), end);
    assert_eq!(add(&journal, 1).unwrap(), 6);
    verify_chain(end, &journal.pending(10, usize::MAX).unwrap()).unwrap();
    let other = Journal::open(&path, &key(2), compartment(51));
    assert!(matches!(other, Err(StoreError::Corrupt)), "another device's journal");
    assert!(matches!(Journal::open(&path, &key(9), compartment(50)), Err(StoreError::Corrupt)));
}

#[test]
fn an_entry_that_cannot_be_made_takes_the_others_with_it() {
    let dir = tempdir().unwrap();
    let journal = open(&dir.path().join("j"));
    let refused = journal.append(3, &mut |i, _| {
        if i == 2 { Err(StoreError::Closed) } else { Ok(Made { sealed: vec![1], ..Made::default() }) }
    });
    assert!(refused.is_err());
    let large = journal.append(1, &mut |_, _| Ok(Made { sealed: vec![0; MAX_ENTRY_BYTES + 1], ..Made::default() }));
    assert!(matches!(large, Err(StoreError::Wire(_))));
    assert_eq!(journal.stats().unwrap().last_seq, 0);
    assert_eq!(add(&journal, 1).unwrap(), 1);
}

#[test]
fn several_handles_append_to_one_chain() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("j");
    let first = open(&path);
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                let journal = open(&path);
                for n in 0..15 {
                    add(&journal, 1 + n % 2).unwrap();
                }
            });
        }
    });
    let all: Vec<SealedEntry> = first.pending(1000, usize::MAX).unwrap();
    assert_eq!(all.len(), 4 * 22);
    verify_chain(first.previous_link().unwrap(), &all).unwrap();
}

#[test]
fn a_full_disk_uses_the_reserve_and_then_refuses() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("j");
    let reserve = dir.path().join("j.reserve");
    let journal = open(&path);
    assert_eq!(reserve.metadata().unwrap().len(), RESERVE_BYTES);
    let large = |seq: u64| vec![seq as u8; 20_000];
    let append = || journal.append(1, &mut |_, seq| Ok(Made { sealed: large(seq), ..Made::default() }));
    append().unwrap();
    // Full but for the reserve: this one is written, and the reserve is gone.
    journal.set_max_pages_while_reserved(12).unwrap();
    append().unwrap();
    assert!(!reserve.exists());
    assert!(journal.stats().unwrap().reserve_low);
    // Full: refused, and nothing appended.
    journal.set_max_pages(12).unwrap();
    let refused = append();
    assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
    assert_eq!(journal.stats().unwrap().last_seq, 2);
    // The hub takes what waits: room again, for the reserve too.
    assert_eq!(journal.ack(2).unwrap(), 2);
    assert!(!journal.stats().unwrap().reserve_low);
    assert_eq!(append().unwrap(), 3);
    verify_chain(journal.previous_link().unwrap(), &journal.pending(9, usize::MAX).unwrap()).unwrap();
}

#[test]
fn an_entry_with_a_name_is_written_once_and_its_order_told_until_it_is_acknowledged() {
    use beatcheck_model::Timestamp;
    let dir = tempdir().unwrap();
    let path = dir.path().join("j");
    let journal = open(&path);
    let (first, second) = (compartment(1), compartment(2));
    let once = |journal: &Journal, name: &str, order, at| {
        let mut make =
            |_: usize, seq: u64| Ok(Made { sealed: format!("sealed {seq}").into_bytes(), ..Made::default() });
        journal.append_once(name, order, Timestamp(at), &mut make)
    };
    assert!(once(&journal, "purge/1", Some(first), 7).unwrap());
    assert!(!once(&journal, "purge/1", Some(first), 8).unwrap());
    assert!(once(&journal, "wiped", None, 9).unwrap());
    assert!(once(&journal, "purge/2", Some(second), 6).unwrap());
    assert_eq!(journal.stats().unwrap().last_seq, 3);
    // An entry that cannot be made leaves no mark.
    assert!(journal.append_once("purge/3", None, Timestamp(1), &mut |_, _| Err(StoreError::Closed)).is_err());
    drop(journal);
    let journal = open(&path);
    assert!(!once(&journal, "wiped", None, 9).unwrap(), "after a restart neither");
    assert!(once(&journal, "purge/3", None, 1).unwrap());
    assert_eq!(journal.obeyed().unwrap(), [first, second].into());
    let waiting = journal.receipts(10).unwrap();
    assert_eq!(waiting.iter().map(|r| (r.order, r.at.0)).collect::<Vec<_>>(), [(second, 6), (first, 7)]);
    assert_eq!(journal.receipts(1).unwrap(), waiting[..1]);
    journal.receipts_told(&waiting[..1]).unwrap();
    assert_eq!(journal.receipts(10).unwrap(), waiting[1..]);
    assert_eq!(journal.obeyed().unwrap().len(), 2, "told or not");
}

#[test]
fn a_journal_says_whether_it_continues_what_is_remembered() {
    let dir = tempdir().unwrap();
    let journal = open(&dir.path().join("j"));
    assert_eq!(journal.continues(0, &genesis(compartment(50))).unwrap(), Some(true));
    add(&journal, 4).unwrap();
    let all = journal.pending(10, usize::MAX).unwrap();
    let end = journal.last_link().unwrap();
    assert_eq!(end, (4, all[3].hash));
    assert_eq!(journal.continues(4, &all[3].hash).unwrap(), Some(true));
    assert_eq!(journal.continues(2, &all[1].hash).unwrap(), Some(true));
    assert_eq!(journal.continues(2, &all[2].hash).unwrap(), Some(false), "another history");
    assert_eq!(journal.continues(5, &all[3].hash).unwrap(), Some(false), "its tail is gone");
    journal.ack(2).unwrap();
    assert_eq!(journal.continues(2, &all[1].hash).unwrap(), Some(true), "the last that was acknowledged is known");
    assert_eq!(journal.continues(1, &all[0].hash).unwrap(), None, "one before it is not");
}

#[test]
fn numbers_of_the_state_are_counted_and_put_right() {
    let dir = tempdir().unwrap();
    let state = beatcheck_store::State::open(&dir.path().join("s"), &key(3)).unwrap();
    assert_eq!(state.number("n").unwrap(), None);
    assert_eq!((state.count("n").unwrap(), state.count("n").unwrap()), (1, 2));
    state.set_number_if("n", 1, 9).unwrap();
    assert_eq!(state.number("n").unwrap(), Some(2), "it has moved on");
    state.set_number_if("n", 2, 9).unwrap();
    assert_eq!(state.count("n").unwrap(), 10);
    state.put_all(&[("n", Some(b"short"))]).unwrap();
    assert!(matches!(state.count("n"), Err(StoreError::Corrupt)));
}
