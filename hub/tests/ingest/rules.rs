//! What rows do.

use crate::support::{Desk, counts, id};
use beatcheck_hub::HubError;
use beatcheck_model::Body;

fn ten() -> Vec<String> {
    (0..10).map(|i| format!("{i},AB{i}CDE,Ford,0{}/05/2024", i % 9 + 1)).collect()
}

fn refs(rows: &[String]) -> Vec<&str> {
    rows.iter().map(String::as_str).collect()
}

#[test]
fn differences_become_changes_and_sameness_costs_nothing() {
    let desk = Desk::new();
    let first = desk.rows(&["1,AB1,Ford,01/05/2024", "2,AB2,Fiat,02/05/2024", "3,AB3,Opel,03/05/2024"]).unwrap();
    assert_eq!(counts(&first), (3, 0, 0, 0));
    assert_eq!(first.as_of.to_string(), "2024-05-03T00:00:00Z");
    assert!(first.as_of_from.contains("since"));
    let second = desk.rows(&["3,AB3,Opel,03/05/2024", "1,AB1,Audi,01/05/2024", "4,AB4,Seat,04/05/2024"]).unwrap();
    assert_eq!(counts(&second), (1, 1, 1, 1));
    assert_eq!(second.watermark, first.watermark + 3);
    let third = desk.rows(&["1,AB1,Audi,01/05/2024", "3,AB3,Opel,03/05/2024", "4,AB4,Seat,04/05/2024"]).unwrap();
    assert_eq!((counts(&third), third.watermark), ((0, 0, 0, 3), second.watermark));

    let at = |w| desk.hub.reconstruct("stolen", w, &id(&["1"], 0)).unwrap().map(|r| (r.version, r.body));
    let make = |b: Body| match b {
        Body::Vehicle(v) => v.make,
        _ => unreachable!(),
    };
    assert_eq!(at(first.watermark).map(|(v, b)| (v, make(b))), Some((1, "Ford".into())));
    assert_eq!(at(third.watermark).map(|(v, b)| (v, make(b))), Some((2, "Audi".into())));
    assert_eq!(at(0), None);
    assert_eq!(desk.hub.reconstruct("stolen", second.watermark, &id(&["2"], 0)).unwrap(), None);
}

#[test]
fn versions_count_on_after_a_deletion() {
    let desk = Desk::new();
    desk.rows(&["1,AB1,Ford,01/05/2024", "2,AB2,Fiat,02/05/2024"]).unwrap();
    desk.rows(&["2,AB2,Fiat,02/05/2024"]).unwrap();
    let back = desk.rows(&["1,AB1,Ford,01/05/2024", "2,AB2,Fiat,02/05/2024"]).unwrap();
    assert_eq!(counts(&back), (1, 0, 0, 1));
    let record = desk.hub.reconstruct("stolen", back.watermark, &id(&["1"], 0)).unwrap().unwrap();
    assert_eq!(record.version, 3);
    let (rows, digest) = desk.hub.digest_at("stolen", back.watermark).unwrap();
    desk.publish();
    assert_eq!((desk.manifest().rows, desk.manifest().digest), (rows, digest));
}

#[test]
fn duplicates_are_records_of_their_own_and_keep_their_identity() {
    let desk = Desk::new();
    let first = desk.rows(&["1,AB1,Ford,01/05/2024", "1,AB1,Ford,01/05/2024", "1,AB1,Fiat,01/05/2024"]).unwrap();
    assert_eq!((first.added, first.duplicates), (3, 1));
    let turned = desk.rows(&["1,AB1,Fiat,01/05/2024", "1,AB1,Ford,01/05/2024", "1,AB1,Ford,01/05/2024"]).unwrap();
    assert_eq!(counts(&turned), (0, 0, 0, 3));
    let edited = desk.rows(&["1,AB1,Seat,01/05/2024", "1,AB1,Ford,01/05/2024", "1,AB1,Fiat,01/05/2024"]).unwrap();
    assert_eq!(counts(&edited), (0, 1, 0, 2));
    let makes: Vec<String> = (0..3)
        .map(|o| match desk.hub.reconstruct("stolen", edited.watermark, &id(&["1"], o)).unwrap().unwrap().body {
            Body::Vehicle(v) => v.make,
            _ => unreachable!(),
        })
        .collect();
    assert_eq!(makes, ["Ford", "Seat", "Fiat"]);
}

#[test]
fn rows_without_a_usable_mark_are_kept_and_flagged() {
    let desk = Desk::new();
    let r = desk
        .rows(&["1,NA,Ford,01/05/2024", "2,1.00E+24,Ford,01/05/2024", "3,,Ford,01/05/2024", "4,NAA1,Ford,01/05/2024"])
        .unwrap();
    assert_eq!((r.accepted, r.unusable_vrm), (4, 3));
    for (key, written) in [("1", "NA"), ("2", "1.00E+24"), ("3", "")] {
        let record = desk.hub.reconstruct("stolen", r.watermark, &id(&[key], 0)).unwrap().unwrap();
        assert_eq!(record.flags, ["vrm_unusable"]);
        let Body::Vehicle(v) = record.body else { unreachable!() };
        assert_eq!((v.vrm, v.vrm_as_written.as_str()), (None, written));
    }
    desk.publish();
    assert_eq!(desk.manifest().unsearchable, 3);
}

#[test]
fn a_row_is_not_lost_for_its_year() {
    let desk = Desk::new();
    desk.remap("make = \"make\"", "year = \"make\"");
    let r = desk.rows(&["1,AB1,2019,01/05/2024", "2,AB2,93,01/05/2024", "3,AB3,new,01/05/2024"]).unwrap();
    assert_eq!((r.accepted, r.rejected), (3, 0));
    for (key, year, flags) in [("1", 2019, 0), ("2", 0, 1), ("3", 0, 1)] {
        let record = desk.hub.reconstruct("stolen", r.watermark, &id(&[key], 0)).unwrap().unwrap();
        assert_eq!(record.flags, ["year_unreadable"][..flags]);
        assert!(matches!(record.body, Body::Vehicle(v) if v.year == year));
    }
}

#[test]
fn damaged_rows_are_kept_aside_and_delete_nothing() {
    let desk = Desk::new();
    let rows = ten();
    desk.rows(&refs(&rows)).unwrap();
    let mut bytes = b"\xef\xbb\xbfid,plate,make,since\r\n".to_vec();
    for (i, row) in rows.iter().enumerate() {
        match i {
            2 => bytes.extend_from_slice(b"2,AB2CDE,Ford,yesterday"),
            5 => bytes.extend_from_slice(b"5,AB5CDE,F\xff\xfeord,01/05/2024"),
            7 => bytes.extend_from_slice(b"7,AB7CDE"),
            _ => bytes.extend_from_slice(row.as_bytes()),
        }
        bytes.extend_from_slice(b"\r\n");
    }
    let r = desk.offer(&bytes, None, false).unwrap();
    assert_eq!((r.rows_read, r.accepted, r.rejected), (10, 7, 3));
    assert_eq!(counts(&r), (0, 0, 0, 7));
    assert!(r.warnings.iter().any(|w| w.starts_with("3 records were kept")), "{:?}", r.warnings);
    let rejects = desk.hub.rejects(10).unwrap();
    let seen: Vec<(u64, &str)> = rejects.iter().map(|r| (r.line, r.reasons[0].as_str())).collect();
    assert_eq!(
        seen,
        [
            (4, "column `since`: not a date in any of the mapping's formats"),
            (7, "is not UTF-8 text"),
            (9, "has 2 columns, the header has 4"),
        ]
    );
    assert!(rejects[0].raw.contains("yesterday"));
    assert_eq!(desk.hub.rejects(1).unwrap().len(), 1);
    // Gone for good once its row is gone, not damaged.
    let r = desk.rows(&refs(&rows[..9])).unwrap();
    assert_eq!(counts(&r), (0, 0, 1, 9));
}

#[test]
fn an_extract_that_would_delete_too_much_is_refused_unless_forced() {
    let desk = Desk::new();
    let rows = ten();
    let held = desk.rows(&refs(&rows)).unwrap();
    desk.publish();
    let error = desk.rows(&refs(&rows[..4])).unwrap_err();
    assert!(matches!(error, HubError::Extract { .. }));
    assert!(error.to_string().contains("delete 6 of 10 records"), "{error}");
    assert_eq!(desk.hub.digest_at("stolen", u64::MAX >> 1).unwrap().0, 10);
    desk.publish();
    assert!(desk.manifest().last_refused);
    assert_eq!(desk.manifest().watermark, held.watermark);
    assert_eq!(desk.rows(&refs(&rows[..5])).unwrap().removed, 5);
    desk.publish();
    assert!(!desk.manifest().last_refused);

    let desk = Desk::new();
    desk.rows(&refs(&rows)).unwrap();
    let header = format!("id,plate,make,since\n{}\n", rows[0]);
    let r = desk.offer(header.as_bytes(), None, true).unwrap();
    assert_eq!(r.removed, 9);
    assert!(r.warnings.iter().any(|w| w.starts_with("forced: ")));
}

#[test]
fn a_broken_extract_changes_nothing_and_makes_the_source_stale() {
    for (bytes, expected) in [
        (&b""[..], "it is empty"),
        (b"id,plate,make,since\n", "no rows"),
        (b"id,plate,since\n1,AB1,01/05/2024\n", "does not name the columns `make`"),
        (b"id,plate,make,make,since\n1,AB1,x,y,01/05/2024\n", "names the columns `make` more than once"),
        (b"id,plate,make,since\n1,AB1,Ford,soon\n", "not one row could be read; the first, line 2: column `since`"),
        (b"\xff\xfei\0d\0\n", "not UTF-8"),
    ] {
        let desk = Desk::new();
        let held = desk.rows(&["1,AB1,Ford,01/05/2024"]).unwrap();
        let error = desk.offer(bytes, None, false).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("nothing was changed"), "{error}");
        let c = &desk.hub.compartments().unwrap()[0];
        assert_eq!((c.last_refused, c.rows, c.watermark), (true, 1, held.watermark));
    }
}

#[test]
fn an_unclosed_quote_is_not_taken_for_a_row() {
    let desk = Desk::new();
    let mut text = "id,plate,make,since\n1,\"AB1,Ford,01/05/2024\n".to_owned();
    (2..20_000).for_each(|i| text.push_str(&format!("{i},AB{i},Ford,01/05/2024\n")));
    let error = desk.offer(text.as_bytes(), None, false).unwrap_err().to_string();
    assert!(error.contains("is a quote not closed?"), "{error}");
    assert!(desk.hub.compartments().unwrap().is_empty());
}

#[test]
fn nothing_of_an_ingest_stays_behind_and_no_row_is_readable() {
    let desk = Desk::new();
    desk.rows(&["1,AB1,Sentinelmake99,01/05/2024", "2,AB2,Sentinelmake99,nonsense-sentinel"]).unwrap();
    desk.publish();
    let mut files = vec![desk.hub.dir().to_path_buf()];
    let mut seen = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
            continue;
        }
        seen += 1;
        let bytes = std::fs::read(&path).unwrap();
        for sentinel in [&b"Sentinelmake99"[..], b"nonsense-sentinel"] {
            assert!(!bytes.windows(sentinel.len()).any(|w| w == sentinel), "{}", path.display());
        }
    }
    assert!(seen > 5);
    assert_eq!(std::fs::read_dir(desk.hub.dir().join("staging")).unwrap().count(), 0);
}
