//! Catching up in one request, waiting for something newer, repair, and pace.
#![allow(clippy::unwrap_used)]

mod serve_common;

use beatcheck_hub::Hub;
use beatcheck_hub::serve::BURST;
use beatcheck_wire::batch::{Context, Op};
use beatcheck_wire::catch_up::{CatchUpAnswer, CatchUpRequest, HeldAt, VERSION};
use beatcheck_wire::envelope::{self, DocKind};
use beatcheck_wire::ranges::{RangeSums, RowsAnswer, RowsRequest, SumsAnswer, SumsRequest, range_of};
use beatcheck_wire::segment::{self, OpenAs};
use beatcheck_wire::{Catalogue, Hash32, Head, Manifest, ManifestSet, digest};
use hyper::StatusCode;
use serve_common::{Answer, Device, Fixture, hash_path};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Soon enough to have been told, and not only to have run out of time: the shortest wait is 20 s.
const TOLD: Duration = Duration::from_secs(10);

fn marks(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|i| format!("AB{i}CDE")).collect()
}

fn ingest(fx: &Fixture, source: &str, marks: &[String]) {
    fx.ingest(source, &marks.iter().map(String::as_str).collect::<Vec<_>>());
}

async fn post(device: &Device, path: &str, body: &impl serde::Serialize) -> Answer {
    device.http.post(path, postcard::to_allocvec(body).unwrap()).await
}

async fn ask(device: &Device, request: &CatchUpRequest) -> (CatchUpAnswer, usize) {
    let answer = post(device, "/v1/sync", request).await;
    assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::OK, "no-store"));
    (postcard::from_bytes(&answer.body).unwrap(), answer.body.len())
}

/// Head, set, manifests with their hashes, and what else there is: catalogues.
type Documents = (Head, ManifestSet, Vec<(Manifest, Hash32)>, Vec<Vec<u8>>);

/// What the answer's documents are.
fn documents(device: &Device, answer: &CatchUpAnswer) -> Documents {
    let head = envelope::open(DocKind::Head, answer.head.as_ref().unwrap(), &device.trusted()).unwrap();
    let set = envelope::open(DocKind::ManifestSet, &answer.documents[0], &device.trusted()).unwrap();
    let (mut manifests, mut rest) = (Vec::new(), Vec::new());
    for d in &answer.documents[1..] {
        match envelope::open(DocKind::Manifest, d, &device.trusted()) {
            Ok(m) => manifests.push((m, Hash32::of(d))),
            Err(_) => rest.push(d.clone()),
        }
    }
    (head, set, manifests, rest)
}

/// The request of a device that holds all that `answer` named.
fn holding(device: &Device, answer: &CatchUpAnswer) -> CatchUpRequest {
    let (head, _, manifests, _) = documents(device, answer);
    let held = manifests.iter().map(|(m, hash)| HeldAt {
        compartment: m.compartment,
        manifest: *hash,
        watermark: m.watermark,
    });
    CatchUpRequest {
        version: VERSION,
        head: Hash32::of(answer.head.as_ref().unwrap()),
        set: head.set_hash,
        grant_version: answer.grant_version,
        held: held.collect(),
        max_bytes: 100_000,
        hold_s: 0,
        root_version: 1,
        policy_version: 0,
    }
}

fn nothing_held() -> CatchUpRequest {
    CatchUpRequest { version: VERSION, max_bytes: 100_000, ..CatchUpRequest::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_answer_brings_what_is_lacking_and_no_news_is_a_few_bytes() {
    let mut fx = Fixture::start().await;
    let device = fx.enrol("o").await;
    let (empty, _) = ask(&device, &nothing_held()).await;
    assert!(empty.head.is_none() && empty.grant.is_some() && empty.documents.is_empty());
    ingest(&fx, "stolen", &marks(0..400));
    ingest(&fx, "watched", &marks(0..50));
    fx.publish();
    // From nothing: grant, head, set, manifests and, as nothing is held, catalogues; no segment.
    let (first, _) = ask(&device, &nothing_held()).await;
    let (_, set, manifests, catalogues) = documents(&device, &first);
    assert_eq!((set.manifests.len(), manifests.len(), catalogues.len()), (2, 2, 2));
    assert!(first.grant.is_some() && first.segments.is_empty());
    assert!(manifests.iter().all(|(m, _)| catalogues.iter().any(|c| Catalogue::decode(c, m).is_ok())));
    // All held: nothing is said.
    let all = holding(&device, &first);
    let (same, bytes) = ask(&device, &all).await;
    assert_eq!((same.grant_version, bytes <= 100), (first.grant_version, true), "{bytes}");
    println!("no news: {bytes} bytes");
    assert!(same.head.is_none() && same.grant.is_none() && same.documents.is_empty() && same.segments.is_empty());
    // One compartment moves on: its manifest and its delta.
    ingest(&fx, "stolen", &marks(3..402));
    fx.publish();
    let (next, _) = ask(&device, &all).await;
    let (_, _, manifests, catalogues) = documents(&device, &next);
    assert_eq!((manifests.len(), catalogues.len(), next.grant.is_some()), (1, 0, false));
    let (m, _) = &manifests[0];
    let segments: Vec<Hash32> = m.recent[0].segments.iter().map(|s| s.hash).collect();
    assert_eq!(next.segments.iter().map(|s| Hash32::of(s)).collect::<Vec<_>>(), segments);
    // Without room for segments, the documents come; a head that is only signed anew brings itself.
    let (narrow, _) = ask(&device, &CatchUpRequest { max_bytes: 10, ..all.clone() }).await;
    assert!(narrow.segments.is_empty() && narrow.documents == next.documents);
    let newest = Hash32::of(next.head.as_ref().unwrap());
    let set = documents(&device, &next).0.set_hash;
    fx.hub.resign_head().unwrap();
    let (signed, _) = ask(&device, &CatchUpRequest { head: newest, set, ..all.clone() }).await;
    assert!(signed.head.is_some() && signed.documents.is_empty());
    // Another grant under the same head: the manifests of what it adds, and nothing of what is held.
    let (_, _, both, _) = documents(&device, &ask(&device, &nothing_held()).await.0);
    let watched = both.iter().find(|(m, _)| m.source == "watched").unwrap();
    let one = HeldAt { compartment: watched.0.compartment, manifest: watched.1, watermark: watched.0.watermark };
    let before =
        CatchUpRequest { head: Hash32::of(signed.head.as_ref().unwrap()), set, held: vec![one], ..all.clone() };
    let (added, _) = ask(&device, &CatchUpRequest { grant_version: 1, ..before.clone() }).await;
    assert!(added.head.is_none() && added.grant.is_some());
    assert_eq!(added.documents.len(), 3, "set, manifest and catalogue of the other one");
    // Withdrawn: no word of it any more.
    fx.hub.withdraw_compartment(device.id, "stolen").unwrap();
    let (less, _) = ask(&device, &nothing_held()).await;
    assert!(documents(&device, &less).2.iter().all(|(m, _)| m.source == "watched"));
    assert_eq!(post(&device, "/v1/sync", &CatchUpRequest::default()).await.code(), "wrong_protocol");
    device.http.post("/v1/sync", vec![1; 9_000]).await.refused(413, "too_large");
    device.http.post("/v1/sync", vec![0xff; 3]).await.refused(400, "malformed");
    fx.stranger().post("/v1/sync", vec![]).await.refused(401, "no_certificate");
    fx.hub.revoke(device.id).unwrap();
    post(&device, "/v1/sync", &nothing_held()).await.refused(403, "revoked");
    fx.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_wait_are_told_before_their_time_is_up() {
    let mut fx = Fixture::start().await;
    let device = Arc::new(fx.enrol("o").await);
    ingest(&fx, "stolen", &marks(0..20));
    fx.publish();
    let (first, _) = ask(&device, &nothing_held()).await;
    let all = CatchUpRequest { hold_s: 20, ..holding(&device, &first) };
    // Nothing comes: the time is waited for.
    let begin = Instant::now();
    let (none, _) = ask(&device, &CatchUpRequest { hold_s: 2, ..all.clone() }).await;
    assert!(none.head.is_none() && begin.elapsed() >= Duration::from_secs(2));

    let wait = |request: CatchUpRequest| {
        let device = Arc::clone(&device);
        tokio::spawn(async move { (ask(&device, &request).await.0, Instant::now()) })
    };
    // A publish of this process.
    let waiting = wait(all.clone());
    tokio::time::sleep(Duration::from_millis(500)).await;
    ingest(&fx, "stolen", &marks(0..21));
    fx.publish();
    let done = Instant::now();
    let (answer, at) = waiting.await.unwrap();
    assert!(answer.head.is_some() && !answer.segments.is_empty() && at.duration_since(done) < TOLD);

    // A withdrawal by another process: it has an opening of its own.
    let other = Hub::open(fx.hub.dir(), fx.clock.clone()).unwrap();
    let (now, _) = ask(&device, &nothing_held()).await;
    let waiting = wait(CatchUpRequest { hold_s: 20, ..holding(&device, &now) });
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(!waiting.is_finished());
    other.withdraw_compartment(device.id, "stolen").unwrap();
    let done = Instant::now();
    let (answer, at) = waiting.await.unwrap();
    assert!(answer.grant.is_some() && answer.grant_version > now.grant_version);
    assert!(at.duration_since(done) < TOLD, "{:?}", at.duration_since(done));

    // A device that is revoked while it waits is told so, and gets nothing more.
    let lost = Arc::new(fx.enrol("lost").await);
    let (now, _) = ask(&lost, &nothing_held()).await;
    let request = CatchUpRequest { hold_s: 20, ..holding(&lost, &now) };
    let waiting = {
        let lost = Arc::clone(&lost);
        tokio::spawn(async move { post(&lost, "/v1/sync", &request).await })
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    fx.hub.revoke(lost.id).unwrap();
    waiting.await.unwrap().refused(403, "revoked");

    // A server that stops lets nobody wait.
    let (now, _) = ask(&device, &nothing_held()).await;
    let head = Hash32::of(now.head.as_ref().unwrap());
    let set = documents(&device, &now).0.set_hash;
    let waiting = wait(CatchUpRequest { head, set, grant_version: now.grant_version, hold_s: 20, ..nothing_held() });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begin = Instant::now();
    fx.stop().await;
    assert!(waiting.await.unwrap().0.head.is_none() && begin.elapsed() < TOLD);
}

/// Of four connections three may be held; the fourth is answered at once, and a fifth waits for a place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_always_room_for_one_that_does_not_wait() {
    let mut fx = Fixture::with_connections(Some(4)).await;
    ingest(&fx, "stolen", &marks(0..20));
    fx.publish();
    let mut devices = Vec::new();
    for n in 0..5 {
        devices.push(Arc::new(fx.enrol(&format!("o{n}")).await));
    }
    let wait = |device: &Arc<Device>, request: CatchUpRequest| {
        let device = Arc::clone(device);
        tokio::spawn(async move { ask(&device, &CatchUpRequest { hold_s: 20, ..request }).await.0 })
    };
    let mut waiting = Vec::new();
    for device in &devices[..3] {
        let request = holding(device, &ask(device, &nothing_held()).await.0);
        waiting.push(wait(device, request));
    }
    let request = holding(&devices[3], &ask(&devices[3], &nothing_held()).await.0);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (at_once, _) = ask(&devices[3], &CatchUpRequest { hold_s: 20, ..request }).await;
    assert!(at_once.head.is_none() && waiting.iter().all(|w| !w.is_finished()));

    let fifth = tokio::spawn({
        let device = Arc::clone(&devices[4]);
        async move { ask(&device, &nothing_held()).await.0 }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!fifth.is_finished(), "it waits in line");
    let gone = devices.remove(3);
    drop(Arc::into_inner(gone).unwrap());
    assert!(fifth.await.unwrap().head.is_some());

    ingest(&fx, "stolen", &marks(0..21));
    fx.publish();
    for w in waiting {
        assert!(w.await.unwrap().head.is_some());
    }
    fx.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sums_say_where_and_rows_say_what() {
    let mut fx = Fixture::start().await;
    let device = fx.enrol("o").await;
    ingest(&fx, "stolen", &marks(0..300));
    fx.publish();
    let (first, _) = ask(&device, &nothing_held()).await;
    let old = documents(&device, &first).2.remove(0).0;
    ingest(&fx, "stolen", &marks(100..310));
    fx.publish();
    let key = device.grant().await.1.keys.remove(0);
    let c = old.compartment;
    // The state of the older watermark, from the whole snapshot by ranges.
    let all: SumsAnswer = {
        let request = SumsRequest { compartment: c, watermark: old.watermark, first: None };
        postcard::from_bytes(&post(&device, "/v1/sums", &request).await.body).unwrap()
    };
    let mut own = RangeSums::default();
    let mut rows = 0;
    let context = Context { kind: old.kind, source: &old.source };
    let mut ranges: Vec<u16> =
        marks(0..310).iter().map(|m| range_of(&beatcheck_wire::record_id("stolen", old.kind, &[m], 0))).collect();
    ranges.sort_unstable();
    ranges.dedup();
    for ranges in ranges.chunks(64) {
        let request = RowsRequest { compartment: c, watermark: old.watermark, ranges: ranges.to_vec() };
        let answer: RowsAnswer = postcard::from_bytes(&post(&device, "/v1/rows", &request).await.body).unwrap();
        assert_eq!(answer.key_epoch, key.epoch);
        for s in answer.segments {
            let how = OpenAs { context, dictionary: None, key: &key.key };
            for change in segment::open(&s, &Hash32::of(&s), &how).unwrap() {
                let Op::Upsert(r) = change.op else { panic!("rows come whole") };
                assert!(change.seq <= old.watermark && ranges.contains(&range_of(&r.id)));
                own.add(&r.id, &digest::canonical(&r).unwrap());
                rows += 1;
            }
        }
    }
    assert_eq!((rows, all.differing(&own.over_all()).unwrap()), (300, vec![]));
    let below = SumsRequest { compartment: c, watermark: old.watermark, first: Some(7) };
    let below: SumsAnswer = postcard::from_bytes(&post(&device, "/v1/sums", &below).await.body).unwrap();
    assert!(below.differing(&own.below(7)).unwrap().is_empty());
    for watermark in [0, old.watermark + 100_000] {
        let sums = SumsRequest { compartment: c, watermark, first: None };
        post(&device, "/v1/sums", &sums).await.refused(404, "no_such_state");
        let rows = RowsRequest { compartment: c, watermark, ranges: vec![1] };
        post(&device, "/v1/rows", &rows).await.refused(404, "no_such_state");
    }
    let wrong = RowsRequest { compartment: c, watermark: old.watermark, ranges: vec![2, 1] };
    post(&device, "/v1/rows", &wrong).await.refused(400, "malformed");
    let many = RowsRequest { compartment: c, watermark: old.watermark, ranges: (0..65).collect() };
    post(&device, "/v1/rows", &many).await.refused(413, "too_large");
    fx.hub.withdraw_compartment(device.id, "stolen").unwrap();
    let sums = SumsRequest { compartment: c, watermark: old.watermark, first: None };
    post(&device, "/v1/sums", &sums).await.refused(403, "not_granted");
    fx.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_asks_too_often_is_told_when_to_come_again() {
    let mut fx = Fixture::start().await;
    let (hasty, calm) = (fx.enrol("hasty").await, fx.enrol("calm").await);
    let path = hash_path("set", &Hash32::default());
    let mut refused = None;
    for n in 0..20 * BURST as usize {
        let answer = hasty.http.get(&path).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            refused = Some((n, answer));
            break;
        }
    }
    let (n, answer) = refused.expect("no limit was met");
    assert!(n >= BURST as usize);
    answer.refused(429, "too_often");
    assert_eq!(answer.header("retry-after"), "1");
    calm.http.get(&path).await.refused(404, "not_found");
    tokio::time::sleep(Duration::from_secs(1)).await;
    hasty.http.get(&path).await.refused(404, "not_found");
    fx.stop().await;
}
