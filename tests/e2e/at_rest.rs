//! Nothing readable at rest: planted words are looked for, byte by byte, in every file that the device has written.

use crate::support::{List, TestHub, check, sync, vrm};
use beatcheck::{Outcome, PersonQuery, VehicleQuery};
use std::path::{Path, PathBuf};

/// Twelve bytes and more, each in a field of its own kind.
const OFFICER: &str = "Quillfeather-4711-Zs";
const ROLE: &str = "zanzibar-warden";
const PURPOSE: &str = "quixotic-errand";
const COMPARTMENTS: [&str; 2] = ["mauve-pelican-cars", "mauve-pelican-folk"];
const SOURCES: [&str; 2] = ["umber-walrus-cars", "umber-walrus-folk"];
const PLATE: &str = "ZQXJ7WVK9PLMR3";
const LATE_PLATE: &str = "YQXJ8WVK8PLMR4";
const VIN: &str = "WZZQX17JKVBH40961";
const RECORD: &[&str] = &[
    "Thrupplewick",
    "Marmaladovich",
    "Brumblestone-Fen",
    "12 Gallowglass Wynd",
    "ZE99 7QXJ",
    "Persimmontaur",
    "2019/7654321Q",
    "Snickersnee blade carried",
    "Approach only with marmots",
    "silent-observe-kestrel",
    "Hornswoggler summary text",
    "photo-ref-98765432",
    "Wolfsbanemobile",
    "Quincunx Turbo GT",
    "Chartreuse-ish",
];
const ASKED: &[&str] = &[
    "Fotheringhaystack",
    "Ludwigamadeus",
    "1987-13-45-impossible",
    "identifier-0xfeedface",
    "a-mark-far-too-long-to-be-one-ever",
];

fn planted() -> Vec<&'static str> {
    let mut all = vec![OFFICER, ROLE, PURPOSE, PLATE, LATE_PLATE, VIN];
    all.extend(COMPARTMENTS.iter().chain(&SOURCES).chain(RECORD).chain(ASKED));
    all
}

fn files(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => files(&entry.path(), out),
            false => out.push(entry.path()),
        }
    }
}

/// A word as it is, in either case, without its spaces and signs, each also as UTF-16.
fn forms(word: &str) -> String {
    let bare: String = word.chars().filter(char::is_ascii_alphanumeric).collect();
    let mut out = Vec::new();
    for w in [word.to_owned(), word.to_lowercase(), word.to_uppercase(), bare.to_lowercase(), bare.to_uppercase()] {
        let wide: Vec<u8> = w.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [w.into_bytes(), wide] {
            out.push(bytes.iter().map(|b| format!("\\x{b:02x}")).collect::<String>());
        }
    }
    out.join("|")
}

/// Every planted word that stands in a file or its name, in any of its forms.
fn found(dir: &Path) -> (Vec<(&'static str, PathBuf)>, usize) {
    let mut all = Vec::new();
    files(dir, &mut all);
    let search = |w: &&str| regex::bytes::Regex::new(&format!("(?-u:{})", forms(w))).unwrap();
    let words: Vec<_> = planted().into_iter().map(|w| (w, search(&w))).collect();
    let mut out = Vec::new();
    for file in &all {
        let Ok(bytes) = std::fs::read(file) else { continue };
        let name = file.strip_prefix(dir).unwrap().to_string_lossy().into_owned();
        let there = words.iter().filter(|(_, s)| s.is_match(&bytes) || s.is_match(name.as_bytes()));
        out.extend(there.map(|(w, _)| (*w, file.clone())));
    }
    (out, all.len())
}

fn clean(dir: &Path, when: &str) {
    let (words, files) = found(dir);
    assert!(files > 0, "{when}: no file was searched");
    assert!(words.is_empty(), "{when}: readable at rest: {words:?}");
    eprintln!("{when}: 0 of {} words found in {files} files", planted().len());
}

fn lists() -> (List, List) {
    let cars = List::vehicles(SOURCES[0], COMPARTMENTS[0]).row(&[
        ("id", "1"),
        ("vrm", PLATE),
        ("vin", VIN),
        ("make", RECORD[12]),
        ("model", RECORD[13]),
        ("colour", RECORD[14]),
        ("markers", &format!("FI|{}|{}|speakable|;OB|{}||silent|", RECORD[7], RECORD[8], RECORD[9])),
    ]);
    let folk = List::persons(SOURCES[1], COMPARTMENTS[1]).row(&[
        ("id", "1"),
        ("given", RECORD[0]),
        ("surname", RECORD[1]),
        ("dob", "1987-03-04"),
        ("address", &format!("{}, {}", RECORD[3], RECORD[2])),
        ("postcode", RECORD[4]),
        ("aliases", &format!("{}|{}|alias", RECORD[5], RECORD[1])),
        ("identifiers", &format!("pnc_id|{}", RECORD[6])),
        ("summary", RECORD[10]),
        ("photo_ref", RECORD[11]),
        ("markers", &format!("FI|{}|{}|speakable|", RECORD[7], RECORD[8])),
    ]);
    (cars, folk)
}

#[test]
fn nothing_is_readable_in_any_file() {
    let mut hub = TestHub::start();
    let policy = format!("[roles.'{ROLE}']\ncompartments = ['*']\npurposes = ['{PURPOSE}', 'traffic_stop']\n");
    hub.hub.policy_set(&policy).unwrap();
    let (cars, folk) = lists();
    hub.ingest(&cars).unwrap();
    hub.publish(&folk);
    let mut options = hub.options_for("phone", OFFICER, ROLE);
    options.pin = Some("trombone-pin-code".into());
    let device = beatcheck::Device::enrol(options, hub.vault("phone")).unwrap();
    sync(&device);

    let mut answers = Vec::new();
    let mut ask_vehicle = |q: VehicleQuery| {
        answers.push(device.check_vehicle(q, PURPOSE.into()).unwrap());
        answers.last().unwrap().outcome
    };
    assert_eq!(ask_vehicle(vrm(PLATE)), Outcome::Hit);
    assert_eq!(ask_vehicle(VehicleQuery { vin: Some(VIN.into()), ..VehicleQuery::default() }), Outcome::Hit);
    assert_eq!(ask_vehicle(vrm(LATE_PLATE)), Outcome::NoTrace);
    assert_eq!(ask_vehicle(vrm(ASKED[4])), Outcome::CannotSay);
    let persons = [
        PersonQuery { surname: Some(RECORD[1].into()), given: Some(RECORD[0].into()), ..PersonQuery::default() },
        PersonQuery { surname: Some(ASKED[0].into()), given: Some(ASKED[1].into()), ..PersonQuery::default() },
        PersonQuery { surname: Some(ASKED[0].into()), dob: Some(ASKED[2].into()), ..PersonQuery::default() },
        PersonQuery { identifier: Some(RECORD[6].into()), ..PersonQuery::default() },
        PersonQuery { identifier: Some(ASKED[3].into()), ..PersonQuery::default() },
    ];
    for q in persons {
        answers.push(device.check_person(q, PURPOSE.into()).unwrap());
    }
    // A wrong purpose is on record too.
    answers.push(device.check_vehicle(vrm(PLATE), ASKED[0].into()).unwrap());
    let home = hub.path("phone");
    assert!(home.join("journal.db-wal").exists(), "the journal's log is part of the search");
    clean(&home, "open, checks not sent");

    let late = cars.clone().row(&[("id", "2"), ("vrm", LATE_PLATE), ("make", RECORD[12])]);
    hub.publish(&late);
    assert_eq!(sync(&device).late_hits.len(), 1);
    check(&device, PLATE);
    clean(&home, "open, after a late hit");

    // A sync that was broken off leaves staged frames.
    hub.publish(&late.clone().row(&[("id", "3"), ("vrm", PLATE), ("make", RECORD[13])]));
    hub.stop();
    device.sync().unwrap();
    drop(device);
    clean(&home, "closed");

    let (vault, path) = (hub.vault("phone"), home.to_string_lossy().into_owned());
    let wrong = beatcheck::Device::open(path.clone(), vault.clone(), Some("trombone".into())).err().unwrap();
    assert!(matches!(wrong, beatcheck::ApiError::Locked { .. }), "{wrong:?}");
    let device = beatcheck::Device::open(path, vault, Some("trombone-pin-code".into())).unwrap();
    answers.push(check(&device, LATE_PLATE));
    assert!(device.wipe().unwrap().journal_pending > 0);
    clean(&home, "wiped, account not sent");
    drop(device);
    clean(&home, "wiped and closed");

    // The same search finds every word in plain copies: this test can fail.
    let plain = hub.path("plain");
    std::fs::create_dir(&plain).unwrap();
    std::fs::write(plain.join("cars.csv"), late.csv()).unwrap();
    std::fs::write(plain.join("folk.csv"), folk.csv()).unwrap();
    std::fs::write(plain.join("answers.json"), serde_json::to_vec(&answers).unwrap()).unwrap();
    let journal = hub.hub.journal(&beatcheck_hub::JournalFilter::default()).unwrap();
    std::fs::write(plain.join("journal.json"), serde_json::to_vec(&journal).unwrap()).unwrap();
    let (words, _) = found(&plain);
    let missed: Vec<_> = planted().into_iter().filter(|w| !words.iter().any(|(f, _)| f == w)).collect();
    assert!(missed.is_empty(), "not even found in the plain copies: {missed:?}");
}
