//! Orders: signed, named, obeyed once, and two persons for all devices.
#![allow(clippy::unwrap_used)]

mod serve_common;

use beatcheck_hub::{FLEET_WIPE_LIFE_S, OrderFilter, OrderKind, OrderState, WIPE_LIFE_S, read_signing_key};
use beatcheck_wire::envelope::{DocKind, OVERHEAD, SigningKey, open};
use beatcheck_wire::journal::{DeviceReport, JournalBatch, JournalUpload, Receipt, genesis};
use beatcheck_wire::{GrantBundle, OrderId, WipeOrder};
use hyper::StatusCode;
use serve_common::{Device, Fixture, id};

fn batch(fx: &Fixture, device: &Device, receipts: &[OrderId]) -> JournalBatch {
    let at = fx.hub.now();
    JournalBatch {
        version: beatcheck_wire::journal::BATCH_VERSION,
        device: device.id,
        previous: genesis(device.id),
        entries: vec![],
        held: vec![],
        policy_version: 1,
        grant_version: 1,
        at,
        wiped: false,
        receipts: receipts.iter().map(|order| Receipt { order: *order, at }).collect(),
        report: DeviceReport::default(),
    }
}

async fn hand_in(device: &Device, batch: &JournalBatch) -> StatusCode {
    let batch = postcard::to_allocvec(batch).unwrap();
    let signature = device.receipt.sign(&ring::rand::SystemRandom::new(), &batch).unwrap().as_ref().to_vec();
    device.http.post("/v1/journal", postcard::to_allocvec(&JournalUpload { batch, signature }).unwrap()).await.status
}

/// What a device would make of the orders that come with its grant.
fn orders_for(device: &Device, bundle: &GrantBundle) -> Vec<WipeOrder> {
    bundle.wipe_orders.iter().map(|o| open(DocKind::WipeOrder, o, &device.root.wipe_keys).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wipe_is_signed_by_a_wipe_key_and_obeyed_by_a_receipt() {
    let mut fx = Fixture::start().await;
    let (device, other) = (fx.enrol("o").await, fx.enrol("p").await);
    assert!(device.grant().await.1.wipe_orders.is_empty());
    let order = fx.hub.order_wipe_by(device.id, "admin-1").unwrap();
    assert_eq!(fx.hub.order_wipe_by(device.id, "admin-2").unwrap(), order, "it stands already");
    let (grant, bundle) = device.grant().await;
    assert!(grant.wipe);
    let orders = orders_for(&device, &bundle);
    assert_eq!((orders.len(), orders[0].order, orders[0].device), (1, order, Some(device.id)));
    assert_eq!(orders[0].expires, orders[0].issued.plus_secs(WIPE_LIFE_S));
    assert!(open::<WipeOrder>(DocKind::WipeOrder, &bundle.wipe_orders[0], &[device.root.grant_key]).is_err());
    let (grant, bundle) = other.grant().await;
    assert!(!grant.wipe && bundle.wipe_orders.is_empty());

    // Another device's word counts for nothing; the device's own counts once.
    assert_eq!(hand_in(&other, &batch(&fx, &other, &[order, id(9)])).await, StatusCode::OK);
    assert_eq!(fx.hub.orders(&OrderFilter::default()).unwrap()[0].state, OrderState::Open);
    fx.ingest("stolen", &["AB12CDE"]);
    let moot = fx.hub.order_purge(device.id, "stolen", "a").unwrap();
    fx.wait(1);
    let mut last = batch(&fx, &device, &[order]);
    last.wiped = true;
    assert_eq!(hand_in(&device, &last).await, StatusCode::OK);
    let all = fx.hub.orders(&OrderFilter::default()).unwrap();
    let find = |id: OrderId| all.iter().find(|o| o.id == id).unwrap().clone();
    assert_eq!(find(moot).state, OrderState::Cancelled, "nothing is left to purge");
    let obeyed = find(order);
    assert_eq!((obeyed.state, obeyed.receipts, obeyed.ordered_by.as_str()), (OrderState::Obeyed, 1, "admin-1"));
    fx.wait(60);
    assert_eq!(hand_in(&device, &last).await, StatusCode::OK);
    assert_eq!(fx.hub.orders(&OrderFilter::default()).unwrap(), all, "once");
    assert!(fx.hub.order_wipe(device.id).unwrap_err().to_string().contains("already"));
    assert!(fx.hub.cancel_order(order, "admin-1").is_err());
    assert!(fx.hub.orders(&OrderFilter { open: true, ..OrderFilter::default() }).unwrap().is_empty());
    fx.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_order_expires_and_a_cancelled_one_is_lifted() {
    let mut fx = Fixture::start().await;
    let device = fx.enrol("o").await;
    let first = fx.hub.order_wipe_by(device.id, "a").unwrap();
    fx.wait(WIPE_LIFE_S + 1);
    assert_eq!(fx.hub.orders(&OrderFilter::default()).unwrap()[0].state, OrderState::Expired);
    assert!(fx.hub.grant_for(device.id).unwrap().wipe_orders.is_empty(), "nothing is erased by it any more");
    let second = fx.hub.order_wipe_by(device.id, "a").unwrap();
    assert_ne!(first, second);
    assert_eq!(fx.hub.grant_for(device.id).unwrap().wipe_orders.len(), 1);
    fx.hub.cancel_order(second, "b").unwrap();
    fx.hub.cancel_order(first, "b").unwrap();
    let bundle = fx.hub.grant_for(device.id).unwrap();
    let grant: beatcheck_wire::Grant = open(DocKind::Grant, &bundle.grant, &[device.root.grant_key]).unwrap();
    assert!(!grant.wipe && bundle.wipe_orders.is_empty());
    assert_eq!(fx.hub.orders(&OrderFilter::default()).unwrap()[0].cancelled_by.as_deref(), Some("b"));
    assert!(fx.hub.cancel_order(id(3), "b").is_err());
    assert!(fx.hub.order_wipe_by(device.id, " ").is_err(), "somebody does it");
    fx.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_devices_take_two_persons_and_two_keys() {
    let mut fx = Fixture::start().await;
    let (device, second) = (fx.enrol("o").await, fx.enrol("p").await);
    let order = fx.hub.propose_fleet_wipe("Alice").unwrap();
    assert!(!device.grant().await.0.wipe, "a proposal does nothing");
    assert!(device.grant().await.1.wipe_orders.is_empty());
    for same in ["Alice", " alice "] {
        assert!(fx.hub.approve_fleet_wipe(order, same).unwrap_err().to_string().contains("two persons"));
    }
    let key = read_signing_key(&fx.hub.dir().join("keys/wipe-a.key")).unwrap();
    assert!(fx.hub.approve_fleet_wipe_with(order, "Bob", &key).unwrap_err().to_string().contains("two wipe keys"));
    let stranger = SigningKey::from_seed(&[7; 32]).unwrap();
    assert!(fx.hub.approve_fleet_wipe_with(order, "Bob", &stranger).is_err());
    assert!(fx.hub.propose_fleet_wipe_with("Bob", &stranger).is_err());
    let state = |fx: &Fixture| fx.hub.orders(&OrderFilter::default()).unwrap().remove(0);
    assert_eq!((state(&fx).kind, state(&fx).state), (OrderKind::FleetWipe, OrderState::Proposed));

    fx.wait(60);
    let late = fx.enrol("late").await;
    fx.hub.approve_fleet_wipe(order, "Bob").unwrap();
    assert!(fx.hub.approve_fleet_wipe(order, "Carol").is_err(), "once");
    let (grant, bundle) = device.grant().await;
    let orders = orders_for(&device, &bundle);
    assert!(grant.wipe);
    assert_eq!((orders.len(), &orders[0], orders[0].device), (2, &orders[1], None));
    assert_eq!(bundle.wipe_orders[0][OVERHEAD..], bundle.wipe_orders[1][OVERHEAD..]);
    assert_ne!(bundle.wipe_orders[0][4..12], bundle.wipe_orders[1][4..12], "by two keys");
    let (grant, bundle) = late.grant().await;
    assert!(!grant.wipe && bundle.wipe_orders.is_empty(), "who came later is not meant");

    assert_eq!(hand_in(&device, &batch(&fx, &device, &[order])).await, StatusCode::OK);
    assert_eq!(hand_in(&late, &batch(&fx, &late, &[order])).await, StatusCode::OK);
    assert_eq!((state(&fx).meant, state(&fx).receipts, state(&fx).state), (2, 1, OrderState::Open));
    assert_eq!(hand_in(&second, &batch(&fx, &second, &[order])).await, StatusCode::OK);
    assert_eq!(state(&fx).state, OrderState::Obeyed);
    fx.stop().await;

    let old = fx.hub.propose_fleet_wipe("Alice").unwrap();
    fx.wait(FLEET_WIPE_LIFE_S + 1);
    assert!(fx.hub.approve_fleet_wipe(old, "Bob").is_err(), "it does not lie in wait");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_stands_in_the_grant_until_its_receipt() {
    let mut fx = Fixture::start().await;
    fx.ingest("stolen", &["AB12CDE"]);
    fx.ingest("watched", &["BD51SMR"]);
    fx.publish();
    let device = fx.enrol("o").await;
    let (before, _) = device.grant().await;
    assert!(fx.hub.order_purge(device.id, "nowhere", "a").is_err());
    assert!(fx.hub.order_purge(id(1), "stolen", "a").is_err());
    let order = fx.hub.order_purge(device.id, "stolen", "a").unwrap();
    assert_eq!(fx.hub.order_purge(device.id, "stolen", "b").unwrap(), order);
    let (grant, bundle) = device.grant().await;
    assert!(grant.grant_version > before.grant_version && bundle.wipe_orders.is_empty());
    assert_eq!((grant.compartments.len(), grant.purges.len(), grant.purges[0].order), (2, 1, order));
    assert_eq!(grant.purges[0].compartment, grant.compartments.iter().find(|c| c.name == "stolen").unwrap().id);

    let mut told = batch(&fx, &device, &[order]);
    told.report = DeviceReport {
        app_version: "1.2.3\n".into(),
        pending: 7,
        root_version: 1,
        counter: Some(u64::MAX),
        unlocked: true,
        problems: vec!["clock_behind".into(), "<b>Not a code</b>".into()],
    };
    assert_eq!(hand_in(&device, &told).await, StatusCode::OK);
    let (after, _) = device.grant().await;
    assert!(after.purges.is_empty() && after.grant_version > grant.grant_version);
    let all = fx.hub.orders(&OrderFilter { device: Some(device.id), ..OrderFilter::default() }).unwrap();
    assert_eq!((all.len(), all[0].state, all[0].compartment.as_deref()), (1, OrderState::Obeyed, Some("stolen")));
    assert_ne!(fx.hub.order_purge(device.id, "stolen", "a").unwrap(), order, "another time, another order");

    // Withdrawn and given back: the keys have moved on, and the grant says so.
    fx.hub.withdraw_compartment(device.id, "stolen").unwrap();
    assert_eq!(device.grant().await.0.compartments.len(), 1);
    fx.hub.restore_compartment(device.id, "stolen").unwrap();
    let (given, _) = device.grant().await;
    assert_eq!(given.compartments.iter().map(|c| c.epochs.len()).sum::<usize>(), 3);
    assert!(fx.hub.restore_compartment(device.id, "stolen").is_err());

    let mut many = batch(&fx, &device, &[]);
    many.receipts = vec![Receipt { order, at: fx.hub.now() }; 129];
    assert_eq!(hand_in(&device, &many).await, StatusCode::PAYLOAD_TOO_LARGE);
    fx.stop().await;
}
