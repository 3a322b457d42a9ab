//! No plaintext in any file this crate writes; staged frames resume; files are whole or not there.

#![allow(clippy::unwrap_used)]

mod common;

use beatcheck_model::{PartialDate, RecordKind, Timestamp};
use beatcheck_store::{
    Compartment, FLUSH_EVERY_MS, Journal, LateHitRow, Made, Staging, State, StoreError, Told, shred_file, write_atomic,
};
use beatcheck_wire::Hash32;
use common::*;
use std::path::Path;
use tempfile::tempdir;

const MARK: &str = "SENTINELMARK1";
const SURNAME: &str = "sentinelsurname";
const PNC: &str = "55/SENTINELPNC";
const DOCUMENT: &str = "sentinel-document-name";
const QUESTION: &str = "{\"sentinel\":\"question\"}";
const TOLD: &str = "{\"sentinel\":\"told-text\"}";
const SENTINELS: [&str; 8] = [MARK, SURNAME, PNC, "55SENTINELPNC", DOCUMENT, QUESTION, TOLD, "CREATE TABLE"];

/// Sentinels found in any file under `dir`.
fn found(dir: &Path) -> Vec<&'static str> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            out.extend(found(&path));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let holds = |s: &&str| bytes.windows(s.len()).any(|w| w == s.as_bytes());
        out.extend(SENTINELS.into_iter().filter(holds));
    }
    out.sort_unstable();
    out.dedup();
    out
}

#[test]
fn no_plaintext_in_any_file() {
    let dir = tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let v1 = [upsert(1, vehicle(1, 1, MARK, "SENTINELVIN001"))];
    let vehicles = build(&at("v"), RecordKind::Vehicle, &v1).unwrap();
    let p1 = [upsert(1, person(1, 1, "Alan", SURNAME, PartialDate::new(1980, 1, 1), PNC))];
    let persons = build(&at("p"), RecordKind::Person, &p1).unwrap();
    // A delta too, so that the WAL holds rows.
    let mut published = Published::of(&p1);
    let delta = [upsert(2, person(2, 1, "Bert", SURNAME, PartialDate::new(1981, 1, 1), PNC))];
    published.apply(&delta);
    persons.apply(1, &mut stream(&delta), &published.checkpoint()).unwrap();
    let journal = Journal::open(&at("j"), &key(2), compartment(50)).unwrap();
    let told = Told { reference: "R1".into(), at: Timestamp(5), query_json: QUESTION.into(), told_json: TOLD.into() };
    journal
        .append(1, &mut |_, _| Ok(Made { sealed: vec![1; 40], told: Some(told.clone()), ..Made::default() }))
        .unwrap();
    let state = State::open(&at("s"), &key(3)).unwrap();
    state.put_all(&[(DOCUMENT, Some(SURNAME.as_bytes()))]).unwrap();
    let staging = Staging::open(&at("staged"), &key(4)).unwrap();
    staging.put_frame(&Hash32([8; 32]), 0, &[3; 5000]).unwrap();
    staging.flush().unwrap();
    // With everything open, so with WAL and shared memory, and again closed.
    assert!(at("p-wal").metadata().unwrap().len() > 0);
    assert_eq!(found(dir.path()), [""; 0]);
    drop((vehicles, persons, journal, state, staging));
    assert_eq!(found(dir.path()), [""; 0]);

    // The same search finds them all in plain SQLite: it is not blind.
    let plain = tempdir().unwrap();
    for (file, key_of) in [("v", 1), ("p", 1), ("j", 2), ("s", 3)] {
        let raw = rusqlite::Connection::open(at(file)).unwrap();
        let hex: String = key(key_of).iter().map(|b| format!("{b:02x}")).collect();
        raw.execute_batch(&format!(
            "PRAGMA key=\"x'{hex}'\"; PRAGMA cipher_hmac_algorithm=HMAC_SHA256;
             ATTACH '{}' AS plain KEY ''; SELECT sqlcipher_export('plain'); DETACH plain;",
            plain.path().join(file).display()
        ))
        .unwrap();
    }
    let mut all = SENTINELS.to_vec();
    all.sort_unstable();
    assert_eq!(found(plain.path()), all);
}

#[test]
fn names_of_staged_frames_tell_nothing_and_frames_resume() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("staged");
    let segment = Hash32(*b"a segment's well known hash 32by");
    {
        let staging = Staging::open(&path, &key(4)).unwrap();
        staging.put_frame(&segment, 0, b"head ").unwrap();
        staging.put_frame(&segment, 2, b"tail").unwrap();
        staging.flush().unwrap();
        assert!(matches!(Staging::open(&path, &key(4)), Err(StoreError::Busy)), "held by one at a time");
    }
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(&path).unwrap() {
        bytes.extend(std::fs::read(entry.unwrap().path()).unwrap_or_default());
    }
    assert!(!bytes.windows(12).any(|w| w == &segment.0[..12]), "the hash is on the disk");
    let staging = Staging::open(&path, &key(4)).unwrap();
    assert_eq!(staging.frames(&segment, 3).unwrap(), [true, false, true]);
    assert_eq!(staging.segment(&segment, 3).unwrap(), None);
    staging.put_frame(&segment, 1, b"and ").unwrap();
    staging.put_frame(&segment, 1, b"and ").unwrap();
    assert_eq!(staging.segment(&segment, 3).unwrap().unwrap(), b"head and tail");
    assert!(staging.bytes() > 0);
    staging.drop_segment(&segment, 3).unwrap();
    assert_eq!(staging.frames(&segment, 3).unwrap(), [false; 3]);
    staging.put_frame(&segment, 0, b"x").unwrap();
    staging.clear().unwrap();
    assert_eq!(staging.frames(&segment, 1).unwrap(), [false]);
    drop(staging);
    Staging::remove(&path).unwrap();
    Staging::remove(&path).unwrap();
    assert!(!path.exists());
}

/// What a process that is killed leaves behind: the files as they are now, and nothing of its RAM.
fn killed(from: &Path, to: &Path) -> Staging {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            std::fs::create_dir_all(to.join(entry.file_name())).unwrap();
            for inner in std::fs::read_dir(entry.path()).unwrap() {
                let inner = inner.unwrap();
                std::fs::copy(inner.path(), to.join(entry.file_name()).join(inner.file_name())).unwrap();
            }
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
    Staging::open(to, &key(4)).unwrap()
}

#[test]
fn frames_are_durable_when_it_is_time_and_many_segments_are_dropped_at_once() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("staged");
    let staging = Staging::open(&path, &key(4)).unwrap();
    let segment = |n: u8| Hash32([n; 32]);
    // Each frame of a slow link is there at once; of a fast one, those of the last moment are not waited for.
    let (mut now, mut flushed) = (1_000, Vec::new());
    for (i, passed) in [(0, 700), (1, 700), (2, 10), (3, 10), (4, FLUSH_EVERY_MS - 20), (5, 1)] {
        now += passed;
        staging.put_frame(&segment(1), i, &[i as u8; 9_000]).unwrap();
        flushed.push(staging.flush_if_due(now).unwrap());
        if flushed[usize::from(i)] {
            let left = killed(&path, &dir.path().join(format!("left{i}")));
            assert!(left.frames(&segment(1), i + 1).unwrap().iter().all(|f| *f), "frame {i} is lost");
        }
    }
    assert_eq!(flushed, [true, true, false, false, true, false]);
    assert!(staging.flush_if_due(now - 500).unwrap(), "a clock that runs backwards stops nothing");
    for n in 2..5 {
        (0..3).for_each(|i| staging.put_frame(&segment(n), i, &[n; 100]).unwrap());
    }
    staging.drop_all_of(&[(segment(1), 6), (segment(3), 2), (segment(9), 4)]).unwrap();
    staging.drop_all_of(&[]).unwrap();
    assert_eq!(staging.frames(&segment(1), 6).unwrap(), [false; 6]);
    assert_eq!(staging.frames(&segment(3), 3).unwrap(), [false, false, true]);
    assert!([2, 4].into_iter().all(|n| staging.frames(&segment(n), 3).unwrap() == [true; 3]));
}

#[test]
fn state_moves_as_a_whole() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("state.db");
    let state = State::open(&path, &key(3)).unwrap();
    state.put_all(&[("head", Some(b"1")), ("manifest/a", Some(b"2")), ("manifest/b", Some(b"3"))]).unwrap();
    state.put_all(&[("head", Some(b"4")), ("manifest/a", None), ("gone", None)]).unwrap();
    drop(state);
    assert!(matches!(State::open(&path, &key(4)), Err(StoreError::Corrupt)));
    let state = State::open(&path, &key(3)).unwrap();
    assert_eq!(state.get("head").unwrap().unwrap(), b"4");
    assert_eq!(state.get("manifest/a").unwrap(), None);
    assert_eq!(state.keys_with_prefix("manifest/").unwrap(), [("manifest/b".to_owned(), b"3".to_vec())]);
}

#[test]
fn files_are_replaced_whole_and_private() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("keys");
    write_atomic(&path, b"old").unwrap();
    write_atomic(&path, b"new").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"new");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    assert!(write_atomic(&dir.path().join("none/keys"), b"x").is_err());
    let db = dir.path().join("c");
    let held = build(&db, RecordKind::Vehicle, &[upsert(1, vehicle(1, 1, "A1", ""))]).unwrap();
    held.touch(&held.checkpoint().unwrap()).unwrap();
    #[cfg(unix)]
    for p in Compartment::file_paths(&db).iter().chain([&path]) {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(p).unwrap().permissions().mode() & 0o777, 0o600, "{}", p.display());
    }
    shred_file(&db).unwrap();
    shred_file(&db).unwrap();
    assert!(Compartment::file_paths(&db).iter().all(|p| !p.exists()));
}

#[test]
fn late_hits_and_what_was_told_are_kept_until_purged() {
    let dir = tempdir().unwrap();
    let journal = Journal::open(&dir.path().join("j"), &key(2), compartment(50)).unwrap();
    let told = |n: i64| Told {
        reference: format!("R{n}"),
        at: Timestamp(n),
        query_json: QUESTION.into(),
        told_json: TOLD.into(),
    };
    journal
        .append(3, &mut |i, _| Ok(Made { sealed: vec![0], told: (i != 1).then(|| told(i as i64)), ..Made::default() }))
        .unwrap();
    journal.ack(3).unwrap();
    let seqs =
        |since| journal.told_since(Timestamp(since), u64::MAX, 10).unwrap().iter().map(|t| t.0).collect::<Vec<_>>();
    assert_eq!(seqs(0), [3, 1]);
    assert_eq!(journal.told_since(Timestamp(0), u64::MAX, 1).unwrap().len(), 1);
    assert_eq!(journal.told_since(Timestamp(0), 3, 10).unwrap()[0].0, 1, "below the third");
    assert!(journal.update_told(3, "changed").unwrap());
    assert!(!journal.update_told(2, "changed").unwrap());
    assert_eq!(journal.told_since(Timestamp(2), u64::MAX, 10).unwrap()[0].1.told_json, "changed");
    let row = |n: i64| LateHitRow {
        seq: 3,
        reference: "R2".into(),
        asked: Timestamp(n - 1),
        at: Timestamp(n),
        change: "appeared".into(),
        text: "now stolen".into(),
    };
    journal.add_late_hit(&row(1)).unwrap();
    journal.add_late_hit(&row(7)).unwrap();
    assert_eq!(journal.late_hits(Timestamp(0)).unwrap(), [row(1), row(7)]);
    assert_eq!(journal.purge_told(Timestamp(2)).unwrap(), 2);
    assert_eq!((seqs(0), journal.late_hits(Timestamp(0)).unwrap()), (vec![3], vec![row(7)]));
}
