//! Roots step: devices follow, what is current is signed anew, and nobody else's step is taken.
#![allow(clippy::unwrap_used)]

mod serve_common;

use beatcheck_hub::{Hub, RootChange, RootKey, generate_key, read_signing_key, sign_policy, sign_root};
use beatcheck_wire::catch_up::{CatchUpAnswer, CatchUpRequest, VERSION};
use beatcheck_wire::envelope::{DocKind, SigningKey, open, open_bytes};
use beatcheck_wire::{Grant, Hash32, Head, Manifest, ManifestSet, Root, RootStep, WipeOrder};
use hyper::StatusCode;
use serve_common::{Device, Fixture, hash_path};
use std::collections::BTreeSet;

async fn asks(device: &Device, root_version: u64) -> CatchUpAnswer {
    let question = CatchUpRequest { version: VERSION, root_version, max_bytes: 1000, ..CatchUpRequest::default() };
    let answer = device.http.post("/v1/sync", postcard::to_allocvec(&question).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    postcard::from_bytes(&answer.body).unwrap()
}

/// Follows steps as a device does.
fn follow(mut root: Root, steps: &[RootStep]) -> Root {
    for step in steps {
        let next: Root = open(DocKind::Root, &step.by_old, &[root.root_key]).unwrap();
        let again: Root = open(DocKind::Root, &step.by_new, &[next.root_key]).unwrap();
        assert_eq!((&next, next.root_version), (&again, root.root_version + 1));
        root = next;
    }
    root
}

/// All that a device fetches opens with this root's keys.
async fn all_opens(device: &Device, root: &Root, answer: &CatchUpAnswer) {
    let bundle = answer.grant.as_ref().unwrap();
    let grant: Grant = open(DocKind::Grant, &bundle.grant, &[root.grant_key]).unwrap();
    open_bytes(DocKind::Policy, &bundle.policy, &[root.policy_key]).unwrap();
    for order in &bundle.wipe_orders {
        let _: WipeOrder = open(DocKind::WipeOrder, order, &root.wipe_keys).unwrap();
    }
    let head: Head = open(DocKind::Head, answer.head.as_ref().unwrap(), &[root.publish_key]).unwrap();
    let set = device.http.get(&hash_path("set", &head.set_hash)).await;
    assert_eq!(Hash32::of(&set.body), head.set_hash);
    let set: ManifestSet = open(DocKind::ManifestSet, &set.body, &[root.publish_key]).unwrap();
    for (id, hash) in &set.manifests {
        if !grant.compartments.iter().any(|c| c.id == *id) {
            continue;
        }
        let manifest = device.http.get(&hash_path("manifest", hash)).await;
        let manifest: Manifest = open(DocKind::Manifest, &manifest.body, &[root.publish_key]).unwrap();
        manifest.validate().unwrap();
        let catalogue = device.http.get(&hash_path("catalogue", &manifest.catalogue.hash)).await;
        assert_eq!(catalogue.status, StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_key_is_rotated_and_devices_follow() {
    let mut fx = Fixture::start().await;
    fx.ingest("stolen", &["AB12CDE"]);
    fx.publish();
    let (device, doomed) = (fx.enrol("o").await, fx.enrol("p").await);
    fx.hub.order_wipe_by(doomed.id, "a").unwrap();
    let old_code = fx.hub.enrol_code("late", "patrol").unwrap().code;
    assert!(asks(&device, 1).await.roots.is_empty());
    let before = asks(&device, 1).await;
    all_opens(&device, &device.root, &before).await;

    for key in RootKey::ALL {
        fx.wait(60);
        fx.hub.root_rotate(&BTreeSet::from([key]), "a").unwrap();
    }
    assert_eq!(fx.hub.root_rotate(&RootKey::ALL.into_iter().collect(), "a").unwrap(), 7);
    let answer = asks(&device, 1).await;
    assert_eq!(answer.roots.len(), 6);
    let root = follow(device.root.clone(), &answer.roots);
    assert_eq!((&root, root.root_version), (&fx.hub.trust().unwrap(), 7));
    for pair in [(root.root_key, device.root.root_key), (root.policy_key, device.root.policy_key)] {
        assert_ne!(pair.0, pair.1);
    }
    assert_eq!((root.audit_key, root.ca_sha256), (device.root.audit_key, device.root.ca_sha256));
    all_opens(&device, &root, &answer).await;
    let doomed_answer = asks(&doomed, 4).await;
    assert_eq!((doomed_answer.roots.len(), doomed_answer.grant.as_ref().unwrap().wipe_orders.len()), (3, 1));
    all_opens(&doomed, &root, &doomed_answer).await;
    assert!(asks(&device, 7).await.roots.is_empty() && asks(&device, 0).await.roots.is_empty());

    // Life goes on: publishing, policy, wipes, enrolment; also for a hub that is opened anew.
    let again = Hub::open(fx.hub.dir(), fx.clock.clone()).unwrap();
    assert_eq!(again.root_status().unwrap().keys.iter().filter(|k| k.here).count(), 6);
    fx.wait(60);
    fx.ingest("stolen", &["AB12CDE", "BD51SMR"]);
    let report = again.publish(&mut |_| {}).unwrap();
    assert!(report.compartments[0].delta, "the way goes on from before");
    again.policy_set("[roles.patrol]\ncompartments=['*']\npurposes=['warrant']\n").unwrap();
    again.order_wipe_by(device.id, "a").unwrap();
    all_opens(&device, &root, &asks(&device, 7).await).await;
    again.status().unwrap();
    let stale = serve_common::Wanting::new(&old_code);
    fx.stranger().post("/v1/enrol", stale.bytes()).await.refused(403, "bad_code");
    let newcomer = fx.enrol("new").await;
    assert_eq!(newcomer.root, root);
    fx.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_are_kept_elsewhere_sign_there() {
    let mut fx = Fixture::start().await;
    fx.ingest("stolen", &["AB12CDE"]);
    fx.publish();
    let device = fx.enrol("o").await;
    let safe = fx.dir.path().join("safe");
    std::fs::create_dir(&safe).unwrap();
    for name in ["root.key", "policy.key", "wipe-a.key", "wipe-b.key"] {
        std::fs::rename(fx.hub.dir().join("keys").join(name), safe.join(name)).unwrap();
    }
    // All of the daily work goes on without them.
    device.grant().await;
    fx.ingest("stolen", &["BD51SMR"]);
    fx.publish();
    fx.hub.status().unwrap();
    fx.hub.enrol_code("x", "patrol").unwrap();
    fx.hub.order_purge(device.id, "stolen", "a").unwrap();
    assert!(fx.hub.order_wipe(device.id).unwrap_err().to_string().contains("wipe-b.key"));
    assert!(fx.hub.propose_fleet_wipe("a").unwrap_err().to_string().contains("wipe-a.key"));
    assert!(fx.hub.root_rotate(&BTreeSet::from([RootKey::Grant]), "a").unwrap_err().to_string().contains("root.key"));
    let at = |name: &str| read_signing_key(&safe.join(name)).unwrap();
    let order = fx.hub.order_wipe_with(device.id, "a", &at("wipe-b.key")).unwrap();

    // New root, policy and wipe keys, made and kept in the safe; the hub makes its own publishing key.
    let make = |name: &str| generate_key(&safe.join(name)).unwrap();
    let change = RootChange {
        make: BTreeSet::from([RootKey::Publish]),
        root: Some(make("root-2.key")),
        policy: Some(make("policy-2.key")),
        wipe: vec![make("wipe-c.key"), make("wipe-d.key")],
    };
    assert!(generate_key(&safe.join("root-2.key")).is_err(), "a key is never written over");
    let draft = fx.hub.root_draft(&change).unwrap();
    assert!(fx.hub.root_status().unwrap().drafted);
    assert!(sign_root(&draft, &at("root.key"), &at("root.key")).is_err(), "the draft names another");
    let step = sign_root(&draft, &at("root.key"), &at("root-2.key")).unwrap();
    let without = fx.hub.root_push(&step, None, "a").unwrap_err().to_string();
    assert!(without.contains("policy key is kept elsewhere"), "{without}");
    let text = "[roles.patrol]\ncompartments=['*']\npurposes=['warrant']\n";
    let with_old = sign_policy(text, Some(2), fx.hub.now(), &at("policy.key")).unwrap();
    assert!(fx.hub.root_push(&step, Some(&with_old), "a").is_err());
    assert_eq!(fx.hub.trust().unwrap().root_version, 1, "nothing was changed");
    let policy = sign_policy(text, Some(2), fx.hub.now(), &at("policy-2.key")).unwrap();
    let open = fx.hub.root_push(&step, Some(&policy), "a").unwrap_err().to_string();
    assert!(open.contains("1 orders to wipe are open"), "{open}");
    fx.hub.cancel_order(order, "a").unwrap();
    assert_eq!(fx.hub.root_push(&step, Some(&policy), "a").unwrap(), 2);
    assert!(!fx.hub.root_status().unwrap().drafted);

    let answer = asks(&device, 1).await;
    let root = follow(device.root.clone(), &answer.roots);
    all_opens(&device, &root, &answer).await;
    assert_eq!(fx.hub.policy_current().unwrap().0.policy_version, 2);
    assert!(fx.hub.order_wipe_with(device.id, "a", &at("wipe-a.key")).is_err(), "an old key's word counts no more");
    fx.hub.order_wipe_with(device.id, "a", &at("wipe-d.key")).unwrap();
    all_opens(&device, &root, &asks(&device, 2).await).await;
    fx.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_that_devices_would_refuse_are_refused() {
    let mut fx = Fixture::start().await;
    let old = read_signing_key(&fx.hub.dir().join("keys/root.key")).unwrap();
    let make = RootChange { make: BTreeSet::from([RootKey::Grant]), ..RootChange::default() };
    assert!(fx.hub.root_draft(&RootChange::default()).unwrap_err().to_string().contains("nothing would change"));
    let draft = fx.hub.root_draft(&make).unwrap();
    let root: Root = postcard::from_bytes(&draft).unwrap();
    let step = |root: &Root, by: &SigningKey, own: &SigningKey| {
        let payload = postcard::to_allocvec(root).unwrap();
        let step = RootStep {
            by_old: by.sign_bytes(DocKind::Root, &payload),
            by_new: own.sign_bytes(DocKind::Root, &payload),
        };
        postcard::to_allocvec(&step).unwrap()
    };
    let refusal = |step: &[u8]| fx.hub.root_push(step, None, "a").unwrap_err().to_string();
    let thief = SigningKey::from_seed(&[9; 32]).unwrap();
    assert!(refusal(&step(&root, &thief, &old)).contains("root key in force did not sign"));
    assert!(refusal(&step(&root, &old, &thief)).contains("that it names did not sign"));
    assert!(refusal(&step(&Root { root_version: 3, ..root.clone() }, &old, &old)).contains("comes next"));
    assert!(refusal(&step(&Root { root_version: 1, ..root.clone() }, &old, &old)).contains("comes next"));
    assert!(refusal(&step(&Root { audit_key: [1; 32], ..root.clone() }, &old, &old)).contains("audit key"));
    assert!(refusal(&step(&Root { ca_sha256: [1; 32], ..root.clone() }, &old, &old)).contains("authority"));
    assert!(
        refusal(&step(&Root { issued: root.issued.plus_secs(9999), ..root.clone() }, &old, &old)).contains("future")
    );
    let one = vec![root.wipe_keys[0]; 2];
    assert!(refusal(&step(&Root { wipe_keys: one, ..root.clone() }, &old, &old)).contains("wipe keys"));
    let foreign = Root { publish_key: thief.verify_key(), ..root.clone() };
    assert!(refusal(&step(&foreign, &old, &old)).contains("publish key that this hub does not have"));
    // Two signatures of two roots.
    let (a, b) = (
        postcard::to_allocvec(&root).unwrap(),
        postcard::to_allocvec(&Root { issued: root.issued.plus_secs(1), ..root.clone() }).unwrap(),
    );
    let mixed = RootStep { by_old: old.sign_bytes(DocKind::Root, &a), by_new: old.sign_bytes(DocKind::Root, &b) };
    assert!(refusal(&postcard::to_allocvec(&mixed).unwrap()).contains("different roots"));
    assert!(refusal(b"nothing").contains("root"));
    // A later draft voids the earlier: its key is gone.
    let good = step(&root, &old, &old);
    fx.hub.root_draft(&make).unwrap();
    assert!(refusal(&good).contains("does not have"));
    assert_eq!(fx.hub.trust().unwrap().root_version, 1);
    fx.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_died_before_its_keys_were_in_place_is_finished() {
    let mut fx = Fixture::start().await;
    let device = fx.enrol("o").await;
    let keys = fx.hub.dir().join("keys");
    let old = std::fs::read(keys.join("grant.key")).unwrap();
    fx.hub.root_rotate(&BTreeSet::from([RootKey::Grant]), "a").unwrap();
    // As it would lie there: the new root is in force, its key still waits.
    std::fs::create_dir(keys.join("next")).unwrap();
    std::fs::rename(keys.join("grant.key"), keys.join("next/grant.key")).unwrap();
    std::fs::write(keys.join("grant.key"), old).unwrap();
    let again = Hub::open(fx.hub.dir(), fx.clock.clone()).unwrap();
    assert!(!keys.join("next").exists());
    let bundle = again.grant_for(device.id).unwrap();
    let _: Grant = open(DocKind::Grant, &bundle.grant, &[again.trust().unwrap().grant_key]).unwrap();
    fx.stop().await;
}
