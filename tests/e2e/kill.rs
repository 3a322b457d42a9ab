//! kill -9 at fifty moments of a child that syncs and checks, while the hub publishes now this and now that list.

use crate::support::{List, PURPOSE, Random, TestHub, events, sync, vrm};
use beatcheck::{CoverageState, Outcome};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const KILLS: u32 = 50;
const DEVICES: u32 = 5;
const MARKS: usize = 60;
const SHARED: &str = "MULTI1";

/// One of two lists: its rows all bear its word, and a mark in three is only on one of them.
fn list(word: &str) -> List {
    let mut list = List::vehicles("cars", "cars");
    for i in 0..MARKS {
        if i % 3 != usize::from(word == "Blue") {
            list = list.car(&format!("KL{i:02}XYZ", i = i), word);
        }
    }
    (0..15)
        .fold(list, |l, i| l.row(&[("id", &format!("multi-{i}")), ("vrm", SHARED), ("make", "Ford"), ("colour", word)]))
}

/// The child: not a test of its own. Says in a file what it was told, the moment it was told.
#[test]
fn child() {
    let Ok(home) = std::env::var("BEATCHECK_E2E_HOME") else { return };
    let said = std::env::var("BEATCHECK_E2E_SAID").unwrap();
    let mut said = OpenOptions::new().create(true).append(true).open(said).unwrap();
    let vault = beatcheck::desk_vault(Path::new(&home).join("vault").to_string_lossy().into_owned()).unwrap();
    std::fs::write(Path::new(&home).with_extension("started"), "").unwrap();
    let device = beatcheck::Device::open(home, vault, None).unwrap();
    let syncing = device.clone();
    std::thread::spawn(move || {
        loop {
            let _ = syncing.sync();
        }
    });
    for i in (0..MARKS).cycle() {
        for mark in [SHARED.to_owned(), format!("KL{i:02}XYZ")] {
            let a = device.check_vehicle(vrm(&mark), PURPOSE.into()).unwrap();
            // Before the rows there is the list of marks: a candidate of it has no record.
            let hits: Vec<_> = a.hits.iter().filter(|h| !h.id.is_empty()).collect();
            let colours: BTreeSet<&str> = hits.iter().map(|h| h.title.split(' ').next().unwrap()).collect();
            let colours: Vec<&str> = colours.into_iter().collect();
            let line = format!("{} {} {mark} {} {}\n", a.audit_seq, a.reference, hits.len(), colours.join("+"));
            said.write_all(line.as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(3));
        }
    }
}

/// Whether a child was ever shown a record.
fn told_of_rows(said: &Path) -> bool {
    let text = std::fs::read_to_string(said).unwrap_or_default();
    text.lines().any(|line| line.split(' ').nth(3).is_some_and(|hits| hits != "0"))
}

/// The whole of what a device answers must be one list or the other.
fn wholly_one(device: &beatcheck::Device, at: &str) -> Option<&'static str> {
    let all: Vec<(String, beatcheck::Answer)> = (0..MARKS)
        .map(|i| format!("KL{i:02}XYZ"))
        .chain([SHARED.to_owned()])
        .map(|m| (m.clone(), device.check_vehicle(vrm(&m), PURPOSE.into()).unwrap()))
        .collect();
    if all.iter().all(|(_, a)| a.outcome == Outcome::CannotSay) {
        return None;
    }
    if all.iter().all(|(_, a)| a.coverage.iter().all(|c| c.state == CoverageState::MarksOnly)) {
        for (mark, a) in &all {
            assert!(a.outcome != Outcome::Hit && a.hits.iter().all(|h| h.id.is_empty()), "{at}: {mark}: {a:?}");
        }
        return None;
    }
    let word = if all.last().unwrap().1.hits[0].title.starts_with("Red") { "Red" } else { "Blue" };
    let wanted: BTreeMap<String, usize> = list(word).rows.iter().fold(BTreeMap::new(), |mut n, row| {
        *n.entry(row[1].1.clone()).or_default() += 1;
        n
    });
    for (mark, a) in &all {
        let hits: Vec<_> = a.hits.iter().filter(|h| h.outcome == Outcome::Hit).collect();
        assert_eq!(hits.len(), wanted.get(mark).copied().unwrap_or(0), "{at}: {mark} of {word}");
        assert!(hits.iter().all(|h| h.title.starts_with(word)), "{at}: {mark} is not {word}: {a:?}");
    }
    Some(word)
}

#[test]
fn fifty_kills_lose_nothing() {
    let hub = TestHub::start();
    let mut digests = BTreeMap::new();
    let publish = |word: &str, digests: &mut BTreeMap<u64, (String, String)>| {
        hub.publish(&list(word));
        let status = hub.hub.status().unwrap();
        let c = &status.compartments[0];
        digests.insert(c.manifest_version, (c.digest.clone().unwrap(), word.to_owned()));
    };
    publish("Red", &mut digests);
    let names: Vec<String> = (0..DEVICES).map(|i| format!("phone{i}")).collect();
    // Enrolled and no more: the first sync, a snapshot, is among what is interrupted.
    names.iter().for_each(|n| drop(hub.enrol(n)));

    let mut random = Random(0x5eed_0001);
    let (mut opened, mut empty) = (0, 0);
    for kill in 0..KILLS {
        let name = &names[(kill % DEVICES) as usize];
        let home = hub.path(name);
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["kill::child", "--exact", "--nocapture", "--test-threads=1"])
            .env("BEATCHECK_E2E_HOME", &home)
            .env("BEATCHECK_E2E_SAID", hub.path(&format!("{name}.said")))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The first kill of each device falls into its first sync.
        let ms = random.next(if kill < DEVICES { 80 } else { 500 });
        while !home.with_extension("started").exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::fs::remove_file(home.with_extension("started")).unwrap();
        // The first two of each device come as they come; later ones find rows, however slow the machine is.
        while kill >= 2 * DEVICES && !told_of_rows(&hub.path(&format!("{name}.said"))) {
            assert!(process.try_wait().unwrap().is_none(), "kill {kill}: the child ended by itself");
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(ms / 2));
        publish(if kill % 2 == 0 { "Blue" } else { "Red" }, &mut digests);
        std::thread::sleep(Duration::from_millis(ms / 2));
        assert!(process.try_wait().unwrap().is_none(), "kill {kill}: the child ended by itself");
        process.kill().unwrap();
        process.wait().unwrap();

        let at = format!("kill {kill} after {ms} ms and a publish");
        let device = hub.reopen(name).unwrap_or_else(|e| panic!("{at}: {e}"));
        opened += 1;
        let status = device.status().unwrap();
        match wholly_one(&device, &at) {
            None => empty += 1,
            Some(word) => {
                // A manifest's note may lag behind its rows by a kill; digest and rows never differ.
                let digest = status.compartments[0].digest.as_deref().unwrap();
                assert!(
                    digests.values().any(|(d, w)| d.as_str() == digest && w.as_str() == word),
                    "{at}: {digest} is not {word}"
                );
            }
        }
    }
    eprintln!("{KILLS} kills, reopened {opened} times, {empty} times before the first data");

    assert!(empty < KILLS / 2);

    let mut acknowledged = 0;
    for name in &names {
        let device = hub.reopen(name).unwrap();
        sync(&device);
        let status = device.status().unwrap();
        let c = &status.compartments[0];
        assert_eq!(c.digest.as_ref(), digests.get(&c.manifest_version).map(|(d, _)| d));
        let account = hub.account(&status.device);
        assert!(!events(&account, "check").is_empty());
        for line in std::fs::read_to_string(hub.path(&format!("{name}.said"))).unwrap_or_default().lines() {
            let mut words = line.split(' ');
            let seq: usize = words.next().unwrap().parse().unwrap();
            let Some(reference) = words.next() else { continue };
            assert_eq!(account[seq - 1]["reference"], reference, "{name}: entry {seq}");
            let mark = words.next().unwrap();
            let n: usize = words.next().unwrap().parse().unwrap();
            let colours = words.next().unwrap();
            assert!(!colours.contains('+'), "{name}: a half-applied change was shown: {line}");
            assert!(mark != SHARED || n == 0 || n == 15, "{name}: a half-applied change was shown: {line}");
            acknowledged += 1;
        }
    }
    eprintln!("{acknowledged} acknowledged checks, each of them at the hub, every chain unbroken");
    assert!(acknowledged > 200, "{acknowledged}");
}
