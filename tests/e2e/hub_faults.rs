//! What is wrong at the hub or on the way: a clear message each time, and nothing lost.

use crate::support::{List, TestHub, check, events, fault, sync};
use beatcheck::{ApiError, Outcome};
use std::path::{Path, PathBuf};

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for e in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(e.file_name());
        if e.file_type().unwrap().is_dir() {
            copy(&e.path(), &target);
        } else {
            std::fs::copy(e.path(), target).unwrap();
        }
    }
}

/// Stops the hub, puts another state of its directory in place, and serves that.
fn put_in_place(hub: &mut TestHub, state: &Path, keep: &Path) {
    hub.stop();
    let dir = hub.hub.dir().to_path_buf();
    std::fs::rename(&dir, keep).unwrap();
    copy(state, &dir);
    hub.serve();
}

fn cars() -> List {
    (0..40).fold(List::vehicles("cars", "cars"), |l, i| l.car(&format!("AB{i:02}CDE"), "Red"))
}

#[test]
fn a_hub_of_another_authority_is_refused() {
    let mut hub = TestHub::start();
    hub.publish(&cars());
    let device = hub.enrol("phone");
    sync(&device);
    let told = check(&device, "AB01CDE");
    hub.stop();
    let mut other = TestHub::start();
    other.publish(&cars());
    other.stop();
    other.addr = hub.addr;
    other.serve();
    let report = device.sync().unwrap();
    let (code, text) = fault(&report);
    assert!(code == "hub_unreachable" && text.contains("certificate"), "{code}: {text}");
    assert!(report.journal_pending > 0 && report.journal_sent == 0);
    assert_eq!(check(&device, "AB01CDE").outcome, Outcome::Hit, "what was held is untouched");
    other.stop();
    hub.serve();
    sync(&device);
    let account = hub.account(&device.status().unwrap().device);
    assert_eq!(account[told.audit_seq as usize - 1]["reference"], told.reference.as_str());

    // Enrolling: the wrong CA file, and a code of another hub.
    let mut options = hub.options("tablet");
    options.ca_pem = other.ca();
    let e = beatcheck::Device::enrol(options, hub.vault("tablet")).err().unwrap();
    assert!(matches!(&e, ApiError::Hub { .. }) && e.to_string().contains("certificate"), "{e:?}");
    let mut options = hub.options("tablet");
    options.code = other.options("x").code;
    let e = beatcheck::Device::enrol(options, hub.vault("tablet")).err().unwrap();
    assert!(e.to_string().contains("not known"), "{e}");
    assert!(!hub.path("tablet").join("keyring.bin").exists(), "nothing is kept of a failed enrolment");
    sync(&hub.enrol("tablet"));
}

#[test]
fn a_device_that_the_hub_does_not_know_is_told_so() {
    let mut hub = TestHub::start();
    hub.publish(&cars());
    let (before, after) = (hub.path("before"), hub.path("after"));
    hub.stop();
    copy(hub.hub.dir(), &before);
    hub.serve();
    let device = hub.enrol("phone");
    sync(&device);
    let told = check(&device, "AB01CDE");
    put_in_place(&mut hub, &before, &after);
    let report = device.sync().unwrap();
    let (code, text) = fault(&report);
    assert!(code == "hub_refused" && text.contains("unknown_device"), "{code}: {text}");
    assert!(report.journal_pending > 0);
    assert_eq!(check(&device, "AB01CDE").outcome, Outcome::Hit);
    let gone = hub.path("gone");
    put_in_place(&mut hub, &after, &gone);
    sync(&device);
    let account = hub.account(&device.status().unwrap().device);
    assert_eq!(account[told.audit_seq as usize - 1]["reference"], told.reference.as_str());
}

#[test]
fn the_hub_of_last_week_is_refused_as_a_replay() {
    let mut hub = TestHub::start();
    hub.publish(&cars());
    let device = hub.enrol("phone");
    sync(&device);
    let (week, today) = (hub.path("week"), hub.path("today"));
    hub.stop();
    copy(hub.hub.dir(), &week);
    hub.serve();
    hub.publish(&cars().car("ZZ99ZZZ", "Blue"));
    hub.publish(&cars().car("ZZ99ZZZ", "Green"));
    sync(&device);
    let digest = device.status().unwrap().compartments[0].digest.clone();
    check(&device, "ZZ99ZZZ");

    put_in_place(&mut hub, &week, &today);
    let report = device.sync().unwrap();
    let (code, text) = fault(&report);
    assert!(code == "replayed" && text.contains("older"), "{code}: {text}");
    let status = device.status().unwrap();
    assert_eq!(status.compartments[0].digest, digest);
    let told = check(&device, "ZZ99ZZZ");
    assert!(told.outcome == Outcome::Hit && told.hits[0].title.starts_with("Green"), "{}", told.text);

    let gone = hub.path("gone");
    put_in_place(&mut hub, &today, &gone);
    sync(&device);
    let account = hub.account(&status.device);
    assert_eq!(account[told.audit_seq as usize - 1]["reference"], told.reference.as_str());
}

fn segments(hub: &TestHub) -> Vec<PathBuf> {
    let dirs = std::fs::read_dir(hub.hub.dir().join("segments")).unwrap().flatten();
    let mut out: Vec<_> = dirs
        .flat_map(|d| std::fs::read_dir(d.path()).unwrap().flatten().map(|f| f.path()).collect::<Vec<_>>())
        .collect();
    out.sort();
    out
}

#[test]
fn a_flipped_byte_in_a_segment_is_found_and_mended() {
    let hub = TestHub::start();
    hub.publish(&cars());
    let device = hub.enrol("phone");
    sync(&device);
    let known = segments(&hub);
    hub.publish(&cars().car("ZZ99ZZZ", "Blue"));
    let new: Vec<_> = segments(&hub).into_iter().filter(|s| !known.contains(s)).collect();
    assert!(!new.is_empty());
    let whole: Vec<_> = new.iter().map(|s| std::fs::read(s).unwrap()).collect();
    for (path, bytes) in new.iter().zip(&whole) {
        let mut bytes = bytes.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        std::fs::write(path, bytes).unwrap();
    }
    let report = device.sync().unwrap();
    assert!(!report.complete && report.compartments.is_empty());
    assert_eq!(
        (report.failed[0].code.as_str(), report.failed[0].compartment.as_deref()),
        ("segment_damaged", Some("cars"))
    );
    assert!(report.failed[0].text.contains("damaged again and again"), "{}", report.failed[0].text);
    // The first copy came along with the answer to the question; then it was asked for twice by itself.
    assert!(report.requests > beatcheck_sync::MAX_REFETCH, "it was asked for again: {}", report.requests);
    assert_eq!(check(&device, "ZZ99ZZZ").outcome, Outcome::NoTrace);
    assert_eq!(check(&device, "AB01CDE").outcome, Outcome::Hit);
    for (path, bytes) in new.iter().zip(&whole) {
        std::fs::write(path, bytes).unwrap();
    }
    sync(&device);
    assert_eq!(check(&device, "ZZ99ZZZ").outcome, Outcome::Hit);

    // A first sync, cut short in the middle of a file, whichever file it is: list of marks or rows.
    let fresh = hub.enrol("tablet");
    let all = segments(&hub);
    let whole: Vec<_> = all.iter().map(|path| std::fs::read(path).unwrap()).collect();
    for (path, bytes) in all.iter().zip(&whole) {
        std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    }
    let report = fresh.sync().unwrap();
    assert!(!report.complete, "{report:?}");
    let none = check(&fresh, "AB01CDE");
    assert_eq!((none.outcome, none.hits.len()), (Outcome::CannotSay, 0));
    for (path, bytes) in all.iter().zip(&whole) {
        std::fs::write(path, bytes).unwrap();
    }
    sync(&fresh);
    assert_eq!(check(&fresh, "AB01CDE").outcome, Outcome::Hit);
}

#[test]
fn extracts_and_mappings_that_cannot_be_read() {
    let hub = TestHub::start();
    let list = cars();
    hub.publish(&list);
    let device = hub.enrol("phone");
    sync(&device);

    let (mapping, extract) = list.write(hub.dir.path());
    let bad = hub.path("bad.toml");
    std::fs::write(&bad, list.mapping().replace("vrm = 'vrm'", "vrm = 'vrm'\nnonsense = 'x'")).unwrap();
    let e = hub.ingest_files(&bad, &extract).unwrap_err().to_string();
    assert!(e.contains("bad.toml") && e.contains("line ") && e.contains("nonsense"), "{e}");
    std::fs::write(&bad, "not [a mapping").unwrap();
    let e = hub.ingest_files(&bad, &extract).unwrap_err().to_string();
    assert!(e.contains("bad.toml") && e.contains("line 1"), "{e}");
    let e = hub.ingest_files(&hub.path("none.toml"), &extract).unwrap_err().to_string();
    assert!(e.contains("none.toml"), "{e}");
    hub.hub.publish(&mut |_| {}).unwrap();
    sync(&device);
    assert_eq!(check(&device, "AB07CDE").outcome, Outcome::Hit, "nothing was changed");

    // One row with too few cells: kept aside with its line, and its record is not taken for gone.
    let text = String::from_utf8(list.csv()).unwrap();
    let broken: Vec<String> = text
        .lines()
        .map(|l| if l.starts_with("AB07CDE") { "AB07CDE,AB07CDE,short".into() } else { l.into() })
        .collect();
    std::fs::write(&extract, broken.join("\n")).unwrap();
    let report = hub.ingest_files(&mapping, &extract).unwrap();
    assert_eq!((report.accepted, report.rejected, report.removed), (39, 1, 0), "{report:?}");
    let rejects = format!("{:?}", hub.hub.rejects(10).unwrap());
    assert!(rejects.contains("9"), "the line is named: {rejects}");
    hub.hub.publish(&mut |_| {}).unwrap();
    sync(&device);
    assert_eq!(check(&device, "AB07CDE").outcome, Outcome::Hit, "a damaged row deletes nothing");
    assert!(events(&hub.account(&device.status().unwrap().device), "synced").len() >= 2);
}
