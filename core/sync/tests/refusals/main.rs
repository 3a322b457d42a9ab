//! Each check of a document, refused with its code; and what ends a sync, and when.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

#[macro_use]
mod case;
mod trust;

use beatcheck_sync::{Do, Event, FetchFault, Held, HeldCompartment, Limits, MAX_RESTARTS, MAX_TRIES, Machine};
use beatcheck_wire::envelope::DocKind;
use beatcheck_wire::{CompartmentKey, Delta, Grant, GrantBundle, Hash32};
use case::{Case, DEVICE, ID, NOW, key_of, trust};

#[test]
fn unspoilt_it_goes_through_in_order() {
    let (outcome, done) = Case::default().run();
    assert_eq!((outcome.fault, outcome.failed, outcome.applied), (None, vec![], vec![ID]));
    assert_eq!(outcome.ask_again_s, 77);
    let asked = ["journal", "head", "contact", "grant", "adopt", "set", "manifest", "catalogue"];
    let done_then = ["planned", "apply", "commit", "journal"];
    assert_eq!(done, [asked.as_slice(), &done_then].concat());
}

#[test]
fn heads() {
    assert_eq!(case!(|c| c.signers[0] = 2).fault(), ("bad_signature", "head"));
    assert_eq!(case!(|c| c.head.head_version = 4).fault(), ("replayed", "head"));
    assert_eq!(case!(|c| c.head.expires = NOW).fault(), ("head_expired", "head"));
    // The same head again is a poll without change, not a replay.
    assert_eq!(case!(|c| c.head.head_version = 5).run().0.fault, None);
}

#[test]
fn grants_and_policies() {
    let known = Case::default().grant;
    assert_eq!(case!(|c| c.signers[1] = 1).fault(), ("bad_signature", "grant"));
    assert_eq!(case!(|c| c.signers[2] = 1).fault(), ("bad_signature", "grant"));
    assert_eq!(case!(|c| c.grant.device = ID).fault(), ("wrong_device", "grant"));
    let older = Grant { grant_version: 5, ..known };
    assert_eq!(case!(|c| c.held.grant = Some(older)).fault(), ("replayed", "grant"));
    assert_eq!(case!(|c| c.held.policy_version = 3).fault(), ("replayed", "grant"));
    assert_eq!(case!(|c| c.grant.policy_version = 3).fault(), ("replayed", "grant"));
    assert_eq!(case!(|c| c.policy.policy_version = 3).fault(), ("replayed", "grant"));
    assert_eq!(case!(|c| c.keys.clear()).fault(), ("key_missing", "grant"));
    assert_eq!(case!(|c| c.keys[0].key = [6; 32]).fault(), ("key_missing", "grant"));
    assert_eq!(case!(|c| c.keys[0].epoch = 2).fault(), ("key_missing", "grant"));
    assert_eq!(case!(|c| c.keys[0].compartment = DEVICE).fault(), ("key_missing", "grant"));
    let many = vec![Case::default().grant.compartments[0].clone(); 65];
    assert_eq!(case!(|c| c.grant.compartments = many).fault(), ("malformed", "grant"));
    assert_eq!(case!(|c| c.policy.format = 2).fault(), ("unknown_version", "grant"));
}

#[test]
fn keys_that_the_grant_does_not_name_are_not_kept() {
    let case = Case::default();
    let right = case.keys[0].clone();
    let key = |compartment, epoch, byte| CompartmentKey { compartment, epoch, key: [byte; 32] };
    let bundle = GrantBundle {
        grant: key_of(2).sign(DocKind::Grant, &case.grant).unwrap(),
        // A wrong one under the right name first: it must not be the one that is found.
        keys: vec![key(ID, 1, 6), key(DEVICE, 1, 5), right.clone(), key(ID, 2, 5)],
        policy: key_of(3).sign_bytes(DocKind::Policy, &case.policy.to_canonical().unwrap()),
        wipe_orders: Vec::new(),
    };
    let mut machine = Machine::new(case.held, trust(), Limits::default());
    match machine.on(Event::Grant(bundle), NOW).as_slice() {
        [Do::AdoptGrant { bundle, .. }] => assert_eq!(bundle.keys, [right]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn sets() {
    assert_eq!(case!(|c| c.head.set_hash = Hash32::of(b"another")).fault(), ("not_named_by_head", "set"));
}

#[test]
fn what_is_gone_is_looked_for_from_the_head_again_but_not_for_ever() {
    const { assert!(MAX_RESTARTS > 0, "a hub that moves on is no fault") };
    let (outcome, done) = case!(|c| c.gone = MAX_RESTARTS).run();
    assert_eq!((outcome.fault, outcome.applied), (None, vec![ID]));
    let count = |word| done.iter().filter(|d| **d == word).count() as u32;
    assert_eq!((count("head"), count("gone"), count("set")), (MAX_RESTARTS + 1, MAX_RESTARTS, 1));
    assert_eq!(case!(|c| c.gone = MAX_RESTARTS + 1).fault(), ("hub_refused", "gone"));
}

#[test]
fn manifests() {
    assert_eq!(case!(|c| c.as_named = true).failure(), "not_named_by_head");
    assert_eq!(case!(|c| c.manifest.compartment = DEVICE).failure(), "not_named_by_head");
    assert_eq!(case!(|c| c.manifest.schema = 2).failure(), "unknown_version");
    let other = Delta { from: 0, to: 1, segments: Vec::new() };
    assert_eq!(case!(|c| c.manifest.recent.push(other)).failure(), "malformed");
    let newer = HeldCompartment { manifest_version: 4, ..HeldCompartment::default() };
    let held = [(ID, newer)].into();
    assert_eq!(case!(|c| c.held.compartments = held).failure(), "replayed");
    let (outcome, done) = case!(|c| c.grant.compartments.clear()).run();
    assert!(outcome.applied.is_empty() && !done.contains(&"manifest"), "what is not granted is not asked for");
}

#[test]
fn catalogues() {
    assert_eq!(case!(|c| c.manifest.catalogue.hash = Hash32::default()).failure(), "malformed");
    // No way from its snapshot to the manifest's watermark.
    assert_eq!(case!(|c| c.manifest.watermark = 1).failure(), "malformed");
}

/// Feeds the same fault to every fetch of the head: how the sync ends, after how many tries and which waits.
fn always(fault: &FetchFault) -> (&'static str, u32, Vec<u64>) {
    let mut machine = Machine::new(Held { device: DEVICE, ..Held::default() }, trust(), Limits::default());
    let (mut todo, mut tries, mut waits) = (machine.start(), 0, Vec::new());
    loop {
        let event = match todo.remove(0) {
            Do::SendJournal => Event::JournalDone,
            Do::Fetch(want) => {
                tries += 1;
                Event::Failed(want, fault.clone())
            }
            Do::Wait { ms } => {
                waits.push(ms);
                Event::Woke
            }
            Do::Done(outcome) => return (outcome.fault.unwrap().code(), tries, waits),
            other => panic!("{other:?}"),
        };
        todo.extend(machine.on(event, NOW));
    }
}

#[test]
fn a_hub_out_of_reach_is_tried_a_few_times_with_growing_waits() {
    let (code, tries, waits) = always(&FetchFault::Transient("no route".into()));
    assert_eq!((code, tries, waits), ("hub_unreachable", MAX_TRIES, vec![500, 1000, 2000, 4000]));
}

#[test]
fn a_busy_hub_is_obeyed_and_a_refusal_is_not_argued_with() {
    assert_eq!(always(&FetchFault::Busy(3)), ("hub_busy", MAX_TRIES, vec![3000; 4]));
    assert_eq!(always(&FetchFault::Busy(61)), ("hub_busy", 1, vec![]));
    let revoked = FetchFault::Refused { code: "revoked".into(), text: "revoked".into() };
    assert_eq!(always(&revoked), ("hub_refused", 1, vec![]));
    assert_eq!(always(&FetchFault::NotFound), ("hub_refused", 1, vec![]));
}

#[test]
fn of_one_head_version_there_is_one_head() {
    let at = |head_hash| {
        let mut case = Case::default();
        case.held.head_version = case.head.head_version;
        case.held.head_hash = head_hash;
        case
    };
    assert_eq!(at(Some(Hash32([7; 32]))).fault(), ("replayed", "head"), "same version, other bytes");
    let (outcome, _) = at(None).run();
    assert_eq!(outcome.fault, None, "nothing is known of the bytes: only the version counts");
}
