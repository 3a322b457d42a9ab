//! Journals over real TLS: exactly once, in order, the device's own, and readable only with the audit key.
#![allow(clippy::unwrap_used)]

mod serve_common;

use beatcheck_audit::{Asked, Entry, EntryKind};
use beatcheck_hub::{JournalFilter, Look};
use beatcheck_model::{Outcome, Query, VehicleQuery};
use beatcheck_wire::Hash32;
use beatcheck_wire::journal::{Held, JournalAck, JournalBatch, JournalUpload, SealedEntry, genesis, link};
use hyper::StatusCode;
use serve_common::{Device, Fixture};

fn entries(device: &Device, n: u64) -> Vec<SealedEntry> {
    let mut previous = genesis(device.id);
    (1..=n)
        .map(|seq| {
            let query = VehicleQuery { vrm: Some("BD51SMR".into()), ..VehicleQuery::default() };
            let entry = Entry {
                format: 1,
                at: serve_common::time(serve_common::START).plus_secs(seq as i64),
                not_before: None,
                officer: "officer-4711".into(),
                role: "patrol".into(),
                policy_version: 1,
                grant_version: 1,
                kind: EntryKind::Check {
                    reference: format!("K-{seq}"),
                    purpose: "traffic_stop".into(),
                    asked: Asked::Query(Box::new(Query::Vehicle(query))),
                    outcome: Outcome::NoTrace,
                    error: None,
                    reason: None,
                    incident: None,
                    unusual: vec![],
                    break_glass: false,
                    shown: vec![],
                    consulted: vec![],
                },
            };
            let rng = ring::rand::SystemRandom::new();
            let mut random = |b: &mut [u8]| ring::rand::SecureRandom::fill(&rng, b).unwrap();
            let sealed = beatcheck_audit::seal(&entry, &device.root.audit_key, device.id, seq, &mut random).unwrap();
            previous = link(&previous, seq, &sealed);
            SealedEntry { seq, hash: previous, sealed }
        })
        .collect()
}

fn batch(device: &Device, previous: [u8; 32], entries: &[SealedEntry]) -> JournalBatch {
    JournalBatch {
        version: beatcheck_wire::journal::BATCH_VERSION,
        device: device.id,
        previous,
        entries: entries.to_vec(),
        held: vec![],
        policy_version: 1,
        grant_version: 1,
        at: serve_common::time(serve_common::START),
        wiped: false,
        receipts: vec![],
        report: Default::default(),
    }
}

fn upload(device: &Device, batch: &JournalBatch) -> Vec<u8> {
    let batch = postcard::to_allocvec(batch).unwrap();
    let signature = device.receipt.sign(&ring::rand::SystemRandom::new(), &batch).unwrap().as_ref().to_vec();
    postcard::to_allocvec(&JournalUpload { batch, signature }).unwrap()
}

async fn acked(device: &Device, batch: &JournalBatch) -> u64 {
    let answer = device.http.post("/v1/journal", upload(device, batch)).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    postcard::from_bytes::<JournalAck>(&answer.body).unwrap().acked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_arrive_exactly_once_and_in_order() {
    let mut fx = Fixture::start().await;
    let device = fx.enrol("officer-4711").await;
    let all = entries(&device, 6);
    let first = batch(&device, genesis(device.id), &all[..3]);
    assert_eq!(acked(&device, &first).await, 3);
    assert_eq!(acked(&device, &first).await, 3, "the acknowledgement was lost: the same again is the same");
    let gap = device.http.post("/v1/journal", upload(&device, &batch(&device, all[3].hash, &all[4..]))).await;
    gap.refused(409, "journal_gap");
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&gap.body).unwrap()["expected"], 4);
    let overlapping = batch(&device, all[0].hash, &all[1..]);
    assert_eq!(acked(&device, &overlapping).await, 6);
    let nothing_new = batch(&device, all[5].hash, &[]);
    assert_eq!(acked(&device, &nothing_new).await, 6);

    let rows = fx.hub.journal(&JournalFilter::default()).unwrap();
    assert_eq!(rows.iter().map(|r| r.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert!(rows.iter().all(|r| r.entry.as_ref().unwrap().officer == "officer-4711"));
    let one = JournalFilter { reference: Some("k-4".into()), ..JournalFilter::default() };
    assert_eq!(fx.hub.journal(&one).unwrap().iter().map(|r| r.seq).collect::<Vec<_>>(), [4]);
    let last = JournalFilter { limit: Some(2), ..JournalFilter::default() };
    assert_eq!(fx.hub.journal(&last).unwrap().iter().map(|r| r.seq).collect::<Vec<_>>(), [5, 6]);
    let check = fx.hub.verify_journal().unwrap().remove(0);
    assert_eq!((check.entries, check.first, check.last, check.unbroken), (6, 1, 6, true));
    assert!(check.problem.unwrap().contains("journal entry 4 is missing"), "the refused upload is remembered");
    fx.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_altered_is_refused_and_nothing_is_lost() {
    let mut fx = Fixture::start().await;
    let device = fx.enrol("o").await;
    let other = fx.enrol("p").await;
    let all = entries(&device, 3);
    let honest = batch(&device, genesis(device.id), &all);
    assert_eq!(acked(&device, &batch(&device, genesis(device.id), &all[..2])).await, 2);

    let mut flipped = honest.clone();
    flipped.entries[2].sealed[40] ^= 1;
    device.http.post("/v1/journal", upload(&device, &flipped)).await.refused(409, "journal_broken");
    // Rewritten history, with a chain that fits itself.
    let rewritten = batch(&device, genesis(device.id), &entries(&device, 3));
    device.http.post("/v1/journal", upload(&device, &rewritten)).await.refused(409, "journal_conflict");
    let rewritten = batch(&device, entries(&device, 2)[1].hash, &entries(&device, 3)[2..]);
    device.http.post("/v1/journal", upload(&device, &rewritten)).await.refused(409, "journal_conflict");
    // Another's batch, and one signed by another.
    other.http.post("/v1/journal", upload(&device, &honest)).await.refused(403, "bad_signature");
    other.http.post("/v1/journal", upload(&other, &honest)).await.refused(403, "other_device");
    let mut broken = upload(&device, &honest);
    broken[50] ^= 1;
    device.http.post("/v1/journal", broken).await.refused(403, "bad_signature");
    device.http.post("/v1/journal", vec![0xff; 40]).await.refused(400, "malformed");
    device.http.post("/v1/journal", vec![0; 2 * 1024 * 1024 + 5000]).await.refused(413, "too_large");

    assert_eq!(acked(&device, &honest).await, 3);
    assert!(fx.hub.verify_journal().unwrap().iter().all(|c| c.unbroken));
    fx.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_or_wiped_device_still_hands_in_its_account() {
    let mut fx = Fixture::start().await;
    fx.ingest("stolen", &["AB12CDE"]);
    fx.publish();
    let device = fx.enrol("o").await;
    let c = device.grant().await.0.compartments.remove(0);
    let manifest = fx.hub.status().unwrap().compartments.remove(0);
    let mut report = batch(&device, genesis(device.id), &[]);
    let digest = Hash32::from_hex(manifest.digest.as_deref().unwrap()).unwrap();
    let held = |digest| Held { compartment: c.id, manifest_version: 1, watermark: manifest.watermark, digest };
    report.held = vec![held(digest)];
    acked(&device, &report).await;
    let status = fx.hub.status().unwrap();
    assert_eq!((status.devices[0].state, status.devices[0].held[0].digest), ("active", "agrees"));
    report.held = vec![held(Hash32::of(b"else"))];
    acked(&device, &report).await;
    assert_eq!(fx.hub.status().unwrap().devices[0].held[0].digest, "differs");
    // Written a moment later, for all devices at once.
    while fx.hub.status().unwrap().devices[0].last_seen.is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }

    fx.hub.revoke(device.id).unwrap();
    device.http.get("/v1/grant").await.refused(403, "revoked");
    assert_eq!(fx.hub.status().unwrap().devices[0].state, "revoked");
    let mut last = batch(&device, genesis(device.id), &entries(&device, 1));
    last.wiped = true;
    assert_eq!(acked(&device, &last).await, 1);
    let status = fx.hub.status().unwrap();
    assert_eq!((status.devices[0].state, status.devices[0].acked_seq), ("wiped", 1));
    assert!(serde_json::to_string(&status).unwrap().contains("\"rejects\":0"));
    fx.stop().await;
}

/// Nobody has to remember to: a server drops what policy does not keep when it starts, and daily from then on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_drops_what_policy_does_not_keep() {
    let mut fx = Fixture::start().await;
    let device = fx.enrol("o").await;
    assert_eq!(acked(&device, &batch(&device, genesis(device.id), &entries(&device, 3))).await, 3);
    let kept = |fx: &Fixture| fx.hub.journal(&JournalFilter::default()).unwrap().len();
    fx.wait(3 * 24 * 3600);
    fx.restart().await;
    fx.stop().await;
    assert_eq!(kept(&fx), 3, "without a policy all is kept");
    fx.hub
        .policy_set("[roles.patrol]\ncompartments = ['*']\npurposes = ['warrant']\n[limits]\njournal_keep_days = 2\n")
        .unwrap();
    fx.restart().await;
    while kept(&fx) > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let look = Look { account: "ada", role: "", officer: "", action: "looks", subject: "", reason: "a test" };
    let by = fx.hub.note_look(&look).unwrap();
    let looks = fx.hub.looks(&by, &Default::default()).unwrap();
    let look = looks.rows.iter().find(|l| l.action == "retain").unwrap();
    assert_eq!((look.account.as_str(), look.reason.as_str()), ("the hub, by policy", "older than 2 days"));
    assert!(fx.hub.verify_journal().unwrap().iter().all(|c| c.unbroken));
    fx.stop().await;
}
