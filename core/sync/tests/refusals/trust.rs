//! Roots that follow or do not, orders to wipe that count or do not, and purges that are obeyed once.

use crate::case::{Case, DEVICE, ID, NOW, key_of};
use beatcheck_sync::HeldCompartment;
use beatcheck_wire::envelope::DocKind;
use beatcheck_wire::{CompartmentId, Grant, Hash32, PurgeOrder, Root, RootStep, WipeOrder};

fn order(device: Option<CompartmentId>) -> WipeOrder {
    WipeOrder { order: CompartmentId([8; 16]), device, issued: NOW.plus_secs(-60), expires: NOW.plus_secs(60) }
}

/// What a device does that is asked to erase itself with these orders, each with the key that signs it.
fn ordered(orders: &[(u8, WipeOrder)]) -> &'static str {
    let orders = orders.iter().map(|(key, o)| key_of(*key).sign(DocKind::WipeOrder, o).unwrap()).collect();
    let case = case!(|c| {
        c.grant.wipe = true;
        c.held.enrolled = NOW.plus_secs(-3600);
        c.wipe_orders = orders;
    });
    let (outcome, done) = case.run();
    assert_eq!(done[..4], ["journal", "head", "contact", "grant"], "before anything else");
    assert_eq!(done.len(), 5, "and after it nothing: {done:?}");
    if let Some(fault) = outcome.fault {
        assert_eq!((fault.code(), done[4]), ("wipe_unsigned", "hold"));
    }
    done[4]
}

#[test]
fn an_order_to_wipe_is_obeyed_before_anything_else_and_only_if_it_is_sound() {
    assert_eq!(ordered(&[(4, order(Some(DEVICE)))]), "wipe");
    assert_eq!(ordered(&[(5, order(Some(DEVICE)))]), "wipe", "either key will do for one device");
    assert_eq!(ordered(&[]), "hold", "the grant key alone erases nothing");
    assert_eq!(ordered(&[(2, order(Some(DEVICE)))]), "hold", "nor does it sign orders");
    assert_eq!(ordered(&[(4, order(Some(ID)))]), "hold", "another device's");
    let over = WipeOrder { expires: NOW, ..order(Some(DEVICE)) };
    assert_eq!(ordered(&[(4, over)]), "hold", "its time is over");

    assert_eq!(ordered(&[(4, order(None)), (5, order(None))]), "wipe", "two persons");
    assert_eq!(ordered(&[(4, order(None))]), "hold", "one person");
    assert_eq!(ordered(&[(4, order(None)), (4, order(None))]), "hold", "one person twice");
    assert_eq!(ordered(&[(4, order(None)), (2, order(None))]), "hold", "a key that is no wipe key");
    let other = WipeOrder { order: CompartmentId([9; 16]), ..order(None) };
    assert_eq!(ordered(&[(4, order(None)), (5, other)]), "hold", "two orders of one person each");
    let before = WipeOrder { issued: NOW.plus_secs(-7200), ..order(None) };
    assert_eq!(ordered(&[(4, before.clone()), (5, before)]), "hold", "older than the enrolment");
}

#[test]
fn a_wipe_without_an_order_is_asked_about_again() {
    let waiting = Grant { wipe: true, grant_version: 9, ..Case::default().grant };
    // The hub's hint is the version that is held: without the question open, the grant would not be asked for.
    let (_, done) = case!(|c| {
        c.held.grant = Some(waiting);
        c.grant.grant_version = 9;
    })
    .run();
    assert!(done.contains(&"grant") && done.contains(&"apply"), "{done:?}");
}

/// Root `version` with root key `key`, signed by the key before it and by its own.
fn step(version: u64, old: u8, key: u8, publish: u8) -> RootStep {
    let root = Root {
        root_version: version,
        root_key: key_of(key).verify_key(),
        publish_key: key_of(publish).verify_key(),
        grant_key: key_of(2).verify_key(),
        policy_key: key_of(3).verify_key(),
        audit_key: [0; 32],
        ca_sha256: [0; 32],
        issued: NOW,
        wipe_keys: Vec::new(),
    };
    let sign = |key: u8| key_of(key).sign(DocKind::Root, &root).unwrap();
    RootStep { by_old: sign(old), by_new: sign(key) }
}

#[test]
fn roots_are_followed_step_by_step_before_the_head() {
    // The head is signed by a key that only the second step brings.
    let steps = vec![step(2, 10, 11, 1), step(3, 11, 12, 6)];
    let (outcome, done) = case!(|c| {
        c.roots = steps.clone();
        c.signers[0] = 6;
    })
    .run();
    assert_eq!((outcome.fault, outcome.applied), (None, vec![ID]));
    assert_eq!(done[..5], ["journal", "head", "root", "root", "contact"]);
    // What was trusted before is trusted no more.
    let (outcome, done) = case!(|c| c.roots = steps.clone()).run();
    assert_eq!(outcome.fault.unwrap().code(), "bad_signature");
    assert_eq!(done, ["journal", "head", "root", "root"], "the roots stand by themselves");
    // Steps that were taken before do no harm.
    let again = [step(1, 10, 10, 1), step(2, 10, 11, 6)];
    assert_eq!(
        case!(|c| {
            c.roots = again.to_vec();
            c.signers[0] = 6;
        })
        .run()
        .0
        .fault,
        None
    );
}

#[test]
fn roots_that_do_not_follow_are_refused() {
    let with = |roots: Vec<RootStep>| case!(|c| c.roots = roots).fault();
    assert_eq!(with(vec![step(3, 10, 11, 1)]), ("root_gap", "head"));
    assert_eq!(with(vec![step(2, 9, 11, 1)]), ("bad_signature", "head"), "not by the old key");
    assert_eq!(with(vec![step(2, 10, 11, 1), step(3, 10, 12, 1)]), ("bad_signature", "root"), "by one before the old");
    let (mine, theirs) = (step(2, 10, 11, 1), step(2, 10, 11, 6));
    let mixed = RootStep { by_old: mine.by_old.clone(), by_new: theirs.by_new };
    assert_eq!(with(vec![mixed]), ("malformed", "head"), "two contents");
    let unheld = RootStep { by_new: mine.by_old.clone(), by_old: mine.by_old.clone() };
    assert_eq!(with(vec![unheld]), ("bad_signature", "head"), "the new key is not held by who claims it");
    let cut = RootStep { by_old: mine.by_old, by_new: vec![0; 20] };
    assert_eq!(with(vec![cut]), ("malformed", "head"));
    assert_eq!(with(vec![step(2, 10, 11, 1); 17]), ("malformed", "head"), "more than one sync follows");
}

#[test]
fn what_is_purged_is_fetched_again_once() {
    let manifest_hash = |case: &Case| Hash32::of(&key_of(1).sign(DocKind::Manifest, &case.manifest).unwrap());
    let purge = PurgeOrder { order: CompartmentId([3; 16]), compartment: ID };
    let with = |done_before: bool| {
        let mut case = Case::default();
        let held = HeldCompartment { manifest_hash: manifest_hash(&case), ..HeldCompartment::default() };
        case.held.compartments = [(ID, held)].into();
        case.grant.purges = vec![purge.clone()];
        if done_before {
            case.held.purged.insert(purge.order);
        }
        case.run().1.contains(&"apply")
    };
    assert_eq!((with(false), with(true)), (true, false));
    let many = vec![purge.clone(); beatcheck_wire::MAX_PURGES + 1];
    assert_eq!(case!(|c| c.grant.purges = many).fault(), ("malformed", "grant"));
}
