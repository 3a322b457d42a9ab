//! A relay between devices and the hub: what it saves, and that a lying, absent, strange or revoked one changes no answer.

use crate::relay_support::{TestRelay, ask, counting};
use crate::support::{List, Random, TestHub, check, sync};
use beatcheck::{Device, Outcome, SyncReport};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

const PLANTED: [&str; 5] = ["Thrupplewick", "Marmaladovich", "mauve-pelican-folk", "umber-walrus-folk", "ZQXJ7WVK9PL"];

/// Two compartments, of more than one segment together; what is in them does not compress well.
fn publish(hub: &TestHub) {
    let mut random = Random(7);
    let mut text = |n: usize| -> String {
        (0..n).map(|_| char::from(b"ABCDEFGHJKLMNPRSTUVWXYZ23456789"[random.next(31) as usize])).collect()
    };
    let mut folk = List::persons(PLANTED[3], PLANTED[2]);
    for n in 0..2200 {
        let (id, summary) = (n.to_string(), text(180));
        folk = folk.row(&[
            ("id", &id),
            ("given", PLANTED[0]),
            ("surname", PLANTED[1]),
            ("dob", "1987-03-04"),
            ("summary", &summary),
        ]);
    }
    hub.ingest(&folk).unwrap();
    let mut cars = List::vehicles("cars", "cars").car(PLANTED[4], "Red").car("AA11AAA", "Red");
    for n in 0..300 {
        let (id, vin) = (format!("N{n}"), text(17));
        cars = cars.row(&[("id", &id), ("vrm", &id), ("vin", &vin), ("colour", "Blue")]);
    }
    hub.publish(&cars);
}

/// The published segments, as the hub has them on disk: hash and size.
fn published(hub: &TestHub) -> Vec<(String, u64)> {
    let mut out = Vec::new();
    let mut dirs = vec![hub.hub.dir().join("segments")];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap().flatten() {
            let (name, meta) = (entry.file_name().to_string_lossy().into_owned(), entry.metadata().unwrap());
            match meta.is_dir() {
                true => dirs.push(entry.path()),
                false => out.push((name, meta.len())),
            }
        }
    }
    out.sort();
    assert!(out.len() >= 3 && out.iter().all(|(name, _)| name.len() == 64), "{out:?}");
    out
}

fn bytes(segments: &[(String, u64)]) -> u64 {
    segments.iter().map(|(_, n)| n).sum()
}

fn digests(report: &SyncReport) -> Vec<(String, String)> {
    let mut out: Vec<_> = report.compartments.iter().map(|c| (c.compartment.clone(), c.digest.clone())).collect();
    out.sort();
    out
}

/// Digests as the hub has them.
fn wanted(hub: &TestHub) -> Vec<(String, String)> {
    let status = hub.hub.status().unwrap();
    let mut out: Vec<_> = status.compartments.into_iter().map(|c| (c.name, c.digest.unwrap())).collect();
    out.sort();
    out
}

fn enrol(hub: &TestHub, name: &str, relay: &str) -> Arc<Device> {
    let device = hub.enrol(name);
    device.set_relay(Some(relay.into())).unwrap();
    device
}

/// What came from the hub itself.
fn from_hub(report: &SyncReport) -> u64 {
    report.bytes_down - report.relay_bytes
}

#[test]
fn devices_fetch_from_it_and_it_fetches_once() {
    let hub = TestHub::start();
    publish(&hub);
    let segments = published(&hub);
    let (proxy, from_upstream) = counting(hub.addr);
    let mut relay = TestRelay::start(&hub, "car", &format!("https://localhost:{}", proxy.port()));
    let devices = ["one", "two"].map(|name| enrol(&hub, name, &relay.url()));
    let reports: Vec<SyncReport> = std::thread::scope(|s| {
        let started: Vec<_> = devices.iter().map(|d| s.spawn(|| sync(d))).collect();
        started.into_iter().map(|t| t.join().unwrap()).collect()
    });
    for (device, report) in devices.iter().zip(&reports) {
        assert_eq!(digests(report), wanted(&hub));
        assert!(report.relay_bytes >= bytes(&segments), "{report:?}");
        assert!(from_hub(report) < bytes(&segments) / 4, "documents only: {report:?}");
        assert_eq!(check(device, PLANTED[4]).outcome, Outcome::Hit);
    }
    assert_eq!(relay.files().len(), segments.len());
    let fetched = from_upstream.load(Ordering::SeqCst);
    assert!(fetched >= bytes(&segments), "through the relay: {fetched}");
    assert!(fetched < bytes(&segments) + bytes(&segments) / 8, "each once: {fetched} for {}", bytes(&segments));

    // It keeps its cache over a restart; and by now the hub gives it nothing.
    relay.stop();
    hub.hub.relay_revoke("car").unwrap();
    relay.serve();
    let third = enrol(&hub, "three", &relay.url());
    let report = sync(&third);
    assert_eq!(digests(&report), wanted(&hub));
    assert!(report.relay_bytes >= bytes(&segments) && from_hub(&report) < bytes(&segments) / 4, "{report:?}");

    third.set_relay(None).unwrap();
    assert_eq!(sync(&third).relay_bytes, 0);
}

#[test]
fn a_lying_cache_costs_a_retry_and_no_answer() {
    let hub = TestHub::start();
    publish(&hub);
    let segments = published(&hub);
    let relay = TestRelay::start(&hub, "liar", &hub.url());
    sync(&enrol(&hub, "one", &relay.url()));
    // Altered under the running relay, which has hashed them and does not look again: it lies with every answer.
    for file in relay.files() {
        let mut altered = std::fs::read(&file).unwrap();
        let middle = altered.len() / 2;
        altered[middle] ^= 1;
        std::fs::write(&file, altered).unwrap();
    }
    let device = enrol(&hub, "two", &relay.url());
    let report = sync(&device);
    assert_eq!(digests(&report), wanted(&hub), "identical to the hub's");
    assert!(report.relay_bytes > 0, "it was asked");
    assert!(from_hub(&report) >= bytes(&segments), "all came from the hub in the end: {report:?}");
    assert_eq!(check(&device, PLANTED[4]).outcome, Outcome::Hit);
    assert_eq!(check(&device, "ZZ99ZZZ").outcome, Outcome::NoTrace);
    sync(&device);
    let status = hub.hub.status().unwrap();
    let id = device.status().unwrap().device;
    let seen = status.devices.iter().find(|d| d.id == id).unwrap();
    assert!(seen.held.iter().all(|h| serde_json::to_value(h).unwrap()["digest"] == "agrees"), "{:?}", seen.held);
}

#[test]
fn without_the_relay_the_hub_is_asked() {
    let hub = TestHub::start();
    publish(&hub);
    // Nobody listens there.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let device = enrol(&hub, "one", &format!("https://localhost:{}", free.port()));
    let report = sync(&device);
    assert_eq!((digests(&report), report.relay_bytes), (wanted(&hub), 0));
    // Somebody listens and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let device = enrol(&hub, "two", &format!("https://localhost:{}", silent.local_addr().unwrap().port()));
    let begun = Instant::now();
    let report = sync(&device);
    assert_eq!((digests(&report), report.relay_bytes), (wanted(&hub), 0));
    let took = begun.elapsed();
    assert!((3..20).contains(&took.as_secs()), "{took:?}");
    // The relay is there and cannot reach the hub: devices can.
    let relay = TestRelay::start(&hub, "cut-off", &format!("https://localhost:{}", free.port()));
    let report = sync(&enrol(&hub, "three", &relay.url()));
    assert_eq!(digests(&report), wanted(&hub));
    assert!(report.relay_bytes > 0 && relay.files().is_empty(), "it said so: {report:?}");

    for bad in ["http://localhost:1", "localhost:1", "https://localhost:1/path", ""] {
        assert!(device.set_relay(Some(bad.into())).unwrap_err().to_string().contains("https://HOST:PORT"), "{bad}");
    }
}

#[test]
fn strangers_are_refused_and_a_revoked_relay_is() {
    let hub = TestHub::start();
    publish(&hub);
    let (segments, ca) = (published(&hub), hub.ca());
    let relay = TestRelay::start(&hub, "car", &hub.url());
    let line = format!("GET /v1/segment/{}", segments[0].0);
    // No certificate: no connection. A relay's: no device.
    assert!(ask(relay.options.listen, &ca, None, &line).is_err());
    let (cert, key) = (relay.options.identity.join("client.pem"), relay.options.identity.join("client.key"));
    let own = ask(relay.options.listen, &ca, Some((&cert, &key)), &line).unwrap();
    assert!(own.0 == 403 && own.1.contains("unknown_device"), "{own:?}");
    // Another hub's device is a stranger too.
    let other = TestHub::start();
    other.hub.relay_add("x", &[], &other.path("x")).unwrap();
    let foreign = (other.path("x").join("client.pem"), other.path("x").join("client.key"));
    assert!(ask(relay.options.listen, &ca, Some((&foreign.0, &foreign.1)), &line).is_err());
    assert!(relay.files().is_empty());

    assert_eq!(ask(hub.addr, &ca, Some((&cert, &key)), &line).unwrap().0, 200);
    hub.hub.relay_revoke("car").unwrap();
    assert_eq!(hub.hub.relays().unwrap()[0].state, "revoked");
    let refused = ask(hub.addr, &ca, Some((&cert, &key)), &line).unwrap();
    assert!(refused.0 == 403 && refused.1.contains("revoked"), "{refused:?}");
    let device = enrol(&hub, "one", &relay.url());
    let report = sync(&device);
    assert_eq!(digests(&report), wanted(&hub), "the hub gives what it gives the relay no more");
    assert!(relay.files().is_empty() && from_hub(&report) >= bytes(&segments), "{report:?}");
    // Added again under the same name, only the new certificate stands.
    hub.hub.relay_add("car", &[], &hub.path("again")).unwrap();
    assert_eq!(ask(hub.addr, &ca, Some((&cert, &key)), &line).unwrap().0, 403);
    let (cert, key) = (hub.path("again").join("client.pem"), hub.path("again").join("client.key"));
    assert_eq!(ask(hub.addr, &ca, Some((&cert, &key)), &line).unwrap().0, 200);
}

#[test]
fn a_relay_gets_segments_from_the_hub_and_nothing_else() {
    let hub = TestHub::start();
    publish(&hub);
    let (segments, ca) = (published(&hub), hub.ca());
    hub.hub.relay_add("car", &[], &hub.path("car")).unwrap();
    let (cert, key) = (hub.path("car").join("client.pem"), hub.path("car").join("client.key"));
    let identity = Some((cert.as_path(), key.as_path()));
    for (hash, _) in &segments {
        assert_eq!(ask(hub.addr, &ca, identity, &format!("GET /v1/segment/{hash}")).unwrap().0, 200);
    }
    let hash = &segments[0].0;
    let none = "0".repeat(64);
    assert_eq!(ask(hub.addr, &ca, identity, &format!("GET /v1/segment/{none}")).unwrap().0, 404);
    for line in [
        "GET /v1/head".into(),
        "GET /v1/grant".into(),
        format!("GET /v1/set/{none}"),
        format!("GET /v1/manifest/{none}"),
        "POST /v1/journal".into(),
        "POST /v1/renew".into(),
        format!("POST /v1/segment/{hash}"),
        format!("GET /v1/segment/{hash}/x"),
        "GET /".into(),
    ] {
        let answer = ask(hub.addr, &ca, identity, &line).unwrap();
        assert!(answer.0 == 403 && answer.1.contains("not_granted"), "{line}: {answer:?}");
    }
    // Its other certificate is a server's, and opens nothing.
    let server = (hub.path("car").join("server.pem"), hub.path("car").join("server.key"));
    assert!(ask(hub.addr, &ca, Some((&server.0, &server.1)), &format!("GET /v1/segment/{hash}")).is_err());
    // Nor may it call itself by the hub's name, or have no name.
    let again = hub.hub.relay_add("car", &[], &hub.path("car")).unwrap_err().to_string();
    assert!(again.contains("already"), "{again}");
    assert!(hub.hub.relay_add("a car", &[], &hub.path("b")).is_err());
}

#[test]
fn nothing_can_be_read_in_its_directory() {
    let hub = TestHub::start();
    publish(&hub);
    let relay = TestRelay::start(&hub, "car", &hub.url());
    let device = enrol(&hub, "one", &relay.url());
    sync(&device);
    let id = device.status().unwrap().device;
    let files = relay.files();
    assert_eq!(files.len(), published(&hub).len());
    let has = |hay: &[u8], word: &str| {
        hay.to_ascii_lowercase().windows(word.len()).any(|w| w == word.to_lowercase().as_bytes())
    };
    for word in PLANTED.iter().copied().chain(["officer-one", &id]) {
        for file in &files {
            assert!(!has(&std::fs::read(file).unwrap(), word), "{word}");
            assert!(!has(file.strip_prefix(&relay.options.dir).unwrap().to_string_lossy().as_bytes(), word), "{word}");
        }
    }
    assert!(has(b"Miss THRUPPLEWICK", PLANTED[0]), "the search finds what is there");
}
